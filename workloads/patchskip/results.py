"""Measured runs and trained gates on disk, with the identity of what made them."""

import json
from pathlib import Path
from typing import Any

from workloads.arrays import load_arrays, save_text
from workloads.patchskip import identity
from workloads.patchskip.cells import CELLS, Cell

Run = dict[str, Any]
_ORDER = {(cell.name, cell.real): k for k, cell in enumerate(CELLS)}


def gate_name(cell: Cell) -> str:
    """Cells of one name share a gate."""
    return f"{cell.backbone} {cell.gate}" if cell.gate == "pass" else f"{cell.backbone} {cell.target:g}"


class Measurements:
    """Runs by cell and clip, in the order of the cells; learned gates beside them, PASS's in files of their own."""

    def __init__(self, path: Path, resume: bool) -> None:
        self.path = path
        self.runs: list[Run] = []
        self.gates: dict[str, dict[str, Any]] = {}
        if resume and path.exists():
            stored = json.loads(path.read_text())
            if not isinstance(stored, dict) or stored.keys() != {"runs", "gates"}:
                raise ValueError(f"{path} does not hold the runs of a table")
            self.runs, self.gates = stored["runs"], stored["gates"]

    def find(self, cell: Cell, clip: str) -> Run | None:
        """The stored run of a cell on a clip, whatever made it."""
        return next((run for run in self.runs if (run["cell"], run["clip"]) == (cell.name, clip)), None)

    def is_current(self, run: Run, cell: Cell, frames: str) -> bool:
        """Whether today's sources and settings, and these frames, made the run."""
        return (run.get("identity"), run.get("frames_identity")) == (identity.of_run(cell), frames)

    def outdated(self) -> list[Run]:
        """Runs that other sources or settings made than today's."""
        today = {(cell.name, cell.real): identity.of_run(cell) for cell in CELLS}
        return [run for run in self.runs if today.get((run["cell"], run["real"])) != run.get("identity")]

    def pass_path(self, cell: Cell) -> Path:
        """Where PASS's gate of a backbone is: too large to go with the runs."""
        return self.path.with_name(f"{self.path.stem}_pass_{cell.backbone}.npz")

    def has_gate(self, cell: Cell) -> bool:
        """Whether a cell needs no training: it has no gate, or today's sources trained it."""
        if cell.gate == "none":
            return True
        if cell.gate == "learned":
            return self.gates.get(gate_name(cell), {}).get("identity") == identity.of_gate(cell)
        path = self.pass_path(cell)
        return path.exists() and str(load_arrays(path).get("identity")) == identity.of_gate(cell)

    def add_gate(self, cell: Cell, sites: dict[str, Any]) -> None:
        """Store a learned gate's integers by compared map."""
        self.gates[gate_name(cell)] = {"identity": identity.of_gate(cell), "sites": sites}
        self.save()

    def add(self, run: Run) -> None:
        """Store a run, in place of an older one of its cell and clip."""
        kept = [r for r in self.runs if (r["cell"], r["clip"]) != (run["cell"], run["clip"])]
        self.runs = sorted(
            [*kept, run], key=lambda r: (_ORDER.get((r["cell"], r["real"]), len(_ORDER)), r["cell"], r["clip"])
        )
        self.save()

    def save(self) -> None:
        gates = dict(sorted(self.gates.items()))
        save_text(self.path, json.dumps({"runs": self.runs, "gates": gates}, indent=1) + "\n")
