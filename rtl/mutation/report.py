"""The result of a campaign as JSON and as a page: score, tables by module and by class, every survivor."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rtl.mutation.campaign import Outcome
from rtl.mutation.faults import CLASSES, Fault
from rtl.mutation.reasons import Reason

TARGET = 0.90


@dataclass(frozen=True, slots=True)
class Survivor:
    """``proved``: the module in which Yosys proves that the fault changes nothing, or ""."""

    fault: Fault
    proved: str
    reason: str

    @property
    def explained(self) -> bool:
        return bool(self.proved or self.reason)


@dataclass(frozen=True, slots=True)
class Result:
    """A finished campaign; ``candidates``: faults that could have been drawn, on ``lines`` lines; ``refused``: drawn
    ones that do not compile; ``test_s``: CPU seconds of all runs."""

    seed: int
    jobs: int
    lines: int
    candidates: int
    refused: int
    outcomes: Sequence[tuple[Fault, Outcome]]
    survivors: Sequence[Survivor]
    tests: Sequence[str]
    test_s: float

    @property
    def killed(self) -> int:
        return sum(outcome.how != "survived" for _, outcome in self.outcomes)

    @property
    def equivalent(self) -> int:
        return sum(bool(item.proved) for item in self.survivors)

    @property
    def score(self) -> float:
        """Killed of those that are not proved to change nothing."""
        rest = len(self.outcomes) - self.equivalent
        return self.killed / rest if rest else 0.0

    @property
    def unexplained(self) -> tuple[Survivor, ...]:
        return tuple(item for item in self.survivors if not item.explained)


def explain(
    outcomes: Iterable[tuple[Fault, Outcome]],
    proofs: Mapping[tuple[str, str, str, int], str],
    reasons: Mapping[tuple[str, str, str, int], Reason],
) -> tuple[Survivor, ...]:
    """Return the survivors with what is known of each."""
    left = [fault for fault, outcome in outcomes if outcome.how == "survived"]
    found = []
    for fault in sorted(left, key=lambda fault: (fault.file, fault.start)):
        reason = reasons.get(fault.key)
        found.append(Survivor(fault, proofs.get(fault.key, ""), reason.text if reason else ""))
    return tuple(found)


def json_text(result: Result) -> str:
    counts = {
        "seed": result.seed,
        "faults": len(result.outcomes),
        "killed": result.killed,
        "proved_equivalent": result.equivalent,
        "score": round(result.score, 4),
        "lines": result.lines,
        "candidates": result.candidates,
        "refused": result.refused,
        "jobs": result.jobs,
        "seconds_per_fault": round(result.test_s / max(1, len(result.outcomes)), 2),
        "killed_by": _killed_by(result),
        "tests": list(result.tests),
    }
    survivors = [_entry(item.fault) | {"proved": item.proved, "reason": item.reason} for item in result.survivors]
    faults = [_entry(fault) | asdict(outcome) for fault, outcome in result.outcomes]
    return json.dumps(counts | {"survivors": survivors, "outcomes": faults}, indent=1) + "\n"


def _entry(fault: Fault) -> dict[str, Any]:
    names = ("file", "line", "kind", "original", "mutated", "occurrence")
    return {name: getattr(fault, name) for name in names}


def _killed_by(result: Result) -> dict[str, int]:
    hows = [outcome.how for _, outcome in result.outcomes]
    return {how: hows.count(how) for how in ("test", "assertion", "timeout")}


def page(result: Result) -> str:
    """Return the page in Markdown."""
    by, total = _killed_by(result), len(result.outcomes)
    lines = [
        "# Mutation testing of the RTL",
        "",
        f"`make mutants` (`python -m rtl.mutation`). Seed {result.seed}: {total} faults drawn from "
        f"{result.candidates:,} on {result.lines:,} lines, a line uniformly, then a fault on it; "
        f"{result.refused} more did not compile.",
        "",
        f"**{result.killed} of {total} killed, {result.score:.1%} of those not proved to change nothing** "
        f"({result.equivalent} proved). {by['test']} by a testbench, {by['assertion']} by an assertion of the design, "
        f"{by['timeout']} ran past their time. {result.test_s / max(1, total):.1f} CPU s a fault.",
        "",
        *_table("class", CLASSES, result, lambda fault: fault.kind),
        *_table("module", sorted({fault.file for fault, _ in result.outcomes}), result, lambda fault: fault.file),
        "## Survivors",
        "",
    ]
    for item in result.survivors:
        lines += _survivor(item)
    if not result.survivors:
        lines.append("None.")
    return "\n".join(lines).rstrip() + "\n"


def _table(title: str, names: Iterable[str], result: Result, of: Any) -> list[str]:
    lines = [f"| {title} | faults | killed | survived | of these proved equal |", "|---|---:|---:|---:|---:|"]
    for name in names:
        mine = [outcome for fault, outcome in result.outcomes if of(fault) == name]
        left = sum(outcome.how == "survived" for outcome in mine)
        proved = sum(bool(item.proved) for item in result.survivors if of(item.fault) == name)
        if mine:
            lines.append(f"| {name} | {len(mine)} | {len(mine) - left} | {left} | {proved} |")
    return [*lines, ""]


def _survivor(item: Survivor) -> list[str]:
    fault = item.fault
    number = f" (occurrence {fault.occurrence})" if fault.occurrence else ""
    why = [f"proved: `{item.proved}` stays the same (Yosys `equiv_induct`)"] if item.proved else []
    why += [item.reason] if item.reason else []
    return [
        f"- `{fault.file}.sv:{fault.line}`, {fault.kind}{number}: `{fault.original}` became `{fault.mutated}`",
        f"  - {'; '.join(why) or '**no reason given**'}",
    ]
