"""What mixers carry from base to base: the terms add up to what the model computes, and stand at the right bases."""

import numpy as np
import pytest
import torch

from photo51.model.sites import Sites
from photo51.model.stripedhyena.influence import direct_influence

from .small import ARCHITECTURES, build, sequence


def along(model, seed=3):
    return torch.randn(model.config.hidden_size, generator=torch.Generator().manual_seed(seed)).double()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_terms_add_up_to_each_mixer_and_to_the_stream(architecture):
    model, direction = build(**ARCHITECTURES[architecture]), None
    direction, ids = along(model), sequence(150)[0]
    n = len(model.blocks)
    names = [*(f"block.{i}.mixer_out" for i in range(n)), f"block.{n - 1}.out"]
    sites = Sites(names)
    model.cpu_kernels = False  # the layers as they are written
    with torch.no_grad():
        model.hidden(ids[None], sites=sites)
    paths = direct_influence(model, ids, lambda _: direction)
    for i in range(n):
        read = float(sites[f"block.{i}.mixer_out"][0, -1].double() @ direction)
        scale = np.abs(paths.mixed[i]).sum() + abs(paths.biases[i])
        assert abs(paths.mixed[i].sum() + paths.biases[i] - read) <= 1e-5 * scale
    stream = float(sites[names[-1]][0, -1].double() @ direction)
    assert paths.total == pytest.approx(stream, rel=1e-5, abs=1e-4)


def test_short_filters_reach_no_further_than_their_taps_and_attention_no_further_than_its_window():
    model = build(block_kinds="sma", hcs_length=7, hcm_length=20, attention_window=37)
    paths = direct_influence(model, sequence(100)[0], lambda _: along(model))
    reach = [100 - int(np.flatnonzero(row)[0]) for row in paths.mixed]
    assert reach == [7, 20, 37]


def test_a_planted_distance_is_the_strongest_base():
    """One mixer whose filter is a single tap 17 bases back: what it carries comes from there alone."""
    model = build(block_kinds="m", hcm_length=32)
    filters = model.blocks[0].filter
    with torch.no_grad():
        filters.h.zero_()
        filters.h[:, 0, 17] = 1.0  # the first tap meets the current base
        filters.D.zero_()
    paths = direct_influence(model, sequence(60)[0], lambda _: along(model))
    assert np.flatnonzero(paths.mixed[0]).tolist() == [60 - 1 - 17]
