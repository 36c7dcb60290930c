from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
import torch

from photo51.config.interventions import PaintParams, SamplingParams
from photo51.interventions.edits.bundles import Bundle
from photo51.interventions.edits.dictionary import Instrument
from photo51.interventions.edits.site_edits import EditGate, Order, SiteEdit
from photo51.interventions.writing.canvas import Canvas, Paint, read_canvas
from photo51.interventions.writing.generate import generate, score
from photo51.interventions.writing.infill import flank_likelihood, infill, infill_span
from photo51.interventions.writing.painting import Judge, draw, overlap, paint, paint_blocks, read_track, repaint
from photo51.model.tokenizer import BASE_IDS, reverse_complement
from photo51.types import InputError, Interval

G = Bundle.single(2, "guanine")
PARAMS = PaintParams(block=5, candidates=4, margin=5, paint_weight=2.0)
PLAIN = PARAMS.model_copy(update={"candidates": 1})


def _canvas(start, end, strength=6.0, strand="+", length=60, bundle=G):
    return Canvas("toy", length, (Paint(Interval("toy", start, end, strand), bundle.name, strength, bundle),))


@pytest.fixture(scope="module")
def instrument(planted):
    return Instrument(*planted)


@pytest.fixture
def prompt(dna):
    return dna(1, 15, seed=2)[0]


def test_with_one_try_painting_is_steering_of_the_bases_before(instrument, planted, prompt):
    """Base p is written by the state at p − 1: painting [20, 40) edits the states of bases 19 to 38."""
    painting = paint(instrument, _canvas(20, 40), prompt, sequences=4, params=PLAIN)
    gate = EditGate(intervals=((15 + 19, 15 + 39),))
    edit = SiteEdit(planted.dictionary, [Order("add", G, 6.0, gate)], planted.units)
    plain = generate(
        planted.model,
        np.tile(prompt, (4, 1)),
        60,
        sampling=SamplingParams(),
        edits={planted.dictionary.site: edit},
    )
    assert np.array_equal(painting.ids, plain.ids)


def test_paint_ends_up_where_it_was_painted(instrument, prompt):
    painting = paint(instrument, _canvas(20, 40), prompt, sequences=6, params=PARAMS)
    track = read_track(instrument, painting, PARAMS)
    found = overlap(track, painting.canvas, PARAMS.margin)
    assert (found["expected"] == 0.5).all()
    assert found["mass_inside"].mean() > 0.75
    g = painting.ids == ord("G")
    assert g[:, 20:40].mean() > g[:, :20].mean() + 0.3
    one = overlap(
        read_track(instrument, p := paint(instrument, _canvas(20, 40), prompt, sequences=6, params=PLAIN), PARAMS),
        p.canvas,
        PARAMS.margin,
    )
    assert found["mass_inside"].mean() > one["mass_inside"].mean()


def test_overlap_is_worked_out_by_hand():
    canvas = _canvas(2, 4, length=8)
    level = [1.0, 0.0, 3.0, 4.0, 1.0, 0.0, 0.0, 1.0]
    track = pd.DataFrame({"sequence": 0, "concept": "guanine", "position": range(8), "level": level})
    row = overlap(track, canvas, margin=1).iloc[0]
    assert row["mass_inside"] == pytest.approx(8 / 10)
    assert row["expected"] == pytest.approx(4 / 8)
    assert row["mean_inside"] == pytest.approx(3.5)
    assert row["mean_outside"] == pytest.approx(2 / 4)


def test_repainting_keeps_every_base_before_the_change(instrument, prompt):
    first = paint(instrument, _canvas(20, 40), prompt, sequences=3, params=PARAMS)
    moved = repaint(instrument, first, first.canvas.move(0, 35), PARAMS)
    assert np.array_equal(moved.ids[:, :20], first.ids[:, :20])
    assert not np.array_equal(moved.ids[:, 20:], first.ids[:, 20:])
    assert (moved.ids[:, 40:55] == ord("G")).mean() > (first.ids[:, 40:55] == ord("G")).mean()
    erased = repaint(instrument, first, first.canvas.erase(Interval("toy", 30, 40)), PARAMS)
    assert np.array_equal(erased.ids[:, :30], first.ids[:, :30])
    with pytest.raises(InputError, match="need a change"):
        repaint(instrument, first, first.canvas, PARAMS)


def test_repainting_without_tries_equals_painting_the_new_canvas_from_the_start(instrument, prompt):
    first = paint(instrument, _canvas(20, 40), prompt, sequences=3, params=PLAIN)
    canvas = first.canvas.move(0, 30)
    assert np.array_equal(
        repaint(instrument, first, canvas, PLAIN).ids,
        paint(instrument, canvas, prompt, sequences=3, params=PLAIN).ids,
    )


def test_the_reverse_strand_is_painted_as_the_mirror_image(instrument, prompt):
    reverse = paint(instrument, _canvas(20, 30, strand="-"), prompt, sequences=2, params=PARAMS)
    forward = paint(instrument, _canvas(30, 40), prompt, sequences=2, params=PARAMS)
    assert np.array_equal(reverse.ids, forward.ids)
    letters = reverse_complement(forward.ids)
    assert reverse.sequences() == [bytes(row).decode() for row in letters]
    track = read_track(instrument, reverse, PARAMS).query("sequence == 0")["level"].to_numpy()
    mirror = read_track(instrument, forward, PARAMS).query("sequence == 0")["level"].to_numpy()
    assert np.allclose(track, mirror[::-1])
    with pytest.raises(InputError, match="strand it was written on"):
        repaint(instrument, reverse, _canvas(10, 20), PARAMS)


@pytest.mark.parametrize("method", ["rejection", "beam"])
def test_infill_changes_the_span_alone(instrument, prompt, method):
    params = PARAMS.model_copy(update={"infill": method, "candidates": 6, "flank": 10})
    first = paint(instrument, _canvas(40, 50), prompt, sequences=3, params=PLAIN)
    filled = infill(instrument, first, first.canvas.add(_canvas(20, 32).paints[0]), params)
    assert np.array_equal(filled.ids[:, :20], first.ids[:, :20])
    assert np.array_equal(filled.ids[:, 32:], first.ids[:, 32:])
    assert (filled.ids[:, 20:32] == ord("G")).mean() > 0.6


def test_the_right_flank_is_scored_as_a_full_pass_scores_it(instrument, planted, prompt, dna):
    from photo51.interventions.writing.generate import open_stream

    spans = dna(3, 8, seed=5)
    flank = dna(1, 9, seed=6)[0]
    left = np.concatenate([np.tile(prompt, (3, 1)), spans], axis=1)
    found = flank_likelihood(open_stream(planted.model, left, np.arange(3)), flank)
    full = np.concatenate([left, np.tile(flank, (3, 1))], axis=1)
    assert np.allclose(found, score(planted.model, full, left.shape[1]).sum(1), atol=1e-3)


def test_rejection_draws_the_span_given_both_flanks(instrument, planted, prompt, dna):
    """Against exact enumeration of all 16 spans of two bases, with plain sampling on an unpainted span."""
    flank = dna(1, 6, seed=8)[0]
    n = 80
    canvas = _canvas(9, 10, length=14)
    start = paint(instrument, canvas, prompt, sequences=n, params=PLAIN)
    ids = np.tile(start.ids[:1], (n, 1))
    ids[:, 8:] = flank
    params = PARAMS.model_copy(update={"candidates": 64, "flank": 6, "paint_weight": 0.0})
    bare = Canvas("toy", 14, (Paint(Interval("toy", 13, 14), "guanine", 1e-9, G),))
    filled = infill_span(instrument, start._replace(ids=ids, canvas=bare), 6, 8, params)
    spans = np.array(list(itertools.product(BASE_IDS, repeat=2)))
    full = np.concatenate(
        [np.tile(np.concatenate([prompt, ids[0, :6]]), (16, 1)), spans, np.tile(flank, (16, 1))], axis=1
    )
    log_p = score(planted.model, full, 15 + 6).sum(1, dtype=np.float64)
    posterior = np.exp(log_p - log_p.max())
    posterior /= posterior.sum()
    drawn = [bytes(s) for s in filled.ids[:, 6:8]]
    share = np.array([drawn.count(bytes(s)) for s in spans]) / n
    assert np.abs(share - posterior).max() < 4 * np.sqrt(0.25 / n)
    assert np.corrcoef(share, posterior)[0, 1] > 0.9


def test_tries_are_drawn_with_the_weights_they_are_given():
    score_of = np.log(np.tile([[0.7, 0.2, 0.1]], (4_000, 1)))
    chosen = draw(score_of, np.random.default_rng(0)) % 3
    assert np.allclose(np.bincount(chosen) / 4_000, [0.7, 0.2, 0.1], atol=0.03)


def test_the_reward_counts_inside_for_and_outside_against(instrument):
    judge = Judge(instrument, _canvas(10, 20, length=40), PARAMS)
    levels = np.ones((2, 40, 1), dtype=np.float32)
    levels[1] = 0.0
    levels[1, 12] = 9.0  # counts as 1
    # 10 inside, 5 + 5 margin bases that count neither way, 20 outside
    assert judge.reward(levels, 0).tolist() == [10.0 - 20.0, 1.0]
    assert judge.reward(levels[:, 15:], 15).tolist() == [5.0 - 15.0, 0.0]


def test_a_canvas_with_a_silent_feature_is_refused(instrument, prompt):
    with pytest.raises(InputError, match="silent"):
        paint(instrument, _canvas(2, 8, bundle=Bundle.single(8)), prompt, sequences=1, params=PLAIN)
    assert torch.is_tensor(instrument.dictionary.decoder)


@pytest.mark.parametrize("strand", ["+", "-"])
def test_blocks_are_handed_over_as_they_are_written(instrument, prompt, strand):
    canvas = _canvas(20, 40, strand=strand)
    steps = list(paint_blocks(instrument, canvas, prompt, sequences=2, params=PARAMS))
    whole = paint(instrument, canvas, prompt, sequences=2, params=PARAMS)
    assert np.array_equal(steps[-1].painting.ids, whole.ids)
    spans = [s.interval for s in steps]
    assert spans == (
        [(a, a + 5) for a in range(0, 60, 5)] if strand == "+" else [(a, a + 5) for a in range(55, -1, -5)]
    )
    for step in steps:
        assert np.array_equal(step.painting.ids[:, : step.end], whole.ids[:, : step.end])
        assert not step.painting.ids[:, step.end :].any()


def test_a_canvas_as_bed_is_read_back(tmp_path):
    canvas = _canvas(20, 40, strength=0.1 + 0.2)
    (tmp_path / "c.bed").write_text(canvas.bed())
    assert read_canvas(tmp_path / "c.bed", 60, {"guanine": G}, 9) == canvas
