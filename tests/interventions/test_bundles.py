from __future__ import annotations

import numpy as np
import pytest
import torch

from photo51.interventions.edits.bundles import Bundle, concept_parts, parse_bundle
from photo51.interventions.edits.dictionary import LinearDictionary, Units
from photo51.types import InputError

UNITS = Units(np.array([1.0, 2.0, 4.0, 8.0]), np.ones(4), np.ones(4), 10)
A, B, C = Bundle.single(0, "a"), Bundle("b", (1, 2), (1.0, 0.5)), Bundle.single(2, "c")


def test_concept_arithmetic_adds_weights_feature_by_feature():
    total = A - B + C
    assert total.name == "a - b + c"
    assert dict(zip(total.features, total.weights, strict=True)) == {0: 1.0, 1: -1.0, 2: 0.5}


def test_what_cancels_is_refused():
    with pytest.raises(InputError, match="cancels"):
        A - A


def test_one_unit_of_a_bundle_moves_by_each_features_own_unit():
    decoder = torch.eye(4)
    dictionary = LinearDictionary("embed", decoder, torch.zeros(4), decoder, torch.zeros(4))
    assert B.shift(dictionary, UNITS).tolist() == [0.0, 2.0, 2.0, 0.0]


def test_level_is_the_weighted_mean_in_units():
    # feature 1 at 2 = 1 unit, feature 2 at 12 = 3 units, weights 1 and 0.5: (1 + 1.5) / 1.5
    assert B.level(np.array([2.0, 12.0]), UNITS) == pytest.approx(2.5 / 1.5)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("f3", {3: 1.0}),
        ("3", {3: 1.0}),
        ("f/3", {3: 1.0}),
        ("b", {1: 1.0, 2: 0.5}),
        ("a - 0.5*b + f3", {0: 1.0, 1: -0.5, 2: -0.25, 3: 1.0}),
        ("start-codon + 2*f1", {2: 1.0, 1: 2.0}),
    ],
)
def test_bundles_are_read_as_people_write_them(text, expected):
    concepts = {"a": A, "b": B, "start-codon": C}
    bundle = parse_bundle(text, concepts, 4)
    assert dict(zip(bundle.features, bundle.weights, strict=True)) == expected


@pytest.mark.parametrize(
    ("text", "said"), [("f9", "from 0 to 3"), ("stop_kodon", "did you mean stop_codon"), ("x*f1", "number")]
)
def test_unknown_names_are_refused_with_the_nearest(text, said):
    with pytest.raises(InputError, match=said):
        parse_bundle(text, {"stop_codon": A}, 4)


def test_parts_find_features_that_fire_together():
    """Features 0 and 2 fire at the same bases, 1 and 3 at others: two parts, each with one pair."""
    rng = np.random.default_rng(0)
    first, second = rng.exponential(size=(2, 300)) * (rng.random((2, 300)) < 0.3)
    codes = np.stack([first, second, first, second], 1) * UNITS.unit
    concept = Bundle("c", (0, 1, 2, 3), (1.0, 1.0, 1.0, 1.0))
    found = concept_parts(concept, codes, UNITS, n_parts=2, seed=1)
    big = [{f for f, w in zip(p.features, p.weights, strict=True) if w > 0.9} for p in found]
    assert sorted(map(sorted, big)) == [[0, 2], [1, 3]]
    whole = found[0] + found[1]
    assert dict(zip(whole.features, whole.weights, strict=True)) == pytest.approx(dict.fromkeys(range(4), 1.0))
    assert sum(found[0].weights) == pytest.approx(2.0, abs=0.1)


def test_parts_and_weights_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="1 to 2 parts"):
        concept_parts(B, np.ones((5, 2)), UNITS, n_parts=3, seed=0)
    with pytest.raises(InputError, match="fires"):
        concept_parts(B, np.zeros((5, 2)), UNITS, n_parts=2, seed=0)


@pytest.mark.parametrize("text", ["nan*f1", "inf*f1", "1e400*f1", "f0 + nan*f1", "0*f1", "0*f0 + 0*f1"])
def test_weights_that_steer_by_nothing_or_by_no_number_are_refused(text):
    with pytest.raises(InputError, match=r"finite number|weight that is not 0|cancels to nothing"):
        parse_bundle(text, {}, 4)
