"""The terms of the report, each in one sentence a biologist understands; the tooltips show the same sentences."""

from __future__ import annotations

from types import MappingProxyType
from typing import NamedTuple


class GlossaryTerm(NamedTuple):
    """A term as it is written, and what it means."""

    name: str
    meaning: str


TERMS = MappingProxyType(
    {
        "model": GlossaryTerm(
            "Model",
            "A neural network that reads DNA base by base and predicts the next base; nobody told it what a gene is.",
        ),
        "site": GlossaryTerm(
            "Site",
            "The place inside the model that was read: after which layer its internal numbers were taken.",
        ),
        "sae": GlossaryTerm(
            "Sparse autoencoder",
            "A second, small network that rewrites the model's internal numbers as a few active features per base.",
        ),
        "feature": GlossaryTerm(
            "Feature",
            "One direction of the model's internal state, found by the sparse autoencoder: zero at most bases, active"
            " where its pattern occurs.",
        ),
        "activation": GlossaryTerm(
            "Activation",
            "How strongly a feature is active at one base; 0 is inactive, and the unit is the feature's own.",
        ),
        "density": GlossaryTerm(
            "Density",
            "The share of scored bases at which a feature is active; 0.1 % means one base in a thousand.",
        ),
        "dead": GlossaryTerm(
            "Dead feature",
            "A feature that was active nowhere in this run, so that nothing can be said about it.",
        ),
        "found_again": GlossaryTerm(
            "Found again",
            "A dictionary of another training seed has a feature of nearly the same direction (cosine of 0.8 or more)"
            " that is active at the same bases (correlation of 0.8 or more).",
        ),
        "name_rule": GlossaryTerm(
            "Criteria of a name",
            "On held-out blocks domain F1 and MCC, and over the genome both q-values, meet the configured limits, and"
            " F1 exceeds that of circularly shifted copies and of the always-on feature.",
        ),
        "strand": GlossaryTerm(
            "Strand",
            "The model reads each strand on its own, so every track comes twice: read forward (+), and the reverse"
            " complement (−).",
        ),
        "scored": GlossaryTerm(
            "Scored bases",
            "The bases the model was judged on; bases at the start of a window, where it has seen too little, are left"
            " out.",
        ),
        "window_offsets": GlossaryTerm(
            "Window-offset robustness",
            "Some bases are read a second time by a window that begins nearer to them; a feature that is then active"
            " elsewhere owes its loci to the window.",
        ),
        "warmup": GlossaryTerm(
            "Warm-up",
            "The first bases of a window, which the model reads for context only and which are not judged.",
        ),
        "p": GlossaryTerm(
            "p-value",
            "How often chance alone would give a result at least this strong; small means chance is a poor"
            " explanation.",
        ),
        "q": GlossaryTerm(
            "q-value",
            "The expected share of false discoveries among all at least this strong; among annotations,"
            " classes that hold something are selected first, then pairs within each class (hierarchical).",
        ),
        "rotation": GlossaryTerm(
            "Rotation null",
            "The feature's track is shifted circularly within blocks of the genome, by every distance; this keeps its"
            " runs and rhythm but breaks its link to the annotation.",
        ),
        "composition": GlossaryTerm(
            "Composition-adjusted",
            "Tested again by circular shifts after removing what GC, skews, words of up to six letters, strand and"
            " place alone predict, so that a GC meter cannot pass as a gene detector.",
        ),
        "held_out": GlossaryTerm(
            "Held out",
            "Measured on blocks of the genome that played no part in choosing the feature or its threshold.",
        ),
        "f1": GlossaryTerm(
            "Domain F1",
            "Agreement of a feature with an annotation, 0 to 1: the harmonic mean of precision by bases and recall by"
            " intervals.",
        ),
        "precision": GlossaryTerm(
            "Precision",
            "The share of a feature's active bases, at the threshold that is said, that lie inside the annotation.",
        ),
        "recall": GlossaryTerm(
            "Recall",
            "By bases, the share of the bases of a class that are active; by intervals, the share of its intervals with"
            " an active base; active: at the threshold that is said.",
        ),
        "null_f1": GlossaryTerm(
            "Null F1",
            "The F1 that 95 of 100 circularly shifted copies of the feature do not exceed; of a class with few"
            " instances, 95 of 100 shifts of these.",
        ),
        "always_on": GlossaryTerm(
            "Always-on",
            "A hypothetical feature that is active at every base; where most bases are genic even it scores well, so it"
            " is printed too.",
        ),
        "kmer": GlossaryTerm(
            "k-mer baseline",
            "A simple model that sees only six-letter words; what it can do needs no deep network.",
        ),
        "neuron": GlossaryTerm(
            "Neuron baseline", "The best single internal number of the model, without the sparse autoencoder."
        ),
        "random_weights": GlossaryTerm(
            "Random-weight model",
            "The same network before any training; what it shows comes from the architecture, not from knowledge.",
        ),
        "auroc": GlossaryTerm(
            "AUROC",
            "The chance that a random positive scores above a random negative; 0.5 is chance, 1 is perfect.",
        ),
        "auprc": GlossaryTerm(
            "AUPRC",
            "Precision averaged over all recalls; chance gives the share of positives, which is printed too.",
        ),
        "fold": GlossaryTerm(
            "Fold of activation",
            "Activation summed over the class, over its mean under all rotations; bases count by how active they are.",
        ),
        "mcc": GlossaryTerm(
            "MCC", "Correlation between prediction and truth, −1 to 1, fair also where one class is rare."
        ),
        "n_eff": GlossaryTerm(
            "Effective n",
            "How many independent observations a track is worth; neighbouring bases repeat each other, so it is far"
            " below the number of bases.",
        ),
        "logo": GlossaryTerm(
            "Logo",
            "The bases found where a feature is strongest, one stack a position: the taller the letter, the more that"
            " base is required.",
        ),
        "bits": GlossaryTerm(
            "Bits",
            "Unit of a logo's height: 0 where any base occurs as in the background, 2 where only one base occurs.",
        ),
        "metagene": GlossaryTerm(
            "Metagene",
            "The mean activation around many sites of one kind, lined up at the site and read in the direction of the"
            " gene.",
        ),
        "manifold": GlossaryTerm(
            "Manifold",
            "A group of features that together trace a shape, such as a ring or a line, along which something"
            " biological may vary.",
        ),
        "module": GlossaryTerm("Module", "A group of features that are active together without tracing a shape."),
        "unresolved": GlossaryTerm(
            "Unresolved",
            "A group of features whose shape could not be told from chance with the data of this run.",
        ),
        "coordinate": GlossaryTerm(
            "Coordinate",
            "Where a base sits on a group of features: an angle on a ring, a position on a line or along a cloud.",
        ),
        "persistence": GlossaryTerm(
            "Persistence",
            "How large a hole in a cloud of points is; a ring is called a ring only if its hole is larger than in"
            " copies of its features circularly shifted against each other.",
        ),
        "umap": GlossaryTerm(
            "Feature map",
            "Every feature as one point (UMAP); neighbours are alike, but distances across the map mean nothing.",
        ),
        "llr": GlossaryTerm(
            "Log-likelihood ratio",
            "Logarithm of the probability the model gives the sequence with the variant over that without it, in nats;"
            " negative: the variant is less likely.",
        ),
        "within_gene": GlossaryTerm(
            "Within-gene AUROC",
            "AUROC counted only among variants of the same gene, so that knowing the gene helps nobody.",
        ),
        "gene_prior": GlossaryTerm(
            "Gene prior",
            "Predicting from the gene's name alone; it measures how much of a score could be confounding.",
        ),
        "stratified": GlossaryTerm(
            "Stratified test",
            "Cases and controls are compared only within the strata that the table names, for instance the same gene"
            " and codon position.",
        ),
        "burden": GlossaryTerm("Burden", "How active a feature is over one individual's whole genome, per base."),
        "lmm": GlossaryTerm(
            "Mixed model",
            "An association test with relatedness as a random effect, so that population structure does not pass as"
            " association.",
        ),
        "lambda": GlossaryTerm(
            "λGC",
            "Inflation of a test: 1 is right; at 3, relatedness or another confounder makes all look significant.",
        ),
        "ablation": GlossaryTerm(
            "Ablation",
            "Setting a feature to zero inside the model and measuring how much worse it predicts the bases that"
            " follow.",
        ),
        "nll": GlossaryTerm("NLL", "Negative log-likelihood: the model's surprisal per base; lower is better."),
        "steering": GlossaryTerm(
            "Steering",
            "Turning a feature up or down while the model writes DNA, and measuring what changes in the sequence.",
        ),
        "random_direction": GlossaryTerm(
            "Random direction",
            "A change of the same size in a random direction of the model's state; an effect counts only if it exceeds"
            " these.",
        ),
        "novelty": GlossaryTerm(
            "Novelty",
            "A score for reproducible, strong features that no annotation, word count or repeat explains.",
        ),
        "replication": GlossaryTerm(
            "Replication",
            "Whether the name of a feature holds on each strand, in each genome and in each split by itself, and in a"
            " dictionary of another training seed.",
        ),
        "calibration": GlossaryTerm(
            "Calibration",
            "Whether the tests hold their level: on circularly shifted data, without any true association, they must"
            " find (almost) nothing.",
        ),
        "bits_per_base": GlossaryTerm(
            "Bits per base",
            "The model's mean surprisal at the next base; 2 is pure guessing among four letters, lower is better.",
        ),
        "variance_explained": GlossaryTerm(
            "Variance explained", "The share of the model's internal variation that the features reproduce."
        ),
        "ce_recovered": GlossaryTerm(
            "Cross-entropy recovered",
            "How much of the model's predictive power survives when its internal numbers are replaced by the features'"
            " version; 0 is as much as their mean keeps, 1 is all of it.",
        ),
        "l0": GlossaryTerm("Features per base", "How many features are active at one base, on average."),
    }
)
