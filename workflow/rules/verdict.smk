# items and metrics -> results/<scale>/comparison.csv, claims.csv


rule compare:
    input:
        tables=[item_file(item) for item in BUILT if ITEMS[item].kind == "table"],
    output:
        csv=report(
            f"{RESULTS}/comparison.csv",
            caption="../report/comparison.rst",
            category="Verdict",
            labels={"item": "Comparison: every printed number beside ours"},
        ),
        card=f"{RESULTS}/comparison.csv.json",
    log:
        f"{RESULTS}/logs/compare.log",
    benchmark:
        f"{RESULTS}/benchmarks/compare.tsv"
    group:
        "draw"
    conda:
        "../../envs/drl.yaml"
    threads: 1
    resources:
        mem_mb=memory("draw"),
        runtime=minutes("draw"),
    params:
        settings=item_settings("compare"),
        code=item_code("compare"),
    message:
        "Comparing the tables with the paper's"
    shell:
        "python -m drl compare {input.tables}"
        " --out {output.csv}"
        " --settings {params.settings:q}"
        " --code {params.code}"
        " > {log} 2>&1"


rule claims:
    input:
        metrics=claimed_metrics(),
    output:
        csv=report(
            f"{RESULTS}/claims.csv",
            caption="../report/claims.rst",
            category="Verdict",
            labels={"item": "Claims: each with the numbers that decide it"},
        ),
        page=f"{RESULTS}/claims.md",
        card=f"{RESULTS}/claims.csv.json",
    log:
        f"{RESULTS}/logs/claims.log",
    benchmark:
        f"{RESULTS}/benchmarks/claims.tsv"
    group:
        "draw"
    conda:
        "../../envs/drl.yaml"
    threads: 1
    resources:
        mem_mb=memory("draw"),
        runtime=minutes("draw"),
    params:
        settings=item_settings("claims"),
        code=item_code("claims"),
    message:
        "Deciding the paper's claims"
    shell:
        "python -m drl claims {input.metrics}"
        " --out {output.csv}"
        " --settings {params.settings:q}"
        " --code {params.code}"
        " > {log} 2>&1"
