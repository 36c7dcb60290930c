"""Claims of the pages, computed once more from codes and annotations by a few independent lines.

The sentence of a named feature prints precision, recall by bases and Matthews' correlation; a locus prints a gene and whether
it is read in sense or antisense; the report prints counts. Here each is computed again without the code that made it (masks
by plain slices, leaked positions by a set of strings), put into the page's number format, and looked for in the printed text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray

from photo51 import words
from photo51.genome.alphabet import decode
from photo51.report.elements.feature_text import known_sentence
from photo51.run.feature import FeatureReader
from photo51.run.known import Known
from photo51.run.opened import Run

COMPLEMENT = str.maketrans("ACGT", "TGCA")
HELD_OUT = "held-out concept"


class Claim(NamedTuple):
    """What a page says, and what it should say."""

    what: str
    printed: str
    expected: str

    @property
    def holds(self) -> bool:
        """Whether the page prints the expected text; thin spaces and line ends are spaces."""
        return " ".join(self.expected.split()) in " ".join(self.printed.split())


def claims(run: Run, report_text: str, seed: int = 51) -> list[Claim]:
    """Ten random features, a hundred loci, the counts.

    Parameters
    ----------
    run
        The run.
    report_text
        Visible text of its report.
    seed
        Which features.
    """
    rng = np.random.default_rng(seed)
    return [*_agreement(run, rng), *_directions(run, rng), *_counts(run, report_text)]


# ---- precision, recall, MCC


def _settings(run: Run) -> Mapping[str, Any]:
    path = run.folder / "config.yaml"
    return (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("concepts", {}) if path.is_file() else {}


def held_out(run: Run) -> NDArray[np.bool_]:
    """Positions of the test split that share no k-mer, on either strand, with other splits, (n_rows,)."""
    settings, table = _settings(run), run.places.workspace.table
    test, k = set(settings.get("test", ["test"])), int(settings.get("leak_k", 21))
    texts = [
        decode(run.genomes.sequence(str(r.genome), str(r.chrom), int(r.start), int(r.end))) for r in table.itertuples()
    ]
    known: set[str] = set()
    for r, text in zip(table.itertuples(), texts, strict=True):
        if str(r.split) in {"train", "select", "test"} - test:
            for word in (text[i : i + k] for i in range(len(text) - k + 1)):
                known |= {word, word.translate(COMPLEMENT)[::-1]}
    mask = np.zeros(run.places.workspace.n_rows, dtype=bool)
    for r, text in zip(table.itertuples(), texts, strict=True):
        if str(r.split) in test:
            fresh = np.ones(len(text), dtype=bool)
            for i in range(len(text) - k + 1):
                word = text[i : i + k]
                if not set(word) - set("ACGT") and word in known:
                    fresh[i : i + k] = False
            mask[int(r.offset) : int(r.offset) + len(text)] = fresh
    return mask


def inside(run: Run, annotation: str, way: str) -> dict[str, NDArray[np.bool_]]:
    """Positions that a class marks as a strand reads it, each (n_rows,)."""
    table, own = run.places.workspace.table, run.genomes.annotations()
    own = own[own["kind"] == annotation]
    out = {s: np.zeros(run.places.workspace.n_rows, dtype=bool) for s in "+-"}
    for r in table.itertuples():
        near = own[
            (own["genome"] == r.genome) & (own["chrom"] == r.chrom) & (own["start"] < r.end) & (own["end"] > r.start)
        ]
        for start, end, strand in near[["start", "end", "strand"]].itertuples(index=False):
            low, high = (
                max(int(start), int(r.start)) - r.start + r.offset,
                min(int(end), int(r.end)) - r.start + r.offset,
            )
            for s in "+-":
                reads = strand not in {"+", "-"} or way == "either" or (way == "sense") == (s == strand)
                if reads:
                    out[s][int(low) : int(high)] = True
    return out


def _agreement(run: Run, rng: np.random.Generator, n: int = 10) -> Iterator[Claim]:
    names, kinds = run.table("names"), set(run.genomes.annotations()["kind"])
    if names is None:
        return
    plain = names["annotation"].isin(kinds) & ~names["annotation"].str.startswith("codon_position")
    usable = names[
        names["named"].astype(bool)
        & (names["evidence"] == HELD_OUT)
        & plain
        & ~names["evaluation"].astype(str).str.startswith("cross")
    ]
    if usable.empty:
        return
    rows = usable.iloc[np.sort(rng.choice(len(usable), min(n, len(usable)), replace=False))]
    counts = held_out(run)
    for r in rows.to_dict("records"):
        feature, mask = int(r["feature"]), inside(run, str(r["annotation"]), str(r["strand"]))
        (columns,) = run.places.columns(np.array([feature]))
        tp = active = marked = 0
        for s in ("+", "-"):
            on = np.zeros(len(counts), dtype=bool)
            on[columns[s].rows[columns[s].values >= r["threshold"]]] = True  # type: ignore[index]
            tp += int((on & mask[s] & counts).sum())
            active += int((on & counts).sum())
            marked += int((mask[s] & counts).sum())
        total = 2 * int(counts.sum())
        fp, fn = active - tp, marked - tp
        tn = total - tp - fp - fn
        mcc = (tp * tn - fp * fn) / max(np.sqrt(float(tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)), 1e-12)
        said = known_sentence(Known.of(run, feature))
        yield Claim(
            f"f{feature} precision",
            said,
            f"{words.percent(tp / max(active, 1))} lie in the class (precision)",
        )
        yield Claim(
            f"f{feature} recall",
            said,
            f"{words.percent(tp / max(marked, 1))} of the bases of the class (recall by bases)",
        )
        yield Claim(f"f{feature} MCC", said, f"MCC by bases {words.fixed(mcc)}")


# ---- sense or antisense


def _directions(run: Run, rng: np.random.Generator, n: int = 100) -> Iterator[Claim]:
    live, told = rng.permutation(run.live), 0
    genes = run.genomes.annotations()
    genes = genes[(genes["name"] != "") & genes["strand"].isin(["+", "-"])]
    reader = FeatureReader(run)
    for first in range(0, len(live), 16):
        for d in reader.of([int(f) for f in live[first : first + 16]]):
            for w in d.windows[:2]:
                name, comma, side = w.gene.rpartition(", ")
                if not comma or " " in name or told == n:  # `41 bases before thrB, sense` is another kind of sentence
                    continue
                told += 1
                yield Claim(
                    f"f{d.feature} at {w.where}",
                    side,
                    _side(genes, w.genome, w.chrom, w.position, name, w.strand),
                )
        if told == n:
            return


def _side(genes: pd.DataFrame, genome: str, chrom: str, position: int, name: str, read: str) -> str:
    over = genes[
        (genes["genome"] == genome) & (genes["chrom"] == chrom) & (genes["start"] <= position) & (genes["end"] > position) & (genes["name"] == name)
    ]  # fmt: skip
    sides = {"sense" if s == read else "antisense" for s in over["strand"]}
    return sides.pop() if len(sides) == 1 else f"no single gene {name} there"


# ---- counts


def _counts(run: Run, text: str) -> Iterator[Claim]:
    names = run.table("names")
    flat = " ".join(text.split())
    if names is not None:
        named = int(((names["rank"] == 0) & names["named"].astype(bool)).sum())
        yield Claim(
            "named features",
            flat,
            f"{words.count(named, 'feature')} {'carries' if named == 1 else 'carry'} a name",
        )
    live = int((run.adata.obs["n_active"] > 0).sum())
    yield Claim("active features", flat, f"{live:,} were active somewhere")
    table = run.places.workspace.table
    yield Claim("scored positions", flat, words.bases(int((table["end"] - table["start"]).sum())))
    if (novelty := run.table("novelty")) is not None:
        unseen = int((novelty["rank"] == 0).sum())
        if unseen:
            yield Claim(
                "features past no gate",
                flat,
                f"{words.count(unseen, 'feature')} did not pass a gate of the ranking",
            )
