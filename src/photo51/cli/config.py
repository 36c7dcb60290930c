"""`photo51 schema`, `config`, `manifest` and `verify`: what a config may say, what a run was, whether its files are
still those.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from photo51.cli.app import RESULTS, SETUP, app
from photo51.cli.stage import RunArgument
from photo51.types import InputError


@app.command(rich_help_panel=SETUP)
def schema(
    out: Annotated[Path | None, typer.Argument(help="file to write; default: print")] = None,
    *,
    check: Annotated[
        bool, typer.Option("--check", help="write nothing; fail where the file is not up to date")
    ] = False,
) -> None:
    """Write what a configuration may say, as schema or table.

    A JSON schema, or a table to read where the file ends in .md.
    """
    from photo51.config.reference import reference
    from photo51.config.run import Config
    from photo51.io import atomic

    text = json.dumps(Config.model_json_schema(), indent=1, sort_keys=True) + "\n"
    if out is not None and out.suffix == ".md":
        text = reference(Config)
    if out is None:
        typer.echo(text, nl=False)
    elif check:
        if not out.is_file() or out.read_text() != text:
            raise InputError(f"{out}: need what `photo51 schema {out}` writes, got something else")
    else:
        with atomic(out) as partial:
            partial.write_text(text)


@app.command(rich_help_panel=SETUP)
def config(
    given: Annotated[str, typer.Argument(metavar="CONFIG", help="configuration: a file, or JSON in braces")],
    out: Annotated[Path, typer.Argument(help="file to write, .yaml")],
) -> None:
    """Write a configuration with every default filled in.

    As a run keeps it with its results.
    """
    import yaml

    from photo51 import __version__
    from photo51.config.base import parse
    from photo51.config.paths import read_configuration
    from photo51.config.run import Config
    from photo51.io import atomic

    settings = parse(Config, given) if given.lstrip().startswith("{") else read_configuration(Path(given))
    text = yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=110)
    with atomic(out) as partial:
        partial.write_text(
            f"# Every key of this run, written by photo51 {__version__}; run it again with\n#   photo51 run"
            f" {out}\n{text}",
            encoding="utf-8",
        )


@app.command("manifest", rich_help_panel=RESULTS)
def manifest_command(
    run: RunArgument,
    config: Annotated[Path | None, typer.Option(help="its configuration; default: the one it keeps")] = None,
    selftest: Annotated[
        Path | None, typer.Option(help="self-tests of the model; default: RUN/model/selftest.json, if there")
    ] = None,
) -> None:
    """Write the manifest: versions, seeds, hashes of all files.

    Configuration, versions, commit, seeds, and the hash of every input and output.
    """
    from photo51.config.paths import read_configuration
    from photo51.io import atomic
    from photo51.report.inputs import input_files
    from photo51.report.manifest import manifest as describe
    from photo51.run.layout import path

    config = config or path(run, "config")
    if selftest is None and (default := path(run, "selftest")).is_file():
        selftest = default
    settings = read_configuration(config)
    inputs = [config, *input_files(settings)]
    tests = json.loads(selftest.read_text()) if selftest else None
    if tests and not tests["passed"]:
        failed = ", ".join(check["name"] for check in tests["checks"] if check["passed"] is False)
        raise InputError(
            f"{selftest}: need a model that passes its self-test, got one that fails ({failed}); a miss of a loss"
            " can be accepted: `photo51 selftest --accept-miss`, `selftest: {accept_miss: true}`"
        )
    described = describe(run, settings.model_dump(mode="json"), inputs, tests)
    with atomic(run / "manifest.json") as partial:
        partial.write_text(json.dumps(described, indent=1, sort_keys=True) + "\n")


@app.command(rich_help_panel=RESULTS)
def verify(run: RunArgument) -> None:
    """Compare the files of a run with its manifest.

    Fails where one is missing or differs.
    """
    from photo51.report.manifest import changed_files

    path = run / "manifest.json"
    if not path.is_file():
        raise InputError(f"{path}: need the manifest of a finished run, got no such file")
    if differing := changed_files(run, path):
        raise InputError(f"{run}: need the files of the manifest, got {', '.join(differing[:20])}")
    typer.echo(f"{run}: every file is that of the manifest")
