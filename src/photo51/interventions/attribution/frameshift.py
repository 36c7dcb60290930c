"""What one inserted base does to the frame that a model keeps.

Genes are read twice, as they are and with bases inserted in the middle, and each base's angle in the plane of the
rhythm (`geometry.h5ad`, `obsm["X_frame"]`) is compared. At a fixed place of the sequence, one inserted base puts every
later codon one base further: a model that keeps the frame turns by −120°. At a fixed base, a model that keeps the
frame of what it has read turns by +120° until it has taken in the new one. Three inserted bases turn neither, nor does
a substitution.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import anndata as ad
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from photo51.config.geometry import FrameshiftParams
from photo51.genome.axis.genomes import Genomes
from photo51.genome.axis.workspace import Workspace
from photo51.io.contracts.geometry import FRAMESHIFT, FRAMESHIFT_PROFILE
from photo51.model.families.adapters import DnaModel
from photo51.progress import progress
from photo51.sae.dictionary import Dictionary
from photo51.stats.resampling import block_bootstrap, small_sample_factor
from photo51.types import InputError

ARMS = {"insertion": 1, "insertion_of_three": 3, "substitution": 0}


Reader = Callable[[NDArray[np.uint8]], csr_matrix]


class CodingGene(NamedTuple):
    """A gene that gets the bases: where it lies and which way it is read."""

    genome: str
    chrom: str
    start: int
    end: int
    strand: str


class NoReadingFrame(InputError):
    """The genomes have no coding sequence that could be shifted."""


def plane_of(graph: ad.AnnData, dictionary: Dictionary) -> NDArray[np.float32]:
    """The plane of the reading frame, (features, 2).

    Raises
    ------
    InputError
        Where it was not found (no coding sequence), or is of another dictionary.
    """
    if "X_frame" not in graph.obsm:
        raise NoReadingFrame(
            "geometry.h5ad: need the reading frame in obsm['X_frame'], got none: the run had no coding sequence"
        )
    if graph.n_obs != dictionary.n_features:
        raise InputError(
            f"geometry.h5ad: need the {dictionary.n_features} features of the dictionary, got {graph.n_obs}"
        )
    return np.asarray(graph.obsm["X_frame"], np.float32)


def reader(model: DnaModel, dictionary: Dictionary) -> Reader:
    """Read sequences with a model and encode them."""
    site = dictionary.origin.site
    origin = model.spec.origin(site)
    dictionary.origin.require(origin, f"{model.spec.name}: activations")

    def read(ids: NDArray[np.uint8]) -> csr_matrix:
        x = model.read([ids], (site,)).activations[site][0]
        return dictionary.encode(x.float().cpu().numpy(), origin)

    return read


def chosen_genes(genomes: Genomes, workspace: Workspace, params: FrameshiftParams) -> list[CodingGene]:
    """Coding sequences of one interval, long enough, wholly among held-out scored bases; drawn by the seed.

    Raises
    ------
    InputError
        Where there is none.
    """
    table = genomes.annotations()
    cds = table[(table["kind"] == "CDS") & table["strand"].isin(["+", "-"])]
    # genes of one part: in a spliced one the bases of a frame are not neighbours
    cds = cds[cds.groupby(["genome", "chrom", "group"])["part"].transform("size") == 1]
    length = cds["end"] - cds["start"]
    # room for both flanks within the gene
    cds = cds[length >= 2 * params.flank + params.guard].reset_index(drop=True)
    held_out = workspace.split_mask("test")
    clipped = workspace.clip(cds)
    inside = clipped[[bool(held_out[a:b].all()) for a, b in zip(clipped["row_start"], clipped["row_end"], strict=True)]]
    # a gene of which some bases are not scored shows up shorter than it is
    whole = inside[
        (inside["row_end"] - inside["row_start"]).to_numpy()
        == (cds["end"] - cds["start"]).to_numpy()[inside["interval"]]
    ]
    if whole.empty:
        raise NoReadingFrame(
            f"frameshift: need a coding sequence of at least {2 * params.flank + params.guard} bases in the test"
            " blocks, got none"
        )
    numbers = np.sort(whole["interval"].unique())
    drawn = np.sort(np.random.default_rng(params.seed).permutation(numbers)[: params.genes])
    return [
        CodingGene(str(r.genome), str(r.chrom), int(r.start), int(r.end), str(r.strand))
        for r in cds.loc[drawn].itertuples()
    ]


def frameshift(
    read: Reader, plane: NDArray[np.floating], genomes: Genomes, genes: list[CodingGene], params: FrameshiftParams
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Turn the frame of genes.

    Parameters
    ----------
    read
        Codes of a sequence in reading direction, (bases, features).
    plane
        (features, 2) `X_frame`.

    Returns
    -------
    `FRAMESHIFT`, an arm a row, and `FRAMESHIFT_PROFILE`, an arm and offset a row.
    """
    # the plane as complex numbers: a turn is then a product
    axis = np.asarray(plane, np.float64) @ np.array([1, 1j])
    rng = np.random.default_rng([params.seed, 1])
    turns: dict[str, list[NDArray[np.complex128]]] = {arm: [] for arm in ARMS}
    same: dict[str, list[NDArray[np.complex128]]] = {arm: [] for arm in ARMS}
    n = params.flank
    for gene in progress(genes, "frameshift", unit="genes"):
        ids, middle = _around(genomes, gene, params)
        # codes times plane, without the dense codes
        plain = np.asarray(read(ids) @ axis).ravel()
        for arm, size in ARMS.items():
            new = np.asarray(read(_changed(ids, middle, size, rng)) @ axis).ravel()
            # places of the sequence, the same in both readings
            places = middle + np.arange(-n, n)
            # new · conj(plain): its angle is the turn between the two; length is dropped, so that no gene outweighs
            # others
            turns[arm].append(_unit(new[places] * plain[places].conj()))
            # after the insertion the same base stands `size` places later
            shift = np.where(places >= middle, size, 0)
            same[arm].append(_unit(new[places + shift] * plain[places].conj()))
    arms = [_arm(arm, np.stack(turns[arm]), np.stack(same[arm]), params) for arm in ARMS]
    profile = [
        pd.DataFrame(
            {
                "arm": arm,
                "offset": np.arange(-n, n),
                "turn_at_place": np.degrees(np.angle(np.stack(turns[arm]).sum(0))),
                "turn_at_base": np.degrees(np.angle(np.stack(same[arm]).sum(0))),
                "agreement_at_place": np.abs(np.stack(turns[arm]).mean(0)),
                "agreement_at_base": np.abs(np.stack(same[arm]).mean(0)),
            }
        )
        for arm in ARMS
    ]
    return FRAMESHIFT.check(pd.DataFrame(arms)), FRAMESHIFT_PROFILE.check(pd.concat(profile, ignore_index=True))


def _around(genomes: Genomes, gene: CodingGene, params: FrameshiftParams) -> tuple[NDArray[np.uint8], int]:
    """Bases before and in the gene in reading direction, and the place of its middle codon among them."""
    length = gene.end - gene.start
    # the first base of the codon in the middle: a multiple of 3 from the gene's start
    middle = length // 2 // 3 * 3
    first, last = middle - params.context, middle + params.flank + 3
    # mirrored about the gene on '-': `middle` counts from its end there
    low, high = (gene.start + first, gene.start + last) if gene.strand == "+" else (gene.end - last, gene.end - first)
    if not genomes.is_circular(gene.genome, gene.chrom):
        total = genomes.length(gene.genome, gene.chrom)
        # what a contig's end takes from the context moves the middle as much
        cut = max(0, -low) if gene.strand == "+" else max(0, high - total)
        low, high = max(0, low), min(total, high)
    else:
        cut = 0
    ids = genomes.sequence(gene.genome, gene.chrom, low, high, "+" if gene.strand == "+" else "-")
    # index of the middle codon in what was read
    return ids, params.context - cut


def _changed(ids: NDArray[np.uint8], place: int, size: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """`size` random bases inserted before a place; where none, the base there replaced by another. The length stays at
    least.
    """
    letters = np.frombuffer(b"ACGT", np.uint8)
    if size:
        return np.concatenate([ids[:place], rng.choice(letters, size), ids[place:]])
    new = ids.copy()
    new[place] = rng.choice(letters[letters != ids[place]])
    return new


def _unit(z: NDArray[np.complex128]) -> NDArray[np.complex128]:
    size = np.abs(z)
    return np.divide(z, size, out=np.zeros_like(z), where=size > 0)


def _arm(
    arm: str, place: NDArray[np.complex128], base: NDArray[np.complex128], params: FrameshiftParams
) -> dict[str, object]:
    """Mean turns after the change, past the guard, with bootstrap limits over genes; and how long the old frame is
    kept.
    """
    n, guard = params.flank, params.guard
    after, before = place[:, n + guard :].mean(1), place[:, : n - 1].mean(1)
    # direction of the mean; bootstrap turns are measured from it so that they do not wrap at ±180°
    centre = after.sum() / max(abs(after.sum()), 1e-12)

    def turn(weight: NDArray[np.float64]) -> float:
        return float(np.degrees(np.angle((weight @ after) * centre.conjugate())))

    limits = block_bootstrap(turn, len(after), np.random.default_rng([params.seed, 2]), n_draws=999)
    # few genes: limits as far out as Student's; 0 is the turn of all genes together
    wider = small_sample_factor(len(after))
    rotation = float(np.degrees(np.angle(centre)))
    # 60° is half way from the old frame (0°) to the next (120°)
    frame_lost = np.degrees(np.abs(np.angle(base[:, n:].sum(0)))) > 60
    return {
        "arm": arm,
        "rotation": rotation,
        "low": rotation + wider * limits.low,
        "high": rotation + wider * limits.high,
        "agreement": float(abs(after.mean())),
        "rotation_before": float(np.degrees(np.angle(before.sum()))),
        # argmin of booleans: the first base at which the frame is not lost
        "kept_bases": int(np.argmin(frame_lost)) if not frame_lost.all() else n,
        "genes": len(place),
    }
