"""Interventions: does attribution add up and agree with ablation, do features steer, does paint stay where it was put.

Everything runs on the shipped model and the demo's dictionary (`_shipped`). Features to steer are proposed by a screen on
half of the reference and by a short trial of writing there, with the one scorer each should move and the doses to give it,
and then tried with sequence written after prompts of the other half; the log has a line for each, those that failed too. The painted features are those that steer. Reading is the human mitochondrial genome and, where the demo was run, its others.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks._shipped import mitochondrion, shipped
from photo51.config.interventions import (
    AttributionParams,
    PaintParams,
    RuleFile,
    SamplingParams,
    ScreenParams,
    SteerParams,
    TrialParams,
    UnitParams,
)
from photo51.genome.axis.genomes import Genomes
from photo51.interventions.attribution.contributions import agreement, attribute, spearman, term
from photo51.interventions.attribution.targets import NextBaseTarget
from photo51.interventions.edits.bundles import Bundle
from photo51.interventions.edits.dictionary import Instrument, LinearDictionary, activations, measure_units
from photo51.interventions.edits.site_edits import Order, SiteEdit
from photo51.interventions.opening import coding_sequences, reference_windows
from photo51.interventions.steering.screen import proposals, screen
from photo51.interventions.steering.steer import steer
from photo51.interventions.steering.trial import trial
from photo51.interventions.writing.canvas import Canvas, Paint
from photo51.interventions.writing.generate import Stream, generate
from photo51.interventions.writing.painting import overlap, paint, read_track
from photo51.interventions.writing.rule_set import compile_rules
from photo51.interventions.writing.rules import offline_holds, write_with_rules
from photo51.interventions.writing.scorers import codon_table, sequence_scorers
from photo51.types import Interval

log = logging.getLogger(__name__)
Figures = dict[str, float | int | None]
GENOME = Path("results/demo/genome")
SHARES = (1 / 3, 2 / 3, 1.0)  # of the dose that the screen expects to meet the budget
STEER = SteerParams(sequences=20, length=100, random_sequences=8, bootstrap=300, off_target=1, batch=128)


def measure(*, quick: bool = False) -> Figures:
    """Figures of the issue."""
    instrument, genomes = opened(8_192 if quick else 65_536)
    windows = reference_windows(genomes, 40, 512, seed=51)
    figures = attribution(instrument, windows[:1] if quick else windows[:6])
    figures |= generation(instrument, windows[6:7])
    figures |= triggers(instrument, windows[7:9])
    figures["cached_edit_max_abs"] = cached_edit(instrument, windows[9:11])
    return figures | steering(instrument, genomes, quick=quick)


def opened(bases: int) -> tuple[Instrument, Genomes]:
    """Model, dictionary and units, and the genomes they are measured on."""
    model, trained = shipped()
    network = model.model.eval().requires_grad_(requires_grad=False)
    dictionary = LinearDictionary.of(trained)
    genomes = Genomes.open(GENOME) if (GENOME / "windows.parquet").is_file() else mitochondrion()
    reference = reference_windows(genomes, bases // 1_024, 1_024, 0, "choosing")
    units = measure_units(network, dictionary, reference, UnitParams(bases=bases))
    return Instrument(network, dictionary, units), genomes


def attribution(instrument: Instrument, windows: NDArray[np.uint8]) -> Figures:
    """Worst completeness error and mean agreement with exact ablation, for the score of a window's last base."""
    params = AttributionParams(ablated=50)
    errors, ranks = [], []
    for ids in windows[:, :384]:
        target = NextBaseTarget(instrument.model, len(ids) - 1, chr(ids[-1]))
        found = attribute(instrument, term(instrument, "next base", target, ids), params)
        errors.append(found.completeness_error)
        ranks.append(spearman(agreement(instrument, found, params)))
    return {"completeness_error": float(max(errors)), "ablation_spearman": float(np.mean(ranks))}


def generation(instrument: Instrument, prompt: NDArray[np.uint8]) -> Figures:
    """Bases a second with a feature steered over those of plain generation; runs of both kinds take turns."""
    edit = SiteEdit(instrument.dictionary, [Order("add", Bundle.single(loudest(instrument)), 1.0)], instrument.units)
    prompts = np.tile(prompt[:, :64], (16, 1))
    seconds: dict[str, list[float]] = {"plain": [], "hooked": []}
    for _ in range(3):
        for name, edits in (("plain", None), ("hooked", {instrument.site: edit})):
            started = time.process_time()
            generate(instrument.model, prompts, 100, sampling=SamplingParams(), edits=edits)
            seconds[name].append(time.process_time() - started)
    return {
        "hooked_vs_plain_generation": min(seconds["plain"]) / min(seconds["hooked"]),
        "generated_bases_per_second": 1600 / min(seconds["plain"]),
    }


def loudest(instrument: Instrument) -> int:
    """The feature nearest to firing at one base in twenty."""
    density = instrument.units.density
    return int(np.argmin(np.abs(np.log(np.maximum(density, 1e-9) / 0.05))))


def triggers(instrument: Instrument, prompts: NDArray[np.uint8]) -> Figures:
    """Beginnings of a rule while writing against those on the finished sequence, read again as one."""
    feature, length = loudest(instrument), 200
    rule = {
        "name": "trigger", "watch": f"f{feature}", "threshold": 0.3, "release": 0.2, "window": 2, "do": {"log": True},
    }  # fmt: skip
    rules = compile_rules(RuleFile.model_validate({"rules": [rule]}), {}, instrument.units, length=length)
    start = np.repeat(prompts[:, :64], 8, axis=0)
    run = write_with_rules(instrument, start, rules, length=length, sampling=SamplingParams())
    written = np.stack([np.frombuffer(s.encode(), dtype=np.uint8) for s in run.sequences])
    whole = instrument.ids(np.concatenate([start, written], axis=1))
    codes = instrument.dictionary.encode(activations(instrument.model, instrument.site, whole), [feature])
    levels = codes[:, 64:, 0].cpu().numpy() / instrument.units.unit[feature]
    expected = offline_holds(levels, threshold=0.3, release=0.2, window=2)
    truth = np.diff(expected.astype(int), axis=1, prepend=0) == 1
    said = np.zeros_like(truth)
    said[run.events["sequence"].to_numpy(), run.events["position"].to_numpy()] = True
    both = int((said & truth).sum())
    return {
        "trigger_precision": both / max(1, int(said.sum())),
        "trigger_recall": both / max(1, int(truth.sum())),
        "triggers": int(truth.sum()),
    }


def cached_edit(instrument: Instrument, windows: NDArray[np.uint8]) -> float:
    """Largest difference of a score between an edited pass over a whole sequence and the same base by base."""
    order = Order("clamp", Bundle.single(loudest(instrument)), 1.0)
    edits = {instrument.site: SiteEdit(instrument.dictionary, [order], instrument.units)}
    rows = np.arange(len(windows))
    whole = Stream(instrument.model, rows, edits).logits(windows[:, :160])
    stream = Stream(instrument.model, rows, edits)
    steps = [stream.logits(windows[:, t : t + 1])[:, 0] for t in range(160)]
    return float(max((whole[:, t] - s).abs().max() for t, s in enumerate(steps)))


def steering(instrument: Instrument, genomes: Genomes, *, quick: bool) -> Figures:
    """Features that steer the scorer they were proposed for, and how much of their paint stays inside."""
    genes = coding_sequences(genomes)
    codons = codon_table(genes) if genes else None
    judges = sequence_scorers(codons=codons)
    tried = tries(instrument, genomes, codons).head(3 if quick else 10)
    prompts = reference_windows(genomes, 8, 64, 3, "reporting")
    reference = reference_windows(genomes, 8, 512, 4, "reporting")
    steered: list[int] = []
    for feature, scorer, dose in tried[["feature", "scorer", "dose"]].itertuples(index=False):
        found = steer(
            instrument,
            Bundle.single(int(feature)),
            prompt=prompts,
            reference=reference,
            judges=judges,
            params=STEER.model_copy(update={"doses": tuple(share * float(dose) for share in SHARES)}),
            declared=[str(scorer)],
        )
        verdict = found.verdicts.set_index("scorer").loc[str(scorer)]
        log.info(report(int(feature), str(scorer), verdict))
        if verdict["steers"]:
            steered.append(int(feature))
    painted = [painted_mass(instrument, f, prompts[0]) for f in steered[: 1 if quick else 5]]
    return {
        "features_tried": len(tried),
        "features_steered": len(steered),
        "paint_mass_inside": float(np.mean(painted)) if painted else None,
        "paint_mass_inside_min": float(np.min(painted)) if painted else None,
    }


def tries(instrument: Instrument, genomes: Genomes, codons: dict[str, float] | None) -> pd.DataFrame:
    """Features, the scorer each is proposed for, and the dose that should meet the budget; from the choosing half alone."""
    params = ScreenParams()
    length = params.context + params.scored
    alive = np.flatnonzero(instrument.units.density > params.least_density).tolist()
    windows = reference_windows(genomes, params.windows, length, params.seed, "choosing")
    foreseen = screen(instrument, alive, windows, params, codons=codons)
    prompts = reference_windows(genomes, 8, 64, 2, "choosing")
    judges = [o for o in sequence_scorers(codons=codons) if o.name != "trna"]
    candidates = proposals(foreseen, each=8, max_proposals=48)
    return proposals(trial(instrument, candidates, prompts, judges, TrialParams()), each=2)


def report(feature: int, scorer: str, verdict: pd.Series) -> str:
    """One try in a line."""
    said = "steers" if verdict["steers"] else "does not steer"
    return (
        f"feature {feature} {said} {scorer}: {verdict['effect']:+.4g} at {verdict['best_dose']:.3g} units, "
        f"99 % of random directions within {verdict['null_q99']:.4g}, p = {verdict['p']:.3g}, "
        f"likelihood {100 * verdict['nll_rise']:+.1f} %, {'monotone' if verdict['monotone'] else 'not monotone'}"
    )


def painted_mass(instrument: Instrument, feature: int, prompt: NDArray[np.uint8]) -> float:
    """Share of a painted feature's mass inside its interval ± 50 bases of a canvas of 600."""
    bundle, params = Bundle.single(feature), PaintParams(background=-2.0, paint_weight=4.0)
    canvas = Canvas("canvas", 600, (Paint(Interval("canvas", 250, 350, "+"), bundle.name, 2.0, bundle),))
    done = paint(instrument, canvas, prompt, sequences=2, params=params)
    share = overlap(read_track(instrument, done, params), canvas, params.margin)
    return float(share["mass_inside"].mean())
