from __future__ import annotations

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from photo51.config.interventions import AttributionParams
from photo51.genome.alphabet import decode
from photo51.interventions.attribution.explain import explain_place, explain_region, explain_variant
from photo51.interventions.attribution.mutagenesis import next_base_readout, saturate, window_likelihood
from photo51.interventions.attribution.targets import Likelihood, NextBaseTarget
from photo51.interventions.edits.dictionary import Instrument
from photo51.interventions.outputs import explained_picture
from photo51.interventions.writing.generate import score
from photo51.model.tokenizer import BASE_IDS, reverse_complement
from photo51.types import InputError, Interval, Variant

PARAMS = AttributionParams(context=40, downstream=15, window=8, ablated=6, steps=8, max_steps=64)


class OneContig:
    """A genome of one contig `c`."""

    def __init__(self, ids: np.ndarray, *, circular: bool = False):
        self.ids, self.circular = ids, circular

    def sequence(self, _genome, _chrom, start, end, strand="+"):
        ids = np.take(self.ids, np.arange(start, end), mode="wrap" if self.circular else "raise")
        return reverse_complement(ids) if strand == "-" else ids

    def length(self, *_):
        return len(self.ids)

    def is_circular(self, *_):
        return self.circular


@pytest.fixture
def genome(dna):
    return OneContig(dna(1, 200, seed=11)[0])


@pytest.fixture
def instrument(planted):
    return Instrument(*planted, {2: "guanine"})


def _log_likelihood(model, ids, start):
    return float(score(model, ids[None], start).sum())


def test_every_change_is_what_reading_the_changed_sequence_gives(planted, dna):
    ids = dna(1, 40)[0]
    table = saturate(planted.model, ids, (30, 34), window_likelihood(30, 33, 40), batch=5)
    assert len(table) == 12
    plain = _log_likelihood(planted.model, ids, 33)
    for row in table.itertuples():
        mutant = ids.copy()
        mutant[row.position] = ord(row.alt)
        assert row.ref == chr(ids[row.position])
        assert row.effect == pytest.approx(_log_likelihood(planted.model, mutant, 33) - plain, abs=1e-3)


def test_the_next_base_map_measures_the_same_number_as_the_target(planted, dna):
    ids = dna(1, 30)[0]
    table = saturate(planted.model, ids, (25, 29), next_base_readout(25, 29, "T"))
    target = NextBaseTarget(planted.model, 29, "T")
    for row in table.itertuples():
        both = np.stack([ids, ids])
        both[1, row.position] = ord(row.alt)
        with torch.no_grad():
            value = target(planted.model.hidden(torch.from_numpy(both.astype(np.int64))))
        assert row.effect == pytest.approx(float(value[1] - value[0]), abs=1e-4)
    with pytest.raises(InputError, match="window"):
        saturate(planted.model, ids, (0, 3), next_base_readout(0, 2, "T"))


@pytest.mark.parametrize("strand", ["+", "-"])
def test_a_regions_likelihood_is_shared_out_in_genome_coordinates(planted, instrument, genome, strand):
    region = Interval("c", 90, 96, strand)
    found = explain_region(instrument, genome, "g", region, PARAMS)
    read = genome.sequence("g", "c", 50, 96) if strand == "+" else genome.sequence("g", "c", 90, 136, "-")
    assert found.value == pytest.approx(_log_likelihood(planted.model, read, 40), abs=1e-3)
    assert found.summary()["completeness_error"] <= 0.02
    assert found.table["contribution"].sum() == pytest.approx(found.attributions[0].explained, abs=1e-3)
    letters = dict(zip(found.table["position"], found.table["base"], strict=True))
    for position, letter in letters.items():
        here = genome.sequence("g", "c", position, position + 1, strand)
        assert letter == chr(here[0])
    assert found.map["position"].between(*(82, 95) if strand == "+" else (90, 103)).all()
    assert set(found.table["concept"]) == {"", "guanine"}
    assert np.allclose(found.read["contribution"].sum(), found.attributions[0].explained, atol=1e-3)


def test_the_score_of_one_base_can_be_explained(planted, instrument, genome):
    found = explain_region(instrument, genome, "g", Interval("c", 90, 96), PARAMS, base="T")
    ids = torch.from_numpy(genome.sequence("g", "c", 50, 91)[None].astype(np.int64))
    with torch.no_grad():
        assert found.value == pytest.approx(
            float(NextBaseTarget(planted.model, 40, "T")(planted.model.hidden(ids))), abs=1e-4
        )


@pytest.mark.parametrize("strand", ["+", "-"])
@pytest.mark.parametrize(("ref", "alt"), [("", "s"), ("", "i"), ("", "d"), ("", "m")])
def test_a_variants_terms_add_up_to_its_likelihood_ratio(planted, instrument, genome, strand, ref, alt):
    """Substitution, insertion, deletion and two-base change, on both strands, against scoring both alleles whole."""
    pos = 100
    here = genome.sequence("g", "c", pos, pos + 3).tobytes().decode()
    other = {b: next(x for x in "ACGT" if x != b) for b in "ACGT"}
    ref, alt = {
        "s": (here[0], other[here[0]]),
        "i": (here[0], here[0] + other[here[1]] + "AC"),
        "d": (here, here[0]),
        "m": (here[:2], other[here[0]] + other[here[1]]),
    }[alt]
    found = explain_variant(instrument, genome, "g", Variant("c", pos, ref, alt), PARAMS, strand=strand)
    left, right = (40, 15) if strand == "+" else (15, 40)
    before = genome.sequence("g", "c", pos - left, pos).tobytes().decode()
    after = genome.sequence("g", "c", pos + len(ref), pos + len(ref) + right).tobytes().decode()
    ll = {}
    for name, allele in (("ref", ref), ("alt", alt)):
        ids = np.frombuffer((before + allele + after).encode(), dtype=np.uint8)
        ids = reverse_complement(ids) if strand == "-" else ids
        ll[name] = float(score(planted.model, ids[None], 1).sum())
    assert found.value == pytest.approx(ll["alt"] - ll["ref"], abs=2e-3)
    assert found.summary()["completeness_error"] <= 0.05
    assert set(found.table["term"]) <= {"own base", "downstream", "alternative", "reference"}
    assert found.table["position"].between(pos - left, pos + len(ref) + right - 1).all()


def test_the_map_holds_the_variant_itself(planted, instrument, genome):
    ref = chr(genome.ids[100])
    alt = "A" if ref != "A" else "G"
    found = explain_variant(instrument, genome, "g", Variant("c", 100, ref, alt), PARAMS)
    cell = found.map.query("position == 100 and alt == @alt")["effect"]
    assert float(cell.iloc[0]) == pytest.approx(found.value, abs=2e-3)


def test_a_circle_is_read_across_its_end(planted, instrument, dna):
    circle = OneContig(dna(1, 120, seed=4)[0], circular=True)
    found = explain_region(instrument, circle, "g", Interval("c", 5, 8), PARAMS)
    assert found.table["position"].between(0, 119).all()
    assert (found.read["position"] > 80).any()
    read = circle.sequence("g", "c", -35, 8)
    assert found.value == pytest.approx(_log_likelihood(planted.model, read, 40), abs=1e-3)


def test_the_score_of_a_second_base_is_explained_and_drawn_without_a_map(instrument, genome):
    """One base stands before it, and none before that: there is nothing that could be changed."""
    found = explain_region(instrument, genome, "g", Interval("c", 1, 2), PARAMS, base="A")
    assert found.map.empty
    assert len(found.read) == 2
    figure = Figure()
    explained_picture(figure, found, "A at c:2", (1, 2))
    assert "no base before it" in figure.axes[2].texts[0].get_text()


def test_few_ablations_leave_no_rank_correlation_in_the_picture(instrument, genome):
    none = PARAMS.model_copy(update={"ablated": 0})
    found = explain_region(instrument, genome, "g", Interval("c", 90, 96), none)
    assert found.agreement.empty
    figure = Figure()
    explained_picture(figure, found, "a region", (90, 96))
    assert "nan" not in figure.get_suptitle()
    assert "rank" not in figure.get_suptitle()


def test_places_that_cannot_be_explained_are_refused(instrument, genome):
    with pytest.raises(InputError, match="at least one base before"):
        explain_region(instrument, genome, "g", Interval("c", 0, 3), PARAMS)
    with pytest.raises(InputError, match="within the 200"):
        explain_region(instrument, genome, "g", Interval("c", 198, 203), PARAMS)
    wrong = "A" if chr(genome.ids[50]) != "A" else "C"
    other = next(b for b in "ACGT" if b not in {wrong, chr(genome.ids[50])})
    with pytest.raises(InputError, match="need its reference allele"):
        explain_variant(instrument, genome, "g", Variant("c", 50, wrong, other), PARAMS)
    first = chr(genome.ids[0])
    with pytest.raises(InputError, match="none on strand"):
        explain_variant(instrument, genome, "g", Variant("c", 0, first, "A" if first != "A" else "C"), PARAMS)
    assert Likelihood
    assert len(BASE_IDS) == 4


def _scores(model, ids):
    """Scores of A, C, G, T after some bases, by the model as it is."""
    with torch.no_grad():
        return model(torch.from_numpy(ids.astype(np.int64))[None]).logits[0, -1, BASE_IDS.astype(int).tolist()].double()


@pytest.mark.parametrize("strand", ["+", "-"])
def test_direct_paths_add_up_to_the_score_of_the_base(instrument, genome, strand):
    explained = explain_region(instrument, genome, "g", Interval("c", 100, 101, strand), PARAMS)
    ids = genome.sequence("g", "c", 60, 101) if strand == "+" else genome.sequence("g", "c", 100, 141, "-")
    scores = _scores(instrument.model, ids[:-1])
    at = "ACGT".index(chr(ids[-1]))
    score = float(scores[at] - scores[[i for i in range(4) if i != at]].mean())
    assert explained.direct["score_nats"] == pytest.approx(score, abs=1e-4)
    parts = sum(explained.direct[k] for k in ("mlp_nats", "embedding_nats", "bias_nats"))
    assert explained.influence["contribution"].sum() + parts == pytest.approx(score, abs=1e-4)
    # only bases before it in reading direction, each with its own letter
    position = explained.influence["position"]
    assert (position < 100).all() if strand == "+" else (position > 100).all()
    letters = genome.sequence("g", "c", 0, 200, strand)
    assert all(
        chr(letters[p if strand == "+" else 199 - p]) == b
        for p, b in zip(position, explained.influence["base"], strict=True)
    )


def test_direct_paths_of_a_substitution_compare_its_alleles(instrument, genome):
    ref = chr(genome.ids[100])
    alt = "ACGT"[("ACGT".index(ref) + 1) % 4]
    explained = explain_variant(instrument, genome, "g", Variant("c", 100, ref, alt), PARAMS)
    scores = _scores(instrument.model, genome.ids[60:100])
    assert explained.direct["score_nats"] == pytest.approx(
        float(scores["ACGT".index(alt)] - scores["ACGT".index(ref)]), abs=1e-4
    )


def test_more_than_one_base_has_no_direct_paths(instrument, genome):
    explained = explain_region(instrument, genome, "g", Interval("c", 100, 103), PARAMS)
    assert explained.influence.empty
    assert "direct" not in explained.summary()


@pytest.mark.parametrize("strand", ["+", "-"])
@pytest.mark.parametrize("change", [("", "GTA"), ("ACG", ""), ("", "")])
def test_contributions_base_by_base_add_up_to_what_is_explained(instrument, genome, strand, change):
    """Inserted bases share the position of the base before them, and count once each."""
    gone, new = change
    start = decode(genome.sequence("g", "c", 100, 101))
    ref, alt = start + (decode(genome.sequence("g", "c", 101, 101 + len(gone))) if gone else ""), start + new
    if ref == alt:
        alt = "A" if ref != "A" else "C"
    found = explain_variant(instrument, genome, "g", Variant("c", 100, ref, alt), PARAMS, strand=strand)
    explained = sum(a.explained for a in found.attributions)
    assert found.read["contribution"].sum() == pytest.approx(explained, abs=1e-3)


def test_a_strand_that_is_none_is_refused_for_regions_and_variants(instrument, genome):
    base = decode(genome.sequence("g", "c", 60, 61))
    for place in (Interval("c", 60, 62, "+"), Variant("c", 60, base, "ACGT"["CGTA".index(base)])):
        with pytest.raises(InputError, match="strand: need \\+ or -, got 'x'"):
            explain_place(instrument, genome, "g", place, AttributionParams(), strand="x")
