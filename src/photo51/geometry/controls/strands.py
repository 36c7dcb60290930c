"""Controls on strands and on the genetic code."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from photo51.geometry.controls.evidence import Bench, Control, control_verdict, not_tested
from photo51.geometry.meaning.biology import STANDARD_CODE
from photo51.stats.resampling import monte_carlo_p, random_shifts, rotate_rows

STRANDS_WHAT = "features come in pairs that say of one strand what the other says of its complement"
CODE_WHAT = "codons of one amino acid lie nearer to each other than their letters explain"
BIN, LEAST, MOST, DRAWS = 32, 100, 600, 39


def strand_pairs(bench: Bench) -> Control:
    """Held-out correlation of each feature on strand + with its partner on strand −, partners sought on the other
    blocks.
    """
    score, null, mutual, n = _paired(bench, bench.tokens.codes)
    if n < 10:
        return not_tested("strand_pairs", STRANDS_WHAT, f"Only {n} features fire often enough on both strands.")
    random = _paired(bench, bench.random)[0] if bench.random is not None else np.nan
    p = float(monte_carlo_p(score, null))
    note = (
        f"{n} features, occupancy in {BIN} bases; {mutual:.0%} of the partners choose each other; the two readings see"
        " different context, since the model reads one way; null: strand − rotated within blocks, partners sought again"
        f" ({len(null)} draws)"
    )
    return Control(
        "strand_pairs",
        STRANDS_WHAT,
        score,
        "mean correlation",
        np.nan,
        random,
        float(null.mean()),
        p,
        control_verdict(score, (random,), p, bench.params.alpha),
        note,
    )


def _paired(bench: Bench, codes: csr_matrix) -> tuple[float, NDArray[np.float64], float, int]:
    """Mean correlation of partners on blocks for scoring, its null, share of mutual partners, and features."""
    tokens, bounds = bench.tokens, bench.workspace.block_bounds
    rows = bench.workspace.n_rows
    # one more bin for the rows that do not fill one
    half = rows // BIN + 1
    strands = [tokens.strand == s for s in (0, 1)]
    counts = [np.bincount(codes[s].indices, minlength=codes.shape[1]) for s in strands]
    # both strands must have enough: the fewer of the two counts
    busy = np.minimum(*counts)
    keep = np.sort(np.argsort(-busy, kind="stable")[: min(MOST, int((busy >= LEAST).sum()))])
    if len(keep) < 10:
        return np.nan, np.zeros(0), np.nan, len(keep)
    find_row = np.zeros(rows, bool)
    # rows of blocks for finding, told from the tokens that were read
    find_row[tokens.row[bench.find]] = True
    bin_of = tokens.row[strands[0]] // BIN
    read = np.bincount(bin_of, minlength=half) > BIN / 2
    finding = (np.bincount(bin_of, find_row[tokens.row[strands[0]]], half) > BIN / 2)[read]
    # bins that were read, numbered; the others are left out
    number = np.where(read, np.cumsum(read) - 1, -1)
    plus = _occupancy(codes[strands[0]][:, keep], number[bin_of], len(finding))
    sought, judged = _unit(plus[finding]), _centred(plus[~finding])
    minus_codes, minus_rows = codes[strands[1]][:, keep], tokens.row[strands[1]]

    def agreement(blocks: NDArray[np.int64]) -> tuple[float, float]:
        # occupancy of the reverse strand, at its own rows or at rotated ones
        minus = _occupancy(minus_codes, number[blocks // BIN], len(finding))
        c = sought.T @ _unit(minus[finding])
        # the partner is sought on these blocks, and judged on the others below
        partner = c.argmax(1)
        mutual = float((c.argmax(0)[partner] == np.arange(len(partner))).mean())
        return float(np.nanmean(_columnwise(judged, _centred(minus[~finding][:, partner])))), mutual

    score, mutual = agreement(minus_rows)
    rng = bench.rng(2)
    null = [agreement(rotate_rows(minus_rows, bounds, random_shifts(bounds, rng)[0]))[0] for _ in range(DRAWS)]
    return score, np.array(null), mutual, len(keep)


def _occupancy(codes: csr_matrix, place: NDArray[np.int64], n_bins: int) -> NDArray[np.float32]:
    """Bases of each bin in which each feature fires, however strongly, (bins, features).

    Parameters
    ----------
    place
        (tokens,) bin of each token; those of -1 are left out.
    """
    out = np.zeros((n_bins, codes.shape[1]), np.float32)
    _count(codes.indptr, codes.indices, place, out)
    return out


@njit(cache=True, nogil=True)
def _count(indptr, indices, place, out):
    for t in range(len(place)):
        if place[t] >= 0:
            for q in range(indptr[t], indptr[t + 1]):
                out[place[t], indices[q]] += 1


def _centred(x: NDArray[np.float32]) -> NDArray[np.float32]:
    return x - x.mean(0)


def _unit(x: NDArray[np.float32]) -> NDArray[np.float32]:
    centred = _centred(x)
    return centred / np.maximum(np.linalg.norm(centred, axis=0), 1e-9)


def _columnwise(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float64]:
    """Correlation of each column of one with that of the other, both centred."""
    size = np.linalg.norm(a, axis=0) * np.linalg.norm(b, axis=0)
    # a feature that is silent in these blocks has no correlation
    return np.where(size > 0, (a * b).sum(0) / np.maximum(size, 1e-9), np.nan)


def genetic_code_control(bench: Bench) -> Control:
    """Partial correlation of codon distances with sharing an amino acid, letters that differ held fixed."""
    if not (bench.annotations["kind"] == "CDS").any():
        return not_tested("genetic_code", CODE_WHAT, "The genomes have no coding sequence.")
    # at the last base of a codon the k-mer that ends there ends with the codon
    ends = (bench.phase == 2) & (bench.kmers < 4**bench.params.k)
    # the last three letters are the lowest three digits of base 4
    codon = (bench.kmers % 64).astype(np.int64)
    coding = np.array([a != "*" for a in STANDARD_CODE])
    if bench.params.k < 3 or (np.bincount(codon[ends & ~bench.find], minlength=64)[coding] < 20).any():
        return not_tested("genetic_code", CODE_WHAT, "Some codons occur fewer than 20 times in the scored bases.")
    scored = np.flatnonzero(ends & ~bench.find)
    score, null = _code_score(bench.tokens.codes[scored], codon[scored], bench)
    random = _code_score(bench.random[scored], codon[scored], bench)[0] if bench.random is not None else np.nan
    p = float(monte_carlo_p(score, null))
    note = (
        f"cosine distances of 61 codons' mean codes at their last base, {len(scored):,} codons; a k-mer knows letters"
        " only, so its score is 0 by construction; null: the letters of the code are renamed, position by position"
    )
    return Control(
        "genetic_code",
        CODE_WHAT,
        score,
        "partial correlation",
        0.0,
        random,
        float(null.mean()),
        p,
        control_verdict(score, (0.0, random), p, bench.params.alpha),
        note,
    )


def _code_score(codes: csr_matrix, codon: NDArray[np.int64], bench: Bench) -> tuple[float, NDArray[np.float64]]:
    of_codon = csr_matrix((np.ones(len(codon)), (codon, np.arange(len(codon)))), shape=(64, len(codon)))
    means = (
        np.asarray((of_codon @ codes).todense(), np.float64) / np.maximum(np.bincount(codon, minlength=64), 1)[:, None]
    )
    sense = np.array([i for i, a in enumerate(STANDARD_CODE) if a != "*"])
    # off the mean of all sense codons, so that cosines are about what differs
    means = means - means[sense].mean(0)
    unit = means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
    i, j = (sense[x] for x in np.triu_indices(len(sense), 1))
    near = (unit[i] * unit[j]).sum(1)
    # first, second and third letter of each codon number
    letters = np.stack([np.arange(64) // 16, np.arange(64) // 4 % 4, np.arange(64) % 4], axis=1)
    differ = (letters[i] != letters[j]).astype(float)
    # A, C, G, T are 0 … 3: A and G, and C and T, differ in the second bit alone
    transition = ((letters[i] ^ letters[j]) == 2).astype(float)
    # which of the three positions differ, as a number from 0 to 7
    pattern = differ @ (4, 2, 1)
    # one indicator a pattern, and whether any pair is a transition, are held fixed
    nuisance = np.column_stack([np.eye(8)[pattern.astype(int)], transition])
    amino = np.array([ord(a) for a in STANDARD_CODE])
    q = np.linalg.qr(nuisance)[0]
    # both sides are freed of the nuisances: their cosine is the partial correlation
    near = near - q @ (q.T @ near)

    def partial(names: NDArray[np.int64]) -> float:
        same = ((names[i] == names[j]) & (names[i] != ord("*"))).astype(float)
        same -= q @ (q.T @ same)
        size = np.linalg.norm(same) * np.linalg.norm(near)
        return float(same @ near / size) if size > 0 else 0.0

    rng = bench.rng(7)
    null = np.empty(bench.params.rotations)
    for d in range(len(null)):
        # letters renamed at each position by itself: a code of the same make that means nothing
        renamed = sum(rng.permutation(4)[letters[:, c]] * w for c, w in ((0, 16), (1, 4), (2, 1)))
        null[d] = partial(amino[renamed])
    return partial(amino), null
