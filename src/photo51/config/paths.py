"""Where a configuration lies, and what the paths in it mean."""

from __future__ import annotations

from pathlib import Path

from photo51.config.base import parse
from photo51.config.run import Config
from photo51.shipped import locate
from photo51.types import InputError

NAME = "config.yaml"


def configuration_file(path: Path | None) -> Path:
    """The configuration that was named, or the one of the working directory: `config.yaml`, else `config/config.yaml`.

    Raises
    ------
    InputError
        Where there is none, saying how one is made.
    """
    if path is not None:
        if path.is_dir() and (path / NAME).is_file():
            return path / NAME
        if not path.is_file():
            raise InputError(f"{path}: need a configuration file, got no such file")
        return path
    for place in (Path(NAME), Path("config") / NAME):
        if place.is_file():
            return place
    raise InputError(
        f"{Path.cwd()}: need {NAME} (or config/{NAME}) in this folder, got none; "
        "`photo51 init . --genome FILE` writes one, `photo51 demo` runs the example"
    )


def project_folder(config: Path) -> Path:
    """Folder of a run's project: that of the configuration, in which `results/` is made.

    A configuration in a folder `config` belongs to the folder above, as Snakemake's do, and so does one that a
    finished run kept in `results/RUN`. In a checkout of photo51 it is always the checkout.
    """
    if Path("workflow/Snakefile").is_file():
        return Path()
    folder = config.resolve().parent
    if folder.name == "config":
        return folder.parent
    return folder.parent.parent if folder.parent.name == "results" else folder


def located(config: Config, folder: Path) -> Config:
    """A configuration whose paths are as the working directory sees them.

    Each path is looked for below the folder of the configuration, then below the working directory, then among the
    files that come with photo51; one that is nowhere is left as it is, for the stage that reads it to name.

    Parameters
    ----------
    config
        As `parse` read it.
    folder
        Folder of its file.
    """

    def path(text: str | None) -> str | None:
        place = locate(text, folder) if text else None
        if text is None or place is None or Path(text).is_absolute():
            return text
        # where a project lies must not show in its files: the same run elsewhere has the same bytes
        return str(place.relative_to(working) if place.is_relative_to(working) else place)

    working = Path.cwd()

    changes: dict[str, object] = {
        name: path(getattr(config, name))
        for name in ("genomes", "recipe", "pretrained_sae", "motif_file", "gene_sets", "phylogeny_genes")
    }
    changes["corpus"] = tuple(str(path(name)) for name in config.corpus)
    changes["train_with"] = tuple(str(path(name)) for name in config.train_with)
    model, separator, weights = config.activations.model.partition("@")
    if ":" not in model:
        changes["activations"] = config.activations.model_copy(update={"model": f"{path(model)}{separator}{weights}"})
    changes["cohorts"] = {
        name: cohort.model_copy(update={"panel": path(cohort.panel), "genotypes": path(cohort.genotypes)})
        for name, cohort in config.cohorts.items()
    }
    changes["steering"] = {
        name: steer.model_copy(update={"prompt": path(steer.prompt)}) for name, steer in config.steering.items()
    }
    changes["selftest"] = config.selftest.model_copy(update={"published": path(config.selftest.published)})
    changes["pretrain"] = config.pretrain.model_copy(update={"start": path(config.pretrain.start)})
    learnt = config.learnt
    changes["learnt"] = learnt.model_copy(
        update={
            "words": tuple(str(path(text)) for text in learnt.words),
            **{name: path(getattr(learnt, name)) for name in ("before", "memory", "unseen", "debug", "vectors")},
        }
    )
    return config.model_copy(update=changes)


def read_configuration(path: Path) -> Config:
    """Read a configuration file; its paths are as the working directory sees them.

    Raises
    ------
    InputError
        As `parse`.
    """
    return located(parse(Config, str(path)), path.parent)
