"""Dictionaries of other tools: the same codes as those tools compute, and refusals by name."""

import json
import pickle

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from photo51.io.origin import Origin
from photo51.sae.dictionary import SparseAutoencoder
from photo51.sae.formats.convert import calibrated, load_foreign, save_foreign
from photo51.sae.rules import Gate
from photo51.types import InputError

D, F = 6, 20
ORIGIN = Origin("m1", "block.1.out", D, model_name="small")
X = np.random.default_rng(9).standard_normal((64, D)).astype(np.float32)


def sae(gate, *, centred=True, seed=0):
    rng = np.random.default_rng(seed)
    w = {"encoder": rng.standard_normal((F, D)), "decoder": rng.standard_normal((F, D))}
    w |= {"bias": 0.2 * rng.standard_normal(F), "offset": rng.standard_normal(D)}
    w["centre"] = w["offset"] if centred else rng.standard_normal(D)
    return SparseAutoencoder({n: a.astype(np.float32) for n, a in w.items()}, gate, ORIGIN)


def threshold(value=None):
    t = np.random.default_rng(5).random(F) if value is None else np.full(F, value)
    return Gate(threshold=t.astype(np.float32))


def dense_top(pre, k):
    value, index = torch.relu(pre).topk(k, dim=1)
    return torch.zeros_like(pre).scatter_(1, index, value)


@pytest.mark.parametrize("gate", [Gate(k=3), threshold()])
@pytest.mark.parametrize("centred", [True, False])
def test_saelens_files_mean_the_same_codes(gate, centred, tmp_path):
    given = sae(gate, centred=centred)
    save_foreign(given, tmp_path, "saelens")
    t, config = (
        load_file(tmp_path / "sae_weights.safetensors"),
        json.loads((tmp_path / "cfg.json").read_text()),
    )
    assert config["architecture"] == ("topk" if gate.k else "jumprelu")
    assert (config["d_in"], config["d_sae"], config["metadata"]["hook_name"]) == (D, F, "block.1.out")
    pre = (torch.from_numpy(X) - t["b_dec"]) @ t["W_enc"] + t["b_enc"]
    codes = dense_top(pre, 3) if gate.k else torch.relu(pre) * (pre > t["threshold"])
    assert np.allclose(codes, given.encode(X).toarray(), atol=1e-5)
    assert np.allclose(codes @ t["W_dec"] + t["b_dec"], given.decode(given.encode(X)), atol=1e-5)
    back = load_foreign(tmp_path)
    assert back.origin == ORIGIN
    assert np.allclose(back.encode(X).toarray(), codes, atol=1e-5)


def test_saelens_codes_scaled_by_decoder_norms_are_folded(tmp_path):
    rng = np.random.default_rng(1)
    t = {"W_enc": (D, F), "b_enc": (F,), "W_dec": (F, D), "b_dec": (D,)}
    t = {n: torch.tensor(rng.standard_normal(s), dtype=torch.float32) for n, s in t.items()}
    save_file(t, tmp_path / "sae_weights.safetensors")
    config = {
        "architecture": "topk",
        "k": 4,
        "rescale_acts_by_decoder_norm": True,
        "apply_b_dec_to_input": False,
    }
    (tmp_path / "cfg.json").write_text(json.dumps(config))
    norm = t["W_dec"].norm(dim=1)
    codes = dense_top((torch.from_numpy(X) @ t["W_enc"] + t["b_enc"]) * norm, 4)
    back = load_foreign(tmp_path, ORIGIN)
    assert np.allclose(back.encode(X).toarray(), codes, atol=1e-4)
    assert np.allclose(back.decode(back.encode(X)), codes / norm @ t["W_dec"] + t["b_dec"], atol=1e-4)


def test_sparsify_files_mean_the_same_codes(tmp_path):
    given = sae(Gate(k=3), centred=False)
    save_foreign(given, tmp_path, "sparsify")
    t, config = load_file(tmp_path / "sae.safetensors"), json.loads((tmp_path / "cfg.json").read_text())
    pre = (torch.from_numpy(X) - t["b_dec"]) @ t["encoder.weight"].T + t["encoder.bias"]
    codes = dense_top(pre, config["k"])
    assert np.allclose(codes, given.encode(X).toarray(), atol=1e-5)
    assert np.allclose(load_foreign(tmp_path).encode(X).toarray(), codes, atol=1e-5)
    with pytest.raises(InputError, match="fixed k"):
        save_foreign(sae(threshold()), tmp_path, "sparsify")


@pytest.mark.parametrize("gate", [Gate(k=3), threshold(0.4)])
def test_dictionary_learning_files_mean_the_same_codes(gate, tmp_path):
    given = sae(gate)
    save_foreign(given, tmp_path, "dictionary_learning")
    t = torch.load(tmp_path / "ae.pt", weights_only=True)
    post = torch.relu((torch.from_numpy(X) - t["b_dec"]) @ t["encoder.weight"].T + t["encoder.bias"])
    codes = dense_top(post, int(t["k"])) if gate.k else post * (post > t["threshold"])
    assert np.allclose(codes, given.encode(X).toarray(), atol=1e-5)
    assert np.allclose(codes @ t["decoder.weight"].T + t["b_dec"], given.decode(given.encode(X)), atol=1e-5)
    assert np.allclose(load_foreign(tmp_path).encode(X).toarray(), codes, atol=1e-5)
    with pytest.raises(InputError, match="one threshold"):
        save_foreign(sae(threshold()), tmp_path, "dictionary_learning")


@pytest.mark.parametrize("prefix", ["", "_orig_mod.", "module.", "_orig_mod.module."])
def test_the_published_evo2_layout_has_tied_weights_and_does_not_centre(prefix, tmp_path):
    rng = np.random.default_rng(2)
    w, b_enc, b_dec = (torch.tensor(rng.standard_normal(s), dtype=torch.float32) for s in ((D, 200), 200, D))
    path = tmp_path / "sae-layer26.pt"
    torch.save({prefix + "W": w, prefix + "b_enc": b_enc, prefix + "b_dec": b_dec}, path)
    back = load_foreign(path, ORIGIN)
    codes = dense_top(torch.from_numpy(X) @ w + b_enc, 64)
    assert np.allclose(back.encode(X).toarray(), codes, atol=1e-5)
    assert np.allclose(back.decode(back.encode(X)), codes @ w.T + b_dec, atol=1e-4)
    local = calibrated(back, X, 10)
    assert local.gate.k is None
    assert local.encode(X).nnz == pytest.approx(10 * len(X), abs=1)


class Harmful:
    def __reduce__(self):
        return (print, ("code of a pickle ran",))


def test_a_pickle_that_would_run_code_is_refused_and_does_not_run(tmp_path, capsys):
    path = tmp_path / "sae.pt"
    path.write_bytes(pickle.dumps({"W": Harmful()}, protocol=2))
    with pytest.raises(InputError, match="tensors alone"):
        load_foreign(path, ORIGIN)
    torch.save({"W": Harmful()}, path)
    with pytest.raises(InputError, match="tensors alone"):
        load_foreign(path, ORIGIN)
    assert capsys.readouterr().out == ""


def test_what_a_dictionary_here_cannot_do_is_refused_by_name(tmp_path):
    save_foreign(sae(Gate(k=3)), tmp_path, "saelens")
    config = json.loads((tmp_path / "cfg.json").read_text())
    for name, value in (("architecture", "transcoder"), ("normalize_activations", "layer_norm")):
        (tmp_path / "cfg.json").write_text(json.dumps({**config, name: value}))
        with pytest.raises(InputError, match=f"{name} .*{value}"):
            load_foreign(tmp_path)


def test_files_that_do_not_say_what_they_are_of_need_to_be_told(tmp_path):
    path = tmp_path / "a.pt"
    torch.save({"W": torch.ones(D, 80), "b_enc": torch.zeros(80), "b_dec": torch.zeros(D)}, path)
    with pytest.raises(InputError, match="model and site"):
        load_foreign(path)
    with pytest.raises(InputError, match="got one for 6 numbers"):
        load_foreign(path, Origin("m1", "block.1.out", 8))
    with pytest.raises(InputError, match="got no sae_weights"):
        load_foreign(tmp_path)
    save_foreign(sae(Gate(k=3)), tmp_path, "saelens")
    with pytest.raises(InputError, match=r"block.2.out.*block.1.out|block.1.out.*block.2.out"):
        load_foreign(tmp_path, Origin("m1", "block.2.out", D))


@pytest.mark.peer
@pytest.mark.parametrize("gate", [Gate(k=3), threshold()])
def test_the_real_saelens_loads_the_files_and_encodes_the_same(gate, tmp_path):
    sae_lens = pytest.importorskip("sae_lens")
    given = sae(gate)
    save_foreign(given, tmp_path, "saelens")
    theirs = sae_lens.SAE.load_from_disk(str(tmp_path), device="cpu")
    with torch.no_grad():
        codes = theirs.encode(torch.from_numpy(X))
        assert np.allclose(codes, given.encode(X).toarray(), atol=1e-5)
        assert np.allclose(theirs.decode(codes), given.decode(given.encode(X)), atol=1e-5)
    assert theirs.cfg.metadata.photo51["hash"] == given.hash
    theirs.save_model(tmp_path / "theirs")
    assert np.allclose(load_foreign(tmp_path / "theirs", ORIGIN).encode(X).toarray(), codes, atol=1e-5)
