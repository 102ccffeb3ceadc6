# models of one dataset, mostly a folder of one's own -> results/<scale>/study/<dataset>/, and the target `study`.


rule code_view:
    input:
        model=f"{RESULTS}/models/{{dataset}}/{{recipe}}/seed{{seed}}/model.safetensors",
        images=f"{RESULTS}/data/{{dataset}}/images.safetensors",
        files=f"{RESULTS}/data/{{dataset}}/files.csv",
        # Says which t validation images choose.
        probes=f"{RESULTS}/metrics/probe/{{dataset}}/{{recipe}}/seed{{seed}}.csv",
    output:
        metrics=f"{RESULTS}/metrics/code_view/{{dataset}}/{{recipe}}/seed{{seed}}.csv",
        card=f"{RESULTS}/metrics/code_view/{{dataset}}/{{recipe}}/seed{{seed}}.csv.json",
        codes=f"{RESULTS}/metrics/code_view/{{dataset}}/{{recipe}}/seed{{seed}}.codes.csv",
    log:
        f"{RESULTS}/logs/code_view/{{dataset}}/{{recipe}}/seed{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/code_view/{{dataset}}/{{recipe}}/seed{{seed}}.tsv"
    conda:
        "../../envs/drl.yaml"
    threads: 4 if CONFIG.scale == "paper" else 1
    resources:
        gpu=1,
        mem_mb=memory("compute"),
        runtime=minutes("measure"),
    params:
        scale=CONFIG.scale,
        settings=study_settings("code_view"),
        code=study_code("code_view"),
    message:
        "Viewing the codes of {wildcards.recipe} on {wildcards.dataset}, seed {wildcards.seed}"
    shell:
        "python -m drl code-view"
        " --dataset {wildcards.dataset}"
        " --recipe {wildcards.recipe}"
        " --seed {wildcards.seed}"
        " --scale {params.scale}"
        " --model {input.model}"
        " --images {input.images}"
        " --probes {input.probes}"
        " --out {output.metrics}"
        " --settings {params.settings:q}"
        " --code {params.code}"
        " --threads {threads}"
        " > {log} 2>&1"


for PART, ABOUT in PARTS.items():

    rule:
        name:
            f"draw_study_{PART}"
        input:
            metrics=part_metrics(PART),
            codes=part_pictures if PART == "latent_scatter" else [],
        output:
            shown=report(
                f"{RESULTS}/study/{{dataset}}/{PART}{ABOUT.suffixes[0]}",
                caption=f"../report/study_{PART}.rst",
                category=study_category,
                labels={
                    "part": PART.replace("_", " ").capitalize(),
                    "shows": ABOUT.shows,
                },
            ),
            beside=[
                f"{RESULTS}/study/{{dataset}}/{PART}{suffix}"
                for suffix in (*ABOUT.suffixes[1:], f"{ABOUT.suffixes[0]}.json")
            ],
        log:
            f"{RESULTS}/logs/study/{{dataset}}/{PART}.log",
        benchmark:
            f"{RESULTS}/benchmarks/study/{{dataset}}/{PART}.tsv"
        # Seconds each: a cluster gets several in one submission.
        group:
            "draw"
        conda:
            "../../envs/drl.yaml"
        threads: 1
        resources:
            mem_mb=memory("draw"),
            runtime=minutes("draw"),
        params:
            part=PART,
            scale=CONFIG.scale,
            about=part_about,
            settings=part_settings(PART),
            code=part_code(PART),
        message:
            f"Drawing {PART} of the study of {{wildcards.dataset}}"
        shell:
            "python -m drl study {params.part} {input.metrics}"
            " --dataset {wildcards.dataset}"
            " --scale {params.scale}"
            " --out {output.shown}"
            " --settings {params.settings:q}"
            " --code {params.code}"
            " > {log} 2>&1"


rule study:
    input:
        parts_of_study,
    localrule: True
