"""How to do it again."""

from __future__ import annotations

import json
from typing import Any

from markupsafe import Markup

from photo51 import __version__, words
from photo51.report.elements.blocks import Block, Head, Note, Prose, Raw, Table
from photo51.report.manifest import made_with
from photo51.report.sections.base import Failure, Section
from photo51.run.opened import Run

ANCHOR, TITLE = "reproduce", "How to do it again"
QUESTION = "Can somebody else get the same numbers?"


def section(run: Run) -> Section:
    """Commands, versions, seeds and hashes, from the configuration; where the page was not told of one, from the
    manifest.
    """
    manifest = run.manifest or made_with()
    blocks: list[Block] = [
        Prose(
            "The same configuration, inputs and version give byte-identical tables. Check this run against its"
            " manifest, or run it again:"
        ),
        Raw(
            Markup("<pre><code>photo51 verify results/{0}\nphoto51 run {1}</code></pre>").format(
                run.name,
                f"results/{run.name}/config.yaml" if (run.folder / "config.yaml").is_file() else "config.yaml",
            )
        ),
        Prose(
            "Time and memory of each stage differ from run to run, so they lie next to this page:"
            " `benchmarks/stages.svg`, and one file a job below `benchmarks/`."
        ),
        _made(run, manifest),
    ]
    if run.manifest:
        blocks += _given(manifest)
    blocks.append(
        Note(
            "`manifest.json` next to this page holds the seed, the whole configuration and the SHA-256 of every input"
            " and output; it is written last, after this page."
        )
    )
    failures = []
    if manifest.get("git", {}).get("dirty"):
        failures.append(Failure("The code had uncommitted changes when this was run.", "limit", ANCHOR))
    blocks.append(_files(run))
    return Section(ANCHOR, TITLE, QUESTION, "Yes, with the commands and hashes below.", blocks, failures=failures)


def _made(run: Run, manifest: dict[str, Any]) -> Table:
    """Program, model, dictionary and packages."""
    git, origin = manifest.get("git", {}), run.codes.meta.origin
    commit = (git.get("commit") or "unknown")[:12]
    changed = " with local changes" if git.get("dirty") else ""
    rows = [
        ["photo51", f"{manifest.get('photo51', __version__)}, commit `{commit}`{changed}"],
        ["Model", f"{origin.model_name or 'not named'}, hash `{origin.model}`"],
        ["Dictionary", f"{run.sae}, hash `{run.codes.meta.sae}`"],
        ["Software", ", ".join(f"{k} {v}" for k, v in manifest.get("software", {}).items() if v)],
    ]
    if run.manifest:
        rows += [
            ["Seed", str(manifest.get("seed"))],
            ["Configuration", f"`{manifest.get('config', {}).get('hash', 'unknown')}`"],
        ]
    return Table("What made this run", [Head("What"), Head("Which")], rows, sortable=False)


def _given(manifest: dict[str, Any]) -> list[Block]:
    """Inputs with their hashes, and the configuration."""
    out: list[Block] = []
    inputs = [
        [name, f"`{entry['sha256'][:16]}`", f"{entry['bytes']:,}"] for name, entry in manifest.get("inputs", {}).items()
    ]
    if inputs:
        heads = [Head("File"), Head("SHA-256, first 16 digits"), Head("bytes")]
        out.append(Table("Inputs", heads, inputs, shown=8, sortable=False))
    text = json.dumps(manifest.get("config", {}).get("values", {}), indent=1)
    out.append(
        Raw(
            Markup(
                "<details class='no-print'><summary>The whole configuration, defaults"
                " included</summary><pre><code>{}</code></pre></details>"
            ).format(text)
        )
    )
    return out


def _link(run: Run, name: str) -> str | Markup:
    """A file as a link, where it is beside the page."""
    if not (run.folder / name).exists():
        return f"`{name}`"
    return Markup('<a href="{0}">{0}</a>').format(name + ("/" if (run.folder / name).is_dir() else ""))


def _there(run: Run, name: str) -> str:
    if name == "manifest.json":
        return "written after this page"
    return "here" if (run.folder / name).exists() else "not made"


def _files(run: Run) -> Table:
    meaning_of = {
        "config.yaml": "the configuration, to run again",
        "exports/features.h5ad": "features with all that is known of each, for scanpy",
        "atlas/index.html": "every feature with its page",
        "tracks": "genome tracks, hub, IGV session and page",
        "notebooks": "notebooks with their results",
        "exports/tables": "every table as TSV (0-based and 1-based) and parquet",
        "exports/columns.tsv": "what every column means",
        "manifest.json": "hashes of everything",
    }
    rows = [[_link(run, name), what, _there(run, name)] for name, what in meaning_of.items()]
    return Table(
        f"Next to this page, in {words.listing([f'results/{run.name}'])}",
        [Head("File"), Head("What it holds"), Head("")],
        rows,
        sortable=False,
    )
