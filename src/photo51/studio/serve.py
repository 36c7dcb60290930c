"""Start, announce, and end the server."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import time
import webbrowser
from collections.abc import Callable
from pathlib import Path

import uvicorn

from photo51.studio.app import Studio
from photo51.studio.desk import Desk
from photo51.studio.guard import LOOPBACK
from photo51.types import InputError

log = logging.getLogger(__name__)


def desk_opener(
    run: Path | None, model: str, device: str | None, threads: int, dictionary: Path | None = None
) -> Callable[[], Desk]:
    """What opens the model, on the worker's thread."""

    def open_desk() -> Desk:
        import torch

        torch.set_num_threads(threads)
        from photo51.api.workbench import workbench

        bench = workbench(run, model=model, dictionary=dictionary, device=device)
        desk = Desk(bench, str(run) if run else "", _longest(bench.model), str(dictionary or ""))
        bench.read("ACGT" * 16)  # compiled kernels are loaded before somebody waits for them
        desk.state()
        return desk

    return open_desk


def _longest(model: object) -> int:
    """Longest sequence that both strands of are read at once, by the memory that is free (bases)."""
    from photo51.model.checkpoints.hardware import free_memory

    width = getattr(getattr(model, "spec", None), "d_model", 256)
    each = 2 * width * 4 * 4 + 16 * 2 * 12  # activations of both strands with copies, codes
    return max(1_000, min(100_000, int(0.25 * free_memory() / each)))


def listening(host: str, port: int) -> socket.socket:
    """A bound socket.

    Raises
    ------
    InputError
        Where the host is not of this machine, and where the port is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except OSError as e:
        sock.close()
        if isinstance(e, socket.gaierror) or e.errno == errno.EADDRNOTAVAIL:
            raise InputError(f"--host: need a name or address of this machine, got {host!r} ({e.strerror})") from e
        raise InputError(f"--port: need a free port of {host}, got {port} ({e.strerror}); 0 takes any") from e
    return sock


def serve(
    open_desk: Callable[[], Desk],
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    idle_minutes: float = 120.0,
    browse: bool = True,
    say: Callable[[str], None] = print,
    token: str = "",
) -> None:
    """Serve until asked to end, interrupted, or idle for so many minutes.

    Parameters
    ----------
    open_desk
        Opens the model.
    host
        Where to listen; loopback unless asked otherwise.
    browse
        Open the page in the default browser.
    say
        Told the address.
    """
    hosts = LOOPBACK if host in {"127.0.0.1", "localhost", "::1"} else LOOPBACK | {host, socket.gethostname()}
    sock = listening(host, port)
    studio = Studio(open_desk, token, frozenset(hosts))
    config = uvicorn.Config(
        studio.guard,
        log_level="warning",
        access_log=False,
        server_header=False,
        ws="none",
        timeout_keep_alive=20,
        limit_concurrency=64,
        timeout_graceful_shutdown=2,
    )
    server = uvicorn.Server(config)

    def stop() -> None:
        server.should_exit = True

    studio.stop = stop
    shown = f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{sock.getsockname()[1]}/{studio.token}/"

    async def run() -> None:
        watch = asyncio.create_task(_until_idle(studio, stop, 60 * idle_minutes))
        try:
            await server.serve(sockets=[sock])
        finally:
            watch.cancel()
            studio.worker.stop()
            studio.tables.shutdown(wait=False, cancel_futures=True)

    say(address)
    if browse:
        webbrowser.open(address)
    asyncio.run(run())


async def _until_idle(studio: Studio, stop: Callable[[], None], seconds: float) -> None:
    while True:
        await asyncio.sleep(min(5.0, seconds))
        if time.monotonic() - studio.guard.last >= seconds:
            log.info("studio: nothing was asked for %.0f minutes, so it ends", seconds / 60)
            stop()
            return
