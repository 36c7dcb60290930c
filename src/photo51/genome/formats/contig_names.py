"""Names of one contig in files of different makers: `chr1`, `1`, `NC_000001.11`; `chrM`, `MT`, `NC_012920.1`.

A name alone is never enough. Names that may be of one contig are candidates; a candidate is the same contig where the
length that a file states is that of the genome, or where reference alleles are the genome's bases.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import NamedTuple

_PREFIX = re.compile(r"^(chromosome|chrom|chr)[_\-. ]?", re.IGNORECASE)
_ACCESSION = re.compile(r"^([A-Z]{1,2}_?[A-Z]{0,4}\d{5,12})(\.\d+)?$")
_MITOCHONDRION = {
    "m",
    "mt",
    "mito",
    "mitochondrion",
    "mtdna",
    "mitochondria",
    "mitochondrial",
    "mitochondrion_genome",
}
_PLASTID = {"pt", "c", "cp", "pltd", "chloroplast", "plastid"}
_ROMAN = {1: "i", 4: "iv", 5: "v", 9: "ix", 10: "x", 40: "xl", 50: "l"}
# RefSeq accessions of chromosomes, whose numbers follow one another: first accession, its chromosome, number of them
_SERIES = (
    ("NC_", 1, [*map(str, range(1, 23)), "x", "y"]),  # Homo sapiens
    ("NC_", 67, [*map(str, range(1, 20)), "x", "y"]),  # Mus musculus
    ("NC_", 1133, list(map(str, range(1, 17)))),  # Saccharomyces cerevisiae
    ("NC_", 3070, ["1", "2"]),  # Arabidopsis thaliana
    ("NC_", 3074, ["3", "4", "5"]),
    ("NC_", 3279, ["1", "2", "3", "4", "5", "x"]),  # Caenorhabditis elegans
)
_REFSEQ = {
    f"{prefix}{first + i:06d}": chrom for prefix, first, chroms in _SERIES for i, chrom in enumerate(chroms)
} | dict.fromkeys(
    ("NC_012920", "NC_005089", "NC_001224", "NC_037304", "NC_001328", "NC_024511", "NC_002333", "J01415"), "m"
)
_ENOUGH = 12  # bases of reference alleles that agree by chance once in 4**12


class Same(NamedTuple):
    """A name of a file that is a contig of the genome under another name, and why."""

    name: str
    contig: str
    why: str


def keys(name: str) -> frozenset[str]:
    """What a name may stand for; two names with a key in common may be one contig.

    Letters of any case, a prefix `chr`, the version of an accession, Roman numerals, the names of mitochondria and
    plastids, and accessions between bars (`gi|448814763|ref|NC_000962.3|`) make no difference.
    """
    forms = {name.lower()}
    words = [w for w in name.split("|") if w] if "|" in name else [name]
    for word in words:
        if accession := _ACCESSION.match(word):
            forms.add(accession[1].lower())
            if accession[1] in _REFSEQ:
                forms.add(f"chromosome {_REFSEQ[accession[1]]}")
            continue
        core = _PREFIX.sub("", word).lower()
        if core in _MITOCHONDRION:
            forms.add("chromosome m")
        elif core in _PLASTID and core != word.lower():
            forms.add("plastid")
        elif core.isdigit():
            forms.add(f"chromosome {int(core)}")
        elif core in _ARABIC:
            forms |= {f"chromosome {_ARABIC[core]}", f"chromosome {core}"}
        elif core in {"x", "y", "z", "w"} or core != word.lower():
            forms.add(f"chromosome {core}")
    return frozenset(forms)


def _roman(n: int) -> str:
    text = ""
    for value in sorted(_ROMAN, reverse=True):
        while n >= value:
            text, n = text + _ROMAN[value], n - value
    return text


_ARABIC = {_roman(n): n for n in range(1, 40)}


def candidates(name: str, contigs: Mapping[str, int | None], length: int | None = None) -> list[str]:
    """Contigs of the genome that a name of another file may stand for, the likeliest first.

    Parameters
    ----------
    name
        Name in the other file.
    contigs
        Contig of the genome → bases, or None where they are not known.
    length
        Bases that the other file states for the name.
    """
    if name in contigs:
        return [name]
    forms = keys(name)
    by_name = [c for c in contigs if forms & keys(c)]
    if by_name:
        return sorted(by_name, key=lambda c: (length is None or contigs[c] != length, c))
    by_length = [c for c, n in contigs.items() if length and n == length]
    if len(by_length) == 1:
        return by_length
    if len(contigs) == 1:
        (only,) = contigs
        placed = [any(k.startswith(("chromosome ", "plastid")) for k in ks) for ks in (forms, keys(only))]
        if not all(placed):
            return [only]
    return []


def nearest_contig(name: str, contigs: Iterable[str]) -> str:
    """The contig whose name is most like a name; one that may be the same contig comes first."""
    names = list(contigs)
    forms = keys(name)
    alike = [c for c in names if forms & keys(c)]
    return next(iter(alike or get_close_matches(name, names, 1, 0.0) or names), "")


def judge_contig(
    name: str, contig: str, lengths: tuple[int | None, int], bases: tuple[int, int]
) -> tuple[Same | None, str]:
    """Whether a candidate is the same contig, and why or why not.

    Parameters
    ----------
    name, contig
        In the file, and in the genome.
    lengths
        Bases that the file states (None: none), and those of the genome's contig.
    bases
        Bases of reference alleles that were compared, and how many of them agree.
    """
    stated, length = lengths
    compared, agree = bases
    if compared >= _ENOUGH and agree >= 0.95 * compared:
        return Same(name, contig, f"{agree:,} of {compared:,} bases of reference alleles agree"), ""
    if stated == length and agree >= 0.95 * compared:
        return Same(name, contig, f"both have {length:,} bases"), ""
    if stated is not None and stated != length:
        return None, f"{name} has {stated:,} bases by the file's header and {contig} has {length:,}"
    if compared < _ENOUGH:
        return None, f"the header states no length of {name}, and {compared} reference bases are too few to tell"
    return None, f"only {agree:,} of {compared:,} bases of its reference alleles are those of {contig}"
