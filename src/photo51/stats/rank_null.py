"""Permutation distribution of a stratified rank sum: exact where it is coarse, a saddlepoint where it is fine.

Labels are rearranged within strata, so the statistic is a sum of independent rank sums, one a stratum. Each has
bounded support and, where values tie, few and unequal steps; a curve fitted to three moments can then be wrong by
hundreds of orders of magnitude. Here

- the distribution of a stratum is counted (a convolution over its ties), or, where few of many rows are not zero,
  given the exact number of cases among these rows and a normal spread of their ranks;
- a sum of few such distributions is convolved: atom by atom up to `ATOMS`, in `CELLS` cells beyond that, counting the
  whole cell of the observed value so that rounding never lowers p;
- a sum of many, or of strata that are large and dense, is given by the saddlepoint for tails of sums under
  rearrangement, with the lattice correction where all steps are multiples of one.

No p is below the probability of the end of the support, which is always exact.

References
----------
Mehta, Patel & Tsiatis 1984, doi:10.2307/2530927 (exact rank tests with ties); Robinson 1982,
doi:10.1111/j.2517-6161.1982.tb01191.x and Booth & Butler 1990, doi:10.1093/biomet/77.4.787 (saddlepoints of
permutation distributions); Skovgaard 1987, doi:10.2307/3214212 (conditional tails); Barndorff-Nielsen 1986,
doi:10.1093/biomet/73.2.307.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import special

# sums of so many values are listed one by one
ATOMS = 4096
CELLS = 2048
# additions that a stratum, and a feature, may cost before strata are smoothed
_WORK_STRATUM, _WORK_FEATURE = 20_000, 400_000
_WORK_CONVOLUTION = 4_000_000
_BLOCK_PAIRS = 40_000
_SPREAD = np.array([-1.647, -0.895, -0.489, -0.1575, 0.1575, 0.489, 0.895, 1.647])
"""Means of the eighths of a normal distribution."""
_GRID = 25
_CENTRE = 0.15


class Ties(NamedTuple):
    """Distinct scores of one feature in its informative strata.

    Attributes
    ----------
    ends
        Bounds of each stratum in `score` and `rows`, (n_strata + 1,).
    score
        Twice the centred mid-rank, ascending within a stratum (integers).
    rows
        Rows that have it.
    cases
        Cases of each stratum, (n_strata,).
    weight
        Weight of each stratum, (n_strata,).
    """

    ends: NDArray[np.int64]
    score: NDArray[np.int64]
    rows: NDArray[np.int64]
    cases: NDArray[np.int64]
    weight: NDArray[np.float64]


class RankTails(NamedTuple):
    """Tails of statistics under rearrangement of labels.

    Attributes
    ----------
    upper, lower
        P(T ≥ t) and P(T ≤ t) of each statistic, (n_statistics,).
    end_upper, end_lower
        P(T = largest) and P(T = smallest): no tail is smaller.
    """

    upper: NDArray[np.float64]
    lower: NDArray[np.float64]
    end_upper: float
    end_lower: float


def rank_tails(
    ties: Ties, statistics: NDArray[np.float64], *, exact_below: NDArray[np.float64] | float = 0.3
) -> RankTails:
    """Tails of weighted rank sums `statistics` (n_statistics,), all of one feature and one design.

    Parameters
    ----------
    ties
        Scores of the feature.
    statistics
        Sum over strata of weight times the centred rank sum of cases.
    exact_below
        A sum is convolved where the saddlepoint tail of a statistic is at most this, (n_statistics,) or one for all.
    """
    if not len(ties.cases):
        ones = np.ones(len(statistics))
        return RankTails(ones, ones, 1.0, 1.0)
    # ends of the support and their chances are products, exact however small
    high, low, end_upper, end_lower = _ends(*ties)
    strata = _strata(*ties)
    slack = 1e-9 * (high - low)
    sizes = np.diff(strata.ends)
    counted = bool((sizes > 0).all())
    # values of the sum: one from each stratum
    atoms = math.prod(int(s) for s in sizes) if counted and len(sizes) <= 12 else ATOMS + 1
    if counted and atoms <= ATOMS and not strata.smoothed:
        x, p = _every_atom(strata.ends, strata.x, strata.p)
        upper, lower = _tails_of_atoms(x, p, statistics, slack)
    else:
        upper, lower = _saddlepoint(ties, strata, statistics, low, high)
        work = int(sizes.sum()) * CELLS
        if counted and work <= _WORK_CONVOLUTION and (np.minimum(upper, lower) <= exact_below).any():
            x, p = _in_cells(strata.ends, strata.x, strata.p, low, high, CELLS)
            # cells blur values by up to a width: a width of slack keeps tails from being too small
            upper, lower = _tails_of_atoms(x, p, statistics, (high - low) / CELLS)
    # no tail is smaller than the chance of its end, whatever the approximation said
    upper = np.where(statistics >= high - slack, end_upper, np.clip(upper, end_upper, 1.0))
    lower = np.where(statistics <= low + slack, end_lower, np.clip(lower, end_lower, 1.0))
    upper = np.where(statistics <= low + slack, 1.0, upper)
    lower = np.where(statistics >= high - slack, 1.0, lower)
    return RankTails(upper, lower, end_upper, end_lower)


class _Strata(NamedTuple):
    """Distributions of strata; one without atoms is too large to be counted."""

    ends: NDArray[np.int64]
    x: NDArray[np.float64]
    p: NDArray[np.float64]
    smoothed: bool


def _strata(
    ends: NDArray[np.int64],
    score: NDArray[np.int64],
    count: NDArray[np.int64],
    cases: NDArray[np.int64],
    weight: NDArray[np.float64],
) -> _Strata:
    return _Strata(*_distributions(ends, score, count, cases, weight))


@numba.njit(cache=True, nogil=True)
def _log_choose(n, k):
    return math.lgamma(n + 1.0) - math.lgamma(k + 1.0) - math.lgamma(n - k + 1.0)


@numba.njit(cache=True, nogil=True)
def _ends(ends, score, count, cases, weight):
    """Largest and smallest value of the sum, and the probability of each."""
    high = low = log_high = log_low = 0.0
    for s in range(len(cases)):
        first, last, m = ends[s], ends[s + 1], cases[s]
        n = 0
        for g in range(first, last):
            n += count[g]
        # all ways to draw the cases, as a logarithm
        every = _log_choose(n, m)
        # from the highest score down: the largest sum takes the highest ranks
        left, total = m, 0.0
        for g in range(last - 1, first - 1, -1):
            x = min(left, count[g])
            total += x * score[g]
            log_high += _log_choose(count[g], x)
            left -= x
        high += weight[s] * total / 2.0
        left, total = m, 0.0
        for g in range(first, last):
            x = min(left, count[g])
            total += x * score[g]
            log_low += _log_choose(count[g], x)
            left -= x
        low += weight[s] * total / 2.0
        log_high -= every
        log_low -= every
    return high, low, math.exp(log_high), math.exp(log_low)


@numba.njit(cache=True, nogil=True)
def _distributions(ends, score, count, cases, weight):
    n_strata = len(cases)
    works = np.empty(n_strata)
    for s in range(n_strata):
        works[s] = _work(score[ends[s] : ends[s + 1]], count[ends[s] : ends[s + 1]], cases[s])
    generous = works.sum() <= _WORK_FEATURE
    xs, ps = [np.zeros(0)], [np.zeros(0)]
    out_ends = np.zeros(n_strata + 1, dtype=np.int64)
    smoothed = False
    for s in range(n_strata):
        a, c = score[ends[s] : ends[s + 1]], count[ends[s] : ends[s + 1]]
        x, p = np.zeros(0), np.zeros(0)
        if generous or works[s] <= _WORK_STRATUM:
            x, p = _counted(a, c, cases[s])
        else:
            x, p = _by_blocks(a, c, cases[s])
            smoothed = smoothed or len(x) > 0
        xs.append(x * (weight[s] / 2.0))
        ps.append(p)
        out_ends[s + 1] = out_ends[s] + len(x)
    flat_x, flat_p = np.empty(out_ends[-1]), np.empty(out_ends[-1])
    for s in range(n_strata):
        flat_x[out_ends[s] : out_ends[s + 1]] = xs[s + 1]
        flat_p[out_ends[s] : out_ends[s + 1]] = ps[s + 1]
    return out_ends, flat_x, flat_p, smoothed


@numba.njit(cache=True, nogil=True)
def _offsets(score, count):
    """The commonest score, and the others as multiples of one step from it."""
    rest = np.argmax(count)
    step = 0
    for g in range(len(score)):
        a, b = abs(score[g] - score[rest]), step
        while b:
            a, b = b, a % b
        # Euclid: greatest common divisor of all offsets, so that the lattice of sums has no empty points between
        step = a
    return rest, max(step, 1)


@numba.njit(cache=True, nogil=True)
def _reach(score, count, m, rest, step):
    """Lowest and highest sum of offsets of at most m rows."""
    low = high = 0
    left = m
    # scores below the commonest have negative offsets
    for g in range(rest):
        x = min(left, count[g])
        low += x * ((score[g] - score[rest]) // step)
        left -= x
    left = m
    for g in range(len(score) - 1, rest, -1):
        x = min(left, count[g])
        high += x * ((score[g] - score[rest]) // step)
        left -= x
    return low, high


@numba.njit(cache=True, nogil=True)
def _work(score, count, m):
    rest, step = _offsets(score, count)
    low, high = _reach(score, count, m, rest, step)
    max_drawn = min(m, count.sum() - count[rest])
    work, states = 0.0, 1.0
    for g in range(len(score)):
        if g != rest:
            # additions of the convolution over ties, before it is done
            work += states * min(count[g], max_drawn)
            states = min(states * (min(count[g], max_drawn) + 1.0), (max_drawn + 1.0) * (high - low + 1.0))
    return work


@numba.njit(cache=True, nogil=True)
def _counted(score, count, m):
    """Distribution of the sum of m of the scores: attainable sums and their probabilities."""
    n = count.sum()
    rest, step = _offsets(score, count)
    low, high = _reach(score, count, m, rest, step)
    max_drawn = min(m, n - count[rest])
    ways = np.zeros((max_drawn + 1, high - low + 1))
    # ways[j, s − low]: subsets of j rows other than the commonest score whose offsets sum to s
    ways[0, -low] = 1.0
    for g in range(len(score)):
        if g == rest:
            continue
        offset = (score[g] - score[rest]) // step
        # downwards, so that rows of this score are not added to sums that hold some of them already
        for j in range(max_drawn - 1, -1, -1):
            top = min(count[g], max_drawn - j)
            for s in range(high - low + 1):
                ways_so_far = ways[j, s]
                if ways_so_far == 0.0:
                    continue
                choose = 1.0
                for x in range(1, top + 1):
                    # binomial coefficient count over x, from the one before
                    choose *= (count[g] - x + 1.0) / x
                    ways[j + x, s + x * offset] += ways_so_far * choose
    total = np.zeros(high - low + 1)
    every = _log_choose(n, m)
    for j in range(max_drawn + 1):
        if m - j <= count[rest]:
            # the other m − j cases have the commonest score; in logarithms, since both coefficients overflow
            total += ways[j] * math.exp(_log_choose(count[rest], m - j) - every)
    places = np.flatnonzero(total > 0.0)
    # offsets were counted from the commonest score, in steps
    return m * float(score[rest]) + step * (places + float(low)), total[places]


@numba.njit(cache=True, nogil=True)
def _by_blocks(score, count, m):
    """The same where few of many rows differ from the commonest score; nothing where they are too many.

    How many of the rows below and above it are cases is exact; given these numbers, which rows they are is spread
    normally, on eight points.
    """
    n = count.sum()
    rest, _ = _offsets(score, count)
    rows, mean, square = np.zeros(2), np.zeros(2), np.zeros(2)
    for g in range(len(score)):
        if g != rest:
            b = 0 if g < rest else 1
            rows[b] += count[g]
            mean[b] += count[g] * float(score[g])
            square[b] += count[g] * float(score[g]) ** 2
    for b in range(2):
        if rows[b] > 0:
            mean[b] /= rows[b]
            # Σ (score − mean)² of the block
            square[b] -= rows[b] * mean[b] ** 2
    below, above = int(rows[0]), int(rows[1])
    if (min(below, m) + 1) * (min(above, m) + 1) > _BLOCK_PAIRS or below + above > n // 3:
        return np.zeros(0), np.zeros(0)
    low, high, left = 0.0, 0.0, m
    for g in range(len(score)):
        x = min(left, count[g])
        low += x * score[g]
        left -= x
    left = m
    for g in range(len(score) - 1, -1, -1):
        x = min(left, count[g])
        high += x * score[g]
        left -= x
    mass, moment = np.zeros(CELLS + 1), np.zeros(CELLS + 1)
    width = (high - low) / CELLS
    every = _log_choose(n, m)
    for i in range(min(below, m) + 1):
        for j in range(min(above, m - i) + 1):
            # more cases at the commonest score than rows have it: impossible
            if m - i - j > count[rest]:
                continue
            # hypergeometric: i cases below, j above, the rest at the commonest score
            log_p = _log_choose(below, i) + _log_choose(above, j) + _log_choose(count[rest], m - i - j) - every
            p = math.exp(log_p)
            if p < 1e-100:
                continue
            centre = (m - i - j) * float(score[rest]) + i * mean[0] + j * mean[1]
            variance = 0.0
            if below > 1:
                # variance of the sum of i of `below` values drawn without putting back
                variance += i * (below - i) * square[0] / (below * (below - 1.0))
            if above > 1:
                variance += j * (above - j) * square[1] / (above * (above - 1.0))
            sd = math.sqrt(max(variance, 0.0))
            for k in range(8):
                # eight equally likely points of a normal distribution, none past the ends of the support
                x = min(max(centre + sd * _SPREAD[k], low), high)
                cell = min(max(int((x - low) / width), 0), CELLS)
                mass[cell] += p / 8.0
                # a cell stands at the mean of what fell into it, so that the mean of the sum is kept
                moment[cell] += p / 8.0 * x
    places = np.flatnonzero(mass > 0.0)
    return moment[places] / mass[places], mass[places]


@numba.njit(cache=True, nogil=True)
def _every_atom(ends, x, p):
    values, masses = np.zeros(1), np.ones(1)
    for s in range(len(ends) - 1):
        n = ends[s + 1] - ends[s]
        new_values, new_masses = np.empty(len(values) * n), np.empty(len(values) * n)
        for i in range(len(values)):
            for j in range(n):
                new_values[i * n + j] = values[i] + x[ends[s] + j]
                new_masses[i * n + j] = masses[i] * p[ends[s] + j]
        values, masses = new_values, new_masses
    return values, masses


@numba.njit(cache=True, nogil=True)
def _in_cells(ends, x, p, low, high, cells):
    """Sum of independent distributions; what falls into one cell is put at its mean."""
    width = (high - low) / cells
    masses, moments = np.zeros(cells + 1), np.zeros(cells + 1)
    masses[0], moments[0] = 1.0, low
    for s in range(len(ends) - 1):
        lowest = x[ends[s]]
        new_masses, new_moments = np.zeros(cells + 1), np.zeros(cells + 1)
        for i in range(cells + 1):
            if masses[i] == 0.0:
                continue
            value = moments[i] / masses[i]
            for j in range(ends[s], ends[s + 1]):
                mass = masses[i] * p[j]
                # below, products would be denormal: slow, and nothing to a tail above 1e-280
                if mass < 1e-290:
                    continue
                # `low` holds every stratum at its lowest: each adds only what it has above that
                new = value + (x[j] - lowest)
                cell = min(max(int((new - low) / width), 0), cells)
                new_masses[cell] += mass
                new_moments[cell] += mass * new
        masses, moments = new_masses, new_moments
    places = np.flatnonzero(masses > 0.0)
    return moments[places] / masses[places], masses[places]


def _tails_of_atoms(
    x: NDArray[np.float64], p: NDArray[np.float64], statistics: NDArray[np.float64], slack: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    order = np.argsort(x, kind="stable")
    x, p = x[order], p[order]
    below = np.concatenate([[0.0], np.cumsum(p)])
    above = np.concatenate([np.cumsum(p[::-1])[::-1], [0.0]])
    # the slack counts values equal up to rounding as reached, on both sides
    upper = above[np.searchsorted(x, statistics - slack, side="left")]
    lower = below[np.searchsorted(x, statistics + slack, side="right")]
    return np.minimum(upper, 1.0), np.minimum(lower, 1.0)


def _saddlepoint(
    ties: Ties, strata: _Strata, statistics: NDArray[np.float64], low: float, high: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both tails of each statistic: solved at a grid of tilts that spans them, modified root in between."""
    step = _step(ties)
    parts = (*ties, strata.ends, strata.x, strata.p)
    theta, root, t = _roots(parts, statistics, low, high, step)
    order = np.argsort(t, kind="stable")
    r = np.interp(statistics, t[order], root[order])
    tilt = np.interp(statistics, t[order], theta[order])
    # Barndorff-Nielsen's modified root: the tail is that of a normal deviate
    near = special.ndtr(-np.abs(r))
    # P(T ≤ t) = 1 − P(T > t), and P(T > t), a step of the lattice further out, is smaller by exp(−|θ| step)
    far = 1.0 - near * np.exp(-np.abs(tilt) * step)
    return np.where(r >= 0, near, far), np.where(r >= 0, far, near)


def _step(ties: Ties) -> float:
    """The step of which all values of the sum are multiples; 0 where strata of unequal weight leave none."""
    if np.ptp(ties.weight) > 1e-12 * ties.weight[0]:
        return 0.0
    first = np.repeat(ties.score[ties.ends[:-1]], np.diff(ties.ends))
    # scores are twice the ranks
    return float(ties.weight[0]) * int(np.gcd.reduce(ties.score - first)) / 2.0


@numba.njit(cache=True, nogil=True)
def _cumulants(parts, betas, theta):
    """Cumulant generating function at θ with two derivatives, and the log ratio of what conditioning on the cases
    costs.
    """
    ends, score, count, cases, weight, bounds, x, p = parts
    k = mean = variance = log_ratio = 0.0
    for s in range(len(cases)):
        if bounds[s + 1] > bounds[s]:
            reference = x[bounds[s]]
            for j in range(bounds[s], bounds[s + 1]):
                if theta * (x[j] - reference) > 0.0:
                    reference = x[j]
            m0 = m1 = m2 = 0.0
            for j in range(bounds[s], bounds[s + 1]):
                d = x[j] - reference
                w = p[j] * math.exp(theta * d)
                m0 += w
                m1 += w * d
                m2 += w * d * d
            k += math.log(m0) + theta * reference
            mean += m1 / m0 + reference
            variance += max(m2 / m0 - (m1 / m0) ** 2, 0.0)
            continue
        n, m, beta = 0, cases[s], betas[s]
        for g in range(ends[s], ends[s + 1]):
            n += count[g]
        for _ in range(60):
            total = v = 0.0
            for g in range(ends[s], ends[s + 1]):
                q = 1.0 / (1.0 + math.exp(-(beta + theta * weight[s] * score[g] / 2.0)))
                total += count[g] * q
                v += count[g] * q * (1.0 - q)
            gap = m - total
            if abs(gap) < 1e-9 * m:
                break
            # Newton on Σ q = m: β makes the tilted labels have as many cases as there are; steps are bounded where v is
            # near 0
            beta += min(max(gap / max(v, 1e-12), -2.0), 2.0)
        betas[s] = beta
        v = s1 = s2 = e1 = logs = 0.0
        for g in range(ends[s], ends[s + 1]):
            a = weight[s] * score[g] / 2.0
            eta = beta + theta * a
            q = 1.0 / (1.0 + math.exp(-eta))
            # log(1 + e^η) without overflow
            logs += count[g] * (max(eta, 0.0) + math.log1p(math.exp(-abs(eta))))
            e1 += count[g] * q * a
            w = count[g] * q * (1.0 - q)
            v += w
            s1 += w * a
            s2 += w * a * a
        # the same at θ = 0, where β = log(m / (n − m)): what conditioning on m costs there
        share = m / n
        base = -n * math.log1p(-share) - m * math.log(share / (1.0 - share))
        k += logs - beta * m - base
        mean += e1
        # variance given the number of cases: that of the sum less what goes with the number (Schur complement)
        variance += max(s2 - s1 * s1 / max(v, 1e-300), 0.0)
        # double saddlepoint (Skovgaard): ratio of the variances of the number of cases, tilted over untilted
        log_ratio += math.log(max(v, 1e-300) / (n * share * (1.0 - share)))
    return k, mean, variance, log_ratio


@numba.njit(cache=True, nogil=True)
def _solve(parts, betas, target, scale):
    """θ at which the tilted mean is the target."""
    low, high = -np.inf, np.inf
    theta = 0.0
    for _ in range(80):
        _, mean, variance, _ = _cumulants(parts, betas, theta)
        gap = target - mean
        if abs(gap) < 1e-8 * scale:
            break
        if gap > 0:
            low = theta
        else:
            high = theta
        step = gap / variance if variance > 1e-300 else np.inf
        # at most 3 standard deviations of tilt a step; outside the bracket it is halved instead
        new = theta + min(max(step, -3.0 / scale), 3.0 / scale)
        if not low < new < high:
            new = (low + high) / 2.0
        if abs(new) * scale > 400.0:
            break
        theta = new
    return theta


@numba.njit(cache=True, nogil=True)
def _roots(parts, statistics, low, high, step):
    """Tilt, modified signed root and value at a grid of points over the statistics."""
    ends, _, count, cases = parts[:4]
    betas = np.zeros(len(cases))
    for s in range(len(cases)):
        n = 0
        for g in range(ends[s], ends[s + 1]):
            n += count[g]
        # solution at θ = 0, from which each solve begins
        betas[s] = math.log(cases[s] / (n - cases[s]))
    _, _, variance, _ = _cumulants(parts, betas, 0.0)
    sd = math.sqrt(max(variance, 1e-300))
    edge = 1e-6 * (high - low)
    lowest = max(min(statistics.min(), -0.5 * sd), low + edge)
    highest = min(max(statistics.max(), 0.5 * sd), high - edge)
    points = len(statistics) if len(statistics) == 1 else _GRID
    targets = np.empty(points + 4)
    if len(statistics) == 1:
        targets[0] = min(max(statistics[0], low + edge), high - edge)
    else:
        for i in range(points):
            targets[i] = lowest + (highest - lowest) * i / (points - 1.0)
    for i, z in enumerate((-0.4, -0.2, 0.2, 0.4)):
        targets[points + i] = min(max(z * sd, low + edge), high - edge)
    theta, root = np.empty(points + 4), np.empty(points + 4)
    keep = np.ones(points + 4, dtype=np.bool_)
    for i in range(points + 4):
        if abs(targets[i]) < _CENTRE * sd:
            keep[i] = False
            continue
        theta[i] = _solve(parts, betas, targets[i], sd)
        k, mean, variance, log_ratio = _cumulants(parts, betas, theta[i])
        tilt = abs(theta[i])
        # signed root of the deviance, 2 (θ t − K(θ))
        w = math.sqrt(max(2.0 * (theta[i] * mean - k), 1e-12))
        # lattice correction: θ becomes (1 − e^(−θ step)) / step
        slope = tilt if step == 0.0 else (1.0 - math.exp(-step * tilt)) / step
        u = slope * math.sqrt(variance * math.exp(log_ratio))
        # r* = w + log(u / w) / w; it is 0 / 0 at the centre, where targets are left out and interpolated
        r = w + math.log(max(u, 1e-300) / w) / w
        root[i] = r if theta[i] > 0 else -r
        targets[i] = mean
    return theta[keep], root[keep], targets[keep]
