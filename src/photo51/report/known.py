"""What the tables of a run say of one feature, in words a page can use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51.report import words
from photo51.report.run import Run

Row = Mapping[str, Any]
NO_ROW: Row = {}
STRANDS = {"sense": "", "antisense": ", other strand", "either": ""}
SHAPES = {
    "point": "It is active at single bases",
    "periodic": "It comes and goes with a period of {period} bases",
    "motif": "It is active over a few bases at a time",
    "domain": "It stays on over stretches of about {run_median} bases",
    "whole-gene": "It stays on over most of a gene",
}
ALPHA, LEAST_F1 = 0.05, 0.3
LIKE = "like "


class Logo(NamedTuple):
    """A sequence logo: letter heights (bits), (positions, 4) in the order A, C, G, T; offset of the first position; windows."""

    heights: NDArray[np.float64]
    first: int
    n: int


class Known(NamedTuple):
    """What is known of a feature.

    Attributes
    ----------
    feature
        Its number.
    compared
        Whether this run compared features with annotations.
    name
        Row of the concepts table that names it; empty where none does.
    concepts
        Its rows of the concepts table, highest F1 first.
    enriched
        Its rows of the enrichment table that are discoveries, lowest q first.
    shape, novelty, causality, manifold
        Its rows of those tables; empty where they were not made.
    logo
        Its logo; None where there is none above its null.
    profiles, ledger, matches, genesets
        Its rows of those tables.
    """

    feature: int
    compared: bool
    name: Row
    concepts: pd.DataFrame
    enriched: pd.DataFrame
    shape: Row
    novelty: Row
    causality: Row
    manifold: Row
    logo: Logo | None
    profiles: pd.DataFrame
    ledger: pd.DataFrame
    matches: pd.DataFrame
    genesets: pd.DataFrame

    @classmethod
    def of(cls, run: Run, feature: int) -> Known:
        """Gather it from a run."""
        concepts = run.of("concepts", feature)
        if len(concepts):
            concepts = by_margin(concepts[concepts["readout"] == "sae"])
        enriched = run.of("enrichment", feature)
        if len(enriched):
            enriched = enriched[(enriched["status"] == "tested") & (enriched["q"] <= ALPHA)].sort_values(
                ["q", "z_rot"], ascending=[True, False]
            )
        close = concepts[resembling(concepts)] if len(concepts) else concepts
        named = close.head(1)[close.head(1)["named"].astype(bool)] if len(close) else close
        return cls(
            feature, run.has("concepts") or run.has("enrichment"), _first(named), concepts, enriched, _first(run.of("shapes", feature)), _first(run.of("novelty", feature)),
            _first(run.of("causality", feature)), run.manifold_of(feature), _logo(run.of("logos", feature), _first(run.of("shapes", feature))),
            run.of("profiles", feature), run.of("ledger", feature), run.of("motif_matches", feature), run.of("genesets", feature),
        )  # fmt: skip

    @property
    def likeness(self) -> Row:
        """The annotation an unnamed feature is closest to, its row of the concepts table; empty where there is none."""
        if self.name or self.concepts.empty:
            return NO_ROW
        return _first(self.concepts[resembling(self.concepts)])

    @property
    def label(self) -> str:
        """What it looks like: a name, or `like` what it agrees with no better than composition does; empty where it is like nothing."""
        if self.name:
            return label(self.name["annotation"], self.name["strand"])
        like = self.likeness
        return LIKE + label(like["annotation"], like["strand"]) if like else ""

    @property
    def consensus(self) -> str:
        """IUPAC letters its strongest windows share; empty where the logo is not above its null."""
        return str(self.shape.get("consensus", ""))

    def sentence(self) -> str:
        """What it is, against what, in two or three sentences."""
        parts = [self._what(), self._how()]
        if self.novelty.get("novel"):
            parts.append("It is one of the novel features: reproducible, strong and unexplained.")
        if self.consensus:
            parts.append(f"Its strongest places share {self.consensus}.")
        return " ".join(p for p in parts if p)

    def _what(self) -> str:
        if self.name:
            c = self.name
            against = f"a rotated copy reaches {words.fixed(c['f1_null95'])}, a feature that is always on {words.fixed(c['f1_always'])}"
            said = (
                f"Marks {self.label}: {words.percent(c['precision_bp'], 0)} of its active bases lie inside one, and it is active in "
                f"{words.percent(c['recall_domain'], 0)} of them (F1 {words.fixed(c['f1_domain'])}; {against}), on stretches that played no part in the choice."
            )
            return said if c["beats_kmer"] else f"{said} {_as_kmers(c)}"
        if like := self.likeness:
            return (
                f"Closest to {label(like['annotation'], like['strand'])}: {words.percent(like['precision_bp'], 0)} of its active bases lie inside one, and it is active in "
                f"{words.percent(like['recall_domain'], 0)} of them (F1 {words.fixed(like['f1_domain'])}; a rotated copy reaches {words.fixed(like['f1_null95'])}), but composition explains as "
                "much, so that it does not carry that name."
            )
        if len(self.enriched):
            e = self.enriched.iloc[0]
            return f"More active in {label(e['annotation'], e['strand'])} than its rotated copies (q {words.probability(e['q'])}), but not closely enough to carry that name."
        return (
            "No annotation that was tested explains it."
            if self.compared
            else "It was not compared with annotations in this run."
        )

    def _how(self) -> str:
        text = SHAPES.get(str(self.shape.get("shape", "")))
        if not text:
            return ""
        return (
            text.format(
                **{k: words.number(float(v)) for k, v in self.shape.items() if k in {"period", "run_median"}}
            )
            + "."
        )

    def facts(self) -> list[tuple[str, str, str]]:
        """Numbers that come from the tables: name, value, what it means."""
        found = []
        if self.novelty:
            found += [
                (
                    "Effective n",
                    words.number(self.novelty["n_eff"], 2),
                    "independent observations its track is worth",
                ),
                (
                    "Novelty",
                    words.fixed(self.novelty["novelty"]),
                    "reproducible, strong and unexplained: 0 to 1",
                ),
            ]
        if self.shape:
            found.append(
                (
                    "Logo",
                    f"{words.fixed(self.shape['information'], 1)} bits",
                    f"random windows reach {words.fixed(self.shape['information_null'], 1)} bits",
                )
            )
        return found

    def cause(self) -> str:
        """Whether the model uses it, in a sentence."""
        c = self.causality
        if not c or not np.isfinite(c["ablation_p"]):
            return "Not tested: this feature was not among those that were removed."
        verb = "raises" if c["ablation_dnll"] >= 0 else "lowers"
        beyond = "more than" if c["ablation_p"] <= ALPHA else "no more than"
        text = (
            f"Removing it {verb} the model's surprise by {words.number(abs(c['ablation_dnll']))} bits a base where it is active (n = {int(c['firing_bases']):,}), {beyond} removing random "
            f"features of like density (99 % of them stay below {words.number(c['ablation_null_q99'])}; p {words.probability(c['ablation_p'])})."
        )
        if c["steer_base"]:
            size = f"{words.signed(100 * c['steer_change'], 0)} points"
            text += (
                f" Turning it up makes {c['steer_base']} more likely next ({size}; p {words.probability(c['steer_p'])} against random directions)."
                if c["steer_p"] <= ALPHA
                else f" Turning it up changes the next base no more than random directions do (p {words.probability(c['steer_p'])})."
            )
        return text

    def checks(self) -> list[tuple[str, str, str]]:
        """The replication ledger: check, result, detail."""
        out = []
        for r in self.ledger.to_dict("records"):
            made = r["reason"] == "checked"
            result = (
                "could not be checked" if not made else "survives" if r["survives"] else "does not survive"
            )
            detail = (
                f"q {words.probability(r['q'])}, {words.number(2.0 ** r['log2_fold'])}-fold, {int(r['n_intervals'])} sites"
                if made
                else str(r["reason"])
            )
            out.append((f"{r['check']} {r['against']}".strip(), result, detail))
        return out

    def sites(self) -> list[str]:
        """Classes whose boundaries say most about it."""
        return [str(self.name["annotation"])] if self.name else []


def _as_kmers(c: Row) -> str:
    if not np.isfinite(c["kmer_auprc"]):
        return "Whether six-letter words do as well was not measured."
    return f"As a ranking of all bases it is no better than six-letter words (average precision {words.fixed(c['auprc'])} against {words.fixed(c['kmer_auprc'])})."


def label(annotation: str, strand: str) -> str:
    """An annotation class as it is read, in words."""
    return words.kind(annotation) + STRANDS.get(strand, "")


def _first(rows: pd.DataFrame) -> Row:
    return {str(k): v for k, v in rows.iloc[0].to_dict().items()} if len(rows) else NO_ROW


def _logo(rows: pd.DataFrame, shape: Row) -> Logo | None:
    if rows.empty or not shape.get("consensus"):
        return None
    rows = rows.sort_values("offset")
    heights = (
        rows[["A", "C", "G", "T"]].to_numpy(dtype=float)
        * np.maximum(rows["bits"].to_numpy(dtype=float), 0.0)[:, None]
    )
    return Logo(heights, int(rows["offset"].iloc[0]), int(rows["n"].max()))


def closest(run: Run) -> pd.DataFrame:
    """The annotation each feature agrees with best, indexed by feature: its row of the concepts table, `named` or not."""
    table = run.table("concepts")
    if table is None:
        return pd.DataFrame(columns=["annotation", "strand", "f1_domain", "named"])
    own = table[table["readout"] == "sae"]
    best = by_margin(own[resembling(own)]).drop_duplicates("feature")
    return best.set_index("feature").sort_index()


def names(run: Run) -> pd.DataFrame:
    """The name of each feature that has one, indexed by feature: the annotation it agrees with best, if it may carry its name.

    A feature that is closest to something it may not be named after, such as runs of A, which composition explains, gets no
    lesser name instead.
    """
    found = closest(run)
    return found[found["named"].astype(bool)]


def resembling(concepts: pd.DataFrame) -> pd.Series:
    """Rows of the concepts table on which a feature agrees with an annotation beyond its nulls, whether or not it may carry the name."""
    null = np.fmax(concepts["f1_null95"], concepts["f1_always"]).fillna(0.0)
    beyond = (concepts["f1_domain"] >= LEAST_F1) & (concepts["f1_domain"] > null) & (concepts["q"] <= ALPHA)
    return concepts["named"].astype(bool) | beyond


def by_margin(concepts: pd.DataFrame) -> pd.DataFrame:
    """Rows of the concepts table, the one farthest above its nulls first.

    F1 alone favours classes that cover much of the genome, of which whatever fires often seems to be a detector: a feature of
    second codon positions would be called after coding sequences, in which they all lie.
    """
    margin = concepts["f1_domain"] - np.fmax(concepts["f1_null95"], concepts["f1_always"]).fillna(0.0)
    ordered = concepts.assign(margin=margin).sort_values(["margin", "annotation"], ascending=[False, True])
    return ordered.drop(columns="margin")


def called(features: Sequence[int], named: pd.DataFrame) -> list[str]:
    """Features with their names, for a sentence: `{f12} tRNA`."""
    return [
        f"{{f{f}}} {label(str(named.loc[f, 'annotation']), str(named.loc[f, 'strand']))}"
        if f in named.index
        else f"{{f{f}}}"
        for f in features
    ]


def best_named(run: Run) -> int:
    """The feature with the best name; where none has one, the live feature with the largest activation."""
    named = names(run)
    if len(named):
        return int(by_margin(named).index[0])
    return int(run.features["maximum"].idxmax())
