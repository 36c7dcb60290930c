"""Groups of features and their shapes, as the pages show them."""

from __future__ import annotations

from typing import Any

from photo51.report.run import Run


def manifold_records(run: Run) -> list[dict[str, Any]]:
    """Every group of features as the atlas reads it; none where geometry was not run."""
    return []
