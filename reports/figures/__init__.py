"""Figures of the HTML page, one idea a module."""

from reports.figures.break_even import stream_break_even
from reports.figures.energy import energy_by_component, energy_by_operator
from reports.figures.figure import Figure
from reports.figures.latency import engines, latency_by_operator, latency_by_phase
from reports.figures.losses import losses
from reports.figures.memory import memories
from reports.figures.roofline import roofline
from reports.figures.rtl import rtl_by_operator
from reports.figures.silicon import area
from reports.figures.stream import stream_memory, stream_over_time, stream_parts
from reports.figures.training import (
    beside_energies,
    beside_times,
    learning,
    step_energies,
    step_memories,
    step_times,
)

__all__ = [
    "Figure",
    "area",
    "beside_energies",
    "beside_times",
    "energy_by_component",
    "energy_by_operator",
    "engines",
    "latency_by_operator",
    "latency_by_phase",
    "learning",
    "losses",
    "memories",
    "roofline",
    "rtl_by_operator",
    "step_energies",
    "step_memories",
    "step_times",
    "stream_break_even",
    "stream_memory",
    "stream_over_time",
    "stream_parts",
]
