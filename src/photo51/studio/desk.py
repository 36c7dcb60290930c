"""What the page asks, answered by the workbench: each function gives the events of one job and writes the journal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from photo51.studio import asked, without_run
from photo51.studio.journal import command
from photo51.studio.tabs import Tab
from photo51.studio.wire import column, digest, packed, rows
from photo51.types import STRANDS, InputError, Interval, Strand

if TYPE_CHECKING:
    from photo51.api.workbench import Place, Read, Workbench

TRACKS = 40
HOVERED = 8
MOST_HOVERED = 600
AROUND = 300  # bases shown on either side of a feature's strongest place


class Desk:
    """A workbench and what the page needs to know of it.

    Parameters
    ----------
    bench
        The workbench.
    run
        Folder of the run, as it was given; empty without one.
    most_bases
        Longest sequence that is read at once.
    dictionary
        Without a run: folder of the dictionary, where it is not the shipped one.
    """

    def __init__(self, bench: Workbench, run: str, most_bases: int, dictionary: str = ""):
        self.bench, self.run, self.most_bases = bench, run, most_bases
        folder = f", dictionary={dictionary!r}" if dictionary else ""
        inside = repr(run) if run else f"model={bench.model.spec.name!r}{folder}"
        self.opening = f"bench = photo51.workbench({inside})"

    # ---- what there is

    def state(self) -> dict[str, Any]:
        """Model, features, contigs, examples and limits."""
        bench = self.bench
        table = bench.features
        contigs: list[dict[str, Any]] = []
        if bench.run is not None:
            contigs = rows(bench.run.genomes.contigs[["genome", "chrom", "length"]])
        return {
            "model": bench.model.spec.name,
            "site": bench.sae.origin.site,
            "run": bench.run.name if bench.run else "",
            "folder": self.run,
            "features": {
                "name": table["name"].tolist(),
                "grade": table["grade"].tolist(),
                "unit": packed(table["unit"]),
                "median": packed(table["median"]),
                "maximum": packed(table["maximum"]),
                "density": packed(table["density"]),
            },
            "concepts": sorted(bench.opened.concepts),
            "contigs": contigs,
            "most_bases": self.most_bases,
            "examples": self.examples(),
            "pages": self.pages(),
        }

    def pages(self) -> dict[str, str]:
        """Pages of the run that are there."""
        if self.bench.run is None:
            return {}
        folder = self.bench.run.folder
        return {
            name: path
            for name, path in (("atlas", "atlas/index.html"), ("report", "report.html"))
            if (folder / path).is_file()
        }

    def examples(self) -> list[dict[str, str]]:
        """Searches that find something: a tRNA gene, a coding gene, a named feature; without a run bases to read."""
        if self.bench.run is None:
            return without_run.examples()
        run, out = self.bench.run._run, []
        table = run.genomes.annotations()
        table = table[table["name"] != ""]
        for kind, shortest, longest in (("tRNA", 50, 200), ("CDS", 200, 3_000), ("rRNA", 100, 4_000)):
            length = table["end"] - table["start"]
            fitting = table[(table["kind"] == kind) & length.between(shortest, longest)].drop_duplicates("name")
            for row in fitting.head(400).itertuples(index=False):
                if not run.places.unread(str(row.genome), str(row.chrom), int(row.start), int(row.end)):
                    out.append({"label": f"{row.name} ({kind})", "query": str(row.name)})
                    break
        names = self.bench.features
        named = names[names["grade"] == "strong"].sort_values("density", ascending=False)
        if len(named):
            first = named.iloc[0]
            out.append({"label": f"f{first['feature']} {first['name']}", "query": f"f{first['feature']}"})
        return out

    def sae_option(self) -> tuple[str, ...]:
        """Option of a command that names the dictionary of the run, where it is not `main`."""
        name = self.bench.run._run.sae if self.bench.run is not None else "main"
        return () if name == "main" else ("--sae", name)

    # ---- read

    def read(self, tab: Tab, request: asked.ReadAsked) -> Iterator[dict[str, Any]]:
        """Read bases or a region; the answer holds bits, the strongest features, ORFs and genes."""
        from photo51.api.workbench import typed_sequence

        bench = self.bench
        if request.source is not None and request.source.chrom:
            s = request.source
            self._fits(s.end - s.start)
            locus = Interval(s.chrom, s.start, max(s.start, s.end))
            reading = bench.read(locus, s.genome or None)
            assert reading.place is not None
            place = reading.place
            name, source = f"{place.chrom}:{place.start + 1:,}-{place.end:,}", s.model_dump()
            python = f"$name = bench.read(photo51.Interval({s.chrom!r}, {s.start}, {s.end}), {place.genome!r})"
            order = f"{place.chrom}:{place.start + 1}-{place.end}"
        else:
            text = request.source.bases if request.source is not None else request.text
            name, letters = typed_sequence(text)
            self._fits(len(letters))
            reading = bench.read(letters)
            source, order = {"bases": letters}, name
            python = f"$name = bench.read({letters!r})"
        key = digest(reading.bases, str(source))
        tab.keep(key, reading)
        line = tab.journal.add(
            "read",
            f"Read {name}, {len(reading):,} bases, both strands",
            command=self._read_command(order, reading),
            python=python,
            check="digest($name.bases, *$name.bits.values(), *(c.data for c in $name.codes.values()))",
            digest=_digest(reading),
            state={"source": source, "name": name},
            result={name.split()[0]: reading.text},
        )
        yield {**self.reading(reading), "key": key, "name": name, "source": source, "line": line.number}

    def _fits(self, length: int) -> None:
        if length > self.most_bases:
            raise InputError(
                f"sequence: need at most {self.most_bases:,} bases, what this machine's memory holds at once, got"
                f" {length:,}; `photo51 run` reads whole genomes"
            )

    def _read_command(self, order: str, reading: Read) -> str:
        if reading.place is not None and self.run:
            p = reading.place
            return command("photo51", "find", self.run, f"{p.chrom}:{p.start + 1}-{p.end}")
        return command("photo51", "read", reading.text if len(reading) <= 2_000 else f"{order}.fa")

    def reading(self, reading: Read) -> dict[str, Any]:
        """A reading as the page draws it."""
        strongest = self.bench.strongest(reading, TRACKS)
        by_column = {s: reading.codes[s].tocsc() for s in STRANDS}
        tracks = [
            {"feature": int(f), **{s: column(by_column[s], int(f)) for s in STRANDS}}
            for f in dict.fromkeys(strongest["feature"])
        ]
        place = reading.place
        return {
            "bases": reading.text,
            "bits": {s: packed(reading.bits[s]) for s in STRANDS},
            "digest": _digest(reading),
            "mean_bits": {s: _mean(reading.bits[s]) for s in STRANDS},
            "strongest": rows(strongest),
            "tracks": tracks,
            "orfs": [list(o) for o in reading.orfs(self._code(place))],
            "genes": self.genes(place, len(reading)),
            "place": None if place is None else place._asdict(),
        }

    def _code(self, place: Place | None) -> int:
        if place is None or self.bench.run is None:
            return 11
        return self.bench.run.genomes.genetic_code(place.genome, place.chrom)

    def genes(self, place: Place | None, length: int) -> list[dict[str, Any]]:
        """Annotated intervals over a reading, in its own coordinates and direction."""
        if place is None or self.bench.run is None:
            return []
        reverse = place.strand == "-"
        flip = {"+": "-", "-": "+"}
        out = []
        for g in self.bench.run._run.places.genes.over(place.genome, place.chrom, place.start, place.end):
            a, b = (place.end - g.end, place.end - g.start) if reverse else (g.start - place.start, g.end - place.start)
            strand = flip.get(g.strand, g.strand) if reverse else g.strand
            out.append(
                {
                    "start": max(a, 0),
                    "end": min(b, length),
                    "strand": strand,
                    "name": g.name,
                    "kind": g.kind,
                    "note": g.note,
                }
            )
        return out

    def bases(self, tab: Tab, request: asked.BasesAsked) -> Iterator[dict[str, Any]]:
        """The strongest features at each of a few bases, both strands."""
        reading = tab.reading(request.reading)
        start, end = request.start, min(request.end, len(reading))
        if not 0 <= end - start <= MOST_HOVERED or start > len(reading):
            raise InputError(
                f"bases: need at most {MOST_HOVERED} within 0..{len(reading):,}, got {request.start:,}..{request.end:,}"
            )
        largest = np.maximum(self.bench.features["maximum"].to_numpy(), 1e-12)
        by_strand: dict[str, list[list[list[float]]]] = {}
        for strand in STRANDS:
            part = reading.codes[strand][start:end].tocsr()
            each = []
            for i in range(end - start):
                cut = slice(part.indptr[i], part.indptr[i + 1])
                features, values = part.indices[cut], part.data[cut]
                order = np.argsort(-values / largest[features], kind="stable")[:HOVERED]
                each.append(
                    [[int(features[j]), float(values[j]), float(values[j] / largest[features[j]])] for j in order]
                )
            by_strand[strand] = each
        yield {"start": start, "end": end, "features": by_strand}

    def track(self, tab: Tab, request: asked.TrackAsked) -> Iterator[dict[str, Any]]:
        """One feature along a reading, strong there or not."""
        reading = tab.reading(request.reading)
        if request.feature >= self.bench.sae.n_features:
            raise InputError(f"feature: need a number from 0 to {self.bench.sae.n_features - 1}, got {request.feature}")
        yield {
            "feature": request.feature,
            **{s: column(reading.codes[s].tocsc(), request.feature) for s in STRANDS},
        }

    # ---- search and features

    def search(self, text: str) -> dict[str, Any]:
        """What the run says of a word, and where to go: as `photo51 find`."""
        from photo51.report.atlas.find import find
        from photo51.studio.places import go_to

        run = self.bench.run
        if not text.strip() or len(text) > 2_000:
            raise InputError(f"search: need 1 to 2,000 letters, got {len(text):,}")
        if run is None:
            return without_run.search(self.bench, text.strip())
        go, answer = go_to(run._run, text.strip()), None
        try:
            answer = find(run._run, text)
        except InputError:
            if not go:
                raise
        table = [] if answer is None or answer.text else rows(answer.table.head(60))
        return {
            "title": answer.title if answer else "",
            "text": answer.text if answer else "",
            "rows": table,
            "go": go,
        }

    def feature(self, number: int) -> dict[str, Any]:
        """A feature's page, as the atlas has it; without a run what the dictionary knows."""
        n = self.bench.sae.n_features
        if not 0 <= number < n:
            raise InputError(f"feature: need a number from 0 to {n - 1}, got {number}")
        if self.bench.run is None:
            return without_run.feature(self.bench, number)
        from photo51.config.report import AtlasParams
        from photo51.report.atlas.write import atlas_record
        from photo51.run.feature import feature_facts

        params = AtlasParams()
        run = self.bench.run._run
        facts = feature_facts(run, number, params)
        go = [
            {
                "genome": w.genome,
                "chrom": w.chrom,
                "start": max(0, w.position - AROUND),
                "end": min(run.genomes.length(w.genome, w.chrom), w.position + AROUND),
            }
            for w in facts.windows[: params.windows]
        ]
        return {
            "feature": number,
            "grade": str(self.bench.features["grade"].iloc[number]),
            "go": go,
            **atlas_record(run, facts, [], {}, params),
        }

    def run_file(self, path: str) -> Path:
        """A page of the run, or a file that such a page loads.

        Raises
        ------
        FileNotFoundError
            For anything else.
        """
        if self.bench.run is None:
            raise FileNotFoundError(path)
        folder = self.bench.run.folder.resolve()
        target = (folder / path).resolve()
        shown = (folder / "atlas", folder / "report.html", folder / "cards")
        if not any(target == s or s in target.parents for s in shown) or not target.is_file():
            raise FileNotFoundError(path)
        return target


def _mean(bits: np.ndarray) -> float | None:
    finite = bits[~np.isnan(bits)]
    return float(finite.mean()) if len(finite) else None


def _digest(reading: Read) -> str:
    return digest(reading.bases, *reading.bits.values(), *(c.data for c in reading.codes.values()))


def strand_of(text: str) -> Strand:
    """A strand."""
    return "-" if text == "-" else "+"
