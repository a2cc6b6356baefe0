"""Verilator's coverage files: which points of the design a run reached, and the sum over runs and builds.

A file has a line a point: `C '<key><value>...' <count>`, fields begun by \\x01, key and value parted by \\x02. Keys: f
file, l line, n a number that tells a line's points apart, o kind, S the lines that run with the point ("97-99,102").
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

_LINE = re.compile(r"C '(?P<fields>[^']*)' (?P<count>\d+)")
# Kinds of a decision; the rest (a process, a function) is there or is not.
BRANCHES = frozenset({"if", "else", "elsif", "case", "cond_then", "cond_else"})


class CoverageError(RuntimeError):
    """The coverage cannot be measured or judged; the message is for the user."""


@dataclass(frozen=True, slots=True, order=True)
class Point:
    """A place that counts. ``number`` tells the points of a line apart; ``kind``: `block` or one of BRANCHES."""

    module: str
    line: int
    number: int
    kind: str


@dataclass(slots=True)
class Tally:
    """How often a point was reached, and the lines that run with it."""

    count: int = 0
    lines: frozenset[int] = frozenset()


@dataclass(slots=True)
class Coverage:
    """The sum of any number of runs: a point is reached where any build reached it.

    Builds differ in what they have: a point that parameters leave out of one counts in the others.
    """

    points: dict[Point, Tally] = field(default_factory=dict)

    def add(self, text: str, folder: Path) -> None:
        """Add a coverage file's text; points of files elsewhere than in ``folder`` itself are left out."""
        for file, point, count, lines in _entries(text):
            if file.parent == folder:
                tally = self.points.setdefault(point, Tally())
                tally.count += count
                tally.lines |= lines

    def of(self, module: str) -> dict[Point, Tally]:
        """Return a module's points, in the order of its text."""
        return {point: self.points[point] for point in sorted(self.points) if point.module == module}


def lines_of(points: Iterable[Tally]) -> tuple[frozenset[int], frozenset[int]]:
    """Return the lines that were reached, and all that could be. A line counts once, whichever point reached it."""
    known = list(points)
    reached = frozenset[int]().union(*(tally.lines for tally in known if tally.count))
    return reached, frozenset[int]().union(*(tally.lines for tally in known))


def _entries(text: str) -> Iterator[tuple[Path, Point, int, frozenset[int]]]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise CoverageError(f"coverage file, line {number}: want C '...' COUNT, got {line[:80]!r}")
        fields = dict(item.partition("\x02")[::2] for item in match["fields"].split("\x01") if item)
        try:
            file = Path(fields["f"])
            point = Point(file.stem, int(fields["l"]), int(fields["n"]), fields["o"])
            yield file, point, int(match["count"]), frozenset(_numbers(fields.get("S", "")))
        except (KeyError, ValueError) as error:
            raise CoverageError(f"coverage file, line {number}: {error!r} in {fields}") from error


def _numbers(ranges: str) -> Iterator[int]:
    """Yield the numbers of "97-99,102"."""
    for item in filter(None, ranges.split(",")):
        first, _, last = item.partition("-")
        yield from range(int(first), int(last or first) + 1)
