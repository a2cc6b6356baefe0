"""Points that no test reaches, and why: holes.toml, written by people, by a line's text so that lines may move."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rtl.coverage.points import Coverage, CoverageError, Point

HOLES = Path(__file__).with_name("holes.toml")
_TEXTS = ("module", "line", "kind", "reason")
_COMMENT = re.compile(r"//.*")


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """A point by its text. ``line``: without comment, single spaces; ``occurrence``: among equal ones, from 0."""

    module: str
    line: str
    kind: str
    occurrence: int = 0

    def __str__(self) -> str:
        again = f", occurrence {self.occurrence}" if self.occurrence else ""
        return f"{self.module}: `{self.line}` ({self.kind}{again})"


@dataclass(frozen=True, slots=True)
class Hole:
    """A point that was not reached. ``reason`` is empty where nobody has given one."""

    point: Point
    key: Key
    reason: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """``superfluous``: explanations of what was reached after all, or is not there."""

    holes: tuple[Hole, ...]
    superfluous: tuple[Key, ...]

    @property
    def unexplained(self) -> tuple[Hole, ...]:
        return tuple(hole for hole in self.holes if not hole.reason)


def judge(coverage: Coverage, sources: Mapping[str, str], reasons: Mapping[Key, str]) -> Verdict:
    """Find the holes and their reasons. ``sources``: every module's text."""
    holes = []
    for point, key in keys(coverage.points, sources).items():
        if not coverage.points[point].count:
            holes.append(Hole(point, key, reasons.get(key, "")))
    known = {hole.key for hole in holes}
    return Verdict(tuple(holes), tuple(sorted(reasons.keys() - known)))


def keys(points: Iterable[Point], sources: Mapping[str, str]) -> dict[Point, Key]:
    """Return every point's key, in the order of the points."""
    texts = {module: source.splitlines() for module, source in sources.items()}
    seen: Counter[Key] = Counter()
    found: dict[Point, Key] = {}
    for point in sorted(points):
        first = Key(point.module, _plain(texts[point.module][point.line - 1]), point.kind)
        found[point] = Key(first.module, first.line, first.kind, seen[first])
        seen[first] += 1
    return found


def load_reasons(file: Path = HOLES) -> dict[Key, str]:
    """Return the reasons by key. Raises CoverageError naming the entry and the field that is wrong."""
    try:
        entries = tomllib.loads(file.read_text()).get("hole", [])
    except tomllib.TOMLDecodeError as error:
        raise CoverageError(f"{file.name}: {error}") from error
    found: dict[Key, str] = {}
    for number, entry in enumerate(entries, 1):
        unknown = entry.keys() - {*_TEXTS, "occurrence"}
        if unknown:
            raise CoverageError(f"{file.name}: hole {number} has unknown fields {', '.join(sorted(unknown))}")
        for name in _TEXTS:
            if not isinstance(entry.get(name), str) or not entry[name].strip():
                raise CoverageError(f"{file.name}: hole {number}: want a text in {name}, got {entry.get(name)!r}")
        key = Key(entry["module"], _plain(entry["line"]), entry["kind"], int(entry.get("occurrence", 0)))
        if key in found:
            raise CoverageError(f"{file.name}: hole {number} is there twice: {key}")
        found[key] = " ".join(entry["reason"].split())
    return found


def _plain(line: str) -> str:
    return " ".join(_COMMENT.sub("", line).split())
