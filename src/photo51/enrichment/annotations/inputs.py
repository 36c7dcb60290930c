"""What every command of this stage begins with: the prepared genomes on the axis, and codes that belong to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51.codes import CodesStore
from photo51.enrichment.annotations.classes import AnnotationClass, annotation_classes
from photo51.genome.alphabet import codes
from photo51.genome.axis.genomes import Genomes
from photo51.genome.axis.workspace import Workspace
from photo51.io import sha256
from photo51.types import InputError

GENE_KINDS = ("CDS", "tRNA", "rRNA", "ncRNA")


@dataclass(frozen=True)
class Inputs:
    """Prepared genomes, read.

    Attributes
    ----------
    folder
        Where `photo51 prepare` wrote them.
    workspace
        The axis.
    annotations, contigs
        Contracts `ANNOTATIONS` and `CONTIGS`.
    bases
        Forward-strand codes 0..3, 4 for anything else, (n_rows,).
    """

    folder: Path
    workspace: Workspace
    annotations: pd.DataFrame
    contigs: pd.DataFrame
    bases: NDArray[np.uint8]

    @classmethod
    def open(cls, folder: Path | str) -> Inputs:
        """Read a folder of `photo51 prepare`."""
        genomes = Genomes.open(folder)
        workspace = genomes.workspace()
        parts = [codes(genomes.sequence(s.genome, s.chrom, s.start, s.end)) for s in workspace.segments()]
        return cls(
            Path(folder),
            workspace,
            genomes.annotations(),
            genomes.contigs,
            np.concatenate(parts).astype(np.uint8),
        )

    @property
    def files(self) -> list[Path]:
        """Files that decide what is tested."""
        return [self.folder / f"{name}.parquet" for name in ("annotations", "contigs", "workspace")]

    @property
    def segments(self) -> NDArray[np.int64]:
        """Row bounds of the workspace's segments, (n + 1,)."""
        return np.append(self.workspace.table["offset"].to_numpy(), self.workspace.n_rows).astype(np.int64)

    @property
    def genes(self) -> NDArray[np.int64]:
        """row_start, row_end, strand (0, 1) of genes and genes of RNA, (n, 3)."""
        gene_rows = self.annotations[
            self.annotations["kind"].isin(GENE_KINDS) & (self.annotations["strand"] != ".")
        ].reset_index(drop=True)
        # clipping may cut a gene in several rows, or drop it
        clipped = self.workspace.clip(gene_rows)
        strand = (gene_rows["strand"].to_numpy()[clipped["interval"].to_numpy()] == "-").astype(np.int64)
        return np.stack([clipped["row_start"], clipped["row_end"], strand], axis=1).astype(np.int64)

    def classes(self, chosen: Sequence[str] = (), leave_out: Sequence[str] = ()) -> list[AnnotationClass]:
        """Annotation classes over the workspace, as `annotation_classes`."""
        if not chosen and not leave_out:
            return list(self._every_class)
        return annotation_classes(
            self.workspace, self.annotations, chosen=chosen, leave_out=leave_out, contigs=self.contigs
        )

    @cached_property
    def _every_class(self) -> list[AnnotationClass]:
        return annotation_classes(self.workspace, self.annotations, contigs=self.contigs)


def open_codes(folder: Path | str, inputs: Inputs) -> CodesStore:
    """Open codes that were made on the axis of `inputs`.

    Raises
    ------
    InputError
        Where they were not gathered, or lie on another axis.
    """
    store = CodesStore.open(folder)
    if store.n_rows != inputs.workspace.n_rows:
        raise InputError(
            f"{folder}: need codes of the {inputs.workspace.n_rows:,} rows of {inputs.folder}, got {store.n_rows:,}"
            " rows"
        )
    if store.meta.workspace and store.meta.workspace != sha256(inputs.folder / "workspace.parquet")[:16]:
        raise InputError(f"{folder}: need codes on the axis of {inputs.folder}, got codes of another workspace")
    return store
