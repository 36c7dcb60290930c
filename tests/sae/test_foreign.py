"""Fields of other tools' files: each that changes a code is honoured, by a few lines of numpy, or refused by its name."""

import json

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from photo51.io.origin import Origin
from photo51.sae.formats.convert import load_foreign
from photo51.types import InputError

D, F = 5, 12
ORIGIN = Origin("m1", "block.1.out", D, model_name="small")
X = np.random.default_rng(9).standard_normal((40, D)).astype(np.float32)


def numbers(shapes, seed=1):
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}


LENS = {"W_enc": (D, F), "b_enc": (F,), "W_dec": (F, D), "b_dec": (D,)}
GATED = {"W_enc": (D, F), "b_gate": (F,), "b_mag": (F,), "r_mag": (F,), "W_dec": (F, D), "b_dec": (D,)}
SPARSIFY = {"encoder.weight": (F, D), "encoder.bias": (F,), "W_dec": (F, D), "b_dec": (D,)}


def lens(folder, config, arrays):
    folder.mkdir(exist_ok=True)
    save_file(arrays, folder / "sae_weights.safetensors")
    (folder / "cfg.json").write_text(json.dumps({"d_in": D, "d_sae": F, "model_name": "m", **config}))
    return folder


def largest(pre, k):
    """The k largest of each row, zero where negative."""
    keep = np.argsort(-pre, axis=1)[:, :k]
    out = np.zeros_like(pre)
    np.put_along_axis(out, keep, np.take_along_axis(np.maximum(pre, 0), keep, 1), 1)
    return out


def agrees(path, codes, decoded, atol=2e-4):
    sae = load_foreign(path, ORIGIN)
    found = sae.encode(X)
    assert np.allclose(found.toarray(), codes, atol=atol)
    assert np.allclose(sae.decode(found), decoded, atol=atol)
    assert (codes != 0).any()


@pytest.mark.parametrize(
    "config",
    [
        {"architecture": "topk", "k": 3},
        {"architecture": "topk", "activation_fn_str": "topk", "activation_fn_kwargs": {"k": 3}},
        {"architecture": "standard", "activation_fn_str": "topk", "activation_fn_kwargs": {"k": 3}},
        {"architecture": "standard", "activation_fn": "topk", "activation_fn_kwargs": {"k": 3}},
        {"activation_fn": "topk", "activation_fn_kwargs": {"k": 3}, "normalize_activations": False},
        {"architecture": "topk", "k": 3.0, "normalize_activations": None},
    ],
)
def test_saelens_names_k_in_many_places(config, tmp_path):
    a = numbers(LENS)
    codes = largest((X - a["b_dec"]) @ a["W_enc"] + a["b_enc"], 3)
    agrees(lens(tmp_path / "s", config, a), codes, codes @ a["W_dec"] + a["b_dec"])


@pytest.mark.parametrize("centred", [True, False])
def test_saelens_gated_codes(centred, tmp_path):
    a = numbers(GATED)
    x = X - a["b_dec"] * centred
    gate = x @ a["W_enc"] + a["b_gate"] > 0
    codes = gate * np.maximum(x @ (a["W_enc"] * np.exp(a["r_mag"])) + a["b_mag"], 0)
    config = {"architecture": "gated", "apply_b_dec_to_input": centred}
    agrees(lens(tmp_path / "s", config, a), codes, codes @ a["W_dec"] + a["b_dec"])


@pytest.mark.parametrize("name", ["finetuning_scaling_factor", "scaling_factor"])
def test_saelens_scaling_factors_change_what_is_decoded(name, tmp_path):
    a = {**numbers(LENS), name: np.linspace(0.5, 2, F).astype(np.float32)}
    codes = np.maximum((X - a["b_dec"]) @ a["W_enc"] + a["b_enc"], 0)
    flag = "uses_scaling_factor" if name == "scaling_factor" else name
    path = lens(tmp_path / "s", {"activation_fn_str": "relu", flag: True}, a)
    agrees(path, codes, (codes * a[name]) @ a["W_dec"] + a["b_dec"])
    with pytest.raises(InputError, match="finetuning_scaling_factor of true"):
        load_foreign(lens(tmp_path / "s", {flag: False}, a), ORIGIN)


def test_saelens_thresholds_of_batches_and_decoder_norms(tmp_path):
    a = {**numbers(LENS), "topk_threshold": np.array(0.7, np.float32)}
    length = np.linalg.norm(a["W_dec"], axis=1)
    pre = ((X - a["b_dec"]) @ a["W_enc"] + a["b_enc"]) * length
    codes = pre * (pre > 0.7)
    config = {"architecture": "matryoshka_batchtopk", "k": 4, "rescale_acts_by_decoder_norm": True}
    agrees(lens(tmp_path / "s", config, a), codes, codes / length @ a["W_dec"] + a["b_dec"])
    negative = {**numbers(LENS), "threshold": np.linspace(-1, 1, F).astype(np.float32)}
    pre = (X - negative["b_dec"]) @ negative["W_enc"] + negative["b_enc"]
    codes = np.maximum(pre, 0) * (pre > negative["threshold"])
    path = lens(tmp_path / "j", {"architecture": "jumprelu"}, negative)
    agrees(path, codes, codes @ negative["W_dec"] + negative["b_dec"])


def test_saelens_average_normalisation_needs_its_factor(tmp_path):
    a, s = numbers(LENS), 2.5
    path = lens(tmp_path / "s", {"normalize_activations": "expected_average_only_in"}, a)
    with pytest.raises(InputError, match=r"normalize_activations .*activation_scaler.json"):
        load_foreign(path, ORIGIN)
    (path / "activation_scaler.json").write_text(json.dumps({"scaling_factor": s}))
    codes = np.maximum((s * X - a["b_dec"]) @ a["W_enc"] + a["b_enc"], 0)
    agrees(path, codes, (codes @ a["W_dec"] + a["b_dec"]) / s)


@pytest.mark.parametrize(
    ("config", "extra", "words"),
    [
        ({"activation_fn_str": "tanh-relu"}, {}, "activation_fn of relu, topk, got 'tanh-relu'"),
        ({"normalize_activations": "constant_norm_rescale"}, {}, "got 'constant_norm_rescale'"),
        ({"normalize_activations": "layer_norm"}, {}, "got 'layer_norm'"),
        ({"normalize_activations": True}, {}, "normalize_activations"),
        ({"reshape_activations": "hook_z"}, {}, "reshape_activations"),
        ({"hook_point_head_index": 3}, {}, "hook_head_index"),
        ({"architecture": "skip_transcoder"}, {}, "architecture"),
        ({"architecture": "temporal"}, {}, "architecture"),
        ({"architecture": "batchtopk", "k": 3}, {}, "topk_threshold"),
        ({"architecture": "topk"}, {}, "need k, a whole number"),
        ({"architecture": "topk", "k": 3.5}, {}, "need k, a whole number"),
        (
            {"architecture": "topk", "activation_fn_kwargs": {"k": 3, "postact_fn": "Identity"}},
            {},
            "activation_fn_kwargs of k alone",
        ),
        ({}, {"W_skip": (D, D)}, "got 'W_skip' as well"),
    ],
)
def test_what_saelens_can_and_a_dictionary_here_cannot_is_named(config, extra, words, tmp_path):
    with pytest.raises(InputError, match=words):
        load_foreign(lens(tmp_path / "s", config, numbers({**LENS, **extra})), ORIGIN)


def test_unknown_fields_and_another_model_are_listed(tmp_path, caplog):
    load_foreign(lens(tmp_path / "s", {"sparsity_trick": 3, "prepend_bos": True}, numbers(LENS)), ORIGIN)
    assert "taken not to change codes: sparsity_trick=3" in caplog.text
    assert "the file says that it is of model 'm'" in caplog.text


def sparsify(folder, config, extra=()):
    a = numbers({**SPARSIFY, **dict(extra)})
    save_file(a, folder / "sae.safetensors")
    (folder / "cfg.json").write_text(json.dumps({"num_latents": F, "d_in": D, **config}))
    return a


def test_sparsify_codes_do_not_depend_on_the_loss(tmp_path):
    a = sparsify(tmp_path, {"k": 3, "multi_topk": True, "signed": False, "transcode": False})
    codes = largest((X - a["b_dec"]) @ a["encoder.weight"].T + a["encoder.bias"], 3)
    agrees(tmp_path, codes, codes @ a["W_dec"] + a["b_dec"])


@pytest.mark.parametrize("field", ["signed", "transcode", "skip_connection", "embed_skip", "gram_lookup"])
def test_what_sparsify_can_and_a_dictionary_here_cannot_is_named(field, tmp_path):
    sparsify(tmp_path, {"k": 3, field: True})
    with pytest.raises(InputError, match=f"{field} of False, got True"):
        load_foreign(tmp_path, ORIGIN)


@pytest.mark.parametrize("config", [{"k": 3, "activation": "groupmax"}, {"k": 3, "activation": "batchtopk"}])
def test_other_activations_of_sparsify_are_named(config, tmp_path):
    sparsify(tmp_path, config)
    with pytest.raises(InputError, match="activation of topk"):
        load_foreign(tmp_path, ORIGIN)


LINEAR = {"encoder.weight": (F, D), "encoder.bias": (F,), "decoder.weight": (D, F)}


def learned(folder, arrays, trainer=None, name="ae.pt"):
    folder.mkdir(exist_ok=True)
    torch.save({n: torch.tensor(a) for n, a in arrays.items()}, folder / name)
    if trainer:
        (folder / "config.json").write_text(json.dumps({"trainer": trainer, "buffer": {}}))
    return folder


def encoded(a, bias):
    return (X - bias) @ a["encoder.weight"].T + a["encoder.bias"]


@pytest.mark.parametrize("trainer", [{"dict_class": "AutoEncoder"}, {"trainer_class": "PAnnealTrainer"}, None])
def test_relu_codes_grow_with_decoder_rows_that_are_made_one_long(trainer, tmp_path):
    a = numbers({**LINEAR, "bias": (D,)})
    length = np.linalg.norm(a["decoder.weight"], axis=0)
    codes = np.maximum(encoded(a, a["bias"]), 0)
    agrees(learned(tmp_path / "s", a, trainer), codes * length, codes @ a["decoder.weight"].T + a["bias"])


def test_other_classes_of_dictionary_learning(tmp_path):
    a = numbers({**LINEAR, "decoder.bias": (D,)})
    codes = np.maximum(encoded(a, 0), 0)
    path = learned(tmp_path / "new", a, {"dict_class": "AutoEncoderNew"})
    agrees(path, codes, codes @ a["decoder.weight"].T + a["decoder.bias"])

    a = {**numbers({**LINEAR, "b_dec": (D,)}), "k": np.array(3), "threshold": np.array(0.4, np.float32)}
    pre = encoded(a, a["b_dec"])
    for trainer, codes in (
        ({"dict_class": "AutoEncoderTopK"}, largest(pre, 3)),
        ({"trainer_class": "TopKTrainer"}, largest(pre, 3)),
        ({"dict_class": "BatchTopKSAE", "k": 3}, pre * (pre > 0.4)),
    ):
        path = learned(tmp_path / "top", a, trainer)
        agrees(path, codes, codes @ a["decoder.weight"].T + a["b_dec"])
    (path / "config.json").unlink()
    with pytest.raises(InputError, match="dict_class of AutoEncoderTopK, BatchTopKSAE, got none"):
        load_foreign(path, ORIGIN)

    a = {
        **numbers(LENS),
        "k": np.array(3),
        "threshold": np.array(0.4, np.float32),
        "group_sizes": np.array([4, 8]),
    }
    pre = (X - a["b_dec"]) @ a["W_enc"] + a["b_enc"]
    path = learned(tmp_path / "m", a, {"dict_class": "MatryoshkaBatchTopKSAE"})
    agrees(path, pre * (pre > 0.4), pre * (pre > 0.4) @ a["W_dec"] + a["b_dec"])

    a = {**numbers(LENS), "threshold": np.linspace(0, 1, F).astype(np.float32)}
    pre = X @ a["W_enc"] + a["b_enc"]
    codes = np.maximum(pre * (pre > a["threshold"]), 0)
    agrees(
        learned(tmp_path / "j", a, {"dict_class": "JumpReluAutoEncoder"}),
        codes,
        codes @ a["W_dec"] + a["b_dec"],
    )

    shapes = {"encoder.weight": (F, D), "decoder.weight": (D, F), "decoder_bias": (D,)}
    a = numbers({**shapes, "r_mag": (F,), "gate_bias": (F,), "mag_bias": (F,)})
    pre = (X - a["decoder_bias"]) @ a["encoder.weight"].T
    codes = (pre + a["gate_bias"] > 0) * np.maximum(np.exp(a["r_mag"]) * pre + a["mag_bias"], 0)
    path = learned(tmp_path / "g", a, {"dict_class": "GatedAutoEncoder"})
    agrees(path, codes, codes @ a["decoder.weight"].T + a["decoder_bias"])


def test_classes_and_tensors_that_are_not_known_are_named(tmp_path):
    a = numbers({**LINEAR, "bias": (D,)})
    with pytest.raises(InputError, match=r"dict_class of .*got 'CrossCoder'"):
        load_foreign(learned(tmp_path / "c", a, {"dict_class": "CrossCoder"}), ORIGIN)
    with pytest.raises(InputError, match="got 'W_skip' as well"):
        load_foreign(learned(tmp_path / "c", {**a, "W_skip": X}, {"dict_class": "AutoEncoder"}), ORIGIN)


@pytest.mark.parametrize("name", ["ae_normalized.pt", "ae.pt"])
def test_interplm_files_are_of_esm_and_name_no_class(name, tmp_path):
    a = numbers({**LINEAR, "bias": (D,)})
    buffers = {
        "activation_rescale_factor": np.full(F, 2.0, np.float32),
        "normalize_to_sqrt_d": np.array(False),
    }
    codes = np.maximum(encoded(a, a["bias"]), 0)
    decoded = codes @ a["decoder.weight"].T + a["bias"]
    folder = learned(tmp_path / "s", {**a, **buffers}, name=name)
    (folder / "config.yaml").write_text("trainer_cfg: !!python/object:interplm.ReLUTrainerConfig\n")
    agrees(folder, codes, decoded)
    agrees(folder / name, codes, decoded)
    (folder / "config.yaml").write_text("eval_cfg:\n  model_name: facebook/esm2_t6_8M_UR50D\n")
    assert load_foreign(folder, ORIGIN).card["imported"]["declared_model"] == "facebook/esm2_t6_8M_UR50D"
    learned(folder, {**a, "normalize_to_sqrt_d": np.array(True)}, name=name)
    with pytest.raises(InputError, match="normalize_to_sqrt_d of false, got true"):
        load_foreign(folder, ORIGIN)
