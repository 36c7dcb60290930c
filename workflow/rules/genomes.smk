rule prepare:
    input:
        table=CONFIG.genomes,
        files=genome_files,
    output:
        contigs="<results>/genome/contigs.parquet",
        annotations="<results>/genome/annotations.parquet",
        workspace="<results>/genome/workspace.parquet",
        windows="<results>/genome/windows.parquet",
        sequences="<results>/genome/sequences.fa",
        index="<results>/genome/sequences.fa.fai",
    log:
        "<logs>/prepare.log",
    benchmark:
        "<benchmarks>/prepare.tsv"
    conda:
        "../envs/photo51.yaml"
    resources:
        mem_mb=mib(2000),
        runtime=minutes(30),
    params:
        params=as_json(CONFIG.genome),
        folder=subpath(output.workspace, parent=True),
    message:
        "Genomes: read, annotate, choose scored bases, tile with windows"
    shell:
        "photo51 prepare {input.table:q} {params.folder:q} --params {params.params:q} > {log:q} 2>&1"
