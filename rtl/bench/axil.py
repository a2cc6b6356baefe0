"""AXI4-Lite master for a testbench: one access at a time on the ports `s_axil_*`."""

from typing import Any

from cocotb.triggers import ReadOnly, RisingEdge

from accel_models.registers import Counter, counter_offset


class AxiLite:
    """Accesses to the registers of `dut`, whose clock `clk_i` runs."""

    def __init__(self, dut: Any) -> None:
        self._dut = dut
        for name in ("awvalid", "wvalid", "arvalid", "bready", "rready", "awaddr", "araddr", "wdata", "wstrb"):
            self._port(name).value = 0
        for name in ("awprot", "arprot"):
            self._port(name).value = 0

    def _port(self, name: str) -> Any:
        return getattr(self._dut, f"s_axil_{name}")

    async def write(self, address: int, value: int, strobe: int = 15) -> None:
        """Write 32 bits; returns after the response."""
        port = self._port
        port("awaddr").value, port("wdata").value, port("wstrb").value = address, value & 0xFFFFFFFF, strobe
        port("awvalid").value, port("wvalid").value, port("bready").value = 1, 1, 1
        open_requests = {"aw", "w"}
        while open_requests:
            await ReadOnly()
            taken = {name for name in open_requests if port(f"{name}ready").value == 1}
            await RisingEdge(self._dut.clk_i)
            for name in taken:
                port(f"{name}valid").value = 0
            open_requests -= taken
        await self._answer("b")
        port("bready").value = 0

    async def read(self, address: int) -> int:
        """Read 32 bits."""
        port = self._port
        port("araddr").value, port("arvalid").value, port("rready").value = address, 1, 1
        await ReadOnly()
        while port("arready").value == 0:
            await RisingEdge(self._dut.clk_i)
            await ReadOnly()
        await RisingEdge(self._dut.clk_i)
        port("arvalid").value = 0
        value = await self._answer("r")
        port("rready").value = 0
        return value

    async def _answer(self, channel: str) -> int:
        """Wait for the response of a channel: the data, or 0."""
        await ReadOnly()
        while self._port(f"{channel}valid").value == 0:
            await RisingEdge(self._dut.clk_i)
            await ReadOnly()
        response = self._port(f"{channel}resp").value.to_unsigned()
        value = self._port("rdata").value.to_unsigned() if channel == "r" else 0
        await RisingEdge(self._dut.clk_i)
        assert response == 0, f"the slave answers {response}, want OKAY"
        return int(value)

    async def counter(self, counter: Counter) -> int:
        """All 64 bits of a performance counter."""
        low = await self.read(counter_offset(counter))
        return low | await self.read(counter_offset(counter) + 4) << 32
