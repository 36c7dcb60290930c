"""A reader whose codes are the codon phase it is told, so that every turn is known."""

import re

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from photo51.config.geometry import FrameshiftParams
from photo51.interventions.attribution.frameshift import CodingGene, frameshift

PLANE = np.array([[np.cos(a), np.sin(a)] for a in 2 * np.pi / 3 * np.arange(3)])
PARAMS = FrameshiftParams(genes=4, context=90, flank=60, guard=30)


class _Genome:
    """One linear contig whose genes start at multiples of three and say GCA all along."""

    def __init__(self, n=1200):
        self.ids = np.frombuffer(b"GCA" * (n // 3), np.uint8)

    def is_circular(self, genome, chrom):
        return False

    def length(self, genome, chrom):
        return len(self.ids)

    def sequence(self, genome, chrom, start, end, strand="+"):
        return self.ids[start:end]


def _from_content(ids):
    """Features fire where G, C, A stand: the frame of the letters, taken in at once."""
    return csr_matrix((ids[:, None] == np.frombuffer(b"GCA", np.uint8)).astype(np.float32))


def _from_counting(ids):
    """Features count bases from the first on, and never look."""
    return csr_matrix((np.arange(len(ids))[:, None] % 3 == np.arange(3)).astype(np.float32))


def _run(read):
    genes = [CodingGene("g", "c", 300 + 3 * i, 600 + 3 * i, "+") for i in range(4)]
    arms, profile = frameshift(read, PLANE, _Genome(), genes, PARAMS)
    return arms.set_index("arm"), profile


def test_one_base_turns_a_frame_that_follows_the_letters_by_a_third():
    arms, profile = _run(_from_content)
    assert arms.loc["insertion", "rotation"] == pytest.approx(-120)
    assert arms.loc["insertion_of_three", "rotation"] == pytest.approx(0, abs=1e-6)
    assert arms.loc["substitution", "rotation"] == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose(arms["rotation_before"], 0, atol=1e-6)
    assert arms.loc["insertion", "kept_bases"] == 0
    assert (arms["genes"] == 4).all()
    moved = profile[(profile["arm"] == "insertion") & (profile["offset"] >= 0)]
    np.testing.assert_allclose(moved["turn_at_base"], 0, atol=1e-6)


def test_a_frame_that_is_only_counted_keeps_to_its_count():
    arms, profile = _run(_from_counting)
    assert arms.loc["insertion", "rotation"] == pytest.approx(0, abs=1e-6)
    assert arms.loc["insertion", "kept_bases"] == PARAMS.flank
    moved = profile[(profile["arm"] == "insertion") & (profile["offset"] >= 0)]
    np.testing.assert_allclose(moved["turn_at_base"], 120, atol=1e-6)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"context": 59}, "need as much as flank (60) or more, got 59"), ({"guard": 60}, "need fewer bases than flank")],
)
def test_bases_that_would_be_compared_with_others_are_refused(wrong, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        FrameshiftParams(**{**PARAMS.model_dump(), **wrong})


def test_the_least_context_compares_every_base_with_itself():
    params = FrameshiftParams(genes=4, context=60, flank=60, guard=59)
    genes = [CodingGene("g", "c", 300 + 3 * i, 600 + 3 * i, "+") for i in range(4)]
    arms, _ = frameshift(_from_content, PLANE, _Genome(), genes, params)
    arms = arms.set_index("arm")
    assert arms.loc["insertion", "rotation"] == pytest.approx(-120)
    np.testing.assert_allclose(arms["rotation_before"], 0, atol=1e-6)
