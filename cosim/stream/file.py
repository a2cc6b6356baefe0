"""A stream from a compiled file, which brings no clip: its first frame, computed whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from accel_models.program import Program
from accel_models.run import Run
from cosim.options import CosimOptions
from cosim.run import run
from cosim.stream.run import Stream, of_frame
from workloads.arrays import load_arrays

_NOTE = "this is a stream's first frame, computed whole; 'cosim run' of the workload itself takes a clip"


def first_frame(
    program: Program,
    path: Path | None,
    *,
    fidelity: str,
    seed: int,
    report: Callable[[str], None],
    cosimulation: CosimOptions | None = None,
) -> tuple[Run, Mapping[str, np.ndarray]]:
    """A Run of the frame in an ``.npz``, int8 codes [rows, columns, channels], and its outputs by name.

    Without a file, one drawn from ``seed`` on the RTL. Elsewhere ValueError: data decides what a frame takes.
    """
    stream = Stream(program)
    if path is not None:
        arrays = list(load_arrays(path).values())
        if len(arrays) != 1:
            raise ValueError(f"{path} holds {len(arrays)} arrays, want one, the stream's first frame")
        codes = arrays[0]
    elif fidelity == "rtl":
        codes = np.random.default_rng(seed).integers(-128, 127, stream.frame_shape, np.int8, endpoint=True)
    else:
        raise ValueError(
            f"{program.name} is a stream, and what a frame takes depends on the frame: give the first one with "
            f"--inputs FILE (an .npz, int8{list(stream.frame_shape)}: rows, columns, channels), or run the workload "
            "itself, which has clips"
        )
    given = stream.inputs(codes)
    report("executing on golden")
    frame = stream(codes)
    rtl = None
    if fidelity == "rtl":
        from cosim.cosimulation import on_rtl

        rtl = on_rtl(program, given, report, cosimulation)
    report("timing")
    found = run(
        of_frame(program, frame),
        fidelity=fidelity,
        metrics={"notes": [_NOTE]},
        seed=seed,
        decided=frame.decided,
        rtl=rtl,
    )
    return found, {name: array[None] for name, array in frame.outputs.items()}
