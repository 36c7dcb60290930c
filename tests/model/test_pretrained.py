"""The network alone, and as a model of `transformers`: the same weights, numbers and files, without that library's imports."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from transformers import AutoModelForCausalLM
from transformers.utils.generic import find_labels

from photo51.model.checkpoints.folder import load, without_storage
from photo51.model.families.adapters import load_model
from photo51.model.stripedhyena.configuration import StripedHyenaConfig
from photo51.model.stripedhyena.modeling import StripedHyena
from photo51.model.stripedhyena.pretrained import (
    StripedHyenaForCausalLM,
    as_pretrained,
    pretrained_config,
    save_pretrained,
)
from photo51.types import InputError

from .small import TINY, build, sequence

_OF_SAVING = {"architectures", "dtype", "torch_dtype", "transformers_version", "_name_or_path", "use_cache"}
LIBRARYS = {"return_dict": True, "is_encoder_decoder": False, "output_hidden_states": False, "problem_type": None}
CONFIGS = [
    {},
    TINY,
    {"block_kinds": "hah", "gelu_blocks": "all", "n_heads": 8},
    {"max_length": 4096, "further": "x"},
    {**TINY, **LIBRARYS},
]


def test_a_model_is_opened_and_read_without_transformers_or_torchs_compiler():
    script = """
import sys
import numpy as np
import photo51
model = photo51.load_model("sh2:nano")
model.log_probs(["ACGT" * 40])
model.read(["ACGT" * 40], ["block.1.out"])
photo51.load_model("sh2:nano@random:1")
sys.stdout.write(" ".join(m for m in ("transformers", "torch._dynamo") if m in sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not done.stdout


@pytest.mark.parametrize("fields", CONFIGS)
def test_what_a_model_is_made_of_is_what_transformers_says_of_its_configuration(fields):
    config = StripedHyenaConfig(**fields)
    theirs = pretrained_config(config).to_diff_dict()
    assert {k: v for k, v in theirs.items() if k not in _OF_SAVING} == config.identity()
    assert StripedHyenaConfig.from_dict(theirs) == config
    assert StripedHyenaConfig(**{**fields, "mlp_size": 72}) != config


def test_fresh_weights_are_those_of_the_library():
    config = StripedHyenaConfig(**TINY, block_kinds="smlas")
    torch.manual_seed(3)
    ours = StripedHyena(config).state_dict()
    torch.manual_seed(3)
    theirs = StripedHyenaForCausalLM(pretrained_config(config)).state_dict()
    assert list(ours) == list(theirs)
    for name, weight in ours.items():
        assert torch.equal(weight, theirs[name]), name


def test_a_saved_model_is_the_same_to_the_library_and_to_us(tmp_path):
    model = build(block_kinds="smlas", attention_window=20)
    save_pretrained(model, tmp_path)
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path).eval()
    ids = sequence(90, batch=2)
    assert isinstance(theirs, StripedHyenaForCausalLM)
    with torch.no_grad():
        want = model(ids)
        assert torch.equal(theirs(ids).logits, want.logits)
        assert torch.equal(load(tmp_path)(ids).logits, want.logits)
        labelled = theirs(ids, labels=ids, output_hidden_states=True)
        assert torch.equal(labelled.loss, model(ids, labels=ids).loss)
        assert len(labelled.hidden_states) == 6


def test_random_weights_are_those_of_earlier_versions():
    # of the model that every random-weight control of nano was made with
    want = "c4fc214319871dd5ee9bf247758367fafbe41d3c9583e115da933053ce7f5425"
    assert load_model("sh2:nano@random:51", device="cpu").spec.digest == want


def test_models_that_are_opened_on_several_threads_leave_torch_as_it_was():
    draws = [kind.reset_parameters for kind in (torch.nn.Linear, torch.nn.Embedding)]
    with ThreadPoolExecutor(4) as pool:
        names = ["sh2:nano", "sh2:nano@random:1"] * 4
        digests = list(pool.map(lambda name: load_model(name, device="cpu").spec.digest, names))
    assert [kind.reset_parameters for kind in (torch.nn.Linear, torch.nn.Embedding)] == draws
    assert len(set(digests)) == 2
    with without_storage():
        assert torch.nn.Linear(3, 3).weight.is_meta
    with pytest.raises(InputError), without_storage():
        raise InputError
    drawn = torch.nn.Linear(50, 50).weight
    assert not drawn.is_meta
    assert 0.05 < float(drawn.detach().std()) < 0.1  # uniform over ± 1/√50


def test_the_library_finds_in_the_signature_what_may_be_passed():
    model = as_pretrained(build(block_kinds="sa"))
    ids = sequence(30)
    mask = torch.ones_like(ids)
    assert find_labels(StripedHyenaForCausalLM) == ["labels"]
    with torch.no_grad():
        assert torch.equal(model(ids, mask).logits, model(ids).logits)
    padded = torch.cat([torch.full((1, 4), model.config.pad_token_id), ids], dim=1)
    with pytest.raises(ValueError, match="padding on the right"):
        model.generate(padded, attention_mask=(padded != model.config.pad_token_id).long(), max_new_tokens=2)
    made = model.generate(
        ids, max_new_tokens=3, do_sample=False, output_logits=True, return_dict_in_generate=True, sites=None
    )
    assert all(step.shape == (1, model.config.vocab_size) for step in made.logits)


def test_frozen_weights_stay_frozen():
    model = build(block_kinds="sa").requires_grad_(False)
    assert not any(p.requires_grad for p in as_pretrained(model).parameters())
    assert all(p.requires_grad for p in as_pretrained(model.requires_grad_(True)).parameters())


def test_weights_are_shared_with_the_librarys_model():
    model = build(block_kinds="sa")
    theirs = as_pretrained(model)
    assert theirs.embedding_layer.weight.data_ptr() == model.embedding_layer.weight.data_ptr()
    assert theirs.blocks[0].projections.weight.data_ptr() == model.blocks[0].projections.weight.data_ptr()
