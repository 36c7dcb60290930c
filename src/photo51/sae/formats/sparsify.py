"""Dictionaries of EleutherAI's sparsify (`cfg.json`, `sae.safetensors`; github.com/EleutherAI/sparsify)."""

from __future__ import annotations

from pathlib import Path

from photo51.io import write_json
from photo51.io.tensors import write_tensors
from photo51.sae.dictionary import SparseAutoencoder
from photo51.sae.formats.foreign import (
    Arrays,
    Foreign,
    bias_for,
    config_of,
    list_unknown,
    only,
    own_origin,
    require,
    tensors,
    top,
    weights,
)
from photo51.types import InputError

_TENSORS = ("encoder.weight", "encoder.bias", "W_dec", "b_dec")
# field → why a dictionary that sets it is refused
_REFUSED = {
    "signed": "codes of either sign cannot be held",
    "skip_connection": "what it decodes to depends on more than its codes",
    "transcode": "it decodes to another place than it reads",
    "embed_skip": "what it decodes to depends on the embedding",
    "gram_lookup": "what it decodes to depends on a table of its own",
}
_KNOWN = frozenset(
    {
        *_REFUSED,
        "activation",
        "k",
        "num_latents",
        "expansion_factor",
        "normalize_decoder",
        "multi_topk",
        "d_in",
        "photo51",
        "lookup_max_order",
        "gram_table_hash",
    }
)


def read_sparsify(path: Path) -> Foreign:
    """A dictionary with the codes that sparsify computes; `multi_topk` is a loss of its training and changes none.

    Raises
    ------
    InputError
        Naming the field for what a dictionary here cannot do.
    """
    config = config_of(path / "cfg.json")
    list_unknown(path / "cfg.json", config, _KNOWN)
    require(path, config, "activation", ("topk", None))
    for name, why in _REFUSED.items():
        require(path, config, name, (False, None), why)
    a = tensors(path / "sae.safetensors", _TENSORS)
    only(path, a, _TENSORS, "dictionaries of sparsify")
    arrays = weights(a["encoder.weight"], a["encoder.bias"], a["W_dec"], a["b_dec"])
    # 32 is k where the configuration leaves it out, as in sparsify itself
    return Foreign(arrays, top(config.get("k", 32), len(arrays["bias"]), path / "cfg.json"), own_origin(config, path))


def write_sparsify(sae: SparseAutoencoder, out: Path) -> None:
    """Write `cfg.json` and `sae.safetensors`."""
    if sae.gate.k is None:
        raise InputError(f"sparsify: need a dictionary with a fixed k, got {sae.kind} {sae.hash} with thresholds")
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
