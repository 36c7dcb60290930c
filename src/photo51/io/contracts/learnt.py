"""Tables of what a model has learnt."""

from photo51.io.tables import Column, TableSpec

WORDS = TableSpec(
    "words",
    "one word or pattern: how often the model is expected to write it",
    {
        "word": Column("str", "name of the word, pattern or matrix"),
        "text": Column("str", "what was asked for"),
        "strand": Column("str", "`+`: as written; `-`: its reverse complement; `both`: either, an occurrence counted once"),
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
        "fresh_per_kb": Column("float", "control: the same architecture with fresh weights; NaN where it was not asked for"),
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
        "high": Column("float", "upper confidence limit"),
        "poisson": Column(
            "float",
            "baseline: exp(-expected occurrences) for words, which is wrong for clumps; the share of open triplets in the "
            "sequences written to the power of the codons for open frames",
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
