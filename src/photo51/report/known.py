"""What the tables of a run say of one feature, in words a page can use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from photo51.enrichment.names import by_margin
from photo51.io.contracts.enrichment import NAMES
from photo51.report import sentences, words
from photo51.report.places import Reads
from photo51.report.run import Run
from photo51.report.sentences import Row, label

NO_ROW: Row = {}
SHAPES = {
    "point": "It is active at single bases",
    "periodic": "It comes and goes with a period of {period} bases",
    "motif": "It is active over a few bases at a time",
    "domain": "It stays on over about {run_median} bases",
    "whole-gene": "It stays on over most of a gene",
}
ALPHA = 0.05


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
    names
        Its rows of the names table, best evidence first.
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
    names: pd.DataFrame
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
        return cls(
            feature, run.has("concepts") or run.has("enrichment"), run.of("names", feature), concepts, enriched, _first(run.of("shapes", feature)), _first(run.of("novelty", feature)),
            _first(run.of("causality", feature)), run.manifold_of(feature), _logo(run.of("logos", feature), _first(run.of("shapes", feature))),
            run.of("profiles", feature), run.of("ledger", feature), run.of("motif_matches", feature), run.of("genesets", feature),
        )  # fmt: skip

    @property
    def name(self) -> Row:
        """Row of the names table that names it; empty where none does."""
        best = _first(self.names)
        return best if best and best["named"] else NO_ROW

    @property
    def likeness(self) -> Row:
        """The annotation an unnamed feature is closest to, its row of the names table; empty where there is none."""
        return NO_ROW if self.name else _first(self.names)

    @property
    def reads(self) -> Reads:
        """How it reads genes, as its name says: which of overlapping genes it speaks of."""
        best = _first(self.names)
        if not best:
            return Reads()
        return Reads(
            "antisense" if best["strand"] == "antisense" else "sense", max(int(best.get("frame", 0)), 0)
        )

    @property
    def grade(self) -> str:
        """Grade of what it is called: strong, moderate or weak; empty where nothing names it."""
        return str(_first(self.names).get("grade", ""))

    @property
    def label(self) -> str:
        """What it looks like: a name, or with a word before it what weaker evidence says; empty where it is like nothing."""
        best = _first(self.names)
        return sentences.called(best) if best else ""

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
        if len(self.names):
            return sentences.named(_first(self.names))
        if len(self.enriched):
            e = self.enriched.iloc[0]
            return f"More active in {label(e['annotation'], e['strand'])} than its circularly shifted copies (q {words.probability(e['q'])}), but not closely enough to carry that name."
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
            f"Removing it {verb} the model's negative log-likelihood by {words.number(abs(c['ablation_dnll']))} bits a base where it is active (n = {int(c['firing_bases']):,}), {beyond} removing random "
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
        """Replication checks of its name: check, result, detail."""
        out = []
        for r in self.ledger.to_dict("records"):
            made = r["reason"] == "checked"
            result = "could not be checked" if not made else "holds" if r["survives"] else "does not hold"
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
    """The annotation each feature is closest to, indexed by feature: its best row of the names table, `named` or weak."""
    table = run.table("names")
    if table is None:
        table = NAMES.empty()
    return table[table["rank"] == 0].set_index("feature").sort_index()


def names(run: Run) -> pd.DataFrame:
    """The name of each feature that has one, indexed by feature."""
    best = closest(run)
    return best[best["named"].astype(bool)]


def by_reading(profiles: pd.DataFrame) -> list[tuple[tuple[str, str, str], pd.DataFrame]]:
    """Profiles of one feature by annotation, reading (sense, antisense) and boundary, in their order."""
    if profiles.empty:
        return []
    if (
        "strand" not in profiles
    ):  # runs that ended before readings were told apart have one profile of each boundary here
        keys = ["annotation", "boundary", "offset"]
        profiles = profiles[~profiles.duplicated(keys)].assign(strand="sense")
    grouped = profiles.groupby(["annotation", "strand", "boundary"], sort=False)
    return [((str(a), str(s), str(b)), rows) for (a, s, b), rows in grouped]


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
