"""Variants: scores next to their baselines, both alleles aligned base by base, and the features that change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from photo51.studio import asked
from photo51.studio.desk import Desk
from photo51.studio.journal import command, quoted_file
from photo51.studio.tabs import Tab
from photo51.studio.wire import digest, rows
from photo51.types import STRANDS, InputError

if TYPE_CHECKING:
    from photo51.api.workbench import Read
    from photo51.types import Variant

SHOWN = 12
MOST_COMPARED = 1_000
GAP = "-"


def variant(desk: Desk, tab: Tab, request: asked.VariantAsked) -> Iterator[dict[str, Any]]:
    """First both alleles aligned with what differs, then the scores, then a line of the journal."""
    bench, text = desk.bench, request.text.strip()
    variants = bench.variants(text)
    one = variants[0]
    ref, alt, change_at = bench.alleles(one)
    yield {
        "variants": [str(f.variant) for f in variants],
        "genome": one.genome,
        "chrom": one.variant.chrom,
        "pos": one.variant.pos,
        "ref": one.variant.ref,
        "alt": one.variant.alt,
        **aligned(desk, ref, alt, one.variant, change_at),
    }
    table = bench.score(text)
    python = f"$name = bench.score({text!r})"
    scored = [f"{v.chrom}\t{v.pos + 1}\t{v.ref}\t{v.alt}" for g, v in variants if g == one.genome]
    file = quoted_file("\n".join(("chrom\tpos\tref\talt", *scored, "")), "variant.tsv")
    line = tab.journal.add(
        "variants",
        f"Scored {text}",
        command=file
        + "\n"
        + command(
            "photo51",
            "score",
            "variant.tsv",
            "--genome",
            desk.run,
            "--name",
            one.genome,
            "--model",
            bench.model.spec.name,
            "--sae",
            desk.run,
        ),
        python=python,
        check="digest($name['llr'].to_numpy())",
        digest=digest(table["llr"].to_numpy()),
        state={"text": text},
    )
    yield {"scores": rows(table), "known": known(desk, str(one.variant)), "line": line.number, "done": True}


def compare_pasted(desk: Desk, tab: Tab, request: asked.CompareAsked) -> Iterator[dict[str, Any]]:
    """Two pasted sequences aligned from end to end, with the features that differ, column by column."""
    from photo51.api.workbench import typed_sequence

    named = [typed_sequence(request.first), typed_sequence(request.second)]
    for name, bases in named:
        if len(bases) > MOST_COMPARED:
            raise InputError(f"{name}: need at most {MOST_COMPARED:,} bases to compare, got {len(bases):,}")
    one, two = (desk.bench.read(bases) for _, bases in named)
    columns = dict(zip(("ref", "alt"), _global(one.text, two.text), strict=True))
    answer = side_by_side(desk, {"ref": one, "alt": two}, columns)
    differs = sum(a != b for a, b in zip(*answer["letters"].values(), strict=True))
    both = [text for _, text in named]
    values = [b for read in (one, two) for b in read.bits.values()]
    line = tab.journal.add(
        "compare",
        f"Compared {named[0][0]} with {named[1][0]}: {differs:,} columns differ",
        command="\n".join(command("photo51", "read", text) for text in both),
        python=f"$name = [bench.read({both[0]!r}), bench.read({both[1]!r})]",
        check="digest(*(b for read in $name for b in read.bits.values()))",
        digest=digest(*values),
        state={"first": request.first, "second": request.second},
    )
    yield {
        **answer,
        "names": [name for name, _ in named],
        "first": 0,
        "differs": differs,
        "line": line.number,
        "done": True,
    }


def _global(one: str, two: str) -> tuple[list[int | None], list[int | None]]:
    """Index of the base of each sequence in each column of a global alignment with affine gaps, None at gaps."""
    from Bio.Align import PairwiseAligner

    aligner = PairwiseAligner(
        mode="global", match_score=2.0, mismatch_score=-1.0, open_gap_score=-4.0, extend_gap_score=-0.5
    )
    indices = aligner.align(one, two)[0].indices.tolist()
    first, second = ([None if i < 0 else int(i) for i in row] for row in indices)
    return first, second


def aligned(desk: Desk, ref: Read, alt: Read, change: Variant, change_at: int) -> dict[str, Any]:
    """Both alleles of a variant in columns; `change_at` is where the change begins in both."""
    wide = max(len(change.ref), len(change.alt))
    columns = {
        "ref": _columns(len(ref), change_at, len(change.ref), wide),
        "alt": _columns(len(alt), change_at, len(change.alt), wide),
    }
    return {**side_by_side(desk, {"ref": ref, "alt": alt}, columns), "first": change.pos - change_at, "at": change_at}


def side_by_side(desk: Desk, reads: dict[str, Read], columns: dict[str, list[int | None]]) -> dict[str, Any]:
    """Two readings in columns: letters, bits, and the features whose activation differs most, column by column."""
    largest = np.maximum(desk.bench.features["maximum"].to_numpy(dtype=np.float64), 1e-12)
    bits: dict[str, dict[str, list[float | None]]] = {}
    total = np.zeros(desk.bench.sae.n_features)
    dense: dict[tuple[str, str], np.ndarray] = {}
    for strand in STRANDS:
        spread = {}
        for name, read in reads.items():
            codes = np.asarray(read.codes[strand].todense(), dtype=np.float64) / largest
            picked = np.array([i if i is not None else -1 for i in columns[name]])
            spread[name] = np.where(picked[:, None] >= 0, codes[picked], 0.0)
            dense[name, strand] = spread[name]
            bits.setdefault(name, {})[strand] = [
                None if i is None or np.isnan(read.bits[strand][i]) else float(read.bits[strand][i])
                for i in columns[name]
            ]
        total += np.abs(spread["alt"] - spread["ref"]).sum(0)
    strongest = np.argsort(-total, kind="stable")[:SHOWN]
    return {
        "letters": {n: "".join(GAP if i is None else r.text[i] for i in columns[n]) for n, r in reads.items()},
        "bits": bits,
        "features": [
            {
                "feature": int(f),
                "change": float(total[f]),
                **{n: {s: np.round(dense[n, s][:, f], 4).tolist() for s in STRANDS} for n in reads},
            }
            for f in strongest
            if total[f] > 0
        ],
    }


def _columns(length: int, change_at: int, allele: int, wide: int) -> list[int | None]:
    """Index of the base in each column, None where the other allele is longer."""
    gap: list[int | None] = [None] * (wide - allele)
    first = min(change_at + allele, length)
    return [*range(first), *gap, *range(first, length)]


def known(desk: Desk, name: str) -> list[dict[str, Any]]:
    """What the run says of a variant: its rows of the variants table, and whether it has an evidence card."""
    if desk.bench.run is None:
        return []
    run = desk.bench.run._run
    table = run.table("variants")
    if table is None:
        return []
    cards = run.table("cards")
    carded = set() if cards is None else set(cards["variant"])
    of_variant = table[table["variant"] == name]
    columns = [c for c in ("set", "variant", "gene", "consequence", "hgvs_p", "label", "llr") if c in of_variant]
    return rows(of_variant[columns].assign(card=[v in carded for v in of_variant["variant"]]))
