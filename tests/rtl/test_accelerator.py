"""The whole accelerator runs compiled programs: every byte golden's, busy cycles and counts the models'."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from accel_models.commands import Command, Engine, Fill, Load, Register, SetRegister, Store
from accel_models.golden import boundary
from accel_models.memory import bus_address
from accel_models.network import CpuCall, Network
from accel_models.program import Program
from accel_models.registers import Counter, busy
from accel_models.system import System, load_system, parse_system
from cosim.encode import compile_network
from rtl.bench.cosim import Case, CosimResult, build_accelerator, cosimulate, cosimulate_all
from rtl.bench.job import FAST, JOB_VARIABLE, NOMINAL, SLOW, STALLS, Job, MemorySettings
from rtl.bench.run import SimulationError, simulate
from tests.accel_models import handmade
from tests.cosim.networks import NetworkBuilder, random_network, residual_network, system

FIXTURES = Path(__file__).parent / "fixtures"
EXACT = [Counter.COMMANDS, Counter.BYTES_READ, Counter.BYTES_WRITTEN, Counter.MACS, *(busy(e) for e in Engine)]


def small(rows: int, columns: int, bus_bytes: int = 8, **accelerator: object) -> System:
    """A system with little memory, so that dumps are short."""
    data = system(rows, columns, pad_bytes=32768, sram_bytes=1 << 17, **accelerator).model_dump()
    return parse_system(data | {"bus": {"bytes_per_cycle": bus_bytes}})


SYSTEMS = {
    "4x4": small(4, 4, queue_depth=4),
    "3x5": small(3, 5, 4, queue_depth=2, token_depth=40, dma={"max_burst_beats": 7, "setup_cycles": 4}),
}


def check(result: CosimResult | SimulationError, *, cycles: bool = False) -> None:
    """Values equal, counts and busy cycles equal; ``cycles``: those of every command too."""
    assert isinstance(result, CosimResult), result
    assert not result.error and not result.golden_error
    assert not any(result.bytes_different.values()), result.mismatches
    for counter in EXACT:
        name = counter.name.lower()
        if name in result.expected:
            assert result.counters[name] == result.expected[name], name
    if cycles:
        assert result.cycles == result.expected_cycles
        assert (result.start, result.end) == (result.expected_start, result.expected_end)


def under(
    program: Program, inputs: dict[str, np.ndarray], *memories: MemorySettings
) -> list[CosimResult | SimulationError]:
    """The program's results with each of the memories."""
    return cosimulate_all([Case(program=program, inputs=inputs, memory=memory) for memory in memories])


def residual(on: System, weights: str = "auto") -> tuple[Program, dict[str, np.ndarray]]:
    net = residual_network()
    network = net.build(net.operators[-1].outputs[0])
    return compile_network(network, on, weights), {"x": net.codes("x")[None]}  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [pytest.param("4x4", marks=pytest.mark.slow), "3x5"])
def test_residual_network(name: str) -> None:
    program, inputs = residual(SYSTEMS[name])
    check(cosimulate(program, inputs), cycles=True)


def test_values_do_not_depend_on_the_memories() -> None:
    cases = []
    for weights in ("sram", "flash"):
        program, inputs = residual(SYSTEMS["4x4"], weights)
        cases += [Case(program=program, inputs=inputs, memory=memory) for memory in (FAST, SLOW, STALLS)]
    for result in cosimulate_all(cases):
        check(result)


@pytest.mark.parametrize("name", SYSTEMS)
def test_random_networks(name: str) -> None:
    cases = []
    for seed in range(list(SYSTEMS).index(name), 8, len(SYSTEMS)):
        net, output = random_network(seed)
        program = compile_network(net.build(output), SYSTEMS[name])
        cases.append(Case(program=program, inputs={"x": net.codes("x", seed)[None]}))
    for result in cosimulate_all(cases):
        check(result, cycles=True)


@pytest.mark.parametrize("name", [pytest.param("4x4", marks=pytest.mark.slow), "3x5"])
def test_registers_count_the_planes_of_transfers(name: str) -> None:
    """None, one and many; unaligned, of one beat and of several."""
    load = Load(bus_address=bus_address("sram", 3), pad_address=0, row_bytes=5, rows=2, bus_row_stride=11,
                bus_plane_stride=29, pad_row_stride=6, pad_plane_stride=13, wait=1 << Engine.VECTOR)  # fmt: skip
    body: list[Command] = [Fill(pad_address=25 * index, row_bytes=25, value=index - 50) for index in range(120)]
    body[-1] = replace(body[-1], signal=1 << Engine.STORE)
    body.append(Store(bus_address=bus_address("sram", 0), pad_address=0, row_bytes=3000, wait=1 << Engine.LOAD,
                      signal=1 << Engine.LOAD))  # fmt: skip
    body.append(Fill(pad_address=0, row_bytes=600, value=7, wait=1 << Engine.STORE))
    for index, count in enumerate((0, 1, 2, 37)):
        moved = replace(load, planes=Register(index), row_bytes=5 + 7 * index, signal=1 << Engine.STORE)
        back = Store(bus_address=bus_address("sram", 4096 * index + 8191), pad_address=1, row_bytes=13 - 4 * index,
                     planes=Register(index), pad_plane_stride=13, bus_plane_stride=17, wait=1 << Engine.LOAD,
                     signal=1 << Engine.LOAD)  # fmt: skip
        body += [SetRegister(destination=index, value=count, signal=1 << Engine.LOAD), moved, back]
        body.append(Fill(pad_address=600, row_bytes=1, wait=1 << Engine.STORE))
    item = handmade.program(body, on=SYSTEMS[name])
    moved_bytes = sum((5 + 7 * index) * 2 * count for index, count in enumerate((0, 1, 2, 37)))
    for memory, result in zip((NOMINAL, STALLS), under(item, {}, NOMINAL, STALLS), strict=True):
        check(result, cycles=memory is NOMINAL)
        assert isinstance(result, CosimResult) and result.counters["bytes_read"] == moved_bytes


def test_cpu_calls_run_between_segments() -> None:
    """Two segments with a CPU call between them that the second one needs."""
    net = NetworkBuilder(3)
    first = net.conv(net.input("x", (1, 6, 6, 3)), 8)
    called = net._add("cpu", (first,), net.shape(first), CpuCall(function="neg"))
    program = compile_network(net.build(net.conv(called, 8)), SYSTEMS["4x4"])
    assert [bool(segment.count) for segment in program.segments] == [True, False, True]
    nominal, late = under(program, {"x": net.codes("x")[None]}, NOMINAL, MemorySettings(latency=300))
    check(nominal, cycles=True)
    check(late)
    assert all(isinstance(result, CosimResult) and len(result.cycles) == 2 for result in (nominal, late))


def test_a_program_that_golden_refuses_is_refused() -> None:
    """The error of golden and the error cause of the RTL, from one program."""
    program, inputs = residual(SYSTEMS["4x4"])
    commands = program.commands.copy()
    commands[3, 0] = 77
    result = cosimulate(replace(program, commands=commands), inputs)
    assert result.error == "illegal_opcode" and "unknown opcode 77" in result.golden_error
    assert not result.values_equal


@pytest.mark.parametrize("name", ["resnet8", "kws"])
def test_whole_network(name: str) -> None:
    """A trained network on the array of edge16: every byte and every cycle."""
    network = Network.load(FIXTURES / f"{name}.network")
    program = compile_network(network, load_system("edge16"), "sram")
    rng = np.random.default_rng(0)
    shapes = {item: boundary.caller_shape(program.bindings[item].tensor) for item in program.inputs}
    inputs = {item: rng.integers(-128, 128, (1, *shape), np.int8) for item, shape in shapes.items()}
    check(cosimulate(program, inputs), cycles=True)


def product(pixels: int, channels: int, columns: int) -> tuple[Network, dict[str, np.ndarray]]:
    net = NetworkBuilder()
    x = net.input("x", (1, pixels, 1, channels))
    return net.build(net.conv(x, columns, (1, 1), padding=(0, 0, 0, 0))), {"x": net.codes("x")[None]}


def test_a_product_in_parts() -> None:
    """Tiles that take turns on parts of the contraction."""
    network, inputs = product(180, 96, 48)
    program = compile_network(network, SYSTEMS["4x4"], "sram", search=False)
    assert "the first in" in program.rows[0].mapping
    nominal, stalled = under(program, inputs, NOMINAL, STALLS)
    check(nominal, cycles=True)
    check(stalled)


def test_the_256_cubed_product() -> None:
    """At most 68,000 cycles where the array alone takes 65,536; weights and input in SRAM."""
    network, inputs = product(256, 256, 256)
    result = cosimulate(compile_network(network, load_system("edge16"), "sram"), inputs)
    check(result, cycles=True)
    assert result.counters["macs"] == 256**3
    assert sum(result.cycles) <= 68_000


def test_errors_and_reset(tmp_path: Path) -> None:
    """On the bus of the whole accelerator; see tb_accelerator.py."""
    program, inputs = residual(SYSTEMS["4x4"])
    job = Job(program=program, inputs=inputs, settings=NOMINAL, limit_cycles=100_000)
    job.save(tmp_path)
    simulate(
        build_accelerator(program), "tb_accelerator", test_dir=Path(__file__).parent, env={JOB_VARIABLE: str(tmp_path)}
    )
