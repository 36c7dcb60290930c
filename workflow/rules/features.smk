if CONFIG.stored:

    rule encode:
        input:
            activation_parts,
            weights="<results>/sae/{sae}/sae.safetensors",
        output:
            temp(touch("<results>/.done/encode/{sae}/{part}")),
        log:
            "<logs>/encode/{sae}-{part}.log",
        benchmark:
            "<benchmarks>/encode/{sae}-{part}.tsv"
        priority: 20
        threads: 1
        resources:
            mem_mb=mib(3000),
            runtime=minutes(120),
        params:
            run=run_folder,
            parts=CONFIG.parts,
        message:
            "Codes: sparse codes of every scored base ({wildcards.sae}, part {wildcards.part})"
        shell:
            "photo51 encode {params.run:q} --sae {wildcards.sae:q} --with activations "
            "--part {wildcards.part}/{params.parts} --threads {threads} > {log:q} 2>&1"

else:

    rule encode_model:
        input:
            model_files,
            tested_model,
            weights="<results>/sae/{sae}/sae.safetensors",
            windows="<results>/genome/windows.parquet",
            sequences="<results>/genome/sequences.fa",
        output:
            temp(touch("<results>/.done/encode/{sae}/{part}")),
        log:
            "<logs>/encode_model/{sae}-{part}.log",
        benchmark:
            "<benchmarks>/encode_model/{sae}-{part}.tsv"
        priority: 20
        threads: 2
        resources:
            mem_mb=mib(8000),
            runtime=minutes(480),
        params:
            run=run_folder,
            params=as_json(CONFIG.activations),
            parts=CONFIG.parts,
        message:
            "Codes: read with the model, keep sparse codes alone (part {wildcards.part})"
        shell:
            "photo51 encode {params.run:q} --sae {wildcards.sae:q} --with none --params {params.params:q} "
            "--part {wildcards.part}/{params.parts} --threads {threads} > {log:q} 2>&1"


rule gather_codes:
    input:
        expand("<results>/.done/encode/{{sae}}/{part}", part=PARTS),
        windows="<results>/genome/windows.parquet",
    output:
        "<results>/codes/{sae}/codes.json",
    log:
        "<logs>/gather_codes/{sae}.log",
    benchmark:
        "<benchmarks>/gather_codes/{sae}.tsv"
    priority: 20
    resources:
        mem_mb=mib(2000),
        runtime=minutes(60),
    params:
        run=run_folder,
        parts=CONFIG.parts,
    message:
        "Codes: join {wildcards.sae}"
    shell:
        "photo51 encode {params.run:q} --sae {wildcards.sae:q} --gather {params.parts} > {log:q} 2>&1"


rule features:
    input:
        codes="<results>/codes/main/codes.json",
        weights="<results>/sae/main/sae.safetensors",
        windows="<results>/genome/windows.parquet",
    output:
        table="<results>/features.h5ad",
        top="<results>/top_windows.parquet",
    log:
        "<logs>/features.log",
    benchmark:
        "<benchmarks>/features.tsv"
    priority: 30
    resources:
        mem_mb=mib(3000),
        runtime=minutes(60),
    params:
        run=run_folder,
        params=as_json(CONFIG.features),
    message:
        "Features: how often, how strongly, in how long runs, where most"
    shell:
        "photo51 features {params.run:q} --params {params.params:q} --threads {threads} > {log:q} 2>&1"


rule window_offsets:
    input:
        codes="<results>/codes/main/codes.json",
        weights="<results>/sae/main/sae.safetensors",
        windows="<results>/genome/windows.parquet",
    output:
        "<results>/window_offsets.parquet",
    log:
        "<logs>/window_offsets.log",
    benchmark:
        "<benchmarks>/window_offsets.tsv"
    priority: 30
    threads: 1
    resources:
        mem_mb=mib(4000),
        runtime=minutes(60),
    params:
        run=run_folder,
        model=model_name("model"),
        params=as_json(CONFIG.window_offsets),
    message:
        "Features: read some windows again from elsewhere"
    shell:
        "photo51 window-offsets {params.run:q} --model {params.model:q} --params {params.params:q} --threads {threads} > {log:q} 2>&1"
