"""The AXI4 master against the memory model of cocotbext-axi under back-pressure: bytes equal golden's."""

import itertools
import logging
import warnings
from pathlib import Path
from types import SimpleNamespace

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles
from cocotbext.axi import AxiBus, AxiRam

from accel_models.commands import Load, Store
from accel_models.memory import BUS_SPACES
from dma_bench import SIZES, MemorySide
from dma_commands import corners, random_transfer, space
from rtl.bench.images import read_image
from rtl.bench.stimulus import rounds
from stream import parameter, start

BUS, PAD = parameter("BusBytes"), parameter("PadBytes")
HW = SimpleNamespace(rows=16, columns=16, bus_bytes=BUS, dma_setup_cycles=3, max_burst_beats=parameter("MaxBurst"))
SRAM = space("sram", 0, SIZES["sram"])
PAUSES = {
    "never": [0],
    "address": [1, 1, 1, 0, 1, 0, 0],
    "data": [0, 0, 1, 0, 1, 1, 1, 0, 1],
}


class Quiet(MemorySide):
    """The scratchpad of the bench alone: the memory is not ours."""

    def write_images(self) -> None:
        np.savetxt("pad.hex", self.pad[0], fmt="%02x")

    async def compare_with(self, ram: AxiRam) -> None:
        self.dut.pad_dump_i.value = 1
        await ClockCycles(self.dut.clk_i, 2)
        self.dut.pad_dump_i.value = 0
        np.testing.assert_array_equal(read_image(Path("pad.dump"), 1), self.pad[0], err_msg="scratchpad")
        found = np.frombuffer(ram.read(0, SIZES["sram"]), np.uint8)
        np.testing.assert_array_equal(found, self.memories["sram"][0], err_msg="memory")


@cocotb.test(timeout_time=4, timeout_unit="ms")
@cocotb.parametrize(addresses=["never", "address"], data=["never", "data"])
async def transfers(dut, addresses, data):
    warnings.simplefilter("ignore", DeprecationWarning)  # cocotbext-axi 0.1 on cocotb 2
    logging.getLogger("cocotb.dma_bench").setLevel(logging.WARNING)
    bench = Quiet(dut, HW, PAD, np.random.default_rng(len(addresses) + len(data)))
    bench.write_images()
    ram = AxiRam(AxiBus.from_prefix(dut, "m_axi"), dut.clk_i, dut.rst_ni, reset_active_level=False, size=SIZES["sram"])
    ram.write(0, bench.memories["sram"].tobytes())
    for channel in (ram.write_if.aw_channel, ram.read_if.ar_channel):
        channel.set_pause_generator(itertools.cycle(PAUSES[addresses]))
    for channel in (ram.write_if.w_channel, ram.write_if.b_channel, ram.read_if.r_channel):
        channel.set_pause_generator(itertools.cycle(PAUSES[data]))
    quiet = {f"{name}_i": 0 for name in ("load_start_valid", "store_start_valid", "fetch_start", "fetch_flush")}
    await start(dut, **quiet, command_ready_i=0, pad_stall_i=0, pad_seed_i=5, pad_load_i=0, pad_dump_i=0)
    dut.pad_load_i.value = 1
    await ClockCycles(dut.clk_i, 2)
    for engine, kind in (("load", Load), ("store", Store)):
        commands = [random_transfer(bench.rng, kind, SRAM, (0, PAD)) for _ in range(rounds(25))]
        commands += corners(kind, BUS_SPACES["sram"] + 4096, BUS, HW.max_burst_beats)[-12:]
        await bench.run(engine, commands)
        for command in commands:
            bench.execute(command)
        await bench.compare_with(ram)
