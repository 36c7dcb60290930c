rule configuration:
    output:
        "<results>/config.yaml",
    log:
        "<logs>/configuration.log",
    benchmark:
        "<benchmarks>/configuration.tsv"
    resources:
        mem_mb=mib(500),
        runtime=minutes(10),
    params:
        config=as_json(CONFIG),
    message:
        "Configuration: every key of this run, defaults included"
    shell:
        "photo51 config {params.config:q} {output:q} > {log:q} 2>&1"


# Sequences, scored bases and windows come from sequence alone: no annotation makes this rule run again. A GenBank file is
# compared by the digest of its sequences, as it holds annotations too.
rule prepare:
    input:
        sequence_files,
    output:
        table="<results>/genome/sequences.parquet",
        workspace="<results>/genome/workspace.parquet",
        windows="<results>/genome/windows.parquet",
        sequences="<results>/genome/sequences.fa",
        index="<results>/genome/sequences.fa.fai",
    log:
        "<logs>/prepare.log",
    benchmark:
        "<benchmarks>/prepare.tsv"
    resources:
        mem_mb=mib(2000),
        runtime=minutes(30),
    params:
        genomes=CONFIG.genomes,
        content=keys_of(sequence_key),
        params=genome_params(of_annotation=False),
        folder=subpath(output.workspace, parent=True),
    message:
        "Genomes: read sequences, choose scored bases, tile with windows"
    shell:
        "photo51 prepare {params.genomes:q} {params.folder:q} --only sequences --params {params.params:q} > {log:q} 2>&1"


rule annotate:
    input:
        genome_files,
        "<results>/genome/sequences.fa",
        workspace="<results>/genome/workspace.parquet",
    output:
        contigs="<results>/genome/contigs.parquet",
        annotations="<results>/genome/annotations.parquet",
        transcripts="<results>/genome/transcripts.parquet",
        reading="<results>/genome/reading.parquet",
    log:
        "<logs>/annotate.log",
    benchmark:
        "<benchmarks>/annotate.tsv"
    resources:
        mem_mb=mib(2000),
        runtime=minutes(30),
    params:
        genomes=CONFIG.genomes,
        content=keys_of(annotation_key),
        params=genome_params(of_annotation=True),
        folder=subpath(output.annotations, parent=True),
    message:
        "Genomes: annotate"
    shell:
        "photo51 prepare {params.genomes:q} {params.folder:q} --only annotations --params {params.params:q} > {log:q} 2>&1"
