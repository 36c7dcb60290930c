"""Tables of the geometry stage."""

from photo51.io.tables import Column, TableSpec

MANIFOLDS = TableSpec(
    "manifolds",
    "one cluster of features that fire together, whatever it turned out to be",
    {
        "cluster": Column("int", "number of the cluster, from the largest"),
        "shape": Column(
            "str", "loop, torus, sphere, arc, branched, states, blob; module or unresolved are no manifolds"
        ),
        "manifold": Column("bool", "whether it may be called a manifold"),
        "label": Column("str", "manifold, module or unresolved", required=False),
        "meaning": Column(
            "str",
            "the quantity its coordinate follows at the run's FDR; empty: none",
            required=False,
        ),
        "meaning_effect": Column("float", "share of that quantity's variance, on held-out blocks", required=False),
        "meaning_kmer": Column("float", "the same from the last six bases", required=False),
        "meaning_q": Column("float", "FDR over all coordinates and quantities", required=False),
        "why": Column("str", "the deciding measure, in words"),
        "n_features": Column("int", "members"),
        "features": Column("str", "members, comma-separated, along the coordinate where there is one"),
        "n_tokens": Column("int", "tokens (bases × strands) measured in which a member fires"),
        "module": Column("int", "module the cluster was cut from; −1 where it is the module itself"),
        "q_dependence": Column("float", "FDR over clusters: members depend on one another beyond their shared context"),
        "q_hole": Column("float", "FDR over clusters: the loop or cavity exceeds that of circularly shifted features"),
        "dependence": Column("float", "mean share of variance of a member explained by another, given one is on"),
        "dependence_null": Column("float", "95 % quantile of it under the null"),
        "dimension_two_nn": Column("float", "intrinsic dimension, TwoNN"),
        "dimension_tle": Column("float", "intrinsic dimension, tight local estimator"),
        "dimension_null": Column("float", "mean of the two estimators under the null"),
        "span": Column("int", "principal axes that hold 98 % of the variance"),
        "span_null": Column("float", "the same under the null (mean)"),
        "pieces": Column("int", "Betti number 0: parts with nothing between them"),
        "loops": Column("int", "Betti number 1"),
        "cavities": Column("int", "Betti number 2"),
        "longest_loop": Column("float", "longest bar of dimension 1 (radii of the cloud)"),
        "longest_loop_null": Column("float", "95 % quantile of it under the null (radii)"),
        "longest_cavity": Column("float", "longest bar of dimension 2 (radii)"),
        "longest_cavity_null": Column("float", "95 % quantile of it under the null (radii); nan where not needed"),
        "agreement": Column("float", "share of resamples with the same holes"),
        "tips": Column("int", "ends beyond two of a one-dimensional cluster"),
        "restricted_r2": Column(
            "float",
            "variance of the activation in the span explained by the members, held out; nan without activations",
        ),
        "restricted_r2_null": Column("float", "the same with circularly shifted members (mean)"),
        "regime": Column("str", "capture, tiling or dilution"),
        "share_on": Column("float", "median share of the cluster's tokens in which a member fires"),
        "flatness": Column("float", "chord over path of far points; 1 is flat"),
        "turns": Column("float", "total curvature along the coordinate (full turns)"),
        "coordinate": Column("str", "angle, place or none"),
        "coordinate_method": Column("str", "principal plane, cohomology or diffusion map"),
        "coordinate_check": Column("float", "agreement of an angle with persistent cohomology"),
        "coordinate_stability": Column("float", "agreement of coordinates fitted on either half of the blocks"),
    },
)

POINTS = TableSpec(
    "manifold_points",
    "one token on one manifold",
    {
        "cluster": Column("int", "number of the cluster"),
        "row": Column("int", "row of the workspace"),
        "strand": Column("str", "reading direction: + or -"),
        "genome": Column("str", "genome of the run", required=False),
        "chrom": Column("str", "contig", required=False),
        "position": Column("int", "0-based base on the forward strand", required=False),
        "block": Column("int", "block of the workspace"),
        "coordinate": Column("float", "angle (radians) or place (0 … 1); nan where the shape has none"),
        "axis_1": Column("float", "first principal axis of the cluster's points"),
        "axis_2": Column("float", "second principal axis; 0 where there is none"),
        "axis_3": Column("float", "third principal axis; 0 where there is none"),
    },
)

MEANING = TableSpec(
    "meaning",
    "one coordinate against one quantity of biology",
    {
        "cluster": Column("int", "number of the cluster"),
        "shape": Column("str", "its shape"),
        "quantity": Column("str", "what the coordinate is tested against"),
        "kind": Column("str", "linear, angle or class"),
        "n": Column("int", "tokens on the manifold where the quantity is known"),
        "effect": Column("float", "share of the quantity's variance that the coordinate explains on held-out blocks"),
        "effect_kmer": Column("float", "the same explained by the last six bases; nan where not asked for"),
        "choice": Column(
            "float",
            "effect within the blocks that effect is learnt on, by which one quantity is chosen for a coordinate",
        ),
        "choice_kmer": Column("float", "the same explained by the last six bases; nan where not asked for"),
        "effect_random_weights": Column(
            "float", "best cluster of the random-weight model, whatever its shape; nan where not given"
        ),
        "effect_direct": Column(
            "float",
            "a coordinate of the raw activations at the same tokens, in as many dimensions; nan where not given",
            required=False,
        ),
        "effect_subspaces": Column(
            "float",
            "best of as many groups of tokens found in the raw activations; nan where not given",
            required=False,
        ),
        "choice_direct": Column(
            "float", "as choice, of the coordinate of the raw activations; nan where not given", required=False
        ),
        "choice_subspaces": Column(
            "float", "as choice, of the best group found in the raw activations; nan where not given", required=False
        ),
        "z": Column("float", "association in standard deviations of its rotation null"),
        "p": Column("float", "upper-tail p under rotation of the blocks"),
        "q": Column("float", "FDR over all coordinates and quantities of the run"),
        "followed": Column("bool", "the one quantity that the coordinate is said to follow"),
    },
)

POSITIVE_CONTROLS = TableSpec(
    "positive_controls",
    "one positive control",
    {
        "control": Column("str", "name of the control"),
        "what": Column("str", "what must be there, in words"),
        "score": Column("float", "score of the model's features"),
        "unit": Column("str", "what the score is"),
        "baseline": Column("float", "score of the k-mer baseline; nan where there is none"),
        "random_weights": Column("float", "score of a model with random weights; nan where not given"),
        "null": Column("float", "score under the null (mean, or 95 % quantile as the note says)"),
        "p": Column("float", "p of the score under the null; nan where there is none"),
        "verdict": Column("str", "shown, not shown, or not tested"),
        "note": Column("str", "what was found, in words"),
    },
)

FRAMESHIFT = TableSpec(
    "frameshift",
    "one change in the middle of genes, and how far the model's reading frame turns after it",
    {
        "arm": Column("str", "insertion (of one base), insertion_of_three, substitution"),
        "rotation": Column(
            "float",
            "mean turn of the angle at a fixed place after the change (degrees); one inserted base: −120 if kept",
        ),
        "low": Column("float", "lower 95 % limit, genes resampled (degrees)"),
        "high": Column("float", "upper 95 % limit (degrees)"),
        "agreement": Column("float", "length of the mean turn: 1 where all bases of all genes turn alike"),
        "rotation_before": Column("float", "the same before the change: 0 in a model that reads one way (degrees)"),
        "kept_bases": Column("int", "bases after the change until the frame at a base is nearer the new one"),
        "genes": Column("int", "genes"),
    },
)

FRAMESHIFT_PROFILE = TableSpec(
    "frameshift_profile",
    "one offset from the change",
    {
        "arm": Column("str", "as in the frameshift table"),
        "offset": Column("int", "bases from the change; 0 is the first base after it"),
        "turn_at_place": Column("float", "mean turn at the same place of the sequence (degrees)"),
        "turn_at_base": Column("float", "mean turn at the same base, which insertions move (degrees)"),
        "agreement_at_place": Column("float", "length of the mean turn at a place"),
        "agreement_at_base": Column("float", "length of the mean turn at a base"),
    },
)
