"""The terminal's table: every row, exact counts, nothing cut on a narrow terminal, plain text in a pipe."""

import io
import re
import subprocess
import sys
from pathlib import Path

import pytest

from reports import terminal
from tests.reports.runs import small_run


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_plain_table_holds_every_row_and_the_totals() -> None:
    run = small_run()
    lines = terminal.text(run, Path("out/report.html")).splitlines()
    rules = [i for i, line in enumerate(lines) if line and not line.strip("- ")]
    body = lines[rules[0] + 1 : rules[1]]
    named = [row for row in run["named_rows"] if row["cycles"] or row["energy_uj"]]
    assert [line.split("  ")[0] for line in body] == [row["name"] for row in [*run["operators"], *named]]
    for line, row in zip(body, [*run["operators"], *named], strict=True):
        assert f"{row['cycles']:,}" in line.split()
        if "macs" in row:
            assert f"{row['macs']:,}" in line.split() and f"{row['bytes']:,}" in line.split()
    total = lines[rules[1] + 1].split()
    assert total[0] == "total" and f"{run['cycles']:,}" in total and f"{run['macs']:,}" in total
    assert f"{run['traffic_bytes']:,}" in total
    assert len({len(line) for line in (lines[rules[0]], lines[rules[1]])}) == 1


def test_the_summary_shows_warm_beside_cold_metrics_notes_and_the_report() -> None:
    run = small_run()
    text = terminal.text(run, Path("out/report.html"))
    warm, cold = re.search(r"^warm .*$", text, re.M), re.search(r"^cold .*$", text, re.M)
    assert warm and cold
    assert f"({run['warm']['cycles']:,} cycles)" in warm.group()
    assert f"({run['cold']['cycles']:,} cycles)" in cold.group() and "from flash" in cold.group()
    assert "accuracy 0.9688, accuracy_float 0.9844, samples 64" in text
    assert f"note   {run['metrics']['notes'][0]}" in text
    assert text.endswith("report out/report.html\n")


def test_a_pipe_gets_no_escape_codes_and_a_terminal_does() -> None:
    run, pipe, screen = small_run(), io.StringIO(), Terminal()
    terminal.show(run, None, pipe)
    terminal.show(run, None, screen)
    assert "\x1b" not in pipe.getvalue() and pipe.getvalue() == terminal.text(run)
    assert "report" not in pipe.getvalue().splitlines()[-1]


def test_a_narrow_terminal_drops_columns_instead_of_cutting_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("TERM", "xterm")
    run, screen = small_run(), Terminal()
    terminal.show(run, None, screen)
    shown = re.sub(r"\x1b\[[0-9;]*m", "", screen.getvalue())
    assert "…" not in shown and "bus bytes" not in shown
    assert f"{run['macs']:,}" in shown and f"{run['cycles']:,}" in shown
    table = shown.split("\n\n")[1].splitlines()
    assert max(len(line) for line in table) <= 60


def test_a_cpu_alone_has_no_array_to_use() -> None:
    text = terminal.text(small_run("cortex-m7", cold=False))
    assert "\nrun " in text and "warm" not in text and "array use 0" not in text


def test_a_long_network_shows_the_slowest_and_the_rest_as_one_row() -> None:
    run = dict(small_run())
    copies = [dict(item, name=f"{item['name']}.{i}") for i in range(20) for item in run["operators"]]
    run["operators"] = copies
    rows = terminal.rows(run)
    rest = [row for row in rows if row[0].endswith("faster operators")]
    assert len(rest) == 1 and rest[0][0] == f"{len(copies) - 60} faster operators"
    cycles = sum(int(row[4].replace(",", "")) for row in rows)
    assert cycles == sum(item["cycles"] for item in copies) + sum(row["cycles"] for row in run["named_rows"])


def test_the_table_needs_no_drawing_library() -> None:
    code = (
        "import sys; from reports import terminal; print([n for n in ('plotly', 'pandas', 'rich') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_lost_cycles_are_named_and_add_up() -> None:
    run = small_run()
    (line,) = re.findall(r"^lost .*$", terminal.text(run), re.M)
    whole, *parts = (int(text.replace(",", "")) for text in re.findall(r"\d[\d,]*\d|\d", line))
    assert whole == sum(parts) == run["cycles"] - run["bound_cycles"]
    largest = max(run["losses"], key=lambda item: item["cycles"])
    assert f": {largest['name']} {largest['cycles']:,}, " in line
    assert "lost " not in terminal.text(small_run("cortex-m7", cold=False))
