import json
import re

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from benchmarks.planted.worlds import contaminants_world, ecoli_windows
from photo51.cli import app
from photo51.config.debug_data import DebugDataParams
from photo51.genome.alphabet import decode, reverse_complement
from photo51.genome.formats.fasta import record
from photo51.learnt.data.corpora import manifest_weights, reference_of
from photo51.learnt.data.debugging import read_corpus
from photo51.learnt.data.disparity import (
    base_composition,
    clade_distance,
    cluster_values,
    disparity,
    distances,
    feature_clusters,
    reference_sd,
    robust,
    without,
    word_entropy,
)
from photo51.learnt.data.proposals import foreign_by_chance, halves_differ, recommendation
from photo51.learnt.data.record_reading import reference_records, undrawn_windows
from photo51.learnt.data.traces import Vectors, covered_share, repeated_words, shared_spans
from photo51.types import InputError

SMALL = {"windows": 1, "window": 96, "prompt": 64, "own": 12, "references": 48, "clusters": 6, "batch": 48}


def letters(rng, n):
    return "".join(rng.choice(list("ACGT"), n))


def turned(text):
    return text.translate(str.maketrans("ACGT", "TGCA"))[::-1]


def test_shared_spans_are_the_planted_ones_on_both_strands():
    rng = np.random.default_rng(1)
    word, other = letters(rng, 40), letters(rng, 33)
    bodies = [letters(rng, 60) for _ in range(8)]
    records = [
        record("a", bodies[0] + "A" + word + "C" + bodies[1]),
        record("b", bodies[2] + "C" + turned(word) + "T" + bodies[3]),
        record("c", bodies[4] + other + bodies[5]),
        record("d", other + "N" + bodies[6]),
        record("e", bodies[7] * 2),  # its own repeat is not shared
    ]
    table = shared_spans(records, 31, 2).set_index("record")
    assert set(table.index) == {"a", "b", "c", "d"}
    # neighbours agree by chance at times: spans hold the word and no more than a few bases beside it
    for name, start, length in (("a", 61, 40), ("b", 61, 40), ("c", 60, 33), ("d", 0, 33)):
        assert start - 4 <= table.loc[name, "start"] <= start
        assert start + length <= table.loc[name, "end"] <= start + length + 4
    assert table["cluster"].tolist() == [0, 0, 1, 1]
    assert (table["records"] == 2).all()
    assert shared_spans(records, 31, 3).empty
    assert covered_share(table.reset_index(), records[3]) == pytest.approx(33 / 94, abs=0.05)
    assert len(shared_spans(records, 31, 2, ordinary=repeated_words(records[2:4], 31))) == 2


def test_vectors_are_found_and_named_short_ones_too(tmp_path):
    rng = np.random.default_rng(2)
    long, short = letters(rng, 50), letters(rng, 20)
    (tmp_path / "v.fa").write_text(f">long\n{long}\n>short\n{short}\n")
    records = [
        record("a", letters(rng, 50) + turned(short) + letters(rng, 50)),
        record("b", long[5:45]),
        record("c", letters(rng, 90)),
    ]
    table = shared_spans(records, 31, 2, Vectors(tmp_path / "v.fa", 31)).set_index("record")
    assert table["vector"].to_dict() == {"a": "short", "b": "long"}
    assert table.loc["a", ["start", "end"]].tolist() == [50, 70]
    assert table.loc["b", ["start", "end"]].tolist() == [0, 40]
    (tmp_path / "bad.fa").write_text(">tiny\nACGTACGT\n")
    with pytest.raises(InputError, match=r"bad.fa, tiny: need at least 12 bases, got 8"):
        Vectors(tmp_path / "bad.fa", 31)


def test_composition_is_taken_out_and_content_stays():
    rng = np.random.default_rng(3)
    n = 400
    covariate = rng.normal(size=(n, 3))
    inside = np.arange(n) < 200
    values = covariate @ rng.normal(size=(3, 4)) + rng.normal(0, 0.1, (n, 4))
    covariate[~inside] += 1.0  # a shift of composition, and what follows from it
    values[~inside] += (np.linalg.lstsq(covariate[inside] - 0, values[inside], rcond=None)[0]).sum(axis=0)
    values[~inside, 2] += 0.5  # content
    rest = without(values, covariate, inside)
    table = disparity(values, rest, values, inside)
    assert np.abs(table["d_partial"].drop(2)).max() < 0.6
    assert table.loc[2, "d_partial"] > 3
    assert table.loc[2, "reading"] == "content"


def test_gc_of_windows_and_strands():
    ids = np.stack([np.frombuffer(b"GGCCAATT" * 4, np.uint8), np.frombuffer(b"ACGGTTCA" * 4, np.uint8)])
    plain, minus = base_composition(ids), base_composition(reverse_complement(ids))
    assert plain[:, 0].tolist() == [0.5, 0.5]
    assert np.allclose(plain, minus)
    assert plain.shape[1] == 11


def test_nothing_is_found_between_halves_of_one_corpus():
    """Zero control: random halves, 200 times over; a cluster is called different in at most one of twenty."""
    rng = np.random.default_rng(4)
    runs = 200
    hits = 0
    for _ in range(runs):
        values = rng.gamma(0.5, size=(120, 12))
        table = disparity(values, values, values, np.arange(120) < 60)
        hits += (table["q"] <= 0.05).any()
    assert hits <= 20  # binomial of 200 and 0.05: 10 expected, more than 20 in less than 1 of 1,000


def test_distance_names_the_outlier():
    rng = np.random.default_rng(5)
    mix = rng.normal(size=(5, 5))
    values = rng.normal(size=(300, 5)) @ mix
    values[-1] += 8 * np.linalg.solve(mix @ mix.T, np.ones(5))
    away = distances(values, np.arange(300) < 200)
    assert np.argmax(away) == 299
    assert np.median(away[200:299]) < 1.5
    assert robust(np.array([3.0]), np.array([1.0, 2.0, 3.0])) == pytest.approx([1 / 1.4826])


def test_what_the_reference_never_shows_is_measured_by_the_spread_of_all_records():
    """Cluster 0 is silent on 100 records of the reference, and 1 on 10 of 100 of the corpus."""
    rng = np.random.default_rng(5)
    values = rng.normal(size=(200, 4))
    values[:, 0] = 0
    values[100:110, 0] = 1
    reference = np.arange(200) < 100
    # 10 of 200 records at 1: variance with n - 1 is (10 - 200 * 0.05 ** 2) / 199 = 0.0477, half its root is 0.1092
    assert reference_sd(values, reference)[0] == pytest.approx(0.1092, abs=1e-4)
    table = disparity(values, values, values, reference)
    assert table["d_reference"][0] == pytest.approx(0.1 / 0.1092, rel=1e-3)
    assert table["d_partial"][0] == pytest.approx(0.1 / 0.1092, rel=1e-3)
    far = distances(values, reference)
    assert np.isfinite(far).all()
    assert far[110:].max() < 6
    assert far[100:110].min() > 5
    assert far[100:110].max() < 40


def test_a_feature_of_many_records_that_the_reference_lacks_names_none_of_them():
    rng = np.random.default_rng(6)
    values = rng.normal(size=(400, 24))
    values[:200, 0] = 0
    values[200:, 0] = rng.random(200) < 0.3
    assert distances(values, np.arange(400) < 200)[200:].max() < 8  # `outlying` by default


def test_how_many_are_foreign_by_chance_is_what_records_of_one_kind_give():
    read = pd.DataFrame({"d_features": np.r_[np.zeros(598), np.nan]})  # the last record could not be read
    assert foreign_by_chance(read, 200) == pytest.approx(11.84, abs=0.005)  # 2 * 598 / 101
    rng = np.random.default_rng(7)
    beyond = [(d[100:] > d[:100].max(axis=0)).any(axis=1).sum() for d in rng.gamma(0.3, size=(400, 698, 2))]
    assert 0.85 * 11.84 < np.mean(beyond) < 1.05 * 11.84


def test_a_reference_that_is_all_the_same_is_no_distance_of_its_own():
    same = np.full(50, 2.0)
    assert robust(same, same).tolist() == [0.0] * 50
    assert np.abs(robust(np.append(same, 3.0), same)).max() < 20


def test_features_that_fire_together_are_one_cluster():
    rng = np.random.default_rng(6)
    base = rng.gamma(1.0, size=(100, 3))
    z = np.column_stack([base[:, [0, 0, 1, 1, 2]] * [1, 5, 1, 2, 1] + rng.normal(0, 0.01, (100, 5)), np.zeros(100)])
    clusters = feature_clusters(z, 3)
    assert clusters[5] == -1
    assert len({clusters[0], clusters[2], clusters[4]}) == 3
    assert clusters[0] == clusters[1]
    assert clusters[2] == clusters[3]
    assert cluster_values(z, clusters, z.std(axis=0) + 1e-9).shape == (100, 3)


def test_entropy_of_a_simple_repeat_by_hand():
    assert word_entropy([np.frombuffer(b"ACACACACAC", np.uint8)]) == pytest.approx([1.0])
    assert word_entropy([np.frombuffer(b"AAAAAA", np.uint8)]) == pytest.approx([0.0])


def test_gaps_and_fragments_are_not_simple():
    rng = np.random.default_rng(4)
    known = letters(rng, 400)
    whole, gapped = record("a", known).ids, record("a", known + "N" * 4_000).ids
    entropies = word_entropy([whole, gapped, *(np.frombuffer(x, np.uint8) for x in (b"NNNNNN", b"AC", b"A"))])
    assert entropies[1] == entropies[0] > 5
    assert np.isnan(entropies[2:]).all()


def test_vectors_beside_gaps_stay_apart(tmp_path):
    """Two adapters shorter than a word, each before a gap: the words that begin there are unknown, and not the same."""
    rng = np.random.default_rng(5)
    first, second = letters(rng, 20), letters(rng, 20)
    (tmp_path / "v.fa").write_text(f">first\n{first}\n>second\n{second}\n")
    records = [record(n, letters(rng, 50) + v + "N" * 40) for n, v in (("a", first), ("b", second))]
    table = shared_spans(records, 31, 2, Vectors(tmp_path / "v.fa", 31)).set_index("record")
    assert table["vector"].to_dict() == {"a": "first", "b": "second"}
    assert (table["records"] == 1).all()


@pytest.fixture
def corpus(tmp_path):
    rng = np.random.default_rng(7)
    windows = ecoli_windows(100, rng, 128)
    world = contaminants_world(windows[:40], windows[40:42], 2, rng)
    (tmp_path / "c.fa").write_text("".join(f">d{i}\n{decode(r)}\n" for i, r in enumerate(world.records)))
    (tmp_path / "r.fa").write_text("".join(f">r{i}\n{decode(r)}\n" for i, r in enumerate(windows[42:])))
    adapter = world.truth.loc[world.truth["kind"] == "adapter", "name"].iloc[0]
    (tmp_path / "v.fa").write_text(f">adapter\n{adapter}\n")
    return tmp_path, world.truth


def debug(folder, *more):
    return CliRunner().invoke(
        app,
        [
            *f"debug-data {folder}/c.fa sh2:nano --reference {folder}/r.fa --out {folder}/out --threads 1".split(),
            *("--params", json.dumps(SMALL)),
            *map(str, more),
        ],
    )


def test_the_command_names_planted_contaminants_and_proposes(corpus):
    folder, truth = corpus
    done = debug(folder, "--vectors", folder / "v.fa")
    assert done.exit_code == 0, done.output
    table = pd.read_parquet(folder / "out/records.parquet").set_index("record")
    assert len(table) == 40
    cause = {kind: {table.loc[f"d{r}", "cause"] for r in part["record"]} for kind, part in truth.groupby("kind")}
    assert cause["adapter"] == {"vector"}
    assert cause["simple"] == {"low complexity"}
    assert "vector" not in cause["gc"]
    assert table.loc[table["action"] == "drop", "weight"].eq(0).all()
    disparities = pd.read_parquet(folder / "out/disparity.parquet")
    assert len(disparities) <= 6
    assert disparities["d_own"].notna().all()
    # a second call with the proposals as weights brings the corpus nearer to the reference
    dropped = pd.read_csv(folder / "out/records.tsv", sep="\t")
    (folder / "out/records.tsv").rename(folder / "m.tsv")
    again = debug(folder, "--manifest", folder / "m.tsv", "--vectors", folder / "v.fa")
    assert again.exit_code == 0, again.output
    after = pd.read_parquet(folder / "out/disparity.parquet")
    assert dropped["weight"].lt(1).any()
    assert np.linalg.norm(after["d_reference"]) < np.linalg.norm(disparities["d_reference"])


def test_bad_corpora_are_named(corpus):
    folder, _ = corpus
    (folder / "c.fa").write_text(">only\n" + "ACGT" * 60 + "\n")
    assert "need at least two records to compare, got 1" in str(debug(folder).exception)
    (folder / "c.fa").write_text(">a\nACGT\n>b\nACGT\n")
    assert "at least two records with 96 bases" in str(debug(folder).exception)
    assert not (folder / "out").exists()


def test_vectors_that_match_everything_are_refused(corpus):
    folder, _ = corpus
    (folder / "v.fa").write_text((folder / "c.fa").read_text())
    result = debug(folder, "--vectors", folder / "v.fa")
    assert isinstance(result.exception, InputError)
    assert "got exact matches in 40 of 40 records" in str(result.exception)
    assert not (folder / "out").exists()


def test_manifests_and_references_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match="--reference: need a FASTA file"):
        reference_of("my/model", None)
    path = tmp_path / "m.tsv"
    with pytest.raises(InputError, match="no such file"):
        manifest_weights(path, ["a"])
    path.write_text("record\tweight\na\t-1\n")
    with pytest.raises(InputError, match=r"m.tsv, line 2: need a weight of 0 or more, got '-1'"):
        manifest_weights(path, ["a"])
    path.write_text("record\tweight\nb\t1\n")
    with pytest.raises(InputError, match="got 'b'"):
        manifest_weights(path, ["a"])
    path.write_text("record\nb\n")
    with pytest.raises(InputError, match="need columns record and weight"):
        manifest_weights(path, ["b"])
    path.write_text("record\tweight\na\t0\nb\t0\n")
    with pytest.raises(InputError, match="a weight above 0, got none"):
        manifest_weights(path, ["a", "b"])
    assert manifest_weights(path, ["a", "b", "c"]) == {"a": 0.0, "b": 0.0}


def test_a_baseline_that_wins_is_recommended():
    columns = ["record", "cause", "score", "d_shared", "d_bits", "d_words"]
    exact = pd.DataFrame([("a", "vector", 11, 11.0, 0, 0), ("b", "none", 1, 0.0, 5, 5)], columns=columns)
    assert recommendation(exact).startswith("exact matches find every one")
    bits = pd.DataFrame([("a", "foreign", 5, 0.0, 9, 0), ("b", "none", 6, 0.0, 1, 5)], columns=columns)
    assert "rank highest by surprisal: go by it here" in recommendation(bits)
    assert recommendation(bits.iloc[1:]) == "no record stands out"


def test_params_of_one_record_are_read(corpus):
    folder, _ = corpus
    records = [record("x", "ACGT" * 40)]
    with pytest.raises(InputError, match="split a genome into records"):
        read_corpus(None, None, records, [], DebugDataParams(**SMALL), str(folder))


def test_halves_of_a_reference_hardly_ever_differ():
    rng = np.random.default_rng(11)
    shares = [halves_differ(rng.gamma(0.5, size=(60, 8)), seed) for seed in range(5)]
    assert 0 < np.mean(shares) <= 0.1


def test_a_record_that_the_model_knows_and_the_reference_does_not_is_far_by_clade():
    """Surprisal of the chain is what the model's leads to expect, but for two records of another clade."""
    rng = np.random.default_rng(12)
    n = 200
    composition = rng.normal(size=(n, 3))
    bits = rng.normal(1.9, 0.05, n)
    words = 0.3 + 0.9 * bits + 0.02 * composition[:, 0] + rng.normal(0, 0.01, n)
    words[-2:] += 0.1
    bits[100:110] += 0.3  # odd to model and chain alike: no other clade
    words[100:110] += 0.27
    far = clade_distance(words, bits, composition, np.arange(1, 80, 2))
    assert set(np.argsort(-far)[:2]) == {n - 2, n - 1}
    assert far[-2:].min() > 5
    assert far[100:110].max() < 5
    assert np.median(np.abs(far[1:80:2])) == pytest.approx(0.67, abs=0.15)  # a median absolute deviation, in sd


def test_no_record_of_the_reference_is_both_read_and_fitted():
    genome = [record("g", letters(np.random.default_rng(13), 96 * 60))]
    params = DebugDataParams(**SMALL | {"references": 40})
    drawn, left = reference_records(genome, params)[0], undrawn_windows(genome, params)
    assert (len(drawn), len(left)) == (40, 20)
    assert len({bytes(w) for w in np.concatenate([drawn, left])}) == 60


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ("a\tinf\n", "line 2: need a weight of 0 or more, got 'inf'"),
        ("a\t1\na\t0\n", "line 3: need each record once, got 'a' again"),
        ("\na\t1\t2\n", "line 3: need 2 columns as in the header, got 3"),
        ("a\t1\nnan\t1\n", "line 3: need a record of the corpus, got 'nan'"),
    ],
)
def test_a_manifest_is_refused_with_its_line(tmp_path, lines, says):
    (tmp_path / "m.tsv").write_text(f"record\tweight\n{lines}")
    with pytest.raises(InputError, match=re.escape(says)):
        manifest_weights(tmp_path / "m.tsv", ["a", "b"])


def test_records_may_be_called_anything(tmp_path):
    names = ["NA", "null", "1e5", '"q"', "007", "a;b"]
    table = pd.DataFrame({"record": names, "weight": np.arange(6) / 4})
    table.to_csv(tmp_path / "m.tsv", sep="\t", index=False)
    assert manifest_weights(tmp_path / "m.tsv", names) == dict(zip(names, np.arange(6) / 4, strict=True))
