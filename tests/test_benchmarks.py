"""What README quotes as measured is in the table that the benchmarks write, and every benchmark is in the list."""

from __future__ import annotations

import importlib.util
import re

import pytest

from benchmarks import __main__ as runner
from benchmarks.row import Row
from tests.repository import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
# A number measured is a link to the benchmark's rows: [12 ms](benchmarks/RESULTS.md#predict_startup).
CLAIM = re.compile(r"\[([^\]]*\d[^\]]*)\]\(benchmarks/RESULTS\.md#(\w+)\)")
MEASURED = re.compile(r"\d[\d.,]* ?(?:ms|s|seconds|minutes|min|microseconds|MiB|GiB|times)(?!\w)")
ROWS = [
    Row("growth", "a fit of 1,000 rows", 0.0123, None, "s"),
    Row("read_speed", "ours; theirs", 2.0, 5.0, "s"),
    Row("read_speed", "ours; theirs", 1234.5, 99.96, "MiB"),
]


def table():
    """Cells of RESULTS.md by benchmark; nothing where no full run has written it."""
    found = {}
    if runner.RESULTS.is_file():
        for line in runner.RESULTS.read_text(encoding="utf-8").splitlines():
            if line.startswith("| ") and "`python -m" in line:
                cells = [re.sub("<.*?>", "", cell).strip() for cell in line.strip("| ").split(" | ")]
                found.setdefault(cells[0], []).append(cells)
    return found


def numbers(text):
    return set(re.findall(r"\d[\d,]*\.?\d*", text))


def test_every_number_that_readme_quotes_as_measured_is_in_the_results():
    found = table()
    for text, name in CLAIM.findall(README):
        assert name in found, f"README quotes {name}, which RESULTS.md does not have: python -m benchmarks writes it"
        there = set().union(*(numbers(" ".join(cells[1:6])) for cells in found[name]))
        assert numbers(text) <= there, f"{text!r} is not among the numbers of {name}: {sorted(numbers(text) - there)}"


def test_readme_measures_nothing_without_saying_where():
    prose = re.sub(r"^```.*?^```", "", README, flags=re.DOTALL | re.MULTILINE)
    prose = re.sub(r"`[^`]*`", "", CLAIM.sub("", prose))
    assert MEASURED.findall(prose) == [], "link each to its benchmark: [12 ms](benchmarks/RESULTS.md#predict_startup)"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("it takes 12 ms.", 1),
        ("under 1.5 GiB", 1),
        ("3 times as long", 1),
        ("24 months", 0),
        ("2 models", 0),
        ("5 mg", 0),
    ],
)
def test_what_is_taken_for_a_measurement(text, found):
    assert len(MEASURED.findall(text)) == found


def test_every_file_is_side_by_side_or_a_study_or_a_part_of_one():
    here = {path.stem for path in (ROOT / "benchmarks").glob("*.py")} - {"__init__", "__main__"}
    lists = [set(runner.SIDE_BY_SIDE), set(runner.STUDIES), set(runner.PARTS)]
    assert set().union(*lists) == here
    assert sum(map(len, lists)) == len(here), "each is in one list"
    assert set(runner.FIGURES) <= set(runner.SIDE_BY_SIDE)


@pytest.mark.parametrize("name", list(runner.SIDE_BY_SIDE))
def test_each_has_the_one_function_that_gives_rows(name):
    source = importlib.util.find_spec(f"benchmarks.{name}")
    assert source is not None
    text = (ROOT / "benchmarks" / f"{name}.py").read_text(encoding="utf-8")
    assert "\ndef rows(*, quick: bool = False) -> list[Row]:\n" in text


# -------------------------------------------------------------------------------------------------------- the runner


def test_the_page_has_ratios_machine_versions_and_no_name_of_this_machine():
    import platform

    text = runner.page(ROWS, {"cluster": "ended with exit code 1"}, quick=True, load=0.5, minutes=3.4)
    assert '| <a id="read_speed"></a>read_speed | ours; theirs | 2.00 | 5.00 | s | 2.50 | ' in text
    assert "| read_speed | ours; theirs | 1,234 | 100 | MiB | 0.0810 | `python -m benchmarks.read_speed` |" in text
    assert "| 0.0123 |  | s |  |" in text
    assert "**cluster did not finish**: ended with exit code 1" in text
    assert f"Python {platform.python_version()}" in text
    assert f"{runner.os.cpu_count()} cores" in text
    assert platform.node() not in text
    assert str(ROOT) not in text
    assert "growth.svg" not in text, "a quick run draws nothing"
    assert "(growth.svg)" in runner.page(ROWS, {}, quick=False, load=0.5, minutes=3.4)


@pytest.mark.parametrize(
    ("value", "shown"), [(None, ""), (0.00123456, "0.00123"), (9.996, "10.0"), (12.34, "12.3"), (123456.7, "123,457")]
)
def test_numbers_have_three_digits(value, shown):
    assert runner.number(value) == shown


def test_one_that_fails_is_named_and_the_others_go_on(monkeypatch, tmp_path, capsys):
    def fails_first(name, *, quick):
        if name == "growth":
            raise RuntimeError("not finished after 1 s")
        return [row for row in ROWS if row.name == name]

    monkeypatch.setattr(runner, "run", fails_first)
    out = tmp_path / "results.md"
    assert runner.main(["--quick", "--only", "growth", "read_speed", "--out", str(out)]) == 1
    assert capsys.readouterr().out == f"{out}\n"
    text = out.read_text(encoding="utf-8")
    assert "**growth did not finish**: not finished after 1 s" in text
    assert "| read_speed |" in text
    assert runner.main(["--only", "read_speed"]) == 0
    assert "| read_speed |" in capsys.readouterr().out


def test_rows_come_out_of_a_process_with_what_it_prints(monkeypatch, capfd):
    """A real one: the quick table of many inputs takes a second."""
    (first, *_) = found = runner.run("many_inputs", quick=True)
    assert {row.name for row in found} == {"many_inputs"}
    assert 0.1 < first.ours < 1000
    assert first.theirs is not None
    assert "probability" in capfd.readouterr().err
    monkeypatch.setattr(runner, "_LIMIT_SECONDS", {True: 0.01})
    with pytest.raises(RuntimeError, match=r"not finished after 0\.01 s"):
        runner.run("many_inputs", quick=True)


def test_the_list_names_all_and_their_commands(capsys):
    assert runner.main(["--list"]) == 0
    text = capsys.readouterr().out
    for name in (*runner.SIDE_BY_SIDE, *runner.STUDIES):
        assert f"python -m benchmarks.{name} " in text
