"""Tables of the genome tracks."""

from photo51.io.tables import Column, TableSpec

TRACKS = TableSpec(
    "tracks",
    "one signal track: a feature (or concept) read in one direction on one genome",
    {
        "genome": Column("str", "genome of the run"),
        "name": Column("str", "feature (f123) or concept"),
        "label": Column("str", "what the feature looks like; empty where it has no name"),
        "strand": Column("str", "direction of reading: + or -"),
        "file": Column("str", "bigWig next to this table; empty where the feature is silent on that strand"),
        "active": Column("int", "bases with a value"),
        "peak": Column("float", "largest activation"),
        "sha256": Column("str", "SHA-256 of the file; empty where there is none"),
    },
)

CALLS = TableSpec(
    "calls",
    "one segment over which a feature is at or above its threshold",
    {
        "genome": Column("str", "genome of the run"),
        "chrom": Column("str", "contig"),
        "start": Column("int", "first base, 0-based"),
        "end": Column("int", "one past the last base (half-open)"),
        "strand": Column("str", "direction of reading: + or -"),
        "name": Column("str", "feature (f123) or concept"),
        "score": Column("int", "largest activation of the segment, per mille of the feature's own largest"),
        "activation": Column("float", "largest activation of the segment"),
        "threshold": Column("float", "activation a base needs"),
        "gene": Column(
            "str",
            "gene at the strongest base and whether it is read in sense or antisense, or how far the nearest is",
        ),
    },
)
