"""The studio's read and paint panels as widgets of Jupyter, VS Code and marimo: `read` and `canvas`.

They are made of the front-end modules of `photo51 studio` and call the same workbench; what they need comes with the
extra `photo51[studio]`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from photo51.types import InputError, Interval

if TYPE_CHECKING:
    from photo51.api.results import Results
    from photo51.api.workbench import Workbench
    from photo51.widgets.panels import CanvasWidget, ReadWidget

__all__ = ["canvas", "read"]


def read(
    sequence: str | Interval, run: Workbench | Results | Path | str | None = None, *, genome: str | None = None
) -> ReadWidget:
    """A sequence with its surprisal (bits per base), genes and features, to zoom and click.

    Parameters
    ----------
    sequence
        Bases or FASTA, or an interval of a genome of the run.
    run
        A workbench that is open, a run or its folder; None takes the model and the dictionary that come with photo51.
    genome
        Genome of an interval; default: the one that has the contig.

    Raises
    ------
    InputError
        For what is no sequence, an interval without a run, and where `anywidget` is not installed.

    Examples
    --------
    >>> photo51.widgets.read("ATGGCGAAAGGTAAAGTTCTG", RUN).reading["bases"]
    'ATGGCGAAAGGTAAAGTTCTG'
    """
    _check_installed()
    from photo51.widgets.panels import ReadWidget

    return ReadWidget.of(sequence, _bench(run), genome)


def canvas(
    concepts: Sequence[str],
    prompt: str,
    run: Workbench | Results | Path | str | None = None,
    *,
    length: int = 240,
    seed: int = 51,
) -> CanvasWidget:
    """A canvas with a lane for each concept, to paint on and have written.

    Parameters
    ----------
    concepts
        Features (`f12`), concepts or sums.
    prompt
        Bases before the canvas.
    run
        As of `read`.
    length
        Bases of the canvas.

    Raises
    ------
    InputError
        For a concept that is none, a prompt that is no sequence, and where `anywidget` is not installed.

    Examples
    --------
    >>> photo51.widgets.canvas(["f1"], "ATGGCGAAA", RUN, length=60).lanes
    [{'concept': 'f1', 'label': 'f1'}]
    """
    _check_installed()
    from photo51.widgets.panels import CanvasWidget

    return CanvasWidget.of(concepts, prompt, _bench(run), length=length, seed=seed)


def _check_installed() -> None:
    from importlib.util import find_spec

    if find_spec("anywidget") is None:
        raise InputError(
            "widgets: need anywidget, which comes with the extra `photo51[studio]`; pip install 'photo51[studio]'"
        )


def _bench(run: Workbench | Results | Path | str | None) -> Workbench:
    from photo51.api.workbench import Workbench, workbench

    return run if isinstance(run, Workbench) else workbench(run)
