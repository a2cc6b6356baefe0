"""Train a backbone to count the objects in a picture: `python -m workloads.patchskip train --help`.

The recipe is in `task.py`. What is trained is written to a file of its own: the committed weights stay as they are.
"""

import argparse
from dataclasses import replace
from pathlib import Path

from workloads import command
from workloads.patchskip.task import TASKS


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m workloads.patchskip train",
        description="Train a backbone on generated scenes and, with --data, on the frames that are not measured of "
        "the two fixed clips' videos. Ctrl-C stores a checkpoint; --resume goes on with it.",
    )
    parser.add_argument("backbone", choices=sorted(TASKS))
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder with the two videos; default: scenes alone")
    parser.add_argument("--dataset", metavar="NAME", help="which data set, when the folder holds several")
    parser.add_argument("--epochs", type=command.positive, metavar="N", help="default: what the recipe says")
    parser.add_argument("--samples", type=command.positive, metavar="N", help="the first N training frames only")
    parser.add_argument("--seed", type=command.seed, default=0, metavar="N", help="default: 0")
    parser.add_argument("--threads", type=command.positive, default=1, metavar="N", help="default: 1, repeats exactly")
    parser.add_argument("--out", type=Path, metavar="FILE", help="default: patchskip_<backbone>_<dataset>.npz here")
    parser.add_argument("--resume", action="store_true", help="continue a stopped run, if there is one")
    return parser


def main(arguments: list[str]) -> int:
    """Check the options, train, store the weights and print their score; returns the exit status."""
    backbone = _parser().parse_args(arguments).backbone
    rest = list(arguments)
    rest.remove(backbone)
    return command.main(replace(TASKS[backbone], name=f"patchskip_{backbone}"), rest)
