import json

import numpy as np
import pandas as pd
import pytest

from photo51.config.enrichment import ConceptParams, EnrichParams, LedgerParams, MotifParams, NoveltyParams
from photo51.enrichment.concept_stage import examined
from photo51.enrichment.concepts import Exam
from photo51.enrichment.enrich_stage import Enrichment, enrich_shard, gather_parts, made_by, part_path
from photo51.enrichment.explanation import distance_classes
from photo51.enrichment.inputs import open_codes
from photo51.enrichment.ledger import ledger, parts_of
from photo51.enrichment.matching import matches
from photo51.enrichment.motif_stage import portray
from photo51.enrichment.novelty import PASSED, queue, strengths
from photo51.enrichment.novelty_stage import Evidence, novelty
from photo51.io import read_table, write_table
from photo51.io.contracts.enrichment import ENRICHMENT
from photo51.types import InputError

PARAMS = EnrichParams(interval_blocks=1.0, chunk=4, rotated_features=6)
NOVELTY = NoveltyParams(min_n_eff=5, hidden=("tRNA", "promoter", "prophage", "rRNA"), null_features=20, top=4)


def _enrich(run, inputs, out, shards):
    made, stage = made_by(run.main, inputs, PARAMS), Enrichment(run.main, inputs, PARAMS)
    for i in range(shards):
        write_table(enrich_shard(stage, i, shards, 1), part_path(out, i), ENRICHMENT, made)
    gather_parts(out, stage.store, made, PARAMS, shards)


@pytest.fixture(scope="module")
def enriched(run, inputs):
    _enrich(run, inputs, run.out, 1)
    return read_table(run.out / "enrichment.parquet", ENRICHMENT)


@pytest.fixture(scope="module")
def concepts(run, inputs, enriched):
    params = ConceptParams(min_domains=3, bootstraps=60, null_rotations=100, per_class=2)
    exam = Exam(inputs.workspace, inputs.classes(), inputs.bases, params)
    return examined(exam, inputs, run.main, random=run.random, enrichment=enriched)


def test_shards_change_no_byte(run, inputs, enriched):
    out = run.folder / "in_three"
    _enrich(run, inputs, out, 3)
    for name in ("enrichment.parquet", "calibration_qq.parquet", "calibration.json"):
        assert (out / name).read_bytes() == (run.out / name).read_bytes()


def test_a_run_calibrates_itself_on_like_with_like(run, enriched):
    figures = json.loads((run.out / "calibration.json").read_text())
    assert figures["features_compared"] == 6
    assert figures["run_rotated_discoveries"] <= 1 < figures["run_real_discoveries"]
    assert figures["run_all_discoveries"] == int((enriched["q"] <= 0.05).sum())


def test_shards_that_are_missing_or_foreign_are_named(run, inputs, enriched):
    made, store = made_by(run.main, inputs, PARAMS), open_codes(run.main, inputs)
    with pytest.raises(InputError, match=r"1\.parquet.*no such file"):
        gather_parts(run.out, store, made, PARAMS, 2)
    with pytest.raises(InputError, match="another; delete it"):
        gather_parts(run.out, store, made_by(run.main, inputs, EnrichParams()), EnrichParams(), 1)
    half = run.folder / "half"
    write_table(
        enrich_shard(Enrichment(run.main, inputs, PARAMS), 0, 4, 1), part_path(half, 0), ENRICHMENT, made
    )
    with pytest.raises(InputError, match="feature 3 is missing"):
        gather_parts(half, store, made, PARAMS, 1)


def test_codes_of_another_axis_are_refused(run, inputs, planted):
    codes = run.folder / "codes" / "main"
    short = type(inputs)(
        inputs.folder, inputs.workspace.subset([0, 1])[0], inputs.annotations, inputs.contigs, planted.bases
    )
    with pytest.raises(InputError, match=r"need codes of the 65,536 rows.*got 262,144 rows"):
        open_codes(codes, short)


def test_features_are_matched_with_their_own_copies(run, inputs):
    """The other dictionary has a fifth of the activations missing and the order reversed."""
    found = matches(open_codes(run.main, inputs), open_codes(run.seed1, inputs))
    alive = [0, 1, 2, 3, 4]
    assert found.other[alive].tolist() == [10, 9, 8, 7, 6]
    assert found.mutual[alive].all()
    assert (found.r[alive] > 0.8).all()
    assert found.other[10] == -1  # dead
    assert not found.mutual[10]


def test_names_survive_where_they_should(run, inputs, concepts):
    seeds = {"seed1": open_codes(run.seed1, inputs), "random": open_codes(run.random, inputs)}
    table = ledger(
        open_codes(run.main, inputs), inputs, concepts, seeds, LedgerParams(min_intervals=3, per_feature=3)
    )
    own = table[(table["feature"] == 1) & (table["annotation"] == "promoter") & (table["strand"] == "sense")]
    assert set(own["check"]) == {"strand", "split", "seed"}
    fate = own.set_index("against")["survives"]
    assert fate[["+", "-", "train", "test", "seed1"]].all()
    assert not fate["random"]
    assert own.set_index("against").loc["seed1", "other"] == 9
    assert own.set_index("against").loc["random", "p"] == 1
    halves = own.set_index("against").loc[["+", "-"], "n_intervals"].sum()
    assert halves == (inputs.annotations["kind"] == "promoter").sum()


def test_parts_of_the_axis(workspace):
    found = {(p.check, p.against): len(p.rows) for p in parts_of(workspace)}
    assert found == {
        ("strand", "+"): 262_144, ("strand", "-"): 262_144,
        ("split", "train"): 3 * 32_768, ("split", "select"): 2 * 32_768, ("split", "test"): 3 * 32_768,
    }  # fmt: skip


def test_the_queue_holds_what_nothing_names(run, inputs, enriched, concepts):
    seeds, random = [open_codes(run.seed1, inputs)], open_codes(run.random, inputs)
    found = novelty(
        open_codes(run.main, inputs), inputs, Evidence(enriched, concepts, seeds, random), NOVELTY
    )
    table = found.queue.set_index("feature")
    assert table.loc[10, "gate"].startswith("dead")
    named = set(concepts.loc[concepts["named"] & (concepts["readout"] == "sae"), "feature"])
    assert named
    assert (table.loc[sorted(named), "gate"] == "named").all()
    assert sorted(table.loc[table["rank"] > 0, "rank"]) == list(
        range(1, int((table["gate"] == PASSED).sum()) + 1)
    )
    assert (table["missing"].str.contains("window_artifact")).all()
    hidden = found.hidden.set_index("annotation")
    assert hidden.loc["tRNA", "recovered"]
    assert hidden.loc["tRNA", "feature"] == 2
    assert hidden.loc["promoter", "recovered"]
    assert hidden.loc["rRNA", "status"] == "not annotated in the workspace"


def _parts(**columns):
    base = {
        "feature": [0, 1, 2], "seed_match_r": 0.9, "strength": 0.9, "strength_by": "activation", "activation": 0.9, "d2_explained": 0.1,
        "best_annotation": "", "best_f1": np.nan, "repeat_frac": 0.0, "window_artifact": np.nan, "n_eff": 100.0,
        "density": 0.01, "n_contigs": 9, "named": False, "top_loci": "",
    }  # fmt: skip
    return pd.DataFrame({**base, **columns})


def test_strength_is_the_loss_without_a_feature_where_it_was_measured():
    ablation = pd.DataFrame({"feature": [3, 0, 1], "places": 2, "firing_bases": 9, "dnll": [0.5, -0.1, 0.2]})
    found = strengths(np.array([1.0, 2.0, 0.5, 3.0]), np.array([100.0, 10.0, 1000.0, 50.0]), ablation)
    assert found["strength_by"].tolist() == ["ablation", "ablation", "activation", "ablation"]
    # ranks 1, 2, 3 of three by loss; mean activation x log n_eff: 4.61, 4.61, 3.45, 11.74, feature 2 the last of four
    assert found["strength"].tolist() == [1 / 3, 2 / 3, 1 / 4, 1.0]
    assert found["activation"].tolist() == [2.5 / 4, 2.5 / 4, 1 / 4, 1.0]  # the first two are equal


def test_the_null_is_met_on_its_own_measure_of_strength():
    # the random-weight model has no ablation: 0.9 × 0.9 × 0.9 by activation, though by ablation the first feature is weak
    own = _parts(strength=[0.1, 0.9, 0.9], activation=[0.9, 0.1, 0.9], strength_by="ablation")
    made = queue(own, NoveltyParams(), _parts(activation=0.5, strength=0.5)).set_index("feature")
    assert made["novel"].sort_index().tolist() == [True, False, True]
    assert made.loc[0, "novelty"] < made.loc[1, "novelty"]


def test_score_and_order_by_hand():
    table = queue(_parts(seed_match_r=[0.5, 1.0, 1.0], named=[False, False, True]), NoveltyParams())
    assert table["novelty"].tolist() == pytest.approx([0.5 * 0.9 * 0.9, 0.81, 0.81])
    assert table["rank"].tolist() == [2, 1, 0]
    assert table["null_q95"].isna().all()
    assert not table["novel"].any()
    assert set(table["missing"]) == {"window_artifact"}


def test_what_is_on_nearly_everywhere_marks_no_place():
    table = queue(_parts(density=[0.1, 0.2, 0.3]), NoveltyParams())
    assert table["gate"].tolist() == [PASSED, PASSED, "active at more than 20% of the bases"]


def test_control_compares_what_both_have():
    """Without a second seed of the random-weight model, r of seeds is left out on both sides: 0.81 against 0.405."""
    null = _parts(seed_match_r=np.nan, d2_explained=0.55)
    table = queue(_parts(seed_match_r=[0.1, 1.0, 1.0], n_eff=[100, 100, 1]), NoveltyParams(), null)
    assert table["null_q95"].tolist() == pytest.approx([0.9 * 0.45] * 3)
    assert table["novel"].tolist() == [True, True, False]


def test_distances_to_places_by_hand():
    stretches = np.array([0, 10, 14])
    places = np.array([4, 14 + 6])  # row 4 of strand +, row 6 of strand -
    got = distance_classes(places, stretches, (0, 2, 5))
    assert got[:14].tolist() == [4, 4, 4, 3, 0, 0, 1, 1, 1, 2, 6, 6, 6, 6]
    assert got[14 + 6] == 0
    assert got[14 + 4] == 1  # two bases further in the reading direction of strand -
    assert got[14 + 8] == 4


def test_portraits_of_all_features(run, inputs, enriched):
    found = portray(open_codes(run.main, inputs), inputs, MotifParams(null_logos=20), enrichment=enriched)
    assert found.shapes["feature"].tolist() == list(range(11))
    assert found.shapes["shape"].iloc[10] == "dead"
    assert set(found.profiles.loc[found.profiles["feature"] == 1, "annotation"]) >= {"promoter"}
    assert found.matches.empty
