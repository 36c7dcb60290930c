"""The configuration of a run: its seeds, its files in step with the models, its refusals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from photo51.config.base import parse, validated
from photo51.config.reference import reference
from photo51.config.run import Config
from photo51.types import InputError

ROOT = Path(__file__).resolve().parents[2]


def test_the_seed_reaches_every_stage_that_states_none():
    config = validated(
        Config,
        {
            "seed": 7,
            "sae": {"seed": 3},
            "comparisons": {"a": {"sets": ["s"]}},
            "steering": {"b": {"target": "f1", "prompt": "ACGT"}},
        },
        "test",
    )
    assert config.sae.seed == 3
    assert config.genome.seed == config.geometry.seed == config.fidelity.seed == 7
    assert config.comparisons["a"].biomarkers.seed == 7
    assert config.steering["b"].steer.sampling.seed == 7


OLD = {
    "seed": 7,
    "ledger": {"min_intervals": 3},
    "retile": {"windows": 6},
    "activations": {"likelihood": False},
    "geometry": {"battery": {"rotations": 199}},
    "steering": {"b": {"target": "f1", "prompt": "ACGT", "oracle": ["gc"]}},
}


def test_keys_of_an_older_version_are_taken_for_todays_with_the_seed_of_the_run_and_named(caplog):
    config = validated(Config, OLD, "test")
    assert (config.replication.min_intervals, config.window_offsets.windows, config.window_offsets.seed) == (3, 6, 7)
    assert config.geometry.positive_controls.rotations == 199
    assert config.steering["b"].scorer == ("gc",)
    said = {r.getMessage() for r in caplog.records}
    pairs = (
        ("ledger", "replication"),
        ("retile", "window_offsets"),
        ("battery", "positive_controls"),
        ("oracle", "scorer"),
    )
    assert said == {
        "configuration: likelihood does nothing now",
        *(f"configuration: {old} is called {new} now" for old, new in pairs),
    }
    assert validated(Config, config.model_dump(mode="json"), "again") == config


@pytest.mark.parametrize(("old", "new"), [("ledger", "replication"), ("retile", "window_offsets")])
def test_a_key_under_both_names_is_refused(old, new):
    with pytest.raises(InputError, match=f"{old} is called {new} now: need one of them, got both"):
        validated(Config, {old: {}, new: {}}, "test")


def test_schema_and_reference_are_those_of_the_models():
    assert json.loads((ROOT / "config" / "schema.json").read_text()) == Config.model_json_schema()
    assert (ROOT / "config" / "README.md").read_text() == reference(Config)


@pytest.mark.parametrize(
    "path",
    [
        "config.yaml",
        "examples/nano.yaml",
        "examples/bacterium.yaml",
        "examples/cohort.yaml",
        "examples/dictionary.yaml",
        "examples/dictionary_ecoli.yaml",
        "examples/evo2_7b.yaml",
    ],
)
def test_shipped_configurations_are_valid(path):
    parse(Config, str(ROOT / "config" / path))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"sead": 1}, "sead"),
        ({"run": "../elsewhere"}, "run"),
        ({"run": "a;b"}, "run"),
        ({"sae": {"k": "many"}}, "sae.k"),
        ({"variants": {"null_variants": 2}}, "null_variants: need 16 or more, or 0"),
        ({"controls": ["seed2"]}, "seed1 or random"),
        ({"comparisons": {"a b": {"sets": ["s"]}}}, "name of letters"),
        ({"comparisons": {"a": {"sets": []}}}, "comparisons.a.sets"),
        ({"stored": False, "controls": []}, "pretrained_sae"),
        ({"train_with": ["results/a"], "pretrained_sae": "sae"}, "train_with: need a dictionary to train"),
        ({"activations": {"sites": ["embed", "final_norm"]}}, "one site"),
        ({"cohorts": {"a": {"panel": "p.tsv", "genotypes": "x.vcf"}}}, "genotypes and variants"),
    ],
)
def test_a_wrong_configuration_is_refused_by_name(values, said):
    with pytest.raises(InputError, match="test") as refusal:
        validated(Config, values, "test")
    assert said in str(refusal.value)
