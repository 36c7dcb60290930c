rule variants:
    input:
        model_files,
        tested_model,
        file=set_file,
        weights="<results>/sae/main/sae.safetensors",
        windows="<results>/genome/windows.parquet",
        sequences="<results>/genome/sequences.fa",
    output:
        touch("<results>/.done/variants/{set}/{part}"),
    log:
        "<logs>/variants/{set}-{part}.log",
    benchmark:
        "<benchmarks>/variants/{set}-{part}.tsv"
    threads: 1
    resources:
        mem_mb=mib(4000),
        runtime=minutes(240),
    params:
        run=run_folder,
        model=CONFIG.activations.model,
        genome=set_genome,
        parts=CONFIG.parts,
        params=as_json(CONFIG.variants),
    message:
        "Variants: effects of {wildcards.set} on likelihood and features (part {wildcards.part})"
    shell:
        "photo51 variants {params.run:q} {input.file:q} --set {wildcards.set:q} --genome {params.genome:q} --model {params.model:q} "
        "--part {wildcards.part}/{params.parts} --params {params.params:q} --threads {threads} > {log:q} 2>&1"


rule gather_variants:
    input:
        expand("<results>/.done/variants/{{set}}/{part}", part=PARTS),
        file=set_file,
        annotations="<results>/genome/annotations.parquet",
        windows="<results>/genome/windows.parquet",
    output:
        table="<results>/variants/{set}.parquet",
        effects="<results>/variants/{set}.h5ad",
    log:
        "<logs>/gather_variants/{set}.log",
    benchmark:
        "<benchmarks>/gather_variants/{set}.tsv"
    resources:
        mem_mb=mib(3000),
        runtime=minutes(60),
    params:
        run=run_folder,
        genome=set_genome,
        parts=CONFIG.parts,
        params=as_json(CONFIG.variants),
    message:
        "Variants: join {wildcards.set}"
    shell:
        "photo51 variants {params.run:q} {input.file:q} --set {wildcards.set:q} --genome {params.genome:q} "
        "--gather {params.parts} --params {params.params:q} > {log:q} 2>&1"


rule biomarkers:
    input:
        compared_sets,
    output:
        tests="<results>/biomarkers/{name}/feature_tests.parquet",
        classifiers="<results>/biomarkers/{name}/classifiers.parquet",
    log:
        "<logs>/biomarkers/{name}.log",
    benchmark:
        "<benchmarks>/biomarkers/{name}.tsv"
    threads: 1
    resources:
        mem_mb=mib(3000),
        runtime=minutes(120),
    params:
        run=run_folder,
        sets=set_options,
        params=comparison("biomarkers"),
    message:
        "Biomarkers: disease against harmless variants ({wildcards.name})"
    shell:
        "photo51 biomarkers {params.run:q} --name {wildcards.name:q} {params.sets} --params {params.params:q} "
        "--threads {threads} > {log:q} 2>&1"


rule cards:
    input:
        "<results>/biomarkers/{name}/classifiers.parquet",
        tables=compared_sets,
        concepts="<results>/names.parquet",
        places="<results>/top_windows.parquet",
    output:
        "<results>/biomarkers/{name}/cards.parquet",
    log:
        "<logs>/cards/{name}.log",
    benchmark:
        "<benchmarks>/cards/{name}.tsv"
    threads: 1
    resources:
        mem_mb=mib(3000),
        runtime=minutes(60),
    params:
        run=run_folder,
        sets=set_options,
        params=comparison("cards"),
    message:
        "Biomarkers: evidence cards of single variants ({wildcards.name})"
    shell:
        "photo51 cards {params.run:q} --name {wildcards.name:q} {params.sets} --with names,top_windows "
        "--params {params.params:q} --threads {threads} > {log:q} 2>&1"


rule distil:
    input:
        "<results>/biomarkers/{name}/classifiers.parquet",
        tables=compared_sets,
    output:
        "<results>/biomarkers/{name}/rules.parquet",
    log:
        "<logs>/distil/{name}.log",
    benchmark:
        "<benchmarks>/distil/{name}.tsv"
    threads: 1
    resources:
        mem_mb=mib(3000),
        runtime=minutes(60),
    params:
        run=run_folder,
        sets=set_options,
        comparison=comparison("biomarkers"),
        params=comparison("distil"),
    message:
        "Biomarkers: the smallest rule that keeps the signal ({wildcards.name})"
    shell:
        "photo51 distil {params.run:q} --name {wildcards.name:q} {params.sets} --comparison {params.comparison:q} "
        "--params {params.params:q} --threads {threads} > {log:q} 2>&1"


rule cohort_check:
    input:
        cohort_genotypes,
        panel=cohort_panel,
    output:
        touch("<results>/.done/cohort/{name}"),
    log:
        "<logs>/cohort_check/{name}.log",
    benchmark:
        "<benchmarks>/cohort_check/{name}.tsv"
    priority: 100  # what cannot be answered is said before the model reads anything
    threads: 1
    resources:
        mem_mb=mib(4000),
        runtime=minutes(60),
    params:
        folder=lambda wildcards: f"results/{CONFIG.run}/cohort/{wildcards.name}",
        sources=lambda wildcards: [
            x for g in cohort_genotypes(wildcards) for x in ("--genotypes", g)
        ],
        external=cohort_external,
        params=cohort_params,
    message:
        "Cohort: can it be tested? ({wildcards.name})"
    shell:
        "OMP_NUM_THREADS={threads} photo51 cohort-check {input.panel:q} {params.folder:q} {params.sources:q} {params.external} "
        "--params {params.params:q} > {log:q} 2>&1"


rule cohort:
    input:
        cohort_files,
        "<results>/.done/cohort/{name}",
        panel=cohort_panel,
        windows="<results>/genome/windows.parquet",
    output:
        tests="<results>/cohort/{name}/cohort_tests.parquet",
        lambdas="<results>/cohort/{name}/lambdas.parquet",
    log:
        "<logs>/cohort/{name}.log",
    benchmark:
        "<benchmarks>/cohort/{name}.tsv"
    threads: 1
    resources:
        mem_mb=mib(4000),
        runtime=minutes(120),
    params:
        folder=subpath(output.tests, parent=True),
        sources=cohort_sources,
        lock=cohort_lock,
        params=cohort_params,
    message:
        "Cohort: features against a phenotype, descent taken into account ({wildcards.name})"
    shell:
        "OMP_NUM_THREADS={threads} photo51 cohort {input.panel:q} {params.folder:q} {params.sources:q} {params.lock} "
        "--params {params.params:q} > {log:q} 2>&1"
