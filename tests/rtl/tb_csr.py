"""The host's registers over AXI4-Lite against accel_models.registers."""

import cocotb
from cocotb.triggers import ClockCycles, ReadOnly, RisingEdge

from accel_models.registers import CSR_BYTES, Control, Counter, Csr, ErrorCause, Interrupt, Status, counter_offset
from rtl.bench.axil import AxiLite
from stream import parameter, start


async def prepare(dut) -> AxiLite:
    await start(dut, busy_i=0, done_i=0, failed_i=0, cause_i=0, counter_i=0, scalar_i=0)
    bus = AxiLite(dut)
    await RisingEdge(dut.clk_i)
    return bus


async def pulse(dut, port, cycles: int = 1) -> None:
    port.value = 1
    await ClockCycles(dut.clk_i, cycles)
    port.value = 0


async def pulses_of(dut, port, out: list[int]) -> None:
    while True:
        await ReadOnly()
        out.append(int(port.value == 1))
        await RisingEdge(dut.clk_i)


@cocotb.test(timeout_time=100, timeout_unit="us")
async def power_on(dut):
    bus = await prepare(dut)
    hardware = parameter("Rows") | parameter("Columns") << 8 | parameter("PadBytes") // 1024 << 16
    for address in range(0, CSR_BYTES, 4):
        assert await bus.read(address) == (hardware if address == Csr.HARDWARE else 0), hex(address)
    assert dut.irq_o.value == 0


@cocotb.test(timeout_time=100, timeout_unit="us")
async def a_start_is_one_pulse_and_only_while_idle(dut):
    bus = await prepare(dut)
    seen: list[int] = []
    cocotb.start_soon(pulses_of(dut, dut.start_o, seen))
    await bus.write(Csr.CONTROL, 0)
    await bus.write(Csr.CONTROL, Control.START, strobe=0b1110)
    await bus.write(Csr.CONTROL, Control.CLEAR_COUNTERS)
    assert sum(seen) == 0
    await bus.write(Csr.CONTROL, Control.START)
    assert sum(seen) == 1
    dut.busy_i.value = 1
    await bus.write(Csr.CONTROL, Control.START)
    assert sum(seen) == 1
    assert await bus.read(Csr.STATUS) == Status.BUSY
    dut.busy_i.value = 0
    await bus.write(Csr.CONTROL, Control.START)
    assert sum(seen) == 2


@cocotb.test(timeout_time=100, timeout_unit="us")
async def command_address_is_aligned_and_strobed(dut):
    bus = await prepare(dut)
    await bus.write(Csr.COMMAND_ADDRESS, 0xFFFFFFFF)
    assert await bus.read(Csr.COMMAND_ADDRESS) == 0xFFFFFFC0
    await bus.write(Csr.COMMAND_ADDRESS, 0x20345678, strobe=0b0110)
    assert await bus.read(Csr.COMMAND_ADDRESS) == 0xFF3456C0
    assert dut.command_address_o.value.to_unsigned() == 0xFF3456C0


@cocotb.test(timeout_time=100, timeout_unit="us")
async def interrupts_are_enabled_raised_and_cleared(dut):
    bus = await prepare(dut)
    ends = {Interrupt.DONE: dut.done_i, Interrupt.ERROR: dut.failed_i}
    for enabled in (0, Interrupt.DONE, Interrupt.ERROR, Interrupt.DONE | Interrupt.ERROR):
        await bus.write(Csr.INTERRUPT_ENABLE, enabled)
        assert await bus.read(Csr.INTERRUPT_ENABLE) == enabled
        for kind, port in ends.items():
            await pulse(dut, port)
            await ReadOnly()
            assert dut.irq_o.value == int(bool(kind & enabled))
            await RisingEdge(dut.clk_i)
            assert await bus.read(Csr.INTERRUPT) == kind
            await bus.write(Csr.INTERRUPT, ~kind)
            assert await bus.read(Csr.INTERRUPT) == kind
            await bus.write(Csr.INTERRUPT, kind)
            assert await bus.read(Csr.INTERRUPT) == 0
            assert dut.irq_o.value == 0


@cocotb.test(timeout_time=100, timeout_unit="us")
async def an_interrupt_is_not_lost_to_a_clear(dut):
    bus = await prepare(dut)
    dut.done_i.value = 1
    clear = cocotb.start_soon(bus.write(Csr.INTERRUPT, Interrupt.DONE))
    await RisingEdge(dut.clk_i)
    dut.done_i.value = 0
    await clear
    assert await bus.read(Csr.INTERRUPT) == Interrupt.DONE


@cocotb.test(timeout_time=100, timeout_unit="us")
async def status_cause_and_segments(dut):
    bus = await prepare(dut)
    await bus.write(Csr.CONTROL, Control.START)
    await pulse(dut, dut.done_i)
    assert await bus.read(Csr.STATUS) == Status.DONE
    assert await bus.read(Csr.SEGMENTS) == 1
    await bus.write(Csr.CONTROL, Control.START)
    assert await bus.read(Csr.STATUS) == 0
    dut.cause_i.value = int(ErrorCause.BUS_WRITE)
    await pulse(dut, dut.failed_i)
    dut.cause_i.value = 0
    assert await bus.read(Csr.STATUS) == Status.ERROR
    assert await bus.read(Csr.ERROR_CAUSE) == ErrorCause.BUS_WRITE
    assert await bus.read(Csr.SEGMENTS) == 1
    await bus.write(Csr.CONTROL, Control.START)
    assert await bus.read(Csr.ERROR_CAUSE) == ErrorCause.NONE
    assert await bus.read(Csr.STATUS) == 0


@cocotb.test(timeout_time=100, timeout_unit="us")
async def counters_are_read_in_two_halves_of_one_moment(dut):
    bus = await prepare(dut)
    for counter in Counter:
        dut.counter_i.value = 0x0000_1234_89AB_CDEF
        assert await bus.read(counter_offset(counter)) == 0x89ABCDEF
        assert dut.counter_index_o.value.to_unsigned() == counter
        dut.counter_i.value = 0x0000_5555_0000_0000
        assert await bus.read(counter_offset(counter) + 4) == 0x1234
    cleared: list[int] = []
    cocotb.start_soon(pulses_of(dut, dut.clear_counters_o, cleared))
    await bus.write(Csr.CONTROL, Control.START)
    assert sum(cleared) == 0
    await bus.write(Csr.CONTROL, Control.CLEAR_COUNTERS)
    assert sum(cleared) == 1


@cocotb.test(timeout_time=100, timeout_unit="us")
async def scalars_pass_while_idle(dut):
    bus = await prepare(dut)
    dut.scalar_i.value = sum((0x1000_0000 + index) << 32 * index for index in range(32))
    writes: list[tuple[int, int]] = []

    async def watch() -> None:
        while True:
            await ReadOnly()
            if dut.scalar_write_o.value == 1:
                writes.append((dut.scalar_index_o.value.to_unsigned(), dut.scalar_data_o.value.to_unsigned()))
            await RisingEdge(dut.clk_i)

    cocotb.start_soon(watch())
    for index in (0, 13, 31):
        assert await bus.read(Csr.SCALARS + 4 * index) == 0x1000_0000 + index
        await bus.write(Csr.SCALARS + 4 * index, 0xABCDEF01)
        await bus.write(Csr.SCALARS + 4 * index, 0xFFFFFFFF, strobe=0b0100)
    assert writes == [item for index in (0, 13, 31) for item in ((index, 0xABCDEF01), (index, 0x10FF0000 + index))]
    for address in range(Csr.SCALARS + 128, CSR_BYTES, 4):  # beyond the last
        assert await bus.read(address) == 0
    await bus.write(Csr.SCALARS + 128, 1)  # beyond the last
    dut.busy_i.value = 1
    await bus.write(Csr.SCALARS, 1)
    assert len(writes) == 6


@cocotb.test(timeout_time=100, timeout_unit="us")
async def channels_wait_for_each_other(dut):
    """Address and data in either order, responses held until they are taken."""
    await prepare(dut)
    for first, second in (("aw", "w"), ("w", "aw")):
        dut.s_axil_awaddr.value, dut.s_axil_wdata.value = int(Csr.COMMAND_ADDRESS), 0x40
        dut.s_axil_wstrb.value, dut.s_axil_bready.value = 15, 0
        getattr(dut, f"s_axil_{first}valid").value = 1
        for _ in range(3):
            await ReadOnly()
            assert getattr(dut, f"s_axil_{first}ready").value == 0 and dut.s_axil_bvalid.value == 0
            await RisingEdge(dut.clk_i)
        getattr(dut, f"s_axil_{second}valid").value = 1
        await RisingEdge(dut.clk_i)
        for _ in range(3):  # a second write waits while the response does
            await ReadOnly()
            assert dut.s_axil_bvalid.value == 1 and dut.s_axil_awready.value == 0
            await RisingEdge(dut.clk_i)
        dut.s_axil_awvalid.value, dut.s_axil_wvalid.value, dut.s_axil_bready.value = 0, 0, 1
        await RisingEdge(dut.clk_i)
        await ReadOnly()
        assert dut.s_axil_bvalid.value == 0
        await RisingEdge(dut.clk_i)
    dut.s_axil_araddr.value, dut.s_axil_arvalid.value, dut.s_axil_rready.value = int(Csr.COMMAND_ADDRESS), 1, 0
    await RisingEdge(dut.clk_i)
    dut.s_axil_araddr.value = int(Csr.STATUS)
    for _ in range(3):
        await ReadOnly()
        assert dut.s_axil_rvalid.value == 1 and dut.s_axil_rdata.value.to_unsigned() == 0x40
        assert dut.s_axil_arready.value == 0
        await RisingEdge(dut.clk_i)
