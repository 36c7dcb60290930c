"""A model and a dictionary held open: read, ask why, steer and score without opening anything again. Imports torch.

`photo51 studio` is this class behind a page; every line of its journal is a call of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from photo51.api.results import Results
from photo51.api.sequences import TYPED, Place, Read, TypedBases, sequence_bytes, typed_sequence
from photo51.api.writing import Writing
from photo51.config.interventions import AttributionParams, UnitParams
from photo51.effects.notation import GenomeVariant, read_variant
from photo51.genome.alphabet import decode, encode, reverse_complement
from photo51.interventions.attribution.explain import BaseEffects, Bases, Explained, base_effects, explain_place
from photo51.interventions.edits.dictionary import units_of_table
from photo51.interventions.opening import Opened, genome_of, open_loaded
from photo51.model.families.adapters import DnaModel, ModelReading, load_model
from photo51.quicklook.shelf import Shelved, shelf_of
from photo51.report.elements.sentences import called
from photo51.sae.dictionary import Dictionary
from photo51.types import STRANDS, InputError, Interval, Strand, Variant

LN2 = float(np.log(2.0))
KEPT_BASES = 32_000_000  # genomes up to this size are held in memory
SHORT = 4_096  # bases up to which both strands are read at the same time
CONTEXT = 512  # bases read before and after a locus, so that both directions of reading have seen some sequence


class Workbench(Writing):
    """Model, dictionary and names, held open.

    Parameters
    ----------
    model, sae
        A model and a dictionary of it.
    opened
        The same as interventions take them.
    run
        The run they come from, if any.
    shelf
        Without a run: the shipped dictionary with what is known of its features.

    Examples
    --------
    >>> bench = photo51.workbench(RUN)
    >>> bench.read("ATGGCGAAAGGTTAA").bits["+"].shape
    (15,)
    """

    def __init__(
        self,
        model: DnaModel,
        sae: Dictionary,
        opened: Opened,
        run: Results | None = None,
        shelf: Shelved | None = None,
    ):
        self.model, self.sae, self.opened, self.run, self.shelf = model, sae, opened, run, shelf
        self.instrument = opened.instrument
        self._references, self._residuals = {}, {}

    def __repr__(self) -> str:
        """Model, site and run."""
        return (
            f"<photo51 workbench: {self.model.spec.name} at {self.sae.origin.site}, {self.sae.n_features:,} features,"
            f" run {self.run.name if self.run else 'none'}>"
        )

    # ---- features

    @cached_property
    def features(self) -> pd.DataFrame:
        """One row a feature, in order: `feature`, `name`, `grade`, `unit`, `median`, `maximum`, `density`.

        `name` and `grade` are empty where nothing names it; activations are in the feature's own scale, and one `unit`
        is the 99th percentile of its activation where it is active.
        """
        units = self.instrument.units
        table = pd.DataFrame(
            {
                "feature": np.arange(self.sae.n_features),
                "name": "",
                "grade": "",
                "unit": units.unit,
                "median": np.nan,
                "maximum": units.peak,
                "density": units.density,
            }
        )
        if self.run is not None:
            from photo51.run.known import closest

            facts, best = self.run._run.features, closest(self.run._run)
        elif self.shelf is not None:
            facts = self.shelf.features.set_index("feature")
            best = self.shelf.names[self.shelf.names["rank"] == 0].set_index("feature").sort_index()
        else:
            table["name"] = [self.instrument.name(f) for f in table["feature"]]
            return table
        table["median"] = facts["q50"].reindex(table["feature"]).to_numpy()
        for feature, row in best.iterrows():
            table.loc[int(str(feature)), ["name", "grade"]] = [called(row), str(row["grade"])]
        return table

    # ---- reading

    def locate(self, sequence: str) -> Place | None:
        """Where the run's genomes hold a sequence, on either strand; None where nowhere. The first place of several."""
        if self.run is None or len(sequence) < 12:
            return None
        forward = encode(sequence).tobytes()
        readings: list[tuple[Strand, bytes]] = [
            ("+", forward),
            ("-", reverse_complement(encode(sequence)).tobytes()),
        ]
        small = self.run.genomes.contigs["length"].sum() <= KEPT_BASES
        for genome, chrom, letters in self._kept_contigs if small else self._contigs():
            for strand, text in readings:
                if (offset := letters.find(text)) >= 0:
                    return Place(genome, chrom, offset, offset + len(text), strand)
        return None

    @cached_property
    def _kept_contigs(self) -> list[tuple[str, str, bytes]]:
        """Contigs of small genomes, in which every pasted sequence is looked for."""
        return list(self._contigs())

    def _contigs(self) -> Iterator[tuple[str, str, bytes]]:
        genomes = self._need("a sequence of a genome").genomes
        table = genomes.contigs
        for genome, chrom, length in zip(table["genome"], table["chrom"], table["length"], strict=True):
            letters = genomes.sequence(str(genome), str(chrom), 0, int(length)).tobytes()
            yield str(genome), str(chrom), letters

    def read(
        self, what: str | NDArray[np.uint8] | Interval, genome: str | None = None, *, context: int = CONTEXT
    ) -> Read:
        """Read bases, or a locus of the run, on both strands.

        Parameters
        ----------
        what
            Bases, read from the first on without context as `photo51.encode` reads them; or a place of the run's
            genomes, forward whatever its strand.
        genome
            Genome of a place; default: the one that has the contig.
        context
            Bases read before a place in either direction of reading, fewer where a linear contig ends.

        Raises
        ------
        InputError
            For an empty sequence, letters that are none of the IUPAC code, or a place outside its contig.

        Examples
        --------
        >>> bench = photo51.workbench(RUN)
        >>> len(bench.read(photo51.Interval("NC_012920.1", 3229, 3304)))
        75
        """
        if isinstance(what, Interval):
            return self._read_locus(what, genome, context)
        ids = sequence_bytes(what)
        if not len(ids):
            raise InputError("sequence: need at least one base, got none")
        bits, codes = self._both(ids)
        return Read(ids, self.locate(decode(ids)), bits, codes)

    def _read_locus(self, locus: Interval, genome: str | None, context: int) -> Read:
        run = self._need("a place")
        owner = genome_of(run.genomes, locus.chrom, genome)
        length = run.genomes.length(owner, locus.chrom)
        if not len(locus) or locus.end > length:
            raise InputError(
                f"place {locus}: need at least one base within the {length:,} of {locus.chrom}, got"
                f" {locus.start + 1:,}–{locus.end:,}"
            )
        start, end = locus.start - context, locus.end + context
        if not run.genomes.is_circular(owner, locus.chrom):
            start, end = max(start, 0), min(end, length)
        ids = run.genomes.sequence(owner, locus.chrom, start, end)
        bits, codes = self._both(ids)
        part = slice(locus.start - start, locus.end - start)
        place = Place(owner, locus.chrom, locus.start, locus.end)
        return Read(
            ids[part],
            place,
            {s: b[part] for s, b in bits.items()},
            {s: c[part] for s, c in codes.items()},
            pasted=False,
        )

    def _both(self, ids: NDArray[np.uint8]) -> tuple[dict[Strand, NDArray[np.float32]], dict[Strand, sp.csr_matrix]]:
        """Bits and codes of both strands, in forward order; each strand is a batch of its own, as `photo51.encode`
        reads it.
        """
        from photo51.model.families.native import Native
        from photo51.model.stripedhyena.walk import one_thread_each

        site = self.sae.origin.site
        bits: dict[Strand, NDArray[np.float32]] = {}
        codes: dict[Strand, sp.csr_matrix] = {}

        def read(strand: Strand) -> ModelReading:
            bases = ids if strand == "+" else reverse_complement(ids)
            return self.model.read([bases], [site], likelihood=len(ids) > 1)  # nothing stands before a lone base

        readings: Iterable[ModelReading]
        if len(ids) <= SHORT and isinstance(self.model, Native):
            # a thread a strand: a short sequence has too few chunks for threads to share
            with one_thread_each(), ThreadPoolExecutor(len(STRANDS)) as pool:
                readings = list(pool.map(read, STRANDS))
        else:
            readings = map(read, STRANDS)
        for strand, activations in zip(STRANDS, readings, strict=True):
            way = slice(None) if strand == "+" else slice(None, None, -1)
            log_p = np.full(1, np.nan, np.float32) if activations.log_probs is None else activations.log_probs[0]
            bits[strand] = (-log_p / LN2).astype(np.float32)[way]
            codes[strand] = self.sae.encode(activations.activations[site][0].float().cpu().numpy())[way]
        return bits, codes

    def strongest(self, reading: Read, n: int = 40) -> pd.DataFrame:
        """Features by their largest activation in a reading, as a share of their largest on the run's sequence.

        Returns
        -------
        `feature`, `strand`, `position` (of the largest, in the reading), `activation`, `share`, `active`
        (bases), `name`, `grade`.
        """
        table, rows = self.features, []
        largest = np.maximum(table["maximum"].to_numpy(dtype=np.float64), 1e-12)
        for strand, codes in reading.codes.items():
            columns = codes.tocsc()
            for feature in np.flatnonzero(np.diff(columns.indptr)):
                part = slice(columns.indptr[feature], columns.indptr[feature + 1])
                best = int(np.argmax(columns.data[part]))
                value = float(columns.data[part][best])
                rows.append(
                    (
                        int(feature),
                        strand,
                        int(columns.indices[part][best]),
                        value,
                        value / largest[feature],
                        part.stop - part.start,
                    )
                )
        ranked = pd.DataFrame(rows, columns=["feature", "strand", "position", "activation", "share", "active"])
        ranked = ranked[table["maximum"].to_numpy()[ranked["feature"]] > 0]
        ranked = ranked.sort_values(
            ["share", "feature"], ascending=[False, True], kind="stable", ignore_index=True
        ).head(n)
        return ranked.join(table[["name", "grade"]], on="feature")

    # ---- why

    def why(
        self,
        what: str | NDArray[np.uint8] | Place,
        offset: int,
        *,
        base: str | None = None,
        strand: Strand = "+",
        params: AttributionParams | None = None,
        changes: bool = True,
    ) -> Explained:
        """Which earlier bases and features made the model expect a base.

        Parameters
        ----------
        what
            Bases, or a place of the run's genomes, of which base `offset` is asked about.
        offset
            0-based, in the sequence as given: of a place on the reverse strand from its last base on.
        base
            Letter whose score there is explained; default: the log-likelihood of the letter that is there.
        strand
            Direction of reading, of the sequence as given.
        changes
            Whether the map of saturation mutagenesis and the direct paths are made too; `base_effects` makes them
            alone.

        Raises
        ------
        InputError
            For a base outside the sequence, or one that nothing stands before in reading direction.
        """
        bases, genome, spot = self._spot(what, offset, strand)
        return explain_place(
            self.instrument, bases, genome, spot, params or AttributionParams(), base=base, changes=changes
        )

    def base_effects(
        self,
        what: str | NDArray[np.uint8] | Place,
        offset: int,
        *,
        base: str | None = None,
        strand: Strand = "+",
        params: AttributionParams | None = None,
    ) -> BaseEffects:
        """What earlier bases do for a base: the map of saturation mutagenesis and the direct paths of `why`, alone.

        The direct paths are what each block's mixing carries from each earlier base straight to the score of the base
        against the mean of the others, exactly. Parameters and errors are those of `why`.

        Examples
        --------
        >>> bench = photo51.workbench(RUN)
        >>> effects = bench.base_effects("ATGGCGAAAGGTTAA", 12)
        >>> bool(effects.influence["position"].max() == 11)
        True
        """
        bases, genome, spot = self._spot(what, offset, strand)
        return base_effects(self.instrument, bases, genome, spot, params or AttributionParams(), base=base)

    def _spot(self, what: str | NDArray[np.uint8] | Place, offset: int, strand: Strand) -> tuple[Bases, str, Interval]:
        """Where bases come from, of which genome, and the one base that is asked about."""
        if isinstance(what, Place):
            _check_offset(offset, what.end - what.start)
            # of a sequence that lies on the reverse strand base 0 is the place's last, and its reverse is forward
            reverse = what.strand == "-"
            base = what.end - 1 - offset if reverse else what.start + offset
            reading: Strand = ("+" if strand == "-" else "-") if reverse else strand
            return self._need("a place").genomes, what.genome, Interval(what.chrom, base, base + 1, reading)
        ids = sequence_bytes(what)
        _check_offset(offset, len(ids))
        return TypedBases(ids), "", Interval(TYPED, offset, offset + 1, strand)

    def prefers(self, what: str | NDArray[np.uint8], base: int, strand: Strand = "+") -> dict[str, float]:
        """Probability of A, C, G and T at a base, in reading direction, given what comes before it in the sequence.

        Raises
        ------
        InputError
            For a base outside the sequence, or one that nothing stands before in reading direction.
        """
        ids = sequence_bytes(what)
        _check_offset(base, len(ids))
        if strand not in STRANDS:
            raise InputError(f"strand: need + or -, got {strand!r}")
        before = ids[:base] if strand == "+" else reverse_complement(ids[base + 1 :])
        if not len(before):
            raise InputError(f"base {base + 1}: need at least one base before it to read, got none")
        import torch

        from photo51.interventions.writing.generate import Stream

        stream = Stream(self.instrument.model, np.zeros(1, dtype=np.int64))
        with torch.inference_mode():
            stream.read(before[None])
            p = torch.softmax(stream.scores.double(), -1)[0].tolist()
        return dict(zip("ACGT", p, strict=True))

    # ---- variants

    def variants(self, text: str) -> list[GenomeVariant]:
        """A variant of the run's genomes as people write it; of a protein change every smallest change that makes it.

        Raises
        ------
        InputError
            For what is no variant, or none of these genomes.

        Examples
        --------
        >>> bench = photo51.workbench(RUN)
        >>> str(bench.variants("m.3243A>G")[0].variant)
        'NC_012920.1:3243:A>G'
        """
        return read_variant(text, self._need("a variant").genomes)

    def score(self, text: str) -> pd.DataFrame:
        """Scores of a variant beside their baselines, as `photo51 score` writes them; positions are 1-based.

        Raises
        ------
        InputError
            As `variants`.
        """
        from photo51.effects.score import score_file

        variants = self.variants(text)
        genome = variants[0].genome
        lines = ["chrom\tpos\tref\talt"]
        lines += [f"{v.chrom}\t{v.pos + 1}\t{v.ref}\t{v.alt}" for g, v in variants if g == genome]
        with TemporaryDirectory(prefix="photo51-") as folder:
            path = Path(folder) / "variants.tsv"
            path.write_text("\n".join(lines) + "\n")
            table, _ = score_file(self._need("a variant").genomes.folder, [path], self.model, self.sae, genome=genome)
        return table

    def alleles(self, variant: GenomeVariant, *, context: int = CONTEXT, flank: int = 40) -> tuple[Read, Read, int]:
        """Reference and alternative read with the same context, `flank` bases on either side; and where the change
        begins in both.
        """
        genomes, v = self._need("a variant").genomes, variant.variant
        start, end = v.pos - flank - context, v.end + flank + context
        if not genomes.is_circular(variant.genome, v.chrom):
            start, end = max(start, 0), min(end, genomes.length(variant.genome, v.chrom))
        ids = genomes.sequence(variant.genome, v.chrom, start, end)
        out, first = [], max(0, v.pos - flank - start)
        for allele in (v.ref, v.alt):
            whole = np.concatenate([ids[: v.pos - start], encode(allele), ids[v.end - start :]])
            part = slice(first, min(len(whole), v.pos - start + len(allele) + flank))
            bits, codes = self._both(whole)
            out.append(
                Read(
                    whole[part],
                    None,
                    {s: b[part] for s, b in bits.items()},
                    {s: c[part] for s, c in codes.items()},
                )
            )
        return out[0], out[1], v.pos - start - first

    def _need(self, what: str) -> Results:
        if self.run is None:
            raise InputError(
                f"{what}: need a run, whose genomes it is looked up in; open one with `photo51 studio RUN`"
            )
        return self.run


def _check_offset(offset: int, length: int) -> None:
    if not 0 <= offset < length:
        raise InputError(f"base: need one within 1–{length:,}, got {offset + 1:,}")


def workbench(
    run: Results | Path | str | None = None,
    *,
    model: str = "sh2:base",
    dictionary: Path | str | None = None,
    device: str | None = None,
) -> Workbench:
    """Hold a run's model, dictionary, names and genomes open; without a run those that photo51 brings.

    Parameters
    ----------
    run
        A run or its folder.
    model
        Without a run: the model whose shipped dictionary is opened.
    dictionary
        Without a run: folder that `photo51 ship-dictionary` wrote, in place of the shipped one.
    device
        `cpu` or `cuda`.

    Returns
    -------
    The workbench: `read`, `why`, `variants`, `score`, `write`, `paint`, `listen`.

    Raises
    ------
    InputError
        Where the run is none, or no dictionary comes with the model.

    Examples
    --------
    >>> photo51.workbench(RUN).sae.n_features
    256
    """
    if run is None:
        return _without_run(model, dictionary, device)
    results = run if isinstance(run, Results) else Results(run)
    sae = Dictionary.load(results.folder / "sae" / results._run.sae)
    loaded = load_model(sae.origin.model_name, device=device)
    concepts = next((p for n in ("names.parquet", "concepts.parquet") if (p := results.folder / n).is_file()), None)
    opened = open_loaded(loaded, sae, features=results.folder / "features.h5ad", concepts=concepts, units=UnitParams())
    return Workbench(loaded, sae, opened, results)


def _without_run(model: str, dictionary: Path | str | None, device: str | None) -> Workbench:
    """The dictionary on the shelf, with its units and names as they were measured in the run it is from."""
    shelf = shelf_of(model, dictionary)
    loaded = load_model(model, device=device)
    opened = open_loaded(
        loaded,
        shelf.sae,
        features=units_of_table(shelf.features, shelf.bases),
        concepts=shelf.folder / "names.parquet",
        units=UnitParams(),
        label=str(shelf.folder),
    )
    return Workbench(loaded, shelf.sae, opened, shelf=shelf)


__all__ = ["Place", "Read", "Variant", "Workbench", "typed_sequence", "workbench"]
