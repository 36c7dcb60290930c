"""Codes beside those of the tools themselves, on random weights that each tool saved."""

import json

import numpy as np
import pytest
import torch

from photo51.io.origin import Origin
from photo51.sae.formats.convert import load_foreign

D, F = 5, 12
ORIGIN = Origin("m1", "block.1.out", D, model_name="small")
X = torch.from_numpy(np.random.default_rng(9).standard_normal((40, D)).astype(np.float32))


def randomised(module, seed=0):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in module.named_parameters():
            p.copy_(torch.randn(p.shape, generator=generator))
            if name == "threshold":
                p.abs_()
    return module


def agrees(path, theirs, codes):
    sae = load_foreign(path, ORIGIN)
    found = sae.encode(X.numpy())
    assert np.allclose(found.toarray(), codes.numpy(), atol=1e-4)
    assert np.allclose(sae.decode(found), theirs.decode(codes).numpy(), atol=1e-4)
    assert (codes != 0).any()


@pytest.mark.peer
@pytest.mark.parametrize("name", ["Standard", "TopK", "JumpReLU", "Gated"])
@pytest.mark.parametrize("centred", [True, False])
def test_dictionaries_that_saelens_saved(name, centred, tmp_path):
    sae_lens = pytest.importorskip("sae_lens")
    config = getattr(sae_lens, f"{name}SAEConfig")
    options = {"k": 3} if name == "TopK" else {}
    made = config(d_in=D, d_sae=F, device="cpu", apply_b_dec_to_input=centred, **options)
    theirs = randomised(getattr(sae_lens, f"{name}SAE")(made))
    theirs.save_model(tmp_path)
    with torch.no_grad():
        codes = theirs.encode(X)
        agrees(tmp_path, theirs, codes.to_dense() if codes.layout != torch.strided else codes)


@pytest.mark.peer
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("AutoEncoder", {}),
        ("AutoEncoderNew", {}),
        ("GatedAutoEncoder", {}),
        ("JumpReluAutoEncoder", {}),
        ("BatchTopKSAE", {"k": 3}),
    ],
)
def test_dictionaries_that_dictionary_learning_saved(name, options, tmp_path):
    module = pytest.importorskip("dictionary_learning.dictionary")
    if not hasattr(module, name):
        pytest.skip(f"this version of dictionary_learning has no {name}")
    theirs = randomised(getattr(module, name)(D, F, **options))
    if name == "BatchTopKSAE":
        theirs.threshold.fill_(0.4)
    torch.save(theirs.state_dict(), tmp_path / "ae.pt")
    (tmp_path / "config.json").write_text(json.dumps({"trainer": {"dict_class": name}}))
    if name == "AutoEncoder":
        theirs = module.AutoEncoder.from_pretrained(tmp_path / "ae.pt")
    with torch.no_grad():
        agrees(tmp_path, theirs, theirs.encode(X))


@pytest.mark.peer
def test_dictionaries_that_dictionary_learnings_topk_trainer_saved(tmp_path):
    module = pytest.importorskip("dictionary_learning.trainers.top_k")
    theirs = randomised(module.AutoEncoderTopK(D, F, 3))
    torch.save(theirs.state_dict(), tmp_path / "ae.pt")
    (tmp_path / "config.json").write_text(json.dumps({"trainer": {"dict_class": "AutoEncoderTopK"}}))
    with torch.no_grad():
        agrees(tmp_path, theirs, theirs.encode(X))


@pytest.mark.peer
@pytest.mark.parametrize("multi", [True, False])
def test_dictionaries_that_sparsify_saved(multi, tmp_path):
    sparsify = pytest.importorskip("sparsify")
    theirs = randomised(sparsify.SparseCoder(D, sparsify.SparseCoderConfig(num_latents=F, k=3, multi_topk=multi)))
    theirs.save_to_disk(tmp_path)
    with torch.no_grad():
        top = theirs.encode(X)
        codes = torch.zeros(len(X), F).scatter_(1, top.top_indices, top.top_acts)
        sae = load_foreign(tmp_path, ORIGIN)
        assert np.allclose(sae.encode(X.numpy()).toarray(), codes.numpy(), atol=1e-4)
        decoded = theirs.decode(top.top_acts, top.top_indices).numpy()
    assert np.allclose(sae.decode(sae.encode(X.numpy())), decoded, atol=1e-4)
