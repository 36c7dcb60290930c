"""A stage is a record: what it reads of a run and writes to it, its parameters, whether it is done in parts.

From the record follow its command, `photo51 STAGE RUN [--part i/n] [--params …] [--threads n] [--device d]`, with one
grammar for all stages; the sentence of a file that is not there; and the test that the workflow's rules declare the
same files.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, get_type_hints

import typer

from photo51.cli.app import DeviceOption, ParamsOption, PartOption, ThreadsOption, app, parted, set_threads
from photo51.run.layout import MAIN, RunFile, run_file
from photo51.types import InputError

if TYPE_CHECKING:
    from photo51.activations.store import ActivationStore
    from photo51.codes import CodesStore
    from photo51.config.model import ActivationParams
    from photo51.config.run import Config
    from photo51.genome.axis.genomes import Genomes
    from photo51.io import Provenance
    from photo51.model.families.adapters import DnaModel
    from photo51.sae.dictionary import Dictionary

log = logging.getLogger(__name__)
RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="folder of the run, results/NAME")]
_WILDCARDS = {
    "sae": (MAIN, "dictionary of the run: main, seed1, random"),
    "set": (None, "set of variants, as genomes.tsv names it"),
    "name": (None, "comparison, cohort or experiment, as the configuration names it"),
}


class Extra(NamedTuple):
    """An input a stage uses where the run has it, and is told of by `--with`.

    Attributes
    ----------
    name
        As `--with` knows it.
    place
        Name in `photo51.run.layout`.
    values
        Its wildcards.
    """

    name: str
    place: str
    values: Mapping[str, str]


def extra(name: str, place_name: str = "", /, **values: str) -> Extra:
    """An optional input; its place is called as it is where nothing else is said."""
    return Extra(name, place_name or name, values)


@dataclass(frozen=True)
class Stage:
    """What is known of a stage without running it.

    Attributes
    ----------
    name
        Of its command.
    group
        Heading of `photo51 --help` it stands under.
    reads, writes
        Files of the run, by their names in `photo51.run.layout`; each that is read has to be there.
    extras
        Files that are used where they are there.
    params
        `MODULE.Class` of its parameters in `photo51.config`; empty where it has none.
    configured
        Where the configuration of a run has them, a dotted name; empty where nowhere.
    scatter
        What its parts are of; empty where it is done in one piece.
    joined
        Whether parts are joined by `--gather`.
    model
        Whether it reads with the model.
    """

    name: str
    group: str
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    extras: tuple[Extra, ...] = ()
    params: str = ""
    configured: str = ""
    scatter: str = ""
    joined: bool = True
    model: bool = False

    @property
    def wildcards(self) -> tuple[str, ...]:
        """What has to be said to know its files: dictionary, set of variants, name."""
        stated = {f for name in (*self.reads, *self.writes) for f in run_file(name).fields}
        return tuple(f for f in _WILDCARDS if f in stated)


STAGES: dict[str, Stage] = {}


@dataclass
class StageJob:
    """One call of a stage.

    Attributes
    ----------
    stage, run
        Which, and the folder of the run.
    values
        Wildcards of its files.
    extras
        Names of the optional inputs it uses.
    part, gather
        `(i, n)`: the part it does, and into how many parts the whole was split; None: all of it. Number of parts to
        join.
    """

    stage: Stage
    run: Path
    values: dict[str, str | None] = field(default_factory=dict)
    extras: frozenset[str] = frozenset()
    part: tuple[int, int] | None = None
    gather: int | None = None
    stated: str | None = None
    model_name: str | None = None
    device: str | None = None
    threads: int = 2

    @property
    def sae(self) -> str:
        """Name of the dictionary."""
        return self.values.get("sae") or MAIN

    def path(self, name: str, /, **values: str) -> Path:
        """Where a file of the run lies."""
        location = run_file(name)
        filled = {"source": "random" if self.sae == "random" else "model", **self.values}
        if "site" in location.fields and "site" not in values:
            filled["site"] = self.site
        if unstated := [f for f in location.fields if (filled | values).get(f, "") is None]:
            raise InputError(f"{self.stage.name}: need --{unstated[0]}, {_WILDCARDS[unstated[0]][1]}")
        return location.path(self.run, **{k: str(v) for k, v in (filled | values).items() if k in location.fields})

    def extra(self, name: str) -> Path | None:
        """Where an optional input lies; None where it is not used."""
        (entry,) = (e for e in self.stage.extras if e.name == name)
        return self.path(entry.place, **entry.values) if name in self.extras else None

    def has(self, entry: Extra) -> bool:
        """Whether the run has an optional input."""
        of = entry.values.get("sae")
        if of is not None and self.sae in {of, "random"}:
            return False  # no dictionary is a control of itself, nor one of the model's of its random twin's
        if entry.place == "activations" and not run_file("dictionary_card").path(self.run, sae=self.sae).exists():
            return False
        return self.path(entry.place, **entry.values).exists()

    def check(self) -> None:
        """Refuse where an input is not there.

        Raises
        ------
        InputError
            Naming the file, and the stage that makes it.
        """
        for name in self.stage.reads:
            if not (path := self.path(name)).exists():
                raise InputError(_absent(path, run_file(name), self.run))
        for entry in self.stage.extras:
            optional = self.extra(entry.name)
            if optional is not None and not optional.exists():
                raise InputError(f"--with {entry.name}: {_absent(optional, run_file(entry.place), self.run)}")

    # ---- what the configuration of the run says where the command line does not

    @cached_property
    def config(self) -> Config | None:
        """The configuration that the run keeps; None where it keeps none."""
        from photo51.config.base import parse
        from photo51.config.run import Config

        path = run_file("config").path(self.run)
        return parse(Config, str(path)) if path.is_file() else None

    @cached_property
    def params(self) -> Any:
        """Parameters: those stated, else those of the run's configuration, else the defaults."""
        from photo51.config import parse

        module, _, name = self.stage.params.partition(".")
        kind = getattr(import_module(f"photo51.config.{module}"), name)
        if self.stated is None and (configured := self.configured(self.stage.configured)) is not None:
            return configured
        return parse(kind, self.stated)

    def configured(self, key: str) -> Any:
        """A value of the run's configuration, by its dotted name; None where there is none."""
        value: Any = self.config if key else None
        for part in key.split("."):
            word = part.format(**self.values)
            value = value.get(word) if isinstance(value, dict) else getattr(value, word, None)
        return value

    # ---- what stages open

    @cached_property
    def genomes(self) -> Genomes:
        """Prepared genomes."""
        from photo51.genome.axis.genomes import Genomes

        return Genomes.open(self.path("genome"))

    @cached_property
    def dictionary(self) -> Dictionary:
        """The dictionary."""
        from photo51.sae.dictionary import Dictionary

        return Dictionary.load(self.path("dictionary"))

    @cached_property
    def site(self) -> str:
        """Where the model is read: the site of the dictionary, from the head of its file, which needs no torch."""
        from photo51.io.origin import Origin
        from photo51.io.tensors import TensorFile

        path = self.path("weights")
        return Origin.read(TensorFile(path).header, str(path)).site

    @cached_property
    def trained_site(self) -> str:
        """Site of the activations there are, before a dictionary is trained on them.

        Raises
        ------
        InputError
            Where there are none, or several and the configuration does not say which.
        """
        source = "random" if self.sae == "random" else "model"
        folder = self.run / "activations" / source
        sites = sorted(p.name for p in folder.iterdir() if p.is_dir()) if folder.is_dir() else []
        stated = self.configured("activations.sites") or ()
        chosen = [s for s in sites if s in stated] or sites
        if len(chosen) != 1:
            raise InputError(
                f"{folder}: need activations of one site, or --site, got {', '.join(sites) or 'none'}. "
                f"{run_file('activations').how}"
            )
        return chosen[0]

    def store(self) -> ActivationStore:
        """Activations of the dictionary's site."""
        from photo51.activations.store import ActivationStore

        return ActivationStore(self.path("activations"))

    def codes(self) -> CodesStore:
        """Codes of the dictionary."""
        from photo51.codes import CodesStore

        return CodesStore.open(self.path("codes_folder"))

    @property
    def model_words(self) -> str:
        """Name of the model: the one stated, else that of the run's configuration; its random twin for dictionary
        `random`.
        """
        if self.model_name is not None:
            return self._twin(self.model_name)
        name = self.configured("activations.model")
        if name is None:
            raise InputError(f"{self.run}: need --model, as sh2:base or a folder, as the run keeps no config.yaml")
        return self._twin(str(name))

    def _twin(self, name: str) -> str:
        """A model's name, or that of its twin with random weights for dictionary `random`."""
        if self.sae != "random" or "@random:" in name:
            return name
        seed = self.configured("seed")
        return f"{name}@random:{0 if seed is None else seed}"

    def set_torch_threads(self) -> None:
        """Bound the threads of torch."""
        import torch

        torch.set_num_threads(self.threads)

    def model(self, name: str | None = None, dtype: str | None = None) -> DnaModel:
        """The model, opened."""
        from photo51.model.families.adapters import load_model

        self.set_torch_threads()
        return load_model(name or self.model_words, device=self.device, dtype=dtype)

    def reader(self, params: ActivationParams) -> DnaModel:
        """The model that parameters of reading name, where no option says otherwise."""
        self.device = self.device or params.device
        stated = self.stated is not None or self.config is None
        return self.model(self._twin(params.model) if stated and self.model_name is None else None, params.dtype)

    def made(self, *inputs: Path | None, params: Any = None) -> Provenance:
        """Provenance of what is written: the stage, its parameters, the files it read."""
        from photo51.io import provenance

        stated = params if params is not None or not self.stage.params else self.params
        return provenance(self.stage.name, stated, [p for p in inputs if p is not None])


def _absent(path: Path, location: RunFile, run: Path) -> str:
    what = location.what[:1].lower() + location.what[1:]
    return f"{path}: need {what}, got no such file. {location.under_old_name(run) or location.how}"


def stage(
    group: str,
    *,
    reads: tuple[str, ...] = (),
    writes: tuple[str, ...] = (),
    extras: tuple[Extra, ...] = (),
    params: str = "",
    configured: str = "",
    scatter: str = "",
    joined: bool = True,
    model: bool = False,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a function of a `Job` a stage and its command; further parameters of the function are options of the
    command.

    A function may be called like its command with `_command` behind it, where another room has the bare name.
    Parameters are those of `Stage`; the first line of the function's docstring is its summary in `photo51 --help`.
    """

    def register(work: Callable[..., None]) -> Callable[..., None]:
        name = work.__name__.removesuffix("_command").replace("_", "-")
        STAGES[name] = Stage(name, group, reads, writes, extras, params, configured, scatter, joined, model)
        app.command(name, rich_help_panel=group)(_command(STAGES[name], work))
        return work

    return register


def _command(record: Stage, work: Callable[..., None]) -> Callable[..., None]:
    """The command of a stage: its signature is made of the record and of what the function takes beside the job."""
    hints = get_type_hints(work, include_extras=True)
    parameters = [p for p in inspect.signature(work).parameters.values() if p.name != "job"]

    def command(**arguments: Any) -> None:
        threads = arguments.pop("threads")
        set_threads(threads)
        values = {name: arguments.pop(name) for name in record.wildcards}
        job = StageJob(
            record,
            arguments.pop("run"),
            values,
            threads=threads,
            part=parted(arguments.pop("part", None)),
            gather=arguments.pop("gather", None),
            stated=arguments.pop("params", None),
            model_name=arguments.pop("model", None),
            device=arguments.pop("device", None),
        )
        job.extras = _extras(job, arguments.pop("used", None))
        job.check()
        work(job, **arguments)

    options: dict[str, tuple[Any, Any]] = {"run": (RunArgument, inspect.Parameter.empty)}
    for name in record.wildcards:
        default, text = _WILDCARDS[name]
        kind = str if default is not None else str | None
        options[name] = (Annotated[kind, typer.Option(help=text)], default)
    for p in parameters:
        options[p.name] = (hints[p.name], p.default)
    if record.extras:
        names = ", ".join(e.name for e in record.extras)
        text = f"optional inputs to use, of {names}, commas between, or none; default: those the run has"
        options["used"] = (Annotated[str | None, typer.Option("--with", help=text)], None)
    if record.scatter:
        options["part"] = (PartOption, None)
    if record.scatter and record.joined:
        text = f"join so many finished parts ({record.scatter}) into one, and do nothing else"
        options["gather"] = (Annotated[int | None, typer.Option(min=1, help=text)], None)
    if record.params:
        options["params"] = (ParamsOption, None)
    if record.model:
        text = "sh2:base, evo2:7b_262k …, hf:ID or a folder; default: the run's"
        options["model"] = (Annotated[str | None, typer.Option(help=text)], None)
        options["device"] = (DeviceOption, None)
    options["threads"] = (ThreadsOption, 2)
    command.__name__, command.__doc__ = work.__name__, work.__doc__
    command.__annotations__ = {name: kind for name, (kind, _) in options.items()}
    command.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
            for name, (kind, default) in options.items()
        ]
    )
    return command


def _extras(job: StageJob, stated: str | None) -> frozenset[str]:
    """Optional inputs that are used: those stated, else those that are there, which is said."""
    by_name = {e.name: e for e in job.stage.extras}
    if stated is None:
        there = [e.name for e in by_name.values() if job.has(e)]
        for e in by_name.values():
            if outdated := run_file(e.place).under_old_name(job.run):
                raise InputError(f"{job.stage.name}: {outdated} --with leaves it out")
        if by_name:
            log.info("%s: %s of its optional inputs is there", job.stage.name, ", ".join(there) or "none")
        return frozenset(there)
    names = [] if stated in {"", "none"} else stated.split(",")
    if unknown := sorted(set(names) - set(by_name)):
        raise InputError(f"--with: need some of {', '.join(by_name)}, or none, got {', '.join(unknown)}")
    return frozenset(names)
