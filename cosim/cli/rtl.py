"""``cosim rtl``: the cocotb regression of the RTL blocks, or one program on the whole accelerator.

Either way the values are held to golden and the cycles to the models.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import IO, Any

from cosim.cli.output import Progress, check_places, need_file, write_result

ROOT = Path(__file__).resolve().parents[2]


def execute(arguments: argparse.Namespace) -> int:
    if arguments.jobs < 1:
        raise ValueError(f"--jobs: want at least 1, got {arguments.jobs}")
    check_places(arguments)
    if arguments.program:
        return _one_program(arguments)
    for option in ("waves", "waves_window", *["memory"] * (arguments.memory != "nominal")):
        if getattr(arguments, option):
            raise ValueError(f"--{option.replace('_', '-')} goes with a program: cosim rtl FILE.program")
    if arguments.inputs:
        raise ValueError("--inputs goes with a program: cosim rtl FILE.program")
    result = regression(arguments.jobs, arguments.keyword, sys.stderr if arguments.json == "-" else sys.stdout)
    write_result(result, arguments)
    return int(result["failed"] > 0 or result["tests"] == 0)


def _one_program(arguments: argparse.Namespace) -> int:
    from cosim.cli.run import complain, cosim_options
    from cosim.pipeline import run_file

    if not arguments.program.endswith(".program"):
        raise ValueError(f"want a .program file, got {arguments.program}; make one: cosim compile TARGET --system NAME")
    progress = Progress()
    outcome = run_file(
        Path(arguments.program),
        need_file(arguments.inputs, "--inputs"),
        fidelity="rtl",
        seed=arguments.seed,
        report=progress,
        cosimulation=cosim_options(arguments),
    )
    progress.done()
    rtl = dict(outcome.run.rtl or {})
    write_result(rtl, arguments)
    stream = sys.stderr if arguments.json == "-" else sys.stdout
    print(
        f"{outcome.program.name} on {outcome.program.system.name}, RTL beside golden and the event machine", file=stream
    )
    print(f"bytes that differ  {rtl['bytes_different']}", file=stream)
    expected = rtl["expected_cycles"]
    beside = "other memories than the system's" if expected is None else f"event machine {expected:,}"
    print(f"cycles             {rtl['cycles']:,} ({beside})", file=stream)
    for name, value in rtl["counters"].items():
        print(f"{name:18} {value:,} (models {rtl['expected'].get(name, '-')})", file=stream)
    return complain(rtl)


def regression(jobs: int, keyword: str | None, stream: IO[str]) -> dict[str, Any]:
    """Run tests/rtl with pytest; counts and the time of every test. Raises MissingToolError, ValueError."""
    from rtl.bench.tools import require_tools

    tests = ROOT / "tests" / "rtl"
    if not tests.is_dir():
        raise ValueError(f"the RTL tests are part of the source tree and {tests} does not exist; run from a checkout")
    require_tools()
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results.xml"
        command = [sys.executable, "-m", "pytest", "-q", str(tests), f"--junitxml={results}", "-n", str(jobs)]
        if keyword:
            command += ["-k", keyword]
        stream.flush()
        subprocess.run(command, cwd=ROOT, stdout=stream)
        if not results.exists():
            raise ValueError("pytest ended without a result; see its messages above")
        return _summary(results)


def _summary(path: Path) -> dict[str, Any]:
    suite = next(ElementTree.parse(path).getroot().iter("testsuite"))
    cases = [
        {
            "name": case.get("name"),
            "seconds": float(case.get("time", 0)),
            "failed": any(child.tag in ("failure", "error") for child in case),
            "skipped": any(child.tag == "skipped" for child in case),
        }
        for case in suite.iter("testcase")
    ]
    return {"tests": len(cases), "failed": sum(bool(case["failed"]) for case in cases), "cases": cases}
