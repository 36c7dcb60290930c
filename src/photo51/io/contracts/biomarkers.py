"""Tables of variant effects, biomarker tests, cohorts, rules and evidence cards."""

from photo51.io.tables import Column, TableSpec

_INTERVAL = "95 % interval of a bootstrap over whole genes"

_DESCRIBED = {
    "normalised": Column(
        "str",
        "chrom:pos:ref>alt, 1-based, trimmed and left-aligned: equal for all ways to write it",
        required=False,
    ),
    "transcript": Column("str", "transcript that consequence and codon are of", required=False),
    "genes": Column(
        "str",
        "every gene it touches, with its gravest consequence there, as gene:consequence;…",
        required=False,
    ),
    "codon": Column("int", "number of the first codon that changes, from 1; 0 where none does", required=False),
    "ref_aa": Column("str", "amino acids of the touched codons; * is a stop", required=False),
    "alt_aa": Column("str", "the same after the change", required=False),
    "hgvs_g": Column("str", "change of the contig in HGVS notation (g., of mitochondria m.)", required=False),
    "hgvs_c": Column("str", "change of the transcript (c. or n.)", required=False),
    "hgvs_p": Column("str", "change of the protein (p.)", required=False),
}

VARIANT_EFFECTS = TableSpec(
    "variant_effects",
    "one variant with what it does to the gene and to the model; columns of the input follow, `given_` before taken"
    " names",
    {
        "variant": Column("str", "chrom:pos:ref>alt, 1-based as in VCF"),
        "genome": Column("str", "genome of the run"),
        "chrom": Column("str", "contig"),
        "pos": Column("int", "first base of ref, 0-based"),
        "position": Column("int", "first base of ref, 1-based as in VCF", required=False),
        "ref": Column("str", "reference allele, forward strand"),
        "alt": Column("str", "alternative allele, forward strand"),
        "gene": Column("str", "gene; outside genes the nearest one, in a control region `control_region`"),
        "strand": Column("str", "strand of the gene: +, - or ."),
        "consequence": Column(
            "str",
            "what it does to the gene, see photo51.genome.consequence: synonymous, missense, stop_gained, …",
        ),
        "codon_position": Column("int", "1, 2 or 3 in the codon, 0 outside codons"),
        **_DESCRIBED,
        "substitution": Column("str", "change on the gene's strand, as C>T; ins, del or mnv otherwise"),
        "context_ref": Column("str", "bases around the variant, reference allele, on the gene's strand"),
        "context_alt": Column("str", "the same with the alternative allele"),
        "gc": Column("float", "G and C of the reference window (share)"),
        "llr_plus": Column("float", "log P(alt window) - log P(ref window), reading strand + (nats)"),
        "llr_minus": Column("float", "the same, reading strand - (nats)"),
        "llr": Column("float", "mean of both strands (nats)"),
        "llr_flank": Column("float", "the same over bases that ref and alt share, mean of both strands (nats)"),
        "llr_fair": Column(
            "float",
            "length-fair score: llr_flank (llr where the length stays) minus null_mean, over null_sd; NaN in sets"
            " without changes of length",
            required=False,
        ),
        "null_mean": Column(
            "float", "mean of random changes of the same kind and length at this GC (nats)", required=False
        ),
        "null_sd": Column("float", "their standard deviation (nats)", required=False),
        "null_n": Column("int", "their number", required=False),
        "delta_norm": Column(
            "float", "length of the change of the activations at the focal base, mean of both strands"
        ),
        "n_changed": Column("int", "features whose value near the variant changes, both strands"),
    },
)

FEATURE_TESTS = TableSpec(
    "feature_tests",
    "one feature, reading direction and statistic, tested between cases and controls within strata",
    {
        "feature": Column("int", "number of the feature"),
        "orientation": Column("str", "sense or antisense: reading along or against the gene"),
        "statistic": Column("str", "focal, near or window"),
        "n_case": Column("int", "cases in informative strata, discovery genes"),
        "n_control": Column("int", "controls in informative strata, discovery genes"),
        "n_strata": Column("int", "strata that hold both classes, discovery genes"),
        "auroc_within": Column("float", "chance that a case has the larger Δ within a stratum"),
        "effect": Column("float", "2 · auroc_within - 1"),
        "se": Column("float", "standard error of effect under the null"),
        "p": Column("float", "stratified rank test, discovery genes"),
        "p_floor": Column("float", "smallest p any rearrangement of labels could give this feature"),
        "testable": Column(
            "bool",
            "whether p_floor could be a discovery (Tarone's rule); others are not in the family",
            required=False,
        ),
        "claim": Column("str", "discovery or description: what the comparison may be called", required=False),
        "strata": Column("str", "columns within whose common values the variants were compared", required=False),
        "q": Column("float", "Benjamini-Hochberg over the testable tests of the table; NaN for the others"),
        "p_pooled": Column("float", "Mann-Whitney without strata, discovery genes: the leaky contrast"),
        "q_pooled": Column("float", "the same, Benjamini-Hochberg"),
        "rep_effect": Column("float", "effect in replication genes"),
        "rep_se": Column("float", "standard error of rep_effect"),
        "rep_p": Column("float", "one-sided p in replication genes, in the direction of discovery"),
        "replicated": Column("bool", "q at most alpha in discovery genes, same sign and p at most 0.05 in the others"),
        "llr_corr": Column("float", "Spearman correlation of Δ with the log-likelihood ratio"),
    },
)

PERMUTATION_AUDIT = TableSpec(
    "permutation_audit",
    "one run of all feature tests with labels permuted within strata: every discovery is a false one",
    {
        "run": Column("int", "number of the run"),
        "tests": Column("int", "tests in the family"),
        "discoveries": Column("int", "tests with q at most alpha"),
        "smallest_p": Column("float", "smallest p; NaN where nothing can be tested"),
    },
)

CLASSIFIERS = TableSpec(
    "classifiers",
    "one score judged on one stratum, genes held out",
    {
        "stratum": Column("str", "all, or one value of the stratum column"),
        "method": Column("str", "what gives the score"),
        "n_case": Column("int", "cases"),
        "n_control": Column("int", "controls"),
        "n_genes": Column("int", "genes"),
        "n_missing": Column(
            "int",
            "variants left out for every method, since one method has no value for them",
            required=False,
        ),
        "claim": Column("str", "discovery or description: what the comparison may be called", required=False),
        "auroc": Column("float", "over all case-control pairs"),
        "auroc_lo": Column("float", _INTERVAL),
        "auroc_hi": Column("float", _INTERVAL),
        "auroc_within": Column("float", "over pairs of one gene, genes weighted as in the stratified test"),
        "within_lo": Column("float", _INTERVAL),
        "within_hi": Column("float", _INTERVAL),
        "auroc_strata": Column("float", "over pairs of one gene, consequence and codon position (the strata)"),
        "strata_lo": Column("float", _INTERVAL, required=False),
        "strata_hi": Column("float", _INTERVAL, required=False),
        "auprc": Column("float", "average precision"),
        "auprc_lo": Column("float", _INTERVAL),
        "auprc_hi": Column("float", _INTERVAL),
        "prevalence": Column("float", "share of cases: the average precision of a coin"),
        "gain": Column(
            "float",
            "auroc_within minus that of the log-likelihood ratio (length-fair where alleles differ in length)",
        ),
        "gain_lo": Column("float", _INTERVAL),
        "gain_hi": Column("float", _INTERVAL),
        "role": Column("str", "score, baseline, leak (what a leak alone achieves), null (labels permuted), unscored"),
        "reason": Column("str", "why a stratum was not scored; empty where it was"),
    },
)

SCORES = TableSpec(
    "scores",
    "one case or control with its held-out scores; a column a method follows",
    {
        "variant": Column("str", "chrom:pos:ref>alt"),
        "row": Column("int", "row in the variants table"),
        "label": Column("int", "1 case, 0 control"),
        "gene": Column("str", "unit that was held out"),
        "stratum": Column("str", "value of the stratum column"),
        "fold": Column("int", "fold in which the variant was held out"),
    },
)

PROBES = TableSpec(
    "probes",
    "one term of one fold's probe: the score is the sum of weight times value over the terms",
    {
        "fold": Column("int", "fold that was held out"),
        "method": Column("str", "features or stacked"),
        "term": Column("str", "intercept, llr (of sets with changes of length: llr_fair), sense or antisense"),
        "feature": Column("int", "number of the feature; -1 for other terms"),
        "column": Column(
            "int", "column of the Δ table: features read along the gene, then against it; -1 for other terms"
        ),
        "weight": Column("float", "log odds per unit"),
    },
)

COHORT_TESTS = TableSpec(
    "cohort_tests",
    "one feature tested against the phenotype of a cohort",
    {
        "feature": Column("int", "number of the feature"),
        "beta": Column("float", "slope, discovery clades (phenotype units per standard deviation of burden)"),
        "se": Column("float", "standard error of beta"),
        "p": Column("float", "mixed model (or Firth, or Freedman-Lane: column test), discovery clades"),
        "p_without": Column("float", "largest p of the mixed model when any one clade is left out", required=False),
        "q": Column("float", "Benjamini-Hochberg; what does not hold without some clade (`one_clade`) counts as p 1"),
        "test": Column("str", "score, freedman_lane or firth"),
        "p_naive": Column("float", "regression without kinship: the leaky contrast"),
        "p_rank": Column("float", "Mann-Whitney or Spearman without covariates: the leaky contrast"),
        "p_components": Column("float", "regression on the first principal components instead of the kinship"),
        "selected": Column("float", "share of half-samples that select the feature"),
        "stable": Column("bool", "selected at least as often as the threshold"),
        "val_beta": Column(
            "float", "slope in validation clades; NaN while the lock is closed, and for what was no discovery"
        ),
        "val_se": Column("float", "its standard error", required=False),
        "val_p": Column("float", "one-sided p in validation clades, in the direction of discovery; NaN likewise"),
        "validated": Column(
            "bool",
            "q at most alpha in discovery, and again, with the same sign, among those asked in validation",
        ),
        "p_interaction": Column("float", "feature × treatment; NaN where no treatment was given"),
        "beta_interaction": Column("float", "difference of slopes between treated and untreated"),
    },
)

FEASIBILITY = TableSpec(
    "feasibility",
    "one clade of a cohort, and where it is used; written before features are computed",
    {
        "clade": Column("str", "name, or number from the largest on"),
        "side": Column("str", "discovery or validation"),
        "fold": Column("int", "fold of discovery in which it is held out; -1 in validation"),
        "n": Column("int", "individuals"),
        "cases": Column("int", "cases; -1 for a quantity"),
        "controls": Column("int", "controls; -1 for a quantity"),
        "both": Column("bool", "whether the phenotype takes more than one value in it"),
        "stability": Column(
            "float", "overlap (Jaccard) with clades of bootstrapped markers, mean; NaN for named clades"
        ),
    },
)

ASSOCIATIONS = TableSpec(
    "associations",
    "one feature, gene or allele tested against the phenotype, all by the same test on the discovery individuals",
    {
        "level": Column("str", "feature; gene: alleles of it that change the product, counted; allele: copies carried"),
        "name": Column("str", "number of the feature, gene, or chrom:pos:ref>alt (1-based)"),
        "beta": Column("float", "slope (phenotype units per standard deviation)"),
        "se": Column("float", "standard error of beta"),
        "p": Column("float", "the cohort's main test"),
        "p_without": Column("float", "largest p when any one clade is left out"),
        "q": Column("float", "Benjamini-Hochberg within the level, as for features in `cohort_tests`"),
        "n_carriers": Column("int", "individuals with a copy; -1 for features"),
    },
)

CARRIERS = TableSpec(
    "carriers",
    "one gene or allele that carries the burden of a feature, largest shares first",
    {
        "feature": Column("int", "number of the feature"),
        "level": Column("str", "gene or allele"),
        "name": Column("str", "gene, or chrom:pos:ref>alt (1-based)"),
        "gene": Column("str", "gene the allele is in or nearest to"),
        "consequence": Column("str", "of the allele; empty for a gene"),
        "delta": Column("float", "change of the feature by one allele, both strands; NaN for a gene"),
        "n_carriers": Column("int", "discovery individuals with a copy"),
        "share": Column(
            "float",
            "covariance of its part with the burden over the variance of the burden; all alleles sum to 1",
        ),
    },
)

LEVELS = TableSpec(
    "levels",
    "what features, genes and alleles each know of the phenotype: the same test and the same prediction",
    {
        "level": Column("str", "feature, gene or allele"),
        "n": Column("int", "tested"),
        "discoveries": Column("int", "q at most alpha"),
        "min_p": Column("float", "smallest p"),
        "score": Column(
            "float",
            "AUROC (correlation, for a quantity) of held-out clades by a ridge regression on the whole level",
        ),
        "score_within": Column("float", "the same over pairs of one clade; NaN for a quantity"),
    },
)

LAMBDAS = TableSpec(
    "lambdas",
    "genomic inflation of one test over all features; 1 is calibrated",
    {
        "test": Column("str", "mixed_model, regression, rank or components"),
        "lambda_gc": Column("float", "median χ² over its expectation"),
        "discoveries": Column("int", "features with q at most alpha"),
        "naive": Column("bool", "whether the test ignores descent"),
    },
)

UNMATCHED = TableSpec(
    "unmatched",
    "one individual that was left out of a cohort",
    {
        "individual": Column("str", "name"),
        "reason": Column("str", "no genome, no row in the panel, or no phenotype"),
    },
)

RULES = TableSpec(
    "rules",
    "one rule, or the full probe it is compared with, on data that had no part in making it",
    {
        "family": Column("str", "features, or raw: plain quantities"),
        "rule": Column("str", "the rule in words, or `full probe`"),
        "terms": Column("int", "quantities it uses"),
        "auroc": Column("float", "over all pairs"),
        "auroc_lo": Column("float", "95 % interval of a bootstrap over whole clades or genes"),
        "auroc_hi": Column("float", "95 % interval of a bootstrap over whole clades or genes"),
        "auroc_within": Column("float", "over pairs of one clade or gene"),
        "within_lo": Column("float", "95 % interval of a bootstrap over whole clades or genes"),
        "within_hi": Column("float", "95 % interval of a bootstrap over whole clades or genes"),
        "kept": Column("float", "share of (auroc_within - 0.5) of the full probe"),
    },
)

CONFORMAL = TableSpec(
    "conformal",
    "what the class-wise conformal sets of one score come to on held-out variants of one class",
    {
        "method": Column("str", "what gives the score"),
        "label": Column("int", "1 case, 0 control"),
        "n": Column("int", "variants of the class"),
        "alpha": Column("float", "share of a class whose set may lack it"),
        "covered": Column("float", "share of the class whose set holds it; at least 1 - alpha"),
        "decided": Column("float", "share whose set is one class"),
        "right": Column("float", "share whose set is its class alone"),
        "abstained": Column("float", "share whose set is both classes, or none"),
    },
)

REACH = TableSpec(
    "reach",
    "whether one score can rank the variants of one consequence at all",
    {
        "method": Column("str", "what gives the score"),
        "consequence": Column("str", "consequence"),
        "n_case": Column("int", "cases"),
        "n_control": Column("int", "controls"),
        "scored": Column("float", "share of variants that have a score"),
        "told_apart": Column("float", "share of case-control pairs with two different scores; NaN without pairs"),
        "reaches": Column("bool", "both classes there, nine tenths scored, half of the pairs told apart"),
    },
)

CALIBRATION = TableSpec(
    "calibration",
    "one bin of calibrated scores",
    {
        "method": Column("str", "probe"),
        "lo": Column("float", "lower end of the bin"),
        "hi": Column("float", "upper end of the bin"),
        "n": Column("int", "held-out variants in the bin"),
        "predicted": Column("float", "mean calibrated score"),
        "observed": Column("float", "share of cases"),
        "observed_lo": Column("float", "Wilson interval, 95 %"),
        "observed_hi": Column("float", "Wilson interval, 95 %"),
    },
)

CARDS = TableSpec(
    "cards",
    "one variant explained",
    {
        "variant": Column("str", "chrom:pos:ref>alt"),
        "row": Column("int", "row in the variants table"),
        "method": Column("str", "probe whose score is explained"),
        "score": Column("float", "log odds of the probe, this variant's gene held out"),
        "baseline": Column("float", "log odds of a variant that changes nothing"),
        "probability": Column(
            "float", "calibrated on held-out genes, at the prevalence of the set; NaN where it is withheld"
        ),
        "prevalence": Column("float", "share of cases in the set the probability refers to"),
        "scale": Column(
            "float",
            "calibrated log odds per unit of the probe's score; 0 where higher scores are no likelier cases",
            required=False,
        ),
        "outcome": Column("str", "what cases have: disease, resistance, or `being a case`", required=False),
        "shows_probability": Column(
            "bool",
            "whether the probe beats chance within genes, the score reaches the consequence, and the comparison may"
            " claim",
            required=False,
        ),
        "withheld": Column("str", "why no probability is shown; empty where one is", required=False),
        "conformal": Column(
            "str",
            "classes that cannot be ruled out: case, control, both (abstains) or neither",
            required=False,
        ),
        "likelihood_ratio": Column(
            "float", "odds of the probability over odds of the prevalence; NaN where it is withheld"
        ),
        "attributed": Column("float", "log odds due to disrupted features"),
        "deleted": Column("float", "log odds due to features that is left when the cited ones are deleted"),
        "faithfulness": Column(
            "float",
            "share of the attributed log odds that goes with the cited features; NaN where these are next to nothing",
        ),
        "random_faithfulness": Column("float", "the same for as many random disrupted features, mean"),
        "distance": Column("float", "distance to the nearest variants of the set, other genes (cosine)"),
        "distance_limit": Column("float", "the set's own quantile of that distance"),
        "unseen": Column("float", "share of the disruption on features that no variant of the set disrupts"),
        "out_of_domain": Column(
            "bool", "distance above the limit, most of the disruption unseen, or nothing disrupted"
        ),
    },
)

CARD_FEATURES = TableSpec(
    "card_features",
    "one feature cited on a card, strongest first",
    {
        "variant": Column("str", "chrom:pos:ref>alt"),
        "rank": Column("int", "1 is the strongest"),
        "feature": Column("int", "number of the feature"),
        "orientation": Column("str", "sense or antisense"),
        "delta": Column("float", "change of the feature, alt minus ref"),
        "weight": Column("float", "log odds per unit of change"),
        "contribution": Column("float", "delta · weight (log odds)"),
        "name": Column("str", "name of the feature; empty where it has none"),
        "locus": Column(
            "str",
            "where it fires strongest, chrom:start-end(strand), 1-based; empty if unknown",
            required=False,
        ),
    },
)

CARD_NEIGHBOURS = TableSpec(
    "card_neighbours",
    "one known pathogenic variant of another gene or position, nearest first",
    {
        "variant": Column("str", "variant the card is about"),
        "rank": Column("int", "1 is the nearest"),
        "neighbour": Column("str", "known pathogenic variant"),
        "gene": Column("str", "its gene"),
        "consequence": Column("str", "its consequence"),
        "similarity": Column("float", "cosine of the two disruptions"),
    },
)
