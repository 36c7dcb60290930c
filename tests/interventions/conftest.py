"""A tiny model with a dictionary whose truth is known."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
import torch

from photo51.interventions.edits.dictionary import LinearDictionary, Units
from photo51.model.stripedhyena.configuration import StripedHyenaConfig
from photo51.model.stripedhyena.modeling import StripedHyena
from photo51.model.tokenizer import BASE_IDS

torch.set_num_threads(1)
SITE = "block.3.out"
D = 16


class Planted(NamedTuple):
    """Model, dictionary at the last block, and units.

    Feature 0, 1, 2, 3 fires where the base just read is A, C, G, T, and its decoder row raises the score of that very
    base as the next one; features 4 to 7 are random directions that fire everywhere; feature 8 never fires.
    """

    model: StripedHyena
    dictionary: LinearDictionary
    units: Units


def tiny_model(seed: int = 0) -> StripedHyena:
    """Four blocks, one of each kind, with embeddings of the four bases that are orthogonal and long."""
    torch.manual_seed(seed)
    config = StripedHyenaConfig(hidden_size=D, block_kinds="smla", mlp_size=32, n_heads=2, hcs_groups=4, hcm_groups=4)
    model = StripedHyena(config).eval().requires_grad_(False)
    bases = torch.from_numpy(BASE_IDS.astype(np.int64))
    model.embedding_layer.weight[bases] = 0.5 * torch.eye(4, D)
    for block in model.blocks:
        for weight in block.parameters():
            if weight.ndim == 2 and weight.shape[0] == D:
                weight.mul_(5.0)
    return model


def planted_dictionary(model: StripedHyena) -> LinearDictionary:
    generator = torch.Generator().manual_seed(3)
    rows = torch.zeros(9, D)
    rows[:4, :4] = torch.eye(4)
    rows[4:] = torch.nn.functional.normalize(torch.randn(5, D, generator=generator), dim=1)
    bias = torch.tensor([0.0] * 4 + [5.0] * 4 + [-100.0])
    threshold = torch.tensor([0.2] * 4 + [0.0] * 5)
    return LinearDictionary(SITE, rows.clone(), bias, rows.clone(), torch.full((D,), 0.01), threshold)


@pytest.fixture(scope="session")
def planted() -> Planted:
    model = tiny_model()
    dictionary = planted_dictionary(model)
    unit = np.array([0.5] * 4 + [5.0] * 4 + [0.0])
    return Planted(model, dictionary, Units(unit, 2 * unit, (unit > 0) * 0.25, 1000))


@pytest.fixture
def dna():
    """`dna(n, length, seed)`: random token ids (n, length)."""

    def make(n: int, length: int, seed: int = 0) -> np.ndarray:
        return np.random.default_rng(seed).choice(BASE_IDS, (n, length))

    return make
