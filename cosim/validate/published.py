"""CPU costs against MLPerf Tiny submissions and other measured rows of a reference folder (CSV files).

The folder holds ``mlperf_tiny_models.csv`` (layers of the benchmark networks), ``mlperf_tiny_results.csv``
(submissions) and ``mcu_cycles.csv`` (other measurements). Nothing of it is part of this package.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

from accel_models.cpu import cpu_cost, tables
from accel_models.network import Conv2d, Elementwise, Operator, Pool, Tensor
from accel_models.system import Cpu

Rows = list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One published figure beside ours. ``error``: ours / published - 1. ``fitted``: it helped to set our constants.

    ``bound``: the largest error that this release accepts.
    """

    what: str
    unit: str
    published: float
    ours: float
    fitted: bool
    bound: float

    @property
    def error(self) -> float:
        return self.ours / self.published - 1

    @property
    def holds(self) -> bool:
        return abs(self.error) <= self.bound


@dataclass(frozen=True, slots=True)
class _Submission:
    """MLPerf Tiny rows of one board and software: core, library, and (benchmark, bound, fitted)."""

    prefix: str
    core: str
    library: str
    benchmarks: tuple[tuple[str, float, bool], ...]


_CMSIS = "v1.0-OctoML-microtvm_cmsis_nn-NUCLEO_L4R5ZI-"
_CUBE = "v1.2-STMicroelectronics-NUCLEO_{}-"
_SUBMISSIONS = (
    _Submission(
        _CMSIS,
        "cortex-m4",
        "cmsis-nn",
        (("ic", 0.01, True), ("vww", 0.01, True), ("ad", 0.01, True), ("kws", 0.08, False)),
    ),
    _Submission(
        _CUBE.format("L4R5ZI"),
        "cortex-m4",
        "x-cube-ai",
        (("ic", 0.01, True), ("ad", 0.01, True), ("vww", 0.14, True), ("kws", 0.19, True)),
    ),
    _Submission(
        _CUBE.format("U575ZI_Q"),
        "cortex-m33",
        "x-cube-ai",
        (("ic", 0.01, True), ("vww", 0.15, False), ("kws", 0.19, False), ("ad", 0.05, False)),
    ),
    _Submission(
        _CUBE.format("H7A3ZI_Q"),
        "cortex-m7",
        "x-cube-ai",
        (("ic", 0.01, True), ("vww", 0.06, False), ("kws", 0.24, False), ("ad", 0.08, False)),
    ),
)
_PERSON_DETECTION = "mcxn947-person_detect"  # MobileNetV1 0.25 on 96x96x1: vww but for its first layer
_TFLM_NETWORKS = ("vww0", "in0", "in1", "in3")  # vww2 is fitted
_H743_MHZ = 480  # the part's maximum; the page does not state the clock
_VWW_MACS = 7_489_664


def published(reference: Path) -> list[Comparison]:
    """Every comparison that the folder allows. Raises ValueError naming a file that is missing or lacks a row."""
    layers = _read(reference, "mlperf_tiny_models.csv")
    results = {row["id"]: row for row in _read(reference, "mlperf_tiny_results.csv")}
    cycles = {row["id"]: row for row in _read(reference, "mcu_cycles.csv")}
    found = []
    for item in _SUBMISSIONS:
        for benchmark, bound, fitted in item.benchmarks:
            measured = float(_row(results, item.prefix + benchmark)["cpu_cycles"])
            ours = network_cycles(layers, benchmark, item.core, item.library)
            what = f"MLPerf Tiny {item.prefix}{benchmark}: {item.core}, {item.library}"
            found.append(Comparison(what, "cycles", measured, ours, fitted, bound))
    vww = network_cycles(layers, "vww", "cortex-m33", "cmsis-nn") / _VWW_MACS
    measured = float(_row(cycles, _PERSON_DETECTION)["cycles_per_mac"])
    found.append(Comparison(f"{_PERSON_DETECTION}: cortex-m33, cmsis-nn", "cycles/MAC", measured, vww, False, 0.25))
    per_mac = tables().libraries["tflm-reference"].per_mac["conv"] * tables().cores["cortex-m7"].scale
    for network in _TFLM_NETWORKS:
        row = _row(cycles, f"stm32h743-mcunet-{network}-tf-lite")
        measured = float(row["latency_ms"]) * _H743_MHZ * 1e3 / float(row["macs"])
        what = f"stm32h743-mcunet-{network}-tf-lite: cortex-m7, tflm-reference"
        found.append(Comparison(what, "cycles/MAC", measured, per_mac, False, 0.08))
    return found


def network_cycles(layers: Rows, benchmark: str, core: str, library: str) -> int:
    """CPU cycles of a benchmark network, layer by layer, without its closing softmax and reshape."""
    cpu = Cpu(core=core, library=library, clock_mhz=1)
    rows = (row for row in layers if row["benchmark"] == benchmark)
    return sum(_layer_cycles(row, cpu) for row in rows)


def _layer_cycles(layer: dict[str, str], cpu: Cpu) -> int:
    def size(name: str) -> int:
        return int(layer[name] or 0)

    kind = layer["op"]
    shapes = {
        "x": (1, size("in_h"), size("in_w"), size("in_c")),
        "y": (1, size("out_h"), size("out_w"), size("out_c")),
    }
    inputs: tuple[str, ...] = ("x",)
    kernel = (size("k_h"), size("k_w"))
    attributes: Conv2d | Elementwise | Pool
    if kind in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
        deep = kind == "DEPTHWISE_CONV_2D"
        shapes["w"] = (max(kernel[0], 1), max(kernel[1], 1), 1 if deep else size("in_c"), size("out_c"))
        inputs, attributes = ("x", "w"), Conv2d(groups=size("in_c") if deep else 1)
    elif kind == "ADD":
        inputs, attributes = ("x", "x"), Elementwise(function="add")
    elif kind == "AVERAGE_POOL_2D":
        attributes = Pool(function="average", kernel=kernel, stride=kernel)
    else:
        return 0
    operator = Operator(name=kind, inputs=inputs, outputs=("y",), attributes=attributes, macs=size("macs"))
    tensors = {name: Tensor(name=name, shape=shape, dtype="int8") for name, shape in shapes.items()}
    return cpu_cost(operator, tensors, cpu).cycles_cpu


def _read(folder: Path, name: str) -> Rows:
    try:
        with (folder / name).open(encoding="utf-8", newline="") as stream:
            return list(csv.DictReader(stream))
    except FileNotFoundError:
        raise ValueError(f"{folder} has no {name}; want a folder of published measurements") from None


def _row(rows: dict[str, dict[str, str]], key: str) -> dict[str, str]:
    if key not in rows:
        raise ValueError(f"the reference folder has no row {key!r}")
    return rows[key]
