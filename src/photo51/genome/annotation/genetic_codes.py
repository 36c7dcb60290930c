"""The genetic code of a contig: what the user says, what its records say, or a guess that is named.

A guess is made for organelles, told by the contig's name, description or records, and for genomes whose genes were
called by a prokaryotic gene finder. Of the codes of mitochondria the one is taken with which the fewest coding
sequences stop inside, in the order 2 (vertebrates), 5 (invertebrates), 4 (moulds), 3 (yeast), 9, 13, 14, 1 (plants).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from photo51.genome.annotation.coding import JudgedCoding, has_inner_stop, stated_code, stops_of
from photo51.genome.annotation.features import Feature
from photo51.genome.annotation.transcripts import Transcript

_FEWEST_DOUBTED, _SHARE_DOUBTED = 5, 0.1
_COMMON = (11, 1, 4, 2, 5, 6, 3, 9, 10, 13, 14)
MITOCHONDRIAL = (2, 5, 4, 3, 9, 13, 14, 21, 24, 1)
_MITO_NAME = re.compile(
    r"(?:[Cc]hr(?:omosome_?)?|CHR)?(?:M|MT|Mt|mt)(?:DNA|dna)?"
    r"|(?i:(?:chr)?mito(?:chondri(?:a|on|al))?(?:[_-]?(?:genome|dna))?)"
)
_PLASTID_NAME = re.compile(
    r"(?:[Cc]hr|CHR)(?:C|Pt|PT|CP)|Pt|PT|(?i:cpdna|ptdna|(?:chr)?(?:plastid|chloroplast)(?:[_-]?genome)?)"
)
_MITO_TEXT = re.compile(r"mitochondri(on|al|a)\b", re.IGNORECASE)
_PLASTID_TEXT = re.compile(r"chloroplast|plastid|apicoplast|cyanelle|chromoplast|leucoplast", re.IGNORECASE)
_FINDERS = re.compile(
    r"prodigal|prokka|bakta|pgap|glimmer|genemarks?-?2|fraggenescan|phanotate|pharokka|pyrodigal|rast|dfast|"
    r"protein homology|ncbi prokaryotic",
    re.IGNORECASE,
)


class Choice(NamedTuple):
    """A genetic code and, where it is a guess or goes against the records, the sentence that says so."""

    code: int
    warning: str = ""


def choose_code(
    chrom: str,
    described: str,
    user: Mapping[str, int],
    features: Sequence[Feature],
    transcripts: Sequence[Transcript],
    spliced: Callable[[Transcript], str],
    *,
    elsewhere: Iterable[str] = (),
) -> Choice:
    """The genetic code of a contig.

    Parameters
    ----------
    chrom, described
        Name of the contig and the rest of its header.
    user
        Column `genetic_code` of `genomes.tsv`: by contig; of the empty name, every other's.
    features, transcripts
        What lies on the contig.
    spliced
        Gives the letters of a transcript's CDS.
    elsewhere
        Programs that made the genome's annotation, for contigs without genes.
    """
    stated = Counter(c for t in transcripts if t.cds and (c := stated_code(t)))
    by_records = stated.most_common(1)[0][0] if stated else 0
    by_user = user.get(chrom, user.get("", 0))
    if by_user:
        against = (
            f"{chrom}: the user says genetic code {by_user}, its records say /transl_table={by_records}, which its CDS"
            " are read with"
        )
        return Choice(by_user, against if by_records and by_records != by_user else "")
    if by_records:
        return Choice(by_records)
    kind, evidence = _kind(chrom, described, features)
    if kind == "mitochondrion":
        best = _fewest_stops([spliced(t) for t in transcripts if t.cds and all(not p.chrom for p in t.cds)])
        return Choice(best, _guess(chrom, best, f"{evidence} says that it is a mitochondrion"))
    if kind == "plastid":
        return Choice(11, _guess(chrom, 11, f"{evidence} says that it is a plastid"))
    names = [
        t.attributes.get("source_column", "") + " " + t.attributes.get("inference", "") for t in transcripts if t.cds
    ]
    finder = next((m[0] for text in (*names, *elsewhere) if (m := _FINDERS.search(text))), "")
    if finder:
        return Choice(11, _guess(chrom, 11, f"its genes were called by {finder}, a finder of prokaryotic genes"))
    return Choice(1)


def _guess(chrom: str, code: int, why: str) -> str:
    return (
        f"{chrom}: genetic code {code} is a guess, since no file states one and {why}; the column genetic_code of"
        " genomes.tsv, or --genetic-code, settles it"
    )


def _kind(chrom: str, described: str, features: Sequence[Feature]) -> tuple[str, str]:
    for f in features:
        organelle = f"{f.attributes.get('organelle', '')} {f.attributes.get('genome', '')}"
        if f.type.lower() in {"source", "region", "chromosome"} and organelle.strip():
            if _MITO_TEXT.search(organelle):
                return "mitochondrion", "its record"
            if _PLASTID_TEXT.search(organelle):
                return "plastid", "its record"
    if _MITO_NAME.fullmatch(chrom):
        return "mitochondrion", "its name"
    if _PLASTID_NAME.fullmatch(chrom):
        return "plastid", "its name"
    if _MITO_TEXT.search(described):
        return "mitochondrion", "its header"
    return ("plastid", "its header") if _PLASTID_TEXT.search(described) else ("", "")


def _fewest_stops(coding: Sequence[str]) -> int:
    """The first code of those of mitochondria with which the fewest sequences stop inside."""
    stops = {code: sum(has_inner_stop(letters, 0, code) for letters in coding) for code in MITOCHONDRIAL}
    return min(MITOCHONDRIAL, key=lambda code: stops[code])


def doubted(chrom: str, judgements: Sequence[JudgedCoding], code: int, spliced: Callable[[Transcript], str]) -> str:
    """A sentence where another genetic code reads clearly more coding sequences from end to end; empty where none does.

    Counted are the coding sequences that end with a stop codon and have none inside. Only codes of other stop codons
    can be told so.

    Parameters
    ----------
    chrom
        Name of the contig.
    judgements
        Transcripts of the contig.
    code
        Its genetic code.
    spliced
        Gives the letters of a transcript's CDS.
    """
    coding = [
        j.transcript
        for j in judgements
        if j.transcript.cds
        and j.transcript.biotype != "pseudogene"
        and not (j.transcript.partial_5 or j.transcript.partial_3 or j.transcript.recoded)
        and all(not p.chrom and p.strand != "." for p in j.transcript.cds)
    ]
    unread = sum(bool(j.inner_stop) or not j.ends for j in judgements)
    if len(coding) < _FEWEST_DOUBTED or unread < _SHARE_DOUBTED * len(coding):
        return ""
    letters = [spliced(t) for t in coding]
    whole = {c: sum(_is_whole(text, c) for text in letters) for c in (code, *(c for c in _COMMON if c != code))}
    best = max(whole.values())
    if best - whole[code] < _SHARE_DOUBTED * len(coding):
        return ""
    likely = " or ".join(str(c) for c in sorted(c for c in whole if whole[c] == best))
    return (
        f"{chrom}: {whole[code]:,} of {len(coding):,} CDS read from end to end in genetic code {code}, and {best:,} in"
        f" code {likely}; is the genetic code right?"
    )


def _is_whole(letters: str, code: int) -> bool:
    stops = stops_of(code).stops
    return len(letters) % 3 == 0 and letters[-3:] in stops and not has_inner_stop(letters, 0, code)
