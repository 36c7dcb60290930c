"""The self-test passes on what is sound, and each check fails on a model that is broken in its way."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from photo51.genome.alphabet import encode, reverse_complement
from photo51.genome.axis.genomes import window_sequence
from photo51.genome.axis.reading import reading
from photo51.genome.axis.windows import windows
from photo51.genome.axis.workspace import Workspace
from photo51.model.families.adapters import ModelReading, load_model
from photo51.model.families.selftest import PublishedParams, _sequences, selftest
from photo51.pretraining.pretrain import save_half

from .small import build


class InMemory:
    """A circular genome of 900 random bases in three segments of 280, as prepared genomes are asked for it."""

    folder = "memory"

    def __init__(self, lengths=(280, 280, 280)):
        self.ids = encode("".join(np.random.default_rng(0).choice(list("ACGT"), 900)))
        rows = [("g", "c", 300 * i, 300 * i + n, i, "train") for i, n in enumerate(lengths)]
        self._workspace = Workspace(pd.DataFrame(rows, columns=["genome", "chrom", "start", "end", "block", "split"]))
        where = reading(self.ids, circular=True, n_run=3)
        self._windows = windows(self._workspace, {("g", "c"): where}, core=100, warmup=40, shard=900)

    def workspace(self):
        return self._workspace

    def windows(self):
        return self._windows

    def window_sequence(self, window):
        return window_sequence(self.ids, window)

    def sequence(self, genome, chrom, start, end, strand="+"):
        ids = np.take(self.ids, np.arange(start, end), mode="wrap")
        return reverse_complement(ids) if strand == "-" else ids


@pytest.fixture
def folder(tmp_path):
    save_half(build(block_kinds="sla", attention_window=30), tmp_path / "model")
    return tmp_path / "model"


def failed(result):
    return [c["name"] for c in result["checks"] if c["passed"] is False]


def broken(model, change):
    """The same model, `change(sequence, activations)` put over every reading."""
    read = model.read

    def changed(rows, sites=(), **options):
        found = read(rows, sites, **options)
        made = {
            s: [change(np.asarray(r), x, len(rows)) for r, x in zip(rows, each, strict=True)]
            for s, each in found.activations.items()
        }
        return ModelReading(made, found.log_probs)

    model.read = changed
    return model


def test_a_sound_model_passes_bit_for_bit(folder):
    result = selftest(load_model(folder, device="cpu"), InMemory())
    assert [c for c in failed(result) if c != "loss"] == [], "fresh weights may be worse than chance"
    values = {c["name"]: c["value"] for c in result["checks"]}
    assert values["rerun"] == values["batch"] == values["causality"] == values["prefix"] == 0
    assert values["coordinates"] == 0
    json.dumps(result, allow_nan=False)


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (lambda s, x, n: x.flip(0), {"causality", "prefix", "sensitivity"}),
        (lambda s, x, n: x - x.mean(0), {"causality", "prefix"}),
        (lambda s, x, n: x + 1e-3 * n, {"batch"}),
        (lambda s, x, n: x + 1e-3 * torch.rand(x.shape), {"rerun", "batch", "causality", "prefix"}),
        (lambda s, x, n: torch.ones_like(x), {"sensitivity"}),
    ],
    ids=["backwards", "over the window", "batch", "noise", "deaf"],
)
def test_broken_models_fail_the_check_that_is_theirs(folder, change, names):
    result = selftest(broken(load_model(folder, device="cpu"), change), InMemory())
    assert set(failed(result)) - {"loss"} == names
    assert not result["passed"]


def test_a_tokenizer_that_shifts_bases_fails_the_coordinates(folder):
    model = load_model(folder, device="cpu")
    tokenize = model.tokenize
    model.tokenize = lambda s: tokenize(np.roll(s, 1))._replace(spans=np.roll(tokenize(s).spans, 1, axis=0))
    assert "coordinates" in failed(selftest(model, InMemory()))


def test_the_published_loss_is_compared(folder):
    model = load_model(folder, device="cpu")
    sequence = "ACGTTGCAAGCTTAGCCATGGATCCGATTACAGGC"
    bits = -float(np.nanmean(model.log_probs([sequence])[0])) / np.log(2)
    for off, passed in ((0, True), (0.01, False)):
        (folder / "card.json").write_text(json.dumps({"known_loss": {"sequence": sequence, "bits": bits + off}}))
        checks = {c["name"]: c for c in selftest(model, InMemory())["checks"]}
        assert checks["known_loss"]["passed"] is passed


def test_chance_is_no_failure_of_fresh_weights(folder):
    checks = {c["name"]: c for c in selftest(load_model(f"{folder}@random:1", device="cpu"), InMemory())["checks"]}
    assert checks["loss"]["passed"] is None
    assert checks["loss"]["value"] > 1.9


def test_numbers_that_are_none_fail_wherever_they_stand(folder):
    """Of all sites but the first, and of likelihoods, from the middle of a sequence on: as float16 overflows."""

    def none(numbers):
        numbers = torch.as_tensor(numbers).clone()
        numbers[len(numbers) // 4 :] = float("nan")
        return numbers

    model = load_model(folder, device="cpu")
    read, log_probs = model.read, model.log_probs

    def broken_read(rows, sites=(), **options):
        found = read(rows, sites, **options)
        made = {s: list(each) if s == sites[0] else [none(x) for x in each] for s, each in found.activations.items()}
        return ModelReading(made, found.log_probs)

    model.read = broken_read
    model.log_probs = lambda rows, **options: [none(p).numpy() for p in log_probs(rows, **options)]
    assert {"rerun", "batch", "causality", "prefix", "sensitivity", "loss"} <= set(failed(selftest(model, InMemory())))


def test_a_miss_that_is_accepted_is_no_failure_and_numbers_that_are_none_are(folder):
    model = load_model(folder, device="cpu")
    log_probs = model.log_probs
    accepted = PublishedParams(accept=True)
    model.log_probs = lambda rows, **options: [p - 2 for p in log_probs(rows, **options)]
    assert "loss" in failed(selftest(model, InMemory()))
    assert "loss" not in failed(selftest(model, InMemory(), published=accepted))
    model.log_probs = lambda rows, **options: [p * float("nan") for p in log_probs(rows, **options)]
    assert "loss" in failed(selftest(model, InMemory(), published=accepted))


@pytest.mark.parametrize("lengths", [(280, 150, 90), (64, 65, 280), (64, 280, 20)])
def test_segments_of_any_lengths_are_read_to_the_shortest_of_the_longest(folder, lengths):
    model = load_model(folder, device="cpu")
    for seed in range(3):
        genome = InMemory(lengths)
        assert {len(s) for s in _sequences(genome, seed)} == {sorted(n for n in lengths if n >= 64)[0]}
    assert "batch" not in failed(selftest(model, InMemory(lengths)))


def test_where_products_depend_on_their_company_rounding_is_allowed_and_no_more(folder, monkeypatch):
    """As torch multiplies on processors without AVX-512."""

    def rounded(by):
        model = load_model(folder, device="cpu")
        return broken(model, lambda ids, x, n: x * (1 + by) if n > 1 else x)

    assert "batch" in failed(selftest(rounded(2e-7), InMemory()))
    monkeypatch.setattr("photo51.model.stripedhyena.products.independent", lambda: False)
    found = {c["name"]: c for c in selftest(rounded(2e-7), InMemory())["checks"]}
    assert found["batch"]["passed"]
    assert found["batch"]["limit"] == 1e-5
    assert found["rerun"]["limit"] == 0
    assert "batch" in failed(selftest(rounded(1e-4), InMemory()))


def test_models_of_the_library_in_float32_may_round_and_no_more(folder, monkeypatch):
    for by, passes in ((1e-4, True), (2e-3, False)):
        model = broken(load_model(folder, device="cpu"), lambda ids, x, n, by=by: x * (1 + by) if n > 1 else x)
        model.spec = replace(model.spec, family="llama")
        assert ("batch" not in failed(selftest(model, InMemory()))) == passes
