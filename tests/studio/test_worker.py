"""One thread, jobs in turn, newer ones in place of older ones."""

import asyncio
import threading

import pytest

from photo51.studio.worker import Failed, Replaced, Worker
from photo51.types import InputError


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 20))


@pytest.fixture
def worker():
    made = Worker(lambda: None)
    yield made
    made.stop()


def test_all_jobs_run_on_one_thread_and_take_turns(worker):
    order = []

    def steps(name):
        for i in range(3):
            order.append((name, i, threading.current_thread().name))
            yield i

    async def both():
        gate = threading.Event()
        first = worker.submit(("z", "z"), lambda: iter([gate.wait(5)]))
        jobs = [worker.submit(("a", p), lambda p=p: steps(p)) for p in ("one", "two")]
        gate.set()
        await first.result()
        return [await job.result() for job in jobs]

    assert run(both()) == [2, 2]
    assert len({thread for _, _, thread in order}) == 1
    assert [name for name, _, _ in order[:4]] != ["one"] * 3 + ["two"]
    assert sorted(order)[:3] == [("one", i, order[0][2]) for i in range(3)]


def test_a_newer_job_of_the_same_key_replaces_the_older(worker):
    async def two():
        def endless():
            while True:
                yield 1

        old = worker.submit(("tab", "steer"), endless)
        other = worker.submit(("tab", "read"), lambda: iter([5]))
        seen = []

        async def follow():
            async for event in old.events():
                seen.append(event)  # noqa: PERF401 - watched while it grows

        following = asyncio.create_task(follow())
        assert await other.result() == 5
        while not seen:
            await asyncio.sleep(0.001)
        new = worker.submit(("tab", "steer"), lambda: iter([7]))
        assert await new.result() == 7
        with pytest.raises(Replaced):
            await following

    run(two())


def test_errors_are_handed_over_and_the_worker_lives_on(worker, caplog):
    async def three():
        def bad(error):
            yield 1
            raise error

        with pytest.raises(InputError, match="need this"):
            await worker.submit(("t", "a"), lambda: bad(InputError("need this"))).result()
        with pytest.raises(Failed, match="ZeroDivisionError"):
            await worker.submit(("t", "b"), lambda: iter([1 // 0])).result()
        return await worker.submit(("t", "c"), lambda: iter([9])).result()

    assert run(three()) == 9
    assert "ZeroDivisionError" in caplog.text
