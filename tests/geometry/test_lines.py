"""The turn of replication on a planted circular chromosome: features that keep it, features that do not, a part of it."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

from photo51.config.geometry import PositiveControlParams
from photo51.genome.axis.workspace import Workspace
from photo51.geometry.controls.evidence import Bench
from photo51.geometry.controls.lines import replication_angle, replication_strand
from photo51.geometry.meaning.biology import read_kmers
from photo51.geometry.relations.load import reading_order
from photo51.geometry.relations.tokens import Tokens
from photo51.geometry.shapes.manifolds import first_half

LENGTH, ORIGIN, STRETCH, BLOCKS = 1_200_000, 300_000, 1024, 48


class _Chromosome:
    """A circle of random letters."""

    ids = np.random.default_rng(1).choice(np.frombuffer(b"ACGT", np.uint8), LENGTH)

    def length(self, genome, chrom):
        return LENGTH

    def is_circular(self, genome, chrom):
        return True

    def sequence(self, genome, chrom, start, end, strand="+"):
        return np.take(self.ids, np.arange(start, end), mode="wrap")


def _bench(share, kept):
    """Blocks over a share of the chromosome; 24 features that prefer a part of the circle each, or none."""
    starts = (np.arange(BLOCKS) * (share * LENGTH / BLOCKS)).astype(int)
    rows = [("g", "c", int(a), int(a) + STRETCH, i, "train") for i, a in enumerate(starts)]
    w = Workspace(pd.DataFrame(rows, columns=["genome", "chrom", "start", "end", "block", "split"]))
    parts = reading_order(w, np.arange(BLOCKS))
    row = np.concatenate([r for _, r in parts])
    strand = np.repeat([s for s, _ in parts], STRETCH).astype(np.int8)
    angle = 2 * np.pi * (((w.locate(row).position - ORIGIN) / LENGTH) % 1)
    rng = np.random.default_rng(2)
    rate = np.full((len(row), 24), 0.1)
    if kept:
        rate = 0.3 * np.exp(3 * (np.cos(angle[:, None] - np.arange(24) * 2 * np.pi / 24) - 1))
    on = rng.random(rate.shape) < rate
    codes = csr_matrix(on * rng.uniform(0.5, 1.5, on.shape)).astype(np.float32)
    block = np.searchsorted(w.block_bounds, row, side="right") - 1
    tokens = Tokens(codes, np.repeat(np.arange(len(parts)), STRETCH), block, row, strand)
    origin = pd.DataFrame({"genome": "g", "chrom": "c", "start": ORIGIN - 100, "end": ORIGIN + 100, "strand": "+", "kind": ["origin"], "name": "oriC"})  # fmt: skip
    kmers = read_kmers(_Chromosome(), w, 2)[strand, row]
    params = PositiveControlParams(k=2, rotations=199)
    return Bench(_Chromosome(), w, origin, tokens, None, kmers, first_half(block), params)


def test_features_that_turn_with_the_chromosome_are_shown():
    found = replication_angle(_bench(1.0, kept=True))
    assert found.verdict == "shown"
    assert found.score > 0.9
    assert abs(found.baseline) < 0.4
    assert found.p == pytest.approx(1 / 200)


def test_features_that_do_not_are_not():
    found = replication_angle(_bench(1.0, kept=False))
    assert found.verdict == "not shown"
    assert abs(found.score) < 0.4


def test_a_part_of_the_chromosome_is_not_enough():
    found = replication_angle(_bench(0.4, kept=True))
    assert found.verdict == "not tested"
    assert "5 and 5 of 12 sectors" in found.note


def test_the_leading_strand_follows_from_the_angle_and_the_strand_read():
    # which strand leads is the sign of sin(angle), turned over on strand −: features of the angle alone cannot say
    found = replication_strand(_bench(1.0, kept=True))
    assert found.score == pytest.approx(0.5, abs=0.15)
    assert found.verdict == "not shown"
