"""Progress of a training: a bar on a terminal, a line now and then anywhere else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    Say = Callable[[str], None]


def say(message: str) -> None:
    """Progress goes to standard error, so that results can be piped; in one log both stand in their order."""
    sys.stdout.flush()
    print(message, file=sys.stderr, flush=True)


@contextmanager
def progress_on(stream: TextIO, say: Say) -> Iterator[Say]:
    """What to tell of progress: a `Bar` where somebody watches ``stream``, ``say`` where it is a file or a pipe."""
    if not stream.isatty():
        yield say
        return
    bar = Bar(stream)
    try:
        yield bar
    finally:
        bar.close()


class Bar:
    """Messages above one bar that shows the tasks under way and the time they still take."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console

        self._console = Console(file=stream, highlight=False)
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __call__(self, message: str) -> None:
        """Print a message."""
        self._console.print(message, markup=False, soft_wrap=True)

    def advance(self, label: str, done: int, total: int) -> None:
        """Show that ``done`` of ``total`` tasks are finished; the bar goes when all are."""
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        if self._bar is None or self._task is None:
            columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
            self._bar = Progress(*columns, TimeRemainingColumn(), console=self._console, transient=True)
            self._bar.start()
            self._task = self._bar.add_task(label, total=total, completed=done)
        self._bar.update(self._task, completed=done)
        if done == total:
            self.close()

    def close(self) -> None:
        """Take the bar away, so that what comes next starts on a line of its own."""
        if self._bar is not None:
            self._bar.stop()
        self._bar = self._task = None
