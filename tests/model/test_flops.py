"""Operations of a token: counted by hand for one block of each kind, and by torch's own counter."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from photo51.model.checkpoints.presets import preset
from photo51.model.stripedhyena.configuration import StripedHyenaConfig
from photo51.model.stripedhyena.flops import blocks_read, forward_flops
from photo51.model.stripedhyena.modeling import StripedHyenaBlock
from photo51.types import InputError

SMALL = {"hidden_size": 8, "mlp_size": 20, "n_heads": 2, "hcs_groups": 2, "hcm_groups": 2}


@pytest.mark.parametrize(
    ("kind", "mixer"),
    [
        ("attn", 8 * 64 + 4 * 8 * 2.5),  # four tokens see 1, 2, 3, 4 keys
        ("hcs", 8 * 64 + 18 * 8 + 2 * 8 * 7),
        ("hcm", 8 * 64 + 18 * 8 + 2 * 8 * 128),
        ("hcl", 8 * 64 + 18 * 8 + 8 * (3 * 2.5 * 8 * 3 + 24) / 4),  # transforms of 8 points, for 4 tokens
    ],
)
def test_one_block_by_hand(kind, mixer):
    config = StripedHyenaConfig(**SMALL, block_kinds=[kind])
    assert forward_flops(config, 4) == mixer + 6 * 8 * 20


def test_attention_in_a_window_sees_no_more_than_it():
    config = StripedHyenaConfig(**SMALL, block_kinds=["attn"], attention_window=2)
    keys = (1 + 2 + 2 + 2) / 4
    assert forward_flops(config, 4) == 8 * 64 + 4 * 8 * keys + 6 * 8 * 20


def test_the_parts_agree_with_torchs_counter():
    """Torch counts a product of matrices as two operations a multiplication, which is what is wanted here."""
    config, n = StripedHyenaConfig(**SMALL, block_kinds="s"), 64
    block = StripedHyenaBlock(config, 0)
    with FlopCounterMode(display=False) as counter:
        block.mlp(torch.zeros(1, n, 8))
    mlp = counter.get_total_flops() / n
    without = StripedHyenaConfig(**{**SMALL, "mlp_size": 0}, block_kinds="s")
    assert forward_flops(config, n) - forward_flops(without, n) == mlp


def test_seven_billion_parameters_cost_twice_that_and_a_little():
    config = preset("evo2:7b_262k").config()
    assert 1.0 < forward_flops(config, 8_192, likelihood=True) / (2 * config.n_parameters()) < 1.15


def test_only_what_leads_to_the_site_is_counted():
    config = StripedHyenaConfig(**SMALL, block_kinds="smlas")
    assert blocks_read(config, ["embed"]) == 0
    assert blocks_read(config, ["embed", "block.2.mid"]) == 3
    assert blocks_read(config, ["final_norm"]) == 5
    assert blocks_read(config, ["block.0.out"], likelihood=True) == 5
    with pytest.raises(InputError, match=r"block\.5\.out"):
        blocks_read(config, ["block.5.out"])
