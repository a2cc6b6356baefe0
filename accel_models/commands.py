"""The accelerator's command set and its binary encoding: the only definition of every field.

A command is 64 bytes, little endian: 8-bit opcode, 4-bit wait mask, 4-bit signal mask, then the fields of its class in
the order and width given here. A field marked ``register`` is preceded by one flag bit; when it is set the value is the
index of a scalar register whose content is taken when the command starts. Wait bit ``e`` takes one token from the
counter ``e -> own engine`` before the command starts; signal bit ``e`` adds one to ``own engine -> e`` when it ends.

Addresses: ``bus`` addresses are bytes on the AXI4 master (memory.py), scratchpad addresses are bytes, accumulator
addresses are entries (one entry holds ``columns`` 32-bit sums). Images are NHWC: the channel is the fastest axis.
"""

from dataclasses import dataclass, field, fields
from enum import IntEnum
from operator import attrgetter
from typing import Any, ClassVar

COMMAND_BYTES = 64
MASKS_AT = 1  # byte of a command: the wait mask, the signal mask above it
REGISTERS = 32
PARAMETER_BYTES = 9  # bytes per lane of a parameter block: bias int32, multiplier int32, shift int8
BIAS_BYTES = 4  # bytes per lane of a block of biases alone
WORD_BYTES = 4  # of a scalar register, in memory
TABLE_BYTES = 256
LIST_ENTRY_BYTES = 4  # of a row list: an offset, unsigned, little endian


class Engine(IntEnum):
    """In-order engines; the number is the bit in wait and signal masks."""

    LOAD = 0
    MATRIX = 1
    VECTOR = 2
    STORE = 3


class MatrixMode(IntEnum):
    DOT = 0  # weights stay, a column adder tree reduces over input channels
    DEPTHWISE = 1  # one channel per column, the rows chain the taps of one kernel row
    OUTER = 2  # sums stay in the PEs: products of two channel vectors, summed over pixels


class Function(IntEnum):
    ADD = 0
    MULTIPLY = 1
    RESCALE = 2  # one operand: requantize, clamp, table
    SELECT = 3


class Pooling(IntEnum):
    MAXIMUM = 0
    AVERAGE = 1
    PLACE = 2  # of the maximum, in its window


class Scaling(IntEnum):
    """Where Requantize takes bias, multiplier and shift from. What is not BLOCK is the form for training."""

    BLOCK = 0  # all three, of each channel, from a parameter block
    UNIFORM = 1  # no bias; one multiplier and shift for all
    BIAS = 2  # biases from a block of them; one multiplier and shift for all


class Residual(IntEnum):
    """What Requantize does with a second operand."""

    NONE = 0
    ADD = 1
    MASK = 2  # a sum becomes 0 where the operand is 0 or less


class Ranging(IntEnum):
    """What goes into a register beside the result."""

    NONE = 0
    LARGEST = 1  # magnitude, saturated at 2**31 - 1
    POSITIVE = 2  # value, 0 where none is positive


class UnknownRegisterError(ValueError):
    """There is no scalar register with this index."""


class UnknownOpcodeError(ValueError):
    """No command has this opcode."""


@dataclass(frozen=True, slots=True)
class Register:
    """A field whose value is read from scalar register ``index`` when the command starts."""

    index: int

    def __post_init__(self) -> None:
        if not 0 <= self.index < REGISTERS:
            raise UnknownRegisterError(f"want a register index in 0..{REGISTERS - 1}, got {self.index}")


Operand = int | Register


def _bits(width: int, *, signed: bool = False, register: bool = False, default: int | None = 0) -> Any:
    metadata = {"width": width, "signed": signed, "register": register}
    return field(metadata=metadata) if default is None else field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What all commands share. ``wait`` and ``signal`` are masks over Engine."""

    OPCODE: ClassVar[int]
    ENGINE: ClassVar[Engine | None]
    wait: int = 0
    signal: int = 0

    def __post_init__(self) -> None:
        kind = type(self)
        for (name, low, high, register), value in zip(_RANGES[kind], _VALUES[kind](self), strict=True):
            if isinstance(value, Register):
                if not register:
                    raise ValueError(f"{type(self).__name__}.{name} takes no register, got {value}")
            elif not low <= value <= high:
                raise ValueError(f"{type(self).__name__}.{name}: want {low}..{high}, got {value}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Transfer(Command):
    """``planes x rows`` runs of ``row_bytes`` contiguous bytes, each with its own stride on either side.

    ``listed``: on the bus, plane p begins ``offset[p]`` bytes behind ``bus_address``, not ``p * bus_plane_stride``. The
    offsets are a row list: LIST_ENTRY_BYTES each in the scratchpad from ``list_address`` on, multiples of the bus's
    width, none above ``bus_plane_stride``. A Load gathers with it, a Store scatters. The list may not lie where its own
    Load writes.
    """

    bus_address: int = _bits(32, default=None)
    pad_address: int = _bits(20, default=None)
    row_bytes: Operand = _bits(20, register=True, default=None)
    rows: Operand = _bits(16, register=True, default=1)
    planes: Operand = _bits(16, register=True, default=1)
    bus_row_stride: int = _bits(32)
    bus_plane_stride: int = _bits(32)
    pad_row_stride: int = _bits(20)
    pad_plane_stride: int = _bits(20)
    listed: int = _bits(1)
    list_address: int = _bits(20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load(_Transfer):
    """Bus to scratchpad."""

    OPCODE: ClassVar[int] = 1
    ENGINE: ClassVar[Engine] = Engine.LOAD


@dataclass(frozen=True, slots=True, kw_only=True)
class Store(_Transfer):
    """Scratchpad to bus."""

    OPCODE: ClassVar[int] = 2
    ENGINE: ClassVar[Engine] = Engine.STORE


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill(Command):
    """Write ``value`` into ``rows`` runs of ``row_bytes`` scratchpad bytes (constant padding)."""

    OPCODE: ClassVar[int] = 3
    ENGINE: ClassVar[Engine] = Engine.LOAD
    pad_address: int = _bits(20, default=None)
    row_bytes: Operand = _bits(20, register=True, default=None)
    rows: Operand = _bits(16, register=True, default=1)
    pad_row_stride: int = _bits(20)
    value: Operand = _bits(8, signed=True, register=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix(Command):
    """One tile of a convolution or matrix product: ``output_height x output_width`` pixels by ``columns`` outputs.

    Output pixel (oy, ox) and kernel row ky read input row ``iy = oy*stride_y + origin_y + ky*dilation_y`` from byte
    ``(ox*stride_x + origin_x)*input_pixel_stride + tap*tap_stride`` on, ``run_bytes`` bytes per tap. A byte whose row
    is outside ``input_height`` or whose offset is outside ``input_width*input_pixel_stride`` reads as ``zero_point``.
    The contraction index k runs over (kernel row, tap, byte of the run). Sums are int32 and wrap.

    DOT: ``acc[n*P + p][c] += sum_k x[p][k] * w[k][n*C + c]``; weight element (k, j) lies at ``weight_address +
    k*weight_row_stride + j``, or, ``transposed``, at ``weight_address + j*weight_row_stride + k``.
    DEPTHWISE: ``acc[n*P + p][c] += sum_k x[p][k, n*C + c] * w[k][n*C + c]`` with k over (kernel row, tap); one tap is
    one input pixel; ``taps <= rows``; ``run_bytes`` and ``tap_stride`` are not used.
    OUTER: ``acc[n*K + k][c] += sum_p x[p][k] * g[p][n*C + c]`` with g at ``weight_address + p*weight_row_stride``.
    P, K: pixels of the tile, length of the contraction. ``accumulate`` clear starts from zero.

    ``planes`` images lie ``input_plane_stride`` bytes apart; the tile is taken from each. Pixels go plane by plane: P
    is ``planes * output_height * output_width``, and ``input_height`` bounds the rows of every plane.
    """

    OPCODE: ClassVar[int] = 4
    ENGINE: ClassVar[Engine] = Engine.MATRIX
    mode: int = _bits(2, default=None)
    accumulate: int = _bits(1)
    transposed: int = _bits(1)
    input_address: int = _bits(20, default=None)
    input_row_stride: int = _bits(20)
    input_pixel_stride: int = _bits(16, default=None)
    input_height: int = _bits(16, default=1)
    input_width: int = _bits(16, default=None)
    origin_y: int = _bits(16, signed=True)
    origin_x: int = _bits(16, signed=True)
    stride_y: int = _bits(6, default=1)
    stride_x: int = _bits(6, default=1)
    dilation_y: int = _bits(6, default=1)
    output_height: Operand = _bits(12, register=True, default=1)
    output_width: int = _bits(12, default=None)
    kernel_height: int = _bits(8, default=1)
    taps: int = _bits(8, default=1)
    tap_stride: int = _bits(16)
    run_bytes: int = _bits(16, default=0)
    columns: int = _bits(16, default=None)
    weight_address: int = _bits(20, default=None)
    weight_row_stride: int = _bits(16, default=None)
    accumulator: int = _bits(12, default=None)
    zero_point: Operand = _bits(8, signed=True, register=True)
    planes: Operand = _bits(12, register=True, default=1)
    input_plane_stride: int = _bits(20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Requantize(Command):
    """Accumulators to int8: bias, scale, clamp, optional residual add, optional table; another form of it for training.

    Entry ``accumulator + n*height*width + p``, lane c: ``y = clamp(zero_point + scale(acc + bias[c]), low, high)``.
    With residual ADD: ``y = clamp(add_zero + half_up((y-zero_point)*multiplier + (b-zero_b)*multiplier_b, add_shift),
    add_low, add_high)``. With ``table``: ``y = table[y + 128]``. Parameters of column group n lie at ``parameters +
    n*9*C``: C biases int32, C multipliers int32, C shifts int8, for the array's C columns. Writes are ``columns``
    bytes a pixel. ``rounding``: HALF_UP or DOUBLE.

    For training (``scaling`` UNIFORM or BIAS): ``v = acc + bias[c]``, exactly, and 0 where a residual MASK's operand is
    0 or less; ``y = clamp(zero_point + round(clip(v, +-bound) * multiplier / 2**shift), low, high)``, shift from 0 on,
    no DOUBLE rounding; then the table. Biases of column group n lie at ``parameters + n*4*C``. With ``range``
    ``register[destination] = max(range_start, that of all v)``. INDEXED rounding takes its noise from the top
    ``random_bits`` (1..16) of ``mix(key + index)``; the index of byte c of pixel (y, x) is ``multiplier_b +
    y*index_row_stride + x*index_pixel_stride + c``: its place in the whole tensor, whatever tile it is in.
    """

    OPCODE: ClassVar[int] = 5
    ENGINE: ClassVar[Engine] = Engine.VECTOR
    accumulator: int = _bits(12, default=None)
    height: Operand = _bits(12, register=True, default=1)
    width: int = _bits(12, default=None)
    columns: int = _bits(16, default=None)
    parameters: int = _bits(20, default=0)
    output_address: int = _bits(20, default=None)
    output_row_stride: int = _bits(20)
    output_pixel_stride: int = _bits(16)
    zero_point: Operand = _bits(8, signed=True, register=True)
    low: Operand = _bits(8, signed=True, register=True, default=-128)
    high: Operand = _bits(8, signed=True, register=True, default=127)
    rounding: int = _bits(2)
    scaling: int = _bits(2)
    multiplier: Operand = _bits(31, register=True)
    shift: Operand = _bits(6, register=True)
    bound: Operand = _bits(31, register=True, default=(1 << 31) - 1)
    range: int = _bits(2)
    range_start: Operand = _bits(31, register=True)
    destination: int = _bits(5)
    residual: int = _bits(2)
    residual_address: int = _bits(20)
    residual_row_stride: int = _bits(20)
    residual_pixel_stride: int = _bits(16)
    zero_b: Operand = _bits(8, signed=True, register=True)
    multiplier_b: Operand = _bits(31, register=True)
    add_shift: Operand = _bits(6, register=True, default=1)
    add_zero: Operand = _bits(8, signed=True, register=True)
    add_low: int = _bits(8, signed=True, default=-128)
    add_high: int = _bits(8, signed=True, default=127)
    key: Operand = _bits(32, signed=True, register=True)
    random_bits: int = _bits(5, default=8)
    index_row_stride: int = _bits(20)
    index_pixel_stride: int = _bits(16)
    table: int = _bits(1)
    table_address: int = _bits(20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Elementwise(Command):
    """Per-element functions of int8 operands in the scratchpad, ``height x width`` pixels of ``columns`` bytes.

    ADD: ``clamp(zero_point + half_up((a-zero_a)*multiplier_a + (b-zero_b)*multiplier_b, shift))``.
    MULTIPLY: ``clamp(zero_point + scale((a-zero_a)*(b-zero_b), multiplier_a, shift))``. RESCALE: the same of
    ``a-zero_a``. SELECT: ``clamp(a)`` where b is ``code``, else ``clamp(0)``. With ``table``: then ``table[y + 128]``.
    """

    OPCODE: ClassVar[int] = 6
    ENGINE: ClassVar[Engine] = Engine.VECTOR
    function: int = _bits(2, default=None)
    height: Operand = _bits(12, register=True, default=1)
    width: int = _bits(12, default=1)
    columns: int = _bits(16, default=None)
    a_address: int = _bits(20, default=None)
    a_row_stride: int = _bits(20)
    a_pixel_stride: int = _bits(16)
    b_address: int = _bits(20)
    b_row_stride: int = _bits(20)
    b_pixel_stride: int = _bits(16)
    output_address: int = _bits(20, default=None)
    output_row_stride: int = _bits(20)
    output_pixel_stride: int = _bits(16)
    zero_a: Operand = _bits(8, signed=True, register=True)
    zero_b: Operand = _bits(8, signed=True, register=True)
    multiplier_a: Operand = _bits(31, register=True, default=1 << 30)
    multiplier_b: Operand = _bits(31, register=True)
    shift: Operand = _bits(6, register=True, default=30)
    zero_point: Operand = _bits(8, signed=True, register=True)
    low: Operand = _bits(8, signed=True, register=True, default=-128)
    high: Operand = _bits(8, signed=True, register=True, default=127)
    rounding: int = _bits(2)
    code: int = _bits(8, signed=True)
    table: int = _bits(1)
    table_address: int = _bits(20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool(Command):
    """Window reduction of an int8 image, channel by channel.

    Window of output (oy, ox): rows ``oy*stride_y + origin_y + ky``, columns likewise; taps outside ``input_height x
    input_width`` read as -128 (MAXIMUM, PLACE) or add nothing (AVERAGE). MAXIMUM: ``clamp(max)``. AVERAGE:
    ``clamp(zero_point + scale(sum + bias, multiplier, shift))``. PLACE: ``clamp(ky*kernel_width + kx)`` of the first
    tap that is the maximum. With ``table``: then ``table[y + 128]``.
    """

    OPCODE: ClassVar[int] = 7
    ENGINE: ClassVar[Engine] = Engine.VECTOR
    function: int = _bits(2, default=None)
    height: Operand = _bits(12, register=True, default=1)
    width: int = _bits(12, default=None)
    columns: int = _bits(16, default=None)
    input_address: int = _bits(20, default=None)
    input_row_stride: int = _bits(20)
    input_pixel_stride: int = _bits(16, default=None)
    input_height: int = _bits(16, default=None)
    input_width: int = _bits(16, default=None)
    origin_y: int = _bits(16, signed=True)
    origin_x: int = _bits(16, signed=True)
    kernel_height: int = _bits(8, default=None)
    kernel_width: int = _bits(8, default=None)
    stride_y: int = _bits(8, default=1)
    stride_x: int = _bits(8, default=1)
    output_address: int = _bits(20, default=None)
    output_row_stride: int = _bits(20)
    output_pixel_stride: int = _bits(16)
    bias: Operand = _bits(32, signed=True, register=True)
    multiplier: Operand = _bits(31, register=True, default=1 << 30)
    shift: Operand = _bits(6, register=True, default=30)
    zero_point: Operand = _bits(8, signed=True, register=True)
    low: Operand = _bits(8, signed=True, register=True, default=-128)
    high: Operand = _bits(8, signed=True, register=True, default=127)
    rounding: int = _bits(2)
    table: int = _bits(1)
    table_address: int = _bits(20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Range(Command):
    """Largest absolute value of ``entries`` accumulator entries, first ``columns`` lanes, into ``destination``."""

    OPCODE: ClassVar[int] = 8
    ENGINE: ClassVar[Engine] = Engine.VECTOR
    accumulator: int = _bits(12, default=None)
    entries: Operand = _bits(12, register=True, default=None)
    columns: int = _bits(16, default=None)
    destination: int = _bits(5, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetRegister(Command):
    """Write an immediate into scalar register ``destination``."""

    OPCODE: ClassVar[int] = 9
    ENGINE: ClassVar[Engine] = Engine.VECTOR
    destination: int = _bits(5, default=None)
    value: int = _bits(32, signed=True, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Registers(Command):
    """``count`` scalar registers from ``register`` on, WORD_BYTES each, little endian, from ``pad_address`` on.

    Wants an array of WORD_BYTES columns or more.
    """

    register: int = _bits(5, default=None)
    count: int = _bits(6, default=1)
    pad_address: int = _bits(20, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRegisters(_Registers):
    """Scratchpad to scalar registers."""

    OPCODE: ClassVar[int] = 10
    ENGINE: ClassVar[Engine] = Engine.VECTOR


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreRegisters(_Registers):
    """Scalar registers to scratchpad."""

    OPCODE: ClassVar[int] = 11
    ENGINE: ClassVar[Engine] = Engine.VECTOR


@dataclass(frozen=True, slots=True, kw_only=True)
class Update(Command):
    """Integer master weights, in the scratchpad, less scaled sums of gradients: ``entries`` rows of ``columns``.

    Sums as OUTER leaves them: entry ``accumulator + n*entries + k``, lane c is column ``j = n*C + c`` of row k. Masters
    are int8, or, ``wide``, int16, at ``master_address + k*master_row_stride + j * (its size)``: ``clamp(master -
    round(acc * multiplier / 2**shift), +-most)``, shift from 0 on, no DOUBLE rounding. ``wide``: then also ``clamp(
    half_up(master, fraction_bits), +-127)`` at ``output_address + k*output_row_stride + j``; not ``wide``: most <= 127.
    ``register[destination] = zeros_start + (how many acc != 0 were rounded to 0)``, the next register ``sums_start +
    (how many acc != 0)``; both wrap at 32 bits. INDEXED rounding as in Requantize, of index ``index_start +
    k*index_row_stride + j``.
    """

    OPCODE: ClassVar[int] = 12
    ENGINE: ClassVar[Engine] = Engine.VECTOR
    accumulator: int = _bits(12, default=None)
    entries: Operand = _bits(12, register=True, default=None)
    columns: int = _bits(16, default=None)
    master_address: int = _bits(20, default=None)
    master_row_stride: int = _bits(20)
    wide: int = _bits(1)
    most: int = _bits(15, default=127)
    multiplier: Operand = _bits(31, register=True, default=1)
    shift: Operand = _bits(6, register=True)
    rounding: int = _bits(2)
    fraction_bits: int = _bits(4)
    output_address: int = _bits(20)
    output_row_stride: int = _bits(20)
    destination: int = _bits(5, default=None)
    zeros_start: Operand = _bits(31, register=True)
    sums_start: Operand = _bits(31, register=True)
    key: Operand = _bits(32, signed=True, register=True)
    random_bits: int = _bits(5, default=8)
    index_start: int = _bits(31)
    index_row_stride: int = _bits(20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum(Command):
    """Two int8 images of different exponents to one: ``height x width`` pixels of ``columns`` bytes.

    ``v = moved(a, up_a) + moved(b, up_b)`` with ``moved(q, up) = q * 2**up``, half up where up is negative; 0 where,
    with ``masked``, c is 0 or less. ``y = clamp(round(clip(v, +-bound) * multiplier / 2**shift), low, high)``, shift
    from 0 on, no DOUBLE rounding. With ``range`` ``register[destination] = max(range_start, that of all v)``. INDEXED
    rounding as in Requantize, of index ``index_start + p*columns + c``, p counting pixels row by row.
    """

    OPCODE: ClassVar[int] = 13
    ENGINE: ClassVar[Engine] = Engine.VECTOR
    height: Operand = _bits(12, register=True, default=1)
    width: int = _bits(12, default=1)
    columns: int = _bits(16, default=None)
    a_address: int = _bits(20, default=None)
    a_row_stride: int = _bits(20)
    a_pixel_stride: int = _bits(16)
    b_address: int = _bits(20, default=None)
    b_row_stride: int = _bits(20)
    b_pixel_stride: int = _bits(16)
    masked: int = _bits(1)
    c_address: int = _bits(20)
    c_row_stride: int = _bits(20)
    c_pixel_stride: int = _bits(16)
    output_address: int = _bits(20, default=None)
    output_row_stride: int = _bits(20)
    output_pixel_stride: int = _bits(16)
    up_a: Operand = _bits(5, signed=True, register=True)
    up_b: Operand = _bits(5, signed=True, register=True)
    bound: Operand = _bits(31, register=True, default=(1 << 31) - 1)
    multiplier: Operand = _bits(31, register=True, default=1)
    shift: Operand = _bits(6, register=True)
    rounding: int = _bits(2)
    low: Operand = _bits(8, signed=True, register=True, default=-128)
    high: Operand = _bits(8, signed=True, register=True, default=127)
    range: int = _bits(2)
    range_start: Operand = _bits(31, register=True)
    destination: int = _bits(5)
    key: Operand = _bits(32, signed=True, register=True)
    random_bits: int = _bits(5, default=8)
    index_start: int = _bits(31)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compare(Command):
    """Which of ``planes`` patches differ: ``pixels x columns`` int8 bytes of a against those of b.

    Byte j of pixel p of patch n lies at ``a_address + n*a_plane_stride + p*a_pixel_stride + j``, of b likewise. The
    byte at ``output_address + offset[n]`` becomes 1 where the largest ``|a - b|`` of the patch is above ``threshold``,
    else 0; offsets are a row list of bytes, any value, at ``list_address``. Patches are taken in order: the last of
    those with one place stays. The output may not lie where operands or the list do. Wants an array of
    LIST_ENTRY_BYTES columns or more.
    """

    OPCODE: ClassVar[int] = 14
    ENGINE: ClassVar[Engine] = Engine.VECTOR
    planes: Operand = _bits(12, register=True, default=1)
    pixels: int = _bits(12, default=None)
    columns: int = _bits(16, default=None)
    a_address: int = _bits(20, default=None)
    a_plane_stride: int = _bits(20)
    a_pixel_stride: int = _bits(16)
    b_address: int = _bits(20, default=None)
    b_plane_stride: int = _bits(20)
    b_pixel_stride: int = _bits(16)
    threshold: Operand = _bits(9, signed=True, register=True)
    list_address: int = _bits(20, default=None)
    output_address: int = _bits(20, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class List(Command):
    """The row list of the cells that a mask of ``rows x columns`` bytes chooses: those above ``threshold``.

    Cell (y, x) is byte ``mask_address + y*mask_row_stride + x``; its entry is ``y*row_offset + x*column_offset``,
    modulo 2**32, LIST_ENTRY_BYTES wide. Every cell, row by row, writes its entry at ``output_address +
    LIST_ENTRY_BYTES * (cells chosen before it)``: so the entry behind the
    list is that of the last cell, where that was not chosen. Then
    ``register[destination + i] = clamp(total - i*chunk, 0, chunk)`` for i below ``chunks``. The list may not lie where
    the mask does. Wants an array of LIST_ENTRY_BYTES columns or more.
    """

    OPCODE: ClassVar[int] = 16
    ENGINE: ClassVar[Engine] = Engine.VECTOR
    mask_address: int = _bits(20, default=None)
    mask_row_stride: int = _bits(20)
    rows: int = _bits(12, default=1)
    columns: int = _bits(12, default=None)
    threshold: int = _bits(8, signed=True)
    output_address: int = _bits(20, default=None)
    row_offset: int = _bits(32)
    column_offset: int = _bits(32)
    destination: int = _bits(5)
    chunks: int = _bits(6)
    chunk: int = _bits(16)


@dataclass(frozen=True, slots=True, kw_only=True)
class End(Command):
    """End of a segment: the dispatcher waits until every engine is idle, then raises the interrupt."""

    OPCODE: ClassVar[int] = 15
    ENGINE: ClassVar[Engine | None] = None


COMMANDS: tuple[type[Command], ...] = (
    Load,
    Store,
    Fill,
    Matrix,
    Requantize,
    Elementwise,
    Pool,
    Range,
    SetRegister,
    LoadRegisters,
    StoreRegisters,
    Update,
    Sum,
    Compare,
    End,
    List,
)
_BY_OPCODE = {command.OPCODE: command for command in COMMANDS}


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """Place of one field in the 512-bit word; ``flag`` is the bit of its register flag, or None."""

    name: str
    offset: int
    width: int
    signed: bool
    flag: int | None

    @property
    def register(self) -> bool:
        return self.flag is not None

    @property
    def low(self) -> int:
        return -(1 << (self.width - 1)) if self.signed else 0

    @property
    def high(self) -> int:
        return (1 << (self.width - self.signed)) - 1


def layout(command: type[Command]) -> tuple[FieldSpec, ...]:
    """Bit positions of the fields of a command class, wait and signal included."""
    return _LAYOUTS[command]


def _positions(command: type[Command]) -> tuple[FieldSpec, ...]:
    specs = [FieldSpec("wait", 8, 4, False, None), FieldSpec("signal", 12, 4, False, None)]
    position = 16
    for item in fields(command):
        if not item.metadata:
            continue
        flag = None
        if item.metadata["register"]:
            flag, position = position, position + 1
        specs.append(FieldSpec(item.name, position, item.metadata["width"], item.metadata["signed"], flag))
        position += item.metadata["width"]
    assert position <= 8 * COMMAND_BYTES, f"{command.__name__} needs {position} bits"
    return tuple(specs)


_LAYOUTS = {command: _positions(command) for command in COMMANDS}
_RANGES = {
    command: tuple((spec.name, spec.low, spec.high, spec.register) for spec in specs)
    for command, specs in _LAYOUTS.items()
}
_PLACES = {
    command: tuple((spec.offset, (1 << spec.width) - 1, spec.flag) for spec in specs)
    for command, specs in _LAYOUTS.items()
}
_VALUES = {command: attrgetter(*(spec.name for spec in specs)) for command, specs in _LAYOUTS.items()}


def encode(command: Command) -> bytes:
    """64 bytes of a command."""
    kind, word = type(command), command.OPCODE
    for (offset, mask, flag), value in zip(_PLACES[kind], _VALUES[kind](command), strict=True):
        if isinstance(value, Register):
            assert flag is not None
            word |= 1 << flag
            value = value.index
        if value:
            word |= (value & mask) << offset
    return word.to_bytes(COMMAND_BYTES, "little")


def decode(data: bytes) -> Command:
    """The command in 64 bytes.

    Raises UnknownOpcodeError, UnknownRegisterError, and ValueError on a wrong length or a non-zero unused bit.
    """
    if len(data) != COMMAND_BYTES:
        raise ValueError(f"want {COMMAND_BYTES} bytes, got {len(data)}")
    word = int.from_bytes(data, "little")
    command = _BY_OPCODE.get(word & 0xFF)
    if command is None:
        raise UnknownOpcodeError(f"unknown opcode {word & 0xFF}")
    values: dict[str, Operand] = {}
    for (name, low, high, _), (offset, mask, flag) in zip(_RANGES[command], _PLACES[command], strict=True):
        raw = (word >> offset) & mask
        if flag is not None and (word >> flag) & 1:
            values[name] = Register(raw)
        else:
            values[name] = raw if raw <= high else raw + 2 * low
    decoded = command(**values)  # type: ignore[arg-type]
    if encode(decoded) != data:
        raise ValueError(f"{command.__name__}: unused bits are not zero")
    return decoded
