"""Models and dictionaries in the hands of whoever scripts them: open, encode, steer, explain. Imports torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from photo51.api.sequences import sequence_bytes
from photo51.genome.alphabet import reverse_complement
from photo51.interventions.attribution.explain import Explained, explain_place
from photo51.interventions.opening import Opened, genome_of, open_instrument, read_sequence, reference_windows
from photo51.interventions.steering.steer import Steered
from photo51.model.families.adapters import DnaModel
from photo51.model.families.adapters import load_model as open_model
from photo51.sae.dictionary import Dictionary
from photo51.types import STRANDS, InputError, Interval, Strand, Variant

if TYPE_CHECKING:
    from photo51.api.results import Results
    from photo51.quicklook.read import QuickRead


def load_model(name: str, *, device: str | None = None, dtype: str | None = None) -> DnaModel:
    """Open a model.

    Parameters
    ----------
    name
        `sh2:base`, `sh2:nano` (shipped), `evo2:7b` and others once converted, `hf:ID`, or a folder; `@random:SEED`
        behind it gives the same architecture fresh weights.
    device
        `cpu` or `cuda`; default: cuda where there is one.
    dtype
        `float32`, `bfloat16` or `float16`; default: what the model asks for.

    Returns
    -------
    The model: `spec` says what it is, `read` gives activations and log-probabilities of bases, `generate` writes.

    Raises
    ------
    InputError
        For a name that is none, listing the models there are; and for a checkpoint that cannot be read.

    Examples
    --------
    >>> photo51.load_model("sh2:nano").spec.d_model
    128
    """
    return open_model(name, device=device, dtype=dtype)


def load_sae(folder: Path | str) -> Dictionary:
    """Open a dictionary.

    Parameters
    ----------
    folder
        What `photo51 train-sae` or `photo51 import-sae` wrote, as `results/RUN/sae/main`.

    Returns
    -------
    The dictionary: `encode` gives codes of activations, `decode` activations of codes.

    Raises
    ------
    InputError
        Where the folder holds no dictionary, or a damaged one.

    Examples
    --------
    >>> photo51.load_sae(RUN / "sae" / "main").n_features
    256
    """
    return Dictionary.load(folder)


def encode(
    model: DnaModel, sae: Dictionary, sequence: str | np.ndarray, *, strands: Sequence[Strand] = STRANDS
) -> Mapping[Strand, sp.csr_matrix]:
    """Activations of every feature at every base of a sequence.

    Parameters
    ----------
    model, sae
        A model, and a dictionary of one of its sites.
    sequence
        Bases, as text or as ASCII codes, (length,). They are read from the first base on, without context before it.
    strands
        Directions of reading.

    Returns
    -------
    Strand → (length, n_features) float32, row i about base i of the sequence as given, whatever the strand.

    Raises
    ------
    InputError
        For a dictionary of another model, naming both; for letters that are no bases, and a strand that is none.

    Examples
    --------
    >>> model, sae = photo51.open(RUN).load()
    >>> codes = photo51.encode(model, sae, "ATGGCGAAAGGTTAA")
    >>> codes["+"].shape == codes["-"].shape == (15, sae.n_features)
    True
    """
    if unknown := [s for s in strands if s not in STRANDS]:
        raise InputError(f"strands: need + and -, got {unknown[0]!r}")
    ids = read_sequence(sequence, "sequence") if isinstance(sequence, str) else sequence_bytes(sequence)
    site = sae.origin.site
    sae.origin.require(model.spec.origin(site), f"{model.spec.name}: activations")
    out: dict[Strand, sp.csr_matrix] = {}
    for strand in strands:
        read = ids if strand == "+" else reverse_complement(ids)
        activations = model.read([read], [site]).activations[site][0].float().cpu().numpy()
        codes = sae.encode(activations)
        out[strand] = codes if strand == "+" else codes[::-1]
    return out


def read(
    sequence: Path | str,
    *,
    annotation: Sequence[Path | str] = (),
    region: str | None = None,
    model: str = "sh2:base",
    dictionary: Path | str | None = None,
    genetic_code: int | None = None,
    topology: str = "auto",
    device: str | None = None,
) -> QuickRead:
    """A quick look at a sequence with a shipped model and its dictionary; nothing is trained.

    Parameters
    ----------
    sequence
        FASTA or GenBank file, bases as text, or an NCBI accession.
    annotation
        GFF3, GTF, GenBank or gene tables of a sequence file.
    region
        Part to read, `chrom:start-end`, 1-based, both ends included.
    model
        A model whose dictionary comes with photo51.
    dictionary
        Folder of `photo51 ship-dictionary`, in place of the shipped one.
    genetic_code, topology
        As in `genomes.tsv`.
    device
        `cpu` or `cuda`; default: cuda where there is one.

    Returns
    -------
    Tables `windows` (bits, variance explained), `calls` (named features), `orfs`, `unexplained`, 0-based and
    half-open; `bits`, `variance_explained`, `unlike`; `write(folder)` makes the page and the files.

    Raises
    ------
    InputError
        For what is no DNA, too short or too long, and for accessions that cannot be had.

    Examples
    --------
    >>> look = photo51.read("ATGAAACGCATTAGCACCACCATTACCACCACCATCACCATTACCACAGGTAACGGTGCGGGCTGA")
    >>> sorted(look.bits), len(look.windows)
    (['+', '-'], 2)
    """
    from photo51.quicklook.read import read_source
    from photo51.quicklook.shelf import shelf_of
    from photo51.quicklook.source import open_source

    shelf = shelf_of(model, dictionary)
    source = open_source(
        str(sequence),
        annotation=[Path(a) for a in annotation],
        region=region,
        genetic_code=genetic_code,
        topology=topology,
    )
    return read_source(source, open_model(model, device=device), shelf)


def steer(
    run: Results,
    target: str,
    prompt: str,
    *,
    doses: Sequence[float] = (0.5, 1.0),
    sequences: int = 8,
    length: int = 80,
    scorers: Sequence[str] = (),
    seed: int = 51,
) -> Steered:
    """Turn a feature up while the model writes, beside untouched, reconstructed and random-direction controls.

    Parameters
    ----------
    run
        A run, whose model, dictionary, names and genomes are used.
    target
        A feature (`812`, `f812`), a concept, or a sum such as `stop_codon - 0.5*f40`.
    prompt
        Bases to go on from, or a FASTA file.
    doses
        In units of the feature's 99th percentile of activation.
    sequences, length
        Sequences written for each dose and arm, and their bases.
    scorers
        Sequence scorers named beforehand as the ones to move, such as `gc`.
    seed
        Of sampling; the same seed writes the same bases.

    Returns
    -------
    Tables `sequences`, `doses`, `verdicts`, `off_target`, `trace`.

    Raises
    ------
    InputError
        For a feature, concept or scorer that is not there, listing those that are, and for a prompt that is no DNA.

    Examples
    --------
    >>> run = photo51.open(RUN)
    >>> f = int(run.features.table["maximum"].idxmax())
    >>> made = photo51.steer(run, f"f{f}", "ATGGCGAAAGGTAAAGTT", doses=(0.5,), sequences=2, length=12)
    >>> set(made.sequences["bases"].str.len())
    {12}
    """
    from photo51.config.base import validated
    from photo51.config.interventions import SteerParams
    from photo51.interventions.steering import targeting
    from photo51.interventions.steering.steer import steer as run_arms
    from photo51.interventions.writing.scorers import check_declared, sequence_scorers

    stated = {"sampling": {"seed": seed}, "doses": tuple(doses), "sequences": sequences, "length": length}
    params = validated(SteerParams, stated, "steer")
    opened = _instrument(run)
    judges = sequence_scorers(code=11, motifs=[], codons=None)
    declared = check_declared(list(scorers), judges)
    name = f"f{target}" if str(target).isdigit() else str(target)
    bundle, sizes = targeting.target(name, opened, run.genomes, declared, params, code=11)
    return run_arms(
        opened.instrument,
        bundle,
        prompt=read_sequence(prompt),
        reference=reference_windows(run.genomes, 16, 512, seed),
        judges=judges,
        params=params.model_copy(update={"doses": sizes}),
        declared=declared,
    )


def explain(
    run: Results,
    place: Interval | Variant,
    *,
    genome: str | None = None,
    strand: Strand = "+",
    base: str | None = None,
) -> Explained:
    """Share a region's likelihood, one base's score, or a variant's likelihood ratio out among features and bases.

    Parameters
    ----------
    run
        A run, whose model, dictionary and genomes are used.
    place
        An interval (with its strand), or a variant.
    genome
        Genome of the run; default: the one that has the contig.
    strand
        Direction of reading, for a variant.
    base
        A letter whose score at the interval's first base is explained in place of its likelihood.

    Returns
    -------
    `value` (nats), `table` (a feature at a base a row), `agreement` with exact ablation, `map` (saturation
    mutagenesis), `read`.

    Raises
    ------
    InputError
        For a contig that no genome of the run has, and for a place that cannot be explained, saying why.

    Examples
    --------
    >>> run = photo51.open(RUN)
    >>> found = photo51.explain(run, photo51.Interval("NC_012920.1", 3300, 3312, "+"))
    >>> found.summary()["completeness_error"] < 0.05
    True
    """
    from photo51.config.interventions import AttributionParams

    opened = _instrument(run)
    owner = genome_of(run.genomes, place.chrom, genome)
    return explain_place(opened.instrument, run.genomes, owner, place, AttributionParams(), strand=strand, base=base)


def _instrument(run: Results) -> Opened:
    """Model, dictionary, units and names of a run."""
    from photo51.config.interventions import UnitParams

    sae = run.folder / "sae" / run._run.sae
    concepts = run.folder / "concepts.parquet"
    return open_instrument(
        load_sae(sae).origin.model_name,
        sae,
        features=run.folder / "features.h5ad",
        concepts=concepts if concepts.is_file() else None,
        units=UnitParams(),
    )
