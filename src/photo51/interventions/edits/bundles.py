"""What is steered: weighted bundles of features, directions, and arithmetic on both.

Weights count in units of each feature's own activation (`dictionary.Units`), so `a - b + c` gives every concept the
same say however loudly its features fire.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.decomposition import NMF
from torch import Tensor

from photo51 import words
from photo51.interventions.edits.dictionary import LinearDictionary, Units
from photo51.types import InputError


@dataclass(frozen=True)
class Bundle:
    """Features and their weights.

    Attributes
    ----------
    name
        What it is called in tables and figures.
    features
        Feature numbers, each once.
    weights
        One weight a feature, in units of its own activation.
    """

    name: str
    features: tuple[int, ...]
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.features) != len(self.weights) or not self.features:
            raise InputError(
                f"bundle {self.name!r}: need one weight a feature and at least one feature, got {len(self.weights)}"
                f" weights for {len(self.features)}"
            )
        if len(set(self.features)) != len(self.features):
            raise InputError(f"bundle {self.name!r}: need each feature once, got {list(self.features)}")

    @classmethod
    def single(cls, feature: int, name: str = "") -> Bundle:
        """One feature with weight 1."""
        return cls(name or f"f{feature}", (int(feature),), (1.0,))

    def __add__(self, other: Bundle) -> Bundle:
        return self._with(other, 1.0, "+")

    def __sub__(self, other: Bundle) -> Bundle:
        return self._with(other, -1.0, "-")

    def __mul__(self, factor: float) -> Bundle:
        return Bundle(f"{factor:g}*{self.name}", self.features, tuple(factor * w for w in self.weights))

    __rmul__ = __mul__

    def _with(self, other: Bundle, sign: float, symbol: str) -> Bundle:
        total = dict(zip(self.features, self.weights, strict=True))
        for feature, weight in zip(other.features, other.weights, strict=True):
            total[feature] = total.get(feature, 0.0) + sign * weight
        # what cancels exactly is no longer part of the bundle
        weights = {f: w for f, w in total.items() if w != 0.0}
        if not weights:
            raise InputError(f"bundle: {self.name!r} {symbol} {other.name!r} cancels to nothing")
        return Bundle(f"{self.name} {symbol} {other.name}", tuple(weights), tuple(weights.values()))

    def shift(self, dictionary: LinearDictionary, units: Units) -> Tensor:
        """What one unit of strength adds to the site's tensor where nothing is floored, (d_model,)."""
        rows = dictionary.decoder[list(self.features)]
        # weights are in units; the decoder's rows in activations
        per_unit = torch.as_tensor(units.of(self.features) * np.array(self.weights))
        return per_unit.to(rows) @ rows

    def level(self, codes: NDArray[np.floating], units: Units) -> NDArray[np.floating]:
        """How strongly the bundle fires, from the codes (…, features of the bundle): weighted mean in units.

        Negative weights are left out: what a concept is less of is no part of its own level.
        """
        return codes @ self.level_weights(units).astype(codes.dtype)

    def level_weights(self, units: Units) -> NDArray[np.float64]:
        """(features,): what each feature's code counts in `level`."""
        weights = np.maximum(self.weights, 0.0)
        # weights sum to 1 and codes are divided by their unit: all features at their unit give level 1
        return weights / max(weights.sum(), 1e-12) / units.of(self.features)


@dataclass(frozen=True, eq=False)
class Direction:
    """A direction of the site's tensor.

    Attributes
    ----------
    name
        What it is called in tables and figures.
    vector
        (d_model,); only its direction counts.
    unit
        Length of one unit of strength, in units of the site's tensor.
    """

    name: str
    vector: Tensor
    unit: float = 1.0

    def __post_init__(self) -> None:
        if not torch.linalg.vector_norm(self.vector) > 0:
            raise InputError(f"direction {self.name!r}: need a vector that is not zero")

    @property
    def unit_vector(self) -> Tensor:
        """The direction with length 1."""
        return self.vector / torch.linalg.vector_norm(self.vector)


def parse_bundle(text: str, concepts: Mapping[str, Bundle], n_features: int) -> Bundle:
    """Read a bundle as people write it: `f12`, `12`, a concept's name, or sums such as `stop_codon - 0.5*f40 + GC`.

    Terms are joined by ` + ` and ` - ` with blanks around them, so that names may hold a hyphen.

    Raises
    ------
    InputError
        For a name that is neither a feature nor a concept, with the nearest names; for weights that are no finite
        numbers, or all 0.
    """
    total: Bundle | None = None
    sign = 1.0
    # the group keeps the signs in the list
    for token in re.split(r"\s+([+-])\s+", text.strip()):
        if token in {"+", "-"}:
            sign = 1.0 if token == "+" else -1.0
            continue
        factor, _, name = token.rpartition("*")
        bundle = _named(name.strip(), concepts, n_features, text)
        try:
            weight = sign * (float(factor) if factor else 1.0)
        except ValueError as e:
            raise InputError(f"feature {text!r}: need a number before *, got {factor!r}") from e
        if not np.isfinite(weight):
            raise InputError(f"feature {text!r}: need a finite number before *, got {factor!r}")
        if total is None:
            total = bundle if weight == 1.0 else weight * bundle
        else:
            total = total + bundle * abs(weight) if weight > 0 else total - bundle * abs(weight)
    if total is None:
        raise InputError(f"feature: need a feature or a concept, got {text!r}")
    if not any(total.weights):
        raise InputError(f"feature {text!r}: need a weight that is not 0, got none")
    return Bundle(text.strip(), total.features, total.weights)


def _named(name: str, concepts: Mapping[str, Bundle], n_features: int, text: str) -> Bundle:
    if name in concepts:
        return concepts[name]
    # `f/12` is how pages write a feature, `f12` how tables do
    number = name.removeprefix("f/").removeprefix("f")
    if number.isdecimal():
        if int(number) >= n_features:
            raise InputError(f"feature {text!r}: need a number from 0 to {n_features - 1}, got {number}")
        return Bundle.single(int(number))
    shown = _shown(concepts)
    if name.lower() in shown:
        return concepts[shown[name.lower()]]
    from difflib import get_close_matches

    near = get_close_matches(name, list(concepts), n=3, cutoff=0.4)
    near += [s for s in get_close_matches(name.lower(), list(shown), n=3, cutoff=0.4) if s not in near][: 3 - len(near)]
    hint = f"; did you mean {', '.join(near)}?" if near else f"; {len(concepts)} concepts are named"
    raise InputError(f"feature {text!r}: need a feature number or a concept's name, got {name!r}{hint}")


def _shown(concepts: Mapping[str, Bundle]) -> dict[str, str]:
    """Names as pages show them, in lower case → concept: `start codon, antisense` is `start_codon/antisense`.

    Of concepts that are shown alike, as one and its frames, the plain one is meant.
    """
    out: dict[str, str] = {}
    for name in sorted(concepts, key=lambda n: (n.count("/"), n)):
        annotation = name.removesuffix("/antisense")
        annotation = re.sub(r"/(?:frame \d|either)", "", annotation)
        antisense = ", antisense" if name.endswith("/antisense") else ""
        out.setdefault(f"{words.kind(annotation)}{antisense}".lower(), name)
        out.setdefault(name.lower(), name)
    return out


def concept_parts(
    concept: Bundle, codes: NDArray[np.floating], units: Units, *, n_parts: int, seed: int
) -> list[Bundle]:
    """Split a concept into parts whose features fire together: non-negative factors of its codes.

    Parameters
    ----------
    codes
        (bases, features of the concept) activations; bases at which none fires are left out.
    n_parts
        Parts to find, at most the number of features.

    Returns
    -------
    One bundle a part, strongest part first; weights sum to the concept's, so that the parts together are the concept.

    References
    ----------
    Lee and Seung 1999, doi:10.1038/44565.
    """
    if not 1 <= n_parts <= len(concept.features):
        raise InputError(f"parts of {concept.name!r}: need 1 to {len(concept.features)} parts, got {n_parts}")
    # in units, so that a loud feature does not take over the factors
    scaled = np.maximum(codes, 0.0) / units.of(concept.features)
    scaled = scaled[scaled.any(axis=1)]
    if len(scaled) < n_parts:
        raise InputError(
            f"parts of {concept.name!r}: need at least {n_parts} bases at which it fires, got {len(scaled)}"
        )
    model = NMF(n_components=n_parts, init="nndsvda", random_state=seed, max_iter=1_000, tol=1e-5)
    # what a part brings in all to each feature: mean loading × component
    load = model.fit_transform(scaled).mean(axis=0)[:, None] * model.components_
    # shares of each feature over the parts sum to 1: weights are split, none is lost
    share = load / np.maximum(load.sum(axis=0), 1e-12)
    split = [_part(concept, share[p], rank) for rank, p in enumerate(np.argsort(-load.sum(axis=1)))]
    return [part for part in split if part is not None]


def _part(concept: Bundle, share: NDArray[np.float64], rank: int) -> Bundle | None:
    weighted = [(f, w * s) for f, w, s in zip(concept.features, concept.weights, share, strict=True) if w * s != 0.0]
    if not weighted:
        return None
    return Bundle(f"{concept.name}.{rank + 1}", tuple(f for f, _ in weighted), tuple(float(w) for _, w in weighted))
