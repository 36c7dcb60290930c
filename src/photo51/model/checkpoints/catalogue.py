"""Which models there are by name, how large they are, and whether their weights are here."""

from __future__ import annotations

import pandas as pd

from photo51.io.contracts.model import MODELS
from photo51.model.checkpoints.folder import configuration, converted, shipped_model, shipped_names
from photo51.model.checkpoints.presets import PRESETS
from photo51.types import InputError


def catalogue() -> pd.DataFrame:
    """Shipped and released models (contract `MODELS`): shipped ones first, released ones by family and size."""
    rows = []
    for name in shipped_names():
        config = configuration(shipped_model(name))
        n, window = config.n_parameters(), config.max_position_embeddings
        size = (n, config.hidden_size, config.num_hidden_layers, window, n * 4 / 1e9)
        rows.append((f"sh2:{name}", *size, False, True, "Apache-2.0"))
    for name, preset in PRESETS.items():
        config = preset.config()
        n = config.n_parameters()
        size = (n, config.hidden_size, config.num_hidden_layers, preset.context, n * 2 / 1e9)
        rows.append((name, *size, preset.needs_fp8, _is_converted(name), preset.licence))
    return MODELS.check(pd.DataFrame(rows, columns=list(MODELS.columns)))


def _is_converted(name: str) -> bool:
    try:
        converted(name)
    except InputError:
        return False
    return True
