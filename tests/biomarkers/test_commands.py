"""The commands after the model, from files to files, on planted variants and a VCF with samples."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from photo51.cli import app
from photo51.io import provenance, read_table, write_h5ad, write_table
from photo51.io.contracts.biomarkers import (
    CARDS,
    CLASSIFIERS,
    COHORT_TESTS,
    FEATURE_TESTS,
    RULES,
    UNMATCHED,
    VARIANT_EFFECTS,
)
from photo51.types import InputError

from .toy import effects_of, planted

COMPARE = {"statistics": ["near"], "folds": 3, "bootstrap": 30, "max_features": 8, "stratum": "genome"}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    found = planted(3, n=900, n_genes=30, n_features=60, n_causal=4)
    made = provenance("test")
    write_table(found.variants, folder / "variants" / "mine.parquet", VARIANT_EFFECTS, made)
    write_h5ad(effects_of(found.variants, found.deltas), folder / "variants" / "mine.h5ad", made)
    return folder, found


def _run(*arguments, **params):
    options = ["--params", json.dumps(params)] if params else []
    result = CliRunner().invoke(app, [str(a) for a in [*arguments, *options]])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def compared(world):
    folder, _ = world
    _run("biomarkers", folder, "--name", "mine", "--set", "mine", **COMPARE)
    return folder / "biomarkers" / "mine"


def test_biomarkers_writes_tests_scores_and_figures(world, compared):
    tests = read_table(compared / "feature_tests.parquet", FEATURE_TESTS)
    called = set(tests["feature"][tests["q"] <= 0.05])
    assert called
    assert called <= set(world[1].causal.tolist())
    table = read_table(compared / "classifiers.parquet", CLASSIFIERS).set_index("method")
    assert table.loc["features", "auroc_within"] > 0.7
    assert (compared / "classifiers.png").stat().st_size > 10_000
    assert (compared / "feature_tests.png").is_file()


def test_the_same_command_gives_the_same_bytes(world, compared, tmp_path):
    _run("biomarkers", world[0], "--name", "again", "--set", "mine", **COMPARE)
    for path in sorted(compared.glob("*.p*")):
        assert path.read_bytes() == (compared.with_name("again") / path.name).read_bytes(), path.name


def test_cards_are_written_and_verified(world, compared):
    names = world[0] / "names.tsv"
    mine = [world[0], "--name", "mine", "--set", "mine"]
    names.write_text("feature\tname\n" + "".join(f"{f}\tcause {f}\n" for f in world[1].causal))
    said = _run("cards", *mine, "--names", names, "--verify", top=2)
    assert said.count("numbers verified") == 2
    assert len(read_table(compared / "cards.parquet", CARDS)) == 2
    card = json.loads(next((compared / "cards").glob("*.json")).read_text())
    assert "research use" in card["banner"]
    assert card["features"][0]["name"]["value"].startswith("cause")
    assert len(list((compared / "cards").glob("*.png"))) == 2
    with pytest.raises(InputError, match="need variants of the set"):
        _run("cards", *mine, variants=["nowhere:1:A>C"])


def test_cards_of_other_variants_than_were_compared_are_refused(world, compared):
    folder, found = world
    fewer = found.variants.iloc[:-50]
    write_table(fewer, folder / "variants" / "fewer.parquet", VARIANT_EFFECTS, provenance("test"))
    write_h5ad(effects_of(fewer, found.deltas[:-50]), folder / "variants" / "fewer.h5ad", provenance("test"))
    with pytest.raises(InputError, match="need the sets of variants that were compared there"):
        _run("cards", folder, "--name", "mine", "--set", "fewer")


def test_rules_of_variants_meet_the_other_genes_once(world, tmp_path):
    said = ["distil", world[0], "--set", "mine", "--comparison", json.dumps(COMPARE), "--name"]
    folder = world[0] / "biomarkers" / "rules"
    said.append("rules")
    _run(*said, bootstrap=30, raw=["gc", "llr"])
    rules = read_table(folder / "rules.parquet", RULES)
    assert set(rules["family"]) == {"features", "raw"}
    assert json.loads((folder / "lock.json").read_text())["opened"]
    _run(*said, bootstrap=30, raw=["gc", "llr"])
    with pytest.raises(InputError, match="second look"):
        _run(*said, bootstrap=30, raw=["gc"])
    with pytest.raises(InputError, match="columns of numbers"):
        _run(*said[:-1], "x", raw=["gene"])
    with pytest.raises(InputError, match="need --set"):
        _run("distil", world[0], "--name", "x")
    with pytest.raises(InputError, match="need --name"):
        _run("distil", world[0], "--set", "mine")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"cases": 'label == "nothing"'}, "cases: need at least one variant"),
        ({"controls": 'label != ""'}, "no variant in both"),
        ({"cases": "lable == 1"}, "need an expression over the columns"),
        ({"strata": ["gene", "phase"]}, "need column 'phase'"),
        ({"conservation": "gnomad_AF"}, "knows no population"),
    ],
)
def test_bad_comparisons_are_one_sentence(world, tmp_path, change, said):
    with pytest.raises(InputError, match=said):
        _run("biomarkers", world[0], "--name", "bad", "--set", "mine", **COMPARE | change)


def _cohort_files(folder, found, n=120):
    """A VCF of 40 of the variants in n individuals of 6 clades, phased, unphased and missing; a panel."""
    rng = np.random.default_rng(0)
    rows = found.variants.iloc[np.sort(rng.permutation(len(found.variants))[:40])].sort_values("pos")
    clade = np.arange(n) % 6
    people = [f"p{i:03d}" for i in range(n)]
    end = int(found.variants["pos"].max()) + 1000
    lines = ["##fileformat=VCFv4.2", f"##contig=<ID=planted,length={end}>", '##FORMAT=<ID=GT,Number=1,Type=String,Description="g">']  # fmt: skip
    lines.append("\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *people]))
    for p, ref, alt in rows[["pos", "ref", "alt"]].itertuples(index=False):
        frequency = rng.beta(2, 3, 6)[clade]
        calls = [
            "./." if rng.random() < 0.02 else "|/"[int(rng.random() < 0.5)].join(str(int(rng.random() < f)) for _ in range(2))
            for f in frequency
        ]  # fmt: skip
        lines.append("\t".join(["planted", str(p + 1), ".", ref, alt, ".", ".", ".", "GT", *calls]))
    (folder / "cohort.vcf").write_text("\n".join([*lines, ""]))
    panel = ["individual\tphenotype\tclade\tage"]
    panel += [f"{name}\t{int(rng.random() < 0.5)}\tc{clade[i]}\t{rng.integers(40, 80)}" for i, name in enumerate(people[1:], 1)]  # fmt: skip
    (folder / "panel.tsv").write_text("\n".join([*panel, "nobody\t1\tc0\t50", ""]))


def test_a_cohort_of_genotypes_from_files(world, tmp_path):
    _cohort_files(tmp_path, world[1])
    files = [tmp_path / "panel.tsv", tmp_path / "out", "--genotypes", tmp_path / "cohort.vcf"]
    files += ["--variants", world[0] / "variants" / "mine.parquet"]
    params = {
        "clade": "clade",
        "covariates": ["age"],
        "half_samples": 10,
        "permutations": 99,
        "min_clades": 2,
    }
    _run("cohort", *files, **params)
    tests = read_table(tmp_path / "out" / "cohort_tests.parquet", COHORT_TESTS)
    assert len(tests) == 60
    assert (tests["test"] == "freedman_lane").all()
    left_out = read_table(tmp_path / "out" / "unmatched.parquet", UNMATCHED)
    assert set(left_out["individual"]) == {"p000", "nobody"}
    assert not json.loads((tmp_path / "out" / "lock.json").read_text())["opened"]
    with pytest.raises(InputError, match="clades"):
        _run("cohort", *files[:1], tmp_path / "y", *files[2:], **params | {"min_clades": 7})


def test_a_cohort_without_genotypes_or_codes_is_refused(tmp_path):
    (tmp_path / "panel.tsv").write_text("individual\tphenotype\na\t1\n")
    with pytest.raises(InputError, match="--genotypes and --variants"):
        _run("cohort", tmp_path / "panel.tsv", tmp_path / "out")
    with pytest.raises(InputError, match="no such file"):
        _run("cohort", tmp_path / "none.tsv", tmp_path / "out", "--codes", tmp_path, "--genomes", tmp_path)
