"""Compiled workers on a few threads.

A worker is a function compiled with `nogil` that gets its number and how many there are, and does its share of rows.
No second pool of spinning threads runs next to that of the linear algebra library, and results do not depend on
which thread does what.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import torch


def n_threads() -> int:
    """Threads in use: as many as torch has (`torch.set_num_threads`)."""
    return torch.get_num_threads()


def spread(worker: Callable[..., None], *args: object) -> None:
    """Run `worker(i, n, *args)` for every i below the number of threads, at the same time."""
    n = n_threads()
    others = [_pool(n).submit(worker, i, n, *args) for i in range(1, n)]
    # this thread does the first share itself
    worker(0, n, *args)
    for other in others:
        # raises what a worker raised
        other.result()


@cache
def _pool(n: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max(1, n - 1), thread_name_prefix="photo51-sae")
