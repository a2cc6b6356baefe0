"""A pytest plugin that lets tests build the design with counters: `-p rtl.coverage.plugin --rtl-coverage=FOLDER`.

FOLDER/builds gets the builds, FOLDER/runs a file of counts for every run of a simulator. Works under pytest-xdist, as
workers get the same options.
"""

import contextlib
from pathlib import Path
from typing import Any

from rtl.bench.build import Variant, variant

OPTION = "--rtl-coverage"
BUILDS, RUNS = "builds", "runs"
_in_force = contextlib.ExitStack()


def form(folder: Path) -> Variant:
    """The design as it is, with a counter at every line and branch."""
    return Variant({}, (), folder / BUILDS, ("--coverage-line",), coverage=folder / RUNS)


def pytest_addoption(parser: Any) -> None:
    parser.addoption(OPTION, type=Path, required=True, help="folder for builds with counters, and what they count")


def pytest_configure(config: Any) -> None:
    folder = config.getoption(OPTION).resolve()
    (folder / RUNS).mkdir(parents=True, exist_ok=True)
    _in_force.enter_context(variant(form(folder)))


def pytest_unconfigure() -> None:
    _in_force.close()
