"""A run as Chrome trace events, for ui.perfetto.dev: a track an engine, the CPU, and how full the memories are.

Format: "Trace Event Format" of the Chromium project, JSON object form. Times are microseconds of the system clock; the
exact cycles are in ``args``. A slice spans a command's cycles, those lost to shared memories included.
"""

import json
from collections.abc import Iterator
from typing import Any

from reports.derived import ENGINES, RunJson, check

_ACCELERATOR, _CPU, _MEMORY = 1, 2, 3
_COMPUTE = ("matrix", "vector")


def trace_text(run: RunJson) -> str:
    """The trace file's text; the same run gives the same bytes."""
    return json.dumps(trace(run), sort_keys=True, separators=(",", ":")) + "\n"


def trace(run: RunJson) -> dict[str, Any]:
    """The trace as JSON data, events in order of time."""
    check(run)
    timed = sorted([*_commands(run), *_calls(run), *_counters(run)], key=lambda event: (event["ts"], event["pid"]))
    return {
        "displayTimeUnit": "ns",
        "otherData": {"workload": run["workload"], "system": run["system"], "clock_mhz": run["clock_mhz"]},
        "traceEvents": [*_names(run), *timed],
    }


def _names(run: RunJson) -> Iterator[dict[str, Any]]:
    processes = [(_CPU, f"CPU ({run['hardware']['cpu']['core']})"), (_MEMORY, "memories")]
    if run["hardware"]["accelerator"]:
        processes.insert(0, (_ACCELERATOR, f"accelerator of {run['system']}"))
    for order, (pid, name) in enumerate(processes):
        yield {"ph": "M", "name": "process_name", "pid": pid, "tid": 0, "args": {"name": name}}
        yield {"ph": "M", "name": "process_sort_index", "pid": pid, "tid": 0, "args": {"sort_index": order}}
    tracks = [(_CPU, 1, "calls")]
    if run["hardware"]["accelerator"]:
        tracks += [(_ACCELERATOR, tid, engine) for tid, engine in enumerate(ENGINES, 1)]
    for pid, tid, name in tracks:
        yield {"ph": "M", "name": "thread_name", "pid": pid, "tid": tid, "args": {"name": name}}
        yield {"ph": "M", "name": "thread_sort_index", "pid": pid, "tid": tid, "args": {"sort_index": tid}}


def _commands(run: RunJson) -> Iterator[dict[str, Any]]:
    line, operators = run["timeline"], run["operators"]
    columns = (line["start"], line["end"], line["engine"], line["row"], line["command"])
    for index, (start, end, engine, row, command) in enumerate(zip(*columns, strict=True)):
        operator = operators[row]["name"] if 0 <= row < len(operators) else ""
        yield {
            "ph": "X",
            "name": operator or command,
            "cat": command,
            "pid": _ACCELERATOR,
            "tid": ENGINES.index(engine) + 1,
            "ts": start / run["clock_mhz"],
            "dur": (end - start) / run["clock_mhz"],
            "args": {
                "operator": operator,
                "command": command,
                "index": index,
                "start_cycle": start,
                "cycles": end - start,
            },
        }


def _calls(run: RunJson) -> Iterator[dict[str, Any]]:
    for call in run["cpu_calls"]:
        yield {
            "ph": "X",
            "name": call["name"],
            "cat": call["function"],
            "pid": _CPU,
            "tid": 1,
            "ts": call["start"] / run["clock_mhz"],
            "dur": call["cycles"] / run["clock_mhz"],
            "args": {
                "function": call["function"],
                "start_cycle": call["start"],
                "cycles": call["cycles"],
                "cycles_cpu": call["cycles_cpu"],
                "energy_uj": call["energy_uj"],
            },
        }


def _counters(run: RunJson) -> Iterator[dict[str, Any]]:
    """Bytes alive in each writable memory, from where each operator starts to compute."""
    begins = _row_begins(run)
    if not begins:
        return
    for memory in run["memory"]:
        if memory["space"] == "flash":
            continue
        at_cycle = dict(zip(begins, memory["used_bytes"], strict=True)) | {run["cycles"]: 0}
        for cycle, used in at_cycle.items():
            yield {
                "ph": "C",
                "name": f"{memory['space']} alive",
                "pid": _MEMORY,
                "ts": cycle / run["clock_mhz"],
                "args": {"bytes": used},
            }


def _row_begins(run: RunJson) -> list[int]:
    """Cycle at which each operator first computes, never falling; one without commands takes that of the row before."""
    line, calls = run["timeline"], {call["name"]: call["start"] for call in run["cpu_calls"]}
    first: dict[int, int] = {}
    for start, engine, row in zip(line["start"], line["engine"], line["row"], strict=True):
        if engine in _COMPUTE:
            first[row] = min(first.get(row, start), start)
    if not first and not calls:
        return []
    begins, now = [], 0
    for row, operator in enumerate(run["operators"]):
        now = max(now, first.get(row, calls.get(operator["name"], now)))
        begins.append(now)
    return begins
