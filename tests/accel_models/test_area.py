"""Area: blocks of edge16, held against the published areas of an accelerator of the same size in the same node."""

import pytest

from accel_models.area import accumulator_half, area_mm2, dma_register_bits, logic_um2, scratchpad_bank, total_mm2
from accel_models.constants import load_table
from accel_models.sram import macro
from accel_models.system import Technology, load_system
from accel_models.technology import area_factor
from tests.accel_models.handmade import system

PLACED = load_table("energy")["area"]["layout_factor"]["value"]


def test_blocks_and_total() -> None:
    found = area_mm2(load_system("edge16"))
    assert set(found) == {"array", "vector", "dma and control", "scratchpad", "accumulators", "sram", "cpu"}
    assert total_mm2(load_system("edge16")) == pytest.approx(sum(found.values()))
    assert set(area_mm2(load_system("cortex-m7"))) == {"sram", "cpu"}


def test_against_gemmini_at_22_nm() -> None:
    """Genc et al., DAC 2021, Intel 22FFL: the layout factor is fitted to the array; the memories are held out."""
    technology = Technology(node_nm=22, vdd=0.8)
    assert area_mm2(load_system("edge16"))["array"] == pytest.approx(0.116, rel=0.02)  # fitted
    scratchpad = 4 * macro(65536, 128, technology).area_mm2 * PLACED
    assert scratchpad == pytest.approx(0.544, rel=0.10)  # held out: 256 KiB
    accumulators = 2 * macro(32768, 512, technology).area_mm2 * PLACED
    assert accumulators == pytest.approx(0.146, rel=0.10)  # held out: 64 KiB


def test_area_follows_size_and_node() -> None:
    small, large = (area_mm2(load_system(name)) for name in ("edge8", "edge16"))
    assert large["array"] == pytest.approx(4 * small["array"])
    assert large["scratchpad"] > small["scratchpad"]
    old = system(technology__node_nm=65, technology__vdd=1.1)
    assert all(area_mm2(old)[name] > large[name] for name in large)


def test_narrow_multipliers_are_smaller() -> None:
    narrow, wide = system(accelerator__multiplier_bits=16), system()
    assert narrow.accelerator and wide.accelerator
    assert logic_um2(narrow)["vector"] < logic_um2(wide)["vector"]
    assert scratchpad_bank(wide.accelerator, wide.technology).area_mm2 > 0
    assert accumulator_half(wide.accelerator, wide.technology).read_pj > 0


def test_registers_of_the_dma_engines() -> None:
    """Yosys' count of rtl/dma_load.sv and rtl/dma_store.sv on 8 bytes; per byte of bus two beats, four with strobes."""
    assert dma_register_bits(8) == 599 + 814
    assert dma_register_bits(16) - dma_register_bits(8) == 8 * (2 * 8 + 4 * 9)
    narrow, wide = (logic_um2(system(bus__bytes_per_cycle=size)) for size in (8, 16))
    cell = load_table("energy")["area"]["register_bit"]
    grown = wide["dma and control"] - narrow["dma and control"]
    assert grown == pytest.approx(8 * 52 * cell["value"] * area_factor(cell["node_nm"], 22))
    assert logic_um2(load_system("cortex-m7")) == {}
