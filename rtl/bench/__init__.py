"""Builds the SystemVerilog blocks with Verilator and runs cocotb testbenches on them."""

from rtl.bench.build import RTL_DIR, BlockBuild, build_block, lint, sources_of
from rtl.bench.run import SimulationError, SimulationReport, run_block
from rtl.bench.tools import BuildError, MissingToolError, RtlError, Tool, find_tools

__all__ = [
    "RTL_DIR",
    "BlockBuild",
    "BuildError",
    "MissingToolError",
    "RtlError",
    "SimulationError",
    "SimulationReport",
    "Tool",
    "build_block",
    "find_tools",
    "lint",
    "run_block",
    "sources_of",
]
