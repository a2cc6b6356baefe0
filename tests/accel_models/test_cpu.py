"""CPU costs by hand, and errors. The calibration is held to published measurements in tests/cosim/test_validate.py."""

import pytest

from accel_models.cpu import cpu_cost, energy_of, idle_mw, sources
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
