"""The shape of the repository: who may import whom, what lies at the top, and what no file may mention."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("accel_models", "cosim", "reports", "rtl", "workloads")
FOLDERS = {*PACKAGES, "tests"}
FILES = {"CHANGELOG.md", "LICENSE", "Makefile", "README.md", "constraints.txt", "pyproject.toml"}
LEFTOVERS = {"build", "__pycache__"}  # made by the build and by Python, ignored by git

# What each package may import beside the standard library and itself.
ALLOWED = {
    "accel_models": {"numpy", "pydantic", "simpy", "yaml"},
    "workloads": {"av", "numpy", "sklearn", "torch"},
    "reports": {"accel_models", "cosim", "numpy", "pandas", "plotly", "rich"},
    "rtl": {"accel_models", "cocotb", "cocotb_tools", "cocotbext", "find_libpython", "numpy", "pytest"},
    "cosim": {
        *("accel_models", "reports", "rtl", "workloads"),
        *("numpy", "pydantic", "rich", "simpy", "torch", "torchao", "yaml"),
        *("dask", "distributed", "optuna", "pandas", "plotly", "pyarrow", "sqlalchemy"),
    },
}
# Within a package, these only in modules whose path matches.
ONLY_IN = {
    ("cosim", "torch"): r"cosim/(trace|quantize|lower|frontend)",
    ("cosim", "torchao"): r"cosim/(trace|quantize|lower|frontend)",
    ("cosim", "pandas"): r"cosim/explore",
    ("cosim", "plotly"): r"cosim/explore",
    ("workloads", "av"): r"workloads/patchskip/video",
    ("rtl", "pytest"): r"rtl/mutation/campaign",
}
GOLDEN = re.compile(r"accel_models/(golden|arithmetic)")  # exact arithmetic: numpy and nothing else
HEAVY = ("torch", "torchao", "pandas", "plotly", "sklearn", "simpy", "scipy", "cocotb", "optuna", "dask")


@dataclass(frozen=True, slots=True)
class Import:
    """One import statement: where, and the top-level package it names."""

    path: str
    line: int
    package: str
    only_types: bool

    def __str__(self) -> str:
        return f"{self.path}:{self.line} imports {self.package}"


def modules(package: str) -> list[Path]:
    return sorted(path for path in (ROOT / package).rglob("*.py") if "__pycache__" not in path.parts)


@lru_cache
def imports(package: str) -> tuple[Import, ...]:
    """Return every import in a package, those inside functions included."""
    return tuple(found for path in modules(package) for found in _imports_of(path))


def _imports_of(path: Path) -> Iterator[Import]:
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    guarded = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")
        for statement in node.body
        for inner in ast.walk(statement)
    }
    own = path.relative_to(ROOT).as_posix()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [own.replace("/", ".") if node.level else node.module or ""]
        else:
            continue
        for name in names:
            yield Import(own, node.lineno, name.partition(".")[0], id(node) in guarded)


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_only_what_it_may(package: str) -> None:
    may = ALLOWED[package] | {package} | set(sys.stdlib_module_names)
    assert modules(package), f"{package} has no modules"
    assert [str(found) for found in imports(package) if found.package not in may] == []


@pytest.mark.parametrize(("package", "imported"), ONLY_IN)
def test_a_heavy_import_stays_in_its_corner(package: str, imported: str) -> None:
    corner = re.compile(ONLY_IN[package, imported])
    outside = [
        str(found)
        for found in imports(package)
        if found.package == imported and not found.only_types and not corner.match(found.path)
    ]
    assert outside == []


def test_golden_arithmetic_imports_numpy_and_nothing_else() -> None:
    may = {"numpy", "accel_models"} | set(sys.stdlib_module_names)
    golden = [found for found in imports("accel_models") if GOLDEN.match(found.path)]
    assert golden
    assert [str(found) for found in golden if found.package not in may] == []


def test_the_rules_see_a_forbidden_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Break the rules on purpose: an import inside a function counts, one for types is told apart."""
    (tmp_path / "workloads").mkdir()
    (tmp_path / "workloads" / "bad.py").write_text(
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    import pandas\n"
        "def f():\n    from cosim.trace import g\n"
    )
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    found = [(found.package, found.line, found.only_types) for found in _imports_of(tmp_path / "workloads" / "bad.py")]
    assert sorted(found) == [("cosim", 5, False), ("pandas", 3, True), ("typing", 1, False)]


def loaded_by(code: str) -> set[str]:
    """Run `code` in a fresh interpreter and return which of HEAVY it loaded."""
    report = f"\nimport sys; print('LOADED', *[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code + report], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rpartition("LOADED")[2].split())


def test_the_command_line_starts_without_anything_heavy() -> None:
    assert loaded_by("import cosim.cli") == set()
    helped = """
import sys
from cosim.cli import main
sys.argv = ["cosim", "--help"]
try:
    status = main()
except SystemExit as leaving:
    status = leaving.code
assert not status, status
"""
    assert loaded_by(helped) == set()


@pytest.mark.parametrize("package", ["accel_models", "rtl.bench", "reports", "cosim"])
def test_importing_a_package_does_not_load_torch_or_the_report_libraries(package: str) -> None:
    assert loaded_by(f"import {package}") <= {"simpy"}


@lru_cache
def files() -> tuple[Path, ...]:
    """Return the repository's files: git's list, new files included, or without git all but what git would ignore."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        done = None
    if done is not None and done.returncode == 0 and done.stdout:
        listed = [ROOT / name for name in done.stdout.split("\0") if name]
    else:
        listed = [path for path in ROOT.rglob("*") if not _ignored(path.relative_to(ROOT).parts)]
    return tuple(path for path in listed if path.is_file())


def _ignored(parts: tuple[str, ...]) -> bool:
    caches = (".git", ".venv", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis")
    return parts[0] in (*LEFTOVERS, *caches) or "__pycache__" in parts or ".egg-info" in parts[0]


def test_the_top_holds_what_the_design_names() -> None:
    top = {path.relative_to(ROOT).parts[0] for path in files()}
    assert {name for name in top if not name.startswith(".")} == FOLDERS | FILES


@pytest.mark.parametrize("folder", sorted(FOLDERS))
def test_every_top_level_folder_says_what_is_in_it(folder: str) -> None:
    assert (ROOT / folder / "README.md").is_file()


def test_every_folder_of_modules_is_a_package() -> None:
    """Installing finds packages by their __init__.py; without one, a folder is left out in silence."""
    folders = {path.parent for package in PACKAGES for path in modules(package)}
    assert sorted(str(folder.relative_to(ROOT)) for folder in folders if not (folder / "__init__.py").is_file()) == []


def test_no_file_names_a_place_of_one_machine() -> None:
    """Paths of a machine, the folder beside the checkout, package indexes; in pieces, since this file is read too."""
    machine = [r"(?<![\w.])/" + name + "/" for name in ("work", "root", "home/[a-z]+", "tmp/w")]
    hosts = [r"pypi" + r"\.org", "pythonhosted" + r"\.org", "download" + r"\.pytorch\.org"]
    beside = re.escape("../" + "shared")
    everywhere = re.compile("|".join([*machine, *hosts]))
    may_look_beside = {".ci/run", "Makefile"}
    found = []
    for path in files():
        name = path.relative_to(ROOT).as_posix()
        content = path.read_bytes()
        if b"\0" in content:  # not text
            continue
        for number, line in enumerate(content.decode("utf-8").splitlines(), 1):
            if everywhere.search(line) or (name not in may_look_beside and re.search(beside, line)):
                found.append(f"{name}:{number}: {line.strip()[:120]}")
    assert found == []
