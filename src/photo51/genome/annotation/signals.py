"""Bacterial signals predicted from sequence by plain, documented rules: promoters, ribosome-binding sites, terminators.

They are approximations for genomes without curated sites, and say so in their names. Each function looks at a segment
of bases in reading direction and returns the best site in it or None, as offsets into the segment with a score.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from photo51.genome.alphabet import codes

# Share of each consensus base in the boxes of E. coli sigma-70 promoters (Lisser and Margalit 1993,
# doi:10.1093/nar/21.7.1507); the other three bases share the rest.
_MINUS_35 = (("T", 0.69), ("T", 0.79), ("G", 0.61), ("A", 0.56), ("C", 0.54), ("A", 0.54))
_MINUS_10 = (("T", 0.77), ("A", 0.76), ("T", 0.60), ("A", 0.61), ("A", 0.56), ("T", 0.82))
# Cost in bits of a spacer of 15 to 19 bases between the boxes; 17 is best (Harley and Reynolds 1987,
# doi:10.1093/nar/15.5.2343).
_SPACERS = {15: 2.0, 16: 1.0, 17: 0.0, 18: 1.0, 19: 2.0}
_NEAREST = 15
# What pairs with CCUCC and its neighbours at the 3' end of 16S rRNA (Shine and Dalgarno 1974,
# doi:10.1073/pnas.71.4.1342).
_ANTI = "TAAGGAGGTGA"
# Bases between the site and the start codon; about 5 to 9 is best (Chen et al. 1994, doi:10.1093/nar/22.23.4953).
_SPACING = (4, 14)


class Site(NamedTuple):
    """A site in a segment of bases: half-open offsets in reading direction, and a score."""

    start: int
    end: int
    score: float


def base_shares(ids: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Shares of A, C, G, T on both strands together, (4,), each at least 1 %; equal ones where no base is known."""
    count = np.bincount(codes(ids), minlength=5)[:4].astype(float)
    # reversed A, C, G, T are T, G, C, A: the complement's counts
    both = count + count[::-1]
    share = np.maximum(both / both.sum() if both.sum() else np.full(4, 0.25), 0.01)
    return share / share.sum()


def _weights(box: tuple[tuple[str, float], ...], base: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log2 odds against the background, (6, 5); an ambiguous base scores as the worst."""
    out = np.empty((len(box), 5))
    for row, (letter, share) in zip(out, box, strict=True):
        i = "ACGT".index(letter)
        # the consensus letter has its share, the other three split the rest as the background has them
        p = base / (1 - base[i]) * (1 - share)
        p[i] = share
        # information against the contig's own composition, so that AT-rich genomes are not full of boxes
        row[:4] = np.log2(p / base)
        row[4] = row[:4].min()
    return out


def promoter(upstream: NDArray[np.uint8], base: NDArray[np.float64], reach: int, min_score: float) -> Site | None:
    """Best pair of -35 and -10 boxes whose -10 box ends 15 to `reach` bases before a transcription unit.

    Parameters
    ----------
    upstream
        Bytes in reading direction; the last one is the base before the unit, (length,).
    base
        Shares of A, C, G, T upstream of the units of the contig (`base_shares`), (4,).
    reach
        Bases from the end of the -10 box to the unit, at most.
    min_score
        Least score: bits of both boxes over the background, 1.5 for an extended -10 (TGn before it), spacer cost taken
        off.

    Notes
    -----
    Consensus boxes are weak evidence. On *E. coli* K-12 with the default parameters 10 % of the transcription
    units have a hit, and 5.5 % after shuffling the bases upstream.
    """
    code = codes(upstream)
    n_places = len(code) - 5
    if n_places < 1:
        return None
    place = np.arange(n_places)
    box_35, box_10 = (
        np.sum([w[j, code[place + j]] for j in range(6)], axis=0)
        for w in (_weights(_MINUS_35, base), _weights(_MINUS_10, base))
    )
    # TGn before the -10 box can stand in for a -35 box (extended -10 promoters)
    box_10[3:] += 1.5 * ((code[place[3:] - 3] == 3) & (code[place[3:] - 2] == 2))
    # bases between the end of the -10 box and the unit
    before = len(code) - place - 6
    box_10[(before < _NEAREST) | (before > reach)] = -np.inf
    best: Site | None = None
    for spacer, cost in _SPACERS.items():
        # from the first base of the -35 box to that of the -10 box
        shift = 6 + spacer
        if n_places <= shift:
            continue
        score = box_35[:-shift] + box_10[shift:] - cost
        i = int(np.argmax(score))
        if score[i] >= min_score and (best is None or score[i] > best.score):
            best = Site(i, i + shift + 6, float(score[i]))
    return best


def ribosome_binding_site(upstream: NDArray[np.uint8], min_paired: int) -> Site | None:
    """Longest segment before a start codon that pairs with the end of 16S rRNA; of equal ones that nearest to 7 bases
    before.

    Parameters
    ----------
    upstream
        Bytes in reading direction; the last one is the base before the start codon, (length,).
    min_paired
        Least paired bases.

    Returns
    -------
    The site, its score the number of paired bases.
    """
    text = upstream.tobytes().decode("ascii")
    best: tuple[tuple[int, int], Site] | None = None
    for size in range(len(_ANTI), min_paired - 1, -1):
        for first in range(len(_ANTI) - size + 1):
            word = _ANTI[first : first + size]
            position = text.find(word)
            while position >= 0:
                spacing = len(text) - position - size
                # longer pairing first, then the spacing that translates best
                rank = (size, -abs(spacing - 7))
                if _SPACING[0] <= spacing <= _SPACING[1] and (best is None or rank > best[0]):
                    best = (rank, Site(position, position + size, float(size)))
                position = text.find(word, position + 1)
        if best is not None:
            return best[1]
    return None


STEMS = range(5, 13)
LOOPS = range(3, 9)


def terminator(downstream: NDArray[np.uint8], min_score: float) -> Site | None:
    """Best intrinsic terminator in the bases after a stop codon: a GC-rich hairpin and a T-tract right behind it.

    A stem of 5 to 12 pairs (GU allowed, none unpaired) with at least 60 % G and C, a loop of 3 to 8 bases, and at
    least 5 T among the 8 bases that follow, the second of them T. The score is 3 per GC pair, 2 per AU pair, 0 per GU
    pair, less 0.5 per loop base over 4, plus 1 per T.

    Parameters
    ----------
    downstream
        Bytes in reading direction from the base after the stop codon on, (length,).
    min_score
        Least score.

    Returns
    -------
    Hairpin and tract together.

    Notes
    -----
    On *E. coli* K-12 with the default parameters 21 % of the transcription units have a hit within 150 bases of
    their end, 4 % of the genes inside one, and 0.8 % of the units after shuffling the bases downstream.

    References
    ----------
    d'Aubenton Carafa et al. 1990, doi:10.1016/s0022-2836(99)80005-9; de Hoon et al. 2005,
    doi:10.1371/journal.pcbi.0010025.
    """
    code = codes(downstream)
    n = len(code)
    is_t = np.append(code == 3, np.zeros(8, dtype=bool))
    # Ts among the 8 bases from each base on: the full convolution shifted by the window less one
    tract = np.convolve(is_t, np.ones(8, dtype=int), mode="full")[7 : 7 + n]
    letters = code.tolist()
    # the second base behind the stem must be a T; the first may be the stem's neighbour
    tails = np.flatnonzero((tract >= 5) & is_t[1 : n + 1])
    best: Site | None = None
    for end in tails.tolist():
        hairpin = _hairpin(letters[:end])
        if hairpin is not None and (best is None or hairpin[1] + tract[end] > best.score):
            best = Site(hairpin[0], min(end + 8, n), float(hairpin[1] + tract[end]))
    return best if best is not None and best.score >= min_score else None


# Bonds by base code (A C G T and others): GC 3, AT 2, GT a wobble of 0; None does not pair.
_PAIR: list[list[float | None]] = [[None] * 5 for _ in range(5)]
for _a, _b, _score in ((1, 2, 3.0), (0, 3, 2.0), (2, 3, 0.0)):
    _PAIR[_a][_b] = _PAIR[_b][_a] = _score


def _hairpin(code: list[int]) -> tuple[int, float] | None:
    """Best hairpin whose last base is the last of `code`: its first base and its score."""
    best: tuple[int, float] | None = None
    for loop in LOOPS:
        for stem in STEMS:
            start = len(code) - 2 * stem - loop
            if start < 0:
                break
            # the right arm is read backwards, so that pairs stand at the same index
            bonds = _bonds(code[start : start + stem], code[: -stem - 1 : -1])
            score = -1.0 if bonds is None else bonds - 0.5 * max(0, loop - 4)
            if bonds is not None and (best is None or score > best[1]):
                best = (start, score)
    return best


def _bonds(left: list[int], right: list[int]) -> float | None:
    """Sum of the bonds of a stem; None where a pair is none or fewer than 60 % of the bases are G or C."""
    total, strong = 0.0, 0
    for a, b in zip(left, right, strict=True):
        bond = _PAIR[a][b]
        if bond is None:
            return None
        total += bond
        # both bases of a pair count, hence 2 · 0.6 = 1.2 a pair below
        strong += (a in {1, 2}) + (b in {1, 2})
    return total if strong >= 1.2 * len(left) else None
