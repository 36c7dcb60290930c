"""The state a StripedHyena carries from one token to the next."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


class HyenaCache:
    """Per-block recurrent state and attention keys, enough to go on exactly where a forward pass stopped.

    Each block keeps a dictionary of tensors whose first axis is the batch: `fir` and `conv` (the last inputs of the
    finite filters), `modal` (the state of the long filter), `keys` and `values` (attention).

    Parameters
    ----------
    n_blocks
        Blocks of the model.
    """

    is_compileable = False
    is_sliding: tuple[bool, ...] = ()

    def __init__(self, n_blocks: int):
        self.blocks: list[dict[str, Tensor]] = [{} for _ in range(n_blocks)]
        self.seen = 0

    def take(self, i: int) -> dict[str, Tensor]:
        """State of block `i`."""
        return self.blocks[i]

    def give(self, i: int, state: dict[str, Tensor]) -> None:
        """Replace the state of block `i`."""
        self.blocks[i] = state

    def get_seq_length(self, _layer: int = 0) -> int:
        """Tokens read so far."""
        return self.seen

    def map(self, change: Callable[[Tensor], Tensor]) -> HyenaCache:
        """A new cache with every tensor changed, this one untouched."""
        new = HyenaCache(len(self.blocks))
        new.seen = self.seen
        new.blocks = [{name: change(tensor) for name, tensor in block.items()} for block in self.blocks]
        return new

    def copy(self) -> HyenaCache:
        """An independent copy; states are replaced, never written in place, so tensors are shared."""
        return self.map(lambda tensor: tensor)

    def repeat(self, n: int) -> HyenaCache:
        """The same state for `n` continuations of each sequence."""
        return self.map(lambda tensor: tensor.repeat_interleave(n, dim=0))

    def reorder_cache(self, order: Tensor) -> None:
        """Beam search: sequence i goes on from sequence `order[i]`."""
        self.blocks = self.map(lambda tensor: tensor.index_select(0, order.to(tensor.device))).blocks

    def batch_repeat_interleave(self, repeats: int) -> None:
        """Repeat every sequence, in place (asked for by `generate`)."""
        self.blocks = self.repeat(repeats).blocks

    def batch_select_indices(self, indices: Tensor) -> None:
        """Keep the named sequences, in place (asked for by `generate`)."""
        self.reorder_cache(indices)

    def nbytes(self) -> int:
        """Memory held, bytes."""
        return sum(t.numel() * t.element_size() for block in self.blocks for t in block.values())


def joined(past: Tensor | None, new: Tensor, keep: int | None) -> Tensor:
    """Past and new keys (batch, heads, length, head_size), cut to the last `keep` of the past where a window is set."""
    if past is None:
        return new
    # the oldest keys are out of sight of every query to come
    if keep is not None and past.shape[2] > keep:
        past = past[:, :, -keep:]
    return torch.cat([past, new], dim=2)
