from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from scipy.integrate import quad

from photo51.config.interventions import AttributionParams
from photo51.interventions.attribution import contributions as a
from photo51.interventions.attribution.targets import ContrastTarget, Likelihood, NextBaseTarget
from photo51.interventions.edits.dictionary import Instrument, LinearDictionary, activations
from photo51.model.sites import Sites
from photo51.model.stripedhyena.tail import Tail
from photo51.types import InputError

PARAMS = AttributionParams(steps=8, max_steps=64, ablated=6)


@pytest.fixture
def instrument(planted):
    return Instrument(*planted, {2: "guanine"})


@pytest.mark.parametrize("site", ["embed", "block.0.out", "block.2.out", "block.3.out"])
@pytest.mark.parametrize("gradients", [True, False])
def test_the_tail_goes_on_as_the_whole_model_does(planted, dna, site, gradients):
    ids = torch.from_numpy(dna(2, 30).astype(np.int64))
    with torch.no_grad():
        whole = planted.model.hidden(ids)
        x = activations(planted.model, site, ids)
    with torch.set_grad_enabled(gradients):
        assert (Tail(planted.model, site)(x) - whole).abs().max() < 1e-5


@pytest.mark.parametrize("gradients", [True, False])
def test_the_tail_goes_on_from_where_it_stopped(planted, dna, gradients):
    x = activations(planted.model, "block.0.out", torch.from_numpy(dna(2, 30).astype(np.int64)))
    tail = Tail(planted.model, "block.0.out")
    with torch.set_grad_enabled(gradients):
        cache = tail.begin()
        parts = [tail(x[:, :13], cache), tail(x[:, 13:], cache)]
        assert (torch.cat(parts, 1) - tail(x)).abs().max() < 1e-5


def test_a_site_that_is_not_the_residual_stream_is_refused(planted):
    with pytest.raises(InputError, match=r"block\.1\.mid"):
        Tail(planted.model, "block.1.mid")
    with pytest.raises(InputError, match=r"block\.9\.out"):
        Tail(planted.model, "block.9.out")


def test_targets_by_hand(planted):
    model = planted.model
    hidden = torch.zeros(1, 3, 16)
    hidden[0, 1, :4] = torch.tensor([1.0, 2.0, 3.0, 6.0])  # embeddings of A, C, G, T are 0.5 along the first four axes
    assert float(NextBaseTarget(model, 2, "T")(hidden)) == pytest.approx(3.0 - (0.5 + 1.0 + 1.5) / 3)
    assert float(ContrastTarget(model, 2, "T", "C")(hidden)) == pytest.approx(2.0)
    ids = np.frombuffer(b"AAT", dtype=np.uint8)
    p = np.exp([0.5, 1.0, 1.5, 3.0])
    assert float(Likelihood(model, ids, 2, 3)(hidden)) == pytest.approx(np.log(p[3] / p.sum()))
    assert float(Likelihood(model, np.frombuffer(b"AAN", np.uint8), 2, 3)(hidden)) == 0.0
    with pytest.raises(InputError, match="nothing comes before"):
        Likelihood(model, ids, 0, 2)


def test_where_the_target_is_linear_gradient_times_activation_is_exact(monkeypatch, planted, dna):
    """Identity in place of the tail and a linear probe: contribution = code · (row · weights) / bases, and so is ablation."""
    monkeypatch.setattr(a, "Tail", lambda *_: lambda x: x)
    instrument = Instrument(*planted)
    weights = torch.arange(16.0)
    of = a.term(instrument, "probe", lambda hidden: (hidden[:, :20] @ weights).mean(1), dna(1, 20)[0])
    for method in ("gradient", "integrated"):
        found = a.attribute(instrument, of, PARAMS.model_copy(update={"method": method}))
        expected = of.codes * (planted.dictionary.decoder @ weights) / 20
        assert torch.allclose(found.features, expected, atol=1e-5)
        assert found.completeness_error < 1e-3
        table = a.agreement(instrument, found, PARAMS)
        assert np.allclose(table["contribution"], table["ablation"], atol=1e-4)


def test_contributions_add_up_to_what_a_full_pass_says(planted, instrument, dna):
    ids = dna(1, 60)[0]
    target = NextBaseTarget(planted.model, 59, "G")
    of = a.term(instrument, "G", target, ids)
    found = a.attribute(instrument, of, PARAMS)
    blank = Sites(edit={planted.dictionary.site: lambda x, _: planted.dictionary.offset.expand_as(x)})
    with torch.no_grad():
        batch = torch.from_numpy(ids[None].astype(np.int64))
        value = float(target(planted.model.hidden(batch)))
        baseline = float(target(planted.model.hidden(batch, sites=blank)))
    assert found.value == pytest.approx(value, abs=1e-4)
    assert found.baseline == pytest.approx(baseline, abs=1e-4)
    assert found.explained == pytest.approx(value - baseline, rel=0.01)
    assert found.features.shape == (60, 9)
    # the last block's output reaches the next base through the norm alone, so bases before the last bring nothing
    assert found.features[:58].abs().max() == 0.0


def test_integrated_gradients_are_the_integral_taken_numerically(planted, instrument, dna):
    """One feature at one base against `scipy.integrate.quad` over finite differences of the whole model."""
    model, dictionary = planted.model, planted.dictionary
    ids = dna(1, 25, seed=3)[0]
    target = ContrastTarget(model, 24, "G", "A")
    of = a.term(instrument, "x", target, ids)
    found = a.attribute(instrument, of, PARAMS.model_copy(update={"steps": 64}))
    batch = torch.from_numpy(ids[None].astype(np.int64))
    row, code = dictionary.decoder[4], float(of.codes[23, 4])

    def slope(alpha: float) -> float:
        def value(shift: float) -> float:
            x = of.baseline + alpha * (of.x - of.baseline)
            x = x.clone()
            x[23] += shift * row
            with torch.no_grad():
                return float(target(model.hidden(batch, sites=Sites(edit={dictionary.site: lambda *_: x[None]}))))

        return (value(5e-3) - value(-5e-3)) / 1e-2

    expected = code * quad(slope, 0, 1, epsabs=1e-3, limit=40)[0]
    assert float(found.features[23, 4]) == pytest.approx(expected, rel=0.05, abs=5e-3)


def test_an_early_site_spreads_contributions_over_bases_and_stays_complete(planted, dna):
    rows = torch.nn.functional.normalize(torch.randn(12, 16, generator=torch.Generator().manual_seed(1)), dim=1)
    early = LinearDictionary("block.0.out", rows, torch.zeros(12), rows, torch.full((16,), 0.2))
    instrument = Instrument(planted.model, early, planted.units)
    ids = dna(1, 40)[0]
    found = a.attribute(instrument, a.term(instrument, "L", Likelihood(planted.model, ids, 20, 40), ids), PARAMS)
    assert found.completeness_error <= 0.01
    assert (found.features.abs().sum(1) > 0).sum() > 20
    assert found.features[39].abs().max() == 0.0  # the last base predicts nothing here


def test_what_does_not_add_up_is_said(planted, dna, caplog):
    """A baseline of exactly 0 sits where the norm jumps: no number of points integrates that."""
    rows = torch.eye(16)
    blank = LinearDictionary("block.0.out", rows, torch.zeros(16), rows, torch.zeros(16))
    instrument = Instrument(planted.model, blank, planted.units)
    ids = dna(1, 40)[0]
    found = a.attribute(instrument, a.term(instrument, "L", Likelihood(planted.model, ids, 20, 40), ids), PARAMS)
    assert found.steps == 64
    assert found.completeness_error > 0.05
    assert "add up to" in caplog.text


def test_a_change_is_explained_from_one_sequence_to_the_other(planted, dna):
    rows = torch.eye(16)
    early = LinearDictionary("embed", rows, torch.zeros(16), rows, torch.zeros(16))
    instrument = Instrument(planted.model, early, planted.units)
    before = dna(1, 40)[0]
    after = before.copy()
    after[10] = ord("A") if before[10] != ord("A") else ord("C")
    target = Likelihood(planted.model, before, 11, 40)
    of = a.change(instrument, "downstream", target, before, after)
    found = a.attribute(instrument, of, PARAMS)
    with torch.no_grad():
        both = target(planted.model.hidden(torch.from_numpy(np.stack([before, after]).astype(np.int64))))
    assert found.total == pytest.approx(float(both[1] - both[0]), abs=1e-4)
    assert found.completeness_error <= 0.02
    moved = found.features.abs().sum(1) > 0
    assert moved.nonzero().flatten().tolist() == [10]  # at the embedding only the changed base differs


def test_ablation_is_an_edit_of_the_whole_model(planted, instrument, dna):
    from photo51.interventions.edits.bundles import Bundle
    from photo51.interventions.edits.site_edits import Order, SiteEdit

    ids = dna(1, 30)[0]
    target = Likelihood(planted.model, ids, 10, 30)
    of = a.term(instrument, "L", target, ids)
    lost = a.ablate(instrument, of, np.array([2, 5]), batch=1)
    batch = torch.from_numpy(ids[None].astype(np.int64))
    for feature, value in zip((2, 5), lost, strict=True):
        edit = SiteEdit(planted.dictionary, [Order("ablate", Bundle.single(feature))], planted.units)
        with torch.no_grad():
            expected = target(planted.model.hidden(batch)) - target(
                planted.model.hidden(batch, sites=Sites(edit={planted.dictionary.site: edit}))
            )
        assert value == pytest.approx(float(expected), abs=1e-4)


def test_agreement_lists_the_largest_contributions_first(planted, instrument, dna):
    ids = dna(1, 50)[0]
    found = a.attribute(instrument, a.term(instrument, "L", Likelihood(planted.model, ids, 20, 50), ids), PARAMS)
    table = a.agreement(instrument, found, PARAMS)
    assert len(table) == 6
    assert table["contribution"].abs().is_monotonic_decreasing
    assert 8 not in set(table["feature"])
    assert -1 <= a.spearman(table) <= 1
    assert np.isnan(a.spearman(table.head(2)))


def test_a_model_in_half_precision_is_explained_in_the_dictionarys_numbers(planted, instrument, dna):
    """As models are opened on a GPU: the tail rounds to three digits, and the sums along the path to no fewer."""
    half = Instrument(copy.deepcopy(planted.model).bfloat16(), *planted[1:], {})
    ids = dna(1, 60)[0]
    exact = a.attribute(instrument, a.term(instrument, "G", NextBaseTarget(planted.model, 59, "G"), ids), PARAMS)
    of = a.term(half, "G", NextBaseTarget(half.model, 59, "G"), ids)
    assert of.x.dtype == torch.float32
    found = a.attribute(half, of, PARAMS)
    assert found.explained == pytest.approx(exact.explained, rel=0.05)
    changed = ids.copy()
    changed[30] = ord("A") if ids[30] != ord("A") else ord("C")
    assert a.change(half, "c", NextBaseTarget(half.model, 59, "G"), ids, changed).x.dtype == torch.float32
