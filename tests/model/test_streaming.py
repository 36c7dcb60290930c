"""A base gets the same bits whatever is read with it, before the end, or on how many threads."""

import numpy as np
import pytest
import torch

from photo51.model.families.adapters import load_model
from photo51.model.sites import Sites
from photo51.model.stripedhyena.cache import HyenaCache

from .small import build, sequence


@pytest.fixture
def whole(model, ids):
    with torch.no_grad():
        return model.hidden(ids)


@pytest.mark.parametrize("threads", [2, 5])
def test_threads_change_no_bit(model, ids, whole, threads):
    torch.set_num_threads(threads)
    with torch.no_grad():
        for _ in range(3):
            assert torch.equal(model.hidden(ids), whole)
    assert torch.get_num_threads() == threads


def test_the_rest_of_the_batch_changes_no_bit(model, ids, whole):
    other = sequence(300, batch=6, seed=9)
    with torch.no_grad():
        together = model.hidden(torch.cat([other, ids]))
        alone = [model.hidden(row[None]) for row in ids]
    assert torch.equal(together[6:], whole)
    assert torch.equal(torch.cat(alone), whole)


@pytest.mark.parametrize("n", [1, 2, 3, 15, 16, 63, 64, 65, 129, 299])
def test_what_comes_after_changes_no_bit(model, ids, whole, n):
    with torch.no_grad():
        assert torch.equal(model.hidden(ids[:, :n]), whole[:, :n])


@pytest.mark.parametrize("chunk", [1, 5, 64, 100, 4096])
def test_chunks_change_no_bit(model, ids, whole, chunk):
    chunks = list(model.stream(ids, chunk=chunk))
    assert [c.start for c in chunks] == list(range(0, 300, chunk))
    assert torch.equal(torch.cat([c.hidden for c in chunks], 1), whole)


def test_going_on_from_a_cache_changes_no_bit(model, ids, whole):
    cache, parts, at = HyenaCache(len(model.blocks)), [], 0
    with torch.no_grad():
        for n in (1, 1, 70, 128, 3, 97):
            parts.append(model.hidden(ids[:, at : at + n], cache=cache))
            at += n
    assert torch.equal(torch.cat(parts, 1), whole)


def test_branches_of_a_shared_prefix_do_not_see_each_other(model, ids, whole):
    cache = HyenaCache(len(model.blocks))
    with torch.no_grad():
        model.hidden(ids[:, :200], cache=cache)
        branches = [model.hidden(tail, cache=cache.copy()) for tail in (sequence(100, 2, 5), ids[:, 200:])]
        both = cache.repeat(2)
        order = torch.cat([sequence(100, 2, 5), ids[:, 200:]])[[0, 2, 1, 3]]
        together = model.hidden(order, cache=both)
    assert torch.equal(branches[1], whole[:, 200:])
    assert torch.equal(together[[1, 3]], whole[:, 200:])
    assert torch.equal(together[[0, 2]], branches[0])


def test_kernels_and_layers_go_on_from_each_other(model, ids, whole):
    for first, then in ((True, False), (False, True)):
        cache = HyenaCache(len(model.blocks))
        with torch.no_grad():
            model.cpu_kernels = first
            model.hidden(ids[:, :150], cache=cache)
            model.cpu_kernels = then
            rest = model.hidden(ids[:, 150:], cache=cache)
        assert (rest - whole[:, 150:]).abs().max() < 2e-4


def test_changed_weights_are_noticed(model, ids, whole):
    with torch.no_grad():
        for w in model.parameters():
            w.mul_(0.9)
        changed = model.hidden(ids)
        model.cpu_kernels = False
        want = model.hidden(ids)
    assert not torch.equal(changed, whole)
    assert (changed - want).abs().max() < 1e-3


def test_results_come_chunk_by_chunk_and_then_runs_on_each(model, ids, whole):
    seen = []

    def then(hidden, start):
        seen.append(start)
        return hidden.sum(-1)

    sums = [c.hidden for c in model.stream(ids, then=then, chunk=64)]
    assert torch.equal(torch.cat(sums, 1), whole.sum(-1))
    assert sorted(seen) == [0, 64, 128, 192, 256]


@pytest.mark.parametrize("threads", [1, 3])
def test_an_error_in_an_edit_reaches_the_caller_and_nobody_waits_for_ever(threads):
    model, ids = build(), sequence(900)
    torch.set_num_threads(threads)

    def edit(x, start):
        if start >= 256:
            raise RuntimeError("no")
        return x

    with torch.no_grad(), pytest.raises(RuntimeError, match="no"):
        model.hidden(ids, sites=Sites(edit={"block.1.mid": edit}))
    assert torch.get_num_threads() == threads


def test_memory_does_not_grow_with_the_sequence(tmp_path):
    """Peak of a process that reads 16 times as many bases, window by window of logits, grows by less than a tenth."""
    import subprocess
    import sys

    script = """
import resource, sys, torch
from photo51.model.stripedhyena.configuration import StripedHyenaConfig
from photo51.model.stripedhyena.modeling import StripedHyena
torch.set_num_threads(1)
model = StripedHyena(StripedHyenaConfig(hidden_size=64, block_kinds="smla", mlp_size=128, n_heads=4,
    attention_window=64)).eval()
n = int(sys.argv[1])
ids = torch.full((1, n), 65)
total = sum(float(c.hidden) for c in model.stream(ids, then=lambda h, s: model.logits(h).mean()))
sys.stdout.write(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))
"""
    peak = [
        int(subprocess.run([sys.executable, "-c", script, str(n)], capture_output=True, check=True, text=True).stdout)
        for n in (8_192, 131_072)
    ]
    assert peak[1] < 1.1 * peak[0]


@pytest.mark.parametrize("threads", [1, 2])
def test_likelihoods_of_every_length_are_those_of_a_longer_sequence(threads):
    # a chunk may hold the last base alone, which no score speaks of
    opened, letters = load_model("sh2:nano", device="cpu"), sequence(600)[0].numpy().astype("uint8")
    torch.set_num_threads(threads)
    whole = opened.log_probs([letters])[0]
    for n in (1, 2, 64, 65, 129, 257, 513):
        bits = opened.log_probs([letters[:n]])[0]
        assert bits.shape == (n,)
        assert np.isnan(bits[0])
        assert np.array_equal(bits[1:], whole[1:n])
