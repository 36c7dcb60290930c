"""Tables of the SAE stage."""

from photo51.io.tables import Column, TableSpec

TRAINING = TableSpec(
    "training",
    "one training step",
    {
        "step": Column("int", "step, from 0"),
        "tokens": Column("int", "bases learnt from up to and including this step"),
        "loss": Column("float", "mean squared error per base over the variance of the sample"),
        "variance_explained": Column("float", "1 - loss, on this step's bases before learning from them"),
        "l0": Column("float", "active features per base"),
        "dead": Column("float", "share of features that were not active for `dead_after` bases"),
        "gradient": Column("float", "length of the gradient before clipping"),
        "rate": Column("float", "learning rate"),
    },
)

QUALITY = TableSpec(
    "quality",
    "one dictionary on held-out bases",
    {
        "dictionary": Column("str", "what was measured: the SAE or a baseline"),
        "split": Column("str", "split of the bases"),
        "n_features": Column("int", "width"),
        "rows": Column("int", "bases measured, both strands counted"),
        "variance_explained": Column("float", "1 - squared error over variance, summed in float64"),
        "l0": Column("float", "active features per base"),
        "dead": Column("float", "share of features never active"),
        "dense": Column("float", "share of features active on more than a tenth of bases"),
        "stability": Column(
            "float",
            "share of features that have a mutual nearest direction at cosine > 0.7 in another seed's dictionary",
            required=False,
        ),
        "seed_match_live": Column(
            "float",
            "share of live features that other seeds find again (cosine and correlation 0.8 or more), mean over seeds",
            required=False,
        ),
        "decoder": Column(
            "str", "what its decoder rows were made of; empty for baselines and dictionaries of others", required=False
        ),
        "recovered": Column("float", "cross-entropy recovered when patched into the model, all bases", required=False),
    },
)

DENSITY = TableSpec(
    "density",
    "one feature",
    {
        "feature": Column("int", "number of the feature"),
        "density": Column("float", "share of bases at which it is active"),
        "mean": Column("float", "mean code where it is active; 0 if never"),
        "max": Column("float", "largest code"),
    },
)

STABILITY = TableSpec(
    "stability",
    "one feature and its nearest in a dictionary of another seed",
    {
        "other": Column("str", "the other dictionary"),
        "feature": Column("int", "number of the feature"),
        "partner": Column("int", "feature of the other dictionary whose direction is nearest"),
        "cosine": Column("float", "cosine of the two directions"),
        "mutual": Column("bool", "whether the partner's nearest direction is this feature's"),
        "correlation": Column(
            "float", "Pearson correlation of the two codes on held-out bases (NaN where one is never active)"
        ),
    },
)

FOUND_AGAIN = TableSpec(
    "found_again",
    "one feature, and whether dictionaries of other seeds have it",
    {
        "feature": Column("int", "number of the feature"),
        "live": Column("bool", "active anywhere on the held-out bases"),
        "match": Column(
            "float",
            "share of other seeds in which it is found: cosine of directions and correlation of activations both 0.8 or"
            " more",
        ),
        "match_cosine": Column("float", "cosine to the nearest direction, mean over other seeds"),
        "match_correlation": Column(
            "float", "correlation of activations with it, mean over other seeds; NaN: never active"
        ),
        "partners": Column("str", "seed:feature of each match, joined by commas"),
    },
)

SWEEP = TableSpec(
    "sweep",
    "one dictionary of a sweep",
    {
        "variant": Column("str", "sparsity rule"),
        "n_features": Column("int", "width"),
        "k": Column("int", "active features per base asked for"),
        "seed": Column("int", "seed of the first dictionary"),
        "learning_rate": Column("float", "Adam's rate"),
        "variance_explained": Column("float", "on the select split"),
        "l0": Column("float", "active features per base on the select split"),
        "dead": Column("float", "share of features never active there"),
        "dense": Column("float", "share of features active on more than a tenth of bases"),
        "stability": Column("float", "seed stability (NaN with one seed)"),
        "passed": Column("bool", "whether all gates are passed"),
        "failed_gates": Column("str", "gates it fails, comma-separated"),
        "chosen": Column("bool", "the one that was chosen"),
    },
)
