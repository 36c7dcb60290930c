# Not part of a run: a model from genomes, `photo51 run CONFIG -- pretrained, where CONFIG lists the FASTA files in `corpus` and the parameters in `pretrain``.
rule corpus:
    input:
        recipe=CONFIG.recipe,
        sequences=list(CONFIG.corpus),
    output:
        directory("<results>/corpus"),
    log:
        "<logs>/corpus.log",
    benchmark:
        "<benchmarks>/corpus.tsv"
    threads: 1
    resources:
        mem_mb=mib(4000),
        runtime=minutes(60),
    params:
        aliases=" ".join(
            option("--alias", f"{a}={b}") for a, b in CONFIG.corpus_names.items()
        ),
    message:
        "Pretraining: find the sequences of the recipe in the files at hand"
    shell:
        "photo51 corpus {input.recipe:q} {output:q} {input.sequences:q} {params.aliases} > {log:q} 2>&1"


rule pretrain:
    input:
        start_files,
        corpus="<results>/corpus",
    output:
        "<results>/pretrained/model/model.safetensors",
    log:
        "<logs>/pretrain.log",
    benchmark:
        "<benchmarks>/pretrain.tsv"
    threads: 8
    resources:
        mem_mb=mib(8000),
        runtime=minutes(1440),
    params:
        folder=subpath(output[0], ancestor=2),
        params=as_json(CONFIG.pretrain),
    message:
        "Pretraining: train a StripedHyena; resumes from its newest checkpoint"
    shell:
        "photo51 pretrain {input.corpus:q} {params.folder:q} --params {params.params:q} --threads {threads} > {log:q} 2>&1"


rule model_card:
    input:
        corpus="<results>/corpus",
        weights="<results>/pretrained/model/model.safetensors",
    output:
        "<results>/pretrained/model/README.md",
    log:
        "<logs>/model_card.log",
    benchmark:
        "<benchmarks>/model_card.tsv"
    threads: 1
    resources:
        mem_mb=mib(6000),
        runtime=minutes(120),
    params:
        model=subpath(input.weights, parent=True),
    message:
        "Pretraining: what the model has learnt, compared with Markov models of the same data"
    shell:
        "photo51 model-card {params.model:q} {input.corpus:q} > {log:q} 2>&1"


rule pretrained:
    input:
        "<results>/pretrained/model/README.md",
