"""Damaged and hostile bundles: ``python -m benchmarks.bundle_mutants`` (ten minutes; ``--quick`` for half a minute).

Takes every shipped bundle, and made ones with trees, curves and competing causes, and spoils copies of them: bits
turned over, files cut, doubled and exchanged, places of their JSON taken out or filled with junk of every type, trees
that lead in circles, keys given twice, numbers no double can hold, zip archives that lie. Half of them keep the old
digests; for the others the digests are made anew, so that the checks behind them are asked too. Each must be refused as
a bundle, in less than two seconds, or be a bundle of which every door can be asked. Ends with 1 at anything else.
"""

from __future__ import annotations

import contextlib
import copy
import io
import itertools
import json
import random
import signal
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from riskml.errors import BundleError, RiskmlError
from riskml.runtime.bundle import Bundle, golden_entry, open_bundle, seal, shipped
from riskml.runtime.bundle_checks import EXPLANATION, FILES, MANIFEST, NO_DIGEST
from riskml.runtime.digest import digest_of
from riskml.runtime.members import Causes, Linear, Member, Tree, Trees
from riskml.runtime.responses import LOGISTIC, PROBABILITY, Calibrated
from riskml.runtime.schema import patient_schema
from riskml.runtime.time_responses import Accelerated, Baseline, Curve, Incidence

if TYPE_CHECKING:
    from riskml.runtime.responses import Response

SHIPPED = ("non_response", "non_response_published", "icans", "efs", "efs_published", "induction_efs")
MOST_SECONDS, MOST_BYTES = 2, 3 << 30
# These stand in JSON as they are: no Python value is written so.
BARE = ("1e309", "-1e309", "NaN", "Infinity", "1" * 5_000, "0" * 3 + "1", "[" * 50_000, '{"a":' * 50_000, "")
JUNK: list[Any] = [
    *(None, True, False, 0, -1, 1, 2, 0.5, -0.0, 3.5, 1e308, -1e308, 5e-324, 10**400, "", "\ud800", "\0", "x" * 9_999),
    *([], {}, [[]], [{}], [None], [True], {"a": 1}, [0.5] * 7, "present", "mrd", "age", "linear", "trees", "cox"),
    *(f"bare{k}" for k in range(len(BARE))),
]
Files = dict[str, bytes]


class TooSlowError(Exception):
    """A bundle took longer to refuse or to use than anybody would wait."""


def made() -> Iterator[tuple[str, Bundle]]:
    """Bundles with the predictors and responses that no shipped one has."""
    tree = Tree((0, 1, 0), (0.3, -1.0, 0.7), (1, -1, -3), (2, -2, -4), (0.1, 0.4, 0.6, 0.9))
    curves = Tree((0,), (0.3,), (-1,), (-2,), (0.9, 0.4, 0.7, 0.2))
    hazard = Baseline((0.0, 6.0, 36.0), (0.0, 0.1, 0.9))
    single: list[tuple[str, str, Any, Response]] = [
        ("non_response", "forest", Trees((0.0,), 0.5, (tree, tree)), PROBABILITY),
        ("non_response", "boosting", Trees((-1.0,), 0.3, (tree, tree)), Calibrated(LOGISTIC, 0.1, 0.9)),
        ("efs", "survival_forest", Trees((0.0, 0.0), 1.0, (curves,)), Curve((12.0, 36.0))),
        ("efs", "survival_boosting", Trees((0.0,), 1.0, (tree,)), hazard),
        ("efs", "weibull", None, Accelerated("weibull", 0.8, 36.0)),
        ("efs", "causes", None, Incidence((hazard, hazard))),
    ]
    for name, label, predictor, response in single:
        base = open_bundle(shipped(name))
        line = Linear(0.2, (0.1,) * len(base.model.features))
        member = Member(1.0, predictor or (Causes((line, line)) if response.outputs == 2 else line), response)
        model = base.model.with_(kind=response.outcome, members=(member,), bootstrap=((member,), (member,)))
        manifest = {**base.manifest, "kind": response.outcome}
        manifest = {key: part for key, part in manifest.items() if key not in {"files", "digest", "format"}}
        golden = [golden_entry(manifest, model, base.dictionary, entry["patient"]) for entry in base.golden]
        yield label, seal(manifest, model, golden, base.card, base.explanation)


def originals() -> dict[str, Files]:
    """The whole files of every bundle, by its name."""
    found = {name: read_files(shipped(name)) for name in SHIPPED}
    for name, bundle in made():
        with tempfile.TemporaryDirectory() as folder:
            found[name] = read_files(bundle.save(Path(folder) / "bundle"))
    return found


def read_files(folder: Path) -> Files:
    """Files of a bundle by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def resealed(files: Files, whole: Files) -> Files:
    """The files with digests that agree, as someone would make them who wants the bundle to be believed."""
    manifest = files[MANIFEST]
    for name in (*FILES, EXPLANATION):
        if name in files and name in whole:
            manifest = manifest.replace(digest_of(whole[name]).encode(), digest_of(files[name]).encode())
    old = json.loads(whole[MANIFEST])["digest"].removeprefix("sha256:").encode()
    blank = manifest.replace(old, NO_DIGEST.encode(), 1)
    return {**files, MANIFEST: blank.replace(NO_DIGEST.encode(), digest_of(blank).encode(), 1)}


# --- bytes ------------------------------------------------------------------------------------------------------------


def _flip(data: bytes, rng: random.Random, _: Files) -> bytes:
    place = rng.randrange(len(data))
    return data[:place] + bytes([data[place] ^ (1 << rng.randrange(8))]) + data[place + 1 :]


def _cut(data: bytes, rng: random.Random, _: Files) -> bytes:
    """At a token, in a number, behind a bracket, anywhere; also from the front."""
    marks = [
        place for mark in (b"{", b"}", b"[", b"]", b",", b":", b'"', b".", b"\n") if (place := data.find(mark)) > 0
    ]
    place = rng.choice([*marks, *(rng.randrange(len(data)) for _ in range(9)), 0, 1, len(data) - 1])
    return data[:place] if rng.random() < 0.8 else data[place:]


def _insert(data: bytes, rng: random.Random, _: Files) -> bytes:
    place = rng.randrange(len(data))
    kinds = (b"\0", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"9", b"-", b"e", b'"', b",", b"}", b"]", b"\\u0000")
    return data[:place] + rng.choice(kinds) + data[place:]


def _exchange(_: bytes, rng: random.Random, other: Files) -> bytes:
    return other[rng.choice(sorted(other))]


def _again(data: bytes, rng: random.Random, _: Files) -> bytes:
    start = rng.randrange(len(data))
    end = min(len(data), start + rng.randrange(1, 300))
    return data[:end] + data[start:end] + data[end:]


def _other_text(data: bytes, rng: random.Random, _: Files) -> bytes:
    text = data.decode()
    return rng.choice([data[:0], b"\xef\xbb\xbf" + data, text.encode("utf-16"), text.encode("utf-32"), data * 2])


BYTES: list[Callable[[bytes, random.Random, Files], bytes]] = [
    *(_flip, _flip, _cut, _insert, _exchange, _again, _other_text),
]


def spoiled_bytes(whole: Files, rng: random.Random, other: Files) -> tuple[str, Files]:
    """One file with other bytes; what was done, and all files."""
    name, change = rng.choice(sorted(whole)), rng.choice(BYTES)
    return f"{change.__name__} {name}", {**whole, name: change(whole[name], rng, other)}


# --- JSON -------------------------------------------------------------------------------------------------------------


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of a JSON value."""
    found, waiting = [], [value]
    while waiting:
        holder = waiting.pop()
        keys = holder if isinstance(holder, dict) else range(len(holder)) if isinstance(holder, list) else ()
        for key in keys:
            found.append((holder, key))
            waiting.append(holder[key])
    return found


def _at_random(content: Any, rng: random.Random) -> tuple[Any, Any]:
    """A place: top-level parts as often as the thousands of numbers inside them."""
    holder, keys = content, []
    for _ in range(rng.randint(1, 9)):
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        key = rng.choice(keys)
        if not isinstance(holder[key], dict | list) or not holder[key]:
            return holder, key
        before, holder = holder, holder[key]
    return before, key


def _junk(holder: Any, key: Any, rng: random.Random) -> None:
    holder[key] = copy.deepcopy(rng.choice(JUNK))


def _remove(holder: Any, key: Any, _: random.Random) -> None:
    del holder[key]


def _add(holder: Any, key: Any, rng: random.Random) -> None:
    junk = copy.deepcopy(rng.choice([holder[key], *JUNK]))
    if isinstance(holder, list):
        holder.insert(rng.randrange(len(holder) + 1), junk)
    else:
        holder[rng.choice(["extra", "like", "digest", "kind", f"{key} "])] = junk


def _number(holder: Any, key: Any, rng: random.Random) -> None:
    old = holder[key]
    if isinstance(old, int | float):
        holder[key] = rng.choice([-old, old * 1e9, old * 1e300, old + 1, old / 3, str(old), [old], bool(old), int(old)])
    else:
        _junk(holder, key, rng)


def _swap(holder: Any, key: Any, rng: random.Random) -> None:
    other = rng.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
    holder[key], holder[other] = holder[other], holder[key]


def _tree(holder: Any, key: Any, rng: random.Random) -> None:  # noqa: ARG001 - of one kind with the others
    """A tree's own faults: loops, ways back, shared and missing children, indices out of range or of another type."""
    size = len(holder["feature"])
    name = rng.choice(["left", "right", "left", "right", "feature", "threshold", "leaf"])
    place = rng.randrange(len(holder[name])) if holder[name] else None
    if place is None:
        holder["left"], holder["right"] = [0], [0]
        return
    children = [
        place,
        0,
        place - 1,
        size,
        -size - 2,
        10**9,
        -(10**9),
        10**400,
        1.0,
        True,
        None,
        "0",
        ~size,
        -1,
        size - 1,
    ]
    holder[name][place] = rng.choice(children)


def _chain(holder: Any, key: Any, rng: random.Random) -> None:  # noqa: ARG001 - likewise
    """A sound tree, of one branch, thousands of nodes deep."""
    depth = 3_000
    width = len(holder["leaf"]) // (len(holder["feature"]) + 1)
    holder["feature"], holder["threshold"] = [0] * depth, [float(-k) for k in range(depth)]
    holder["left"] = [*range(1, depth), ~depth]
    holder["right"] = [~k for k in range(depth)]
    holder["leaf"] = [0.5] * (width * (depth + 1))


CHANGES: list[Callable[[Any, Any, random.Random], None]] = [_junk, _junk, _remove, _add, _number, _number, _swap]


def spoiled_json(whole: Files, rng: random.Random) -> tuple[str, Files]:
    """One to three places of a JSON file changed."""
    name = rng.choice(["model.json", "model.json", "golden.json", MANIFEST, MANIFEST, EXPLANATION])
    content, done = json.loads(whole[name]), [name]
    trees = [holder for holder, key in places(content) if key == "left"] if name == "model.json" else []
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        change = rng.choice(CHANGES)
        with contextlib.suppress(LookupError, TypeError, OverflowError, ValueError):  # an earlier change emptied it
            if trees and rng.random() < 0.5:
                (_tree if rng.random() < 0.95 else _chain)(rng.choice(trees), "left", rng)
                done.append("tree")
                continue
            holder, key = _at_random(content, rng)
            change(holder, key, rng)
            done.append(f"{change.__name__} {key!s:.40}")
    text = json.dumps(content)
    for k, bare in enumerate(BARE):
        text = text.replace(f'"bare{k}"', bare)
    if rng.random() < 0.05:  # a key that stands twice: which of the two is believed?
        place = rng.choice([k for k, mark in enumerate(text[:100_000]) if mark == "{"])
        key = rng.choice(["kind", "weights", "members", "format", "digest", "files", "value", "times", "intercept"])
        text = f'{text[: place + 1]}"{key}": {json.dumps(rng.choice(JUNK[:20]))}, {text[place + 1 :]}'.replace(
            ", }", "}"
        )
        done.append(f"twice {key}")
    return " ".join(done), {**whole, name: text.encode(errors="surrogatepass")}


# --- archives ---------------------------------------------------------------------------------------------------------


def archive(files: Mapping[str, bytes], *, method: int = zipfile.ZIP_DEFLATED, prefix: str = "") -> bytes:
    """A .zip of a bundle."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as held:
        for name, data in files.items():
            held.writestr(prefix + name, data)
    return out.getvalue()


def _renamed(whole: Files, rng: random.Random, _: Files) -> bytes:
    return archive(whole, prefix=rng.choice(["../", "/", "C:\\", "a/../../", "./", "bundle/bundle/", "\u00e9/", "//"]))


def _method(whole: Files, rng: random.Random, _: Files) -> bytes:
    return archive(whole, method=rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]))


def _shuffled(whole: Files, rng: random.Random, _: Files) -> bytes:
    return archive({name: whole[name] for name in rng.sample(sorted(whole), len(whole))})


def _twice(whole: Files, rng: random.Random, other: Files) -> bytes:
    """Two different files of one name: which of them is believed."""
    name, out = rng.choice(sorted(whole)), io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as held, warnings.catch_warnings(action="ignore"):
        for data in rng.sample([whole[name], other.get(name, b"")], 2):
            held.writestr(name, data)
        for rest in sorted({*whole} - {name}):
            held.writestr(rest, whole[rest])
    return out.getvalue()


def _many(whole: Files, _: random.Random, __: Files) -> bytes:
    return archive({**{f"x{k}/{MANIFEST}": b"" for k in range(2_000)}, **whole})


def _nested(whole: Files, _: random.Random, __: Files) -> bytes:
    return archive({**whole, "model.json": archive(whole)})


def _wrapped(whole: Files, rng: random.Random, _: Files) -> bytes:
    return bytes(rng.randrange(256) for _ in range(40)) + archive(whole) + b"PK\5\6" + bytes(18)


def _damaged(whole: Files, rng: random.Random, _: Files) -> bytes:
    """Up to eight other bytes anywhere, half of the time in the directory: names, sizes, methods, checksums."""
    data = bytearray(archive(whole, method=rng.choice([zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED, zipfile.ZIP_LZMA])))
    start = rng.choice([0, data.index(b"PK\1\2")])
    for _place in range(rng.choice([1, 1, 2, 8])):
        data[rng.randrange(start, len(data))] = rng.choice([0, 255, rng.randrange(256)])
    return bytes(data)


ARCHIVES: list[Callable[[Files, random.Random, Files], bytes]] = [
    *(_damaged, _damaged, _damaged, _renamed, _method, _shuffled, _twice, _many, _nested, _wrapped),
]


def spoiled_archive(whole: Files, rng: random.Random, other: Files) -> tuple[str, bytes]:
    """An archive that was damaged, or that lies."""
    change = rng.choice(ARCHIVES)
    return change.__name__, change(whole, rng, other)


def bombs() -> Iterator[tuple[str, bytes]]:
    """Small archives of very large files, one of which says that it is small."""
    zeros = archive({**read_files(shipped("icans")), "model.json": bytes(300_000_000)})
    yield "bomb", zeros
    sizes = (300_000_000).to_bytes(4, "little")
    yield "bomb that lies", zeros.replace(sizes, (1_000).to_bytes(4, "little"))


# --- verdicts ---------------------------------------------------------------------------------------------------------


def use(bundle: Bundle) -> None:
    """Ask an opened bundle what the doors ask of it; whatever it says must be finite."""
    bundle.explanation  # noqa: B018 - parsed when asked for
    patients: list[dict[str, Any]] = [dict(entry["patient"]) for entry in bundle.golden]
    patients.append(dict.fromkeys(bundle.dictionary.variables, "unknown"))
    for patient in patients:
        json.dumps(bundle.predict(patient).as_dict(), allow_nan=False)
    json.dumps(patient_schema(bundle), allow_nan=False)


def verdict(path: Path) -> str:
    """``refused``, ``in use`` (a part is refused when it is asked for), or ``a bundle``; any other end is an error."""
    try:
        bundle = open_bundle(path)
    except BundleError:
        return "refused"
    try:
        use(bundle)
    except RiskmlError:
        return "refused in use"
    return "a bundle"


@contextlib.contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Ends what takes more time of the processor with ``TooSlowError``; the rest of a busy machine does not count."""

    def end(*_: object) -> None:
        raise TooSlowError

    before = signal.signal(signal.SIGPROF, end)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def judged(content: Files | bytes, folder: Path, digest: str) -> str:
    """The verdict on files or an archive; ``digest`` is the one of which nothing may be different."""
    path = folder / "mutant"
    if isinstance(content, bytes):
        path = folder / "mutant.zip"
        path.write_bytes(content)
    else:
        path.mkdir(exist_ok=True)
        for name, data in content.items():
            (path / name).write_bytes(data)
    with at_most(MOST_SECONDS):
        found = verdict(path)
    if digest and found != "refused" and open_bundle(path).digest != digest:
        raise AssertionError("believed although its digests are wrong")
    return found


def mutants(number: int, rng: random.Random, wholes: Mapping[str, Files]) -> Iterator[tuple[str, Files | bytes, str]]:
    """So many mutants: what was done, the bundle, and its digest where the old one was kept."""
    names = sorted(wholes)
    for k in range(number):
        name = names[k % len(names)]
        whole, other = wholes[name], wholes[rng.choice(names)]
        digest = json.loads(whole[MANIFEST])["digest"]
        kind = k // len(names) % 5
        if kind == 0:
            label, data = spoiled_archive(whole, rng, other)
            yield f"{name}: archive, {label}", data, digest
            continue
        label, files = spoiled_bytes(whole, rng, other) if kind < 3 else spoiled_json(whole, rng)
        if kind == 1:
            yield f"{name}: {label}", files, digest
        else:
            yield f"{name}: {label}, resealed", resealed(files, whole), ""


def main() -> int:
    """Print what became of them all."""
    import resource  # noqa: PLC0415 - POSIX alone has it, and the tests do without

    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    number = 2_000 if "--quick" in sys.argv else 20_000
    counts: Counter[str] = Counter()
    slowest, failed = (0.0, ""), 0
    wholes = originals()
    icans = json.loads(wholes["icans"][MANIFEST])["digest"]
    extra = [(label, data, icans) for label, data in bombs()]
    with tempfile.TemporaryDirectory() as home:
        for label, content, digest in itertools.chain(extra, mutants(number, random.Random(20261122), wholes)):
            start = time.process_time()
            try:
                counts[judged(content, Path(home), digest)] += 1
            except Exception:  # noqa: BLE001 - that is what is looked for
                failed += 1
                print(label, "\n", traceback.format_exc(limit=-3))
            slowest = max(slowest, (time.process_time() - start, label))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{number + len(extra):,} mutants: {dict(counts.most_common())}, {failed} failed; peak {peak:,} MB")
    print(f"slowest {slowest[0]:.2f} s: {slowest[1]}")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
