rule words:
    input:
        model_files,
        tested_model,
        words=[w for w in CONFIG.learnt.words if Path(w).is_file()],
    output:
        "<results>/learnt/words/words.parquet",
    log:
        "<logs>/learnt/words.log",
    benchmark:
        "<benchmarks>/learnt/words.tsv"
    threads: 1
    resources:
        mem_mb=mib(4000),
        runtime=minutes(120),
    params:
        model=CONFIG.activations.model,
        words=asked_words,
        out=subpath(output[0], parent=True),
        params=as_json(CONFIG.learnt.words_params),
    message:
        "Words: expected occurrences in what the model writes"
    shell:
        "photo51 words {params.model:q} {params.words} --params {params.params:q} --threads {threads} "
        "--out {params.out:q} > {log:q} 2>&1"


rule diff:
    input:
        model_files,
        tested_model,
        before=before_files,
        genomes="<results>/genome/sequences.fa",
    output:
        windows="<results>/learnt/diff/windows.parquet",
        positions="<results>/learnt/diff/positions.parquet",
        gate="<results>/learnt/diff/gate.parquet",
    log:
        "<logs>/learnt/diff.log",
    benchmark:
        "<benchmarks>/learnt/diff.tsv"
    threads: 1
    resources:
        mem_mb=mib(4000),
        runtime=minutes(120),
    params:
        before=CONFIG.learnt.before,
        out=subpath(output.windows, parent=True),
        model=CONFIG.activations.model,
        params=as_json(CONFIG.learnt.diff_params),
    message:
        "Difference: the run's model against another one"
    shell:
        "photo51 diff {params.before:q} {params.model:q} --genomes {input.genomes:q} --params {params.params:q} "
        "--threads {threads} --out {params.out:q} > {log:q} 2>&1"


rule memory:
    input:
        model_files,
        tested_model,
        corpus=CONFIG.learnt.memory or [],
        unseen=CONFIG.learnt.unseen or [],
    output:
        classes="<results>/learnt/memory/classes.parquet",
        sequences="<results>/learnt/memory/memory.parquet",
    log:
        "<logs>/learnt/memory.log",
    benchmark:
        "<benchmarks>/learnt/memory.tsv"
    threads: 1
    resources:
        mem_mb=mib(4000),
        runtime=minutes(120),
    params:
        model=CONFIG.activations.model,
        unseen=option("--unseen", CONFIG.learnt.unseen),
        out=subpath(output.classes, parent=True),
        params=as_json(CONFIG.learnt.memory_params),
    message:
        "Memory: what the model recites of its corpus"
    shell:
        "photo51 memory {params.model:q} {input.corpus:q} {params.unseen} --params {params.params:q} "
        "--threads {threads} --out {params.out:q} > {log:q} 2>&1"


rule debug_data:
    input:
        model_files,
        tested_model,
        corpus=CONFIG.learnt.debug or [],
        vectors=CONFIG.learnt.vectors or [],
        reference="<results>/genome/sequences.fa",
    output:
        records="<results>/learnt/debug-data/records.parquet",
        disparity="<results>/learnt/debug-data/disparity.parquet",
    log:
        "<logs>/learnt/debug-data.log",
    benchmark:
        "<benchmarks>/learnt/debug-data.tsv"
    threads: 1
    resources:
        mem_mb=mib(4000),
        runtime=minutes(120),
    params:
        model=CONFIG.activations.model,
        vectors=option("--vectors", CONFIG.learnt.vectors),
        out=subpath(output.records, parent=True),
        params=as_json(CONFIG.learnt.debug_params),
    message:
        "Corpus: what it would teach the run's model"
    shell:
        "photo51 debug-data {input.corpus:q} {params.model:q} --reference {input.reference:q} {params.vectors} "
        "--params {params.params:q} --threads {threads} --out {params.out:q} > {log:q} 2>&1"
