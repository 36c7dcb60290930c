from itertools import islice

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from photo51.activations.store import (
    ActivationStore,
    JoinedRows,
    Masks,
    pack_activations,
    shard_path,
    unpack,
    write_shard,
)
from photo51.io.origin import Origin
from photo51.io.tensors import is_made
from photo51.types import InputError

ORIGIN = Origin("abc", "block.1.out", 4)


def write(folder, shard, row0, n, *, origin=ORIGIN, workspace="w", made="m", precision="float16", masks=None):
    """Row r of strand + is (r, 0, 1, 0), of strand - (-r, 0, 1, 0)."""
    values = {s: np.zeros((n, origin.d_model), np.float32) for s in "+-"}
    for strand, sign in (("+", 1), ("-", -1)):
        values[strand][:, 0] = sign * (row0 + np.arange(n))
        values[strand][:, 2] = 1
    write_shard(
        shard_path(folder, shard),
        row0,
        values,
        origin,
        workspace=workspace,
        fingerprint=made,
        precision=precision,
        masks=masks,
    )


@pytest.fixture
def store(tmp_path):
    for shard, (row0, n) in enumerate([(0, 7), (7, 5), (12, 11)]):
        write(tmp_path, shard, row0, n)
    return ActivationStore(tmp_path, n_rows=23, verify=True)


def test_reading_across_shards(store):
    x = store.read("-", slice(5, 14))
    assert x[:, 0].tolist() == [-5, -6, -7, -8, -9, -10, -11, -12, -13]
    assert x.dtype == np.float32
    assert store.origin == ORIGIN


@pytest.mark.parametrize("buffer", [1, 8 * 10, 1 << 20])
@pytest.mark.parametrize("size", [1, 4, 46, 100])
def test_every_row_comes_once_an_epoch_whatever_buffer_and_batch(store, buffer, size):
    batches = store.rows(seed=3, buffer=buffer).batches(size)
    seen = np.concatenate(list(islice(batches, -(-92 // size))))[:92, 0]
    for epoch in (seen[:46], seen[46:]):
        assert sorted(epoch) == sorted([*range(23), *(-r for r in range(23))])
    whole = np.concatenate(list(islice(store.rows(seed=3).batches(46), 2)))[:, 0]
    assert np.array_equal(seen, whole), "order must not depend on the buffer"


def test_batches_from_the_middle_are_those_of_the_whole(store):
    rows = store.rows(seed=1, buffer=100)
    whole = list(islice(rows.batches(5), 40))
    for start in (1, 9, 10, 37):
        assert np.array_equal(next(rows.batches(5, start=start)), whole[start])


def test_every_order_is_equally_likely(tmp_path):
    write(tmp_path, 0, 0, 1)
    write(tmp_path, 1, 1, 1)
    mask = np.array([True, True])
    store = ActivationStore(tmp_path)
    counts: dict[tuple, int] = {}
    for seed in range(2_400):
        order = tuple(next(store.rows(mask, seed=seed, buffer=8).batches(4))[:, 0].tolist())
        counts[order] = counts.get(order, 0) + 1
    # 0 and -0 are equal, so 4!/2 orders can be told apart
    assert len(counts) == 12
    assert chisquare(list(counts.values())).pvalue > 1e-3


def test_epochs_have_different_orders(store):
    one, two = islice(store.rows().batches(46), 2)
    assert not np.array_equal(one, two)


def test_masked_invalid_and_cold_rows_never_come(tmp_path):
    valid = {"+": np.array([1, 1, 0, 1, 1], bool), "-": np.array([1, 1, 1, 1, 1], bool)}
    warm = {"+": np.array([1, 1, 1, 1, 1], bool), "-": np.array([0, 1, 1, 1, 1], bool)}
    write(tmp_path, 0, 0, 5, masks=Masks(valid, warm))
    store = ActivationStore(tmp_path)
    rows = store.rows(np.array([1, 1, 1, 0, 0], bool))
    assert rows.n_rows == 4
    assert sorted(next(rows.batches(4))[:, 0]) == [-2, -1, 0, 1]
    assert sorted(rows.sample(99)[:, 0]) == [-2, -1, 0, 1]
    where = [(s, r.tolist(), x[:, 0].tolist()) for s, r, x in rows.chunks(10)]
    assert where == [("+", [0, 1], [0, 1]), ("-", [1, 2], [-1, -2])]


def test_two_readers_do_not_disturb_each_other(store):
    one, two = store.rows(seed=5, buffer=32).batches(3), store.rows(seed=5, buffer=32).batches(3)
    alone = list(islice(store.rows(seed=5).batches(3), 8))
    for i in range(8):
        assert np.array_equal(next(one), alone[i])
        if i % 2:
            assert np.array_equal(next(two), alone[i // 2])


def test_bfloat16_is_rounded_as_torch_does():
    x = np.random.default_rng(0).standard_normal((50, 4)).astype(np.float32) * 1e6
    assert np.array_equal(unpack(pack_activations(x, "bfloat16", "")), torch.from_numpy(x).bfloat16().float().numpy())


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_both_precisions_survive_the_disk(tmp_path, precision):
    write(tmp_path, 0, 0, 9, precision=precision)
    assert ActivationStore(tmp_path).read("+", slice(None))[:, 0].tolist() == list(range(9))


@pytest.mark.parametrize(
    ("value", "precision", "what"),
    [
        (np.nan, "float16", "finite"),
        (-np.inf, "bfloat16", "finite"),
        (70_000, "float16", "bfloat16"),
    ],
)
def test_numbers_that_cannot_be_stored_are_named(value, precision, what):
    x = np.zeros((3, 4), np.float32)
    x[2, 1] = value
    with pytest.raises(InputError, match=rf"strand \+.*{what}.*row 12, dimension 1"):
        pack_activations(x, precision, "shard: strand +", 10)


def test_a_store_with_a_hole_is_refused(tmp_path):
    write(tmp_path, 0, 0, 5)
    write(tmp_path, 2, 9, 5)
    with pytest.raises(InputError, match=r"rows 5\.\.9 missing.*00002"):
        ActivationStore(tmp_path)


def test_rows_held_twice_are_refused(tmp_path):
    write(tmp_path, 0, 0, 5)
    write(tmp_path, 1, 3, 5)
    with pytest.raises(InputError, match=r"rows 3\.\.5 held twice"):
        ActivationStore(tmp_path)


def test_an_absent_last_shard_is_noticed(tmp_path):
    write(tmp_path, 0, 0, 5)
    with pytest.raises(InputError, match="need 9 rows"):
        ActivationStore(tmp_path, n_rows=9)


def test_a_cut_shard_is_named_and_the_others_are_untouched(store, tmp_path):
    path = shard_path(tmp_path, 1)
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(InputError, match="00001"):
        ActivationStore(tmp_path)
    assert shard_path(tmp_path, 0).exists()
    assert path.exists()


def test_a_damaged_shard_is_named(store, tmp_path):
    path = shard_path(tmp_path, 2)
    content = bytearray(path.read_bytes())
    content[-1] ^= 4
    path.write_bytes(content)
    with pytest.raises(InputError, match="00002"):
        ActivationStore(tmp_path, verify=True)


def test_shards_of_two_models_do_not_mix(tmp_path):
    write(tmp_path, 0, 0, 5)
    write(tmp_path, 1, 5, 5, origin=Origin("xyz", "block.1.out", 4))
    with pytest.raises(InputError, match=r"\[abc\].*\[xyz\]"):
        ActivationStore(tmp_path)


def test_shards_of_two_workspaces_do_not_mix(tmp_path):
    write(tmp_path, 0, 0, 5)
    write(tmp_path, 1, 5, 5, workspace="other")
    with pytest.raises(InputError, match="workspace w"):
        ActivationStore(tmp_path)


def test_an_empty_folder_and_an_empty_mask_are_refused(tmp_path):
    with pytest.raises(InputError, match="got none"):
        ActivationStore(tmp_path)
    write(tmp_path, 0, 0, 5)
    with pytest.raises(InputError, match="got none"):
        ActivationStore(tmp_path).rows(np.zeros(5, bool))
    with pytest.raises(InputError, match="mask of 5 rows"):
        ActivationStore(tmp_path).rows(np.ones(4, bool))


def test_a_shard_is_made_only_if_whole_and_of_the_same_making(tmp_path):
    path = shard_path(tmp_path, 0)
    assert not is_made(path, "m")
    write(tmp_path, 0, 0, 5, made="m")
    assert is_made(path, "m")
    assert not is_made(path, "other")
    path.write_bytes(path.read_bytes()[:-1])
    assert not is_made(path, "m")


def joined(tmp_path, own=4, other=12, seed=5, buffer=1 << 28):
    """Two stores: rows 0.. of the first, 1000.. of the second."""
    write(tmp_path / "own", 0, 0, own)
    folder = tmp_path / "other"
    values = {s: np.zeros((other, 4), np.float32) for s in "+-"}
    for strand, sign in (("+", 1), ("-", -1)):
        values[strand][:, 0] = sign * (1_000 + np.arange(other))
    write_shard(shard_path(folder, 0), 0, values, ORIGIN, workspace="v", fingerprint="m")
    stores = [ActivationStore(tmp_path / "own"), ActivationStore(folder)]
    own_rows, other_rows = (s.rows(seed=seed, buffer=buffer) for s in stores)
    return JoinedRows(own_rows, [other_rows])


def test_stores_learnt_from_together_have_equal_parts(tmp_path):
    rows = joined(tmp_path)  # 8 rows of its own, 24 of another: each of its own comes three times
    epoch = next(rows.batches(rows.n_rows))[:, 0]
    found, n = np.unique(epoch, return_counts=True)
    counts = dict(zip(found.tolist(), n.tolist(), strict=True))
    # row 0 of either strand is 0 and -0, which are one number
    assert counts == {0: 6, **{s * r: 3 for r in (1, 2, 3) for s in (1, -1)}} | {
        s * r: 1 for r in range(1_000, 1_012) for s in (1, -1)
    }


def test_joined_rows_do_not_depend_on_the_buffer_and_begin_in_the_middle(tmp_path):
    whole = list(islice(joined(tmp_path / "a").batches(5), 30))
    small = joined(tmp_path / "b", buffer=8 * 7)
    assert all(np.array_equal(a, b) for a, b in zip(whole, islice(small.batches(5), 30), strict=True))
    assert np.array_equal(next(small.batches(5, start=23)), whole[23])
    shared = [joined(tmp_path / f"s{seed}", seed=seed).shared_sample(9) for seed in (1, 2)]
    assert np.array_equal(*shared)


def test_a_larger_store_of_its_own_comes_once(tmp_path):
    rows = joined(tmp_path, own=30, other=3)
    assert rows.repeats == 1
    assert rows.n_rows == 66


def test_stores_of_two_models_are_not_joined(tmp_path):
    write(tmp_path / "a", 0, 0, 3)
    write(tmp_path / "b", 0, 0, 3, origin=Origin("other", "block.1.out", 4))
    write(tmp_path / "c", 0, 0, 3, precision="bfloat16")
    a, b, c = (ActivationStore(tmp_path / n).rows() for n in "abc")
    with pytest.raises(InputError, match=r"b: need site block.1.out of model \[abc\]"):
        JoinedRows(a, [b])
    with pytest.raises(InputError, match="c: need rows stored as"):
        JoinedRows(a, [c])
