"""Draws faults: a line uniformly, then one of its faults uniformly; what does not compile is none, and redrawn."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from rtl.bench.build import RTL_DIR, lint, sources_of
from rtl.bench.tools import BuildError
from rtl.mutation.faults import Fault, faults_of
from rtl.mutation.parse import Source, parse
from rtl.mutation.tokens import MutationError

GENERATED = ("accel_pkg", "command_pkg")  # by rtl.bench.package, and compared with the models on its own
_SIZES = {"Rows": 3, "Columns": 5}  # an odd size, for modules that have one

Compiles = Callable[[Source, Fault], bool]


def sources(rtl_dir: Path = RTL_DIR) -> dict[str, Source]:
    """Return every design source, parsed, by name."""
    files = sorted(file for file in rtl_dir.glob("*.sv") if file.stem not in GENERATED)
    return {file.stem: parse(file.stem, file.read_text()) for file in files}


def draws(faults: Sequence[Fault], rng: np.random.Generator) -> Iterator[Fault]:
    """Yield every fault once: a line uniformly among those that have any left, then uniformly one of its faults."""
    lines: dict[tuple[str, int], list[Fault]] = {}
    for fault in faults:
        lines.setdefault((fault.file, fault.line), []).append(fault)
    places = sorted(lines)
    while places:
        which = int(rng.integers(len(places)))
        left = lines[places[which]]
        yield left.pop(int(rng.integers(len(left))))
        if not left:
            places.pop(which)


def sample(
    found: dict[str, Source], count: int, seed: int, *, compiles: Compiles | None = None, jobs: int = 1
) -> tuple[tuple[Fault, ...], int]:
    """Return the first ``count`` drawn faults that compile, and how many did not.

    Raises MutationError where there are not so many.
    """
    check = compiles or compiles_clean
    order = draws([fault for source in found.values() for fault in faults_of(source)], np.random.default_rng(seed))
    taken: list[Fault] = []
    refused = 0
    with ThreadPoolExecutor(jobs) as pool:
        while len(taken) < count:
            batch = [fault for _, fault in zip(range(count - len(taken)), order, strict=False)]
            if not batch:
                raise MutationError(f"faults: want {count}, the sources have {len(taken)} that compile")
            good = list(pool.map(lambda fault: check(found[fault.file], fault), batch))
            taken += [fault for fault, fine in zip(batch, good, strict=True) if fine]
            refused += good.count(False)
    return tuple(taken), refused


def compiles_clean(source: Source, fault: Fault, rtl_dir: Path = RTL_DIR) -> bool:
    """Whether the module with the fault passes Verilator with every warning an error, as any build of it has to."""
    declared = {token.text for token in source.tokens}
    parameters = _SIZES if _SIZES.keys() <= declared else {}
    with tempfile.TemporaryDirectory(prefix="mutant-") as name:
        file = Path(name) / f"{source.name}.sv"
        file.write_text(fault.applied(source.text))
        files = [file if item.stem == source.name else item for item in sources_of(source.name, rtl_dir)]
        try:
            lint(source.name, parameters=parameters, sources=files, rtl_dir=rtl_dir)
        except BuildError:
            return False
    return True
