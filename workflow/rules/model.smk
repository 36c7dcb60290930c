rule activations:
    input:
        model_files,
        tested_model,
        "<results>/genome/workspace.parquet",
        windows="<results>/genome/windows.parquet",
        sequences="<results>/genome/sequences.fa",
    output:
        touch("<results>/.done/activations/{source}/{part}"),
    log:
        "<logs>/activations/{source}-{part}.log",
    benchmark:
        "<benchmarks>/activations/{source}-{part}.tsv"
    threads: 1
    resources:
        mem_mb=mib(4000),
        runtime=minutes(240),
    params:
        run=run_folder,
        params=activation_params,
        parts=CONFIG.parts,
    message:
        "Model: activations of every scored base on both strands ({wildcards.source}, part {wildcards.part})"
    shell:
        "photo51 activations {params.run:q} --source {wildcards.source:q} --part {wildcards.part}/{params.parts} "
        "--params {params.params:q} --threads {threads} > {log:q} 2>&1"


rule selftest:
    input:
        model_files,
        published_files,
        windows="<results>/genome/windows.parquet",
        sequences="<results>/genome/sequences.fa",
    output:
        "<results>/model/selftest.json",
    log:
        "<logs>/selftest.log",
    benchmark:
        "<benchmarks>/selftest.tsv"
    threads: 1
    resources:
        mem_mb=mib(4000),
        runtime=minutes(30),
    params:
        run=run_folder,
        model=CONFIG.activations.model,
        published=published_figures,
    message:
        "Model: is it causal, the same in any batch, and does it know what it should?"
    shell:
        "photo51 selftest {params.run:q} --model {params.model:q} {params.published} --threads {threads} > {log:q} 2>&1"
