"""Independent tasks, wherever `riskml.training.workers` runs them; what is finished is kept on disk, to go on from.

Results are JSON, never pickles: nothing that is read back can run code, and a number comes back with every digit, so a
run that was interrupted gives the same bytes as one that was not.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import inspect
import json
import platform
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from riskml.runtime.files import write_whole
from riskml.training.workers import results

if TYPE_CHECKING:
    from riskml.training.fit import TrainingSet
    from riskml.training.recipe import Recipe

Say = Callable[[str], None]
Steps = Callable[[int, int], None]
# Fewer lines than one in this many seconds, and than one for each tenth of the work.
_SECONDS_BETWEEN_LINES = 5.0


class Store:
    """Results of finished tasks, one JSON file each, in a folder that goes when the run is finished.

    Parameters
    ----------
    folder : Path
        Made when the first result is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, key: str) -> Any:
        """The result of a task; None where it is not finished, or its file is not what was written."""
        try:
            held = json.loads(self._path(key).read_bytes())
        except (OSError, ValueError):  # cut short by a full disk or a power failure: the task is done again
            return None
        return held.get("result") if isinstance(held, dict) and held.get("task") == key else None

    def put(self, key: str, result: Any) -> None:
        """Keep a result: whole or not at all, whenever the process ends."""
        write_whole(self._path(key), json.dumps({"task": key, "result": result}))

    def remove(self) -> None:
        """Take the results away, and the folder around them once no other run has any."""
        shutil.rmtree(self.folder, ignore_errors=True)
        with suppress(OSError):  # another run has results there
            self.folder.parent.rmdir()

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.json"


def run_tasks(
    function: Callable[..., Any],
    tasks: Mapping[str, Sequence[Any]],
    *,
    jobs: int = 1,
    store: Store | None = None,
    progress: Steps | None = None,
) -> list[Any]:
    """Results of ``function(*arguments)`` for each task, in the order of the tasks.

    Parameters
    ----------
    function : callable
        Gives JSON data (dict, list, str, float, int), the same for the same arguments in any process. Where there is a
        store, a result may not be None.
    tasks : mapping of key to arguments
        A key is also a file name.
    jobs : int
        Worker processes; -1 for one a processor. On a cluster (`riskml.training.workers`) all its workers are used.
    store : Store, optional
        Tasks with a result in it are not done again; those that finish are put into it.
    progress : callable, optional
        Called with (finished, all) at the start and after each task.
    """
    found = {} if store is None else {key: held for key in tasks if (held := store.get(key)) is not None}
    left = {key: arguments for key, arguments in tasks.items() if key not in found}
    tell = progress or (lambda _done, _all: None)
    tell(len(found), len(tasks))
    for key, result in results(function, left, jobs):
        if store is not None:
            store.put(key, result)
        found[key] = result
        tell(len(found), len(tasks))
    return [found[key] for key in tasks]


def store_for(folder: Path, recipe: Recipe, rows: TrainingSet, seed: int) -> Store:
    """The store in ``folder`` of this very training: recipe, rows as they were read, seed, and the code that runs."""
    digest = hashlib.sha256()
    plan = {"recipe": asdict(recipe), "grid": rows.grid, "seed": seed, "versions": sorted(_versions())}
    digest.update(json.dumps(plan, sort_keys=True, default=repr).encode())
    digest.update(pd.util.hash_pandas_object(rows.frame, index=False).to_numpy().tobytes())
    for array in (rows.event, rows.time, rows.entry, rows.patient, rows.cause):
        digest.update(b"-" if array is None else array.tobytes())
    for source in _sources(rows):
        digest.update(source.read_bytes())
    return Store(folder / digest.hexdigest()[:32])


def _versions() -> Iterator[str]:
    yield platform.python_version()
    for package in importlib.metadata.distributions():
        yield f"{package.name} {package.version}"


def _sources(rows: TrainingSet) -> Iterable[Path]:
    """The code of riskml and of learners from elsewhere, which versions do not tell while it is being edited."""
    home, elsewhere = Path(__file__).parents[1], set()
    for part in rows.parts:
        with suppress(TypeError, OSError):  # a class that is compiled, or was typed in
            elsewhere.add(Path(inspect.getfile(part.learner.load())))
    return [*sorted(home.rglob("*.py")), *sorted(path for path in elsewhere if path.is_file())]


def steps(progress: Say | None, label: str) -> Steps:
    """What to call after each task so that ``progress`` learns of it.

    One with a method ``advance(label, done, total)``, such as a progress bar, is told every step; any other is told in
    words, at most one line for each tenth of the tasks and for each five seconds, with the time that is left.
    """
    advance = getattr(progress, "advance", None)
    if advance is not None:
        return lambda done, total: advance(label, done, total)
    return _Lines(progress, label)


class _Lines:
    """Says how far the tasks are, now and then."""

    def __init__(self, say: Say | None, label: str) -> None:
        self.say, self.label = say or (lambda _: None), label
        self.started, self.before, self.told, self.told_at = 0.0, -1, 0, 0.0

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if self.before < 0:
            self.started = self.told_at = now
            self.before = self.told = done
            if done:
                self.say(f"{self.label}: {done} of {total} were finished before")
        elif done < total and done - self.told >= total / 10 and now - self.told_at >= _SECONDS_BETWEEN_LINES:
            left = (now - self.started) / (done - self.before) * (total - done)
            self.say(f"{self.label}: {done} of {total}, about {in_words(left)} left")
            self.told, self.told_at = done, now


def in_words(seconds: float) -> str:
    """A span of time as one would say it: ``"40 s"``, ``"3 min"``, ``"2 h 10 min"``."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
