"""The application: routes that parse, queue a job, and hand its events over."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from photo51.report.atlas.files import plain
from photo51.studio import asked, changes, export, listening, page, painting, reasons, steering
from photo51.studio.desk import Desk
from photo51.studio.guard import LOOPBACK, Guard, TooLarge
from photo51.studio.tabs import Tab, Tabs
from photo51.studio.worker import Failed, Replaced, Worker
from photo51.types import InputError

log = logging.getLogger(__name__)
Open = Callable[[], Desk]
Ask = Callable[[Desk, Tab, Any], Iterator[dict[str, Any]]]


class Studio:
    """The server's state: the worker, the desk once it is open, the tabs.

    Parameters
    ----------
    open_desk
        Opens the model; called on the worker's thread, so that the page is there before the model is.
    token
        First part of every path.
    hosts
        Host names it answers to.
    """

    def __init__(self, open_desk: Open, token: str = "", hosts: frozenset[str] = LOOPBACK):
        self.token = token or secrets.token_urlsafe(24)
        self.tabs, self.desk, self.failure = Tabs(), None, ""
        self.stop: Callable[[], None] = lambda: None
        self._open = open_desk
        self.worker = Worker(self._start)
        self.tables = ThreadPoolExecutor(1, thread_name_prefix="photo51-studio-tables")
        self.app = Starlette(routes=self._routes(), exception_handlers=_HANDLERS)
        self.guard = Guard(self.app, self.token, hosts)

    desk: Desk | None

    def _start(self) -> None:
        try:
            self.desk = self._open()
        except InputError as e:
            self.failure = str(e)
        except Exception as e:
            log.exception("studio: the model could not be opened")
            self.failure = f"{type(e).__name__}: {e}"

    def ready(self) -> Desk:
        """The desk, once the model is open; used on the worker's thread, which has opened it."""
        if self.desk is None:
            raise InputError(self.failure or "model: still being opened; try again in a second")
        return self.desk

    def tab(self, request: Request) -> Tab:
        """The tab that asks."""
        desk = self.desk
        return self.tabs.of(request.headers.get("x-photo51-tab", ""), desk.opening if desk else "")

    def _routes(self) -> list[Route]:
        streams: dict[str, tuple[type[asked.Asked], Ask]] = {
            "why": (asked.WhyAsked, reasons.why),
            "steer": (asked.SteerAsked, steering.steer_live),
            "dose": (asked.DoseAsked, steering.dose),
            "variants": (asked.VariantAsked, changes.variant),
            "compare": (asked.CompareAsked, changes.compare_pasted),
            "paint": (asked.PaintAsked, painting.write_canvas),
            "listen": (asked.ListenAsked, listening.write_under_rules),
        }
        jobs: dict[str, tuple[type[asked.Asked], str, Ask]] = {
            "read": (asked.ReadAsked, "read", Desk.read),
            "bases": (asked.BasesAsked, "hover", Desk.bases),
            "track": (asked.TrackAsked, "track", Desk.track),
            "parts": (asked.PartsAsked, "parts", painting.split_concept),
            "painted": (asked.PaintedAsked, "painted", painting.show_painting),
            "rules": (asked.RulesAsked, "rules", listening.judge_rules),
        }
        out = [
            Route("/", page.index),
            Route("/static/{name}", page.static),
            Route("/run/{path:path}", self._run_file),
            Route("/api/state", self._state),
            Route("/api/search", self._search),
            Route("/api/feature/{number}", self._feature),
            Route("/api/journal", self._journal),
            Route("/api/export/{what}", self._export),
            Route("/api/cancel", self._cancel, methods=["POST"]),
            Route("/api/end", self._end, methods=["POST"]),
        ]
        out += [
            Route(f"/api/{name}", self._job(model, name, ask, stream=True), methods=["POST"])
            for name, (model, ask) in streams.items()
        ]
        out += [
            Route(f"/api/{name}", self._job(model, panel, ask), methods=["POST"])
            for name, (model, panel, ask) in jobs.items()
        ]
        return out

    # ---- the model's thread

    def _job(
        self, model: type[asked.Asked], panel: str, ask: Ask, *, stream: bool = False
    ) -> Callable[[Request], Awaitable[Response]]:
        async def route(request: Request) -> Response:
            question = asked.parsed(await request.body(), model)
            tab = self.tab(request)
            job = self.worker.submit((tab.name, panel), lambda: ask(self.ready(), self._opened(tab), question))
            if stream:
                return StreamingResponse(_lines(job.events()), media_type="application/x-ndjson")
            return _json(await job.result())

        return route

    def _opened(self, tab: Tab) -> Tab:
        """A tab that was there before the model has the opening line late."""
        tab.journal.opening = self.ready().opening
        return tab

    async def _state(self, request: Request) -> Response:
        tab = self.tab(request)
        job = self.worker.submit((tab.name, "state"), lambda: iter([self.ready().state()]))
        state = await job.result()
        self._opened(tab)
        return _json(
            {
                **state,
                "journal": [tab.journal.record(line) for line in tab.journal.lines],
                "latest": tab.journal.latest(),
            }
        )

    async def _cancel(self, request: Request) -> Response:
        question = asked.parsed(await request.body(), asked.PanelAsked)
        return _json({"cancelled": self.worker.cancel((self.tab(request).name, question.panel))})

    async def _end(self, request: Request) -> Response:
        asked.parsed(await request.body(), asked.Nothing)
        self.tab(request)
        asyncio.get_running_loop().call_later(0.2, self.stop)
        return _json({"ended": True})

    # ---- tables

    async def _table(self, call: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self.tables, call)

    async def _search(self, request: Request) -> Response:
        desk, text = self.ready(), request.query_params.get("q", "")
        return _json(await self._table(lambda: desk.search(text)))

    async def _feature(self, request: Request) -> Response:
        desk, text = self.ready(), request.path_params["number"]
        if not text.isascii() or not text.isdecimal() or len(text) > 8:
            raise InputError(f"feature: need a number, got {text[:40]!r}")
        return _json(await self._table(lambda: desk.feature(int(text))))

    async def _run_file(self, request: Request) -> Response:
        desk = self.ready()
        try:
            return FileResponse(desk.run_file(request.path_params["path"]))
        except (FileNotFoundError, ValueError, OSError) as e:
            raise HTTPException(404) from e

    # ---- the journal

    async def _journal(self, request: Request) -> Response:
        tab = self.tab(request)
        return _json({"lines": [tab.journal.record(line) for line in tab.journal.lines]})

    async def _export(self, request: Request) -> Response:
        desk, tab, what = self.ready(), self.tab(request), request.path_params["what"]
        query = dict(request.query_params)
        return await self._table(lambda: export.exported(desk, tab, what, query))


def _json(value: Any) -> Response:
    return Response(json.dumps(plain(value), separators=(",", ":"), allow_nan=False), media_type="application/json")


async def _lines(events: AsyncIterator[Any]) -> AsyncIterator[bytes]:
    """Events as lines of JSON; how a job ended is a line too, since the status is sent by then."""
    try:
        async for event in events:
            yield json.dumps(plain(event), separators=(",", ":"), allow_nan=False).encode() + b"\n"
    except (InputError, Failed) as e:
        yield json.dumps({"error": str(e)}).encode() + b"\n"
    except Replaced:
        yield b'{"replaced":true}\n'


def _error(status: int) -> Callable[[Request, Exception], Response]:
    return lambda _request, e: JSONResponse({"error": str(e) or type(e).__name__}, status)


_HANDLERS: dict[Any, Callable[[Request, Exception], Response]] = {
    InputError: _error(422),
    Replaced: lambda _request, _e: JSONResponse({"replaced": True}, 409),
    Failed: _error(500),
    TooLarge: lambda _request, _e: JSONResponse({"error": "body: need fewer bytes, got too many"}, 413),
    ClientDisconnect: lambda _request, _e: Response(status_code=400),
}
