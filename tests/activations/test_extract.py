"""Every scored base once on each strand, at its own row, with the context it had; stored, resumed, refused."""

import numpy as np
import pytest
import torch

from photo51.activations.extract import cores, extract, half
from photo51.activations.store import ActivationStore
from photo51.config.model import ActivationParams
from photo51.types import InputError

from .small import SITE, Echo, InMemory

CIRCLE = "ACGTTGCAAGCTTAGCCATGGATCCGATTA"
TURN = str.maketrans("ACGTN", "TGCAN")
PARAMS = ActivationParams(model="echo", sites=(SITE,), tokens=64, ambiguous_reach=0)


def stored(genomes, folder, params=PARAMS, model=None, **options):
    extract(model or Echo(), genomes, genomes.windows(), folder, params, **options)
    return ActivationStore(folder / SITE, n_rows=genomes.workspace().n_rows, verify=True)


@pytest.mark.parametrize("tokens", [1, 40, 1_000])
@pytest.mark.parametrize("strand", ["+", "-"])
def test_rows_hold_the_base_at_their_place_and_the_one_read_before(tmp_path, tokens, strand):
    genomes = InMemory(CIRCLE, circular=True)
    x = stored(genomes, tmp_path, PARAMS.model_copy(update={"tokens": tokens})).read(strand, slice(None))
    for row, position in enumerate(genomes.workspace().locate(np.arange(30)).position.tolist()):
        if strand == "+":
            base, before = CIRCLE[position], CIRCLE[position - 1]
        else:
            base, before = (CIRCLE[(position + i) % 30].translate(TURN) for i in (0, 1))
        assert (chr(int(x[row, 0])), chr(int(x[row, 1]))) == (base, before)


def test_context_grows_from_the_warm_up_to_the_end_of_the_core(tmp_path):
    """Cores of 12, 12 and 6 bases and 8 before each: bases of a core have 8, 9, … before them, on - from its right end."""
    store = stored(InMemory(CIRCLE, circular=True), tmp_path)
    forward = [*range(8, 20), *range(8, 20), *range(8, 14)]
    backward = [*range(19, 7, -1), *range(19, 7, -1), *range(13, 7, -1)]
    assert store.read("+", slice(None))[:, 2].tolist() == forward
    assert store.read("-", slice(None))[:, 2].tolist() == backward


def test_nothing_is_learnt_of_cold_starts_nor_after_ambiguous_bases_but_cold_starts_have_codes(tmp_path):
    text = CIRCLE[:20] + "N" + CIRCLE[20:]
    genomes = InMemory(text, core=40, warmup=8)
    store = stored(genomes, tmp_path, PARAMS.model_copy(update={"ambiguous_reach": 2}))
    positions = genomes.workspace().locate(np.arange(store.n_rows)).position
    coded = {s: {int(p) for p in positions[store.valid(s)]} for s in "+-"}
    assert coded["+"] == set(range(20)) | set(range(23, 31)), "not the N, and 2 after it"
    assert coded["-"] == set(range(21, 31)) | set(range(18))
    got = {s: {int(p) for p in positions[store.learnable(s)]} for s in "+-"}
    assert got["+"] == set(range(8, 20)) | set(range(23, 31)), "8 cold ones, the N, and 2 after it"
    assert got["-"] == set(range(21, 23)) | set(range(18))


def test_cold_starts_are_judged_alike_whichever_shards_are_made(tmp_path):
    """The first shard alone has windows of less warm-up than the second; what is learnt from must not depend on that."""
    genomes = InMemory(CIRCLE * 2, core=10, warmup=15, shard=10)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    store = stored(genomes, whole)
    for shard in genomes.windows()["shard"].unique():
        extract(Echo(), genomes, genomes.windows(), parts, PARAMS, shards=[shard])
    assert np.array_equal(ActivationStore(parts / SITE).learnable("+"), store.learnable("+"))
    assert store.learnable("+").tolist() == [i >= 15 for i in range(60)]
    assert store.valid("+").all()
    assert store.valid("-").all()


def test_a_second_run_reads_nothing_and_other_content_is_made_again(tmp_path):
    genomes = InMemory(CIRCLE, circular=True)
    first = Echo()
    paths = extract(first, genomes, genomes.windows(), tmp_path, PARAMS)
    content = [p.read_bytes() for p in paths]
    again = Echo()
    assert extract(again, genomes, genomes.windows(), tmp_path, PARAMS) == paths
    assert first.calls
    assert not again.calls
    for damaged in (content[0][:-1], content[0][:-1] + bytes([content[0][-1] ^ 1])):
        paths[0].write_bytes(damaged)
        repaired = Echo()
        extract(repaired, genomes, genomes.windows(), tmp_path, PARAMS)
        assert 0 < len(repaired.calls) < len(first.calls)
        assert [p.read_bytes() for p in paths] == content
    for change in ({"digest": "other"},):
        other = Echo(**change)
        extract(other, genomes, genomes.windows(), tmp_path, PARAMS)
        assert len(other.calls) == len(first.calls)


def test_windows_are_batched_by_length_and_handed_on_one_by_one():
    genomes = InMemory(CIRCLE, circular=True)
    model = Echo()
    seen = [(core.window, core.strand) for core in cores(model, genomes, genomes.windows(), PARAMS)]
    assert model.calls == [[20, 20, 20], [20], [14, 14]]
    assert seen == [(i, "+-"[i % 2]) for i in range(6)]


def test_large_numbers_overflow_float16_but_not_bfloat16(tmp_path):
    genomes = InMemory(CIRCLE, circular=True)
    with pytest.raises(
        InputError,
        match=r"65,504 for float16 \(use precision bfloat16\), got 67000.0 at base 1 of the core, dimension 0",
    ):
        stored(genomes, tmp_path, model=Echo(scale=1_000.0))
    store = stored(genomes, tmp_path, PARAMS.model_copy(update={"precision": "bfloat16"}), Echo(scale=1_000.0))
    assert store.read("+", slice(0, 1))[0, 0] == pytest.approx(65_000, rel=2**-8)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_numbers_that_are_none_are_refused(bad):
    x = torch.zeros(3, 4)
    x[1, 2] = bad
    with pytest.raises(
        InputError, match=r"window 7: need finite activations, got \w+ at base 1 of the core, dimension 2"
    ):
        half(x, "float16", "window 7")


def test_windows_that_miss_or_repeat_rows_are_refused(tmp_path):
    genomes = InMemory(CIRCLE, circular=True, shard=100)
    table = genomes.windows()
    lost = table[~((table["strand"] == "-") & (table["start"] == 12))]
    with pytest.raises(InputError, match="need every row once on strand -, got row 12 0 times"):
        extract(Echo(), genomes, lost, tmp_path, PARAMS)
    with pytest.raises(InputError, match="got gaps"):
        extract(Echo(), genomes, table[table["start"] != 12], tmp_path, PARAMS)


def test_unknown_sites_and_shards_are_refused(tmp_path):
    genomes = InMemory(CIRCLE, circular=True)
    with pytest.raises(InputError, match="need sites of echo"):
        list(cores(Echo(), genomes, genomes.windows(), PARAMS.model_copy(update={"sites": ("blocks.3",)})))
    with pytest.raises(InputError, match="shards: need some of"):
        extract(Echo(), genomes, genomes.windows(), tmp_path, PARAMS, shards=[99])


def test_shards_that_longer_windows_left_over_are_removed_and_others_files_stay(tmp_path):
    extract(Echo(), InMemory(CIRCLE * 2, shard=20), InMemory(CIRCLE * 2, shard=20).windows(), tmp_path, PARAMS)
    (tmp_path / SITE / "notes.safetensors").write_bytes(b"mine")
    few = InMemory(CIRCLE * 2, shard=60)
    store = stored(few, tmp_path)
    assert [s.file.path.name for s in store.shards] == ["00000.safetensors"]
    assert (tmp_path / SITE / "notes.safetensors").read_bytes() == b"mine"
