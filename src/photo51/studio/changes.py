"""Variants: scores beside their baselines, both alleles aligned base by base, and the features that change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from photo51.studio import asked
from photo51.studio.desk import Desk
from photo51.studio.journal import command
from photo51.studio.tabs import Tab
from photo51.studio.wire import digest, rows
from photo51.types import STRANDS

if TYPE_CHECKING:
    from photo51.api.workbench import Read
    from photo51.types import Variant

SHOWN = 12
GAP = "-"


def variant(desk: Desk, tab: Tab, given: asked.VariantAsked) -> Iterator[dict[str, Any]]:
    """First both alleles aligned with what differs, then the scores, then a line of the journal."""
    bench, text = desk.bench, given.text.strip()
    found = bench.variants(text)
    one = found[0]
    ref, alt, at = bench.alleles(one)
    yield {
        "variants": [str(f.variant) for f in found],
        "genome": one.genome,
        "chrom": one.variant.chrom,
        "pos": one.variant.pos,
        "ref": one.variant.ref,
        "alt": one.variant.alt,
        **aligned(desk, ref, alt, one.variant, at),
    }
    table = bench.score(text)
    python = f"$name = bench.score({text!r})"
    line = tab.journal.add(
        "variants",
        f"Scored {text}",
        command=command(
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


def aligned(desk: Desk, ref: Read, alt: Read, change: Variant, at: int) -> dict[str, Any]:
    """Both alleles in columns: letters, bits, and the features whose activation differs most, column by column."""
    wide = max(len(change.ref), len(change.alt))
    columns = {
        "ref": _columns(len(ref), at, len(change.ref), wide),
        "alt": _columns(len(alt), at, len(change.alt), wide),
    }
    reads = {"ref": ref, "alt": alt}
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
    most = np.argsort(-total, kind="stable")[:SHOWN]
    return {
        "letters": {n: "".join(GAP if i is None else r.text[i] for i in columns[n]) for n, r in reads.items()},
        "first": change.pos - at,
        "at": at,
        "bits": bits,
        "features": [
            {
                "feature": int(f),
                "change": float(total[f]),
                **{n: {s: np.round(dense[n, s][:, f], 4).tolist() for s in STRANDS} for n in reads},
            }
            for f in most
            if total[f] > 0
        ],
    }


def _columns(length: int, at: int, allele: int, wide: int) -> list[int | None]:
    """Index of the base in each column, None where the other allele is longer."""
    gap: list[int | None] = [None] * (wide - allele)
    first = min(at + allele, length)
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
    some = table[table["variant"] == name]
    columns = [c for c in ("set", "variant", "gene", "consequence", "hgvs_p", "label", "llr") if c in some]
    return rows(some[columns].assign(card=[v in carded for v in some["variant"]]))
