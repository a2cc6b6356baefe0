"""CPU costs: by hand, errors, and the calibration against published measurements (fitted rows and rows held out)."""

import csv
from pathlib import Path

import pytest

from accel_models.cpu import cpu_cost, energy_of, idle_mw, sources, tables
from accel_models.network import Conv2d, CpuCall, Elementwise, Operator, Permute, Pool, Reshape, Tensor
from accel_models.system import Cpu

M4 = Cpu(core="cortex-m4", library="cmsis-nn", clock_mhz=120)


def tensors(**shapes: tuple[int, ...]) -> dict[str, Tensor]:
    return {name: Tensor(name=name, shape=shape, dtype="int8") for name, shape in shapes.items()}


def conv(kernel: int, cin: int, cout: int, size: int, groups: int = 1) -> tuple[Operator, dict[str, Tensor]]:
    shapes = tensors(x=(1, size, size, cin), w=(kernel, kernel, cin // groups, cout), y=(1, size, size, cout))
    macs = size * size * cout * kernel * kernel * (cin // groups)
    return Operator(name="c", inputs=("x", "w"), outputs=("y",), attributes=Conv2d(groups=groups), macs=macs), shapes


@pytest.mark.parametrize(
    ("arguments", "per_mac"),
    [((3, 16, 16, 8), 3.634), ((1, 16, 16, 8), 3.780), ((3, 16, 16, 8, 16), 11.339), ((1, 16, 16, 1), 3.839)],
)
def test_convolutions_by_hand(arguments: tuple[int, ...], per_mac: float) -> None:
    operator, shapes = conv(*arguments)
    want = 500 + 8 * shapes["y"].elements + per_mac * operator.macs
    assert cpu_cost(operator, shapes, M4).cycles_cpu == pytest.approx(want, abs=1)


def test_elementwise_pool_copy_and_calls() -> None:
    shapes = tensors(a=(1, 4, 4, 8), b=(1, 4, 4, 8), y=(1, 4, 4, 8), p=(1, 2, 2, 8))
    add = Operator(name="a", inputs=("a", "b"), outputs=("y",), attributes=Elementwise(function="add"))
    assert cpu_cost(add, shapes, M4).cycles_cpu == 500 + 20 * 128
    pool = Operator(
        name="p", inputs=("a",), outputs=("p",), attributes=Pool(function="average", kernel=(2, 2), stride=(2, 2))
    )
    assert cpu_cost(pool, shapes, M4).cycles_cpu == 500 + (3 * 4 + 8) * 32
    move = Operator(name="m", inputs=("a",), outputs=("y",), attributes=Permute(axes=(0, 2, 1, 3)))
    assert cpu_cost(move, shapes, M4).cycles_cpu == 500 + 192
    free = Operator(name="r", inputs=("a",), outputs=("y",), attributes=Reshape())
    assert cpu_cost(free, shapes, M4).cycles_cpu == 0
    costs = [
        cpu_cost(
            Operator(name="f", inputs=("a",), outputs=("y",), attributes=CpuCall(function=name)), shapes, M4
        ).cycles_cpu
        for name in ("aten::floor", "aten::native_layer_norm", "softmax")
    ]
    assert costs == [500 + 8 * 128, 500 + 25 * 128, 500 + 280 * 128]
    float_conv = Operator(
        name="f", inputs=("a",), outputs=("y",), attributes=CpuCall(function="aten::convolution"), macs=1000
    )
    assert cpu_cost(float_conv, shapes, M4).cycles_cpu == 500 + 8 * 128 + 7320


def test_cores_and_energy() -> None:
    operator, shapes = conv(3, 16, 16, 8)
    m4, m33, m7 = (
        cpu_cost(operator, shapes, M4.model_copy(update={"core": f"cortex-{core}"})) for core in ("m4", "m33", "m7")
    )
    assert m4.cycles_cpu > m33.cycles_cpu > m7.cycles_cpu
    assert m4.energy_pj == m4.cycles_cpu * 350
    m33_cpu = M4.model_copy(update={"core": "cortex-m33"})
    assert energy_of(m33_cpu, 22).pj_per_cycle == 60.9 and energy_of(m33_cpu, 45).pj_per_cycle == 146
    assert idle_mw(m33_cpu, 22) == pytest.approx(60.9 * 120 * 0.31 / 1000)
    assert all(item.source for item in sources(m33_cpu))


def test_unknown_core_or_library_is_named() -> None:
    operator, shapes = conv(3, 16, 16, 8)
    with pytest.raises(ValueError, match=r"unknown core 'z80'; want one of .*cortex-m33, cortex-m4, cortex-m7"):
        cpu_cost(operator, shapes, Cpu(core="z80", clock_mhz=1))
    with pytest.raises(
        ValueError, match=r"unknown kernel library 'mkl'; want one of cmsis-nn, tflm-reference, x-cube-ai"
    ):
        cpu_cost(operator, shapes, Cpu(core="cortex-m4", library="mkl", clock_mhz=1))


# -- calibration -------------------------------------------------------------------------------------------------------

Rows = list[dict[str, str]]


def read(folder: Path, name: str) -> Rows:
    with (folder / name).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def predicted(layers: Rows, benchmark: str, core: str, library: str) -> int:
    """Cycles of a benchmark network, layer by layer, without the closing softmax and reshape."""
    cpu, total = Cpu(core=core, library=library, clock_mhz=1), 0
    for layer in (row for row in layers if row["benchmark"] == benchmark):
        n = {
            key: int(layer[key] or 0)
            for key in ("in_h", "in_w", "in_c", "out_h", "out_w", "out_c", "k_h", "k_w", "macs")
        }
        x, y = (1, n["in_h"], n["in_w"], n["in_c"]), (1, n["out_h"], n["out_w"], n["out_c"])
        op = layer["op"]
        if op in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
            deep = op == "DEPTHWISE_CONV_2D"
            weight = (max(n["k_h"], 1), max(n["k_w"], 1), 1 if deep else n["in_c"], n["out_c"])
            operator = Operator(
                name=op, inputs=("x", "w"), outputs=("y",), macs=n["macs"],
                attributes=Conv2d(groups=n["in_c"] if deep else 1),
            )  # fmt: skip
            shapes = tensors(x=x, w=weight, y=y)
        elif op == "ADD":
            operator = Operator(name=op, inputs=("x", "x"), outputs=("y",), attributes=Elementwise(function="add"))
            shapes = tensors(x=x, y=y)
        elif op == "AVERAGE_POOL_2D":
            kernel = (n["k_h"], n["k_w"])
            operator = Operator(
                name=op,
                inputs=("x",),
                outputs=("y",),
                attributes=Pool(function="average", kernel=kernel, stride=kernel),
            )
            shapes = tensors(x=x, y=y)
        else:
            continue
        total += cpu_cost(operator, shapes, cpu).cycles_cpu
    return total


M4_CMSIS = "v1.0-OctoML-microtvm_cmsis_nn-NUCLEO_L4R5ZI-"
M4_CUBE, M33_CUBE, M7_CUBE = (
    f"v1.2-STMicroelectronics-NUCLEO_{board}-" for board in ("L4R5ZI", "U575ZI_Q", "H7A3ZI_Q")
)
MLPERF = [
    # prefix, core, library, benchmark, bound of the error, fitted
    (M4_CMSIS, "cortex-m4", "cmsis-nn", "ic", 0.01, True),
    (M4_CMSIS, "cortex-m4", "cmsis-nn", "vww", 0.01, True),
    (M4_CMSIS, "cortex-m4", "cmsis-nn", "ad", 0.01, True),
    (M4_CMSIS, "cortex-m4", "cmsis-nn", "kws", 0.08, False),
    (M4_CUBE, "cortex-m4", "x-cube-ai", "ic", 0.01, True),
    (M4_CUBE, "cortex-m4", "x-cube-ai", "ad", 0.01, True),
    (M4_CUBE, "cortex-m4", "x-cube-ai", "vww", 0.14, True),
    (M4_CUBE, "cortex-m4", "x-cube-ai", "kws", 0.19, True),
    (M33_CUBE, "cortex-m33", "x-cube-ai", "ic", 0.01, True),
    (M33_CUBE, "cortex-m33", "x-cube-ai", "vww", 0.15, False),
    (M33_CUBE, "cortex-m33", "x-cube-ai", "kws", 0.19, False),
    (M33_CUBE, "cortex-m33", "x-cube-ai", "ad", 0.05, False),
    (M7_CUBE, "cortex-m7", "x-cube-ai", "ic", 0.01, True),
    (M7_CUBE, "cortex-m7", "x-cube-ai", "vww", 0.06, False),
    (M7_CUBE, "cortex-m7", "x-cube-ai", "kws", 0.24, False),
    (M7_CUBE, "cortex-m7", "x-cube-ai", "ad", 0.08, False),
]


@pytest.mark.parametrize(("prefix", "core", "library", "benchmark", "bound", "fitted"), MLPERF)
def test_against_mlperf_tiny(
    reference_dir: Path, prefix: str, core: str, library: str, benchmark: str, bound: float, fitted: bool
) -> None:
    measured = {row["id"]: row for row in read(reference_dir, "mlperf_tiny_results.csv")}[prefix + benchmark]
    cycles = predicted(read(reference_dir, "mlperf_tiny_models.csv"), benchmark, core, library)
    error = cycles / float(measured["cpu_cycles"]) - 1
    print(f"{prefix}{benchmark}: {error:+.1%} ({'fitted' if fitted else 'held out'})")
    assert abs(error) <= bound
    if core == "cortex-m4":
        assert (prefix + benchmark in tables().libraries[library].fitted) == fitted


def test_against_person_detect_on_another_m33(reference_dir: Path) -> None:
    """Held out: CMSIS-NN on a Cortex-M33 (MCXN947), MobileNetV1 0.25 96x96x1; its first layer differs from vww."""
    rows = {row["id"]: row for row in read(reference_dir, "mcu_cycles.csv")}["mcxn947-person_detect"]
    layers = read(reference_dir, "mlperf_tiny_models.csv")
    per_mac = predicted(layers, "vww", "cortex-m33", "cmsis-nn") / 7489664
    error = per_mac / float(rows["cycles_per_mac"]) - 1
    print(f"person_detect on MCXN947: {error:+.1%} (held out)")
    assert abs(error) <= 0.25


@pytest.mark.parametrize("network", ["vww0", "in0", "in1", "in3"])
def test_reference_kernels_against_tinyengine_table(reference_dir: Path, network: str) -> None:
    """Held out (vww2 is fitted): TF-Lite Micro on STM32H743, cycles per MAC at an assumed 480 MHz."""
    rows = {row["id"]: row for row in read(reference_dir, "mcu_cycles.csv")}
    row = rows[f"stm32h743-mcunet-{network}-tf-lite"]
    measured = float(row["latency_ms"]) * 480e3 / float(row["macs"])
    per_mac = tables().libraries["tflm-reference"].per_mac["conv"] * tables().cores["cortex-m7"].scale
    assert abs(per_mac / measured - 1) <= 0.08
