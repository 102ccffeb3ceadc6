# models -> results/<scale>/metrics/<study>/


rule probe:
    input:
        model=f"{RESULTS}/models/{{dataset}}/{{recipe}}/seed{{seed}}/model.safetensors",
        images=f"{RESULTS}/data/{{dataset}}/images.safetensors",
        files=f"{RESULTS}/data/{{dataset}}/files.csv",
    output:
        metrics=f"{RESULTS}/metrics/probe/{{dataset}}/{{recipe}}/seed{{seed}}.csv",
        card=f"{RESULTS}/metrics/probe/{{dataset}}/{{recipe}}/seed{{seed}}.csv.json",
    log:
        f"{RESULTS}/logs/probe/{{dataset}}/{{recipe}}/seed{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/probe/{{dataset}}/{{recipe}}/seed{{seed}}.tsv"
    conda:
        "../../envs/drl.yaml"
    threads: 4 if CONFIG.scale == "paper" else 1
    resources:
        gpu=1,
        mem_mb=8000,
        runtime=240,
    params:
        scale=CONFIG.scale,
        settings=probe_settings,
        code=probe_code,
    message:
        "Probing the codes of {wildcards.recipe} on {wildcards.dataset}, seed {wildcards.seed}"
    shell:
        "python -m drl probe"
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
