"""``cosim run``: the main job. A table on the terminal, JSON, one HTML report and a trace in ``--out``."""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from cosim.cli.output import Progress, need_data, need_file, need_folder, need_place, write_all, write_json
from cosim.options import CosimOptions, Options, StreamOptions

if TYPE_CHECKING:
    from cosim.pipeline import Outcome

_RTL_FRAMES = 10


def execute(arguments: argparse.Namespace) -> int:
    from accel_models.system import load_system
    from cosim.against import beside, parse
    from workloads.registry import STREAMS

    given = [name for name in ("waves", "waves_window") if getattr(arguments, name)]
    given += ["memory"] * (arguments.memory != "nominal")
    if given and arguments.fidelity != "rtl":
        raise ValueError(f"--{given[0].replace('_', '-')} goes with --fidelity rtl")
    if arguments.samples < 0:
        raise ValueError(f"--samples: want 0 or more, got {arguments.samples}")
    if arguments.against:
        if arguments.target.endswith(".program"):
            raise ValueError("--against does not apply to a .program, which is bound to its system; give its network")
        load_system(parse(arguments.against, arguments.target)[1])
    if arguments.epoch is not None and arguments.epoch < 1:
        raise ValueError(f"--epoch: want 1 or more samples, got {arguments.epoch}")
    if arguments.epoch is not None and arguments.target in STREAMS:
        raise ValueError(f"--epoch is for training steps, which {arguments.target} is not")
    if arguments.steps < 1:
        raise ValueError(f"--steps: want 1 or more, got {arguments.steps}")
    if arguments.outputs and not arguments.outputs.endswith(".npz"):
        raise ValueError(f"--outputs: want a file ending in .npz, got {arguments.outputs}")
    if arguments.outputs and not arguments.inputs and arguments.target.endswith((".network", ".program")):
        raise ValueError("--outputs needs values, and a compiled file has no inputs of its own; give --inputs FILE")
    json_file, folder = need_place(arguments.json, "--json"), need_place(arguments.out, "--out", folder=True)
    outputs = need_place(arguments.outputs, "--outputs")
    progress = Progress()
    outcome = _outcome(arguments, progress)
    if arguments.epoch:
        metrics = {**outcome.run.metrics, "epoch_samples": arguments.epoch}
        outcome = replace(outcome, run=replace(outcome.run, metrics=metrics))
    if arguments.against:
        outcome = beside(outcome, arguments.against, arguments.target, options_of(arguments), progress)
    text = outcome.run.to_text()
    data = json.loads(text)  # what the file holds, so that 'cosim report' draws the same
    if folder:
        progress("drawing the report")
    files = report_files(folder, data, text) if folder else {}
    if json_file:
        files[json_file] = text.encode()
    if outputs:
        files[outputs] = _arrays(outcome)
    from reports import terminal

    write_all(files)
    progress.done()
    if arguments.json == "-":
        write_json(text, "-")
    report = folder / "report.html" if folder else None
    terminal.show(data, report, sys.stderr if arguments.json == "-" else sys.stdout)
    return complain(outcome.run.rtl)


def complain(rtl: Mapping[str, Any] | None) -> int:
    """Exit status of a co-simulation: 1, with the reason, where the RTL and the models disagree."""
    if rtl is None or rtl["holds"]:
        return 0
    from cosim.run import disagreement

    print(f"cosim: error: {disagreement(rtl)}", file=sys.stderr)
    return 1


def _outcome(arguments: argparse.Namespace, progress: Progress) -> Outcome:
    options = options_of(arguments)
    if arguments.target.endswith(".program"):
        from cosim.pipeline import run_file

        return run_file(
            Path(arguments.target),
            options.inputs,
            fidelity=arguments.fidelity,
            seed=options.seed,
            report=progress,
            cosimulation=cosim_options(arguments),
        )
    from accel_models.system import load_system
    from cosim.pipeline import run_target
    from workloads.registry import STREAMS

    own = STREAMS[arguments.target].system if arguments.target in STREAMS else "edge16"
    system = load_system(arguments.system or own)
    return run_target(
        arguments.target,
        system,
        options,
        weights=arguments.weights_in,
        fidelity=arguments.fidelity,
        samples=arguments.samples,
        report=progress,
        cosimulation=cosim_options(arguments),
        steps=arguments.steps,
    )


def cosim_options(arguments: argparse.Namespace) -> CosimOptions:
    """Of a co-simulation, checked before anything runs."""
    from cosim.cosimulation import recording_of

    if arguments.waves_window and not arguments.waves:
        raise ValueError("--waves-window goes with --waves FILE")
    found = CosimOptions(
        memory=arguments.memory, waves=need_place(arguments.waves, "--waves"), window=arguments.waves_window
    )
    recording_of(found)
    return found


def options_of(arguments: argparse.Namespace) -> Options:
    """The target's options, with the named files and folders checked. Options that would be ignored are refused."""
    _refuse_ignored(arguments)
    stream = _stream_options(arguments)
    return Options(
        inputs=need_file(arguments.inputs, "--inputs"),
        weights=need_file(arguments.weights, "--weights"),
        data=need_data(arguments.data) if stream else need_folder(arguments.data, "data sets"),
        calibrate=need_file(arguments.calibrate, "--calibrate"),
        multiplier_bits=arguments.multiplier_bits or 31,
        rounding=arguments.rounding or "half_up",
        keep_float=arguments.float,
        batch=_batch(arguments.batch),
        masters=arguments.masters,
        seed=arguments.seed,
        stream=stream,
    )


def _stream_options(arguments: argparse.Namespace) -> StreamOptions | None:
    """Those of a stream; refused for other targets."""
    from workloads.registry import STREAMS

    given = [name for name in ("clip", "frames", "fps", "set") if getattr(arguments, name, None) not in (None, [])]
    if arguments.target not in STREAMS:
        if given:
            raise ValueError(f"--{given[0]} is for streams ({', '.join(STREAMS)}), which {arguments.target} is not")
        return None
    if getattr(arguments, "waves", None):
        raise ValueError(
            f"--waves does not apply to the frames of a clip: record one with 'cosim compile {arguments.target} "
            "--system NAME -o FILE.program' and 'cosim rtl FILE.program --waves FILE'"
        )
    settings = {}
    for text in arguments.set:
        name, equals, value = text.partition("=")
        if not equals:
            raise ValueError(f"--set: want NAME=VALUE, got {text!r}")
        settings[name] = value
    if arguments.command == "compile":
        return StreamOptions(settings=settings)
    frames = _RTL_FRAMES if arguments.frames is None and arguments.fidelity == "rtl" else arguments.frames
    return StreamOptions(clip=arguments.clip, frames=frames, fps=arguments.fps, settings=settings)


def _batch(text: str | None) -> int | Literal["largest"] | None:
    if text is None or text == "largest":
        return text  # type: ignore[return-value]
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"--batch: want a number of samples, or 'largest', got {text!r}") from None


def _refuse_ignored(arguments: argparse.Namespace) -> None:
    quantizing = ["calibrate", "multiplier_bits", "rounding"]
    lowering = ["data", "weights", "float", "batch", "masters", *quantizing]
    compiled = arguments.target.endswith(".program")
    if compiled or arguments.target.endswith(".network"):
        given = [name for name in (*lowering, *["system"] * compiled) if getattr(arguments, name)]
        given += ["weights_in"] * (compiled and arguments.weights_in != "auto")
        reason = "is compiled already" if compiled else "is lowered already"
    else:
        given = [name for name in quantizing if getattr(arguments, name)] if arguments.float else []
        reason = "is not quantized with --float"
    if given:
        option = given[0].replace("_", "-")
        raise ValueError(f"--{option} does not apply: {arguments.target} {reason}")


def _arrays(outcome: Outcome) -> bytes:
    """An .npz of golden's outputs of the one invocation, in real units, under the names of the network's outputs."""
    stream = io.BytesIO()
    np.savez(stream, **{name: array[0] for name, array in outcome.values.items()})
    return stream.getvalue()


REPORT_FILES = ("run.json", "trace.json", "report.html")


def report_files(folder: Path, data: dict[str, Any], text: str) -> dict[Path, bytes]:
    """What ``--out`` gets, by path: REPORT_FILES. ``data``: of the run's JSON ``text``."""
    from reports import html, perfetto

    contents = (text, perfetto.trace_text(data), html.page(data))
    return {folder / name: content.encode() for name, content in zip(REPORT_FILES, contents, strict=True)}
