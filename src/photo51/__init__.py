"""photo51: what does a genomics foundation model know, where on the genome does it know it, and can it be believed?

`open` gives a finished run, `read` a quick look at a sequence; `load_model`, `load_sae`, `encode`, `steer` and
`explain` work with models, `workbench` holds them open, `widgets` shows them in a notebook. Nothing heavy is imported
before it is used: `import photo51` takes milliseconds, torch comes with the first model.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from photo51.shipped import keep_compiled_code
from photo51.types import InputError, Interval, Variant

if TYPE_CHECKING:
    from pathlib import Path

    from photo51.api.reading import encode, explain, load_model, load_sae, read, steer
    from photo51.api.results import Results
    from photo51.api.workbench import workbench

__version__ = "0.1.0"
__all__ = [
    "InputError",
    "Interval",
    "Variant",
    "encode",
    "explain",
    "load_model",
    "load_sae",
    "open",
    "read",
    "steer",
    "workbench",
]
_READING = frozenset({"encode", "explain", "load_model", "load_sae", "read", "steer"})


keep_compiled_code()


def open(folder: Path | str, sae: str = "") -> Results:  # noqa: A001
    """Open a finished run.

    Parameters
    ----------
    folder
        `results/<run>`.
    sae
        Dictionary to show, where the run has several and none is called `main`.

    Returns
    -------
    The run: `features`, `tables`, `findings`, `manifolds`, `codes`, `genomes`; nothing is read before it is asked for.

    Raises
    ------
    InputError
        Where the folder is no run, or holds no features yet, saying what makes them.

    Examples
    --------
    >>> run = photo51.open(RUN)
    >>> len(run.features)
    256
    """
    from photo51.api.results import Results

    return Results(folder, sae)


def __getattr__(name: str) -> Any:
    if name == "workbench":
        return import_module("photo51.api.workbench").workbench
    if name == "widgets":
        return import_module("photo51.widgets")
    if name in _READING:
        return getattr(import_module("photo51.api.reading"), name)
    raise AttributeError(f"module 'photo51' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_READING, "widgets", "workbench"])
