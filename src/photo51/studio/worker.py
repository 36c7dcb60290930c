"""One thread owns the model. Requests are jobs that go forward step by step, in turn; a newer one replaces an older
one.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from photo51.types import InputError

log = logging.getLogger(__name__)
Steps = Callable[[], Iterator[Any]]


class Replaced(Exception):
    """The job was cancelled, or a newer one of the same panel took its place."""


class Failed(Exception):
    """Something that is no fault of who asked went wrong; the log has it whole."""


class _End:
    """Marks the end of a job's events."""


class Job:
    """A request on its way through the worker.

    Parameters
    ----------
    key
        Jobs of one key replace each other: tab and panel.
    steps
        Gives the iterator whose every item is an event; made and run on the worker's thread.
    """

    def __init__(self, key: tuple[str, str], steps: Steps, loop: asyncio.AbstractEventLoop):
        self.key, self._make, self._loop = key, steps, loop
        self._events: asyncio.Queue[Any] = asyncio.Queue()
        self._iterator: Iterator[Any] | None = None
        self.cancelled = threading.Event()

    def cancel(self) -> None:
        """End it before its next step."""
        self.cancelled.set()

    def step(self) -> bool:
        """One step on the worker's thread; whether there is more to do."""
        if self.cancelled.is_set():
            self._close()
            self._put(Replaced())
            return False
        try:
            if self._iterator is None:
                self._iterator = iter(self._make())
            event = next(self._iterator)
        except StopIteration:
            self._put(_End())
            return False
        except InputError as e:
            self._put(e)
            return False
        except Exception as e:
            log.exception("studio: %s failed", self.key[1])
            self._put(Failed(f"{type(e).__name__}: {e}"))
            return False
        self._put(event)
        return True

    def _close(self) -> None:
        close = getattr(self._iterator, "close", None)
        if close is not None:
            close()

    def _put(self, event: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(self._events.put_nowait, event)
        except RuntimeError:  # the loop is closed: nobody listens any more
            self.cancelled.set()

    async def events(self) -> AsyncIterator[Any]:
        """Its events in order.

        Raises
        ------
        InputError, Replaced, Failed
            As the job ended.
        """
        try:
            while True:
                event = await self._events.get()
                if isinstance(event, _End):
                    return
                if isinstance(event, Exception):
                    raise event
                yield event
        finally:
            self.cancel()

    async def result(self) -> Any:
        """The last event of a job that has one answer."""
        answer = None
        async for event in self.events():
            answer = event
        return answer


class Worker:
    """The thread that owns the model.

    Parameters
    ----------
    start
        Called first, on the thread: opens the model.
    """

    def __init__(self, start: Callable[[], None]):
        self._start = start
        self._jobs: deque[Job] = deque()
        self._wake = threading.Condition(threading.RLock())
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="photo51-studio-model", daemon=True)
        self._thread.start()

    def submit(self, key: tuple[str, str], steps: Steps) -> Job:
        """Queue a job before those that have begun, in place of any of its key; call on the event loop."""
        job = Job(key, steps, asyncio.get_running_loop())
        with self._wake:
            self.cancel(key)
            self._jobs.appendleft(job)
            self._wake.notify()
        return job

    def cancel(self, key: tuple[str, str]) -> int:
        """Cancel the jobs of a key; how many there were."""
        with self._wake:
            mine = [job for job in self._jobs if job.key == key]
            running = self._current
            if running is not None and running.key == key and running not in mine:
                mine.append(running)
        for job in mine:
            job.cancel()
        return len(mine)

    _current: Job | None = None

    def stop(self) -> None:
        """End after the step that runs."""
        with self._wake:
            self._stopping = True
            self._wake.notify()

    def _run(self) -> None:
        self._start()
        while True:
            with self._wake:
                while not self._jobs and not self._stopping:
                    self._wake.wait()
                if self._stopping:
                    return
                job = self._current = self._jobs.popleft()
            more = job.step()
            with self._wake:
                self._current = None
                if more:
                    self._jobs.append(job)
