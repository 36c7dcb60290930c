"""What a page, a card or a terminal says of one feature, from what the run knows of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from photo51 import words
from photo51.report.elements import sentences
from photo51.run.feature import FeatureFacts
from photo51.run.known import ALPHA, Known, Row
from photo51.run.places import Window

SHAPES = {
    "point": "It is active at single bases",
    "periodic": "It comes and goes with a period of {period} bases",
    "motif": "It is active over a few bases at a time",
    "domain": "It stays on over about {run_median} bases",
    "whole-gene": "It stays on over most of a gene",
}


def feature_label(facts: Known) -> str:
    """What it looks like: a name, or with a word before it what weaker evidence says; empty where it is like
    nothing.
    """
    return sentences.called(facts.best) if facts.best else ""


def title(d: FeatureFacts) -> str:
    """What it looks like, for a heading."""
    return feature_label(d.known) or ("never active" if not d.alive else "unnamed")


def sentence(d: FeatureFacts) -> str:
    """What it is, in a sentence or two."""
    return known_sentence(d.known) if d.alive else "Never active in this run: nothing can be said about it."


def known_sentence(facts: Known) -> str:
    """What it is, against what, in two or three sentences."""
    parts = [_what(facts), _how(facts)]
    if facts.novelty.get("novel"):
        parts.append("It is one of the novel features: reproducible, strong and unexplained.")
    if facts.consensus:
        parts.append(f"Consensus of its strongest loci: {facts.consensus}.")
    return " ".join(p for p in parts if p)


def _what(facts: Known) -> str:
    if len(facts.names):
        return sentences.named(facts.best)
    if len(facts.enriched):
        e = facts.enriched.iloc[0]
        return (
            f"More active in {sentences.label(e['annotation'], e['strand'])} than its circularly shifted copies (q"
            f" {words.probability(e['q'])}; beyond composition q {words.probability(e['q_adj_comp'])}), but not closely"
            " enough to carry that name."
        )
    return (
        "No annotation that was tested explains it."
        if facts.compared
        else "It was not compared with annotations in this run."
    )


def _how(facts: Known) -> str:
    text = SHAPES.get(str(facts.shape.get("shape", "")))
    if not text:
        return ""
    return (
        text.format(**{k: words.number(float(v)) for k, v in facts.shape.items() if k in {"period", "run_median"}})
        + "."
    )


def facts(d: FeatureFacts) -> list[tuple[str, str, str]]:
    """Numbers: name, value, what it means."""
    s = d.statistics
    strands = f"+ {words.share(s['density_plus'])}, {words.MINUS} {words.share(s['density_minus'])}"
    numbers = [
        (
            "Density",
            words.share(s["density"]),
            f"share of scored bases at which it is active ({strands})",
        ),
        ("Active", f"{int(s['n_active']):,} bases", "base and strand pairs at which it is active"),
        ("Runs", f"{int(s['n_runs']):,}", "runs of consecutive active bases on one strand"),
        (
            "Run length",
            words.bases(s["mean_run"]),
            "mean length of a run",
        ),
        ("Strongest", words.number(s["maximum"]), "largest activation, in the feature's own unit"),
    ]
    return numbers + _table_facts(d.known)


def _table_facts(tables: Known) -> list[tuple[str, str, str]]:
    """Numbers that come from the tables: name, value, what it means."""
    numbers = [_found_again(tables.found_again)] if tables.found_again else []
    if tables.novelty:
        numbers += [
            (
                "Effective n",
                words.number(tables.novelty["n_eff"], 2),
                "independent observations its track is worth",
            ),
            (
                "Novelty",
                words.fixed(tables.novelty["novelty"]),
                "reproducible, strong and unexplained: 0 to 1",
            ),
        ]
    if tables.shape and np.isfinite(tables.shape["information"]):
        numbers.append(
            (
                "Logo",
                f"{words.fixed(tables.shape['information'], 1)} bits",
                f"random windows reach {words.fixed(tables.shape['information_null'], 1)} bits",
            )
        )
    return numbers


def _found_again(row: Row) -> tuple[str, str, str]:
    """Whether other seeds find it, and how near its nearest feature there is."""
    match = float(row["match"])
    value = "yes" if match == 1 else f"in {words.percent(match)} of seeds" if match else "no"
    r = f"activations r {words.fixed(row['match_correlation'])}" if row["live"] else "never active"
    return (
        "Found again",
        value,
        f"by another training seed: nearest direction cosine {words.fixed(row['match_cosine'])}, {r}; both must reach"
        " 0.8",
    )


def without_logo(facts: Known) -> str:
    """Why a feature has no logo."""
    if not facts.shape:
        return "the motifs stage was not run."
    if not np.isfinite(facts.shape["information"]):
        return "it has too few strong loci that are no copies of one another."
    return "its strongest loci share no motif beyond chance."


def cause(facts: Known) -> str:
    """Whether the model uses it, in a sentence."""
    c = facts.causality
    if not c or not np.isfinite(c["ablation_p"]):
        return "Not tested: this feature was not among those that were removed."
    verb = "raises" if c["ablation_dnll"] >= 0 else "lowers"
    more = "a larger rise than" if c["ablation_p"] <= ALPHA else "no larger rise than"
    text = (
        f"Removing it at {words.count(int(c['firing_bases']), 'active base')} {verb} the negative log-likelihood of the"
        f" bases that follow by {words.number(abs(c['ablation_dnll']))} bits each, {more} the same change along the"
        " directions of random features of like density gives (99 % of these stay below"
        f" {words.number(c['ablation_null_q99'])}; p {words.probability(c['ablation_p'])}, this feature by itself)."
    )
    if c["steer_base"]:
        size = f"{words.signed(100 * c['steer_change'], 0)} points"
        text += (
            f" Turning it up makes {c['steer_base']} more likely next ({size}; p {words.probability(c['steer_p'])}"
            " against directions of random features)."
            if c["steer_p"] <= ALPHA
            else (
                " Turning it up changes the next base no more than directions of random features of like density do (p"
                f" {words.probability(c['steer_p'])})."
            )
        )
    return text


def checks(facts: Known) -> list[tuple[str, str, str]]:
    """Replication checks of its name: check, result, detail."""
    out = []
    for r in facts.replication.to_dict("records"):
        checked = r["reason"] == "checked"
        result = "could not be checked" if not checked else "holds" if r["survives"] else "does not hold"
        detail = (
            f"q {words.probability(r['q'])}, {words.number(2.0 ** r['log2_fold'])}-fold, {int(r['n_intervals'])} sites"
            if checked
            else str(r["reason"])
        )
        out.append((f"{r['check']} {r['against']}".strip(), result, detail))
    return out


def text(d: FeatureFacts) -> str:
    """As plain text, for a terminal."""
    lines = [f"f{d.feature}  {title(d)}", sentence(d), ""]
    lines += [f"{name:<22}{value}" for name, value, _ in facts(d)] if d.alive else []
    if len(d.known.concepts):
        lines += ["", "agreement with annotations, on held-out blocks", agreement_table(d.known.concepts)]
    if d.windows:
        lines += ["", "strongest loci (reading direction, the strongest base in brackets)"]
        lines += [_line(w) for w in d.windows[:10]]
    return "\n".join(lines)


_COLUMNS = {
    "f1_domain": "F1",
    "f1_null95": "null F1",
    "f1_always": "always-on F1",
    "precision_bp": "precision",
    "recall_bp": "recall, bases",
    "recall_domain": "recall, intervals",
    "mcc": "MCC",
    "n_test_domains": "intervals",
    "q": "q",
    "q_adj_comp": "q beyond composition",
}


def agreement_table(concepts: pd.DataFrame, most: int = 12) -> str:
    """Agreement of a feature with annotations (rows of contract `CONCEPTS`), for a terminal."""
    shown = concepts.head(most)
    table = shown[[c for c in _COLUMNS if c in shown]].rename(columns=_COLUMNS)
    called = [sentences.label(str(a), str(s)) for a, s in zip(shown["annotation"], shown["strand"], strict=True)]
    table.insert(0, "annotation", called)
    table["beats k-mers"] = [sentences.beats(row) for row in shown.to_dict("records")]
    rest = f"\n… {len(concepts) - most:,} more" if len(concepts) > most else ""
    return table.to_string(index=False, float_format=lambda v: f"{v:.3g}", na_rep=words.ABSENT) + rest


def _line(w: Window, flank: int = 20) -> str:
    low, high = max(0, w.peak - flank), w.peak + flank + 1
    shown = f"{w.sequence[low : w.peak].lower()}[{w.sequence[w.peak]}]{w.sequence[w.peak + 1 : high].lower()}"
    return f"{w.where:<28}{w.activation:>8.3g}  {shown:<{2 * flank + 3}}  {w.gene}"


def features_called(features: Sequence[int], named: pd.DataFrame) -> list[str]:
    """Features with their names, for a sentence: `{f12} tRNA`."""
    return [
        (
            f"{{f{f}}} {sentences.label(str(named.loc[f, 'annotation']), str(named.loc[f, 'strand']))}"
            if f in named.index
            else f"{{f{f}}}"
        )
        for f in features
    ]
