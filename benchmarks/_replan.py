"""What one more annotation makes a finished run do again: jobs that Snakemake plans, counted without running any.

Every output of the nano example is written empty and marked as finished (`snakemake --touch`). Then a line is added to a BED
file of the table of genomes, and another BED file to its row, and the plan of a dry run is read.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from photo51.shipped import shipped_folder

BEFORE = (
    "prepare", "activations", "selftest", "train_sae", "pretrained_sae", "fidelity", "sae_quality", "encode",
    "encode_model", "gather_codes", "features", "window_offsets", "ablation", "phylogeny", "variants",
)  # fmt: skip
"""Rules that no annotation decides."""
_TEMPORARY = ("encode", "enrich")
_JOB = re.compile(r"^(\w+) +(\d+)$", flags=re.M)


def new_annotation_jobs() -> dict[str, float | int]:
    """Jobs planned anew by more annotations: those that belong before enrichment, and all."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write(folder)
        _pretend(folder)
        with (folder / "one.bed").open("a") as bed:
            bed.write("NC_000913.3\t20000\t20500\n")
        (folder / "two.bed").write_text("NC_000913.3\t30000\t30500\n")
        table = folder / "genomes.tsv"
        table.write_text(table.read_text().replace("one=one.bed", "one=one.bed;two=two.bed"))
        planned = plan(folder)
    return {
        "new_annotation_jobs": sum(planned[rule] for rule in BEFORE),
        "new_annotation_jobs_all": sum(n for rule, n in planned.items() if rule != "all"),
    }


def jobs_where_little_is_kept() -> dict[str, float | int]:
    """Jobs planned anew for a finished run that keeps neither activations nor the codes of controls, and the folders of
    codes that it has.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write(folder, "keep_activations: false\nkeep_control_codes: false\n")
        _pretend(folder)
        jobs = sum(n for rule, n in plan(folder).items() if rule != "all")
        return {"jobs": jobs, "codes": len(list((folder / "results/nano/codes").iterdir()))}


def _write(folder: Path, keep: str = "") -> None:
    """The nano example with a BED file more, in a folder of its own."""
    top = shipped_folder()
    text = (top / "config/examples/nano.yaml").read_text()
    config = keep + re.sub(r"^genomes:.*$", "genomes: genomes.tsv", text, flags=re.M)
    (folder / "run.yaml").write_text(config)
    header, mt, coli = (top / "config/examples/nano.tsv").read_text().splitlines()[:3]
    coli = "\t".join([*coli.split("\t")[:7], "one=one.bed"])
    (folder / "genomes.tsv").write_text(f"{header}\n{mt}\n{coli}\n")
    (folder / "one.bed").write_text("NC_000913.3\t10000\t10500\n")
    if not (folder / "resources").exists():
        (folder / "resources").symlink_to(top / "resources")


def _pretend(folder: Path) -> None:
    """Write every output of the run empty, and have Snakemake note it as finished."""
    summary = _snakemake(folder, "--summary")
    outputs = [line.split("\t")[0] for line in summary.splitlines() if line.startswith("results/")]
    for output in outputs:
        path = folder / output
        if not path.suffix and ".done" not in path.parts:
            path.mkdir(parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    _snakemake(folder, "--touch", "--forceall")
    for output in outputs:
        parts = Path(output).parts
        if ".done" in parts and parts[parts.index(".done") + 1] in _TEMPORARY:
            (folder / output).unlink(missing_ok=True)


def plan(folder: Path) -> Counter[str]:
    """Jobs of a dry run, by rule."""
    said = _snakemake(folder, "--dry-run", "--quiet", "host")
    _, _, counted = said.rpartition("Job stats:\n")
    return Counter({rule: int(n) for rule, n in _JOB.findall(counted.partition("\n\n")[0]) if rule != "total"})


def _snakemake(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(shipped_folder() / "workflow/Snakefile")]
    command += ["--configfile", "run.yaml", "--cores", "1", "--nolock", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"snakemake {' '.join(arguments)}: {(done.stdout + done.stderr)[-2_000:]}")
    return done.stdout + done.stderr
