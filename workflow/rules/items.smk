# metrics -> results/<scale>/figures/ and tables/, and the named targets: one drawing rule and one target an item.

for ITEM in [item for item in BUILT if ITEMS[item].kind != "table"]:

    rule:
        name:
            f"draw_{ITEM}"
        input:
            metrics=item_metrics(ITEM),
            pictures=item_pictures(ITEM),
        output:
            svg=report(
                item_file(ITEM),
                caption=f"../report/{ITEM}.rst",
                category=section_of(ITEM),
                labels=item_label(ITEM),
            ),
            png=f"{RESULTS}/figures/{ITEM}.png",
            csv=f"{RESULTS}/figures/{ITEM}.csv",
            card=run_card(item_file(ITEM)),
        log:
            f"{RESULTS}/logs/figure/{ITEM}.log",
        benchmark:
            f"{RESULTS}/benchmarks/figure/{ITEM}.tsv"
        # Seconds each: a cluster gets several in one submission.
        group:
            "draw"
        conda:
            "../../envs/drl.yaml"
        threads: 1
        resources:
            mem_mb=memory("draw"),
            runtime=minutes("draw"),
        params:
            item=ITEM,
            about=item_about(ITEM),
            settings=item_settings("figure", ITEM),
            code=item_code("figure", ITEM),
        message:
            f"Drawing {ITEM}"
        shell:
            "python -m drl figure {params.item} {input.metrics}"
            " --out {output.svg}"
            " --settings {params.settings:q}"
            " --code {params.code}"
            " > {log} 2>&1"


for ITEM in [item for item in BUILT if ITEMS[item].kind == "table"]:

    rule:
        name:
            f"draw_{ITEM}"
        input:
            metrics=item_metrics(ITEM),
        output:
            csv=report(
                item_file(ITEM),
                caption=f"../report/{ITEM}.rst",
                category=section_of(ITEM),
                labels=item_label(ITEM),
            ),
            markdown=f"{RESULTS}/tables/{ITEM}.md",
            latex=f"{RESULTS}/tables/{ITEM}.tex",
            card=run_card(item_file(ITEM)),
        log:
            f"{RESULTS}/logs/table/{ITEM}.log",
        benchmark:
            f"{RESULTS}/benchmarks/table/{ITEM}.tsv"
        # Seconds each: a cluster gets several in one submission.
        group:
            "draw"
        conda:
            "../../envs/drl.yaml"
        threads: 1
        resources:
            mem_mb=memory("draw"),
            runtime=minutes("draw"),
        params:
            item=ITEM,
            about=item_about(ITEM),
            settings=item_settings("table", ITEM),
            code=item_code("table", ITEM),
        message:
            f"Making {ITEM}"
        shell:
            "python -m drl table {params.item} {input.metrics}"
            " --out {output.csv}"
            " --settings {params.settings:q}"
            " --code {params.code}"
            " > {log} 2>&1"


for ITEM in BUILT:

    rule:
        name:
            ITEM
        input:
            item_file(ITEM),
        localrule: True


rule all_figures:
    input:
        all_items("figure"),
    localrule: True


rule all_tables:
    input:
        all_items("table"),
    localrule: True
