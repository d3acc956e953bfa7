"""Predictions in a few threads with a time limit, so that the loop that serves everybody never waits for one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from riskml.serving.problems import Problem

Answer = TypeVar("Answer")


class Workers:
    """A small pool of threads.

    Python cannot stop a thread: a call that outlives its limit is answered with ``timeout`` and keeps its thread until
    it ends. ``is_blocked`` tells when no thread is left.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._pool: ThreadPoolExecutor | None = None
        self._overdue = 0

    @property
    def is_blocked(self) -> bool:
        """Whether every thread is held by a call that was given up."""
        return self._overdue >= self._threads

    async def run(self, seconds: float, function: Callable[..., Answer], *arguments: Any) -> Answer:
        """The result of ``function(*arguments)``, called in a thread.

        Raises
        ------
        Problem
            ``timeout`` where it takes longer than ``seconds``, waiting for a thread included.
        """
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="predict")
        call = self._pool.submit(function, *arguments)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(call), seconds)
        except TimeoutError:
            if call.running():
                self._overdue += 1
                loop = asyncio.get_running_loop()
                call.add_done_callback(lambda _: loop.call_soon_threadsafe(self._returned))
            raise Problem("timeout", f"the answer took longer than {seconds:g} seconds") from None

    def close(self) -> None:
        """Let go of the threads; what has not begun never does, and a later call begins anew."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None

    def _returned(self) -> None:
        self._overdue -= 1
