"""Pretraining that begins with an existing model: its weights, its architecture, and nothing else."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from photo51.cli.app import app
from photo51.config.pretrain import PretrainParams
from photo51.model.families.adapters import load_model
from photo51.model.stripedhyena.configuration import StripedHyenaConfig
from photo51.model.stripedhyena.modeling import StripedHyena
from photo51.pretraining.card import as_markdown, read_run, runs_before
from photo51.pretraining.corpus import pack
from photo51.pretraining.heldout import Heldout
from photo51.pretraining.pretrain import Trainer, bits_per_base, save_half
from photo51.types import InputError

SHAPE = {
    "hidden_size": 32,
    "mlp_size": 40,
    "n_heads": 2,
    "hcs_groups": 4,
    "hcm_groups": 8,
    "vocab_size": 128,
    "block_kinds": "smla",
    "attention_window": 16,
}
RUN = {"mixture": {"g": 1.0}, "length": 48, "batch": 4, "steps": 9, "warmup": 2, "lr": 0.01, "eval_every": 9}


def build(seed, **changes):
    torch.manual_seed(seed)
    return StripedHyena(StripedHyenaConfig(**changes)).eval()


def params(**changes):
    return PretrainParams(**{**RUN, "save_every": 3, "bfloat16": False, **changes})


@pytest.fixture
def corpus(tmp_path):
    letters = np.random.default_rng(3).choice(list("ACGT"), 2_400)
    records = pd.DataFrame(
        [("a", "g", "x", "s1", "train"), ("b", "g", "x", "s2", "heldout")],
        columns=["record", "source", "group", "species", "split"],
    )
    return pack({"a": "".join(letters[:2_000]), "b": "".join(letters[2_000:])}, records, tmp_path / "corpus")


@pytest.fixture
def model(tmp_path):
    save_half(build(5, **SHAPE), tmp_path / "before")
    return str(tmp_path / "before")


def log(folder):
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_the_log_opens_with_the_held_out_loss_of_the_model(corpus, model, tmp_path):
    trainer = Trainer(corpus, params(start=model), tmp_path / "run", "cpu")
    trainer.fit()
    opened = load_model(model, device="cpu", dtype="float32")
    windows = torch.from_numpy(np.asarray(trainer.heldout["x"]).astype(np.int64))
    assert log(tmp_path / "run")[0]["step"] == 0
    expected = bits_per_base(opened.model, windows).mean()
    assert log(tmp_path / "run")[0]["heldout_bits"]["x"] == pytest.approx(expected, abs=2e-5)
    written = load_file(tmp_path / "run" / "model" / "model.safetensors")
    before = load_file(f"{model}/model.safetensors")
    assert written.keys() == before.keys()
    assert any((written[k].float() != before[k].float()).any() for k in before)


def test_no_rate_of_learning_gives_the_model_back(corpus, model, tmp_path):
    Trainer(corpus, params(start=model, lr=1e-12, weight_decay=0, average=0.5), tmp_path / "run", "cpu").fit()
    written = load_file(tmp_path / "run" / "model" / "model.safetensors")
    for key, value in load_file(f"{model}/model.safetensors").items():
        # timescales are learnt on a log scale, and go through exp and log in float32
        assert torch.allclose(written[key].float(), value.float(), rtol=1e-5, atol=1e-6), key


def test_a_killed_run_ends_with_the_same_bytes(corpus, model, tmp_path, monkeypatch):
    Trainer(corpus, params(start=model), tmp_path / "whole", "cpu").fit()
    killed = Trainer(corpus, params(start=model), tmp_path / "killed", "cpu")
    step = killed._train_step
    monkeypatch.setattr(
        killed, "_train_step", lambda: step() if killed.step < 5 else (_ for _ in ()).throw(KeyboardInterrupt)
    )
    with pytest.raises(KeyboardInterrupt):
        killed.fit()
    Trainer(corpus, params(start=model), tmp_path / "killed", "cpu").fit()
    for name in ("model/model.safetensors", "params.json"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "killed" / name).read_bytes()


def test_another_beginning_in_the_same_folder_is_refused_and_a_model_that_was_moved_is_not(corpus, model, tmp_path):
    Trainer(corpus, params(start=model), tmp_path / "run", "cpu")
    stated = json.loads((tmp_path / "run" / "params.json").read_text())
    assert stated["start_digest"] == load_model(model).spec.hash
    (tmp_path / "before").rename(tmp_path / "moved")
    Trainer(corpus, params(start=str(tmp_path / "moved")), tmp_path / "run", "cpu")
    with pytest.raises(InputError, match="start_digest"):
        Trainer(corpus, params(architecture=stated["architecture"]), tmp_path / "run", "cpu")
    save_half(build(6, **SHAPE), tmp_path / "other")
    with pytest.raises(InputError, match="start_digest"):
        Trainer(corpus, params(start=str(tmp_path / "other")), tmp_path / "run", "cpu")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"architecture": {"hidden_size": 64}}, "whose hidden_size is 32, or none stated, got hidden_size 64"),
        ({"architecture": {"block_kinds": "smls"}}, "whose block_kinds is smla, or none stated, got block_kinds smls"),
        ({"architecture": {"width": 16}}, "need fields of StripedHyenaConfig, got 'width'"),
        ({"start_digest": "0" * 8}, "need the model of digest 00000000"),
    ],
)
def test_what_the_model_is_not_is_refused_before_anything_is_written(corpus, model, tmp_path, changes, sentence):
    with pytest.raises(InputError, match=sentence):
        Trainer(corpus, params(start=model, **changes), tmp_path / "run", "cpu")
    assert not (tmp_path / "run").exists()


def test_the_architecture_may_be_stated_where_it_is_the_models(corpus, model, tmp_path):
    Trainer(corpus, params(start=model, architecture=SHAPE), tmp_path / "stated", "cpu")
    Trainer(corpus, params(start=model), tmp_path / "taken", "cpu")
    assert (tmp_path / "stated/params.json").read_bytes() == (tmp_path / "taken/params.json").read_bytes()


def test_the_command_takes_it_and_the_card_says_so(corpus, model, tmp_path):
    settings = json.dumps({**RUN, "steps": 1, "bfloat16": False})
    words = ["pretrain", str(tmp_path / "corpus"), str(tmp_path / "run"), "--params", settings, "--from", model]
    result = CliRunner().invoke(app, [*words, "--device", "cpu", "--threads", "1"])
    assert result.exit_code == 0, result.output
    trained = read_run(tmp_path / "run")
    none = Heldout(
        pd.DataFrame({"predictor": ["markov_1"], "group": ["x"]}), pd.DataFrame(), pd.DataFrame(), {}, pd.DataFrame()
    )
    assert runs_before(trained) is None, "the model has no card"
    card = {"parameters": 1, "steps": 1, "bases_read": 192, "window": 48, "licence": "x", "best_markov": {}}
    heldout = none._replace(bits=pd.DataFrame({"predictor": ["markov_1"], "group": ["x"], "bits": [2.0]}))
    own = {"model": "new", "steps": 1, "bases_read": 192, "parameters": trained.model_dump(mode="json")}
    text = as_markdown("after", card | {"bases_trained": None, "runs": [own]}, heldout, corpus, trained)
    assert (
        f"It began with the weights of `{model}` as it was then (digest `{trained.start_digest}`); what these were"
        in text
    )
    assert f"--from {model}" in text

    # with the card of those very weights all runs are told and counted
    first = {"steps": 100, "bases_read": 31_900_000}
    (tmp_path / "before/card.json").write_text(json.dumps({"model": trained.start_digest} | first))
    before = runs_before(trained)
    assert before == [{"model": trained.start_digest} | first]
    text = as_markdown("after", card | {"bases_trained": 31_900_192, "runs": [*before, own]}, heldout, corpus, trained)
    assert "which had been trained for 100 steps on 31.9 million bases: 31.9 million bases in all" in text
    assert "pretrained/after-2 --from pretrained/after-1/model --params run_2.yaml" in text
    assert "start" not in text[text.index("Parameters of run 2") :]
    # nothing is counted after a model whose own beginning is not known
    unknown = {"model": trained.start_digest, "bases_trained": None, "runs": [first]} | first
    (tmp_path / "before/card.json").write_text(json.dumps(unknown))
    assert runs_before(trained) is None
    (tmp_path / "before/card.json").write_text(json.dumps({"model": "of other weights"} | first))
    assert runs_before(trained) is None
    both = CliRunner().invoke(app, [*words[:4], json.dumps({**RUN, "start": "sh2:nano"}), "--from", model])
    assert isinstance(both.exception, InputError)
    assert "--from" in str(both.exception)
