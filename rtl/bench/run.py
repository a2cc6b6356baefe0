"""Runs cocotb tests on a built block and says what failed."""

import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from rtl.bench.build import RTL_DIR, BlockBuild, build_block, coverage_folder, plusargs
from rtl.bench.tools import RtlError, environment, tool_path

_LOG_LINES = 60


class SimulationError(RtlError):
    """A cocotb test failed, none ran, or the simulator died."""


@dataclass(frozen=True, slots=True)
class SimulationReport:
    """What ran: the names of the cocotb tests, all passed, and the simulator's output."""

    tests: tuple[str, ...]
    log: str


def run_block(
    top: str,
    test_module: str,
    *,
    parameters: Mapping[str, int],
    sources: Sequence[str | Path] | None = None,
    ports: Sequence[str] = (),
    rtl_dir: Path = RTL_DIR,
    build_root: Path | None = None,
    test_dir: Path | None = None,
    testcase: str | None = None,
    env: Mapping[str, str] | None = None,
    seed: int = 1,
    waves: bool = False,
) -> SimulationReport:
    """Build `top` where needed (see build_block) and run the cocotb tests of `test_module` on it.

    `test_dir` is put on the simulator's Python path, which else is this process's. `testcase` picks tests by name,
    `env` adds environment variables, `seed` is cocotb's RANDOM_SEED, `waves` keeps a dump.vcd.
    Raises MissingToolError, BuildError, and SimulationError with the failures and the end of the log.
    """
    build = build_block(
        top, parameters=parameters, sources=sources, ports=ports, rtl_dir=rtl_dir, build_root=build_root, waves=waves
    )
    return simulate(build, test_module, test_dir=test_dir, testcase=testcase, env=env, seed=seed)


def simulate(
    build: BlockBuild,
    test_module: str,
    *,
    test_dir: Path | None = None,
    testcase: str | None = None,
    env: Mapping[str, str] | None = None,
    seed: int = 1,
    arguments: Sequence[str] = (),
) -> SimulationReport:
    """Run the cocotb tests of `test_module` on a finished build; parameters as in run_block.

    `arguments` are plusargs of the simulator. A build with waves then records nothing by itself: see waves.sv.
    """
    from cocotb_tools.runner import get_runner

    runs = build.directory / "runs"  # one directory a run: several workers may run one build at once
    runs.mkdir(exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix=f"{test_module}-", dir=runs))
    results, log = directory / "results.xml", directory / "test.log"
    path_before = list(sys.path)
    if test_dir is not None:
        sys.path.insert(0, str(test_dir))  # the runner hands sys.path to the simulator
    status = 0
    try:
        with environment({"PATH": tool_path(), **_kept_bytecode(build)}):
            get_runner("verilator").test(
                hdl_toplevel=build.top,
                hdl_toplevel_lang="verilog",
                test_module=test_module,
                build_dir=build.directory,
                test_dir=directory,
                results_xml=str(results),
                testcase=testcase,
                seed=seed,
                extra_env={"COCOTB_ANSI_OUTPUT": "0", **(env or {})},
                plusargs=[*plusargs(), *arguments],
                waves=build.waves and not arguments,
                log_file=log,
            )
    except SystemExit as leaving:  # how cocotb's runner says that a test failed or the simulator died
        status = leaving.code if isinstance(leaving.code, int) else 1
    except RuntimeError:  # the same when the simulator itself stops, for example at a failed assertion of the design
        status = 1
    finally:
        sys.path[:] = path_before
    report = _read(build, test_module, results, log, status)
    counted, folder = directory / "coverage.dat", coverage_folder()
    if folder is not None and counted.is_file():  # one that an assertion stopped leaves none
        shutil.move(counted, folder / f"{build.directory.name}-{directory.name}.dat")
    if not build.waves:
        shutil.rmtree(directory)
    return report


def _kept_bytecode(build: BlockBuild) -> dict[str, str]:
    """Compiled Python beside the builds, even where the environment keeps none: compiling takes most of a start."""
    return {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(build.directory.parent / "bytecode")}


def _read(build: BlockBuild, test_module: str, results: Path, log: Path, status: int) -> SimulationReport:
    """Return the report of a clean run, or raise SimulationError."""
    text = log.read_text(errors="replace") if log.is_file() else ""
    where = f"{test_module} on {build.directory.name}"
    end = f"log in {log}, its end:\n" + "\n".join(text.splitlines()[-_LOG_LINES:])
    if not results.is_file():
        raise SimulationError(f"{where}: the simulator left no results, exit status {status}; {end}")
    cases = list(ElementTree.parse(results).iter("testcase"))
    failed = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    if failed:
        names = ", ".join(case.get("name", "?") for case in failed)
        raise SimulationError(f"{where}: {len(failed)} of {len(cases)} tests failed ({names}); {end}")
    if status:
        raise SimulationError(f"{where}: exit status {status} though no test failed; {end}")
    passed = tuple(case.get("name", "?") for case in cases if case.find("skipped") is None)
    if not passed:
        raise SimulationError(f"{where}: no test ran; {end}")
    return SimulationReport(passed, text)
