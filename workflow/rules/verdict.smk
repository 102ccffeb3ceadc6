# The verdict: results/<scale>/comparison.csv and claims.csv, from items and metrics.

VERDICT = {
    "compare": "Comparison: every printed number beside ours",
    "claims": "Claims: each with the numbers that decide it",
}

for STEP in (COMPARE, CLAIMS):

    rule:
        name:
            STEP.name
        input:
            asked(RULES.inputs(STEP)),
        output:
            shown=report(
                RULES.outputs(STEP)[0],
                caption="../report/item.rst",
                category="Verdict",
                labels={"item": VERDICT[STEP.name]},
            ),
            beside=RULES.outputs(STEP)[1:],
        log:
            RULES.results(f"logs/{STEP.name}.log"),
        benchmark:
            RULES.results(f"benchmarks/{STEP.name}.tsv")
        group:
            "draw"
        conda:
            "../../envs/drl.yaml"
        threads: 1
        resources:
            **needs_of(STEP),
        params:
            **params_of(STEP),
            text={
                "caption": LateText(
                    "drl.reporting.captions", "fixed_caption", STEP.name
                )
            },
        message:
            "drl {params.job}"
        shell:
            "python -m drl {params.job} {input}"
            " --settings {params.settings:q}"
            " --code {params.code}"
            " > {log} 2>&1"
