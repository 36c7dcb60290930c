"""Checkpoint files in the layout of the released ones, small."""

import io

import numpy as np
import torch

from benchmarks._reference import released_rows
from photo51.model.checkpoints.presets import Preset

from .small import TINY, build

ARCHITECTURE = {**TINY, "block_kinds": ["hcs", "hcm", "hcl", "attn"]}
PRESET = Preset("evo2:tiny", ARCHITECTURE, 8_192, "nobody/tiny", "tiny.pt")


class Opaque:
    """Something a checkpoint of 8-bit layers holds beside tensors."""

    def __init__(self):
        self.scale = np.ones(3)


def released_state(model):
    """Names, rows and extra entries of a released Evo 2 checkpoint."""
    rows = dict(released_rows(model.config, model.state_dict()))
    exact = ("log_poles", "residues")
    state = {name: x if name.endswith(exact) else x.to(torch.bfloat16) for name, x in rows.items()}
    state["unembed.weight"] = state["embedding_layer.weight"]
    state["blocks.2.filter.t"] = torch.arange(10.0)[None, None]
    state["blocks.0.mixer.dense._extra_state"] = io.BytesIO(b"8-bit scales")
    state["blocks.1.projections._extra_state"] = None
    return state


def tiny(seed=0):
    """A model whose weights and rotary frequencies bfloat16 holds exactly, timescales apart."""
    model = build(seed, **ARCHITECTURE)
    with torch.no_grad():
        for name, w in model.named_parameters():
            if not name.endswith(("log_poles", "residues")):
                w.copy_(w.to(torch.bfloat16).float())
        for table in model.buffers():
            table.copy_(table.to(torch.bfloat16).float())
    return model


def save(state, path, parts=1):
    """`torch.save`, cut into `parts` files as the largest checkpoints are."""
    torch.save(state, path)
    if parts == 1:
        return path
    data = path.read_bytes()
    path.unlink()
    step = -(-len(data) // parts)
    for i in range(parts):
        path.with_name(f"{path.name}.part{i}").write_bytes(data[i * step : (i + 1) * step])
    return path.with_name(f"{path.name}.part0")
