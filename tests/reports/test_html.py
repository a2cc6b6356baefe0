"""The page: self-contained, deterministic, its figures there and every number in them equal to the run's JSON."""

import json
import math
import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import plotly.graph_objects as go
import pytest

from reports import figures, html, perfetto, summary
from reports.derived import utilization
from tests.reports.runs import small_run

FIGURES = [
    "latency-by-operator",
    "latency-by-phase",
    "engines",
    "losses",
    "energy-by-operator",
    "energy-by-component",
    "area",
    "roofline",
    "memory-sram",
    "memory-scratchpad",
]


class Page(HTMLParser):
    """Ids, scripts by id, tables by id as rows of (text, data-v), tiles by key, and everything a page could fetch."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.ids: list[str] = []
        self.fetched: list[str] = []
        self.scripts: dict[str, str] = {}
        self.tables: dict[str, list[list[list[str]]]] = {}
        self.tiles: dict[str, dict[str, str]] = {}
        self.text = ""
        self._script: str | None = None
        self._table, self._in_cell = "", False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if "id" in given:
            self.ids.append(given["id"])
        self.fetched += [given[name] for name in ("src", "srcset", "data", "action") if name in given]
        if tag == "link":
            self.fetched.append(given["href"])
        if tag == "script":
            self._script = given.get("id", "")
        if tag == "table":
            self._table = given["id"]
            self.tables[self._table] = []
        if tag == "tr" and self._table:
            self.tables[self._table].append([])
        if tag in ("td", "th") and self._table:
            self.tables[self._table][-1].append(["", given.get("data-v", "")])
            self._in_cell = True
        if "data-key" in given:
            self.tiles[given["data-key"]] = given

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._script = None
        if tag == "table":
            self._table = ""
        if tag in ("td", "th"):
            self._in_cell = False

    def handle_data(self, data: str) -> None:
        if self._script is not None:
            if self._script:
                self.scripts[self._script] = self.scripts.get(self._script, "") + data
            return
        self.text += data
        if self._table and self.tables[self._table] and self.tables[self._table][-1] and self._in_cell:
            self.tables[self._table][-1][-1][0] += data


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(html.page(small_run()))


@pytest.fixture(scope="module")
def drawn(page: Page) -> dict[str, Any]:
    return {figure["id"]: figure for figure in json.loads(page.scripts["figures"])}


def points(figure: dict[str, Any], key: str, traces: str = "bar") -> dict[float, float]:
    """Sum of ``key`` by row, over the traces of one type."""
    found: dict[float, float] = {}
    for trace in figure["data"]:
        if trace["type"] == traces:
            for y, value in zip(trace["y"], trace[key], strict=True):
                found[y] = found.get(y, 0) + value
    return found


def test_the_run_is_embedded_whole_and_cannot_end_its_script(page: Page) -> None:
    assert json.loads(page.scripts["run"]) == small_run()
    assert "<" not in page.scripts["run"] + page.scripts["figures"]


def test_nothing_is_fetched_and_nothing_is_large(page: Page) -> None:
    text = html.page(small_run())
    assert page.fetched == ["data:,"]
    own = text.replace(re.search(r"<script>(/\*\*\s*\* plotly.*?)</script>", text, re.S).group(1), "")  # type: ignore[union-attr]
    assert not re.findall(
        r"https?://|@import|url\(", re.sub(r'<script type="application/json".*?</script>', "", own, flags=re.S)
    )
    assert "default-src 'none'" in text and "unsafe-eval" not in text
    assert len(text.encode()) < 7e6
    assert text.count("plotly.js v") == 1


def test_the_same_run_gives_the_same_bytes() -> None:
    assert html.page(small_run()) == html.page(small_run())


def test_ids_are_unique_and_every_figure_has_its_place(page: Page, drawn: dict[str, Any]) -> None:
    assert len(set(page.ids)) == len(page.ids)
    assert list(drawn) == FIGURES and set(FIGURES) <= set(page.ids)
    assert "timeline" in page.ids


def test_every_figure_is_valid_plotly_with_units_on_its_axes(drawn: dict[str, Any]) -> None:
    for figure in drawn.values():
        made = go.Figure({"data": figure["data"], "layout": figure["layout"]})  # raises on an unknown property
        titles = [made.layout.xaxis.title.text, made.layout.yaxis.title.text]
        assert any(title and re.search(r"Cycles|\(µJ\)|\(KiB\)|\(mm²\)|MACs per", title) for title in titles)


def test_every_figure_says_how_to_read_it(page: Page) -> None:
    run = small_run()
    for figure in (figures.latency_by_operator(run), figures.roofline(run), *figures.memories(run)):
        assert figure.reading in page.text and figure.title in page.text


def test_latency_shows_every_row_and_the_sum_is_the_runs(drawn: dict[str, Any]) -> None:
    run, cycles = small_run(), points(drawn["latency-by-operator"], "x")
    named = [row for row in run["named_rows"] if row["cycles"]]
    assert [cycles[i] for i in range(len(cycles))] == [row["cycles"] for row in [*run["operators"], *named]]
    assert sum(cycles.values()) == run["cycles"]
    assert sum(points(drawn["latency-by-phase"], "x").values()) == run["cycles"]
    by_phase = points(drawn["latency-by-phase"], "x")
    assert [by_phase[i] for i in range(len(run["phases"]))] == [phase["cycles"] for phase in run["phases"]]


def test_engines_fill_the_run(drawn: dict[str, Any]) -> None:
    run = small_run()
    working, waiting, rest = drawn["engines"]["data"]
    assert working["x"][:4] == [run["engines"][name]["busy"] for name in ("load", "matrix", "vector", "store")]
    assert waiting["x"][:4] == [run["engines"][name]["stalled"] for name in ("load", "matrix", "vector", "store")]
    assert all(sum(parts) == run["cycles"] for parts in zip(working["x"], waiting["x"], rest["x"], strict=True))
    assert min(rest["x"]) >= 0


def test_energy_by_operator_and_by_component_are_the_runs(drawn: dict[str, Any]) -> None:
    run = small_run()
    rows = points(drawn["energy-by-operator"], "x")
    named = [row for row in run["named_rows"] if row["energy_uj"]]
    for i, row in enumerate([*run["operators"], *named]):
        assert rows[i] == pytest.approx(row["energy_uj"], rel=1e-12)
    (bars,) = drawn["energy-by-component"]["data"]
    spent = {name: value for name, value in run["energy_by_component_uj"].items() if value}
    assert dict(zip((name for name, _ in bars["customdata"]), bars["x"], strict=True)) == spent
    assert bars["x"] == sorted(bars["x"], reverse=True)
    assert math.fsum(bars["x"]) == pytest.approx(run["energy_uj"], rel=1e-9)


def test_area_is_the_runs(drawn: dict[str, Any]) -> None:
    (bars,) = drawn["area"]["data"]
    assert dict(zip(bars["customdata"], bars["x"], strict=True)) == small_run()["area_mm2"]


def test_the_roofline_holds_every_operator_with_macs_and_traffic_under_the_arrays_peak(drawn: dict[str, Any]) -> None:
    run = small_run()
    shown = {o["name"]: o for o in run["operators"] if o["macs"] and o["bytes"] and o["placement"] == "accelerator"}
    dots = [trace for trace in drawn["roofline"]["data"] if trace["mode"] == "markers+text"]
    found = {given[0]: (x, y) for t in dots for x, y, given in zip(t["x"], t["y"], t["customdata"], strict=True)}
    assert found == {name: (o["macs"] / o["bytes"], o["macs"] / o["cycles"]) for name, o in shown.items()}
    assert max(y for _, y in found.values()) <= 256
    bus, flash = drawn["roofline"]["data"][:2]
    assert bus["y"][1:] == [256, 256] and bus["x"][1] == 256 / 8
    assert flash["x"][1] == pytest.approx(256 / (52 / 200))  # edge16: 52 MB/s at 200 MHz


def test_memory_shows_every_tensor_at_its_place(drawn: dict[str, Any]) -> None:
    run = small_run()
    for memory in run["memory"]:
        if memory["space"] == "flash":
            continue
        figure = drawn[f"memory-{memory['space']}"]
        blocks = [
            (given[0], given[1], given[2], base * 1024, y * 1024, x - width / 2 + 0.5, x + width / 2 - 0.5)
            for trace in figure["data"]
            if trace["type"] == "bar"
            for given, base, y, x, width in zip(
                trace["customdata"], trace["base"], trace["y"], trace["x"], trace["width"], strict=True
            )
        ]
        wanted = [
            (t["tensor"], t["bytes"], t["offset"], t["offset"], t["bytes"], t["first"], t["last"])
            for t in memory["tensors"]
        ]
        assert sorted(blocks) == sorted(wanted)
        (alive,) = [trace for trace in figure["data"] if trace["name"] == "sum alive"]
        assert [y * 1024 for y in alive["y"][::2]] == memory["used_bytes"]


def test_tiles_show_the_jsons_numbers(page: Page) -> None:
    run = small_run()
    for key in ("latency_ms", "cycles", "energy_uj", "macs", "utilization", "sram_peak_bytes", "traffic_bytes"):
        assert page.tiles[key]["data-value"] == repr(run[key])
    assert page.tiles["metrics.accuracy"]["data-value"] == "0.96875"
    assert "metrics.accuracy_float" not in page.tiles  # a note under accuracy
    shown = {item.key: item for item in summary.tiles(run)}
    assert shown["cycles"].value == f"{run['cycles']:,}"
    assert shown["metrics.accuracy"].value == "96.88 %" and "98.44 %" in shown["metrics.accuracy"].note
    assert float(shown["latency_ms"].value.split()[0]) == pytest.approx(run["latency_ms"] * 1e3, rel=1e-3)  # in µs


def test_warm_stands_beside_cold(page: Page) -> None:
    run = small_run()
    head, warm, cold, _ = page.tables["warm-cold-table"]
    at = [cell[0] for cell in head].index("Cycles")
    assert (warm[at][1], cold[at][1]) == (repr(run["warm"]["cycles"]), repr(run["cold"]["cycles"]))
    assert "warm-cold" not in Page(html.page(small_run(cold=False))).ids


def test_the_operator_table_holds_the_jsons_values(page: Page) -> None:
    run = small_run()
    head, *rows = page.tables["operators"]
    names = [cell[0] for cell in head]
    for row, item in zip(rows, run["operators"], strict=False):
        values = dict(zip(names, row, strict=True))
        assert values["Operator"][1] == item["name"] and values["Placement"][0] == item["placement"]
        assert values["MACs"] == [f"{item['macs']:,}", str(item["macs"])]
        assert values["Cycles"] == [f"{item['cycles']:,}", str(item["cycles"])]
        assert values["Energy (µJ)"][1] == repr(item["energy_uj"]) and values["Bus bytes"][1] == str(item["bytes"])
        assert values["Mapping, origin"] == [item["mapping"] + item["origin"], item["mapping"]] and item["origin"]
        reached = utilization(run, item)
        assert values["Array use"][1] == ("" if reached is None else repr(reached))
    assert [cell[0] for cell in rows[-1]][names.index("Cycles")] == f"{run['cycles']:,}"


def test_cpu_calls_constants_and_provenance_are_listed(page: Page) -> None:
    run = small_run()
    (_, call) = page.tables["cpu-calls"]
    assert [cell[0] for cell in call][1:3] == ["soft<max>", "softmax_int8"]
    assert [row[0][0] for row in page.tables["constants"][1:]] == [item["name"] for item in run["constants"]]
    assert [row[4][0] for row in page.tables["constants"][1:]] == [item["source"] for item in run["constants"]]
    origin = {row[0][0]: row[1][0] for row in page.tables["provenance"][1:]}
    assert origin["system_hash"] == run["provenance"]["system_hash"]
    assert run["metrics"]["notes"][0] in page.text and "small & <quick>" in page.text


@pytest.mark.parametrize(
    ("system", "fidelity"), [("cortex-m7", "event"), ("edge16", "analytic"), ("edge16", "rtl"), ("edge16-ext", "event")]
)
def test_every_kind_of_run_has_a_page(system: str, fidelity: str) -> None:
    run = small_run(system, fidelity, cold=False)
    found = Page(html.page(run))
    shown = [figure["id"] for figure in json.loads(found.scripts["figures"])]
    assert set(shown) <= set(found.ids) and "latency-by-operator" in shown
    assert ("roofline" in shown) == (system != "cortex-m7")
    assert ("rtl-counters" in found.tables) == (fidelity == "rtl") == ("rtl-operators" in shown)


def test_the_co_simulation_stands_beside_the_models() -> None:
    run = small_run(fidelity="rtl", cold=False)
    found = Page(html.page(run))
    assert "disagrees" in found.text and "3 bytes differ; matrix_busy differs" in found.text
    assert "1,234 cycles, event machine 1,240: -0.48 %" in found.text
    cells = {name: [[cell[0] for cell in row] for row in found.tables[name][1:]] for name in found.tables}
    assert cells["rtl-memories"] == [["sram", "4,096", "3"], ["scratchpad", "512", "0"]]
    assert cells["rtl-mismatches"] == [["sram", "<t>", "3", "17", "1", "2"]]
    assert cells["rtl-counters"] == [
        ["cycles", "1,234", "1,240", "-6", "within 2 % or 32 cycles"],
        ["load_stalled", "9", "–", "–", "not modelled"],
        ["macs", "7", "7", "+0", "equal"],
        ["matrix_busy", "40", "41", "-1", "equal"],
    ]
    assert cells["rtl-rows"] == [["0", "conv", "1,000", "1,006", "-6"], ["1", "start-up", "234", "234", "+0"]]
    figure = next(item for item in json.loads(found.scripts["figures"]) if item["id"] == "rtl-operators")
    assert [trace["x"] for trace in figure["data"]] == [[1000, 234], [1006, 234]]


def test_a_co_simulation_on_other_memories_has_no_models_cycles() -> None:
    run = json.loads(json.dumps(small_run(fidelity="rtl", cold=False)))
    run["rtl"] |= {"expected_cycles": None, "holds": True, "bytes_different": 0, "counters_different": [],
                   "mismatches": []}  # fmt: skip
    run["rtl"]["rows"] = [item | {"expected_cycles": None} for item in run["rtl"]["rows"]]
    found = Page(html.page(run))
    assert "agrees every byte equals golden's" in found.text and "the models say nothing about them" in found.text
    assert "rtl-mismatches" not in found.tables
    figure = next(item for item in json.loads(found.scripts["figures"]) if item["id"] == "rtl-operators")
    assert len(figure["data"]) == 1


def test_a_run_without_cpu_calls_and_timeline_says_so() -> None:
    run = dict(small_run(fidelity="analytic", cold=False)) | {"cpu_calls": []}
    found = Page(html.page(run))
    assert "no-cpu-calls" in found.ids and "timeline" not in found.ids
    assert "--fidelity event" in found.text


@pytest.mark.parametrize("reader", [html.page, perfetto.trace_text])
@pytest.mark.parametrize("name", ["hardware", "timeline", "memory", "provenance"])
def test_a_foreign_json_is_refused_by_the_field_it_lacks(reader: Callable[[Any], str], name: str) -> None:
    run = {key: value for key, value in small_run().items() if key != name}
    with pytest.raises(ValueError, match=f"'{name}' is missing"):
        reader(run)


def test_losses_fall_from_the_bound_to_the_total(drawn: dict[str, Any]) -> None:
    """Each bar starts where the one above it ends; the last is their sum, the run's cycles less the array bound."""
    run, figure = small_run(), drawn["losses"]
    starts, cycles = points(figure, "base"), points(figure, "x")
    shown = [item for item in run["losses"] if item["cycles"]]
    assert [cycles[row] for row in range(len(shown))] == [item["cycles"] for item in shown]
    ends = [starts[row] + cycles[row] for row in range(len(shown))]
    assert [starts[row] for row in range(len(shown))] == [0, *ends[:-1]]
    assert starts[len(shown)] == 0 and cycles[len(shown)] == ends[-1] == run["cycles"] - run["bound_cycles"]
    assert figure["layout"]["yaxis"]["ticktext"] == [*(item["name"] for item in shown), "all losses"]


@pytest.mark.parametrize(("system", "fidelity"), [("cortex-m7", "event"), ("edge16", "analytic")])
def test_without_losses_there_is_no_figure(system: str, fidelity: str) -> None:
    found = Page(html.page(small_run(system, fidelity, False, "flash" if system == "cortex-m7" else "sram")))
    assert not {"losses", "losses-section"} & set(found.ids)
