"""The laboratory: benchmarks of photo51 and the worlds with planted truth that they and the tests measure it on.

`python -m benchmarks NAME` from the checkout measures, prints a table, writes `results/bench/NAME.json`, and asserts nothing.
A benchmark is a module here with `measure(quick: bool) -> dict[str, float | int | None]`; its docstring says what is compared
with what. A figure that could not be measured is None, with the reason in the log. `planted` holds the worlds.
"""

from __future__ import annotations

from pkgutil import iter_modules

NAMES = tuple(sorted(m.name for m in iter_modules(__path__) if not m.ispkg and not m.name.startswith("_")))
