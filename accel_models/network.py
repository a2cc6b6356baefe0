"""Network: integer operators on named tensors, without hardware. What lowering makes and what tiling starts from.

Tensors are stored in their ``shape`` order, last axis contiguous; images are NHWC. Quantized tensors are int8 codes
with ``real = scale * (code - zero_point)``; scales are kept for people and for the boundary, never for the
arithmetic. Every operator carries the integers it computes with. Operators are in a legal order of execution.

A ``.network`` file is a container (see ``container``) of format ``cosim.network``. Its JSON body:

- ``name``; ``inputs`` and ``outputs``: names of tensors, in order; ``parameters``: the number of trained ones;
- ``tensors``: a list of objects with the fields of ``Tensor``, in order of the network;
- ``operators``: a list of objects with ``name``, ``kind`` (a key of ``KINDS``), ``inputs``, ``outputs``, ``macs``,
  ``phase``, ``origin`` and ``attributes``, an object with the fields of the kind's class; tuples are lists, ``output``,
  ``residual`` and ``epilogue`` are objects with the fields of ``Output8``, ``Residual`` and ``Epilogue``, or null;
- ``metadata``: any JSON data, such as ``multiplier_bits`` and ``rounding``.

Its arrays are the constants, and what persistent tensors start from, each under its tensor's name, with the tensor's
shape and dtype.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from accel_models import container

VERSION = 1
ROLES = ("input", "constant", "activation", "output", "persistent")
DTYPES = {"int8": 1, "uint8": 1, "int16": 2, "int32": 4, "int64": 8, "float32": 4, "bool": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """A value. ``role``: where it comes from; persistent tensors keep their bytes between invocations.

    ``permutation``: for inputs, outputs and persistent tensors, axes that bring the caller's array (PyTorch order) into
    ``shape`` order, or None when they agree. ``scale`` None: not quantized.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    role: str = "activation"
    scale: float | None = None
    zero_point: int = 0
    permutation: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise ValueError(f"tensor {self.name}: want dtype in {sorted(DTYPES)}, got {self.dtype!r}")
        if self.role not in ROLES:
            raise ValueError(f"tensor {self.name}: want role in {ROLES}, got {self.role!r}")
        if any(size < 1 for size in self.shape):
            raise ValueError(f"tensor {self.name}: want positive sizes, got shape {self.shape}")

    @property
    def elements(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def bytes(self) -> int:
        return self.elements * DTYPES[self.dtype]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributes:
    """Base of the per-kind attribute records; ``KIND`` is the operator kind's name."""

    KIND: ClassVar[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Output8:
    """How an int8 result is formed: clamp bounds, rounding mode, optional 256-entry table applied last."""

    zero_point: int = 0
    low: int = -128
    high: int = 127
    double: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Residual:
    """Fused add after requantization: formula of commands.Requantize. ``zero_b`` belongs to the second operand."""

    zero_b: int
    multiplier_a: int
    multiplier_b: int
    shift: int
    zero_point: int
    low: int = -128
    high: int = 127


@dataclass(frozen=True, slots=True, kw_only=True)
class Conv2d(Attributes):
    """``inputs``: x [N,H,W,Cin] int8, weight int8, bias int32 [Cout], multiplier int32 [Cout], shift int8 [Cout],
    then the residual operand when ``residual``, then the table when ``table`` (int8 [256]).

    weight is [kh, kw, Cin/groups, Cout] (k-major: rows are the contraction). Zero weight zero point; the input's zero
    point is folded into the bias and is the padding value. ``padding``: top, bottom, left, right. A linear layer is a
    1x1 convolution of [1, 1, M, K].
    """

    KIND: ClassVar[str] = "conv2d"
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    input_zero_point: int = 0
    output: Output8 = Output8()
    residual: Residual | None = None
    table: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MatMul(Attributes):
    """``inputs``: a [B, M, K] int8, b int8 (zero point 0) [B, K, N] or, ``transposed``, [B, N, K]; output [B, M, N].

    ``acc = sum_k (a - zero_a) * b``, computed as ``sum_k a*b`` only when zero_a is 0: lowering guarantees it.
    Then bias 0 and one multiplier for all columns: ``multiplier``, ``shift``.
    """

    KIND: ClassVar[str] = "matmul"
    transposed: bool = False
    multiplier: int
    shift: int
    output: Output8 = Output8()
    table: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Elementwise(Attributes):
    """``inputs``: a (and b, same shape) int8, then the table when ``table``. Formula of commands.Elementwise.

    ``function``: add, multiply or rescale (one operand: requantization, clamps, activations by table).
    """

    KIND: ClassVar[str] = "elementwise"
    function: str
    zero_a: int = 0
    zero_b: int = 0
    multiplier_a: int = 1 << 30
    multiplier_b: int = 0
    shift: int = 30
    output: Output8 = Output8()
    table: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool(Attributes):
    """``inputs``: x [N,H,W,C] int8 (then the table). ``function``: maximum or average.

    Taps outside the image are ignored (maximum) or add nothing (average). Average: ``clamp(zero_point + scale(sum -
    n*input_zero_point, multiplier/shift of n))`` where n counts taps inside the image and divisor[n] is what PyTorch
    divides by; ``factors`` maps n to (multiplier, shift).
    ``padding``: top, bottom, left, right; the output size is given by the output tensor (ceil mode included).
    """

    KIND: ClassVar[str] = "pool"
    function: str
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    input_zero_point: int = 0
    factors: tuple[tuple[int, int, int, int], ...] = ()  # (rows inside, columns inside, multiplier, shift)
    output: Output8 = Output8()
    table: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Concat(Attributes):
    """Join along ``axis``; all codes share one scale, so bytes are copied."""

    KIND: ClassVar[str] = "concat"
    axis: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice(Attributes):
    """``x[start:stop:step]`` on every axis; bytes are copied. Lengths equal the rank."""

    KIND: ClassVar[str] = "slice"
    start: tuple[int, ...]
    step: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pad(Attributes):
    """Constant padding: ``before`` elements on each axis, the rest after; ``value`` is a code."""

    KIND: ClassVar[str] = "pad"
    before: tuple[int, ...]
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Permute(Attributes):
    """``numpy.transpose(x, axes)``; bytes move."""

    KIND: ClassVar[str] = "permute"
    axes: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reshape(Attributes):
    """Same bytes, another shape: costs nothing, the output is placed on its input."""

    KIND: ClassVar[str] = "reshape"


@dataclass(frozen=True, slots=True, kw_only=True)
class Epilogue:
    """How sums of a training step become int8 codes: the form of commands.Requantize for training.

    The operator's own inputs are followed by ``shift`` and ``bound`` (int32 numbers: data of the step), by the noise's
    ``key`` where ``rounding`` is stochastic_indexed, and by the codes that mask the sums where ``masked`` (0 where they
    are 0 or less). Outputs: the codes, then, with ``range``, a number (int32): the largest magnitude or positive value.
    """

    low: int = -127
    high: int = 127
    rounding: str = "nearest"
    random_bits: int = 8
    multiplier: int = 1
    range: str = ""
    masked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegerConv2d(Attributes):
    """``inputs``: x int8 [N,H,W,Cin], weight int8 [kh,kw,Cin/groups,Cout], bias int32 [Cout,1,1] (or a map), then
    those of the epilogue. All of it may change from step to step. Zero points are 0; ``padding``: rows, columns."""

    KIND: ClassVar[str] = "integer_conv2d"
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    groups: int = 1
    epilogue: Epilogue = Epilogue()


@dataclass(frozen=True, slots=True, kw_only=True)
class InputGradient(Attributes):
    """``inputs``: g int8 [N,OH,OW,Cout] of a convolution's output, its weight, then those of the epilogue.

    The gradient of its input, of ``size`` rows and columns.
    """

    KIND: ClassVar[str] = "input_gradient"
    size: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    groups: int = 1
    epilogue: Epilogue = Epilogue()


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightGradient(Attributes):
    """``inputs``: x int8 [N,H,W,Cin] and g int8 [N,OH,OW,Cout] of a convolution. The sum over samples and pixels, int32
    [kh,kw,Cin/groups,Cout], saturated. Where an Update of nothing else follows, it never leaves the accumulators."""

    KIND: ClassVar[str] = "weight_gradient"
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    groups: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Update(Attributes):
    """``inputs``: sums int32 of a WeightGradient, master weights int8 or int16 of that shape, the shift (int32), and
    the noise's key where ``rounding`` is stochastic_indexed.

    master - round(sum * multiplier / 2**shift), within +-most. Outputs: the master, its int8 weights where it has
    ``fraction_bits``, and int32 [2]: changes that became 0, sums that were not 0.
    """

    KIND: ClassVar[str] = "update"
    multiplier: int = 1
    most: int = 127
    fraction_bits: int = 0
    rounding: str = "nearest"
    random_bits: int = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSum(Attributes):
    """The sum of int8 x [N,H,W,C] per channel in ``digits`` digits int8 [digits, C] of 7 bits, the lowest first."""

    KIND: ClassVar[str] = "channel_sum"
    digits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignedSum(Attributes):
    """``inputs``: a, its shift to the left (int32, 0..15), b, its shift, then those of the epilogue."""

    KIND: ClassVar[str] = "aligned_sum"
    epilogue: Epilogue = Epilogue()


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelSum(Attributes):
    """``inputs``: x int8 [N,H,W,C], then those of the epilogue. Sums over the pixels: [N,1,1,C]."""

    KIND: ClassVar[str] = "pixel_sum"
    epilogue: Epilogue = Epilogue()


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread(Attributes):
    """``inputs``: g int8 [N,1,1,C], then those of the epilogue. g at every pixel of ``size``, rounded there."""

    KIND: ClassVar[str] = "spread"
    size: tuple[int, int]
    epilogue: Epilogue = Epilogue()


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxPlaces(Attributes):
    """The largest of each ``kernel`` x ``kernel`` window (no overlap, the rest cut off) and its place in it, row by
    row, the first of equals; both int8."""

    KIND: ClassVar[str] = "max_places"
    kernel: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxPoolGradient(Attributes):
    """``inputs``: g and the places of MaxPlaces. Each g at its place in an image of ``size``, 0 elsewhere."""

    KIND: ClassVar[str] = "max_pool_gradient"
    kernel: int
    size: tuple[int, int]


TRAINING = (
    IntegerConv2d,
    InputGradient,
    WeightGradient,
    Update,
    ChannelSum,
    AlignedSum,
    PixelSum,
    Spread,
    MaxPlaces,
    MaxPoolGradient,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuCall(Attributes):
    """Anything the accelerator lacks, executed by a NumPy kernel of ``kernels.py`` and priced by core and library.

    ``function`` names the kernel; ``parameters`` are its scalar arguments (JSON values, sorted by name).
    A function that starts with ``aten::`` has no NumPy kernel and needs PyTorch at run time. ``sequence`` is a list of
    calls, made as one (see ``kernels.sequence``).
    """

    KIND: ClassVar[str] = "cpu"
    function: str
    parameters: tuple[tuple[str, Any], ...] = ()


KINDS: dict[str, type[Attributes]] = {
    kind.KIND: kind
    for kind in (Conv2d, MatMul, Elementwise, Pool, Concat, Slice, Pad, Permute, Reshape, CpuCall, *TRAINING)
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """One row of every report. ``macs`` are counted in full, padding positions included; 0 where there are none.

    ``phase``: forward, backward-input, backward-weight, update or communicate. ``origin``: module path and source line.
    """

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Attributes
    macs: int = 0
    phase: str = "forward"
    origin: str = ""

    @property
    def kind(self) -> str:
        return self.attributes.KIND


@dataclass(frozen=True, kw_only=True)
class Network:
    """Operators in order, their tensors by name, and data, of their tensor's shape and dtype: of all constants, and of
    persistent tensors that do not start from zero. An operator may write a persistent tensor, in place too."""

    name: str
    operators: tuple[Operator, ...]
    tensors: Mapping[str, Tensor]
    constants: Mapping[str, np.ndarray]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    parameters: int = 0  # trained parameters, batch norm folded
    metadata: Mapping[str, Any] = field(default_factory=dict)  # JSON data: quantization options, seed, notes

    def __post_init__(self) -> None:
        known = {name for name, tensor in self.tensors.items() if tensor.role in ("input", "constant", "persistent")}
        for operator in self.operators:
            for name in operator.inputs:
                if name not in known:
                    raise ValueError(f"operator {operator.name} reads tensor {name!r} before it is written")
            known.update(operator.outputs)
        for name in (*self.inputs, *self.outputs):
            if name not in known:
                raise ValueError(f"network {self.name}: no operator writes {name!r}")
        for name, tensor in self.tensors.items():
            if tensor.role == "constant" and name not in self.constants:
                raise ValueError(f"network {self.name}: constant {name!r} has no data")
        for name, data in self.constants.items():
            tensor = self.tensors[name]
            if data.shape != tensor.shape or data.dtype != np.dtype(tensor.dtype):
                raise ValueError(f"constant {name}: want {tensor.dtype}{tensor.shape}, got {data.dtype}{data.shape}")

    @property
    def macs(self) -> int:
        return sum(operator.macs for operator in self.operators)

    def is_constant(self, name: str) -> bool:
        return self.tensors[name].role == "constant"

    @property
    def initial(self) -> dict[str, np.ndarray]:
        """What persistent tensors hold before the first invocation, where it is not zero."""
        return {name: data for name, data in self.constants.items() if not self.is_constant(name)}

    def to_bytes(self) -> bytes:
        body = {
            "name": self.name,
            "operators": [operator_to_json(operator) for operator in self.operators],
            "tensors": [asdict(tensor) for tensor in self.tensors.values()],
            "inputs": list(self.inputs),
            "outputs": list(self.outputs),
            "parameters": self.parameters,
            "metadata": dict(self.metadata),
        }
        return container.pack("network", VERSION, body, self.constants)

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the content, first 16 hex digits."""
        return hashlib.sha256(self.to_bytes()).hexdigest()[:16]

    def save(self, path: Path) -> None:
        container.write_atomic(path, self.to_bytes())

    @classmethod
    def load(cls, path: Path, data: bytes | None = None) -> Self:
        """The network of a file, or of the bytes of one; ``path`` names it in messages. Raises FileFormatError."""
        body, arrays = container.unpack(path, "network", VERSION, data)
        with container.reading(path, "network"):
            return cls(
                name=body["name"],
                operators=tuple(operator_from_json(item) for item in body["operators"]),
                tensors={item["name"]: tensor_from_json(item) for item in body["tensors"]},
                constants=arrays,
                inputs=tuple(body["inputs"]),
                outputs=tuple(body["outputs"]),
                parameters=body["parameters"],
                metadata=body["metadata"],
            )


def operator_to_json(operator: Operator) -> dict[str, Any]:
    attributes = {item.name: _plain(getattr(operator.attributes, item.name)) for item in fields(operator.attributes)}
    return {
        "name": operator.name,
        "kind": operator.kind,
        "inputs": list(operator.inputs),
        "outputs": list(operator.outputs),
        "attributes": attributes,
        "macs": operator.macs,
        "phase": operator.phase,
        "origin": operator.origin,
    }


def operator_from_json(item: Mapping[str, Any]) -> Operator:
    kind = KINDS.get(item["kind"])
    if kind is None:
        raise container.FileFormatError(f"operator {item['name']}: unknown kind {item['kind']!r}")
    values = {name: _restore(name, value) for name, value in item["attributes"].items()}
    return Operator(
        name=item["name"],
        inputs=tuple(item["inputs"]),
        outputs=tuple(item["outputs"]),
        attributes=kind(**values),
        macs=item["macs"],
        phase=item["phase"],
        origin=item["origin"],
    )


def tensor_from_json(item: Mapping[str, Any]) -> Tensor:
    return Tensor(**{name: _restore(name, value) for name, value in item.items()})


def _plain(value: Any) -> Any:
    return asdict(value) if isinstance(value, Output8 | Residual | Epilogue) else value


def _restore(name: str, value: Any) -> Any:
    if isinstance(value, dict):
        return {"output": Output8, "epilogue": Epilogue}.get(name, Residual)(**value)
    if isinstance(value, list):
        return tuple(_restore("", item) for item in value)
    return value
