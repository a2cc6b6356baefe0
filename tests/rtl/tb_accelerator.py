"""The whole accelerator on its two buses: every error cause and what comes after it, reset in mid-job, no interrupt."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles

from accel_models.commands import (
    COMMAND_BYTES,
    Command,
    Elementwise,
    End,
    Engine,
    Fill,
    Load,
    Matrix,
    Range,
    Register,
    Requantize,
    SetRegister,
    Store,
    decode,
    encode,
)
from accel_models.golden import GoldenError, State, execute
from accel_models.memory import SRAM_BASE
from accel_models.program import Segment
from accel_models.registers import Control, Counter, Csr, ErrorCause, Interrupt, Status
from rtl.bench.axil import AxiLite
from rtl.bench.cosim_job import Host
from rtl.bench.job import JOB_VARIABLE, command_base, machine_of, write_inputs
from rtl.bench.stimulus import rounds

LOAD, MATRIX, VECTOR, STORE = (1 << engine for engine in Engine)
PAD, ENTRIES, DEPTH = 32768, 512, 63  # scratchpad bytes, accumulator entries, tokens of the system under test
FILL = Fill(pad_address=64, row_bytes=16)
COPY = Elementwise(function=2, columns=4, a_address=0, output_address=64)
SUMS = Matrix(mode=0, input_address=0, input_pixel_stride=4, input_width=16, output_width=16, columns=4, run_bytes=4,
              weight_address=0, weight_row_stride=4, accumulator=0)  # fmt: skip
CODES = Requantize(accumulator=0, width=16, columns=4, parameters=0, output_address=64, output_pixel_stride=4)
PARAMETERS = Fill(pad_address=0, row_bytes=36, value=1, signal=VECTOR)  # of CODES: a shift of 0 is none
OUT = Store(bus_address=SRAM_BASE, pad_address=0, row_bytes=16)
IN = Load(bus_address=SRAM_BASE, pad_address=0, row_bytes=16)
FAR_OFFSET = Fill(pad_address=0, row_bytes=4, value=8)  # one that is farther than allowed
ODD_OFFSET = Fill(pad_address=0, row_bytes=4, value=1)  # an entry of a row list that is no whole beat
WRONG: dict[ErrorCause, list[list[Command]]] = {
    ErrorCause.REGISTER_RANGE: [
        [SetRegister(destination=3, value=-1, signal=LOAD), replace(FILL, rows=Register(3), wait=VECTOR)],
        [SetRegister(destination=3, value=128), replace(COPY, low=Register(3))],
        [SetRegister(destination=3, value=1 << 16, signal=LOAD), replace(IN, planes=Register(3), wait=VECTOR)],
    ],
    ErrorCause.TOKEN_OVERFLOW: [[SetRegister(destination=0, value=0, signal=LOAD)] * (DEPTH + 1)],
    ErrorCause.DEADLOCK: [[replace(FILL, wait=MATRIX)], [replace(SUMS, wait=STORE), replace(OUT, wait=MATRIX)]],
    ErrorCause.SCRATCHPAD_RANGE: [
        [replace(FILL, pad_address=PAD - 15)],
        [replace(IN, pad_address=PAD - 15)],
        [replace(OUT, pad_address=PAD - 15)],
        [replace(IN, pad_address=(1 << 20) - 1)],  # the second beat's address has more bits than a field
        [replace(IN, listed=1, list_address=PAD - 3)],
        [replace(OUT, listed=1, list_address=PAD - 3)],
        [replace(COPY, a_address=PAD - 3)],
        [replace(COPY, output_address=PAD - 3)],
        [replace(SUMS, input_address=PAD - 63)],
        [replace(SUMS, weight_address=PAD - 15)],
        [replace(CODES, parameters=PAD - 35)],
    ],
    ErrorCause.ACCUMULATOR_RANGE: [
        [replace(SUMS, accumulator=ENTRIES - 15)],
        [PARAMETERS, replace(CODES, accumulator=ENTRIES - 15, wait=LOAD)],
        [Range(accumulator=ENTRIES - 1, entries=2, columns=4, destination=0)],
    ],
    ErrorCause.FIELD_RANGE: [
        [replace(SUMS, mode=1, taps=5)],
        [replace(SUMS, mode=3)],
        [replace(COPY, shift=0)],
        [ODD_OFFSET, replace(IN, pad_address=64, listed=1)],
        [replace(ODD_OFFSET, signal=STORE), replace(OUT, listed=1, wait=LOAD)],
        [FAR_OFFSET, replace(IN, pad_address=64, listed=1)],
        [replace(FAR_OFFSET, signal=STORE), replace(OUT, listed=1, wait=LOAD)],
    ],
    ErrorCause.BUS_READ: [[replace(IN, bus_address=0)], [replace(IN, bus_address=SRAM_BASE + (1 << 17))]],
    ErrorCause.BUS_WRITE: [[replace(OUT, bus_address=0x0800_0000)], [replace(OUT, bus_address=0x6000_0000)]],
}
UNKNOWN_TO_GOLDEN = (ErrorCause.TOKEN_OVERFLOW, ErrorCause.DEADLOCK)  # timing finds these


async def host_of(dut) -> Host:
    host = Host(dut, Path(os.environ[JOB_VARIABLE]))
    await host.power_on()
    return host


async def run_words(host: Host, words: Sequence[bytes]) -> dict[str, int]:
    """Put commands where the program's own are and run them."""
    data = np.frombuffer(b"".join(words), np.uint8)
    first = command_base(host.program) - SRAM_BASE
    host.machine.state.bus["sram"][0, first : first + len(data)] = data
    await host.load(["sram"])
    return await host.segment(Segment(first=0, count=len(words)))


async def works(host: Host) -> None:
    """Bytes go from the SRAM through three engines and back."""
    sram = host.machine.state.bus["sram"][0]
    sram[:32] = np.arange(1, 33)
    chain = [
        replace(IN, signal=VECTOR),
        replace(COPY, columns=16, wait=LOAD, signal=STORE),
        replace(OUT, bus_address=SRAM_BASE + 16, pad_address=64, wait=VECTOR),
    ]
    result = await run_words(host, [encode(command) for command in (*chain, End())])
    assert result["cause"] == ErrorCause.NONE and result["status"] == Status.DONE
    await host.dump()
    sram = host.machine.state.bus["sram"][0]
    assert sram[16:32].tolist() == list(range(1, 17))


def refused_by_golden(host: Host, commands: Sequence[Command]) -> bool:
    state = State.of(host.program.system, 1)
    try:
        for command in commands:
            execute(decode(encode(command)), state)
    except GoldenError:
        return True
    return False


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def errors_stop_the_segment_and_no_other(dut):
    host = await host_of(dut)
    for cause, cases in WRONG.items():
        for commands in cases:
            assert refused_by_golden(host, commands) == (cause not in UNKNOWN_TO_GOLDEN), commands
            result = await run_words(host, [encode(command) for command in (*commands, End())])
            assert result["cycles"] > 0, f"{cause.name}: the segment does not end: {commands}"
            found = ErrorCause(result["cause"])
            assert (found, result["status"]) == (cause, Status.ERROR), (found, commands)
            await works(host)


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def words_that_are_no_command(dut):
    host = await host_of(dut)
    legal, end = encode(SUMS), encode(End())
    for word, cause in (
        (bytes([77]) + legal[1:], ErrorCause.ILLEGAL_OPCODE),
        (bytes(COMMAND_BYTES), ErrorCause.ILLEGAL_OPCODE),
        (legal[:-1] + b"\x80", ErrorCause.UNUSED_BITS),
        (end[:2] + b"\x01" + end[3:], ErrorCause.UNUSED_BITS),
    ):
        assert (await run_words(host, [legal, word, end]))["cause"] == cause
        await works(host)


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def commands_that_are_nowhere(dut):
    host = await host_of(dut)
    for address in (0, SRAM_BASE + (1 << 17)):
        await host.bus.write(Csr.COMMAND_ADDRESS, address)
        await host.bus.write(Csr.CONTROL, Control.START)
        await ClockCycles(dut.clk_i, 200)
        assert await host.bus.read(Csr.STATUS) == Status.ERROR
        assert await host.bus.read(Csr.ERROR_CAUSE) == ErrorCause.COMMAND_READ
        await host.bus.write(Csr.INTERRUPT, Interrupt.ERROR)
        await works(host)


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def reset_in_mid_job(dut):
    """Whatever runs when reset comes, the next run of the program is golden's and takes as long as the first."""
    host = await host_of(dut)
    golden = machine_of(host.program)
    golden.run(host.job.inputs)
    (segment,) = host.program.segments
    write_inputs(host.machine, host.job.inputs)
    await host.load(["sram"])
    first = await host.segment(segment)
    anywhere = np.random.default_rng(0).integers(20, first["cycles"] - 200, rounds(10))
    while_it_stores = np.arange(first["cycles"] - 200, first["cycles"] - 40, 160 // rounds(8, least=3))
    for cycles in (*anywhere, *while_it_stores):
        await host.bus.write(Csr.COMMAND_ADDRESS, command_base(host.program))
        await host.bus.write(Csr.CONTROL, Control.START)
        await ClockCycles(dut.clk_i, int(cycles))
        assert await host.bus.read(Csr.STATUS) == Status.BUSY
        dut.rst_ni.value = 0
        await ClockCycles(dut.clk_i, 2)
        dut.rst_ni.value = 1
        host.bus = AxiLite(dut)
        assert await host.bus.read(Csr.STATUS) == 0
        assert [await host.bus.counter(counter) for counter in Counter] == [0] * len(Counter)
        await host.bus.write(Csr.INTERRUPT_ENABLE, Interrupt.DONE | Interrupt.ERROR)
        write_inputs(host.machine, host.job.inputs)
        await host.load(["sram"])
        assert await host.segment(segment) == first
        await host.dump()
        np.testing.assert_array_equal(host.machine.state.bus["sram"], golden.state.bus["sram"])


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def status_is_polled_without_an_interrupt(dut):
    host = await host_of(dut)
    await host.bus.write(Csr.INTERRUPT_ENABLE, 0)
    await host.bus.write(Csr.COMMAND_ADDRESS, command_base(host.program))
    await host.bus.write(Csr.CONTROL, Control.START)
    while await host.bus.read(Csr.STATUS) == Status.BUSY:
        await ClockCycles(dut.clk_i, 1000)
    assert dut.irq_o.value == 0
    assert await host.bus.read(Csr.STATUS) == Status.DONE
    assert await host.bus.read(Csr.INTERRUPT) == Interrupt.DONE
