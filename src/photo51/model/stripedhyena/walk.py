"""How a sequence passes through the blocks: at once, or chunk by chunk on several threads.

Chunks are read depth first, all blocks on one chunk before the next chunk begins, so that activations stay in cache
and memory does not grow with the sequence. A block may take a chunk as soon as it has mixed the chunk before, so
threads follow each other through the blocks; each works alone on whole chunks, and the numbers do not depend on how
many there are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from photo51.model.sites import Sites, visit

CHUNK_ROWS, CHUNK_MIN = 512, 64


class ModelBlock(Protocol):
    """`h = x + mix(pre_norm(x)); out = h + feed(h)`.

    Attributes
    ----------
    pre_norm
        Norm before mixing.
    mix
        From normed tokens, the block's state before them and the index of the first: the mixture, and the state after
        them.
    feed
        Norm and MLP, each token for itself.
    begin, end
        From a cache's state (with batch size and the place to be read) to the working state of `mix`, and (with the
        index after the last token) back.
    """

    pre_norm: Callable[[Tensor], Tensor]
    mix: Callable[[Tensor, Any, int], tuple[Tensor, Any]]
    feed: Callable[[Tensor], Tensor]
    begin: Callable[[Any, int, slice], Any]
    end: Callable[[Any, int], Any]


class States(Protocol):
    """Where blocks find the state before a chunk and leave the state after it."""

    def take(self, i: int) -> Any:
        """State of block `i` before the chunk."""

    def give(self, i: int, state: Any) -> None:
        """State of block `i` after the chunk."""


def through(blocks: Sequence[ModelBlock], x: Tensor, states: States, start: int, sites: Sites | None) -> Tensor:
    """Pass embedded tokens (batch, length, d_model), of which the first has index `start`, through every block.

    Raises
    ------
    EarlyExit
        At the last site that `sites` wants, if it asks to stop there.
    """
    x = visit(sites, "embed", x)
    for i, block in enumerate(blocks):
        prefix = f"block.{i}."
        u = visit(sites, prefix + "pre_mixer", block.pre_norm(x))
        y, state = block.mix(u, states.take(i), start)
        states.give(i, state)
        x = visit(sites, prefix + "mid", x + visit(sites, prefix + "mixer_out", y))
        x = x + visit(sites, prefix + "mlp_out", block.feed(x))
        x = visit(sites, prefix + "out", x)
    return x


class Chunk(NamedTuple):
    """What a model says about one chunk of every sequence of a batch.

    Attributes
    ----------
    start
        Sequence index of the chunk's first token.
    hidden
        Final normed hidden states (batch, length, d_model), or what `then` made of them; None after an early exit.
    sites
        Activations of the chunk at the sites asked for.
    """

    start: int
    hidden: Any
    sites: Sites


class Handover:
    """States passed from the chunk before to the chunk after, each block's as soon as it is there."""

    def __init__(self, before: list[Future], after: list[Future]):
        self.before, self.after = before, after

    def take(self, i: int) -> Any:
        """Wait for the chunk before to have mixed block `i`."""
        return self.before[i].result()

    def give(self, i: int, state: Any) -> None:
        """Let the chunk after mix block `i`."""
        self.after[i].set_result(state)

    def fail(self, reason: BaseException) -> None:
        """Pass an error on to whoever waits for the states of this chunk."""
        for state in self.after:
            if not state.done():
                state.set_exception(reason)


def chunk_length(batch: int, length: int, threads: int) -> int:
    """Tokens a chunk: some 512 rows over the batch, and chunks enough to keep every thread busy."""
    # four chunks a thread, so that none waits long at the ends
    share = -(-length // (4 * threads)) if threads > 1 else length
    # whole multiples of the smallest chunk, and no more rows than stay in cache
    return max(CHUNK_MIN, min(CHUNK_ROWS // batch, -(-share // CHUNK_MIN) * CHUNK_MIN))


def walk(
    step: Callable[[slice, Handover], Chunk], states: list[Any], length: int, *, chunk: int, threads: int
) -> Iterator[Chunk]:
    """Run `step` on consecutive chunks of a sequence and yield what it returns, in order.

    Parameters
    ----------
    step
        Passes tokens `slice` of the sequence through the blocks, taking and giving states.
    states
        States of the blocks before the sequence; afterwards, those after it. Blocks that were not reached keep theirs.
    length, chunk
        Tokens of the sequence and of a chunk.
    threads
        Chunks under way at a time. Torch works on one thread each meanwhile.
    """
    front: list[Future] = [Future() for _ in states]
    # the first chunk takes the states of the sequence so far
    for state, future in zip(states, front, strict=True):
        future.set_result(state)

    def run(piece: slice, handover: Handover) -> Chunk:
        try:
            with torch.no_grad():
                return step(piece, handover)
        except BaseException as reason:
            # whoever waits for this chunk's states would wait for ever
            handover.fail(reason)
            raise

    def pieces() -> Iterator[tuple[slice, Handover]]:
        nonlocal front
        for a in range(0, length, chunk):
            after: list[Future] = [Future() for _ in states]
            yield slice(a, min(length, a + chunk)), Handover(front, after)
            # states that this chunk gives are those that the next one takes
            front = after

    with one_thread_each():
        if threads == 1 or length <= chunk:
            for piece in pieces():
                yield run(*piece)
        else:
            yield from _in_order(run, pieces(), threads)
    # blocks behind an early exit have given nothing: they keep what they had
    states[:] = [new.result() if new.done() else old for new, old in zip(front, states, strict=True)]


def _in_order(run: Callable[..., Chunk], jobs: Iterator[tuple], threads: int) -> Iterator[Chunk]:
    """Results of jobs run on a few threads, in the order of the jobs, at most one job waiting to be collected a
    thread.
    """
    with ThreadPoolExecutor(threads) as pool:
        under_way: deque[Future] = deque()
        for job in jobs:
            under_way.append(pool.submit(run, *job))
            # collected in order; a few may be done ahead
            if len(under_way) > 2 * threads:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Torch and its BLAS use one thread a caller inside."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
