"""Which files a run reads, and what is said of those from the future."""

import hashlib
import os
import time
from pathlib import Path

import pytest

from photo51.config.run import Config
from photo51.report.inputs import check_clocks, check_runs, input_files, model_folder
from photo51.report.manifest import made_from
from photo51.types import InputError


@pytest.fixture
def written(tmp_path, monkeypatch):
    """A configuration that names files of every kind, those files, and one that nobody names."""
    monkeypatch.chdir(tmp_path)
    for name in (
        "g.fa", "g.gff3", "v.vcf", "panel.tsv", "sets.gmt", "m/config.json", "m/model.safetensors", "m/loss.svg", "sae/sae.json",
        "other.fa",
    ):  # fmt: skip
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(">c\nACGT\n")
    Path("genomes.tsv").write_text("genome\tsequence\tannotation\tvariants\ng\tg.fa\tg.gff3\tset=v.vcf\n")
    return Config(
        genomes="genomes.tsv", activations={"model": "m@random:3"}, pretrained_sae="sae", gene_sets="sets.gmt",
        cohorts={"c": {"panel": "panel.tsv"}}, controls=[],
    )  # fmt: skip


def test_every_file_that_is_named_is_found_once(written):
    assert [str(p) for p in input_files(written)] == [
        "g.fa", "g.gff3", "genomes.tsv", "m/config.json", "m/model.safetensors", "panel.tsv", "sae/sae.json", "sets.gmt", "v.vcf",
    ]  # fmt: skip


def test_inputs_are_named_from_the_working_directory_whichever_way_they_were_given(written, tmp_path):
    made = made_from({"seed": 3}, [tmp_path / "g.fa", Path("g.fa"), tmp_path / "absent"])
    assert made["inputs"] == {"g.fa": {"bytes": 8, "sha256": hashlib.sha256(b">c\nACGT\n").hexdigest()}}
    assert made["seed"] == 3


def test_models_are_found_by_their_names(tmp_path, monkeypatch):
    (tmp_path / "evo2_7b_262k").mkdir()
    monkeypatch.setenv("PHOTO51_MODELS", str(tmp_path))
    assert model_folder("evo2:7b_262k") == tmp_path / "evo2_7b_262k"
    assert model_folder("evo2:1b_base") is None
    assert model_folder("sh2:base@random:51") == Path("resources/models/base")
    assert model_folder("hf:some/model") is None


def test_a_file_from_the_future_is_named_with_how_far_and_what_to_do(written):
    check_clocks(input_files(written))
    for name, seconds in (("v.vcf", 60), ("g.gff3", 7_200)):
        os.utime(name, (time.time(), time.time() + seconds))
    with pytest.raises(
        InputError, match=r"^g\.gff3: need a file written before now, got one written 7,(200|199) s after"
    ):
        check_clocks(input_files(written))
    check_clocks([])


@pytest.mark.parametrize(("there", "lacking"), [((), "model"), (("model",), "random"), (("model", "random"), None)])
def test_a_run_that_is_to_learn_from_another_needs_its_activations(there, lacking, tmp_path):
    for source in there:
        (tmp_path / "activations" / source / "block.1.out").mkdir(parents=True)
    config = Config(train_with=(str(tmp_path),), activations={"sites": ["block.1.out"]})
    if lacking is None:
        check_runs(config)
    else:
        with pytest.raises(InputError, match=rf"need activations .*{lacking}/block.1.out, got none.*read_model"):
            check_runs(config)
    # a run without the control asks for none of it
    if "model" in there:
        check_runs(config.model_copy(update={"controls": ()}))
