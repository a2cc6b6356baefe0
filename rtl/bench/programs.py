"""Random programs on three machines. A seed says everything: the program, the chip and how its memories behave."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from accel_models.commands import Command, End, Matrix, MatrixMode
from accel_models.generator import CHIPS, illegal_program, random_program
from accel_models.program import Program
from rtl.bench import outcome
from rtl.bench.cosim import Case, Progress, cosimulate_all
from rtl.bench.job import MEMORY_KINDS
from rtl.bench.outcome import CosimResult
from rtl.bench.run import SimulationError

_TURNS = ("nominal",) * 7 + ("fast", "slow", "stalls")
LONG_CYCLES = 2000  # the mean error counts programs from here on


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Commands of one class: cycles from start to end of all, and the largest difference of one, RTL - model."""

    commands: int
    cycles: int
    expected_cycles: int
    difference: int  # sum of absolute ones
    worst: int
    worst_command: int  # its index in the program


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One seed. ``expected_cycles``: 0 where the memories are not the system's, and then there are no ``classes``.

    ``different``: memories whose bytes and counters whose values are not those of the models; ``error``: what stopped
    the RTL although it should not have, or what it should have reported and did not.
    """

    seed: int
    chip: str
    memory: str
    commands: int
    cycles: int
    expected_cycles: int
    different: tuple[str, ...] = ()
    error: str = ""
    classes: Mapping[str, Share] = field(default_factory=dict)

    @property
    def equal(self) -> bool:
        """Contract 1, and the exact part of contract 2: bytes, busy cycles, MACs, bytes moved."""
        return not self.different and not self.error

    @property
    def near(self) -> bool:
        """The rest of contract 2."""
        return not self.expected_cycles or outcome.near(self.cycles, self.expected_cycles)

    @property
    def cycle_error(self) -> float:
        """(RTL - event machine) / event machine."""
        return self.cycles / self.expected_cycles - 1 if self.expected_cycles else 0.0


def chip_of(seed: int) -> str:
    """Chips take turns."""
    return list(CHIPS)[seed % len(CHIPS)]


def memory_of(seed: int) -> str:
    """How the memories behave: seven of ten times as the system says."""
    return _TURNS[seed // len(CHIPS) % len(_TURNS)]


def run(seeds: Sequence[int], progress: Progress | None = None) -> list[Verdict]:
    """Co-simulate the programs of seeds, in their order; a start of the simulator a chip. Raises as cosimulate_all."""
    found: dict[int, Verdict] = {}
    for chip in CHIPS:
        mine = [seed for seed in seeds if chip_of(seed) == chip]
        programs = [random_program(seed, CHIPS[chip]) for seed in mine]
        cases = [
            Case(program=item, memory=MEMORY_KINDS[memory_of(seed)]) for seed, item in zip(mine, programs, strict=True)
        ]
        results = cosimulate_all(cases, progress=progress) if cases else []
        for seed, case, result in zip(mine, cases, results, strict=True):
            found[seed] = _verdict(seed, case.program, result)
    return [found[seed] for seed in seeds]


def run_illegal(seeds: Sequence[int], progress: Progress | None = None) -> list[Verdict]:
    """The same for programs with one fault: all three machines have to name its cause."""
    found: dict[int, Verdict] = {}
    for chip in CHIPS:
        mine = [seed for seed in seeds if chip_of(seed) == chip]
        faults = [illegal_program(seed, CHIPS[chip]) for seed in mine]
        cases = [Case(program=item.program) for item in faults]
        results = cosimulate_all(cases, progress=progress) if cases else []
        for seed, item, result in zip(mine, faults, results, strict=True):
            want = item.cause.name.lower()
            if isinstance(result, SimulationError):
                error = str(result)
            else:
                named = {"models": result.expected_error, "RTL": result.error}
                wrong = [
                    f"{who} say{'s' * (who == 'RTL')} {cause or 'nothing'}"
                    for who, cause in named.items()
                    if cause != want
                ]
                error = f"want {want}, " + ", ".join(wrong) if wrong else ""
            found[seed] = Verdict(
                seed=seed, chip=chip, memory="nominal", commands=len(item.program.commands), cycles=0,
                expected_cycles=0, error=error,
            )  # fmt: skip
    return [found[seed] for seed in seeds]


def _verdict(seed: int, program: Program, result: CosimResult | SimulationError) -> Verdict:
    chip, memory, commands = chip_of(seed), memory_of(seed), len(program.commands)
    if isinstance(result, SimulationError):
        return Verdict(
            seed=seed, chip=chip, memory=memory, commands=commands, cycles=0, expected_cycles=0, error=str(result)
        )
    bytes_of = [space for space, count in result.bytes_different.items() if count]
    return Verdict(
        seed=seed,
        chip=chip,
        memory=memory,
        commands=commands,
        cycles=sum(result.cycles),
        expected_cycles=sum(result.expected_cycles),
        different=(*bytes_of, *outcome.counters_different(result)),
        error=result.error or result.golden_error,
        classes=_classes(program, result) if result.expected_cycles and not result.error else {},
    )


def class_of(command: Command) -> str:
    """The name under which cycles of a command are counted."""
    name = type(command).__name__
    return f"{name} {MatrixMode(command.mode).name.lower()}" if isinstance(command, Matrix) else name


def _classes(program: Program, result: CosimResult) -> dict[str, Share]:
    members: dict[str, list[int]] = {}
    for index, command in enumerate(program.decoded):
        if not isinstance(command, End):
            members.setdefault(class_of(command), []).append(index)
    return {name: _share(indices, result) for name, indices in sorted(members.items())}


def _share(indices: Sequence[int], result: CosimResult) -> Share:
    cycles = [result.end[index] - result.start[index] for index in indices]
    expected = [result.expected_end[index] - result.expected_start[index] for index in indices]
    off = [got - want for got, want in zip(cycles, expected, strict=True)]
    worst = max(range(len(off)), key=lambda place: abs(off[place]))
    return Share(
        commands=len(indices),
        cycles=sum(cycles),
        expected_cycles=sum(expected),
        difference=sum(abs(item) for item in off),
        worst=off[worst],
        worst_command=indices[worst],
    )
