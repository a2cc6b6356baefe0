"""Ten thousand random programs on three machines: ``python -m cosim.validate.programs`` (``make programs``).

Writes reports/results/programs.json and programs.md. Finished chunks are kept under build/programs for as long as the
models, the RTL and the bench stay the same, so a run that was stopped goes on. Exits with 1 when a program is not equal
on the three machines or an illegal one is not refused alike, and where cycles miss contract 2.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from accel_models.container import write_atomic
from rtl.bench.programs import LONG_CYCLES, Share, Verdict, run, run_illegal

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "reports" / "results"
COUNT, ILLEGAL = 10_000, 1_000
CHUNK = 100
MEAN_BOUND = 0.005  # of absolute cycle errors, contract 2
WORST = 10  # seeds that the tables name

Report = Callable[[str], None]


def measure(count: int, illegal: int, jobs: int, folder: Path, report: Report) -> tuple[list[Verdict], list[Verdict]]:
    """Verdicts of seeds 0 to ``count`` - 1, and of as many illegal programs; chunks in ``folder`` are not run again."""
    work = [("programs", start, min(start + CHUNK, count)) for start in range(0, count, CHUNK)]
    work += [("illegal", start, min(start + CHUNK, illegal)) for start in range(0, illegal, CHUNK)]
    folder.mkdir(parents=True, exist_ok=True)
    left = [item for item in work if not _file(folder, *item).exists()]
    if len(left) < len(work):
        report(f"{len(work) - len(left)} of {len(work)} chunks are there already, in {folder}")
    begun = time.monotonic()
    with ProcessPoolExecutor(jobs) as pool:
        waiting = [pool.submit(_chunk, folder, *item) for item in left]
        for done, future in enumerate(as_completed(waiting), 1):
            wrong = future.result()
            spent = time.monotonic() - begun
            rest = spent / done * (len(left) - done)
            report(
                f"{done} of {len(left)} chunks, {spent:.0f} s, about {rest:.0f} s left"
                + (f": {wrong}" if wrong else "")
            )
    verdicts: dict[str, list[Verdict]] = {"programs": [], "illegal": []}
    for item in work:
        verdicts[item[0]] += [_verdict(data) for data in json.loads(_file(folder, *item).read_text())]
    return verdicts["programs"], verdicts["illegal"]


def _chunk(folder: Path, what: str, start: int, stop: int) -> str:
    """Run a chunk and keep its verdicts. Returns a word on what is wrong, or ""."""
    found = (run if what == "programs" else run_illegal)(range(start, stop))
    write_atomic(_file(folder, what, start, stop), json.dumps([asdict(item) for item in found]).encode())
    wrong = [str(item.seed) for item in found if not item.equal]
    return f"{what} not equal: seeds {', '.join(wrong)}" if wrong else ""


def _file(folder: Path, what: str, start: int, stop: int) -> Path:
    return folder / f"{what}-{start:06d}-{stop:06d}.json"


def _verdict(data: dict[str, Any]) -> Verdict:
    classes = {name: Share(**item) for name, item in data["classes"].items()}
    return Verdict(**{**data, "different": tuple(data["different"]), "classes": classes})


def key() -> str:
    """What verdicts depend on: the models, the RTL, the bench."""
    digest = hashlib.sha256()
    for file in sorted(
        [*(ROOT / "accel_models").rglob("*.py"), *(ROOT / "rtl").rglob("*.py"), *ROOT.glob("rtl/**/*.sv")]
    ):
        digest.update(f"\0{file.relative_to(ROOT)}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def summary(programs: Sequence[Verdict], illegal: Sequence[Verdict]) -> dict[str, Any]:
    """Counts, cycle errors, errors by command class, and the worst seeds by name."""
    timed = [item for item in programs if item.expected_cycles]
    long = [item for item in timed if item.expected_cycles >= LONG_CYCLES]
    worst = sorted(long, key=lambda item: -abs(item.cycle_error))[:WORST]
    return {
        "programs": len(programs),
        "commands": sum(item.commands for item in programs),
        "by_chip_and_memory": _counts(programs),
        "not_equal": [_named(item) for item in programs if not item.equal],
        "illegal": len(illegal),
        "illegal_not_equal": [_named(item) for item in illegal if item.error],
        "timed": len(timed),
        "long": len(long),
        "long_cycles": LONG_CYCLES,
        "mean_cycle_error": sum(abs(item.cycle_error) for item in long) / max(1, len(long)),
        "beyond_contract": [_named(item) for item in timed if not item.near],
        "worst": [_named(item) for item in worst],
        "classes": classes(timed),
    }


def holds(data: dict[str, Any]) -> bool:
    """Contracts 1 and 2, and every illegal program refused alike."""
    wrong = data["not_equal"] or data["illegal_not_equal"] or data["beyond_contract"]
    return not wrong and data["mean_cycle_error"] <= MEAN_BOUND


def _counts(programs: Sequence[Verdict]) -> dict[str, int]:
    found: dict[str, int] = {}
    for item in programs:
        name = f"{item.chip} {item.memory}"
        found[name] = found.get(name, 0) + 1
    return dict(sorted(found.items()))


def _named(item: Verdict) -> dict[str, Any]:
    return {
        "seed": item.seed,
        "chip": item.chip,
        "memory": item.memory,
        "cycles": item.cycles,
        "expected_cycles": item.expected_cycles,
        "cycle_error": item.cycle_error,
        "different": list(item.different),
        "error": item.error,
    }


def classes(timed: Sequence[Verdict]) -> dict[str, dict[str, Any]]:
    """By command class: cycles of all its commands, mean absolute error, and the worst command by seed and index."""
    found: dict[str, dict[str, Any]] = {}
    for name in sorted({name for item in timed for name in item.classes}):
        shares = [(item, item.classes[name]) for item in timed if name in item.classes]
        verdict, worst = max(shares, key=lambda pair: abs(pair[1].worst))
        expected = sum(share.expected_cycles for _, share in shares)
        found[name] = {
            "commands": sum(share.commands for _, share in shares),
            "cycles": sum(share.cycles for _, share in shares),
            "expected_cycles": expected,
            "mean_error": sum(share.difference for _, share in shares) / max(1, expected),
            "worst_cycles": worst.worst,
            "worst_seed": verdict.seed,
            "worst_command": worst.worst_command,
        }
    return found


def tables(data: dict[str, Any]) -> str:
    """The Markdown page."""
    return "\n".join([*_head(data), "", *class_table(data["classes"]), "", *worst_table(data["worst"])]) + "\n"


def _head(data: dict[str, Any]) -> Iterator[str]:
    yield "# Random programs on golden, the event machine and the RTL"
    yield ""
    yield (
        f"`make programs` runs {data['programs']:,} seeds, {data['commands']:,} commands, and {data['illegal']:,} "
        "illegal programs."
    )
    yield ""
    yield "| chip and memory | programs |"
    yield "|---|---:|"
    yield from (f"| {name} | {count:,} |" for name, count in data["by_chip_and_memory"].items())
    yield ""
    yield f"- Not equal (bytes, sums, registers, busy cycles, MACs, bytes moved): {_seeds(data['not_equal'])}."
    yield f"- Illegal, and not refused for one cause by models and RTL: {_seeds(data['illegal_not_equal'])}."
    yield f"- Cycles beyond 2 % and 32, of {data['timed']:,}: {_seeds(data['beyond_contract'])}."
    yield (
        f"- Mean absolute error of the cycles, {data['long']:,} programs of at least {data['long_cycles']:,} cycles: "
        f"{data['mean_cycle_error']:.2%} (bound {MEAN_BOUND:.1%})."
    )


def _seeds(items: Sequence[dict[str, Any]]) -> str:
    if not items:
        return "none"
    more = ", ..." if len(items) > WORST else ""
    return f"{len(items):,}, seeds " + ", ".join(str(item["seed"]) for item in items[:WORST]) + more


def class_table(found: dict[str, dict[str, Any]]) -> Iterator[str]:
    """A line a command class."""
    yield "| command | count | RTL cycles | event machine | mean error | worst, cycles | in seed, command |"
    yield "|---|---:|---:|---:|---:|---:|---|"
    for name, item in found.items():
        yield (
            f"| {name} | {item['commands']:,} | {item['cycles']:,} | {item['expected_cycles']:,} "
            f"| {item['mean_error']:.2%} | {item['worst_cycles']:+,} | {item['worst_seed']}, {item['worst_command']} |"
        )


def worst_table(items: Sequence[dict[str, Any]]) -> Iterator[str]:
    """A line a seed."""
    yield "| worst seed | chip | RTL cycles | event machine | error |"
    yield "|---:|---|---:|---:|---:|"
    for item in items:
        yield (
            f"| {item['seed']} | {item['chip']} | {item['cycles']:,} | {item['expected_cycles']:,} "
            f"| {item['cycle_error']:+.2%} |"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m cosim.validate.programs", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--count", type=int, default=COUNT, help="seeds, from 0 on")
    parser.add_argument("--illegal", type=int, default=ILLEGAL, help="illegal programs")
    parser.add_argument("--jobs", type=int, default=2, help="simulators at a time")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of programs.json and programs.md")
    given = parser.parse_args(arguments)
    report = partial(print, file=sys.stderr, flush=True)
    data = summary(*measure(given.count, given.illegal, given.jobs, ROOT / "build" / "programs" / key(), report))
    write_atomic(given.out / "programs.json", (json.dumps(data, indent=1, sort_keys=True) + "\n").encode())
    write_atomic(given.out / "programs.md", tables(data).encode())
    print(tables(data), end="")
    return int(not holds(data))


if __name__ == "__main__":
    sys.exit(main())
