rule tracks:
    input:
        concepts="<results>/names.parquet",
        novelty="<results>/novelty.parquet",
        manifolds="<results>/manifolds.parquet",
        table="<results>/features.h5ad",
        codes="<results>/codes/main/codes.json",
        annotations="<results>/genome/annotations.parquet",
        sequences="<results>/genome/sequences.fa",
    output:
        tracks="<results>/tracks/tracks.parquet",
        calls="<results>/tracks/calls.parquet",
    log:
        "<logs>/tracks.log",
    benchmark:
        "<benchmarks>/tracks.tsv"
    threads: 1
    resources:
        mem_mb=mib(3000),
        runtime=minutes(60),
    params:
        run=run_folder,
        params=as_json(CONFIG.tracks),
    message:
        "Tracks: bigWig a strand, calls, track hub, offline genome page"
    shell:
        "photo51 tracks {params.run:q} --params {params.params:q} --threads {threads} > {log:q} 2>&1"


rule findings:
    input:
        final_tables,
        config="<results>/config.yaml",
    output:
        "<results>/findings.parquet",
    log:
        "<logs>/findings.log",
    benchmark:
        "<benchmarks>/findings.tsv"
    threads: 1
    resources:
        mem_mb=mib(2000),
        runtime=minutes(10),
    params:
        run=run_folder,
        params=json.dumps({"alpha": CONFIG.report.alpha}),
    message:
        "Findings: every claim of the run with its null"
    shell:
        "photo51 findings {params.run:q} --params {params.params:q} --threads {threads} > {log:q} 2>&1"


rule atlas:
    input:
        final_tables,
    output:
        report(
            "<results>/atlas/index.html",
            caption="../report/atlas.rst",
            category="Start here",
        ),
    log:
        "<logs>/atlas.log",
    benchmark:
        "<benchmarks>/atlas.tsv"
    threads: 1
    resources:
        mem_mb=mib(3000),
        runtime=minutes(60),
    params:
        run=run_folder,
        params=as_json(CONFIG.atlas),
    message:
        "Atlas: every feature with a page of its own"
    shell:
        "photo51 atlas {params.run:q} --params {params.params:q} --threads {threads} > {log:q} 2>&1"


rule notebook:
    input:
        judged_tables,
        script=f"{NOTEBOOK_FOLDER}/{{notebook}}.py",
    output:
        notebook="<results>/notebooks/{notebook}.ipynb",
        page=report(
            "<results>/notebooks/{notebook}.html",
            caption="../report/notebooks.rst",
            category="Notebooks",
        ),
    log:
        "<logs>/notebook/{notebook}.log",
    benchmark:
        "<benchmarks>/notebook/{notebook}.tsv"
    threads: 1
    resources:
        mem_mb=mib(3000),
        runtime=minutes(30),
    params:
        run=run_folder,
    message:
        "Notebook {wildcards.notebook}"
    shell:
        "photo51 notebook {params.run:q} {input.script:q} > {log:q} 2>&1"


rule export:
    input:
        judged_tables,
        config="<results>/config.yaml",
    output:
        report(
            directory("<results>/exports"),
            patterns=[
                "tables/{table,concepts|concept_summary|replication|novelty|hidden_classes|manifolds|positive_controls|quality|fidelity|causality|classifiers|variant_rules}.tsv"
            ],
            caption="../report/tables.rst",
            category="Tables",
        ),
    log:
        "<logs>/export.log",
    benchmark:
        "<benchmarks>/export.tsv"
    threads: 1
    resources:
        mem_mb=mib(3000),
        runtime=minutes(60),
    params:
        run=run_folder,
        params=as_json(CONFIG.export),
    message:
        "Exports: AnnData, tables as TSV with their columns explained, RO-Crate"
    shell:
        "photo51 export {params.run:q} --config {input.config:q} --params {params.params:q} > {log:q} 2>&1"


rule report:
    input:
        judged_tables,
        explored,
        "<results>/exports",
        config="<results>/config.yaml",
    output:
        report(
            "<results>/report.html",
            caption="../report/report.rst",
            category="Start here",
        ),
    log:
        "<logs>/report.log",
    benchmark:
        "<benchmarks>/report.tsv"
    threads: 1
    resources:
        mem_mb=mib(3000),
        runtime=minutes(30),
    params:
        run=run_folder,
        params=as_json(CONFIG.report),
    message:
        "Report: one page on what the model knows of these genomes"
    shell:
        "photo51 report {params.run:q} --config {input.config:q} --params {params.params:q} --threads {threads} > {log:q} 2>&1"


rule manifest:
    input:
        "<results>/report.html",
        selftest="<results>/model/selftest.json",
        config="<results>/config.yaml",
    output:
        report(
            "<results>/manifest.json",
            caption="../report/manifest.rst",
            category="How to reproduce",
        ),
    log:
        "<logs>/manifest.log",
    benchmark:
        "<benchmarks>/manifest.tsv"
    threads: 1
    resources:
        mem_mb=mib(1000),
        runtime=minutes(30),
    params:
        run=run_folder,
    message:
        "Manifest: configuration, versions, hashes of all that went in and came out"
    shell:
        "photo51 manifest {params.run:q} --config {input.config:q} --selftest {input.selftest:q} > {log:q} 2>&1"
