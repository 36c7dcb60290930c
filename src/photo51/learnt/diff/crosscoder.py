"""One dictionary of two models: which features both have, and which only one of them.

A crosscoder codes the activations of both models by one set of codes, z = BatchTopK(E_A h^A + E_B h^B + e), and
decodes each by directions of its own (Lindsey et al. 2024, transformer-circuits.pub/2024/crosscoders). Joined end to
end, the activations of two models are those of one wider model, and a crosscoder is its autoencoder; widths may
differ. The batchtopk rule invents fewer features of one model alone than L1 does, and latent scaling tells those that
remain (Minder et al. 2025, arXiv:2504.02922).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from photo51.config.learnt import CrosscoderParams, DiffParams
from photo51.config.sae import SaeParams
from photo51.io.contracts.learnt import DIFF_JOINT
from photo51.io.origin import Origin
from photo51.learnt.diff.compare import BlindDictionaryError, features, read_both
from photo51.learnt.diff.rows import ActivationRows
from photo51.learnt.diff.windows import Windows
from photo51.model.families.adapters import DnaModel
from photo51.sae.dictionary import Dictionary, SparseAutoencoder
from photo51.sae.training.train import fit
from photo51.types import InputError

log = logging.getLogger(__name__)
EXCLUSIVE, SMALL = 0.9, 0.2


def middle_site(model: DnaModel) -> str:
    """The residual stream after the middle block."""
    return f"block.{model.spec.n_layers // 2}.out"


def compared_features(
    models: tuple[DnaModel, DnaModel],
    windows: Windows,
    dictionary: Dictionary | None,
    params: DiffParams,
    *,
    joint: bool,
) -> tuple[pd.DataFrame | None, pd.DataFrame | None]:
    """Features of A's dictionary on both models, or else of a joint one.

    Parameters
    ----------
    dictionary
        One of A's.
    joint
        Train a joint one whether A's speaks of B or not.

    Returns
    -------
    Tables of the contracts `DIFF_FEATURES` and `DIFF_JOINT`; None for what was not made.
    """
    a, b = models
    of_a = None
    sites = [middle_site(a), middle_site(b)]
    if dictionary is not None:
        site = dictionary.origin.site
        sites = [site, site if site in b.sites else sites[1]]
        try:
            of_a = features(a, b, windows, dictionary, params)
        except BlindDictionaryError as e:
            log.warning("%s: it is trained now", e)
            joint = True
    if not joint:
        return of_a, None
    return of_a, joint_features(a, b, windows, (sites[0], sites[1]), params.joint, params.batch)


def joint_features(
    a: DnaModel, b: DnaModel, windows: Windows, sites: tuple[str, str], params: CrosscoderParams, batch: int
) -> pd.DataFrame:
    """Train a crosscoder of two models on windows, both strands (contract `DIFF_JOINT`).

    Raises
    ------
    InputError
        For a site that a model lacks.
    """
    for model, site in zip((a, b), sites, strict=True):
        if site not in model.sites:
            raise InputError(f"diff: need a site of {model.spec.name} for the joint dictionary, got {site!r}")
    rows: tuple[list[NDArray[np.float32]], list[NDArray[np.float32]]] = ([], [])
    for pair in read_both((a, b), np.concatenate([windows.plus, windows.minus]), sites, batch):
        for into, x in zip(rows, pair, strict=True):
            into.append(x[:, params.warmup :].reshape(-1, x.shape[-1]).astype(np.float32))
    return crosscoder(np.concatenate(rows[0]), np.concatenate(rows[1]), params)


def crosscoder(x_a: NDArray[np.float32], x_b: NDArray[np.float32], params: CrosscoderParams) -> pd.DataFrame:
    """Train a crosscoder on activations of two models at the same bases (rows, width), and judge its features.

    Both are scaled to a mean norm of one first. A feature of one model is one whose decoder in the other is short;
    where least squares of the other model's residual or reconstruction on its codes find it there all the same, it
    was only shortened or split. Models of unequal widths cannot be asked so, and neither is called a feature's only
    owner.
    """
    joined = np.concatenate([_scaled(x) for x in (x_a, x_b)], axis=1)
    width = x_a.shape[1]
    settings = SaeParams(
        variant="batchtopk",
        n_features=params.features,
        k=min(params.k, params.features - 1),
        tokens=params.tokens,
        batch=min(256, len(joined)),
        seed=params.seed,
    )
    trained = fit(ActivationRows(joined, Origin("joint", "two models", joined.shape[1])), settings)
    return _judge(trained, joined, width)


def _scaled(x: NDArray[np.float32]) -> NDArray[np.float32]:
    centred = x - x.mean(axis=0)
    # mean norm one, so that the two models weigh alike in one squared error
    return (centred / np.linalg.norm(centred, axis=1).mean()).astype(np.float32)


def _judge(trained: SparseAutoencoder, x: NDArray[np.float32], width: int) -> pd.DataFrame:
    codes = trained.encode(x)
    guess = trained.decode(codes)
    parts = slice(0, width), slice(width, None)
    decoders = [trained.decoder[:, p] for p in parts]
    norm_a, norm_b = (np.linalg.norm(d, axis=1) for d in decoders)
    total = norm_a + norm_b
    # 0 is A alone, 1 is B alone; a feature without any decoder is neither
    r = np.divide(norm_b, total, out=np.full(len(total), 0.5), where=total > 0)
    rest = x - guess
    fvu = [float((rest[:, p] ** 2).sum() / ((x[:, p] - x[:, p].mean(axis=0)) ** 2).sum()) for p in parts]
    of_b = _latent_scaling(codes, rest, guess, decoders, parts)
    of_a = _latent_scaling(codes, rest, guess, decoders[::-1], parts[::-1])
    # asked of the model that holds less of the feature
    nu = np.where(r >= 0.5, of_b, of_a)
    rate = np.asarray((codes > 0).mean(axis=0)).ravel()
    table = pd.DataFrame(
        {
            "feature": np.arange(len(r)),
            "rate": rate,
            "norm_a": norm_a,
            "norm_b": norm_b,
            "relative_norm": r,
            "nu_error": nu[0],
            "nu_reconstruction": nu[1],
        }
    )
    # least squares finds nothing of the feature in the other model, in neither way; a ratio that is NaN says nothing
    absent = (nu < SMALL).all(axis=0)
    of_one = (r > EXCLUSIVE) | (r < 1 - EXCLUSIVE)
    # the first that holds counts: a silent feature has norms too
    table["kind"] = np.select(
        [rate == 0, of_one & ~absent, r > EXCLUSIVE, r < 1 - EXCLUSIVE],
        ["silent", "not told apart", "B", "A"],
        "shared",
    )
    table["fvu_a"], table["fvu_b"] = fvu
    return DIFF_JOINT.check(table)


def _latent_scaling(
    codes: sp.csr_matrix,
    rest: NDArray[np.float32],
    guess: NDArray[np.float32],
    decoders: list[NDArray[np.float32]],
    parts: Sequence[slice],
) -> NDArray[np.float64]:
    """Ratios β^A / β^B of least squares on z_j d^B_j, of residual with own part and of reconstruction; A is the first
    of `decoders` and `parts`.

    (2, features); NaN where the widths differ, so that B's direction does not exist in A, and for silent features.
    """
    d_b = decoders[1]
    if decoders[0].shape != d_b.shape:
        return np.full((2, len(d_b)), np.nan)
    # Σ z² ‖d_B‖²: denominator of the least squares of y on z_j d_B
    square = np.asarray(codes.power(2).sum(axis=0)).ravel() * (d_b**2).sum(axis=1)
    out = []
    for residual in (True, False):
        beta = []
        for p, d in zip(parts, decoders, strict=True):
            y = rest[:, p] if residual else guess[:, p]
            # Σ_t z_jt ⟨y_t, d^B_j⟩; the own part adds Σ_t z_jt² ⟨d_j, d^B_j⟩
            dot = ((codes.T @ y) * d_b).sum(axis=1)
            own_part = np.asarray(codes.power(2).sum(axis=0)).ravel() * (d * d_b).sum(axis=1) if residual else 0.0
            beta.append(np.divide(dot + own_part, square, out=np.full(len(d_b), np.nan), where=square > 0))
        out.append(np.divide(beta[0], beta[1], out=np.full(len(d_b), np.nan), where=np.abs(beta[1]) > 1e-12))
    return np.abs(np.stack(out))
