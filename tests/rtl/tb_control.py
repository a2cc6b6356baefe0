"""Control path against the event machine: every start and end of random token programs, and every error."""

from dataclasses import replace

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles, ReadOnly, RisingEdge

from accel_models.batch import Decided, batches, register_extents
from accel_models.commands import Command, End, Engine, Fill, Matrix, Range, Register, Requantize, Store, encode, layout
from accel_models.program import Program
from accel_models.registers import ErrorCause
from accel_models.timing import simulate
from accel_models.work import Work, work_of
from control_bench import ENGINES, Fetch, Outcome, prepare, run_segment
from rtl.bench.stimulus import rounds
from stream import parameter
from tests.accel_models.handmade import program, random_commands, system

REGISTERS = {index: 1 + index % 6 for index in range(32)}  # they fit every field
LOAD, MATRIX, VECTOR, STORE = (1 << engine for engine in Engine)
FILL = Fill(pad_address=0, row_bytes=16)
SUMS = Matrix(mode=0, input_address=0, input_pixel_stride=16, input_width=16, output_width=16, columns=16, run_bytes=16,
              weight_address=0, weight_row_stride=16, accumulator=0)  # fmt: skip
CODES = Requantize(accumulator=0, width=16, columns=16, parameters=0, output_address=0)
OUT = Store(bus_address=0x2000_0000, pad_address=0, row_bytes=16)


def with_registers(commands: list[Command], rng: np.random.Generator) -> list[Command]:
    """Some of the fields that may name a register do."""
    found = []
    for command in commands:
        names = [spec.name for spec in layout(type(command)) if spec.register and rng.random() < 0.2]
        found.append(replace(command, **{name: Register(int(rng.integers(32))) for name in names}))
    return found


def oracle_of(commands: list[Command], fetch: Fetch, rng: np.random.Generator) -> tuple[Program, Work]:
    """The program on a system with the build's depths, its commands' durations drawn anew."""
    on = system(
        accelerator__queue_depth=parameter("QueueDepth"), accelerator__token_depth=parameter("TokenDepth"),
    )  # fmt: skip
    item = program(commands, on=on)
    extents = {
        place: {name: REGISTERS[register] for name, register in register_extents(command)}
        for place, command in enumerate(item.decoded)
    }
    work = work_of(item, batches(item, Decided(extents)))
    operands = np.array([sum(isinstance(getattr(c, s.name), Register) for s in layout(type(c))) for c in item.decoded])
    return item, replace(
        work, cycles=rng.integers(2, 60, len(work.cycles)), shared=operands, operands=operands, beats=0 * work.beats,
        fetch_space=0, fetch_beats=fetch.beats, speed={0: (fetch.latency, fetch.pace)},
    )  # fmt: skip


def resolved(command: Command) -> int:
    """The command as its engine sees it."""
    names = [s.name for s in layout(type(command)) if isinstance(getattr(command, s.name), Register)]
    values = {name: REGISTERS[getattr(command, name).index] for name in names}
    return int.from_bytes(encode(replace(command, **values)), "little")


async def run(dut, commands: list[Command], duration: int = 5, **more) -> Outcome:
    """A segment with every command lasting as long."""
    words = [int.from_bytes(encode(command), "little") for command in program(commands).decoded]
    return await run_segment(dut, words, {e: [duration] * len(words) for e in range(ENGINES)}, Fetch(4, 1.0, 8), **more)


async def works(dut) -> None:
    """A chain through all engines runs in order and leaves no token behind; a full queue gives what it took."""
    chain = [
        replace(FILL, signal=MATRIX),
        replace(SUMS, wait=LOAD, signal=VECTOR),
        replace(CODES, wait=MATRIX, signal=STORE),
        replace(OUT, wait=VECTOR),
    ]
    out = await run(dut, chain, duration=20)
    assert out.cause is None
    assert [starts[0][0] for starts in out.starts] == [out.starts[0][0][0] + 20 * k for k in range(4)]
    fills = [replace(FILL, pad_address=16 * place) for place in range(2 * parameter("QueueDepth") + 1)]
    out = await run(dut, fills, duration=20)
    assert [word for _, word in out.starts[Engine.LOAD]] == [int.from_bytes(encode(fill), "little") for fill in fills]


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(seed=range(rounds(6, least=3)))
async def starts_equal_the_event_machine(dut, seed):
    rng = np.random.default_rng(seed)
    fetch = [Fetch(4, 1.0, 8), Fetch(1, 1.0, 2), Fetch(20, 3.75, 8)][seed % 3]
    commands = with_registers(random_commands(rng, 100), rng)
    item, work = oracle_of(commands, fetch, rng)
    timing = simulate(item, work=work, ideal_scratchpad=True)  # durations are those of ``work``
    await prepare(dut, REGISTERS)
    mine = {e: np.flatnonzero(work.engine == e) for e in range(ENGINES)}
    words = [int.from_bytes(data.tobytes(), "little") for data in item.commands]
    out = await run_segment(dut, words, {e: work.cycles[mine[e]].tolist() for e in mine}, fetch)
    assert out.cause is None and out.cycles == timing.total_cycles and out.dispatched == len(words)
    for e, places in mine.items():
        assert [cycle for cycle, _ in out.starts[e]] == (timing.start[places] + work.shared[places]).tolist()
        assert out.ends[e] == timing.end[places].tolist()
        assert [word for _, word in out.starts[e]] == [resolved(item.decoded[place]) for place in places]
        assert out.busy[e] == timing.busy[e] and out.stalled[e] == timing.stalled[e]


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def a_result_in_a_register_reaches_the_next_command(dut):
    """Written at the end of one command, read by the next of the same engine and, behind a token, of another one."""
    await prepare(dut)
    commands = [
        Range(accumulator=0, entries=4, columns=4, destination=7, signal=MATRIX),
        replace(CODES, zero_b=Register(7), multiplier=Register(7)),
        replace(SUMS, output_height=Register(7), wait=VECTOR),
    ]
    out = await run(dut, commands, scalars=lambda word: (7, 100) if word & 0xFF == Range.OPCODE else None)
    assert out.starts[Engine.VECTOR][1][1] == int.from_bytes(
        encode(replace(CODES, zero_b=100, multiplier=100)), "little"
    )
    wanted = replace(SUMS, output_height=100, wait=VECTOR)
    assert out.starts[Engine.MATRIX][0][1] == int.from_bytes(encode(wanted), "little")


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def register_values_must_fit(dut):
    """Both ends of the range of an unsigned and a signed field start; one further stops the segment."""
    field = {"row_bytes": (0, (1 << 20) - 1), "value": (-128, 127)}
    for name, (low, high) in field.items():
        for value, fits in ((low, True), (high, True), (low - 1, False), (high + 1, False), (-(1 << 31), False)):
            await prepare(dut, {3: value})
            out = await run(dut, [replace(FILL, **{name: Register(3)})])
            assert out.cause == (None if fits else ErrorCause.REGISTER_RANGE), (name, value)
            if fits:
                assert out.starts[0][0][1] == int.from_bytes(encode(replace(FILL, **{name: value})), "little")
            else:
                assert out.starts[0] == []
                await works(dut)


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def illegal_commands_stop_the_segment(dut):
    await prepare(dut)
    legal = int.from_bytes(encode(SUMS), "little")
    end = 15
    cases = [(opcode, ErrorCause.ILLEGAL_OPCODE) for opcode in (0, 17, 32, 127, 255)]
    cases += [(legal | 1 << 511, ErrorCause.UNUSED_BITS), (legal | 1 << 337, ErrorCause.UNUSED_BITS)]
    cases += [(end | 1 << 16, ErrorCause.UNUSED_BITS), (9 | 1 << 53, ErrorCause.UNUSED_BITS)]
    for word, cause in cases:
        out = await run_segment(dut, [legal, word, legal, end], {e: [40] * 4 for e in range(ENGINES)}, Fetch(4, 1.0, 8))
        assert out.cause == cause, hex(word)
        assert len(out.ends[Engine.MATRIX]) == 1, "what runs finishes, nothing more starts"
        await works(dut)


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def tokens_overflow_at_their_depth(dut):
    """A counter takes TokenDepth tokens and no more, unless one is taken in the same cycle."""
    depth = parameter("TokenDepth")
    gives, takes = [replace(FILL, signal=MATRIX)], [replace(SUMS, wait=LOAD)]
    await prepare(dut)
    assert (await run(dut, gives * depth)).cause is None
    out = await run(dut, gives + takes, duration=9)  # as long as a fetch and a cycle
    assert out.cause is None and out.starts[Engine.MATRIX][0][0] == out.ends[Engine.LOAD][0] - 1
    out = await run(dut, takes * depth)
    assert out.cause is None and out.starts[Engine.MATRIX][0][0] < 30, "tokens outlast their segment"
    out = await run(dut, gives * (depth + 1))
    assert out.cause == ErrorCause.TOKEN_OVERFLOW
    await works(dut)
    out = await run(dut, takes)
    assert out.cause == ErrorCause.DEADLOCK, "an error drops all tokens"
    await works(dut)


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def a_deadlock_is_found(dut):
    await prepare(dut)
    waits = replace(SUMS, wait=LOAD)
    for commands in (
        [waits],
        [replace(FILL, wait=MATRIX), waits],
        [waits] * (parameter("QueueDepth") + 2) + [replace(FILL, signal=MATRIX)],  # the token is behind a full queue
    ):
        assert (await run(dut, commands)).cause == ErrorCause.DEADLOCK
        await works(dut)
    full = [waits] * (parameter("QueueDepth") + 1) + [replace(FILL, signal=MATRIX)] * (parameter("QueueDepth") + 1)
    assert (await run(dut, full)).cause is None, "one waits in the front, the queue holds the rest"


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def an_error_from_outside_stops_the_segment(dut):
    await prepare(dut)
    for cycle in (0, 3, 20, 40):
        out = await run(dut, [FILL, SUMS, replace(CODES, low=Register(1)), OUT] * 2, fault=(cycle, ErrorCause.BUS_READ))
        assert out.cause == ErrorCause.BUS_READ
        await works(dut)


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def failure_waits_for_the_bus(dut):
    """A failed segment stays busy while beats of the fetch are under way."""
    await prepare(dut)
    dut.start_i.value = 1
    await RisingEdge(dut.clk_i)
    dut.start_i.value, dut.fetch_busy_i.value = 0, 1
    dut.error_i.value, dut.error_cause_i.value = 1, int(ErrorCause.COMMAND_READ)
    await RisingEdge(dut.clk_i)
    dut.error_i.value = 0
    for _ in range(20):
        await ReadOnly()
        assert dut.busy_o.value == 1 and dut.failed_o.value == 0
        await RisingEdge(dut.clk_i)
    dut.fetch_busy_i.value = 0
    await ReadOnly()
    assert dut.failed_o.value == 1 and dut.cause_o.value == int(ErrorCause.COMMAND_READ)
    await RisingEdge(dut.clk_i)
    await works(dut)


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def a_start_waits_for_the_last_fetch(dut):
    """What the last segment fetched beyond its End comes first; then the fetch starts once and the segment runs."""
    await prepare(dut)
    for waiting in (1, 2, 9):
        dut.start_i.value, dut.fetch_busy_i.value = 1, 1
        await RisingEdge(dut.clk_i)
        dut.start_i.value = 0
        for _ in range(waiting):
            await ReadOnly()
            assert dut.busy_o.value == 1 and dut.fetch_start_o.value == 0 and dut.command_ready_o.value == 0
            await RisingEdge(dut.clk_i)
        dut.fetch_busy_i.value = 0
        await ReadOnly()
        assert dut.fetch_start_o.value == 1
        await RisingEdge(dut.clk_i)
        dut.fetch_busy_i.value = 1
        dut.command_valid_i.value, dut.command_i.value = 1, End.OPCODE
        await ReadOnly()
        assert dut.fetch_start_o.value == 0 and dut.done_o.value == 1
        await RisingEdge(dut.clk_i)
        dut.command_valid_i.value, dut.fetch_busy_i.value = 0, 0
        await ReadOnly()
        assert dut.busy_o.value == 0
        await RisingEdge(dut.clk_i)
    await works(dut)


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def reset_in_mid_job(dut):
    """Reset while commands run, wait and lie in queues leaves nothing behind."""
    await prepare(dut, REGISTERS)
    task = cocotb.start_soon(run(dut, [FILL, replace(SUMS, wait=LOAD), CODES, OUT] * 4, limit=10_000))
    await ClockCycles(dut.clk_i, 75)
    task.cancel()
    await prepare(dut)
    await works(dut)
    out = await run(dut, [replace(FILL, row_bytes=Register(3))])
    assert out.starts[0][0][1] == int.from_bytes(encode(replace(FILL, row_bytes=0)), "little"), "registers are zero"


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def reset_while_a_register_is_refused(dut):
    """At every moment between the refusal and the end of the segment, which waits for a long command."""
    refused = [replace(SUMS), replace(FILL, row_bytes=Register(3))]
    for cycles in range(10, 40):
        await prepare(dut, {3: -1})
        task = cocotb.start_soon(run(dut, refused, duration=200))
        await ClockCycles(dut.clk_i, cycles)
        task.cancel()
        await prepare(dut)
        await works(dut)
