# models -> results/<scale>/metrics/<study>/: numbers, and samples or pictures of them.

for STUDY, (COMMAND, FILES) in SAMPLING.items():

    rule:
        name:
            STUDY
        input:
            model=f"{RESULTS}/models/{{dataset}}/{{recipe}}/seed{{seed}}/model.safetensors",
            images=f"{RESULTS}/data/{{dataset}}/images.safetensors",
            files=f"{RESULTS}/data/{{dataset}}/files.csv",
        output:
            metrics=f"{RESULTS}/metrics/{STUDY}/{{dataset}}/{{recipe}}/seed{{seed}}.csv",
            card=f"{RESULTS}/metrics/{STUDY}/{{dataset}}/{{recipe}}/seed{{seed}}.csv.json",
            files=[
                f"{RESULTS}/metrics/{STUDY}/{{dataset}}/{{recipe}}/seed{{seed}}{suffix}"
                for suffix in FILES
            ],
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
            runtime=minutes("resumable"),
        params:
            command=COMMAND,
            scale=CONFIG.scale,
            settings=study_settings(STUDY),
            code=study_code(STUDY),
        message:
            "Sampling for {params.command} from {wildcards.recipe} on {wildcards.dataset}, seed {wildcards.seed}"
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


rule silhouettes:
    input:
        images=f"{RESULTS}/data/{{dataset}}/images.safetensors",
        models=silhouette_models,
    output:
        metrics=f"{RESULTS}/metrics/silhouettes/{{dataset}}.csv",
        card=f"{RESULTS}/metrics/silhouettes/{{dataset}}.csv.json",
    log:
        f"{RESULTS}/logs/silhouettes/{{dataset}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/silhouettes/{{dataset}}.tsv"
    conda:
        "../../envs/drl.yaml"
    threads: 4 if CONFIG.scale == "paper" else 1
    resources:
        gpu=1,
        mem_mb=memory("compute"),
        runtime=minutes("measure"),
    params:
        scale=CONFIG.scale,
        settings=lambda wildcards: job("silhouettes", wildcards.dataset)[0],
        code=lambda wildcards: job("silhouettes", wildcards.dataset)[1],
    message:
        "Measuring silhouettes on {wildcards.dataset}"
    shell:
        "python -m drl silhouettes {input.models}"
        " --dataset {wildcards.dataset}"
        " --scale {params.scale}"
        " --images {input.images}"
        " --out {output.metrics}"
        " --settings {params.settings:q}"
        " --code {params.code}"
        " --threads {threads}"
        " > {log} 2>&1"


rule fid:
    input:
        samples=f"{RESULTS}/metrics/later_start/{{dataset}}/{{recipe}}/seed{{seed}}.safetensors",
        numbers=f"{RESULTS}/metrics/later_start/{{dataset}}/{{recipe}}/seed{{seed}}.csv",
        card=f"{RESULTS}/metrics/later_start/{{dataset}}/{{recipe}}/seed{{seed}}.csv.json",
        images=f"{RESULTS}/data/{{dataset}}/images.safetensors",
        extractor=fid_extractor,
    output:
        metrics=f"{RESULTS}/metrics/fid/{{dataset}}/{{recipe}}/seed{{seed}}.csv",
        card=f"{RESULTS}/metrics/fid/{{dataset}}/{{recipe}}/seed{{seed}}.csv.json",
    log:
        f"{RESULTS}/logs/fid/{{dataset}}/{{recipe}}/seed{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/fid/{{dataset}}/{{recipe}}/seed{{seed}}.tsv"
    conda:
        "../../envs/drl.yaml"
    threads: 4 if CONFIG.scale == "paper" else 1
    resources:
        gpu=1,
        mem_mb=memory("compute"),
        runtime=minutes("measure"),
    params:
        scale=CONFIG.scale,
        settings=study_settings("fid"),
        code=study_code("fid"),
    message:
        "Measuring FID of {wildcards.recipe} on {wildcards.dataset}, seed {wildcards.seed}"
    shell:
        "python -m drl fid"
        " --dataset {wildcards.dataset}"
        " --recipe {wildcards.recipe}"
        " --seed {wildcards.seed}"
        " --scale {params.scale}"
        " --samples {input.samples}"
        " --images {input.images}"
        " --out {output.metrics}"
        " --settings {params.settings:q}"
        " --code {params.code}"
        " --threads {threads}"
        " > {log} 2>&1"
