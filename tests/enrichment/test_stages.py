import json
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from photo51.config.enrichment import ConceptParams, EnrichParams, MotifParams, NoveltyParams, ReplicationParams
from photo51.enrichment.annotations.inputs import open_codes
from photo51.enrichment.annotations.residuals import shared_groups
from photo51.enrichment.association.stage import (
    Enrichment,
    enrich_provenance,
    enrich_shard,
    gather_parts,
    part_path,
    shared_path,
)
from photo51.enrichment.concepts.evaluation import Evaluation
from photo51.enrichment.concepts.stage import evaluated
from photo51.enrichment.motifs.stage import portray
from photo51.enrichment.novelty.explanation import distance_classes
from photo51.enrichment.novelty.known_readings import by_feature, explaining_readings, is_pure
from photo51.enrichment.novelty.ranking import PASSED, conformal_p, queue, strengths
from photo51.enrichment.novelty.stage import NoveltyEvidence, novelty
from photo51.enrichment.replication.checks import parts_of, replication_checks
from photo51.enrichment.replication.matching import matches
from photo51.io import read_table, write_table
from photo51.io.contracts.enrichment import ENRICHMENT
from photo51.types import InputError

PARAMS = EnrichParams(interval_blocks=1.0, chunk=4, rotated_features=6)
NOVELTY = NoveltyParams(min_n_eff=5, hidden=("tRNA", "promoter", "prophage", "rRNA"), null_features=20, top=4)


def _enrich(run, inputs, out, shards):
    made, stage = enrich_provenance(run.main, inputs, PARAMS), Enrichment(run.main, inputs, PARAMS)
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
    evaluation = Evaluation(inputs.workspace, inputs.classes(), inputs.bases, params)
    return evaluated(evaluation, inputs, run.main, random=run.random, enrichment=enriched)


def test_shards_change_no_byte(run, inputs, enriched):
    out = run.folder / "in_three"
    _enrich(run, inputs, out, 3)
    for name in (
        "enrichment.parquet",
        "calibration_qq.parquet",
        "adjusted_rates.parquet",
        "calibration.json",
    ):
        assert (out / name).read_bytes() == (run.out / name).read_bytes()


def test_shards_share_residuals_of_masks(run, inputs, enriched):
    """Two processes' worth of shards: the second finds all groups made; a file that changed would change p-values."""
    out = run.folder / "sharing"
    made = enrich_provenance(run.main, inputs, PARAMS)
    for i in range(2):
        stage = Enrichment(run.main, inputs, PARAMS, shared_path(out))
        write_table(enrich_shard(stage, i, 2, 1), part_path(out, i), ENRICHMENT, made)
        assert (stage.design._terms is None) == (i == 1)
        files = sorted(shared_path(out).glob("*.npy"))
        assert len(files) == sum(-(-len(f.readings) // 16) for f in stage.design.families())
    gather_parts(out, stage.store, made, PARAMS, 2)
    assert not shared_path(out).exists()
    assert (out / "enrichment.parquet").read_bytes() == (run.out / "enrichment.parquet").read_bytes()


def test_a_group_is_made_once_and_waited_for(tmp_path):
    """Four threads of eight groups each that take their time: every group is made by one of them."""
    calls = []

    def make(i):
        calls.append(i)
        time.sleep(0.01)
        return np.full((4, 16), i, dtype=np.int16)

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: shared_groups(tmp_path, [f"g{i}" for i in range(8)], make), range(4)))
    assert sorted(calls) == list(range(8))
    assert all([int(g[0, 0]) for g in groups] == list(range(8)) for groups in found)


def test_a_run_calibrates_itself_on_like_with_like(run, enriched):
    figures = json.loads((run.out / "calibration.json").read_text())
    assert figures["features_compared"] == 6
    assert figures["run_rotated_discoveries"] <= 1 < figures["run_real_discoveries"]
    assert figures["run_all_discoveries"] == int((enriched["q"] <= 0.05).sum())


def test_shards_that_are_missing_or_foreign_are_named(run, inputs, enriched):
    made, store = enrich_provenance(run.main, inputs, PARAMS), open_codes(run.main, inputs)
    with pytest.raises(InputError, match=r"1\.parquet.*no such file"):
        gather_parts(run.out, store, made, PARAMS, 2)
    with pytest.raises(InputError, match="another; delete it"):
        gather_parts(run.out, store, enrich_provenance(run.main, inputs, EnrichParams()), EnrichParams(), 1)
    half = run.folder / "half"
    write_table(enrich_shard(Enrichment(run.main, inputs, PARAMS), 0, 4, 1), part_path(half, 0), ENRICHMENT, made)
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
    table = replication_checks(
        open_codes(run.main, inputs), inputs, concepts, seeds, ReplicationParams(min_intervals=3, per_feature=3)
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
    found = novelty(open_codes(run.main, inputs), inputs, NoveltyEvidence(enriched, concepts, seeds, random), NOVELTY)
    table = found.queue.set_index("feature")
    assert table.loc[10, "gate"].startswith("dead")
    named = set(concepts.loc[concepts["named"] & (concepts["readout"] == "sae"), "feature"])
    assert named
    assert (table.loc[sorted(named), "gate"] == "agrees with an annotation by F1").all()
    assert sorted(table.loc[table["rank"] > 0, "rank"]) == list(range(1, int((table["gate"] == PASSED).sum()) + 1))
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
        "density": 0.01, "n_contigs": 9, "named": False, "top_loci": "", "explained_by": "",
    }  # fmt: skip
    return pd.DataFrame({**base, **columns})


def test_strength_is_the_loss_without_a_feature_where_it_was_measured():
    ablation = pd.DataFrame({"feature": [3, 0, 1], "places": 2, "firing_bases": 9, "dnll": [0.5, -0.1, 0.2]})
    found = strengths(np.array([1.0, 2.0, 0.5, 3.0]), np.array([100.0, 10.0, 1000.0, 50.0]), ablation)
    assert found["strength_by"].tolist() == ["ablation", "ablation", "activation", "ablation"]
    # ranks 1, 2, 3 of three by loss; mean activation x log n_eff: 4.61, 4.61, 3.45, 11.74, feature 2 the last of four
    assert found["strength"].tolist() == [1 / 3, 2 / 3, 1 / 4, 1.0]
    assert found["activation"].tolist() == [2.5 / 4, 2.5 / 4, 1 / 4, 1.0]  # the first two are equal


def _controls(n=99, **columns):
    """Features of a random-weight model, of which no seed is there."""
    return pd.DataFrame(
        {
            **_parts().iloc[[0] * n].reset_index(drop=True),
            "feature": range(n),
            "seed_match_r": np.nan,
            **columns,
        }
    )


def test_novel_is_judged_by_what_was_measured_for_both_and_by_what_is_printed():
    # controls reach 0.5 x 0.9. By ablation the first feature is weak, by activation the second: neither stands out; the third does
    own = _parts(strength=[0.1, 0.9, 0.9], activation=[0.9, 0.1, 0.9], strength_by="ablation")
    table = queue(own, NoveltyParams(), _controls(activation=0.5, strength=0.5)).set_index("feature")
    assert table["novel"].sort_index().tolist() == [False, False, True]
    assert table.loc[2, "p"] == 1 / 100
    assert table.loc[2, "q"] == pytest.approx(3 / 100)  # the smallest of three p-values
    assert table.loc[0, "p"] == table.loc[1, "p"] == 1.0
    assert (table["n_controls"] == 99).all()


def test_a_feature_counts_among_its_own_controls():
    # by hand: of 1, 2, 2, 5 four are as high as 1, three as 2, one as 3 and as 5, none as 6; itself is counted
    p = conformal_p(np.array([1.0, 2.0, 3.0, 5.0, 6.0]), np.array([1.0, 2.0, 2.0, 5.0]))
    assert p.tolist() == [1.0, 0.8, 0.4, 0.4, 0.2]


def test_runs_without_anything_to_find_seldom_call_a_feature_novel():
    rng = np.random.default_rng(5)
    called = 0
    for _ in range(200):
        strength = rng.random(360)
        own = pd.DataFrame({**_parts().iloc[[0] * 60].reset_index(drop=True), "feature": range(60)})
        own = own.assign(seed_match_r=1.0, strength=strength[:60], activation=strength[:60])
        null = _controls(300, strength=strength[60:], activation=strength[60:])
        called += queue(own, NoveltyParams(), null)["novel"].any()
    assert called <= 19  # 200 runs at 0.05: more than 19 have a chance below 0.004


def test_what_is_not_reproducible_or_known_in_any_reading_is_not_ranked():
    own = _parts(
        seed_match_r=[0.49, 0.5, 1.0],
        explained_by=["", "", "codon_position_2 antisense (F1 0.05, precision 0.93)"],
    )
    table = queue(own, NoveltyParams(), _controls(d2_explained=0.9)).set_index("feature")
    assert table.loc[0, "gate"] == "matched in another seed with r below 0.5"
    assert table.loc[1, "gate"] == PASSED
    assert table.loc[2, "gate"] == "explained by a reading of a known class"


def test_without_another_seed_nothing_is_called_novel():
    table = queue(_parts(seed_match_r=np.nan), NoveltyParams(), _controls(d2_explained=0.9))
    assert (table["gate"] == PASSED).all()
    assert (table["q"] <= 0.05).all()
    assert not table["novel"].any()


def test_codon_positions_read_backwards_are_known(run, inputs, planted):
    """A few second positions of codons, marked on the other strand: recall is tiny, precision 1."""
    rng = np.random.default_rng(12)
    n = len(planted.bases)
    sense = np.zeros(2 * n, dtype=bool)
    for start, end, strand in planted.genes.tolist():  # frame 0: the second base of a codon, from either end
        rows = np.arange(end - 2, start - 1, -3) + n if strand else np.arange(start + 1, end, 3)
        sense[rows] = True
    antisense = np.concatenate([sense[n:], sense[:n]])
    some = rng.random(2 * n) < 0.01
    columns = [
        (antisense & some).astype(np.float32),
        (sense & some).astype(np.float32),
        np.roll(antisense & some, 1).astype(np.float32),
    ]
    columns.append((rng.random(2 * n) < 0.002).astype(np.float32))
    store = open_codes(run.codes("backwards", sp.csc_array(np.stack(columns, axis=1))), inputs)
    found = explaining_readings(store, np.arange(4), inputs, NOVELTY)
    told = {(e.feature, e.annotation, e.orientation) for e in found}
    assert (0, "codon_position_2", "antisense") in told
    assert (1, "codon_position_2", "sense") in told
    # one base on in forward coordinates: the first position of a gene on one strand, the third of a gene on the other
    assert not [x for x in told if x[0] == 2 and x[1] == "codon_position_2"]
    assert any(x[0] == 2 and x[2] == "antisense" for x in told)
    assert not any(f == 3 for f, _, _ in told)
    assert "codon_position_2 antisense (F1 0." in by_feature(found, 4)[0]
    assert "codon_position_2" not in by_feature(found, 4, without=["codon_position_2"])[0]


def test_purity_by_hand():
    # 20 runs inside of 20: the lower end of the 95 % interval is 0.025 ** (1 / 20) = 0.8316; chance 0.1 leaves (0.8316 - 0.1) / 0.9 = 0.813
    mask = np.zeros(1000, dtype=bool)
    mask[::10] = True
    active = np.arange(0, 200, 10)
    assert is_pure(mask[active], 0.1, active, 0.81)
    assert not is_pure(mask[active], 0.1, active, 0.82)
    # one run of 20 neighbours inside is one observation
    wide = np.zeros(1000, dtype=bool)
    wide[:100] = True
    assert not is_pure(wide[:20], 0.1, np.arange(20), 0.1)
    assert not is_pure(np.zeros(0, dtype=bool), 0.1, np.zeros(0, dtype=np.int64), 0.1)


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


def test_distances_to_places_by_hand():
    segments = np.array([0, 10, 14])
    places = np.array([4, 14 + 6])  # row 4 of strand +, row 6 of strand -
    got = distance_classes(places, segments, (0, 2, 5))
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
