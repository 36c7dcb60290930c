"""How much context a base needs before its activations are settled: what the warm-up of windows is chosen by.

A reading that begins at a place has seen nothing before it. It is compared, base by base, with a reading of the same
bases that began `context` bases earlier. The error falls with the distance from the beginning; the warm-up is the
distance from which on it stays small at 19 of 20 bases.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from photo51 import theme
from photo51.config.model import BurnInParams
from photo51.genome.axis.genomes import Genomes
from photo51.io.contracts.model import BURN_IN
from photo51.model.families.adapters import DnaModel
from photo51.progress import progress
from photo51.types import STRANDS, InputError


class BurnIn(NamedTuple):
    """What was measured.

    Attributes
    ----------
    table
        Error by distance and site (contract `BURN_IN`).
    warmup
        Site → bases of context from which on the error stays within the tolerance; None where it never does.
    """

    table: pd.DataFrame
    warmup: dict[str, int | None]


def burn_in(model: DnaModel, genomes: Genomes, params: BurnInParams, sites: Sequence[str] | None = None) -> BurnIn:
    """Measure the error of cold readings.

    The error of a base is the distance between its two activations over the spread of the site: the root mean square
    distance of warm activations from their mean.

    Parameters
    ----------
    model
        What reads.
    genomes
        Probes are drawn from the scored bases, on both strands in turn; both readings lie within one contig and hold no
        ambiguous base.
    params
        Number of probes, lengths, tolerance, seed.
    sites
        Where; the output of every block if None.

    Raises
    ------
    InputError
        For an unknown site, and where no place has enough known sequence around it.
    """
    sites = list(sites or [s for s in model.sites if s.startswith("block.") and s.endswith(".out")])
    if unknown := [site for site in sites if site not in model.sites]:
        raise InputError(
            f"sites: need sites of {model.spec.name} ({model.sites[0]} … {model.sites[-1]}), got {unknown}"
        )
    errors = {site: np.zeros((params.probes, params.longest)) for site in sites}
    spreads: dict[str, list[tuple[NDArray, float]]] = {site: [] for site in sites}
    for i, sequence in enumerate(progress(_probes(genomes, params), "burn-in", params.probes, "probes")):
        warm = model.read([sequence], sites).activations
        cold = model.read([sequence[params.context :]], sites).activations
        for site in sites:
            settled = warm[site][0][params.context :].float().cpu().numpy().astype(np.float64)
            fresh = cold[site][0].float().cpu().numpy()
            errors[site][i] = np.linalg.norm(fresh - settled, axis=1)
            spreads[site].append((settled.mean(0), float((settled**2).sum(1).mean())))
    edges = _edges(params.longest)
    tables = [_summary(site, errors[site] / _spread(spreads[site]), edges) for site in sites]
    table = BURN_IN.check(pd.concat(tables, ignore_index=True))
    return BurnIn(table, {site: recommended(table[table["site"] == site], params.tolerance) for site in sites})


def _spread(moments: list[tuple[NDArray, float]]) -> float:
    mean = np.mean([m for m, _ in moments], axis=0)
    # E|x|² − |E x|²: mean square distance from the mean
    return float(np.sqrt(np.mean([square for _, square in moments]) - (mean**2).sum()))


def _probes(genomes: Genomes, params: BurnInParams) -> list[NDArray[np.uint8]]:
    """Sequences of `context + longest` known bases whose probed part begins at a scored base."""
    rng = np.random.default_rng([params.seed, 51])
    workspace, length = genomes.workspace(), params.context + params.longest
    sequences: list[NDArray[np.uint8]] = []
    # many more rows than probes, as ends and ambiguous bases lose some
    for row in rng.permutation(workspace.n_rows)[: 200 * params.probes]:
        places = workspace.locate(np.array([row]))
        segment = workspace.segments()[int(places.segment[0])]
        strand, position = STRANDS[len(sequences) % 2], int(places.position[0])
        # on '-' the context lies at higher coordinates: the probed part begins at `position` and runs down
        start = position - params.context if strand == "+" else position + 1 - params.longest
        end, circular = start + length, genomes.is_circular(segment.genome, segment.chrom)
        size = genomes.length(segment.genome, segment.chrom)
        if length > size or not (circular or (start >= 0 and end <= size)):
            continue
        sequence = genomes.sequence(segment.genome, segment.chrom, start, end, strand)
        if np.isin(sequence, np.frombuffer(b"ACGT", np.uint8)).all():
            sequences.append(sequence)
        if len(sequences) == params.probes:
            return sequences
    raise InputError(
        f"burn-in: need {params.probes} places with {length:,} known bases around them in {genomes.folder}, "
        f"got {len(sequences)}; ask for a shorter context or fewer probes"
    )


def _edges(longest: int) -> NDArray[np.int64]:
    """Distances 0, 1, 2, 4, 6, 8, 12, 16, 24, … : two steps a doubling."""
    # 2ᵏ and 3 · 2ᵏ⁻¹
    steps = [0, 1, 2, *(s for k in range(2, 40) for s in (1 << k, 3 << (k - 1))), longest]
    return np.array(sorted({s for s in steps if s <= longest}))


def _summary(site: str, errors: NDArray[np.float64], edges: NDArray[np.int64]) -> pd.DataFrame:
    rows = [
        (site, a, b, errors[:, a:b].size, *np.quantile(errors[:, a:b], [0.5, 0.95]))
        for a, b in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    ]
    return pd.DataFrame(rows, columns=list(BURN_IN.columns))


def recommended(table: pd.DataFrame, tolerance: float) -> int | None:
    """Least context from which on 19 of 20 bases are within the tolerance; None where even the last distance is not."""
    over = np.flatnonzero(table["error_q95"].to_numpy() > tolerance)
    # the first distance after the last that is over
    after = 0 if over.size == 0 else int(over[-1]) + 1
    return None if after == len(table) else int(table["context_from"].iloc[after])


def burn_in_curve(ax: Axes, measured: BurnIn, tolerance: float) -> Axes:
    """Error at 19 of 20 bases against context, a line a site (dark sites are early ones); a mark at the warm-up."""
    sites = list(dict.fromkeys(measured.table["site"]))
    for i, site in enumerate(sites):
        table = measured.table[measured.table["site"] == site]
        # geometric middle of a class; + 1, as distances begin at 0
        middle = np.sqrt((table["context_from"] + 1.0) * table["context_to"])
        tone = theme.SEQUENTIAL(1 - 0.7 * i / max(1, len(sites) - 1))
        warmup = measured.warmup[site]
        label = f"{site}: {'more than measured' if warmup is None else f'{warmup:,} bases'}"
        ax.plot(middle, np.maximum(table["error_q95"], 1e-5), color=tone, label=label)
        if warmup is not None:
            ax.plot([max(warmup, 1)], [tolerance], marker="|", color=tone, ms=9)
    ax.axhline(tolerance, color=theme.MUTED, lw=0.8, ls=":")
    ax.set(xscale="log", yscale="log", xlabel="context (bases)")
    n = int(
        measured.table["n"].iloc[0] / (measured.table["context_to"].iloc[0] - measured.table["context_from"].iloc[0])
    )
    ax.set_ylabel("error at 19 of 20 bases\n(share of the activations' spread)")
    ax.set_title(f"Burn-in, {n} probes")
    ax.legend(title="site: warm-up")
    return ax
