"""Train a backbone to count the objects in a picture: `python -m workloads.patchskip train --help`.

The recipe is in `task.py`. What is trained is written to a file of its own: the committed weights stay as they are.
"""

import argparse
from dataclasses import replace

from workloads import command
from workloads.patchskip.task import TASKS

_PROG = "python -m workloads.patchskip train"


def main(arguments: list[str]) -> int:
    """Train the backbone that the first argument names, with the options of every training; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog=_PROG,
        description="Train a backbone on generated scenes and, with --data, on the frames that are not measured of the "
        f"two fixed clips' videos. `{_PROG} {min(TASKS)} --help` lists the options.",
    )
    parser.add_argument("backbone", choices=sorted(TASKS))
    backbone = parser.parse_args(arguments[:1]).backbone
    return command.main(replace(TASKS[backbone], name=f"patchskip_{backbone}"), arguments[1:], f"{_PROG} {backbone}")
