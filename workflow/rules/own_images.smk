# The study of one dataset, usually a folder of the user's images: results/<scale>/study/<dataset>/, and the target `study`.

for STEP in STUDY_PARTS:

    rule:
        name:
            f"draw_{STEP.name}"
        input:
            metrics=asked(RULES.inputs(STEP, "metrics")),
            pictures=asked(RULES.inputs(STEP, "pictures")),
        output:
            shown=report(
                RULES.outputs(STEP)[0],
                caption="../report/item.rst",
                category=RULES.study_category,
                labels={
                    "part": STEP.name.removeprefix("study_")
                    .replace("_", " ")
                    .capitalize()
                },
            ),
            beside=RULES.outputs(STEP)[1:],
        log:
            RULES.results(f"logs/{STEP.log_name}.log"),
        benchmark:
            RULES.results(f"benchmarks/{STEP.log_name}.tsv")
        group:
            "draw"
        conda:
            "../../envs/drl.yaml"
        threads: 1
        resources:
            **needs_of(STEP),
        params:
            **params_of(STEP),
            text=texts_of_study(STEP.name.removeprefix("study_")),
        message:
            "drl {params.job}"
        shell:
            "python -m drl {params.job} {input.metrics}"
            " --settings {params.settings:q}"
            " --code {params.code}"
            " > {log} 2>&1"


rule study:
    input:
        lambda wildcards: checked(RULES.study_parts),
    localrule: True
