"""``cosim explore``: a design space to its Pareto front; table, JSON, CSV, Parquet and one HTML report."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cosim.cli.output import Progress, check_places, json_text, need_place, write_all, write_json

if TYPE_CHECKING:
    from cosim.explore.chosen import Chosen
    from cosim.explore.driver import Exploration
    from cosim.explore.levels import Row
    from cosim.explore.space import Space
    from cosim.explore.store import Store
    from cosim.explore.study import Result

_PAUSE_S = (0.2, 5.0)  # between two lines of progress: on a terminal, and elsewhere


def execute(arguments: argparse.Namespace) -> int:
    if arguments.schema:
        from cosim.explore.space import Space

        write_json(Space.model_json_schema(), arguments.json or "-")
        return 0
    if arguments.compare:
        from cosim.cli import comparison

        return comparison.execute(arguments)
    _check(arguments)
    from cosim.explore import load_space

    space = load_space(arguments.space)
    wanted = _wanted(space, arguments)
    store = _store(arguments)
    try:
        return _results(_explore(space, store, wanted, arguments), arguments)
    except KeyboardInterrupt:
        print(f"\ncosim: {_kept(store, arguments)}", file=sys.stderr)
        raise
    finally:
        store.close()


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What to do beside the exploration: points for the RTL (``rtl`` of the front and ``named`` ones), and the point to
    report, None for the default; ``report``: whether there is one."""

    rtl: int
    named: tuple[int, ...]
    report: bool
    choose: int | None


@dataclass(frozen=True, slots=True)
class _Found:
    exploration: Exploration
    rows: Sequence[Row]
    chosen: Chosen | None
    on_rtl: bool


def _wanted(space: Space, arguments: argparse.Namespace) -> _Wanted:
    """Raises ValueError for points outside the space, and MissingToolError where the RTL cannot be simulated."""
    named = [] if arguments.rtl_points is None else arguments.rtl_points.split(",")
    wanted = _Wanted(
        arguments.rtl or 0,
        tuple(_point(space, text, "--rtl-points") for text in named),
        bool(arguments.out) and arguments.choose != "none",
        None if arguments.choose in (None, "none") else _point(space, arguments.choose, "--choose"),
    )
    if wanted.rtl or wanted.named:
        from cosim.explore.rtl import need_rtl, need_simulator

        need_rtl(space, wanted.named)
        need_simulator()
    return wanted


def _point(space: Space, text: str, option: str) -> int:
    """The number of a point. Raises ValueError for one outside the space."""
    if not text.strip().isdecimal() or int(text) >= space.lattice.size:
        raise ValueError(f"{option}: want a point from 0 to {space.lattice.size - 1}, got {text.strip() or 'nothing'}")
    return int(text)


def _check(arguments: argparse.Namespace) -> None:
    if arguments.space is None:
        raise ValueError("want a space: a name from 'cosim list' or a YAML file; --schema says what it may hold")
    for name, least in (("jobs", 1), ("budget", 1), ("samples", 0), ("seed", 0), ("rtl", 1)):
        value = getattr(arguments, name)
        if value is not None and value < least:
            raise ValueError(f"--{name}: want at least {least}, got {value}")
    if arguments.seed >= 1 << 32:
        raise ValueError(f"--seed: want at most 2**32 - 1, got {arguments.seed}")
    if arguments.dask and arguments.jobs != 1:
        raise ValueError("--jobs does not apply: with --dask the cluster says how many workers there are")
    if arguments.resume and not (arguments.out or arguments.store):
        raise ValueError("--resume needs the store to go on with: give the same --out or --store again")
    if arguments.choose and not arguments.out:
        raise ValueError("--choose needs the folder for the reports: give --out DIR")
    check_places(arguments)


def _store(arguments: argparse.Namespace) -> Store:
    from cosim.explore.store import Store

    if arguments.store:
        url = arguments.store if "://" in arguments.store else f"sqlite:///{Path(arguments.store).resolve()}"
        if "://" not in arguments.store:
            need_place(arguments.store, "--store")
        return Store(url, resume=arguments.resume)
    if arguments.out:
        return Store.in_folder(Path(arguments.out), resume=arguments.resume)
    return Store.in_memory()


def _kept(store: Store, arguments: argparse.Namespace) -> str:
    if not (arguments.out or arguments.store):
        return "nothing is kept: without --out or --store, results end with the process"
    return f"{store.count():,} results are kept in {store.url}; go on with --resume"


def _explore(space: Space, store: Store, wanted: _Wanted, arguments: argparse.Namespace) -> _Found:
    from cosim.explore import chosen, levels
    from cosim.explore.driver import explore
    from cosim.explore.networks import Networks
    from cosim.explore.schedule import executor_of
    from cosim.explore.shelf import DiskShelf, folder
    from cosim.explore.study import Study

    progress = _Watch(space, sys.stderr if arguments.json == "-" else sys.stdout)
    shelf = DiskShelf(store, folder())
    networks = Networks(shelf, seed=arguments.seed, samples=arguments.samples, report=progress.progress)
    executor = executor_of(arguments.jobs, arguments.dask)
    study = Study(space, networks, store, executor, progress)
    try:
        found = explore(study, budget=arguments.budget, seed=arguments.seed)
        rtl = levels.choose(found, wanted.rtl, wanted.named)
        rows = levels.levels_of(study, found, rtl)
        report = None
        index = chosen.lowest(found) if wanted.choose is None else wanted.choose
        if wanted.report and index is not None:
            why = chosen.LOWEST if wanted.choose is None else chosen.NAMED
            report = chosen.chosen_of(space, networks, index, why, seed=arguments.seed, report=progress.progress)
    finally:
        executor.close()
        progress.progress.done()
    progress.say(
        f"simulated {study.evaluated:,} pairs of network and system, {study.found_in_store:,} were in the store"
    )
    return _Found(found, rows, report, bool(rtl))


class _Watch:
    """Progress with the time to go, and the first result as soon as it is there."""

    def __init__(self, space: Space, stream: Any) -> None:
        self.progress, self._stream, self._space = Progress(), stream, space
        self._text, self._points, self._done = "", 0, 0
        self._begun = self._said = time.monotonic()
        self._shown = False

    def stage(self, text: str, points: int) -> None:
        self._text, self._points, self._done = text, points, 0
        self._begun = time.monotonic()
        self._line(0.0)

    def answer(self, done: int, of: int, points: int) -> None:
        if time.monotonic() - self._said > _PAUSE_S[not sys.stderr.isatty()]:
            self._line(self._done + points * done / of)

    def batch(self, results: Sequence[Result]) -> None:
        self._done += len(results)
        first = next((result for result in results if result.status == "ok"), None)
        if first is not None and not self._shown:
            self._shown = True
            self.progress.done()
            self.say(f"first result: {described(self._space, first)}")

    def screened(self, points: int) -> None:
        self._done += points

    def say(self, text: str) -> None:
        print(text, file=self._stream, flush=True)

    def _line(self, done: float) -> None:
        self._said = time.monotonic()
        text = f"{self._text}: {int(done):,} of {self._points:,}"
        if done:
            text += f", about {(self._said - self._begun) * (self._points / done - 1):.0f} s to go"
        self.progress(text)


def described(space: Space, result: Result) -> str:
    """A point in a line: its number, its values, its objectives."""
    values = ", ".join(f"{path.rpartition('.')[2]} {value}" for path, value in result.point.items())
    goals = ", ".join(f"{item.text} {item.value(result.metrics):.4g}" for item, _ in space.goals)
    return f"point {result.index} ({values}): {goals}"


def _results(found: _Found, arguments: argparse.Namespace) -> int:
    from reports.exploration import terminal

    data = _data(found, arguments)
    json_file, folder = need_place(arguments.json, "--json"), need_place(arguments.out, "--out", folder=True)
    files = {json_file: json_text(data).encode()} if json_file else {}
    outputs = _files(found, data, folder) if folder else {}
    write_all(files | outputs)
    if folder:
        _remove_older_design(folder / "chosen", outputs)
    if arguments.json == "-":
        write_json(data, "-")
    for line in terminal(data, folder / "report.html" if folder else None):
        print(line, file=sys.stderr if arguments.json == "-" else sys.stdout)
    return _status(found)


def _data(found: _Found, arguments: argparse.Namespace) -> dict[str, Any]:
    """What explore.json holds."""
    from cosim.explore import chosen, levels
    from cosim.explore.driver import summary
    from cosim.explore.sources import evaluation_sources, rtl_sources

    return summary(found.exploration) | {
        "levels": levels.plain(found.rows),
        "chosen": chosen.plain(found.chosen) if found.chosen else None,
        "provenance": {
            "version": _version(),
            "sources": evaluation_sources(),
            "rtl_sources": rtl_sources() if found.on_rtl else None,
            "seed": arguments.seed,
            "samples": arguments.samples,
            "budget": arguments.budget,
        },
    }


def _files(found: _Found, data: dict[str, Any], folder: Path) -> dict[Path, bytes]:
    """Everything in ``--out`` but the store, by path."""
    from cosim.cli.run import report_files
    from cosim.explore.export import columns_of, csv_bytes, parquet_bytes
    from reports import exploration

    table = columns_of(found.exploration)
    files = {
        folder / "explore.json": json_text(data).encode(),
        folder / "points.csv": csv_bytes(table),
        folder / "points.parquet": parquet_bytes(table),
        folder / "report.html": exploration.page(data, table).encode(),
    }
    if found.chosen is None:
        return files
    files[folder / "chosen" / "report.html"] = exploration.chosen.page(data).encode()
    for label, (side, _) in found.chosen.sides.items():
        if side.run is not None:
            text = side.run.to_text()
            files |= report_files(folder / "chosen" / label, json.loads(text), text)
    return files


def _remove_older_design(chosen: Path, kept: Collection[Path]) -> None:
    """Remove the reports that an earlier exploration left on another design; other files are the user's."""
    from cosim.cli.run import REPORT_FILES

    for path in sorted(chosen.glob("**/*"), key=lambda item: -len(item.parts)):
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
        elif path.name in REPORT_FILES and path not in kept:
            path.unlink()
    if chosen.is_dir() and not any(chosen.iterdir()):
        chosen.rmdir()


def _status(found: _Found) -> int:
    """1, with the reasons, where there is no front, points failed, the RTL disagrees or the chosen point cannot run."""
    from cosim.explore.driver import reasons
    from cosim.explore.levels import complaints
    from cosim.explore.study import FAILED

    failed, messages = reasons(found.exploration.results, FAILED), []
    if failed:
        text, count = next(iter(failed.items()))
        many = f"{sum(failed.values()):,} points failed, {count:,} of them so: {text}"
        messages.append(f"{many}; --resume tries them again")
    elif not found.exploration.front:
        messages.append("no point of the space can run its workloads and satisfies every constraint")
    messages += complaints(found.rows)
    messages += found.chosen.problems if found.chosen else []
    for message in messages:
        print(f"cosim: error: {message}", file=sys.stderr)
    return int(bool(messages))


def _version() -> str:
    try:
        return metadata.version("cosim")
    except metadata.PackageNotFoundError:
        return "source tree"
