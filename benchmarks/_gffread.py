"""Coding sequences and proteins that gffread writes, beside those of our transcripts."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from Bio.Seq import Seq
from Bio.SeqIO.FastaIO import SimpleFastaParser

from photo51.genome.alphabet import decode
from photo51.genome.axis.genomes import Genomes


class Compared(NamedTuple):
    """Transcripts that gffread writes, how many of them are equal, and which are not."""

    transcripts: int
    equal: int
    different: list[str]


def gffread_is_there() -> bool:
    """Whether the binary is installed."""
    return shutil.which("gffread") is not None


def coding_sequences(genomes: Genomes, genome: str, *, whole: bool = False) -> pd.DataFrame:
    """Coding sequence of each transcript of a genome: columns transcript, name, gene, letters, frame, genetic_code, recoded.

    Parameters
    ----------
    genomes, genome
        Prepared genomes, and which of them.
    whole
        Whether bases before the first codon are kept.
    """
    table = genomes.transcripts()
    own = table[(table["genome"] == genome) & (table["kind"] == "CDS")]
    rows = []
    for transcript, parts in own.sort_values("part", kind="stable").groupby("transcript", sort=False):
        pieces = [
            decode(genomes.sequence(genome, p["chrom"], p["start"], p["end"], p["strand"]))
            for p in parts.to_dict("records")
        ]
        first = parts.iloc[0]
        letters = "".join(pieces)
        rows.append(
            (transcript, first["transcript_name"], first["gene"], letters if whole else letters[max(first["frame"], 0) :],
             int(first["frame"]), int(first["genetic_code"]), first["recoded"])
        )  # fmt: skip
    return pd.DataFrame(rows, columns=["transcript", "name", "gene", "letters", "frame", "genetic_code", "recoded"])


def compare(genomes: Genomes, genome: str, annotation: Path, fasta: Path, folder: Path) -> Compared:
    """Compare every transcript that gffread writes, sequence by sequence and amino acid by amino acid.

    Both are compared from the first complete codon on; amino acids are those of the standard code, the only one that
    gffread has.
    """
    cds, protein = folder / "gffread_cds.fa", folder / "gffread_protein.fa"
    subprocess.run(
        ["gffread", "-x", str(cds), "-y", str(protein), "-g", str(fasta), str(annotation)],
        check=True, capture_output=True,
    )  # fmt: skip
    theirs = list(zip(_records(cds), _records(protein), strict=True))
    own = coding_sequences(genomes, genome)
    ours: dict[str, set[tuple[str, str]]] = {}
    for row in own.to_dict("records"):
        letters = row["letters"]
        read = str(Seq(letters[: len(letters) - len(letters) % 3]).translate()) if len(letters) > 2 else ""
        for name in {row["name"], row["transcript"], row["gene"]}:
            ours.setdefault(name, set()).add((letters, read.rstrip("*")))
    table = genomes.transcripts()
    broken = table[table["biotype"] == "pseudogene"]
    left = {str(x) for c in ("transcript", "transcript_name", "gene") for x in broken[c]}
    # broken genes have no coding sequence here; gffread writes what is left of them
    theirs = [pair for pair in theirs if pair[0][0] not in left]
    different = [
        name
        for (name, letters), (_, read) in theirs
        if not any(
            letters.endswith(mine) and len(letters) - len(mine) < 3 and amino == read.replace(".", "*").rstrip("*")
            for mine, amino in ours.get(name, ())
        )
    ]
    return Compared(len(theirs), len(theirs) - len(different), different)


def _records(path: Path) -> list[tuple[str, str]]:
    """Names and letters of a FASTA file, empty records and repeated names included."""
    if not path.is_file():
        return []
    with path.open(encoding="ascii") as text:
        return [(title.split()[0], letters.upper()) for title, letters in SimpleFastaParser(text)]
