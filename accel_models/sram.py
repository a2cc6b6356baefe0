"""Energy, leakage and area of an SRAM macro: CACTI rows, interpolated in size and word width on logarithms."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from accel_models.constants import load_table
from accel_models.system import Technology
from accel_models.technology import log_interpolate

_WIDTHS = (32, 64, 128)


@dataclass(frozen=True, slots=True)
class Macro:
    """``read_pj``, ``write_pj``: one access of a full word. ``leakage_mw``, ``area_mm2``: all of it."""

    read_pj: float
    write_pj: float
    leakage_mw: float
    area_mm2: float


@cache
def macro(size_bytes: int, word_bits: int, technology: Technology) -> Macro:
    """A memory of ``size_bytes`` with words of ``word_bits``; words wider than 128 bits lie in macros side by side."""
    parts = max(1, -(-word_bits // 128))
    table = load_table("energy")["sram"]
    kib = size_bytes / parts / 1024
    bits = word_bits / parts
    energy, leakage, area = _scale(table, technology)
    read, write = (
        log_interpolate(_WIDTHS, [_curve(table[f"word_{width}b"], kib, column) for width in _WIDTHS], bits)
        for column in (1, 2)
    )
    return Macro(
        read_pj=parts * read * energy,
        write_pj=parts * write * energy,
        leakage_mw=parts * _curve(table["leakage_mw"], kib, 1) * leakage,
        area_mm2=parts * _curve(table["area_mm2"], kib, 1) * area,
    )


def _curve(rows: list[list[float]], kib: float, column: int) -> float:
    return log_interpolate([row[0] for row in rows], [row[column] for row in rows], kib)


def _scale(table: dict[str, Any], technology: Technology) -> tuple[float, float, float]:
    """(energy, leakage, area) against the table's node; energy goes with the square of the supply, leakage with it."""
    ratios = node_ratios(technology.node_nm)
    supply = technology.vdd / _at(technology.node_nm, 1)
    hot = technology.device_type == "itrs-hp"
    energy = ratios["energy"] * supply**2 * (table["hp_energy_ratio"] if hot else 1.0)
    leakage = ratios["leakage"] * supply * (table["hp_leakage_ratio"] if hot else 1.0)
    return energy, leakage, ratios["area"]


def node_ratios(node_nm: int) -> dict[str, float]:
    """energy, leakage and area of a macro at this node and its nominal supply, over those at 22 nm."""
    return {name: _at(node_nm, column) for column, name in enumerate(("energy", "leakage", "area"), start=2)}


def _at(node_nm: int, column: int) -> float:
    rows = load_table("energy")["sram"]["nodes"]
    return log_interpolate([row[0] for row in rows], [row[column] for row in rows], node_nm)
