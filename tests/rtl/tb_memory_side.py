"""Load, store and fill engines, command fetch and their memory: bytes held to golden, cycles to cost."""

import itertools
from types import SimpleNamespace

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles, ReadOnly, RisingEdge

from accel_models import cost
from accel_models.commands import COMMAND_BYTES, End, Fill, Load, SetRegister, Store, encode
from accel_models.memory import BUS_SPACES
from dma_bench import EVEN, FAST, SIZES, MemorySide, Speed
from dma_commands import corners, random_fill, random_transfer, space
from rtl.bench.stimulus import rounds
from stream import bursty, never, parameter

ROWS, BUS, PAD = parameter("Rows"), parameter("BusBytes"), parameter("PadBytes")
HW = SimpleNamespace(
    rows=ROWS, columns=parameter("Columns"), bus_bytes=BUS, dma_setup_cycles=parameter("DmaSetup"),
    max_burst_beats=parameter("MaxBurst"),
)  # fmt: skip
SLOW = {"flash": Speed(20, 7.7001953125), "sram": Speed(4, 1.0), "external": Speed(9, 2.5)}
LATE = {"flash": Speed(3, 1.0), "sram": Speed(25, 1.0), "external": Speed(1, 1.25)}
KINDS = {"load": Load, "store": Store}
WHOLE = {name: space(name, 0, size) for name, size in SIZES.items()}


def side(dut, seed):
    return MemorySide(dut, HW, PAD, np.random.default_rng([seed, ROWS, BUS]))


async def run_and_check(bench, engine, commands, *, disturbed=False):
    log = await bench.run(engine, commands)
    for command in commands:
        bench.execute(command)
    bench.check_cycles(commands, log, disturbed=disturbed)
    await bench.compare()


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(speed=[EVEN, SLOW])
async def corner_transfers(dut, speed):
    bench = side(dut, 1)
    await bench.begin(speed)
    burst = HW.max_burst_beats
    await run_and_check(bench, "load", corners(Load, BUS_SPACES["sram"] + 4096, BUS, burst))
    await run_and_check(bench, "store", corners(Store, BUS_SPACES["sram"] + 4096, BUS, burst))
    fills = [Fill(pad_address=5, row_bytes=length, value=-3) for length in (1, ROWS - 1, ROWS, ROWS + 1, 0)]
    fills += [Fill(pad_address=PAD - 90, row_bytes=10, rows=9, pad_row_stride=10, value=127)]
    await run_and_check(bench, "load", fills)


@cocotb.test(timeout_time=10, timeout_unit="ms")
@cocotb.parametrize(speed=[EVEN, SLOW, LATE])
async def random_loads_and_fills(dut, speed):
    bench = side(dut, 2)
    await bench.begin(speed)
    rng = bench.rng
    for _ in range(rounds(3)):
        commands = []
        for _ in range(40):
            where = WHOLE[str(rng.choice(list(WHOLE), p=[0.2, 0.6, 0.2]))]
            transfer = random_transfer(rng, Load, where, (0, bench.lists), bench.lists)
            commands.append(random_fill(rng, (0, bench.lists)) if rng.random() < 0.2 else transfer)
        await run_and_check(bench, "load", commands)


@cocotb.test(timeout_time=10, timeout_unit="ms")
@cocotb.parametrize(speed=[EVEN, SLOW, LATE])
async def random_stores(dut, speed):
    bench = side(dut, 3)
    await bench.begin(speed)
    for _ in range(rounds(3)):
        names = bench.rng.choice(["sram", "external"], 40)
        commands = [
            random_transfer(bench.rng, Store, WHOLE[str(name)], (0, bench.lists), bench.lists) for name in names
        ]
        await run_and_check(bench, "store", commands)


@cocotb.test(timeout_time=10, timeout_unit="ms")
@cocotb.parametrize(engine=["load", "store"])
async def withheld_scratchpad(dut, engine):
    """Cycles that the scratchpad withholds are counted as lost, and cost nothing else."""
    bench = side(dut, 4)
    await bench.begin({**EVEN, "sram": Speed(5, 1.0)}, pad_stall=90)
    kind = Load if engine == "load" else Store
    commands = [
        random_transfer(bench.rng, kind, WHOLE["sram"], (0, bench.lists), bench.lists) for _ in range(rounds(60))
    ]
    if engine == "load":
        commands += [random_fill(bench.rng, (0, bench.lists)) for _ in range(rounds(20))]
    await run_and_check(bench, engine, commands, disturbed=True)


def late():
    """Nothing is taken for long, then little."""
    return itertools.chain([True] * 200, itertools.cycle([True] * 15 + [False]))


async def fetched(dut, address, stalls, out):
    """Start a fetch, and collect commands until the End."""
    dut.fetch_address_i.value, dut.fetch_start_i.value = address, 1
    await RisingEdge(dut.clk_i)
    dut.fetch_start_i.value = 0
    cycle = 0
    while not out or out[-1][1][0] != End.OPCODE:
        stalled = next(stalls)
        dut.command_ready_i.value = int(not stalled)
        await ReadOnly()
        cycle += 1
        if not stalled and dut.command_valid_o.value == 1:
            out.append((cycle, dut.command_o.value.to_bytes(byteorder="little")))
        await RisingEdge(dut.clk_i)
    dut.command_ready_i.value = 1
    while True:  # what was asked for beyond the End is dropped
        await ReadOnly()
        assert dut.command_valid_o.value == 0
        busy = dut.fetch_busy_o.value == 1
        await RisingEdge(dut.clk_i)
        if not busy:
            break
    dut.command_ready_i.value = 0


def segment(bench, name, offset, count):
    """`count` commands and an End, in a memory of the bench; the bytes of each."""
    numbers = bench.rng.integers(-(1 << 31), 1 << 31, count)
    commands = [encode(SetRegister(destination=place % 32, value=int(value))) for place, value in enumerate(numbers)]
    commands.append(encode(End()))
    data = np.frombuffer(b"".join(commands), np.uint8)
    bench.memories[name][0, offset : offset + len(data)] = data
    return commands


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(stalls=[never, bursty, late])
async def fetches(dut, stalls):
    """Segments of many lengths, one after the other; cycles of cost.fetch while nothing stalls."""
    bench = side(dut, 5)
    lengths, offset, segments = (0, 1, 2, 3, 4, 5, 40), 0, []
    for length in lengths:
        segments.append((offset, segment(bench, "sram", offset, length)))
        offset += COMMAND_BYTES * (length + 1)
    speed = {**EVEN, "sram": Speed(6, 1.0)}
    await bench.begin(speed)
    for first, commands in segments:
        out = []
        await fetched(dut, BUS_SPACES["sram"] + first, stalls(), out)
        assert [data for _, data in out] == commands
        if stalls is never:
            beats = COMMAND_BYTES // BUS
            # One cycle to the address, the latency, the beats; offered in the cycle after the last of them.
            assert [cycle for cycle, _ in out] == [1 + 6 + beats * (place + 1) for place in range(len(commands))]


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(stall=[0, 100], pad_stall=[0, 100], speed=[EVEN, SLOW])
async def everything_at_once(dut, stall, pad_stall, speed):
    """Loads, stores and fetches at the same time, disjoint in memory, with stalls everywhere: values stay golden's."""
    bench = side(dut, 6)
    expected = segment(bench, "sram", 0, 60)
    await bench.begin(speed, stall, pad_stall, seed=7 + stall + pad_stall)
    rng, half = bench.rng, PAD // 2
    loads, stores = [], []
    for _ in range(40):
        source = [WHOLE["flash"], space("sram", 0, 16384), space("external", 0, 8192)][rng.choice(3, p=[0.1, 0.6, 0.3])]
        target = [space("sram", 16384, 32768), space("external", 8192, 16384)][rng.integers(2)]
        loads.append(random_transfer(rng, Load, source, (0, half), bench.lists))
        if rng.random() < 0.2:
            loads.append(random_fill(rng, (0, half)))
        stores.append(random_transfer(rng, Store, target, (half, bench.lists), bench.lists))
    out = []
    fetching = cocotb.start_soon(fetched(dut, BUS_SPACES["sram"], bursty(), out))
    storing = cocotb.start_soon(bench.run("store", stores))
    loaded = await bench.run("load", loads)
    stored = await storing
    await fetching
    bench.check_cycles(loads, loaded, disturbed=True)
    bench.check_cycles(stores, stored, disturbed=True)
    assert [data for _, data in out] == expected
    for command in loads + stores:
        bench.execute(command)
    await bench.compare()


ERRORS = ("error", "pad_error", "offset_error")


async def errors(dut, engine, command):
    """Run one command on an engine: the errors that it reported, of ``ERRORS``."""
    getattr(dut, f"{engine}_start_valid_i").value = 1
    getattr(dut, f"{engine}_command_i").value = int.from_bytes(encode(command), "little")
    await RisingEdge(dut.clk_i)
    getattr(dut, f"{engine}_start_valid_i").value = 0
    found = set()
    for _ in range(2000):
        await ReadOnly()
        found |= {name for name in ERRORS if getattr(dut, f"{engine}_{name}_o").value == 1}
        done = getattr(dut, f"{engine}_done_o").value == 1
        await RisingEdge(dut.clk_i)
        if done:
            return found
    raise AssertionError(f"{command} hangs")


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def bus_errors(dut):
    """Addresses outside the memories, or too long for their fields, are reported; the command ends all the same."""
    bench = side(dut, 8)
    sram = BUS_SPACES["sram"]
    inside = {"pad_address": 4, "row_bytes": 2 * BUS}
    cases = [
        ("load", Load(bus_address=sram, **inside), set()),
        ("load", Load(bus_address=0x100, **inside), {"error"}),
        ("load", Load(bus_address=sram + SIZES["sram"] - BUS, **inside), {"error"}),
        ("load", Load(bus_address=sram + 64, rows=2, bus_row_stride=(1 << 32) - 64, **inside), {"error"}),
        ("load", Load(bus_address=sram, rows=2, pad_row_stride=(1 << 20) - 2, **inside), {"pad_error"}),
        ("load", Load(bus_address=sram, planes=2, pad_plane_stride=(1 << 20) - 1, **inside), {"pad_error"}),
        ("load", Load(bus_address=sram, pad_address=(1 << 20) - 3, row_bytes=2 * BUS), {"pad_error"}),
        ("load", Fill(pad_address=9, row_bytes=3, rows=2, pad_row_stride=(1 << 20) - 1, value=1), {"pad_error"}),
        ("store", Store(bus_address=sram, **inside), set()),
        ("store", Store(bus_address=BUS_SPACES["flash"], **inside), {"error"}),
        ("store", Store(bus_address=sram + SIZES["sram"] - BUS, **inside), {"error"}),
        ("store", Store(bus_address=sram + 64, planes=2, bus_plane_stride=(1 << 32) - 64, **inside), {"error"}),
        ("store", Store(bus_address=sram, rows=2, pad_row_stride=(1 << 20) - 1, **inside), {"pad_error"}),
        ("store", Store(bus_address=sram, **inside), set()),
    ]
    highest = (1 << 32) - BUS
    lists = {  # offsets, the largest that is allowed, and what they do
        256: ((0, 64), 64, set()),
        264: ((0, BUS // 2), highest, {"offset_error"}),
        272: ((1, 0), highest, {"offset_error"}),
        280: ((highest, 0), highest, {"error"}),
        288: ((0, 64), 63, {"offset_error"}),
    }
    for place, (offsets, largest, expected) in lists.items():
        bench.pad[0, place : place + 8] = np.array(offsets, "<u4").view(np.uint8)
        listed = {"pad_address": 64, "row_bytes": BUS, "planes": 2, "listed": 1, "list_address": place}
        listed["bus_plane_stride"] = largest
        cases += [(name, kind(bus_address=sram + 64, **listed), expected) for name, kind in KINDS.items()]
    beyond = {"pad_address": 64, "row_bytes": BUS, "planes": 2, "listed": 1, "list_address": (1 << 20) - 4}
    await bench.begin(EVEN)
    for engine, command, expected in cases:
        assert await errors(dut, engine, command) == expected, str(command)
    for engine, kind in KINDS.items():  # what is read out there may be no offset either
        assert "pad_error" in await errors(dut, engine, kind(bus_address=sram + 64, **beyond))


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def fetch_error_and_flush(dut):
    """Commands outside the memories raise the error and none is delivered; a flush forgets, and a new start works."""
    bench = side(dut, 9)
    expected = segment(bench, "sram", 0, 30)
    await bench.begin(dict.fromkeys(SIZES, FAST), stall=60)
    for address, flush_after in ((0x100, 0), (BUS_SPACES["sram"], 17), (BUS_SPACES["sram"], 23)):
        dut.fetch_address_i.value, dut.fetch_start_i.value = address, 1
        await RisingEdge(dut.clk_i)
        dut.fetch_start_i.value = 0
        failed = 0
        for cycle in range(200):
            dut.fetch_flush_i.value = int(cycle == flush_after > 0)
            await ReadOnly()
            failed += int(dut.fetch_error_o.value)
            assert flush_after or dut.command_valid_o.value == 0
            await RisingEdge(dut.clk_i)
        await ReadOnly()
        assert failed == (0 if flush_after else 1)
        assert dut.command_valid_o.value == 0 and dut.fetch_busy_o.value == 0
        await ClockCycles(dut.clk_i, 1)
    out = []
    await fetched(dut, BUS_SPACES["sram"], never(), out)
    assert [data for _, data in out] == expected
    assert cost.COMMAND_FETCH_AHEAD == 4  # of the build's command_fetch
