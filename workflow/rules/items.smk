# Figures and tables in results/<scale>/figures/ and tables/, from metrics: one drawing rule and one named target per item.

for ITEM in items_of_kind(CONFIG):

    STEP = item_step(CONFIG, ITEM)

    rule:
        name:
            f"draw_{ITEM}"
        input:
            metrics=asked(RULES.inputs(STEP, "metrics", item=ITEM)),
            pictures=asked(RULES.inputs(STEP, "pictures", item=ITEM)),
        output:
            shown=report(
                RULES.item_file(ITEM),
                caption="../report/item.rst",
                category=RULES.item_category(ITEM),
                labels=RULES.item_label(ITEM),
            ),
            beside=[path.format(item=ITEM) for path in RULES.outputs(STEP)[1:-1]],
            card=report(
                f"{RULES.item_file(ITEM)}.json",
                category="Run cards",
                labels={"item": ITEM.replace("_", " ").capitalize()},
            ),
        log:
            RULES.results(f"logs/draw/{ITEM}.log"),
        benchmark:
            RULES.results(f"benchmarks/draw/{ITEM}.tsv")
        # These jobs take seconds, so a cluster gets several in one submission.
        group:
            "draw"
        conda:
            "../../envs/drl.yaml"
        threads: 1
        resources:
            **needs_of(STEP),
        params:
            **params_of(STEP, item=ITEM),
            text=texts_of(ITEM),
        message:
            f"Drawing {ITEM}"
        shell:
            "python -m drl {params.job} {input.metrics}"
            " --settings {params.settings:q}"
            " --code {params.code}"
            " > {log} 2>&1"

    rule:
        name:
            ITEM
        input:
            RULES.item_file(ITEM),
        localrule: True


rule all_figures:
    input:
        item_files("figure"),
    localrule: True


rule all_tables:
    input:
        item_files("table"),
    localrule: True
