"""What a workbench writes: steered, painted and under rules, step by step as it is watched. Imports torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from photo51.api.results import Results
from photo51.config.base import validated
from photo51.config.interventions import PaintParams, RuleFile, SamplingParams, SteerParams
from photo51.genome.alphabet import decode
from photo51.interventions.edits.bundles import Bundle, concept_parts, parse_bundle
from photo51.interventions.edits.dictionary import Instrument, activations
from photo51.interventions.opening import FastaBases, Opened, read_sequence, reference_windows
from photo51.interventions.steering import live
from photo51.interventions.steering.steer import Steered, steer
from photo51.interventions.writing.canvas import BLEND, Canvas, Paint
from photo51.interventions.writing.painting import Painted, Painting, overlap, read_track
from photo51.interventions.writing.repainting import painting_steps
from photo51.interventions.writing.rule_set import FiringVerdict, check_rule, compile_rules
from photo51.interventions.writing.rules import RuleRun, RuleStep, rule_steps
from photo51.interventions.writing.scorers import sequence_scorers
from photo51.shipped import shipped
from photo51.types import InputError, Interval, Strand

REFERENCE = "resources/ecoli_k12/NC_000913.3.fa.gz"  # real sequence where no run brings any
CANVAS = "canvas"
PART_FEATURES = 6  # a concept of so many features or fewer is parted into its features


class Achieved(NamedTuple):
    """A finished painting beside what was asked for.

    Attributes
    ----------
    painting
        Canvas, prompt and sequences.
    track
        Contract `PAINTED`: strength asked for and level achieved, base by base.
    overlap
        Contract `PAINT_OVERLAP`: share of the achieved activation inside the painted intervals.
    """

    painting: Painting
    track: pd.DataFrame
    overlap: pd.DataFrame

    @property
    def texts(self) -> list[str]:
        """The sequences, forward strand of the canvas."""
        return self.painting.sequences()


class Writing:
    """The part of a workbench that writes sequence."""

    opened: Opened
    instrument: Instrument
    run: Results | None
    _references: dict[int, NDArray[np.uint8]]
    _residuals: dict[int, torch.Tensor]

    def bundle(self, text: str) -> Bundle:
        """What is steered, from a feature (`812`, `f812`), a concept, or a sum such as `0.5*f812 + stop_codon`."""
        return parse_bundle(text, self.opened.concepts, len(self.instrument.units.unit))

    # ---- steering

    def reference(self, seed: int) -> NDArray[np.uint8]:
        """Windows of real sequence (16, 512) that random directions and costs are measured on, as `photo51.steer`
        takes them.

        Without a run they are of *E. coli*, which comes with photo51.
        """
        if seed not in self._references:
            real = self.run.genomes if self.run is not None else self._shipped_bases
            self._references[seed] = reference_windows(real, 16, 512, seed)
        return self._references[seed]

    def _residual(self, seed: int) -> torch.Tensor:
        """Activations of the reference windows, which every slider that is moved asks for."""
        if seed not in self._residuals:
            self._residuals = {seed: live.residual(self.instrument, self.reference(seed))}
        return self._residuals[seed]

    @cached_property
    def _shipped_bases(self) -> FastaBases:
        return FastaBases(shipped(REFERENCE))

    def steer_params(self, *, length: int, seed: int, temperature: float = 1.0, **other: Any) -> SteerParams:
        """Parameters of a steering experiment, from the few that a page shows."""
        sampling = {"seed": seed, "temperature": temperature}
        return validated(SteerParams, {"sampling": sampling, "length": length, **other}, "steer")

    def write(
        self,
        target: str,
        prompt: str,
        *,
        length: int = 120,
        seed: int = 51,
        temperature: float = 1.0,
        watched: Sequence[str] = (),
        motifs: Sequence[str] = (),
        code: int = 11,
    ) -> Iterator[live.Base | live.Look]:
        """Write on from a prompt beside an untouched control and a random direction of equal norm, base by base.

        Parameters
        ----------
        target
            What is turned up and by how many units: `1.5*f812 - 0.5*stop_codon`; empty writes the control alone.
        prompt
            Bases to go on from.
        watched
            Bundles whose level is read back in what is written.

        Yields
        ------
        Bases, and after every few of them what they say; sequence 0 of `photo51.steer` with dose 1 and the same seed.

        Raises
        ------
        InputError
            For a target that is none, one that never fires, or a prompt that is empty or no sequence.
        """
        params = self.steer_params(length=length, seed=seed, temperature=temperature)
        bundle = self.bundle(target) if target.strip() else None
        ids = read_sequence(prompt)
        along = None
        if bundle is not None:
            self.instrument.units.of(bundle.features)
            along = live.directions(self.instrument, bundle, self._residual(seed), params)
        judges = sequence_scorers(code=code, motifs=list(motifs))
        bundles = [self.bundle(text) for text in watched]
        yield from live.write_arms(
            self.instrument,
            bundle,
            ids,
            along=along,
            watched=bundles,
            judges=judges,
            params=params,
        )

    def dose_response(
        self,
        target: str,
        prompt: str,
        *,
        doses: Sequence[float] = (0.5, 1.0, 2.0),
        seed: int = 51,
        sequences: int = 8,
        length: int = 60,
    ) -> Steered:
        """What `photo51.steer` measures, small enough to wait for: the safe range of a target."""
        params = self.steer_params(
            length=length,
            seed=seed,
            doses=tuple(doses),
            sequences=sequences,
            random_directions=4,
            random_sequences=2,
            bootstrap=100,
        )
        return steer(
            self.instrument,
            self.bundle(target),
            prompt=read_sequence(prompt),
            reference=self.reference(seed),
            judges=sequence_scorers(code=11, motifs=[]),
            params=params,
        )

    # ---- parts of a concept

    def parts(self, text: str, *, n: int = 4, seed: int = 51) -> list[Bundle]:
        """A concept in parts that add up to it: its features where they are few, else groups that are active together.

        Raises
        ------
        InputError
            For a concept that is none, or one active at too few bases of the reference to be parted.
        """
        concept = self.bundle(text)
        members = list(concept.features)
        if len(members) <= PART_FEATURES:
            return [Bundle(f"f{f}", (f,), (w,)) for f, w in zip(members, concept.weights, strict=True)]
        instrument = self.instrument
        x = activations(instrument.model, instrument.site, instrument.ids(self.reference(seed))).flatten(0, 1)
        codes = instrument.dictionary.encode(x, members).float().cpu().numpy()
        return concept_parts(concept, codes, instrument.units, n_parts=n, seed=seed)

    # ---- painting

    def canvas(self, paints: Sequence[tuple[int, int, str, float]], length: int, *, strand: Strand = "+") -> Canvas:
        """A canvas: (start, end, concept, strength in units) on a sequence of `length` bases, 0-based half-open.

        A concept is a feature, a name, a sum, or a blend of two as `a -> b`.

        Raises
        ------
        InputError
            For a concept that is none, paint outside the canvas, and paints that contradict each other.

        Examples
        --------
        >>> bench = photo51.workbench(RUN)
        >>> bench.canvas([(20, 60, "f1", 2.0)], length=100).changes(bench.canvas([(30, 60, "f1", 2.0)], length=100))
        [(20, 30)]
        """
        paints_made = []
        for start, end, concept, strength in paints:
            if not 0 <= start < end:
                raise InputError(f"paint of {concept!r}: need 0 <= start < end, got {start}..{end}")
            first, _, last = concept.partition(BLEND)
            interval = Interval(CANVAS, start, end, strand)
            towards = self.bundle(last) if last else None
            paints_made.append(Paint(interval, concept, float(strength), self.bundle(first), towards))
        return Canvas(CANVAS, length, tuple(paints_made))

    def painting(
        self,
        canvas: Canvas,
        prompt: str,
        *,
        sequences: int = 1,
        before: Painting | None = None,
        infill: bool = False,
        params: PaintParams | None = None,
    ) -> Iterator[Painted]:
        """Write a canvas block by block, as `photo51 paint` does; parameters as those of `paint`."""
        settings = params or PaintParams()
        ids = read_sequence(prompt)
        if not canvas.paints:
            raise InputError(f"canvas {canvas.name!r}: need at least one interval to paint, got none")
        _check_sequences(sequences)
        self._check_before(canvas, ids, sequences, before)
        return painting_steps(self.instrument, canvas, ids, before, sequences=sequences, infill=infill, params=settings)

    def paint(
        self,
        canvas: Canvas,
        prompt: str,
        *,
        sequences: int = 1,
        before: Painting | None = None,
        infill: bool = False,
        params: PaintParams | None = None,
    ) -> Achieved:
        """Write a canvas after a prompt and read back what was achieved.

        Parameters
        ----------
        prompt
            Bases before the canvas; for paint on the reverse strand those after it, reverse complement.
        before
            What was painted before: only what the canvas asks for otherwise is written again, from its first base on.
        infill
            Keep what follows a change too.

        Raises
        ------
        InputError
            Where `before` has another prompt, length or number of sequences, and where nothing changed.
        """
        settings = params or PaintParams()
        *_, last = self.painting(canvas, prompt, sequences=sequences, before=before, infill=infill, params=settings)
        return self.achieved(last.painting, settings)

    def achieved(self, painting: Painting, params: PaintParams | None = None) -> Achieved:
        """What the model as it is reads in a painting, beside what was asked for."""
        settings = params or PaintParams()
        track = read_track(self.instrument, painting, settings)
        return Achieved(painting, track, overlap(track, painting.canvas, settings.margin))

    @staticmethod
    def _check_before(canvas: Canvas, prompt: NDArray[np.uint8], sequences: int, before: Painting | None) -> None:
        if before is None:
            return
        if not np.array_equal(before.prompt, prompt):
            raise InputError(
                f"repainting: need the prompt it was written after, {decode(before.prompt)[:40]!r}, got another"
            )
        if before.ids.shape != (sequences, canvas.length):
            old = before.ids.shape
            raise InputError(
                f"repainting: need {old[0]} sequences of {old[1]} bases as before, got {sequences} of {canvas.length}"
            )

    # ---- rules

    def check_rules(self, rules: Sequence[Mapping[str, Any]], *, length: int, prompt: str = "") -> list[FiringVerdict]:
        """Say of each rule, before it runs, whether it can fire within `length` bases after a prompt.

        Raises
        ------
        InputError
            For rules that are none, and names that are unknown.
        """
        file = rule_file(rules)
        units, concepts = self.instrument.units, self.opened.concepts
        start = len(read_sequence(prompt)) if prompt else 0
        return [check_rule(r, concepts, units, length=length, prompt=start) for r in file.rules]

    def listening(
        self,
        rules: Sequence[Mapping[str, Any]],
        prompt: str,
        *,
        length: int = 120,
        sequences: int = 1,
        seed: int = 51,
        temperature: float = 1.0,
    ) -> Iterator[RuleStep | RuleRun]:
        """Write under rules base by base, as `photo51 react` does; the whole comes last."""
        start = read_sequence(prompt)
        compiled = compile_rules(
            rule_file(rules), self.opened.concepts, self.instrument.units, length=length, prompt=len(start)
        )
        sampling = validated(SamplingParams, {"seed": seed, "temperature": temperature}, "rules")
        _check_sequences(sequences)
        prompts = np.tile(start, (sequences, 1))
        return rule_steps(self.instrument, prompts, compiled, length=length, sampling=sampling)

    def listen(self, rules: Sequence[Mapping[str, Any]], prompt: str, **options: Any) -> RuleRun:
        """Write under rules; parameters as those of `listening`.

        Raises
        ------
        InputError
            For rules that can never fire, names that are unknown, and a prompt that is empty or no sequence.
        """
        *_, last = self.listening(rules, prompt, **options)
        assert isinstance(last, RuleRun)
        return last


def _check_sequences(n: int) -> None:
    if n < 1:
        raise InputError(f"sequences: need at least one, got {n}")


def rule_file(rules: Sequence[Mapping[str, Any]]) -> RuleFile:
    """Rules as a rule file has them.

    Raises
    ------
    InputError
        Naming the rule and what is wrong with it.
    """
    return validated(RuleFile, {"rules": [dict(rule) for rule in rules]}, "rules")
