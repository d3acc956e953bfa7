"""Broken charts: ``python -m benchmarks.fhir_mutants`` (five minutes; ``--quick`` for twenty seconds).

Takes the examples of docs/fhir.md and docs/cds_hooks.md, breaks each in one to four random places (elements removed,
doubled, exchanged for another's or for junk of every JSON type), and asks for an estimate. Every one must be answered
with JSON or refused on purpose. Prints how many of each, and how long the slowest took; ends with 1 at any other error.
"""

from __future__ import annotations

import copy
import datetime as dt
import json
import random
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from riskml.errors import RiskmlError
from riskml.runtime.bundle import open_bundle, shipped
from riskml.serving.cds_feedback import feedback
from riskml.serving.cds_hooks import answer
from riskml.serving.fhir_operation import asked, assess

EXAMPLES = Path(__file__).resolve().parents[1] / "docs" / "examples"
TODAY = dt.date(2026, 3, 1)
JUNK: list[Any] = [
    *(None, True, False, 0, -1, 3.5, 1e308, 1e-320, 10**400, "", "x" * 500, "<", "\ud800", "\0", [], {}, [[]], [{}]),
    *({"a": 1}, [None], "2026-02-30", "2026", "final", "present", "Patient/b", "mrd", "%", "/uL", "8122-4"),
]


def questions() -> dict[str, Callable[[Any], object]]:
    """What is asked of each example, by its name."""
    models = [open_bundle(shipped(name)) for name in ("non_response", "icans", "efs")]
    return {
        "fhir_bundle": lambda body: assess(models[2], asked(body), now=TODAY.isoformat()),
        "cds_patient_view": lambda body: answer("riskml-patient-view", body, models, today=TODAY),
        "cds_order_select": lambda body: answer("riskml-order-select", body, models, today=TODAY),
        "cds_feedback": feedback,
    }


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path to everything in a JSON value."""
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*path, key))


def at(value: Any, path: tuple[Any, ...]) -> Any:
    """What stands at a path."""
    for key in path:
        value = value[key]
    return value


def broken(original: Any, choose: random.Random) -> Any:
    """A copy with one to four places changed."""
    mutant = copy.deepcopy(original)
    for _ in range(choose.randint(1, 4)):
        every = list(places(mutant))
        if not every:
            break
        path = choose.choice(every)
        holder, act = at(mutant, path[:-1]), choose.random()
        if act < 0.15:
            del holder[path[-1]]
        elif act < 0.3 and isinstance(holder, list):
            holder.append(copy.deepcopy(holder[path[-1]]))
        elif act < 0.5:
            holder[path[-1]] = copy.deepcopy(at(original, choose.choice(list(places(original)))))
        else:
            holder[path[-1]] = copy.deepcopy(choose.choice(JUNK))
    return mutant


def main(seconds: float) -> int:
    """Break and ask until the time is over."""
    choose, asking = random.Random(0), questions()
    originals = {name: json.loads((EXAMPLES / f"{name}.json").read_text(encoding="utf-8")) for name in asking}
    counts: Counter[tuple[str, str]] = Counter()
    slowest, failed, end = 0.0, 0, time.monotonic() + seconds
    while time.monotonic() < end:
        name = choose.choice(list(asking))
        mutant = broken(originals[name], choose)
        start = time.perf_counter()
        try:
            json.dumps(asking[name](mutant), allow_nan=False)
            counts[name, "answered"] += 1
        except RiskmlError as error:
            counts[name, type(error).__name__] += 1
        except Exception:  # noqa: BLE001 - this is what is looked for
            traceback.print_exc()
            failed += 1
        slowest = max(slowest, time.perf_counter() - start)
    for (name, what), number in sorted(counts.items()):
        print(f"{name:18} {what:18} {number:7,}")
    print(f"{sum(counts.values()) + failed:,} charts, {failed} defects, slowest {1000 * slowest:.0f} ms")
    return int(failed > 0)


if __name__ == "__main__":
    raise SystemExit(main(20.0 if "--quick" in sys.argv else 300.0))
