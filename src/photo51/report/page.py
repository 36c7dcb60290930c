"""`report.html`: one self-contained page on what the model knows of the genomes of a run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from photo51 import __version__, words
from photo51.config.report import AtlasParams, ReportParams
from photo51.io import atomic
from photo51.report.elements.blocks import Claims, Figure, Figures, Heading, Table, environment, used_terms
from photo51.report.sections import (
    Section,
    calibration,
    causes,
    concepts,
    disease,
    failures,
    headline,
    learnt,
    manifolds,
    methods,
    overview,
    reproduce,
    unnamed,
)
from photo51.run.feature import FeatureReader
from photo51.run.known import names
from photo51.run.opened import Run

log = logging.getLogger(__name__)
UNFOLDED = {"headline"}  # anchors of sections that show whole
CARD_FLANK = 12  # bases shown to either side of a window's strongest base on a card


class Tile(NamedTuple):
    """A number at the top of the page."""

    value: str
    label: str


class Door(NamedTuple):
    """A link to what lies beside the page."""

    href: str
    label: str


def write_report(run: Run, out: Path, params: ReportParams) -> None:
    """Write the page, atomically."""
    sections = report_sections(run, params)
    title = params.title or _title(run)
    env = environment()
    body = {
        "title": title,
        "run_name": run.name,
        "version": __version__,
        "standfirst": _standfirst(run),
        "tiles": _tiles(run, sections),
        "doors": _doors(run, out),
        "sections": sections,
        "opened": {s.anchor: opened(s) for s in sections},
    }
    template = env.get_template("report.html.j2")
    text = template.render(**body, keys=[])
    text = template.render(**body, keys=used_terms(text))
    with atomic(out) as partial:
        partial.write_text(text, encoding="utf-8")
    log.info("%s: %.2f MB", out, out.stat().st_size / 1e6)


def report_sections(run: Run, params: ReportParams) -> list[Section]:
    """Every section, in the order of the page; the headline and the failures are gathered from the others."""
    made_dossiers = FeatureReader(run, AtlasParams(flank=CARD_FLANK))
    makers: list[Callable[[], Section]] = [
        lambda: overview.section(run),
        lambda: concepts.section(run, made_dossiers.of, params.concepts),
        lambda: manifolds.section(run, params.manifolds),
        lambda: disease.section(run, params.cards, params.alpha),
        lambda: causes.section(run, params.alpha),
        lambda: unnamed.section(run, made_dossiers.of, params.unnamed),
        lambda: calibration.section(run),
        lambda: methods.section(run),
        lambda: reproduce.section(run),
    ]
    if learnt.asked(run):
        makers.insert(5, lambda: learnt.section(run, params.alpha))
    drafted = [make() for make in makers]
    first, *middle, methods_section, last = drafted
    gathered = [*drafted, headline.without_findings(run)] if run.table("findings") is None else drafted
    return [headline.section(drafted), first, *middle, failures.section(gathered), methods_section, last]


def opened(section: Section) -> int:
    """How many blocks of a section show before the reader unfolds it: up to its first table or picture, no heading
    alone.
    """
    if section.anchor in UNFOLDED:
        return len(section.blocks)
    for i, block in enumerate(section.blocks):
        if isinstance(block, (Table, Figure, Figures, Claims)):
            return i + 1
    headings = [i for i, b in enumerate(section.blocks) if i and isinstance(b, Heading)]
    return headings[0] if headings else len(section.blocks)


def _title(run: Run) -> str:
    genomes = [g.replace("_", " ") for g in dict.fromkeys(run.genomes.contigs["genome"])]
    return f"What the model knows of {words.listing(genomes, 4)}"


def _standfirst(run: Run) -> str:
    scored = words.bases(run.places.workspace.n_rows)
    return (
        f"A DNA language model read {scored} on both strands, and its internal state was decomposed into"
        f" {len(run.features):,} features. This page says which parts of the genomes they mark, how well, and with"
        " which negative controls."
    )


def _tiles(run: Run, sections: Sequence[Section]) -> list[Tile]:
    tiles = []
    if tested := [c for s in sections for c in s.claims if c.verdict in {"yes", "no"}]:
        beyond = sum(c.verdict == "yes" for c in tested)
        which = "claim beats its" if len(tested) == 1 else "claims beat their"
        tiles.append(Tile(f"{beyond} of {len(tested)}", f"{which} negative control"))
    if len(named := names(run)):
        tiles.append(
            Tile(f"{len(named):,}", f"{'feature' if len(named) == 1 else 'features'} named after an annotation")
        )
    figures = run.json("calibration")
    if figures.get("run_rotated_both") is not None:
        real, rotated = figures["run_real_both"], figures["run_rotated_both"]
        n, everything = figures.get("features_compared"), figures.get("run_all_both", real)
        of_features = f" of {words.count(int(n), 'feature')}" if n else ""
        tiles.append(
            Tile(
                f"{everything:,}",
                f"{'pair' if everything == 1 else 'pairs'} of feature and annotation;{of_features} {real:,}, and"
                f" {rotated:,} with those [[rotation|circularly shifted]]",
            )
        )
    return [
        *tiles,
        Tile(words.bases(run.places.workspace.n_rows), "[[scored]], each strand"),
        Tile(f"{len(run.live):,}", f"[[feature|features]] active, of {len(run.features):,}"),
    ]


def _doors(run: Run, out: Path) -> list[Door]:
    doors = [Door("atlas/index.html", "Feature atlas")] if (run.folder / "atlas" / "index.html").is_file() else []
    doors += [
        Door(f"tracks/{p.parent.name}/igv.html", f"Genome page: {p.parent.name}")
        for p in sorted(run.folder.glob("tracks/*/igv.html"))
    ]
    doors += [
        Door(f"notebooks/{p.name}", f"Notebook: {p.stem[3:].replace('_', ' ')}")
        for p in sorted(run.folder.glob("notebooks/*.html"))
    ]
    return doors if out.resolve().parent == run.folder.resolve() else []
