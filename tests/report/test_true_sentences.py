"""Sentences that are true as worded, at the edges too: counts worked by hand from small tables."""

import re
from pathlib import Path

import pandas as pd
import pytest

from photo51 import words
from photo51.findings import causes as cause_claims
from photo51.findings import concepts as concept_claims
from photo51.findings import unannotated
from photo51.findings import variants as variant_claims
from photo51.report.elements import blocks, feature_text, glossary
from photo51.report.elements.blocks import Claim
from photo51.report.elements.shapes import shape_sentence, varies
from photo51.report.sections import calibration, causes, cohort, concepts, disease, manifolds, methods, unnamed
from photo51.report.sections.base import Draft, Section
from photo51.report.sections.cards import evidence_card
from photo51.report.show import answer as answer_of
from photo51.run.known import Known

NAMED = pd.DataFrame({"annotation": ["CDS", "tRNA"], "strand": "sense"}, index=pd.Index([3, 9], name="feature"))
# two named features, each checked in three genomes: f3 holds in two, f9 in all
CHECKS = pd.DataFrame(
    {
        "check": "genome", "against": ["a", "b", "c"] * 2, "feature": [3, 3, 3, 9, 9, 9], "reason": "checked",
        "survives": [True, True, False, True, True, True],
    }
)  # fmt: skip


def test_replication_counts_checks_and_says_in_which_part_a_name_fails():
    """Five of six checks hold, of two names: the page once called these six names."""
    (found,) = concept_claims.replication(CHECKS)
    assert found.n_text == "5 of 6 checks of 2 named features"
    assert found.value_text.replace("\u202f", " ") == "83.3 %"
    assert "all checks of 1 of 2 features hold" in found.null_text
    said = concepts.lost_names(CHECKS, "genome", NAMED)
    assert said == (
        "The name does not hold in every genome for 1 of 2 named features (it fails in c: 1): {f3} coding sequence."
    )
    assert concepts.lost_names(CHECKS[CHECKS["feature"] == 9], "genome", NAMED) == ""


def classes(n: int, carried: int) -> pd.DataFrame:
    return pd.DataFrame(
        {"label": [f"class {i}" for i in range(n)], "feature": range(n), "f1_domain": 0.5, "f1_null95": 0.1}
    ).assign(carries=[i < carried for i in range(n)])


def test_every_class_without_a_name_is_listed():
    """Of 23 such classes the page once listed 12, as if those were all."""
    draft, best = Draft("concepts"), classes(29, 6)
    concepts._answer(best, best["carries"], draft)
    said = draft.failures[0].what
    assert said.count("(F1") == 12
    assert said.endswith("and 11 more.")


@pytest.mark.parametrize(
    ("n", "carried", "expected"),
    [
        (0, 0, "No annotation class could be scored."),
        (1, 0, "No single feature meets the criteria of a name for any of the 1 annotation class that could be scored."),
        (2, 1, "For 1 of 2 annotation classes that could be scored, a single feature meets the criteria of a name:"),
    ],
)  # fmt: skip
def test_an_answer_on_classes_is_true_of_none_and_of_one(n, carried, expected):
    draft, best = Draft("concepts"), classes(n, carried)
    concepts._answer(best, best["carries"], draft)
    assert draft.answers[0].startswith(expected)


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ((65, 57, 0, 15, ""), "65 groups of features are active together; in 57 of them the members depend on one another more than when each is circularly shifted; none of these traces a line, ring, sphere or tree, 15 are clouds of several dimensions, of 42 the shape cannot be told."),
        ((1, 1, 1, 0, "1 ring"), "1 group of features is active together; in 1 of them the members depend on one another more than when each is circularly shifted; 1 of these traces a shape (1 ring)."),
        ((4, 0, 0, 0, ""), "4 groups of features are active together; in none of them the members depend on one another more than when each is circularly shifted."),
        ((2, 1, 0, 1, ""), "2 groups of features are active together; in 1 of them the members depend on one another more than when each is circularly shifted; none of these traces a line, ring, sphere or tree, 1 is a cloud of several dimensions."),
    ],
)  # fmt: skip
def test_groups_are_counted_without_a_clause_on_nothing(counts, expected):
    assert manifolds._counted_groups(*counts) == expected


def test_a_group_without_a_coordinate_is_not_said_to_follow_nothing(run):
    partial = run.replaced({"meaning": None})
    row = run.need("manifolds").iloc[0].to_dict() | {"manifold": True, "n_features": 4, "cluster": 999}
    named = NAMED.iloc[:0]
    assert "has no coordinate" in shape_sentence(run, row | {"coordinate": "none"}, named)
    assert "was not tested in this run" in shape_sentence(partial, row | {"coordinate": "angle"}, named)
    assert "No quantity that was chosen on half of the blocks is seen to vary" in shape_sentence(
        run, row | {"coordinate": "angle"}, named
    )


def test_a_quantity_that_words_explain_as_well_is_said_to_be_one(run):
    table = run.need("meaning").iloc[:1].assign(q=0.01, effect=0.07, effect_kmer=0.23)
    partial = run.replaced({"meaning": table})
    cluster = int(table["cluster"].iloc[0])
    assert varies(partial, cluster).endswith("(six-letter words explain as much)")
    row = run.need("manifolds").set_index("cluster", drop=False).loc[cluster].to_dict()
    said = shape_sentence(partial, row, NAMED.iloc[:0]).replace("\u202f", " ")
    assert "explains 7 % of the variance of" in said
    assert "on held-out blocks; the last six bases alone explain 23 %, as much or more." in said
    alone = shape_sentence(run.replaced({"meaning": table.assign(effect_kmer=float("nan"))}), row, NAMED.iloc[:0])
    assert "last six bases" not in alone


def removals(q_small: int, n: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "feature": range(n), "concept": "", "q": [0.01] * q_small + [0.9] * (n - q_small), "firing_bases": 21,
            "ablation_dnll": 0.1, "ablation_p": [1e-6] * q_small + [0.9] * (n - q_small),
        }
    )  # fmt: skip


def test_removals_are_told_of_none_of_one_and_of_many():
    none = removals(0, 0)
    assert causes._removal_answer(none, 0, []).startswith("No feature could be removed")
    assert cause_claims.removal(none, 0.05).verdict == "untested"
    one = removals(1, 40)
    said = causes._removal_answer(one[one["q"] <= 0.05], 40, ["{f0}"])
    assert ": {f0}. One alone (measured on 21 bases, q 0.010) is a candidate, not a finding." in said
    assert "most of all" not in said
    many = removals(5, 40)
    assert ", most of all {f0}, {f1} and {f2}." in causes._removal_answer(
        many[many["q"] <= 0.05], 40, ["{f0}", "{f1}", "{f2}"]
    )


def test_a_fall_of_surprisal_is_no_rise_however_small():
    nothing = pd.DataFrame()
    cause = {
        "ablation_dnll": -0.00157, "ablation_p": 0.53, "firing_bases": 1, "ablation_null_q99": 0.00373, "steer_base": "",
    }  # fmt: skip
    facts = Known(1, True, *([nothing] * 3), {}, {}, cause, {}, {}, None, *([nothing] * 4))
    said = feature_text.cause(facts)
    assert said.startswith(
        "Removing it at 1 active base lowers the negative log-likelihood of the bases that follow by 0.00157 bits each,"
        " no larger rise than the same change along the directions of random features of like density gives"
    )


FIGURES = {
    "alpha": 0.05, "features_compared": 256, "run_real_pairs": 12_977, "run_real_both": 830, "run_rotated_both": 0,
    "run_real_discoveries": 1_937, "run_rotated_discoveries": 0, "run_real_discoveries_adjusted": 1_120,
    "run_rotated_discoveries_adjusted": 0, "run_real_features": 210, "run_rotated_features": 0,
}  # fmt: skip


def test_pairs_are_said_to_be_of_the_features_that_were_shifted_too():
    """The run has 3,230 pairs of 1,024 features; only those of 256 features have a control."""
    draft = Draft("calibration")
    calibration._counts(FIGURES, draft, 0.05)
    assert draft.answers == [
        "Yes: the run found 830 pairs of 256 features and annotations; with the activations circularly shifted along the"
        " genome it found no pair."
    ]
    unsaid = Draft("calibration")
    calibration._counts({k: v for k, v in FIGURES.items() if k != "features_compared"}, unsaid, 0.05)
    assert unsaid.answers[0].startswith("Yes: the run found 830 pairs of features and annotations; with")
    loose = Draft("calibration")
    calibration._counts(FIGURES | {"run_rotated_both": 60}, loose, 0.05)
    assert loose.answers[0].startswith("Not quite")
    assert "60 pairs in circularly shifted activations, more than 5\u202f% of the 830 pairs of the real ones" in (
        loose.failures[0].what
    )
    alone = Draft("calibration")
    calibration._counts({k: v for k, v in FIGURES.items() if "rotated" not in k}, alone, 0.05)
    assert "None" not in str(alone.blocks[0].html())


class WithHidden:
    """A run that has one table."""

    def __init__(self, table):
        self.table = table

    def has(self, _):
        return True

    def need(self, _):
        return self.table


def test_several_hidden_classes_are_them():
    rows = pd.DataFrame(
        {
            "annotation": ["tRNA", "rRNA"], "status": "tested", "recovered": False, "feature": 1, "rank": 2, "f1_domain": 0.1,
            "f1_null95": 0.2, "best_feature": 1, "best_f1": 0.1, "best_rank": 0, "best_gate": "n_eff below 30",
        }
    )  # fmt: skip
    draft = Draft("unnamed")
    unnamed._proof(WithHidden(rows), draft)
    assert (
        draft.failures[0].what
    ) == "With tRNA and rRNA hidden, each by itself, the first features of the ranking did not bring any of them back."
    one = Draft("unnamed")
    unnamed._proof(WithHidden(rows.iloc[:1]), one)
    assert one.failures[0].what == "With tRNA hidden, the first features of the ranking did not bring it back."


def test_a_notebook_counts_claims_with_a_verdict_as_the_report_does():
    made = [Claim(str(v), "1", "0", "n = 1", v, "x") for v in ("yes", "no", "described", "untested")]
    text = str(answer_of(Section("x", "X", "?", "", claims=made)).html())
    assert "1 of 2 claims beat their negative control" in text
    assert "could not be" not in text
    only = str(answer_of(Section("x", "X", "?", "", claims=made[2:])).html())
    assert "Nothing here could be tested" in only


def test_names_that_files_have_are_no_terms_of_the_glossary():
    assert str(blocks.rich("[[acyl]] & [[x|y]]")) == "[[acyl]] &amp; [[x|y]]"


def test_every_term_of_a_sentence_is_in_the_glossary():
    source = Path(blocks.__file__).parents[2]
    asked = {
        key
        for folder in ("report", "findings")
        for path in (source / folder).rglob("*.py")
        for key in re.findall(r"\[\[(\w+)(?:\|[^\]{]+)?\]\]", path.read_text(encoding="utf-8"))
    } - {"term"}
    assert asked
    assert asked <= set(glossary.TERMS)


def test_a_weak_name_is_called_by_its_evidence_wherever_it_stands():
    called = [
        words.called_after("codon_position_2", "antisense", e, named=n)
        for e, n in (("held-out concept", True), ("held-out concept", False), ("exact null", False), ("top windows", False))
    ]  # fmt: skip
    assert called == [
        "second codon position, antisense",
        "like second codon position, antisense",
        "enriched in second codon position, antisense",
        "strongest in second codon position, antisense",
    ]


def test_methods_say_on_which_splits_features_are_chosen():
    """The demo chooses on train and select: the page once said on select alone."""
    settings = {"concepts": {"select": ["train", "select"], "test": ["test"]}}
    assert methods._chosen(settings) == "on the train and select splits and measured on the test split"
    assert methods._chosen({}) == "on other blocks than those on which they were measured"
    assert methods._use_of_splits(settings) == {
        "train": " (to train the dictionary and to choose features and thresholds)",
        "select": " (to choose features and thresholds)",
        "test": " (to report on)",
    }
    shipped = methods._use_of_splits(settings | {"pretrained_sae": "a/folder"})
    assert shipped["train"] == " (to choose features and thresholds)"


def test_a_dictionary_that_was_trained_before_is_not_said_to_be_trained_by_this_run(run):
    sae = {"variant": "topk", "k": 16, "tokens": 3_000_000, "seed": 51}
    own = methods._dictionary(run, {"sae": sae}, methods._Cited())
    assert "trained on 3,000,000 positions of the training split, repeats counted (seed 51)" in own
    also = methods._dictionary(run, {"sae": sae, "train_with": ["results/a", "results/b"]}, methods._Cited())
    assert "of the training split and, for at most 60 %, of runs a and b, repeats counted (seed 51)" in also
    shipped = methods._dictionary(run, {"sae": sae, "pretrained_sae": "a/folder"}, methods._Cited())
    assert "trained before this run" in shipped
    assert "3,000,000" not in shipped


def test_a_terminal_shows_agreement_in_words():
    row = {
        "annotation": "codon_position_2", "strand": "antisense", "f1_domain": 0.346, "f1_null95": 0.255, "f1_always": 0.236,
        "precision_bp": 0.215, "recall_bp": 0.0256, "recall_domain": 0.893, "mcc": 0.0303, "n_test_domains": 103,
        "q": 1e-9, "q_adj_comp": float("nan"), "beats_kmer": False,
    }  # fmt: skip
    head, line, *rest = feature_text.agreement_table(pd.DataFrame([row] * 14), most=1).split("\n")
    assert head.split() == ["annotation", "F1", "null", "F1", "always-on", "F1", "precision", "recall,", "bases", "recall,", "intervals", "MCC", "intervals", "q", "q", "beyond", "composition", "beats", "k-mers"]  # fmt: skip
    assert line.split()[:4] == ["second", "codon", "position,", "antisense"]
    assert "not measured" in line
    assert rest == ["… 13 more"]


def judged(**changed):
    row = {
        "stratum": "all", "method": "llr", "role": "score", "n_case": 7, "n_control": 9, "n_genes": 1, "auroc": 0.6,
        "auroc_within": 0.6, "within_lo": float("nan"), "within_hi": float("nan"), **changed,
    }  # fmt: skip
    return pd.DataFrame([row])


def test_one_gene_has_no_interval_over_genes():
    c = variant_claims.Contrast("set", "cases", "controls", "")
    (found,) = variant_claims.likelihood(judged(), c)
    assert found.n_text == "7 cases and 9 controls in 1 gene; no 95 % interval"
    assert found.verdict == "no"
    (wide,) = variant_claims.likelihood(judged(within_lo=0.51, within_hi=0.69), c)
    assert wide.n_text.endswith("95 %: 0.51–0.69")
    assert words.limits_95(-0.16, 0.01, difference=True) == "95 %: −0.16 to +0.01"


def test_a_description_says_why_without_guessing_at_consequences():
    """A comparison may be called a description for whatever reason: what consequence alone does is said where measured."""
    described = pd.DataFrame({"claim": ["description"]})
    plain = variant_claims.contrast("set", {}, judged(), described)
    assert plain.described == "cases and controls differ by more than the outcome, as the configuration says"
    consequence = judged(method="consequence_prior", role="leak", auroc=0.996)
    both = variant_claims.contrast("set", {}, pd.concat([judged(), consequence]), described)
    assert both.described.endswith("; the consequence alone tells cases from controls (AUROC 1.00)")
    alone = variant_claims.contrast("set", {}, pd.concat([judged(), consequence]), described.iloc[:0])
    assert alone.described == "the consequence alone tells cases from controls (AUROC 1.00)"


def test_the_best_baseline_is_named_with_its_auroc():
    g = variant_claims.Gain(gains=True, beats=False, baseline="embedding", bar=0.63)
    assert variant_claims.than(g) == "AUROC 0.63 of the best baseline, all internal numbers"


def test_every_consequence_of_a_set_is_counted(run):
    """Seven consequences: the page once listed six and 'and 1 more', which reads as one variant."""
    variants = run.of_set("variants", run.sets("variants")[0])
    kinds = ["synonymous", "missense", "tRNA", "rRNA", "stop_gained", "stop_retained", "start_lost", "start_lost"]
    table = pd.concat([variants] * 3).head(8).assign(consequence=kinds, set="made_up")
    draft = Draft("disease")
    disease._variant_set(run.replaced({"variants": table}), "made_up", draft, 0.05)
    said = str(draft.blocks[1].html())
    counts = [int(n) for n in re.findall(r"(\d+) (?:synonymous|missense|tRNA|rRNA|stop|start)", said)]
    assert sum(counts) == 8
    assert "2 start lost" in said
    assert "more" not in said


def test_a_table_cut_short_says_of_how_many():
    assert blocks.first_of("The ranking", 40, 1_017) == "The ranking (the first 40 of 1,017)"
    assert blocks.first_of("The ranking", 17, 17) == "The ranking"


def test_a_feature_that_composition_explains_says_so():
    enriched = pd.DataFrame({"annotation": ["rRNA"], "strand": ["antisense"], "q": [5e-4], "q_adj_comp": [0.31]})
    nothing = pd.DataFrame()
    facts = Known(1, True, nothing, nothing, enriched, {}, {}, {}, {}, {}, None, *([nothing] * 4))
    assert "(q 5\u202f×\u202f10⁻⁴; beyond composition q 0.31), but not closely enough" in feature_text.known_sentence(
        facts
    )


def card(**changed):
    return {
        "variant": "c:7:C>G", "probability": 0.8, "prevalence": 0.5, "scale": 0.5, "outcome": "x", "withheld": "",
        "faithfulness": 0.9, "random_faithfulness": 0.1, "out_of_domain": False, **changed,
    }  # fmt: skip


def test_a_card_lists_every_feature_that_it_says_is_deleted():
    """Five are deleted; the page once showed four and spoke of 'these'."""
    cited = pd.DataFrame(
        {
            "variant": "c:7:C>G", "rank": range(1, 6), "feature": range(5), "orientation": "antisense",
            "name": "like second codon position, antisense", "contribution": 0.1,
        }
    )  # fmt: skip
    variants = pd.DataFrame([{"variant": "c:7:C>G", "gene": "g", "consequence": "missense"}]).set_index("variant")
    html = str(evidence_card(card(), variants, cited, pd.DataFrame()))
    assert html.count("<li>") == 5
    assert "antisense, antisense" not in html
    assert "read antisense: like second codon position, antisense" in html


@pytest.mark.parametrize(
    ("p", "expected"), [(0.002, "< 1 %"), (0.999, "> 99 %"), (0.8, "80 %"), (0.0, "0 %"), (1.0, "100 %")]
)
def test_a_probability_is_not_rounded_to_certainty(p, expected):
    assert words.chance(p).replace("\u202f", " ") == expected


def test_methods_count_the_classes_that_were_tested(run):
    """Two of three classes were tested; the page once counted all that are annotated."""
    rows = run.need("enrichment").head(3).assign(
        annotation=["CDS", "tRNA", "CRISPR"], status=["tested", "tested", "1 instance in the workspace, at least 5 are needed"]
    )  # fmt: skip
    said = methods._annotations(run.replaced({"enrichment": rows}), {}, methods._Cited())
    assert said.startswith(
        "Features were compared with 2 annotation classes, sense and antisense; 1 more could not be tested"
    )


def test_names_of_other_people_are_shown_letter_by_letter():
    """A set of genes, an allele and a clade whose names hold marks of rich text."""
    name = "3`-end **x** {f3} [[q]]"
    draft = Draft("concepts")
    rows = {"feature": [1], "set": [name], "hits": [3], "n_genes": [9], "expected": [0.5], "q": [0.01], "q_ora": [0.02]}
    concepts._genesets(WithTable(pd.DataFrame(rows)), draft)
    html = str(draft.blocks[0].html())
    assert "3`-end **x** {f3} [[q]]" in html
    hits = pd.DataFrame({"level": ["gene"], "name": [name], "p": [1e-9], "q": [1e-9]})
    assert name in str(blocks.rich(cohort.themselves(hits, 0.05)))


class WithTable:
    """A run whose only table is this one."""

    def __init__(self, rows):
        self.rows = rows

    def table(self, _):
        return self.rows


def test_what_ran_and_found_nothing_is_not_said_to_be_no_part_of_the_run(run):
    partial = run.replaced({"novelty": run.need("novelty").iloc[:0], "causality": None, "verdicts": None})
    ran, absent = unnamed.section(partial, lambda _: []), causes.section(partial)
    assert (ran.failures[0].kind, absent.failures[0].kind) == ("not found", "not run")
    assert "the stage ran and found none" in ran.failures[0].what
    assert "Not part of this run" not in str(ran.blocks[0].html())
    assert "Not part of this run" in str(absent.blocks[0].html())
    assert absent.absent
    assert not ran.absent


def test_replication_without_a_name_is_not_said_to_be_left_out(run):
    nameless = run.replaced({"names": run.need("names").assign(named=False)})
    draft = Draft("concepts")
    concepts._replication(nameless, draft)
    assert [(f.what, f.kind) for f in draft.failures] == [
        ("No feature has a name whose replication could be checked.", "limit")
    ]


def test_the_answer_on_a_cohort_names_the_cohort(run):
    (name,) = run.sets("cohort_tests")
    draft = Draft("disease")
    cohort.add_cohort(run, name, draft, 0.05)
    assert any(a.startswith(f"In cohort {name.replace('_', ' ')}, 1 feature goes with") for a in draft.answers)
    tests = run.of_set("cohort_tests", name).assign(set=name, validated=False)
    lost = Draft("disease")
    cohort.add_cohort(run.replaced({"cohort_tests": tests}), name, lost, 0.05)
    assert any(a.startswith(f"In cohort {name.replace('_', ' ')}, no feature goes with") for a in lost.answers)
    captions = [b.caption for b in lost.blocks if isinstance(b, blocks.Table)]
    assert "Discovered, but not in clades kept apart" in captions
    assert "Features that go with the phenotype" not in captions


def test_what_could_not_be_checked_is_not_none_of_none(run):
    unchecked = CHECKS.assign(check="seed", reason="no other seed", feature=int(run.need("names")["feature"].iloc[0]))
    draft = Draft("concepts")
    concepts._replication(run.replaced({"replication": unchecked, "names": None}), draft)
    html = str(draft.blocks[0].html())
    assert "0 of 0" not in html
    assert "–" in html


@pytest.mark.parametrize(("change", "expected"), [(0.012, "T +1 point"), (0.42, "T +42 points"), (-0.01, "T −1 point")])
def test_points_are_singular_and_plural(change, expected):
    assert causes._speaks_for("T", change).replace("\u202f", " ") == expected


@pytest.mark.parametrize(("n", "verdict"), [(17, "untested"), (18, "untested"), (19, "no"), (255, "no")])
def test_what_no_score_could_reach_is_untested_and_not_absent(n, verdict):
    """With 17 controls the smallest p is 1/18 = 0.056: no feature can be called novel at 0.05, however it scores."""
    table = pd.DataFrame(
        {
            "rank": [1, 2, 0],
            "novel": False,
            "p": [1 / (n + 1), 1.0, float("nan")],
            "null_q95": 0.4,
            "n_controls": n,
            "seed_match_r": 0.9,
        }
    )
    found = unannotated.ranking(table)
    assert found.verdict == verdict
    assert ("no p-value can be below 1/18 = 0.056" in found.null_text) == (n == 17)
    draft = Draft("unnamed")
    queue = table[table["rank"] > 0]
    unnamed._claim(table, queue, queue[queue["novel"]], draft)
    assert draft.failures[0].kind == ("limit" if verdict == "untested" else "not found")
    assert unannotated.ranking(table.drop(columns="n_controls")).verdict == "no"  # a table of an older run says nothing


def test_a_feature_without_a_logo_says_why():
    nothing = pd.DataFrame()

    def known(shape):
        return Known(1, True, nothing, nothing, nothing, shape, {}, {}, {}, {}, None, *([nothing] * 4))

    few = {"information": float("nan"), "information_null": float("nan")}
    assert "too few strong loci" in feature_text.without_logo(known(few))
    assert "no motif beyond chance" in feature_text.without_logo(known({"information": 1.0, "information_null": 2.0}))
    assert "not run" in feature_text.without_logo(known({}))
    assert feature_text._table_facts(known(few)) == []


def test_tests_that_cannot_be_made_are_not_counted_as_tests():
    tests = pd.DataFrame(
        {"feature": [1, 2, 3], "q": [0.01, 0.2, float("nan")], "replicated": [True, False, False], "q_pooled": 0.5,
         "testable": [True, True, False]}
    )  # fmt: skip
    c = variant_claims.Contrast("set", "cases", "controls", "")
    (found,) = variant_claims.feature_changes(tests, c, 0.05)
    assert found.n_text == "2 tests of 3 features"
    (none,) = variant_claims.feature_changes(tests.assign(testable=False, replicated=False, q=float("nan")), c, 0.05)
    assert (none.verdict, none.n_text) == ("untested", "no test of 3 features")
    (old,) = variant_claims.feature_changes(tests.drop(columns="testable"), c, 0.05)
    assert old.n_text == "3 tests of 3 features"


@pytest.mark.parametrize(
    ("missing", "expected"),
    [(0, "; whole genes"), (1, " (1 more variant left out: "), (4, " (4 more variants left out: ")],
)
def test_variants_that_no_score_was_compared_on_are_counted(missing, expected):
    whole = judged(within_lo=0.4, within_hi=0.8, auroc_lo=0.4, auroc_hi=0.8, auprc=0.5, auprc_lo=0.4, auprc_hi=0.6,
                   prevalence=7 / 16, n_missing=missing).set_index("method", drop=False)  # fmt: skip
    draft = Draft("disease")
    disease._prediction(whole, variant_claims.Contrast("set", "cases", "controls", ""), draft)
    (table,) = [b for b in draft.blocks if isinstance(b, blocks.Table)]
    assert f"7 cases and 9 controls in 1 gene{expected}" in table.note
    assert "AUPRC of 0.44" in table.note


def test_a_class_whose_best_feature_is_not_named_says_why():
    """rRNA with F1 0.70 above its null of 0.11 has no name: the page has to say that composition explains it."""
    names = pd.DataFrame(
        {
            "feature": [931, 7, 8], "annotation": ["rRNA", "tRNA", "CDS"], "strand": "sense",
            "evidence": ["held-out concept", "exact null", "held-out concept"], "reason": ["not beyond composition (q 0.11)", "x", ""],
        }
    )  # fmt: skip
    reasons = concepts.why_weak(names)
    assert reasons == {(931, "rRNA", "sense"): "not beyond composition (q 0.11)"}
    best = pd.DataFrame(
        {"label": ["rRNA", "CDS"], "annotation": ["rRNA", "CDS"], "strand": "sense", "feature": [931, 8], "f1_domain": [0.7, 0.6],
         "f1_null95": [0.11, 0.7]}
    )  # fmt: skip
    draft = Draft("concepts")
    concepts._answer(best, pd.Series([False, False]), draft, reasons)
    assert draft.failures[0].what.endswith(
        "for rRNA (F1 0.70, null 0.11; not beyond composition (q 0.11)) and CDS (F1 0.60, null 0.70)."
    )
    assert concepts.why_weak(None) == {}
