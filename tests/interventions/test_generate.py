from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from photo51.config.interventions import SamplingParams
from photo51.interventions.edits.bundles import Bundle
from photo51.interventions.edits.dictionary import activations
from photo51.interventions.edits.site_edits import Order, SiteEdit
from photo51.interventions.writing.generate import generate, pick, read_prompt, score, uniforms
from photo51.model.tokenizer import BASE_IDS
from photo51.types import InputError

PLAIN = SamplingParams()
LOGITS = torch.log(torch.tensor([[0.5, 0.3, 0.15, 0.05]]))


def test_bases_are_drawn_with_the_models_probabilities():
    u = torch.rand(20_000, generator=torch.Generator().manual_seed(5))
    drawn = pick(LOGITS.expand(20_000, 4), u, PLAIN)
    assert chisquare(np.bincount(drawn, minlength=4), 20_000 * np.array([0.5, 0.3, 0.15, 0.05])).pvalue > 0.001


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"temperature": 0.5}, [0.25, 0.09, 0.0225, 0.0025]),  # squares, up to their sum
        ({"top_k": 2}, [0.5, 0.3, 0, 0]),
        ({"top_p": 0.8}, [0.5, 0.3, 0, 0]),
        ({"top_p": 0.81}, [0.5, 0.3, 0.15, 0]),
        ({"top_k": 1}, [1, 0, 0, 0]),
    ],
)
def test_temperature_and_cut_offs_reshape_the_draw_as_worked_by_hand(settings, expected):
    share = np.cumsum(np.array(expected) / np.sum(expected))
    edges = torch.tensor([e for s in share[:-1] if 0 < s < 1 for e in (s - 1e-4, s + 1e-4)], dtype=torch.float32)
    edges = torch.cat([torch.tensor([0.0, 0.9999]), edges])
    drawn = pick(LOGITS.expand(len(edges), 4), edges, SamplingParams(**settings))
    assert drawn.tolist() == [int(np.searchsorted(share, float(e), side="right")) for e in edges]


def test_each_sequence_has_its_own_stream_whatever_the_batch():
    both = uniforms(7, np.array([0, 5]), 10)
    assert torch.equal(uniforms(7, np.array([5]), 10)[0], both[1])
    assert torch.equal(uniforms(7, np.array([5]), 4)[0], both[1, :4])
    assert not torch.equal(both[0], both[1])
    assert not torch.equal(uniforms(8, np.array([0]), 10)[0], both[0])


def test_what_is_written_does_not_depend_on_the_batch(planted, dna):
    model = planted.model
    prompts = np.tile(dna(1, 30), (6, 1))
    together = generate(model, prompts, 40, sampling=PLAIN)
    alone = generate(model, prompts[:1], 40, sampling=PLAIN, rows=np.array([4]))
    assert np.array_equal(together.ids[4], alone.ids[0])
    assert len(set(together.sequences())) == 6
    again = generate(model, prompts, 40, sampling=PLAIN)
    assert np.array_equal(together.ids, again.ids)


def test_prompts_that_differ_are_each_continued(planted, dna):
    prompts = dna(3, 25, seed=4)
    together = generate(planted.model, prompts, 30, sampling=PLAIN)
    alone = generate(planted.model, prompts[2:], 30, sampling=PLAIN, rows=np.array([2]))
    assert np.array_equal(together.ids[2], alone.ids[0])


def test_greedy_generation_follows_the_full_forward_pass(planted, dna):
    model = planted.model
    prompt = dna(1, 20, seed=1)
    greedy = generate(model, prompt, 15, sampling=SamplingParams(top_k=1)).ids
    ids = prompt.astype(np.int64)
    for _ in range(15):
        logits = model(torch.from_numpy(ids)).logits[0, -1, BASE_IDS.astype(np.int64)]
        ids = np.append(ids, [[BASE_IDS[int(logits.argmax())]]], axis=1)
    assert np.array_equal(ids[:, 20:], greedy)


@pytest.mark.parametrize("edit_prompt", [False, True])
def test_likelihood_and_kept_activations_are_those_of_a_full_pass(planted, dna, edit_prompt):
    """Written with an edit, read again in one pass: the kept tensor is the unedited one, the likelihood the edited one."""
    model, dictionary, units = planted
    edit = SiteEdit(dictionary, [Order("add", Bundle.single(2), 1.0)], units)
    prompts = np.tile(dna(1, 12), (3, 1))
    out = generate(
        model,
        prompts,
        25,
        sampling=PLAIN,
        edits={dictionary.site: edit},
        keep=dictionary.site,
        edit_prompt=edit_prompt,
    )
    full = np.concatenate([prompts, out.ids], axis=1)
    x = activations(model, dictionary.site, torch.from_numpy(full.astype(np.int64)))
    assert out.kept.shape == x.shape
    assert (out.kept - x).abs().max() < 1e-4
    if edit_prompt:
        again = score(model, full, 12, edits={dictionary.site: edit})
        assert np.abs(again - out.log_likelihood).max() < 1e-4
        assert np.abs(again - score(model, full, 12)).max() > 0.01


def test_a_planted_feature_makes_its_base_common(planted, dna):
    model, dictionary, units = planted
    prompts = np.tile(dna(1, 12), (20, 1))
    edit = SiteEdit(dictionary, [Order("add", Bundle.single(2), 8.0)], units)
    plain = generate(model, prompts, 30, sampling=PLAIN).ids
    steered = generate(model, prompts, 30, sampling=PLAIN, edits={dictionary.site: edit}).ids
    assert (steered == ord("G")).mean() > (plain == ord("G")).mean() + 0.2


def test_prompts_that_cannot_be_read_are_refused():
    assert read_prompt("ac gt\nN").tolist() == [65, 67, 71, 84, 78]
    with pytest.raises(InputError, match="empty"):
        read_prompt("  \n")
    with pytest.raises(InputError, match="'X' at base 3"):
        read_prompt("ACXT")
    with pytest.raises(InputError, match="from_file: "):
        read_prompt("", "from_file")
