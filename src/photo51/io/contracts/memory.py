"""Tables of what a model recites, and of edits against it."""

from photo51.io.tables import Column, TableSpec

MEMORY = TableSpec(
    "memory",
    "one sequence that a model may recite: a canary, a repeat of the corpus, or a reference",
    {
        "name": Column("str", "name of the canary, or place of a repeat's first copy (`contig:first-last`, 1-based)"),
        "kind": Column("str", "`canary`, `repeat`, or the reference of either: `unseen canary`, `reference`"),
        "copies": Column("int", "copies in the corpus on both strands; 0 for what is unseen"),
        "strand": Column("str", "strand on which the model knows it better"),
        "bits": Column("float", "surprisal of all its bases on that strand (bits a base)"),
        "bits_suffix": Column("float", "surprisal of the suffix given the prefix (bits, all its bases together)"),
        "exposure": Column(
            "float", "log2 of the number of references over its rank among them by bits; NaN for references"
        ),
        "exposure_markov": Column("float", "baseline: the same by a Markov chain fitted to the references"),
        "exposure_fresh": Column("float", "control: the same by fresh weights; NaN where not asked for"),
        "p": Column("float", "share of references, itself included, that have as few bits"),
        "q": Column("float", "Benjamini-Hochberg over all but references"),
        "greedy_exact": Column("bool", "whether the likeliest continuation of the prefix is the suffix"),
        "greedy_similarity": Column("float", "1 - edit distance / length between that continuation and the suffix"),
    },
)

MEMORY_CLASSES = TableSpec(
    "memory_classes",
    "sequences of one kind and one range of copy number",
    {
        "kind": Column("str", "`canary` or `repeat`"),
        "copies": Column("str", "range of copy number"),
        "n": Column("int", "sequences"),
        "bits": Column("float", "mean surprisal (bits a base)"),
        "reference_bits": Column("float", "mean surprisal of the references"),
        "gap": Column("float", "reference_bits - bits: how much better the class is known"),
        "low": Column("float", "lower 95 % confidence limit of gap (Welch)"),
        "high": Column("float", "upper 95 % confidence limit"),
        "p": Column("float", "one-sided rank test against the references"),
        "q": Column("float", "Benjamini-Hochberg over classes"),
        "gap_markov": Column("float", "baseline: the gap under a Markov chain fitted to the references"),
        "gap_fresh": Column("float", "control: the gap under fresh weights; NaN where not asked for"),
        "recitation": Column("float", "mean probability of the whole suffix given the prefix"),
        "reference_recitation": Column("float", "the same of the references"),
        "greedy_exact": Column("float", "share whose suffix is the likeliest continuation"),
        "greedy_similar": Column("float", "share within a quarter of the length in edit distance"),
    },
)

PRUNED = TableSpec(
    "pruned",
    "one dense matrix: what the edit keeps of it",
    {
        "matrix": Column("str", "name of the weight"),
        "rows": Column("int", "outputs"),
        "columns": Column("int", "inputs"),
        "entries": Column("int", "entries in the rotated basis"),
        "entries_kept": Column("int", "entries that stay"),
        "mass": Column("float", "share of curvature that the kept entries hold (the threshold)"),
        "change": Column("float", "norm of the change over the norm of the matrix"),
    },
)

UNEDITED = TableSpec(
    "unedited",
    "one weight that the edit leaves as it is",
    {
        "weight": Column("str", "name of the weight"),
        "parameters": Column("int", "numbers in it"),
        "reason": Column("str", "why it is left"),
    },
)

PRUNE_ARMS = TableSpec(
    "prune_arms",
    "one edit: what it does to held-out sequence and to what is to be forgotten",
    {
        "arm": Column("str", "`none`, `curvature`, or a control with as many entries kept in each matrix"),
        "kept": Column("float", "share of entries kept"),
        "bits": Column("float", "held-out surprisal (bits a base)"),
        "change": Column("float", "relative change of held-out surprisal"),
        "low": Column("float", "lower 95 % confidence limit of the change, windows as blocks"),
        "high": Column("float", "upper 95 % confidence limit"),
        "other_bits": Column("float", "surprisal on sequence of another clade (bits a base); NaN without"),
        "other_change": Column("float", "its relative change; NaN without"),
        "forget_bits": Column("float", "surprisal of what is to be forgotten (bits a base); NaN without"),
        "gap_removed": Column("float", "share of its gap to the references that is gone; NaN without"),
        "recitation": Column("float", "mean probability of the suffix given the prefix; NaN without"),
        "works": Column("bool", "whether the tolerance is met and most of the gap is gone (or entries dropped)"),
    },
)
