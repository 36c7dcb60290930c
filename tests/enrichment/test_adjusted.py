"""The adjusted test on planted worlds, and its rates in a run: fakes placed by composition, genomes of one strand."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from benchmarks._adjusted import composition_fakes, planted_kept, shifted_rates
from benchmarks.planted.features import planted_genome
from photo51.enrichment.association.gather import adjusted_rates, with_families
from photo51.io.contracts.enrichment import ENRICHMENT


def test_genes_on_one_strand_confound_nothing():
    rng = np.random.default_rng(95)
    genome = planted_genome(65_536, rng, 0.95)
    assert (genome.genes[:, 2] == 0).mean() > 0.85
    rates = shifted_rates(genome, 40, 15, rng)
    n = 600
    many = stats.binom.sf(rates["rate_05"] * n - 1, n, 0.07)
    assert (many > 0.01 / len(rates)).all()
    assert (stats.binom.cdf(rates["rate_05"] * n, n, 0.03) > 0.01 / len(rates)).all()
    assert (rates["rate_001"] * n <= stats.binom.ppf(1 - 1e-4, n, 0.001)).all()
    assert rates["previous_001"].max() > 0.02  # so that the world is a hard one
    assert planted_kept(genome, 2, rng) >= 0.5


def test_classes_placed_by_composition_get_no_name():
    figures = composition_fakes(131_072, np.random.default_rng(21))
    assert figures["gc_fake_finds"] > 30  # rotation alone finds them
    assert figures["gc_fake_names"] == 0
    assert figures["gc_fake_fpr_05"] < 0.08


def _pairs(p_adj, annotation="CDS", strand="sense", first=0):
    n = len(p_adj)
    table = ENRICHMENT.empty().reindex(range(n))
    fixed = {
        "feature": np.arange(first, first + n), "annotation": annotation, "strand": strand, "status": "tested", "frame": -1,
        "n_runs": 9, "n_active": 9, "n_intervals": 9, "workspace_bp": 9, "overlap": 9, "p_method": "exact", "split": "test",
        "p_rot": 1e-6, "p_floor": 1e-9, "p_adj_comp": p_adj, "p_depleted": 0.9,
    }  # fmt: skip
    return table.assign(**fixed)


def test_a_class_out_of_band_has_no_adjusted_verdict():
    rng = np.random.default_rng(3)
    loose = rng.random(200)
    loose[:40] = 0.02  # 20 % and more at 0.05
    shifted = pd.concat([_pairs(loose), _pairs(rng.random(200), strand="antisense"), _pairs(rng.random(200), "tRNA")])
    rates = adjusted_rates(shifted).set_index(["annotation", "strand"])
    assert rates["verdict"].to_dict() == {
        ("CDS", "antisense"): "in band", ("CDS", "sense"): "out of band", ("tRNA", "sense"): "in band",
    }  # fmt: skip
    assert rates.loc[("CDS", "sense"), "n_05"] == np.sum(loose <= 0.05)
    real = pd.concat([_pairs([1e-6] * 5), _pairs([1e-6] * 5, "tRNA"), _pairs([np.nan] * 2, "tRNA", first=5)])
    table = with_families(real, 0.05, rates.reset_index())
    cds = table["annotation"] == "CDS"
    assert set(table.loc[cds, "adjusted"]) == {"out of band"}
    assert table.loc[cds, "q_adj_comp"].isna().all()
    assert table.loc[cds, "p_adj_comp"].notna().all()
    assert (table.loc[~cds & table["p_adj_comp"].notna(), "q_adj_comp"] < 0.05).all()
    assert set(table.loc[~cds, "adjusted"]) == {"in band", ""}
    assert set(with_families(real, 0.05)["adjusted"]) == {"not measured", ""}


@pytest.mark.parametrize(
    ("n", "hits", "verdict"),
    [(20, 3, "in band"), (500, 60, "out of band"), (500, 25, "in band"), (500, 2, "out of band")],
)
def test_the_tolerance_is_that_of_the_number_of_shifted_features(n, hits, verdict):
    """3 of 20 is 15 % and could be chance at 7 %; 60 of 500 could not, nor 2 of 500 at 3 %."""
    p = np.full(n, 0.5)
    p[:hits] = 0.04
    assert adjusted_rates(_pairs(p))["verdict"].item() == verdict


def test_one_in_a_thousand_has_a_band_too():
    p = np.full(500, 0.5)
    p[:25], p[:10] = 0.04, 0.0005
    assert adjusted_rates(_pairs(p))["verdict"].item() == "out of band"  # 2 % at 0.001
