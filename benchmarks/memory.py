"""Recitation of canaries planted at known copy numbers, and an edit that has to make the model forget them.

A shipped nano is fine-tuned on real windows with six random canaries in 32 to 512 copies. `exposure_rank_rho`: Spearman of copy
number and surprisal over the canaries; `unseen_found`: canaries of 0 copies called recited, of 24, `unseen_p05_share` their share of p-values up to 0.05. The edit is chosen on two canaries and
validation windows and judged on the others and held-out windows: `gap_removed` share of the gap to unseen canaries that is gone,
`heldout_bits_change` relative, `recitation_drop` of the mean probability of the suffix given the prefix, `controls_failed` 1 where no
control with as many entries kept works.

The clade edit: of a shipped nano, what *E. coli* needs is kept and the rest edited away, `clade_dropped` the share of entries of
dense matrices (0.8 at least), `clade_bits_change` on held-out *E. coli*, `clade_other_change` on *M. tuberculosis*, beside as many
entries kept at random, by magnitude, and by the curvature of *M. tuberculosis* (`clade_random_change`, `clade_magnitude_change`,
`clade_other_curvature_change`); `clade_controls_failed` 1 where none of them works; `clade_unedited` weights that are no dense
matrices, which are left as they were.
"""

from __future__ import annotations

import logging

import numpy as np
from scipy import stats

from benchmarks._fine_tuning import fine_tune
from benchmarks.planted.worlds import copies_world, ecoli_windows, random_word
from photo51.config.memory import MemoryParams, PruneParams
from photo51.genome.alphabet import encode
from photo51.learnt.diff.windows import draw_windows
from photo51.learnt.memory.exposure import Recitable, audit_recitation, canary_references
from photo51.learnt.memory.pruning import Forget, prune, split_windows
from photo51.model.families.adapters import load_model
from photo51.model.stripedhyena.modeling import StripedHyena
from photo51.shipped import shipped_folder

log = logging.getLogger(__name__)
COPIES = (512, 256, 128, 64, 32, 256)
LENGTH, STEPS, MEMORISED = 112, 180, 128
READING = MemoryParams(references=96)
CLADE_RISE, OTHER = 0.01, "resources/tb_amr/H37Rv_loci.fa.gz"


def measure(*, quick: bool) -> dict[str, float | int | None]:
    """Train on canaries, audit, edit."""
    steps = 10 if quick else STEPS
    rng = np.random.default_rng(51)
    windows = ecoli_windows(8 * STEPS + 64, rng)
    records, held = windows[: 8 * STEPS], windows[8 * STEPS :]
    planted = [(f"canary_{n}_{i}", random_word(LENGTH, rng), n) for i, n in enumerate(COPIES)]
    model = fine_tune("sh2:nano", copies_world(records, planted, rng).records, steps=steps, seed=1)
    canaries = [Recitable(name, "canary", n, encode(word)) for name, word, n in planted]
    return _audited(model, canaries, rng) | _edited(model, canaries, held, rng, quick=quick) | _clade(quick=quick)


def _audited(model: StripedHyena, canaries: list[Recitable], rng: np.random.Generator) -> dict[str, float]:
    unseen = [Recitable(f"null_{i}", "canary", 0, encode(random_word(LENGTH, rng))) for i in range(24)]
    subjects, references = canary_references([*canaries, *unseen], READING.references, rng)
    fresh = load_model("sh2:nano@random:1").model
    table = audit_recitation(model, subjects + references, READING, fresh)
    own, null = table.iloc[: len(canaries)], table.iloc[len(canaries) : len(subjects)]
    log.info("canaries:\n%s", own.to_string())
    return {
        "exposure_rank_rho": float(stats.spearmanr(own["copies"], own["bits"]).statistic),
        "exposure_most_copies": float(own["exposure"].iloc[0]),
        "exposure_fresh_most": float(own["exposure_fresh"].max()),
        "unseen_found": int((null["q"] <= 0.05).sum()),
        "unseen_p05_share": float((null["p"] <= 0.05).mean()),
    }


def _clade(*, quick: bool) -> dict[str, float | int]:
    """Keep what one clade needs, at one percent more of its surprisal at most."""
    params = PruneParams(windows=32, validation=16, rise=CLADE_RISE, rounds=0 if quick else 1)
    model = load_model("sh2:nano").model
    rng = np.random.default_rng(52)
    own = ecoli_windows(params.windows + 2 * params.validation, rng, params.window)
    other = draw_windows(shipped_folder() / OTHER, 40, params.window, 51).plus
    edit = prune(model, split_windows(own, params, "own"), params, other=other)
    log.info("clade:\n%s", edit.arms.to_string())
    arms = edit.arms.set_index("arm")
    best, controls = arms.loc["curvature"], arms.drop(["none", "curvature"])
    return {
        "clade_dropped": float(1 - best["kept"]),
        "clade_bits_change": float(best["change"]),
        "clade_other_change": float(best["other_change"]),
        "clade_random_change": float(arms.loc["random", "change"]),
        "clade_magnitude_change": float(arms.loc["magnitude", "change"]),
        "clade_other_curvature_change": float(arms.loc["other curvature", "change"]),
        "clade_controls_failed": int(not controls["works"].any()),
        "clade_matrices": len(edit.matrices),
        "clade_unedited": len(edit.unedited),
    }


def _edited(
    model: StripedHyena,
    canaries: list[Recitable],
    held: np.ndarray,
    rng: np.random.Generator,
    *,
    quick: bool,
) -> dict[str, float | int]:
    known = [c for c in canaries if c.copies >= MEMORISED]
    # every second one serves the choice: 256 and 128 copies choose, 512 and 256 judge
    order = sorted(known, key=lambda c: c.copies)
    chosen = [order[1], order[3], order[0], order[2]]
    unseen = canary_references(chosen, 32, rng)[1]
    params = PruneParams(windows=32, validation=12, rounds=0 if quick else 1)
    edit = prune(model, split_windows(held, params, "held"), params, forget=Forget(chosen, unseen), reading=READING)
    log.info("arms:\n%s\n%s", edit.arms.to_string(), edit.matrices.to_string())
    arms = edit.arms.set_index("arm")
    best = arms.loc["curvature"]
    controls = arms.drop(["none", "curvature"])
    return {
        "entries_kept": float(best["kept"]),
        "gap_removed": float(best["gap_removed"]),
        "heldout_bits_change": float(best["change"]),
        "recitation_drop": float(1 - best["recitation"] / arms.loc["none", "recitation"]),
        "controls_failed": int(not controls["works"].any()),
    }
