"""Dictionaries of dictionary_learning (`config.json`, `ae.pt`; github.com/saprmarks/dictionary_learning) and of
InterPLM.

InterPLM (Simon and Zou, doi:10.1038/s41592-025-02836-7) keeps the layout for its dictionaries of ESM-2, in `ae.pt`,
`ae_normalized.pt` or `ae_unnormalized.pt` next to a `config.yaml` or alone. Which class a file is of is told by its
tensors; where two classes have the same, by the configuration.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from photo51.io import write_json
from photo51.io.files import atomic
from photo51.sae.dictionary import SparseAutoencoder
from photo51.sae.formats.foreign import (
    Arrays,
    Foreign,
    bias_for,
    config_of,
    gated,
    log,
    only,
    own_origin,
    pickled,
    require,
    threshold_gate,
    top,
    weights,
)
from photo51.sae.rules import Gate
from photo51.types import InputError

FILES = ("ae.pt", "ae_unnormalized.pt", "ae_normalized.pt")
_LINEAR = ("encoder.weight", "encoder.bias", "decoder.weight")
_MATRIX = ("W_enc", "b_enc", "W_dec", "b_dec")
_TENSORS = {
    "AutoEncoder": (*_LINEAR, "bias"),
    "AutoEncoderNew": (*_LINEAR, "decoder.bias"),
    "AutoEncoderTopK": (*_LINEAR, "b_dec", "k", "threshold"),
    "BatchTopKSAE": (*_LINEAR, "b_dec", "k", "threshold"),
    "GatedAutoEncoder": (
        "encoder.weight",
        "decoder.weight",
        "decoder_bias",
        "r_mag",
        "mag_bias",
        "gate_bias",
    ),
    "JumpReluAutoEncoder": (*_MATRIX, "threshold"),
    "MatryoshkaBatchTopKSAE": (*_MATRIX, "k", "threshold", "group_sizes"),
}
_PARENT = re.compile(r"(?:facebook/)?esm\w*_t\d+_\d+[MB]_UR\d+[A-Z]*")
_OPTIONAL = {"k", "threshold"}
_BUFFERS = ("activation_rescale_factor", "normalize_to_sqrt_d")
# classes of InterPLM, and trainers of versions that do not name a class
_ALSO = {
    "ReLUSAE": "AutoEncoder",
    "ReLUSAE_Tied": "AutoEncoderNew",
    "TopKSAE": "AutoEncoderTopK",
    "JumpReLUSAE": "JumpReluAutoEncoder",
    "StandardTrainer": "AutoEncoder",
    "PAnnealTrainer": "AutoEncoder",
    "StandardTrainerAprilUpdate": "AutoEncoder",
    "TopKTrainer": "AutoEncoderTopK",
    "TrainerTopK": "AutoEncoderTopK",
    "BatchTopKTrainer": "BatchTopKSAE",
    "GatedSAETrainer": "GatedAutoEncoder",
    "GatedAnnealTrainer": "GatedAutoEncoder",
    "JumpReluTrainer": "JumpReluAutoEncoder",
    "MatryoshkaBatchTopKTrainer": "MatryoshkaBatchTopKSAE",
}


def read_dictionary_learning(path: Path) -> Foreign:
    """A dictionary with the codes that dictionary_learning's `encode` computes of one base.

    Raises
    ------
    InputError
        For a class that is not known, tensors that its class does not have, and InterPLM's normalisation by each
        base's norm.
    """
    file = path if path.is_file() else next((path / n for n in FILES if (path / n).is_file()), path / FILES[0])
    config = _config(path if path.is_dir() else path.parent)
    a = pickled(file)
    what = _class(path, config, a)
    only(file, a, (*_TENSORS[what], *_BUFFERS), what)
    if missing := [n for n in _TENSORS[what] if n not in a and n not in _OPTIONAL]:
        raise InputError(f"{file}: need tensors {', '.join(_TENSORS[what])}, got none of {', '.join(missing)}")
    if np.any(a.get("normalize_to_sqrt_d", 0)):
        raise InputError(
            f"{file}: need normalize_to_sqrt_d of false, got true, which divides each base's activation by its norm"
        )
    if not np.allclose(a.get("activation_rescale_factor", 1), 1):
        log.warning(
            "%s: activation_rescale_factor is for display and left out, as the tool's encode leaves it out",
            file,
        )
    arrays, gate = _READERS[what](a, config, file)
    declared = str(config.get("lm_name") or "")
    return Foreign(arrays, gate, own_origin(config, path), declared)


def _config(folder: Path) -> dict[str, Any]:
    if (folder / "config.json").is_file():
        config = config_of(folder / "config.json")
        return dict(config.get("trainer", config))
    # InterPLM's YAML holds Python objects, which are not built here; names of class and parent model are all that is
    # needed
    text = (folder / "config.yaml").read_text(encoding="utf-8") if (folder / "config.yaml").is_file() else ""
    named = [n for n in (*_TENSORS, *_ALSO) if n in text]
    parent = _PARENT.search(text)
    # the longest name that occurs: `AutoEncoder` is a part of the names of others
    config = {"dict_class": max(named, key=len)} if named else {}
    return config | ({"lm_name": parent[0]} if parent else {})


def _class(path: Path, config: Mapping[str, Any], a: Arrays) -> str:
    """Class of a file: what its configuration says, or what its tensors leave possible."""
    stated = config.get("dict_class") or config.get("trainer_class")
    if stated is not None:
        class_name = _ALSO.get(str(stated), str(stated))
        require(path, {"dict_class": class_name}, "dict_class", tuple(_TENSORS))
        return class_name
    possible = [
        what
        for what, names in _TENSORS.items()
        # every tensor has a place in the class, and every tensor that the class needs is there
        if set(a) - set(_BUFFERS) <= set(names) and set(names) - _OPTIONAL <= set(a)
    ]
    if len(possible) != 1:
        raise InputError(
            f"{path}: need a config.json with dict_class of {', '.join(possible or _TENSORS)}, got none, and tensors"
            f" {', '.join(sorted(a))}"
        )
    return possible[0]


def _relu(a: Arrays, config: Mapping[str, Any], file: Path) -> tuple[Arrays, Gate]:
    """ReLU; dictionary_learning makes decoder rows 1 long when it loads, codes growing by as much, and InterPLM does
    not.
    """
    decoder = a["decoder.weight"].T
    length = np.linalg.norm(decoder, axis=1)
    # only what dictionary_learning itself wrote is brought to length one when it is loaded
    interplm = file.name != FILES[0] or config.get("dict_class") == "ReLUSAE" or any(n in a for n in _BUFFERS)
    if interplm or np.allclose(length, 1, atol=1e-5) or not (length > 0).all():
        length = np.ones_like(length)
    arrays = weights(
        # rows d / |d| with codes |d| times as large decode to the same
        a["encoder.weight"] * length[:, None],
        a["encoder.bias"] * length,
        decoder / length[:, None],
        a["bias"],
    )
    return arrays, threshold_gate(np.zeros(len(decoder)))


def _relu_plain(a: Arrays, _config: Mapping[str, Any], _file: Path) -> tuple[Arrays, Gate]:
    arrays = weights(a["encoder.weight"], a["encoder.bias"], a["decoder.weight"].T, a["decoder.bias"], centred=False)
    return arrays, threshold_gate(np.zeros(len(arrays["bias"])))


def _topk(a: Arrays, config: Mapping[str, Any], file: Path) -> tuple[Arrays, Gate]:
    arrays = weights(a["encoder.weight"], a["encoder.bias"], a["decoder.weight"].T, a["b_dec"])
    return arrays, top(float(a["k"]) if "k" in a else config.get("k"), len(arrays["bias"]), file)


def _batchtopk(a: Arrays, _config: Mapping[str, Any], file: Path) -> tuple[Arrays, Gate]:
    arrays = weights(a["encoder.weight"], a["encoder.bias"], a["decoder.weight"].T, a["b_dec"])
    return arrays, _one_threshold(a, len(arrays["bias"]), file)


def _matryoshka(a: Arrays, _config: Mapping[str, Any], file: Path) -> tuple[Arrays, Gate]:
    arrays = weights(a["W_enc"].T, a["b_enc"], a["W_dec"], a["b_dec"])
    return arrays, _one_threshold(a, len(arrays["bias"]), file)


def _one_threshold(a: Arrays, n: int, file: Path) -> Gate:
    if "threshold" not in a:
        raise InputError(f"{file}: need a tensor 'threshold' for a dictionary of batches, got none")
    if float(a["threshold"]) < 0:
        # -1 until a training has set it
        log.warning(
            "%s: its threshold was never set, so that every positive code is active; --calibrate sets one",
            file,
        )
    return threshold_gate(np.full(n, float(a["threshold"])))


def _gated(a: Arrays, _config: Mapping[str, Any], _file: Path) -> tuple[Arrays, Gate]:
    factor, bias, gate = gated(a, ("r_mag", "mag_bias", "gate_bias"))
    encoder: NDArray = a["encoder.weight"] * factor[:, None]
    return weights(encoder, bias, a["decoder.weight"].T, a["decoder_bias"]), gate


def _jumprelu(a: Arrays, _config: Mapping[str, Any], _file: Path) -> tuple[Arrays, Gate]:
    arrays = weights(a["W_enc"].T, a["b_enc"], a["W_dec"], a["b_dec"], centred=False)
    return arrays, threshold_gate(a["threshold"])


_READERS: Mapping[str, Callable[[Arrays, Mapping[str, Any], Path], tuple[Arrays, Gate]]] = {
    "AutoEncoder": _relu,
    "AutoEncoderNew": _relu_plain,
    "AutoEncoderTopK": _topk,
    "BatchTopKSAE": _batchtopk,
    "GatedAutoEncoder": _gated,
    "JumpReluAutoEncoder": _jumprelu,
    "MatryoshkaBatchTopKSAE": _matryoshka,
}


def write_dictionary_learning(sae: SparseAutoencoder, out: Path) -> None:
    """Write `config.json` and `ae.pt`."""
    level = sae.arrays().get("threshold")
    if level is not None and level.min() != level.max():
        raise InputError(
            f"dictionary_learning: need a fixed k or one threshold, got {sae.kind} {sae.hash} with a threshold per"
            " feature"
        )
    state = {
        "encoder.weight": sae.encoder,
        "encoder.bias": bias_for(sae, sae.offset),
        "decoder.weight": sae.decoder.T,
        "b_dec": sae.offset,
        "k": np.array(sae.gate.k or 1),
        # -1 is its own value of a threshold that was never set
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
