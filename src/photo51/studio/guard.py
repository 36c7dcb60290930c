"""Who may speak to the server, how much at once, and what a page of it may do.

The address holds a random token; the Host must be a loopback name (a page elsewhere whose name was made to point here
has another), the Origin of anything that changes something must be the page itself, and no header lets another page
read an answer.
"""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
# pages of the run are documents of their own, with scripts inside: a sandbox gives them an origin that is nobody's
CSP_RUN = (
    "sandbox allow-scripts allow-popups; default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self'"
    " 'unsafe-inline'; img-src 'self' data: blob:; frame-ancestors 'none'"
)
HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})
MOST_BYTES = 4_000_000


class Guard:
    """Wraps the application.

    Parameters
    ----------
    app
        The application, which sees paths without the token.
    token
        First part of every path.
    hosts
        Host names that may be asked for, ports aside.
    """

    def __init__(self, app: App, token: str, hosts: frozenset[str] = LOOPBACK):
        self.app, self.token, self.hosts = app, token, hosts
        self.last = time.monotonic()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or hand on."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        headers = _headers(scope)
        refused = self._refused(scope, headers)
        if refused is not None:
            await _answer(send, *refused)
            return
        self.last = time.monotonic()
        inner = {**scope, "path": "/" + scope["path"].split("/", 2)[2], "root_path": ""}
        inner.pop("raw_path", None)
        csp = CSP_RUN if inner["path"].startswith("/run/") else CSP

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                extra = {**HEADERS, "content-security-policy": csp}
                message["headers"] = [
                    *message.get("headers", []),
                    *((k.encode(), v.encode()) for k, v in extra.items()),
                ]
            await send(message)

        await self.app(inner, _Limited(receive, MOST_BYTES), sealed)

    def _refused(self, scope: Scope, headers: dict[str, list[str]]) -> tuple[int, str] | None:
        host = headers.get("host", [])
        if len(host) != 1 or _name(host[0]) not in self.hosts:
            return 421, "need the address that photo51 studio printed, got another host"
        parts = scope["path"].split("/", 2)
        if len(parts) < 3 or not hmac.compare_digest(parts[1].encode(), self.token.encode()):
            return 404, "need the address that photo51 studio printed, with its token"
        if scope["method"] not in {"GET", "HEAD", "POST"}:
            return 405, f"need GET or POST, got {scope['method']}"
        origin = headers.get("origin", [])
        own_origin = f"{scope.get('scheme', 'http')}://{host[0]}"
        if (origin and origin != [own_origin]) or (scope["method"] == "POST" and not origin):
            return 403, f"need a request of the page itself, got the origin {', '.join(origin) or 'none'}"
        if headers.get("sec-fetch-site", ["same-origin"])[0] not in {"same-origin", "none"}:
            return 403, "need a request of the page itself, got one of another site"
        length = headers.get("content-length", ["0"])[0]
        if not length.isdecimal() or int(length) > MOST_BYTES:
            return 413, f"need at most {MOST_BYTES:,} bytes, got {length}"
        return None


class _Limited:
    """Reads a request's body up to a limit, whatever its header said."""

    def __init__(self, receive: Receive, limit: int):
        self._receive, self._left = receive, limit

    async def __call__(self) -> Message:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise TooLarge
        return message


class TooLarge(Exception):
    """A body beyond the limit."""


def _headers(scope: Scope) -> dict[str, list[str]]:
    out: dict[str, list[str]] = {}
    for key, value in scope["headers"]:
        out.setdefault(key.decode("latin-1").lower(), []).append(value.decode("latin-1"))
    return out


def _name(host: str) -> str:
    """Host name without its port."""
    if host.startswith("["):
        return host.partition("]")[0].lower() + "]"
    return host.partition(":")[0].lower()


async def _answer(send: Send, status: int, sentence: str) -> None:
    body = json.dumps({"error": sentence}).encode()
    headers = {
        **HEADERS,
        "content-security-policy": CSP,
        "content-type": "application/json",
        "content-length": str(len(body)),
    }
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(k.encode(), v.encode()) for k, v in headers.items()],
        }
    )
    await send({"type": "http.response.body", "body": body})
