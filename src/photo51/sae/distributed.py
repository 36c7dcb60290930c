"""Ranks of a distributed run: `torchrun --nproc-per-node N --no-python photo51 train-sae …`, on CPUs (gloo) or GPUs (nccl)."""

from __future__ import annotations

import os

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray


class Ranks:
    """A process among its peers; alone where `torchrun` did not start it.

    Attributes
    ----------
    rank, n
        Number of this process, and of all.
    device
        GPU of this process; meaningless without GPUs.
    """

    def __init__(self) -> None:
        self.n, self.rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
        self.device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
        if self.n > 1 and not dist.is_initialized():
            dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")

    def sum(self, a: NDArray) -> NDArray:
        """Sum over ranks, the same everywhere."""
        if self.n == 1:
            return a
        t = torch.from_numpy(np.array(a))
        if dist.get_backend() == "nccl":
            t = t.to(self.device)
        dist.all_reduce(t)
        return t.cpu().numpy()
