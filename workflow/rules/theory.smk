# results/<scale>/metrics/theory/: one job a seed, which needs no images. On the processor, whatever machine it is.


# The rule `theory` is the item's.
rule measure_theory:
    output:
        metrics=f"{RESULTS}/metrics/theory/mixture/seed{{seed}}.csv",
        card=f"{RESULTS}/metrics/theory/mixture/seed{{seed}}.csv.json",
    log:
        f"{RESULTS}/logs/theory/mixture/seed{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/theory/mixture/seed{{seed}}.tsv"
    conda:
        "../../envs/drl.yaml"
    threads: 1
    resources:
        mem_mb=memory("compute"),
        runtime=minutes("measure"),
    params:
        scale=CONFIG.scale,
        settings=job("theory")[0],
        code=job("theory")[1],
    message:
        "Measuring theory on a mixture, seed {wildcards.seed}"
    shell:
        "python -m drl theory"
        " --seed {wildcards.seed}"
        " --scale {params.scale}"
        " --out {output.metrics}"
        " --settings {params.settings:q}"
        " --code {params.code}"
        " --threads {threads}"
        " > {log} 2>&1"
