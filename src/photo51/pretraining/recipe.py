"""The recipe of a corpus: which sequences, by accession and hash, of which species, in which split.

A recipe holds no sequence. Sequences come from FASTA files of the user's, or from `photo51 fetch`; each is recognised
by the hash of its letters, whatever it is called there, so that a corpus built elsewhere is the same corpus.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd
from Bio.SeqIO.FastaIO import SimpleFastaParser

from photo51.genome.text import open_text
from photo51.pretraining.corpus import RECORD_COLUMNS, Corpus, pack
from photo51.types import InputError

log = logging.getLogger(__name__)
COLUMNS = (*RECORD_COLUMNS, "length", "hash")
_RANGE = re.compile(r"(?P<name>.+):(?P<back>c?)(?P<a>\d+)-(?P<b>\d+)")
# a letter and five digits, as of strains too, only where the name begins with it
_ANY_ACCESSION = r"(?<![A-Za-z0-9])([A-Z]{2}_?\d{6,9}|[A-Z]{4,6}\d{8,10}|(?<![_-])[A-Z]\d{5})(?!\d)"
_COMPLEMENT = str.maketrans("ACGTRYKMBVDH", "TGCAYRMKVBHD")


def sequence_hash(sequence: str) -> str:
    """First 12 hexadecimal digits of the SHA-256 of the upper-case letters."""
    return hashlib.sha256(sequence.upper().encode()).hexdigest()[:12]


def read_recipe(path: Path | str) -> pd.DataFrame:
    """Read a recipe: a TSV (plain or gzip) with the columns record, source, group, species, split, length, hash.

    `record` is an accession, or `accession:start-end` for a part of one (1-based, both ends included; `c` before the
    larger coordinate is the other strand, as NCBI writes it). Names differ; `#2` tells two of one name apart.

    Raises
    ------
    InputError
        For a missing column, a record that comes twice, a split that is neither `train` nor `heldout`, and an accession
        in both.
    """
    table = pd.read_csv(path, sep="\t", dtype={"hash": str}, keep_default_na=False)
    if missing := [c for c in COLUMNS if c not in table.columns]:
        raise InputError(f"{path}: need the columns {', '.join(COLUMNS)}, got none called {', '.join(missing)}")
    if other := sorted(set(table["split"]) - {"train", "heldout"}):
        raise InputError(f"{path}: need a split of train or heldout, got {other}")
    if (twice := table["record"][table["record"].duplicated()]).size:
        raise InputError(f"{path}: need record names that differ, got {twice.iloc[0]!r} twice")
    if both := in_both_splits(table):
        raise InputError(
            f"{path}: need sequences of an accession in one split, got {both[0]!r} in both: what is held out would be"
            " trained on"
        )
    return table


def in_both_splits(table: pd.DataFrame) -> list[str]:
    """Accessions, without version, of which records of both splits are, whatever species they are said to be of."""
    found = table.assign(accession=table["record"].str.findall(_ANY_ACCESSION)).explode("accession").dropna()
    accession = found["accession"].str.replace("_", "")
    splits = found.groupby(accession)["split"].nunique()
    return sorted(splits.index[splits > 1])


def build(
    recipe: pd.DataFrame,
    fasta: Iterable[Path],
    folder: Path,
    *,
    aliases: Mapping[str, str] | None = None,
    partial: bool = False,
) -> Corpus:
    """Find every sequence of a recipe in FASTA files and pack them.

    Parameters
    ----------
    recipe
        From `read_recipe`.
    fasta
        Files to look in (plain, gzip or bgzip).
    folder
        Corpus folder to write.
    aliases
        Accession → name in the files, for parts of sequences that are called otherwise there.
    partial
        Leave out what is not found, saying how much, instead of refusing.

    Raises
    ------
    InputError
        Naming how many sequences, and which first, were not found.
    """
    record_of = dict(zip(recipe["hash"], recipe["record"], strict=True))
    parts = _parts(recipe, aliases or {})
    sequences: dict[str, str] = {}
    for path in fasta:
        with open_text(path) as text:
            for title, letters in SimpleFastaParser(text):
                sequence = letters.upper()
                if (key := sequence_hash(sequence)) in record_of:
                    sequences[key] = sequence
                for row, start, end, back in parts.get(_accession(title), ()):
                    piece = sequence[start:end]
                    sequences[row] = piece.translate(_COMPLEMENT)[::-1] if back else piece
        log.info("%s: %d of %d sequences found so far", Path(path).name, len(sequences), len(record_of))
    sequences = {key: s for key, s in sequences.items() if sequence_hash(s) == key}
    have = recipe["hash"].isin(sequences)
    if not have.all():
        lost = recipe[~have]
        missing = (
            f"{len(lost)} of {len(recipe)} sequences ({lost['length'].sum():,} of {recipe['length'].sum():,} bases)"
        )
        if not partial:
            raise InputError(
                f"corpus: need every sequence of the recipe, got none for {missing}, the first is"
                f" {lost['record'].iloc[0]!r}; fetch them, or allow a partial corpus"
            )
        log.warning("corpus: left out %s", missing)
    rows = recipe[have]
    return pack({r: sequences[h] for r, h in zip(rows["record"], rows["hash"], strict=True)}, rows, folder)


def _parts(recipe: pd.DataFrame, aliases: Mapping[str, str]) -> dict[str, list[tuple[str, int, int, bool]]]:
    parts: dict[str, list[tuple[str, int, int, bool]]] = {}
    for record, key in zip(recipe["record"], recipe["hash"], strict=True):
        if match := _RANGE.fullmatch(record):
            low, high = sorted((int(match["a"]), int(match["b"])))
            name = aliases.get(match["name"], match["name"])
            parts.setdefault(name, []).append((key, low - 1, high, bool(match["back"])))
    return parts


def _accession(title: str) -> str:
    """Accession of a FASTA header: its first word, or the field after `ref|` or `gb|`."""
    word = title.split(maxsplit=1)[0] if title else ""
    fields = word.split("|")
    return next((fields[i + 1] for i, f in enumerate(fields[:-1]) if f in {"ref", "gb", "emb", "dbj", "tpg"}), word)
