rule ablation:
    input:
        model_files,
        table="<results>/features.h5ad",
        top="<results>/top_windows.parquet",
        weights="<results>/sae/main/sae.safetensors",
        windows="<results>/genome/windows.parquet",
    output:
        "<results>/interventions/ablation.parquet",
    log:
        "<logs>/ablation.log",
    benchmark:
        "<benchmarks>/ablation.tsv"
    priority: 30
    threads: 1
    resources:
        mem_mb=mib(4000),
        runtime=minutes(120),
    params:
        run=run_folder,
        model=CONFIG.activations.model,
        params=as_json(CONFIG.ablation),
    message:
        "Ablation: what the model loses without each feature at its strongest places"
    shell:
        "photo51 ablation {params.run:q} --model {params.model:q} --params {params.params:q} --threads {threads} > {log:q} 2>&1"


rule causality:
    input:
        model_files,
        table="<results>/features.h5ad",
        top="<results>/top_windows.parquet",
        concepts="<results>/names.parquet",
        weights="<results>/sae/main/sae.safetensors",
        windows="<results>/genome/windows.parquet",
    output:
        "<results>/interventions/causality.parquet",
    log:
        "<logs>/causality.log",
    benchmark:
        "<benchmarks>/causality.tsv"
    priority: 20
    threads: 1
    resources:
        mem_mb=mib(4000),
        runtime=minutes(120),
    params:
        run=run_folder,
        model=CONFIG.activations.model,
        params=as_json(CONFIG.causality),
    message:
        "Causality: what the model loses without each named feature, compared with random features"
    shell:
        "photo51 causality {params.run:q} --model {params.model:q} --params {params.params:q} --threads {threads} > {log:q} 2>&1"


rule steer:
    input:
        model_files,
        table="<results>/features.h5ad",
        concepts="<results>/names.parquet",
        weights="<results>/sae/main/sae.safetensors",
        windows="<results>/genome/windows.parquet",
    output:
        doses="<results>/interventions/{name}/doses.parquet",
        verdicts="<results>/interventions/{name}/verdicts.parquet",
    log:
        "<logs>/steer/{name}.log",
    benchmark:
        "<benchmarks>/steer/{name}.tsv"
    threads: 1
    resources:
        mem_mb=mib(4000),
        runtime=minutes(120),
    params:
        run=run_folder,
        model=CONFIG.activations.model,
        target=lambda wildcards: CONFIG.steering[wildcards.name].target,
        prompt=lambda wildcards: CONFIG.steering[wildcards.name].prompt,
        code=lambda wildcards: CONFIG.steering[wildcards.name].code,
        scorers=steering_scorers,
        params=lambda wildcards: as_json(CONFIG.steering[wildcards.name].steer),
    message:
        "Steering: {wildcards.name}, four arms and doses"
    shell:
        "photo51 steer {params.run:q} {params.target:q} {params.prompt:q} --name {wildcards.name:q} --model {params.model:q} "
        "--code {params.code} {params.scorers} --params {params.params:q} --threads {threads} > {log:q} 2>&1"


rule frameshift:
    input:
        model_files,
        geometry="<results>/geometry.h5ad",
        weights="<results>/sae/main/sae.safetensors",
        annotations="<results>/genome/annotations.parquet",
        windows="<results>/genome/windows.parquet",
    output:
        table="<results>/interventions/frameshift.parquet",
        profile="<results>/interventions/frameshift_profile.parquet",
    log:
        "<logs>/frameshift.log",
    benchmark:
        "<benchmarks>/frameshift.tsv"
    threads: 1
    resources:
        mem_mb=mib(4000),
        runtime=minutes(120),
    params:
        run=run_folder,
        params=as_json(
            CONFIG.frameshift.model_copy(update={"model": CONFIG.activations.model})
        ),
    message:
        "Reading frame: one inserted base should turn it by 120 degrees"
    shell:
        "photo51 frameshift {params.run:q} --params {params.params:q} --threads {threads} > {log:q} 2>&1"
