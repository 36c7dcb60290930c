import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.metrics import average_precision_score, roc_auc_score

from photo51.config.enrichment import ConceptParams
from photo51.enrichment.annotations.classes import annotation_classes
from photo51.enrichment.annotations.readout import Readout, kmer_readout
from photo51.enrichment.concepts.evaluation import Evaluation, evaluate, mark_best
from photo51.enrichment.concepts.summary import gather_concepts, headline, summarise_concepts

PARAMS = ConceptParams(min_domains=3, bootstraps=60, null_rotations=100, per_class=2)


@pytest.fixture(scope="module")
def evaluation(workspace, annotations, planted):
    return Evaluation(workspace, annotation_classes(workspace, annotations), planted.bases, PARAMS)


@pytest.fixture(scope="module")
def readout(features):
    return Readout("sae", tuple(f"f{i}" for i in range(11)), features, np.arange(11))


@pytest.fixture(scope="module")
def concepts(evaluation, readout):
    return evaluate(evaluation, readout)


def _best(concepts, annotation, strand="sense"):
    rows = concepts[(concepts["annotation"] == annotation) & (concepts["strand"] == strand) & concepts["best"]]
    return rows.iloc[0]


def test_planted_features_are_chosen_and_held_out_well(concepts):
    for features, annotation in (
        ({0}, "TFBS"),
        ({0, 1}, "promoter"),
        ({2}, "tRNA"),
    ):  # sites lie in promoters
        row = _best(concepts, annotation)
        assert row["feature"] in features
        assert row["f1_domain"] > row["f1_null95"]
        assert row["f1_domain"] > row["f1_always"]
        assert row["auroc"] > 0.55
        assert row["beats_kmer"]


def test_metrics_are_those_of_the_test_rows(concepts, evaluation, features):
    row = _best(concepts, "promoter")
    rows = np.flatnonzero(np.tile(evaluation.test, 2))
    scores = features[:, [row["feature"]]].toarray()[rows, 0]
    labels = next(c for c in evaluation.classes if c.name == "promoter").mask[rows]
    assert row["auprc"] == pytest.approx(average_precision_score(labels, scores))
    assert row["auroc"] == pytest.approx(roc_auc_score(labels, scores))
    assert row["auprc_baseline"] == pytest.approx(labels.mean())
    called = scores >= row["threshold"]
    assert row["precision_bp"] == pytest.approx(labels[called].mean())
    assert row["recall_bp"] == pytest.approx(called[labels].mean())
    share = labels.mean()
    assert row["f1_always"] == pytest.approx(2 * share / (1 + share))


def test_test_rows_never_decide(evaluation, readout, concepts):
    """Scrambling activations on test changes no choice: same units, same thresholds."""
    matrix = readout.matrix.toarray()
    rng = np.random.default_rng(0)
    rows = np.flatnonzero(np.tile(evaluation.workspace.split_mask("test"), 2))
    matrix[rows] = matrix[rng.permutation(rows)]
    again = evaluate(evaluation, Readout("sae", readout.units, sp.csc_array(matrix), readout.ids))
    columns = ["feature", "annotation", "strand", "threshold", "f1_select", "best"]
    again, before = (t[t["evaluation"] == "held-out blocks"] for t in (again, concepts))
    assert again[columns].equals(before[columns])
    assert not again["f1_domain"].equals(before["f1_domain"])


def test_classes_with_few_intervals_say_so(evaluation, concepts):
    status = dict(
        zip([(evaluation.class_of(r).name) for r in range(len(evaluation.readings))], evaluation.status, strict=True)
    )
    assert status["prophage"] == "1 instance: one to choose on and one to judge on are needed"
    assert "prophage" not in set(concepts["annotation"])


def test_names_need_the_null_and_composition(evaluation, readout, concepts):
    assert not concepts["named"].any()  # no table of q-values, no name
    table = concepts[["feature", "annotation", "strand"]].assign(q=1e-6, q_adj_comp=1e-4)
    named = evaluate(evaluation, readout, table)
    row = _best(named, "tRNA")
    assert row["named"] == (row["f1_domain"] >= 0.3)
    composed = evaluate(evaluation, readout, table.assign(q_adj_comp=0.5))
    assert not composed["named"].any()
    assert not composed["beats_kmer"].any()


def test_kmers_are_a_readout_like_any_other(evaluation, concepts, planted):
    kmers = kmer_readout(planted.bases, evaluation.segments)
    table = gather_concepts([concepts, evaluate(evaluation, kmers)])
    assert table.groupby(["readout", "annotation", "strand"])["best"].sum().eq(1).all()
    summary = summarise_concepts(evaluation, table)
    assert len(summary) == len(evaluation.readings)
    row = summary[summary["annotation"] == "TFBS"].iloc[0]
    assert row["feature"] == 0
    assert row["f1_domain"] > row["f1_kmer"]
    assert "f1_neuron" not in summary.columns
    figures = headline(summary)
    assert figures["concepts_scored"] == (summary["status"] == "scored").sum()
    assert 0.5 <= figures["sae_beats_kmer_share"] <= 1


def test_a_kmer_model_knows_start_codons_no_better_than_sequence_allows(evaluation):
    """Planted start codons have no sequence of their own: the k-mer model stays near the prevalence."""
    reading = next(r for r in range(len(evaluation.readings)) if evaluation.class_of(r).name == "start_codon")
    kmer = evaluation.baseline(reading)
    share = evaluation.on_test.bases[reading] / (2 * evaluation.test.sum())
    assert kmer.auprc < 5 * share
    assert len(kmer.draws) == 60


def test_the_best_of_parts_is_the_best_of_all(concepts):
    halves = [concepts[concepts["feature"] < 5], concepts[concepts["feature"] >= 5]]
    parts = [mark_best(h) for h in halves]
    columns = ["annotation", "strand", "readout", "feature"]
    want = gather_concepts([concepts])
    got = gather_concepts(parts)
    assert got[got["best"]][columns].reset_index(drop=True).equals(want[want["best"]][columns].reset_index(drop=True))


def test_a_silent_readout_gives_an_empty_table(evaluation):
    silent = Readout("sae", ("f0",), sp.csc_array((2 * evaluation.workspace.n_rows, 1), dtype=np.float32), np.arange(1))
    assert len(evaluate(evaluation, silent)) == 0


def test_codon_positions_of_few_coding_sequences_are_not_judged_by_whole_intervals(workspace, annotations, planted):
    """Other classes with as few intervals are cross-validated by theirs; of a codon position they are those of CDS."""
    few = PARAMS.model_copy(update={"min_domains": 10_000})
    evaluation = Evaluation(workspace, annotation_classes(workspace, annotations), planted.bases, few)
    positions = {r for r in range(len(evaluation.readings)) if evaluation.class_of(r).frame > 0}
    assert len(positions) >= 3
    assert evaluation.plans
    assert not positions & set(evaluation.plans)
    assert all("at least 10000 are needed" in evaluation.status[r] for r in positions)
