"""The golden machine on small hand-made programs: memory, segments, CPU calls, registers, batches, refusals."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from accel_models import kernels
from accel_models.commands import (
    Command,
    Elementwise,
    End,
    Engine,
    Fill,
    Function,
    Load,
    Matrix,
    MatrixMode,
    Range,
    Register,
    Requantize,
    SetRegister,
    Store,
    encode,
)  # fmt: skip
from accel_models.golden import GoldenError, Machine, run_program
from accel_models.golden.boundary import caller_shape, to_caller, to_real, to_stored
from accel_models.memory import bus_address
from accel_models.network import Conv2d, CpuCall, Network, Operator, Output8, Tensor
from accel_models.program import Binding, Placement, Program, Row, Segment
from accel_models.system import parse_system

SYSTEM = parse_system(
    {
        "name": "small",
        "accelerator": {
            "clock_mhz": 100, "array": {"rows": 4, "columns": 4}, "scratchpad": {"size_bytes": 8192},
            "accumulators": {"entries": 256},
        },
        "cpu": {"core": "cortex-m4", "clock_mhz": 100},
        "sram": {"size_bytes": 16384},
        "flash": {
            "size_bytes": 32768, "bandwidth_mb_per_s": 50, "latency_ns": 100, "energy_nj_per_byte": 1, "source": "test",
        },
        "technology": {"node_nm": 40, "vdd": 1.1},
    }
)  # fmt: skip

HEIGHT, WIDTH, CIN, COUT = 6, 5, 3, 6
IMAGE = Tensor(
    name="image", shape=(1, HEIGHT, WIDTH, CIN), dtype="int8", role="input", scale=0.05, zero_point=-7,
    permutation=(0, 2, 3, 1),
)  # fmt: skip
FEATURES = Tensor(
    name="features", shape=(1, HEIGHT, WIDTH, COUT), dtype="int8", role="output", scale=0.1, zero_point=4,
    permutation=(0, 2, 3, 1),
)  # fmt: skip
WEIGHTS_AT, PARAMETERS_AT, OUT_AT, INPUT_AT, RESULT_AT = 1000, 2000, 3000, 0x40, 0x800


def network() -> Network:
    rng = np.random.default_rng(3)
    constants = {
        "weight": rng.integers(-127, 128, (3, 3, CIN, COUT)).astype(np.int8),
        "bias": rng.integers(-3000, 3000, COUT).astype(np.int32),
        "multiplier": rng.integers(1 << 30, (1 << 31) - 1, COUT).astype(np.int32),
        "shift": rng.integers(38, 41, COUT).astype(np.int8),
    }
    tensors = {
        name: Tensor(name=name, shape=a.shape, dtype=str(a.dtype), role="constant") for name, a in constants.items()
    }
    attributes = Conv2d(padding=(1, 1, 1, 1), input_zero_point=-7, output=Output8(zero_point=4, low=4))
    operator = Operator(name="conv", inputs=("image", *constants), outputs=("features",), attributes=attributes)
    return Network(
        name="conv", operators=(operator,), tensors={"image": IMAGE, "features": FEATURES, **tensors},
        constants=constants, inputs=("image",), outputs=("features",),
    )  # fmt: skip


def conv_commands(lanes: int = 4) -> list[Command]:
    """One 3x3 convolution with padding: load, tile, requantize, store."""
    line, size = WIDTH * CIN, HEIGHT * WIDTH * CIN
    parameter_bytes = 2 * 9 * lanes
    return [
        Load(bus_address=bus_address("sram", INPUT_AT), pad_address=0, row_bytes=size, signal=1 << Engine.MATRIX),
        Load(bus_address=bus_address("flash", 0), pad_address=WEIGHTS_AT, row_bytes=9 * CIN * COUT),
        Load(bus_address=bus_address("flash", 512), pad_address=PARAMETERS_AT, row_bytes=parameter_bytes),
        Matrix(
            mode=MatrixMode.DOT, input_address=0, input_row_stride=line, input_pixel_stride=CIN, input_height=HEIGHT,
            input_width=WIDTH, origin_y=-1, origin_x=-1, output_height=HEIGHT, output_width=WIDTH, kernel_height=3,
            run_bytes=3 * CIN, columns=COUT, weight_address=WEIGHTS_AT, weight_row_stride=COUT, accumulator=0,
            zero_point=-7,
        ),
        Requantize(
            accumulator=0, height=HEIGHT, width=WIDTH, columns=COUT, parameters=PARAMETERS_AT, output_address=OUT_AT,
            output_row_stride=WIDTH * COUT, output_pixel_stride=COUT, zero_point=4, low=4,
        ),
        Store(
            bus_address=bus_address("sram", RESULT_AT), pad_address=OUT_AT, row_bytes=WIDTH * COUT, rows=HEIGHT,
            bus_row_stride=WIDTH * COUT, pad_row_stride=WIDTH * COUT,
        ),
        End(),
    ]  # fmt: skip


def flash_image() -> np.ndarray:
    data = network().constants
    image = np.zeros(1024, np.uint8)
    image[: data["weight"].size] = data["weight"].reshape(-1).view(np.uint8)
    for group in range(2):
        part = slice(group * 4, group * 4 + 4)
        block = image[512 + 36 * group : 548 + 36 * group]
        count = len(data["bias"][part])
        block[: 4 * count] = data["bias"][part].astype("<i4").view(np.uint8)
        block[16 : 16 + 4 * count] = data["multiplier"][part].astype("<i4").view(np.uint8)
        block[32 : 32 + count] = data["shift"][part]
    return image


def program(
    commands: Sequence[Command],
    bindings: Sequence[Binding] = (),
    inputs: Sequence[str] = (),
    outputs: Sequence[str] = (),
    calls: Sequence[Operator] = (),
    constants: dict[str, np.ndarray] | None = None,
) -> Program:
    """One segment of commands in row 0, then the CPU calls as rows 1, 2 ..."""
    rows = (Row(name="tile", kind="conv2d", phase="forward", placement="accelerator", macs=0),)
    rows += tuple(Row(name=call.name, kind="cpu", phase="forward", placement="cpu", macs=0) for call in calls)
    segments = (Segment(first=0, count=len(commands)),) if commands else ()
    segments += tuple(Segment(call=i, row=i + 1) for i in range(len(calls)))
    data = b"".join(encode(command) for command in commands)
    return Program(
        name="hand", system=SYSTEM, network_hash="", rows=rows, segments=segments,
        commands=np.frombuffer(data, np.uint8).reshape(-1, 64), command_rows=np.zeros(len(commands), np.int32),
        images={"flash": flash_image()}, bindings={binding.tensor.name: binding for binding in bindings},
        inputs=tuple(inputs), outputs=tuple(outputs), cpu_calls=tuple(calls), constants=constants or {},
    )  # fmt: skip


def conv_program(
    calls: Sequence[Operator] = (), more: Sequence[Binding] = (), outputs: Sequence[str] = ("features",)
) -> Program:
    bindings = [
        Binding(tensor=IMAGE, space="sram", offset=INPUT_AT), Binding(tensor=FEATURES, space="sram", offset=RESULT_AT),
        *more,
    ]  # fmt: skip
    return program(conv_commands(), bindings, ["image"], outputs, calls)


def images(count: int) -> np.ndarray:
    """float32 in PyTorch's order."""
    return np.random.default_rng(11).normal(0, 3, (count, 1, CIN, HEIGHT, WIDTH)).astype(np.float32)


def expected(pictures: np.ndarray) -> np.ndarray:
    """Codes [batch, 1, H, W, C] of the layer from the NumPy kernels."""
    codes = to_stored(IMAGE, pictures)
    return np.stack([kernels.run_network(network(), {"image": one})["features"] for one in codes])


def test_a_convolution_from_floats_to_floats() -> None:
    pictures = images(5)
    result = run_program(conv_program(), {"image": pictures}, chunk=2)
    wanted = expected(pictures)
    assert len(np.unique(wanted)) > 20
    np.testing.assert_array_equal(result.codes["features"], wanted.transpose(0, 1, 4, 2, 3))
    np.testing.assert_allclose(result.values["features"], 0.1 * (wanted.transpose(0, 1, 4, 2, 3) - 4.0), rtol=1e-6)


def test_codes_and_floats_are_the_same_input() -> None:
    pictures = images(2)
    codes = to_caller(IMAGE, to_stored(IMAGE, pictures))
    assert codes.shape == pictures.shape and codes.dtype == np.int8
    from_codes = run_program(conv_program(), {"image": codes.astype(np.int64)})
    np.testing.assert_array_equal(
        from_codes.codes["features"], run_program(conv_program(), {"image": pictures}).codes["features"]
    )


def test_batches_change_nothing() -> None:
    pictures = images(4)
    whole, single = (run_program(conv_program(), {"image": pictures}, chunk=n).codes["features"] for n in (4, 1))
    np.testing.assert_array_equal(whole, single)


def call(name: str, function: str, inputs: str, output: str, **parameters: object) -> Operator:
    attributes = CpuCall(function=function, parameters=tuple(sorted(parameters.items())))
    return Operator(name=name, inputs=(inputs,), outputs=(output,), attributes=attributes)


REAL = Tensor(name="real", shape=FEATURES.shape, dtype="float32")
CHANCE = Tensor(name="chance", shape=FEATURES.shape, dtype="float32", role="output")


def cpu_program(function: str = "softmax") -> Program:
    calls = [
        call("dequantize", "dequantize", "features", "real", scale=0.1, zero_point=4),
        call("last", function, "real", "chance", dim=-1),
    ]
    more = [Binding(tensor=REAL, space="sram", offset=0x1000), Binding(tensor=CHANCE, space="sram", offset=0x2000)]
    return conv_program(calls, more, ["chance"])


def test_cpu_calls_read_and_write_the_memory() -> None:
    pictures = images(3)
    result = run_program(cpu_program(), {"image": pictures})
    logits = 0.1 * (expected(pictures) - 4.0)
    wanted = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    np.testing.assert_allclose(result.values["chance"], wanted, rtol=1e-5)
    assert result.codes["chance"].dtype == np.float32


def test_a_function_without_a_kernel_needs_another_executor() -> None:
    pictures = images(1)
    with pytest.raises(ValueError, match="aten::special"):
        run_program(cpu_program("aten::special"), {"image": pictures})

    def executor(operator: Operator, values: dict, tensors: dict) -> dict[str, np.ndarray]:
        if operator.attributes.function == "aten::special":
            return {"chance": values["real"] * 2}
        return kernels.execute(operator, values, tensors)

    result = run_program(cpu_program("aten::special"), {"image": pictures}, cpu=executor)
    np.testing.assert_allclose(result.values["chance"], 0.2 * (expected(pictures) - 4.0), rtol=1e-6)


def test_rows_end_once_with_their_result_in_memory() -> None:
    seen: list[tuple[int, np.ndarray]] = []
    pictures = images(2)
    placement = Placement(
        tensor="features", space="scratchpad", offset=OUT_AT, bytes=180, first=0, last=0, role="activation"
    )

    def hook(row: int, machine: Machine) -> None:
        seen.append((row, machine.placed(placement).view(np.int8) if row == 0 else machine.read("chance")))

    Machine(cpu_program(), 2, on_row_end=hook).run({"image": pictures})
    assert [row for row, _ in seen] == [0, 1, 2]
    np.testing.assert_array_equal(seen[0][1], expected(pictures).reshape(2, -1))
    np.testing.assert_allclose(seen[2][1].sum(-1), 1, rtol=1e-5)


STATE = Tensor(name="state", shape=(1, 4), dtype="int8", role="persistent")
STEP = Tensor(name="step", shape=(1, 4), dtype="int8", role="input")


def counter_program() -> Program:
    """state += step."""
    add = Elementwise(
        function=Function.ADD, columns=4, a_address=0, b_address=8, output_address=16, multiplier_b=1 << 30
    )
    commands = [
        Load(bus_address=bus_address("sram", 0), pad_address=0, row_bytes=4),
        Load(bus_address=bus_address("sram", 64), pad_address=8, row_bytes=4),
        add,
        Store(bus_address=bus_address("sram", 0), pad_address=16, row_bytes=4),
        End(),
    ]
    bindings = [Binding(tensor=STATE, space="sram", offset=0), Binding(tensor=STEP, space="sram", offset=64)]
    return program(commands, bindings, ["step"], ["state"])


def test_images_of_run_program_are_independent() -> None:
    steps = np.arange(20, dtype=np.int8).reshape(5, 1, 4)
    np.testing.assert_array_equal(run_program(counter_program(), {"step": steps}, chunk=2).codes["state"], steps)


def test_persistent_tensors_live_between_invocations() -> None:
    machine = Machine(counter_program(), batch=2)
    steps = np.array([[[1, 2, 3, 4]], [[-1, 0, 50, -50]]], np.int8)
    for times in range(1, 4):
        got = machine.run({"step": steps})["state"]
        np.testing.assert_array_equal(got, np.clip(steps.astype(int) * times, -128, 127))


def test_reset_is_power_on() -> None:
    machine = Machine(conv_program(), 2)
    fresh = {space: data.copy() for space, data in machine.state.bus.items()}
    first = machine.run({"image": images(2)})["features"]
    assert machine.state.scratchpad.any() and machine.state.accumulators.any()
    machine.state.registers[:] = 3
    machine.reset()
    assert not (machine.state.scratchpad.any() or machine.state.accumulators.any() or machine.state.registers.any())
    for space, data in fresh.items():
        np.testing.assert_array_equal(machine.state.bus[space], data)
    np.testing.assert_array_equal(machine.run({"image": images(2)})["features"], first)


def test_registers_may_differ_within_a_batch() -> None:
    """Each image fills as many bytes as the largest of its sums."""
    commands = [
        Load(bus_address=bus_address("sram", 64), pad_address=0, row_bytes=4),
        Fill(pad_address=16, row_bytes=1, value=1),
        Matrix(
            mode=MatrixMode.DOT, input_address=0, input_pixel_stride=1, input_width=4, output_width=4, run_bytes=1,
            columns=1, weight_address=16, weight_row_stride=1, accumulator=0,
        ),
        Range(accumulator=0, entries=4, columns=1, destination=5),
        SetRegister(destination=6, value=-9),
        Fill(pad_address=32, row_bytes=8),
        Fill(pad_address=32, row_bytes=Register(5), value=Register(6)),
        Store(bus_address=bus_address("sram", 0), pad_address=32, row_bytes=4),
        End(),
    ]  # fmt: skip
    bindings = [Binding(tensor=STATE, space="sram", offset=0), Binding(tensor=STEP, space="sram", offset=64)]
    steps = np.array([[[1, -3, 0, 2]], [[0, 0, 0, 0]], [[0, 1, 0, -1]]], np.int8)
    machine = Machine(program(commands, bindings, ["step"], ["state"]), batch=3)
    got = machine.run({"step": steps})["state"]
    assert got.tolist() == [[[-9, -9, -9, 0]], [[0, 0, 0, 0]], [[-9, 0, 0, 0]]]
    assert machine.state.registers[:, 5].tolist() == [3, 0, 1]
    with pytest.raises(
        GoldenError, match=r"command 1 \(Fill\): from a register, Fill.row_bytes: want 0..1048575, got -9"
    ):
        bad = [SetRegister(destination=6, value=-9), Fill(pad_address=0, row_bytes=Register(6)), End()]
        Machine(program(bad)).run({})


SMALL_LOAD = Load(bus_address=bus_address("sram", 0), pad_address=0, row_bytes=16)


@pytest.mark.parametrize(
    ("commands", "message"),
    [
        ([replace(SMALL_LOAD, bus_address=5)], "command 0 .Load.: bus_address: .*0x00000005 belongs to no memory"),
        ([replace(SMALL_LOAD, bus_address=bus_address("external", 0))], "command 0 .Load.: bus_address: .*external"),
        (
            [SMALL_LOAD, replace(SMALL_LOAD, bus_address=bus_address("sram", 16384 - 8))],
            "command 1 .Load.: bus_address",
        ),
        ([replace(SMALL_LOAD, pad_address=8190)], "command 0 .Load.: pad_address: bytes 8190..8205 .* 8192"),
        ([Store(bus_address=bus_address("flash", 0), pad_address=0, row_bytes=4)], "command 0 .Store.: .*flash"),
        ([replace(conv_commands()[3], accumulator=240)], "command 0 .Matrix.: accumulator: entries 240..299"),
        ([End()], "command 0 .End.: want End as the last"),
    ],
)
def test_what_cannot_run_is_refused_by_name(commands: list[Command], message: str) -> None:
    with pytest.raises(GoldenError, match=message):
        Machine(program([*commands, End()])).run({})


def test_a_segment_ends_with_end() -> None:
    with pytest.raises(GoldenError, match="command 0 .Load.: want End"):
        Machine(program([SMALL_LOAD])).run({})


def test_an_illegal_opcode_is_refused_by_its_index() -> None:
    good = program([SMALL_LOAD, End()])
    commands = good.commands.copy()
    commands[1, 0] = 77
    with pytest.raises(GoldenError, match="command 1: unknown opcode 77"):
        Machine(replace(good, commands=commands))


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "want exactly the inputs"),
        ({"picture": images(1)}, "want exactly the inputs"),
        ({"image": images(1)[:, :, :2]}, "input image: want shape"),
        ({"image": np.full((1, 1, CIN, HEIGHT, WIDTH), 128)}, "input image: values 128..128 do not fit int8"),
        ({"image": np.full((1, 1, CIN, HEIGHT, WIDTH), np.nan)}, "not-a-number"),
        ({"image": np.full((1, 1, CIN, HEIGHT, WIDTH), "x")}, "input image: want int8"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(inputs: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Machine(conv_program()).run(inputs)


def test_boundary_permutations_are_inverse() -> None:
    tensor = Tensor(name="t", shape=(2, 3, 4, 5), dtype="int8", permutation=(3, 0, 2, 1))
    values = np.random.default_rng(0).integers(-128, 128, (6, *caller_shape(tensor))).astype(np.int8)
    stored = to_stored(tensor, values)
    assert stored.shape == (6, 2, 3, 4, 5)
    np.testing.assert_array_equal(stored[1], values[1].transpose(tensor.permutation))
    np.testing.assert_array_equal(to_caller(tensor, stored), values)
    np.testing.assert_array_equal(to_real(tensor, stored), stored)
