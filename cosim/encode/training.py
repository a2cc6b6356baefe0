"""Expansion of a training step's operators: products of three shapes, sums, pooling and updates, tile by tile.

Numbers that a step decides (shifts, bounds, ranges) travel through scalar registers: the vector engine loads them from
the scratchpad in front of the first command that wants them and stores what it found behind the last. It works in
order, so that every operator may use the same registers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from accel_models import network as net
from accel_models.arithmetic import Rounding
from accel_models.commands import (
    BIAS_BYTES,
    WORD_BYTES,
    Elementwise,
    Fill,
    Function,
    LoadRegisters,
    Matrix,
    MatrixMode,
    Pool,
    Pooling,
    Ranging,
    Register,
    Requantize,
    Residual,
    Scaling,
    StoreRegisters,
    Sum,
    Update,
)
from accel_models.kernels.training import DIGIT_BITS
from cosim.encode.expand import Builder
from cosim.encode.steps import Pending, Runs, Step
from cosim.encode.tensors import WHOLE_BYTES
from cosim.place import Block
from cosim.tile.training import Band, Pass, plan_bands, plan_passes

ROUNDING = {
    "nearest": Rounding.HALF_UP,
    "pseudo_stochastic": Rounding.PSEUDO_STOCHASTIC,
    "stochastic_indexed": Rounding.INDEXED,
}
RANGING = {"": Ranging.NONE, "magnitude": Ranging.LARGEST, "positive": Ranging.POSITIVE}
SHIFT, BOUND, RANGE, UP_A, UP_B, KEY, COUNTS = 0, 1, 2, 3, 4, 5, 6  # registers; counts take two
_CHUNK_BYTES = 4096


def expand_training(builder: Builder, row: int) -> None:
    """Write the steps of an operator of training, and of those right behind that share its loops."""
    attributes = builder.operators[row].attributes
    found: dict[type, Callable[[Builder, int], None]] = {
        net.IntegerConv2d: _forward,
        net.InputGradient: _input_gradient,
        net.WeightGradient: _weight_gradient,
        net.Update: _nothing,
        net.ChannelSum: _channel_sum,
        net.AlignedSum: _aligned_sum,
        net.PixelSum: _pixel_sum,
        net.Spread: _spread,
        net.MaxPlaces: _max_places,
        net.MaxPoolGradient: _max_pool_gradient,
    }
    found[type(attributes)](builder, row)


def _nothing(builder: Builder, row: int) -> None:
    """An update: its weight gradient has written the commands."""


# ---- run-time numbers ----


class _Epilogue:
    """The last part of an operator: registers, and the fields of Requantize or Sum that they fill."""

    def __init__(self, builder: Builder, row: int, first: int) -> None:
        """``first``: how many inputs the operator has of its own."""
        self.builder, self.row = builder, row
        operator = builder.operators[row]
        self.attributes: net.Epilogue = operator.attributes.epilogue  # type: ignore[attr-defined]
        self.shift, self.bound, *rest = operator.inputs[first:]
        self.mask = rest[-1] if self.attributes.masked else None
        self.key = rest[0] if self.attributes.rounding == "stochastic_indexed" else None
        self.output = operator.outputs[0]
        self.found = operator.outputs[1] if self.attributes.range else None
        self._operands: dict[str, Any] = {}
        self._ranged = False

    def fields(self, step: Step) -> dict[str, Any]:
        """Fields that Requantize and Sum have in common; the first call loads the registers."""
        e = self.attributes
        if not self._operands:
            self._operands = {
                "shift": number(self.builder, step, self.row, self.shift, SHIFT),
                "bound": number(self.builder, step, self.row, self.bound, BOUND),
            }
            if self.key is not None:
                self._operands["key"] = number(self.builder, step, self.row, self.key, KEY)
                self._operands["random_bits"] = e.random_bits
        found = {
            **self._operands,
            "multiplier": e.multiplier,
            "low": e.low,
            "high": e.high,
            "rounding": int(ROUNDING[e.rounding]),
            "range": int(RANGING[e.range]),
        }
        if e.range:
            found |= {"range_start": Register(RANGE) if self._ranged else 0, "destination": RANGE}
            self._ranged = True
        return found

    def indices(self, start: int, row_stride: int = 0, pixel_stride: int = 0) -> dict[str, int]:
        """Fields of Requantize for noise: the place in the output's tensor of its first element, and strides."""
        if self.key is None:
            return {}
        return {"multiplier_b": start, "index_row_stride": row_stride, "index_pixel_stride": pixel_stride}

    def index_start(self, start: int) -> dict[str, int]:
        """The same for a Sum, whose elements are neighbours."""
        return {} if self.key is None else {"index_start": start}

    def finish(self) -> None:
        """Store the range, in the last step."""
        if self.found is not None:
            store_registers(self.builder, self.row, self.found, RANGE, 1)


def number(builder: Builder, step: Step, row: int, name: str, register: int) -> int | Register:
    """An int32 number as an operand: a constant itself, else the register that it is loaded into."""
    if builder.network.is_constant(name):
        return int(builder.network.constants[name])
    region = builder.feed(name, 0, WORD_BYTES)
    fields = {"register": register, "count": 1}
    pads = {"pad_address": (region.block, region.delta)}
    step.compute.append(Pending(LoadRegisters, fields, pads, row))
    return Register(register)


def store_registers(builder: Builder, row: int, name: str, register: int, count: int) -> None:
    """Registers to a tensor of numbers on the bus, in the step being written."""
    block = builder.block(name, count * WORD_BYTES)
    fields, pads = {"register": register, "count": count}, {"pad_address": (block, 0)}
    builder.steps[-1].compute.append(Pending(StoreRegisters, fields, pads, row))
    builder.store(name, block, 0, 0, Runs(count * WORD_BYTES))


# ---- images ----


@dataclass(frozen=True, slots=True)
class _Image:
    """A tensor [N, rows, width, channels]."""

    name: str
    rows: int
    width: int
    channels: int

    @property
    def line(self) -> int:
        return self.width * self.channels

    @property
    def bytes(self) -> int:
        return self.rows * self.line


def _image(builder: Builder, name: str) -> _Image:
    _, rows, width, channels = builder.network.tensors[name].shape
    return _Image(name, rows, width, channels)


def _feed_rows(builder: Builder, image: _Image, index: int, first: int, stop: int) -> tuple[Block, int]:
    """Where row ``first`` of an image lies in the scratchpad, with rows up to ``stop``. Whole images share a block."""
    base = index * image.bytes
    start, end = base + first * image.line, base + stop * image.line
    whole = image.bytes <= WHOLE_BYTES
    region = builder.feed(image.name, base if whole else start, end, (base, base + image.bytes) if whole else None)
    return region.block, region.delta + start


@dataclass(frozen=True, slots=True)
class _Target:
    """Where bytes [start, start + size) of an output are written: ``pad`` in ``block``; they are stored at the end."""

    builder: Builder
    name: str
    block: Block
    pad: int
    start: int
    size: int

    def finish(self) -> None:
        if self.builder.on_bus(self.name):
            self.builder.store(self.name, self.block, self.pad, self.start, Runs(self.size))
        self.builder.touch(self.block)


def _target(builder: Builder, name: str, start: int, size: int) -> _Target:
    kept = builder.target(name)
    if kept is not None:
        return _Target(builder, name, kept.block, kept.delta + start, start, size)
    return _Target(builder, name, builder.block(name, size), 0, start, size)


def _rows_read(y: int, height: int, stride: int, padding: int, kernel: int, rows: int) -> tuple[int, int]:
    """Input rows [first, stop) that output rows [y, y + height) touch; at least one."""
    first = min(max(y * stride - padding, 0), rows - 1)
    return first, min(max((y + height - 1) * stride - padding + kernel, first + 1), rows)


# ---- products for codes ----


def _forward(builder: Builder, row: int) -> None:
    operator = builder.operators[row]
    a = operator.attributes
    assert isinstance(a, net.IntegerConv2d)
    source, output = _image(builder, operator.inputs[0]), _image(builder, operator.outputs[0])
    weights = operator.inputs[1]
    kernel = builder.network.tensors[weights].shape[:2]
    lanes, entries = builder.hw.columns, builder.limits.entries // 2
    shape = builder.network.tensors[operator.outputs[0]].shape
    plan = plan_bands(shape, lanes, entries, (1, 1), builder.limits.heights.get(row))  # type: ignore[arg-type]
    epilogue = _Epilogue(builder, row, 3)
    biases: Block | None = None
    target: _Target | None = None
    for band in plan.bands():
        step = builder.step(row)
        common = epilogue.fields(step)
        if biases is None:
            biases = _biases(builder, operator.inputs[2], output.channels)
        builder.touch(biases)
        first, stop = _rows_read(band.y, band.height, a.stride[0], a.padding[0], kernel[0], source.rows)
        block, place = _feed_rows(builder, source, band.image, first, stop)
        held = builder.feed(weights, 0, builder.network.tensors[weights].bytes)
        entry = builder.accumulator_half()
        fields = {
            "mode": int(MatrixMode.DOT),
            "input_row_stride": source.line,
            "input_pixel_stride": source.channels,
            "input_height": stop - first,
            "input_width": source.width,
            "origin_y": band.y * a.stride[0] - a.padding[0] - first,
            "origin_x": -a.padding[1],
            "stride_y": a.stride[0],
            "stride_x": a.stride[1],
            "output_height": band.height,
            "output_width": output.width,
            "kernel_height": kernel[0],
            "run_bytes": kernel[1] * source.channels,
            "columns": band.columns,
            "weight_row_stride": output.channels,
            "accumulator": entry,
        }
        pads = {"input_address": (block, place), "weight_address": (held.block, held.delta + band.first)}
        step.compute.append(Pending(Matrix, fields, pads, row))
        if band.first == 0:
            start = band.image * output.bytes + band.y * output.line
            target = _target(builder, output.name, start, band.height * output.line)
        assert target is not None
        fields = common | {
            "accumulator": entry,
            "height": band.height,
            "width": output.width,
            "columns": band.columns,
            "scaling": int(Scaling.BIAS),
            "output_row_stride": output.line,
            "output_pixel_stride": output.channels,
            **epilogue.indices(target.start + band.first, output.line, output.channels),
        }
        pads = {
            "parameters": (biases, band.first * BIAS_BYTES),
            "output_address": (target.block, target.pad + band.first),
        }
        step.compute.append(Pending(Requantize, fields, pads, row))
        if band.first + band.columns == output.channels:
            target.finish()
        else:
            builder.touch(target.block)
    epilogue.finish()
    builder.mapping[row] = plan.describe()


def _biases(builder: Builder, name: str, channels: int) -> Block:
    """All biases, with room for the lanes of the last group that have none."""
    lanes = builder.hw.columns
    block = builder.block(name, -(-channels // lanes) * lanes * BIAS_BYTES)
    builder.gather(block, name, 0, Runs(channels * BIAS_BYTES))
    return block


def _input_gradient(builder: Builder, row: int) -> None:
    """One command a kernel place; with a stride, pixels of each parity on their own, by the places that reach them.

    Where the layer's weights change right behind, that comes first: the weights from before are in the scratchpad.
    """
    operator = builder.operators[row]
    if builder.together[row].stop > row + 1:
        _sum_weights(builder, row + 1, operator.inputs[1])
    a = operator.attributes
    assert isinstance(a, net.InputGradient)
    g, output = _image(builder, operator.inputs[0]), _image(builder, operator.outputs[0])
    kernel = builder.network.tensors[operator.inputs[1]].shape[:2]
    lanes, entries = builder.hw.columns, builder.limits.entries // 2
    shape = builder.network.tensors[operator.outputs[0]].shape
    plan = plan_bands(shape, lanes, entries, a.stride, builder.limits.heights.get(row))  # type: ignore[arg-type]
    parts = _parities(a, kernel, output)
    epilogue = _Epilogue(builder, row, 2)
    target: _Target | None = None
    for band in plan.bands():
        step = builder.step(row)
        if band.first == 0:
            start = band.image * output.bytes + band.y * output.line
            if builder.together[row].stop > row + 1:
                builder.share_if_dying(output.name, builder.operators[row + 1].inputs[0], row)
            target = _target(builder, output.name, start, band.height * output.line)
            if len(parts) < a.stride[0] * a.stride[1]:
                fields = {"row_bytes": target.size, "value": 0}
                step.compute.append(Pending(Fill, fields, {"pad_address": (target.block, target.pad)}, row))
        assert target is not None
        for part in parts:
            height = len(range(part.y, band.height, a.stride[0]))  # bands begin at whole strides
            if height:
                _parity(builder, step, row, band, part, height, g, output, target, epilogue)
        if band.first + band.columns == output.channels:
            target.finish()
        else:
            builder.touch(target.block)
    epilogue.finish()
    builder.mapping[row] = f"{plan.describe()}; {len(parts)} sets of pixels"


@dataclass(frozen=True, slots=True)
class _Parity:
    """Pixels (y + stride * i, x + stride * j), and the kernel places that reach them, each with the row and column of g
    that pixel (0, 0) of the set reads there."""

    y: int
    x: int
    width: int
    places: tuple[tuple[int, int, int], ...]


def _parities(a: net.InputGradient, kernel: tuple[int, ...], output: _Image) -> list[_Parity]:
    found = []
    for y in range(min(a.stride[0], output.rows)):
        for x in range(min(a.stride[1], output.width)):
            places = tuple(
                (ky * kernel[1] + kx, (y + a.padding[0] - ky) // a.stride[0], (x + a.padding[1] - kx) // a.stride[1])
                for ky in range(kernel[0])
                for kx in range(kernel[1])
                if (y + a.padding[0] - ky) % a.stride[0] == 0 and (x + a.padding[1] - kx) % a.stride[1] == 0
            )
            if places:
                found.append(_Parity(y, x, len(range(x, output.width, a.stride[1])), places))
    return found


def _parity(
    builder: Builder,
    step: Step,
    row: int,
    band: Band,
    part: _Parity,
    height: int,
    g: _Image,
    output: _Image,
    target: _Target,
    epilogue: _Epilogue,
) -> None:
    operator = builder.operators[row]
    a = operator.attributes
    assert isinstance(a, net.InputGradient)
    common = epilogue.fields(step)
    begin = band.y // a.stride[0]
    rows = [begin + dy for _, dy, _ in part.places]
    first = min(max(min(rows), 0), g.rows - 1)
    stop = min(max(max(rows) + height, first + 1), g.rows)
    block, place = _feed_rows(builder, g, band.image, first, stop)
    held = builder.feed(operator.inputs[1], 0, builder.network.tensors[operator.inputs[1]].bytes)
    entry = builder.accumulator_half()
    for index, (tap, dy, dx) in enumerate(part.places):
        fields = {
            "mode": int(MatrixMode.DOT),
            "accumulate": int(index > 0),
            "transposed": 1,
            "input_row_stride": g.line,
            "input_pixel_stride": g.channels,
            "input_height": stop - first,
            "input_width": g.width,
            "origin_y": begin + dy - first,
            "origin_x": dx,
            "output_height": height,
            "output_width": part.width,
            "run_bytes": g.channels,
            "columns": band.columns,
            "weight_row_stride": g.channels,
            "accumulator": entry,
        }
        weight = held.delta + (tap * output.channels + band.first) * g.channels
        pads = {"input_address": (block, place), "weight_address": (held.block, weight)}
        step.compute.append(Pending(Matrix, fields, pads, row))
    strides = (a.stride[0] * output.line, a.stride[1] * output.channels)
    offset = part.y * output.line + part.x * output.channels + band.first
    fields = common | {
        "accumulator": entry,
        "height": height,
        "width": part.width,
        "columns": band.columns,
        "scaling": int(Scaling.UNIFORM),
        "output_row_stride": strides[0],
        "output_pixel_stride": strides[1],
        **epilogue.indices(target.start + offset, *strides),
    }
    pads = {"output_address": (target.block, target.pad + offset)}
    if epilogue.mask is not None:
        mask = _Image(epilogue.mask, output.rows, output.width, output.channels)
        block, place = _feed_rows(builder, mask, band.image, band.y, band.y + band.height)
        fields |= {
            "residual": int(Residual.MASK),
            "residual_row_stride": strides[0],
            "residual_pixel_stride": strides[1],
        }
        pads["residual_address"] = (block, place + offset)
    step.compute.append(Pending(Requantize, fields, pads, row))


# ---- weights ----


def _weight_gradient(builder: Builder, row: int) -> None:
    if builder.together[row].start == row:
        _sum_weights(builder, row, None)


def _sum_weights(builder: Builder, row: int, kept: str | None) -> None:
    """Passes over all images; behind each the update of the weights that it summed. A sum per channel goes along.

    ``kept``: weights that someone wants afterwards as they were before.
    """
    operator, update = builder.operators[row], builder.operators[row + 1]
    a = operator.attributes
    assert isinstance(a, net.WeightGradient) and isinstance(update.attributes, net.Update)
    x, g = (_image(builder, name) for name in operator.inputs)
    images = builder.network.tensors[operator.inputs[0]].shape[0]
    lanes, half = builder.hw.columns, builder.limits.entries // 2
    sums = row + 2 if row + 2 in builder.together[row] else None
    groups = -(-g.channels // lanes) if sums is not None else 0
    passes = plan_passes(a.kernel, x.channels, g.channels, lanes, half - groups)
    counts = _Counts(builder, row + 1)
    for index, part in enumerate(passes):
        entry = builder.accumulator_half()
        along = sums if index == 0 else None
        for image in range(images):
            step = builder.step(row)
            if kept is not None:
                builder.feed(kept, 0, builder.network.tensors[kept].bytes)
            held_x, held_g = (_feed_rows(builder, item, image, 0, item.rows) for item in (x, g))
            _outer(step, row, a, x, g, part, held_x, held_g, entry, image > 0)
            if along is not None:  # one pass is enough
                _ones(step, along, g, held_g, g.channels, entry + half - groups, image > 0)
        counts.update(part, x.channels, g.channels, entry)
        if along is not None:
            _digits(builder, along, g.channels, entry + half - groups)
    counts.finish()
    builder.mapping[row] = f"{len(passes)} passes over the images"
    builder.mapping[row + 1] = "in place, from the accumulators"


def _outer(
    step: Step,
    row: int,
    a: net.WeightGradient,
    x: _Image,
    g: _Image,
    part: Pass,
    held_x: tuple[Block, int],
    held_g: tuple[Block, int],
    entry: int,
    accumulate: bool,
) -> None:
    fields = {
        "mode": int(MatrixMode.OUTER),
        "accumulate": int(accumulate),
        "input_row_stride": x.line,
        "input_pixel_stride": x.channels,
        "input_height": x.rows,
        "input_width": x.width,
        "origin_y": part.row - a.padding[0],
        "origin_x": part.column - a.padding[1],
        "stride_y": a.stride[0],
        "stride_x": a.stride[1],
        "output_height": g.rows,
        "output_width": g.width,
        "kernel_height": part.rows,
        "run_bytes": part.places * x.channels,
        "columns": part.columns,
        "weight_row_stride": g.channels,
        "accumulator": entry,
    }
    pads = {"input_address": held_x, "weight_address": (held_g[0], held_g[1] + part.first)}
    step.compute.append(Pending(Matrix, fields, pads, row))


class _Counts:
    """The update of a layer's weights, pass by pass, and what it counts."""

    def __init__(self, builder: Builder, row: int) -> None:
        self.builder, self.row, self.operator = builder, row, builder.operators[row]
        self._shift: int | Register | None = None
        self._noise: dict[str, int | Register] = {}
        self._begun = False

    def update(self, part: Pass, channels: int, columns: int, entry: int) -> None:
        """Masters of one pass: gathered, updated in the scratchpad and stored, with their int8 weights."""
        builder, row, operator = self.builder, self.row, self.operator
        a = operator.attributes
        assert isinstance(a, net.Update)
        step = builder.step(row)
        if self._shift is None:
            self._shift = number(builder, step, row, operator.inputs[2], SHIFT)
            if a.rounding == "stochastic_indexed":
                key = number(builder, step, row, operator.inputs[3], KEY)
                self._noise = {"key": key, "random_bits": a.random_bits, "index_row_stride": columns}
        master = operator.inputs[1]
        size = net.DTYPES[builder.network.tensors[master].dtype]
        rows = part.entries(channels)
        place = ((part.row * self._kernel_width() + part.column) * channels) * columns + part.first
        line = part.columns * size
        block = builder.block(master, rows * line)
        runs = Runs(line, (rows, columns * size, line))
        builder.gather(block, master, place * size, runs)
        fields = {
            "accumulator": entry,
            "entries": rows,
            "columns": part.columns,
            "master_row_stride": line,
            "wide": int(size == 2),
            "most": a.most,
            "multiplier": a.multiplier,
            "shift": self._shift,
            "rounding": int(ROUNDING[a.rounding]),
            "fraction_bits": a.fraction_bits,
            "destination": COUNTS,
            **(self._noise | {"index_start": place} if self._noise else {}),
            "zeros_start": Register(COUNTS) if self._begun else 0,
            "sums_start": Register(COUNTS + 1) if self._begun else 0,
        }
        pads = {"master_address": (block, 0)}
        view: Block | None = None
        if size == 2:
            view = builder.block(
                operator.outputs[1] if a.fraction_bits else f"{operator.name}.view", rows * part.columns
            )
            fields["output_row_stride"] = part.columns
            pads["output_address"] = (view, 0)
        self._begun = True
        step.compute.append(Pending(Update, fields, pads, row))
        builder.store(operator.outputs[0], block, 0, place * size, runs)
        if view is not None and a.fraction_bits:
            runs = Runs(part.columns, (rows, columns, part.columns))
            builder.store(operator.outputs[1], view, 0, place, runs)

    def _kernel_width(self) -> int:
        return self.builder.network.tensors[self.operator.inputs[1]].shape[1]

    def finish(self) -> None:
        store_registers(self.builder, self.row, self.operator.outputs[-1], COUNTS, 2)


# ---- sums over pixels ----


def _ones(
    step: Step, row: int, image: _Image, held: tuple[Block, int], columns: int, entry: int, accumulate: bool
) -> None:
    """Add an image's pixels per channel into one entry a column group: products with padding that reads as 1."""
    fields = {
        "mode": int(MatrixMode.OUTER),
        "accumulate": int(accumulate),
        "input_pixel_stride": 1,
        "input_width": 1,
        "origin_y": -1,
        "stride_y": 0,
        "stride_x": 0,
        "output_height": image.rows,
        "output_width": image.width,
        "run_bytes": 1,
        "columns": columns,
        "weight_row_stride": image.channels,
        "accumulator": entry,
        "zero_point": 1,
    }
    step.compute.append(Pending(Matrix, fields, {"input_address": held, "weight_address": held}, row))


def _channel_sum(builder: Builder, row: int) -> None:
    """Alone, where no weight gradient has taken it along."""
    if builder.together[row].start < row:
        return
    image = _image(builder, builder.operators[row].inputs[0])
    entry = builder.accumulator_half()
    for index in range(builder.network.tensors[image.name].shape[0]):
        step = builder.step(row)
        held = _feed_rows(builder, image, index, 0, image.rows)
        _ones(step, row, image, held, image.channels, entry, index > 0)
    _digits(builder, row, image.channels, entry)
    builder.mapping[row] = "products with ones"


def _digits(builder: Builder, row: int, channels: int, entry: int) -> None:
    """Sums to digits: the highest is rounded off, taken away from the sums by products with -128, and so on."""
    operator = builder.operators[row]
    a = operator.attributes
    assert isinstance(a, net.ChannelSum)
    step = builder.step(row)
    block = builder.block(operator.outputs[0], a.digits * channels)
    for place in range(a.digits - 1, -1, -1):
        fields: dict[str, Any] = {
            "accumulator": entry,
            "width": 1,
            "columns": channels,
            "scaling": int(Scaling.UNIFORM),
            "multiplier": 1,
            "shift": DIGIT_BITS * place,
        }
        digit = (block, place * channels)
        step.compute.append(Pending(Requantize, fields, {"output_address": digit}, row))
        if place:
            fields = {
                "mode": int(MatrixMode.OUTER),
                "accumulate": 1,
                "input_pixel_stride": 1,
                "input_width": 1,
                "origin_y": -1,
                "stride_y": 0,
                "stride_x": 0,
                "output_width": 1 << (DIGIT_BITS * (place - 1)),
                "run_bytes": 1,
                "columns": channels,
                "weight_row_stride": 0,
                "accumulator": entry,
                "zero_point": -128,
            }
            step.compute.append(Pending(Matrix, fields, {"input_address": digit, "weight_address": digit}, row))
    builder.store(operator.outputs[0], block, 0, 0, Runs(a.digits * channels))


def _pixel_sum(builder: Builder, row: int) -> None:
    operator = builder.operators[row]
    image, output = _image(builder, operator.inputs[0]), _image(builder, operator.outputs[0])
    epilogue = _Epilogue(builder, row, 1)
    for index in range(builder.network.tensors[image.name].shape[0]):
        step = builder.step(row)
        common = epilogue.fields(step)
        held = _feed_rows(builder, image, index, 0, image.rows)
        entry = builder.accumulator_half()
        _ones(step, row, image, held, image.channels, entry, False)
        target = _target(builder, output.name, index * output.bytes, output.bytes)
        fields = common | {
            "accumulator": entry,
            "width": 1,
            "columns": image.channels,
            "scaling": int(Scaling.UNIFORM),
            **epilogue.indices(target.start),
        }
        step.compute.append(Pending(Requantize, fields, {"output_address": (target.block, target.pad)}, row))
        target.finish()
    epilogue.finish()
    builder.mapping[row] = "products with ones"


# ---- sums of images ----


def _aligned_sum(builder: Builder, row: int) -> None:
    operator = builder.operators[row]
    a, a_up, b, b_up = operator.inputs[:4]
    epilogue = _Epilogue(builder, row, 4)
    total = builder.network.tensors[epilogue.output].bytes
    size = min(builder.limits.heights.get(row, _CHUNK_BYTES), total)
    ups: list[int | Register] = []
    for start in range(0, total, size):
        step = builder.step(row)
        common = epilogue.fields(step)
        if not ups:
            ups = [number(builder, step, row, name, place) for name, place in ((a_up, UP_A), (b_up, UP_B))]
        count = min(size, total - start)
        regions = [builder.feed(name, start, start + count) for name in (a, b)]
        fields = common | {"columns": count, "up_a": ups[0], "up_b": ups[1], **epilogue.index_start(start)}
        pads = {f"{key}_address": (item.block, item.delta + start) for key, item in zip("ab", regions, strict=True)}
        if epilogue.mask is not None:
            masked = builder.feed(epilogue.mask, start, start + count)
            fields["masked"], pads["c_address"] = 1, (masked.block, masked.delta + start)
        builder.share_if_dying(epilogue.output, a, row)  # every vector is read before its sum is written
        target = _target(builder, epilogue.output, start, count)
        pads["output_address"] = (target.block, target.pad)
        step.compute.append(Pending(Sum, fields, pads, row))
        target.finish()
    epilogue.finish()
    builder.mapping[row] = f"runs of up to {size} elements"


def _spread(builder: Builder, row: int) -> None:
    operator = builder.operators[row]
    g, output = _image(builder, operator.inputs[0]), _image(builder, operator.outputs[0])
    epilogue = _Epilogue(builder, row, 1)
    zeros: Block | None = None
    for index in range(builder.network.tensors[g.name].shape[0]):
        step = builder.step(row)
        common = epilogue.fields(step)
        if zeros is None:
            zeros = builder.block(f"{operator.name}.zeros", g.channels)
            fields = {"row_bytes": g.channels, "value": 0}
            step.compute.append(Pending(Fill, fields, {"pad_address": (zeros, 0)}, row))
        builder.touch(zeros)
        held = _feed_rows(builder, g, index, 0, 1)
        target = _target(builder, output.name, index * output.bytes, output.bytes)
        fields = common | {
            "height": output.rows,
            "width": output.width,
            "columns": output.channels,
            "output_row_stride": output.line,
            "output_pixel_stride": output.channels,
            **epilogue.index_start(target.start),
        }
        pads = {"a_address": held, "b_address": (zeros, 0), "output_address": (target.block, target.pad)}
        if epilogue.mask is not None:
            mask = _Image(epilogue.mask, output.rows, output.width, output.channels)
            pads["c_address"] = _feed_rows(builder, mask, index, 0, output.rows)
            fields |= {"masked": 1, "c_row_stride": output.line, "c_pixel_stride": output.channels}
        step.compute.append(Pending(Sum, fields, pads, row))
        target.finish()
    epilogue.finish()
    builder.mapping[row] = "image by image"


# ---- pooling ----


def _max_places(builder: Builder, row: int) -> None:
    operator = builder.operators[row]
    a = operator.attributes
    assert isinstance(a, net.MaxPlaces)
    image, output = _image(builder, operator.inputs[0]), _image(builder, operator.outputs[0])
    height = builder.limits.heights.get(row, output.rows)
    for index in range(builder.network.tensors[image.name].shape[0]):
        for y in range(0, output.rows, height):
            step = builder.step(row)
            count = min(height, output.rows - y)
            held = _feed_rows(builder, image, index, y * a.kernel, (y + count) * a.kernel)
            for name, function in zip(operator.outputs, (Pooling.MAXIMUM, Pooling.PLACE), strict=True):
                target = _target(builder, name, index * output.bytes + y * output.line, count * output.line)
                fields = {
                    "function": int(function),
                    "height": count,
                    "width": output.width,
                    "columns": image.channels,
                    "input_row_stride": image.line,
                    "input_pixel_stride": image.channels,
                    "input_height": count * a.kernel,
                    "input_width": image.width,
                    "kernel_height": a.kernel,
                    "kernel_width": a.kernel,
                    "stride_y": a.kernel,
                    "stride_x": a.kernel,
                    "output_row_stride": output.line,
                    "output_pixel_stride": output.channels,
                }
                pads = {"input_address": held, "output_address": (target.block, target.pad)}
                step.compute.append(Pending(Pool, fields, pads, row))
                target.finish()
    builder.mapping[row] = f"bands of {height} rows"


def _max_pool_gradient(builder: Builder, row: int) -> None:
    operator = builder.operators[row]
    a = operator.attributes
    assert isinstance(a, net.MaxPoolGradient)
    g, places, output = (_image(builder, name) for name in (*operator.inputs, operator.outputs[0]))
    uneven = output.rows != g.rows * a.kernel or output.width != g.width * a.kernel
    for index in range(builder.network.tensors[g.name].shape[0]):
        step = builder.step(row)
        held = [_feed_rows(builder, item, index, 0, g.rows) for item in (g, places)]
        target = _target(builder, output.name, index * output.bytes, output.bytes)
        if uneven:
            fields = {"row_bytes": output.bytes, "value": 0}
            step.compute.append(Pending(Fill, fields, {"pad_address": (target.block, target.pad)}, row))
        for tap in range(a.kernel * a.kernel):
            fields = {
                "function": int(Function.SELECT),
                "code": tap,
                "height": g.rows,
                "width": g.width,
                "columns": g.channels,
                "a_row_stride": g.line,
                "a_pixel_stride": g.channels,
                "b_row_stride": g.line,
                "b_pixel_stride": g.channels,
                "output_row_stride": a.kernel * output.line,
                "output_pixel_stride": a.kernel * output.channels,
            }
            offset = tap // a.kernel * output.line + tap % a.kernel * output.channels
            pads = {"a_address": held[0], "b_address": held[1], "output_address": (target.block, target.pad + offset)}
            step.compute.append(Pending(Elementwise, fields, pads, row))
        target.finish()
    builder.mapping[row] = "image by image"
