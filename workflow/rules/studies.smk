# Images, models and metrics: one rule per step of drl/pipeline/registry.py, all with the same structure.

for STEP in (PREPARE, *STUDIES.values()):

    rule:
        name:
            RULES.name(STEP)
        input:
            asked(RULES.inputs(STEP)),
        output:
            RULES.outputs(STEP),
        log:
            RULES.results(f"logs/{STEP.log_name}.log"),
        benchmark:
            RULES.results(f"benchmarks/{STEP.log_name}.tsv")
        conda:
            "../../envs/drl.yaml"
        threads: rules.threads(STEP, CONFIG.scale)
        resources:
            **needs_of(STEP),
        params:
            **params_of(STEP),
        message:
            "drl {params.job}"
        shell:
            "python -m drl {params.job}"
            " --settings {params.settings:q}"
            " --code {params.code}"
            " --threads {threads}"
            " > {log} 2>&1"
