"""Asks Yosys whether a fault changes anything: a proof that two modules are equal, by induction over their registers.

Claimed is: from any state that both share, whatever comes in, all outputs and all registers stay equal for ever. Values
at power-up are outside of it; a reset is an input like any other. Where the proof does not succeed, nothing is claimed.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from rtl.bench.build import RTL_DIR, sources_of
from rtl.bench.tools import BuildError
from rtl.bench.yosys import read_commands, run_yosys
from rtl.mutation.faults import Fault
from rtl.mutation.parse import Source

SIZES = {"Rows": 3, "Columns": 5}  # of the modules that have them; others keep their defaults
_TIMEOUT_S = 60.0
_STEPS = 4
# Wires but ports and registers are hidden: a difference that no register and no output ever sees is none.
_PREPARE = (
    "proc",
    "flatten",
    "memory_map",
    "opt -full",
    "wreduce",
    "opt_clean",
    "rename -hide w:* i:* %d o:* %d t:$*ff* %x:+[Q] t:$*ff* %d %d",
)


def parents(module: str, rtl_dir: Path = RTL_DIR) -> tuple[str, ...]:
    """Return the module and those that contain it, smallest first."""
    sizes = {file.stem: sources_of(file.stem, rtl_dir) for file in rtl_dir.glob("*.sv")}
    holders = [name for name, files in sizes.items() if any(file.stem == module for file in files)]
    holders = [name for name in holders if not name.endswith("_pkg")]
    return tuple(sorted(holders, key=lambda name: (len(sizes[name]), name)))


def proof_commands(top: str, original: Sequence[Path], mutated: Sequence[Path]) -> tuple[str, ...]:
    """Return the Yosys commands that succeed where `top` is the same of both lists of files."""
    words = next(file for file in original if file.stem == top).read_text()
    parameters = {name: value for name, value in SIZES.items() if f"parameter  int unsigned {name} " in words
                  or f"parameter int unsigned {name} " in words}  # fmt: skip
    sides = []
    for name, files in (("gold", original), ("gate", mutated)):
        sides += ["design -reset", *read_commands(top, parameters=parameters, sources=files), *_PREPARE]
        sides += [f"rename -top {name}", f"design -stash {name}"]
    return (
        *sides,
        "design -reset",
        "design -copy-from gold -as gold gold",
        "design -copy-from gate -as gate gate",
        "equiv_make gold gate equal",
        "hierarchy -top equal",
        "async2sync",
        "opt_clean",
        "equiv_struct",
        f"equiv_simple -seq {_STEPS}",
        f"equiv_induct -seq {_STEPS}",
        "equiv_status -assert",
    )


def proved_in(source: Source, fault: Fault, tops: Sequence[str], rtl_dir: Path = RTL_DIR) -> str:
    """Return the first of ``tops`` in which the fault provably changes nothing, or an empty text."""
    with tempfile.TemporaryDirectory(prefix="equal-") as name:
        file = Path(name) / f"{source.name}.sv"
        file.write_text(fault.applied(source.text))
        for top in tops:
            original = sources_of(top, rtl_dir)
            mutated = [file if item.stem == source.name else item for item in original]
            try:
                run_yosys(proof_commands(top, original, mutated), timeout_s=_TIMEOUT_S)
            except BuildError:
                continue
            return top
    return ""
