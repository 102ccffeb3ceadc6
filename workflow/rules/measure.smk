# models -> results/<scale>/metrics/<study>/: one rule a study, all of the same shape.

for STUDY, (COMMAND, FILE) in STUDIES.items():

    rule:
        name:
            STUDY
        input:
            model=f"{RESULTS}/models/{{dataset}}/{{recipe}}/seed{{seed}}/{FILE}",
            images=f"{RESULTS}/data/{{dataset}}/images.safetensors",
            files=f"{RESULTS}/data/{{dataset}}/files.csv",
        output:
            metrics=f"{RESULTS}/metrics/{STUDY}/{{dataset}}/{{recipe}}/seed{{seed}}.csv",
            card=f"{RESULTS}/metrics/{STUDY}/{{dataset}}/{{recipe}}/seed{{seed}}.csv.json",
        log:
            f"{RESULTS}/logs/{STUDY}/{{dataset}}/{{recipe}}/seed{{seed}}.log",
        benchmark:
            f"{RESULTS}/benchmarks/{STUDY}/{{dataset}}/{{recipe}}/seed{{seed}}.tsv"
        conda:
            "../../envs/drl.yaml"
        threads: 4 if CONFIG.scale == "paper" else 1
        resources:
            gpu=1,
            mem_mb=memory("compute"),
            runtime=minutes("measure"),
        params:
            command=COMMAND,
            scale=CONFIG.scale,
            settings=study_settings(STUDY),
            code=study_code(STUDY),
        message:
            "Measuring {params.command} of {wildcards.recipe} on {wildcards.dataset}, seed {wildcards.seed}"
        shell:
            "python -m drl {params.command}"
            " --dataset {wildcards.dataset}"
            " --recipe {wildcards.recipe}"
            " --seed {wildcards.seed}"
            " --scale {params.scale}"
            " --model {input.model}"
            " --images {input.images}"
            " --out {output.metrics}"
            " --settings {params.settings:q}"
            " --code {params.code}"
            " --threads {threads}"
            " > {log} 2>&1"
