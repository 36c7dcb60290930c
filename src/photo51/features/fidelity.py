"""How much of what the model predicts survives when a site is replaced by what the dictionary says of it.

Surprisal (cross-entropy) of the next base is measured three times on the same windows: with the site as it is, with
the site replaced by its reconstruction, and with the site replaced by a constant. Recovered is the share of the way
from the last to the first, where the constant costs more than chance does; it is told for coding and for other bases
apart, since a model may keep one and lose the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from photo51.activations.extract import Sequences
from photo51.config.features import FidelityParams
from photo51.genome.axis.genomes import Genomes, core_rows
from photo51.io.contracts.features import FIDELITY, LOSSES
from photo51.model.families.interface import DnaModel
from photo51.model.families.native import Native
from photo51.model.sites import Edit, Sites
from photo51.model.stripedhyena.tail import Tail, can_resume
from photo51.progress import progress
from photo51.sae.dictionary import Dictionary
from photo51.types import STRANDS, InputError

_SEGMENTS = 64
_BASES = np.array([65, 67, 71, 84])  # tokens of A, C, G and T


class Losses(NamedTuple):
    """Surprisal of each scored base (nats): as it is, reconstructed, and with the site constant."""

    original: NDArray[np.float64]
    spliced: NDArray[np.float64]
    constant: NDArray[np.float64]


def reconstruct_site(dictionary: Dictionary) -> Edit:
    """Edit that replaces a site by the dictionary's reconstruction, token by token."""

    def edit(x: Tensor, _start: int) -> Tensor:
        flat = x.detach().float().cpu().numpy().reshape(-1, x.shape[-1])
        rebuilt = dictionary.decode(dictionary.encode(flat)).reshape(x.shape)
        return torch.from_numpy(rebuilt).to(x)

    return edit


def hold(value: NDArray[np.float32]) -> Edit:
    """Edit that replaces every token of a site by the same vector."""

    def edit(x: Tensor, _start: int) -> Tensor:
        return torch.from_numpy(value).to(x).expand_as(x).contiguous()

    return edit


def splice(
    model: DnaModel,
    dictionary: Dictionary,
    genomes: Sequences,
    windows: pd.DataFrame,
    mean: NDArray[np.float32],
) -> pd.DataFrame:
    """Measure the surprisal of held-out bases with a site as it is, reconstructed and constant.

    Parameters
    ----------
    model, dictionary
        The model, and a dictionary of one of its sites.
    genomes, windows
        Bases to score: held-out windows, both strands.
    mean
        (d_model,) constant to which the site is set: the mean activation.

    Returns
    -------
    One row a base and strand (contract `LOSSES`).
    """
    if not model.spec.causal or model.spec.bp_per_token != 1:
        raise InputError(f"{model.spec.name}: need a model that predicts base by base, got one that does not")
    site = dictionary.origin.site
    dictionary.origin.require(model.spec.origin(site), f"{model.spec.name}: activations")
    edits: dict[str, Edit | None] = {"original": None, "spliced": reconstruct_site(dictionary), "constant": hold(mean)}
    nats_of: dict[str, list[NDArray[np.float64]]] = {name: [] for name in edits}
    rows, strands = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=bool)]
    for window in progress(windows.to_dict("records"), "splice", unit="windows"):
        ids = genomes.window_sequence(window)
        for name, scores in _scores(model, ids, site, edits):
            nats_of[name].append(_surprisal(scores, ids)[int(window["warmup"]) :])
        rows.append(core_rows(window))
        strands.append(np.full(len(rows[-1]), window["strand"] == "+"))
    losses = {f"nats_{name}": np.concatenate([np.zeros(0), *nats]) for name, nats in nats_of.items()}
    strand = np.where(np.concatenate(strands), "+", "-").astype(object)
    return LOSSES.check(pd.DataFrame({"row": np.concatenate(rows), "strand": strand, **losses}))


def recovered(
    losses: pd.DataFrame, classes: Mapping[str, tuple[NDArray[np.bool_], NDArray[np.bool_]]] | None = None
) -> pd.DataFrame:
    """Cross-entropy recovered on all bases, and on classes of them (contract `FIDELITY`).

    Parameters
    ----------
    losses
        Contract `LOSSES`.
    classes
        Class of bases → masks (n_rows,) for strand `+` and `-`. `all` is added.
    """
    row, plus = losses["row"].to_numpy(), (losses["strand"] == "+").to_numpy()
    nats = Losses(*(losses[f"nats_{name}"].to_numpy() for name in Losses._fields))
    member = {"all": np.ones(len(row), dtype=bool)}
    member |= {name: np.where(plus, masks[0][row], masks[1][row]) for name, masks in (classes or {}).items()}
    return FIDELITY.check(pd.DataFrame([_row(name, nats, inside) for name, inside in member.items()]))


@torch.no_grad()
def _scores(
    model: DnaModel, ids: NDArray[np.uint8], site: str, edits: Mapping[str, Edit | None]
) -> Iterator[tuple[str, Tensor]]:
    """Logits of A, C, G and T as the next base, (length, 4), under each edit of a site."""
    bases = torch.from_numpy(_BASES.astype(np.int64))
    tail = Tail(model.model, site) if isinstance(model, Native) and can_resume(site) else None
    if isinstance(model, Native) and tail is not None and 2 * tail.first > model.spec.n_layers:
        # most of the model comes before the site, is the same under every edit, and is read once
        caches = {name: tail.begin() for name in edits}
        parts: dict[str, list[Tensor]] = {name: [] for name in edits}
        for chunk in model.model.stream(model.ids([ids]), sites=Sites([site], stop=True)):
            x = chunk.sites[site]
            for name, edit in edits.items():
                hidden = tail(x if edit is None else edit(x, chunk.start), caches[name])
                parts[name].append(model.model.logits(hidden)[0][:, bases.to(hidden.device)])
        yield from ((name, torch.cat(scores)) for name, scores in parts.items())
        return
    for name, edit in edits.items():
        output = model.forward([ids], Sites(edit={site: edit}) if edit is not None else None)
        assert output.logits is not None
        yield name, output.logits[0][:, bases.to(output.logits[0].device)]


def _surprisal(scores: Tensor, ids: NDArray[np.uint8]) -> NDArray[np.float64]:
    """-log p of every base over A, C, G and T given those before it, (length,); NaN for the first and for other
    letters.
    """
    log_p = torch.log_softmax(scores[:-1].float(), -1).cpu().numpy()
    # the first base has nothing before it
    hit = ids[1:, None] == _BASES
    is_base = hit.any(axis=1)
    # NaN where nothing was predicted, so that means leave it out
    return np.concatenate([[np.nan], np.where(is_base, -(log_p * hit).sum(axis=1), np.nan)]).astype(np.float64)


def _row(name: str, losses: Losses, member: NDArray[np.bool_]) -> dict[str, object]:
    scored = member & np.isfinite(losses.original)
    original, spliced, constant = (float(x[scored].mean()) if scored.any() else np.nan for x in losses)
    lost = constant - original
    return {
        "bases": name,
        "n": int(scored.sum()),
        "nats_original": original,
        "nats_spliced": spliced,
        "nats_constant": constant,
        # share of the way from the constant to the original, where there is one
        "recovered": (constant - spliced) / lost if lost > _chance_loss(losses, scored) else np.nan,
    }


def _chance_loss(losses: Losses, scored: NDArray[np.bool_]) -> float:
    """Loss of the constant (nats a base) that chance explains: three standard errors, over segments of the rows scored,
    since neighbouring bases are not independent; 0 of fewer than `_SEGMENTS` bases.
    """
    lost = (losses.constant - losses.original)[scored]
    if len(lost) < _SEGMENTS:
        return 0.0
    means = [part.mean() for part in np.array_split(lost, _SEGMENTS)]
    return 3 * float(np.std(means, ddof=1)) / np.sqrt(_SEGMENTS)


def windows_of_split(windows: pd.DataFrame, params: FidelityParams) -> pd.DataFrame:
    """Windows of the asked-for splits, at random, until they hold about `bases` bases; in order of rows."""
    candidates = windows[windows["split"].isin(params.splits)]
    order = np.random.default_rng(params.seed).permutation(len(candidates))
    taken = candidates.iloc[order]
    # windows until their bases, without the present one, reach the number
    enough = (taken["end"] - taken["start"]).cumsum().shift(fill_value=0) < params.bases
    return taken[enough].sort_index()


def coding_masks(genomes: Genomes) -> dict[str, tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Masks of coding bases (CDS of the strand that is read) and of bases in no CDS of either strand, (n_rows,) a
    strand.
    """
    annotations, workspace = genomes.annotations(), genomes.workspace()
    cds = annotations[annotations["kind"] == "CDS"]
    plus, minus = (workspace.mask(cds[cds["strand"] == strand]) for strand in STRANDS)
    neither = ~(plus | minus)
    return {"coding": (plus, minus), "noncoding": (neither, neither)}
