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
            store=activation_folder,
            sae=subpath(input.weights, parent=True),
            folder=lambda wildcards: f"results/{CONFIG.run}/codes/{wildcards.sae}",
            parts=CONFIG.parts,
        message:
            "Codes: sparse codes of every scored base ({wildcards.sae}, part {wildcards.part})"
        shell:
            "photo51 encode {params.store:q} {params.sae:q} {params.folder:q} --part {wildcards.part}/{params.parts} "
            "--threads {threads} > {log:q} 2>&1"

else:

    rule encode_model:
        input:
            model_files,
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
            genomes=subpath(input.windows, parent=True),
            sae=subpath(input.weights, parent=True),
            folder=lambda wildcards: f"results/{CONFIG.run}/codes/{wildcards.sae}",
            params=as_json(CONFIG.activations),
            parts=CONFIG.parts,
        message:
            "Codes: read with the model, keep sparse codes alone (part {wildcards.part})"
        shell:
            "photo51 encode-model {params.genomes:q} {params.sae:q} {params.folder:q} --params {params.params:q} "
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
        genomes=subpath(input.windows, parent=True),
        folder=subpath(output[0], parent=True),
    message:
        "Codes: join {wildcards.sae}"
    shell:
        "photo51 gather-codes {params.folder:q} {params.genomes:q} > {log:q} 2>&1"


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
        codes=subpath(input.codes, parent=True),
        sae=subpath(input.weights, parent=True),
        genomes=subpath(input.windows, parent=True),
        params=as_json(CONFIG.features),
    message:
        "Features: how often, how strongly, in how long runs, where most"
    shell:
        "photo51 features {params.codes:q} {params.sae:q} {params.genomes:q} {output.table:q} "
        "--params {params.params:q} > {log:q} 2>&1"


rule retile:
    input:
        codes="<results>/codes/main/codes.json",
        weights="<results>/sae/main/sae.safetensors",
        windows="<results>/genome/windows.parquet",
    output:
        "<results>/retiled.parquet",
    log:
        "<logs>/retile.log",
    benchmark:
        "<benchmarks>/retile.tsv"
    priority: 30
    threads: 1
    resources:
        mem_mb=mib(4000),
        runtime=minutes(60),
    params:
        codes=subpath(input.codes, parent=True),
        sae=subpath(input.weights, parent=True),
        genomes=subpath(input.windows, parent=True),
        model=model_name("model"),
        params=as_json(CONFIG.retile),
    message:
        "Features: read some windows again from elsewhere"
    shell:
        "photo51 retile {params.genomes:q} {params.sae:q} {params.codes:q} {output:q} --model {params.model:q} "
        "--params {params.params:q} --threads {threads} > {log:q} 2>&1"
