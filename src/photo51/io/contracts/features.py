"""Tables of the features stage."""

from photo51.io.tables import Column, TableSpec

FEATURES = TableSpec(
    "features",
    "one feature of the dictionary (`obs` of features.h5ad)",
    {
        "feature": Column("int", "number of the feature"),
        "alive": Column("bool", "whether it is active anywhere in the workspace"),
        "density": Column("float", "share of scored bases at which it is active, both strands pooled"),
        "density_plus": Column("float", "the same, reading strand +"),
        "density_minus": Column("float", "the same, reading strand -"),
        "n_active": Column("int", "active (base, strand) pairs"),
        "n_runs": Column("int", "segments of consecutive active bases on one strand"),
        "mean_run": Column("float", "mean length of a run (bases)"),
        "mean_active": Column("float", "mean activation where active"),
        "q50": Column("float", "median activation where active"),
        "q99": Column("float", "99th percentile of the activation where active: one unit of strength in interventions"),
        "maximum": Column("float", "largest activation"),
        "strand_correlation": Column(
            "float", "Pearson correlation of its activations on the two strands, base by base"
        ),
        "n_blocks": Column("int", "blocks of the workspace in which it is active"),
    },
)

TOP_WINDOWS = TableSpec(
    "top_windows",
    "one of the strongest runs of a feature",
    {
        "feature": Column("int", "number of the feature"),
        "rank": Column("int", "0 is the strongest"),
        "genome": Column("str", "genome of the run"),
        "chrom": Column("str", "contig"),
        "start": Column("int", "first base of the run, 0-based, forward"),
        "end": Column("int", "one past its last base"),
        "peak": Column("int", "base of its largest activation, 0-based, forward"),
        "strand": Column("str", "direction of reading"),
        "value": Column("float", "its largest activation"),
        "row": Column("int", "workspace row of the peak"),
        "split": Column("str", "split of its block"),
    },
)

WINDOW_OFFSETS = TableSpec(
    "window_offsets",
    "one feature of the dictionary, read twice by windows that begin at different places",
    {
        "feature": Column("int", "number of the feature"),
        "bases": Column("int", "(base, strand) pairs read twice"),
        "active": Column("int", "of these, pairs at which the feature is active in the run"),
        "r": Column("float", "Pearson correlation of both readings, base by base; NaN where one of them is silent"),
    },
)

LOSSES = TableSpec(
    "losses",
    "surprisal of one held-out base on one strand, with a site as it is, reconstructed, and constant",
    {
        "row": Column("int", "row of the workspace"),
        "strand": Column("str", "direction of reading: + or -"),
        "nats_original": Column("float", "surprisal with the site as it is (nats); NaN for ambiguous bases"),
        "nats_spliced": Column("float", "surprisal with the site replaced by its reconstruction (nats)"),
        "nats_constant": Column("float", "surprisal with the site replaced by its mean (nats)"),
    },
)

FIDELITY = TableSpec(
    "fidelity",
    "cross-entropy of a class of held-out bases, with a site as it is, reconstructed, and constant",
    {
        "bases": Column("str", "class of bases: all, coding, noncoding"),
        "n": Column("int", "(base, strand) pairs scored"),
        "nats_original": Column("float", "mean surprisal with the site as it is (nats)"),
        "nats_spliced": Column("float", "mean surprisal with the site replaced by its reconstruction (nats)"),
        "nats_constant": Column("float", "mean surprisal with the site replaced by its mean (nats)"),
        "recovered": Column(
            "float",
            "share of the difference between constant and original that the reconstruction keeps; NaN where the"
            " constant costs no more than chance does",
        ),
    },
)
