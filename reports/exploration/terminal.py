"""The front of an exploration as lines of text."""

from pathlib import Path

from reports.exploration import levels
from reports.exploration.shown import Data, aligned, label, paths_of, short, text_of

_MOST_LINES = 30


def terminal(data: Data, report: Path | None) -> list[str]:
    """Counts, what each constraint did, the front, where the report is."""
    counts = data["counts"]
    lines = [
        f"{data['space']['name']}: {data['evaluated']:,} of {data['size']:,} points evaluated: {counts['ok']:,} hold"
        f" every constraint, {counts['constraint']:,} violate one, {counts['infeasible']:,} cannot be,"
        f" {counts['failed']:,} failed"
    ]
    lines += screened(data)
    lines += [item["text"] for item in data["constraints"]]
    for status in ("infeasible", "failed"):
        lines += [f"{count:,} points {status}: {reason}" for reason, count in list(data[status].items())[:3]]
    lines += [*front_lines(data), *levels.lines(data)]
    if data["chosen"]:
        lines.append(f"chosen: point {data['chosen']['point']}, {data['chosen']['why']}")
    return [*lines, f"report {report}"] if report else lines


def screened(data: Data) -> list[str]:
    """How many points were screened, and how far that was off where they were simulated too."""
    found = data["screening"]
    if found is None:
        return []
    off = "; ".join(
        f"{name} off by {item['median']:.2%} in the median, {item['p95']:.2%} at the 95th percentile"
        for name, item in found["errors"].items()
    )
    return [
        f"screened all {found['points']:,} points: {found['feasible']:,} can run their workloads, {found['ok']:,} hold"
        " every constraint",
        *([f"screening against the event machine, where both looked: {off}"] if off else []),
    ]


def front_lines(data: Data) -> list[str]:
    """The front as an aligned table."""
    if not data["front"]:
        return ["no point is on the front"]
    paths = paths_of(data)
    head = ["point", *(label(data, place) for place in range(len(data["objectives"]))), *map(short, paths), "mapping"]
    rows = [
        [
            str(item["index"]),
            *(text_of(value) for value in item["objectives"]),
            *(text_of(item["point"][path]) for path in paths),
            item["level"],
        ]
        for item in data["front"][:_MOST_LINES]
    ]
    lines = aligned([head, *rows])
    rest = len(data["front"]) - _MOST_LINES
    lines += [f"... and {rest:,} more"] if rest > 0 else []
    return [f"Pareto front, {len(data['front']):,} points", *lines]
