# images, and the model that an arm starts from -> results/<scale>/metrics/fine_tune/: accuracies, and the classifier.


rule fine_tune:
    input:
        images=f"{RESULTS}/data/{{dataset}}/images.safetensors",
        files=f"{RESULTS}/data/{{dataset}}/files.csv",
        # Of an arm that starts from a model; drl finds it where pretraining wrote it.
        model=model_of_arm,
    output:
        metrics=f"{RESULTS}/metrics/fine_tune/{{dataset}}/{{arm}}/labels{{labels}}_split{{split}}_seed{{seed}}.csv",
        card=f"{RESULTS}/metrics/fine_tune/{{dataset}}/{{arm}}/labels{{labels}}_split{{split}}_seed{{seed}}.csv.json",
        classifier=f"{RESULTS}/metrics/fine_tune/{{dataset}}/{{arm}}/labels{{labels}}_split{{split}}_seed{{seed}}.safetensors",
    log:
        f"{RESULTS}/logs/fine_tune/{{dataset}}/{{arm}}/labels{{labels}}_split{{split}}_seed{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/fine_tune/{{dataset}}/{{arm}}/labels{{labels}}_split{{split}}_seed{{seed}}.tsv"
    conda:
        "../../envs/drl.yaml"
    threads: 4 if CONFIG.scale == "paper" else 1
    resources:
        gpu=1,
        mem_mb=memory("compute"),
        runtime=minutes("resumable"),
    params:
        scale=CONFIG.scale,
        settings=fine_tune_settings,
        code=fine_tune_code,
    message:
        "Fine-tuning {wildcards.arm} on {wildcards.dataset}, {wildcards.labels} labels, split {wildcards.split}, seed {wildcards.seed}"
    shell:
        "python -m drl fine-tune"
        " --dataset {wildcards.dataset}"
        " --arm {wildcards.arm}"
        " --labels {wildcards.labels}"
        " --split {wildcards.split}"
        " --seed {wildcards.seed}"
        " --scale {params.scale}"
        " --images {input.images}"
        " --out {output.metrics}"
        " --settings {params.settings:q}"
        " --code {params.code}"
        " --threads {threads}"
        " > {log} 2>&1"
