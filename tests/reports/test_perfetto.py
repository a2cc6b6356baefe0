"""The trace, read by a parser of the Trace Event Format: strict where viewers are lax."""

import json
import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from reports.derived import ENGINES
from reports.perfetto import trace_text
from tests.reports.runs import small_run

_NEEDS = {
    "M": {"name": str, "pid": int, "tid": int, "args": dict},
    "X": {"name": str, "cat": str, "pid": int, "tid": int, "ts": float, "dur": float, "args": dict},
    "C": {"name": str, "pid": int, "ts": float, "args": dict},
}
_METADATA = {
    "process_name": str,
    "thread_name": str,
    "process_sort_index": int,
    "thread_sort_index": int,
}


@dataclass
class Parsed:
    """Slices and counters by the names of their process and track."""

    processes: dict[int, str] = field(default_factory=dict)
    threads: dict[tuple[int, int], str] = field(default_factory=dict)
    slices: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    counters: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))


def parse(text: str) -> Parsed:
    """Raises AssertionError on anything that the format does not allow, or that a viewer would have to guess."""
    document = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert document["displayTimeUnit"] in ("ms", "ns")
    found, last = Parsed(), -math.inf
    for event in document["traceEvents"]:
        for key, kind in _NEEDS[event["ph"]].items():
            assert type(event[key]) is kind or (kind is float and type(event[key]) is int), (key, event)
        assert set(event) == {"ph", *_NEEDS[event["ph"]]}
        if event["ph"] == "M":
            _metadata(found, event)
            continue
        assert event["ts"] >= last and event["ts"] >= 0, "events are in order of time"
        last = event["ts"]
        assert event["pid"] in found.processes, "a process is named before it is used"
        if event["ph"] == "X":
            assert event["dur"] >= 0 and event["name"]
            found.slices[found.threads[event["pid"], event["tid"]]].append(event)
        else:
            assert all(type(value) in (int, float) for value in event["args"].values()) and event["args"]
            found.counters[event["name"]].append((event["ts"], event["args"]["bytes"]))
    return found


def _metadata(found: Parsed, event: Mapping[str, Any]) -> None:
    assert set(event["args"]) == {"name" if event["name"].endswith("_name") else "sort_index"}
    assert type(next(iter(event["args"].values()))) is _METADATA[event["name"]]
    if event["name"] == "process_name":
        assert event["pid"] not in found.processes
        found.processes[event["pid"]] = event["args"]["name"]
    if event["name"] == "thread_name":
        assert (event["pid"], event["tid"]) not in found.threads
        found.threads[event["pid"], event["tid"]] = event["args"]["name"]


def test_every_command_and_call_is_one_slice_on_its_track() -> None:
    run = small_run()
    found, line = parse(trace_text(run)), run["timeline"]
    for engine in ENGINES:
        mine = [i for i, name in enumerate(line["engine"]) if name == engine]
        slices = found.slices[engine]
        assert sorted(event["args"]["index"] for event in slices) == mine
        for event in slices:
            i = event["args"]["index"]
            assert event["args"]["cycles"] == line["end"][i] - line["start"][i]
            assert event["ts"] * run["clock_mhz"] == pytest.approx(line["start"][i], abs=1e-6)
            assert event["dur"] * run["clock_mhz"] == pytest.approx(event["args"]["cycles"], abs=1e-6)
            assert event["name"] == run["operators"][line["row"][i]]["name"]
            assert event["cat"] == line["command"][i]
    assert [event["name"] for event in found.slices["calls"]] == ["soft<max>"]
    assert found.slices["calls"][0]["args"]["cycles"] == run["cpu_calls"][0]["cycles"]


@pytest.mark.parametrize("weights", ["sram", "flash"])
def test_slices_of_a_track_never_overlap_and_add_up_to_the_runs_cycles(weights: str) -> None:
    run = small_run(cold=False, weights=weights)
    found = parse(trace_text(run))
    for engine in ENGINES:
        now = 0
        for event in found.slices[engine]:
            assert event["args"]["start_cycle"] >= now
            now = event["args"]["start_cycle"] + event["args"]["cycles"]
        assert now <= run["cycles"]
        worked = sum(event["args"]["cycles"] for event in found.slices[engine])
        busy, stalled = run["engines"][engine]["busy"], run["engines"][engine]["stalled"]
        assert busy <= worked <= busy + stalled  # a slice holds the cycles lost to memories and banks too


def test_counters_follow_the_occupancy_and_end_empty() -> None:
    run = small_run()
    found = parse(trace_text(run))
    memories = {item["space"]: item for item in run["memory"] if item["space"] != "flash"}
    assert set(found.counters) == {f"{space} alive" for space in memories} and "scratchpad" in memories
    for space, memory in memories.items():
        values = found.counters[f"{space} alive"]
        assert max(used for _, used in values) == max(memory["used_bytes"])
        assert values[-1] == (run["cycles"] / run["clock_mhz"], 0)
        assert len({ts for ts, _ in values}) == len(values)


@pytest.mark.parametrize(
    ("system", "fidelity", "tracks"),
    [("cortex-m7", "event", {"calls"}), ("edge16", "analytic", {"calls"}), ("edge8", "event", {*ENGINES, "calls"})],
)
def test_runs_without_commands_still_give_a_valid_trace(system: str, fidelity: str, tracks: set[str]) -> None:
    found = parse(trace_text(small_run(system, fidelity, cold=False)))
    assert set(found.slices) == tracks


def test_the_same_run_gives_the_same_bytes() -> None:
    assert trace_text(small_run()) == trace_text(small_run())


def test_the_parser_refuses_a_broken_trace() -> None:
    document = json.loads(trace_text(small_run()))
    first = next(i for i, event in enumerate(document["traceEvents"]) if event["ph"] == "X")
    for change in ({"dur": -1.0}, {"ts": 1e9}, {"tid": 99}, {"ph": "Q"}, {"extra": 1}, {"name": 7}):
        events = [dict(event) for event in document["traceEvents"]]
        events[first] |= change
        with pytest.raises((AssertionError, KeyError)):
            parse(json.dumps({**document, "traceEvents": events}))
