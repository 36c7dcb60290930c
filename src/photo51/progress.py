"""Progress that suits where it is shown: a bar on a terminal, a line every so often in a log file."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

log = logging.getLogger(__name__)
T = TypeVar("T")
LOG_EVERY_S = 10.0


def progress(items: Iterable[T], label: str, total: int | None = None, unit: str = "") -> Iterator[T]:
    """Pass `items` on and show how far it is.

    Parameters
    ----------
    items
        What to iterate over.
    label
        What is being done.
    total
        Number of items, where `items` has no length.
    unit
        Unit of the items.
    """
    if total is None and hasattr(items, "__len__"):
        total = len(items)  # type: ignore[arg-type]
    yield from _bar(items, label, total) if sys.stderr.isatty() else _lines(items, label, total, unit)


def _bar(items: Iterable[T], label: str, total: int | None) -> Iterator[T]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield from bar.track(items, total=total, description=label)


def _lines(items: Iterable[T], label: str, total: int | None, unit: str) -> Iterator[T]:
    started = last = time.monotonic()
    n = 0
    for item in items:
        yield item
        n += 1
        now = time.monotonic()
        if now - last >= LOG_EVERY_S:
            last = now
            rate = n / (now - started)
            out_of = f"/{total}" if total else ""
            left = f", {(total - n) / rate:.0f} s left" if total else ""
            log.info("%s %d%s%s, %.3g/s%s", label, n, out_of, f" {unit}" if unit else "", rate, left)
    log.info("%s done: %d%s in %.1f s", label, n, f" {unit}" if unit else "", time.monotonic() - started)
