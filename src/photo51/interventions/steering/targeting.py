"""What `photo51 steer` is told in words: which feature to turn up, by how much, and what to go on from."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from photo51.config.interventions import ScreenParams, SteerParams
from photo51.genome.axis.genomes import Genomes
from photo51.interventions.edits.bundles import Bundle, parse_bundle
from photo51.interventions.opening import (
    FastaBases,
    Opened,
    coding_sequences,
    reference_windows,
)
from photo51.interventions.steering.screen import SCREENED, proposals, screen
from photo51.interventions.writing.scorers import codon_table
from photo51.types import InputError

log = logging.getLogger(__name__)
AUTO, HELD_OUT = "auto", "held-out"
_PROMPTS, _PROMPT_LENGTH = 8, 64


def held_out(bases: FastaBases | Genomes, params: SteerParams) -> NDArray[np.uint8]:
    """Token ids (prompts, length) of held-out sequence to go on from."""
    # + 1: other windows than those of the same seed elsewhere
    return reference_windows(bases, _PROMPTS, _PROMPT_LENGTH, params.sampling.seed + 1, "reporting")


def target(
    text: str,
    opened: Opened,
    bases: FastaBases | Genomes,
    declared: Sequence[str],
    params: SteerParams,
    *,
    code: int = 11,
) -> tuple[Bundle, tuple[float, ...]]:
    """What is steered, and its doses (units).

    `auto` is the feature that a screen of sequence that is not held out proposes for the first declared scorer; its
    doses are those given, stretched so that the largest is the one that should meet the likelihood budget.

    Raises
    ------
    InputError
        For an unknown feature or concept; for `auto` without a scorer, or with one that a screen cannot foresee.
    """
    if text != AUTO:
        bundle = parse_bundle(text, opened.concepts, opened.instrument.dictionary.n_features)
        return bundle, params.doses
    if not declared or declared[0] not in SCREENED:
        raise InputError(
            f"target auto: need --scorer with one of {', '.join(SCREENED)}, got {declared[0] if declared else 'none'}"
        )
    settings = ScreenParams(random_directions=24)
    genes = coding_sequences(bases) if declared[0] == "codon_usage" else []
    table = screen(
        opened.instrument,
        np.flatnonzero(opened.instrument.units.density > settings.least_density).tolist(),
        reference_windows(bases, settings.windows, settings.context + settings.scored, settings.seed, "choosing"),
        settings,
        only=declared[:1],
        code=code,
        codons=codon_table(genes) if genes else None,
    )
    best = proposals(table, each=1).iloc[0]
    feature, dose = int(best["feature"]), float(best["dose"])
    log.info(
        "auto: feature %d for %s (%+.3g expected at %.3g units, %.2g times what 99 %% of random directions do)",
        feature,
        declared[0],
        best["effect"],
        dose,
        best["merit"],
    )
    # doses in proportion, the largest at the budget
    return Bundle.single(feature), tuple(dose * d / max(params.doses) for d in params.doses)
