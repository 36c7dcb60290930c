"""Tables of the model stage."""

from photo51.io.tables import Column, TableSpec

BURN_IN = TableSpec(
    "burn_in",
    "how far readings that begin at a place differ from readings that began long before it, at one distance from the"
    " beginning",
    {
        "site": Column("str", "where activations are read"),
        "context_from": Column("int", "fewest bases read before the base in question"),
        "context_to": Column("int", "one past the most"),
        "n": Column("int", "bases compared, all probes"),
        "error_median": Column("float", "median error (share of the activations' spread)"),
        "error_q95": Column("float", "error at 19 of 20 bases (share of the activations' spread)"),
    },
)

MODELS = TableSpec(
    "models",
    "one model that can be opened by name",
    {
        "name": Column("str", "name for `--model` and `ActivationParams.model`"),
        "parameters": Column("int", "parameters"),
        "d_model": Column("int", "width of the residual stream"),
        "blocks": Column("int", "number of blocks"),
        "context": Column("int", "longest sequence seen in training (bases)"),
        "gb": Column("float", "memory of the weights: bfloat16 for released models, float32 for shipped ones (GB)"),
        "needs_fp8": Column("bool", "whether it is exact only with 8-bit input projections (Hopper GPUs)"),
        "here": Column("bool", "whether its weights are on this machine"),
        "licence": Column("str", "licence of the weights"),
    },
)

HELDOUT = TableSpec(
    "heldout",
    "bits per base of one predictor on the held-out windows of one group",
    {
        "group": Column("str", "group of species"),
        "predictor": Column(
            "str",
            "`model`; `markov_K` (order K, all training sequence); `markov_own_K` (order K, the group's training"
            " sequence)",
        ),
        "bits": Column("float", "mean bits per base, over A, C, G and T"),
        "bits_se": Column("float", "standard error over windows"),
        "model_gains": Column("float", "mean bits per base that the model needs less than this predictor"),
        "model_gains_se": Column("float", "its standard error over windows"),
        "windows": Column("int", "windows scored"),
    },
)

HELDOUT_SOURCES = TableSpec(
    "heldout_sources",
    "bits per base on held-out windows of one source, of a group whose sequence comes from several",
    {
        "source": Column("str", "source of the sequence"),
        "group": Column("str", "group of species"),
        "species": Column("int", "held-out species with records of a window's length"),
        "windows": Column("int", "windows scored"),
        "bits": Column("float", "mean bits per base of the model"),
        "bits_se": Column("float", "standard error over windows"),
        "chain": Column("str", "the best Markov chain of the group, as in the table `heldout`"),
        "chain_bits": Column("float", "its mean bits per base"),
        "model_gains": Column("float", "mean bits per base that the model needs less than it"),
        "model_gains_se": Column("float", "its standard error over windows"),
    },
)

FRAMES = TableSpec(
    "frames",
    "how one predictor tells open reading frames of held-out genomes from one kind of copy of them",
    {
        "predictor": Column(
            "str", "`model`, or the best Markov chain of each gene's own group, as in the table `heldout`"
        ),
        "copy": Column("str", "`frame_shifted` or `codon_shuffled`"),
        "auroc": Column("float", "probability that a gene is likelier a base than a copy of any gene"),
        "paired": Column("float", "share of genes likelier than their own copy"),
        "bits_real": Column("float", "bits per base of the genes, read in frame"),
        "bits_copy": Column("float", "bits per base of the copies"),
        "genes": Column("int", "genes compared"),
    },
)

RNA_COPIES = TableSpec(
    "rna_copies",
    "how one predictor tells genes of structured RNA of held-out bacteria from copies with the same dinucleotides",
    {
        "predictor": Column("str", "`model`, or the best Markov chain of bacteria, as in the table `heldout`"),
        "kind": Column("str", "`tRNA`, or `rRNA` (pieces of 200 bases; 5S rRNA whole)"),
        "auroc": Column("float", "probability that a gene is likelier a base than a copy of any gene of its kind"),
        "paired": Column("float", "share of genes likelier than their own copy"),
        "bits_real": Column("float", "bits per base of the genes, each after what stands before it"),
        "bits_copy": Column("float", "bits per base of the copies, in the same place"),
        "genes": Column("int", "genes compared"),
    },
)
