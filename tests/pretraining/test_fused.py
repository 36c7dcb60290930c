"""Compiled training: its gradients are those of finite differences, and of autograd through the layers in plain PyTorch."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch.autograd import gradcheck

from photo51.model.stripedhyena.configuration import StripedHyenaConfig
from photo51.model.stripedhyena.modeling import StripedHyena
from photo51.pretraining.fused import AddNorm, Banded, BaseSurprisal, Linear, Mix, Product
from photo51.pretraining.step import TrainingPass, supported

SHAPE = {"mlp_size": 24, "n_heads": 2, "hcs_groups": 4, "hcm_groups": 4, "state_size": 5}


def model(kinds, *, dtype=torch.float64, **changes):
    torch.manual_seed(3)
    config = StripedHyenaConfig(hidden_size=16, block_kinds=kinds, **{**SHAPE, "attention_window": 100, **changes})
    found = StripedHyena(config)
    with torch.no_grad():
        for w in found.parameters():
            if w.ndim == 2 and w.shape[-1] > 5:
                w.mul_(8)  # far from the identity, so that every part matters
    return found.to(dtype).train()


def draw(length, batch=2):
    generator = torch.Generator().manual_seed(4)
    ids = torch.tensor([65, 67, 71, 84])[torch.randint(0, 4, (batch, length), generator=generator)]
    target = ids.clone()
    target[:, 5:9] = -100
    return ids, target


def plain_gradients(net, ids, target):
    logits = net.logits(net.hidden(ids)[:, :-1])
    loss = F.cross_entropy(logits.flatten(0, 1), target[:, 1:].flatten(), ignore_index=-100)
    loss.backward()
    return float(loss.detach()), taken(net)


def taken(net):
    found = {name: w.grad for name, w in net.named_parameters()}
    for w in net.parameters():
        w.grad = None
    return found


def largest_relative(ours, theirs):
    return max(float((ours[n] - theirs[n]).norm() / theirs[n].norm().clamp(min=1e-12)) for n in theirs)


@pytest.mark.parametrize("kinds", ["s", "m", "l", "a", "smlas"])
@pytest.mark.parametrize("length", [37, 300])
def test_gradients_are_those_of_the_plain_layers_in_float64(kinds, length):
    net, (ids, target) = model(kinds), draw(length)
    loss, theirs = plain_gradients(net, ids, target)
    assert TrainingPass(net, torch.float64, 1)(ids, target) == pytest.approx(loss, rel=1e-6)
    # both take exponentials and long filters in float32
    assert largest_relative(taken(net), theirs) < 2e-5


def test_a_window_longer_than_the_sequence_and_gelu_everywhere():
    net, (ids, target) = model("al", attention_window=512, gelu_blocks="all"), draw(150)
    _, theirs = plain_gradients(net, ids, target)
    TrainingPass(net, torch.float64, 1)(ids, target)
    assert largest_relative(taken(net), theirs) < 2e-5


def test_bfloat16_is_no_further_from_float64_than_autocast():
    ids, target = draw(300)
    exact = plain_gradients(model("smlas"), ids, target)[1]
    net = model("smlas", dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        autocast = plain_gradients(net, ids, target)[1]
    TrainingPass(net, torch.bfloat16, 1)(ids, target)
    ours = taken(net)
    errors = [math.sqrt(sum(float((g[n].double() - exact[n]).norm() ** 2) for n in exact)) for g in (ours, autocast)]
    assert errors[0] < 1.2 * errors[1]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_threads_do_not_change_a_bit(dtype):
    net, (ids, target) = model("smlas", dtype=torch.float32), draw(200, batch=5)
    found = []
    for threads in (1, 2, 3):
        loss = TrainingPass(net, dtype, threads)(ids, target)
        found.append((loss, taken(net)))
    for loss, grads in found[1:]:
        assert loss == found[0][0]
        assert all(torch.equal(grads[n], found[0][1][n]) for n in grads)


def _random(*shape):
    return torch.randn(
        *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(sum(shape))
    ).requires_grad_()


FILTERS = {
    "hcs": [(7, 4)],
    "hcm": [(2, 20), (4,)],
    "hcl": [(3, 4), (3, 4), (4,)],
}


@pytest.mark.parametrize("kind", FILTERS)
def test_a_mixer_passes_finite_differences(kind):
    filt = [_random(*shape) for shape in FILTERS[kind]]
    if kind == "hcl":
        filt[0] = (-torch.rand(3, 4, dtype=torch.float64)).requires_grad_()
    z, taps = _random(9, 12), _random(3, 12)
    assert gradcheck(lambda z, taps, *f: Mix.apply(z, taps, kind, *f), (z, taps, *filt))


def test_a_long_filter_goes_on_over_kept_states():
    z, taps, skip = _random(150, 3), _random(3, 3), _random(1)
    rate, residues = torch.full((1, 1), -0.02, dtype=torch.float64).requires_grad_(), _random(1, 1)
    assert gradcheck(lambda *f: Mix.apply(z, taps, "hcl", *f), (rate, residues, skip))


def test_norm_product_and_linear_pass_finite_differences():
    x, y, scale = _random(5, 4), _random(5, 4), _random(4)
    assert gradcheck(lambda x, y, s: AddNorm.apply(x, y, s, 1e-3), (x, y, scale))
    assert gradcheck(Product.apply, (_random(5, 6),))
    assert gradcheck(Linear.apply, (_random(5, 4), _random(3, 4), _random(3)))


def test_the_loss_of_three_equal_scores_is_log_three():
    logits = torch.zeros(2, 3, requires_grad=True)
    loss = BaseSurprisal.apply(logits, torch.tensor([1, -100]), 0.5)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(math.log(3) / 2, rel=1e-6)
    assert torch.allclose(logits.grad, torch.tensor([[1 / 6, -1 / 3, 1 / 6], [0, 0, 0]]))


def test_banded_attention_is_masked_attention():
    length, heads, size, window = 310, 2, 8, 70
    qkv = _random(length, 3 * heads * size)
    turn = torch.zeros(length, size // 2, dtype=torch.float64)
    y = Banded.apply(qkv, turn.cos(), turn.sin(), heads, window)
    q, k, v = qkv.view(length, 3, heads, size).permute(1, 2, 0, 3)
    lag = torch.arange(length)[:, None] - torch.arange(length)[None, :]
    want = F.scaled_dot_product_attention(q, k, v, attn_mask=(lag >= 0) & (lag < window))
    want = want.transpose(0, 1).reshape(length, -1)
    above = torch.randn(length, heads * size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    ours, theirs = (torch.autograd.grad(t, qkv, above)[0] for t in (y, want))
    assert torch.allclose(y, want, atol=1e-6)
    assert torch.allclose(ours, theirs, atol=1e-6)


def test_full_attention_and_the_first_generation_are_left_to_pytorch():
    assert supported(model("smla"))
    assert not supported(model("smla", attention_window=None))
    assert not supported(model("hh"))
