"""A sparse autoencoder in the form interventions need: tensors at a site, any few of its features, gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from photo51.config.interventions import UnitParams
from photo51.model.sites import Sites
from photo51.model.stripedhyena.modeling import StripedHyena
from photo51.sae.dictionary import SparseAutoencoder
from photo51.types import InputError


@dataclass(frozen=True, eq=False)
class LinearDictionary:
    """A trained autoencoder as four tensors and one rule, everything in units of the site's tensor.

    `pre = (x − centre) @ encoder.T + bias`; codes are `relu(pre)`, kept where they are above `threshold` (JumpReLU,
    calibrated BatchTopK) or among the `k` largest of their base (TopK); `decode = codes @ decoder + offset`.

    Attributes
    ----------
    site
        Site of the model, for instance `block.2.out`.
    encoder, bias
        (features, d_model) and (features,).
    decoder, offset
        (features, d_model) and (d_model,).
    threshold
        (features,) smallest code that counts, or None.
    k
        Codes kept per base, or None.
    centre
        (d_model,) taken off before encoding, or None.
    """

    site: str
    encoder: Tensor
    bias: Tensor
    decoder: Tensor
    offset: Tensor
    threshold: Tensor | None = None
    k: int | None = None
    centre: Tensor | None = None

    @classmethod
    def of(cls, sae: SparseAutoencoder) -> LinearDictionary:
        """A trained autoencoder's numbers as tensors that gradients run through."""
        gate = sae.gate
        return cls(
            sae.origin.site,
            torch.from_numpy(sae.encoder),
            torch.from_numpy(sae.bias),
            torch.from_numpy(sae.decoder),
            torch.from_numpy(sae.offset),
            # thresholds below 0 let all positive codes through: relu has cut the others already
            None if gate.threshold is None else torch.from_numpy(np.maximum(gate.threshold, 0)),
            gate.k,
            torch.from_numpy(sae.centre),
        )

    @property
    def n_features(self) -> int:
        """Features of the dictionary."""
        return self.decoder.shape[0]

    def encode(self, x: Tensor, features: Sequence[int] | None = None) -> Tensor:
        """Codes (…, features) of activations (…, d_model); a base's codes depend on that base alone."""
        rows = slice(None) if features is None else list(features)
        x = x.to(self.encoder.dtype)
        x = x if self.centre is None else x - self.centre
        if self.k is not None:
            # TopK needs all features: which are kept depends on the others
            codes = torch.relu(x @ self.encoder.T + self.bias)
            smallest_kept = codes.topk(self.k, dim=-1).values[..., -1:]
            # ties at the k-th value are all kept, where sorting would have to choose; below k positive ones all pass
            return torch.where(codes >= smallest_kept, codes, 0.0)[..., rows]
        codes = torch.relu(x @ self.encoder[rows].T + self.bias[rows])
        if self.threshold is not None:
            # strictly above, as the trained rule has it
            codes = torch.where(codes > self.threshold[rows], codes, 0.0)
        return codes

    def decode(self, codes: Tensor) -> Tensor:
        """Activations (…, d_model) of codes (…, features)."""
        return codes @ self.decoder + self.offset

    def to(self, device: torch.device | str) -> LinearDictionary:
        """The same dictionary on another device."""
        moved = {
            name: getattr(self, name).to(device)
            for name in ("encoder", "bias", "decoder", "offset", "threshold", "centre")
            if getattr(self, name) is not None
        }
        return replace(self, **moved)


class Units(NamedTuple):
    """How strongly each feature fires on reference sequence.

    Attributes
    ----------
    unit
        (features,) activation at the stated quantile of firing bases: one unit of strength; 0 where it never fires.
    peak
        (features,) largest activation seen.
    density
        (features,) share of bases at which it fires.
    bases
        Reference bases read.
    """

    unit: NDArray[np.float64]
    peak: NDArray[np.float64]
    density: NDArray[np.float64]
    bases: int

    def of(self, features: Sequence[int]) -> NDArray[np.float64]:
        """One unit of each named feature.

        Raises
        ------
        InputError
            For a feature the dictionary does not have, or that never fires and so has no unit.
        """
        check_features(features, len(self.unit))
        if silent := [int(f) for f in features if not self.unit[f] > 0]:
            raise InputError(
                f"feature: need one that fires on the reference, got {silent}, silent on all {self.bases:,} bases; its"
                " strength has no unit"
            )
        return self.unit[list(features)]


def units_of_table(features: pd.DataFrame, bases: int) -> Units:
    """Units from the feature table (contract `FEATURES`), whose `q99` is one unit.

    Parameters
    ----------
    bases
        (base, strand) pairs the table was made from.
    """
    table = features.sort_values("feature")
    if not np.array_equal(table["feature"], np.arange(len(table))):
        raise InputError("features: need one row for each feature from 0 on, got others")
    unit, peak, density = (table[c].fillna(0.0).to_numpy(dtype=np.float64) for c in ("q99", "maximum", "density"))
    return Units(unit, peak, density, bases)


class Instrument(NamedTuple):
    """What every intervention works with.

    Attributes
    ----------
    model
        Next-base model.
    dictionary
        LinearDictionary of one of the model's sites.
    units
        One unit of each feature.
    concepts
        Names of features, where they have one.
    """

    model: StripedHyena
    dictionary: LinearDictionary
    units: Units
    concepts: Mapping[int, str] = MappingProxyType({})

    @property
    def site(self) -> str:
        """Site of the dictionary."""
        return self.dictionary.site

    def ids(self, windows: NDArray[np.integer]) -> Tensor:
        """Token ids as the model wants them."""
        return torch.from_numpy(np.asarray(windows).astype(np.int64)).to(self.dictionary.decoder.device)

    def name(self, feature: int) -> str:
        """Concept of a feature, empty where it has none."""
        return self.concepts.get(int(feature), "")


def check_features(features: Sequence[int], n_features: int) -> None:
    """Raise `InputError` for a feature the dictionary does not have."""
    if unknown := [int(f) for f in features if not 0 <= f < n_features]:
        raise InputError(f"feature: need a number from 0 to {n_features - 1}, got {unknown}")


@torch.no_grad()
def activations(model: StripedHyena, site: str, ids: Tensor) -> Tensor:
    """A site's tensor (batch, length, d_model) of token ids (batch, length)."""
    sites = Sites([site], stop=True)
    model.hidden(ids, sites=sites)
    return sites[site]


@torch.no_grad()
def measure_units(
    model: StripedHyena,
    dictionary: LinearDictionary,
    windows: NDArray[np.integer],
    params: UnitParams,
) -> Units:
    """Activation quantiles of every feature over reference windows.

    Parameters
    ----------
    windows
        (windows, length) token ids of reference sequence.
    params
        Quantile, and the first bases of each window to leave out.
    """
    device = dictionary.decoder.device
    values, features, n_rows = [], [], 0
    # about 16k bases at once; windows of one batch are of one length
    for batch in np.array_split(windows, max(1, windows.size // 16_384)):
        ids = torch.from_numpy(batch.astype(np.int64)).to(device)
        # the first bases of a window have too little context to be typical
        x = activations(model, dictionary.site, ids)[:, params.warmup :].flatten(0, 1)
        # (features) × 4,096 rows of float32: what encode allocates
        for rows in x.split(4_096):
            codes = dictionary.encode(rows)
            # only non-zero codes are kept: a hundredth of all or fewer
            nonzero = codes.nonzero()
            features.append(nonzero[:, 1].cpu().numpy())
            values.append(codes[nonzero[:, 0], nonzero[:, 1]].float().cpu().numpy())
        n_rows += len(x)
    n_features = dictionary.decoder.shape[0]
    return _quantiles(np.concatenate(values), np.concatenate(features), n_features, n_rows, params.quantile)


def _quantiles(
    values: NDArray[np.float32], features: NDArray[np.int64], n_features: int, n_rows: int, q: float
) -> Units:
    """Quantile (nearest rank), largest value and density of each feature from its non-zero activations."""
    # by feature, then by value: each feature's activations become one ascending run
    order = np.lexsort((values, features))
    values, count = values[order], np.bincount(features, minlength=n_features)
    # where each run begins
    first = np.concatenate([[0], np.cumsum(count)[:-1]])
    # nearest rank: the ⌈q·n⌉-th of n, counted from 0; q = 1 is the largest
    rank = np.ceil(q * count).astype(np.int64) - 1
    fires = count > 0
    unit, peak = np.zeros(n_features), np.zeros(n_features)
    unit[fires] = values[(first + rank)[fires]]
    peak[fires] = values[(first + count - 1)[fires]]
    return Units(unit, peak, count / max(1, n_rows), n_rows)
