"""Files as people have them: what is read, and what variants do on it, beside other tools and an independent oracle."""

from __future__ import annotations

from benchmarks import _consequences, _formats


def measure(*, quick: bool) -> dict[str, float | int | None]:
    """Annotation files and consequences; see `_formats` and `_consequences`."""
    return _formats.measure(quick=quick) | _consequences.measure(quick=quick)
