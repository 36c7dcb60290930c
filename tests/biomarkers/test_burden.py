"""Burdens by hand: who carries what, and what it does."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse, stats

from photo51.biomarkers.cohorts.burden import genome_burden, rank_normal, variant_burden
from photo51.genome.axis.workspace import Workspace
from photo51.genome.variants.files import Genotypes
from photo51.io.contracts.genome import REFUSED_VARIANTS
from photo51.types import InputError


def _genotypes(alleles, called):
    variants = pd.DataFrame(
        {"chrom": "c", "pos": [9, 19, 29], "ref": "A", "alt": ["C", "G", "T"], "id": "", "line": [1, 2, 3]}
    )
    return Genotypes(
        ["ann", "bob", "cyd"], variants, np.array(alleles, np.int8), np.array(called, np.int8), 0.0,
        REFUSED_VARIANTS.empty(),
    )  # fmt: skip


def _effects(plus, minus):
    plus, minus = sparse.csr_matrix(plus, dtype=np.float32), sparse.csr_matrix(minus, dtype=np.float32)
    return ad.AnnData(sparse.csr_matrix(plus.shape, dtype=np.float32), layers={"near_plus": plus, "near_minus": minus})


TABLE = pd.DataFrame({"variant": ["c:10:A>C", "c:20:A>G"]})
EFFECTS = _effects([[1.0, 0.0], [0.0, 10.0]], [[0.5, 0.0], [0.0, -2.0]])


def test_a_burden_is_the_share_of_copies_times_what_the_allele_does_on_both_strands():
    found = variant_burden(
        _genotypes([[1, 2, 0], [0, 1, 0], [1, -1, 0]], [[2, 2, 2], [2, 1, 2], [1, 0, 2]]),
        TABLE, EFFECTS, statistic="near", max_missing=0.5,
    )  # fmt: skip
    # ann: half of the copies of the first (1.5), all of the second (8); bob is haploid for the second; cyd's call of the
    # second is missing and counts as the mean of the others, 1
    assert found.burden == pytest.approx(np.array([[0.75, 8.0], [0.0, 8.0], [1.5, 8.0]]))
    assert found.markers.shape == (3, 3)
    assert np.isnan(found.markers[2, 1])
    assert found.raw["n_alleles"].tolist() == [2, 1, 1]


def test_alleles_with_too_many_missing_genotypes_are_left_out():
    found = variant_burden(
        _genotypes([[1, -1, 0], [0, -1, 0], [0, 2, 0]], [[2, 0, 2], [2, 0, 2], [2, 2, 2]]),
        TABLE, EFFECTS, statistic="near", max_missing=0.1,
    )  # fmt: skip
    assert (found.burden[:, 1] == 0).all()
    assert found.markers.shape == (3, 2)


def test_a_cohort_none_of_whose_alleles_was_scored_is_refused():
    with pytest.raises(InputError, match="none of 3"):
        variant_burden(
            _genotypes(np.ones((3, 3)), np.full((3, 3), 2)), TABLE.assign(variant=["x:1:A>C", "x:2:A>C"]),
            EFFECTS, statistic="near", max_missing=0.1,
        )  # fmt: skip


@pytest.mark.parametrize(("cohort", "scored"), [("chr1", "1"), ("1", "chr1"), ("NC_000001.11", "chr1"), ("MT", "chrM")])
def test_a_contig_of_another_name_is_matched_where_reference_alleles_agree(cohort, scored, caplog):
    table = TABLE.assign(variant=[v.replace("c:", f"{scored}:") for v in TABLE["variant"]])
    known = _genotypes([[1, 2, 0], [0, 1, 0], [1, 0, 0]], np.full((3, 3), 2))
    other = known._replace(variants=known.variants.assign(chrom=cohort))
    more = {"statistic": "near", "max_missing": 0.5}
    expected = variant_burden(known, TABLE, EFFECTS, **more)
    with caplog.at_level("WARNING"):
        found = variant_burden(other, table, EFFECTS, **more)
    assert found.burden == pytest.approx(expected.burden)
    assert f"{cohort!r} is taken for {scored!r}" in caplog.text
    for wrong in (
        table.assign(variant=[v.replace("A>", "T>") for v in table["variant"]]),  # other reference bases
        table.assign(variant=[v.replace(f"{scored}:", "chr2:", 1) for v in table["variant"]]),  # another chromosome
    ):
        with pytest.raises(InputError, match="none of 3"):
            variant_burden(other, wrong, EFFECTS, **more)


class _Store:
    """Codes of 30 rows: feature 0 is 1 on strand + of the first 10 rows, feature 1 is 3 on both strands of the rest."""

    def matrix(self, strand, rows):
        codes = np.zeros((30, 2))
        codes[:10, 0] = strand == "+"
        codes[10:, 1] = 3.0
        return sparse.csr_matrix(codes[rows])


def test_genomes_are_compared_by_mean_activation_not_by_length():
    table = pd.DataFrame(
        {
            "genome": ["a", "b", "b"], "chrom": ["x", "y", "y"], "start": [0, 0, 100], "end": [10, 15, 105],
            "block": [0, 1, 1], "split": ["train", "test", "test"], "offset": [0, 10, 25],
        }
    )  # fmt: skip
    found = genome_burden(_Store(), Workspace(table))
    assert found.individuals == ["a", "b"]
    assert found.burden == pytest.approx(np.array([[0.5, 0.0], [0.0, 3.0]]))
    assert found.raw["length"].tolist() == [10.0, 20.0]
    kmers = pd.DataFrame([[0.2, 0.8], [0.4, 0.6]], index=["b", "a"])
    assert genome_burden(_Store(), Workspace(table), kmers).markers.tolist() == [[0.4, 0.6], [0.2, 0.8]]


def test_rank_normal_is_blom_and_a_constant_column_says_nothing():
    found = rank_normal(np.array([[5.0, 1.0], [7.0, 1.0], [6.0, 1.0]]))
    expected = stats.norm.ppf((np.array([1, 3, 2]) - 0.375) / 3.25)
    assert found[:, 0] == pytest.approx(expected)
    assert found[:, 1].tolist() == [0.0, 0.0, 0.0]
