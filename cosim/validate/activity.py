"""Activity of the RTL in ResNet-8 beside what the energy table assumes: ``python -m cosim.validate.activity``.

Writes reports/results/activity.json and activity.md (``make activity``). Weights in SRAM, a real test image; every
convolution also as a network of its own, with its real data and with random data. About two minutes.
"""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from accel_models.container import write_atomic
from accel_models.program import Program
from accel_models.system import load_system
from cosim.options import Options
from cosim.validate.activity_report import page
from cosim.validate.layers import random_layer, real_layers
from rtl.activity.measure import Measured, measure
from rtl.activity.sensitivity import parts, register_switching

RESULTS = Path(__file__).parents[2] / "reports" / "results"
NETWORK, SYSTEM, WHOLE, SEED = "resnet8", "edge16", "network", 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """``layer``: an operator's name, or WHOLE; ``data``: "real" or "random"."""

    layer: str
    data: str
    measured: Measured

    def to_json(self) -> dict[str, Any]:
        classes = {
            name: asdict(item) | {"activity": round(item.value, 4)} for name, item in self.measured.activities.items()
        }
        return {"layer": self.layer, "data": self.data, "cycles": self.measured.cycles, "classes": classes}


def points(report: Callable[[str], None]) -> tuple[list[Point], float]:
    """All recordings, and the energy in pJ that the model gives for the whole network."""
    from cosim.encode import compile_network
    from cosim.frontend import prepare
    from cosim.run import run

    system = load_system(SYSTEM)
    prepared = prepare(NETWORK, Options(), lambda stage: None)
    inputs = {name: array[None] for name, array in prepared.inputs.items()}
    rng = np.random.default_rng(SEED)
    found = []

    def record(layer: str, data: str, program: Program, given: Any) -> None:
        report(f"{layer}, {data} data")
        found.append(Point(layer=layer, data=data, measured=measure(program, given)))

    whole = compile_network(prepared.network, system, "sram")
    record(WHOLE, "real", whole, inputs)
    for name, layer in real_layers(prepared.network, system, inputs).items():
        for data, item in (("real", layer), ("random", random_layer(layer, rng))):
            record(name, data, compile_network(item.network, system, "sram"), item.inputs)
    return found, 1e6 * run(whole).energy_uj


def result(found: Sequence[Point], total_pj: float) -> dict[str, Any]:
    """What activity.json holds: the recordings and, of the whole network, the energy that follows each class."""
    (whole,) = (point for point in found if point.layer == WHOLE)
    measured = whole.measured.activities
    energy = [
        {
            "part": part.name,
            "component": part.component,
            "follows": list(part.follows),
            "pj": round(part.pj, 1),
            "scaled_pj": round(part.scaled_pj(measured), 1),
            "switched_pj": round(part.switched_pj(measured), 1),
        }
        for part in parts(whole.measured.totals, load_system(SYSTEM))
    ]
    return {
        "network": NETWORK,
        "system": SYSTEM,
        "seed": SEED,
        "register_switching": register_switching(),
        "total_pj": round(total_pj, 1),
        "energy": energy,
        "points": [point.to_json() for point in found],
    }


def main() -> int:
    def report(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    data = result(*points(report))
    write_atomic(RESULTS / "activity.json", (json.dumps(data, indent=1, sort_keys=True) + "\n").encode())
    write_atomic(RESULTS / "activity.md", page(data).encode())
    print(page(data), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
