"""The tables of reports/results/coverage: reached lines and branches of every module, every hole with its reason."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rtl.coverage.holes import Hole, Verdict
from rtl.coverage.points import BRANCHES, Coverage, lines_of

_HEADER = """# Coverage of the RTL by its tests

Made by `make coverage` (`python -m rtl.coverage`): Verilator {tool} counts while the tests of `tests/rtl` run, those
marked slow left out. A point counts as reached where any test reached it in any size. Lines are those of processes and
functions; branches are the arms of `if`, `case` and of conditional expressions, also the `else` that is not written.
Not counted: other assignments, instances, assertions, and the functions of packages, which Verilator gives no points.
"""


@dataclass(frozen=True, slots=True)
class ModuleCoverage:
    """How much of a module was reached, of how much."""

    module: str
    lines_reached: int
    lines: int
    branches_reached: int
    branches: int


def measure(coverage: Coverage, modules: Sequence[str]) -> list[ModuleCoverage]:
    """Count lines and branches of every module."""
    found = []
    for module in modules:
        points = coverage.of(module)
        reached, lines = lines_of(points.values())
        counts = [tally.count for point, tally in points.items() if point.kind in BRANCHES]
        hit = sum(count > 0 for count in counts)
        found.append(ModuleCoverage(module, len(reached), len(lines), hit, len(counts)))
    return found


def json_text(modules: Sequence[ModuleCoverage], verdict: Verdict, tool: str) -> str:
    """The committed file: nothing in it changes from run to run."""
    holes = [{**asdict(hole.key), "reason": hole.reason} for hole in verdict.holes]
    return json.dumps({"tool": tool, "modules": [asdict(item) for item in modules], "holes": holes}, indent=1) + "\n"


def page(data: dict[str, Any]) -> str:
    """The page of what `json_text` wrote."""
    modules, holes = data["modules"], data["holes"]
    lines = [_HEADER.format(tool=data["tool"])]
    lines += ["| module | lines | branches | holes, all explained |", "|---|---:|---:|---:|"]
    for item in modules:
        own = sum(hole["module"] == item["module"] for hole in holes)
        lines.append(f"| `{item['module']}` | {_of(item, 'lines')} | {_of(item, 'branches')} | {own or ''} |")
    total = {name: sum(item[name] for item in modules) for name in modules[0] if name != "module"}
    lines.append(f"| all | {_of(total, 'lines')} | {_of(total, 'branches')} | {len(holes)} |")
    lines += ["", "## Holes", ""]
    for hole in holes:
        lines.append(f"- `{hole['module']}`, {hole['kind'].replace('_', ' ')} of `{hole['line']}`: {hole['reason']}")
    return "\n".join(lines if holes else [*lines, "None."]) + "\n"


def described(hole: Hole) -> str:
    """One line for the terminal."""
    return f"{hole.point.module}.sv:{hole.point.line}: {hole.key.kind} not reached: {hole.key.line}"


def _of(item: dict[str, Any], name: str) -> str:
    """`12 / 13`, or a dash where there is nothing to reach."""
    return f"{item[f'{name}_reached']} / {item[name]}" if item[name] else "-"
