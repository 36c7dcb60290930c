"""Tables of the enrichment stage."""

from photo51.io.tables import Column, TableSpec

_FEATURE = Column("int", "number of the feature")
_ANNOTATION = Column("str", "annotation class")
_STRAND = Column(
    "str",
    "sense: codes of an annotation's own strand; antisense: of the other; either: strand forgotten",
)
_FRAME = Column("int", "codon position 1, 2 or 3; -1 for classes that have none")

_FEW = {
    "evaluation": Column(
        "str",
        "held-out blocks: one test split; cross-validated: each fold of blocks held out once, counts pooled, the unit"
        " is the one most folds chose; among copies: the same where all instances are copies of one another",
        required=False,
    ),
    "n_instances": Column("int", "instances of the class as annotated, in all splits", required=False),
    "recall_lo": Column("float", "lower exact 95 % limit of recall_domain (Clopper–Pearson)", required=False),
    "recall_hi": Column("float", "upper exact 95 % limit of recall_domain", required=False),
    "n_calls": Column(
        "int",
        "called domains: active bases joined where they are within half the class's median length",
        required=False,
    ),
    "precision_calls": Column("float", "share of called domains that touch the class", required=False),
    "precision_calls_lo": Column("float", "lower exact 95 % limit of precision_calls", required=False),
    "precision_calls_hi": Column("float", "upper exact 95 % limit of precision_calls", required=False),
    "p_instances": Column(
        "float",
        "share of circular shifts of the class's instances at which choosing and judging again reaches f1_domain; NaN"
        " where there is a test split",
        required=False,
    ),
}

INSTANCES = TableSpec(
    "instances",
    "one readout against one class with few instances, chosen on some blocks or genomes and judged on the others",
    {
        "readout": Column("str", "what is read, as in concepts"),
        "annotation": _ANNOTATION,
        "strand": _STRAND,
        "evaluation": Column("str", "cross-validated, among copies (as in concepts), or across genomes"),
        "held_out": Column("str", "genome that was held out; empty: all folds pooled"),
        "feature": Column("int", "unit that most folds chose; -1: none hit an instance where it was to be chosen"),
        "unit": Column("str", "its name"),
        "n_instances": Column("int", "instances judged"),
        "n_groups": Column("int", "groups of instances that can be held out apart"),
        "n_folds": Column("int", "folds"),
        "n_hit": Column("int", "instances with an active base of their fold's choice"),
        "recall_domain": Column("float", "n_hit / n_instances"),
        "precision_bp": Column("float", "share of active bases inside"),
        "f1_domain": Column("float", "harmonic mean of precision_bp and recall_domain"),
        "status": Column("str", "scored, or what must be known of it"),
        **{name: column for name, column in _FEW.items() if name not in {"evaluation", "n_instances"}},
    },
)

REGIONS = TableSpec(
    "regions",
    "one way of describing windows, telling a long, rare class from its flanks; each instance held out once",
    {
        "annotation": _ANNOTATION,
        "representation": Column("str", "features: all of the dictionary; best feature; 6-mers; GC; empty: not scored"),
        "feature": Column("int", "feature that most folds chose, for best feature; else -1"),
        "n_instances": Column("int", "instances as annotated"),
        "n_groups": Column("int", "groups of instances that are no copies of each other"),
        "window": Column("int", "length of a window (bases)"),
        "n_tested": Column("int", "instances with flanks"),
        "n_told": Column("int", "instances with an AUROC above one half"),
        "told_lo": Column("float", "lower exact 95 % limit of n_told / n_tested (Clopper–Pearson)"),
        "told_hi": Column("float", "upper exact 95 % limit"),
        "auroc": Column("float", "mean over instances of the AUROC of its windows over its flanks'"),
        "auroc_least": Column("float", "least of them"),
        "p": Column("float", "share of circular shifts of all instances that reach auroc; NaN for baselines"),
        "status": Column("str", "scored, or why not"),
    },
)

ENRICHMENT = TableSpec(
    "enrichment",
    "one feature against one annotation class: every pair is here, tested or with the reason why not",
    {
        "feature": _FEATURE,
        "annotation": _ANNOTATION,
        "strand": _STRAND,
        "frame": _FRAME,
        "status": Column("str", "tested, or why the pair could not be"),
        "n_runs": Column("int", "segments of consecutive active bases of the feature, both strands"),
        "n_active": Column("int", "active bases of the feature, both strands"),
        "n_eff": Column("float", "independent draws that would vary as much as the feature does under rotation"),
        "n_intervals": Column("int", "intervals of the class in the workspace"),
        "coverage": Column("float", "share of (base, strand) pairs the class marks"),
        "workspace_bp": Column("int", "scored bases of the forward strand"),
        "overlap": Column("int", "active bases inside the class"),
        "expected": Column("float", "mean of `overlap` over all rotations (bases)"),
        "log2_fold": Column("float", "log2 of activation mass inside over its mean under rotation"),
        "odds_ratio": Column("float", "odds of being active inside over outside (½ added to each cell)"),
        "or_lo": Column("float", "lower 95 % limit, from the spread under rotation"),
        "or_hi": Column("float", "upper 95 % limit"),
        "z_rot": Column("float", "activation mass inside, standardised under rotation"),
        "p_rot": Column("float", "upper tail under rotation: enrichment"),
        "p_method": Column(
            "str",
            "exact: all rotations counted; screen: normal tail of z_rot, for pairs that are no candidates; empty: not"
            " tested",
        ),
        "p_floor": Column("float", "smallest p these margins could give (exact), or a lower bound of it (screen)"),
        "z_adj": Column(
            "float",
            "covariance beyond composition (GC and skews of 150 to 6,000 bases, words of up to 6 bases), strand and"
            " rotation unit, over the root of its sum of squares over blocks",
        ),
        "p_adj_comp": Column(
            "float", "upper tail of z_adj among circular shifts of the feature: enrichment beyond composition"
        ),
        "adjusted": Column(
            "str",
            "in band: the adjusted test of the class and reading calls circularly shifted features of this run as often"
            " as it should; out of band: it does not, no q_adj_comp; not measured; empty: no adjusted test",
            required=False,
        ),
        "q": Column(
            "float",
            "false discovery rate of p_rot, hierarchical: classes are selected first, then pairs within class (all"
            " features and readings; Benjamini and Bogomolov 2014, doi:10.1111/rssb.12028)",
        ),
        "q_adj_comp": Column(
            "float",
            "false discovery rate of p_adj_comp, hierarchical as q; NaN where the adjusted test is out of band",
        ),
        "q_within_annotation": Column(
            "float",
            "false discovery rate of p_rot within class (all features and readings), before classes are selected",
        ),
        "p_depleted": Column(
            "float", "lower tail under rotation: depletion; the normal tail of z_rot where p_method is screen"
        ),
        "q_depleted": Column("float", "false discovery rate of p_depleted, hierarchical as q, families of their own"),
        "split": Column("str", "splits whose blocks were tested"),
    },
)

RATES = TableSpec(
    "adjusted_rates",
    "one class and reading: how often the adjusted test calls features of the run that were circularly shifted",
    {
        "annotation": _ANNOTATION,
        "strand": _STRAND,
        "n": Column("int", "circularly shifted features tested"),
        "n_05": Column("int", "of them, with p_adj_comp ≤ 0.05"),
        "n_001": Column("int", "of them, with p_adj_comp ≤ 0.001"),
        "rate_05": Column("float", "share with p_adj_comp ≤ 0.05; should lie in 0.03 to 0.07"),
        "rate_001": Column("float", "share with p_adj_comp ≤ 0.001; should be at most 0.003"),
        "tolerance": Column(
            "float",
            "binomial chance of the count at the edge of the band below which it is out of band: 0.01 over all classes"
            " and readings",
        ),
        "verdict": Column("str", "in band, or out of band: then the class has no adjusted verdict in this reading"),
    },
)

QQ = TableSpec(
    "calibration_qq",
    "one quantile of the p-values of the run, real or with its activations rotated once",
    {
        "activations": Column("str", "real or rotated"),
        "test": Column("str", "rotation or adjusted"),
        "expected": Column("float", "-log10 of the uniform quantile"),
        "observed": Column("float", "-log10 of the p-value"),
    },
)

CONCEPTS = TableSpec(
    "concepts",
    "one unit of a readout against one annotation class, threshold frozen on select, everything else on test",
    {
        "readout": Column("str", "what is read: sae, neurons, pca, random_sae, random_neurons, kmer, linear_probe, …"),
        "feature": Column("int", "column of the readout; for sae the number of the feature"),
        "unit": Column("str", "name of the column: f12, n7+, pc3-, TATAAT, …"),
        "annotation": _ANNOTATION,
        "strand": _STRAND,
        "frame": _FRAME,
        "best": Column("bool", "whether this unit was chosen for the class on select, among its readout"),
        "threshold": Column("float", "activation a base needs, chosen on select"),
        "threshold_split": Column("str", "split the threshold was chosen on"),
        "f1_select": Column("float", "domain F1 on select at that threshold; optimistic, never a result"),
        "precision_bp": Column("float", "share of active bases inside"),
        "recall_bp": Column("float", "share of the class's bases that are active"),
        "recall_domain": Column("float", "share of intervals with at least one active base"),
        "recall_half": Column("float", "share of intervals at least half of which is active"),
        "f1_domain": Column("float", "harmonic mean of precision_bp and recall_domain"),
        "precision_run": Column("float", "share of runs that touch the class"),
        "f1_run": Column("float", "harmonic mean of precision_run and recall_domain"),
        "mcc": Column("float", "Matthews correlation of active and inside, base by base"),
        "f1_null95": Column("float", "95th percentile of f1_domain over rotations of the unit"),
        "f1_always": Column("float", "f1_domain of a unit that is always on"),
        "auprc": Column("float", "average precision of the activation, base by base"),
        "auprc_baseline": Column("float", "share of bases the class marks: average precision by chance"),
        "auroc": Column("float", "tie-corrected area under the ROC curve"),
        "kmer_auprc": Column("float", "average precision of a model of GC, skews and the 17 bases read last"),
        "d_auprc": Column("float", "auprc minus kmer_auprc"),
        "d_auprc_lo": Column("float", "lower 95 % limit, by bootstrap of blocks"),
        "d_auprc_hi": Column("float", "upper 95 % limit"),
        "q": Column("float", "q of the enrichment table; NaN for readouts that are not tested there"),
        "q_adj_comp": Column("float", "q beyond composition; NaN likewise"),
        "beats_kmer": Column("bool", "d_auprc_lo > 0, and q_adj_comp < 0.05 where there is one"),
        "boundary_offset": Column(
            "float",
            "offset of the activation's peak from the 5' ends of intervals (bases downstream, reading direction)",
        ),
        "n_test_domains": Column("int", "intervals of the class on test"),
        "n_leaked": Column("int", "test bases left out, as their 21-mers occur in train or select"),
        "named": Column(
            "bool",
            "f1_domain ≥ named_f1 and above f1_null95 and f1_always, mcc ≥ named_mcc, q and q_adj_comp < 0.05: the"
            " feature may carry the name; where instances are few, cross-validated with p_instances ≤ 0.05 too",
        ),
        **_FEW,
    },
)

NAMES = TableSpec(
    "names",
    "one annotation that some evidence gives a feature, best first; rank 0 is what it is called",
    {
        "feature": _FEATURE,
        "rank": Column("int", "0 is the best evidence"),
        "annotation": _ANNOTATION,
        "strand": _STRAND,
        "frame": _FRAME,
        "evidence": Column(
            "str",
            "held-out concept: agrees on held-out positions; exact null: enriched beyond rotation and composition; top"
            " windows: most of its strongest places lie inside",
        ),
        "grade": Column(
            "str",
            "strong: may carry the name, and every replication check that was made holds; moderate: may carry it, a"
            " check fails or none could be made; weak: may not carry it",
        ),
        "named": Column("bool", "rank 0, and may carry the name"),
        "carries": Column("bool", "may carry the name of this class: F1, MCC and both q-values say so"),
        "reason": Column("str", "why it may not; empty where it may"),
        "n_checks": Column("int", "replication checks that could be made (`replication.parquet`)"),
        "n_survived": Column("int", "of these, held"),
        "top_share": Column("float", "share of its strongest places that lie inside; NaN: none, or not counted"),
        "top_n": Column("int", "strongest places counted"),
        "log2_fold": Column("float", "enrichment over all scored positions, where the exact null is the evidence"),
        "threshold": Column("float", "activation a base needs, as in concepts"),
        "precision_bp": Column("float", "share of active bases inside, held out"),
        "recall_bp": Column("float", "share of the class's bases that are active, held out"),
        "recall_domain": Column("float", "share of intervals with an active base, held out"),
        "f1_domain": Column("float", "harmonic mean of precision_bp and recall_domain"),
        "f1_null95": Column("float", "95th percentile of it over rotations"),
        "f1_always": Column("float", "of a feature that is always on"),
        "f1_kmer": Column("float", "of the best single 6-mer for the class; NaN: not measured"),
        "mcc": Column("float", "Matthews correlation of active and inside, base by base, held out"),
        "auprc": Column("float", "average precision of the activation, base by base"),
        "kmer_auprc": Column("float", "of a model of GC, skews and the 17 bases read last"),
        "q": Column("float", "as in enrichment"),
        "q_adj_comp": Column("float", "as in enrichment"),
        "beats_kmer": Column("bool", "as in concepts"),
        "n_test_domains": Column("int", "intervals held out"),
        "evaluation": Column("str", "as in concepts"),
    },
)

SUMMARY = TableSpec(
    "concept_summary",
    "one annotation class: the best unit of each readout, chosen on select, its domain F1 on test",
    {
        "annotation": _ANNOTATION,
        "strand": _STRAND,
        "status": Column("str", "scored, or why not"),
        "n_test_domains": Column("int", "intervals of the class on test"),
        "feature": Column("int", "best feature of the dictionary; -1 where there is none"),
        "f1_domain": Column("float", "its domain F1"),
        "f1_null95": Column("float", "95th percentile over rotations of that feature"),
        "f1_always": Column("float", "domain F1 of a unit that is always on"),
        "evaluation": Column("str", "as in concepts; empty where it is not scored", required=False),
        "n_instances": Column("int", "instances of the class as annotated, in all splits", required=False),
        "recall_domain": Column("float", "share of instances with an active base", required=False),
        "recall_lo": Column("float", "lower exact 95 % limit of it", required=False),
        "recall_hi": Column("float", "upper exact 95 % limit of it", required=False),
        "p_instances": Column("float", "as in concepts", required=False),
        "f1_kmer": Column("float", "of the best single 6-mer", required=False),
        "f1_neuron": Column("float", "of the best neuron", required=False),
        "f1_pca": Column("float", "of the best principal component", required=False),
        "f1_random_sae": Column(
            "float", "of the best feature of a dictionary of the random-weight model", required=False
        ),
        "f1_linear_probe": Column("float", "of a linear probe on all channels", required=False),
        "beats_neuron": Column("bool", "f1_domain above f1_neuron", required=False),
        "beats_pca": Column("bool", "f1_domain above f1_pca", required=False),
    },
)

SHAPES = TableSpec(
    "shapes",
    "how one feature's activation lies along the sequence, and what its strongest windows have in common",
    {
        "feature": _FEATURE,
        "shape": Column("str", "dead, point, periodic, motif, domain or whole-gene"),
        "n_runs": Column("int", "runs, gaps of up to 2 bases closed"),
        "run_median": Column("float", "median length of a run (bases)"),
        "run_p90": Column("float", "90th percentile of the length of a run (bases)"),
        "period": Column("float", "period of the activation, 2 to 12.5 (bases); NaN where it has none"),
        "period_strength": Column("float", "autocorrelation at the period over its neighbours"),
        "gene_cover": Column("float", "median share of a gene that is active where the feature touches it"),
        "n_windows": Column("int", "strongest windows, both strands, near-identical ones once"),
        "n_redundant": Column("int", "strong windows left out as copies of a stronger one"),
        "information": Column("float", "information of the logo over composition (bits)"),
        "information_null": Column("float", "the same for as many random windows, 95th percentile (bits)"),
        "consensus": Column("str", "IUPAC letters of the logo; empty where it is not above its null"),
        "peak_offset": Column("int", "place of the feature's peak in the logo's columns"),
    },
)

LOGOS = TableSpec(
    "logos",
    "one column of one feature's logo, reading direction",
    {
        "feature": _FEATURE,
        "offset": Column("int", "bases after the base at which the feature peaks; negative before"),
        "A": Column("float", "share of A"),
        "C": Column("float", "share of C"),
        "G": Column("float", "share of G"),
        "T": Column("float", "share of T"),
        "bits": Column("float", "information over composition, small-sample bias taken off (bits)"),
        "n": Column("int", "windows"),
    },
)

PROFILES = TableSpec(
    "profiles",
    "one offset of the mean activation around one kind of boundary, strand - mirrored",
    {
        "feature": _FEATURE,
        "annotation": _ANNOTATION,
        "strand": Column("str", "how the class is read: sense, antisense or either", required=False),
        "boundary": Column("str", "start or end of intervals, in reading direction"),
        "offset": Column("int", "bases downstream of the boundary"),
        "activation": Column("float", "mean activation over boundaries"),
        "expected": Column("float", "mean activation of the feature anywhere"),
        "n": Column("int", "boundaries"),
    },
)

MOTIF_MATCHES = TableSpec(
    "motif_matches",
    "one feature's logo against one known motif",
    {
        "feature": _FEATURE,
        "motif": Column("str", "name in the file"),
        "strand": Column("str", "+ or -: whether the motif was reversed and complemented"),
        "offset": Column("int", "column of the logo at which the motif begins"),
        "overlap": Column("int", "columns compared"),
        "p": Column("float", "chance of as good a match at the best offset and strand, for a random motif of the file"),
        "q": Column("float", "false discovery rate over all features × motifs"),
    },
)

GENESETS = TableSpec(
    "genesets",
    "one feature against one set of genes",
    {
        "feature": _FEATURE,
        "set": Column("str", "name in the GMT file"),
        "status": Column("str", "tested, or why the pair could not be"),
        "n_genes": Column("int", "genes of the set in the workspace"),
        "hits": Column("int", "of them, genes with an active base on their strand"),
        "expected": Column("float", "mean of hits under rotation, at the feature's overall hit rate"),
        "z_rot": Column("float", "standardised excess of hits under rotation"),
        "p_rot": Column("float", "upper tail under rotation"),
        "p_method": Column("str", "exact: all rotations; draws: random rotations; empty: not tested"),
        "q": Column("float", "false discovery rate of p_rot over all tested pairs"),
        "p_ora": Column("float", "hypergeometric p, for contrast: wrong where genes differ in length"),
        "q_ora": Column("float", "its false discovery rate"),
    },
)

NOVELTY = TableSpec(
    "novelty",
    "one feature's claim to be something without a name",
    {
        "feature": _FEATURE,
        "seed_match_r": Column(
            "float",
            "smallest correlation with the mutual best match in dictionaries of other seeds; NaN: no other seed",
        ),
        "strength": Column("float", "percentile of the loss that ablation costs, or of activation × log n_eff"),
        "strength_by": Column("str", "ablation or activation"),
        "d2_explained": Column(
            "float",
            "held-out deviance of firing explained by all annotations, boundaries, frame, 6-mers and GC",
        ),
        "best_annotation": Column("str", "named class with the highest domain F1; empty where none was scored"),
        "best_f1": Column("float", "its domain F1 on test"),
        "explained_by": Column(
            "str",
            "readings of known classes (sense, antisense, either) that explain it on held-out blocks, with domain F1"
            " and precision",
        ),
        "repeat_frac": Column("float", "share of its strongest windows that are copies of another"),
        "window_artifact": Column(
            "float", "1 - correlation with activations where windows begin elsewhere; NaN: not measured"
        ),
        "density": Column("float", "share of (base, strand) pairs at which it is active"),
        "n_eff": Column("float", "largest n_eff of its pairs"),
        "n_contigs": Column("int", "blocks of the axis it fires in (a contig is one block or more)"),
        "missing": Column("str", "parts that were not measured and count as 1, separated by commas"),
        "novelty": Column("float", "product of the parts, 0 to 1"),
        "gate": Column("str", "passed, or the first gate that failed"),
        "null_q95": Column(
            "float",
            "95th percentile of the score of the random-weight model's features that pass the gates; NaN: not measured",
        ),
        "n_controls": Column(
            "int", "those features: no p can be below 1 over one more than their number", required=False
        ),
        "p": Column(
            "float",
            "share of those features that score as high, itself counted among them; NaN: gate failed, or no such model",
        ),
        "q": Column("float", "false discovery rate (Benjamini-Hochberg) of p over the features that passed"),
        "novel": Column("bool", "gates passed, reproducibility measured, and q at most `alpha`"),
        "rank": Column("int", "place in the queue from 1; 0 for features whose gate failed"),
        "top_loci": Column(
            "str", "strongest places, genome:chrom:position(strand), positions from 1, separated by commas"
        ),
    },
)

HIDDEN = TableSpec(
    "hidden_classes",
    "one annotation class hidden from the queue: do its features come up as unnamed?",
    {
        "annotation": _ANNOTATION,
        "status": Column("str", "tested, or why not"),
        "recovered": Column("bool", "whether a feature among the first `top` of the queue recovers the class"),
        "feature": Column("int", "best feature for the class among them; -1 where there is none"),
        "rank": Column("int", "its place in the queue; 0 where there is none"),
        "f1_domain": Column("float", "its domain F1 for the hidden class on test"),
        "f1_null95": Column("float", "95th percentile over its rotations"),
        "best_f1": Column(
            "float", "domain F1 of the class's best feature of those enriched in it, in the queue or not"
        ),
        "best_rank": Column("int", "the place of that feature in the queue; 0 where its gate failed"),
        "best_gate": Column("str", "gate of that feature"),
        "best_feature": Column("int", "that feature; -1 where there is none", required=False),
        "held_out": Column("str", "bases f1_domain is of", required=False),
        "n_intervals": Column("int", "intervals of the class there", required=False),
    },
)

REPLICATION = TableSpec(
    "replication",
    "one check of one named feature",
    {
        "feature": _FEATURE,
        "annotation": _ANNOTATION,
        "strand": _STRAND,
        "check": Column("str", "strand, seed, genome or split"),
        "against": Column("str", "which strand, dictionary, genome or split"),
        "other": Column("int", "feature that was tested there; -1 where there is none"),
        "match_r": Column("float", "correlation of the two features' activations; NaN where it is the same feature"),
        "n_intervals": Column("int", "intervals of the class there"),
        "z_rot": Column("float", "standardised activation mass there"),
        "log2_fold": Column("float", "log2 of mass over its mean under rotation"),
        "p": Column("float", "exact upper tail under rotation there"),
        "q": Column("float", "false discovery rate over all checks that could be made"),
        "survives": Column("bool", "q < 0.05"),
        "reason": Column("str", "checked, or why it could not be"),
    },
)
