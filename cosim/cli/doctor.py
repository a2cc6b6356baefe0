"""``cosim doctor``: what this machine has, what it lacks, and what each missing thing would allow."""

from __future__ import annotations

import argparse
import importlib.util
import platform
from importlib import metadata

from cosim.cli.output import write_result

_PACKAGES = {
    "numpy": "everything",
    "simpy": "the event machine",
    "pydantic": "system files",
    "torch": "tracing and quantizing PyTorch targets (not needed for .network and .program files)",
    "torchao": "quantizing PyTorch targets",
    "sklearn": "the data sets that come with the package",
    "plotly": "HTML reports",
}


def execute(arguments: argparse.Namespace) -> int:
    """0 when everything is there; 1 when something is missing."""
    from rtl.bench import find_tools

    rows = [
        {
            "name": name,
            "found": importlib.util.find_spec(name) is not None,
            "what": _version(name),
            "purpose": purpose,
            "remedy": "install the package: pip install cosim",
        }
        for name, purpose in _PACKAGES.items()
    ]
    rows += [
        {
            "name": tool.name,
            "found": tool.path is not None,
            "what": tool.path or "",
            "purpose": tool.purpose,
            "remedy": tool.remedy,
        }
        for tool in find_tools()
    ]
    missing = [row for row in rows if not row["found"]]
    write_result({"python": platform.python_version(), "tools": rows, "missing": len(missing)}, arguments)
    if arguments.json != "-":
        print(f"Python {platform.python_version()}")
        for row in rows:
            state = "ok     " if row["found"] else "MISSING"
            print(f"  {state} {row['name']:14} {row['what'] or row['remedy']}  ({row['purpose']})")
    return int(bool(missing))


def _version(package: str) -> str:
    try:
        return metadata.version({"sklearn": "scikit-learn"}.get(package, package))
    except metadata.PackageNotFoundError:
        return ""
