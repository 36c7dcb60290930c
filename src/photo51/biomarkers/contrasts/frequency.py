"""Refuse allele frequencies as predictors: how common a variant is decides what it is labelled."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray

from photo51.types import InputError

_WORDS = (
    "af|maf|ac|an|hom|het|hemi|nhomalt|popmax|faf|faf95|freq|freqs|frequency|frequencies|allele|count|counts|carriers?|"
    "population|populations|pop|prevalence|observed|samples|gnomad|exac|topmed|1000g|1kg|kgp|esp|mgrb|helix|helixmtdb|"
    "genbank|gb|mitotip|haplogroups?|phylotree|singletons?|doubletons?"
)
NAMED = re.compile(rf"(?:^|[^a-z0-9])(?:{_WORDS})\d*(?:$|[^a-z0-9])")
CORRELATED = 0.8
ENOUGH = 20


def frequency_named(name: str) -> bool:
    """Whether a column's name says frequency, count or population: `gnomAD_AF`, `af_nfe`, `AC`, `alleleFreq`."""
    # camel case apart: alleleFreq → allele_Freq, gnomAD → gnom_AD
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])|(?<=[a-z])(?=[A-Z]{2,})", "_", name)
    return NAMED.search(parted.lower()) is not None


def refuse_frequency(variants: pd.DataFrame, names: Sequence[str], labels: NDArray[np.int64], option: str) -> None:
    """Refuse columns that are frequencies by their name, or that follow one of the table's frequencies.

    The correlation is taken within cases and within controls, so that what predicts the label well is not refused for
    that.

    Parameters
    ----------
    variants
        Cases and controls, n rows.
    names
        Columns that are to predict.
    labels
        1 case, 0 control, (n,).
    option
        Which parameter named them.

    Raises
    ------
    InputError
        With the column and what gives it away.
    """
    # columns that are asked about are no evidence against one another
    frequencies = [c for c in variants.columns if frequency_named(str(c)) and c not in names]
    for name in names:
        if frequency_named(name):
            raise InputError(
                f"{option}: need a score that knows no population, got {name!r}, by which labels were made; its name"
                " says frequency or count"
            )
        if name not in variants.columns:
            continue
        for other in frequencies:
            if (rho := _within(variants[name], variants[other], labels)) >= CORRELATED:
                raise InputError(
                    f"{option}: need a score that knows no population, got {name!r}, which follows {other!r} "
                    f"(|Spearman| {rho:.2f} within cases or within controls; at most {CORRELATED:.2f} allowed)"
                )


def _within(first: pd.Series, second: pd.Series, labels: NDArray[np.int64]) -> float:
    """Largest |Spearman| within one class of enough variants; 0 where there is none."""
    x, y = (pd.to_numeric(c, errors="coerce").to_numpy(dtype=float) for c in (first, second))
    correlations = [0.0]
    for label in (0, 1):
        rows = (labels == label) & np.isfinite(x) & np.isfinite(y)
        # below 20 variants a correlation of 0.8 may be luck
        if rows.sum() >= ENOUGH and np.ptp(x[rows]) > 0 and np.ptp(y[rows]) > 0:
            correlations.append(abs(float(scipy.stats.spearmanr(x[rows], y[rows]).statistic)))
    return max(correlations)
