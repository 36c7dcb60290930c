"""Evidence cards: what is cited carries the score, and every number can be read again where it came from."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from photo51 import theme
from photo51.biomarkers.cards.evidence import (
    BANNER,
    Calibrator,
    CardSubject,
    JudgedScores,
    fold_weights,
    make_cards,
    most_likely,
)
from photo51.biomarkers.cards.files import file_name, verify_card, write_cards
from photo51.biomarkers.cards.known import FeatureCard, read_known
from photo51.biomarkers.cards.layout import overlapping_texts
from photo51.biomarkers.cards.picture import card_picture
from photo51.biomarkers.contrasts.classify import classify
from photo51.config.biomarkers import BiomarkersParams, CardsParams
from photo51.io import provenance, write_table
from photo51.io.contracts.biomarkers import VARIANT_EFFECTS
from photo51.io.contracts.enrichment import CONCEPTS
from photo51.io.contracts.features import TOP_WINDOWS
from photo51.types import InputError

from .toy import PARAMS, comparison_of, planted

N_CARDS = 150


@pytest.fixture(scope="module")
def world():
    found = planted(0, n=1200, n_genes=40)
    comparison = comparison_of(found)
    return found, comparison, classify(comparison, PARAMS)


def _subject(comparison, rows):
    return CardSubject(comparison.variants.iloc[rows], comparison.genes[rows], comparison.deltas["near"][rows])


def _explain(world, rows, **params):
    _, comparison, judged = world
    return make_cards(
        _subject(comparison, rows), comparison, judged.scores, judged.probes, CardsParams(**params),
        facts={7: FeatureCard("start codon")}, settings=PARAMS,
    )  # fmt: skip


@pytest.fixture(scope="module")
def made(world):
    rows = np.flatnonzero(world[0].cause >= 0)[:N_CARDS]
    return rows, _explain(world, rows)


def test_the_planted_cause_is_cited_first(world, made):
    rows, found = made
    first = found.features[found.features["rank"] == 1].set_index("variant")["feature"]
    top = first.reindex(world[1].variants["variant"].iloc[rows]).to_numpy()
    assert (top == world[0].cause[rows]).mean() >= 0.95


def test_deleting_what_is_cited_takes_the_score_away_and_random_features_do_not(made):
    cards = made[1].cards
    assert cards["faithfulness"].median() >= 0.8
    assert cards["random_faithfulness"].median() < 0.6


def test_a_deleted_score_is_the_probe_without_these_columns(world, made):
    """Worked from the probes table alone: set the cited Δ to 0 and add up again."""
    rows, found = made
    _, comparison, judged = world
    card = found.cards.iloc[3]
    cited = found.features[found.features["variant"] == card["variant"]]
    fold = judged.scores["fold"].iloc[rows[3]]
    probe = judged.probes[(judged.probes["fold"] == fold) & (judged.probes["method"] == "stacked")]
    weights = probe[probe["column"] >= 0].set_index("column")["weight"]
    delta = comparison.deltas["near"][rows[3]].toarray().ravel()
    attributed = sum(delta[c] * w for c, w in weights.items())
    delta[cited["feature"].to_numpy()] = 0.0
    left = sum(delta[c] * w for c, w in weights.items())
    assert card["attributed"] == pytest.approx(attributed, abs=1e-5)
    assert card["deleted"] == pytest.approx(left, abs=1e-5)
    assert card["score"] == pytest.approx(judged.scores["stacked"].iloc[rows[3]], abs=1e-5)


def test_a_variant_that_changes_unseen_features_is_out_of_domain(world):
    _, comparison, judged = world
    deltas = comparison.deltas["near"].tolil(copy=True)
    deltas[:, 119] = 0
    known = comparison._replace(deltas={"near": sparse.csr_matrix(deltas)})
    odd = sparse.csr_matrix(([5.0], ([0], [119])), shape=(1, deltas.shape[1]), dtype=np.float32)
    subject = CardSubject(comparison.variants.iloc[:1], np.array(["a new gene"]), odd)
    found = make_cards(subject, known, judged.scores, judged.probes, CardsParams(), facts={}, settings=PARAMS)
    card = found.cards.iloc[0]
    assert card["out_of_domain"]
    assert card["unseen"] == 1.0
    assert np.isnan(card["faithfulness"]) or card["attributed"] == 0


def test_neighbours_are_disease_variants_elsewhere_that_change_the_same(world, made):
    found = made[1]
    variants = world[1].variants.set_index("variant")
    near = found.neighbours
    assert (variants.loc[near["neighbour"], "label"] == "pathogenic").all()
    assert (near["variant"] != near["neighbour"]).all()
    assert near["similarity"].between(0, 1 + 1e-6).all()
    cause = dict(zip(world[1].variants["variant"], world[0].cause, strict=True))
    first = near[near["rank"] == 1]
    same = [cause[a] == cause[b] for a, b in zip(first["variant"], first["neighbour"], strict=True)]
    assert np.mean(same) > 0.8


def test_a_gene_no_fold_held_out_gets_the_mean_of_all_probes():
    probes = pd.DataFrame(
        [
            {"fold": f, "method": "stacked", "term": t, "feature": -1 if c < 0 else c, "column": c, "weight": w}
            for f, t, c, w in [(0, "intercept", -1, 1.0), (1, "intercept", -1, 3.0), (0, "sense", 2, 4.0), (1, "llr", -1, -1.0)]
        ]
    )  # fmt: skip
    found = fold_weights(probes, "stacked", -1, 4)
    assert (found.intercept, found.llr) == (2.0, -0.5)
    assert found.columns.toarray().tolist() == [[0.0, 0.0, 2.0, 0.0]]
    with pytest.raises(InputError, match="fold 7"):
        fold_weights(probes, "stacked", 7, 4)


def test_calibration_is_right_on_scores_that_are_log_odds():
    rng = np.random.default_rng(0)
    score = rng.normal(0, 1.5, 6000)
    label = (rng.random(6000) < 1 / (1 + np.exp(-score))).astype(int)
    table = pd.DataFrame({"stacked": score, "label": label, "fold": np.arange(6000) % 5})
    calibrated = Calibrator(table, "stacked", 8)
    for value in (-1.0, 0.0, 1.0):
        assert calibrated.probability(value, 2) == pytest.approx(1 / (1 + np.exp(-value)), abs=0.03)
    bins = calibrated.table
    assert ((bins["observed_lo"] <= bins["predicted"]) & (bins["predicted"] <= bins["observed_hi"])).mean() >= 0.75
    assert calibrated.probability(50.0, 2) <= bins["observed_hi"].max()


def test_likelihood_ratio_is_odds_over_odds(made):
    card = made[1].cards.iloc[0]
    p, prior = card["probability"], card["prevalence"]
    assert card["likelihood_ratio"] == pytest.approx(p / (1 - p) * (1 - prior) / prior)


def test_files_cite_every_number_and_a_changed_table_is_found_out(world, made, tmp_path):
    variants, found = world[0].variants, made[1]
    write_table(variants, tmp_path / "variants.parquet", VARIANT_EFFECTS, provenance("test"))
    paths = write_cards(found, tmp_path / "variants.parquet", tmp_path, provenance("test"))
    assert len(paths) == N_CARDS
    card = json.loads(paths[0].read_text())
    assert card["banner"] == BANNER
    assert "research" in BANNER.lower()
    assert verify_card(paths[0], tmp_path / "variants.parquet") > 25
    card["score"]["score"]["value"] += 1e-6
    paths[0].write_text(json.dumps(card))
    with pytest.raises(InputError, match="column 'score'"):
        verify_card(paths[0], tmp_path / "variants.parquet")
    write_table(variants.assign(llr=0.0), tmp_path / "variants.parquet", VARIANT_EFFECTS, provenance("test"))
    with pytest.raises(InputError, match="SHA-256"):
        verify_card(paths[1], tmp_path / "variants.parquet")
    assert ":" not in file_name("chr:12:A>G")
    assert "/" not in file_name("contig/1:12:A>G")
    # two deletions of 400 bases that differ at their end
    long = [f"chr:12:{'A' * 400}{end}>A" for end in "CG"]
    assert len({file_name(name) for name in long}) == 2
    assert all(len(f"{file_name(name)}.json") < 255 for name in long)


def test_the_likeliest_cases_come_first(world):
    scores = world[2].scores
    names = most_likely(scores, "stacked", 3)
    cases = scores[scores["label"] == 1]
    assert cases.set_index("variant").loc[names, "stacked"].tolist() == sorted(cases["stacked"])[::-1][:3]


def test_what_is_known_of_features_comes_from_concepts_places_and_by_hand(tmp_path):
    blank = {"str": "", "int": 0, "float": 0.0, "bool": False}
    concept = {name: blank[c.kind] for name, c in CONCEPTS.columns.items()}
    rows = [
        {**concept, "readout": "sae", "feature": 3, "annotation": "start_codon", "f1_domain": 0.4, "named": True},
        {**concept, "readout": "sae", "feature": 3, "annotation": "tRNA", "f1_domain": 0.7, "named": True},
        {**concept, "readout": "sae", "feature": 4, "annotation": "CDS", "f1_domain": 0.9, "named": False},
        {**concept, "readout": "neurons", "feature": 5, "annotation": "CDS", "f1_domain": 0.9, "named": True},
    ]  # fmt: skip
    write_table(pd.DataFrame(rows), tmp_path / "concepts.parquet", CONCEPTS, provenance("test"))
    place = {name: blank[c.kind] for name, c in TOP_WINDOWS.columns.items()}
    rows = [{**place, "feature": 3, "rank": r, "chrom": "chr", "start": s, "end": s + 5, "strand": "-"} for r, s in ((1, 7), (0, 1999))]  # fmt: skip
    write_table(pd.DataFrame(rows), tmp_path / "top.parquet", TOP_WINDOWS, provenance("test"))
    by_hand = pd.DataFrame({"feature": [9], "name": ["mine"], "logo": ["a.png"]})
    found = read_known(by_hand, concepts=tmp_path / "concepts.parquet", places=tmp_path / "top.parquet")
    assert found == {3: FeatureCard("tRNA", "chr:2,000-2,004 (−)"), 9: FeatureCard("mine", logo=Path("a.png"))}
    with pytest.raises(InputError, match="'name'"):
        read_known(pd.DataFrame({"feature": [1]}))


LONG = "NC_000962.3:2155168:" + "ACGT" * 12 + ">" + "TGCA" * 20
NAMES = [
    "a long name of a feature that marks the starts of ribosomal protein genes of enterobacteria",
    "",
    "tRNA",
    "$x^2$ motif",
]


def _drawn(world, found, i=0, **changes):
    """The picture of a card whose texts are as long as texts get, or as given."""
    card = {**found.cards.iloc[i].to_dict(), **changes}
    variant = {
        **world[0].variants.iloc[int(card["row"])].to_dict(), "gene": "a_gene_with_a_name_of_many_letters", "change": "p.Ser315Thr",
        "variant": LONG, "drugs": "Isoniazid, rifampicin, para-aminosalicylic acid, ethambutol and several others",
        "consequence": "splice_polypyrimidine_tract_variant",
    }  # fmt: skip
    of = found.cards["variant"].iloc[i]
    cited = found.features[found.features["variant"] == of].reset_index(drop=True)
    cited["name"] = [NAMES[k % len(NAMES)] for k in range(len(cited))]
    cited["locus"] = "NC_000962.3:2,155,168-2,155,999(-)"
    near = found.neighbours[found.neighbours["variant"] == of].assign(neighbour=LONG)
    of_set = pd.DataFrame({"llr": world[1].variants["llr"], "label": world[1].labels})
    judged = world[2].classifiers[
        (world[2].classifiers["stratum"] == "all") & (world[2].classifiers["method"] == "stacked")
    ]
    tables = {
        "features": cited,
        "neighbours": near,
        "calibration": found.calibration,
        "set": of_set,
        "probe": judged,
    }
    return card_picture(card, variant, tables)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"out_of_domain": True, "distance": np.nan, "faithfulness": np.nan},
        {"shows_probability": False, "probability": np.nan, "withheld": "within a gene, the score tells cases from controls no better than chance"},
        {"probability": 0.002, "likelihood_ratio": 1e-4, "conformal": "neither", "outcome": "resistance to para-aminosalicylic acid"},
    ],
)  # fmt: skip
def test_no_text_of_a_card_overlaps_another_or_leaves_the_page(world, made, changes):
    for i in range(2):
        figure = _drawn(world, made[1], i, **changes)
        assert overlapping_texts(figure) == []
        theme.close(figure)


def test_the_check_sees_overlap_and_what_leaves_the_page():
    with theme.style():
        figure, ax = plt.subplots(figsize=(2, 2), layout="none")
        ax.set_axis_off()
        figure.text(0.1, 0.5, "one text")
        figure.text(0.12, 0.5, "another text")
        figure.text(0.9, 0.1, "leaves the page")
    wrong = overlapping_texts(figure)
    theme.close(figure)
    assert len(wrong) == 2
    assert "overlaps" in wrong[0]
    assert "leaves" in wrong[1]


def test_a_card_says_what_it_is_about_and_shows_nothing_it_may_not(world, made):
    figure = _drawn(world, made[1])
    said = " ".join(t.get_text() for t in figure.texts)
    theme.close(figure)
    assert "p.Ser315Thr" in said
    assert "Isoniazid" in said
    assert "probability of disease" in said
    figure = _drawn(
        world,
        made[1],
        shows_probability=False,
        probability=np.nan,
        withheld="no better than chance",
        faithfulness=np.nan,
    )
    said = " ".join(t.get_text() for t in figure.texts)
    theme.close(figure)
    assert "probability of" not in said
    assert "no probability" in said
    assert "At an error of" not in said
    assert "takes away" not in said


def test_a_score_at_chance_or_out_of_reach_has_no_probability(world):
    _, comparison, judged = world
    rows = np.arange(3)
    probe = judged.classifiers[(judged.classifiers["stratum"] == "all") & (judged.classifiers["method"] == "stacked")]
    kinds = sorted(set(comparison.variants["consequence"]))
    reach = pd.DataFrame({"method": "stacked", "consequence": kinds, "reaches": True})

    def said(probe, reach, settings=PARAMS):
        found = make_cards(
            _subject(comparison, rows), comparison, judged.scores, judged.probes, CardsParams(), facts={},
            settings=settings, judged=JudgedScores(probe, reach),
        ).cards  # fmt: skip
        assert (found["probability"].isna() == ~found["shows_probability"]).all()
        assert (found["likelihood_ratio"].isna() == ~found["shows_probability"]).all()
        return found["withheld"].tolist()

    assert said(probe, reach) == ["", "", ""]
    assert all("no better than chance" in s for s in said(probe.assign(within_lo=0.48), reach))
    assert all("cannot rank" in s for s in said(probe, reach.assign(reaches=False)))
    assert all("description" in s for s in said(probe, reach, PARAMS.model_copy(update={"claim": "description"})))


def test_next_to_nothing_is_not_taken_apart(world):
    """A change of one hundredth of a log odds: neither faithfulness nor that of random features."""
    found = _explain(world, np.flatnonzero(world[0].cause >= 0)[:1])
    assert np.isfinite(found.cards["faithfulness"].iloc[0])
    _, comparison, judged = world
    subject = _subject(comparison, np.flatnonzero(world[0].cause >= 0)[:1])
    faint = subject._replace(deltas=subject.deltas * 1e-4)
    card = make_cards(
        faint, comparison, judged.scores, judged.probes, CardsParams(), facts={}, settings=PARAMS
    ).cards.iloc[0]
    assert np.isnan(card["faithfulness"])
    assert np.isnan(card["random_faithfulness"])


def test_outcome_is_disease_only_where_labels_say_so():
    assert BiomarkersParams().outcome_in_words == "disease"
    assert BiomarkersParams(cases="label == 'resistance'").outcome_in_words == "being a case"
    assert BiomarkersParams(cases="label == 'resistance'", outcome="resistance").outcome_in_words == "resistance"
