"""The command line that every `python -m workloads.<name>.train` shares."""

import argparse
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType

import torch

from workloads.task import Task
from workloads.training import Job, outputs_of, train
from workloads.weights import load_weights, save_weights


def positive(text: str) -> int:
    """An option's value: an integer above 0."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is not positive")
    return value


def seed(text: str) -> int:
    """An option's value: an integer, 0 or more."""
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{value} is negative")
    return value


@contextmanager
def stop_on_signals() -> Iterator[Callable[[], bool]]:
    """Gives a function that says whether Ctrl-C or SIGTERM came: a loop finishes its step, saves and returns."""
    stop = False

    def on_signal(number: int, frame: FrameType | None) -> None:
        nonlocal stop
        del number, frame
        stop = True

    handlers = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: stop
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _parser(task: Task, prog: str) -> argparse.ArgumentParser:
    own, others = task.embedded().name, ", ".join(source.name for source in task.sources) or "none"
    parser = argparse.ArgumentParser(
        prog=prog,
        description=f"Train {task.name}. Data set of the package: {own}; with --data: {others}.",
    )
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder with a data set (default: the package's own)")
    parser.add_argument("--dataset", metavar="NAME", help="which data set, when the folder holds several")
    parser.add_argument("--epochs", type=positive, metavar="N", help="default: what the data set's recipe says")
    parser.add_argument("--samples", type=positive, metavar="N", help="use the first N training samples only")
    parser.add_argument("--seed", type=seed, default=0, metavar="N", help="default: 0")
    parser.add_argument("--threads", type=positive, default=1, metavar="N", help="default: 1, which repeats exactly")
    parser.add_argument("--out", type=Path, metavar="FILE", help=f"default: {task.name}_<dataset>.npz in this folder")
    parser.add_argument("--resume", action="store_true", help="continue a stopped run, if there is one")
    return parser


def _run(task: Task, options: argparse.Namespace) -> int:
    data_set = task.data_set(options.data, options.dataset)
    recipe = task.recipe(data_set.name)
    recipe = recipe if options.epochs is None else replace(recipe, epochs=options.epochs)
    out = options.out or Path(f"{task.name}_{data_set.name}.npz")
    checkpoint = out.with_name(f"{out.name}.checkpoint.npz")
    if options.resume and out.exists() and not checkpoint.exists():
        print(f"{out} is finished; to train it again, leave --resume out")
        return 0
    job = Job(task, data_set.name, data_set.read("train", options.samples), recipe, options.seed)
    if len(job.samples.labels) < recipe.batch_size:
        raise ValueError(f"--samples {len(job.samples.labels)} is less than one batch of {recipe.batch_size}")
    print(f"{task.name} on {data_set.name}: {len(job.samples.labels)} samples, {recipe.epochs} epochs", flush=True)
    with stop_on_signals() as stopped:
        module = train(job, checkpoint, options.resume, lambda line: print(line, flush=True), stopped)
    if module is None:
        return 130
    save_weights(out, module)
    load_weights(out, module)  # score what was stored, rounding included
    test = data_set.read("test", None)
    inputs = task.to_inputs(test.inputs)
    score = task.score(outputs_of(module, inputs), inputs.numpy(), test.labels)
    checkpoint.unlink(missing_ok=True)
    print(f"{out}: {task.score.__name__} {score:.4f} on {len(test.labels)} test samples")
    return 0


def main(task: Task, arguments: list[str] | None = None, prog: str | None = None) -> int:
    """Parse the command line, train, store the weights and print their score; returns the exit status.

    `prog`: how the user calls it, where that is not the module `train` of the task's package.
    """
    options = _parser(task, prog or f"python -m workloads.{task.name}.train").parse_args(arguments)
    torch.set_num_threads(options.threads)
    try:
        return _run(task, options)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # before the first step: nothing is lost
        return 130
