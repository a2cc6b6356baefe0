"""The four networks on the RTL at four array sizes and under four kinds of memory: ``python -m cosim.validate.arrays``.

Writes reports/results/arrays.json and arrays.md (``make arrays``). Systems are edge16 with another array; weights in
SRAM, real test inputs. Exits with 1 when a byte or a counter differs, or cycles miss contract 2.
"""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from accel_models.container import write_atomic
from accel_models.system import System, load_system, parse_system
from cosim.options import CosimOptions, Options
from rtl.bench.job import MEMORY_KINDS

RESULTS = Path(__file__).parents[2] / "reports" / "results"
NETWORKS, SIZES, LARGEST = ("resnet8", "kws", "ad", "vww"), (4, 8, 16), 32
HEADER = (
    "| network | array | memory | RTL cycles | event machine | error | bytes that differ | counters that differ |\n"
    "|---|---|---|---:|---:|---:|---:|---|\n"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One co-simulation. ``expected_cycles``: of the event machine, None where the memories are not the system's."""

    network: str
    array: int
    memory: str
    cycles: int
    expected_cycles: int | None
    bytes_different: int
    counters_different: tuple[str, ...]
    error: str

    @property
    def holds(self) -> bool:
        """Contracts 1 and 2."""
        expected = self.expected_cycles
        near = expected is None or abs(self.cycles - expected) <= max(0.02 * expected, 32)
        return near and not (self.error or self.bytes_different or self.counters_different)


def system_of(size: int) -> System:
    """edge16 with a ``size x size`` array."""
    data = load_system("edge16").model_dump()
    data["accelerator"]["array"] = {"rows": size, "columns": size}
    return parse_system(data | {"name": f"edge16 with {size}x{size}"})


def points() -> Iterator[tuple[int, str]]:
    """Array size and memory of every co-simulation of a network."""
    for size in SIZES:
        for memory in MEMORY_KINDS:
            yield size, memory
    yield LARGEST, "nominal"


def measure(network: str, report: Callable[[str], None]) -> list[Row]:
    """Co-simulate one workload at every point."""
    from cosim.encode import compile_network
    from cosim.frontend import prepare

    prepared = prepare(network, Options(), lambda stage: None)
    inputs = {name: array[None] for name, array in prepared.inputs.items()}
    rows = []
    for size, memory in points():
        report(f"{network} on {size}x{size}, {memory} memory")
        program = compile_network(prepared.network, system_of(size), "sram")
        rows.append(_row(network, size, memory, program, inputs))
    return rows


def _row(network: str, size: int, memory: str, program: object, inputs: object) -> Row:
    from cosim.cosimulation import on_rtl

    found = on_rtl(program, inputs, lambda text: None, CosimOptions(memory=memory))  # type: ignore[arg-type]
    return Row(
        network=network,
        array=size,
        memory=memory,
        cycles=found.cycles,
        expected_cycles=found.expected_cycles,
        bytes_different=found.bytes_different,
        counters_different=tuple(found.counters_different),
        error=found.error,
    )


def table(rows: Sequence[Row]) -> str:
    """The Markdown table."""
    return HEADER + "".join(_line(row) for row in rows)


def _line(row: Row) -> str:
    expected, error = "–", "–"
    if row.expected_cycles is not None:
        expected = f"{row.expected_cycles:,}"
        error = f"{row.cycles / row.expected_cycles - 1:+.2%}"
    counters = ", ".join(row.counters_different) or row.error or "none"
    return (
        f"| `{row.network}` | {row.array}x{row.array} | {row.memory} | {row.cycles:,} | {expected} | {error} "
        f"| {row.bytes_different} | {counters} |\n"
    )


def main() -> int:
    def report(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    rows = [row for network in NETWORKS for row in measure(network, report)]
    data = [asdict(row) | {"holds": row.holds} for row in rows]
    write_atomic(RESULTS / "arrays.json", (json.dumps(data, indent=1, sort_keys=True) + "\n").encode())
    write_atomic(RESULTS / "arrays.md", table(rows).encode())
    print(table(rows), end="")
    return int(not all(row.holds for row in rows))


if __name__ == "__main__":
    sys.exit(main())
