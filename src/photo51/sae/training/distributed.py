"""Ranks of a distributed run, on CPUs (gloo) or GPUs (nccl).

`photo51 train-sae --processes N` starts its own on one machine; on several, a cluster's `torchrun … --no-python photo51
train-sae …` does.
"""

from __future__ import annotations

import atexit
import os
import sys

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray


def gpus() -> int:
    """Processes that training is shared among where nothing is said: one for each GPU, one without."""
    return max(1, torch.cuda.device_count())


def share_among(n: int) -> None:
    """Become `n` processes that each run this command; nothing happens for one, or where `torchrun` started this
    one.
    """
    # torchrun sets RANK for the processes it starts: they must not start others
    if n == 1 or "RANK" in os.environ:
        return
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(n)]
    # this process becomes torchrun: nothing of it is left to wait
    os.execv(sys.executable, [*torchrun, "--module", "photo51.cli", *sys.argv[1:]])


def _leave() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()


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
            backend = "nccl" if torch.cuda.is_available() else "gloo"
            dist.init_process_group(backend)
            # gloo's threads may still hold the last tensor: one that is given back while Python shuts down aborts the
            # process. NCCL's keep none, and its group waits on destruction for ranks that may have failed
            if backend == "gloo":
                atexit.register(_leave)

    def sum(self, a: NDArray) -> NDArray:
        """Sum over ranks, the same everywhere."""
        if self.n == 1:
            return a
        # a copy: all_reduce writes into what it is given
        t = torch.from_numpy(np.array(a))
        # NCCL reduces memory of GPUs alone
        if dist.get_backend() == "nccl":
            t = t.to(self.device)
        dist.all_reduce(t)
        return t.cpu().numpy()
