"""Files as people have them: what is read, and what variants do on it, beside other tools and an independent oracle."""

from __future__ import annotations

from photo51.bench import _consequences


def measure(*, quick: bool) -> dict[str, float | int | None]:
    """Consequences; see `_consequences`."""
    return _consequences.measure(quick=quick)
