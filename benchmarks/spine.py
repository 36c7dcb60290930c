"""The whole chain: 0.1, 0.2 and 0.4 Mb of E. coli from sequence to report, and the demo; wall time and peak memory.

Each size is a run of its own in `results/bench-spine/`, through the same workflow a user calls; a run that is there is removed
first. Time and memory are those of Snakemake's benchmark files. The demo is measured on the folder of the shipped
configuration, which is moved aside, and is left out when quick.
"""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from photo51.io.benchmarks import read_benchmarks

log = logging.getLogger(__name__)
_TABLE = """genome\tsequence\tannotation\tregions\tgenetic_code\ttopology
ecoli\tresources/ecoli_k12/NC_000913.3.fa.gz\tresources/ecoli_k12/NC_000913.3.gff3.gz\tNC_000913.3:1-{end}\t11\tcircular
"""
SIZES = (100_000, 200_000, 400_000)
DEMO = ("demo_seconds", "demo_cpu_seconds", "demo_peak_gib", "rerun_seconds")


def measure(*, quick: bool) -> dict[str, float | int | None]:
    """Run the chain on growing genomes and, unless quick, the demo from nothing and once more."""
    sizes = tuple(s // 4 for s in SIZES) if quick else SIZES
    figures: dict[str, float | int | None] = {}
    peaks = []
    for size in sizes:
        results = _chain(size)
        stages = read_benchmarks(results / "benchmarks")
        log.info("%s bases\n%s", f"{size:,}", stages.to_string(index=False))
        figures[f"seconds_per_mb_{size // 1000}kb"] = float(stages["seconds"].sum()) / size * 1e6
        for row in stages.itertuples():
            figures[f"{row.stage}_seconds_{size // 1000}kb"] = float(row.seconds)
        peaks.append(float(stages["peak_mib"].max()) / 1024)
        figures[f"peak_gib_{size // 1000}kb"] = peaks[-1]
    figures["memory_ratio_4x"] = peaks[-1] / peaks[0]
    figures["read_10kb_seconds"] = _read()
    return figures | (dict.fromkeys(DEMO) if quick else _demo())


def _chain(size: int) -> Path:
    """The workflow on the first bases of E. coli with the demo's parameters, without variants."""
    name = f"bench-spine-{size // 1000}kb"
    results = Path("results") / name
    shutil.rmtree(results, ignore_errors=True)
    folder = Path("results/bench")
    folder.mkdir(parents=True, exist_ok=True)
    table, path = folder / f"{name}.tsv", folder / f"{name}.yaml"
    table.write_text(_TABLE.format(end=size))
    config = yaml.safe_load(Path("config/config.yaml").read_text())
    config |= {"run": name, "genomes": str(table), "comparisons": {}, "steering": {}}
    config["genome"] = {**config.get("genome", {}), "block": 8_192, "gap": 1_024, "shard": 65_536}
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    _call(path)
    return results


def _read() -> float:
    """Wall time of `photo51 read` on 10 kb of E. coli, start-up and page included (s)."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        command = [
            "read",
            "resources/ecoli_k12/NC_000913.3.fa.gz",
            "--region",
            "1000001-1010000",
            "--out",
            f"{folder}/look",
        ]
        subprocess.run([sys.executable, "-m", "photo51.cli", *command], check=True)
        return time.monotonic() - began


def _demo() -> dict[str, float | int | None]:
    """Seconds, CPU seconds of all jobs and peak memory of the demo from nothing, and the seconds a second call takes."""
    path, results = Path("config/config.yaml"), Path("results/demo")
    aside = results.with_name("demo-before-bench")
    shutil.rmtree(aside, ignore_errors=True)
    if results.exists():
        results.rename(aside)
    seconds = _call(path)
    stages = read_benchmarks(results / "benchmarks")
    found = (seconds, float(stages["cpu_seconds"].sum()), float(stages["peak_mib"].max()) / 1024, _call(path))
    return dict(zip(DEMO, found, strict=True))


def _call(config: Path) -> float:
    """Wall time of `photo51 run` on a configuration (s)."""
    began = time.monotonic()
    subprocess.run([sys.executable, "-m", "photo51.cli", "run", str(config), "--cores", "2"], check=True)
    return time.monotonic() - began
