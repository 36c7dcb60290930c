"""`photo51 explain`: a region's likelihood or a variant's log-likelihood ratio, shared out among features and bases."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51.config.interventions import AttributionParams
from photo51.genome.variants.alignment import AlleleWindow, align, substitute
from photo51.interventions.attribution import mutagenesis
from photo51.interventions.attribution.contributions import (
    Attribution,
    Term,
    agreement,
    attribute,
    change,
    spearman,
    term,
)
from photo51.interventions.attribution.influence import against_base, against_others, score_influence
from photo51.interventions.attribution.targets import ContrastTarget, Likelihood, NextBaseTarget
from photo51.interventions.edits.dictionary import Instrument
from photo51.io.contracts.interventions import ATTRIBUTION, INFLUENCE
from photo51.types import STRANDS, InputError, Interval, Strand, Variant


class Bases(Protocol):
    """Where bases come from; `photo51.genome.axis.genomes.Genomes` is one."""

    def sequence(self, genome: str, chrom: str, start: int, end: int, strand: Strand = "+") -> NDArray[np.uint8]:
        """Upper-case bytes of [start, end)."""

    def length(self, genome: str, chrom: str) -> int:
        """Bases of a contig."""

    def is_circular(self, genome: str, chrom: str) -> bool:
        """Whether its last base is followed by its first."""


class Explained(NamedTuple):
    """An explanation.

    Attributes
    ----------
    value
        The target: log-likelihood of the region, score of the base, or log-likelihood ratio of the variant (nats).
    attributions
        One a term; their totals add up to the target, but for the baselines.
    table
        Contract `ATTRIBUTION`, every contribution that is not 0.
    agreement
        Contract `AGREEMENT`.
    map
        Contract `MUTAGENESIS`.
    read
        The bases read, `position`, `base`, with `contribution`: all features and the error at that base (nats).
    influence
        Contract `INFLUENCE`: what each block carries from each base straight to the score of the base explained,
        against the mean of the others or, of a substitution, against the other allele. Empty where more than one base
        is explained, or where the model's blocks are not StripedHyena's.
    direct
        Totals of the same (nats); empty where `influence` is.
    """

    value: float
    attributions: list[Attribution]
    table: pd.DataFrame
    agreement: pd.DataFrame
    map: pd.DataFrame
    read: pd.DataFrame
    influence: pd.DataFrame
    direct: dict[str, object]

    def summary(self) -> dict[str, object]:
        """Completeness and agreement, in all and term by term."""
        total = sum(a.total for a in self.attributions)
        explained = sum(a.explained for a in self.attributions)
        return {
            "target_nats": self.value,
            "explained_nats": explained,
            "baseline_nats": self.value - total,
            "completeness_error": abs(explained - total) / max(abs(total), 1e-9),
            "ablation_spearman": spearman(self.agreement),
            "sae_error_share": _error_share(self.attributions),
            **({"direct": self.direct} if self.direct else {}),
            "terms": {
                a.term.name: {
                    "value_nats": a.value,
                    "baseline_nats": a.baseline,
                    "explained_nats": a.explained,
                    "error_nats": float(a.error.sum()),
                    "completeness_error": a.completeness_error,
                    "ablation_spearman": spearman(self.agreement[self.agreement["term"] == a.term.name]),
                    "steps": a.steps,
                }
                for a in self.attributions
            },
        }


def _error_share(attributions: list[Attribution]) -> float:
    """Share of all absolute contributions that the dictionary does not explain."""
    error = sum(float(a.error.abs().sum()) for a in attributions)
    features = sum(float(a.features.abs().sum()) for a in attributions)
    # 0 where nothing contributes at all
    return error / max(error + features, 1e-12)


class ExplainedRead(NamedTuple):
    """Bases as the model reads them, and where each lies: ids and forward positions, (length,)."""

    chrom: str
    ids: NDArray[np.uint8]
    position: NDArray[np.int64]


def explain_place(
    instrument: Instrument,
    bases: Bases,
    genome: str,
    place: Interval | Variant,
    params: AttributionParams,
    *,
    strand: str = "+",
    base: str | None = None,
    changes: bool = True,
) -> Explained:
    """`explain_variant` or `explain_region`, as the place is; `strand` is that of a variant.

    Raises
    ------
    InputError
        As these do; for a strand that is none, and for a base of a variant.
    """
    if strand not in STRANDS:
        raise InputError(f"strand: need + or -, got {strand!r}")
    if isinstance(place, Variant):
        if base is not None:
            raise InputError(f"base: need a region to explain a base of, got the variant {place}")
        reading: Strand = "-" if strand == "-" else "+"
        return explain_variant(instrument, bases, genome, place, params, strand=reading)
    return explain_region(instrument, bases, genome, place, params, base=base, changes=changes)


def explain_region(
    instrument: Instrument,
    bases: Bases,
    genome: str,
    region: Interval,
    params: AttributionParams,
    *,
    base: str | None = None,
    changes: bool = True,
) -> Explained:
    """Explain the log-likelihood of a region, or the score of one base at its first place.

    Parameters
    ----------
    genome
        Which genome of `bases`.
    region
        Read on its strand, `.` as `+`.
    base
        Where given, the score of this base at the region's first place, read in its direction, is explained instead.
    changes
        Whether the map of saturation mutagenesis and the direct paths are made too; without it they have no row.

    Raises
    ------
    InputError
        For a region outside its contig, empty, or at the very beginning of what can be read.
    """
    question = _question(instrument, bases, genome, region, params, base)
    terms = [term(instrument, f"{base or 'likelihood'} at {region}", question.target, question.read.ids)]
    effects = mutagenesis.no_changes()
    if changes:
        effects = _effects(instrument, question.read.ids, question.window, question.readout, params)
    compared = question.compared if changes else None
    return _explained(instrument, terms, [question.read], effects, params, compared)


class BaseEffects(NamedTuple):
    """What earlier bases do for a base, beyond its attribution.

    Attributes
    ----------
    map, influence, direct
        As of `Explained`.
    """

    map: pd.DataFrame
    influence: pd.DataFrame
    direct: dict[str, object]


def base_effects(
    instrument: Instrument,
    bases: Bases,
    genome: str,
    region: Interval,
    params: AttributionParams,
    *,
    base: str | None = None,
) -> BaseEffects:
    """What `explain_region` makes with `changes` and not without: saturation mutagenesis and direct paths.

    Raises
    ------
    InputError
        As `explain_region` does.
    """
    question = _question(instrument, bases, genome, region, params, base)
    effects = _effects(instrument, question.read.ids, question.window, question.readout, params)
    placed = mutagenesis.placed(effects, region.chrom, question.read.position)
    return BaseEffects(placed, *_direct(instrument, question.read, question.compared))


class _Compared(NamedTuple):
    """Scores of the next base that are compared: after how many bases, and weights over A, C, G and T."""

    before: int
    weights: NDArray[np.float64]


class _Question(NamedTuple):
    """What is read, what is explained of it, and where its bases are changed to see what each does; of one base, too,
    which scores are compared.
    """

    read: ExplainedRead
    target: Likelihood | NextBaseTarget
    window: tuple[int, int]
    readout: mutagenesis.Readout
    compared: _Compared | None = None


def _question(
    instrument: Instrument, bases: Bases, genome: str, region: Interval, params: AttributionParams, base: str | None
) -> _Question:
    read = _read_region(bases, genome, region, params.context)
    # the region lies at the end of what is read, whatever its strand
    start, end = len(read.ids) - len(region), len(read.ids)
    if start < 1:
        raise InputError(f"region {region}: need at least one base before it to read, got none")
    # base 0 is never changed or scored: nothing precedes it
    first = max(1, start - params.window)
    if base is None:
        target = Likelihood(instrument.model, read.ids, start, end)
        letter = chr(read.ids[start])
        one = len(region) == 1 and letter in "ACGT"
        compared = _Compared(start, against_others(letter)) if one else None
        return _Question(read, target, (first, end), mutagenesis.window_likelihood(first, start, end), compared)
    # what comes after the base that is explained cannot touch it: not read
    read = ExplainedRead(read.chrom, read.ids[: start + 1], read.position[: start + 1])
    readout = mutagenesis.next_base_readout(first, start, base)
    target_score = NextBaseTarget(instrument.model, start, base)
    return _Question(read, target_score, (first, start), readout, _Compared(start, against_others(base)))


def _effects(
    instrument: Instrument,
    ids: NDArray[np.uint8],
    window: tuple[int, int],
    readout: mutagenesis.Readout,
    params: AttributionParams,
) -> pd.DataFrame:
    """Saturation mutagenesis; no row where the window is empty: nothing but the first base of the contig precedes."""
    # an empty window is no mistake: the region begins one base into its contig
    if window[0] >= window[1]:
        return mutagenesis.no_changes()
    return mutagenesis.saturate(instrument.model, ids, window, readout, batch=params.batch * 4)


def _read_region(bases: Bases, genome: str, region: Interval, context: int) -> ExplainedRead:
    """The region with what is read before it, in reading direction."""
    length, circular = bases.length(genome, region.chrom), bases.is_circular(genome, region.chrom)
    if not len(region) or region.end > length:
        raise InputError(f"region {region}: need at least one base within the {length:,} of {region.chrom}")
    strand: Strand = "-" if region.strand == "-" else "+"
    # context comes before the region as it is read: on '-' at its higher coordinates
    before = context if circular else min(context, length - region.end if strand == "-" else region.start)
    # a circle is not read twice round
    before = min(before, length - len(region))
    start = region.start - (before if strand == "+" else 0)
    end = region.end + (before if strand == "-" else 0)
    ids = bases.sequence(genome, region.chrom, start, end, strand)
    # forward positions; over the origin of a circle they begin at 0 again
    position = np.arange(start, end) % length
    # the model reads '-' from high to low coordinates
    return ExplainedRead(region.chrom, ids, position if strand == "+" else position[::-1])


def explain_variant(
    instrument: Instrument,
    bases: Bases,
    genome: str,
    variant: Variant,
    params: AttributionParams,
    *,
    strand: Strand = "+",
) -> Explained:
    """Explain a variant's log-likelihood ratio in one reading direction.

    A substitution of one base has two terms. `own base`: how likely the one base was against the other, before it is
    read. `downstream`: how much likelier or less likely it makes what follows, explained along the way from the
    reference's activations to the alternative's. Any other variant has the terms `alternative` and `reference`, each
    explained from the blank baseline.

    Raises
    ------
    InputError
        For a reference allele that is not the genome's, or a variant too near the beginning of what can be read.
    """
    ref, alt = _allele_windows(bases, genome, variant, params, strand)
    length = bases.length(genome, variant.chrom)
    # False at the end of `_same`: alleles that differ in length alone differ there
    first_changed = int(np.argmin(_same(ref.ids, alt.ids)))
    if first_changed < 1:
        raise InputError(f"variant {variant}: need at least one base before it to read, got none on strand {strand}")
    reads = _reads(variant.chrom, ref, alt, length)
    compared = None
    # one base substituted: what is said of the base itself and of what follows part cleanly
    if len(ref.ids) == len(alt.ids) and int((ref.ids != alt.ids).sum()) == 1:
        terms = _substitution_terms(instrument, ref.ids, alt.ids, first_changed)
        reads = [reads[0], reads[1]]
        alleles = chr(alt.ids[first_changed]), chr(ref.ids[first_changed])
        if set("".join(alleles)) <= set("ACGT"):
            compared = _Compared(first_changed, against_base(*alleles))
    else:
        likelihoods = [Likelihood(instrument.model, w.ids, first_changed, len(w.ids)) for w in (alt, ref)]
        terms = [
            term(instrument, "alternative", likelihoods[0], alt.ids),
            _minus(term(instrument, "reference", likelihoods[1], ref.ids)),
        ]
        reads = [reads[1], reads[0]]
    half = params.window // 2
    # the map lies around the variant, within what is read
    window = (max(1, first_changed - half), min(len(ref.ids), first_changed + params.window - half))
    readout = mutagenesis.window_likelihood(window[0], window[0], len(ref.ids))
    effects = mutagenesis.saturate(instrument.model, ref.ids, window, readout, batch=params.batch * 4)
    return _explained(instrument, terms, reads, effects, params, compared)


def _same(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.bool_]:
    n = min(len(a), len(b))
    # one more, False, so that argmin finds an end even where one window is the beginning of the other
    return np.append(a[:n] == b[:n], False)


def _minus(scored_term: Term) -> Term:
    return Term(scored_term.name, scored_term.target, scored_term.x, scored_term.codes, scored_term.baseline, -1.0)


def _substitution_terms(
    instrument: Instrument, ref: NDArray[np.uint8], alt: NDArray[np.uint8], base: int
) -> list[Term]:
    own_base = ContrastTarget(instrument.model, base, chr(alt[base]), chr(ref[base]))
    terms = [term(instrument, "own base", own_base, ref[: base + 1])]
    if base + 1 < len(ref):
        after = Likelihood(instrument.model, ref, base + 1, len(ref))
        terms.append(change(instrument, "downstream", after, ref, alt))
    return terms


def _allele_windows(
    bases: Bases, genome: str, variant: Variant, params: AttributionParams, strand: Strand
) -> tuple[AlleleWindow, AlleleWindow]:
    """Reference and alternative as read on a strand: `context` bases before the variant, `downstream` after."""
    length, circular = bases.length(genome, variant.chrom), bases.is_circular(genome, variant.chrom)
    if variant.end > length:
        raise InputError(f"variant {variant}: need a place within {length:,} bases, got one past the end")
    # context and downstream are in reading direction: on '-' downstream lies at lower coordinates
    left, right = (params.context, params.downstream) if strand == "+" else (params.downstream, params.context)
    start, end = variant.pos - left, variant.end + right
    if not circular:
        start, end = max(0, start), min(length, end)
    # bases of a circle must not be read as their own context
    elif end - start > length:
        raise InputError(f"variant {variant}: need context and downstream within the {length:,} bases of a circle")
    ref, alt = substitute(bases.sequence(genome, variant.chrom, start, end), start, variant)
    return (ref, alt) if strand == "+" else (ref.reverse_complement(), alt.reverse_complement())


def _reads(chrom: str, ref: AlleleWindow, alt: AlleleWindow, length: int) -> list[ExplainedRead]:
    """Both windows with forward positions; an inserted base has that of the base before it."""
    forward = np.arange(len(ref.ids)) + ref.origin
    position = forward if ref.strand == "+" else forward[::-1]
    pairs = align(ref, alt)
    of_alt = np.full(len(alt.ids), -1, dtype=np.int64)
    of_alt[pairs.alt] = position[pairs.ref]
    # an inserted base has no position of its own on the reference
    for i in pairs.alt_only:
        of_alt[i] = of_alt[i - 1]
    return [ExplainedRead(chrom, ref.ids, position % length), ExplainedRead(chrom, alt.ids, of_alt % length)]


def _explained(
    instrument: Instrument,
    terms: list[Term],
    reads: list[ExplainedRead],
    effects: pd.DataFrame,
    params: AttributionParams,
    compared: _Compared | None,
) -> Explained:
    influence, direct = _direct(instrument, reads[0], compared)
    attributions = [attribute(instrument, t, params) for t in terms]
    # terms may be fewer than reads: a substitution of the last base has no downstream term
    tables = [_table(instrument, a, read) for a, read in zip(attributions, reads, strict=False)]
    # a change is what lies between its two ends; of the other terms the value itself is asked
    value = sum(a.total if a.term.name == "downstream" else a.value for a in attributions)
    return Explained(
        float(value),
        attributions,
        ATTRIBUTION.check(pd.concat(tables, ignore_index=True)),
        pd.concat([agreement(instrument, a, params) for a in attributions], ignore_index=True),
        mutagenesis.placed(effects, reads[0].chrom, _ref_position(reads, attributions)),
        _by_base(attributions, reads),
        influence,
        direct,
    )


def _direct(
    instrument: Instrument, read: ExplainedRead, compared: _Compared | None
) -> tuple[pd.DataFrame, dict[str, object]]:
    """Direct paths to a comparison of scores of the next base; empty where there is none."""
    if compared is None:
        return INFLUENCE.empty(), {}
    before = read.ids[: compared.before]
    influence = score_influence(instrument.model, before, compared.weights)
    return influence.table(read.chrom, before, read.position[: compared.before]), influence.summary()


def _ref_position(reads: list[ExplainedRead], attributions: list[Attribution]) -> NDArray[np.int64]:
    """Positions of the sequence that mutagenesis changed: the reference."""
    return reads[1].position if attributions[0].term.name == "alternative" else reads[0].position


def _table(instrument: Instrument, attribution: Attribution, read: ExplainedRead) -> pd.DataFrame:
    """Contributions that are not 0, base by base."""
    features = attribution.features.double().cpu().numpy()
    codes = attribution.term.codes.double().cpu().numpy()
    # only what is not 0, base by base in reading order
    base, feature = np.nonzero(features)
    n = len(attribution.error)
    letters = np.array([chr(b) for b in read.ids[:n]], dtype=object)  # a term may end before the read does
    everywhere = np.arange(n)
    return pd.DataFrame(
        {
            "term": attribution.term.name,
            # feature −1 stands for what the dictionary does not explain
            "feature": np.concatenate([feature, np.full(n, -1)]),
            "concept": [instrument.name(int(f)) for f in feature] + [""] * n,
            "chrom": read.chrom,
            "position": read.position[np.concatenate([base, everywhere])],
            "base": letters[np.concatenate([base, everywhere])],
            "activation": np.concatenate([codes[base, feature], np.zeros(n)]),
            "contribution": np.concatenate([features[base, feature], attribution.error.double().cpu().numpy()]),
        }
    )


def _by_base(attributions: list[Attribution], reads: list[ExplainedRead]) -> pd.DataFrame:
    """All contributions of each base read, in reading order of the last term's sequence."""
    longest = max(zip(attributions, reads, strict=False), key=lambda pair: len(pair[0].error))[1]
    contribution = np.zeros(len(longest.ids))
    # inserted bases have the position of the base before them, which comes first
    first_row = pd.Series(np.arange(len(longest.ids)), index=longest.position)
    first_row = first_row[~first_row.index.duplicated()]
    for a, read in zip(attributions, reads, strict=False):
        values = (a.features.sum(1) + a.error).double().cpu().numpy()
        if read is longest:
            contribution[: len(values)] += values
            continue
        # of another read a position's contributions stand at one row, else they would count once for each inserted base
        rows = first_row.reindex(read.position[: len(values)]).to_numpy()
        shared = np.isfinite(rows)
        np.add.at(contribution, rows[shared].astype(np.int64), values[shared])
    return pd.DataFrame(
        {"position": longest.position, "base": [chr(b) for b in longest.ids], "contribution": contribution}
    )
