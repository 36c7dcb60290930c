import numpy as np
import pytest
import torch
import torch.nn.functional as F

from photo51.config.memory import MemoryParams, PruneParams
from photo51.learnt.memory.curvature import (
    Basis,
    MatrixMoments,
    basis,
    dense_matrices,
    moments,
    projection_rows,
    unedited,
)
from photo51.learnt.memory.curvature_edit import control, edited_matrix, entry_mask, swapped
from photo51.learnt.memory.pruning import prune, split_windows, window_bits
from photo51.model.families.adapters import load_model
from photo51.types import InputError


@pytest.fixture(scope="module")
def nano():
    return load_model("sh2:nano").model


@pytest.fixture(scope="module")
def windows():
    from benchmarks.planted.worlds import ecoli_windows

    return ecoli_windows(16, np.random.default_rng(1), 128)


def test_entries_kept_hold_the_share_of_curvature():
    curvature = torch.tensor([[6.0, 1.0], [2.0, 1.0]], dtype=torch.float64)
    assert entry_mask(curvature, 0.6).tolist() == [[True, False], [False, False]]
    assert entry_mask(curvature, 0.61).tolist() == [[True, False], [True, False]]
    assert entry_mask(curvature, 1.0).all()


def test_an_edit_by_hand():
    """Bases turned by a known angle: the entry of small curvature goes, the other stays."""
    angle = torch.tensor(0.3, dtype=torch.float64)
    turn = torch.tensor([[angle.cos(), -angle.sin()], [angle.sin(), angle.cos()]], dtype=torch.float64)
    core = torch.tensor([[3.0, 0.5], [0.25, 2.0]], dtype=torch.float64)
    weight = (turn @ core @ turn.T).float()
    one = Basis(turn, turn, torch.tensor([[10.0, 1e-3], [1e-3, 5.0]], dtype=torch.float64))
    after, n = edited_matrix(weight, [one], 0.99)
    assert n == 2
    assert torch.allclose(after.double(), turn @ torch.diag(core.diagonal()) @ turn.T, atol=1e-6)
    # a protected corpus that needs the off-diagonal ones keeps them
    other = Basis(turn, turn, torch.tensor([[1e-3, 7.0], [7.0, 1e-3]], dtype=torch.float64))
    both, n = edited_matrix(weight, [one, other], 0.99)
    assert n == 4
    assert torch.allclose(both, weight, atol=1e-6)


def test_controls_keep_as_many_entries():
    rng = np.random.default_rng(2)
    weight = torch.from_numpy(rng.normal(size=(6, 8))).float()
    a, g = rng.normal(size=(50, 8)), rng.normal(size=(50, 6))

    own = basis(MatrixMoments(torch.from_numpy(a.T @ a), torch.from_numpy(g.T @ g), 50))
    for arm in ("random", "other curvature"):
        part = own.left.T @ control(arm, weight, own, 10, rng, own).double() @ own.right
        assert (part.abs() > 1e-5).sum() == 10
    assert (control("magnitude", weight, own, 10, rng) != 0).sum() == 10
    assert torch.linalg.matrix_rank(control("singular", weight, own, 28, rng)) == 2


def test_every_dense_matrix_is_met_and_the_rest_is_named(nano, windows):
    dense = dense_matrices(nano)
    measured = moments(nano, windows[:4], 1, batch=2)
    assert set(measured) == set(dense)
    kinds = {name.split(".", 2)[2] for name in dense}
    assert {"projections.weight", "out_filter_dense.weight", "mlp.l1.weight"} <= kinds
    rest = unedited(nano)
    assert sum(n for _, n, _ in rest) + sum(w.numel() for w in dense.values()) == sum(
        p.numel() for p in nano.parameters()
    )
    assert {m.tokens for m in measured.values()} == {4 * 127}
    assert not any(p.requires_grad for p in nano.parameters())


def test_moments_of_a_projection_are_those_of_its_own_rows(nano, windows):
    """The gradient of the weight is Σ g aᵀ; with one token's loss alone, E[g gᵀ] and E[a aᵀ] follow from plain autograd."""
    name = next(n for n in dense_matrices(nano) if n.endswith("projections.weight"))
    block = nano.blocks[int(name.split(".")[1])]
    rows = projection_rows(block.hyena)
    assert sorted(rows.tolist()) == list(range(len(rows)))
    # a change of row r of the weight changes output column where rows == r, and no other
    x = torch.randn(1, 3, block.projections.in_features, generator=torch.Generator().manual_seed(0))
    plain = F.linear(x, block.projections.weight)[..., rows]
    assert torch.allclose(plain, F.linear(x, block.hyena.split_projection()[0]), atol=1e-6)
    inputs = []
    hook = block.hyena.register_forward_pre_hook(lambda _m, args: inputs.append(args[0].detach()))
    measured = moments(nano, windows[:2], 1)[name]
    hook.remove()
    a = inputs[0][:, :-1].flatten(0, 1)
    assert torch.allclose(measured.inputs, a.T @ a / len(a), rtol=1e-4, atol=1e-5)


def test_an_edit_leaves_the_model_as_it_was_and_drops_entries(nano, windows):
    before = window_bits(nano, windows, 8)
    params = PruneParams(windows=8, window=128, validation=4, masses=(0.99, 0.9), rounds=0, rise=0.01, dropped=0.3)
    edit = prune(nano, split_windows(windows, params, "w"), params, reading=MemoryParams(context=8))
    assert np.array_equal(window_bits(nano, windows, 8), before)
    with swapped(nano, edit.weights):
        assert not np.array_equal(window_bits(nano, windows, 8), before)
    arms = edit.arms.set_index("arm")
    assert arms.loc["none", "change"] == 0
    assert arms.loc["curvature", "kept"] < 0.7
    assert arms.loc["curvature", "bits"] < arms.loc[["random", "magnitude"], "bits"].min()
    assert not arms.loc[["random", "magnitude"], "works"].any()
    assert (edit.matrices["entries_kept"] <= edit.matrices["entries"]).all()
    assert np.isnan(arms["gap_removed"]).all()
    assert np.isnan(arms["other_change"]).all()


def test_what_is_told_of_another_clade_is_its_own_surprisal(nano, windows):
    params = PruneParams(windows=8, window=128, validation=4, masses=(0.9,), rounds=0, rise=0.5, dropped=0.3)
    letters = np.random.default_rng(5).integers(0, 4, (12, 128))
    other = np.frombuffer(b"ACGT", dtype=np.uint8)[letters]
    edit = prune(nano, split_windows(windows, params, "w"), params, other=other, reading=MemoryParams(context=8))
    arms = edit.arms.set_index("arm")
    assert arms.loc["none", "other_change"] == 0
    assert arms.loc["none", "other_bits"] == pytest.approx(window_bits(nano, other[1::2], 8).mean())
    with swapped(nano, edit.weights):
        assert arms.loc["curvature", "other_bits"] == pytest.approx(window_bits(nano, other[1::2], 8).mean())


def test_too_few_windows_are_refused(windows):
    with pytest.raises(InputError, match="at least 12 windows of 128 bases"):
        split_windows(windows[:11], PruneParams(), "x.fa")
