"""``cosim rtl``: the cocotb regression of the RTL blocks, each against its golden function and the cost model."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import IO, Any

from cosim.cli.output import check_places, write_result

ROOT = Path(__file__).resolve().parents[2]


def execute(arguments: argparse.Namespace) -> int:
    if arguments.jobs < 1:
        raise ValueError(f"--jobs: want at least 1, got {arguments.jobs}")
    check_places(arguments)
    result = regression(arguments.jobs, arguments.keyword, sys.stderr if arguments.json == "-" else sys.stdout)
    write_result(result, arguments)
    return int(result["failed"] > 0 or result["tests"] == 0)


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
