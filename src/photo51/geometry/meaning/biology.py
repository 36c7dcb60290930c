"""What a base is, as numbers along the axis: what coordinates of manifolds are held against.

A quantity is an array (2, n_rows): what holds at a base for a model that reads strand `+`, and for one that reads `-`.
It is NaN where it means nothing, such as codon phase outside coding sequence or on the other strand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51.genome.alphabet import codes as base_codes
from photo51.genome.axis.genomes import Genomes
from photo51.genome.axis.masks import codon_position_masks, iter_annotation_masks
from photo51.genome.axis.workspace import Workspace

LINEAR, ANGLE, CLASS = "linear", "angle", "class"
# Kyte and Doolittle 1982, doi:10.1016/0022-2836(82)90515-0
HYDROPATHY = dict(
    zip(
        "ARNDCQEGHILKMFPSTWYV",
        (
            1.8,
            -4.5,
            -3.5,
            -3.5,
            2.5,
            -3.5,
            -3.5,
            -0.4,
            -3.2,
            4.5,
            3.8,
            -3.9,
            1.9,
            2.8,
            -1.6,
            -0.8,
            -0.7,
            -0.9,
            -1.3,
            4.2,
        ),
        strict=True,
    )
)
# amino acids of AAA, AAC, … TTT
STANDARD_CODE = "KNKNTTTTRSRSIIMIQHQHPPPPRRRRLLLLEDEDAAAAGGGGVVVV*Y*YSSSS*CWCLFLF"
CLASSES = (
    "tRNA",
    "rRNA",
    "promoter_predicted",
    "rbs_predicted",
    "terminator_predicted",
    "mobile_element",
    "prophage",
    "repeat",
)


class Quantity(NamedTuple):
    """Something known of bases.

    Attributes
    ----------
    name
        What it is called in tables.
    kind
        `linear`, `angle` (radians) or `class` (whole numbers).
    values
        (2, n_rows) float32, NaN where unknown; row 0 for strand `+`.
    unit
        Unit, or what the classes are.
    """

    name: str
    kind: str
    values: NDArray[np.float32]
    unit: str

    def columns(self, values: NDArray[np.floating]) -> NDArray[np.float64]:
        """Known values as columns whose variance is to be explained, (n, k): ranks, cosine and sine, or indicators."""
        if self.kind == ANGLE:
            return np.column_stack([np.cos(values), np.sin(values)])
        if self.kind == CLASS:
            levels = np.unique(self.values[np.isfinite(self.values)])
            # of two classes one indicator says all
            return (values[:, None] == levels[: max(1, len(levels) - (len(levels) == 2))]).astype(np.float64)
        return np.asarray(values, np.float64)[:, None]


def forward_bases(genomes: Genomes, workspace: Workspace) -> NDArray[np.uint8]:
    """Forward base of each row, 0 … 3 for A, C, G, T and 4 for others, (n_rows,)."""
    parts = [base_codes(genomes.sequence(s.genome, s.chrom, s.start, s.end)) for s in workspace.segments()]
    return np.concatenate(parts) if parts else np.zeros(0, np.uint8)


def read_kmers(genomes: Genomes, workspace: Workspace, k: int) -> NDArray[np.int32]:
    """The k-mer that ends at each base in reading direction, (2, n_rows); 4**k where a base of it is unknown."""
    out = np.full((2, workspace.n_rows), 4**k, np.int32)
    for s in workspace.segments():
        length, circular = genomes.length(s.genome, s.chrom), genomes.is_circular(s.genome, s.chrom)
        low, high = s.start - (k - 1), s.end + (k - 1)
        first, last = (low, high) if circular else (max(0, low), min(length, high))
        code = base_codes(genomes.sequence(s.genome, s.chrom, first, last)).astype(np.int64)
        # past the ends of a linear contig bases are unknown
        code = np.concatenate([np.full(first - low, 4), code, np.full(high - last, 4)])
        n = s.end - s.start
        windows = np.lib.stride_tricks.sliding_window_view(code, k)
        power = 4 ** np.arange(k - 1, -1, -1)
        unambiguous = (windows < 4).all(1)
        forward = np.where(unambiguous, windows @ power, 4**k)
        # read backwards and complemented; the window that begins at a base ends there on strand −
        backward = np.where(unambiguous, (3 - windows[:, ::-1]) @ power, 4**k)
        out[0, s.offset : s.offset + n] = forward[:n]
        # `code` begins k − 1 bases before the segment: window i + k − 1 begins at its base i
        out[1, s.offset : s.offset + n] = backward[k - 1 : k - 1 + n]
    return out


def codon_phase(workspace: Workspace, annotations: pd.DataFrame) -> NDArray[np.float32]:
    """0, 1, 2 at the first, second, third base of a codon of the strand that is read, (2, n_rows); NaN elsewhere.

    Bases of two genes in different frames are NaN: no single answer is right.
    """
    masks = codon_position_masks(workspace, annotations)
    each = np.stack([[m.plus, m.minus] for m in masks])
    phase = np.argmax(each, axis=0).astype(np.float32)
    # no codon position, or several
    phase[each.sum(0) != 1] = np.nan
    return phase


def along_genes(workspace: Workspace, annotations: pd.DataFrame) -> dict[str, NDArray[np.float32]]:
    """Fraction along the coding sequence, and bases from its start and to its stop, in the strand read, each (2,
    n_rows).

    Of overlapping genes the one that is listed last counts. Genes of several intervals are left out: bases of introns
    would have to be taken off.
    """
    names = ("position_along_gene", "distance_from_start", "distance_to_stop")
    out = {name: np.full((2, workspace.n_rows), np.nan, np.float32) for name in names}
    cds = annotations[annotations["kind"] == "CDS"]
    parts = cds.groupby(["genome", "chrom", "group"])["part"].transform("size")
    cds = cds[(parts == 1) & (cds["strand"] != ".")].reset_index(drop=True)
    clipped = workspace.clip(cds)
    positions = workspace.locate(clipped["row_start"].to_numpy()).position
    start, end, minus = cds["start"].to_numpy(), cds["end"].to_numpy(), cds["strand"].to_numpy() == "-"
    for i, a, b, position in zip(*clipped.to_numpy().T, positions, strict=True):
        base = position + np.arange(b - a)
        # bases read of the gene before this one
        read = end[i] - 1 - base if minus[i] else base - start[i]
        rows = (int(minus[i]), slice(a, b))
        length = end[i] - start[i]
        out["position_along_gene"][rows] = read / max(1, length - 1)
        out["distance_from_start"][rows] = np.log2(1 + read)
        out["distance_to_stop"][rows] = np.log2(1 + (length - 1 - read))
    return out


def gc_and_skew(genomes: Genomes, workspace: Workspace, window: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """GC content, and GC skew (G − C)/(G + C) of the strand read, in windows centred on each base, each (2, n_rows).

    NaN where a window holds no known base.
    """
    gc, skew = (np.zeros((2, workspace.n_rows), np.float32) for _ in range(2))
    half = window // 2
    for s in workspace.segments():
        length, circular = genomes.length(s.genome, s.chrom), genomes.is_circular(s.genome, s.chrom)
        low, high = s.start - half, s.end + half
        first, last = (low, high) if circular else (max(0, low), min(length, high))
        code = base_codes(genomes.sequence(s.genome, s.chrom, first, last))
        code = np.concatenate([np.full(first - low, 4, np.uint8), code, np.full(high - last, 4, np.uint8)])
        n_known, c, g = (_moving(code, letters, 2 * half + 1) for letters in ((0, 1, 2, 3), (1,), (2,)))
        rows = slice(s.offset, s.offset + s.end - s.start)
        # a long run of N has no composition; 0 would be that of A and T alone
        gc[:, rows] = np.where(n_known > 0, (c + g) / np.maximum(n_known, 1), np.nan)
        skew[0, rows] = np.where(n_known > 0, (g - c) / np.maximum(c + g, 1), np.nan)
        # C and G change places on the other strand
        skew[1, rows] = -skew[0, rows]
    return gc, skew


def _moving(code: NDArray[np.uint8], letters: Sequence[int], window: int) -> NDArray[np.int64]:
    total = np.concatenate([[0], np.cumsum(np.isin(code, letters))])
    return total[window:] - total[:-window]


def hydropathy(kmers: NDArray[np.integer], phase: NDArray[np.floating], k: int) -> NDArray[np.float32]:
    """Hydropathy of the amino acid whose codon ends here (Kyte and Doolittle), (2, n_rows); NaN elsewhere and for
    stops.
    """
    table = np.array([HYDROPATHY.get(a, np.nan) for a in STANDARD_CODE] + [np.nan], np.float32)
    # the last three bases of the k-mer are its lowest three digits; 64 is unknown
    codon = np.where(kmers < 4**k, kmers % 64, 64)
    return np.where(phase == 2, table[codon], np.nan).astype(np.float32)


def replication_fork(
    genomes: Genomes, workspace: Workspace, annotations: pd.DataFrame
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Angle from the origin round circular chromosomes with one named origin, and whether the strand read is the
    leading one.

    The terminus is taken to lie opposite the origin. NaN on contigs without an origin named like oriC, and on those
    shorter than 500,000 bases, whose replication is of another kind.
    """
    angle, leading = (np.full((2, workspace.n_rows), np.nan, np.float32) for _ in range(2))
    named = annotations[(annotations["kind"] == "origin") & annotations["name"].str.lower().str.startswith("oric")]
    for s in workspace.segments():
        origins = named[(named["genome"] == s.genome) & (named["chrom"] == s.chrom)]
        length = genomes.length(s.genome, s.chrom)
        if len(origins) != 1 or length < 500_000 or not genomes.is_circular(s.genome, s.chrom):
            continue
        origin = (origins["start"].iloc[0] + origins["end"].iloc[0]) / 2
        # share of the circle from the origin on, in forward direction
        turn = ((np.arange(s.start, s.end) - origin) / length) % 1.0
        rows = slice(s.offset, s.offset + s.end - s.start)
        angle[:, rows] = 2 * np.pi * turn
        # in the first half the fork runs forward, and strand + is the leading one
        leading[0, rows] = turn < 0.5
        leading[1, rows] = turn >= 0.5
    return angle, leading


def splice_distance(workspace: Workspace, annotations: pd.DataFrame, kind: str) -> NDArray[np.float32]:
    """Signed log2 distance to the nearest site of a kind on the strand read, positive after it, within 1,000 bases."""
    out = np.full((2, workspace.n_rows), np.nan, np.float32)
    sites = annotations[annotations["kind"] == kind]
    for s in workspace.segments():
        for number, strand in enumerate("+-"):
            on_strand = sites[(sites["genome"] == s.genome) & (sites["chrom"] == s.chrom) & (sites["strand"] == strand)]
            if on_strand.empty:
                continue
            places = np.sort(on_strand["start"].to_numpy() if number == 0 else on_strand["end"].to_numpy() - 1)
            base = np.arange(s.start, s.end)
            right = np.clip(np.searchsorted(places, base), 0, len(places) - 1)
            left = np.maximum(right - 1, 0)
            nearest = np.where(np.abs(places[right] - base) <= np.abs(places[left] - base), places[right], places[left])
            signed = (base - nearest) * (1 if number == 0 else -1)
            value = np.sign(signed) * np.log2(1 + np.abs(signed))
            out[number, s.offset : s.offset + len(base)] = np.where(np.abs(signed) <= 1000, value, np.nan)
    return out


def quantities(
    genomes: Genomes,
    workspace: Workspace,
    annotations: pd.DataFrame,
    gc_windows: Sequence[int],
    classes: Sequence[str] = (),
) -> Iterator[Quantity]:
    """Everything that a coordinate is tested against, one at a time; what the genomes do not have is left out."""
    if (annotations["kind"] == "CDS").any():
        phase = codon_phase(workspace, annotations)
        yield Quantity("codon_phase", ANGLE, (2 * np.pi / 3 * phase).astype(np.float32), "radians, 2π a codon")
        for name, values in along_genes(workspace, annotations).items():
            yield Quantity(name, LINEAR, values, "0 … 1" if name.startswith("position") else "log2 bases")
        yield Quantity("hydropathy", LINEAR, hydropathy(read_kmers(genomes, workspace, 3), phase, 3), "Kyte–Doolittle")
    for window in gc_windows:
        gc, skew = gc_and_skew(genomes, workspace, window)
        yield Quantity(f"gc_{window}", LINEAR, gc, "share")
        yield Quantity(f"gc_skew_{window}", LINEAR, skew, "(G − C)/(G + C)")
    angle, leading = replication_fork(genomes, workspace, annotations)
    if np.isfinite(angle).any():
        yield Quantity("replication_angle", ANGLE, angle, "radians from the origin")
        yield Quantity("leading_strand", CLASS, leading, "1: read in the direction of the fork")
    for kind in ("splice_donor", "splice_acceptor"):
        if (annotations["kind"] == kind).any():
            yield Quantity(
                f"distance_to_{kind}", LINEAR, splice_distance(workspace, annotations, kind), "signed log2 bases"
            )
    yield from _masks(workspace, annotations, classes or CLASSES)
    genome = pd.factorize(workspace.table["genome"].iloc[workspace.locate(np.arange(workspace.n_rows)).segment])[0]
    if genome.max(initial=0) > 0:
        yield Quantity("genome", CLASS, np.stack([genome, genome]).astype(np.float32), "number of the genome")


def _masks(workspace: Workspace, annotations: pd.DataFrame, classes: Sequence[str]) -> Iterator[Quantity]:
    """Coding on the strand read (against the other strand's genes), and indicators of annotation classes."""
    chosen = annotations[annotations["kind"].isin([*classes, "CDS"])]
    for kind, masks in iter_annotation_masks(workspace, chosen):
        both = np.stack([masks.plus, masks.minus])
        if kind == "CDS":
            one = both[0] ^ both[1]
            values = np.where(one, both, np.nan).astype(np.float32)
            yield Quantity("gene_strand", CLASS, values, "1: sense of the gene, 0: antisense")
        elif kind in classes and 0 < both.sum() < both.size:
            yield Quantity(kind, CLASS, both.astype(np.float32), "1: inside")
