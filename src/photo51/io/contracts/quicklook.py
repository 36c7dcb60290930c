"""Tables of `photo51 read` and of the dictionaries that come with photo51."""

from photo51.io.contracts.sae import FOUND_AGAIN
from photo51.io.tables import Column, TableSpec

_CHROM = Column("str", "contig")
_START = Column("int", "first base, 0-based")
_END = Column("int", "base after the last, 0-based")

SEED_MATCH = TableSpec(
    "seed_match",
    "one feature of a dictionary",
    {
        **FOUND_AGAIN.columns,
        "density": Column("float", "share of bases at which it is active"),
        "maximum": Column("float", "largest activation in the run"),
        "q50": Column("float", "median activation where active; NaN: never active"),
        "q99": Column("float", "99th percentile where active: one unit of strength; NaN: never active"),
    },
)

TYPICAL = TableSpec(
    "typical",
    "one window of a genome that the dictionary was trained on, or of held-out blocks of it",
    {
        "genome": Column("str", "genome"),
        "chrom": _CHROM,
        "start": _START,
        "end": _END,
        "strand": Column("str", "strand read"),
        "split": Column("str", "split of its block: train, select or test"),
        "bits": Column("float", "mean bits a base"),
        "variance_explained": Column("float", "1 - squared error of the reconstruction over variance about the mean"),
        "cold": Column("bool", "read without the bases before it, as a sequence that begins there", required=False),
    },
)

READ_WINDOWS = TableSpec(
    "read_windows",
    "one window of a sequence, on one strand",
    {
        "chrom": _CHROM,
        "start": _START,
        "end": _END,
        "strand": Column("str", "strand read"),
        "n_known": Column("int", "known bases; fewer than 256: not compared with training windows"),
        "cold": Column("bool", "its reading begins in it; compared with training windows read so"),
        "bits": Column("float", "mean bits a base; 2 is chance; NaN: no known base"),
        "bits_rank": Column("float", "share of training windows with fewer bits; NaN: not compared"),
        "variance_explained": Column(
            "float", "1 - squared error of the reconstruction over variance; NaN: no known base"
        ),
        "variance_rank": Column("float", "share of training windows with less of it; NaN: not compared"),
        "unlike": Column("str", "why it is unlike the training sequence; empty where it is not, or was not compared"),
    },
)

READ_CALLS = TableSpec(
    "read_calls",
    "one interval in which a named feature is active",
    {
        "chrom": _CHROM,
        "start": _START,
        "end": _END,
        "strand": Column("str", "strand the model read"),
        "feature": Column("int", "number of the feature"),
        "name": Column("str", "annotation class the feature is called after"),
        "orientation": Column("str", "sense: what is marked lies on the strand read; antisense: on the other; either"),
        "activation": Column("float", "largest activation"),
        "share": Column("float", "of the feature's largest activation in training"),
        "grade": Column("str", "of the name: strong, moderate"),
        "n_survived": Column("int", "replication checks of the name that held"),
        "n_checks": Column("int", "replication checks that could be made"),
        "match": Column("float", "share of other seeds that find the feature"),
    },
)

READ_ORFS = TableSpec(
    "read_orfs",
    "one open reading frame",
    {
        "chrom": _CHROM,
        "start": _START,
        "end": _END,
        "strand": Column("str", "strand"),
        "codons": Column("int", "codons, start and stop counted"),
        "complete": Column("bool", "begins with a start codon and ends with a stop codon inside the sequence"),
        "bits": Column("float", "mean bits a base on its strand"),
    },
)

UNEXPLAINED = TableSpec(
    "unexplained",
    "one interval that the model knows something of, and no name or annotation says what",
    {
        "chrom": _CHROM,
        "start": _START,
        "end": _END,
        "strand": Column("str", "strand read"),
        "bits": Column("float", "mean bits a base"),
        "feature": Column("int", "unnamed feature with the largest activation, as a share of its largest in training"),
        "share": Column("float", "that share"),
        "match": Column("float", "share of other seeds that find the feature"),
        "n_features": Column("int", "unnamed features at half of their largest activation or more"),
        "score": Column("float", "sum over its bases of the largest share among unnamed features"),
    },
)

LAYERS = TableSpec(
    "layers",
    "one block of a model",
    {
        "site": Column("str", "output of the block"),
        "kind": Column("str", "kind of the block"),
        "bits_recovered": Column(
            "float",
            "share of the bits lost by a constant that a small dictionary patched in recovers, on held-out blocks"
            " (split select); NaN: a constant loses none",
        ),
        "variance_explained": Column("float", "of the small dictionary, held out"),
        "probe_auroc": Column("float", "linear probe of annotation classes, held out, mean over classes"),
        "neuron_auroc": Column("float", "best single neuron, chosen where it may learn, mean over classes"),
        "kmer_auroc": Column("float", "log-odds of the k-mer read last, mean over classes; no block enters it"),
        "n_classes": Column("int", "annotation classes probed"),
        "burn_in": Column("int", "bases of context until activations are settled; -1: more than measured"),
        "seconds_per_mb": Column("float", "time to read a million bases up to the block, one strand, on this machine"),
        "recommended": Column("bool", "whether this block is recommended"),
        "why": Column("str", "why it is, or what it lacks"),
    },
)
