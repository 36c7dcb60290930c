"""Controls that are lines and large circles: GC content, position along a gene, the two halves and the turn of
replication.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from photo51.geometry.controls.evidence import NOT_SHOWN, Bench, Control, control_verdict, not_tested
from photo51.geometry.controls.readout import (
    area_under_roc,
    ranks,
    ridge,
    shifted_null,
    spearman_rho,
    thinned,
    window_means,
)
from photo51.geometry.meaning.biology import along_genes, gc_and_skew, replication_fork
from photo51.stats.resampling import monte_carlo_p

GC = "GC content is a line: steps of GC in order along one direction of the codes"
GENE = "position along a gene, start to stop"
STRAND = "leading and lagging strand of replication"
ANGLE = "angle round the chromosome from the origin"
MOST = 60_000


def _codes(bench: Bench) -> dict[str, csr_matrix]:
    """Codes of the model, k-mers, and codes of the random model where there are some."""
    out = {"model": bench.tokens.codes, "kmer": bench.one_hot}
    return out if bench.random is None else {**out, "random": bench.random}


def gc_line(bench: Bench) -> Control:
    """Rank correlation of a readout of window means with GC content, within genomes, on held-out blocks.

    A line besides: the means of ten steps of GC follow one another in order along the readout.
    """
    size = bench.params.gc_window
    gc = bench.of(gc_and_skew(bench.genomes, bench.workspace, size)[0])
    scores: dict[str, float] = {}
    p, null, order = np.nan, np.zeros(0), np.nan
    for name, codes in _codes(bench).items():
        x, first = window_means(codes, bench.tokens.run, size)
        # the window is centred on its middle base
        find, truth = bench.find[first], gc[first + size // 2].astype(np.float64)
        if find.sum() < 50 or (~find).sum() < 50:
            return not_tested("gc_line", GC, f"Too few windows of {size} bases.")
        genome = _genome(bench)[first]
        guess = _centred_ranks(ridge(x[find], truth[find], penalty=0.1)(x[~find]), genome[~find])
        truth_held_out = _centred_ranks(truth[~find], genome[~find])
        scores[name] = spearman_rho(guess, truth_held_out)
        if name == "model":
            block = bench.tokens.block[first][~find]
            # rotated within blocks: GC follows itself over long distances, and so does the readout
            null = shifted_null(guess, truth_held_out, block, bench.rng(3), bench.params.rotations)
            p, order = float(monte_carlo_p(scores[name], null)), _seriation(guess, truth_held_out)
    score = scores["model"]
    note = (
        f"readout of the mean codes of {size} bases, ranks within genomes; means of ten steps of GC follow one another"
        f" along it with rank correlation {order:.2f}; k-mers hold GC by construction: no baseline is a bar here, and"
        " it shows little"
    )
    called = control_verdict(score, (), p, bench.params.alpha) if order > 0.9 else NOT_SHOWN
    return Control(
        "gc_line",
        GC,
        score,
        "rank correlation",
        scores["kmer"],
        scores.get("random", np.nan),
        float(null.mean()),
        p,
        called,
        note,
    )


def _centred_ranks(values: NDArray[np.floating], genome: NDArray[np.int64]) -> NDArray[np.float64]:
    """Ranks within each genome as shares, 0 in the middle."""
    out = np.full(len(values), np.nan)
    for g in np.unique(genome):
        in_genome = genome == g
        r = ranks(values[in_genome])
        # shares of the genome, so that genomes of different GC, and of different size, are alike
        out[in_genome] = r / max(1, np.isfinite(r).sum()) - 0.5
    return out


def _seriation(guess: NDArray[np.float64], truth: NDArray[np.float64], steps: int = 10) -> float:
    """Rank correlation between steps of the truth and the mean guess in each."""
    # ranks run from -0.5 to 0.5; the largest falls into the last step
    step = np.minimum(((truth + 0.5) * steps).astype(np.int64), steps - 1)
    means = np.array([guess[step == s].mean() if (step == s).any() else np.nan for s in range(steps)])
    ok = np.isfinite(means)
    return float(np.corrcoef(np.flatnonzero(ok), ranks(means[ok]))[0, 1]) if ok.sum() > 2 else float("nan")


def _genome(bench: Bench) -> NDArray[np.int64]:
    """Number of the genome of each token."""
    t = bench.workspace.table
    number = {name: i for i, name in enumerate(dict.fromkeys(t["genome"]))}
    of_segment = np.array([number[g] for g in t["genome"]])
    # segment of each row: the last one that begins at or before it
    return of_segment[np.searchsorted(t["offset"].to_numpy(), bench.tokens.row, side="right") - 1]


def position_along_gene(bench: Bench) -> Control:
    """Rank correlation of a linear readout with the fraction of the gene that was read, on held-out blocks."""
    fraction = bench.of(along_genes(bench.workspace, bench.annotations)["position_along_gene"])
    has_place = np.isfinite(fraction)
    learn, score = np.flatnonzero(bench.find & has_place), np.flatnonzero(~bench.find & has_place)
    if len(learn) < 2000 or len(score) < 2000:
        return not_tested("position_along_gene", GENE, "The scored bases hold too little coding sequence.")
    learn, score = thinned(learn, MOST), thinned(score, MOST)
    scores, guesses = {}, {}
    for name, codes in _codes(bench).items():
        if name == "kmer":
            # a k-mer that is rare keeps near the overall mean
            guess = _kmer_means(bench, learn, fraction)[score]
        else:
            guess = ridge(codes[learn], fraction[learn].astype(np.float64))(codes[score])
        scores[name], guesses[name] = spearman_rho(guess, fraction[score]), guess
    null = shifted_null(
        ranks(guesses["model"]),
        ranks(fraction[score]),
        bench.tokens.block[score],
        bench.rng(4),
        bench.params.rotations,
    )
    p = float(monte_carlo_p(scores["model"], null))
    baselines = (scores["kmer"], scores.get("random", np.nan))
    note = (
        f"linear readout of one base's codes, learnt on {len(learn):,} bases and scored on {len(score):,} of other"
        " blocks"
    )
    return Control(
        "position_along_gene",
        GENE,
        scores["model"],
        "rank correlation",
        *((*baselines, np.nan)[:2]),
        float(null.mean()),
        p,
        control_verdict(scores["model"], baselines, p, bench.params.alpha),
        note,
    )


def _kmer_means(bench: Bench, learn: NDArray[np.int64], truth: NDArray[np.floating]) -> NDArray[np.float64]:
    """Mean truth of each token's k-mer over tokens to learn from, drawn to the overall mean by 20 counts."""
    width = 4**bench.params.k + 1
    n = np.bincount(bench.kmers[learn], minlength=width)
    total = np.bincount(bench.kmers[learn], truth[learn].astype(np.float64), minlength=width)
    # as if each k-mer had been met 20 times more at the mean
    return ((total + 20 * truth[learn].mean()) / (n + 20))[bench.kmers]


def replication_strand(bench: Bench) -> Control:
    """How well a readout of window means tells the leading from the lagging strand on held-out blocks."""
    leading = bench.of(replication_fork(bench.genomes, bench.workspace, bench.annotations)[1])
    scores: dict[str, float] = {}
    p, null = np.nan, np.zeros(0)
    for name, codes in _codes(bench).items():
        x, first = window_means(codes, bench.tokens.run, 512)
        y = leading[first]
        labelled = np.isfinite(y)
        learn, score = np.flatnonzero(bench.find[first] & labelled), np.flatnonzero(~bench.find[first] & labelled)
        if len(learn) < 50 or len(score) < 50:
            why = "It needs a circular chromosome with a named origin and windows of 512 bases on both halves."
            return not_tested("replication_strand", STRAND, why)
        guess = ridge(x[learn], y[learn].astype(np.float64), penalty=1.0)(x[score])
        scores[name] = area_under_roc(guess, y[score] > 0)
        if name == "model":
            # all windows of a block lie on one side of the fork: a block is one observation
            null = _flipped(guess, y[score] > 0, bench.tokens.block[first][score], bench)
            p = float(monte_carlo_p(scores[name], null))
    baselines = (scores["kmer"], scores.get("random", np.nan))
    note = (
        "readout of window means; null: which strand leads is drawn at random for every block; genes prefer the leading"
        " strand, and GC skew tells it too"
    )
    return Control(
        "replication_strand",
        STRAND,
        scores["model"],
        "AUROC",
        *baselines,
        float(null.mean()) if len(null) else np.nan,
        p,
        control_verdict(scores["model"], baselines, p, bench.params.alpha),
        note,
    )


def _flipped(guess, label, block, bench: Bench) -> NDArray[np.float64]:
    """AUROC when which strand leads is flipped at random in each block."""
    names, block_of = np.unique(block, return_inverse=True)
    # one coin a block
    flips = bench.rng(5).random((bench.params.rotations, len(names))) < 0.5
    return np.array([area_under_roc(guess, label ^ f[block_of]) for f in flips])


def replication_angle(bench: Bench) -> Control:
    """Circular agreement of a readout of window means with the angle from the origin, on held-out blocks."""
    angle = bench.of(replication_fork(bench.genomes, bench.workspace, bench.annotations)[0])
    has_angle = np.isfinite(angle)
    # twelve sectors of 30°
    sectors = np.unique((angle[has_angle & bench.find] / (2 * np.pi) * 12).astype(np.int64))
    sectors_held_out = np.unique((angle[has_angle & ~bench.find] / (2 * np.pi) * 12).astype(np.int64))
    if len(sectors) < 9 or len(sectors_held_out) < 9:
        share = (
            f"{len(sectors)} and {len(sectors_held_out)} of 12 sectors hold scored bases in the two halves of the"
            " blocks"
        )
        return not_tested("replication_angle", ANGLE, f"It needs a chromosome scored all round; {share}.")
    scores: dict[str, float] = {}
    p, null = np.nan, np.zeros(0)
    for name, codes in _codes(bench).items():
        x, first = window_means(codes, bench.tokens.run, 512)
        t = angle[first]
        ok = np.isfinite(t)
        learn, score = np.flatnonzero(bench.find[first] & ok), np.flatnonzero(~bench.find[first] & ok)
        # an angle is regressed as cosine and sine, since 0 and 2π are the same
        predicted = ridge(x[learn], np.column_stack([np.cos(t[learn]), np.sin(t[learn])]).astype(np.float64), 1.0)(
            x[score]
        )
        # error of the angle as a unit vector; the real part of their mean is the mean cosine
        z = np.exp(1j * (np.arctan2(predicted[:, 1], predicted[:, 0]) - t[score]))
        scores[name] = float(z.mean().real)
        if name == "model":
            names, block_of = np.unique(bench.tokens.block[first][score], return_inverse=True)
            # one turn a block, as blocks are what is independent
            turns = np.exp(1j * bench.rng(6).uniform(0, 2 * np.pi, (bench.params.rotations, len(names))))
            null = np.array([float((z * turn[block_of]).mean().real) for turn in turns])
            p = float(monte_carlo_p(scores[name], null))
    baselines = (scores["kmer"], scores.get("random", np.nan))
    note = "mean cosine of the error of the angle; null: every block is turned to a random angle"
    return Control(
        "replication_angle",
        ANGLE,
        scores["model"],
        "mean cosine of the error",
        *baselines,
        float(null.mean()),
        p,
        control_verdict(scores["model"], baselines, p, bench.params.alpha),
        note,
    )
