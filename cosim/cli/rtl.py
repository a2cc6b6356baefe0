"""``cosim rtl``: the cocotb regression of the RTL blocks, each against its golden function and the cost model."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from cosim.cli.output import write_json

ROOT = Path(__file__).resolve().parents[2]


def execute(arguments: argparse.Namespace) -> int:
    from rtl.bench.tools import require_tools

    tests = ROOT / "tests" / "rtl"
    if not tests.is_dir():
        raise ValueError(f"the RTL tests are part of the source tree and {tests} does not exist; run from a checkout")
    if arguments.jobs < 1:
        raise ValueError(f"--jobs: want at least 1, got {arguments.jobs}")
    require_tools()
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results.xml"
        command = [sys.executable, "-m", "pytest", "-q", str(tests), f"--junitxml={results}", "-n", str(arguments.jobs)]
        if arguments.keyword:
            command += ["-k", arguments.keyword]
        stream = sys.stderr if arguments.json == "-" else None
        status = subprocess.run(command, cwd=ROOT, stdout=stream).returncode
        if arguments.json and results.exists():
            write_json(_summary(results), arguments.json)
    return int(status != 0)


def _summary(path: Path) -> dict[str, object]:
    suite = next(ElementTree.parse(path).getroot().iter("testsuite"))
    cases = [
        {"name": case.get("name"), "seconds": float(case.get("time", 0)), "passed": len(case) == 0}
        for case in suite.iter("testcase")
    ]
    return {"tests": len(cases), "failed": sum(not case["passed"] for case in cases), "cases": cases}
