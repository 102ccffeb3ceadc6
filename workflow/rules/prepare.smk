# images -> results/<scale>/data/<dataset>/


rule prepare:
    output:
        images=f"{RESULTS}/data/{{dataset}}/images.safetensors",
        files=f"{RESULTS}/data/{{dataset}}/files.csv",
        card=f"{RESULTS}/data/{{dataset}}/images.safetensors.json",
    log:
        f"{RESULTS}/logs/prepare/{{dataset}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/prepare/{{dataset}}.tsv"
    conda:
        "../../envs/drl.yaml"
    threads: 1
    resources:
        mem_mb=memory("prepare"),
        runtime=minutes("prepare"),
    params:
        settings=prepare_settings,
        code=prepare_code,
    message:
        "Preparing the images of {wildcards.dataset}"
    shell:
        "python -m drl prepare"
        " --dataset {wildcards.dataset}"
        " --out {output.images}"
        " --settings {params.settings:q}"
        " --code {params.code}"
        " > {log} 2>&1"
