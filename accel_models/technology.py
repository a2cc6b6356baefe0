"""Scaling of energy and area between process nodes and supplies.

Logic: polynomials of Stillmaker & Baas, "Scaling equations for the accurate prediction of CMOS device performance from
180 nm to 7 nm", Integration 58 (2017), high-performance flavour, as transcribed in wromaszkan/nodeScale nodeScale.py
@0676b74e (depCoeffDict, areaDict). Nodes between those of the paper (22, 28, 40 nm) are interpolated on logarithms. The
polynomials hold near each node's nominal supply (``supply_range``). SRAM does not scale like logic: see sram.py.
"""

import math
from collections.abc import Sequence
from functools import cache

import numpy as np

SOURCE = (
    "Stillmaker & Baas, Integration 58 (2017), scaling equations 180 nm to 7 nm, bulk and HP; coefficients as in "
    "wromaszkan/nodeScale nodeScale.py @0676b74e"
)
TRUST = "high (published fit; transcription by a third party; 22, 28 and 40 nm interpolated)"
# energy(V) = e2 V**2 + e1 V + e0; only ratios mean something. Node nm: (e2, e1, e0); bulk down to 65 nm, then HP.
_ENERGY = {
    180: (0.0, 24.64, -17.98), 130: (7.171, -6.709, 2.904), 90: (4.762, -4.781, 2.092), 65: (3.755, -4.398, 1.975),
    45: (1.018, -0.3107, 0.1539), 32: (0.8367, -0.4341, 0.1701), 20: (0.373, -0.1582, 0.04104),
}  # fmt: skip
# Area relative to 180 nm: areaDict, from 180 nm.
_AREA = {180: 1.0, 130: 0.34, 90: 0.15, 65: 0.08, 45: 0.053, 32: 0.025, 20: 0.011}

# Nominal supply, V: 22 to 90 nm from HewlettPackard/cacti @1ffd8dfb tech_params/*.dat, row Vdd, column hp; 130 and
# 180 nm the usual core supplies of these nodes (general knowledge). 28 and 40 nm are interpolated.
_NOMINAL = {180: 1.8, 130: 1.3, 90: 1.2, 65: 1.1, 45: 1.0, 32: 0.9, 22: 0.8}
# Within 25 % of it every polynomial rises and stays within 16 % of a square law through the nominal point (a test holds
# this). Further out some fits turn upwards or go below zero. The range takes in the supplies of the same files' lstp.
SUPPLY_TOLERANCE = 0.25


@cache
def nominal_supply(node_nm: int) -> float:
    """V."""
    nodes = sorted(_NOMINAL)
    return log_interpolate(nodes, [_NOMINAL[node] for node in nodes], node_nm)


def supply_range(node_nm: int) -> tuple[float, float]:
    """Lowest and highest supply, V, at which energies of this node mean something; rounded to millivolts."""
    nominal = nominal_supply(node_nm)
    return round(nominal * (1 - SUPPLY_TOLERANCE), 3), round(nominal * (1 + SUPPLY_TOLERANCE), 3)


def energy_factor(from_nm: int, from_vdd: float, to_nm: int, to_vdd: float) -> float:
    """Dynamic energy of logic at (to_nm, to_vdd) over that at (from_nm, from_vdd)."""
    return _energy(to_nm, to_vdd) / _energy(from_nm, from_vdd)


@cache
def area_factor(from_nm: int, to_nm: int) -> float:
    """Area of logic at to_nm over that at from_nm."""
    nodes = sorted(_AREA)
    values = [_AREA[node] for node in nodes]
    return log_interpolate(nodes, values, to_nm) / log_interpolate(nodes, values, from_nm)


@cache
def _energy(node_nm: int, vdd: float) -> float:
    nodes = sorted(_ENERGY)
    around = [node for node in nodes if node == node_nm] or [
        max(node for node in nodes if node < node_nm),
        min(node for node in nodes if node > node_nm),
    ]
    values = []
    for node in around:
        e2, e1, e0 = _ENERGY[node]
        value = e2 * vdd * vdd + e1 * vdd + e0
        if value <= 0:
            raise ValueError(
                f"technology.vdd: {vdd} V is too low for {node} nm logic; want a supply near its nominal one"
            )
        values.append(value)
    return log_interpolate(around, values, node_nm) if len(around) > 1 else values[0]


def log_interpolate(x: Sequence[float], y: Sequence[float], at: float) -> float:
    """y(at) on lines through (log x, log y); the end pieces are extended. ``x`` ascending, two points or more."""
    position = int(np.clip(np.searchsorted(x, at) - 1, 0, len(x) - 2))
    x0, x1, y0, y1 = (math.log(v) for v in (x[position], x[position + 1], y[position], y[position + 1]))
    return math.exp(y0 + (y1 - y0) * (math.log(at) - x0) / (x1 - x0))
