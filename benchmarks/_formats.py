"""Annotation files: the cases of the tests, every gene of *E. coli* beside gffread, and a large GTF."""

from __future__ import annotations

import gzip
import resource
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks._format_cases import problems
from benchmarks._gffread import compare, gffread_is_there
from photo51.config.genome import GenomeParams
from photo51.genome.formats.gff import read_gff
from photo51.genome.preparation.prepare import prepare

CASES = Path("tests/genome/cases")
ECOLI = Path("resources/ecoli_k12")
# gffread 0.12.7 dies of these two: two CDS of one gene, one of which slips a frame
_CRASHES = ("gene-b0470;", "gene-b0484;")
Figures = dict[str, float | int | None]


def measure(*, quick: bool) -> Figures:
    """Cases that pass, transcripts equal to gffread's, and what a large GTF costs (seconds, GiB).

    Parameters
    ----------
    quick
        A GTF of 6 MB in place of 60.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        return cases(folder) | _gffread(folder) | _large(folder, 6 if quick else 60)


def cases(folder: Path) -> Figures:
    """Cases of the tests, and how many of them pass."""
    found = sorted(p.parent for p in CASES.glob("*/case.json"))
    return {"cases": len(found), "cases_passed": sum(not problems(case.resolve(), folder) for case in found)}


def _gffread(folder: Path) -> Figures:
    if not gffread_is_there():
        return {"gffread_transcripts": None, "gffread_equal": None}
    for kind in ("fa", "gff3"):
        with (
            gzip.open(ECOLI / f"NC_000913.3.{kind}.gz") as packed,
            (folder / f"e.{kind}").open("wb") as plain,
        ):
            shutil.copyfileobj(packed, plain)
    (folder / "e.tsv").write_text("genome\tsequence\tannotation\ttopology\ne\te.fa\te.gff3\tcircular\n")
    genomes = prepare(folder / "e.tsv", folder / "e", GenomeParams())
    rest = folder / "rest.gff3"
    lines = (folder / "e.gff3").read_text().splitlines(keepends=True)
    rest.write_text("".join(line for line in lines if not any(c in line for c in _CRASHES)))
    found = compare(genomes, "e", rest, folder / "e.fa", folder)
    return {"gffread_transcripts": found.transcripts, "gffread_equal": found.equal}


def _large(folder: Path, megabytes: int) -> Figures:
    path = folder / "large.gtf"
    size = 0
    with path.open("w") as text:
        for line in human_like_gtf():
            text.write(line)
            size += len(line)
            if size >= megabytes * 1_000_000:
                break
    started = time.perf_counter()
    model = read_gff(path).model
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {
        f"gtf_{megabytes}mb_seconds": seconds,
        f"gtf_{megabytes}mb_transcripts": len(model.transcripts),
        "gtf_peak_gib": peak,
    }


def human_like_gtf(seed: int = 51) -> Iterator[str]:
    """Lines of a GTF as Ensembl writes it: genes of several transcripts of about nine exons, on 24 contigs."""
    rng = np.random.default_rng(seed)
    for number in range(1_000_000):
        chrom = [*map(str, range(1, 23)), "X", "Y"][number % 24]
        strand = "+-"[number % 2]
        start = 10_000 + number // 24 * 80_000
        gene = f'gene_id "ENSG{number:011d}"; gene_version "5"; gene_name "GENE{number}"; gene_source "ensembl_havana"; gene_biotype "protein_coding";'
        yield f"{chrom}\thavana\tgene\t{start}\t{start + 60_000}\t.\t{strand}\t.\t{gene}\n"
        for copy in range(int(rng.integers(2, 7))):
            about = f'{gene} transcript_id "ENST{number:08d}{copy:03d}"; transcript_version "2"; transcript_name "GENE{number}-20{copy}"; transcript_biotype "protein_coding"; tag "basic";'
            yield f"{chrom}\thavana\ttranscript\t{start}\t{start + 60_000}\t.\t{strand}\t.\t{about}\n"
            n = int(rng.integers(4, 14))
            places = [start + 4_000 * k for k in range(n)]
            for k, place in enumerate(places if strand == "+" else places[::-1]):
                own = f'{about} exon_number "{k + 1}";'
                yield f"{chrom}\thavana\texon\t{place}\t{place + 149}\t.\t{strand}\t.\t{own}\n"
                yield f"{chrom}\thavana\tCDS\t{place}\t{place + 149}\t.\t{strand}\t0\t{own}\n"
