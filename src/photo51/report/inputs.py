"""What a run reads: its configuration, the genomes with all that is said of them, the model, dictionaries from
elsewhere.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from photo51.activations.splits import other_activations
from photo51.config.run import Config
from photo51.genome.preparation.samples import read_genomes
from photo51.shipped import shipped
from photo51.types import InputError

TOLERANCE = 2.0


def model_folder(name: str) -> Path | None:
    """Folder of a model by its name, as `photo51.model.checkpoints.folder` finds it; None for transformers."""
    name = name.partition("@")[0]
    if name.startswith("sh2:"):
        return shipped("resources/models") / name.removeprefix("sh2:")
    if name.startswith(("evo1:", "evo2:")):
        places = [Path(p) for p in os.environ.get("PHOTO51_MODELS", "models").split(os.pathsep) if p]
        candidates = [place / name.replace(":", "_") for place in places]
        return next((folder for folder in candidates if folder.is_dir()), None)
    return None if name.startswith("hf:") else Path(name)


def folder_files(folder: Path | None) -> list[Path]:
    """Weights and descriptions in the folder of a model or of a dictionary."""
    files = folder.glob("*") if folder is not None else ()
    return sorted(p for p in files if p.suffix in {".safetensors", ".json"})


def input_files(config: Config) -> list[Path]:
    """Every file a run reads, once each and sorted.

    Raises
    ------
    InputError
        As `read_genomes`.
    """
    files = [Path(config.genomes), *folder_files(model_folder(config.activations.model))]
    for row in read_genomes(config.genomes):
        files += [*row.files(), *(path for _, path in row.variants)]
    if config.pretrained_sae is not None:
        files += folder_files(Path(config.pretrained_sae))
    files += [Path(run) / "genome" / "workspace.parquet" for run in config.train_with]
    files += [Path(name) for name in (config.motif_file, config.gene_sets, config.phylogeny_genes) if name]
    if config.selftest.published is not None:
        files += sorted(Path(config.selftest.published).glob("*"))
    learnt = config.learnt
    stated = (*learnt.words, learnt.memory, learnt.unseen, learnt.debug, learnt.vectors)
    files += [Path(name) for name in stated if name]
    files += folder_files(model_folder(learnt.before)) if learnt.before else []
    for cohort in config.cohorts.values():
        files += [Path(name) for name in (cohort.panel, cohort.genotypes) if name]
    return sorted({p for p in files if p.is_file()})


def check_runs(config: Config) -> None:
    """Refuse a run that is to learn from another one that has no activations.

    Raises
    ------
    InputError
        Naming their folder, and what makes them.
    """
    sources = ["model", *(["random"] if "random" in config.controls else [])]
    for run, source in ((run, source) for run in config.train_with for source in sources):
        other_activations(Path(run), source, config.activations.sites[0])


def check_clocks(files: list[Path]) -> None:
    """Refuse files that were written in the future: whatever is made of them would be made again and again.

    Raises
    ------
    InputError
        Naming the file that is furthest ahead of this machine's clock, by how much, and what to do.
    """
    ahead = {path: path.stat().st_mtime - time.time() for path in files}
    path = max(ahead, key=ahead.__getitem__, default=None)
    if path is not None and ahead[path] > TOLERANCE:
        raise InputError(
            f"{path}: need a file written before now, got one written {ahead[path]:,.0f} s after it by the clock of"
            " this machine; set the clocks right, or `touch` the file"
        )
