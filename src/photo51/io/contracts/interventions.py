"""Tables of interventions."""

from photo51.io.tables import Column, TableSpec

STEERED = TableSpec(
    "steered",
    "one sequence of a steering experiment; a column `scorer:NAME` for each scorer",
    {
        "target": Column("str", "what was steered"),
        "arm": Column("str", "control, reconstruction, feature or random"),
        "direction": Column("int", "number of the random direction, else -1"),
        "dose": Column("float", "strength (units of the feature's own activation; 0 for control and reconstruction)"),
        "sequence": Column("int", "number of the sequence; equal numbers share their random numbers in all arms"),
        "bases": Column("str", "what was written, the prompt left out"),
        "nll": Column("float", "negative log-likelihood under the model as it is (bits a base); NaN for random arms"),
        "level": Column("float", "mean activation of the target read back, over the bases written (units)"),
    },
)

DOSES = TableSpec(
    "doses",
    "one scorer at one dose: the feature against control, reconstruction and random directions",
    {
        "target": Column("str", "what was steered"),
        "scorer": Column("str", "measure that knows nothing of the model"),
        "unit": Column("str", "unit of the measure"),
        "dose": Column("float", "strength (units of the feature's own activation)"),
        "control": Column("float", "mean of the control arm"),
        "reconstruction": Column("float", "mean of the reconstruction arm minus control"),
        "effect": Column("float", "mean of the feature arm minus control, paired by random numbers"),
        "ci_low": Column("float", "lower bootstrap limit of the effect"),
        "ci_high": Column("float", "upper bootstrap limit of the effect"),
        "null_q99": Column("float", "99th percentile of the absolute effect of random directions of equal norm"),
        "p": Column("float", "share of random directions with at least this absolute effect, the feature counted in"),
        "n": Column("int", "sequences of the feature arm"),
        "n_null": Column("int", "random directions"),
        "nll_rise": Column("float", "rise of the written sequences' negative log-likelihood over control (share)"),
        "nll_rise_real": Column("float", "rise of the edited model's negative log-likelihood on real sequence (share)"),
        "safe": Column("bool", "whether both rises are within the budget at this and every smaller dose"),
    },
)

VERDICTS = TableSpec(
    "verdicts",
    "one scorer: does the target steer it",
    {
        "target": Column("str", "what was steered"),
        "scorer": Column("str", "measure that knows nothing of the model"),
        "declared": Column("bool", "whether this scorer was named before the experiment"),
        "safe_dose": Column("float", "largest safe dose (units), 0 where none is"),
        "effect": Column("float", "effect at the best safe dose"),
        "null_q99": Column("float", "99th percentile of random directions at that dose"),
        "p": Column("float", "p against random directions at that dose"),
        "best_dose": Column("float", "safe dose with the largest absolute effect (units)"),
        "monotone": Column(
            "bool", "no step of the safe dose-response goes against its trend beyond its confidence interval"
        ),
        "nll_rise": Column("float", "larger of the two rises at the best dose (share)"),
        "steers": Column("bool", "monotone over at least 2 safe doses, interval without 0, beyond the 99th percentile"),
    },
)

OFF_TARGET = TableSpec(
    "off_target",
    "one feature that moved when another was steered",
    {
        "target": Column("str", "what was steered"),
        "dose": Column("float", "strength (units)"),
        "feature": Column("int", "feature that moved"),
        "concept": Column("str", "its name, empty where it has none"),
        "steered": Column("bool", "whether it is part of the target"),
        "control": Column("float", "mean activation in the control arm (units)"),
        "change": Column("float", "mean activation of the feature arm minus control (units)"),
        "null_q99": Column("float", "99th percentile of the absolute change under random directions"),
        "beyond_null": Column("bool", "whether the change is larger than that"),
        "moved": Column("int", "features of the dictionary, the target's apart, that moved beyond their null"),
        "moved_by_chance": Column(
            "float", "as many for a random direction against the others, on average; empty where there is one alone"
        ),
    },
)

TRACE = TableSpec(
    "trace",
    "one base of one written sequence",
    {
        "arm": Column("str", "arm of the experiment, or the name of the run"),
        "dose": Column("float", "strength (units)"),
        "sequence": Column("int", "number of the sequence"),
        "position": Column("int", "base after the prompt, 0-based"),
        "level": Column("float", "activation of the target at this base, read before any edit (units)"),
    },
)

RULE_EVENTS = TableSpec(
    "rule_events",
    "one time a rule began to hold",
    {
        "rule": Column("str", "name of the rule"),
        "sequence": Column("int", "number of the sequence"),
        "position": Column("int", "base after the prompt at which it began, 0-based"),
        "level": Column("float", "what it watches, at that base (units)"),
        "action": Column("str", "what was done"),
    },
)

PAINTED = TableSpec(
    "painted",
    "one base of a painted sequence and one concept",
    {
        "sequence": Column("int", "number of the sequence"),
        "concept": Column("str", "painted concept"),
        "position": Column("int", "base of the canvas, 0-based"),
        "asked": Column("float", "strength painted (units)"),
        "level": Column("float", "activation achieved, read back by the model as it is (units)"),
    },
)

PAINT_OVERLAP = TableSpec(
    "paint_overlap",
    "one painted concept: how well what was achieved lies where it was painted",
    {
        "sequence": Column("int", "number of the sequence"),
        "concept": Column("str", "painted concept"),
        "mass_inside": Column("float", "share of the activation inside painted intervals and their margin"),
        "expected": Column("float", "share of the bases that lie there: what an even spread would give"),
        "mean_inside": Column("float", "mean activation inside painted intervals (units)"),
        "mean_outside": Column("float", "mean activation outside intervals and margin (units)"),
    },
)

ATTRIBUTION = TableSpec(
    "attribution",
    "one contribution to a target: a feature or the SAE's error, at one base",
    {
        "term": Column("str", "part of the target: its name, or `own base` and `downstream` of a variant"),
        "feature": Column("int", "feature, or -1 for the SAE's error"),
        "concept": Column("str", "its name, empty where it has none"),
        "chrom": Column("str", "contig, or the name of the sequence"),
        "position": Column("int", "base, 0-based, forward strand"),
        "base": Column("str", "letter there, as read"),
        "activation": Column("float", "code at this base (for a variant: alternative minus reference downstream)"),
        "contribution": Column("float", "share of the target it brings (nats)"),
    },
)

AGREEMENT = TableSpec(
    "agreement",
    "one of the features with the largest contributions, ablated exactly",
    {
        "term": Column("str", "part of the target"),
        "feature": Column("int", "feature"),
        "concept": Column("str", "its name, empty where it has none"),
        "contribution": Column("float", "its contribution summed over bases (nats)"),
        "ablation": Column("float", "what the target loses when the feature is set to 0 at every base (nats)"),
    },
)

MUTAGENESIS = TableSpec(
    "mutagenesis",
    "one single-base change in a window",
    {
        "chrom": Column("str", "contig, or the name of the sequence"),
        "position": Column("int", "base, 0-based, forward strand"),
        "ref": Column("str", "letter of the sequence, as read"),
        "alt": Column("str", "letter put there, as read"),
        "effect": Column("float", "target with the change minus target without (nats)"),
    },
)

INFLUENCE = TableSpec(
    "influence",
    "what one block carries from one base straight to the score of the explained base",
    {
        "block": Column("int", "block of the model, from 0"),
        "mixing": Column("str", "how it mixes bases: short, medium or long convolution, or attention"),
        "chrom": Column("str", "contig, or the name of the sequence"),
        "position": Column("int", "base that is heard, with the two read before it, 0-based, forward strand"),
        "base": Column("str", "its letter, as read"),
        "contribution": Column("float", "its part of the score, direct paths alone (nats)"),
    },
)

ABLATION = TableSpec(
    "ablation",
    "one feature that fires: what the model loses without it at its strongest places",
    {
        "feature": Column("int", "feature"),
        "places": Column("int", "firing places"),
        "firing_bases": Column("int", "firing bases ablated"),
        "dnll": Column(
            "float", "rise of the negative log-likelihood (bits a prediction); NaN: fires nowhere that counts"
        ),
    },
)

CAUSALITY = TableSpec(
    "causality",
    "one feature: what the model loses without it, and does with more of it",
    {
        "feature": Column("int", "feature"),
        "concept": Column("str", "its name, empty where it has none"),
        "places": Column("int", "firing places tested"),
        "firing_bases": Column("int", "firing bases ablated"),
        "ablation_dnll": Column(
            "float",
            "rise of the negative log-likelihood when ablated (bits a prediction); NaN: fires nowhere that counts",
        ),
        "ablation_null": Column("float", "mean rise for directions of random features of like density, same norm"),
        "ablation_null_q99": Column("float", "99th percentile of that rise"),
        "ablation_p": Column(
            "float", "p of the rise among the random directions of all features, each on the scale of its own"
        ),
        "steer_kl": Column("float", "how far one dose moves the next base (bits)"),
        "steer_null_q99": Column("float", "99th percentile for random features, same norm"),
        "steer_p": Column("float", "p of that distance among the random directions of all features"),
        "steer_base": Column("str", "base whose probability rises most"),
        "steer_change": Column("float", "rise of that base's probability"),
    },
)

EXCHANGE = TableSpec(
    "exchange",
    "one setting of copies and strength",
    {
        "target": Column("str", "what was steered"),
        "motif": Column("str", "motif copied in the prompt"),
        "copies": Column("int", "copies in the prompt"),
        "strength": Column("float", "steering strength (units)"),
        "held_out": Column("bool", "whether the fit never saw this setting"),
        "log_odds": Column("float", "mean log-odds of the motif's bases (nats)"),
        "fitted": Column("float", "log-odds the fitted law gives (nats)"),
    },
)
