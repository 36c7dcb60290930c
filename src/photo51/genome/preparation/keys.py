"""What a row of `genomes.tsv` says of sequences, and what of annotations: each decides its own part of `photo51
prepare`.
"""

from __future__ import annotations

from photo51.genome.preparation.samples import GenomeRow
from photo51.genome.preparation.sources import declared_circular, first_letter, sequence_digest


def sequence_key(row: GenomeRow) -> dict[str, object]:
    """What decides the sequences, blocks and windows of a genome, but for the content of FASTA and BED files.

    A GenBank file stands with the digest of its sequences, since its features do not count here.
    """
    plain = first_letter(row.sequence) == ">"
    return {
        "genome": row.genome,
        "sequence": row.sequence.name,
        "digest": "" if plain else sequence_digest(row.sequence),
        "regions": row.regions,
        "topology": row.topology,
        "circular": sorted(declared_circular(row)),
    }


def annotation_key(row: GenomeRow) -> dict[str, object]:
    """What decides the annotations of a genome, but for the content of files."""
    return {
        "genome": row.genome,
        "annotations": [path.name for path in row.annotations],
        "genetic_code": dict(sorted(row.genetic_codes.items())),
        "extra": [[kind, path.name] for kind, path in row.extra],
    }
