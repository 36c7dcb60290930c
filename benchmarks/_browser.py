"""A headless Chromium spoken to over its DevTools pipe, with the network cut: what a reader's browser does with a page.

No driver program and no web socket: `--remote-debugging-pipe` reads commands from descriptor 3 and writes to descriptor 4,
each message a JSON text ended by a NUL byte.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

CANDIDATES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-extensions", "--disable-dev-shm-usage", "--mute-audio",
    "--hide-scrollbars", "--force-color-profile=srgb", "--host-resolver-rules=MAP * ~NOTFOUND", "--remote-debugging-pipe",
)  # fmt: skip
# puts the ends of our pipes where Chromium looks for them, then becomes Chromium
_LAUNCH = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); os.execvp(sys.argv[3], sys.argv[3:])"
)
_LOCAL = ("file:", "data:", "blob:", "about:", "chrome:", "devtools:")


class PageError(RuntimeError):
    """A script that was evaluated in the page threw, or the browser did not answer in time."""


def chromium() -> str | None:
    """Path of an installed Chromium, if there is one."""
    return next((path for name in CANDIDATES if (path := shutil.which(name))), None)


class Browser:
    """A Chromium with one page, as a context manager.

    Attributes
    ----------
    requests
        Addresses asked for that are no files of this machine: a self-contained page asks for none.
    errors
        Exceptions, `console.error` calls and failed loads since the last `open`.
    """

    def __init__(self, program: str | None = None, *, timeout_s: float = 60.0):
        self._program, self._timeout = program or chromium(), timeout_s
        if self._program is None:
            raise FileNotFoundError(f"browser: need one of {', '.join(CANDIDATES)} installed, got none")
        self.requests: list[str] = []
        self.errors: list[str] = []
        self._events: list[dict[str, Any]] = []
        self._buffer, self._number = b"", 0

    def __enter__(self) -> Browser:
        self._profile = tempfile.TemporaryDirectory(prefix="photo51-browser-", ignore_cleanup_errors=True)
        theirs_in, self._write = os.pipe()
        self._read, theirs_out = os.pipe()
        pipes = [str(theirs_in), str(theirs_out)]
        command = [
            sys.executable,
            "-c",
            _LAUNCH,
            *pipes,
            str(self._program),
            *FLAGS,
            f"--user-data-dir={self._profile.name}",
        ]
        self._process = subprocess.Popen(
            command, pass_fds=(theirs_in, theirs_out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._session: str | None = None
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._write)
        os.close(self._read)
        self._profile.cleanup()

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a DevTools method and return its result."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        payload = json.dumps(message).encode() + b"\0"
        while payload:
            payload = payload[os.write(self._write, payload) :]
        number, until = self._number, time.monotonic() + self._timeout
        while True:
            answer = self._message(until, method)
            if answer.get("id") == number:
                if "error" in answer:
                    raise PageError(f"{method}: {answer['error'].get('message')}")
                return answer["result"]
            self._note(answer)

    def open(self, page: Path | str, width: int = 1400, height: int = 900, fragment: str = "") -> float:
        """Load a page of this machine at a window size (CSS pixels) and return the seconds until its load event."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        self.send("Page.navigate", url="about:blank")
        self._until("Page.loadEventFired")
        self.requests, self.errors = [], []
        started = time.perf_counter()
        self.send("Page.navigate", url=Path(page).absolute().as_uri() + fragment)
        self._until("Page.loadEventFired")
        return time.perf_counter() - started

    def evaluate(self, script: str) -> Any:
        """Value of a JavaScript expression in the page; promises are awaited."""
        answer = self.send(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True
        )
        if "exceptionDetails" in answer:
            detail = answer["exceptionDetails"]
            raise PageError(detail.get("exception", {}).get("description") or detail["text"])
        return answer["result"].get("value")

    def wait_for(self, script: str, timeout_s: float | None = None) -> Any:
        """Wait until an expression is true and return it."""
        until = time.monotonic() + (timeout_s or self._timeout)
        while not (value := self.evaluate(script)):
            if time.monotonic() > until:
                raise PageError(f"waited in vain for {script}")
            time.sleep(0.02)
        return value

    def press(self, key: str, text: str = "") -> None:
        """Press and release a key by its DOM name, for instance `ArrowDown`, `Enter`, `/`."""
        code = {
            "Enter": 13,
            "Tab": 9,
            "Escape": 27,
            "ArrowUp": 38,
            "ArrowDown": 40,
            "ArrowLeft": 37,
            "ArrowRight": 39,
        }.get(key, 0)
        typed = text or ({"Enter": "\r"}.get(key, "") if len(key) > 1 else key)
        shared = (
            {"key": key, "windowsVirtualKeyCode": code, "text": typed}
            if typed
            else {"key": key, "windowsVirtualKeyCode": code}
        )
        self.send("Input.dispatchKeyEvent", type="keyDown" if typed else "rawKeyDown", **shared)
        self.send("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    def type(self, text: str) -> None:
        """Type text where the focus is."""
        self.send("Input.insertText", text=text)

    def click(self, x: float, y: float) -> None:
        """Click at a point of the window (CSS pixels)."""
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def screenshot(self, path: Path | str, *, whole: bool = False) -> None:
        """Write a PNG of the window, or of the whole page."""
        picture = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        Path(path).write_bytes(base64.b64decode(picture["data"]))

    def pdf(self, path: Path | str) -> None:
        """Print the page to a PDF."""
        printed = self.send("Page.printToPDF", printBackground=True, preferCSSPageSize=True)
        Path(path).write_bytes(base64.b64decode(printed["data"]))

    def settle(self) -> None:
        """Take in whatever the browser still has to say."""
        self.evaluate("new Promise(done => setTimeout(done, 100))")

    def _until(self, event: str) -> None:
        until = time.monotonic() + self._timeout
        while not any(e["method"] == event for e in self._events):
            self._note(self._message(until, event))
        self._events = [e for e in self._events if e["method"] != event]

    def _message(self, until: float, waiting_for: str) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self._read], [], [], left)[0]:
                raise PageError(f"the browser did not answer {waiting_for} within {self._timeout:g} s")
            chunk = os.read(self._read, 1 << 20)
            if not chunk:
                raise PageError(f"the browser ended while it was asked {waiting_for}")
            self._buffer += chunk
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)

    def _note(self, event: dict[str, Any]) -> None:
        method, params = event.get("method", ""), event.get("params", {})
        if method == "Network.requestWillBeSent":
            if not params["request"]["url"].startswith(_LOCAL):
                self.requests.append(params["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            detail = params["exceptionDetails"]
            self.errors.append(detail.get("exception", {}).get("description") or detail["text"])
        elif method == "Runtime.consoleAPICalled" and params["type"] in {"error", "assert"}:
            self.errors.append(" ".join(str(a.get("value", a.get("description", ""))) for a in params["args"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.errors.append(f"{params['entry']['text']} {params['entry'].get('url', '')}".strip())
        elif method == "Page.loadEventFired":
            self._events.append(event)
