"""How to do it again."""

from __future__ import annotations

import json

from markupsafe import Markup

from photo51 import __version__
from photo51.report import words
from photo51.report.blocks import Block, Head, Note, Prose, Raw, Table
from photo51.report.run import Run
from photo51.report.sections.base import Failure, Section

ANCHOR, TITLE = "reproduce", "How to do it again"
QUESTION = "Can somebody else get the same numbers?"


def section(run: Run) -> Section:
    """Commands, versions, seeds and hashes, from the manifest and the provenance of the tables."""
    manifest = run.manifest
    software = manifest.get("software", {})
    git = manifest.get("git", {})
    blocks: list[Block] = [
        Prose(
            "The same configuration, inputs and version give byte-identical tables. Check this run against its manifest, or run it again:"
        ),
        Raw(
            Markup("<pre><code>photo51 verify results/{}\nphoto51 run config.yaml</code></pre>").format(
                run.name
            )
        ),
    ]
    failures = []
    if manifest:
        rows = [
            [
                "photo51",
                f"{manifest.get('photo51', __version__)}, commit `{(git.get('commit') or 'unknown')[:12]}`{' with local changes' if git.get('dirty') else ''}",
            ]
        ]
        rows += [
            ["Seed", str(manifest.get("seed"))],
            ["Configuration", f"`{manifest.get('config', {}).get('hash', 'unknown')}`"],
        ]
        rows += [
            ["Software", ", ".join(f"{k} {v}" for k, v in software.items() if v)],
            ["Machine", str(manifest.get("machine", {}).get("platform", ""))],
        ]
        blocks.append(Table("What made this run", [Head("What"), Head("Which")], rows, sortable=False))
        inputs = [
            [name, f"`{entry['sha256'][:16]}`", f"{entry['bytes']:,}"]
            for name, entry in manifest.get("inputs", {}).items()
        ]
        if inputs:
            blocks.append(
                Table(
                    "Inputs",
                    [Head("File"), Head("SHA-256, first 16 digits"), Head("bytes")],
                    inputs,
                    shown=8,
                    sortable=False,
                )
            )
        text = json.dumps(manifest.get("config", {}).get("values", {}), indent=1)
        blocks.append(
            Raw(
                Markup(
                    "<details><summary>The whole configuration, defaults included</summary><pre><code>{}</code></pre></details>"
                ).format(text)
            )
        )
    else:
        blocks.append(
            Note(
                "`manifest.json` is written last, when every output is there; it was not there when this page was made.",
                kind="plain",
            )
        )
    if git.get("dirty"):
        failures.append(Failure("The code had uncommitted changes when this was run.", "limit", ANCHOR))
    blocks.append(_files(run))
    return Section(
        ANCHOR, TITLE, QUESTION, "Yes, with the commands and hashes below.", blocks, failures=failures
    )


def _files(run: Run) -> Table:
    known = {
        "features.h5ad": "features, for scanpy", "atlas/index.html": "every feature with its dossier", "tracks": "genome tracks, hub, IGV session and page",
        "notebooks": "notebooks with their results", "exports": "AnnData, tables as TSV, column dictionary", "manifest.json": "hashes of everything",
    }  # fmt: skip
    rows = [
        [f"`{name}`", what, "here" if (run.folder / name).exists() else "not made"]
        for name, what in known.items()
    ]
    return Table(
        f"Beside this page, in {words.listing([f'results/{run.name}'])}",
        [Head("File"), Head("What it holds"), Head("")],
        rows,
        sortable=False,
    )
