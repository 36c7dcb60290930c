"""The positive controls: manifolds that a model of bacterial genomes must show, each scored beside its baselines and
its null.

Blocks of even place are for finding (labels are used there only to name what was found, or to fit a readout); every
score is of blocks of odd place. The same search or readout is done on the k-mer that ends at each base, and on the
codes of a model with random weights where they are given. A control that fails is reported as failing.
"""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from photo51.geometry.controls.evidence import Bench, Control
from photo51.geometry.controls.frame import codon_phase_control
from photo51.geometry.controls.lines import gc_line, position_along_gene, replication_angle, replication_strand
from photo51.geometry.controls.phylogeny import phylogeny
from photo51.geometry.controls.strands import genetic_code_control, strand_pairs
from photo51.io.contracts.geometry import POSITIVE_CONTROLS

CONTROLS: tuple[Callable[[Bench], Control], ...] = (
    codon_phase_control,
    strand_pairs,
    gc_line,
    position_along_gene,
    genetic_code_control,
    replication_strand,
    replication_angle,
    phylogeny,
)


def run_positive_controls(bench: Bench) -> pd.DataFrame:
    """`POSITIVE_CONTROLS` table: every control, in a fixed order."""
    return POSITIVE_CONTROLS.check(pd.DataFrame([control(bench)._asdict() for control in CONTROLS]))
