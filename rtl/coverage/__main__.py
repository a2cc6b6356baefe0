"""Line and branch coverage of the RTL: `python -m rtl.coverage`, or `make coverage`.

Runs the tests of tests/rtl on builds with counters, in build/coverage, and writes reports/results/coverage.{json,md}.
Needs the source tree and the extras `rtl` and `dev`. Exit status 1 where a test fails, a hole has no reason or a reason
no hole (the files are then left as they were), 2 where the coverage cannot be measured.
"""

import argparse
import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence

from accel_models.container import write_atomic
from rtl.bench import stimulus
from rtl.bench.build import RTL_DIR
from rtl.bench.tools import RtlError, require_tools
from rtl.coverage.holes import HOLES, judge, load_reasons
from rtl.coverage.plugin import OPTION, RUNS
from rtl.coverage.points import Coverage, CoverageError
from rtl.coverage.report import described, json_text, measure, page

TREE = RTL_DIR.parent
RESULTS = TREE / "reports" / "results"
BUILD = TREE / "build" / "coverage"
_SOURCES = "sources"  # in BUILD: the digest of what the runs there counted
_MODULE = re.compile(r"^module ", re.MULTILINE)  # Verilator counts nothing in packages
_COUNTED = re.compile(r"\balways(_ff|_comb)?\b")  # what has a point in any size


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m rtl.coverage", description="line and branch coverage of the RTL")
    parser.add_argument("--jobs", type=int, default=2, help="test processes at a time (default %(default)s)")
    parser.add_argument("--judge-only", action="store_true", help="judge what the last run counted")
    options = parser.parse_args(arguments)
    if options.jobs < 1:
        parser.error(f"want --jobs of at least 1, got {options.jobs}")
    texts = {file.stem: file.read_text() for file in sorted(RTL_DIR.glob("*.sv"))}
    sources = {name: text for name, text in texts.items() if _MODULE.search(text)}
    try:
        reasons = load_reasons()
        if not options.judge_only and (status := _run_tests(sources, options.jobs)):
            print(f"error: the tests failed, pytest ended with {status}", file=sys.stderr)
            return 1
        coverage = _counted(sources)
    except (RtlError, CoverageError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    verdict = judge(coverage, sources, reasons)
    for hole in verdict.unexplained:
        print(f"no reason: {described(hole)}", file=sys.stderr)
    for key in verdict.superfluous:
        print(f"{HOLES.name} explains what is no hole: {key}", file=sys.stderr)
    if verdict.unexplained or verdict.superfluous:
        return 1
    text = json_text(measure(coverage, list(sources)), verdict, importlib.metadata.version("verilator"))
    write_atomic(RESULTS / "coverage.json", text.encode())
    write_atomic(RESULTS / "coverage.md", page(json.loads(text)).encode())
    print(f"{len(verdict.holes)} holes, all explained; wrote {RESULTS}/coverage.md")
    return 0


def _run_tests(sources: Mapping[str, str], jobs: int) -> int:
    """Run the tests on builds with counters; return pytest's exit status."""
    require_tools()
    tests = sorted(str(file.relative_to(TREE)) for file in (TREE / "tests" / "rtl").glob("test_*.py"))
    if not tests:
        raise CoverageError(f"the tests of the RTL count, and there are none in {TREE}/tests/rtl: want the source tree")
    shutil.rmtree(BUILD / RUNS, ignore_errors=True)
    BUILD.mkdir(parents=True, exist_ok=True)
    (BUILD / _SOURCES).unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "-n", str(jobs), "--dist", "worksteal"]
    command += ["-m", "", "-p", "no:cacheprovider", "-p", "rtl.coverage.plugin", f"{OPTION}={BUILD}", *tests]
    environment = {**os.environ, stimulus.VARIABLE: stimulus.LONG}
    status = subprocess.run(command, cwd=TREE, env=environment, check=False).returncode
    if not status:
        (BUILD / _SOURCES).write_text(_digest(sources))
    return status


def _counted(sources: Mapping[str, str]) -> Coverage:
    """Add up the runs in BUILD. Raises CoverageError where they are of other sources or leave a module out."""
    digest = BUILD / _SOURCES
    if not digest.is_file() or digest.read_text() != _digest(sources):
        raise CoverageError(f"{BUILD} holds no complete run of these sources: run without --judge-only")
    coverage = Coverage()
    for file in sorted((BUILD / RUNS).glob("*.dat")):
        coverage.add(file.read_text(), RTL_DIR)
    seen = {point.module for point in coverage.points}
    never = [module for module, text in sources.items() if _COUNTED.search(text) and module not in seen]
    if never:
        raise CoverageError(f"no test builds {', '.join(never)}")
    return coverage


def _digest(sources: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(dict(sources), sort_keys=True).encode()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
