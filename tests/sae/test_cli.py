"""The commands on a small run: what they write, twice the same, and what they refuse."""

import json
import os
import shutil
import socket
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from photo51.activations.splits import _require_unlike, split_rows, training_rows
from photo51.activations.store import ActivationStore
from photo51.cli import app
from photo51.config.genome import GenomeParams
from photo51.genome.preparation.prepare import prepare
from photo51.io import provenance, read_table, write_table
from photo51.io.contracts.genome import SEQUENCES, WORKSPACE
from photo51.io.contracts.sae import DENSITY, FOUND_AGAIN, QUALITY, STABILITY, SWEEP
from photo51.sae.dictionary import Dictionary
from photo51.sae.training.train import read_log
from photo51.types import InputError

PARAMS = {"n_features": 48, "k": 4, "tokens": 40_000, "batch": 500, "sample": 2_000, "dead_after": 4_000}


def call(*args):
    result = CliRunner().invoke(app, [str(a) for a in args])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def root(run):
    """Folder of the run that activations belong to."""
    return run.parents[2]


def train(run, name, **more):
    params = json.dumps({**PARAMS, **more})
    call("train-sae", root(run), "--sae", name, "--params", params, "--threads", 1)
    return root(run) / "sae" / name


def measure(run, name, used, **params):
    words = ["--params", json.dumps(params)] if params else []
    call("sae-quality", root(run), "--sae", name, "--with", used, *words, "--threads", 1)
    return root(run) / "sae" / name / "quality.parquet"


def encode_all(run, name):
    """Codes of all stored activations."""
    call("encode", root(run), "--sae", name, "--with", "activations", "--threads", 1)


def files(folder):
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir())}


def test_training_twice_leaves_the_same_bytes_and_no_checkpoint(run, tmp_path):
    one, two = files(train(run, "one")), files(train(run, "two", checkpoint=7))
    assert sorted(one) == ["sae.json", "sae.safetensors", "training.jsonl", "training.svg"]
    card = json.loads(one.pop("sae.json")), json.loads(two.pop("sae.json"))
    assert card[1]["params"].pop("checkpoint") == 7
    assert card[0]["params"].pop("checkpoint") == 500
    assert card[0] == card[1]
    assert one == two


@pytest.mark.slow
def test_processes_that_share_the_batches_learn_what_one_learns(run, tmp_path):
    params = json.dumps({**PARAMS, "tokens": 15_000, "dead_after": 1_000})
    words = [str(root(run)), "--sae", "two", "--params", params, "--threads", "1", "--processes", "2"]
    done = subprocess.run(
        [sys.executable, "-m", "photo51.cli", "train-sae", *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    two, one = (
        Dictionary.load(root(run) / "sae" / "two"),
        Dictionary.load(train(run, "one", **json.loads(params))),
    )
    assert np.allclose(two.encoder, one.encoder, rtol=2e-3, atol=2e-3)
    assert np.allclose(two.decoder, one.decoder, rtol=2e-3, atol=2e-3)
    assert not np.array_equal(two.encoder, one.encoder), "two sums of halves are not one sum of all, to the last bit"


LEAVING = """
import atexit
import numpy as np
import torch.distributed as dist
# handlers run last in, first out: this one sees what is left for Python to shut down with
atexit.register(lambda: print("still a group:", dist.is_initialized()))
from photo51.sae.training.distributed import Ranks
print("sum", Ranks().sum(np.array([1.5, 2.0])))
"""


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.is_available(), reason="groups of NCCL are left to the end of the process")
def test_ranks_leave_their_group_before_python_shuts_down():
    def begun(rank):
        at = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "RANK": str(rank)}
        words = [sys.executable, "-c", LEAVING]
        return subprocess.Popen(words, env={**os.environ, **at}, stdout=subprocess.PIPE, text=True)

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    both = [begun(0), begun(1)]
    said = [process.communicate(timeout=120)[0].splitlines() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert said == [["sum [3. 4.]", "still a group: False"]] * 2


def test_only_valid_rows_of_the_training_split_are_learnt_from(run):
    rows = split_rows(ActivationStore(run), root(run) / "genome", "train")
    seen = {strand: np.concatenate([r for s, r, _ in rows.chunks(999) if s == strand]) for strand in "+-"}
    expected = [*range(100), *range(200, 2_000), *range(4_000, 6_000)]
    assert seen["+"].tolist() == seen["-"].tolist() == expected


def test_the_log_holds_every_step(run, tmp_path):
    log = read_log(train(run, "a") / "training.jsonl")
    assert log["step"].tolist() == list(range(80))
    assert log["tokens"].iloc[-1] == 40_000
    assert log["variance_explained"].iloc[-10:].mean() > log["variance_explained"].iloc[:10].mean()


def test_quality_of_a_dictionary_beside_baselines_and_another_seed(run, tmp_path):
    sae, _ = train(run, "main"), train(run, "seed1", seed=1)
    other = measure(run, "seed1", "none", baselines=False)
    (root(run) / "sae" / "random").mkdir()
    shutil.copy(other, root(run) / "sae" / "random" / "quality.parquet")
    table = read_table(measure(run, "main", "seed1,random"), QUALITY).set_index("dictionary")
    assert table.index.tolist() == [
        "sae",
        "pca first k",
        "pca largest k",
        "neuron largest k",
        "random directions",
        "sae random",
    ]
    assert set(table["split"]) == {"test"}
    assert set(table["rows"]) == {2_000}
    assert table.loc["sae", "variance_explained"] > table.loc["random directions", "variance_explained"]
    density = read_table(sae / "density.parquet", DENSITY)
    assert density["density"].sum() == pytest.approx(table.loc["sae", "l0"])
    stability = read_table(sae / "stability.parquet", STABILITY)
    close = stability["mutual"] & (stability["cosine"] > 0.7)
    assert table.loc["sae", "stability"] == pytest.approx(close.mean())
    assert table["decoder"].tolist() == ["free", "", "", "", "", "free"]
    assert (sae / "quality.svg").read_bytes().startswith(b"<?xml")
    again = read_table(sae / "found_again.parquet", FOUND_AGAIN)
    same = (stability["cosine"] >= 0.8) & (stability["correlation"] >= 0.8)
    assert again["match"].tolist() == same.astype(float).tolist()
    assert 0 < again["live"].sum() <= 48
    assert table.loc["sae", "seed_match_live"] == pytest.approx(same[again["live"]].mean())
    measure(run, "main", "none", baselines=False)
    assert not (sae / "found_again.parquet").exists(), "it was of a report with another seed"


def test_an_archetypal_dictionary_is_saved_as_any_other_and_its_report_says_what_it_is(run, tmp_path):
    folder = train(run, "main", decoder="archetypal", archetypes=100, relaxation=0.25)
    train(run, "free")
    shapes = [{n: a.shape for n, a in Dictionary.load(f).arrays().items()} for f in (folder, folder.with_name("free"))]
    assert shapes[0] == shapes[1]
    table = read_table(measure(run, "main", "none", baselines=False), QUALITY)
    assert table["decoder"].tolist() == ["archetypal: 100 archetypes, relaxation 0.25"]


def test_a_consensus_trains_its_members_first_and_its_report_says_so(run, tmp_path):
    folder = train(run, "main", consensus=2, tokens=20_000)
    members = [Dictionary.load(folder / "members" / str(i)) for i in range(2)]
    assert members[0].hash != members[1].hash
    found_by = Dictionary.load(folder).card["found_by"]
    assert sum(found_by) == 48
    text = read_table(measure(run, "main", "none", baselines=False), QUALITY)["decoder"].item()
    assert text == f"free, from a consensus of 2 seeds: {found_by[2]} features of two or more"


def test_stored_codes_give_the_same_quality_up_to_rounding(run, tmp_path):
    train(run, "main")
    encode_all(run, "main")
    live, stored = (
        read_table(measure(run, "main", used, baselines=False, split="all"), QUALITY).iloc[0]
        for used in ("none", "codes")
    )
    assert live["rows"] == stored["rows"] == 2 * 5_900
    assert live["l0"] == stored["l0"]
    assert live["variance_explained"] == pytest.approx(stored["variance_explained"], abs=1e-4)


def test_codes_of_another_dictionary_are_refused_naming_both(run, tmp_path):
    sae, other = train(run, "main"), train(run, "seed1", seed=1)
    encode_all(run, "seed1")
    (root(run) / "codes" / "seed1").rename(root(run) / "codes" / "main")
    with pytest.raises(InputError, match=f"{Dictionary.load(sae).hash}.*{Dictionary.load(other).hash}"):
        measure(run, "main", "codes")


def test_genomes_that_are_absent_or_others_are_refused(run, tmp_path):
    path = root(run) / "genome" / "workspace.parquet"
    table = read_table(path, WORKSPACE).assign(genome="another")
    write_table(table, path, WORKSPACE, provenance("test"))
    with pytest.raises(InputError, match="need activations of workspace"):
        split_rows(ActivationStore(run), path.parent, "train")


def test_a_sweep_leaves_its_table_and_a_dictionary_a_combination(run, tmp_path):
    sae = {**PARAMS, "tokens": 5_000}
    params = json.dumps({"widths": [16], "ks": [2, 4], "sae": sae})
    call("sweep", root(run), "--out", tmp_path, "--params", params, "--threads", 1)
    table = read_table(tmp_path / "sweep.parquet", SWEEP)
    assert table["k"].tolist() == [2, 4]
    assert table["chosen"].sum() == 1
    for folder in table["folder"]:
        Dictionary.load(tmp_path / folder)


@pytest.mark.parametrize("form", ["saelens", "sparsify", "dictionary_learning"])
def test_exported_and_imported_again_a_dictionary_has_the_same_codes(form, run, tmp_path, world):
    sae = train(run, "main", tokens=5_000)
    call("export-sae", sae, tmp_path / form, "--format", form)
    call("import-sae", tmp_path / form, tmp_path / "back", "--activations", run)
    x = world.rows(200, 3)
    one, two = (Dictionary.load(folder).encode(x) for folder in (sae, tmp_path / "back"))
    assert one.nnz > 0
    assert abs(one - two).max() < 1e-5


def test_a_dictionary_is_taken_in_for_a_model_and_site_that_are_named(tmp_path):
    """The origin is that of the model's own site; a site that it does not have, and one option alone, are refused."""
    import torch

    from photo51.model.families.adapters import load_model

    origin = load_model("sh2:nano", device="cpu").spec.origin("block.3.out")
    rng = np.random.default_rng(0)
    state = {
        "encoder.weight": rng.normal(size=(6, origin.d_model)), "encoder.bias": rng.normal(size=6),
        "decoder.weight": rng.normal(size=(origin.d_model, 6)), "decoder.bias": np.zeros(origin.d_model),
    }  # fmt: skip
    torch.save({n: torch.tensor(a, dtype=torch.float32) for n, a in state.items()}, tmp_path / "ae.pt")
    call("import-sae", tmp_path / "ae.pt", tmp_path / "out", "--model", "sh2:nano", "--site", "block.3.out")
    assert Dictionary.load(tmp_path / "out").origin.key() == origin.key()
    with pytest.raises(InputError, match=r"need a site of .*embed … final_norm.*got 'block.99.out'"):
        call("import-sae", tmp_path / "ae.pt", tmp_path / "o", "--model", "sh2:nano", "--site", "block.99.out")
    with pytest.raises(InputError, match="--model and --site together"):
        call("import-sae", tmp_path / "ae.pt", tmp_path / "o", "--model", "sh2:nano")
    with pytest.raises(InputError, match="name the activations"):
        call("import-sae", tmp_path / "ae.pt", tmp_path / "o")


def test_parameters_that_cannot_be_are_refused_by_name(run, tmp_path):
    with pytest.raises(InputError, match=r"need fewer than n_features \(48\), got 48"):
        train(run, "a", k=48)
    with pytest.raises(InputError, match="kk"):
        train(run, "a", kk=3)
    assert not (root(run) / "sae" / "a").exists()


def another_run(make, folder, world, sha, *, split="train", start=0):
    """A run with activations of the same site, of one contig whose sequence has hash `sha`."""
    store = make(folder, world, splits=(split,) * 6, start=start)
    with_sequence(folder, sha)
    return store


def with_sequence(folder, sha):
    """Say what the contig of a run is."""
    contig = {"genome": "g", "chrom": "c", "length": 50_000, "circular": False, "n_ambiguous": 0, "n_soft_masked": 0}
    table = pd.DataFrame([contig | {"sha256": sha}])
    write_table(table, folder / "genome" / "sequences.parquet", SEQUENCES, provenance("test"))


def test_a_dictionary_learns_from_another_run_too(run, tmp_path, world, small_run):
    with_sequence(root(run), "a")
    another_run(small_run, tmp_path / "more", world, "b")
    alone = train(run, "alone")
    params = json.dumps(PARAMS)
    call("train-sae", root(run), "--sae", "both", "--params", params, "--threads", 1, "--with-run", tmp_path / "more")
    assert Dictionary.load(root(run) / "sae" / "both").hash != Dictionary.load(alone).hash
    rows = training_rows(ActivationStore(run), root(run) / "genome", [tmp_path / "more"])
    # 4 blocks of 1,000 less 100 masked rows, 2 strands; the other run has 6 such blocks for training
    assert (rows.n_rows, rows.repeats) == (2 * 3_900 * 2 + 2 * 5_900, 2)


@pytest.mark.parametrize(
    ("sha", "split", "start", "said"),
    [
        ("a", "train", 0, "need bases of .*more that this run does not score, got c of genome g, 1-1,000, in both"),
        ("a", "train", 5_500, "5,501-6,000, in both"),
        ("b", "test", 0, "need blocks of split train"),
    ],
)
def test_another_run_with_bases_of_this_one_is_refused(sha, split, start, said, run, tmp_path, world, small_run):
    with_sequence(root(run), "a")
    another_run(small_run, tmp_path / "more", world, sha, split=split, start=start)
    with pytest.raises(InputError, match=said):
        training_rows(ActivationStore(run), root(run) / "genome", [tmp_path / "more"])


def test_other_bases_of_one_sequence_may_be_learnt_from(run, tmp_path, world, small_run):
    with_sequence(root(run), "a")
    another_run(small_run, tmp_path / "more", world, "a", start=6_000)
    rows = training_rows(ActivationStore(run), root(run) / "genome", [tmp_path / "more"])
    assert rows.n_rows > 0


def test_another_run_without_activations_is_refused(run, tmp_path):
    with_sequence(root(run), "a")
    with pytest.raises(InputError, match=r"train_with: need activations .*none.*read_model"):
        training_rows(ActivationStore(run), root(run) / "genome", [tmp_path / "none"])


def test_no_dictionary_is_found_again_in_itself(run):
    train(run, "main")
    seed1 = train(run, "seed1", seed=52)
    call("sae-quality", root(run), "--sae", "seed1", "--threads", 1)
    assert not (seed1 / "found_again.parquet").exists(), "seed1 has no other seed beside it"
    with pytest.raises(InputError, match="need one of another seed, got the same once more"):
        measure(run, "seed1", "seed1")
    with pytest.raises(InputError, match="--sae seed1: need another seed than that of"):
        train(run, "seed1")


def test_copies_of_what_is_held_out_are_refused_under_any_name_and_on_either_strand(tmp_path):
    """One genome whole, and another run's extract of the reverse complement of a held-out block."""
    text = "".join(np.random.default_rng(4).choice(list("ACGT"), 40_000))

    def prepared(name, sequence, **splits):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "s.fa").write_text(f">{name}\n{sequence}\n")
        (folder / "g.tsv").write_text(f"genome\tsequence\n{name}\ts.fa\n")
        return prepare(folder / "g.tsv", folder / "genome", GenomeParams(block=2_000, gap=64, **splits))

    own = prepared("own", text)
    held = own.workspace().table.query("split == 'test'").iloc[0]
    inside = text[held["start"] : held["end"]][:1_500]
    flipped = inside.translate(str.maketrans("ACGT", "TGCA"))[::-1]
    other = "".join(np.random.default_rng(5).choice(list("ACGT"), 30_000))
    whole = {"train": 0.98, "select": 0.01, "test": 0.01}
    apart, copied = (
        prepared("apart", other, **whole),
        prepared("copied", other[:9_000] + flipped + other[9_000:], **whole),
    )
    _require_unlike(own, apart, tmp_path / "apart")
    with pytest.raises(InputError, match=r"no copies of what this run holds out.*split test"):
        _require_unlike(own, copied, tmp_path / "copied")


def test_other_runs_that_were_learnt_from_are_on_the_card(run, tmp_path, world, small_run):
    with_sequence(root(run), "a")
    another_run(small_run, tmp_path / "more", world, "b")
    call("train-sae", root(run), "--sae", "x", "--params", json.dumps(PARAMS), "--with-run", tmp_path / "more")
    assert Dictionary.load(root(run) / "sae" / "x").card["train_with"] == [str(tmp_path / "more")]
    assert "train_with" not in Dictionary.load(train(run, "alone")).card
