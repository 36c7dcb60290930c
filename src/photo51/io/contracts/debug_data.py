"""Tables of what a corpus would teach."""

from photo51.io.tables import Column, TableSpec

DISPARITY = TableSpec(
    "disparity",
    "one cluster of features: how the corpus differs in it",
    {
        "cluster": Column("int", "cluster of features that fire together"),
        "features": Column("str", "its features, the strongest in the corpus first, ten at most"),
        "n_features": Column("int", "features in it"),
        "d_reference": Column(
            "float", "mean of the corpus less that of the reference, in standard deviations of the reference"
        ),
        "low": Column("float", "lower 95 % confidence limit (Welch, records as blocks)"),
        "high": Column("float", "upper 95 % confidence limit"),
        "p": Column("float", "two-sided Welch test"),
        "q": Column("float", "Benjamini-Hochberg over clusters"),
        "halves_agree": Column("bool", "whether odd and even records have the same sign"),
        "d_partial": Column("float", "the same after composition (GC, dinucleotides) is taken out"),
        "d_own": Column(
            "float",
            "what records write after a prompt less what the model writes, in the same units; NaN if not asked for",
        ),
        "d_surprise": Column(
            "float",
            "activation weighted by surprisal less entropy, corpus less reference, in standard deviations",
        ),
        "reading": Column(
            "str",
            "`composition` where taking composition out leaves less than 0.2, else `content`, or `none`",
        ),
    },
)

RECORDS = TableSpec(
    "records",
    "one record of the corpus, the most outlying first",
    {
        "record": Column("str", "name of the record"),
        "length": Column("int", "its bases"),
        "score": Column(
            "float", "what records are ranked by: the largest of d_shared, d_clade, d_features / 3 and d_residual / 3"
        ),
        "d_clade": Column(
            "float",
            "how much better the model knows it than the reference's 6-mers do: surprisal under these above what the"
            " model's leads to expect (robust sd)",
        ),
        "d_features": Column(
            "float", "distance of its features from the reference's, composition taken out (robust sd)"
        ),
        "d_residual": Column(
            "float", "variance that the dictionary leaves unexplained, beyond the reference's (robust sd)"
        ),
        "d_shared": Column("float", "traced words: 1,000 plus the share of its bases; 0 without"),
        "d_bits": Column("float", "baseline: surprisal, either side of the reference's (robust sd)"),
        "d_words": Column(
            "float", "baseline: surprisal under the reference's 6-mers, either side of its own (robust sd)"
        ),
        "d_match": Column("float", "baseline: longest exact match with the vectors (bases); NaN without vectors"),
        "d_composition": Column("float", "distance of its GC content (robust sd)"),
        "entropy": Column("float", "entropy of its 3-mers (bits)"),
        "copies": Column("int", "records, itself included, that hold most of its sequence"),
        "cause": Column("str", "`vector`, `duplicate`, `repeat`, `low complexity`, `foreign`, `composition` or `none`"),
        "action": Column("str", "proposed: `drop`, `weight`, `tag` or `keep`; nothing is deleted"),
        "weight": Column("float", "proposed weight in training: 0 for drop, 1 / copies for weight, else 1"),
        "reason": Column("str", "why, in words"),
        "predicted": Column(
            "float",
            "change of the corpus's distance from the reference if the action is taken (standard deviations)",
        ),
    },
)

SPANS = TableSpec(
    "spans",
    "one span that records share, or that matches a vector",
    {
        "cluster": Column("int", "spans that share words"),
        "record": Column("str", "record"),
        "start": Column("int", "first base (0-based)"),
        "end": Column("int", "one past the last base"),
        "records": Column("int", "records of the cluster"),
        "vector": Column("str", "record of the FASTA file of vectors that shares words with it; empty without"),
        "sequence": Column("str", "its bases, the first 80"),
    },
)
