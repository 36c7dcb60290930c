"""The first control: three states in cyclic order along coding sequence, found without labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photo51.geometry.controls.evidence import Bench, Control, control_verdict, not_tested
from photo51.stats.resampling import monte_carlo_p

WHAT = "codon phase: three states in cyclic order along genes, found without labels"
CONTEXT = 96


def codon_phase_control(bench: Bench) -> Control:
    """Accuracy of the three states on held-out blocks; baseline: the commonest phase of each 6-mer, learnt with
    labels.
    """
    if not (bench.annotations["kind"] == "CDS").any():
        return not_tested("codon_phase", WHAT, "The genomes have no coding sequence.")
    phase = bench.phase
    score = ~bench.find & np.isfinite(phase)
    if score.sum() < 300 or not np.isfinite(phase[bench.find]).any():
        return not_tested("codon_phase", WHAT, "The scored bases hold too little coding sequence.")
    frame = bench.frame
    right = frame.phase == phase
    accuracy = float(right[score].mean())
    null = _segment_null(frame.phase[score], phase[score].astype(np.int64), _segments(bench, score), bench)
    kmer, context = kmer_frame(bench, phase, score)
    blind = float((bench.frame_of(bench.one_hot).phase == phase)[score].mean())
    random = np.nan
    if bench.random is not None:
        random = float((bench.frame_of(bench.random).phase == phase)[score].mean())
    p = float(monte_carlo_p(accuracy, null))
    note = (
        f"accuracy {accuracy:.3f} on {score.sum():,} held-out coding bases; same search on {bench.params.k}-mers"
        f" {blind:.3f}; {bench.params.k}-mers with labels {kmer:.3f}, summed over {CONTEXT} bases {context:.3f}; rhythm"
        f" kept from window to window {frame.rhythm.coherence:.3f}; {_mixture(frame.place[score])}"
    )
    return Control(
        "codon_phase",
        WHAT,
        accuracy,
        "accuracy (chance 0.333)",
        kmer,
        random,
        float(null.mean()),
        p,
        control_verdict(accuracy, (kmer, random), p, bench.params.alpha),
        note,
    )


def kmer_frame(bench: Bench, phase: NDArray[np.floating], score: NDArray[np.bool_]) -> tuple[float, float]:
    """Accuracy of the last k bases, learnt with labels: of one k-mer, and of all k-mers of the last `CONTEXT` bases
    together.

    The second adds up log-likelihoods of phase along the reading direction as gene finders do (Borodovsky and McIninch
    1993, doi:10.1016/0097-8485(93)85004-V); it is given as context for the model's score, whose reach is longer than k
    bases.
    """
    width = 4**bench.params.k + 1
    learn = bench.find & np.isfinite(phase)
    # half a count each, so that a k-mer that was not met in a phase does not rule it out
    count = np.ones((width, 3)) * 0.5
    np.add.at(count, (bench.kmers[learn], phase[learn].astype(np.int64)), 1)
    # log P(k-mer | phase): which phase is commoner says nothing
    logs = np.log(count / count.sum(0))[bench.kmers]
    # an unknown k-mer is no evidence for any phase
    logs[bench.kmers == width - 1] = 0
    single = float((logs[score].argmax(1) == phase[score]).mean())
    n = len(logs)
    token = np.arange(n)
    # sums up to each token, with a 0 in front: a window is a difference of two
    spun = np.zeros((n + 1, 3))
    # column c of `lined` is the evidence that token 0 of the axis has phase c
    lined = np.take_along_axis(logs, (np.arange(3) + token[:, None]) % 3, axis=1)
    spun[1:] = np.cumsum(lined, axis=0)
    first = np.flatnonzero(np.diff(bench.tokens.run, prepend=-1))
    # not past the beginning of the run, where other sequence lies
    begin = np.maximum(token - CONTEXT + 1, np.repeat(first, np.diff(np.append(first, n))))
    summed = spun[token + 1] - spun[begin]
    # back to the phase of the token itself: column c of token t stands for phase c + t
    total = np.take_along_axis(summed, (np.arange(3) - token[:, None]) % 3, axis=1)
    return single, float((total[score].argmax(1) == phase[score]).mean())


def _segments(bench: Bench, score: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Number of the segment of coding bases that each scored token lies in."""
    scored = np.flatnonzero(score)
    # a gap between scored tokens, or another run, begins a segment
    new = (np.diff(scored, prepend=scored[:1] - 2) != 1) | (np.diff(bench.tokens.run[scored], prepend=-1) != 0)
    return np.cumsum(new) - 1


def _segment_null(called, phase, segment, bench: Bench) -> NDArray[np.float64]:
    """Accuracy when every coding segment gets a random frame, (draws,)."""
    n = segment.max() + 1
    # how many calls of a segment are right if its frame is moved by s
    same = np.stack([np.bincount(segment, (called == (phase + s) % 3).astype(float), n) for s in range(3)], axis=1)
    draws = bench.rng(1).integers(0, 3, (bench.params.rotations, n))
    return same[np.arange(n), draws].sum(1) / len(called)


def _mixture(place: NDArray[np.complex128]) -> str:
    """Whether bases lie between the three states: density of bright tokens at the borders over that at the centres."""
    size = np.abs(place)
    angle = np.angle(place[size >= np.quantile(size, 0.5)])
    # distance to the nearest of the three centres, 0 … π/3
    off = np.abs((angle + np.pi / 3) % (2 * np.pi / 3) - np.pi / 3)
    # the outer π/12 at the borders over the inner π/12 at the centres: equally wide
    ratio = (off > np.pi / 4).mean() / max((off < np.pi / 12).mean(), 1e-9)
    word = "a circle: mixtures of states are common" if ratio > 0.5 else "three states (Z/3), no circle"
    return f"density between the states {ratio:.2f} of that at them, {word}"
