"""Reading, editing and leaving at named sites."""

import pytest
import torch

from photo51.model.sites import Sites, site_names
from photo51.model.stripedhyena.cache import HyenaCache

from .small import build, sequence

KERNELS = pytest.mark.parametrize("kernels", [True, False], ids=["kernels", "layers"])


def test_names_follow_the_forward_pass():
    names = site_names(2)
    assert names[0] == "embed"
    assert names[-1] == "final_norm"
    assert names[1:6] == [f"block.0.{p}" for p in ("pre_mixer", "mixer_out", "mid", "mlp_out", "out")]
    assert len(names) == 12


@KERNELS
def test_an_edit_that_changes_nothing_changes_no_bit(model, ids, kernels):
    model.cpu_kernels = kernels
    edits = Sites(edit=dict.fromkeys(model.sites, lambda x, _: x))
    with torch.no_grad():
        assert torch.equal(model(ids, use_cache=False, sites=edits).logits, model(ids, use_cache=False).logits)


@KERNELS
def test_sites_satisfy_the_equations_of_a_block(model, ids, kernels):
    model.cpu_kernels = kernels
    sites = Sites(model.sites)
    with torch.no_grad():
        final = model.hidden(ids, sites=sites)
    x = sites["embed"]
    for i in range(len(model.blocks)):
        at = f"block.{i}."
        assert torch.equal(sites[at + "mid"], x + sites[at + "mixer_out"])
        assert torch.equal(sites[at + "out"], sites[at + "mid"] + sites[at + "mlp_out"])
        x = sites[at + "out"]
    assert torch.equal(sites["final_norm"], final)
    assert all(sites[name].shape == (2, 300, 32) for name in model.sites)


def test_both_ways_of_running_read_the_same(model, ids):
    read = {}
    for kernels in (True, False):
        model.cpu_kernels = kernels
        read[kernels] = Sites(model.sites)
        with torch.no_grad():
            model.hidden(ids, sites=read[kernels])
    for name in model.sites:
        assert (read[True][name] - read[False][name]).abs().max() < 2e-4, name


@KERNELS
@pytest.mark.parametrize("site", ["block.1.out", "block.0.mid", "block.1.mixer_out"])
def test_an_edit_is_what_comes_after_and_reading_sees_it(ids, site, kernels):
    model = build()
    model.cpu_kernels = kernels
    push = torch.randn(32, generator=torch.Generator().manual_seed(1))
    sites = Sites([site], {site: lambda x, _: x + push})
    plain = Sites([site])
    with torch.no_grad():
        changed, before = model.hidden(ids, sites=sites), model.hidden(ids, sites=plain)
    assert torch.allclose(sites[site], plain[site] + push)
    assert (changed - before).abs().max() > 0.01


@KERNELS
def test_an_edit_finds_its_place_in_chunks_and_in_cached_decoding(ids, kernels):
    """An edit of base 170 alone: the same from one pass and from a cache that stops at base 169, 170 or 171."""
    model = build()
    model.cpu_kernels = kernels

    def edit(x, start):
        at = 170 - start
        if 0 <= at < x.shape[1]:
            x = x.clone()
            x[:, at] += 1
        return x

    def run(cuts):
        cache, parts, at = HyenaCache(5), [], 0
        for stop in (*cuts, 300):
            parts.append(model.hidden(ids[:, at:stop], cache=cache, sites=Sites(edit={"block.0.out": edit})))
            at = stop
        return torch.cat(parts, 1)

    with torch.no_grad():
        whole, plain = run(()), model.hidden(ids)
        assert torch.equal(whole[:, :170], plain[:, :170])
        assert not torch.equal(whole[:, 170], plain[:, 170])
        for cut in (169, 170, 171):
            assert (run((cut,)) - whole).abs().max() < 2e-4


def test_an_edit_may_keep_what_it_was_given(ids):
    model, kept = build(), []
    with torch.no_grad():
        sites = Sites(["block.1.mid"], {"block.1.mid": lambda x, _: (kept.append(x), x)[1]})
        model.hidden(ids, sites=sites)
        assert torch.equal(torch.cat(kept, 1), sites["block.1.mid"])


@KERNELS
def test_leaving_early_runs_nothing_after_the_last_site(ids, kernels):
    model = build()
    model.cpu_kernels = kernels
    ran = []
    handles = [b.mlp.register_forward_hook(lambda *_, i=i: ran.append(i)) for i, b in enumerate(model.blocks)]
    sites, whole = Sites(["embed", "block.1.mid"], stop=True), Sites(["block.1.mid"])
    with torch.no_grad():
        assert model.hidden(ids, sites=sites) is None
        left_at = list(ran)
        assert model(ids, sites=Sites(["block.0.out"], stop=True)).logits is None
        model.hidden(ids, sites=whole)
    assert torch.equal(sites["block.1.mid"], whole["block.1.mid"])
    assert left_at == ([] if kernels else [0])
    for handle in handles:
        handle.remove()


@KERNELS
def test_leaving_early_goes_on_from_a_cache(ids, kernels):
    model = build()
    model.cpu_kernels = kernels
    cache, parts = HyenaCache(5), Sites(["block.3.mid"], stop=True)
    whole = Sites(["block.3.mid"], stop=True)
    with torch.no_grad():
        model.hidden(ids, sites=whole)
        for part in ids.split(77, dim=1):
            model.hidden(part, cache=cache, sites=parts)
    assert (parts["block.3.mid"] - whole["block.3.mid"]).abs().max() < 2e-4


def test_gradients_reach_a_site(ids):
    model = build()
    leaf = {}

    def edit(x, _):
        leaf["x"] = x.detach().requires_grad_()
        return leaf["x"]

    model.hidden(ids, sites=Sites(edit={"block.1.out": edit}))[:, 200].sum().backward()
    grad = leaf["x"].grad
    assert grad[:, :201].abs().sum() > 0
    assert grad[:, 201:].abs().max() == 0, "a causal model cannot depend on what comes later"


def test_unknown_sites_are_refused(model, ids):
    for sites in (Sites(["block.9.out"]), Sites(edit={"blocks.0": lambda x, _: x})):
        with torch.no_grad(), pytest.raises(ValueError, match="need one of embed, block"):
            model.hidden(ids, sites=sites)


def test_a_batch_is_edited_as_a_batch():
    """An edit that differs from sequence to sequence gets them all at once, in order."""
    model, ids = build(), sequence(200, batch=3)
    shift = torch.tensor([0.0, 1.0, 2.0])[:, None, None]
    with torch.no_grad():
        sites = Sites(["block.0.out"], {"block.0.out": lambda x, _: x + shift})
        plain = Sites(["block.0.out"])
        model.hidden(ids, sites=sites)
        model.hidden(ids, sites=plain)
    assert torch.allclose(sites["block.0.out"] - plain["block.0.out"], shift.expand(3, 200, 32), atol=1e-5)
