"""Dictionaries of SAELens, all versions (`cfg.json`, `sae_weights.safetensors`; github.com/decoderesearch/SAELens)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photo51.io import write_json
from photo51.io.tensors import write_tensors
from photo51.sae.dictionary import SparseAutoencoder
from photo51.sae.formats.foreign import (
    Arrays,
    Foreign,
    bias_for,
    config_of,
    gated,
    list_unknown,
    only,
    own_origin,
    require,
    tensors,
    threshold_gate,
    top,
    weights,
)
from photo51.sae.rules import Gate
from photo51.types import InputError

_TENSORS = {
    "standard": ("W_enc", "b_enc", "W_dec", "b_dec"),
    "topk": ("W_enc", "b_enc", "W_dec", "b_dec"),
    "jumprelu": ("W_enc", "b_enc", "W_dec", "b_dec", "threshold"),
    "batchtopk": ("W_enc", "b_enc", "W_dec", "b_dec", "topk_threshold"),
    "gated": ("W_enc", "b_gate", "b_mag", "r_mag", "W_dec", "b_dec"),
}
_TENSORS["matryoshka_batchtopk"] = _TENSORS["batchtopk"]
_FACTORS = ("scaling_factor", "finetuning_scaling_factor")
# names of old versions → those of now
_RENAMED = {
    "activation_fn": "activation_fn_str",
    "uses_scaling_factor": "finetuning_scaling_factor",
    "hook_point": "hook_name",
    "hook_point_head_index": "hook_head_index",
    "hook_point_layer": "hook_layer",
}
_READ = {
    "architecture",
    "d_in",
    "d_sae",
    "dtype",
    "device",
    "k",
    "activation_fn_str",
    "activation_fn_kwargs",
    "apply_b_dec_to_input",
    "finetuning_scaling_factor",
    "normalize_activations",
    "reshape_activations",
    "rescale_acts_by_decoder_norm",
    "metadata",
    "meta",
    "hook_head_index",
}
# about the model's input, the data and the training: they do not change the code of an activation
_HARMLESS = {
    "model_name",
    "model_class_name",
    "hook_name",
    "hook_layer",
    "prepend_bos",
    "context_size",
    "dataset_path",
    "dataset_trust_remote_code",
    "sae_lens_training_version",
    "sae_lens_version",
    "neuronpedia_id",
    "model_from_pretrained_kwargs",
    "seqpos_slice",
    "exclude_special_tokens",
    "l1_coefficient",
    "l0_coefficient",
    "lp_norm",
    "noise_scale",
    "l1_warm_up_steps",
    "l0_warm_up_steps",
    "aux_loss_coefficient",
    "jumprelu_bandwidth",
    "jumprelu_init_threshold",
    "jumprelu_sparsity_loss_mode",
    "jumprelu_tanh_scale",
    "pre_act_loss_coefficient",
    "decoder_init_norm",
    "topk_threshold_lr",
    "matryoshka_widths",
    "use_sparse_activations",
    "normalize_sae_decoder",
    "mse_loss_normalization",
    "use_ghost_grads",
    "expansion_factor",
    "seed",
    "lr",
    "b_dec_init_method",
    "decoder_orthogonal_init",
    "decoder_heuristic_init",
    "init_encoder_as_decoder_transpose",
    "scale_sparsity_penalty_by_decoder_norm",
}


def read_saelens(path: Path) -> Foreign:
    """A dictionary with the codes that SAELens computes on one base.

    Raises
    ------
    InputError
        Naming the field for what a dictionary here cannot do: tanh-relu, normalisation by each base's own norm,
        transcoders.
    """
    raw = config_of(path / "cfg.json")
    config = {_RENAMED.get(name, name): value for name, value in raw.items()}
    list_unknown(path / "cfg.json", config, frozenset(_READ | _HARMLESS))
    what = str(config.get("architecture") or "standard")
    require(path, {"architecture": what}, "architecture", tuple(_TENSORS))
    require(path, config, "reshape_activations", ("none", None))
    require(path, config, "hook_head_index", (None,), "it is of one attention head")
    what = _activation(path, config, what)
    a = tensors(path / "sae_weights.safetensors", tuple(n for n in _TENSORS[what] if "threshold" not in n))
    only(path, a, (*_TENSORS[what], *_FACTORS), f"{what} dictionaries of SAELens")
    gate, factor, bias = _rule(path, config, what, a)
    # codes times a factor, then decoded, is decoding by rows times that factor: no rule sees codes but before it
    encoder, decoder = a["W_enc"].T * factor[:, None], a["W_dec"] * _finetuned(path, config, a)[:, None]
    offset = a["b_dec"]
    if config.get("rescale_acts_by_decoder_norm") and what in {"topk", "batchtopk", "matryoshka_batchtopk"}:
        # codes are multiplied by the length of their decoder row before k are chosen, and rows then have length one
        length = np.linalg.norm(a["W_dec"], axis=1)
        encoder, bias = encoder * length[:, None], bias * length
        decoder = decoder / np.maximum(length, 1e-12)[:, None]
    scale = _scale(path, config)
    centred = bool(config.get("apply_b_dec_to_input", True))
    # encoding scale · x with w is encoding x with scale · w; what is decoded is in scaled units and divided again
    arrays = weights(encoder * scale, bias, decoder / scale, offset / scale, centred=centred)
    meta = config.get("metadata") or config.get("meta") or {}
    declared = config.get("model_name") or (meta.get("model_name") if isinstance(meta, dict) else "")
    return Foreign(arrays, gate, own_origin(meta, path), str(declared or ""))


def _activation(path: Path, config: dict[str, Any], what: str) -> str:
    """Architecture with the activation that some versions name apart; `k` is put where it is looked for."""
    kwargs = config.get("activation_fn_kwargs") or {}
    fn = config.get("activation_fn_str") or ("topk" if what == "topk" else "relu")
    require(path, {"activation_fn": fn}, "activation_fn", ("relu", "topk"), "its codes cannot be computed here")
    if extra := sorted(set(kwargs) - {"k"}):
        raise InputError(f"{path}: need activation_fn_kwargs of k alone, got {extra[0]}={kwargs[extra[0]]!r}")
    if fn == "topk" and what not in {"standard", "topk"}:
        raise InputError(f"{path}: need activation_fn relu for architecture {what}, got 'topk'")
    # some versions name k among the arguments of the activation function
    if what == "topk" or fn == "topk":
        config["k"] = config["k"] if config.get("k") is not None else kwargs.get("k")
        return "topk"
    return what


def _rule(path: Path, config: dict[str, Any], what: str, a: Arrays) -> tuple[Gate, NDArray, NDArray]:
    """Gate, factors of the encoder's rows, and bias."""
    n = len(a["W_dec"])
    ones = np.ones(n)
    if what == "topk":
        return top(config.get("k"), n, path / "cfg.json"), ones, a["b_enc"]
    if what == "gated":
        factor, bias, gate = gated(a, ("r_mag", "b_mag", "b_gate"))
        return gate, factor, bias
    if what == "standard":
        return threshold_gate(np.zeros(n)), ones, a["b_enc"]
    name = "threshold" if what == "jumprelu" else "topk_threshold"
    if name not in a:
        raise InputError(
            f"{path}: need a tensor {name!r} for architecture {what}, got none; save the dictionary for inference first"
        )
    # one threshold for all, or one a feature
    return threshold_gate(np.broadcast_to(a[name], n)), ones, a["b_enc"]


def _finetuned(path: Path, config: dict[str, Any], a: Arrays) -> NDArray:
    """Factors by which codes are multiplied before they are decoded, (features,)."""
    factor = next((a[name] for name in _FACTORS if name in a), np.ones(len(a["W_dec"]), np.float32))
    if config.get("finetuning_scaling_factor"):
        if not any(name in a for name in _FACTORS):
            raise InputError(f"{path}: need a tensor finetuning_scaling_factor as cfg.json says, got none")
        return factor
    if not np.allclose(factor, 1):
        raise InputError(
            f"{path}: need finetuning_scaling_factor of true for a scaling_factor that is not 1, got false"
        )
    return np.ones_like(factor)


def _scale(path: Path, config: dict[str, Any]) -> float:
    """Factor by which activations are multiplied before anything else."""
    scaling = config.get("normalize_activations")
    if scaling in (None, False, "none", ""):
        return 1.0
    if scaling in (True, "expected_average_only_in"):
        file = path / "activation_scaler.json"
        if not file.is_file():
            raise InputError(
                f"{path}: need normalize_activations of none, or {file.name} with the factor it was trained with, got"
                f" {scaling!r} without; fold the factor in with SAELens (fold_activation_norm_scaling_factor) and save"
                " again"
            )
        factor = config_of(file).get("scaling_factor")
        if not isinstance(factor, (int, float)) or not factor > 0:
            raise InputError(f"{file}: need a scaling_factor above 0, got {factor!r}")
        return float(factor)
    raise InputError(
        f"{path}: need normalize_activations of none or expected_average_only_in, got {scaling!r}, which divides each"
        " base's activation by a norm of its own"
    )


def write_saelens(sae: SparseAutoencoder, out: Path) -> None:
    """Write `cfg.json` and `sae_weights.safetensors` as SAELens 6 loads them."""
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
