"""The run of a frame of a small stream, as the JSON that reports read: made up, each number told from the others."""

import base64
import copy
from typing import Any

import numpy as np

from cosim.stream.picture import gray_png
from tests.reports.runs import small_run

COMPUTED = (1.0, 0.1, 0.25, 0.4, 1.0, 0.3, 0.2, 0.05)
"""Shares of the work that the frames compute; the whole ones are the first and the fifth."""
FIXED, DENSE = 2000, 10_000
"""Cycles of a frame that skips: FIXED, and 1.25 DENSE for all the work: break-even at 64 %."""


def stream_run(computed: tuple[float, ...] = COMPUTED) -> dict[str, Any]:
    """The small run as a stream's frame, and ``metrics`` of a clip whose frames compute such shares of the work."""
    run = copy.deepcopy(dict(small_run(cold=False)))
    for i, item in enumerate(run["operators"]):
        item["phase"] = ("look", "layers", "gate")[i % 3]
    run["phases"] = [
        {key: sum(o[key] for o in run["operators"] if o["phase"] == name) for key in ("macs", "cycles", "energy_uj")}
        | {"name": name, "bytes": 0}
        for name in ("look", "layers", "gate")
    ]
    whole = [share == 1 for share in computed]
    cycles = [11_000 if share == 1 else round(FIXED + 1.25 * DENSE * share) for share in computed]
    latency, energy = [count / 2e5 for count in cycles], [count / 1e3 for count in cycles]
    index = [3 * i for i in range(len(computed))]
    error = [0.0 if share == 1 else 0.01 * (i + 1) for i, share in enumerate(computed)]
    macs = 10 * run["macs"]
    run["metrics"] = {
        "frames": len(computed),
        "skip_ratio": 1 - sum(computed) / len(computed),
        "macs_dense": macs * len(computed),
        "macs_computed": round(macs * sum(computed)),
        "cycles_dense": DENSE,
        "cycles_mean": sum(cycles) / len(cycles),
        "latency_dense_ms": DENSE / 2e5,
        "latency_mean_ms": sum(latency) / len(latency),
        "latency_max_ms": max(latency),
        "energy_dense_uj": 11.0,
        "energy_mean_uj": sum(energy) / len(energy),
        "fps": 19_000,
        "deadline_misses": sum(value > 1e3 / 19_000 for value in latency),
        "whole_frames": sum(whole),
        "codes_different": 0,
        "error": sum(error) / len(error),
        "agreement": 0.875,
        "presence": 0.75,
        "count": 0.5,
        "dense_presence": 0.625,
        "dense_count": 0.375,
        "notes": ["one <note>"],
        "stream": {
            "clip": "scenes <1>",
            "backbone": "resnet8",
            "shown": index[2],
            "rules": {"patch": 8, "theta": {"frame": 8}, "refresh": 0, "dense_above": 0.75, "most_blind": 8},
            "memory": {"maps": 3000, "references": 500},
            "series": {
                "index": index,
                "cycles": cycles,
                "latency_ms": latency,
                "energy_uj": energy,
                "skip_ratio": [1 - share for share in computed],
                "whole": whole,
                "looked": [i > 0 for i in range(len(computed))],
                "error": error,
            },
            "pictures": _pictures(index, computed),
        },
    }
    return run


def _pictures(index: list[int], computed: tuple[float, ...]) -> dict[str, Any]:
    """Pictures of 20 rows and 28 columns: 3 x 4 patches, the last ones over the edge."""
    rng = np.random.default_rng(0)
    items = []
    for frame, share in zip(index, computed, strict=True):
        patches = rng.permutation(12) < round(12 * share)
        tenths = np.where(patches, rng.integers(1, 10, 12), 0)
        pixels = rng.integers(90, 160, (20, 28)).astype(np.uint8)
        items.append(
            {
                "index": frame,
                "png": base64.b64encode(gray_png(pixels)).decode(),
                "changed": "".join(map(str, (patches & (rng.random(12) < 0.7)).astype(int))),
                "computed": "".join(map(str, tenths)),
            }
        )
    return {"size": [20, 28], "patch": 8, "grid": [3, 4], "items": items}
