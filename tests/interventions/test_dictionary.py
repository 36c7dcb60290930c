from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from photo51.config.interventions import UnitParams
from photo51.interventions.edits.dictionary import (
    LinearDictionary,
    Units,
    activations,
    measure_units,
    units_of_table,
)
from photo51.io.origin import Origin
from photo51.sae.dictionary import SparseAutoencoder
from photo51.sae.rules import Gate
from photo51.types import InputError


def _square(**kwargs) -> LinearDictionary:
    eye = torch.eye(4)
    return LinearDictionary("embed", eye, torch.zeros(4), eye, torch.zeros(4), **kwargs)


def test_top_k_keeps_the_k_largest_of_each_base_and_selection_does_not_change_them():
    x = torch.tensor([[3.0, 1.0, 2.0, -9.0], [0.1, 0.2, 0.3, 0.4]])
    codes = _square(k=2).encode(x)
    assert codes.tolist() == [[3.0, 0.0, 2.0, 0.0], [0.0, 0.0, pytest.approx(0.3), pytest.approx(0.4)]]
    assert torch.equal(_square(k=2).encode(x, [1, 2]), codes[:, [1, 2]])


def test_a_threshold_drops_codes_below_it_without_shifting_the_others():
    x = torch.tensor([[0.5, 1.0, 3.0, -1.0]])
    dictionary = _square(threshold=torch.tensor([1.0, 0.9, 1.0, 1.0]))
    assert dictionary.encode(x).tolist() == [[0.0, 1.0, 3.0, 0.0]]
    assert dictionary.encode(x, [2, 0]).tolist() == [[3.0, 0.0]]
    assert _square(centre=torch.tensor([0.5, 0.0, 1.0, -2.0])).encode(x).tolist() == [[0.0, 1.0, 2.0, 1.0]]


@pytest.mark.parametrize("gate", [Gate(k=5), Gate(threshold=np.full(40, 0.7, np.float32))])
def test_codes_are_those_of_the_trained_autoencoder(gate):
    rng = np.random.default_rng(2)
    weights = {
        "encoder": rng.normal(size=(40, 16)),
        "decoder": rng.normal(size=(40, 16)),
        "bias": rng.normal(size=40),
        "centre": rng.normal(size=16),
        "offset": rng.normal(size=16),
    }
    weights = {name: a.astype(np.float32) for name, a in weights.items()}
    sae = SparseAutoencoder(weights, gate, Origin("m", "block.2.out", 16))
    dictionary = LinearDictionary.of(sae)
    x = rng.normal(size=(300, 16)).astype(np.float32)
    codes = sae.encode(x)
    ours = dictionary.encode(torch.from_numpy(x))
    assert dictionary.site == "block.2.out"
    assert np.allclose(ours, codes.toarray(), atol=1e-5)
    assert np.allclose(dictionary.decode(ours), sae.decode(codes), atol=1e-4)


def test_units_of_a_feature_table_are_its_q99():
    table = pd.DataFrame({"feature": [1, 0], "q99": [3.0, np.nan], "maximum": [5.0, np.nan], "density": [0.1, 0.0]})
    units = units_of_table(table, 200)
    assert units.unit.tolist() == [0.0, 3.0]
    assert units.peak.tolist() == [0.0, 5.0]
    with pytest.raises(InputError, match="one row for each feature"):
        units_of_table(table.iloc[:1], 200)


def test_units_are_the_nearest_rank_quantile_of_firing_bases(planted, dna):
    model, dictionary, _ = planted
    windows = dna(6, 50, seed=2)
    params = UnitParams(quantile=0.9, warmup=10)
    units = measure_units(model, dictionary, windows, params)
    x = activations(model, dictionary.site, torch.from_numpy(windows.astype(np.int64)))[:, 10:]
    codes = dictionary.encode(x).flatten(0, 1).numpy()
    assert units.bases == 240
    for f in range(8):
        fired = np.sort(codes[codes[:, f] > 0, f])
        assert units.unit[f] == pytest.approx(np.quantile(fired, 0.9, method="inverted_cdf"))
        assert units.peak[f] == pytest.approx(fired[-1])
        assert units.density[f] == pytest.approx(len(fired) / 240)
    assert units.unit[8] == units.density[8] == 0.0


def test_a_feature_that_never_fires_has_no_unit():
    units = Units(np.array([1.0, 0.0]), np.zeros(2), np.zeros(2), 77)
    with pytest.raises(InputError, match="77 bases"):
        units.of([1])
