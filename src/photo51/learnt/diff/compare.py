"""What differs between two models of one vocabulary: next-base laws, activations, features.

The divergence of two next-base laws is exact, since there are four letters; a model against itself differs by exactly
0. The offset of activations at the first bases of unrelated windows is where narrow fine-tuning shows (Minder et al.
2025, arXiv:2510.13900). Windows are the blocks of every interval.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy import stats

from photo51.config.learnt import DiffParams
from photo51.io.contracts.learnt import DIFF_FEATURES, DIFF_OFFSETS, DIFF_POSITIONS, DIFF_WINDOWS
from photo51.learnt.diff.windows import Windows
from photo51.model.families.adapters import DnaModel
from photo51.model.sites import Sites
from photo51.model.tokenizer import BASE_IDS
from photo51.progress import progress
from photo51.sae.dictionary import Dictionary
from photo51.stats.resampling import block_t
from photo51.types import STRANDS, InputError, Strand

log = logging.getLogger(__name__)
FIRST = 5


class Laws(NamedTuple):
    """Next-base laws of two models on one strand of windows.

    Attributes
    ----------
    kl
        Σ_b p_B log2(p_B / p_A) of the law of each base, bits, (windows, length); NaN at the first base, which nothing
        stands before.
    bits_a, bits_b
        −log2 of the base's own probability, (windows, length), NaN at the first.
    """

    kl: NDArray[np.float64]
    bits_a: NDArray[np.float64]
    bits_b: NDArray[np.float64]


class Difference(NamedTuple):
    """Contracts `DIFF_WINDOWS`, `DIFF_POSITIONS`, `DIFF_OFFSETS`, `DIFF_FEATURES`; and the laws of each strand."""

    windows: pd.DataFrame
    positions: pd.DataFrame
    offsets: pd.DataFrame
    features: pd.DataFrame
    laws: dict[Strand, Laws]


class BlindDictionaryError(InputError):
    """A's dictionary explains too little of B: a joint dictionary is needed."""


def check_pair(a: DnaModel, b: DnaModel) -> None:
    """Refuse two models that cannot be compared base by base.

    Raises
    ------
    InputError
        For another tokenizer, naming both; for more than one base a token.
    """
    if a.spec.tokenizer != b.spec.tokenizer or a.spec.bp_per_token != 1 or b.spec.bp_per_token != 1:
        raise InputError(
            f"diff: need two models that read one base a token, got {a.spec.name} ({a.spec.tokenizer}) and "
            f"{b.spec.name} ({b.spec.tokenizer})"
        )


def diff(
    a: DnaModel, b: DnaModel, windows: Windows, params: DiffParams, dictionary: Dictionary | None = None
) -> Difference:
    """Compare two models on windows, both strands.

    Parameters
    ----------
    a, b
        Before and after.
    dictionary
        One of A's, whose features are compared on both models.
    """
    check_pair(a, b)
    laws = {strand: next_base_laws(a, b, _strand(windows, strand), params.batch) for strand in STRANDS}
    shared = [site for site in a.sites if site in set(b.sites)] if a.spec.d_model == b.spec.d_model else []
    sites = [s for s in shared if s.endswith(".out")]
    if not sites:
        log.warning(
            "diff: %s (width %d) and %s (width %d) share no site: offsets of activations are left out",
            a.spec.name,
            a.spec.d_model,
            b.spec.name,
            b.spec.d_model,
        )
    return Difference(
        _window_table(windows, laws, params),
        _position_table(windows, laws, params),
        offsets(a, b, windows, sites, params.batch),
        DIFF_FEATURES.empty() if dictionary is None else features(a, b, windows, dictionary, params),
        laws,
    )


def _strand(windows: Windows, strand: Strand) -> NDArray[np.uint8]:
    return windows.plus if strand == "+" else windows.minus


@torch.inference_mode()
def next_base_laws(a: DnaModel, b: DnaModel, rows: NDArray[np.uint8], batch: int) -> Laws:
    """Divergence and surprisals of two models at every base of (windows, length) bytes, in reading order."""
    parts: list[tuple[NDArray[np.float64], ...]] = []
    for i in progress(range(0, len(rows), batch), "diff", unit="batches"):
        ids = rows[i : i + batch]
        log_a, log_b = (_log2_law(model, ids) for model in (a, b))
        kl = np.maximum((np.exp2(log_b) * (log_b - log_a)).sum(axis=-1), 0.0)  # rounding may give −1e-17
        # the base that follows each law; the first base of a window has none before it
        letter = np.searchsorted(BASE_IDS, ids[:, 1:])[..., None]
        surprisals = [-np.take_along_axis(log, letter, axis=-1)[..., 0] for log in (log_a, log_b)]
        # a column in front, so that column t speaks of base t
        parts.append(tuple(np.pad(x, ((0, 0), (1, 0)), constant_values=np.nan) for x in (kl, *surprisals)))
    return Laws(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _log2_law(model: DnaModel, ids: NDArray[np.uint8]) -> NDArray[np.float64]:
    """log2 of the probability of A, C, G, T as each next base, (windows, length − 1, 4)."""
    scores = model.forward(ids).logits
    assert scores is not None
    bases = torch.from_numpy(BASE_IDS.astype(np.int64))
    # the last position predicts a base outside of the window
    stacked = torch.stack([x[:-1].cpu()[:, bases] for x in scores]).double()
    if not torch.isfinite(stacked).all():
        raise InputError(
            f"diff: need finite scores, got others from {model.spec.name} in {model.spec.dtype}: its activations leave"
            " the range of these numbers; compare it in bfloat16 or float32"
        )
    return (torch.log_softmax(stacked, dim=-1) / np.log(2.0)).numpy()


def _window_table(windows: Windows, laws: dict[Strand, Laws], params: DiffParams) -> pd.DataFrame:
    rows = []
    for strand, law in laws.items():
        kl = law.kl[:, params.warmup :]
        # the highest hundredth of the bases, one at least
        top = max(1, kl.shape[1] // 100)
        rows.append(
            windows.places.assign(
                strand=strand,
                kl=kl.mean(axis=1),
                kl_top=np.sort(kl, axis=1)[:, -top:].mean(axis=1),
                bits_a=law.bits_a[:, params.warmup :].mean(axis=1),
                bits_b=law.bits_b[:, params.warmup :].mean(axis=1),
            )
        )
    table = pd.concat(rows, ignore_index=True)
    return DIFF_WINDOWS.check(table.assign(delta_bits=table["bits_b"] - table["bits_a"])[list(DIFF_WINDOWS.columns)])


def _position_table(windows: Windows, laws: dict[Strand, Laws], params: DiffParams) -> pd.DataFrame:
    """The positions of largest divergence, both strands, in forward coordinates."""
    parts = []
    for strand, law in laws.items():
        kl = np.where(np.arange(windows.length) < params.warmup, -np.inf, law.kl)
        flat = np.argsort(-kl.ravel(), kind="stable")[: params.positions]
        # few windows have fewer bases behind the warm-up than positions are listed
        flat = flat[np.isfinite(kl.ravel()[flat])]
        window, column = np.divmod(flat, windows.length)
        start = windows.places["start"].to_numpy()[window]
        # the reverse strand reads from the window's end: column c is base length - 1 - c
        position = start + (column if strand == "+" else windows.length - 1 - column)
        around = [
            (_strand(windows, strand)[w, max(0, c - params.context) : c + params.context + 1]).tobytes().decode()
            for w, c in zip(window, column, strict=True)
        ]
        parts.append(
            pd.DataFrame(
                {
                    "chrom": windows.places["chrom"].to_numpy()[window],
                    "position": position,
                    "strand": strand,
                    "kl": law.kl.ravel()[flat],
                    "bits_a": law.bits_a.ravel()[flat],
                    "bits_b": law.bits_b.ravel()[flat],
                    "around": around,
                }
            )
        )
    table = pd.concat(parts, ignore_index=True)
    table = table[table["kl"] > 0].sort_values(["kl", "chrom", "position"], ascending=[False, True, True])
    return DIFF_POSITIONS.check(table.head(params.positions).reset_index(drop=True))


def offsets(a: DnaModel, b: DnaModel, windows: Windows, sites: list[str], batch: int) -> pd.DataFrame:
    """Size of the mean difference of activations at each shared site, over all bases and over the first five.

    The letters are those whose scores B's own readout raises most by the mean difference at the first bases.
    """
    if not sites:
        return DIFF_OFFSETS.empty()
    total = {s: np.zeros((2, a.spec.d_model)) for s in sites}
    size = {s: np.zeros(2) for s in sites}
    for read_a, read_b in _both(a, b, windows.plus, sites, batch):
        for site in sites:
            h, delta = read_a[site], read_b[site] - read_a[site]
            total[site] += [delta.sum(axis=(0, 1)), delta[:, :FIRST].sum(axis=(0, 1))]
            norm = np.linalg.norm(h, axis=-1)
            size[site] += [norm.sum(), norm[:, :FIRST].sum()]
    # bases averaged over: all, and the first few of each window
    n = np.array([windows.plus.size, len(windows.plus) * min(FIRST, windows.length)])
    rows = []
    for site in sites:
        mean = total[site] / n[:, None]
        # relative to the mean length of A's activations at the same bases
        share = np.linalg.norm(mean, axis=1) / (size[site] / n)
        rows.append({"site": site, "offset": share[0], "offset_first": share[1]})
    return DIFF_OFFSETS.check(pd.DataFrame(rows))


def _both(
    a: DnaModel, b: DnaModel, rows: NDArray[np.uint8], sites: list[str], batch: int
) -> Iterator[tuple[dict[str, NDArray[np.float64]], dict[str, NDArray[np.float64]]]]:
    """Activations of both models on the same windows, (windows, length, d_model) a site."""
    for i in range(0, len(rows), batch):
        yield _read(a, rows[i : i + batch], sites), _read(b, rows[i : i + batch], sites)


def read_both(
    models: tuple[DnaModel, DnaModel], rows: NDArray[np.uint8], sites: tuple[str, str], batch: int
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Activations of two models, each at its own site, on the same windows, (windows, length, d_model) each."""
    for i in range(0, len(rows), batch):
        a, b = (_read(m, rows[i : i + batch], [site])[site] for m, site in zip(models, sites, strict=True))
        yield a, b


def _read(model: DnaModel, ids: NDArray[np.uint8], sites: list[str]) -> dict[str, NDArray[np.float64]]:
    out = model.forward(ids, Sites(sites), logits=False).sites
    return {s: np.stack([x.float().cpu().numpy() for x in out[s]]).astype(float) for s in sites}


def features(a: DnaModel, b: DnaModel, windows: Windows, dictionary: Dictionary, params: DiffParams) -> pd.DataFrame:
    """Features of A's dictionary on both models (contract `DIFF_FEATURES`), windows as blocks.

    Raises
    ------
    InputError
        Where the dictionary is not of A, B has another width, or the dictionary explains so much less of B's
        activations than of A's that its features would not speak of B.
    """
    site = dictionary.origin.site
    dictionary.origin.require(a.spec.origin(site), "diff: dictionary")
    if a.spec.d_model != b.spec.d_model or site not in b.sites:
        raise BlindDictionaryError(
            f"diff: need site {site} of width {a.spec.d_model} in both models to compare features, got {b.spec.name} "
            f"of width {b.spec.d_model}"
        )
    n = len(windows.plus)
    rate, mean = np.zeros((2, n, dictionary.n_features)), np.zeros((2, n, dictionary.n_features))
    unexplained, spread = np.zeros(2), np.zeros(2)
    first = 0
    both_strands = np.concatenate([windows.plus, windows.minus])
    for pair in _both(a, b, both_strands, [site], params.batch):
        for m, read in enumerate(pair):
            x = read[site][:, params.warmup :]
            for w, activations in enumerate(x):
                codes = dictionary.encode(activations)
                row = (first + w) % n  # both strands of a window are one block
                rate[m, row] += np.asarray((codes > 0).sum(axis=0)).ravel() / (2 * len(activations))
                mean[m, row] += np.asarray(codes.sum(axis=0)).ravel() / (2 * len(activations))
                unexplained[m] += ((activations - dictionary.decode(codes)) ** 2).sum()
                # about the mean of the window itself: an offset between windows is no variance to explain
                spread[m] += ((activations - activations.mean(axis=0)) ** 2).sum()
        first += len(pair[0][site])
    fvu = unexplained / spread
    if fvu[1] > fvu[0] + params.fvu_rise:
        raise BlindDictionaryError(
            f"diff: need a dictionary that explains B nearly as well as A, got {1 - fvu[1]:.3f} of B's variance and"
            f" {1 - fvu[0]:.3f} of A's; its features would be blind to what only B has; a joint dictionary"
            " is not"
        )
    return _feature_table(rate, mean, fvu, params.confidence)


def _feature_table(
    rate: NDArray[np.float64], mean: NDArray[np.float64], fvu: NDArray[np.float64], confidence: float
) -> pd.DataFrame:
    n = rate.shape[1]
    change = rate[1] - rate[0]
    estimate, sd = change.mean(axis=0), change.std(axis=0, ddof=1)
    half = stats.t.ppf((1 + confidence) / 2, n - 1) * sd / np.sqrt(n)
    test = block_t(change)
    p = np.minimum(1.0, 2 * np.minimum(test.p_upper, test.p_lower))
    table = pd.DataFrame(
        {
            "feature": np.arange(rate.shape[2]),
            "rate_a": rate[0].mean(axis=0),
            "rate_b": rate[1].mean(axis=0),
            "delta_rate": estimate,
            "low": estimate - half,
            "high": estimate + half,
            "mean_a": mean[0].mean(axis=0),
            "mean_b": mean[1].mean(axis=0),
            "p": p,
            # every feature is tested, silent ones with p = 1
            "q": stats.false_discovery_control(p),
            "n": n,
        }
    )
    table["fvu_a"], table["fvu_b"] = fvu
    # strongest evidence first, of equal ones the lower number
    order = np.lexsort((table["feature"], -np.abs(test.t)))
    return DIFF_FEATURES.check(table.iloc[order].reset_index(drop=True))
