"""Pretraining learns, resumes exactly, and writes a model that loads."""

import json
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import AutoModelForCausalLM

from photo51.config.pretrain import PretrainParams
from photo51.pretraining.corpus import pack
from photo51.pretraining.pretrain import Trainer, bits_per_base, learning_rate_share
from photo51.types import InputError

TINY = {
    "hidden_size": 16,
    "block_kinds": "smla",
    "mlp_size": 32,
    "n_heads": 2,
    "hcs_groups": 4,
    "hcm_groups": 4,
}


def params(**changes):
    base = {
        "architecture": TINY,
        "mixture": {"g": 1.0},
        "length": 48,
        "batch": 4,
        "steps": 12,
        "warmup": 2,
        "lr": 0.01,
    }
    return PretrainParams(**{**base, "eval_every": 6, "save_every": 4, "bfloat16": False, **changes})


@pytest.fixture
def corpus(tmp_path):
    records = pd.DataFrame(
        [("a", "g", "x", "s1", "train"), ("b", "g", "x", "s2", "heldout")],
        columns=["record", "source", "group", "species", "split"],
    )
    return pack({"a": "ACG" * 700, "b": "ACG" * 100}, records, tmp_path / "corpus")


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_killed_run_ends_with_the_same_bytes(corpus, tmp_path, optimizer, monkeypatch):
    Trainer(corpus, params(optimizer=optimizer), tmp_path / "whole", "cpu").fit()
    killed = Trainer(corpus, params(optimizer=optimizer), tmp_path / "killed", "cpu")
    step = killed._train_step
    monkeypatch.setattr(
        killed, "_train_step", lambda: step() if killed.step < 7 else (_ for _ in ()).throw(KeyboardInterrupt)
    )
    with pytest.raises(KeyboardInterrupt):
        killed.fit()
    Trainer(corpus, params(optimizer=optimizer), tmp_path / "killed", "cpu").fit()
    weights = [(tmp_path / run / "model" / "model.safetensors").read_bytes() for run in ("whole", "killed")]
    assert weights[0] == weights[1]


def test_a_repeated_codon_is_learnt(corpus, tmp_path):
    trainer = Trainer(
        corpus,
        params(steps=80, lr=0.03, muon_lr=0.05, optimizer="muon", eval_every=80),
        tmp_path / "run",
        "cpu",
    )
    before = trainer.evaluate()["x"]
    trainer.fit()
    rows = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    after = [row["heldout_bits"]["x"] for row in rows if "heldout_bits" in row][-1]
    assert before > 1.5
    assert after < 0.6  # a chain that ignores order stays at log2(3) = 1.58


def test_the_written_model_loads_and_scores_alike(corpus, tmp_path):
    trainer = Trainer(corpus, params(), tmp_path / "run", "cpu")
    trainer.fit()
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "run" / "model", dtype=torch.float32).eval()
    ids = torch.tensor([[65, 67, 71] * 10])
    trainer.model.eval()
    assert np.allclose(bits_per_base(model, ids), bits_per_base(trainer.model, ids), atol=0.01)  # float16 on disk


def test_uniform_logits_cost_two_bits():
    class Flat(torch.nn.Module):
        def hidden(self, ids):
            return torch.zeros(*ids.shape, 1)

        def logits(self, hidden):
            return torch.zeros(*hidden.shape[:2], 512)

    ids = torch.tensor([[65, 67, 78, 84]])
    assert bits_per_base(Flat(), ids).tolist() == pytest.approx([2.0])


def test_the_schedule_warms_up_holds_and_decays():
    p = params(steps=100, warmup=10, schedule="trapezoid", decay=0.2)
    assert learning_rate_share(4, p) == pytest.approx(0.5)
    assert learning_rate_share(50, p) == 1.0
    assert learning_rate_share(90, p) == pytest.approx(0.5)
    p = params(steps=110, warmup=10, schedule="cosine")
    assert learning_rate_share(60, p) == pytest.approx(0.5)
    assert learning_rate_share(110, p) == pytest.approx(0.0)


def test_the_process_is_left_as_it_was(corpus, tmp_path, monkeypatch):
    seen = []
    step = Trainer._train_step
    monkeypatch.setattr(Trainer, "_train_step", lambda t: seen.append(sys.float_info.min / 2) or step(t))
    state = torch.get_rng_state()
    Trainer(corpus, params(steps=2), tmp_path / "run", "cpu").fit()
    assert seen == [0, 0], "denormal floats are zeros in a step"
    assert sys.float_info.min / 2 > 0
    assert torch.equal(torch.get_rng_state(), state)


def test_what_is_learnt_by_heart_is_warned_of(corpus, tmp_path, caplog):
    """12 steps of 4 windows of 48 bases read the 2,100 bases of s1 1.1 times; 300 steps 27.4 times."""
    few = Trainer(corpus, params(steps=12), tmp_path / "few")
    few._say_repeats()
    assert not [r for r in caplog.records if r.levelname == "WARNING"]
    many = Trainer(corpus, params(steps=300), tmp_path / "many")
    many._say_repeats()
    (said,) = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert "of g, s1 (2,100 bases) is read most often, 27.4 times: above 20 it may be learnt by heart" in said


def test_what_earlier_runs_read_counts_too(corpus, tmp_path, caplog, monkeypatch):
    """1.1 times by this run and 42,000 / 2,100 = 20 times by the one before."""
    before = [{"bases_read": 42_000, "parameters": {"mixture": {"g": 1.0}}}]
    monkeypatch.setattr("photo51.pretraining.card.runs_before", lambda _: before)
    Trainer(corpus, params(steps=12), tmp_path / "run")._say_repeats()
    (said,) = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert "s1 (2,100 bases) is read most often, 21.1 times" in said


def test_another_run_in_the_same_folder_is_refused(corpus, tmp_path):
    Trainer(corpus, params(), tmp_path / "run", "cpu")
    with pytest.raises(ValueError, match=r"others for \['lr'\]"):
        Trainer(corpus, params(lr=0.5), tmp_path / "run", "cpu")


def test_a_run_that_is_made_longer_averages_its_own_last_steps(corpus, tmp_path):
    """10 steps of which 5 are averaged, then 20 of which 10 are: as one run of 20 whose rate is constant."""
    options = {"average": 0.5, "schedule": "trapezoid", "decay": 1e-6, "save_every": 10, "eval_every": 100}
    Trainer(corpus, params(steps=20, **options), tmp_path / "whole", "cpu").fit()
    Trainer(corpus, params(steps=10, **options), tmp_path / "longer", "cpu").fit()
    Trainer(corpus, params(steps=20, **options), tmp_path / "longer", "cpu").fit()
    weights = [(tmp_path / run / "model" / "model.safetensors").read_bytes() for run in ("whole", "longer")]
    assert weights[0] == weights[1]
    rows = [json.loads(line) for line in (tmp_path / "longer" / "log.jsonl").read_text().splitlines()]
    assert [row["averaged"] for row in rows if "averaged" in row][-1] == 10


def test_a_smaller_share_of_averaged_steps_leaves_earlier_weights_out(corpus, tmp_path, caplog):
    Trainer(corpus, params(steps=10, average=0.8, save_every=5), tmp_path / "run", "cpu").fit()
    (tmp_path / "run" / "model" / "model.safetensors").unlink()
    again = Trainer(corpus, params(steps=20, average=0.6, save_every=5), tmp_path / "run", "cpu")
    again._resume()
    assert (again.step, again.averaged) == (10, 0)
    assert "the mean of the last weights begins at step 11" in caplog.text


@pytest.mark.parametrize("mixture", [{}, {"g": 0.5, "h": 0.5}])
def test_what_cannot_be_trained_leaves_no_folder_that_refuses_the_mended_parameters(corpus, tmp_path, mixture):
    with pytest.raises(InputError, match=r"mixture: need shares of sources of the corpus \(g\), got (none|h)"):
        Trainer(corpus, params(mixture=mixture), tmp_path / "run", "cpu")
    assert not (tmp_path / "run").exists()
    Trainer(corpus, params(), tmp_path / "run", "cpu")


def test_a_log_cut_short_before_the_first_checkpoint_is_begun_again(corpus, tmp_path):
    trainer = Trainer(corpus, params(), tmp_path / "run", "cpu")
    (tmp_path / "run" / "log.jsonl").write_text('{"step": 10, "loss_bits": 2.0}\n{"step": 20, "lo')
    trainer.fit()
    rows = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if "loss_bits" in row] == [10]


def test_earlier_reading_that_is_not_known_is_said_to_be(corpus, tmp_path, caplog, monkeypatch):
    """Half of 42,000 bases before were of a source that this corpus lacks: 10 times s1, and 1.1 by this run."""
    before = [{"bases_read": 42_000, "parameters": {"mixture": {"g": 1.0, "other": 1.0}}}]
    monkeypatch.setattr("photo51.pretraining.card.runs_before", lambda _: before)
    caplog.set_level("INFO")
    Trainer(corpus, params(steps=12), tmp_path / "run")._say_repeats()
    assert "s1 (2,100 bases) is read most often, 11.1 times" in caplog.text
    assert "not wholly known" in caplog.text
    caplog.clear()
    monkeypatch.setattr("photo51.pretraining.card.runs_before", lambda _: None)
    Trainer(corpus, params(steps=12), tmp_path / "run")._say_repeats()
    assert "not wholly known" in caplog.text


def test_a_warm_up_that_reaches_into_the_end_is_cut_by_it():
    for schedule, steps, warmup in (
        ("trapezoid", 250, 200),
        ("trapezoid", 100, 200),
        ("cosine", 250, 200),
        ("cosine", 100, 200),
    ):
        p = params(steps=steps, warmup=warmup, schedule=schedule, decay=0.3)
        share = np.array([learning_rate_share(i, p) for i in range(steps + 1)])
        assert np.abs(np.diff(share)).max() < 0.1, "no jump"
        assert share[-1] <= share.max() / 20
        assert (share[:10] == (np.arange(10) + 1) / warmup).all()


def test_a_run_does_not_go_on_with_another_corpus_or_split(corpus, tmp_path):
    Trainer(corpus, params(), tmp_path)
    Trainer(corpus, params(), tmp_path)
    other = {"train": "heldout", "heldout": "train"}
    turned = corpus._replace(records=corpus.records.assign(split=corpus.records["split"].map(other)))
    changed = np.array(corpus.tokens)
    changed[0] ^= 1
    for foreign in (turned, corpus._replace(tokens=changed)):
        with pytest.raises(InputError, match="need the corpus that the run was started with"):
            Trainer(foreign, params(), tmp_path)


def test_the_mean_takes_as_many_steps_as_were_asked_for_and_is_logged_once(corpus, tmp_path):
    for steps, average, n in ((10, 0.9, 9), (10, 0.5, 5), (10, 0.04, 1), (7, 0.3, 2)):
        folder = tmp_path / f"{steps}_{average}"
        trainer = Trainer(corpus, params(steps=steps, average=average), folder)
        trainer.fit()
        assert trainer.averaged == n
    Trainer(corpus, params(steps=7, average=0.3), folder).fit()
    rows = [json.loads(x) for x in (folder / "log.jsonl").read_text().splitlines()]
    assert sum("averaged" in r for r in rows) == 1


def test_a_batch_without_a_known_base_leaves_a_log_that_can_be_read(corpus, tmp_path, monkeypatch):
    trainer = Trainer(corpus, params(steps=10), tmp_path)
    monkeypatch.setattr(trainer, "_train_step", lambda: setattr(trainer, "step", trainer.step + 1) or float("nan"))
    trainer.fit()
    rows = [json.loads(x, parse_constant=pytest.fail) for x in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert not any("loss_bits" in r for r in rows)


def test_a_finished_mean_stays_where_its_beginning_is_rounded_otherwise(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(Trainer, "_first_averaged", lambda self: 8)  # as an older photo51 had it
    Trainer(corpus, params(steps=10, average=0.25), tmp_path).fit()
    made = (tmp_path / "model" / "model.safetensors").read_bytes()
    monkeypatch.undo()
    Trainer(corpus, params(steps=10, average=0.25), tmp_path).fit()
    assert (tmp_path / "model" / "model.safetensors").read_bytes() == made


def test_a_run_that_does_not_say_what_it_read_is_warned_of(corpus, tmp_path, caplog):
    Trainer(corpus, params(), tmp_path).fit()
    (tmp_path / "corpus_read.json").unlink()
    Trainer(corpus, params(), tmp_path)
    assert "does not say which corpus it read before" in caplog.text
