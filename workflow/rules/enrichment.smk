rule enrich:
    input:
        codes="<results>/codes/main/codes.json",
        annotations="<results>/genome/annotations.parquet",
        windows="<results>/genome/windows.parquet",
    output:
        temp(touch("<results>/.done/enrich/{part}")),
    log:
        "<logs>/enrich/{part}.log",
    benchmark:
        "<benchmarks>/enrich/{part}.tsv"
    priority: 30
    threads: 1
    resources:
        mem_mb=mib(4000),
        runtime=minutes(120),
    params:
        run=run_folder,
        parts=CONFIG.parts,
        params=as_json(CONFIG.enrichment),
    message:
        "Enrichment: features against annotations, exact rotation null (part {wildcards.part})"
    shell:
        "photo51 enrich {params.run:q} --part {wildcards.part}/{params.parts} --params {params.params:q} "
        "--threads {threads} > {log:q} 2>&1"


rule gather_enrichment:
    input:
        expand("<results>/.done/enrich/{part}", part=PARTS),
        codes="<results>/codes/main/codes.json",
        windows="<results>/genome/windows.parquet",
    output:
        table="<results>/enrichment.parquet",
        qq="<results>/calibration_qq.parquet",
        rates="<results>/adjusted_rates.parquet",
    log:
        "<logs>/gather_enrichment.log",
    benchmark:
        "<benchmarks>/gather_enrichment.tsv"
    priority: 30
    resources:
        mem_mb=mib(3000),
        runtime=minutes(60),
    params:
        run=run_folder,
        parts=CONFIG.parts,
        params=as_json(CONFIG.enrichment),
    message:
        "Enrichment: false discovery rates over the whole family; the run calibrated on rotated activations"
    shell:
        "photo51 enrich {params.run:q} --gather {params.parts} --params {params.params:q} > {log:q} 2>&1"


rule concepts:
    input:
        concept_baselines,
        table="<results>/enrichment.parquet",
        codes="<results>/codes/main/codes.json",
        windows="<results>/genome/windows.parquet",
    output:
        table="<results>/concepts.parquet",
        summary="<results>/concept_summary.parquet",
        instances="<results>/instances.parquet",
        regions="<results>/regions.parquet",
    log:
        "<logs>/concepts.log",
    benchmark:
        "<benchmarks>/concepts.tsv"
    priority: 30
    threads: 1
    resources:
        mem_mb=mib(4000),
        runtime=minutes(120),
    params:
        run=run_folder,
        used=listed(activations=CONFIG.stored, random="random" in DICTIONARIES),
        params=as_json(CONFIG.concepts),
    message:
        "Concepts: chosen on select, reported on test, compared with neurons, PCA, 6-mers and random weights"
    shell:
        "photo51 concepts {params.run:q} --with {params.used:q} --params {params.params:q} --threads {threads} > {log:q} 2>&1"


rule motifs:
    input:
        motif_file,
        table="<results>/enrichment.parquet",
        codes="<results>/codes/main/codes.json",
        windows="<results>/genome/windows.parquet",
    output:
        "<results>/shapes.parquet",
        "<results>/profiles.parquet",
        "<results>/motif_matches.parquet",
        logos="<results>/logos.parquet",
    log:
        "<logs>/motifs.log",
    benchmark:
        "<benchmarks>/motifs.tsv"
    threads: 1
    resources:
        mem_mb=mib(3000),
        runtime=minutes(60),
    params:
        run=run_folder,
        known=option("--motifs", CONFIG.motif_file),
        params=as_json(CONFIG.motifs),
    message:
        "Motifs: logos, shapes, profiles around boundaries"
    shell:
        "photo51 motifs {params.run:q} {params.known} --params {params.params:q} --threads {threads} > {log:q} 2>&1"


if CONFIG.gene_sets:

    rule genesets:
        input:
            sets=CONFIG.gene_sets,
            codes="<results>/codes/main/codes.json",
            annotations="<results>/genome/annotations.parquet",
            windows="<results>/genome/windows.parquet",
        output:
            "<results>/genesets.parquet",
        log:
            "<logs>/genesets.log",
        benchmark:
            "<benchmarks>/genesets.tsv"
        threads: 1
        resources:
            mem_mb=mib(3000),
            runtime=minutes(60),
        params:
            run=run_folder,
            params=as_json(CONFIG.genesets),
        message:
            "Gene sets: rotation null and the naive test"
        shell:
            "photo51 genesets {params.run:q} --gmt {input.sets:q} --params {params.params:q} --threads {threads} > {log:q} 2>&1"


rule novelty:
    input:
        control_codes,
        "<results>/concepts.parquet",
        ablation="<results>/interventions/ablation.parquet",
        window_offsets="<results>/window_offsets.parquet",
        table="<results>/enrichment.parquet",
        codes="<results>/codes/main/codes.json",
        windows="<results>/genome/windows.parquet",
    output:
        queue="<results>/novelty.parquet",
        hidden="<results>/hidden_classes.parquet",
    log:
        "<logs>/novelty.log",
    benchmark:
        "<benchmarks>/novelty.tsv"
    priority: 30
    threads: 1
    resources:
        mem_mb=mib(4000),
        runtime=minutes(120),
    params:
        run=run_folder,
        used=listed(**controls(), ablation=True, window_offsets=True),
        params=as_json(CONFIG.novelty),
    message:
        "Novelty: the ranking of unannotated features, judged with random weights"
    shell:
        "photo51 novelty {params.run:q} --with {params.used:q} --params {params.params:q} --threads {threads} > {log:q} 2>&1"


rule replication:
    input:
        control_codes,
        "<results>/concepts.parquet",
        table="<results>/enrichment.parquet",
        codes="<results>/codes/main/codes.json",
        windows="<results>/genome/windows.parquet",
    output:
        "<results>/replication.parquet",
    log:
        "<logs>/replication.log",
    benchmark:
        "<benchmarks>/replication.tsv"
    priority: 20
    threads: 1
    resources:
        mem_mb=mib(4000),
        runtime=minutes(60),
    params:
        run=run_folder,
        used=listed(seed1="seed1" in DICTIONARIES),
        params=as_json(CONFIG.replication),
    message:
        "Replication: does each name survive the other strand, another seed, another genome?"
    shell:
        "photo51 replication {params.run:q} --with {params.used:q} --params {params.params:q} --threads {threads} > {log:q} 2>&1"


rule names:
    input:
        replication="<results>/replication.parquet",
        table="<results>/concepts.parquet",
        enrichment="<results>/enrichment.parquet",
        top="<results>/top_windows.parquet",
        annotations="<results>/genome/annotations.parquet",
        windows="<results>/genome/windows.parquet",
    output:
        "<results>/names.parquet",
    log:
        "<logs>/names.log",
    benchmark:
        "<benchmarks>/names.tsv"
    priority: 20
    threads: 1
    resources:
        mem_mb=mib(3000),
        runtime=minutes(30),
    params:
        run=run_folder,
        params=as_json(CONFIG.concepts),
    message:
        "Names: what each feature is called, from all evidence, with its grade"
    shell:
        "photo51 names {params.run:q} --params {params.params:q} > {log:q} 2>&1"
