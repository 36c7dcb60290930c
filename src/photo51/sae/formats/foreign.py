"""What the readers of other tools' dictionaries share: weights in one layout, rules as a gate, fields that must be
known.

A gated encoder (Rajamanoharan et al., arXiv:2404.16014) shares its weights between gate and magnitude, so that "gate
above 0" is "magnitude above b_mag - exp(r_mag) b_gate": it is held as a threshold a feature.
"""

from __future__ import annotations

import json
import logging
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from photo51.io.origin import Origin
from photo51.io.tensors import TensorFile
from photo51.sae.dictionary import SparseAutoencoder
from photo51.sae.rules import Gate
from photo51.types import InputError

log = logging.getLogger(__name__)
Arrays = dict[str, NDArray[np.float32]]


class Foreign(NamedTuple):
    """A dictionary as another tool wrote it.

    Attributes
    ----------
    weights, gate
        As `SparseAutoencoder` takes them.
    origin
        What it is of, where photo51 wrote the file.
    declared
        Model that the file names; empty where it names none.
    """

    weights: Arrays
    gate: Gate
    origin: Origin | None = None
    declared: str = ""


def top(k: Any, n_features: int, file: Path | str) -> Gate:
    """The `k` largest positive codes; with `k` of all features, the positive ones.

    Raises
    ------
    InputError
        Where `k` is no whole number of at least 1.
    """
    # True is an integer to Python, and no number of features
    if isinstance(k, bool) or not isinstance(k, (int, float)) or k != int(k) or k < 1:
        raise InputError(f"{file}: need k, a whole number of features of at least 1, got {k!r}")
    # all features: every positive code, which a threshold of 0 says as well
    if k >= n_features:
        return threshold_gate(np.zeros(n_features))
    return Gate(k=int(k))


def threshold_gate(threshold: NDArray) -> Gate:
    """Codes above a threshold for each feature, and above 0."""
    return Gate(threshold=np.maximum(np.asarray(threshold, np.float32), 0))


def gated(a: Mapping[str, NDArray], names: tuple[str, str, str]) -> tuple[NDArray, NDArray, Gate]:
    """Factors of the encoder's rows, bias and gate of a gated encoder, from the names of r_mag, b_mag and b_gate."""
    r, magnitude, gate = (a[name].astype(np.float64) for name in names)
    # gate: x·w + b_gate > 0 is x·w · e^r + b_mag > b_mag - e^r b_gate, a threshold on the magnitude
    return np.exp(r), magnitude, threshold_gate(magnitude - np.exp(r) * gate)


def weights(encoder: NDArray, bias: NDArray, decoder: NDArray, offset: NDArray, *, centred: bool = True) -> Arrays:
    """Weights in the layout of `SparseAutoencoder`: encoder and decoder (features, d_model)."""
    named = {"encoder": encoder, "bias": bias, "decoder": decoder, "offset": offset}
    out = {name: np.ascontiguousarray(a, dtype=np.float32) for name, a in named.items()}
    return {**out, "centre": out["offset"] if centred else np.zeros_like(out["offset"])}


def config_of(path: Path) -> dict[str, Any]:
    """A configuration in JSON.

    Raises
    ------
    InputError
        Where it is absent, or no JSON object.
    """
    if not path.is_file():
        raise InputError(f"{path}: need a configuration, got no such file")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as e:
        raise InputError(f"{path}: need JSON, got text that is none ({e})") from e
    if not isinstance(config, dict):
        raise InputError(f"{path}: need a JSON object, got {type(config).__name__}")
    return config


def own_origin(holder: Any, file: Path | str) -> Origin | None:
    """The origin that photo51 left in a configuration; None where it did not."""
    block = holder.get("photo51") if isinstance(holder, Mapping) else None
    return Origin.read(block["origin"], str(file)) if block else None


def require(file: Path | str, config: Mapping[str, Any], name: str, allowed: tuple[object, ...], why: str = "") -> None:
    """Make sure that a field, which may be absent where None is allowed, has one of some values."""
    # 0 equals False and 1 equals True: the type decides between a number and a switch
    value = config.get(name)
    if not any(value is a or (value == a and type(value) is type(a)) for a in allowed):
        listed = ", ".join(str(a) for a in allowed if a is not None)
        raise InputError(f"{file}: need {name} of {listed}, got {value!r}{f': {why}' if why else ''}")


def list_unknown(file: Path | str, config: Mapping[str, Any], fields: frozenset[str]) -> None:
    """Say which fields of a configuration are not known here; empty ones say nothing."""
    unknown = {n: v for n, v in config.items() if n not in fields and v not in (None, False, "", [], {})}
    if unknown:
        listed = ", ".join(f"{n}={v!r}"[:60] for n, v in sorted(unknown.items()))
        log.warning("%s: fields that are not known here, taken not to change codes: %s", file, listed)


def only(file: Path | str, arrays: Mapping[str, Any], names: tuple[str, ...], what: str) -> None:
    """Refuse tensors that are not known: each would change codes or what they decode to."""
    if unknown := sorted(set(arrays) - set(names)):
        raise InputError(f"{file}: need the tensors of {what} ({', '.join(names)}), got {unknown[0]!r} as well")


def tensors(path: Path, names: tuple[str, ...]) -> Arrays:
    """All tensors of a safetensors file, in float32; those named must be there."""
    file = TensorFile(path)
    return {name: _float32(file, name) for name in (*names, *(n for n in file if n not in names))}


def _float32(file: TensorFile, name: str) -> NDArray[np.float32]:
    a = np.asarray(file[name])
    if file.kinds[name] == "BF16":
        # bfloat16 comes as 16-bit integers: the upper half of a float32
        return (a.astype(np.uint32) << 16).view(np.float32)
    return a.astype(np.float32)


def pickled(path: Path, names: tuple[str, ...] = ()) -> Arrays:
    """Tensors of a state dict by name, without the prefixes that compiled and parallel modules leave.

    Raises
    ------
    InputError
        For a file that holds anything but tensors, and where one of `names` is absent.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, FileNotFoundError) as e:
        raise InputError(f"{path}: need a file of tensors alone, got one that cannot be read as such") from e
    if not isinstance(state, Mapping):
        raise InputError(f"{path}: need named tensors, got {type(state).__name__}")
    tensors = {
        str(name).removeprefix("_orig_mod.").removeprefix("module.").removeprefix("_orig_mod."): value
        for name, value in state.items()
    }
    if missing := [name for name in names if name not in tensors]:
        raise InputError(f"{path}: need tensors {', '.join(names)}, got none of {', '.join(missing)}")
    return {n: v.float().numpy() for n, v in tensors.items() if isinstance(v, torch.Tensor)}


def bias_for(sae: SparseAutoencoder, centre: NDArray[np.float32]) -> NDArray[np.float32]:
    """(features,) bias with which `(x - centre) @ encoder.T + bias` are the dictionary's pre-activations."""
    if np.array_equal(centre, sae.centre):
        return sae.bias
    # (x - c') · w + b' = (x - c) · w + b for all x needs b' = b + w · (c' - c); in double, since c may be large
    moved = centre.astype(np.float64) - sae.centre
    return (sae.bias + sae.encoder.astype(np.float64) @ moved).astype(np.float32)
