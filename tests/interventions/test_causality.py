from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from photo51.config.interventions import CausalityParams, SamplingParams
from photo51.interventions.attribution.causality import (
    _where_measured,
    after_firing,
    causality,
    random_features,
    windows_at,
    without_each,
)
from photo51.interventions.edits.bundles import Bundle
from photo51.interventions.edits.dictionary import Instrument, LinearDictionary, Units, activations
from photo51.interventions.edits.site_edits import EditGate, Order, SiteEdit
from photo51.interventions.writing.generate import generate, score
from photo51.stats.resampling import pooled_p
from photo51.types import InputError

PARAMS = CausalityParams(windows=4, context=12, scored=18, horizon=1, random_features=5, dose=4.0)


@pytest.fixture(scope="module")
def instrument(planted) -> Instrument:
    """The planted dictionary with forty bystanders: random directions that fire as often as feature 2."""
    model, d, _ = planted
    rows = torch.nn.functional.normalize(torch.randn(40, 16, generator=torch.Generator().manual_seed(5)), dim=1)
    rows[:, :4] *= 0.2  # little of what the output reads
    rows = torch.nn.functional.normalize(rows, dim=1)
    dictionary = LinearDictionary(
        d.site,
        torch.cat([d.encoder, rows]),
        torch.cat([d.bias, torch.full((40,), 3.0)]),
        torch.cat([d.decoder, rows]),
        d.offset,
        torch.cat([d.threshold, torch.zeros(40)]),
    )
    unit = np.concatenate([[0.5] * 4, [5.0] * 4, [0.0], [3.0] * 40])
    return Instrument(model, dictionary, Units(unit, 2 * unit, (unit > 0) * 0.25, 1000), {2: "guanine"})


@pytest.fixture(scope="module")
def sequences(planted) -> np.ndarray:
    """What the model itself writes: its own bases follow each other, so ablating what it reads of them costs it."""
    prompts = np.random.default_rng(1).choice(np.frombuffer(b"ACGT", np.uint8), (80, 10))
    return np.concatenate([prompts, generate(planted.model, prompts, 50, sampling=SamplingParams()).ids], axis=1)


def strongest(instrument, sequences, feature, params):
    """Windows in which a feature is most active, at the place that causality expects it, one of each sequence."""
    size, lead = params.context + params.scored, params.context + params.scored // 3
    read = activations(instrument.model, instrument.site, instrument.ids(sequences))
    codes = instrument.dictionary.encode(read, [feature])[..., 0].numpy()
    codes[:, :lead] = codes[:, sequences.shape[1] - (size - lead) + 1 :] = 0.0
    rows = np.argsort(-codes.max(1), kind="stable")[: params.windows]
    starts = codes.argmax(1) - lead
    return {feature: np.stack([sequences[r, starts[r] : starts[r] + size] for r in rows if codes[r].any()])}


def test_a_feature_the_output_reads_costs_more_than_bystanders(instrument, sequences):
    params = PARAMS.model_copy(update={"windows": 60})
    windows = strongest(instrument, sequences, 2, params)
    table = causality(instrument, windows, sequences, params)
    row = table.iloc[0]
    assert row["concept"] == "guanine"
    assert row["places"] == 60
    assert row["ablation_dnll"] > 0.02
    assert row["ablation_p"] == pytest.approx(1 / 6)
    assert row["steer_base"] == "G"
    assert row["steer_change"] > 0.2
    assert row["steer_kl"] > row["steer_null_q99"]


def test_the_rise_is_that_of_an_edit_of_the_whole_model(instrument, sequences):
    windows = strongest(instrument, sequences, 2, PARAMS)
    row = causality(instrument, windows, sequences, PARAMS).iloc[0]
    ids = windows[2]
    gate = EditGate(intervals=((12, 30),))
    edit = SiteEdit(instrument.dictionary, [Order("ablate", Bundle.single(2), 1.0, gate)], instrument.units)
    plain = score(instrument.model, ids, 13)
    edited = score(instrument.model, ids, 13, edits={instrument.site: edit})
    codes = instrument.dictionary.encode(activations(instrument.model, instrument.site, instrument.ids(ids)), [2])
    fires = (codes[:, 12:-1, 0] > 0).numpy()  # base t fires, base t + 1 is predicted
    expected = (plain - edited)[fires].mean() / np.log(2)
    assert row["ablation_dnll"] == pytest.approx(float(expected), abs=1e-4)
    assert row["firing_bases"] == int((codes[:, 12:, 0] > 0).sum())
    ranked = without_each(instrument, windows, PARAMS).iloc[0]
    assert ranked["dnll"] == pytest.approx(float(expected), abs=1e-4)
    assert ranked["firing_bases"] == row["firing_bases"]


def test_predictions_count_up_to_the_horizon():
    fires = torch.tensor([[False, True, False, False, False, True]])
    assert after_firing(fires, 1).tolist() == fires.tolist()
    assert after_firing(fires, 3).tolist() == [[False, True, True, True, False, True]]


def test_random_features_fire_about_as_often(instrument):
    density = np.array([1e-4, 1e-3, 0.9e-3, 1.1e-3, 0.5, 0.4, 0.3] + [0.9] * 20)
    other = instrument._replace(units=Units(density, density, density, 10))
    drawn = random_features(other, 1, PARAMS.model_copy(update={"random_features": 2}))
    assert 1 not in drawn
    assert len(set(drawn)) == 2
    assert np.array_equal(drawn, random_features(other, 1, PARAMS.model_copy(update={"random_features": 2})))
    with pytest.raises(InputError, match="at least 50 other features"):
        random_features(other, 1, PARAMS.model_copy(update={"random_features": 50}))


class _Contig:
    def __init__(self, ids):
        self.ids = ids

    def sequence(self, _genome, _chrom, start, end, strand="+"):
        from photo51.model.tokenizer import reverse_complement

        return reverse_complement(self.ids[start:end]) if strand == "-" else self.ids[start:end]

    def length(self, *_):
        return len(self.ids)

    def is_circular(self, *_):
        return False


@pytest.mark.parametrize("strand", ["+", "-"])
def test_windows_hold_the_peak_a_third_into_the_scored_part(dna, strand):
    ids = dna(1, 100)[0]
    places = pd.DataFrame(
        {"feature": 3, "rank": [0, 1], "genome": "g", "chrom": "c", "peak": [60, 1], "strand": strand}
    )
    found = windows_at(_Contig(ids), places.iloc[:1], PARAMS)[3]
    assert found.shape == (1, 30)
    peak = _Contig(ids).sequence("g", "c", 60, 61, strand)[0]
    assert found[0, 12 + 6] == peak
    both = windows_at(_Contig(ids), places, PARAMS)
    assert len(both[3]) == 1  # around base 1 there is no room for the context, or for what follows


def test_silent_features_are_refused(instrument, sequences):
    with pytest.raises(InputError, match="silent"):
        causality(instrument, {8: sequences[:2, :30]}, sequences, PARAMS)


def test_what_could_not_be_removed_has_no_p_and_enters_no_null():
    null = np.array([[0.1, 0.2, 0.3], [np.nan] * 3, [0.0, 0.1, 0.2]])
    found = pd.Series([0.4, np.nan, 0.1])
    p = _where_measured(found, null)
    assert np.isnan(p[1])
    assert p[[0, 2]].tolist() == pooled_p(found[[0, 2]], null[[0, 2]]).tolist()
    assert np.isnan(_where_measured(found * np.nan, null * np.nan)).all()
