"""What the HTTP service bears on loopback: ``python -m benchmarks.serve_load [--minutes M] [--quick]``.

Starts ``riskml serve`` as a process of its own and asks it for single predictions with explanation at a fixed rate, by
this process, over kept connections. Load is open: each request has its moment, and its time is counted from that moment
on, so that a server that stalls cannot slow its own test down. Invented (golden) patients, the models in turn.

Prints, for each rate: answers, errors, the percentiles of time to answer, processor milliseconds of the server a
request, its memory at the start, the middle and the end. The machine's load average stands beside it, because other
work on it counts, too: the processor time is what it disturbs least.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.row import Row

ROOT = Path(__file__).resolve().parents[1]
MODELS = ROOT / "models"
WARM_UP = 1.0
CONNECTIONS = 32
TIMEOUT = 10.0


@dataclass
class Load:
    """What one run of a rate saw."""

    milliseconds: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    memory: list[float] = field(default_factory=list)
    processor: float = 0.0


@contextlib.contextmanager
def served(*options: str, models: Path = MODELS) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A server of ``models`` on a free port, and that port; ended when the block is left."""
    command = [sys.executable, "-m", "riskml", "serve", str(models), "--port", "0", *options]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        started = json.loads(process.stderr.readline())
        drain = subprocess.Popen(["cat"], stdin=process.stderr, stdout=subprocess.DEVNULL)
        try:
            yield process, int(started["url"].rpartition(":")[2])
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
            drain.wait(10)


def requests(names: list[str]) -> list[bytes]:
    """One request for each invented patient of the models named, as it goes over the wire."""
    found = []
    for name in names:
        for entry in json.loads((MODELS / name / "bundle" / "golden.json").read_text(encoding="utf-8")):
            body = json.dumps({"patient": entry["patient"]}).encode()
            head = f"POST /v1/models/{name}/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            found.append(head.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
    return found


async def ask(port: int, request: bytes, free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]) -> str:
    """One exchange over a kept connection; the status, or what went wrong."""
    while free and free[-1][0].at_eof():  # the server has closed what nobody used
        free.pop()[1].close()
    try:
        reader, writer = free.pop() if free else await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(length)
        free.append((reader, writer))
        return head[9:12].decode()
    except (OSError, asyncio.IncompleteReadError) as error:
        return type(error).__name__


async def drive(process: int, port: int, rate: float, seconds: float, wire: list[bytes]) -> Load:
    """Ask at ``rate`` a second for ``seconds``."""
    load, tasks = Load(), set()
    free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def one(number: int, due: float) -> None:
        try:
            status = await asyncio.wait_for(ask(port, wire[number % len(wire)], free), TIMEOUT)
        except TimeoutError:
            status = "no answer"
        if due > begin + WARM_UP:
            load.statuses[status] += 1
            load.milliseconds.append(1000 * (time.perf_counter() - due))

    begin, used, number = time.perf_counter() + 0.1, processor_seconds(process), 0
    samples = [begin + WARM_UP, begin + seconds / 2]
    while (due := begin + number / rate) <= begin + seconds:
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        task = asyncio.create_task(one(number, due))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        number += 1
        if samples and due >= samples[0]:
            load.memory.append(resident_mib(process))
            samples.pop(0)
    await asyncio.gather(*tasks)
    load.memory.append(resident_mib(process))
    load.processor = (processor_seconds(process) - used) / seconds
    for _, writer in free:
        writer.close()
    return load


def processor_seconds(process: int) -> float:
    """Processor time of a process so far."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mib(process: int) -> float:
    """Memory of a process now."""
    pages = int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def show(what: str, rate: float, load: Load) -> None:
    """One line of the table."""
    cuts = statistics.quantiles(load.milliseconds, n=1000, method="inclusive")
    good = load.statuses["200"]
    errors = sum(load.statuses.values()) - good
    others = "" if not errors else f"  {dict(load.statuses)}"
    times = "".join(f"{x:>8.1f}" for x in (cuts[499], cuts[949], cuts[989], cuts[998], max(load.milliseconds)))
    memory = " ".join(f"{x:.1f}" for x in load.memory)
    print(
        f"{what:<22}{rate:>7g}{good:>8}{errors:>8}{times}{1000 * load.processor / rate:>8.1f}   {memory}{others}",
        flush=True,
    )


def rows(*, quick: bool = False) -> list[Row]:
    """All models in turn, at rates that one process bears."""
    found, wire = [], requests(sorted(path.parent.name for path in MODELS.glob("*/bundle")))
    with served("--rate", "0") as (process, port):
        for rate in (50, 100):
            load = asyncio.run(drive(process.pid, port, rate, 5.0 if quick else 30.0, wire))
            show("all in turn", rate, load)
            what = f"{rate} predictions a second, all models in turn"
            cuts = statistics.quantiles(load.milliseconds, n=100, method="inclusive")
            errors = sum(load.statuses.values()) - load.statuses["200"]
            kinds = [(f"{what}, median answer", cuts[49], "ms"), (f"{what}, 99th percentile", cuts[98], "ms")]
            kinds += [(f"{what}, processor time a request", 1000 * load.processor / rate, "ms")]
            kinds += [(f"{what}, errors", float(errors), "requests")]
            found += [Row("serve_load", words, value, None, unit) for words, value, unit in kinds]
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0, help="of the long run")
    parser.add_argument("--rates", type=float, nargs="*", default=[50, 100, 150, 200], help="requests a second")
    parser.add_argument("--long", type=float, default=200, help="rate of the long run")
    parser.add_argument("--quick", action="store_true", help="ten seconds a rate, no long run")
    options = parser.parse_args()
    names = sorted(path.parent.name for path in MODELS.glob("*/bundle"))
    seconds = 10.0 if options.quick else 30.0
    print(f"{os.cpu_count()} processors, load average {os.getloadavg()[0]:.1f}; {seconds:g} s a rate; ms from due time")
    names_of_times = "".join(f"{name:>8}" for name in ("good", "errors", "p50", "p95", "p99", "p99.9", "max", "CPU"))
    print(f"{'':<22}{'rate':>7}{names_of_times}   MiB")
    with served("--rate", "0") as (process, port):
        for name in names:
            show(name, 50, asyncio.run(drive(process.pid, port, 50, seconds / 2, requests([name]))))
        for rate in options.rates:
            show("all in turn", rate, asyncio.run(drive(process.pid, port, rate, seconds, requests(names))))
        if not options.quick:
            long = asyncio.run(drive(process.pid, port, options.long, 60 * options.minutes, requests(names)))
            show(f"{options.minutes:g} minutes", options.long, long)
    print(f"load average at the end {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
