"""`photo51 init`: a project folder made of the files a user has, with all that can be found out from them."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import NamedTuple

from photo51.config.paths import NAME
from photo51.genome.preparation.samples import COLUMNS, read_genomes, stem
from photo51.genome.preparation.sources import read_contigs
from photo51.io import atomic
from photo51.shipped import shipped
from photo51.types import InputError

TABLE, README, IGNORED = "genomes.tsv", "README.md", ".gitignore"
LARGE = 50_000_000


class GivenFiles(NamedTuple):
    """Files a user names: one sequence file a genome; each other file as `genome=file`, or a file alone.

    A file alone belongs to the only genome, or, of as many files as there are genomes, to the genome in its place.
    """

    genomes: Sequence[str]
    annotations: Sequence[str] = ()
    variants: Sequence[str] = ()
    beds: Sequence[str] = ()


class Guess(NamedTuple):
    """What was found out of a genome: its bases and contigs, circular ones among them, genetic codes, annotated
    features.
    """

    genome: str
    bases: int
    contigs: int
    circular: int
    codes: tuple[int, ...]
    features: int

    def __str__(self) -> str:
        """One line for people."""
        codes = ", ".join(map(str, self.codes))
        return (
            f"{self.genome}: {self.bases:,} bases in {self.contigs:,} contig{'s' * (self.contigs != 1)} "
            f"({self.circular:,} circular), genetic code {codes}, {self.features:,} annotated features"
        )


def start_project(folder: Path, files: GivenFiles, *, model: str, name: str = "") -> list[Guess]:
    """Write the configuration, the table of genomes, a README and a .gitignore of a project.

    Parameters
    ----------
    folder
        Folder to make; it may exist, without a configuration.
    files
        What the user has. Files are not copied: the table names them relative to the folder where they lie near it.
    model
        Model of the run.
    name
        Name of the run; empty: that of the folder.

    Returns
    -------
    What was found out, a genome each.

    Raises
    ------
    InputError
        Where the folder holds a configuration already, a file is missing or cannot be read, or a file cannot be told
        to belong to a genome; nothing is written then.
    """
    for taken in (folder / NAME, folder / TABLE):
        if taken.exists():
            raise InputError(f"{taken}: need a folder without a project, got one that has this file")
    rows = _rows(files, folder)
    text = "\n".join(["\t".join(COLUMNS), *("\t".join(row[c] or "-" for c in COLUMNS) for row in rows)]) + "\n"
    existed = folder.is_dir()
    folder.mkdir(parents=True, exist_ok=True)
    trial = folder / f".{TABLE}.trial"
    try:
        trial.write_text(text, encoding="utf-8")
        guesses = [_guess(row.genome, list(read_contigs(row))) for row in read_genomes(trial)]
    except InputError as e:
        raise InputError(str(e).replace(str(trial), "photo51 init")) from e
    finally:
        trial.unlink(missing_ok=True)
        if not existed and not any(folder.iterdir()):
            folder.rmdir()
    folder.mkdir(parents=True, exist_ok=True)
    run = name or _name(folder.resolve().name)
    pages = {
        TABLE: text,
        NAME: _configuration(run, guesses, model, sets=[row["variants"] for row in rows]),
        README: _readme(run, guesses),
    }
    if not (folder / IGNORED).exists():
        pages[IGNORED] = "results/\n.snakemake/\nlogs/\n"
    for file, page in pages.items():
        if not (folder / file).exists():
            with atomic(folder / file) as partial:
                partial.write_text(page, encoding="utf-8")
    return guesses


def start_example(folder: Path, example: str) -> Path:
    """Copy a configuration that comes with photo51, with its table of genomes, into a folder; what is there stays.

    Parameters
    ----------
    folder
        Folder of the project.
    example
        Path of the configuration among the files that come with photo51.

    Returns
    -------
    The configuration in the folder.
    """
    import yaml

    source = shipped(example)
    table = yaml.safe_load(source.read_text(encoding="utf-8"))["genomes"]
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / NAME
    if not config.exists():
        text = source.read_text(encoding="utf-8").replace(f"genomes: {table}", f"genomes: {TABLE}")
        for file, page in ((folder / TABLE, shipped(table).read_text(encoding="utf-8")), (config, text)):
            with atomic(file) as partial:
                partial.write_text(page, encoding="utf-8")
    return config


def _rows(files: GivenFiles, folder: Path) -> list[dict[str, str]]:
    if not files.genomes:
        raise InputError("--genome: need at least one sequence file (FASTA or GenBank), got none")
    rows: dict[str, dict[str, str]] = {}
    for text in files.genomes:
        label, path = _labelled(text)
        label = label or _name(stem(path))
        if label in rows:
            raise InputError(f"--genome {text}: need another name for a genome, got {label!r} again; write name=FILE")
        rows[label] = dict.fromkeys(COLUMNS, "") | {
            "genome": label,
            "sequence": _path_from(folder, path, "--genome"),
        }
    names = list(rows)
    for option, column, values in (
        ("--annotation", "annotation", files.annotations),
        ("--variants", "variants", files.variants),
        ("--bed", "extra_annotations", files.beds),
    ):
        for i, text in enumerate(values):
            label, path = _labelled(text)
            if label not in names:
                if label or (len(names) > 1 and len(values) != len(names)):
                    raise InputError(
                        f"{option} {text}: need the genome it belongs to, as one of"
                        f" {', '.join(f'{n}=FILE' for n in names)}"
                    )
                label = names[i if len(names) > 1 else 0]
            cell = _path_from(folder, path, option)
            if column == "variants":
                cell = f"{_name(stem(path))}={cell}"
            rows[label][column] = ";".join(x for x in (rows[label][column], cell) if x)
    return list(rows.values())


def _labelled(text: str) -> tuple[str, Path]:
    """`name=FILE`, or a file alone, which may have an equals sign in its name."""
    name, equals, rest = text.partition("=")
    if equals and not Path(text).exists():
        return name, Path(rest)
    return "", Path(text)


def _path_from(folder: Path, path: Path, option: str) -> str:
    """A file as the table names it: relative where it lies in the folder or beside it, else absolute."""
    if not path.is_file():
        raise InputError(f"{option}: need a file, got {path}, which is none")
    if any(sign in str(path) for sign in "\t\n;"):
        raise InputError(f"{option}: need a path without tabs, line ends and semicolons, got {str(path)!r}")
    near = os.path.relpath(path.resolve(), folder.resolve())
    return near if not near.startswith(f"..{os.sep}..") else str(path.resolve())


def _name(text: str) -> str:
    """A name made of the letters that a run or a genome may have."""
    name = re.sub(r"[^A-Za-z0-9_.-]+", "_", text).strip("._-")
    return name or "genome"


def _guess(genome: str, contigs: list) -> Guess:
    return Guess(
        genome,
        sum(len(c.record.ids) for c in contigs),
        len(contigs),
        sum(c.circular for c in contigs),
        tuple(sorted({c.genetic_code for c in contigs})),
        sum(len(c.features) for c in contigs),
    )


def _configuration(run: str, guesses: Sequence[Guess], model: str, sets: Sequence[str]) -> str:
    """A configuration whose numbers fit the size of the genomes."""
    bases = sum(g.bases for g in guesses)
    block = min(65_536, max(2_048, 2 ** max(0, (bases // 24).bit_length() - 1)))
    features = 4_096 if bases > 2_000_000 else 1_024 if bases > 100_000 else 256
    shorter = block < 65_536
    lines = [
        (
            f"# {bases:,} bases. Every key has a default: `photo51 schema` lists them, `photo51 plan` says what the run"
            " will take."
        ),
        "#   photo51 run",
        f"run: {run}",
        f"genomes: {TABLE}",
        f"parts: {max(2, min(64, ceil(bases / 1_000_000)))} # jobs that each scattered stage is split into",
        "",
        "genome:",
        f"  block: {block} # {'shorter than the default, since the genome is small' if shorter else 'the default'}",
        *(["  gap: 256", "  min_context: 128"] if shorter else []),
        "",
        "activations:",
        f"  model: {model}",
        *(["  sites: [block.3.out]"] if model.startswith("sh2:") else ["  # sites: [block.N.out], the layer to read"]),
        "",
        "sae:",
        f"  n_features: {features}",
        "  k: 16",
        f"  tokens: {min(20_000_000, max(300_000, 6 * bases))}",
    ]
    if any(sets):
        names = [item.partition("=")[0] for cell in sets for item in cell.split(";") if item]
        lines += [
            "",
            (
                f"# Variants ({', '.join(names)}) are scored. To compare disease with harmless ones, say which are"
                " which by columns of the file:"
            ),
            "# comparisons:",
            f"#   {names[0]}:",
            f"#     sets: [{', '.join(names)}]",
            "#     biomarkers:",
            '#       cases: label == "pathogenic"',
            '#       controls: label == "benign"',
        ]
    return "\n".join(lines) + "\n"


def _readme(run: str, guesses: Sequence[Guess]) -> str:
    bases = sum(g.bases for g in guesses)
    large = (
        f"\n{bases:,} bases are many for one machine: name regions in the column `regions` of `{TABLE}`, or run on a"
        " cluster (`photo51 run --profile slurm`).\n"
        if bases > LARGE
        else ""
    )
    guessed = "\n".join(f"- {guess}" for guess in guesses)
    return f"""# {run}

A photo51 project. What was found in the files:

{guessed}
{large}
What to do next, in this folder:

```
photo51 plan     # what it will take: time, memory, disk
photo51 run      # the whole workflow; running again does only what is missing or has changed
```

The report is then `results/{run}/report.html`; the features are in `results/{run}/atlas/index.html`.

- `{TABLE}`: one line a genome. Correct here what was guessed wrong (`genetic_code`, `topology`), and add BED files
  of your own to `extra_annotations`: a new annotation does not train anything again.
- `{NAME}`: the run. Paths in it are relative to it.
"""
