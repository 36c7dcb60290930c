"""What a variant does to the genes it lies in.

| consequence | meaning |
|---|---|
| `stop_gained` | a codon becomes a stop |
| `stop_lost` | the gene's stop codon becomes an amino acid |
| `start_lost` | the first codon is no start codon any more |
| `frameshift` | an insertion or deletion of a length that is no multiple of three |
| `missense` | another amino acid |
| `inframe_indel` | codons inserted or deleted |
| `rRNA`, `tRNA`, `ncRNA` | in a gene whose product is RNA |
| `start_retained`, `stop_retained`, `synonymous` | the same start, stop or amino acid |
| `coding_unknown` | in a CDS whose codons there cannot be told: ambiguous bases, a change that reaches past the CDS or lies where a frame slips |
| `control_region` | in a D-loop or control region and in no gene |
| `pseudogene`, `intron` | in a broken gene; between exons |
| `intergenic` | elsewhere |

A variant in overlapping genes has one row a gene, and the gravest, in the order above, is marked. Start codons are read as
methionine whatever they are, and any start codon of the genetic code may replace another (GTG and TTG in bacteria). A CDS
that ends in T or TA, as in animal mitochondria, is completed with A as polyadenylation does, so that a change in its last
codon is judged as one of TAA.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd
from Bio.Data.CodonTable import unambiguous_dna_by_id
from numpy.typing import NDArray

from photo51.genome.alphabet import decode, reverse_complement
from photo51.genome.genomes import Genomes
from photo51.io.contracts.genome import CONSEQUENCES
from photo51.types import InputError

ORDER = (
    "stop_gained",
    "stop_lost",
    "start_lost",
    "frameshift",
    "missense",
    "inframe_indel",
    "rRNA",
    "tRNA",
    "ncRNA",
    "start_retained",
    "stop_retained",
    "synonymous",
    "coding_unknown",
    "control_region",
    "pseudogene",
    "intron",
    "intergenic",
)
_RANK = {name: i for i, name in enumerate(ORDER)}
_KINDS = ("CDS", "rRNA", "tRNA", "ncRNA", "pseudogene", "intron", "D_loop")
_PLAIN = {"D_loop": "control_region"}


class Code(NamedTuple):
    """A genetic code: codon → amino acid (`*` is a stop), and which codons start."""

    amino_acids: Mapping[str, str]
    starts: frozenset[str]

    def translate(self, codon: str) -> str:
        """Amino acid of a codon; X where it is not three known bases."""
        return self.amino_acids.get(codon, "X")


@lru_cache
def genetic_code(table: int) -> Code:
    """A genetic code of NCBI, from Biopython's tables.

    Raises
    ------
    InputError
        For a number that is none.
    """
    if table not in unambiguous_dna_by_id:
        raise InputError(f"genetic_code: need one of {sorted(unambiguous_dna_by_id)}, got {table}")
    found = unambiguous_dna_by_id[table]
    amino_acids = dict(found.forward_table) | dict.fromkeys(found.stop_codons, "*")
    return Code(amino_acids, frozenset(found.start_codons))


class Transcript(NamedTuple):
    """A CDS as the ribosome reads it.

    Attributes
    ----------
    name, group, strand
        Of the gene.
    positions
        Contig position of each base in reading order, (length,); a base that is read twice is there twice.
    letters
        The bases read, (length,) letters.
    frame
        Bases before the first complete codon.
    """

    name: str
    group: str
    strand: str
    positions: NDArray[np.int64]
    letters: str
    frame: int


class Effect(NamedTuple):
    """What a variant does in one CDS."""

    consequence: str
    codon: int = 0
    codon_position: int = 0
    ref_aa: str = ""
    alt_aa: str = ""


def transcripts(annotations: pd.DataFrame, ids: NDArray[np.uint8]) -> dict[str, Transcript]:
    """CDS of one contig, by group.

    Parameters
    ----------
    annotations
        Contract `ANNOTATIONS`, rows of one contig.
    ids
        Its bytes, (length,).
    """
    found = {}
    cds = annotations[annotations["kind"] == "CDS"]
    for group, rows in cds.sort_values(["group", "part"]).groupby("group", sort=True):
        positions, letters = [], []
        for start, end, strand in zip(rows["start"], rows["end"], rows["strand"], strict=True):
            at = np.arange(start, end)
            positions.append(at[::-1] if strand == "-" else at)
            bases = ids[start:end]
            letters.append(decode(reverse_complement(bases) if strand == "-" else bases))
        first = rows.iloc[0]
        found[str(group)] = Transcript(
            str(first["name"]),
            str(group),
            str(first["strand"]),
            np.concatenate(positions).astype(np.int64),
            "".join(letters),
            max(int(first["frame"]), 0),
        )
    return found


def effect(transcript: Transcript, pos: int, ref: str, alt: str, code: Code) -> Effect:
    """What a change of forward bases does in a CDS.

    Parameters
    ----------
    transcript
        The CDS; the variant must touch it.
    pos
        0-based position of the first base of `ref`.
    ref, alt
        Forward alleles, of which shared ends have been taken off: one of them may be empty.
    code
        The genetic code.
    """
    minus = transcript.strand == "-"
    touched = np.flatnonzero((transcript.positions >= pos) & (transcript.positions < pos + max(len(ref), 1)))
    if not len(touched):
        return Effect("coding_unknown")
    first, last = int(touched[0]), int(touched[-1]) + 1
    if not ref:  # an insertion before `pos` on the forward strand
        first = last = first + 1 if minus else first
    whole = len(ref) == last - first and len(transcript.positions) >= 3
    if not whole:
        shift = (len(alt) - len(ref)) % 3
        return Effect("frameshift" if shift and len(touched) == len(ref) else "coding_unknown")
    new = decode(reverse_complement(np.frombuffer(alt.encode(), dtype=np.uint8))) if minus else alt
    changed = transcript.letters[:first] + new + transcript.letters[last:]
    return _compared(transcript, first, last, changed, code)


def _compared(t: Transcript, first: int, last: int, changed: str, code: Code) -> Effect:
    shift = len(changed) - len(t.letters)
    place = first - t.frame
    if place < 0:
        return Effect("coding_unknown")
    codon = place // 3
    start = t.frame + 3 * codon
    position = place % 3 + 1 if shift == 0 and last - first == 1 else 0
    if shift % 3:
        return Effect("frameshift", codon + 1)
    stop = t.frame + 3 * ((max(last, first + 1) - t.frame + 2) // 3)
    tail = _poly_a(t)
    before = _codons((t.letters + tail)[start:stop], code)
    after = _codons((changed + tail)[start : stop + shift], code)
    if "X" in before or "X" in after or (not before and not after):
        return Effect("coding_unknown", codon + 1, position, before, after)
    if codon == 0 and t.frame == 0:
        old, new = t.letters[:3], changed[:3]
        if old in code.starts:
            return Effect(
                _start(old, new, before, after, code), 1, position, "M" + before[1:], _m(new, after, code)
            )
    return Effect(_of_proteins(before, after, shift), codon + 1, position, before, after)


def _start(old: str, new: str, before: str, after: str, code: Code) -> str:
    if new not in code.starts:
        return "start_lost"
    if "*" in after[1:] and "*" not in before[1:]:
        return "stop_gained"
    if before[1:] != after[1:]:
        return "missense" if len(before) == len(after) else "inframe_indel"
    return "start_retained" if old != new else "synonymous"


def _m(new: str, after: str, code: Code) -> str:
    return "M" + after[1:] if new in code.starts else after


def _of_proteins(before: str, after: str, shift: int) -> str:
    """Compare the amino acids of the touched codons, each up to its first stop."""
    old, new = before.partition("*"), after.partition("*")
    if old[1] and not new[1]:
        return "stop_lost"
    if new[1] and (not old[1] or len(new[0]) < len(old[0])):
        return "stop_gained"
    if shift:
        return "inframe_indel"
    if old[0] != new[0]:
        return "missense"
    return "stop_retained" if old[1] else "synonymous"


def _poly_a(t: Transcript) -> str:
    """What polyadenylation adds to a CDS that ends in T or TA."""
    odd = (len(t.letters) - t.frame) % 3
    tail = t.letters[len(t.letters) - odd :] if odd else ""
    return "A" * (3 - odd) if tail in {"T", "TA"} else ""


def _codons(letters: str, code: Code) -> str:
    return "".join(code.translate(letters[i : i + 3]) for i in range(0, len(letters), 3))


def trimmed(pos: int, ref: str, alt: str) -> tuple[int, str, str]:
    """A variant without the bases that its alleles begin and end with alike: position of what is left, and both alleles."""
    head = 0
    while head < min(len(ref), len(alt)) and ref[head] == alt[head]:
        head += 1
    ref, alt = ref[head:], alt[head:]
    while ref and alt and ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
    return pos + head, ref, alt


def consequences(
    genomes: Genomes, genome: str, variants: pd.DataFrame, annotations: pd.DataFrame
) -> pd.DataFrame:
    """Consequences of variants (contract `CONSEQUENCES`), in order of variants, gravest first.

    Parameters
    ----------
    genomes
        Prepared genomes.
    genome
        Which of them.
    variants
        Contract `VARIANTS`, with reference alleles that are the genome's (`check_reference`).
    annotations
        Contract `ANNOTATIONS`.
    """
    rows: list[tuple] = []
    own = annotations[(annotations["genome"] == genome) & annotations["kind"].isin(_KINDS)]
    order = variants.reset_index(drop=True)
    for chrom, here in order.groupby("chrom", sort=False):
        length = genomes.length(genome, str(chrom))
        ids = genomes.sequence(genome, str(chrom), 0, length)
        placed = own[own["chrom"] == chrom]
        coding = transcripts(placed, ids)
        code = genetic_code(genomes.genetic_code(genome, str(chrom)))
        start, end = placed["start"].to_numpy(), placed["end"].to_numpy()
        names = [tuple(map(str, row)) for row in placed[["kind", "group", "name", "strand"]].to_numpy()]
        for i, pos, ref, alt in zip(here.index, here["pos"], here["ref"], here["alt"], strict=True):
            at, old, new = trimmed(int(pos), ref, alt)
            at %= length
            # an insertion touches what lies on both sides of it
            touched = (
                np.flatnonzero((start < at + len(old)) & (end > at))
                if old
                else np.flatnonzero((start < at) & (end > at))
            )
            rows += _rows(int(i), [names[j] for j in touched], coding, (at, old, new), code)
    table = pd.DataFrame(rows, columns=list(CONSEQUENCES.columns))
    return CONSEQUENCES.check(table.sort_values("variant", kind="stable")) if rows else CONSEQUENCES.empty()


def _rows(
    i: int,
    touching: list[tuple[str, ...]],
    coding: Mapping[str, Transcript],
    change: tuple[int, str, str],
    code: Code,
) -> list[tuple]:
    """Rows of one variant; what it does in a gene counts, not that the gene lies in a control region or an intron."""
    rows = {}
    for kind, group, name, strand in touching:
        found = effect(coding[group], *change, code) if kind == "CDS" else Effect(_PLAIN.get(kind, kind))
        rows[kind, group] = (found, name, group, strand)
    if any(kind not in {"D_loop", "intron"} for kind, _ in rows):
        rows = {k: v for k, v in rows.items() if k[0] not in {"D_loop", "intron"}}
    listed = sorted(rows.values(), key=lambda r: (_RANK[r[0].consequence], r[1], r[2])) or [
        (Effect("intergenic"), "", "", ".")
    ]
    return [
        (i, name, group, strand, *found, place == 0)
        for place, (found, name, group, strand) in enumerate(listed)
    ]
