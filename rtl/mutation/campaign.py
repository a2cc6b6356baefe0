"""Runs the tests of the design on one fault after the other, each in processes of its own that can be killed.

The tests are those of tests/rtl, unchanged: they build and run the schemata instead of the design (rtl.bench.build's
`variant`). One run without a fault comes first: it shows that the unmutated schemata pass, how long every test takes
and which modules it contains. A fault then meets the tests that contain its module, quickest first, until one fails.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rtl.bench import stimulus
from rtl.bench.build import RTL_DIR, Variant, variant
from rtl.mutation.schema import ARGUMENT
from rtl.mutation.tokens import MutationError

TREE = RTL_DIR.parent
OPTIONS = ("-Wno-lint", "-Wno-style", "-Wno-fatal")  # a schema may look odd: every fault was linted by itself
# Limits are in CPU seconds, so that what else the machine does decides nothing; a test that waits for ever without
# computing is ended by the clock.
_FACTOR, _SPARE_S = 4.0, 10.0  # a test may take so many times its clean CPU time, and so much more
_BUILD_S = 1800.0  # of a clean test, its build included
_CLOCK = 10.0  # times the CPU limit, by the clock
_TICKS = os.sysconf("SC_CLK_TCK")
_POLL_S = 0.05
_ASSERTION = re.compile(r"%Error: (?:\S*/)?(\w+)\.sv:\d+: Assertion failed in (\S+)")

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Test:
    """A clean test: its pytest name, CPU seconds, and the modules that it builds."""

    name: str
    seconds: float
    modules: frozenset[str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a fault, and the CPU seconds that it took.

    ``how``: test, assertion, timeout, or survived; ``by``: the test or the assertion.
    """

    how: str
    by: str
    seconds: float


@dataclass(slots=True)
class _Child:
    pid: int
    folder: Path
    limits: Mapping[str, float]
    since: float  # by the clock: when the current test began
    current: str = ""
    used_s: float = 0.0  # CPU seconds, so far and when the current test began
    used_before_s: float = 0.0

    def reads(self, name: str) -> str:
        file = self.folder / name
        return file.read_text(errors="replace") if file.exists() else ""


class _Watch:
    """A pytest plugin: writes down which test runs, so that the parent can time it and name the one that failed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        (self.folder / "current.new").write_text(nodeid)
        os.replace(self.folder / "current.new", self.folder / "current")


def collect(names: Sequence[str]) -> None:
    """Import what the tests import, once for all processes forked from this one. Raises MutationError."""
    import pytest

    missing = [name for name in names if not (TREE / name.partition("::")[0]).is_file()]
    if missing:
        raise MutationError(f"the campaign needs the source tree with its tests: no {missing[0]} in {TREE}")
    if pytest.main(["--collect-only", "-qqq", "-p", "no:cacheprovider", "-m", "", *(str(TREE / n) for n in names)]):
        raise MutationError("pytest does not find all tests of rtl/mutation/stages.py, see above")


def clean(names: Sequence[str], form: Variant, folder: Path, jobs: int, say: Say) -> tuple[Test, ...]:
    """Build and run every test without a fault, quickest first in the result.

    Raises MutationError where one fails: then the schemata are not the design, or the design is broken already.
    """
    limits = dict.fromkeys(names, _BUILD_S)
    for name, outcome, _ in _run_all([(name, [name], 0) for name in names], limits, form, folder, jobs):
        if outcome.how != "survived":
            raise MutationError(f"{name} fails without a fault ({outcome.how}): see {folder}/{_slug(name)}/log")
        say(f"built {name} [{outcome.seconds:.0f} s]")
    tests = []
    for name, outcome, used in _run_all([(name, [name], 0) for name in names], limits, form, folder, jobs):
        if outcome.how != "survived":
            raise MutationError(f"{name} fails without a fault the second time ({outcome.how})")
        tests.append(Test(name, outcome.seconds, frozenset(used)))
    return tuple(sorted(tests, key=lambda test: (len(test.modules), test.seconds)))


def run_faults(
    modules: Mapping[int, str], tests: Sequence[Test], form: Variant, folder: Path, jobs: int
) -> Iterator[tuple[int, Outcome]]:
    """Yield each fault's number and outcome as it comes. ``modules``: the fault's file by its number.

    A fault in a module that no test builds has survived.
    """
    limits = {test.name: _FACTOR * test.seconds + _SPARE_S for test in tests}
    work = []
    for number, module in modules.items():
        names = [test.name for test in tests if module in test.modules]
        if names:
            work.append((str(number), names, number))
        else:
            yield number, Outcome("survived", "", 0.0)
    for name, outcome, _ in _run_all(work, limits, form, folder, jobs):
        yield int(name), outcome


def _run_all(
    work: Sequence[tuple[str, list[str], int]], limits: Mapping[str, float], form: Variant, folder: Path, jobs: int
) -> Iterator[tuple[str, Outcome, list[str]]]:
    """Run (name, tests, number of the fault), ``jobs`` at a time; yield name, outcome and the modules built."""
    waiting = list(reversed(work))
    running: dict[str, _Child] = {}
    number_of = {name: number for name, _, number in work}
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                name, tests, number = waiting.pop()
                running[name] = _start(folder / _slug(name), tests, number, limits, form)
            time.sleep(_POLL_S)
            for name, child in list(running.items()):
                outcome = _look(child)
                if outcome is not None:
                    del running[name]
                    used = json.loads(child.reads("used") or "[]")
                    if number_of[name] or outcome.how == "survived":  # the log of a clean failure stays
                        shutil.rmtree(child.folder, ignore_errors=True)
                    yield name, outcome, used
    finally:
        for child in running.values():
            _kill(child)


def _slug(name: str) -> str:
    return re.sub(r"\W+", "-", name)


def _start(folder: Path, tests: list[str], number: int, limits: Mapping[str, float], form: Variant) -> _Child:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    pid = os.fork()
    if pid == 0:
        status = 70
        try:
            status = _child(folder, tests, number, form)
        finally:
            os._exit(status)
    return _Child(pid, folder, limits, time.monotonic())


def _child(folder: Path, tests: list[str], number: int, form: Variant) -> int:
    """The forked process: a session of its own, all its output in a file, and pytest's exit status."""
    import pytest

    os.setsid()
    log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ |= {"COCOTB_MAX_FAILURES": "1", stimulus.VARIABLE: stimulus.LONG}
    os.chdir(TREE)
    chosen = Variant(form.files, form.first, form.build_root, form.options, (f"+{ARGUMENT}={number}",))
    options = ["-x", "-q", "--no-header", "-p", "no:cacheprovider", "-m", "", f"--basetemp={folder}/tmp"]
    with variant(chosen):
        status = pytest.main([*options, *tests], plugins=[_Watch(folder)])
    (folder / "used").write_text(json.dumps(sorted(chosen.used)))
    return int(status)


def _look(child: _Child) -> Outcome | None:
    """Return the outcome of a child that ended or took too long, else None."""
    child.used_s = max(child.used_s, _cpu_s(child.pid))  # before the wait: afterwards the process is gone
    now = time.monotonic()
    done, status = os.waitpid(child.pid, os.WNOHANG)
    current = child.reads("current")
    if current != child.current:
        child.current, child.since, child.used_before_s = current, now, child.used_s
    if not done:
        limit = child.limits.get(current, _BUILD_S)
        if child.used_s - child.used_before_s <= limit and now - child.since <= _CLOCK * limit:
            return None
        _kill(child)
        return Outcome("timeout", current, child.used_s)
    code = os.waitstatus_to_exitcode(status)
    if code == 0:
        return Outcome("survived", "", child.used_s)
    text = child.reads("log")
    if code != 1:
        raise MutationError(f"pytest ended with status {code} at {current or 'its start'}:\n{text[-3000:]}")
    asserted = _ASSERTION.search(text)
    if asserted and (RTL_DIR / f"{asserted[1]}.sv").is_file():
        return Outcome("assertion", f"{asserted[1]}.{asserted[2].rpartition('.')[2]} in {current}", child.used_s)
    return Outcome("test", current, child.used_s)


def _cpu_s(session: int) -> float:
    """CPU seconds of the processes of a session, and of their children that have ended. Reads Linux's /proc."""
    ticks = 0
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            with contextlib.suppress(OSError):  # it ended meanwhile
                fields = (process / "stat").read_text().rpartition(")")[2].split()  # from the state on
                if int(fields[3]) == session:
                    ticks += sum(int(field) for field in fields[11:15])
    return ticks / _TICKS


def _kill(child: _Child) -> None:
    """End the child's whole process group: pytest, the simulator and whatever it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(child.pid, 0)
