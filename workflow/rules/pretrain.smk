# images -> results/<scale>/models/<dataset>/<recipe>/seed<k>/


rule pretrain:
    input:
        images=f"{RESULTS}/data/{{dataset}}/images.safetensors",
        # Where the recipe goes on from another's model; drl finds it beside its own.
        start=model_to_start_from,
    output:
        model=f"{RESULTS}/models/{{dataset}}/{{recipe}}/seed{{seed}}/model.safetensors",
        snapshots=f"{RESULTS}/models/{{dataset}}/{{recipe}}/seed{{seed}}/snapshots.safetensors",
        loss=f"{RESULTS}/models/{{dataset}}/{{recipe}}/seed{{seed}}/loss.csv",
        code_usage=f"{RESULTS}/models/{{dataset}}/{{recipe}}/seed{{seed}}/code_usage.csv",
        card=f"{RESULTS}/models/{{dataset}}/{{recipe}}/seed{{seed}}/model.safetensors.json",
    log:
        f"{RESULTS}/logs/pretrain/{{dataset}}/{{recipe}}/seed{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/pretrain/{{dataset}}/{{recipe}}/seed{{seed}}.tsv"
    conda:
        "../../envs/drl.yaml"
    # Small networks do not gain from a second thread: two jobs side by side do.
    threads: 4 if CONFIG.scale == "paper" else 1
    resources:
        gpu=1,
        mem_mb=memory("compute"),
        runtime=minutes("resumable"),
    params:
        scale=CONFIG.scale,
        settings=pretrain_settings,
        code=pretrain_code,
    message:
        "Pretraining {wildcards.recipe} on {wildcards.dataset}, seed {wildcards.seed}"
    shell:
        "python -m drl pretrain"
        " --dataset {wildcards.dataset}"
        " --recipe {wildcards.recipe}"
        " --seed {wildcards.seed}"
        " --scale {params.scale}"
        " --images {input.images}"
        " --out {output.model}"
        " --settings {params.settings:q}"
        " --code {params.code}"
        " --threads {threads}"
        " > {log} 2>&1"
