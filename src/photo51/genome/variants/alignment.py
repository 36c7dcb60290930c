"""Reference and alternative window, base to base: the one place that says which base of one is which of the other.

    ref    A C G T T A G      insertion of TG after C:      ref  A C - - G T T A G
    alt    A C T G G T T A G                                alt  A C T G G T T A G

After an insertion or a deletion the same index of the two windows is about different bases; everything that compares
them position by position goes through `align`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from photo51.genome.alphabet import decode, reverse_complement
from photo51.types import InputError, Strand, Variant


class AlleleWindow(NamedTuple):
    """Bases around a variant with one of its alleles in them.

    Attributes
    ----------
    ids
        Upper-case bytes in reading direction, (length,).
    start, end
        The allele within `ids`, half-open; `ids[start:end]` spells it (its reverse complement on strand `-`).
    strand
        Reading direction.
    origin
        0-based position on the contig of the window's first forward base; negative, or with the window past the length,
        where it wraps.
    """

    ids: NDArray[np.uint8]
    start: int
    end: int
    strand: Strand = "+"
    origin: int = 0

    def reverse_complement(self) -> AlleleWindow:
        """The same bases read on the other strand."""
        n = len(self.ids)
        other: Strand = "-" if self.strand == "+" else "+"
        return AlleleWindow(reverse_complement(self.ids), n - self.end, n - self.start, other, self.origin)


class Alignment(NamedTuple):
    """Which base of the reference window corresponds to which of the alternative window.

    Attributes
    ----------
    ref, alt
        Indices into the two windows, (n_pairs,), both rising: `ref[i]` and `alt[i]` are the same base of the genome,
        or a substituted one and its substitute.
    ref_only
        Indices of deleted bases in the reference window.
    alt_only
        Indices of inserted bases in the alternative window.
    changed
        Whether a pair is a substitution, (n_pairs,).
    n_ref, n_alt
        Lengths of the windows.
    """

    ref: NDArray[np.int64]
    alt: NDArray[np.int64]
    ref_only: NDArray[np.int64]
    alt_only: NDArray[np.int64]
    changed: NDArray[np.bool_]
    n_ref: int
    n_alt: int


def align(ref: AlleleWindow, alt: AlleleWindow) -> Alignment:
    """Align two windows of one variant, which share their flanks and differ in the allele.

    Bases that both alleles begin with, and then those that both end with, are the same bases (VCF's anchor base among
    them). Of what is left, as many bases as the shorter allele has are substitutions, from the left of the forward
    strand; the rest is deleted or inserted. On strand `-` the result is that of strand `+`, mirrored, so that the two
    strands speak about the same bases.

    Raises
    ------
    InputError
        Where the flanks differ, or the windows are read on different strands.
    """
    if ref.strand != alt.strand:
        raise InputError(f"align: need windows of one strand, got {ref.strand} and {alt.strand}")
    if ref.strand == "-":
        return _mirrored(align(ref.reverse_complement(), alt.reverse_complement()))
    left, right = ref.start, len(ref.ids) - ref.end
    same_left = alt.start == left and np.array_equal(ref.ids[:left], alt.ids[:left])
    same_right = len(alt.ids) - alt.end == right and np.array_equal(ref.ids[ref.end :], alt.ids[alt.end :])
    if not (same_left and same_right):
        raise InputError("align: need windows with the same bases on either side of the allele, got others")
    head, tail = _shared_ends(ref.ids[ref.start : ref.end], alt.ids[alt.start : alt.end])
    ref_core = len(ref.ids) - left - right - head - tail
    alt_core = len(alt.ids) - left - right - head - tail
    # substitutions from the left; what one allele has more of is deleted or inserted behind them
    paired = min(ref_core, alt_core)
    before, after = left + head, tail + right
    first = np.arange(before + paired)
    last = np.arange(after)
    # pairs from the left end, and pairs from the right end
    ref_at = np.concatenate([first, len(ref.ids) - after + last])
    alt_at = np.concatenate([first, len(alt.ids) - after + last])
    return Alignment(
        ref=ref_at,
        alt=alt_at,
        ref_only=np.arange(before + paired, before + ref_core),
        alt_only=np.arange(before + paired, before + alt_core),
        changed=ref.ids[ref_at] != alt.ids[alt_at],
        n_ref=len(ref.ids),
        n_alt=len(alt.ids),
    )


def _shared_ends(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> tuple[int, int]:
    """Bases two alleles begin with alike, and bases the rest of them ends with alike."""
    n = min(len(a), len(b))
    differ = np.flatnonzero(a[:n] != b[:n])
    head = int(differ[0]) if len(differ) else n
    # an overlap of head and tail would count a base of the shorter allele twice
    rest = n - head
    differ = np.flatnonzero(a[::-1][:rest] != b[::-1][:rest])
    return head, int(differ[0]) if len(differ) else rest


def _mirrored(a: Alignment) -> Alignment:
    return Alignment(
        # index i from the left is n − 1 − i from the right, and order is reversed so that indices rise
        ref=(a.n_ref - 1 - a.ref)[::-1],
        alt=(a.n_alt - 1 - a.alt)[::-1],
        ref_only=(a.n_ref - 1 - a.ref_only)[::-1],
        alt_only=(a.n_alt - 1 - a.alt_only)[::-1],
        changed=a.changed[::-1],
        n_ref=a.n_ref,
        n_alt=a.n_alt,
    )


def substitute(ids: NDArray[np.uint8], origin: int, variant: Variant) -> tuple[AlleleWindow, AlleleWindow]:
    """Reference and alternative window from forward bases that hold the variant.

    Parameters
    ----------
    ids
        Upper-case bytes of the forward strand, (length,).
    origin
        0-based position of `ids[0]` on the contig.
    variant
        Its reference allele must lie in `ids` whole and be spelled there.

    Raises
    ------
    InputError
        Where it does not, naming the variant and the bases found.
    """
    first = variant.pos - origin
    end = first + len(variant.ref)
    spelled = decode(ids[max(first, 0) : max(end, 0)])
    if first < 0 or spelled != variant.ref:
        raise InputError(f"variant {variant}: need its reference allele in the genome, got {spelled or 'no base'!r}")
    allele = np.frombuffer(variant.alt.encode("ascii"), dtype=np.uint8)
    changed = np.concatenate([ids[:first], allele, ids[end:]])
    return (
        AlleleWindow(ids, first, end, "+", origin),
        AlleleWindow(changed, first, first + len(allele), "+", origin),
    )
