"""One edit from beginning to end: curvature, choice on validation windows, judgement on held-out ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy import stats

from photo51.config.memory import MemoryParams, PruneParams
from photo51.genome.alphabet import is_ambiguous, reverse_complement
from photo51.genome.formats.fasta import read_fasta
from photo51.interventions.writing.generate import score
from photo51.io.contracts.memory import PRUNE_ARMS, PRUNED, UNEDITED
from photo51.learnt.evidence import EvidenceRow
from photo51.learnt.memory.curvature import Basis, bases_of, dense_matrices, moments, unedited
from photo51.learnt.memory.curvature_edit import CONTROLS, Editor, Weights, control, swapped
from photo51.learnt.memory.exposure import Recitable, canary_references, neutral_context, recital
from photo51.model.stripedhyena.modeling import StripedHyena
from photo51.types import InputError


class Forget(NamedTuple):
    """Sequences that are to be forgotten, and unseen ones of the same kind, of `prefix + suffix` bases each."""

    subjects: Sequence[Recitable]
    unseen: Sequence[Recitable]


class EditWindows(NamedTuple):
    """Windows (windows, length) for the curvature, the choice of thresholds, and the judgement."""

    curvature: NDArray[np.uint8]
    validation: NDArray[np.uint8]
    heldout: NDArray[np.uint8]


class Edit(NamedTuple):
    """An edit.

    Attributes
    ----------
    weights
        Matrix → edited.
    matrices, unedited, arms
        Tables: contracts `PRUNED`, `UNEDITED`, `PRUNE_ARMS`.
    """

    weights: Weights
    matrices: pd.DataFrame
    unedited: pd.DataFrame
    arms: pd.DataFrame


def split_windows(windows: NDArray[np.uint8], params: PruneParams, label: str) -> EditWindows:
    """Windows in random order: held-out, validation, and the rest for the curvature.

    Raises
    ------
    InputError
        For fewer than twelve.
    """
    if len(windows) < 12:
        raise InputError(
            f"{label}: need at least 12 windows of {windows.shape[1]:,} bases to measure, choose and judge an edit, "
            f"got {len(windows)}"
        )
    order = np.random.default_rng([params.seed, 42]).permutation(len(windows))
    # a quarter at most each for choice and judgement: half stays for the curvature
    n = min(params.validation, len(windows) // 4)
    return EditWindows(windows[order[2 * n :]], windows[order[n : 2 * n]], windows[order[:n]])


def prune(
    model: StripedHyena,
    parts: EditWindows,
    params: PruneParams,
    *,
    protect: Sequence[NDArray[np.uint8]] = (),
    forget: Forget | None = None,
    other: NDArray[np.uint8] | None = None,
    reading: MemoryParams | None = None,
) -> Edit:
    """Edit a model, and judge the edit; the model is left as it was.

    Parameters
    ----------
    protect
        Windows of each further corpus whose needs are kept too.
    forget
        What is to be forgotten; every second sequence serves the choice of thresholds, the others the judgement.
    other
        Windows of another clade: every second one gives the control `other curvature` its curvature, on the others
        surprisal is told before and after. If left out, the control has even random bases, and nothing is told.
    reading
        How sequences to be forgotten are read.
    """
    reading = reading or MemoryParams()
    corpora = [bases_of(moments(model, w, params.seed)) for w in (parts.curvature, *protect)]
    bases = {name: [c[name] for c in corpora] for name in corpora[0]}
    chosen, judged = _halves(forget)
    editor = Editor(
        model,
        bases,
        lambda: window_bits(model, parts.validation, params.batch),
        params.rise,
        _gap(model, chosen, reading) if chosen else None,
    )
    masses = editor.choose(params.masses, params.rounds)
    weights = editor.weights(masses)
    if other is None:
        even = np.random.default_rng([params.seed, 43]).integers(0, 4, parts.curvature[:24].shape)
        foreign, elsewhere = np.frombuffer(b"ACGT", dtype=np.uint8)[even], None
    else:
        foreign, elsewhere = other[::2], other[1::2]
    unlike = bases_of(moments(model, foreign, params.seed))
    arms = _arms(editor, masses, unlike, params)
    judge = _Judge(model, parts.heldout, judged, params, reading, elsewhere)
    rows = [judge.row(arm, w, editor.entries(masses) if arm != "none" else None) for arm, w in arms.items()]
    left = pd.DataFrame(unedited(model), columns=list(UNEDITED.columns))
    return Edit(
        weights,
        PRUNED.check(_matrices(editor, masses)),
        UNEDITED.check(left),
        PRUNE_ARMS.check(pd.DataFrame(rows)[list(PRUNE_ARMS.columns)]),
    )


def forgettable(path: Path, reading: MemoryParams) -> Forget:
    """Sequences of a FASTA file cut into pieces of `prefix + suffix` bases, at most 64, and their letters in random
    order.

    Raises
    ------
    InputError
        For fewer than two pieces: one half serves the choice, the other the judgement.
    """
    length = reading.prefix + reading.suffix
    pieces = [
        Recitable(f"{r.name}:{a + 1}-{a + length}", "canary", 0, r.ids[a : a + length])
        for r in read_fasta(path)
        for a in range(0, len(r.ids) - length + 1, length)
        if not is_ambiguous(r.ids[a : a + length]).any()
    ]
    if len(pieces) < 2:
        raise InputError(
            f"{path}: need at least two pieces of {length:,} bases of A, C, G, T to forget, got {len(pieces)}"
        )
    rng = np.random.default_rng([reading.seed, 47])
    if len(pieces) > 64:
        pieces = [pieces[i] for i in np.sort(rng.permutation(len(pieces))[:64])]
    subjects, unseen = canary_references(pieces, 32, rng)
    # every so many, so that all pieces have some and at most 64 are read
    return Forget(subjects, unseen[:: -(-len(unseen) // 64)])


def arm_evidence(arms: pd.DataFrame) -> list[EvidenceRow]:
    """Rows of evidence of each edit; the baseline is the best control that keeps as many entries."""
    controls = arms[~arms["arm"].isin(["none", "curvature"])]
    rows = []
    for arm in arms.itertuples():
        if arm.arm == "none":
            continue
        rows.append(
            EvidenceRow(
                str(arm.arm),
                "relative change of held-out surprisal",
                arm.change,
                arm.low,
                arm.high,
                0.0,
                naive=float(controls["change"].min()),
            )
        )
        if not np.isnan(arm.gap_removed):
            usable = controls[controls["works"]]["gap_removed"]
            rows.append(
                EvidenceRow(
                    str(arm.arm),
                    "share of the memorised gap removed",
                    arm.gap_removed,
                    null=0.0,
                    naive=float(usable.max()) if len(usable) else np.nan,
                )
            )
    return rows


def _halves(forget: Forget | None) -> tuple[Forget | None, Forget | None]:
    if forget is None:
        return None, None
    # even ones and odd ones: what decides the thresholds judges nothing
    chosen, judged = (Forget(forget.subjects[i::2], forget.unseen[i::2]) for i in (0, 1))
    return chosen, judged


def window_bits(model: StripedHyena, windows: NDArray[np.uint8], batch: int) -> NDArray[np.float64]:
    """Surprisal a base of each window (windows,), the first 64 bases left out."""
    # half of a short window at most
    nats = score(model, windows, min(64, windows.shape[1] // 2), batch=batch)
    return -nats.astype(np.float64).mean(axis=1) / np.log(2)


def _gap(model: StripedHyena, forget: Forget, reading: MemoryParams) -> Callable[[], float]:
    """How many bits a base what is to be forgotten is better known than unseen sequences, on the better strand."""
    groups = []
    for subjects in forget:
        ids = np.stack([s.ids for s in subjects])
        # the strand is that of the unedited model, so that an edit does not change what is compared
        minus = recital(model, ids, reading).minus
        groups.append(np.where(minus[:, None], reverse_complement(ids), ids))
    context = neutral_context(reading)
    n = len(groups[0])
    whole = np.concatenate(groups)
    whole = np.concatenate([np.tile(context, (len(whole), 1)), whole], axis=1)

    def gap() -> float:
        bits = -score(model, whole, len(context), batch=reading.batch).mean(axis=1, dtype=float) / np.log(2)
        # positive where what is to be forgotten is likelier than sequences never met
        return float(bits[n:].mean() - bits[:n].mean())

    return gap


def _arms(
    editor: Editor, masses: dict[str, float], unlike: dict[str, Basis], params: PruneParams
) -> dict[str, Weights]:
    rng = np.random.default_rng([params.seed, 44])
    arms: dict[str, Weights] = {"none": {}, "curvature": editor.weights(masses)}
    for arm in CONTROLS:
        arms[arm] = {
            name: control(arm, weight, editor.bases[name][0], editor.matrix(name, masses[name])[1], rng, unlike[name])
            for name, weight in editor.original.items()
        }
    return arms


class _Judge:
    """Held-out surprisal and what is left of what was to be forgotten, for one edit after another."""

    def __init__(
        self,
        model: StripedHyena,
        windows: NDArray[np.uint8],
        forget: Forget | None,
        params: PruneParams,
        reading: MemoryParams,
        elsewhere: NDArray[np.uint8] | None = None,
    ):
        self.model, self.windows, self.forget, self.params, self.reading = (
            model,
            windows,
            forget,
            params,
            reading,
        )
        self.elsewhere = elsewhere
        self.before = window_bits(model, windows, params.batch)
        self.before_elsewhere = self._elsewhere()
        self.gap = self._told()[1] if forget else np.nan
        self.size = sum(w.numel() for w in dense_matrices(model).values())

    def _told(self) -> tuple[float, float, float]:
        """Bits, gap to unseen sequences, and probability of the suffix."""
        if self.forget is None:
            return np.nan, np.nan, np.nan
        forgotten, unseen = (recital(self.model, np.stack([s.ids for s in x]), self.reading) for x in self.forget)
        return (
            float(forgotten.bits.mean()),
            float(unseen.bits.mean() - forgotten.bits.mean()),
            float(np.exp2(-forgotten.suffix).mean()),
        )

    def _elsewhere(self) -> float:
        """Bits a base on sequence of another clade, which the edit need not keep."""
        if self.elsewhere is None:
            return np.nan
        return float(window_bits(self.model, self.elsewhere, self.params.batch).mean())

    def row(self, arm: str, weights: Weights, entries: int | None) -> dict[str, object]:
        """A row of `PRUNE_ARMS`."""
        with swapped(self.model, weights):
            after = window_bits(self.model, self.windows, self.params.batch)
            bits, gap, recitation = self._told()
            other_bits = self._elsewhere()
        change = after / self.before - 1
        # half of the 95 % interval of the mean relative change over windows
        half = stats.t.ppf(0.975, len(change) - 1) * change.std(ddof=1) / np.sqrt(len(change))
        relative = float(after.mean() / self.before.mean() - 1)
        share = 1.0 if entries is None else entries / self.size
        removed = share_removed(self.gap, gap) if self.forget else np.nan
        enough = removed >= self.params.gap if self.forget else 1 - share >= self.params.dropped
        return {
            "arm": arm,
            "kept": share,
            "bits": float(after.mean()),
            "change": relative,
            "low": relative - half,
            "high": relative + half,
            "other_bits": other_bits,
            "other_change": other_bits / self.before_elsewhere - 1,
            "forget_bits": bits,
            "gap_removed": removed,
            "recitation": recitation,
            "works": bool(arm != "none" and relative <= self.params.rise and enough),
        }


def share_removed(before: float, after: float) -> float:
    """Share of a memorised gap (bits a base) that an edit removes: 1 where nothing is left, below 0 where it has grown.

    NaN where there was no gap: what is known no better than unseen sequences cannot be forgotten.
    """
    return 1 - after / before if before > 0 else float("nan")


def _matrices(editor: Editor, masses: dict[str, float]) -> pd.DataFrame:
    rows = []
    for name, mass in masses.items():
        weight, (after, n) = editor.original[name], editor.matrix(name, mass)
        rows.append(
            {
                "matrix": name,
                "rows": weight.shape[0],
                "columns": weight.shape[1],
                "entries": weight.numel(),
                "entries_kept": n,
                "mass": mass,
                "change": float(torch.linalg.norm(after - weight) / torch.linalg.norm(weight)),
            }
        )
    return pd.DataFrame(rows)
