"""Arguments, dispatch and errors. Nothing heavy is imported before a command needs it: ``--help`` stays instant."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

_EPILOG = """examples:
  cosim run resnet8 --system edge16            a built-in workload; prints a table, writes a report
  cosim run net.py:model --calibrate x.npz     a function, a model or a model factory in a file
  cosim run m.pt2 --inputs x.npz --outputs y.npz   own inputs in, the hardware's exact outputs out
  cosim compile resnet8 --system edge16 -o r.program && cosim run r.program
  cosim explore explore-small --jobs 2 --out DIR   a design space: Pareto front, table of all points, report
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 only when the whole job succeeded."""
    arguments = _parser().parse_args(argv)
    if not hasattr(arguments, "module"):
        _parser().print_help()
        return 2
    try:
        command = importlib.import_module(f"cosim.cli.{arguments.module}")
        return int(command.execute(arguments))
    except KeyboardInterrupt:
        print("cosim: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 1
    except (Exception, SystemExit) as error:  # SystemExit: a target's code wants to leave, which is no success
        if arguments.traceback:
            raise
        print(f"cosim: {_message(error)}", file=sys.stderr)
        return 1


def _message(error: BaseException) -> str:
    """What went wrong, for the user; anything but bad input, a missing file or a missing package is our own fault."""
    if isinstance(error, OSError) and error.strerror:
        return f"error: {error.filename}: {error.strerror}" if error.filename else f"error: {error.strerror}"
    if isinstance(error, ModuleNotFoundError):
        return f"error: the package {error.name} is missing; 'cosim doctor' says what else is"
    if isinstance(error, ValueError | OSError | RuntimeError):
        return f"error: {error}" if str(error) else f"error: {type(error).__name__}"
    if isinstance(error, SystemExit):
        return f"error: the target's code called sys.exit({'' if error.code is None else error.code})"
    return f"internal error: {type(error).__name__}: {error}; --traceback shows where, please report it"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="cosim",
        description="Execute, time and price a PyTorch computation on a small chip; check the chip's RTL against it.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _run(commands)
    _compile(commands)
    _explore(commands)
    _rtl(commands)
    _validate(commands)
    _list(commands)
    _doctor(commands)
    _report(commands)
    return parser


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, module: str, text: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    parser.set_defaults(module=module, command=name)
    parser.add_argument("--json", metavar="FILE", help="write the result as JSON ('-' for standard output)")
    parser.add_argument("--out", metavar="DIR", help="folder for files that the command writes")
    parser.add_argument("--traceback", action="store_true", help="show where an error was raised")
    return parser


def _target(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", help="workload, file.py:function, model.pt2, or a .network file")
    parser.add_argument("--data", metavar="DIR", help="folder with a workload's real data set")
    parser.add_argument("--weights", metavar="FILE", help="trained parameters (.npz) for the model")
    parser.add_argument(
        "--calibrate", metavar="FILE", help="calibration inputs (.npz); default: the workload's, else its example"
    )
    parser.add_argument("--float", action="store_true", help="do not quantize: everything runs on the CPU, in float32")
    parser.add_argument("--multiplier-bits", type=int, choices=(31, 16), help="requantizer precision (default 31)")
    parser.add_argument(
        "--rounding", choices=("half_up", "double"), help="requantization: single (default) or TFLite's double"
    )
    parser.add_argument(
        "--batch", metavar="N", help="samples of a training's step (octo ...), or 'largest': as many as fit the system"
    )
    parser.add_argument(
        "--masters", metavar="KIND", help="what a training keeps of its int8 weights: fp32, int16, int12, int10, int8"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="of random numbers: initialization, operators that draw some (default 0)"
    )


def _cosimulation(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--memory",
        default="nominal",
        metavar="KIND",
        help="memories of a co-simulation: nominal (the system's), fast, slow, stalls, or factors such as "
        "latency=5,pace=3,stalls=0.1,seed=2",
    )
    parser.add_argument("--waves", metavar="FILE", help="record signals of a co-simulation (VCD)")
    parser.add_argument(
        "--waves-window",
        metavar="START:STOP",
        help="cycles to record, counted while the accelerator works (default 0:2000)",
    )


def _run(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _command(commands, "run", "run", "execute, time and price a target on a system")
    _target(parser)
    parser.add_argument("--system", help="preset name or YAML file (default edge16); a .program has its own")
    parser.add_argument(
        "--fidelity", choices=("analytic", "event", "rtl"), default="event", help="how cycles are found (default event)"
    )
    parser.add_argument(
        "--weights-in",
        choices=("auto", "sram", "flash"),
        default="auto",
        help="where weights lie at run time: sram (warm), flash (cold), auto: warm if they fit, cold beside it",
    )
    _cosimulation(parser)
    parser.add_argument("--inputs", metavar="FILE", help="inputs of one invocation (.npz)")
    parser.add_argument("--outputs", metavar="FILE", help="write golden's outputs (.npz, real units)")
    parser.add_argument(
        "--samples", type=int, default=256, help="test samples behind a workload's metric (default 256; 0: none)"
    )
    parser.add_argument(
        "--against",
        metavar="[TARGET@]SYSTEM",
        help="show the ratios to this run: the same target, or another, on another system, such as cortex-m7",
    )
    parser.add_argument(
        "--epoch", type=int, metavar="SAMPLES", help="samples of an epoch: show what a training step costs an epoch"
    )
    parser.add_argument(
        "--steps", type=int, default=1, help="training steps to execute, each on the same inputs (default 1)"
    )
    parser.add_argument("--clip", metavar="NAME", help="of a stream: take the clip whose name holds this")
    parser.add_argument("--frames", type=int, metavar="N", help="of a stream: frames to compute (default 24; rtl: 10)")
    parser.add_argument("--fps", type=float, metavar="RATE", help="of a stream: frames a second, for missed deadlines")
    _stream_settings(parser)


def _stream_settings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="of a stream: how it skips, such as patch=16, theta=4, refresh=50, backbone=mobilenet",
    )


def _compile(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _command(commands, "compile", "compile", "compile a target to a .network, or with --system to a .program")
    _target(parser)
    parser.add_argument("--inputs", metavar="FILE", help="inputs to trace with (.npz)")
    parser.add_argument("--system", help="preset name or YAML file: bind the network to it")
    parser.add_argument(
        "--weights-in", choices=("auto", "sram", "flash"), default="auto", help="where weights lie at run time"
    )
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="ends in .network or .program")
    _stream_settings(parser)


def _explore(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _command(commands, "explore", "explore", "explore a design space: many systems, the same workloads")
    parser.add_argument("space", nargs="?", help="shipped space ('cosim list') or YAML file")
    parser.add_argument("--schema", action="store_true", help="print the JSON schema of a space file")
    parser.add_argument("--jobs", type=int, default=1, help="worker processes (default 1: this one)")
    parser.add_argument("--dask", metavar="ADDRESS", help="work on a Dask cluster, such as tcp://host:8786")
    parser.add_argument("--store", metavar="URL", help="file or database of results (default: store.sqlite in --out)")
    parser.add_argument("--resume", action="store_true", help="go on with the results that the store holds")
    parser.add_argument(
        "--budget", type=int, metavar="N", help="most points to evaluate: a larger space is searched (default 2000)"
    )
    parser.add_argument("--rtl", type=int, metavar="N", help="simulate N points of the front on the RTL as well")
    parser.add_argument("--rtl-points", metavar="P,P", help="and these points, by their numbers in points.csv")
    parser.add_argument(
        "--choose",
        metavar="POINT",
        help="point whose run reports go to --out, beside the base system (default: the front's lowest energy-delay "
        "product; 'none': leave out)",
    )
    parser.add_argument(
        "--compare", nargs=2, metavar=("A", "B"), help="compare two explorations: folders of --out, or explore.json"
    )
    parser.add_argument("--seed", type=int, default=0, help="of networks and of the search (default 0)")
    parser.add_argument(
        "--samples", type=int, default=256, help="test samples behind a workload's metric (default 256; 0: none)"
    )


def _rtl(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _command(commands, "rtl", "rtl", "run the RTL: the regression of all blocks, or one compiled program")
    parser.add_argument("program", nargs="?", metavar="FILE.program", help="co-simulate this program")
    parser.add_argument("--inputs", metavar="FILE", help="inputs of the program (.npz); else drawn from --seed")
    parser.add_argument("--seed", type=int, default=0)
    _cosimulation(parser)
    parser.add_argument("--jobs", type=int, default=2, help="simulations at a time (default 2)")
    parser.add_argument("--keyword", metavar="EXPR", help="only tests that match (pytest -k)")


def _validate(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _command(commands, "validate", "validate", "hold the models to the RTL and to published measurements")
    parser.add_argument("--reference", metavar="DIR", help="folder of published measurements (CSV)")


def _list(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _command(commands, "list", "listing", "list workloads and systems")
    parser.add_argument("--schema", action="store_true", help="print the JSON schema of a system file")


def _doctor(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    _command(commands, "doctor", "doctor", "say what this machine has and lacks")


def _report(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _command(commands, "report", "report", "draw a run's report again from its JSON")
    parser.add_argument("run", metavar="OUT", help="folder that 'cosim run --out' wrote, or its run.json")
