"""Sets of variants from file to table, on a tiny model: nothing lost without its name, shards or not, the same bytes."""

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from benchmarks.planted.genome import planted_genome, write_planted
from photo51.cli import app
from photo51.config.biomarkers import VariantsParams
from photo51.config.genome import GenomeParams
from photo51.effects.choose import chosen, numbers
from photo51.effects.describe import _genes, substitution
from photo51.effects.run import load_variants
from photo51.effects.windows import places, readings
from photo51.genome.alphabet import decode
from photo51.genome.preparation.prepare import prepare
from photo51.io import read_h5ad, read_table
from photo51.io.contracts.biomarkers import VARIANT_EFFECTS
from photo51.io.contracts.genome import REFUSED_VARIANTS
from photo51.model.families.adapters import load_model
from photo51.model.stripedhyena.pretrained import save_pretrained
from photo51.sae.dictionary import SparseAutoencoder
from photo51.sae.rules import Gate
from photo51.types import InputError, Variant

from .toy import ToyGenomes, random_sequence, toy_model, variant_table

LENGTH = 12_000
PARAMS = {"window": 128, "snap": 32, "batch_tokens": 2048}
OTHER = dict(zip("ACGT", "GTAC", strict=True))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Model, dictionary, a prepared circular genome, and its letters."""
    folder = tmp_path_factory.mktemp("variants")
    save_pretrained(toy_model(), folder / "model")
    origin = load_model(folder / "model", device="cpu").spec.origin("block.2.out")
    rows = np.random.default_rng(0).normal(size=(48, 16)).astype(np.float32)
    weights = {
        "encoder": rows, "decoder": rows / np.linalg.norm(rows, axis=1, keepdims=True),
        "bias": np.zeros(48, np.float32), "centre": np.zeros(16, np.float32), "offset": np.zeros(16, np.float32),
    }  # fmt: skip
    SparseAutoencoder(weights, Gate(threshold=np.full(48, 4, np.float32)), origin).save(folder / "sae")
    sheet = write_planted([planted_genome(LENGTH)], folder / "in")
    genomes = prepare(sheet, folder / "genome", GenomeParams(block=8_192, gap=256))
    return folder, decode(genomes.sequence("planted", "chr", 0, LENGTH))


def _vcf(path, records):
    lines = ["##fileformat=VCFv4.2", f"##contig=<ID=chr,length={LENGTH}>", "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"]  # fmt: skip
    lines += [f"chr\t{p + 1}\t.\t{r}\t{a}\t.\t.\t." for p, r, a in records]
    path.write_text("\n".join([*lines, ""]))
    return path


def _run(folder, *arguments, **params):
    options = ["--params", json.dumps(PARAMS | params)]
    if "--gather" not in arguments:
        options += ["--model", folder / "model", "--sae", folder / "sae", "--threads", "1"]
    result = CliRunner().invoke(app, [str(a) for a in ["variants", folder / "genome", *arguments, *options]])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output


def _records(letters):
    return [
        (5_000, letters[5_000], OTHER[letters[5_000]]),
        (5_010, letters[5_010], ",".join(b for b in "ACGT" if b != letters[5_010])),
        (5_020, letters[5_020:5_024], letters[5_020]),
        (5_030, letters[5_030], letters[5_030] + "ACG"),
        (5_040, letters[5_040], "<DEL>"),
        (5_050, letters[5_050], "*"),
        (5_060, OTHER[letters[5_060]], letters[5_060]),
        (5_070, letters[5_070], OTHER[letters[5_070]]),
        (5_070, letters[5_070], OTHER[letters[5_070]]),
        (LENGTH - 1, letters[LENGTH - 1], OTHER[letters[LENGTH - 1]]),
    ]


@pytest.fixture(scope="module")
def scored(files, tmp_path_factory):
    folder, letters = files
    out = tmp_path_factory.mktemp("out")
    vcf = _vcf(out / "some.vcf", _records(letters))
    _run(folder, vcf, "--out", out / "some.parquet", max_ref_mismatch=0.5)
    return vcf, out


def test_every_allele_is_scored_or_refused_by_name(scored):
    table = read_table(scored[1] / "some.parquet", VARIANT_EFFECTS)
    refused = read_table(scored[1] / "refused" / "some.parquet", REFUSED_VARIANTS)
    assert len(table) == 1 + 3 + 1 + 1 + 1 + 1
    assert len(refused) == 4
    said = " | ".join(refused["reason"])
    for words in ("symbolic allele <DEL>", "spanning deletion", "reference allele is", "duplicate of line"):
        assert words in said
    assert table["llr"].notna().all()
    assert (table["llr"] == (table["llr_plus"] + table["llr_minus"]) / 2).all()
    assert set(table["substitution"]) >= {"ins", "del"}


def test_shards_and_the_whole_are_the_same_table(files, scored, tmp_path):
    folder, _ = files
    vcf, whole = scored
    options = ["--out", tmp_path / "some.parquet"]
    for shard in range(3):
        _run(folder, vcf, *options, "--part", f"{shard}/3", max_ref_mismatch=0.5)
    _run(folder, vcf, *options, "--gather", "3", max_ref_mismatch=0.5)
    for read, name in ((read_table, "some.parquet"), (read_h5ad, "some.h5ad")):
        if read is read_table:
            pd.testing.assert_frame_equal(
                read(tmp_path / name, VARIANT_EFFECTS),
                read(whole / name, VARIANT_EFFECTS),
                rtol=1e-4,
                atol=1e-5,
            )
        else:
            a, b = (read(f / name).layers["near_minus"].toarray() for f in (tmp_path, whole))
            assert np.allclose(a, b, atol=1e-4)


def test_the_same_command_gives_the_same_bytes(files, scored, tmp_path):
    folder, _ = files
    _run(folder, scored[0], "--out", tmp_path / "some.parquet", max_ref_mismatch=0.5)
    for name in ("some.parquet", "some.h5ad"):
        assert (tmp_path / name).read_bytes() == (scored[1] / name).read_bytes(), name


def test_a_missing_shard_is_named(files, scored, tmp_path):
    folder, _ = files
    with pytest.raises(InputError, match="need 2 shards, got none at"):
        _run(folder, scored[0], "--out", tmp_path / "x.parquet", "--gather", "2", max_ref_mismatch=0.5)  # fmt: skip


def test_more_reference_mismatches_than_stated_refuse_the_whole_set(files, scored):
    folder, _ = files
    with pytest.raises(InputError, match=r"chr:5061"):
        load_variants(folder / "genome", [scored[0]], VariantsParams(**PARAMS))


def test_a_base_past_the_end_is_a_mismatch_not_a_crash(files, tmp_path):
    folder, letters = files
    table = tmp_path / "t.tsv"
    table.write_text(f"pos\tref\talt\n{LENGTH + 5}\tA\tC\n11\t{letters[10]}\t{OTHER[letters[10]]}\n")
    found = load_variants(folder / "genome", [table], VariantsParams(**PARAMS, max_ref_mismatch=0.6))
    assert found.refused["reason"].str.contains("past the end").sum() == 1
    assert len(found.described) == 1


def test_a_set_is_selected_by_its_name_alone(files, tmp_path):
    folder, letters = files
    table = tmp_path / "t.tsv"
    rows = [f"{p + 1}\t{letters[p]}\t{OTHER[letters[p]]}\t{n}\t{kind}" for p, n, kind in ((10, 3, "a"), (20, 30, "a"), (30, "", "b"))]  # fmt: skip
    table.write_text("\n".join(["pos\tref\talt\tseen\tkind", *rows, ""]))
    params = VariantsParams(**PARAMS, select={"mine": 'seen > 5 or kind == "b"', "other": "seen > 1000"})
    for name, expected in (("mine", [20, 30]), ("unnamed", [10, 20, 30])):
        found = load_variants(folder / "genome", [table], params, None, name)
        assert found.described["pos"].tolist() == expected
    with pytest.raises(InputError, match="select, other: need at least one variant"):
        load_variants(folder / "genome", [table], params, None, "other")
    with pytest.raises(InputError, match="x: need an expression over the columns"):
        chosen(pd.DataFrame({"a": [1]}), "b > 1", "x")
    with pytest.raises(InputError, match="x: need true or false"):
        chosen(pd.DataFrame({"a": [1]}), "a + 1", "x")


def test_columns_of_numbers_become_numbers_and_lists_stay_text():
    assert numbers(pd.Series(["1", "", "2.5"], dtype=object)).tolist()[::2] == [1.0, 2.5]
    assert numbers(pd.Series(["1,1", "2"], dtype=object)).tolist() == ["1,1", "2"]


def test_substitutions_are_named_on_the_genes_strand():
    assert substitution(Variant("c", 0, "A", "G"), "+") == "A>G"
    assert substitution(Variant("c", 0, "A", "G"), "-") == "T>C"
    assert substitution(Variant("c", 0, "AC", "GT"), "+") == "mnv"
    assert substitution(Variant("c", 0, "A", "AT"), "-") == "ins"


@pytest.mark.parametrize(("circular", "gene"), [(("c",), "last"), ((), "first")])
def test_the_nearest_gene_of_a_circle_may_lie_across_its_origin(circular, gene):
    genomes = ToyGenomes({"c": random_sequence(600)}, circular)
    annotations = pd.DataFrame(
        {"genome": "g", "chrom": "c", "start": [200, 500], "end": [300, 590], "strand": "+", "kind": "gene"}
    ).assign(name=["first", "last"])
    variants = pd.DataFrame({"chrom": "c", "pos": [5], "ref": "A", "alt": "C"})
    circles = {"c": 600 if circular else 0}
    worst = pd.DataFrame({"gene": [""], "consequence": ["intergenic"]})
    assert genomes.is_circular("g", "c") == bool(circles["c"])
    # 16 bases after `last` round the circle, 195 before `first`
    assert _genes(worst, variants, annotations, circles) == [gene]


def test_reading_less_after_a_variant_cuts_the_end_and_nothing_before_it():
    letters = random_sequence(600)
    genomes = ToyGenomes({"c": letters})
    variants = variant_table([(300, letters[300], OTHER[letters[300]]), (310, letters[310:314], letters[310])])
    full, cut = (VariantsParams(window=256, snap=32, after=a) for a in (None, 20))
    for whole, part in zip(
        *(list(readings(places(variants, genomes, p)[0], variants, genomes)) for p in (full, cut)),
        strict=True,
    ):
        assert len(part.ref) < len(whole.ref)
        assert part.prefix == whole.prefix
        assert np.array_equal(part.ref, whole.ref[: len(part.ref)])
        for a, b in zip(part.alts, whole.alts, strict=True):
            assert np.array_equal(a, b[: len(a)])
    # the zone is 288 to 320, the window 176 to 432: forward 20 bases past 320 are read, backward 20 below 288
    lengths = [len(r.ref) for r in readings(places(variants, genomes, cut)[0], variants, genomes)]
    assert lengths == [320 + 20 - 176, 432 - (288 - 20)]
