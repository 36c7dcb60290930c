from __future__ import annotations

import numpy as np
import pytest
import torch

from photo51.interventions.edits.bundles import Bundle, Direction
from photo51.interventions.edits.dictionary import LinearDictionary, Units
from photo51.interventions.edits.site_edits import EditGate, Order, ReadingDirection, SiteEdit, above
from photo51.model.sites import Sites
from photo51.model.stripedhyena.cache import HyenaCache
from photo51.types import InputError


@pytest.fixture
def by_hand():
    """Two features in the plane, not orthogonal, decoder unlike encoder, with an offset."""
    dictionary = LinearDictionary(
        site="block.0.out",
        encoder=torch.tensor([[1.0, 0.0], [0.0, 1.0]]),
        bias=torch.tensor([0.0, -1.0]),
        decoder=torch.tensor([[2.0, 0.0], [1.0, 1.0]]),
        offset=torch.tensor([10.0, 20.0]),
    )
    return dictionary, Units(np.array([4.0, 0.5]), np.array([8.0, 1.0]), np.array([0.5, 0.5]), 100)


X = torch.tensor([[[3.0, 5.0]]])  # codes: relu(3), relu(5 - 1) = 3, 4


@pytest.mark.parametrize(
    ("op", "strength", "expected"),
    [
        ("add", 0.5, [3 + 2 * 2, 5]),  # half of 4 units on feature 0: code + 2, row (2, 0)
        ("add", -9.0, [3 - 3 * 2, 5]),  # the code 3 falls to 0, never below
        ("clamp", 1.0, [3 + (4 - 3) * 2, 5]),  # code 3 → one unit = 4
        ("scale", 3.0, [3 + 6 * 2, 5]),  # code 3 → 9
        ("ablate", 1.0, [3 - 3 * 2, 5]),
    ],
)
def test_each_operation_changes_the_code_as_worked_by_hand(by_hand, op, strength, expected):
    dictionary, units = by_hand
    edit = SiteEdit(dictionary, [Order(op, Bundle.single(0), strength)], units)
    assert edit(X, 0).tolist() == [[[pytest.approx(v) for v in expected]]]


def test_a_bundle_adds_each_feature_in_its_own_unit_and_weight(by_hand):
    dictionary, units = by_hand
    edit = SiteEdit(dictionary, [Order("add", Bundle("b", (0, 1), (1.0, -2.0)), 1.0)], units)
    # feature 0: + 1·4 along (2, 0); feature 1: − 2·0.5 along (1, 1)
    assert edit(X, 0).tolist() == [[[pytest.approx(3 + 8 - 1), pytest.approx(5 - 1)]]]


def test_orders_on_one_feature_follow_each_other(by_hand):
    dictionary, units = by_hand
    orders = [Order("ablate", Bundle.single(1)), Order("add", Bundle.single(1), 2.0)]
    # code 4 → 0 → 1: change − 3 along (1, 1)
    assert SiteEdit(dictionary, orders, units)(X, 0).tolist() == [[[pytest.approx(0.0), pytest.approx(2.0)]]]


def test_the_dictionarys_error_is_untouched(by_hand):
    dictionary, units = by_hand
    edit = SiteEdit(dictionary, [Order("clamp", Bundle("b", (0, 1), (1.0, 1.0)), 2.0)], units)
    x = torch.randn(2, 7, 2, generator=torch.Generator().manual_seed(1)) * 4
    after = edit(x, 0)
    new = torch.tensor([8.0, 1.0]).expand(2, 7, 2)
    error = x - dictionary.decode(dictionary.encode(x))
    assert torch.allclose(after - dictionary.decode(new), error, atol=1e-5)


def test_ablating_a_direction_leaves_nothing_along_it(by_hand):
    dictionary, units = by_hand
    direction = Direction("d", torch.tensor([3.0, 4.0]))
    after = SiteEdit(dictionary, [Order("ablate", direction)], units)(X, 0)
    assert float(after @ torch.tensor([0.6, 0.8])) == pytest.approx(0.0, abs=1e-6)
    assert float(after @ torch.tensor([-0.8, 0.6])) == pytest.approx(-0.8 * 3 + 0.6 * 5)


def test_adding_a_direction_moves_by_its_unit(by_hand):
    dictionary, units = by_hand
    order = Order("add", Direction("d", torch.tensor([0.0, -7.0]), unit=2.5), 2.0)
    assert SiteEdit(dictionary, [order], units)(X, 0).tolist() == [[[3.0, 0.0]]]


def test_intervals_and_start_place_an_edit_on_the_sequence(by_hand):
    dictionary, units = by_hand
    edit = SiteEdit(dictionary, [Order("ablate", Bundle.single(0), 1.0, EditGate(intervals=((12, 14),)))], units)
    changed = (edit(X.expand(1, 6, 2), 10) != X).any(-1)[0]
    assert changed.tolist() == [False, False, True, True, False, False]
    x = X.expand(1, 6, 2)
    assert edit(x, 20) is x


def test_the_reverse_strand_mirrors_intervals_and_closes_gates_of_the_other_strand(by_hand):
    dictionary, units = by_hand
    order = Order("ablate", Bundle.single(0), 1.0, EditGate(intervals=((0, 2),)))
    edit = SiteEdit(dictionary, [order], units, ReadingDirection("-", 6))
    assert (edit(X.expand(1, 6, 2), 0) != X).any(-1)[0].tolist() == [False] * 4 + [True] * 2
    forward_only = Order("ablate", Bundle.single(0), 1.0, EditGate(strand="+"))
    x = X.expand(1, 6, 2)
    assert SiteEdit(dictionary, [forward_only], units, ReadingDirection("-", 6))(x, 0) is x
    with pytest.raises(InputError, match="length"):
        SiteEdit(dictionary, [order], units, ReadingDirection("-"))


def test_a_condition_on_codes_opens_the_gate_base_by_base(by_hand):
    dictionary, units = by_hand
    x = torch.tensor([[[3.0, 5.0], [3.0, 1.5], [3.0, 9.0]]])  # codes of feature 1: 4, 0.5, 8
    edit = SiteEdit(dictionary, [Order("ablate", Bundle.single(0), 1.0, above(1, 1.0))], units)
    assert (edit(x, 0) != x).any(-1)[0].tolist() == [True, False, True]


def test_each_sequence_and_position_may_have_its_own_strength(by_hand):
    dictionary, units = by_hand
    strength = torch.tensor([[0.0, 1.0, 2.0], [0.5, 0.0, 0.0]])
    edit = SiteEdit(dictionary, [Order("add", Bundle.single(0), strength)], units)
    x = X.expand(2, 4, 2)
    moved = (edit(x, 0) - x)[..., 0]
    assert moved.tolist() == [[0.0, 8.0, 16.0, 0.0], [4.0, 0.0, 0.0, 0.0]]
    assert (edit(x[:, 2:], 2) - x[:, 2:])[..., 0].tolist() == [[16.0, 0.0], [0.0, 0.0]]


def test_full_forward_chunks_and_cached_steps_give_the_same_numbers(planted, dna):
    model, dictionary, units = planted
    orders = [
        Order("add", Bundle("ac", (0, 1), (1.0, -0.5)), 1.5, EditGate(intervals=((5, 30),))),
        Order("ablate", Bundle.single(2), 1.0, above(2, 0.1)),
        Order("clamp", Bundle.single(4), 0.7),
    ]
    edit = SiteEdit(dictionary, orders, units)
    ids = torch.from_numpy(dna(2, 40).astype(np.int64))
    with torch.no_grad():
        full = model.hidden(ids, sites=Sites(edit={dictionary.site: edit}))
        assert (full - model.hidden(ids)).abs().max() > 0.01
        for chunks in ((17, 23), (1,) * 40):
            cache = HyenaCache(len(model.blocks))
            parts = [
                model.hidden(part, cache=cache, sites=Sites(edit={dictionary.site: edit}))
                for part in ids.split(list(chunks), dim=1)
            ]
            assert torch.cat(parts, 1).sub(full).abs().max() < 1e-4


def test_gradients_run_through_an_edit_as_finite_differences_say(by_hand):
    dictionary, units = by_hand
    order = Order("scale", Bundle.single(1), 3.0)
    edit = SiteEdit(dictionary, [order], units)
    x = X.clone().requires_grad_()
    (edit(x, 0) * torch.tensor([1.0, 10.0])).sum().backward()
    # x1 enters itself (10) and the code of feature 1, which adds 2·code along (1, 1): 10 + 2·(1 + 10)
    assert x.grad.flatten().tolist() == [pytest.approx(1.0), pytest.approx(32.0)]


def test_bad_orders_are_refused_by_name(by_hand):
    dictionary, units = by_hand
    with pytest.raises(InputError, match="from 0 to 1, got \\[7\\]"):
        SiteEdit(dictionary, [Order("add", Bundle.single(7))], units)
    silent = units._replace(unit=np.array([1.0, 0.0]))
    with pytest.raises(InputError, match=r"silent on all 100 bases"):
        SiteEdit(dictionary, [Order("add", Bundle.single(1))], silent)
    with pytest.raises(InputError, match="multiply"):
        Order("multiply", Bundle.single(0))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="finite"):
        Order("add", Bundle.single(0), float("nan"))
    with pytest.raises(InputError, match="start < end"):
        EditGate(intervals=((4, 4),))
