"""What the positive controls see, and what each of them says: below the controls, which all need both."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import anndata as ad
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from photo51.config.geometry import PositiveControlParams
from photo51.genome.axis.genomes import Genomes
from photo51.genome.axis.workspace import Workspace
from photo51.geometry.controls.cyclic import Frame, find_frame
from photo51.geometry.meaning.biology import codon_phase
from photo51.geometry.relations.tokens import Tokens

SHOWN, NOT_SHOWN, NOT_TESTED = "shown", "not shown", "not tested"


@dataclass(frozen=True, eq=False)
class Bench:
    """What the controls see.

    Attributes
    ----------
    genomes, workspace, annotations
        The run's genomes and axis.
    tokens
        Codes of the model in reading order.
    random
        Codes of a random-weight model at the same tokens; None where not given.
    kmers
        (tokens,) the k-mer that ends at each; 4**k where unknown.
    find
        (tokens,) tokens of blocks for finding; the others are for scoring.
    params
        Parameters.
    panel
        One gene of many organisms (`features.panel`); None where not given.
    """

    genomes: Genomes
    workspace: Workspace
    annotations: pd.DataFrame
    tokens: Tokens
    random: csr_matrix | None
    kmers: NDArray[np.int32]
    find: NDArray[np.bool_]
    params: PositiveControlParams
    panel: ad.AnnData | None = None

    def of(self, values: NDArray) -> NDArray:
        """Values (2, n_rows) at the tokens."""
        return values[self.tokens.strand, self.tokens.row]

    @cached_property
    def phase(self) -> NDArray[np.float32]:
        """(tokens,) 0, 1, 2 along the codons of the strand read; NaN elsewhere."""
        return self.of(codon_phase(self.workspace, self.annotations))

    @cached_property
    def frame(self) -> Frame:
        """The reading frame that the model's features keep."""
        return self.frame_of(self.tokens.codes)

    def frame_of(self, codes: csr_matrix) -> Frame:
        """The reading frame that any codes (tokens, n) of the same tokens keep."""
        return find_frame(codes, self.tokens.run, self.find, self.phase)

    @property
    def one_hot(self) -> csr_matrix:
        """(tokens, 4**k) the k-mer that ends at each."""
        n, width = len(self.kmers), 4**self.params.k
        unambiguous = self.kmers < width
        # k-mers that are known have one entry a row, the others none
        bounds = np.concatenate([[0], np.cumsum(unambiguous)])
        return csr_matrix((np.ones(unambiguous.sum(), np.float32), self.kmers[unambiguous], bounds), shape=(n, width))

    def rng(self, number: int) -> np.random.Generator:
        """A generator of its own for each control."""
        # each control has a stream of its own: leaving one out changes no other
        return np.random.default_rng([self.params.seed, number])


class Control(NamedTuple):
    """Outcome of one control: see the `POSITIVE_CONTROLS` table."""

    control: str
    what: str
    score: float
    unit: str
    baseline: float
    random_weights: float
    null: float
    p: float
    verdict: str
    note: str


def not_tested(control: str, what: str, why: str) -> Control:
    """A control for which the genomes have nothing."""
    nan = float("nan")
    return Control(control, what, nan, "", nan, nan, nan, nan, NOT_TESTED, why)


def control_verdict(score: float, baselines: tuple[float, ...], p: float, alpha: float) -> str:
    """`shown` where the score is beyond its null and beyond every baseline that was measured."""
    measured = [r for r in baselines if np.isfinite(r)]
    better = np.isfinite(score) and all(score > r for r in measured)
    return SHOWN if better and p <= alpha else NOT_SHOWN
