"""A genome browser in one file: igv.js, bases, genes and tracks inside, to be opened from a disk with no network.

igv.js (Robinson et al. 2023, doi:10.1093/bioinformatics/btac830; MIT licence) comes with the igv-notebook package.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from markupsafe import Markup

from photo51 import __version__, theme
from photo51.io import atomic
from photo51.report.elements.blocks import environment, script_safe
from photo51.report.elements.browser_formats import BrowserTrack
from photo51.report.tracks.data import Labelled

_SOURCE_MAP = re.compile(r"^//# sourceMappingURL=.*$", re.MULTILINE)


class Locus(NamedTuple):
    """A place worth looking at.

    Attributes
    ----------
    where
        `chrom:first-last`, 1-based, both ends included.
    label
        Why: the feature and its name.
    strength
        Activation, in words.
    gene
        Nearest gene; empty where there is none.
    """

    where: str
    label: str
    strength: str
    gene: str


class PageFiles(NamedTuple):
    """What the page is linked to.

    Attributes
    ----------
    features
        Features whose intervals lie in `data`; None where there are none.
    chunk
        How many of them a file holds.
    of_run
        Whether the page is part of a run, whose atlas and report it links to.
    """

    features: Labelled | None = None
    chunk: int = 16
    of_run: bool = False

    def dump(self) -> Mapping[str, Any]:
        """As the page reads it."""
        ids = [] if self.features is None else [int(f) for f in self.features.ids]
        labels = {} if self.features is None else self.features.labels
        return {
            "ids": ids,
            "labels": [labels.get(f, "") for f in ids],
            "chunk": self.chunk,
            "of_run": self.of_run,
            "colours": [theme.colour("+"), theme.colour("-")],
        }


def igv_library() -> str:
    """Source of igv.js, ready to be inlined.

    Not taken apart into lines: its strings hold U+2028, which is a line end to Python.
    """
    code = files("igv_notebook").joinpath("js", "igv.min.js").read_text(encoding="utf-8")
    return script_safe(_SOURCE_MAP.sub("", code))


def data_uri(path: Path, *, compress: bool = False) -> str:
    """A file as a data address; igv.js unzips what is marked as gzip."""
    raw = path.read_bytes()
    kind = "octet-stream"
    if compress:
        raw, kind = gzip.compress(raw, 6, mtime=0), "gzip"
    return f"data:application/{kind};base64,{base64.b64encode(raw).decode()}"


def write_page(
    path: Path,
    fasta: Path,
    annotations: Sequence[tuple[BrowserTrack, Path]],
    signals: Sequence[tuple[BrowserTrack, Path]],
    loci: Sequence[Locus],
    files: PageFiles,
) -> None:
    """Write the page.

    Parameters
    ----------
    path
        Where to.
    fasta
        Bases of the genome.
    annotations
        BED files, always shown.
    signals
        bigWig files, which the reader can switch on and off.
    loci
        Places to jump to; the page opens at the first.
    files
        What the page can load or link to.
    """
    fixed = [
        {
            "name": t.label,
            "type": "annotation",
            "format": "bed",
            "url": data_uri(file, compress=True),
            "indexed": False,
            "displayMode": "EXPANDED",
            "height": 70,
            "color": t.colour,
        }
        for t, file in annotations
    ]
    switched = [
        {
            "name": t.label,
            "type": "wig",
            "format": "bigwig",
            "url": data_uri(file),
            "height": 44,
            **({"autoscale": False, "min": 0, "max": t.top} if t.top > 0 else {"autoscale": True}),
            "color": t.colour,
        }
        for t, file in signals
    ]
    config = {
        "reference": {
            "id": fasta.stem,
            "name": fasta.stem,
            "indexed": False,
            "fastaURL": data_uri(fasta, compress=True),
        },
        "loadDefaultGenomes": False,
        "genomeList": [],
        "showSVGButton": False,
        "queryParametersSupported": False,
        "showAllChromosomes": True,
        "tracks": fixed,
    }
    if loci:
        config["locus"] = loci[0].where
    page = (
        environment()
        .get_template("igv.html.j2")
        .render(
            title=f"Features on {fasta.stem}",
            version=__version__,
            igv=Markup(igv_library()),
            loci=loci,
            config=Markup(script_safe(json.dumps(config))),
            signals=Markup(script_safe(json.dumps(switched))),
            names=[t.label for t, _ in signals],
            files=Markup(script_safe(json.dumps(files.dump()))),
            of_run=files.of_run,
            on_demand=files.features is not None,
        )
    )
    with atomic(path) as partial:
        partial.write_text(page, encoding="utf-8")
