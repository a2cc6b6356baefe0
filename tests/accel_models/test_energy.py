"""Energy is counts times a table: exact counts, units by hand, sums that balance, scaling of the right sign."""

import math
from itertools import pairwise

import numpy as np
import pytest

from accel_models.accounts import account
from accel_models.batch import batches
from accel_models.commands import MatrixMode
from accel_models.constants import load_table
from accel_models.counts import Counts, of_batches
from accel_models.cpu import idle_mw
from accel_models.energy import COMPONENTS, Energy, energy_of, sources, static_power, unit_energies
from accel_models.program import Program
from accel_models.sram import macro
from accel_models.system import Technology, load_system
from accel_models.technology import area_factor, energy_factor, log_interpolate, nominal_supply, supply_range
from accel_models.timing import simulate
from tests.accel_models.handmade import load, matrix, program, random_commands, requantize, system
from tests.accel_models.test_timing import hw_of, with_call

LSTP = Technology(node_nm=22, vdd=0.8)


def spent(item: Program) -> Energy:
    timing = simulate(item)
    rows, length = len(item.rows), len(item.command_rows)
    counts = of_batches(batches(item), length, hw_of(item)) if length else Counts.zeros(0)
    return energy_of(item.system, counts.by_row(item.command_rows, rows), account(item, timing), timing)


def test_units_of_edge16_by_hand() -> None:
    unit = unit_energies(load_system("edge16"))
    logic, overhead = energy_factor(45, 0.9, 22, 0.8), 2.34
    assert unit.mac == pytest.approx(0.3 * logic * overhead)
    assert unit.multiply == pytest.approx(3.1 * logic * overhead)
    assert unit.pad_read == pytest.approx(1.9081 * overhead)  # CACTI row: 16 KiB, 128 bit
    assert unit.pad_write == pytest.approx(9.4775 * overhead)
    assert unit.accumulator_read == pytest.approx(4 * 1.0956 * overhead)  # four macros of 4 KiB, 128 bit
    assert unit.flash_byte == pytest.approx(690)


def test_components_are_counts_times_units() -> None:
    item = program([load(1024), load(100, "flash"), matrix(32, 32, 16), requantize(32, 16)])
    unit = unit_energies(item.system)
    found = spent(item).components_pj
    assert found["array"] == pytest.approx(
        32 * 32 * 16 * unit.mac + 2 * 32 * unit.array_step + 32 * unit.weight_vector, rel=1e-12
    )
    assert found["accumulators"] == pytest.approx((32 + 32) * unit.accumulator_read + 64 * unit.accumulator_write)
    assert found["sram"] == pytest.approx(128 * unit.sram_read_beat)
    assert found["flash"] == pytest.approx(100 * 690)
    assert found["bus"] == pytest.approx(1124 * unit.bus_byte)
    assert found["commands"] == pytest.approx(4 * 8 * unit.sram_read_beat + 4 * 64 * unit.bus_byte)
    assert found["cpu"] == found["external"] == 0


@pytest.mark.parametrize("seed", range(10))
def test_rows_and_components_sum_to_the_total(seed: int) -> None:
    rng = np.random.default_rng(seed)
    item = program(random_commands(rng, 80), rows=sorted(rng.integers(0, 9, 80).tolist()))
    found = spent(item)
    assert math.fsum(found.rows_pj) == pytest.approx(found.total_pj, rel=1e-12)
    assert math.fsum(found.components_pj.values()) == pytest.approx(found.total_pj, rel=1e-12)
    assert (found.pj >= 0).all() and found.pj.shape == (len(item.rows) + 3, len(COMPONENTS))


def test_static_power_times_time() -> None:
    item = program([matrix(1000, 64, 16)])
    power, cycles = static_power(item.system), simulate(item).total_cycles
    want = (power.accelerator + power.rest) * cycles / 200e6 * 1e9  # mW x s = mJ = 1e9 pJ
    assert spent(item).components_pj["static"] == pytest.approx(want)
    assert power.rest > idle_mw(item.system.cpu, 22)


def test_a_cpu_call_brings_its_measured_energy_and_no_idle_power() -> None:
    item = with_call("cortex-m7", commands=False)
    found = spent(item)
    assert found.components_pj["cpu"] == pytest.approx(simulate(item).total_cycles * 447)
    assert found.components_pj["static"] == 0
    accelerated = spent(with_call())
    assert accelerated.pj[1, COMPONENTS.index("static")] > 0  # the accelerator leaks meanwhile


def test_sram_interpolates_cacti_rows() -> None:
    exact = macro(16384, 64, LSTP)
    assert (exact.read_pj, exact.write_pj) == (pytest.approx(1.5386), pytest.approx(4.9134))
    # Rows that are not in the table: 32 KiB and 128 KiB, 64 bit (CACTI: 2.1694 and 4.5754 pJ, 0.028698 mm2).
    assert macro(32768, 64, LSTP).read_pj == pytest.approx(2.1694, rel=0.05)
    assert macro(131072, 64, LSTP).read_pj == pytest.approx(4.5754, rel=0.05)
    assert macro(32768, 64, LSTP).area_mm2 == pytest.approx(0.028698, rel=0.02)
    assert macro(131072, 128, LSTP).read_pj == pytest.approx(6.5757, rel=0.08)


@pytest.mark.parametrize(
    ("node", "vdd", "read_pj", "tolerance"),
    [(32, 1.0, 4.7268, 0.05), (45, 1.1, 8.1996, 0.05), (65, 1.2, 15.0270, 0.05), (90, 1.3, 26.6007, 0.05)],
)
def test_sram_scales_between_nodes_as_cacti(node: int, vdd: float, read_pj: float, tolerance: float) -> None:
    technology = Technology.model_validate({"node_nm": node, "vdd": vdd})
    assert macro(32768, 64, technology).read_pj == pytest.approx(read_pj, rel=tolerance)


def test_hot_transistors_leak_more() -> None:
    hot = Technology(node_nm=22, vdd=0.8, device_type="itrs-hp")
    assert macro(32768, 64, hot).leakage_mw > 1000 * macro(32768, 64, LSTP).leakage_mw
    assert macro(32768, 64, hot).read_pj < macro(32768, 64, LSTP).read_pj


def test_logic_scaling() -> None:
    assert energy_factor(45, 0.9, 45, 0.9) == 1
    assert energy_factor(45, 0.9, 22, 0.8) < energy_factor(45, 0.9, 28, 0.8) < energy_factor(45, 0.9, 32, 0.8) < 1
    assert energy_factor(45, 0.9, 90, 1.1) == pytest.approx(3.7131 / 0.7, rel=0.35)  # of the right size
    assert energy_factor(22, 0.8, 22, 1.0) > 1
    assert area_factor(45, 32) == pytest.approx(0.46, rel=0.03)
    assert area_factor(45, 20) < area_factor(45, 22) < area_factor(45, 28)
    with pytest.raises(ValueError, match=r"technology\.vdd: 0\.7 V is too low for 180 nm"):
        energy_factor(45, 0.9, 180, 0.7)
    assert log_interpolate([1, 10], [1, 100], 100) == pytest.approx(10_000)


@pytest.mark.parametrize("node_nm", [180, 130, 90, 65, 45, 40, 32, 28, 22])
def test_logic_energy_is_near_a_square_law_wherever_a_supply_is_allowed(node_nm: int) -> None:
    nominal, supplies = nominal_supply(node_nm), np.linspace(*supply_range(node_nm), 21)
    found = [energy_factor(node_nm, nominal, node_nm, vdd) for vdd in supplies]
    assert all(a < b for a, b in pairwise(found))
    assert found == pytest.approx((supplies / nominal) ** 2, rel=0.16)


def test_a_pe_writes_its_own_register_in_outer_and_depthwise_mode() -> None:
    """By hand: 16x16 PEs; outer has two row chunks and two column groups of 7 steps, and 2 * 20 rows to drain."""
    outer = program([matrix(7, 20, 20, mode=MatrixMode.OUTER, input_pixel_stride=32, weight_row_stride=32)])
    bit = energy_factor(40, 0.9, 22, 0.8) * 0.009 * 2.34
    unit = unit_energies(outer.system)
    assert unit.pe_register_byte == pytest.approx(8 * bit)
    want = 7 * 20 * 20 * unit.mac + 28 * (8 * 16 + 16 * 256 + 32 * 16) * bit + (28 + 40) * 256 * 32 * bit
    assert spent(outer).components_pj["array"] == pytest.approx(want, rel=1e-12)
    dot = program([matrix(7, 20, 20)])
    steps, vectors = 2 * 2 * 7, 2 * 20  # no sums in the PEs
    assert spent(dot).components_pj["array"] == pytest.approx(
        7 * 20 * 20 * unit.mac + steps * unit.array_step + vectors * unit.weight_vector, rel=1e-12
    )


def test_more_bits_cost_more() -> None:
    narrow, wide = (unit_energies(system(accelerator__multiplier_bits=bits)) for bits in (16, 31))
    assert narrow.multiply == pytest.approx(wide.multiply * 17 / 32)


def test_every_constant_is_cited() -> None:
    for name in ("edge16", "edge16-ext", "cortex-m7"):
        found = sources(load_system(name))
        assert len(found) > 20
        assert all(item.source and item.unit and item.trust and math.isfinite(item.value) for item in found)
        assert len({item.name for item in found}) == len(found)


def test_tables_fits_and_ratios_are_listed() -> None:
    found = {item.name: item for item in sources(load_system("edge16"))}
    assert found["scaling.logic_energy"].value == energy_factor(45, 0.9, 22, 0.8)
    assert found["scaling.logic_area"].value == area_factor(45, 22)
    assert "Stillmaker" in found["scaling.logic_energy"].source
    assert found["sram.word_64b"].value == 1.5386 and "CACTI" in found["sram.word_64b"].source
    sram = {f"sram.{name}" for name in load_table("energy")["sram"]} - {"sram.node_nm", "sram.vdd", "sram.nodes"}
    sram -= {"sram.source", "sram.trust", "sram.hp_energy_ratio", "sram.hp_leakage_ratio"}  # the last two: itrs-hp only
    assert sram <= found.keys()
    assert {"cpu.cortex-m33.scale", "cpu.cmsis-nn.per_output", "cpu.cmsis-nn.call", "cpu.divide"} <= found.keys()
    assert found["sram.nodes.energy"].value == 1
    hot = system(technology__device_type="itrs-hp", technology__node_nm=32, technology__vdd=1.0)
    by_name = {item.name: item.value for item in sources(hot)}
    assert by_name["sram.hp_leakage_ratio"] == 1318 and by_name["sram.nodes.energy"] == pytest.approx(2.179)
