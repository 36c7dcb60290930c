"""Claims about the dictionary and the tests of a run, from `quality` and `calibration.json`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from photo51 import words
from photo51.enrichment.concepts.verdicts import together
from photo51.findings.finding import ALPHA, Finding, verdict

CARRIED = 0.8  # share of the model's predictive power that a dictionary has to keep


def fidelity(quality: Mapping[str, Any], site: str) -> list[Finding]:
    """The dictionary keeps the model's power to predict; none where that was not measured.

    Parameters
    ----------
    quality
        Row of contract `QUALITY` on held-out blocks; empty where there is none.
    site
        Where the model was read.
    """
    recovered = quality.get("recovered")
    if not words.is_number(recovered):
        return []
    share = float(recovered)
    return [
        Finding(
            "run",
            "fidelity",
            "",
            "The features keep the model's power to predict when their reconstruction replaces its internal state.",
            verdict(holds=share >= CARRIED),
            share,
            np.nan,
            0.0,
            0,
            np.nan,
            f"{words.percent(share)} kept",
            "0 %: the state replaced by its mean",
            f"at {site}",
        )
    ]


def honest(figures: Mapping[str, Any]) -> bool:
    """Whether circularly shifted activations give no more pairs than the false-discovery rate allows; and never more
    than one.
    """
    alpha = float(figures.get("alpha", ALPHA))
    return bool(figures["run_rotated_both"] <= max(1.0, alpha * int(figures["run_real_both"])))


def pairs(figures: Mapping[str, Any]) -> list[Finding]:
    """Features and annotations go together more often than with circularly shifted activations (`verdicts.together`).

    Parameters
    ----------
    figures
        `calibration.json`; none where the run did not shift its own activations.
    """
    if figures.get("run_rotated_both") is None:
        return []
    real, rotated, alpha = (
        int(figures["run_real_both"]),
        int(figures["run_rotated_both"]),
        float(figures.get("alpha", ALPHA)),
    )
    v = together(figures, alpha)
    n = int(figures["run_real_pairs"])
    of = figures.get("features_compared")
    of_features = f" of {words.count(int(of), 'feature')}" if of else ""
    return [
        Finding(
            "calibration",
            "pairs",
            "",
            "Features are associated with annotations, beyond their autocorrelation (circular shifts) and beyond"
            " composition.",
            verdict(holds=v.holds),
            real,
            n,
            rotated,
            n,
            v.p,
            words.count(real, "pair"),
            f"{words.count(rotated, 'pair')} with the activations circularly shifted; sign test over features p"
            f" {words.probability(v.p)}",
            f"{words.count(n, 'pair')}{of_features} tested, q ≤ {alpha:g} in both tests",
        )
    ]
