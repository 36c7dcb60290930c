"""Checks of a model on real sequence, run before anything is made of its activations; results go into the run's
manifest.

What reads bases in one direction must not know what comes later, must say the same of a base whatever is read beside
it, must stand in step with the genome's coordinates, and must predict as well as it did when it was published.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from photo51.genome.alphabet import reverse_complement
from photo51.genome.axis.genomes import Genomes, core_rows
from photo51.model.families.adapters import DnaModel, parse_name
from photo51.model.families.published import BROKEN, PublishedComparison, compare_published
from photo51.model.stripedhyena import products
from photo51.model.tokenizer import is_base
from photo51.types import STRANDS, InputError

CARD = "card.json"
LENGTH = 1_024


class Check(NamedTuple):
    """One check.

    Attributes
    ----------
    name
        What is checked.
    passed
        Whether `value` is at most `limit`; None where the check does not apply.
    value, limit
        What was found, and what is allowed.
    meaning
        What the value is, in words.
    """

    name: str
    passed: bool | None
    value: float | None
    limit: float | None
    meaning: str


class PublishedParams(NamedTuple):
    """How a released model is compared with what was published of it.

    Attributes
    ----------
    folder
        Where sequences and figures lie; those that come with photo51 where None.
    preset
        What it is compared with; what the model says it is where None.
    tolerance
        Largest difference of the loss (nats); that of the figures where None.
    accept
        Let a model pass that misses the figures, or is worse than chance; it is said all the same.
    """

    folder: Path | None = None
    preset: str | None = None
    tolerance: float | None = None
    accept: bool = False


def selftest(
    model: DnaModel, genomes: Genomes, *, seed: int = 51, published: PublishedParams | None = None
) -> dict[str, Any]:
    """Check a model on windows of prepared genomes.

    Parameters
    ----------
    model
        What to check.
    genomes
        Where real sequence comes from.
    seed
        Seed of the places.
    published
        How a released Evo 2 is compared with its authors' figures; the defaults where None.

    Returns
    -------
    `model`, `hash`, `dtype`, `passed` (all that apply), and `checks`, a list of the fields of `Check`.
    """
    sequences = _sequences(genomes, seed)
    checks = [
        *_invariances(model, sequences, seed),
        _coordinates(model, genomes),
        *_losses(model, sequences, accept=bool(published and published.accept)),
        *_published(model, published or PublishedParams()),
    ]
    return {
        "model": model.spec.name,
        "hash": model.spec.hash,
        "dtype": model.spec.dtype,
        "passed": all(c.passed is not False for c in checks),
        "checks": [c._asdict() for c in checks],
    }


def _sequences(genomes: Genomes, seed: int, n: int = 4) -> list[NDArray[np.uint8]]:
    """Known sequence of scored segments, both strands in turn, (LENGTH,) each, or the longest there is."""
    rng = np.random.default_rng([seed, 1])
    segments = [s for s in genomes.workspace().segments() if s.end - s.start >= 64]
    chosen: list[NDArray[np.uint8]] = []
    # long enough ones in random order, then the longest
    drawn = rng.permutation(len(segments))
    order = drawn[np.argsort([-min(LENGTH, segments[i].end - segments[i].start) for i in drawn], kind="stable")]
    for i in order:
        s = segments[i]
        length = min(LENGTH, s.end - s.start)
        start = s.start + int(rng.integers(0, s.end - s.start - length + 1))
        ids = genomes.sequence(s.genome, s.chrom, start, start + length, STRANDS[len(chosen) % 2])
        if is_base(ids).all():
            chosen.append(ids)
        if len(chosen) == n:
            break
    if len(chosen) < 2:
        raise InputError(f"{genomes.folder}: need at least two segments of 64 known bases, got {len(chosen)}")
    shortest = min(map(len, chosen))
    return [ids[:shortest] for ids in chosen]


def _difference(a: list[torch.Tensor], b: list[torch.Tensor]) -> float:
    """Largest difference between two readings of one sequence over all sites, as a share of the site's largest
    number; NaN where any number is none.
    """
    shares = [float((x - y).abs().max() / y.abs().max().clamp(min=1e-30)) for x, y in zip(a, b, strict=True)]
    return float(np.max(shares))  # not Python's `max`, which passes over a NaN that is not first


def _invariances(model: DnaModel, sequences: list[NDArray[np.uint8]], seed: int) -> Iterator[Check]:
    sites = [s for s in model.sites if s.endswith((".out", "final_norm"))]

    def read(rows: list[NDArray[np.uint8]], row: int = 0, stop: int | None = None) -> list[torch.Tensor]:
        activations = model.read(rows, sites).activations
        return [activations[s][row][:stop].float() for s in sites]

    first = sequences[0]
    own = model.spec.family.startswith("stripedhyena")
    whole, limit = read([first]), 0.0 if own else 1e-4
    again = _difference(read([first]), whole)
    yield Check("rerun", again <= limit, again, limit, "difference between two readings of one sequence")
    together = _difference(read(sequences, row=0), whole)
    loose = _allowed(model, own=own)
    yield Check("batch", together <= loose, together, loose, "difference between a sequence read alone and in a batch")
    if not model.spec.causal:
        yield Check("causality", None, None, None, "does not apply: the model reads both ways")
        yield Check("prefix", None, None, None, "does not apply: the model reads both ways")
        return
    base = len(first) // 2 + int(np.random.default_rng([seed, 2]).integers(0, len(first) // 4))
    cut = base // 12 * 12  # whole tokens of models whose tokens are 1, 2, 3, 4 or 6 bases
    changed = first.copy()
    changed[base] = ord("A") if first[base] != ord("A") else ord("C")
    other = read([changed])
    before = _difference([x[:cut] for x in other], [x[:cut] for x in whole])
    yield Check("causality", before <= loose, before, loose, "change before a base that was changed")
    after = _difference([x[base:] for x in other], [x[base:] for x in whole])
    yield Check("sensitivity", after > 0, -after, 0.0, "minus the change at and after a base that was changed")
    prefix = _difference(read([first[:cut]]), [x[:cut] for x in whole])
    yield Check("prefix", prefix <= loose, prefix, loose, "difference between a sequence read alone and as a prefix")


def _allowed(model: DnaModel, *, own: bool) -> float:
    """How far numbers may move with what is read beside them: not at all where every product of a row stands by
    itself, else by rounding.
    """
    if model.spec.dtype != "float32":
        return 1e-2
    if not own:
        return 1e-3
    on_cpu = torch.device(getattr(model, "device", "cpu")).type == "cpu"
    return 0.0 if on_cpu and products.independent() else 1e-5


def _coordinates(model: DnaModel, genomes: Genomes) -> Check:
    """Bases that tokens stand for, put where `core_rows` says, spell the genome on the forward strand."""
    workspace, windows = genomes.workspace(), genomes.windows()
    wrong = n = 0
    for strand in STRANDS:
        of_strand = windows[windows["strand"] == strand].to_dict("records")
        for window in of_strand[:: max(1, len(of_strand) // 8)]:
            sequence = genomes.window_sequence(window)
            tokens = model.tokenize(sequence)
            spelled = np.concatenate([sequence[a:b] for a, b in tokens.spans])
            core = spelled[int(window["warmup"]) :]
            rows = core_rows(window)
            position = workspace.locate(rows).position
            low = int(position.min())
            forward = genomes.sequence(window["genome"], window["chrom"], low, int(position.max()) + 1)
            expected = forward[position - low]
            expected = expected if strand == "+" else reverse_complement(expected)[::-1]
            wrong += int((core != expected).sum()) if len(core) == len(expected) else len(expected)
            n += len(expected)
    return Check("coordinates", wrong == 0, float(wrong), 0.0, f"bases of {n:,} that are not where their row says")


def _judged(value: float, *, good: bool, accept: bool) -> bool | None:
    """Whether a check passed; a miss that is accepted is no failure, but numbers that are none are."""
    return None if accept and not good and math.isfinite(value) else good


def _losses(model: DnaModel, sequences: list[NDArray[np.uint8]], *, accept: bool) -> Iterator[Check]:
    """Bits a base."""
    if not model.spec.causal or model.spec.bp_per_token != 1:
        yield Check("loss", None, None, None, "does not apply: the model does not predict base by base")
        return
    log_probs = model.log_probs(sequences, over="bases")
    bits = float(np.mean([_bits(p, ids) for p, ids in zip(log_probs, sequences, strict=True)]))
    random = model.spec.random_seed is not None
    means = "bits per base of the genomes at hand" + ("; fresh weights know nothing" if random else "; 2 is chance")
    yield Check(
        "loss", None if random else _judged(bits, good=bits < 2, accept=accept), bits, None if random else 2.0, means
    )
    card = known_loss(model.spec.name)
    if random or card is None:
        yield Check("known_loss", None, None, None, "does not apply: no loss was written down with the weights")
        return
    known = np.frombuffer(card["sequence"].encode("ascii"), dtype=np.uint8)
    got = _bits(model.log_probs([card["sequence"]], over="bases")[0], known)
    limit = 1e-4 if model.spec.dtype == "float32" else 0.02
    off = abs(got - card["bits"])
    yield Check(
        "known_loss",
        _judged(off, good=off <= limit, accept=accept),
        off,
        limit,
        f"bits per base away from {card['bits']:.5f}, as published",
    )


def _bits(log_probs: NDArray[np.floating], ids: NDArray[np.uint8]) -> float:
    """Mean bits of the known bases of a sequence but its first; NaN where one of them has no probability."""
    scored = is_base(ids)
    scored[0] = False
    return -float(np.mean(log_probs[scored])) / math.log(2)


def _published(model: DnaModel, params: PublishedParams) -> Iterator[Check]:
    """Loss and accuracy on the sequences of the authors of Evo 2."""
    comparison: PublishedComparison | None = None
    if model.spec.random_seed is None and model.spec.causal and model.spec.bp_per_token == 1:
        comparison = compare_published(model, params.folder, params.preset)
    if comparison is None:
        yield Check("published_loss", None, None, None, "does not apply: no figures were published of this model")
        return
    figure, accepted = comparison.figure, "; accepted as asked for" if params.accept else ""
    limit = figure.tolerance if params.tolerance is None else params.tolerance
    if math.isnan(figure.loss):
        yield Check(
            "published_loss",
            None if math.isfinite(comparison.loss) else False,
            comparison.loss,
            None,
            f"no loss was published of {comparison.preset}; nats here",
        )
    else:
        good = comparison.miss <= limit
        yield Check(
            "published_loss",
            _judged(comparison.miss, good=good, accept=params.accept),
            comparison.miss,
            limit,
            f"nats between the loss here, {comparison.loss:.5f}, and that published of {comparison.preset},"
            f" {figure.loss:.5f}" + ("" if good else accepted),
        )
    stated = "" if math.isnan(figure.accuracy) else f" ({figure.accuracy:.3f} published)"
    good = comparison.accuracy >= BROKEN
    yield Check(
        "published_accuracy",
        _judged(comparison.accuracy, good=good, accept=params.accept),
        -comparison.accuracy,
        -BROKEN,
        f"minus the accuracy, {comparison.accuracy:.3f} %{stated}; below {BROKEN:.0f} % a model is broken"
        + ("" if good else accepted),
    )


def known_loss(name: str) -> dict[str, Any] | None:
    """A sequence and the bits per base that the model has on it, from its card; None without one."""
    return (read_card(name) or {}).get("known_loss")


def read_card(name: str) -> dict[str, Any] | None:
    """`card.json` beside the weights of a model; None without one."""
    from photo51.model.checkpoints.folder import shipped_model

    text, _ = parse_name(name)
    folder = shipped_model(text.removeprefix("sh2:")) if text.startswith("sh2:") else Path(text)
    path = folder / CARD
    return json.loads(path.read_text()) if path.is_file() else None
