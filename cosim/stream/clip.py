"""A stream over a clip: every frame's cost beside that of computing it whole, values beside PyTorch's, what it kept."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from accel_models.program import Program
from accel_models.run import Run
from cosim.run import run
from cosim.stream.picture import gray_png
from cosim.stream.plan import changed
from cosim.stream.run import Frame, Stream, of_frame, time_frame

if TYPE_CHECKING:
    from cosim.frontend import Streamed
    from cosim.options import CosimOptions

Report = Callable[[str], None]
PICTURES = 60
"""Frames of which a Run keeps the picture, at most."""


@dataclass(frozen=True, slots=True)
class Played:
    """A frame, its cost, and how it compares with PyTorch: codes of all maps that differ, the last map's relative error
    against the dense network, and the numbers of objects that the stream and the dense network see."""

    frame: Frame
    run: Run
    different: int
    error: float
    answer: int
    dense_answer: int


def play(
    streamed: Streamed,
    program: Program,
    *,
    fps: float | None,
    fidelity: str,
    seed: int,
    report: Report,
    cosimulation: CosimOptions | None = None,
) -> tuple[Run, Mapping[str, np.ndarray]]:
    """A Run of the frame of median latency, whose metrics tell of all frames, and that frame's outputs by name."""
    from cosim.encode import compile_network

    example = streamed.example
    dense = run(compile_network(streamed.dense, program.system), named=False)
    stream, codes = Stream(program), example.codes
    played, before = [], []
    for place, expected in enumerate(example.expected()):
        report(f"frame {place + 1} of {len(codes)}")
        if fidelity == "rtl":
            before.append(({"sram": stream.machine.state.bus["sram"][0].copy()}, stream.inputs(codes[place])))
        frame = stream(codes[place], int(example.clip.index[place]))
        different = sum(
            int((stream.map(name) != value).sum()) for name, value in expected.maps.items() if name != program.inputs[0]
        )
        cost = time_frame(program, frame)
        played.append(Played(frame, cost, different, expected.error, expected.answer, expected.dense_answer))
    rtl = None
    if fidelity == "rtl":
        from cosim.cosimulation import invocations_on_rtl

        rtl = invocations_on_rtl(program, before, report, cosimulation)
    report("timing")
    shown = sorted(played, key=lambda item: (item.run.cycles, item.frame.index))[len(played) // 2]
    found = run(
        of_frame(program, shown.frame),
        fidelity=fidelity,
        metrics=_metrics(streamed, program, played, dense, shown, fps or example.clip.fps),
        seed=seed,
        decided=shown.frame.decided,
        rtl=rtl,
        named=False,
    )
    # Its rows carry the frame's multiply-accumulates, its name is that of the program as compiled.
    found = replace(found, provenance={**found.provenance, "program_hash": program.hash})
    return found, {name: array[None] for name, array in shown.frame.outputs.items()}


def _metrics(
    streamed: Streamed, program: Program, played: Sequence[Played], dense: Run, shown: Played, fps: float
) -> dict[str, Any]:
    example, about = streamed.example, program.metadata["stream"]
    macs = about["macs"]
    computed = sum(item.frame.total_macs for item in played)
    latency = [item.run.latency_ms for item in played]
    energy = [item.run.energy_uj for item in played]
    found: dict[str, Any] = {
        "frames": len(played),
        "skip_ratio": 1 - computed / (macs * len(played)),
        "macs_dense": macs * len(played),
        "macs_computed": computed,
        "cycles_dense": dense.cycles,
        "cycles_mean": float(np.mean([item.run.cycles for item in played])),
        "latency_dense_ms": dense.latency_ms,
        "latency_mean_ms": float(np.mean(latency)),
        "latency_max_ms": max(latency),
        "energy_dense_uj": dense.energy_uj,
        "energy_mean_uj": float(np.mean(energy)),
        "fps": fps,
        "deadline_misses": sum(value > 1e3 / fps for value in latency),
        "whole_frames": sum(item.frame.whole for item in played),
        "codes_different": sum(item.different for item in played),
        "error": float(np.mean([item.error for item in played])),
        "agreement": float(np.mean([item.answer == item.dense_answer for item in played])),
    }
    found |= example.task([item.answer for item in played])
    found |= {f"dense_{name}": v for name, v in example.task([item.dense_answer for item in played]).items()}
    series = {
        "index": [item.frame.index for item in played],
        "cycles": [item.run.cycles for item in played],
        "latency_ms": latency,
        "energy_uj": energy,
        "skip_ratio": [1 - item.frame.total_macs / macs for item in played],
        "whole": [item.frame.whole for item in played],
        "looked": [item.frame.looked for item in played],
        "error": [item.error for item in played],
    }
    stream = {
        "clip": example.clip.name,
        "backbone": example.backbone,
        "shown": shown.frame.index,
        "rules": {name: about[name] for name in ("patch", "theta", "refresh", "dense_above", "most_blind")},
        "memory": about["memory"],
        "series": series,
        "pictures": _pictures(example.pictures, program, played),
    }
    return found | {"stream": stream}


def _pictures(gray: np.ndarray, program: Program, played: Sequence[Played]) -> dict[str, Any]:
    """Frames, evenly chosen, with what changed and what was computed where, for a report to draw.

    ``computed``: by patch of the frame, the share of the layers' multiply-accumulates there, in ninths, rounded up.
    """
    (source,) = program.inputs
    layers = _work_by_mask(program)
    chosen = np.unique(np.linspace(0, len(played) - 1, min(PICTURES, len(played))).round().astype(int))
    items = []
    for place in chosen.tolist():
        frame = played[place].frame
        moved = frame.masks[changed(source)]
        share = sum(_resized(frame.masks[name], moved.shape) * work for name, work in layers.items())
        items.append(
            {
                "index": frame.index,
                "png": base64.b64encode(gray_png(gray[place])).decode(),
                "changed": "".join(map(str, moved.astype(int).ravel())),
                "computed": "".join(map(str, np.ceil(9 * share - 1e-9).astype(int).ravel())),
            }
        )
    rows, columns, _ = program.metadata["stream"]["masks"][changed(source)]
    return {
        "size": list(gray.shape[1:]),
        "patch": program.metadata["stream"]["patch"],
        "grid": [rows, columns],
        "items": items,
    }


def _work_by_mask(program: Program) -> dict[str, float]:
    """Shares of the multiply-accumulates by the mask that says where they are made; not those of a single patch."""
    masks = program.metadata["stream"]["masks"]
    work = {row.name: row.macs for row in program.rows if row.name in masks and masks[row.name][:2] != [1, 1]}
    total = sum(work.values())
    return {name: macs / total for name, macs in work.items() if macs}


def _resized(mask: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A mask on a grid of another shape, by the nearest patch."""
    rows, columns = ((np.arange(size) * have) // size for size, have in zip(shape, mask.shape, strict=True))
    return mask[np.ix_(rows, columns)].astype(np.float64)
