"""Scratchpad: all six ports at once at random addresses, row lists among them, against memory as golden sees it."""

from dataclasses import dataclass
from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import ReadOnly, RisingEdge

from accel_models.commands import LIST_ENTRY_BYTES
from accel_models.golden.access import Bytes, GoldenError, window
from rtl.bench.images import bank_of
from rtl.bench.stimulus import rounds
from stream import parameter, start

ROWS, COLUMNS, BANKS, PAD_BYTES, BUS_BYTES = map(parameter, ("Rows", "Columns", "Banks", "PadBytes", "BusBytes"))
LANES = max(ROWS, COLUMNS)
WORD_BYTES = 1 << (max(LANES, BUS_BYTES) - 1).bit_length()
# By priority: name, bytes, whether it writes.
PORTS = [
    ("act", LANES, False), ("weight", LANES, False), ("vread", COLUMNS, False), ("vwrite", COLUMNS, True),
    ("sread", BUS_BYTES, False), ("lwrite", WORD_BYTES, True),
]  # fmt: skip
CYCLES = rounds(2500)


@dataclass(frozen=True, slots=True)
class Request:
    """Bytes ``address + skip`` to ``address + skip + count - 1``; ``data`` of a write, with noise behind it.

    ``listed``: the load's port reads an entry of a row list.
    """

    address: int
    skip: int
    count: int
    data: bytes
    listed: bool = False

    @property
    def first(self) -> int:
        return self.address + self.skip

    def banks(self) -> set[int]:
        return {bank_of(byte // WORD_BYTES, BANKS) for byte in (self.first, self.first + self.count - 1)}


class Ports:
    """Drives the ports for a cycle, then compares grants, error and the data of the grants before with the model."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.memory: Bytes = np.zeros(PAD_BYTES, np.uint8)
        self.expected: dict[str, tuple[int, bytes]] = {}  # port: first byte and bytes that come in this cycle
        self.grants = self.refusals = self.errors = 0

    async def reset(self) -> None:
        names = [f"{name}_{part}_i" for name, _, _ in PORTS for part in ("valid", "addr", "count")]
        names += [f"{name}_data_i" for name, _, writes in PORTS if writes]
        await start(self.dut, act_skip_i=0, lwrite_list_i=0, **dict.fromkeys(names, 0))

    async def cycle(self, requests: dict[str, Request]) -> set[str]:
        """One cycle; returns the ports that were granted."""
        for name, _, writes in PORTS:
            request = requests.get(name)
            getattr(self.dut, f"{name}_valid_i").value = int(request is not None)
            if request is not None:
                width = len(getattr(self.dut, f"{name}_addr_i"))
                getattr(self.dut, f"{name}_addr_i").value = request.address % (1 << width)
                getattr(self.dut, f"{name}_count_i").value = request.count
                if name == "act":
                    self.dut.act_skip_i.value = request.skip
                if name == "lwrite":
                    self.dut.lwrite_list_i.value = int(request.listed)
                if writes:
                    getattr(self.dut, f"{name}_data_i").value = int.from_bytes(request.data, "little")
        await ReadOnly()
        for name, (skip, data) in self.expected.items():
            port = "list" if name == "lwrite" else name
            got = getattr(self.dut, f"{port}_data_o").value.to_bytes(byteorder="little")
            assert got[skip : skip + len(data)] == data, f"{name}: {got.hex()}, want {data.hex()} from byte {skip} on"
        granted = self._granted(requests)
        ready = {name for name, _, _ in PORTS if name in requests and getattr(self.dut, f"{name}_ready_o").value == 1}
        assert ready == granted, f"granted {ready}, want {granted}: {requests}"
        failed = self._apply({name: requests[name] for name in granted})
        assert self.dut.error_o.value == int(failed)
        self.grants, self.refusals = self.grants + len(granted), self.refusals + len(requests) - len(granted)
        self.errors += failed
        await RisingEdge(self.dut.clk_i)
        return granted

    def _granted(self, requests: dict[str, Request]) -> set[str]:
        wanted: set[int] = set()
        granted = set()
        for name, _, _ in PORTS:
            if name in requests:
                banks = requests[name].banks()
                if not banks & wanted:
                    granted.add(name)
                wanted |= banks
        return granted

    def _apply(self, requests: dict[str, Request]) -> bool:
        """What the granted requests do, no two of them to one bank; whether one of them is out of range."""
        self.expected, failed = {}, False
        for name, _, writes in PORTS:
            request = requests.get(name)
            if request is None:
                continue
            try:
                place = window(self.memory[None], name, request.first, (request.count,), (1,))[0]
            except GoldenError:
                failed = True
                continue
            if writes and not request.listed:
                place[:] = np.frombuffer(request.data[: request.count], np.int8)
            else:
                self.expected[name] = (request.skip, place.tobytes())
        return failed

    async def fill(self, memory: Bytes) -> None:
        for address in range(0, PAD_BYTES, WORD_BYTES):
            data = memory[address : address + WORD_BYTES].tobytes()
            await self.cycle({"lwrite": Request(address, 0, len(data), data.ljust(WORD_BYTES, b"\0"))})


def request(name: str, size: int, rng: np.random.Generator, near: int) -> Request:
    """Anything: aligned or not, near another address or not, at either end of memory, beyond it, skipped lanes."""
    listed = name == "lwrite" and rng.random() < 0.3
    size = LIST_ENTRY_BYTES if listed else size
    count = size if listed else int(rng.integers(1, size + 1))
    kind = rng.random()
    if kind < 0.5:
        address = int(rng.integers(PAD_BYTES - count + 1))
    elif kind < 0.8:
        address = max(0, min(PAD_BYTES - count, near + int(rng.integers(-WORD_BYTES, WORD_BYTES))))
    elif kind < 0.97:
        address = int(rng.choice([0, PAD_BYTES - count]))
    else:
        address = int(rng.choice([PAD_BYTES - count + 1, PAD_BYTES, (1 << 20) - count, (1 << 20) - 1]))
    skip = int(rng.integers(size - count + 1)) if name == "act" else 0
    return Request(address - skip, skip, count, rng.bytes(size), listed)


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(load=[0.3, 1.0])
async def all_ports(dut, load):
    """A refused request stays until it is granted, as those of the engines do."""
    ports, rng = Ports(dut), np.random.default_rng(3)
    await ports.reset()
    await ports.fill(rng.integers(0, 256, PAD_BYTES, np.uint8))
    waiting: dict[str, Request] = {}
    for _ in range(CYCLES):
        near = int(rng.integers(PAD_BYTES))
        for name, size, _ in PORTS:
            if name not in waiting and rng.random() < load:
                waiting[name] = request(name, size, rng, near)
        for name in await ports.cycle(waiting):
            del waiting[name]
    assert ports.grants > CYCLES and ports.refusals > CYCLES // 10 and ports.errors > CYCLES // 100
    for address in range(0, PAD_BYTES, COLUMNS):  # all of it at last
        await ports.cycle({"vread": Request(address, 0, min(COLUMNS, PAD_BYTES - address), b"")})
    await ports.cycle({})


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def every_alignment(dut):
    """Each port at each byte of two rounds of the banks, whole vectors; every one granted when it is alone."""
    ports, rng = Ports(dut), np.random.default_rng(4)
    await ports.reset()
    await ports.fill(rng.integers(0, 256, PAD_BYTES, np.uint8))
    for name, size, _ in PORTS:
        for address in range(min(2 * BANKS * WORD_BYTES, PAD_BYTES - size)):
            alone = {name: Request(address, 0, size, rng.bytes(size))}
            assert await ports.cycle(alone) == {name}
    for address in range(2 * WORD_BYTES):
        entry = Request(address, 0, LIST_ENTRY_BYTES, rng.bytes(WORD_BYTES), listed=True)
        assert await ports.cycle({"lwrite": entry}) == {"lwrite"}
    await ports.cycle({})
