"""Verilator builds of one block with one set of parameters, kept and reused under build/rtl/.

A build costs seconds to minutes and a run a second, so a build directory is named after the block and its parameters
and stays valid as long as sources, parameters and tools are the same. Verilator's own C++ files (13 s of the 16 s that
a small block takes) are compiled once and copied. Two pytest workers may ask for one build at the same time.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rtl.bench.tools import BuildError, environment, require_tools, tool_path, tool_versions

RTL_DIR = Path(__file__).resolve().parent.parent
_STAMP = "build.stamp"
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)


@dataclass(frozen=True, slots=True)
class BlockBuild:
    """A finished build: the directory with the executable named `top`."""

    top: str
    directory: Path
    waves: bool


@dataclass(frozen=True, slots=True)
class Variant:
    """Other sources of the design, for everything that is built and run while it is in force; see `variant`.

    ``files``: what stands for a file; ``first``: read before all others; ``options``: more arguments of Verilator;
    ``plusargs``: of the simulator; ``coverage``: a folder that gets the coverage file of every run, where the options
    make Verilator count. ``used`` collects the stems of the sources of every build.
    """

    files: Mapping[Path, Path]
    first: tuple[Path, ...]
    build_root: Path
    options: tuple[str, ...] = ()
    plusargs: tuple[str, ...] = ()
    coverage: Path | None = None
    used: set[str] = field(default_factory=set)


_variant: Variant | None = None


@contextlib.contextmanager
def variant(chosen: Variant) -> Iterator[None]:
    """Let tests that know nothing of it build and run another form of the design."""
    global _variant
    before, _variant = _variant, chosen
    try:
        yield
    finally:
        _variant = before


def plusargs() -> tuple[str, ...]:
    """Return the simulator's arguments in force."""
    return _variant.plusargs if _variant else ()


def coverage_folder() -> Path | None:
    """Return where the coverage of a run goes, None where nobody wants it."""
    return _variant.coverage if _variant else None


def sources_of(top: str, rtl_dir: Path = RTL_DIR) -> tuple[Path, ...]:
    """Return `top`'s file and every file it needs, needed ones first, so packages precede their users.

    One module or package a file, named after it: a file is needed where its stem is a word of the code.
    Raises BuildError where `top` has no file in `rtl_dir`.
    """
    files = {file.stem: file for file in sorted(rtl_dir.glob("*.sv"))}
    if top not in files:
        raise BuildError(f"no module {top!r} in {rtl_dir.name}/: want one of {', '.join(files) or 'none there'}")
    found: dict[str, Path] = {}
    visiting: set[str] = set()

    def visit(stem: str) -> None:
        if stem in visiting:
            return
        visiting.add(stem)
        words = set(re.findall(r"\w+", _COMMENT.sub(" ", files[stem].read_text())))
        for needed in sorted((words & files.keys()) - {stem}):
            visit(needed)
        found[stem] = files[stem]

    visit(top)
    return tuple(found.values())


def build_block(
    top: str,
    *,
    parameters: Mapping[str, int],
    sources: Sequence[str | Path] | None = None,
    ports: Sequence[str] = (),
    rtl_dir: Path = RTL_DIR,
    build_root: Path | None = None,
    waves: bool = False,
) -> BlockBuild:
    """Build `top` for cocotb unless the same build is there already.

    `sources` are file names in `rtl_dir` or paths (default: `sources_of(top)`). `ports` are more name patterns to
    expose to the testbench than `*_i`, `*_ni` and `*_o` (AXI: `s_axil_*`). `build_root` defaults to build/rtl.
    Raises MissingToolError and BuildError.
    """
    require_tools()
    files = _resolve(top, sources, rtl_dir)
    options: tuple[str, ...] = ()
    if _variant is not None:
        _variant.used.update(file.stem for file in files)
        files = (*_variant.first, *(_variant.files.get(file.resolve(), file) for file in files))
        build_root, options = _variant.build_root, _variant.options
    directory = (build_root or default_build_root()) / _name(top, parameters, waves)
    directory.mkdir(parents=True, exist_ok=True)
    control = _control_file(top, ports)
    arguments = ["--output-split", "0", "--no-public-flat-rw", "--assert", "-Wall", *options]
    arguments += ["+define+WAVES"] if waves else []
    key = _key(files, [top, repr(sorted(parameters.items())), control, *arguments])
    build = BlockBuild(top, directory, waves)
    with _locked(directory.with_suffix(".lock")):
        if not _is_current(directory, top, key):
            _compile(build, files, parameters, arguments, control)
            (directory / _STAMP).write_text(f"{tool_versions()}\n{key}\n")
    return build


def lint(
    top: str,
    *,
    parameters: Mapping[str, int] | None = None,
    sources: Sequence[str | Path] | None = None,
    rtl_dir: Path = RTL_DIR,
) -> None:
    """Run Verilator's lint with all warnings on; raise BuildError with its text where it says anything."""
    require_tools()
    overrides = [f"-G{name}={value}" for name, value in sorted((parameters or {}).items())]
    files = [str(file) for file in _resolve(top, sources, rtl_dir)]
    command = ["verilator", "--lint-only", "-Wall", "--assert", "--quiet", "--top-module", top, *overrides, *files]
    done = subprocess.run(command, env={**os.environ, "PATH": tool_path()}, capture_output=True, text=True, check=False)
    text = (done.stdout + done.stderr).strip()
    if done.returncode or "%Warning" in text:
        raise BuildError(f"lint of {top} is not clean:\n{text}")


def default_build_root() -> Path:
    """Return build/rtl of the source tree, or of the current folder where the package is installed without one."""
    tree = RTL_DIR.parent
    return (tree if (tree / "pyproject.toml").is_file() else Path.cwd()) / "build" / "rtl"


def _resolve(top: str, sources: Sequence[str | Path] | None, rtl_dir: Path) -> tuple[Path, ...]:
    if sources is None:
        return sources_of(top, rtl_dir)
    files = tuple(rtl_dir / source for source in sources)  # an absolute path stays itself
    for file in files:
        if not file.is_file():
            raise BuildError(f"source {file} of {top} does not exist")
    return files


def _name(top: str, parameters: Mapping[str, int], waves: bool) -> str:
    parts = [top, *(f"{name}{value}" for name, value in sorted(parameters.items()))]
    return "-".join([*parts, "waves"] if waves else parts)


def _control_file(top: str, ports: Sequence[str]) -> str:
    """Return a Verilator control file that exposes the ports of `top` and nothing else: 2 to 5 times faster."""
    modes = [("*_i", "rw"), ("*_ni", "rw"), ("*_o", "rd"), *((pattern, "rw") for pattern in ports)]
    lines = [f'public_flat_{mode} -module "{top}" -var "{pattern}"' for pattern, mode in modes]
    return "\n".join(["`verilator_config", *lines, ""])


def _key(files: Sequence[Path], settings: Sequence[str]) -> str:
    digest = hashlib.sha256("\0".join(settings).encode())
    for file in files:
        digest.update(f"\0{file}\0".encode() + file.read_bytes())
    return digest.hexdigest()


def _is_current(directory: Path, top: str, key: str) -> bool:
    stamp = directory / _STAMP
    return (directory / top).is_file() and stamp.is_file() and stamp.read_text() == f"{tool_versions()}\n{key}\n"


def _compile(
    build: BlockBuild, files: Sequence[Path], parameters: Mapping[str, int], arguments: Sequence[str], control: str
) -> None:
    from cocotb_tools.runner import get_runner

    directory, stamp = build.directory, build.directory / _STAMP
    if not stamp.is_file() or stamp.read_text().splitlines()[0] != tool_versions():
        shutil.rmtree(directory)  # half-built, or objects of another compiler: make would keep them
        directory.mkdir()
    stamp.unlink(missing_ok=True)
    control_file, log = directory / "ports.vlt", directory / "build.log"
    control_file.write_text(control)
    try:
        with environment({"PATH": tool_path(), "OBJCACHE": _object_cache()}):
            get_runner("verilator").build(
                sources=list(files),
                hdl_toplevel=build.top,
                parameters=dict(parameters),
                build_dir=directory,
                build_args=[*arguments, str(control_file)],
                always=True,
                waves=build.waves,
                log_file=log,
            )
    except (RuntimeError, subprocess.CalledProcessError) as error:
        raise BuildError(f"build of {directory.name} failed, log in {log}:\n{_complaints(log)}") from error


def _object_cache() -> str:
    """Return the compiler prefix (OBJCACHE of verilated.mk) that shares Verilator's own object files; see objcache."""
    cache = default_build_root() / f"runtime-{hashlib.sha256(tool_versions().encode()).hexdigest()[:12]}"
    return shlex.join([sys.executable, "-I", "-S", str(Path(__file__).with_name("objcache.py")), str(cache)])


def _complaints(log: Path) -> str:
    """Return the tool's complaints in a build log, or its end where none is marked as one."""
    lines = log.read_text(errors="replace").splitlines() if log.is_file() else []
    marked = [line for line in lines if re.search(r"%Error|%Warning|\berror:", line)]
    return "\n".join((marked or lines)[-30:])


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the file lock `path`; the kernel frees it when the holder dies."""
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
