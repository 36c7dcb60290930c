"""Dictionaries of other tools: read and written without those tools.

SAELens (`cfg.json`, `sae_weights.safetensors`; github.com/decoderesearch/SAELens), EleutherAI sparsify (`cfg.json`,
`sae.safetensors`), dictionary_learning (`config.json`, `ae.pt`), and the file of the Evo 2 layer-26 autoencoder (tied weights;
Brixi et al., doi:10.1101/2025.02.18.638918). Pickled files are opened with `weights_only`, which builds tensors and nothing
else. What a file asks for that a dictionary here cannot do is refused by name, never dropped.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from photo51.config.sae import SaeParams
from photo51.io import sha256, write_json
from photo51.io.files import atomic
from photo51.io.origin import Origin
from photo51.io.tensors import TensorFile, write_tensors
from photo51.sae.dictionary import SparseAutoencoder
from photo51.sae.encoder import Encoder
from photo51.sae.lanes import pad
from photo51.sae.rules import BatchTopK, Gate
from photo51.types import InputError

EVO2_K = 64
Arrays = dict[str, NDArray[np.float32]]


def load_foreign(
    path: Path | str, origin: Origin | None = None, kind: str | None = None
) -> SparseAutoencoder:
    """Read a dictionary that another tool wrote.

    Parameters
    ----------
    path
        Folder, or file (`evo2`).
    origin
        What activations it encodes. May be left out where photo51 wrote the file, which then says so itself.
    kind
        Format; found out from the files if None.

    Returns
    -------
    SparseAutoencoder
        Codes as the tool itself computes them on one base.

    Raises
    ------
    InputError
        For another format or a dictionary that works otherwise, for a missing origin, and where the file's own origin is not
        `origin`, naming both.
    """
    path = Path(path)
    kind = kind or guess(path)
    if kind not in _READERS:
        raise InputError(f"format: need one of {', '.join(_READERS)}, got {kind!r}")
    weights, gate, own = _READERS[kind](path)
    if own is not None and origin is not None:
        own.require(origin, f"{path}: activations")
    origin = origin or own
    if origin is None:
        raise InputError(
            f"{path}: need the model and site it is of, got a {kind} file that does not say; name the activations"
        )
    if weights["encoder"].shape[1] != origin.d_model:
        raise InputError(
            f"{path}: need a dictionary for {origin}, got one for {weights['encoder'].shape[1]} numbers per base"
        )
    return SparseAutoencoder(weights, gate, origin, {"imported": {"format": kind, "sha256": _digest(path)}})


def guess(path: Path) -> str:
    """Format of a file or folder, from the names in it."""
    if path.is_file():
        return "evo2"
    for name, kind in (
        ("sae_weights.safetensors", "saelens"),
        ("sae.safetensors", "sparsify"),
        ("ae.pt", "dictionary_learning"),
    ):
        if (path / name).is_file():
            return kind
    raise InputError(
        f"{path}: need a dictionary of {', '.join(_READERS)}, got no sae_weights.safetensors, sae.safetensors, ae.pt or file"
    )


def calibrated(sae: SparseAutoencoder, x: NDArray[np.float32], k: int) -> SparseAutoencoder:
    """The same dictionary with the one threshold at which a base of `x` (rows, d_model) has k active features on average.

    For dictionaries trained by BatchTopK whose files hold no threshold: codes then depend on their own base alone.
    """
    rule = BatchTopK(SaeParams(n_features=sae.n_features, k=k))
    encoder, centred = Encoder(pad(sae.encoder), sae.bias), pad(x - sae.centre)
    rule.prepare(encoder, centred)
    weights = {n: a for n, a in sae.arrays().items() if n not in {"k", "threshold"}}
    card = {**sae.card, "calibrated": {"k": k, "rows": len(x)}}
    return SparseAutoencoder(weights, rule.gate(encoder, centred), sae.origin, card)


def save_foreign(sae: SparseAutoencoder, out: Path | str, kind: str) -> None:
    """Write a dictionary so that another tool loads it and computes the same codes.

    Parameters
    ----------
    sae
        What to write.
    out
        Folder.
    kind
        `saelens`, `sparsify` (fixed k alone) or `dictionary_learning` (fixed k, or one threshold for all features).

    Raises
    ------
    InputError
        Where the format cannot hold this dictionary.
    """
    if kind not in _WRITERS:
        raise InputError(f"format: need one of {', '.join(_WRITERS)} to write, got {kind!r}")
    _WRITERS[kind](sae, Path(out))


# ---- SAELens


def _read_saelens(path: Path) -> tuple[Arrays, Gate, Origin | None]:
    config = _config(path / "cfg.json")
    what = config.get("architecture", "standard")
    _require(path, config, "normalize_activations", ("none", None))
    _require(path, config, "reshape_activations", ("none", None))
    _require(path, {"architecture": what}, "architecture", ("standard", "topk", "jumprelu"))
    a = _tensors(path / "sae_weights.safetensors", ("W_enc", "b_enc", "W_dec", "b_dec"))
    scaled = what == "topk" and config.get("rescale_acts_by_decoder_norm", False)
    length = np.linalg.norm(a["W_dec"], axis=1) if scaled else np.ones(len(a["W_dec"]), np.float32)
    weights = _weights(
        encoder=a["W_enc"].T * length[:, None],
        bias=a["b_enc"] * length,
        decoder=a["W_dec"] / np.maximum(length, 1e-12)[:, None],
        offset=a["b_dec"],
        centred=bool(config.get("apply_b_dec_to_input", True)),
    )
    if what == "topk":
        gate = Gate(k=int(config["k"]))
    else:
        gate = Gate(threshold=a.get("threshold", np.zeros(len(a["W_dec"]), np.float32)))
    own = (config.get("metadata") or {}).get("photo51")
    return weights, gate, Origin.read(own["origin"], str(path)) if own else None


def _write_saelens(sae: SparseAutoencoder, out: Path) -> None:
    arrays: Arrays = {
        "W_enc": sae.encoder.T,
        "b_enc": bias_for(sae, sae.offset),
        "W_dec": sae.decoder,
        "b_dec": sae.offset,
    }
    config: dict[str, Any] = {
        "architecture": "topk" if sae.gate.k else "jumprelu",
        "d_in": sae.origin.d_model,
        "d_sae": sae.n_features,
        "dtype": "float32",
        "device": "cpu",
        "apply_b_dec_to_input": True,
        "normalize_activations": "none",
        "reshape_activations": "none",
        "metadata": {
            "sae_lens_version": "6.0.0",
            "model_name": sae.origin.model_name or sae.origin.model,
            "hook_name": sae.origin.site,
            "hook_head_index": None,
            "prepend_bos": False,
            "context_size": None,
            "photo51": {"origin": sae.origin.dump(), "hash": sae.hash},
        },
    }
    if sae.gate.k:
        config |= {"k": sae.gate.k, "rescale_acts_by_decoder_norm": False}
    else:
        arrays["threshold"] = sae.arrays()["threshold"]
    write_tensors(out / "sae_weights.safetensors", arrays, {})
    write_json(config, out / "cfg.json")


# ---- sparsify


def _read_sparsify(path: Path) -> tuple[Arrays, Gate, Origin | None]:
    config = _config(path / "cfg.json")
    _require(path, config, "activation", ("topk", None))
    for name in ("transcode", "skip_connection", "multi_topk"):
        _require(path, config, name, (False, None))
    a = _tensors(path / "sae.safetensors", ("encoder.weight", "encoder.bias", "W_dec", "b_dec"))
    weights = _weights(a["encoder.weight"], a["encoder.bias"], a["W_dec"], a["b_dec"])
    own = config.get("photo51")
    return weights, Gate(k=int(config["k"])), Origin.read(own["origin"], str(path)) if own else None


def _write_sparsify(sae: SparseAutoencoder, out: Path) -> None:
    if sae.gate.k is None:
        raise InputError(
            f"sparsify: need a dictionary with a fixed k, got {sae.kind} {sae.hash} with thresholds"
        )
    arrays: Arrays = {
        "encoder.weight": sae.encoder,
        "encoder.bias": bias_for(sae, sae.offset),
        "W_dec": sae.decoder,
        "b_dec": sae.offset,
    }
    write_tensors(out / "sae.safetensors", arrays, {})
    config = {
        "activation": "topk",
        "expansion_factor": max(1, sae.n_features // sae.origin.d_model),
        "normalize_decoder": True,
        "num_latents": sae.n_features,
        "k": sae.gate.k,
        "multi_topk": False,
        "skip_connection": False,
        "transcode": False,
        "d_in": sae.origin.d_model,
        "photo51": {"origin": sae.origin.dump(), "hash": sae.hash},
    }
    write_json(config, out / "cfg.json")


# ---- dictionary_learning


def _read_dictionary_learning(path: Path) -> tuple[Arrays, Gate, Origin | None]:
    config = _config(path / "config.json").get("trainer", {})
    what = config.get("dict_class")
    _require(path, config, "dict_class", ("AutoEncoderTopK", "BatchTopKSAE", "AutoEncoder"))
    offset = "bias" if what == "AutoEncoder" else "b_dec"
    a = _pickled(path / "ae.pt", ("encoder.weight", "encoder.bias", "decoder.weight", offset))
    weights = _weights(a["encoder.weight"], a["encoder.bias"], a["decoder.weight"].T, a[offset])
    if what == "AutoEncoderTopK":
        gate = Gate(k=int(a["k"] if "k" in a else config["k"]))
    else:
        level = max(0.0, float(a["threshold"])) if what == "BatchTopKSAE" else 0.0
        gate = Gate(threshold=np.full(len(weights["bias"]), level, np.float32))
    own = config.get("photo51")
    return weights, gate, Origin.read(own["origin"], str(path)) if own else None


def _write_dictionary_learning(sae: SparseAutoencoder, out: Path) -> None:
    level = sae.arrays().get("threshold")
    if level is not None and level.min() != level.max():
        raise InputError(
            f"dictionary_learning: need a fixed k or one threshold, got {sae.kind} {sae.hash} with a threshold per feature"
        )
    state = {
        "encoder.weight": sae.encoder,
        "encoder.bias": bias_for(sae, sae.offset),
        "decoder.weight": sae.decoder.T,
        "b_dec": sae.offset,
        "k": np.array(sae.gate.k or 1),
        "threshold": np.array(-1.0 if level is None else level[0], np.float32),
    }
    tensors = {name: torch.tensor(np.ascontiguousarray(a).reshape(a.shape)) for name, a in state.items()}
    with atomic(out / "ae.pt") as partial:
        torch.save(tensors, partial)
    trainer = {
        "dict_class": "AutoEncoderTopK" if level is None else "BatchTopKSAE",
        "activation_dim": sae.origin.d_model,
        "dict_size": sae.n_features,
        "k": sae.gate.k or 1,
        "lm_name": sae.origin.model_name or sae.origin.model,
        "submodule_name": sae.origin.site,
        "photo51": {"origin": sae.origin.dump(), "hash": sae.hash},
    }
    write_json({"trainer": trainer, "buffer": None}, out / "config.json")


# ---- Evo 2


def _read_evo2(path: Path) -> tuple[Arrays, Gate, Origin | None]:
    a = _pickled(path, ("W", "b_enc", "b_dec"))
    weights = _weights(a["W"].T, a["b_enc"], a["W"].T, a["b_dec"], centred=False)
    return weights, Gate(k=EVO2_K), None


_READERS: Mapping[str, Callable[[Path], tuple[Arrays, Gate, Origin | None]]] = {
    "saelens": _read_saelens,
    "sparsify": _read_sparsify,
    "dictionary_learning": _read_dictionary_learning,
    "evo2": _read_evo2,
}
_WRITERS: Mapping[str, Callable[[SparseAutoencoder, Path], None]] = {
    "saelens": _write_saelens,
    "sparsify": _write_sparsify,
    "dictionary_learning": _write_dictionary_learning,
}


def bias_for(sae: SparseAutoencoder, centre: NDArray[np.float32]) -> NDArray[np.float32]:
    """(features,) bias with which `(x - centre) @ encoder.T + bias` are the dictionary's pre-activations."""
    if np.array_equal(centre, sae.centre):
        return sae.bias
    moved = centre.astype(np.float64) - sae.centre
    return (sae.bias + sae.encoder.astype(np.float64) @ moved).astype(np.float32)


def _weights(
    encoder: NDArray, bias: NDArray, decoder: NDArray, offset: NDArray, *, centred: bool = True
) -> Arrays:
    named = {"encoder": encoder, "bias": bias, "decoder": decoder, "offset": offset}
    out = {name: np.ascontiguousarray(a, dtype=np.float32) for name, a in named.items()}
    return {**out, "centre": out["offset"] if centred else np.zeros_like(out["offset"])}


def _config(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise InputError(f"{path}: need a configuration, got no such file")
    try:
        return dict(json.loads(path.read_text()))
    except ValueError as e:
        raise InputError(f"{path}: need JSON, got text that is none ({e})") from e


def _require(path: Path, config: Mapping[str, Any], name: str, allowed: tuple[object, ...]) -> None:
    if config.get(name) not in allowed:
        raise InputError(
            f"{path}: need {name} of {', '.join(str(a) for a in allowed if a is not None)}, got {config.get(name)!r}"
        )


def _tensors(path: Path, names: tuple[str, ...]) -> Arrays:
    file = TensorFile(path)
    return {name: _float32(file, name) for name in (*names, *(n for n in file if n not in names))}


def _float32(file: TensorFile, name: str) -> NDArray[np.float32]:
    a = np.asarray(file[name])
    if file.kinds[name] == "BF16":
        return (a.astype(np.uint32) << 16).view(np.float32)
    return a.astype(np.float32)


def _pickled(path: Path, names: tuple[str, ...]) -> Arrays:
    """Tensors of a state dict by name, without the prefixes that compiled and parallel modules leave."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, FileNotFoundError) as e:
        raise InputError(f"{path}: need a file of tensors alone, got one that cannot be read as such") from e
    if not isinstance(state, Mapping):
        raise InputError(f"{path}: need named tensors, got {type(state).__name__}")
    found = {
        str(name).removeprefix("_orig_mod.").removeprefix("module.").removeprefix("_orig_mod."): value
        for name, value in state.items()
    }
    if missing := [name for name in names if name not in found]:
        raise InputError(f"{path}: need tensors {', '.join(names)}, got none of {', '.join(missing)}")
    return {n: v.float().numpy() for n, v in found.items() if isinstance(v, torch.Tensor)}


def _digest(path: Path) -> str:
    names = ("sae_weights.safetensors", "sae.safetensors", "ae.pt")
    return sha256(path if path.is_file() else next(path / n for n in names if (path / n).is_file()))
