"""Where work runs: processes of this machine, or the workers of a Dask cluster. The one place that decides it.

A task is a function of its arguments alone, so where it runs changes no number while the same libraries run there, and
:func:`connect` refuses a cluster where they differ. Dask sends functions and data as pickles: a cluster is for one's
own machines on a trusted network (docs/clusters.md), and nothing that predicts or serves knows of it.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib.metadata
import logging
import platform
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from signal import SIG_IGN, SIGINT, signal
from typing import TYPE_CHECKING, Any, NamedTuple

from joblib import Parallel, delayed, parallel_config

from riskml.errors import RiskmlError, UsageError

if TYPE_CHECKING:
    from distributed import Client

# An address that is wrong should come out while somebody still looks.
PATIENCE_SECONDS = 5
# What may move a number; the wheel of XGBoost goes by either name.
_PACKAGES = (
    "riskml",
    "numpy",
    "scipy",
    "pandas",
    "scikit-learn",
    "scikit-survival",
    "xgboost",
    "xgboost-cpu",
    "joblib",
)
_SHOWN = 6
_ADDRESS = re.compile(r"((tcp|tls)://)?[^/:\s]+:\d{1,5}|(tcp|tls)://\[[0-9a-fA-F:]+\]:\d{1,5}")


class _Cluster(NamedTuple):
    client: Client
    partitioned: bool


_CLUSTER: ContextVar[_Cluster | None] = ContextVar("cluster", default=None)


@contextmanager
def workers(scheduler: str | None = None, *, partitioned: bool = False) -> Iterator[None]:
    """Within this block tasks run on a Dask cluster, or without one on as many processes as each call is told.

    Parameters
    ----------
    scheduler : str, optional
        Address of a running scheduler, such as ``"tcp://10.0.0.5:8786"``.
    partitioned : bool
        Tasks run here one after another, and learners with ``partition_rows`` spread their rows over the cluster
        instead: for cohorts that one worker cannot hold.

    Raises
    ------
    UsageError
        If no scheduler answers at the address within five seconds, it has no worker, or workers have other versions.
    """
    if scheduler is None:
        # Ctrl-C reaches the processes, too; only the main one is to say something about it.
        with parallel_config(backend="loky", initializer=signal, initargs=(SIGINT, SIG_IGN)):
            yield
        return
    log = logging.getLogger("distributed.client")
    level = log.level
    client = connect(scheduler)
    log.setLevel(logging.CRITICAL)  # of a scheduler that is lost riskml tells in one sentence, Dask in many tracebacks
    token = _CLUSTER.set(_Cluster(client, partitioned))
    try:
        yield
    finally:
        _CLUSTER.reset(token)
        client.close()
        log.setLevel(level)


def row_client(n_rows: int, partition_rows: int | None) -> Client | None:
    """The cluster over which a learner may spread so many rows; None where one process does it."""
    cluster = _CLUSTER.get()
    spread_out = cluster is not None and cluster.partitioned and partition_rows is not None and n_rows > partition_rows
    return cluster.client if cluster is not None and spread_out else None


def results(
    function: Callable[..., Any], tasks: Mapping[str, Sequence[Any]], jobs: int = 1
) -> Iterator[tuple[str, Any]]:
    """Each key with ``function(*arguments)``, as they come; arguments as for `riskml.training.tasks.run_tasks`.

    On a cluster ``jobs`` says nothing: all its workers are used. What every task is given (a recipe, a cohort) goes
    there once. It is a task itself, which the scheduler can repeat, so that workers may die and others take over.

    Raises
    ------
    UsageError
        If the cluster was lost on the way, or a task ended every worker it was given to.
    """
    cluster = _CLUSTER.get()
    here = jobs == 1 if cluster is None else cluster.partitioned
    if here or len(tasks) < 2:
        yield from ((key, function(*arguments)) for key, arguments in tasks.items())
    elif cluster is None:
        # One task at a time: a batch would come back, and be kept, only when all of it is done.
        parallel = Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1)
        yield from parallel(delayed(_keyed)(function, key, arguments) for key, arguments in tasks.items())
    else:
        yield from _on_cluster(cluster.client, function, tasks)


def _keyed(function: Callable[..., Any], key: str, arguments: Sequence[Any]) -> tuple[str, Any]:
    return key, function(*arguments)


def _on_cluster(
    client: Client, function: Callable[..., Any], tasks: Mapping[str, Sequence[Any]]
) -> Iterator[tuple[str, Any]]:
    from distributed import as_completed  # noqa: PLC0415 - an extra, which few have
    from distributed.scheduler import KilledWorker  # noqa: PLC0415

    alike = [all(value is column[0] for value in column) for column in zip(*tasks.values(), strict=True)]
    first = next(iter(tasks.values()))
    shared = {place: first[place] for place, same in enumerate(alike) if same}
    held = client.submit(_itself, shared, pure=False)
    left = {}
    for key, arguments in tasks.items():
        own = {place: value for place, value in enumerate(arguments) if place not in shared}
        left[client.submit(_filled, function, held, own, pure=False)] = key
    for future, found in as_completed(list(left), loop=client.loop, with_results=True, raise_errors=False):
        if future.status == "finished":
            yield left.pop(future), found
        elif future.status == "error" and not isinstance(found[1], KilledWorker):
            raise found[1]
        elif future.status == "error":
            raise UsageError(
                "one task ended every worker it was given to, most likely for want of memory: start workers with more "
                "of it (dask worker --memory-limit), or do without --scheduler"
            )
        else:
            raise UsageError(
                "the Dask scheduler was lost on the way, and its workers end with it: start both again and repeat the "
                "command (a training goes on where it was)"
            )


def _itself(shared: dict[int, Any]) -> dict[int, Any]:
    return shared


def _filled(function: Callable[..., Any], shared: Mapping[int, Any], own: Mapping[int, Any]) -> Any:
    """One task on a worker, with what is shared put into its places."""
    return function(*(argument for _, argument in sorted({**shared, **own}.items())))


# --------------------------------------------------------------------------------------------------------- connecting


def connect(address: str) -> Client:
    """A client of the scheduler at ``address``, whose workers are known to give the same numbers.

    TLS is taken from Dask's own configuration, as is every setting of the network.

    Raises
    ------
    UsageError
        If nobody answers in time, there is no worker, or versions differ.
    """
    from distributed import Client  # noqa: PLC0415 - an extra, which few have

    if not _ADDRESS.fullmatch(address):  # at some others Dask waits for ever
        raise UsageError(
            f"{address!r} is no address of a Dask scheduler: it is written tcp://HOST:PORT or tls://HOST:PORT"
        )
    try:
        asyncio.run(_shake_hands(address))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of versions that differ: check_same says it, and refuses
            client = Client(address, timeout=PATIENCE_SECONDS, set_as_default=False)
    except Exception as error:  # noqa: BLE001 - whatever stands there may answer anything
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise UsageError(
            f"no Dask scheduler answers at {address!r} ({reason}): start one with `dask scheduler`, which prints its "
            "address (tcp://...:8786), and see docs/clusters.md"
        ) from None
    try:
        client.wait_for_workers(1, timeout=PATIENCE_SECONDS)
        found = client.run(versions, on_error="return")
        check_same(versions(), found)
    except TimeoutError:
        client.close()
        raise UsageError(
            f"the Dask scheduler at {address!r} has no worker: start some with `dask worker ADDRESS`"
        ) from None
    except RiskmlError:
        client.close()
        raise
    return client


async def _shake_hands(address: str) -> None:
    """See that Dask speaks there: a client itself would wait for ever on a server that says nothing."""
    from distributed.comm.core import connect as reach  # noqa: PLC0415
    from distributed.security import Security  # noqa: PLC0415

    settings = Security().get_connection_args("client")
    comm = await asyncio.wait_for(reach(address, timeout=PATIENCE_SECONDS, **settings), PATIENCE_SECONDS)
    await comm.close()


def versions() -> dict[str, str]:
    """What runs here and may move a number: Python, the libraries, and riskml's own code while it is being edited."""
    found = {"Python": platform.python_version()}
    for package in (*_PACKAGES, "dask", "distributed"):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    home, digest = Path(__file__).parents[1], hashlib.sha256()
    for source in sorted(home.rglob("*.py")):
        digest.update(source.read_bytes())
    return {**found, "riskml's code": digest.hexdigest()[:12]}


def check_same(ours: Mapping[str, str], found: Mapping[str, Any]) -> None:
    """Refuse workers that have not what is here.

    Parameters
    ----------
    ours : mapping of package to version
    found : mapping of worker's address to the same of that worker, or to the error it gave

    Raises
    ------
    UsageError
        Which names what differs, and where.
    """
    wrong = []
    for place, theirs in found.items():
        if not isinstance(theirs, Mapping):
            wrong.append(f"{place} cannot load riskml ({type(theirs).__name__}: {theirs})")
            continue
        names = dict.fromkeys([*ours, *theirs])
        wrong += [_difference(place, name, theirs.get(name), ours.get(name)) for name in _unlike(names, ours, theirs)]
    if wrong:
        more = f"\n  and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        raise UsageError(
            "the cluster's workers do not run what runs here, so numbers could differ; install the same "
            "(requirements.lock) everywhere:" + "".join(f"\n  {line}" for line in wrong[:_SHOWN]) + more
        )


def _unlike(names: Iterable[str], ours: Mapping[str, str], theirs: Mapping[str, str]) -> Iterator[str]:
    return (name for name in names if ours.get(name) != theirs.get(name))


def _difference(place: str, name: str, theirs: str | None, ours: str | None) -> str:
    return f"{place} has {name} {theirs or 'not at all'}, here it is {ours or 'not there'}"
