import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from photo51.codes import CodesMeta, CodesStore, codes_path, gather, write_codes
from photo51.genome.axis.workspace import Workspace
from photo51.io.origin import Origin
from photo51.io.tensors import is_made
from photo51.types import STRANDS, InputError, Interval

META = CodesMeta("sae1", Origin("abc", "block.1.out", 4), n_features=50, workspace="w", made="m")


def random_codes(n, n_features=50, k=3, seed=0):
    rng = np.random.default_rng(seed)
    steps = rng.integers(1, n_features // (k + 1) + 1, (n, k))  # distinct, ascending, below n_features
    features = np.cumsum(steps, axis=1) - 1
    # multiples of 1/8 up to 8 are exact in float16
    values = rng.integers(1, 65, (n, k)).astype(np.float32) / 8
    return sp.csr_matrix((values.ravel(), features.ravel(), np.arange(n + 1) * k), shape=(n, n_features))


def dense(m):
    return m.toarray()


@pytest.fixture
def store(tmp_path):
    whole = {"+": random_codes(100, seed=1), "-": random_codes(100, seed=2)}
    for shard, (a, b) in enumerate([(0, 40), (40, 45), (45, 100)]):
        for strand, codes in whole.items():
            write_codes(tmp_path, shard, strand, a, codes[a:b], META)
    return gather(tmp_path, 100), whole


@pytest.mark.parametrize("strand", ["+", "-"])
def test_rows_come_back_exactly(store, strand):
    store, whole = store
    for rows in (slice(None), slice(0, 1), slice(38, 47), slice(44, 45), slice(99, 100), slice(50, 50)):
        got = store.matrix(strand, rows)
        assert got.dtype == np.float32
        assert np.array_equal(dense(got), dense(whole[strand][rows]))


@pytest.mark.parametrize("strand", ["+", "-"])
def test_features_come_back_exactly_in_the_order_asked_for(store, strand):
    store, whole = store
    for ids in ([7], [49, 0, 13], list(range(50)), [3, 3], []):
        got = store.features(ids, strand)
        assert got.shape == (100, len(ids))
        assert got.has_sorted_indices
        assert np.array_equal(dense(got), dense(whole[strand])[:, ids])
    assert store.counts(strand).tolist() == (dense(whole[strand]) > 0).sum(0).tolist()


def test_a_feature_asked_for_that_does_not_exist(store):
    with pytest.raises(IndexError, match="0 <= id < 50"):
        store[0].features([50], "+")


def test_more_rows_than_a_block_of_two_byte_numbers(tmp_path):
    n = 140_000
    rows = np.array([0, 65_535, 65_536, 131_072, 139_999])
    codes = sp.csr_matrix((np.arange(1, 6, dtype=np.float32), (rows, [3, 3, 3, 9, 3])), shape=(n, 50))
    for strand in "+-":
        write_codes(tmp_path, 0, strand, 0, codes, META)
    store = gather(tmp_path, n)
    column = store.features([3, 9], "+")
    assert column[:, 0].indices.tolist() == [0, 65_535, 65_536, 139_999]
    assert column[:, 0].data.tolist() == [1, 2, 3, 5]
    assert column[:, 1].indices.tolist() == [131_072]


@pytest.mark.parametrize("n_features", [65_536, 65_537])
def test_the_last_feature_of_wide_dictionaries(tmp_path, n_features):
    meta = CodesMeta("s", META.origin, n_features)
    codes = sp.csr_matrix(([2.0], ([1], [n_features - 1])), shape=(3, n_features))
    for strand in "+-":
        write_codes(tmp_path, 0, strand, 0, codes, meta)
    store = gather(tmp_path, 3)
    assert store.features([n_features - 1], "-").toarray().ravel().tolist() == [0, 2, 0]
    assert store.matrix("+")[1].indices.tolist() == [n_features - 1]


def test_rows_with_many_active_features(tmp_path):
    codes = sp.csr_matrix(np.ones((2, 1_000), np.float32))
    for strand in "+-":
        write_codes(tmp_path, 0, strand, 0, codes, CodesMeta("s", META.origin, 1_000))
    assert gather(tmp_path, 2).matrix("+").sum() == 2_000


def test_six_bytes_per_active_value(tmp_path):
    n, k = 70_000, 32
    codes = random_codes(n, 4_096, k)
    meta = CodesMeta("s", META.origin, 4_096)
    path = write_codes(tmp_path, 0, "+", 0, codes, meta)
    assert path.stat().st_size / (n * k) < 6.1


def test_values_are_rounded_to_float16_and_never_vanish(tmp_path):
    codes = sp.csr_matrix(np.array([[1e-12, 0.1, 60_000.0]], np.float32))
    for strand in "+-":
        write_codes(tmp_path, 0, strand, 0, codes, CodesMeta("s", META.origin, 3))
    got = gather(tmp_path, 1).matrix("+").toarray()[0]
    assert got[0] == 2.0**-24
    assert got[1] == pytest.approx(0.1, rel=2**-11)
    assert got[2] == 60_000


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0, 70_000.0])
def test_codes_that_are_none_are_named(tmp_path, value):
    codes = sp.csr_matrix(([1.0, value], ([0, 2], [4, 9])), shape=(3, 50))
    with pytest.raises(InputError, match=r"row 12, feature 9"):
        write_codes(tmp_path, 0, "+", 10, codes, META)
    assert not list(tmp_path.iterdir())


def test_missing_rows_are_named_with_strand(store, tmp_path):
    codes_path(tmp_path, 1, "-").unlink()
    with pytest.raises(InputError, match=r"rows 40\.\.45 of strand - missing") as e:
        gather(tmp_path, 100)
    assert "strand +" not in str(e.value)
    with pytest.raises(InputError, match=r"00001\.minus"):
        CodesStore.open(tmp_path)


def test_a_missing_end_is_named(store, tmp_path):
    with pytest.raises(InputError, match=r"rows 100\.\.120 of strand \+ missing"):
        gather(tmp_path, 120)


def test_overlapping_shards_are_named(store, tmp_path):
    write_codes(tmp_path, 3, "+", 43, random_codes(5), META)
    with pytest.raises(InputError, match=r"rows 43\.\.45 of strand \+ twice \(00001.plus.*00003.plus"):
        gather(tmp_path, 100)


def test_damaged_and_cut_shards_are_all_named(store, tmp_path):
    one, two = codes_path(tmp_path, 0, "+"), codes_path(tmp_path, 2, "-")
    content = bytearray(one.read_bytes())
    content[-1] ^= 1
    one.write_bytes(content)
    two.write_bytes(two.read_bytes()[:-2])
    with pytest.raises(InputError, match=r"(?s)00000\.plus.*00002\.minus"):
        gather(tmp_path, 100)


def test_codes_of_another_dictionary_do_not_mix(store, tmp_path):
    write_codes(tmp_path, 2, "-", 45, random_codes(55), CodesMeta("sae2", META.origin, 50, "w"))
    with pytest.raises(InputError, match=r"00002\.minus.*sae2.*sae1"):
        gather(tmp_path, 100)


def test_a_shard_changed_after_gathering_is_noticed(store, tmp_path):
    write_codes(tmp_path, 1, "+", 40, random_codes(5, seed=9), META)
    with pytest.raises(InputError, match="gather again"):
        CodesStore.open(tmp_path)


def test_a_shard_is_made_only_if_whole_and_of_the_same_making(tmp_path):
    path = write_codes(tmp_path, 0, "+", 0, random_codes(5), META)
    assert is_made(path, "m")
    assert not is_made(path, "n")
    content = path.read_bytes()
    for damaged in (content[:-1], content[:-1] + bytes([content[-1] ^ 1])):
        path.write_bytes(damaged)
        assert not is_made(path, "m")


def test_equal_codes_give_equal_bytes(tmp_path):
    one = write_codes(tmp_path / "a", 0, "+", 0, random_codes(5), META)
    two = write_codes(tmp_path / "b", 0, "+", 0, random_codes(5), META)
    assert one.read_bytes() == two.read_bytes()


def test_meta_data_survive(store):
    assert store[0].meta == META


@pytest.fixture
def workspace():
    return Workspace(
        pd.DataFrame(
            {
                "genome": "g",
                "chrom": ["c1", "c1", "c2"],
                "start": [10, 100, 5],
                "end": [40, 140, 35],
                "block": [0, 1, 2],
                "split": ["train", "test", "test"],
            }
        )
    )


def test_a_region_as_anndata_has_coordinates(store, workspace):
    store, whole = store
    view = store.anndata(("g", Interval("c1", 38, 103)), workspace)
    assert view.obs["pos"].tolist() == [38, 39, 100, 101, 102] * 2
    assert view.obs["strand"].tolist() == ["+"] * 5 + ["-"] * 5
    assert set(view.obs["chrom"]) == {"c1"}
    rows = [28, 29, 30, 31, 32]
    assert view.obs["row"].tolist() == rows * 2
    want = np.vstack([dense(whole["+"])[rows], dense(whole["-"])[rows]])
    assert np.array_equal(view.X.toarray(), want)
    assert view.var_names[7] == "7"


def test_a_stranded_region_and_plain_rows(store, workspace):
    store, whole = store
    view = store.anndata(("g", Interval("c2", 5, 8, "-")), workspace)
    assert np.array_equal(view.X.toarray(), dense(whole["-"])[70:73])
    view = store.anndata(slice(0, 4), workspace, strands=["+"])
    assert np.array_equal(view.X.toarray(), dense(whole["+"])[:4])
    assert store.anndata(("g", Interval("c9", 0, 8)), workspace).n_obs == 0


def test_codes_too_large_for_half_precision_are_kept_in_their_unit(tmp_path):
    codes = sp.csr_matrix(np.array([[98_304.0, 0, 0], [0, 3.0, 65_536.0]], np.float32))
    meta = CodesMeta("s", META.origin, 3, unit=1024.0)
    for strand in STRANDS:
        write_codes(tmp_path, 0, strand, 0, codes, meta)
    store = gather(tmp_path, 2)
    # in units of 1,024: 96 and 64 are float16 numbers, 3/1024 = 0.0029296875 is one too
    assert store.matrix("+").toarray().tolist() == codes.toarray().tolist()
    assert store.features([2], "-").toarray().ravel().tolist() == [0.0, 65_536.0]
    with pytest.raises(InputError, match="row 0, feature 0"):
        write_codes(tmp_path, 1, "+", 0, codes * 1000, meta)
