"""Plans: sums by hand, and warnings where something cannot be."""

import json

import pytest

from photo51.config.genome import GenomeParams
from photo51.config.run import Config
from photo51.genome.preparation.sizes import Amount, amount, of_bases
from photo51.plan.cost import ComputeSite, Size, plan
from photo51.plan.machines import MACHINES, Rates, machine
from photo51.types import InputError

RATES = Rates(1e9, 2e9, 4e9, 1e6, 1e5, 5e8, 1e8, 1)
SIZE = Size("m", d_model=100, weight_bytes=2e9, flops_per_token=1e6, window_bytes=1e9, context=8_192)
READ = Amount(bases=1_000_000, windows=500, tokens=2_500_000, longest=1_000_000)


def config(**changes):
    values = {
        "controls": ["seed1"],
        "sae": {"n_features": 1_000, "k": 10, "tokens": 1_000_000},
        "genome": {"core": 4_000, "warmup": 1_000, "min_context": 0, "shard": 500_000},
    }
    return Config.model_validate(values | changes)


def site(device=None, **changes):
    given = {"devices": 1, "utilisation": 0.5, "host_memory": 64e9, "disk": 1e12} | changes
    return ComputeSite(RATES, None if device is None else machine(device), **given)


def by_name(made):
    return {s.stage: s for s in made.stages}


def test_hours_and_bytes_by_hand():
    made = by_name(plan(config(), READ, SIZE, site()))
    assert made["prepare"].hours == pytest.approx(1e6 / 1e5 / 3600)
    reading = made["activations"]
    assert (reading.jobs, reading.tokens, reading.flops) == (2, 2.5e6, 2.5e12)
    assert reading.hours == pytest.approx(2500 / 3600)  # 2.5e12 at 1e9 a second
    assert reading.disk == 2 * 1e6 * 100 * 2  # both strands, two bytes a number
    training = made["train_sae"]
    # two dictionaries; a token costs 2·100·1000 + 12·10·100 operations
    assert training.flops == 2 * 1e6 * 212_000
    assert training.hours == pytest.approx(training.flops / 2e9 / 3600)
    assert made["encode"].flops == 2 * 2e6 * 2e5
    assert made["features"].hours == pytest.approx(2 * 2e6 * 10 / 1e6 / 3600)


def test_a_random_control_reads_everything_again():
    once, twice = (by_name(plan(config(controls=c), READ, SIZE, site()))["activations"] for c in ([], ["random"]))
    assert twice.flops == 2 * once.flops
    assert twice.disk == 2 * once.disk


def test_a_gpu_reads_at_its_share_of_the_published_peak():
    made = by_name(plan(config(), READ, SIZE, site("h100")))
    assert made["activations"].unit == "GPU"
    assert made["activations"].hours == pytest.approx(2.5e12 / (989e12 * 0.5) / 3600)
    assert made["activations"].device_memory == 3e9


def test_only_codes_are_kept_where_activations_are_not_stored():
    stored = plan(config(controls=[]), READ, SIZE, site())
    lean = plan(config(stored=False, pretrained_sae="x", controls=[]), READ, SIZE, site())
    assert "activations" not in by_name(lean)
    assert by_name(lean)["encode_model"].disk == 2 * 1e6 * 10 * 6.5
    assert lean.disk < stored.disk
    assert by_name(lean)["encode"].flops == 2e6 * 2e5  # the same work, on the CPU of the job that reads
    assert by_name(lean)["encode"].disk == 0


def test_an_accelerator_encodes_where_the_model_is_and_the_cpu_looks_through_its_products():
    lean = config(stored=False, pretrained_sae="x", controls=[])
    made = by_name(plan(lean, READ, SIZE, site("h100")))
    # 2e6 rows of 1000 features: 4e11 operations at a fifth of 67e12 a second, 8e9 bytes at 10e9 a second
    assert made["encode"].hours == pytest.approx((4e11 / 13.4e12 + 0.8) / 3600)
    assert (made["encode"].unit, made["encode_look"].unit) == ("GPU", "CPU")
    assert made["encode"].device_memory == 2e9 + 1e9 + 4 * 100 * 1_000
    assert made["encode_look"].hours == pytest.approx(2e9 / 5e8 / 3600)
    assert "encode_look" not in by_name(plan(config(), READ, SIZE, site("h100")))


def test_encoding_that_keeps_an_accelerator_waiting_is_said():
    lean = config(stored=False, pretrained_sae="x", controls=[])
    assert any(w.startswith("encode_look: ") for w in plan(lean, READ, SIZE, site("h100")).warnings)
    slow = Size("m", 100, 2e9, 1e9, 1e9, 8_192)
    assert not any("encode" in w for w in plan(lean, READ, slow, site("h100")).warnings)


@pytest.mark.parametrize(
    ("changes", "place", "words"),
    [
        ({}, {"disk": 1e6}, "disk: needs"),
        ({}, {"host_memory": 1e9}, "activations: needs .* of memory a job"),
        (
            {"genome": {"core": 8_192, "warmup": 512, "min_context": 0}},
            {},
            "windows of 8,704 bases are longer",
        ),
        ({"sae": {"n_features": 1_000, "k": 10, "tokens": 100_000_000}}, {}, "sae.tokens"),
    ],
)
def test_what_will_not_fit_is_said(changes, place, words):
    import re

    found = plan(config(**changes), READ, SIZE, site(**place)).warnings
    assert any(re.search(words, w) for w in found), found


def test_nothing_is_warned_of_where_everything_fits():
    assert plan(config(), READ, SIZE, site("h100")).warnings == []


def test_a_device_too_small_or_without_8_bit_numbers_is_said():
    large = Size("evo2:40b", 8_192, 80e9, 8e10, 2e9, 1_048_576, needs_fp8=True)
    a100 = plan(config(), READ, large, site("a100", host_memory=1e12)).warnings
    assert any("device memory" in w for w in a100)
    assert any("8-bit" in w for w in a100)
    assert not any("8-bit" in w for w in plan(config(), READ, large, site("h200", host_memory=1e12)).warnings)


def test_stages_without_a_formula_are_scaled_from_a_finished_run():
    made = by_name(plan(config(), READ, SIZE, site(), {"enrich": 0.0036, "activations": 99.0}))
    assert made["enrich"].hours == pytest.approx(1.0)
    assert made["activations"].flops == 2.5e12  # the formula stands where there is one


def test_bases_are_counted_once_without_the_unknown_ones(tmp_path):
    (tmp_path / "g.fa").write_text(">a\n" + "ACGT" * 25 + "N" * 20 + "ACGT" * 20 + "\n>b\n" + "A" * 50 + "\n")
    sheet = tmp_path / "genomes.tsv"
    sheet.write_text("genome\tsequence\tregions\nx\tg.fa\ta:1-150;a:101-160;b\n")
    got = amount(sheet, GenomeParams(core=60, warmup=10, min_context=0))
    # a: 160 bases less 20 unknown; b: 50. Windows of 60: 3 + 1, on two strands
    assert got == Amount(bases=190, windows=8, tokens=2 * 190 + 80, longest=200, variants=0, genomes=1)
    assert of_bases(190, GenomeParams(core=60, warmup=10, min_context=0)).bases == 190


def test_rates_that_are_absent_or_wrong_are_named(tmp_path):
    path = tmp_path / "rates.json"
    with pytest.raises(InputError, match="no such file"):
        Rates.read(path)
    path.write_text("{")
    with pytest.raises(InputError, match="JSON"):
        Rates.read(path)
    path.write_text(json.dumps(RATES.dump() | {"disk": -1}))
    with pytest.raises(InputError, match="disk"):
        Rates.read(path)
    path.write_text(json.dumps(RATES.dump()))
    assert Rates.read(path) == RATES
    with pytest.raises(InputError, match="h100"):
        machine("abacus")


def test_every_published_rate_has_its_source():
    assert all(m.source and m.half > m.single > 0 and m.memory > 0 for m in MACHINES.values())
