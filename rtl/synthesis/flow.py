"""Synthesis of one block with Yosys, mapped to the cells of cells.py: its gates and flip-flops.

Hierarchy stays, so nothing is optimized across modules: a little more than a flat synthesis would need. Memories that
are macros on a chip (`scratchpad_bank`, the words of `accumulators`) are left out; all others become flip-flops.
Multipliers are Booth encoded. Registers that share an enable get a clock gate.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accel_models.container import write_atomic
from rtl.bench.build import RTL_DIR, default_build_root, sources_of
from rtl.bench.tools import BuildError
from rtl.bench.yosys import quoted, read_commands, run_yosys, yosys_version
from rtl.synthesis.cells import CLOCK_GATE_MIN_BITS, COMBINATIONAL, FLIP_FLOP_UM2, FLIP_FLOPS, NAND2_UM2, liberty

# ABC's default script proves equivalences first, which takes minutes in a 32-bit multiplier and saves 1 %.
_ABC = "+strash;dc2;map,-a;topo"
_MACRO = "memory_macro"
_MACROS = ("scratchpad_bank",)


@dataclass(frozen=True, slots=True)
class Gates:
    """A block's logic: ``logic`` in gate equivalents (areas over that of a NAND2), flip-flops (of a fit: not whole).

    Area is NAND2_UM2 * logic + FLIP_FLOP_UM2 * flip_flops: clock gates and what a reset adds to a flip-flop are logic.
    """

    logic: float
    flip_flops: float

    @property
    def um2(self) -> float:
        """Cell area at 45 nm."""
        return NAND2_UM2 * self.logic + FLIP_FLOP_UM2 * self.flip_flops


def synthesize(
    top: str,
    parameters: Mapping[str, int],
    *,
    without: Sequence[str] = (),
    rtl_dir: Path = RTL_DIR,
    build_root: Path | None = None,
) -> Gates:
    """Gates of `top`, modules named in `without` and macros left out. Kept in build/synthesis until a source changes.

    Raises MissingToolError where Yosys is not there, BuildError where it refuses the design.
    """
    root = build_root or default_build_root().with_name("synthesis")
    files = sources_of(top, rtl_dir)
    key = _key(files, top, parameters, without)
    kept = root / f"{'-'.join([top, *(f'{name}{value}' for name, value in sorted(parameters.items()))])}-{key}.json"
    if not kept.is_file():
        root.mkdir(parents=True, exist_ok=True)
        cells = root / "cells.lib"
        write_atomic(cells, liberty().encode())
        found = root / f".{kept.name}"
        run_yosys(script(top, parameters, without, files, cells, found))
        if not found.is_file():  # after ABC, Yosys' WebAssembly build neither prints nor returns an error
            raise BuildError(f"Yosys left no statistics of {top} with {dict(parameters)}")
        write_atomic(kept, found.read_bytes())
        found.unlink()
    return gates_of(json.loads(kept.read_text(encoding="utf-8")), (*_MACROS, _MACRO, *without))


def script(
    top: str, parameters: Mapping[str, int], without: Sequence[str], files: Sequence[Path], cells: Path, result: Path
) -> tuple[str, ...]:
    """The Yosys commands from sources to the statistics in `result`."""
    boxes = [
        f"blackbox {pattern}"
        for name in (*_MACROS, *without)
        for pattern in (f"{name}", f"*\\\\{name}", f"*\\\\{name}\\\\*")
    ]
    return (
        *read_commands(top, parameters=parameters, sources=files),
        "proc",
        *boxes,
        "synth -booth -run coarse:fine",
        f"chtype -set {_MACRO} accumulators/t:$mem_v2 *\\\\accumulators/t:$mem_v2",
        "synth -booth -noabc -run fine:check",
        "opt_clean -purge",
        f"clockgate -liberty {quoted(cells)} -min_net_size {CLOCK_GATE_MIN_BITS}",
        f"dfflibmap -liberty {quoted(cells)}",
        f"abc -liberty {quoted(cells)} -script {_ABC}",
        "opt_clean -purge",
        f"tee -q -o {quoted(result)} stat -json -liberty {quoted(cells)}",
    )


def gates_of(statistics: Mapping[str, Any], left_out: Sequence[str]) -> Gates:
    """Gates from the text of `stat -json`: the whole design. Raises BuildError where a cell has no known area.

    `left_out`: modules that may stand in the design without an area; parameters may be part of their name there.
    """
    design = statistics["design"]
    known = {"CLKGATE", *FLIP_FLOPS, *(cell.name for cell in COMBINATIONAL)}
    modules = {name.lstrip("\\") for name in statistics["modules"]}
    unknown = [
        name
        for name in design["num_cells_by_type"]
        if name not in known and name not in modules and not set(name.split("\\")) & set(left_out)
    ]
    if unknown:
        raise BuildError(f"cells without an area: {', '.join(sorted(unknown))}")
    flip_flops = sum(int(design["num_cells_by_type"].get(name, 0)) for name in FLIP_FLOPS)
    return Gates((float(design["area"]) - FLIP_FLOP_UM2 * flip_flops) / NAND2_UM2, flip_flops)


def _key(files: Sequence[Path], top: str, parameters: Mapping[str, int], without: Sequence[str]) -> str:
    recipe = script(top, parameters, without, (), Path("cells"), Path("result"))
    digest = hashlib.sha256("\0".join([yosys_version(), liberty(), *recipe]).encode())
    for file in files:
        digest.update(f"\0{file.name}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]
