if TRAINED:

    rule train_sae:
        input:
            activation_parts,
            others=other_runs,
            windows="<results>/genome/windows.parquet",
        output:
            weights="<results>/sae/{sae}/sae.safetensors",
            description="<results>/sae/{sae}/sae.json",
        log:
            "<logs>/train_sae/{sae}.log",
        benchmark:
            "<benchmarks>/train_sae/{sae}.tsv"
        priority: 20
        # dictionaries that are trained at the same time wait less on one thread each
        threads: 1 if len(DICTIONARIES) > 1 else 2
        resources:
            mem_mb=mib(4000),
            runtime=minutes(240),
        params:
            run=run_folder,
            site=SITE,
            params=sae_params,
            others=other_run_options,
        message:
            "Dictionary: train {wildcards.sae}"
        shell:
            "photo51 train-sae {params.run:q} --sae {wildcards.sae:q} --site {params.site:q} --params {params.params:q} "
            "{params.others} --threads {threads} > {log:q} 2>&1"

else:

    rule pretrained_sae:
        output:
            weights="<results>/sae/main/sae.safetensors",
            description="<results>/sae/main/sae.json",
        log:
            "<logs>/pretrained_sae.log",
        benchmark:
            "<benchmarks>/pretrained_sae.tsv"
        resources:
            mem_mb=mib(1000),
            runtime=minutes(30),
        params:
            source=CONFIG.pretrained_sae,
        message:
            "Dictionary: take {params.source}"
        shell:
            "cp {params.source:q}/sae.safetensors {output.weights:q} 2> {log:q} && "
            "cp {params.source:q}/sae.json {output.description:q} 2>> {log:q}"


rule fidelity:
    input:
        activation_parts,
        weights="<results>/sae/{sae}/sae.safetensors",
        windows="<results>/genome/windows.parquet",
    output:
        table="<results>/sae/{sae}/fidelity.parquet",
        losses="<results>/sae/{sae}/losses.parquet",
    log:
        "<logs>/fidelity/{sae}.log",
    benchmark:
        "<benchmarks>/fidelity/{sae}.tsv"
    threads: 1
    resources:
        mem_mb=mib(4000),
        runtime=minutes(60),
    params:
        run=run_folder,
        model=lambda wildcards: model_name(source_of(wildcards.sae)),
        params=as_json(CONFIG.fidelity),
    message:
        "Dictionary: loss of the model with its reconstruction patched in"
    shell:
        "photo51 fidelity {params.run:q} --sae {wildcards.sae:q} --model {params.model:q} --params {params.params:q} "
        "--threads {threads} > {log:q} 2>&1"


rule fidelity_classes:
    input:
        losses="<results>/sae/{sae}/losses.parquet",
        annotations="<results>/genome/annotations.parquet",
        windows="<results>/genome/windows.parquet",
    output:
        "<results>/sae/{sae}/fidelity_classes.parquet",
    log:
        "<logs>/fidelity_classes/{sae}.log",
    benchmark:
        "<benchmarks>/fidelity_classes/{sae}.tsv"
    resources:
        mem_mb=mib(1000),
        runtime=minutes(30),
    params:
        run=run_folder,
    message:
        "Dictionary: loss on coding and on other bases"
    shell:
        "photo51 fidelity-classes {params.run:q} --sae {wildcards.sae:q} > {log:q} 2>&1"


rule sae_quality:
    input:
        activation_parts,
        quality_evidence,
        weights="<results>/sae/{sae}/sae.safetensors",
        codes="<results>/codes/{sae}/codes.json",
        windows="<results>/genome/windows.parquet",
    output:
        "<results>/sae/{sae}/quality.parquet",
    log:
        "<logs>/sae_quality/{sae}.log",
    benchmark:
        "<benchmarks>/sae_quality/{sae}.tsv"
    threads: 1
    resources:
        mem_mb=mib(4000),
        runtime=minutes(60),
    params:
        run=run_folder,
        used=quality_names,
        params=quality_params,
    message:
        "Dictionary: how good {wildcards.sae} is, compared with PCA, neurons, random directions and random weights"
    shell:
        "photo51 sae-quality {params.run:q} --sae {wildcards.sae:q} --with {params.used:q} --params {params.params:q} "
        "--threads {threads} > {log:q} 2>&1"
