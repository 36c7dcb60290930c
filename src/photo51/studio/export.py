"""What can be taken away: the journal as a notebook, sequences as FASTA, features as BED and TSV, bits as bigWig."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from starlette.responses import Response

from photo51.studio.desk import Desk
from photo51.studio.tabs import Tab
from photo51.types import STRANDS, InputError, Strand

if TYPE_CHECKING:
    from photo51.api.workbench import Read

KINDS = ("notebook", "fasta", "bed", "tsv", "bits", "plus", "minus")


def exported(desk: Desk, tab: Tab, what: str, query: dict[str, str]) -> Response:
    """A file.

    Raises
    ------
    InputError
        For a kind that is none, and where there is nothing to export.
    """
    if what == "notebook":
        title = f"photo51 studio: {desk.bench.run.name if desk.bench.run else desk.bench.model.spec.name}"
        return _file("studio.ipynb", tab.journal.notebook(title), "application/x-ipynb+json")
    if what == "fasta":
        return _file("studio.fa", tab.journal.fasta(), "text/x-fasta")
    if what in {"bed", "tsv", "bits"}:
        reading = tab.reading(query.get("reading", ""))
        text = {"bed": bed, "tsv": strongest, "bits": bits}[what](desk, tab, query.get("reading", ""))
        name = reading.place.chrom if reading.place else "sequence"
        return _file(f"{_safe(name)}.{'bed' if what == 'bed' else what + '.tsv'}", text, "text/plain")
    if what in {"plus", "minus"}:
        reading = tab.reading(query.get("reading", ""))
        name = _safe(reading.place.chrom if reading.place else "sequence")
        return _file(
            f"{name}.bits_{what}.bw", bigwig(desk, reading, "+" if what == "plus" else "-"), "application/octet-stream"
        )
    raise InputError(f"export: need one of {', '.join(KINDS)}, got {what[:40]!r}")


def _file(name: str, text: str | bytes, kind: str) -> Response:
    return Response(
        text,
        media_type=kind,
        headers={"content-disposition": f'attachment; filename="{name}"'},
    )


def _safe(name: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in name) or "sequence"


def strongest(desk: Desk, tab: Tab, key: str) -> str:
    """The strongest features of a reading as a table; positions are 1-based, in the reading."""
    table = desk.bench.strongest(tab.reading(key), 200)
    table["position"] += 1
    return table.to_csv(sep="\t", index=False)


def bits(_desk: Desk, tab: Tab, key: str) -> str:
    """Surprisal (bits) of each base on both strands; positions are 1-based, in the reading."""
    reading = tab.reading(key)
    lines = ["position\tbase\tbits_plus\tbits_minus"]
    lines += [
        f"{i + 1}\t{letter}\t{plus:.6g}\t{minus:.6g}"
        for i, (letter, plus, minus) in enumerate(
            zip(reading.text, reading.bits["+"].tolist(), reading.bits["-"].tolist(), strict=True)
        )
    ]
    return "\n".join(lines) + "\n"


def bigwig(desk: Desk, reading: Read, strand: Strand) -> bytes:
    """Bits of each base read on a strand of the contig, as bigWig; of pasted bases on a contig `sequence`."""
    import numpy as np
    import pandas as pd

    from photo51.report.elements.browser_formats import write_bigwig

    place, bits_of = reading.place, reading.bits[strand]
    chrom, start, size = "sequence", 0, len(reading)
    if place is not None and desk.bench.run is not None:
        chrom, start = place.chrom, place.start
        size = desk.bench.run.genomes.length(place.genome, place.chrom)
        if place.strand == "-":
            bits_of = reading.bits["-" if strand == "+" else "+"][::-1]
    covered = np.flatnonzero(np.isfinite(bits_of))
    if not len(covered):
        raise InputError(f"bigWig: need a base with bits on strand {strand}, got none")
    values = bits_of[covered].astype(float)
    table = pd.DataFrame({"chrom": chrom, "start": start + covered, "end": start + covered + 1, "value": values})
    with TemporaryDirectory(prefix="photo51-") as folder:
        path = Path(folder) / "bits.bw"
        write_bigwig(table, {chrom: size}, path)
        return path.read_bytes()


def bed(desk: Desk, tab: Tab, key: str) -> str:
    """Runs of bases at which the strongest features are active, BED6; the score is the share of the feature's
    maximum.
    """
    import numpy as np

    reading, bench = tab.reading(key), desk.bench
    table, lines = bench.features, []
    chrom = reading.place.chrom if reading.place else "sequence"
    for feature in dict.fromkeys(bench.strongest(reading, 40)["feature"].tolist()):
        for strand in STRANDS:
            one = reading.codes[strand].tocsc()[:, [feature]].tocoo()
            order = np.argsort(one.row, kind="stable")
            active, value = one.row[order], one.data[order]
            breaks = np.flatnonzero(np.diff(active) > 1) + 1
            for run, level in zip(np.split(active, breaks), np.split(value, breaks), strict=True):
                if len(run):
                    score = min(1000, round(1000 * float(level.max()) / float(table["maximum"].iloc[feature])))
                    start, end, way = _forward(reading.place, int(run[0]), int(run[-1]) + 1, strand)
                    name = f"f{feature} {table['name'].iloc[feature]}".strip().replace("\t", " ").replace(" ", "_")
                    lines.append((start, f"{chrom}\t{start}\t{end}\t{name}\t{score}\t{way}\n"))
    return "".join(text for _, text in sorted(lines))


def _forward(place: object, start: int, end: int, strand: str) -> tuple[int, int, str]:
    """An interval of a reading in forward coordinates of its contig."""
    from photo51.api.workbench import Place

    if not isinstance(place, Place):
        return start, end, strand
    if place.strand == "-":
        return place.end - end, place.end - start, "-" if strand == "+" else "+"
    return place.start + start, place.start + end, strand
