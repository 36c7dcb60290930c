"""Named places inside a model where activations are read or edited.

Names are the same for every model: `embed`, `block.{i}.pre_mixer`, `block.{i}.mixer_out`, `block.{i}.mid`,
`block.{i}.mlp_out`, `block.{i}.out` (the residual stream after block i) and `final_norm`. Tensors are always
(batch, length, d_model).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import copy

import torch
from torch import Tensor

SITES_PER_BLOCK = ("pre_mixer", "mixer_out", "mid", "mlp_out", "out")
Edit = Callable[[Tensor, int], Tensor]
"""An edit gets the site's tensor (batch, length, d_model) and the sequence index of its first token; it returns the
edited tensor, of the same shape. The index lets an edit find its place in chunked reading and cached generation."""


def site_names(n_blocks: int) -> list[str]:
    """All sites of a model with `n_blocks` blocks, in the order the forward pass meets them."""
    blocks = [f"block.{i}.{part}" for i in range(n_blocks) for part in SITES_PER_BLOCK]
    return ["embed", *blocks, "final_norm"]


class Sites:
    """What to read and what to edit during forward passes.

    Parameters
    ----------
    read
        Sites whose tensors are kept.
    edit
        Site → edit function. Reading a site gives the tensor after its edit.
    stop
        Leave the forward pass once the last site has been met, so that the blocks after it cost nothing; logits are
        then None.

    Raises
    ------
    ValueError
        Where a name is no site of the model (checked when the model runs).
    """

    def __init__(self, read: Iterable[str] = (), edit: Mapping[str, Edit] | None = None, *, stop: bool = False):
        self.read = tuple(dict.fromkeys(read))
        self.edit = dict(edit or {})
        self.stop = stop
        self.start = 0
        self._kept: dict[str, list[Tensor]] = {name: [] for name in self.read}
        self._last: str | None = None

    def check(self, names: list[str]) -> None:
        """Raise `ValueError` for a name that is not among `names`; find the last site of interest."""
        names_used = [*self.read, *self.edit]
        if unknown := [name for name in names_used if name not in names]:
            raise ValueError(
                f"site: need one of {names[0]}, block.{{i}}.{{{'|'.join(SITES_PER_BLOCK)}}} or {names[-1]}, got"
                f" {unknown}"
            )
        self._last = max(names_used, key=names.index, default=None) if self.stop else None

    def at(self, start: int) -> Sites:
        """The same wishes for a chunk whose first token has index `start`, keeping its own tensors."""
        chunk = copy(self)
        chunk.start = start
        chunk._kept = {name: [] for name in self.read}
        return chunk

    def extend(self, chunk: Sites) -> None:
        """Keep what a chunk kept, after what is there."""
        for name, tensors in self._kept.items():
            tensors.extend(chunk._kept[name])

    def visit(self, name: str, x: Tensor) -> Tensor:
        """Pass a site: edit, keep, and leave if nothing after it is wanted."""
        if (edit := self.edit.get(name)) is not None:
            x = edit(x, self.start)
        if (tensors := self._kept.get(name)) is not None:
            tensors.append(x)
        if name == self._last:
            raise EarlyExit
        return x

    def __getitem__(self, name: str) -> Tensor:
        """Everything read at a site, (batch, length, d_model), chunks joined."""
        tensors = self._kept[name]
        if len(tensors) > 1:
            tensors[:] = [torch.cat(tensors, dim=1)]
        return tensors[0]

    def clear(self) -> None:
        """Forget what was read."""
        for tensors in self._kept.values():
            tensors.clear()


class EarlyExit(Exception):
    """The last wanted site has been met."""


def visit(sites: Sites | None, name: str, x: Tensor) -> Tensor:
    """Pass a site, or nothing where no sites are asked for."""
    return x if sites is None else sites.visit(name, x)
