"""``cosim run``: the main job. A table on the terminal, JSON, one HTML report and a trace in ``--out``."""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from accel_models.container import write_atomic
from accel_models.run import Run
from cosim.cli.output import Progress, need_file, need_folder, write_json
from cosim.options import Options

if TYPE_CHECKING:
    from cosim.pipeline import Outcome


def execute(arguments: argparse.Namespace) -> int:
    if arguments.fidelity == "rtl":
        raise ValueError(
            "--fidelity rtl needs the complete accelerator in RTL, which this release does not have; its matrix "
            "datapath is checked tile by tile: cosim rtl"
        )
    if arguments.samples < 0:
        raise ValueError(f"--samples: want 0 or more, got {arguments.samples}")
    if arguments.outputs and not arguments.outputs.endswith(".npz"):
        raise ValueError(f"--outputs: want a file ending in .npz, got {arguments.outputs}")
    progress = Progress()
    outcome = _outcome(arguments, progress)
    if arguments.outputs:
        if not outcome.values:
            raise ValueError("--outputs needs values, and a compiled file has no inputs of its own; give --inputs FILE")
        _write_arrays(Path(arguments.outputs), outcome)
    if arguments.json:
        write_json(outcome.run.to_text(), arguments.json)
    report = _write_reports(Path(arguments.out), outcome.run, progress) if arguments.out else None
    progress.done()
    _show(outcome.run, report, sys.stderr if arguments.json == "-" else sys.stdout)
    return 0


def _outcome(arguments: argparse.Namespace, progress: Progress) -> Outcome:
    inputs = need_file(arguments.inputs, "--inputs")
    if arguments.target.endswith(".program"):
        from cosim.pipeline import run_file

        return run_file(Path(arguments.target), inputs, fidelity=arguments.fidelity, seed=arguments.seed)
    from accel_models.system import load_system
    from cosim.pipeline import run_target

    system = load_system(arguments.system)
    return run_target(
        arguments.target,
        system,
        options_of(arguments),
        weights=arguments.weights_in,
        fidelity=arguments.fidelity,
        samples=arguments.samples,
        seed=arguments.seed,
        report=progress,
    )


def options_of(arguments: argparse.Namespace) -> Options:
    """The target's options, with the named files and folders checked."""
    return Options(
        inputs=need_file(arguments.inputs, "--inputs"),
        weights=need_file(arguments.weights, "--weights"),
        data=need_folder(arguments.data, "data sets"),
        calibrate=need_file(arguments.calibrate, "--calibrate"),
        multiplier_bits=arguments.multiplier_bits,
        rounding=arguments.rounding,
    )


def _write_arrays(path: Path, outcome: Outcome) -> None:
    """Golden's outputs of the one invocation, in real units, under the names of the network's outputs."""
    stream = io.BytesIO()
    np.savez(stream, **{name: array[0] for name, array in outcome.values.items()})
    write_atomic(path, stream.getvalue())


def _write_reports(folder: Path, run: Run, progress: Progress) -> Path:
    from reports import html, perfetto

    progress("writing the report")
    write_atomic(folder / "run.json", run.to_text().encode())
    write_atomic(folder / "trace.json", perfetto.trace_text(run.to_json()).encode())
    write_atomic(folder / "report.html", html.page(run.to_json()).encode())
    return folder / "report.html"


def _show(run: Run, report: Path | None, stream: object) -> None:
    from reports import terminal

    terminal.show(run.to_json(), report, stream)
