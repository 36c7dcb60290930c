from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from photo51.config.interventions import SamplingParams, SteerParams
from photo51.interventions.edits.arms import ArmEdit, plan_arms, random_directions, reconstruct
from photo51.interventions.edits.bundles import Bundle
from photo51.interventions.edits.dictionary import Instrument
from photo51.interventions.edits.site_edits import Order, SiteEdit
from photo51.interventions.steering.dose_response import verdicts
from photo51.interventions.steering.steer import moved_by_chance, steer
from photo51.interventions.writing.scorers import sequence_scorers
from photo51.types import InputError

PARAMS = SteerParams(
    doses=(0.5, 1.0, 2.0),
    sequences=12,
    length=40,
    random_directions=20,
    random_sequences=6,
    nll_budget=3.0,
    bootstrap=200,
    batch=100,
    off_target=3,
)


def test_the_plan_has_every_arm_at_every_dose():
    rows = plan_arms(PARAMS)
    count = rows.groupby(["arm", "dose"]).size().to_dict()
    assert count[("control", 0.0)] == count[("reconstruction", 0.0)] == 12
    assert count[("feature", 2.0)] == 12
    assert count[("random", 2.0)] == 20 * 6
    assert rows.loc[rows["arm"] == "random", "direction"].nunique() == 20


def test_each_row_gets_the_edit_of_its_arm_and_random_rows_the_same_length(planted):
    instrument = Instrument(*planted)
    rows = pd.DataFrame(
        [("control", -1, 0.0), ("reconstruction", -1, 0.0), ("feature", -1, 2.0), ("random", 1, 2.0)],
        columns=["arm", "direction", "dose"],
    )
    directions = torch.eye(16)[:2]
    x = torch.randn(1, 5, 16, generator=torch.Generator().manual_seed(0)).expand(4, 5, 16).clone()
    edit = ArmEdit(instrument, "add", Bundle.single(2), rows=rows, directions=directions)
    after = edit(x, 0)
    assert torch.equal(after[0], x[0])
    assert torch.allclose(after[1], reconstruct(instrument.dictionary, x[1]))
    alone = SiteEdit(instrument.dictionary, [Order("add", Bundle.single(2), 2.0)], instrument.units)(x[2:3], 0)
    assert torch.allclose(after[2:3], alone)
    moved = after[3] - x[3]
    assert torch.allclose(moved[:, 1], (after[2] - x[2]).norm(dim=-1), atol=1e-6)
    assert moved[:, [0, *range(2, 16)]].abs().max() == 0


@pytest.mark.parametrize("kind", ["covariance", "isotropic", "decoder"])
def test_random_directions_have_length_one_and_covariance_ones_follow_the_data(planted, kind):
    residual = torch.randn(500, 16, generator=torch.Generator().manual_seed(1))
    residual[:, 0] *= 50
    drawn = random_directions(
        kind,
        5,
        dictionary=planted.dictionary,
        residual=residual,
        avoid=[0],
        rng=np.random.default_rng(0),
    )
    assert torch.allclose(drawn.norm(dim=1), torch.ones(5))
    assert (drawn[:, 0].abs().min() > 0.9) == (kind == "covariance")


@pytest.fixture(scope="module")
def experiment(planted):
    rng = np.random.default_rng(9)
    reference = rng.choice(np.frombuffer(b"ACGT", dtype=np.uint8), (8, 60))
    instrument = Instrument(*planted, {2: "guanine"})
    return steer(
        instrument,
        Bundle.single(2, "guanine"),
        prompt=reference[0, :20],
        reference=reference,
        judges=sequence_scorers(),
        params=PARAMS,
        declared=["base_G"],
    )


def test_a_feature_that_writes_g_is_found_to_write_g_and_random_directions_are_not(experiment):
    verdict = experiment.verdicts.set_index("scorer").loc["base_G"]
    assert verdict["declared"]
    assert verdict["monotone"]
    assert verdict["steers"]
    assert verdict["effect"] > 0.1 > verdict["null_q99"] - verdict["effect"]
    doses = experiment.doses.query("scorer == 'base_G'").sort_values("dose")
    assert doses["effect"].is_monotonic_increasing
    assert (doses["ci_low"] <= doses["effect"]).all()
    assert (doses["effect"] <= doses["ci_high"]).all()
    assert (doses["p"] >= 1 / 21).all()


def test_effects_are_the_paired_differences_of_the_sequences_table(experiment):
    table = experiment.sequences
    share = table["bases"].str.count("G") / table["bases"].str.len()
    feature = share[(table["arm"] == "feature") & (table["dose"] == 1.0)].mean()
    control = share[table["arm"] == "control"].mean()
    row = experiment.doses.query("scorer == 'base_G' and dose == 1.0").iloc[0]
    assert row["effect"] == pytest.approx(feature - control)
    assert row["control"] == pytest.approx(control)


def test_the_control_arm_is_plain_generation(planted, experiment):
    from photo51.interventions.writing.generate import generate, read_prompt

    rng = np.random.default_rng(9)
    prompt = rng.choice(np.frombuffer(b"ACGT", dtype=np.uint8), (8, 60))[0, :20]
    plain = generate(planted.model, np.tile(prompt, (12, 1)), 40, sampling=SamplingParams()).sequences()
    control = experiment.sequences.query("arm == 'control'").sort_values("sequence")["bases"]
    assert list(control) == plain
    assert read_prompt(plain[0]).shape == (40,)


def test_off_target_lists_the_target_first_and_what_moved_beyond_random(experiment):
    table = experiment.off_target
    assert table.loc[0, ["feature", "concept", "steered"]].tolist() == [2, "guanine", True]
    assert table.loc[0, "beyond_null"]
    assert 8 not in set(table["feature"])  # never fires
    rest = table["change"].abs()[1:]
    assert rest.is_monotonic_decreasing
    # all that moved are counted, not those listed alone, and each row says how many would by chance
    assert table["moved"].iloc[0] >= table.loc[~table["steered"], "beyond_null"].sum()
    assert (table["moved_by_chance"] >= 0).all()


def test_features_moved_by_chance_are_those_of_each_direction_against_the_others():
    # hand-worked: 5 exceeds (1, 1), 3 exceeds (1, 2), nothing of the second direction exceeds the other two
    assert moved_by_chance(np.array([[1.0, 5.0], [2.0, 1.0], [3.0, 1.0]])) == pytest.approx(2 / 3)
    assert np.isnan(moved_by_chance(np.array([[1.0, 5.0]])))


def test_the_trace_averages_to_the_level_of_its_sequence(experiment):
    trace = experiment.trace.query("arm == 'feature' and dose == 2.0").groupby("sequence")["level"].mean()
    table = experiment.sequences.query("arm == 'feature' and dose == 2.0").set_index("sequence")["level"]
    assert np.allclose(trace, table.loc[trace.index], atol=1e-5)


def test_past_the_budget_nothing_is_claimed_and_the_log_says_how_far(planted, caplog):
    rng = np.random.default_rng(9)
    reference = rng.choice(np.frombuffer(b"ACGT", dtype=np.uint8), (8, 60))
    params = PARAMS.model_copy(update={"doses": (0.01, 40.0), "nll_budget": 0.05, "random_directions": 3, "length": 20})
    found = steer(
        Instrument(*planted),
        Bundle.single(2),
        prompt=reference[0, :20],
        reference=reference,
        judges=sequence_scorers(),
        params=params,
    )
    assert found.doses.groupby("dose")["safe"].all().to_dict() == {0.01: True, 40.0: False}
    assert "past the safe range (up to 0.01)" in caplog.text
    assert (found.verdicts["safe_dose"] == 0.01).all()


def _doses(effects, *, half=0.1, safe=None, null=0.05) -> pd.DataFrame:
    n = len(effects)
    return pd.DataFrame(
        {
            "target": "t",
            "scorer": "o",
            "dose": np.arange(1.0, n + 1),
            "effect": effects,
            "ci_low": np.array(effects) - half,
            "ci_high": np.array(effects) + half,
            "null_q99": null,
            "p": 0.04,
            "nll_rise": 0.01,
            "nll_rise_real": 0.02,
            "safe": [True] * n if safe is None else safe,
        }
    )


@pytest.mark.parametrize(
    ("doses", "monotone", "steers"),
    [
        (_doses([0.2, 0.4, 0.8]), True, True),
        (_doses([-0.2, -0.4, -0.8]), True, True),
        (_doses([0.2, 0.15, 0.8]), True, True),  # a step back within the interval
        (_doses([0.6, 0.2, 0.8]), False, False),  # a step back beyond it
        (_doses([0.2, 0.4, 0.8], null=0.9), True, False),  # random directions do as much
        (_doses([0.01, 0.02, 0.03]), True, False),  # the interval holds 0
        (_doses([0.2, 0.4, 0.8], safe=[True, False, False]), False, False),  # one safe dose is no curve
        (_doses([0.2, 0.4, 0.8], safe=[False] * 3), False, False),
    ],
)
def test_a_verdict_needs_a_curve_an_interval_and_a_null(doses, monotone, steers):
    verdict = verdicts(doses).iloc[0]
    assert (verdict["monotone"], verdict["steers"]) == (monotone, steers)


def test_a_silent_feature_cannot_be_steered(planted):
    with pytest.raises(InputError, match="silent"):
        steer(
            Instrument(*planted),
            Bundle.single(8),
            prompt=np.array([65]),
            reference=np.zeros((1, 10), np.uint8),
            judges=[],
            params=PARAMS,
        )
