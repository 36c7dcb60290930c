"""From files to what interventions work with: model, dictionary, units, names, reference sequence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray

from photo51.config.interventions import UnitParams
from photo51.genome.axis.genomes import Genomes
from photo51.genome.formats.fasta import Record, read_fasta
from photo51.interventions.edits.bundles import Bundle
from photo51.interventions.edits.dictionary import (
    Instrument,
    LinearDictionary,
    Units,
    check_features,
    measure_units,
    units_of_table,
)
from photo51.interventions.writing.generate import read_prompt
from photo51.io import read_h5ad, read_table
from photo51.io.contracts.enrichment import CONCEPTS, NAMES
from photo51.io.contracts.features import FEATURES
from photo51.model.families.adapters import DnaModel, load_model
from photo51.model.stripedhyena.modeling import StripedHyena
from photo51.model.tokenizer import is_base, reverse_complement, tokens_text
from photo51.sae.dictionary import Dictionary, SparseAutoencoder
from photo51.types import InputError, Strand

_TRIES = 50
Half = Literal["choosing", "reporting"]


class Opened(NamedTuple):
    """An instrument, and the concepts that may be named.

    Attributes
    ----------
    instrument
        Model, dictionary, units, names of features.
    concepts
        Concept → its features.
    hashes
        Hashes of model and dictionary, for provenance.
    """

    instrument: Instrument
    concepts: dict[str, Bundle]
    hashes: dict[str, str]


def open_instrument(
    model: str,
    sae: Path | str,
    *,
    features: Path | None = None,
    concepts: Path | None = None,
    reference: NDArray[np.integer] | None = None,
    units: UnitParams,
    device: str | None = None,
) -> Opened:
    """Open a model and a dictionary of it.

    Parameters
    ----------
    model
        Name or folder, as `load_model` has it.
    sae
        Folder of the dictionary.
    features
        `features.h5ad`, from which units are taken; else they are measured on `reference`.
    concepts
        `concepts.parquet`, or YAML: concept → feature → weight.
    reference
        (windows, length) token ids of real sequence.

    Raises
    ------
    InputError
        For a dictionary of another model, naming both; for one that is no sparse autoencoder; for a model that is no
        StripedHyena; where units can neither be read nor measured.
    """
    return open_loaded(
        load_model(model, device=device),
        Dictionary.load(sae),
        features=features,
        concepts=concepts,
        reference=reference,
        units=units,
        label=str(sae),
    )


def open_loaded(
    opened: DnaModel,
    trained: Dictionary,
    *,
    features: Path | Units | None = None,
    concepts: Path | None = None,
    reference: NDArray[np.integer] | None = None,
    units: UnitParams,
    label: str = "dictionary",
) -> Opened:
    """As `open_instrument`, of a model and a dictionary that are open already.

    Parameters
    ----------
    features
        `features.h5ad`, or its units.
    label
        What messages call the dictionary.
    """
    if not isinstance(opened.model, StripedHyena):
        raise InputError(f"model {opened.spec.name}: interventions need a StripedHyena, got {opened.spec.family}")
    if not isinstance(trained, SparseAutoencoder):
        raise InputError(f"{label}: interventions need a sparse autoencoder, got a dictionary of kind {trained.kind!r}")
    trained.origin.require(opened.spec.origin(trained.origin.site), f"{label}: model")
    network = opened.model.eval().requires_grad_(requires_grad=False)
    dictionary = LinearDictionary.of(trained).to(next(network.parameters()).device)
    if isinstance(features, Units):
        measured = features
    elif features is not None:
        measured = read_units(features, dictionary.n_features)
    elif reference is not None:
        measured = measure_units(network, dictionary, reference, units)
    else:
        raise InputError("units: need features.h5ad or reference sequence to measure them on, got neither")
    named, of_feature = read_concepts(concepts, dictionary.n_features) if concepts else ({}, {})
    instrument = Instrument(network, dictionary, measured, of_feature)
    return Opened(instrument, named, {"model": opened.spec.hash, "sae": trained.hash})


def read_units(path: Path, n_features: int) -> Units:
    """Units from `features.h5ad`."""
    table = FEATURES.check(read_h5ad(path).obs.reset_index(drop=True), file=str(path))
    if len(table) != n_features:
        raise InputError(f"{path}: need the {n_features} features of the dictionary, got {len(table)}")
    fires = table["density"] > 0
    # n_active / density is the number of bases for every feature; the largest is least rounded
    bases = (table.loc[fires, "n_active"] / table.loc[fires, "density"]).max() if fires.any() else 0
    return units_of_table(table, round(float(bases)))


def read_concepts(path: Path, n_features: int) -> tuple[dict[str, Bundle], dict[int, str]]:
    """Concepts with their features, and each feature's best name.

    A concept of `names.parquet` (or of `concepts.parquet`) holds every feature that may carry its name, weighted by
    domain F1. Its frame and strand are part of the name where they are not the plain ones: `CDS`, `CDS/frame 2`,
    `CDS/antisense`.

    Raises
    ------
    InputError
        For a file that is neither, or a feature the dictionary does not have.
    """
    if path.suffix in {".yaml", ".yml"}:
        concepts = _from_yaml(path, n_features)
        names = {b.features[0]: name for name, b in concepts.items() if len(b.features) == 1}
        return concepts, names
    table = _named_rows(path)
    table["name"] = [
        _name(str(a), str(s), int(f))
        for a, s, f in zip(table["annotation"], table["strand"], table["frame"], strict=True)
    ]
    # best first, so that the first row of a feature or concept is its best
    table = table.sort_values(["f1_domain", "name", "feature"], ascending=[False, True, True])
    check_features(table["feature"].tolist(), n_features)
    concepts = {
        # weights relative to the concept's best feature, which has 1
        str(name): Bundle(
            str(name), tuple(map(int, g["feature"])), tuple(map(float, g["f1_domain"] / g["f1_domain"].max()))
        )
        for name, g in table.drop_duplicates(["name", "feature"]).groupby("name", sort=True)
    }
    # sorted by F1: the first name of a feature is kept
    best = table[table["named"]].drop_duplicates("feature")
    return concepts, {int(f): str(n) for f, n in zip(best["feature"], best["name"], strict=True)}


def _named_rows(path: Path) -> pd.DataFrame:
    """Rows of `names.parquet` that may carry their name, `named` where it is the feature's; those of the
    `names.parquet` next to it for `concepts.parquet`, which says what agrees but not what a feature is called.
    """
    with_names = path.with_name("names.parquet")
    table = read_table(with_names if path.name == "concepts.parquet" and with_names.is_file() else path)
    if "evidence" in table.columns:
        table = NAMES.check(table, file=str(path))
        return table[table["carries"]].copy()
    table = CONCEPTS.check(table, file=str(path))
    return table[(table["readout"] == "sae") & table["named"]].copy()


def _name(annotation: str, strand: str, frame: int) -> str:
    parts = [annotation, f"frame {frame}" if frame > 0 else "", "" if strand == "sense" else strand]
    return "/".join(p for p in parts if p)


def _from_yaml(path: Path, n_features: int) -> dict[str, Bundle]:
    try:
        mapping = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as e:
        raise InputError(f"{path}: need YAML of concept: {{feature: weight}}, got none ({e})") from e
    if not isinstance(mapping, Mapping):
        raise InputError(f"{path}: need concept: {{feature: weight}}, got {type(mapping).__name__}")
    bundles = {}
    for name, members in mapping.items():
        weights = _weights(members, f"{path}: concept {name!r}")
        check_features(list(weights), n_features)
        bundles[str(name)] = Bundle(str(name), tuple(weights), tuple(weights.values()))
    return bundles


def _weights(members: object, label: str) -> dict[int, float]:
    """Features and weights of a concept; a lone number is one feature."""
    if isinstance(members, int):
        return {members: 1.0}
    try:
        weights = {int(f): float(w) for f, w in dict(members).items()}  # type: ignore[call-overload]
    except (TypeError, ValueError) as e:
        raise InputError(f"{label}: need features and weights, got {members!r}") from e
    if not all(map(np.isfinite, weights.values())) or not any(weights.values()):
        raise InputError(f"{label}: need finite weights that are not all 0, got {members!r}")
    return weights


class FastaBases:
    """Bases of a FASTA file, as linear contigs of one genome, whose name is not looked at."""

    def __init__(self, path: Path):
        self.path = path
        self.records: dict[str, Record] = {r.name: r for r in read_fasta(path)}

    def sequence(self, _genome: str, chrom: str, start: int, end: int, strand: Strand = "+") -> NDArray[np.uint8]:
        """Upper-case bytes of [start, end); strand `-` gives their reverse complement."""
        length = self.length("", chrom)
        if not 0 <= start <= end <= length:
            raise InputError(f"{self.path} {chrom}: need bases within 0..{length:,}, got {start:,}..{end:,}")
        ids = self.records[chrom].ids[start:end]
        return reverse_complement(ids) if strand == "-" else ids

    def length(self, _genome: str, chrom: str) -> int:
        """Bases of a contig."""
        if chrom not in self.records:
            raise InputError(
                f"{self.path}: need a contig of the file ({', '.join(list(self.records)[:5])}), got {chrom!r}"
            )
        return len(self.records[chrom].ids)

    def is_circular(self, _genome: str, _chrom: str) -> bool:
        """Never."""
        return False

    def contigs(self) -> Iterator[tuple[str, str, int]]:
        """(genome, contig, bases)."""
        for name, record in self.records.items():
            yield "", name, len(record.ids)


def open_bases(path: Path) -> FastaBases | Genomes:
    """Prepared genomes (a folder) or a FASTA file."""
    return Genomes.open(path) if path.is_dir() else FastaBases(path)


def genome_of(bases: FastaBases | Genomes, chrom: str, genome: str | None) -> str:
    """The genome that holds a contig.

    Raises
    ------
    InputError
        Where several do and none is named, or none does.
    """
    if genome is not None or isinstance(bases, FastaBases):
        return genome or ""
    t = bases.contigs
    holding = [str(g) for g in t.loc[t["chrom"] == chrom, "genome"]]
    if len(holding) != 1:
        examples = ", ".join(sorted(set(map(str, t["chrom"])))[:8])
        raise InputError(f"contig {chrom!r}: need one genome that has it ({examples}), got {holding or 'none'}")
    return holding[0]


def reference_windows(
    bases: FastaBases | Genomes, n: int, length: int, seed: int, half: Half | None = None
) -> NDArray[np.uint8]:
    """Windows (n, length) of real sequence, evenly over bases, half of them on the reverse strand, A, C, G, T only.

    Of prepared genomes only what is scored is used.

    Parameters
    ----------
    half
        `choosing` for what may be looked at to decide what to try, `reporting` for what shows how well it works:
        blocks of a run that are not and that are held out (`test`), else the first and the second half of every
        segment. None takes held-out blocks where there are any, else all.

    Raises
    ------
    InputError
        Where no contig is long enough, or windows without other letters are hard to come by.
    """
    rng = np.random.default_rng([seed, 8])
    pool = _pool(bases, length, half)
    if pool.empty:
        raise InputError(f"reference: need a contig or a scored segment of at least {length} bases, got none")
    # starts that a segment has room for: every window is as likely as any other
    room = (pool["end"] - pool["start"] - length + 1).to_numpy(dtype=np.float64)
    windows: list[NDArray[np.uint8]] = []
    for _ in range(_TRIES * n):
        row = pool.iloc[int(rng.choice(len(pool), p=room / room.sum()))]
        start = int(row["start"]) + int(rng.integers(int(row["end"] - row["start"]) - length + 1))
        # by turns, so that exactly half are read on the reverse strand
        strand: Strand = "-" if len(windows) % 2 else "+"
        ids = bases.sequence(str(row["genome"]), str(row["chrom"]), start, start + length, strand)
        if is_base(ids).all():
            windows.append(ids)
        if len(windows) == n:
            return np.stack(windows)
    raise InputError(
        f"reference: need {n} windows of {length} bases without letters other than A, C, G, T, got {len(windows)}"
    )


def _pool(bases: FastaBases | Genomes, length: int, half: Half | None) -> pd.DataFrame:
    """Segments (genome, chrom, start, end) that windows may come from."""
    if isinstance(bases, FastaBases):
        table = pd.DataFrame([(g, c, 0, n) for g, c, n in bases.contigs()], columns=["genome", "chrom", "start", "end"])
        held_out = pd.Series(data=False, index=table.index)
    else:
        table = bases.workspace().table
        held_out = table["split"] == "test"
    fits = table["end"] - table["start"] >= length
    if (held_out & fits).any():
        return table[fits & (~held_out if half == "choosing" else held_out)]
    if half is not None:
        middle = (table["start"] + table["end"]) // 2
        table = table.assign(**{"end" if half == "choosing" else "start": middle})
        fits = table["end"] - table["start"] >= length
    return table[fits]


def coding_sequences(bases: FastaBases | Genomes, max_sequences: int = 500) -> list[str]:
    """Coding sequences in frame, as letters, of prepared genomes: whole ones, spread evenly; none of a FASTA file."""
    if isinstance(bases, FastaBases):
        return []
    table = bases.annotations()
    # whole codons in frame from their first base on
    length = table["end"] - table["start"]
    table = table[(table["kind"] == "CDS") & (table["frame"] == 0) & (length % 3 == 0)]
    # every step-th of them, so that no part of the genome is left out
    step = max(1, len(table) // max_sequences)
    return [
        tokens_text(bases.sequence(str(g), str(c), int(a), int(b), "-" if s == "-" else "+"))
        for g, c, a, b, s in zip(
            *(table.iloc[::step][column] for column in ("genome", "chrom", "start", "end", "strand")),
            strict=True,
        )
    ]


def read_sequence(text: str, label: str = "prompt") -> NDArray[np.uint8]:
    """Token ids of letters typed in, or of the first record of a FASTA file.

    Raises
    ------
    InputError
        For an empty sequence, a file without records, or letters other than A, C, G, T, N.
    """
    path = Path(text)
    if _is_file(path):
        first = next(read_fasta(path))
        return read_prompt(tokens_text(first.ids), f"{path}, record {first.name!r}")
    check_no_path(text, label)
    return read_prompt(text, label)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # bases that are too many for the name of a file
        return False


def check_no_path(text: str, label: str) -> None:
    """Refuse what is no file and can be no bases, since it is written as a path.

    Raises
    ------
    InputError
        Naming it.
    """
    if len(text) < 1_024 and (Path(text).suffix or "/" in text):
        raise InputError(f"{label}: need bases or a FASTA file, got {text!r}, and there is no such file")
