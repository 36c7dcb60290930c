if CONFIG.phylogeny_genes:

    rule phylogeny:
        input:
            model_files,
            random_dictionary,
            genes=CONFIG.phylogeny_genes,
            weights="<results>/sae/main/sae.safetensors",
        output:
            "<results>/panel.h5ad",
        log:
            "<logs>/phylogeny.log",
        benchmark:
            "<benchmarks>/phylogeny.tsv"
        priority: 20
        threads: 1
        resources:
            mem_mb=mib(3000),
            runtime=minutes(120),
        params:
            run=run_folder,
            used=listed(random_sae="random" in DICTIONARIES),
            random=panel_options(),
            params=as_json(
                CONFIG.phylogeny.model_copy(update={"model": CONFIG.activations.model})
            ),
        message:
            "Phylogeny: one gene of many organisms through model and dictionary"
        shell:
            "photo51 panel {params.run:q} --genes {input.genes:q} --with {params.used:q} {params.random} --params {params.params:q} "
            "--threads {threads} > {log:q} 2>&1"


rule geometry:
    input:
        concept_baselines,
        random_dictionary,
        phylogeny_panel,
        table="<results>/features.h5ad",
        weights="<results>/sae/main/sae.safetensors",
        codes="<results>/codes/main/codes.json",
        annotations="<results>/genome/annotations.parquet",
        windows="<results>/genome/windows.parquet",
    output:
        table="<results>/geometry.h5ad",
        manifolds="<results>/manifolds.parquet",
        points="<results>/manifold_points.parquet",
        coordinates="<results>/coordinates.parquet",
        positive_controls="<results>/positive_controls.parquet",
    log:
        "<logs>/geometry.log",
    benchmark:
        "<benchmarks>/geometry.tsv"
    priority: 20
    threads: 1
    resources:
        mem_mb=mib(4000),
        runtime=minutes(240),
    params:
        run=run_folder,
        used=geometry_names(),
        params=as_json(CONFIG.geometry),
    message:
        "Manifolds: relations between features, clusters, shapes, coordinates, controls"
    shell:
        "photo51 geometry {params.run:q} --with {params.used:q} --params {params.params:q} --threads {threads} > {log:q} 2>&1"
