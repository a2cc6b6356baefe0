"""Small integer networks, written by hand or at random, for tests of the compiler and of the machines."""

import numpy as np

from accel_models.network import (
    Concat,
    Conv2d,
    Elementwise,
    MatMul,
    Network,
    Operator,
    Output8,
    Pad,
    Permute,
    Pool,
    Reshape,
    Residual,
    Slice,
    Tensor,
)
from accel_models.system import System, parse_system


def system(
    rows: int = 16, columns: int = 16, pad_bytes: int = 131072, sram_bytes: int = 524288, **accelerator: object
) -> System:
    """A plain system with the given array; further keywords are fields of the accelerator."""
    lanes = {"rows": rows, "columns": columns}
    return parse_system(
        {
            "name": f"test{rows}x{columns}",
            "accelerator": {"clock_mhz": 200, "array": lanes, "scratchpad": {"size_bytes": pad_bytes}, **accelerator},
            "cpu": {"core": "cortex-m7", "clock_mhz": 200},
            "sram": {"size_bytes": sram_bytes},
            "flash": {
                "size_bytes": 4 << 20,
                "bandwidth_mb_per_s": 133,
                "latency_ns": 100,
                "energy_nj_per_byte": 1,
                "source": "test",
            },
            "technology": {"node_nm": 22, "vdd": 0.8},
        }
    )


class NetworkBuilder:
    """Adds operators one by one; codes spread over the int8 range because factors fit the sums they scale."""

    def __init__(self, seed: int = 0) -> None:
        self.random = np.random.default_rng(seed)
        self.tensors: dict[str, Tensor] = {}
        self.constants: dict[str, np.ndarray] = {}
        self.operators: list[Operator] = []

    def input(self, name: str, shape: tuple[int, ...]) -> str:
        self.tensors[name] = Tensor(name=name, shape=shape, dtype="int8", role="input", scale=1 / 64, zero_point=-3)
        return name

    def shape(self, name: str) -> tuple[int, ...]:
        return self.tensors[name].shape

    def build(self, *outputs: str, name: str = "test") -> Network:
        for output in outputs:
            tensor = self.tensors[output]
            self.tensors[output] = Tensor(name=output, shape=tensor.shape, dtype="int8", role="output", scale=0.1)
        inputs = tuple(tensor.name for tensor in self.tensors.values() if tensor.role == "input")
        return Network(
            name=name,
            operators=tuple(self.operators),
            tensors=self.tensors,
            constants=self.constants,
            inputs=inputs,
            outputs=outputs,
        )

    def constant(self, name: str, data: np.ndarray) -> str:
        self.tensors[name] = Tensor(name=name, shape=data.shape, dtype=str(data.dtype), role="constant")
        self.constants[name] = data
        return name

    def _add(
        self, kind: str, inputs: tuple[str, ...], shape: tuple[int, ...], attributes: object, macs: int = 0
    ) -> str:
        name = f"{kind}{len(self.operators)}"
        output = f"{name}.y"
        self.tensors[output] = Tensor(name=output, shape=shape, dtype="int8")
        self.operators.append(Operator(name=name, inputs=inputs, outputs=(output,), attributes=attributes, macs=macs))  # type: ignore[arg-type]
        return output

    def _output8(self) -> Output8:
        low = int(self.random.choice([-128, -20]))
        return Output8(zero_point=int(self.random.integers(-20, 20)), low=low, high=int(self.random.choice([127, 90])))

    def _table(self) -> str:
        return self.constant(f"table{len(self.operators)}", self.random.integers(-128, 128, 256).astype(np.int8))

    def conv(
        self,
        x: str,
        columns: int,
        kernel: tuple[int, int] = (3, 3),
        stride: tuple[int, int] = (1, 1),
        padding: tuple[int, int, int, int] = (1, 1, 1, 1),
        dilation: tuple[int, int] = (1, 1),
        groups: int = 1,
        residual: str | None = None,
        table: bool = False,
        double: bool = False,
    ) -> str:
        images, height, width, channels = self.shape(x)
        size = []
        for axis, length in enumerate((height, width)):
            span = (kernel[axis] - 1) * dilation[axis] + 1
            size.append((length + padding[2 * axis] + padding[2 * axis + 1] - span) // stride[axis] + 1)
        depth = kernel[0] * kernel[1] * channels // groups
        name = f"conv{len(self.operators)}"
        random = self.random
        operands = (
            self.constant(
                f"{name}.w", random.integers(-127, 128, (*kernel, channels // groups, columns)).astype(np.int8)
            ),
            self.constant(f"{name}.b", random.integers(-3000, 3000, columns).astype(np.int32)),
            self.constant(f"{name}.m", random.integers(1 << 30, (1 << 31) - 1, columns).astype(np.int32)),
            self.constant(f"{name}.s", np.full(columns, 31 + int(np.log2(120 * np.sqrt(depth))), np.int8)),
        )
        inputs = (x, *operands)
        fused = None
        if residual:
            inputs += (residual,)
            fused = Residual(zero_b=3, multiplier_a=1 << 30, multiplier_b=3 << 28, shift=31, zero_point=-4, low=-100)
        if table:
            inputs += (self._table(),)
        attributes = Conv2d(
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=groups,
            input_zero_point=int(random.integers(-30, 30)),
            output=Output8(zero_point=int(random.integers(-9, 9)), low=-128, high=127, double=double),
            residual=fused,
            table=table,
        )
        shape = (images, size[0], size[1], columns)
        return self._add("conv", inputs, shape, attributes, images * size[0] * size[1] * columns * depth)

    def matmul(self, a: str, b: str, transposed: bool = False) -> str:
        batch, m, k = self.shape(a)
        n = self.shape(b)[1 if transposed else 2]
        shift = 31 + int(np.log2(60 * np.sqrt(k)))
        attributes = MatMul(transposed=transposed, multiplier=3 << 29, shift=shift, output=self._output8())
        return self._add("matmul", (a, b), (batch, m, n), attributes, batch * m * k * n)

    def elementwise(self, function: str, a: str, b: str | None = None, table: bool = False) -> str:
        inputs = (a,) if b is None else (a, b)
        if table:
            inputs += (self._table(),)
        factor, shift = (5 << 28, 36) if function == "multiply" else (5 << 28, 31)
        attributes = Elementwise(
            function=function,
            zero_a=-3,
            zero_b=2,
            multiplier_a=factor,
            multiplier_b=3 << 28 if function == "add" else 0,
            shift=shift,
            output=self._output8(),
            table=table,
        )
        return self._add(function, inputs, self.shape(a), attributes)

    def pool(
        self,
        x: str,
        function: str,
        kernel: tuple[int, int],
        stride: tuple[int, int] | None = None,
        padding: tuple[int, int, int, int] = (0, 0, 0, 0),
    ) -> str:
        images, height, width, channels = self.shape(x)
        stride = stride or kernel
        out_h = (height + padding[0] + padding[1] - kernel[0]) // stride[0] + 1
        out_w = (width + padding[2] + padding[3] - kernel[1]) // stride[1] + 1
        factors = tuple(
            (
                rows,
                columns,
                (1 << 31) // (rows * columns) if rows * columns > 1 else 1 << 30,
                31 if rows * columns > 1 else 30,
            )
            for rows in range(1, kernel[0] + 1)
            for columns in range(1, kernel[1] + 1)
        )
        attributes = Pool(
            function=function,
            kernel=kernel,
            stride=stride,
            padding=padding,
            input_zero_point=-5,
            factors=factors if function == "average" else (),
            output=Output8(zero_point=4 if function == "average" else 0),
        )
        return self._add("pool", (x,), (images, out_h, out_w, channels), attributes)

    def concat(self, axis: int, *names: str) -> str:
        shape = list(self.shape(names[0]))
        shape[axis] = sum(self.shape(name)[axis] for name in names)
        return self._add("concat", names, tuple(shape), Concat(axis=axis))

    def slice(self, x: str, start: tuple[int, ...], shape: tuple[int, ...], step: tuple[int, ...]) -> str:
        return self._add("slice", (x,), shape, Slice(start=start, step=step))

    def pad(self, x: str, before: tuple[int, ...], after: tuple[int, ...], value: int) -> str:
        shape = tuple(size + a + b for size, a, b in zip(self.shape(x), before, after, strict=True))
        return self._add("pad", (x,), shape, Pad(before=before, value=value))

    def permute(self, x: str, axes: tuple[int, ...]) -> str:
        return self._add("permute", (x,), tuple(self.shape(x)[axis] for axis in axes), Permute(axes=axes))

    def reshape(self, x: str, shape: tuple[int, ...]) -> str:
        return self._add("reshape", (x,), shape, Reshape())

    def codes(self, name: str, seed: int = 0) -> np.ndarray:
        return np.random.default_rng(seed).integers(-128, 128, self.shape(name)).astype(np.int8)


def residual_network(images: int = 1, size: int = 12) -> NetworkBuilder:
    """ResNet-like: three-channel input, strides, shortcut, residual adds, global average, linear."""
    net = NetworkBuilder(7)
    x = net.input("x", (images, size, size, 3))
    a = net.conv(x, 16)
    b = net.conv(a, 16, residual=a)
    c = net.conv(b, 24, stride=(2, 2))
    d = net.conv(b, 24, kernel=(1, 1), stride=(2, 2), padding=(0, 0, 0, 0))
    e = net.conv(c, 24, residual=d)
    p = net.pool(e, "average", (size // 2, size // 2))
    net.conv(p, 10, kernel=(1, 1), padding=(0, 0, 0, 0))
    return net


def random_network(seed: int) -> tuple[NetworkBuilder, str]:
    """A random chain with branches of every operator kind; returns the builder and the output's name."""
    random = np.random.default_rng(seed)
    net = NetworkBuilder(seed)
    channels = int(random.choice([1, 3, 4, 8, 17]))
    x = net.input("x", (int(random.integers(1, 3)), int(random.integers(4, 12)), int(random.integers(4, 12)), channels))
    for _ in range(int(random.integers(1, 6))):
        x = _random_operator(net, x, random)
    return net, x


def _random_operator(net: NetworkBuilder, x: str, random: np.random.Generator) -> str:
    images, height, width, channels = net.shape(x)
    pads = tuple(int(value) for value in random.integers(0, 2, 4))
    kernel = (int(min(random.integers(1, 4), height)), int(min(random.integers(1, 4), width)))
    stride = (int(random.integers(1, 3)), int(random.integers(1, 3)))
    match int(random.integers(0, 13)):
        case 0 | 1:
            table = bool(random.integers(0, 2))
            return net.conv(x, int(random.choice([1, 5, 16, 20])), kernel, stride, pads, table=table, double=table)  # type: ignore[arg-type]
        case 2:
            return net.conv(x, channels, kernel, stride, pads, groups=channels)  # type: ignore[arg-type]
        case 3:
            dilation = (2, 2) if height > 4 and width > 4 else (1, 1)
            pads = (1, 1, 1, 1)
            return net.conv(x, 6, (2, 2), (1, 1), pads, dilation=dilation)  # type: ignore[arg-type]
        case 4:
            return net.conv(x, channels, residual=x)
        case 5:
            return net.pool(x, "average", kernel, stride, (0, kernel[0] // 2, 0, kernel[1] // 2))
        case 6:
            return net.pool(x, "maximum", kernel, stride, (kernel[0] // 2, 0, kernel[1] // 2, 0))
        case 7:
            return net.elementwise("rescale", x, table=bool(random.integers(0, 2)))
        case 8:
            return net.elementwise(str(random.choice(["add", "multiply"])), x, net.elementwise("rescale", x))
        case 9:
            return net.concat(int(random.integers(1, 4)), x, net.elementwise("rescale", x))
        case 10:
            start = (0, int(random.integers(0, 2)), 0, 0)
            step = (1, 2, 1, 1)
            shape = (images, -(-(height - start[1]) // 2), width, channels)
            return net.slice(x, start, shape, step) if shape[1] else x
        case 11:
            return net.pad(x, (0, 1, 0, 0), (0, 0, 2, 0), -7)
        case _:
            return net.permute(net.reshape(x, (images, width, height, channels)), (0, 2, 1, 3))
