"""A stream in the reports: every number is the JSON's, break-even is the fitted line's, no stream has no section."""

import json
import math
from typing import Any

import plotly.graph_objects as go
import pytest

from reports import figures, html, streams, summary, terminal, training
from tests.reports.runs import small_run
from tests.reports.streams import COMPUTED, DENSE, FIXED, stream_run
from tests.reports.test_html import Page

FIGURES = ["stream-over-time", "stream-parts", "stream-break-even", "stream-memory"]


@pytest.fixture(scope="module")
def run() -> dict[str, Any]:
    return stream_run()


@pytest.fixture(scope="module")
def page(run: dict[str, Any]) -> Page:
    return Page(html.page(run))


@pytest.fixture(scope="module")
def drawn(page: Page) -> dict[str, Any]:
    return {figure["id"]: figure for figure in json.loads(page.scripts["figures"])}


def cells(page: Page, table: str) -> dict[str, list[list[str]]]:
    """Rows of a table by the text of their first cell."""
    return {row[0][0]: row[1:] for row in page.tables[table][1:]}


def marks(figure: dict[str, Any], axis: str | None = None) -> dict[float, tuple[float, str]]:
    """By x, the y and the kind of every marked frame on an axis."""
    return {
        x: (y, trace["name"])
        for trace in figure["data"]
        if trace["mode"] == "markers" and trace.get("yaxis") == axis
        for x, y in zip(trace["x"], trace["y"], strict=True)
    }


def test_the_stream_stands_before_the_rest_and_has_all_its_figures(page: Page, drawn: dict[str, Any]) -> None:
    assert list(drawn)[:4] == FIGURES and set(FIGURES) <= set(page.ids)
    assert page.ids.index("notes") < page.ids.index("clip-section") < page.ids.index("latency")
    assert len(set(page.ids)) == len(page.ids)
    for name in FIGURES:
        made = go.Figure({"data": drawn[name]["data"], "layout": drawn[name]["layout"]})  # raises on what is unknown
        titles = [made.layout.xaxis.title.text, made.layout.yaxis.title.text]
        assert any(title and ("%" in title or "KiB" in title) for title in titles)


def test_no_stream_no_section() -> None:
    found = Page(html.page(small_run()))
    assert not {"clip", "clip-section", *FIGURES} & set(found.ids)
    assert "stream " not in terminal.text(small_run()) and "Frame" not in found.text


@pytest.mark.parametrize("left", [None, {}])
def test_a_run_with_a_clips_numbers_but_no_series_has_a_page_of_plain_metrics(left: Any, run: dict[str, Any]) -> None:
    bare = run | {"metrics": run["metrics"] | {"stream": left}}
    found = Page(html.page(bare))
    assert "clip" not in found.ids and found.tiles["metrics.macs_dense"]["data-value"] == repr(
        run["metrics"]["macs_dense"]
    )
    assert "skip_ratio 0.5875" in terminal.text(bare)


def test_a_streams_frame_is_no_training_step(run: dict[str, Any], page: Page) -> None:
    assert not training.is_step(run) and "step" not in page.ids


def test_frames_over_time_are_the_series(run: dict[str, Any], drawn: dict[str, Any]) -> None:
    series = run["metrics"]["stream"]["series"]
    kinds = ["computed whole" if whole else "patches skipped" for whole in series["whole"]]
    for axis, name, unit in (("y", "skip_ratio", 100), ("y2", "latency_ms", 1), ("y3", "error", 100)):
        found = marks(drawn["stream-over-time"], axis)
        assert [found[x][1] for x in series["index"]] == kinds
        assert [found[x][0] for x in series["index"]] == pytest.approx([unit * value for value in series[name]])
    levels = {trace["name"]: trace["y"] for trace in drawn["stream-over-time"]["data"] if trace.get("name")}
    assert levels["dense network 50 µs"] == [0.05, 0.05]
    assert levels["deadline 52.63 µs"] == pytest.approx([1e3 / 19_000] * 2)
    hover = [t for trace in drawn["stream-over-time"]["data"] for t in trace.get("customdata", []) if "Frame 9<" in t]
    assert len(hover) == 3 and all("7 µJ: 0.636 × dense" in text and "60.0 % skipped" in text for text in hover)


def test_a_deadline_far_above_all_latencies_is_told_instead_of_drawn(run: dict[str, Any]) -> None:
    slow = run | {"metrics": run["metrics"] | {"fps": 100, "deadline_misses": 0}}
    figure = figures.stream_over_time(slow)
    assert not any("deadline" in (trace.get("name") or "") for trace in figure.data)
    assert "not drawn, 182 times the slowest" in figure.reading and "every frame is done in time" in figure.reading


def test_break_even_is_where_the_line_of_the_frames_that_skip_meets_dense(
    run: dict[str, Any], drawn: dict[str, Any]
) -> None:
    """Frames that skip cost FIXED and 1.25 DENSE for all the work; whole frames lie on another line and count not."""
    found = streams.break_even(run)
    assert found is not None and found.frames == 6
    assert (found.fixed_cycles, found.cycles, found.share) == pytest.approx((FIXED, 1.25 * DENSE, 0.64))
    assert found.extrapolated and (found.least, found.most) == pytest.approx((0.05, 0.4))
    reading = figures.stream_break_even(run).reading
    assert "meets the dense network at 64 % of the MACs" in reading and "compute 5 to 40 %" in reading
    figure = drawn["stream-break-even"]
    got = marks(figure)
    series = run["metrics"]["stream"]["series"]
    assert {round(x, 9): y for x, (y, _) in got.items()} == {
        round(100 * share, 9): cycles for share, cycles in zip(COMPUTED, series["cycles"], strict=True)
    }
    lines = {trace["name"]: trace for trace in figure["data"] if trace["mode"] == "lines"}
    assert lines["dense network"]["y"] == [DENSE, DENSE]
    assert lines["line through frames that skip"]["y"] == pytest.approx([FIXED, FIXED + 1.25 * DENSE])
    assert figure["layout"]["shapes"][0]["x0"] == pytest.approx(64)


@pytest.mark.parametrize("computed", [(1.0, 0.1, 0.3, 0.2, 0.4), (1.0, 0.1, 0.12, 0.14, 0.16, 0.19, 0.15)])
def test_few_frames_or_frames_alike_show_no_break_even(computed: tuple[float, ...]) -> None:
    run = stream_run(computed)
    assert streams.break_even(run) is None
    figure = figures.stream_break_even(run)
    assert "shows no break-even: that takes at least 5 frames that skip, whose work differs by more than 10 %" in (
        figure.reading
    )
    assert f"here {len(computed) - 1} of its frames skip" in figure.reading
    assert "shapes" not in figure.layout or not figure.layout["shapes"]
    assert [trace["name"] for trace in figure.data if trace["mode"] == "lines"] == ["dense network"]


def test_a_clip_without_a_skipped_patch_has_a_page() -> None:
    run = stream_run((1.0, 1.0, 1.0))
    assert streams.break_even(run) is None
    assert "here 0 of its frames skip" in Page(html.page(run)).text


@pytest.mark.parametrize(("dense", "text"), [(1500, "skipping never pays"), (20_000, "pays however much is computed")])
def test_where_the_line_meets_dense_outside_of_a_frame_is_said(dense: int, text: str, run: dict[str, Any]) -> None:
    figure = figures.stream_break_even(run | {"metrics": run["metrics"] | {"cycles_dense": dense}})
    assert text in figure.reading
    assert not [shape for shape in figure.layout["shapes"] if shape["x0"] < 0 or shape["x0"] > 150]


def test_the_shown_frame_is_split_without_rest(run: dict[str, Any], drawn: dict[str, Any]) -> None:
    data = drawn["stream-parts"]["data"]
    assert [trace["name"] for trace in data] == ["look", "gate", "layers", "outside operators"]
    assert [math.fsum(trace["x"][row] for trace in data) for row in (0, 1)] == pytest.approx([100, 100])
    for row, key, whole in ((0, "cycles", run["cycles"]), (1, "energy_uj", run["energy_uj"])):
        wanted = {phase["name"]: 100 * phase[key] / whole for phase in run["phases"]}
        assert {trace["name"]: trace["x"][row] for trace in data[:3]} == pytest.approx(wanted)
    assert drawn["stream-parts"]["layout"]["yaxis"]["ticktext"] == ["Cycles, 74.4 % of dense", "Energy, 7.0 % of dense"]
    assert "computes 25.0 % of a dense frame's MACs" in figures.stream_parts(run).reading


def test_savings_are_dense_beside_the_mean_frame(run: dict[str, Any], page: Page) -> None:
    metrics, rows = run["metrics"], cells(page, "stream-savings")
    count = metrics["frames"]
    wanted = {
        "MACs": (metrics["macs_dense"] / count, metrics["macs_computed"] / count),
        "Cycles": (metrics["cycles_dense"], metrics["cycles_mean"]),
        "Energy": (metrics["energy_dense_uj"], metrics["energy_mean_uj"]),
    }
    for name, (dense, mean) in wanted.items():
        values = [float(cell[1]) for cell in rows[name]]
        assert values == pytest.approx([dense, mean, 1 - mean / dense, dense / mean])
    text = "2 of 8 frames computed whole, the others take 23.54 µs and 4.708 µJ on average; 2 later than 52.63 µs"
    assert text in page.text


def test_quality_stands_beside_dense(run: dict[str, Any], page: Page) -> None:
    rows = cells(page, "stream-quality")
    assert [rows[name][0][1] for name in ("Error of the last map", "Agreement")] == [
        repr(run["metrics"]["error"]),
        "0.875",
    ]
    assert [cell[0] for cell in rows["Objects seen or not"][:2]] == ["75.0 %", "62.5 %"]
    assert [cell[0] for cell in rows["Number of objects"][:2]] == ["50.0 %", "37.5 %"]
    assert rows["Codes different"][0][0] == "none" and "the worst frame, 21, has 8.00 %" in page.text
    unlabelled = {k: v for k, v in run["metrics"].items() if not k.endswith(("presence", "count"))}
    other = cells(Page(html.page(run | {"metrics": unlabelled | {"codes_different": 12345}})), "stream-quality")
    assert list(other) == ["Error of the last map", "Agreement", "Codes different"]
    assert other["Codes different"][0] == ["12,345", "12345"]


def test_the_memory_bar_is_the_sram(run: dict[str, Any], drawn: dict[str, Any]) -> None:
    parts = {trace["name"]: trace["x"][0] * 1024 for trace in drawn["stream-memory"]["data"]}
    assert (parts["maps"], parts["references"]) == (3000, 500)
    assert sum(parts.values()) - parts["free"] == run["sram_peak_bytes"]
    assert sum(parts.values()) == run["hardware"]["sram"]["size_bytes"]


def test_tiles_are_of_all_frames_first(run: dict[str, Any], page: Page) -> None:
    shown = {item.key: item for item in summary.tiles(run)}
    keys = list(shown)
    assert keys.index("metrics.latency_max_ms") < keys.index("latency_ms")
    for key in ("skip_ratio", "latency_mean_ms", "latency_max_ms", "energy_mean_uj", "error", "agreement"):
        assert page.tiles[f"metrics.{key}"]["data-value"] == repr(run["metrics"][key])
    assert shown["metrics.latency_max_ms"].note == "2 of 8 frames later than 52.63 µs"
    assert shown["latency_ms"].note.startswith("frame 6 alone")


def test_pictures_are_embedded_once_and_every_one_has_its_numbers(run: dict[str, Any], page: Page) -> None:
    text = html.page(run)
    pictures = run["metrics"]["stream"]["pictures"]["items"]
    assert [text.count(item["png"]) for item in pictures] == [1] * len(pictures)
    assert "scenes <1>" in page.text and "scenes <1>" not in text
    assert 'data-rows="[[[&quot;Computed&quot;, &quot;whole, not compared&quot;]' in text


def test_a_terminal_tells_a_stream_in_two_lines(run: dict[str, Any]) -> None:
    lines = terminal.text(run).splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("stream "))
    assert lines[at] == (
        "stream scenes <1>, 8 frames: 58.8 % of the MACs skipped; a frame takes 31.41 µs on average, 55 µs at worst,"
        " dense 50 µs; 6.281 µJ on average, dense 11 µJ"
    )
    assert lines[at + 1].split("; ") == [
        "       2 frames miss the deadline of 52.63 µs",
        "error 3.75 %, the dense network's answer in 87.5 % of frames",
        "codes different from PyTorch: 0",
    ]
    assert not any(line.startswith("values") for line in lines) and "note   one <note>" in lines
