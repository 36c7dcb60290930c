"""Tables of what a model has learnt."""

from photo51.io.tables import Column, TableSpec

WORDS = TableSpec(
    "words",
    "one word or pattern: how often the model is expected to write it",
    {
        "word": Column("str", "name of the word, pattern or matrix"),
        "text": Column("str", "what was asked for"),
        "strand": Column(
            "str", "`+`: as written; `-`: its reverse complement; `both`: either, an occurrence counted once"
        ),
        "width": Column("int", "bases of the longest word"),
        "n_words": Column("float", "words that match, both strands where both are counted"),
        "method": Column("str", "`exact` (all words forced) or `draws` (constrained draws)"),
        "per_kb": Column("float", "expected occurrences that begin in 1,000 bases written"),
        "low": Column("float", "lower confidence limit of per_kb, rollouts as blocks; NaN where not reliable"),
        "high": Column("float", "upper confidence limit of per_kb; NaN where not reliable"),
        "n_eff": Column("float", "effective number of places, (ΣP)²/ΣP²"),
        "sites": Column("int", "places at which it was asked for"),
        "reliable": Column("bool", "whether n_eff reaches the stated least number"),
        "counted": Column("int", "occurrences found in the sequences written"),
        "counted_per_kb": Column("float", "baseline: occurrences counted in 1,000 bases written"),
        "counted_low": Column("float", "lower exact Poisson limit of counted_per_kb"),
        "counted_high": Column("float", "upper exact Poisson limit of counted_per_kb"),
        "markov_per_kb": Column("float", "baseline: a Markov chain fitted to the sequences written, of 1,000 bases"),
        "fresh_per_kb": Column(
            "float", "control: the same architecture with fresh weights; NaN where it was not asked for"
        ),
        "forward_bases": Column("int", "bases read by the model for this estimate, the sequences written not counted"),
        "counting_bases": Column(
            "float", "bases that counting would have to write for the same standard error (Poisson)"
        ),
        "model": Column("str", "model"),
        "model_digest": Column("str", "hash of the model"),
    },
)

SURVIVAL = TableSpec(
    "survival",
    "one event that is kept from happening over a span: the probability that it does not happen",
    {
        "event": Column("str", "`open frame`, or the name of a word that is absent from both strands"),
        "length": Column("int", "span (bases)"),
        "probability": Column("float", "probability that the event does not happen in the span"),
        "low": Column("float", "lower confidence limit, populations as replicates"),
        "high": Column("float", "upper confidence limit; NaN where every population died, which bounds nothing"),
        "poisson": Column(
            "float",
            "baseline: exp(-expected occurrences at places where the word fits), which is wrong for clumps; the share"
            " of open triplets in the sequences written to the power of the codons for open frames",
        ),
        "counted": Column("int", "spans in the sequences written in which it did not happen"),
        "spans": Column("int", "spans looked at, end to end"),
        "runs": Column("int", "independent populations"),
        "dead": Column("int", "populations in which no sequence survived: with any, the estimate is too low"),
        "forward_bases": Column("int", "bases read by the model"),
        "model": Column("str", "model"),
        "model_digest": Column("str", "hash of the model"),
    },
)

DIFF_WINDOWS = TableSpec(
    "diff_windows",
    "one window on one strand: how two models differ on it",
    {
        "chrom": Column("str", "contig"),
        "start": Column("int", "first base of the window (0-based)"),
        "end": Column("int", "one past its last base"),
        "strand": Column("str", "strand that was read"),
        "kl": Column("float", "mean divergence of B's next-base law from A's (bits a base)"),
        "kl_top": Column("float", "its mean over the top hundredth of positions (bits)"),
        "bits_a": Column("float", "surprisal of A (bits a base)"),
        "bits_b": Column("float", "surprisal of B (bits a base)"),
        "delta_bits": Column("float", "bits_b - bits_a: negative where B predicts better"),
    },
)

DIFF_POSITIONS = TableSpec(
    "diff_positions",
    "one of the positions at which two models differ most",
    {
        "chrom": Column("str", "contig"),
        "position": Column("int", "base whose law differs (0-based, forward coordinates)"),
        "strand": Column("str", "strand that was read"),
        "kl": Column("float", "divergence of B's next-base law from A's (bits)"),
        "bits_a": Column("float", "surprisal of the base under A (bits)"),
        "bits_b": Column("float", "surprisal of the base under B (bits)"),
        "around": Column("str", "bases around it, as the strand reads them"),
    },
)

DIFF_OFFSETS = TableSpec(
    "diff_offsets",
    "one site: the mean difference of activations",
    {
        "site": Column("str", "where activations are read"),
        "offset": Column("float", "norm of the mean difference over the mean norm of A's activations (share)"),
        "offset_first": Column("float", "the same at the first five bases, where narrow fine-tuning shows"),
    },
)

DIFF_FEATURES = TableSpec(
    "diff_features",
    "one feature of A's dictionary on both models",
    {
        "feature": Column("int", "feature"),
        "rate_a": Column("float", "share of positions at which it is active in A, both strands"),
        "rate_b": Column("float", "in B"),
        "delta_rate": Column("float", "rate_b - rate_a"),
        "low": Column("float", "lower confidence limit of delta_rate, windows as blocks"),
        "high": Column("float", "upper confidence limit"),
        "mean_a": Column("float", "mean activation in A"),
        "mean_b": Column("float", "mean activation in B"),
        "p": Column("float", "paired t-test over windows, two-sided"),
        "q": Column("float", "Benjamini-Hochberg over all features"),
        "n": Column("int", "windows"),
        "fvu_a": Column("float", "variance of A's activations that the dictionary leaves unexplained (share)"),
        "fvu_b": Column("float", "of B's"),
    },
)

DIFF_CLASSES = TableSpec(
    "diff_classes",
    "one annotation class: how the surprisal of its bases differs between two models",
    {
        "class": Column("str", "type of the annotation file; CDS as the strand reads it; `unannotated`"),
        "bases": Column("int", "bases read, each strand counted"),
        "windows": Column("int", "windows with any"),
        "bits_a": Column("float", "surprisal of A (bits a base)"),
        "bits_b": Column("float", "surprisal of B (bits a base)"),
        "bits_chain": Column("float", "baseline: of a chain of 6-mers fitted to every other window (bits a base)"),
        "delta_bits": Column("float", "bits_b - bits_a: negative where B predicts better"),
        "low": Column("float", "lower 95 % confidence limit of delta_bits, windows as blocks"),
        "high": Column("float", "upper 95 % confidence limit"),
        "p": Column("float", "t-test over windows, two-sided"),
        "q": Column("float", "Benjamini-Hochberg over classes"),
        "shifted": Column("float", "control: mean change where the annotation is circularly shifted along the windows"),
        "p_shifted": Column("float", "whether the class changes by more or less than shifted ones do, two-sided"),
        "q_shifted": Column("float", "Benjamini-Hochberg over classes"),
    },
)

DIFF_JOINT = TableSpec(
    "diff_joint",
    "one feature of a joint dictionary of two models",
    {
        "feature": Column("int", "feature"),
        "rate": Column("float", "share of positions at which it is active"),
        "norm_a": Column("float", "length of its decoder in A, activations scaled to a mean norm of one"),
        "norm_b": Column("float", "in B"),
        "relative_norm": Column("float", "norm_b / (norm_a + norm_b): near 1 for a feature of B alone"),
        "nu_error": Column(
            "float",
            "latent scaling of the model that holds less of it over the other, on the residual with its own part: high"
            " where it was only shortened",
        ),
        "nu_reconstruction": Column(
            "float", "the same on the reconstruction: high where other features carry it; NaN for unequal widths"
        ),
        "kind": Column("str", "`shared`, `A`, `B`, `not told apart` (of one by norm, not by latent scaling), `silent`"),
        "fvu_a": Column("float", "variance of A that the joint dictionary leaves unexplained (share)"),
        "fvu_b": Column("float", "of B"),
    },
)

AMPLIFIED = TableSpec(
    "amplified",
    "one word at one strength of amplification",
    {
        "word": Column("str", "name of the word"),
        "alpha": Column("float", "strength α of ℓ_B + α(ℓ_B − ℓ_A); 0 is B itself, and exact"),
        "per_kb": Column("float", "expected occurrences that begin in 1,000 bases, both strands"),
        "low": Column("float", "lower confidence limit, windows as blocks"),
        "high": Column("float", "upper confidence limit"),
        "n_eff": Column("float", "effective number of places, (ΣP)²/ΣP²"),
        "reliable": Column("bool", "whether n_eff reaches the stated least number"),
        "extrapolated_per_kb": Column(
            "float",
            "at α = 0: what the smallest measurable strengths give by a quadratic of the logarithm; NaN else",
        ),
    },
)

GATE = TableSpec(
    "gate",
    "one guarded quantity: is B equivalent to A",
    {
        "quantity": Column("str", "what is guarded"),
        "change": Column("float", "mean change from A to B over windows"),
        "low": Column("float", "lower limit of its 90 % interval"),
        "high": Column("float", "upper limit"),
        "limit": Column("float", "largest change accepted: seed noise or the declared tolerance, whichever is larger"),
        "seed_noise": Column("float", "largest change between twins; NaN without twins"),
        "n": Column("int", "windows"),
        "verdict": Column("str", "pass, fail or undecided"),
        "windows_needed": Column("int", "windows that would decide at this change and spread"),
    },
)

EVIDENCE = TableSpec(
    "evidence",
    "one quantity of one subject with its controls",
    {
        "subject": Column("str", "what it is about: a word, a class of repeats, a record, a matrix, an arm"),
        "quantity": Column("str", "what was measured, with its unit"),
        "estimate": Column("float", "the value"),
        "low": Column("float", "lower 95 % confidence limit; NaN where none is known"),
        "high": Column("float", "upper 95 % confidence limit; NaN where none is known"),
        "null": Column("float", "the same where there is nothing to find"),
        "p": Column("float", "probability of the value or a more extreme one where there is nothing to find"),
        "q": Column("float", "Benjamini-Hochberg over all rows of the table that have a p-value"),
        "n": Column("int", "what it was measured on: windows, sequences, records"),
        "twin": Column("float", "the same of the control model: fresh weights, or a twin where one is named"),
        "naive": Column("float", "the same by the baseline that needs no model"),
        "model_digest": Column("str", "hash of the model"),
        "dictionary_digest": Column("str", "hash of the dictionary; empty without one"),
        "corpus_digest": Column("str", "hash of the corpus"),
        "seed": Column("int", "seed of every draw"),
    },
)
