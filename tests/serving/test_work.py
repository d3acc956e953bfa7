"""Work in threads: results and errors come back, a limit holds, and what was given up is known until it ends."""

from __future__ import annotations

import asyncio
import threading

import pytest

from riskml.errors import DataError
from riskml.serving.problems import Problem
from riskml.serving.work import Workers


def refuse():
    raise DataError("refused")


def test_results_and_errors_come_back_and_the_loop_is_free_meanwhile():
    workers, release = Workers(2), threading.Event()

    async def both():
        waiting = asyncio.create_task(workers.run(5, release.wait, 5))
        assert await workers.run(5, divmod, 7, 2) == (3, 1), "another thread is free"
        with pytest.raises(DataError, match="refused"):
            await workers.run(5, refuse)
        release.set()
        assert await waiting is True

    asyncio.run(both())
    workers.close()


def test_what_takes_too_long_is_given_up_counted_and_forgiven_when_it_ends():
    workers, release = Workers(1), threading.Event()
    calls = []

    async def impatient():
        with pytest.raises(Problem) as caught:
            await workers.run(0.05, release.wait, 10)
        assert (caught.value.kind, caught.value.status) == ("timeout", 504)
        assert workers.is_blocked
        with pytest.raises(Problem):  # it waited for the thread, and never began
            await workers.run(0.05, calls.append, "begun")
        release.set()
        for _ in range(100):
            await asyncio.sleep(0.01)
            if not workers.is_blocked:
                break
        assert not workers.is_blocked
        assert await workers.run(5, len, "abc") == 3
        workers.close()
        assert await workers.run(5, len, "abcd") == 4, "an application can be started again"

    asyncio.run(impatient())
    assert calls == []
    workers.close()
