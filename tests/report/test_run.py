import shutil

import numpy as np
import pandas as pd
import pytest
from synthetic_run import DEAD, MEANING, N_FEATURES

from photo51.config.report import TracksParams
from photo51.report.elements import feature_text
from photo51.report.tracks.chosen import tracked
from photo51.run.feature import FeatureReader, feature_facts
from photo51.run.known import Known, best_named, by_margin, closest, names
from photo51.run.loci import most_active
from photo51.run.maps import feature_map, principal, similar
from photo51.run.opened import Run
from photo51.run.summary import feature_summary
from photo51.types import InputError


def test_a_folder_that_is_no_run_is_named():
    with pytest.raises(InputError, match="no_such_folder: need the folder of a run"):
        Run("no_such_folder")


def test_one_of_several_dictionaries_must_be_named(poor, whole):
    (poor / "codes").unlink()
    shutil.copytree(whole / "codes" / "main", poor / "codes" / "one")
    shutil.copytree(whole / "codes" / "main", poor / "codes" / "two")
    with pytest.raises(InputError, match="a name with --sae, got one, two"):
        _ = Run(poor).sae
    assert Run(poor, "two").sae == "two"
    with pytest.raises(InputError, match="codes of 'three', got one, two"):
        _ = Run(poor, "three").sae


def test_an_unknown_feature_is_told_with_the_nearest_live_ones(run):
    with pytest.raises(
        InputError, match="feature 400 is not in this dictionary; the nearest are f65, f66, f67, f68, f69"
    ):
        feature_facts(run, 400)
    assert run.nearest(30).found == [28, 29, 30, 31, 32]
    assert not set(DEAD) & set(run.nearest(400).found)


def test_what_was_not_made_is_said_with_what_makes_it(poor):
    bare = Run(poor)
    assert bare.table("novelty") is None
    assert bare.absent("novelty") == "The ranking of unannotated features: not in this run. `photo51 novelty` makes it."
    assert bare.of("concepts", 3).empty
    assert bare.sets("variants") == []


def test_rows_of_a_feature_are_those_of_the_table(run):
    table = run.need("enrichment")
    for f in (0, 3, 9, 50):
        expected = table[table["feature"] == f]
        assert run.of("enrichment", f)["annotation"].tolist() == expected["annotation"].tolist()
    assert run.of("enrichment", 10**6).empty


def test_sets_are_told_from_the_file_names(run):
    assert run.sets("variants") == ["made_up"]
    assert run.sets("doses") == ["steer"]
    assert len(run.of_set("variants", "made_up")) == 60


def test_names_are_those_that_were_planted(run):
    named = names(run)
    assert named["annotation"].to_dict() == {f: m for f, m in MEANING.items() if f not in {8, 9}}
    assert best_named(run) in named.index


def test_a_name_is_what_exceeds_its_nulls_most():
    """A feature of second codon positions lies in coding sequences too, and those fill the genome: 0.85 − 0.35 > 0.87 − 0.71."""
    rows = pd.DataFrame(
        {"feature": 1, "annotation": ["CDS", "codon_position_2", "gene"], "f1_domain": [0.87, 0.85, 0.5], "f1_null95": [0.71, 0.35, np.nan], "f1_always": [0.61, 0.25, 0.61]}
    )  # fmt: skip
    assert by_margin(rows)["annotation"].tolist() == ["codon_position_2", "CDS", "gene"]


def test_what_may_not_carry_the_best_name_gets_no_lesser_one(run):
    assert closest(run).loc[8, "annotation"] == "intergenic"
    assert 8 not in names(run).index
    known = Known.of(run, 8)
    assert feature_text.feature_label(known) == "like intergenic"
    assert "a weak name" in feature_text.known_sentence(known)


def test_summary_has_a_row_for_every_feature_whatever_was_run(run, poor):
    full, bare = feature_summary(run), feature_summary(Run(poor))
    assert len(full) == len(bare) == N_FEATURES
    assert list(full.columns) == list(bare.columns)
    assert full.loc[6, "annotation"] == "tRNA"
    assert full.loc[9, "novel"]
    assert not bare["novel"].any()
    assert (bare["annotation"] == "").all()
    assert bare["f1_domain"].isna().all()


def test_a_dossier_says_what_it_is_and_against_what(run):
    d = feature_facts(run, 0)
    said = feature_text.sentence(d)
    row = run.need("concepts").query("feature == 0").iloc[0]
    assert said.startswith("Marks start codon. Of its held-out bases with an activation of at least 0.800, 9")
    assert f"{100 * row['recall_bp']:.1f}" in said
    assert "Replication: 2 of 2 checks hold." in said
    assert "AGGAGGTTATACATG" in said
    assert all(w.sequence[w.peak : w.peak + 3] == "ATG" for w in d.windows[:5])
    assert feature_text.cause(d.known).startswith(
        "Removing it at 80 active bases raises the negative log-likelihood of the bases that follow by 0.310 bits each"
    )
    assert ("genome rods", "holds") in [c[:2] for c in feature_text.checks(d.known)]
    assert any(c[1] == "could not be checked" for c in feature_text.checks(d.known))


def test_the_unnamed_feature_is_known_by_its_motif(run):
    known = Known.of(run, 9)
    assert feature_text.feature_label(known) == "enriched in intergenic"  # weak: it has no name
    assert known.name == {}
    assert known.consensus.endswith("GGATTCCGT")
    assert "novel" in feature_text.known_sentence(known)


def test_a_dead_feature_has_a_dossier_that_says_so(run):
    d = FeatureReader(run).of([DEAD[0]])[0]
    assert feature_text.sentence(d) == "Never active in this run: nothing can be said about it."
    assert feature_text.title(d) == "never active"
    assert d.windows == []
    assert "never active" in feature_text.text(d)


def test_without_enrichment_no_claim_is_made_of_annotations(poor):
    d = feature_facts(Run(poor), 0)
    assert feature_text.sentence(d) == "It was not compared with annotations in this run."
    assert feature_text.title(d) == "unnamed"


def test_the_most_active_features_of_a_bin_are_those_counted_by_hand(run, bare):
    _, codes = bare
    ids = [0, 6, 7, 9, 30, 41]
    found = most_active(run.codes, run.places.workspace, run.genomes.contigs, ids, bases=1_000, per_bin=3)
    places = run.places.workspace.locate(np.arange(run.codes.n_rows))
    table = run.places.workspace.table.iloc[places.segment]
    key = [f"{g} {c} {p // 1000}" for g, c, p in zip(table["genome"], table["chrom"], places.position, strict=True)]
    dense = np.maximum(codes["+"][:, ids].toarray(), codes["-"][:, ids].toarray())
    top = {k: dense[np.array(key) == k].max(axis=0) / dense.max(axis=0) for k in sorted(set(key))}
    middle = np.median(np.stack(list(top.values())), axis=0)
    number = 0
    for genome, chrom, length in run.genomes.contigs[["genome", "chrom", "length"]].itertuples(index=False):
        for b in range(-(-length // 1000)):
            low, high = found.bounds[number], found.bounds[number + 1]
            shares = top.get(f"{genome} {chrom} {b}", np.zeros(len(ids)))
            rank = np.where(shares > 0, shares - middle, -1)
            expected = [int(i) for i in np.argsort(-rank, kind="stable")[:3] if rank[i] > 0]
            assert found.row[low:high] == expected
            np.testing.assert_allclose(found.share[low:high], shares[expected], atol=6e-4)
            number += 1
    assert number == found.first[-1] == len(found.bounds) - 1


def test_bins_widen_where_the_genome_is_long(run):
    long = run.genomes.contigs.assign(length=[40_000_000, 14_000, 9_000])
    found = most_active(run.codes, run.places.workspace, long, [0], bases=500, per_bin=2)
    # 500 bases make 80,046 bins, 1,000 make 40,023, 2,000 make 20,012: still above 20,000
    assert found.bin == 4_000
    assert found.first[-1] == 10_000 + 4 + 3


def test_neighbours_are_those_of_scipy(run):
    from scipy.spatial.distance import cdist

    ids = np.array([3, 7, 12, 40, 41, 66])
    x = np.asarray(run.adata.X)[ids]
    distance = cdist(x, x, metric="cosine")
    found = similar(run, ids, 2)
    for i, f in enumerate(ids):
        order = [j for j in np.argsort(distance[i], kind="stable") if j != i][:2]
        assert [g for g, _ in found[f]] == ids[order].tolist()
        np.testing.assert_allclose([c for _, c in found[f]], 1 - distance[i][order], atol=1e-3)


def test_without_geometry_the_map_is_the_first_two_components(run):
    from sklearn.decomposition import PCA

    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 9)) * np.linspace(3, 1, 9)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    expected = PCA(2).fit_transform(unit)
    mine = principal(x)
    for k in range(2):
        assert abs(np.corrcoef(mine[:, k], expected[:, k])[0, 1]) == pytest.approx(1)
    across, up = feature_map(run, run.live)
    assert len(across) == len(up) == len(run.live)


def test_tracks_are_the_best_of_each_concept_first(run):
    chosen = tracked(run, TracksParams(most=12))
    assert {t.features[0] for t in chosen[:8]} == {f for f in MEANING if f not in {8, 9}}
    assert chosen[8].features == (9,)  # the novel one
    assert chosen[0].threshold == 0.8
    by_concept = tracked(run, TracksParams(by="concept", features=(3, 6, 9)))
    assert [(t.name, t.features) for t in by_concept] == [
        ("first codon position", (3,)),
        ("tRNA", (6,)),
        ("f9", (9,)),
    ]
    with pytest.raises(InputError, match="feature 500"):
        tracked(run, TracksParams(features=(500,)))


def test_every_feature_says_whether_another_seed_has_it(run):
    features = run.features["feature"].to_numpy()
    again = pd.DataFrame(
        {
            "feature": features,
            "live": True,
            "match": np.resize([1.0, 0.0, 0.5], len(features)),
            "match_cosine": 0.91,
            "match_correlation": 0.625,
            "partners": "",
        }
    )
    seeds = run.replaced({"found_again": again})
    shown = [{n: (v, m) for n, v, m in feature_text._table_facts(Known.of(seeds, f))}["Found again"] for f in (0, 1, 2)]
    assert [value for value, _ in shown] == ["yes", "no", "in 50.0\u202f% of seeds"]
    assert "cosine 0.91, activations r 0.62" in shown[0][1]
    summary = feature_summary(seeds)
    assert summary.loc[[0, 1, 2], "match"].tolist() == [1.0, 0.0, 0.5]
    unmeasured = run.replaced({"found_again": None})
    assert feature_summary(unmeasured)["match"].isna().all()
    assert "Found again" not in [n for n, *_ in feature_text._table_facts(Known.of(unmeasured, 0))]
