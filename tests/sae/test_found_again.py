"""Which features of one dictionary another has: planted by permuting, noising and replacing directions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from photo51.io.origin import Origin
from photo51.sae.dictionary import SparseAutoencoder
from photo51.sae.quality.stability import compare_dictionaries, found_again, seed_match_shares, stability_score
from photo51.sae.rules import Gate
from photo51.types import InputError

D, F = 32, 12
ORIGIN = Origin("m", "block.1.out", D)


def sae_of(directions: NDArray[np.float64]) -> SparseAutoencoder:
    rows = (directions / np.linalg.norm(directions, axis=1, keepdims=True)).astype(np.float32)
    weights = {"encoder": rows, "decoder": rows, "bias": np.zeros(len(rows), np.float32)}
    weights |= {"centre": np.zeros(D, np.float32), "offset": np.zeros(D, np.float32)}
    return SparseAutoencoder(weights, Gate(k=3), ORIGIN)


@pytest.fixture
def world() -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    rng = np.random.default_rng(1)
    directions = np.linalg.qr(rng.standard_normal((D, D)))[0][:F]
    codes = rng.exponential(size=(4_000, F)) * (rng.random((4_000, F)) < 0.15)
    return directions, (codes @ directions).astype(np.float32)


def test_permuted_features_are_found_and_replaced_ones_are_not(world: tuple) -> None:
    directions, x = world
    rng = np.random.default_rng(2)
    order = rng.permutation(F)
    other = directions[order] + 0.02 * rng.standard_normal((F, D))
    changed = [2, 7]  # rows of `directions` that the other dictionary does not have
    spare = np.linalg.svd(directions)[2][F : F + 2]
    other[np.isin(order, changed)] = spare
    table = found_again(sae_of(directions), {"a": sae_of(other), "b": sae_of(directions[::-1])}, x)
    lost = table["feature"].isin(changed)
    assert table.loc[~lost, "match"].eq(1.0).all()
    assert table.loc[lost, "match"].eq(0.5).all()
    partner = {p.split(":")[0]: int(p.split(":")[1]) for p in table.loc[0, "partners"].split(",")}
    assert partner == {"a": int(np.flatnonzero(order == 0)[0]), "b": F - 1}


def test_a_direction_alone_does_not_make_a_match(world: tuple) -> None:
    directions, x = world
    own, deaf = sae_of(directions), sae_of(directions)
    deaf.bias[4] = -100  # the same direction, never active
    table = found_again(own, {"deaf": deaf}, x)
    assert table.loc[4, "match"] == 0
    assert table.loc[4, "match_cosine"] == pytest.approx(1, abs=1e-5)


def test_nothing_to_look_in_is_refused(world: tuple) -> None:
    directions, x = world
    with pytest.raises(InputError, match="another seed"):
        found_again(sae_of(directions), {}, x)


def test_shares_are_means_over_live_and_over_named_features() -> None:
    table = pd.DataFrame({"feature": range(5), "live": [True, True, True, True, False], "match": [1, 0.5, 0, 0, 0.0]})
    assert seed_match_shares(table, {0, 1}) == {"seed_match_live": 0.375, "seed_match_named": 0.75}
    assert seed_match_shares(table, set())["seed_match_named"] is None


def test_of_equal_directions_the_live_one_is_the_partner_and_the_dead_count_in_no_stability(world: tuple) -> None:
    directions, x = world
    own, twin = sae_of(directions), sae_of(np.concatenate([directions[4:5], directions]))
    twin.bias[0] = -100  # comes first, and is never active
    table = found_again(own, {"twin": twin}, x)
    assert table.loc[4, "match"] == 1
    assert table.loc[4, "partners"] == "twin:5"
    # two dictionaries that share a third of their directions, all of it dead
    rng = np.random.default_rng(3)
    one, two = (sae_of(np.concatenate([directions[:6], rng.standard_normal((12, D))])) for _ in range(2))
    for sae in (one, two):
        sae.bias[:6] = -100
    assert stability_score(compare_dictionaries(one, two)) == pytest.approx(1 / 3)
    assert stability_score(compare_dictionaries(one, two, x)) == 0
