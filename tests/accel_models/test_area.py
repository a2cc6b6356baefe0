"""Area: blocks of edge16, held against the published areas of an accelerator of the same size in the same node."""

import pytest

from accel_models.area import accumulator_half, area_mm2, logic_um2, scratchpad_bank, total_mm2
from accel_models.constants import load_table
from accel_models.energy import sources, static_power
from accel_models.gates import blocks, cells_um2, gates_of, sizes_of
from accel_models.sram import macro
from accel_models.system import System, Technology, load_system
from accel_models.technology import area_factor
from tests.accel_models.handmade import system

LOGIC = ("array", "matrix control", "vector", "crossbar", "dma and control")
FACTORS = {name: load_table("energy")["area"][f"{name}_layout_factor"]["value"] for name in ("logic", "memory")}


def test_blocks_and_total() -> None:
    found = area_mm2(load_system("edge16"))
    assert set(found) == {*LOGIC, "scratchpad", "accumulators", "sram", "cpu"}
    assert total_mm2(load_system("edge16")) == pytest.approx(sum(found.values()))
    assert set(area_mm2(load_system("cortex-m7"))) == {"sram", "cpu"}
    assert logic_um2(load_system("cortex-m7")) == {}


def test_every_synthesized_block_is_in_the_area_once() -> None:
    edge16 = load_system("edge16")
    cells = [cells_um2(gates_of(block, sizes_of(edge16)), edge16.technology) for block in blocks()]
    assert sum(logic_um2(edge16).values()) == pytest.approx(sum(cells))
    assert all(value > 0 for value in cells)
    placed = sum(area_mm2(edge16)[name] for name in LOGIC)
    assert placed == pytest.approx(sum(cells) * FACTORS["logic"] * 1e-6)


def test_a_gate_and_a_flip_flop_in_um2() -> None:
    """NAND2 and DFF of the 45 nm library: 0.798 and 4.522 um2, smaller at 22 nm as logic is."""
    edge16 = load_system("edge16")
    gates = gates_of("host", sizes_of(edge16))
    at_45 = cells_um2(gates, Technology(node_nm=45, vdd=1.0))
    assert at_45 == pytest.approx(0.798 * gates.logic + 4.522 * gates.flip_flops)
    assert cells_um2(gates, edge16.technology) == pytest.approx(at_45 * area_factor(45, 22))


def test_against_published_silicon_at_22_nm() -> None:
    """Gemmini (Genc et al., DAC 2021, Intel 22FFL): its memories; its array has PEs with twice our bits."""
    technology = Technology(node_nm=22, vdd=0.8)
    scratchpad = 4 * macro(65536, 128, technology).area_mm2 * FACTORS["memory"]
    assert scratchpad == pytest.approx(0.544, rel=0.05)  # 256 KiB
    accumulators = 2 * macro(32768, 512, technology).area_mm2 * FACTORS["memory"]
    assert accumulators == pytest.approx(0.146, rel=0.05)  # 64 KiB
    assert 0.04 < area_mm2(load_system("edge16"))["array"] < 0.116


SMALLER_TO_LARGER = [
    ("accelerator__array__rows", (4, 8, 16, 32), ("array", "matrix control", "crossbar")),
    ("accelerator__array__columns", (4, 8, 12, 16), ("array", "matrix control", "vector")),
    ("accelerator__scratchpad__banks", (2, 4, 8, 16), ("crossbar",)),
    ("accelerator__queue_depth", (1, 4, 8, 64), ("dma and control",)),
    ("accelerator__token_depth", (1, 63, 255), ("dma and control",)),
    ("accelerator__multiplier_bits", (16, 31), ("vector",)),
    ("bus__bytes_per_cycle", (4, 8, 16, 32), ("crossbar", "dma and control")),
]


@pytest.mark.parametrize(("field", "values", "grown"), SMALLER_TO_LARGER)
def test_logic_grows_with_every_size(field: str, values: tuple[int, ...], grown: tuple[str, ...]) -> None:
    found = [logic_um2(system(**{field: value})) for value in values]
    for before, after in zip(found, found[1:], strict=False):
        assert all(after[name] >= before[name] for name in LOGIC), field
    for name in grown:
        assert found[-1][name] > found[0][name], (field, name)


def test_area_follows_the_node() -> None:
    small, large = (area_mm2(load_system(name)) for name in ("edge8", "edge16"))
    assert large["array"] == pytest.approx(4 * small["array"], rel=0.03)
    assert large["scratchpad"] > small["scratchpad"]
    old = system(technology__node_nm=65, technology__vdd=1.1)
    assert all(area_mm2(old)[name] > large[name] for name in large)


def test_leakage_follows_the_logic() -> None:
    def power(of: System) -> float:
        return static_power(of).accelerator

    assert power(system(accelerator__queue_depth=64)) > power(system(accelerator__queue_depth=8))


def test_macros_and_constants() -> None:
    edge16 = load_system("edge16")
    assert edge16.accelerator
    assert scratchpad_bank(edge16.accelerator, edge16.technology).area_mm2 > 0
    assert accumulator_half(edge16.accelerator, edge16.technology).read_pj > 0
    names = {item.name for item in sources(edge16)}
    assert {"cells.gate", "cells.flip_flop", "area.logic_layout_factor", "area.memory_layout_factor"} <= names
    assert "cells.gate" not in {item.name for item in sources(load_system("cortex-m7"))}


def test_no_gates_without_an_accelerator() -> None:
    with pytest.raises(ValueError, match="cortex-m7 has no accelerator"):
        sizes_of(load_system("cortex-m7"))
