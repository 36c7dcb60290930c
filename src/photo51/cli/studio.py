"""`photo51 studio`: read, ask and steer a model on one page of this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from photo51.cli.app import ThreadsOption, app, set_threads


@app.command()
def studio(
    run: Annotated[
        Path | None,
        typer.Argument(
            help="folder of a finished run, results/<run>; default: the model and dictionary that photo51 brings"
        ),
    ] = None,
    model: Annotated[str, typer.Option(help="without a run: model whose shipped dictionary is opened")] = "sh2:base",
    dictionary: Annotated[
        Path | None,
        typer.Option(help="without a run: folder of `photo51 ship-dictionary`, in place of the shipped one"),
    ] = None,
    host: Annotated[
        str,
        typer.Option(help="where to listen; anything but loopback lets others on the network in who know the token"),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="port; 0 takes a free one")] = 0,
    idle: Annotated[float, typer.Option(min=0.01, help="minutes without a request after which it ends")] = 120.0,
    browser: Annotated[bool, typer.Option(help="open the page in a browser")] = True,
    device: Annotated[str | None, typer.Option(help="cpu or cuda; default: cuda where there is one")] = None,
    threads: ThreadsOption = 2,
) -> None:
    """Serve a page to read, steer and score sequence live.

    It prints its address.

    On another machine: `ssh -L 8051:localhost:8051 HOST photo51 studio RUN --port 8051 --no-browser`, then open the
    printed address here.
    """
    from importlib.util import find_spec

    from photo51.types import InputError

    if missing := [name for name in ("starlette", "uvicorn") if find_spec(name) is None]:
        raise InputError(
            f"studio: need {' and '.join(missing)}, which come with the extra `photo51[studio]`; pip install"
            " 'photo51[studio]'"
        )
    if run is not None and not run.is_dir():
        raise InputError(f"{run}: need the folder of a run, got none")
    # the page is there before the run is opened: what is no run is refused before that
    if run is not None and not (run / "features.h5ad").is_file():
        raise InputError(
            f"{run}: need a run with features.h5ad, got none; `photo51 run` makes it, and resumes where it stopped"
        )
    if run is None:
        from photo51.quicklook.shelf import shelf_of

        shelf_of(model, dictionary)
    set_threads(threads)
    from photo51.studio.serve import desk_opener, serve

    serve(
        desk_opener(run, model, device, threads, dictionary),
        host=host,
        port=port,
        idle_minutes=idle,
        browse=browser,
        say=typer.echo,
    )
