"""Small models and sequences for tests."""

import torch

from photo51.model.stripedhyena.configuration import StripedHyenaConfig
from photo51.model.stripedhyena.modeling import StripedHyena

TINY = {"hidden_size": 32, "mlp_size": 40, "n_heads": 2, "hcs_groups": 4, "hcm_groups": 8, "vocab_size": 128}


def build(seed=0, **changes):
    """A small model whose weights are large enough for every part to matter."""
    torch.manual_seed(seed)
    model = StripedHyena(StripedHyenaConfig(**{**TINY, **changes})).eval()
    with torch.no_grad():
        for name, w in model.named_parameters():
            if name.endswith("bias"):
                w.normal_(std=0.1)
            elif name.endswith("scale"):
                w.add_(0.1 * torch.randn_like(w))
            elif w.ndim == 2 and "filter." not in name:
                w.mul_(8)
    return model


def sequence(length, batch=1, seed=0):
    """Random bases as token ids (batch, length)."""
    bases = torch.tensor([65, 67, 71, 84])
    return bases[torch.randint(4, (batch, length), generator=torch.Generator().manual_seed(seed))]


ARCHITECTURES = {
    "evo2": {"block_kinds": "smlas"},
    "windowed": {"block_kinds": "smlas", "attention_window": 37},
    "interpolated": {"block_kinds": "laam", "rotary_scaling": 16.0, "rotary_base": 1e6, "n_heads": 4},
    "evo1": {"block_kinds": "hah", "gelu_blocks": "all", "state_size": 8, "rotary_scaling": 4.0},
    "odd_groups": {
        "block_kinds": "ssm",
        "hcs_length": 5,
        "hcm_length": 100,
        "hcm_groups": 32,
        "hcs_groups": 1,
    },
}
