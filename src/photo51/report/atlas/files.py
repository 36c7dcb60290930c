"""The atlas as files: an index and chunks of dossiers, inside one page or beside it.

A page opened from disk may load scripts but not fetch files, so that chunks beside the page are scripts that hand over
one string: JSON, compressed by gzip, as base64.
"""

from __future__ import annotations

import base64
import gzip
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from photo51 import __version__, theme
from photo51.io import atomic
from photo51.report.elements.blocks import environment

COLUMNS = (
    "id",
    "name",
    "grade",
    "score",
    "null",
    "density",
    "novelty",
    "novel",
    "cause",
    "manifold",
    "x",
    "y",
    "motif",
    "genes",
)
SHOWN_COLOURS = (
    "+",
    "-",
    "feature",
    "CDS",
    "gene",
    "tRNA",
    "rRNA",
    "ncRNA",
    "mobile_element",
    "prophage",
    "repeat",
)


@dataclass(frozen=True)
class Index:
    """What the atlas always has in memory.

    Attributes
    ----------
    title, subtitle
        Heading and what stands above it.
    features
        One row a feature, columns `COLUMNS`: `name` is an index into `names` or -1, `manifold` into `manifolds` or -1.
    names
        Concept labels with the group that gives their colour: `label`, `group` (index into `groups`).
    groups
        `label`, `colour`.
    manifolds
        `shape`, `meaning`, `words`, `alt`, `cyclic`, `features` (ids), `facts`, `points` (`x`, `y`, `v` in 0–1).
    contigs
        `name`, `length`.
    genes
        Columns `name`, `contig`, `start`, `end`.
    loci
        Features most active in each bin of each contig: `bin` (bases), `first` (first bin of each contig, one more at
        the end), `bounds` (into the next two), `row`, `share` (of the feature's own maximum).
    tries
        Searches to offer.
    scored
        What was read: columns `contig`, `start`, `end`, and `bases` where they are few enough to be searched.
    evidence
        Every annotation that some evidence gives a feature: columns `row` (of `features`), `label`, `grade`.
    variants
        Columns `text` (what is searched), `label`, `contig`, `pos` (0-based), `llr` (nats), `set`, `card`.
    """

    title: str
    subtitle: str
    features: pd.DataFrame
    names: Sequence[Mapping[str, Any]]
    groups: Sequence[Mapping[str, str]]
    manifolds: Sequence[Mapping[str, Any]]
    contigs: Sequence[Mapping[str, Any]]
    genes: Mapping[str, Sequence[Any]]
    loci: Mapping[str, Any]
    tries: Sequence[str] = field(default_factory=tuple)
    scored: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    evidence: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    variants: Mapping[str, Sequence[Any]] = field(default_factory=dict)


def pack_pages(value: Any) -> str:
    """A value as gzip + base64 of JSON; the same value gives the same text."""
    text = json.dumps(plain(value), separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    # level 7 takes four times as long for 8 % fewer bytes of a page of intervals
    return base64.b64encode(gzip.compress(text.encode(), 5, mtime=0)).decode()


def write_atlas(
    index: Index,
    dossiers: Iterable[Mapping[str, Any]],
    folder: Path,
    *,
    chunk: int = 256,
    inline: bool = True,
) -> None:
    """Write `index.html`, and `data/*.js` beside it unless everything is inside.

    Parameters
    ----------
    index
        What is searched and drawn.
    dossiers
        One record a feature, in the order of `index.features`; taken as they come, `chunk` in memory at a time.
    folder
        Where to; replaced as a whole.
    chunk
        Dossiers read at once when one is opened.
    inline
        Whether the data go into the page.

    Raises
    ------
    ValueError
        Where there are not as many dossiers as features.
    """
    n = len(index.features)
    with atomic(folder) as partial:
        partial.mkdir(parents=True)
        inside: list[tuple[str, str]] = []
        written = 0
        for number, batch in enumerate(_batches(dossiers, chunk)):
            _keep(f"d{number:04d}", pack_pages(batch), partial, inside if inline else None)
            written += len(batch)
        if written != n:
            raise ValueError(f"atlas: need {n} feature pages, one a feature, got {written}")
        _keep("index", pack_pages(_payload(index, chunk)), partial, inside if inline else None)
        page = environment().get_template("atlas/index.html.j2")
        text = page.render(
            title=index.title,
            subtitle=index.subtitle,
            version=__version__,
            chunks=inside,
            tries=list(index.tries),
        )
        (partial / "index.html").write_text(text, encoding="utf-8")


def _keep(name: str, text: str, folder: Path, inside: list[tuple[str, str]] | None) -> None:
    if inside is not None:
        inside.append((name, text))
        return
    (folder / "data").mkdir(exist_ok=True)
    (folder / "data" / f"{name}.js").write_text(f'photo51_chunk("{name}","{text}")\n', encoding="ascii")


def _batches(items: Iterable[Mapping[str, Any]], size: int) -> Iterator[list[Mapping[str, Any]]]:
    each = iter(items)
    while batch := list(islice(each, size)):
        yield batch


_SCORED: Mapping[str, Sequence[Any]] = {k: [] for k in ("contig", "start", "end", "bases")}
_EVIDENCE: Mapping[str, Sequence[Any]] = {k: [] for k in ("row", "label", "grade")}
_VARIANTS: Mapping[str, Sequence[Any]] = {k: [] for k in ("text", "label", "contig", "pos", "llr", "set", "card")}


def _payload(index: Index, chunk: int) -> dict[str, Any]:
    if missing := [c for c in COLUMNS if c not in index.features.columns]:
        raise ValueError(f"atlas: need columns {missing}, got {list(index.features.columns)}")
    return {
        "chunk": chunk,
        "columns": {name: rounded(index.features[name]) for name in COLUMNS},
        "names": list(index.names),
        "groups": list(index.groups),
        "manifolds": list(index.manifolds),
        "contigs": list(index.contigs),
        "genes": index.genes,
        "loci": index.loci,
        "scored": {**_SCORED, **index.scored},
        "evidence": {**_EVIDENCE, **index.evidence},
        "variants": {**_VARIANTS, **index.variants},
        "colours": {name: theme.colour(name) for name in SHOWN_COLOURS},
        "ramps": {"cyclic": theme.CYCLE, "sequential": theme.ALONG},
    }


def rounded(values: pd.Series | np.ndarray | Sequence[float], digits: int = 4) -> list[Any]:
    """Values with so many significant digits, missing ones as None; anything that is no float stays as it is."""
    series = pd.Series(values)
    if not pd.api.types.is_float_dtype(series):
        return [v.item() if isinstance(v, np.generic) else v for v in series]
    return [None if not math.isfinite(v) else float(f"{v:.{digits}g}") for v in series]


_PLAIN = {int, str, bool, type(None)}


def plain(value: Any) -> Any:
    """A value as JSON knows it."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return value if set(map(type, value)) <= _PLAIN else [plain(v) for v in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
