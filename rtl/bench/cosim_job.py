"""The testbench of co-simulations: plays the host for bench_top. Runs inside the simulator; see rtl.bench.cosim."""

import json
import os
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, First, RisingEdge, Timer

from accel_models import kernels
from accel_models.commands import COMMAND_BYTES, REGISTERS
from accel_models.golden import Machine
from accel_models.program import Segment
from accel_models.registers import Control, Counter, Csr, ErrorCause, Interrupt, Status
from rtl.bench.axil import AxiLite
from rtl.bench.images import read_image, read_scratchpad, write_image
from rtl.bench.job import (
    EVENTS,
    JOB_VARIABLE,
    MEMORIES,
    PROGRESS,
    RESULT,
    SPACES,
    Job,
    MemoryPorts,
    command_base,
    images_of,
    rest_cycles,
    write_inputs,
)

_PERIOD_NS = 2
_REPORT_CYCLES = 200_000  # between two lines of progress


class Host:
    """The microcontroller: memories through files, registers over the bus, CPU calls on golden's kernels.

    ``written``: memories that are not all zero any more, kept by the caller from job to job.
    """

    def __init__(self, dut: Any, folder: Path, written: set[str] | None = None) -> None:
        self.dut, self.folder, self.job = dut, folder, Job.load(folder)
        self.program = self.job.program
        accelerator = self.program.system.accelerator
        assert accelerator is not None
        self.banks, self.pad_bytes = accelerator.scratchpad.banks, accelerator.scratchpad.size_bytes
        self.word_bytes = self.program.system.bus.bytes_per_cycle
        array = accelerator.array
        self.pad_word = 1 << (max(array.rows, array.columns, self.word_bytes) - 1).bit_length()
        self.sum_bytes = 4 * array.columns
        self.machine: Machine = images_of(self.program)
        self.written = set() if written is None else written
        self.progress = folder / PROGRESS
        self.events_at = 0  # bytes of the events file that are of earlier jobs
        self.writable = [space for space in SPACES if space != "flash" and space in self.machine.state.bus]

    async def power_on(self) -> None:
        """The first job of a start: everything is zero."""
        Clock(self.dut.clk_i, _PERIOD_NS, "ns").start()
        self.dut.pad_load_i.value = 0
        await self.reset()

    async def power_cycle(self) -> None:
        """Another job: reset, with scratchpad and accumulators back to zero; loading overwrites whole memories."""
        self.events_at = Path(EVENTS).stat().st_size
        accelerator = self.program.system.accelerator
        assert accelerator is not None
        write_image(Path("pad.hex"), np.zeros(self.pad_bytes // self.banks, np.uint8), self.pad_word)
        sums = np.zeros(accelerator.accumulators.entries * self.sum_bytes, np.uint8)
        write_image(Path("sums.hex"), sums, self.sum_bytes)
        self.dut.rst_ni.value = 0
        await self._pulse(self.dut.pad_load_i, 1)
        await self.reset()

    async def reset(self) -> None:
        dut = self.dut
        self.bus = AxiLite(dut)
        ports = MemoryPorts.of(self.program.system, self.job.settings)
        for name in ("bytes_i", "latency_i", "beat_i", "stall_i", "seed_i"):
            getattr(dut, name).value = getattr(ports, name)
        dut.load_i.value, dut.dump_i.value, dut.pad_dump_i.value, dut.rst_ni.value = 0, 0, 0, 0
        await ClockCycles(dut.clk_i, 2)
        dut.rst_ni.value = 1
        self.rest_cycles = rest_cycles(self.program, self.job.settings)
        write_inputs(self.machine, self.job.inputs)
        await self.load([space for space in SPACES if space in self.machine.state.bus])
        await self.bus.write(Csr.INTERRUPT_ENABLE, Interrupt.DONE | Interrupt.ERROR)

    async def load(self, spaces: list[str]) -> None:
        """Golden's images into the memory model."""
        for space in spaces:
            data = self.machine.state.bus[space][0]
            used = len(data) if space in self.written else int(np.flatnonzero(data)[-1]) + 1 if data.any() else 0
            write_image(Path(f"{space}.hex"), data[: max(used, self.word_bytes)], self.word_bytes)
            self.written.add(space)
        await self._pulse(self.dut.load_i, _mask(spaces))

    async def dump(self) -> None:
        """The memory model's contents into golden's images."""
        await self._pulse(self.dut.dump_i, _mask(self.writable))
        for space in self.writable:
            self.machine.state.bus[space][0] = read_image(Path(f"{space}.dump"), self.word_bytes)

    async def _pulse(self, port: Any, value: int) -> None:
        port.value = value
        await ClockCycles(self.dut.clk_i, 2)
        port.value = 0
        await ClockCycles(self.dut.clk_i, 2)

    async def segment(self, segment: Segment) -> dict[str, int]:
        """Run commands, on memories at rest. Returns cycles, status and cause; -1 cycles where the limit was hit."""
        await ClockCycles(self.dut.clk_i, self.rest_cycles)
        before = await self.bus.counter(Counter.CYCLES)
        await self.bus.write(Csr.COMMAND_ADDRESS, command_base(self.program) + COMMAND_BYTES * segment.first)
        await self.bus.write(Csr.CONTROL, Control.START)
        spent = 0
        while self.dut.irq_o.value == 0 and spent < self.job.limit_cycles:
            step = min(_REPORT_CYCLES, self.job.limit_cycles - spent)
            await First(RisingEdge(self.dut.irq_o), Timer(step * _PERIOD_NS, "ns"))
            spent += step
            if self.dut.irq_o.value == 0:
                await RisingEdge(self.dut.clk_i)
                await self.report(segment)
        await RisingEdge(self.dut.clk_i)
        cycles = await self.bus.counter(Counter.CYCLES) - before
        status, cause = await self.bus.read(Csr.STATUS), await self.bus.read(Csr.ERROR_CAUSE)
        await self.bus.write(Csr.INTERRUPT, Interrupt.DONE | Interrupt.ERROR)
        return {"cycles": -1 if status & Status.BUSY else cycles, "status": status, "cause": cause}

    async def report(self, segment: Segment) -> None:
        commands, cycles = await self.bus.counter(Counter.COMMANDS), await self.bus.counter(Counter.CYCLES)
        with self.progress.open("a") as stream:
            stream.write(f"cycle {cycles:,}: {commands} of {segment.first + segment.count} commands\n")

    async def call(self, segment: Segment) -> None:
        """A CPU call on the memory image."""
        await self.dump()
        operator, constants = self.program.cpu_calls[segment.call], self.program.constants
        operands = {
            name: constants[name] if name in constants else self.machine.read(name)[0] for name in operator.inputs
        }
        tensors = {name: binding.tensor for name, binding in self.program.bindings.items()}
        for name, value in kernels.execute(operator, operands, tensors).items():
            self.machine.write(name, value[None])
        await self.load(self.writable)

    async def inside(self) -> dict[str, np.ndarray]:
        """The accelerator's own memories, uint8 [bytes]; also completes the events file."""
        await self._pulse(self.dut.pad_dump_i, 1)
        return {
            "scratchpad": read_scratchpad(Path(), self.banks, self.pad_word)[: self.pad_bytes],
            "accumulators": read_image(Path("sums.dump"), self.sum_bytes),
        }

    async def registers(self) -> np.ndarray:
        values = [await self.bus.read(Csr.SCALARS + 4 * index) for index in range(REGISTERS)]
        return np.array(values, np.uint32).view(np.int32)


def _mask(spaces: list[str]) -> int:
    return sum(1 << SPACES.index(space) for space in spaces)


@cocotb.test()
async def run(dut: Any) -> None:
    """The jobs in the folders of directory COSIM_JOB, one after the other."""
    top, written = Path(os.environ[JOB_VARIABLE]), set[str]()
    folders = sorted(path for path in top.iterdir() if path.is_dir())
    for index, folder in enumerate(folders):
        host = Host(dut, folder, written)
        host.progress = top / PROGRESS
        await (host.power_cycle() if index else host.power_on())
        await _job(host)
        if len(folders) > 1:
            with host.progress.open("a") as stream:
                stream.write(f"{index + 1} of {len(folders)} programs\n")


async def _job(host: Host) -> None:
    """One job, to its end or its first segment that fails."""
    segments: list[dict[str, int]] = []
    for segment in host.program.segments:
        if not segment.count:
            await host.call(segment)
            continue
        segments.append(await host.segment(segment))
        if segments[-1]["cycles"] < 0 or segments[-1]["cause"] != ErrorCause.NONE:
            break
    counters = {counter.name.lower(): await host.bus.counter(counter) for counter in Counter}
    await host.dump()
    memories = {space: host.machine.state.bus[space][0] for space in host.writable}
    memories |= await host.inside() | {"registers": await host.registers()}
    np.savez(host.folder / MEMORIES, **memories)
    (host.folder / EVENTS).write_bytes(Path(EVENTS).read_bytes()[host.events_at :])
    (host.folder / RESULT).write_text(json.dumps({"segments": segments, "counters": counters}))
