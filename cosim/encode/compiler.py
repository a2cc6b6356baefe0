"""The compiler's main line: decide what stays in the scratchpad, expand, schedule, place, add tokens, encode, check."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from accel_models import cost
from accel_models.checker import check_program
from accel_models.commands import COMMAND_BYTES, Command, End, encode
from accel_models.network import Network, Reshape
from accel_models.program import Binding, Placement, Program, Row, Segment
from accel_models.system import Accelerator, System
from cosim.encode.constants import ConstantImage
from cosim.encode.expand import Builder, Limits
from cosim.encode.matrix import expand_matrix
from cosim.encode.movement import expand_movement
from cosim.encode.schedule import ScratchpadFullError, emission_order, limit_lookahead, place_blocks, plan_slots
from cosim.encode.steps import Storage
from cosim.encode.sync import add_tokens
from cosim.encode.tensors import MOVEMENT, TensorUse, matrix_like, on_accelerator, storage_roots, uses
from cosim.encode.vector import CHUNK_BYTES, expand_elementwise, expand_pool
from cosim.place import Arena, Block, PlacementError
from cosim.tile import matrix_geometry

Weights = Literal["auto", "sram", "flash"]
_ATTEMPTS = 400


class CompileError(ValueError):
    """A network that a system cannot run; the message names the operator or memory and what would help."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """Everything that does not depend on the scratchpad."""

    accelerated: list[bool]
    roots: dict[str, str]
    uses: dict[str, TensorUse]


def compile_network(network: Network, system: System, weights: Weights = "auto") -> Program:
    """Compile for a system. ``weights``: where constants lie at run time: "sram" (warm), "flash" (cold), or "auto",
    which takes SRAM when everything fits and flash otherwise.

    Raises CompileError (also for a model that does not fit: it names the tensors alive at the peak).
    """
    _check_options(network, system, weights)
    layout = _layout(network, system)
    if weights == "auto" and system.accelerator is None:
        weights = "flash"
    if weights != "auto":
        return _compile(network, system, layout, weights)
    try:
        return _compile(network, system, layout, "sram")
    except CompileError:
        return _compile(network, system, layout, "flash")


def _check_options(network: Network, system: System, weights: str) -> None:
    if weights not in ("auto", "sram", "flash"):
        raise ValueError(f"weights: want auto, sram or flash, got {weights!r}")
    needed = int(network.metadata.get("multiplier_bits", 31))
    if system.accelerator is not None and needed > system.accelerator.multiplier_bits:
        raise CompileError(
            f"network {network.name} uses {needed}-bit multipliers, system {system.name} has "
            f"accelerator.multiplier_bits = {system.accelerator.multiplier_bits}: quantize it with "
            f"--multiplier-bits {system.accelerator.multiplier_bits}"
        )


def _layout(network: Network, system: System) -> _Layout:
    accelerated = [on_accelerator(network, operator, system.accelerator) for operator in network.operators]
    roots = storage_roots(network)
    return _Layout(accelerated, roots, uses(network, accelerated, roots))


def _compile(network: Network, system: System, layout: _Layout, weights: str) -> Program:
    """One attempt per relief of scratchpad pressure: drop a kept tensor, or make the tiles of an operator smaller."""
    accelerator = system.accelerator
    if accelerator is None:
        return _assemble(network, system, layout, weights, None, {}, ConstantImage("flash"))
    hw = cost.Hardware.of(accelerator, system.bus)
    size = accelerator.scratchpad.size_bytes
    kept = {name for name, use in layout.uses.items() if use.tensor.dtype == "int8" and use.tensor.bytes <= size // 2}
    limits = Limits()
    for _ in range(_ATTEMPTS):
        constants = ConstantImage("sram" if weights == "sram" else "flash")
        homes = _homes(layout, frozenset(kept))
        builder = Builder(
            network, accelerator, hw, layout.roots, layout.uses, homes, constants, frozenset(kept), limits
        )
        _expand(builder, layout)
        try:
            _place_homes(system, homes, constants, builder, weights)
        except PlacementError as error:
            raise CompileError(f"{network.name} on {system.name}: {error}") from None
        plan_slots(builder, system)
        try:
            place_blocks(builder, size)
        except ScratchpadFullError as error:
            if not _relieve(builder, error.block, kept, limits):
                raise CompileError(f"{network.name} on {system.name}: {error}") from None
            continue
        limit_lookahead(builder, accelerator.token_depth)
        return _assemble(network, system, layout, weights, builder, homes, constants)
    raise CompileError(f"{network.name} on {system.name}: no tiling fits the scratchpad of {size} B")


def _homes(layout: _Layout, kept: frozenset[str]) -> dict[str, Storage]:
    """Homes in SRAM of the tensors that need one, with their lives in operator rows; offsets come later."""
    homes = {}
    for name, use in layout.uses.items():
        if use.on_bus or name not in kept:
            first = 0 if use.tensor.role == "persistent" else max(use.producer, 0)
            block = Block(name, use.tensor.bytes, first, max(use.last, 0), use.tensor.role, first)
            homes[name] = Storage(block, "sram")
    return homes


def _place_homes(
    system: System, homes: Mapping[str, Storage], constants: ConstantImage, builder: Builder | None, weights: str
) -> None:
    """Tensors in SRAM above the constants and commands that lie there."""
    reserved = 0
    if weights == "sram":
        reserved = -(-len(constants.data) // COMMAND_BYTES) * COMMAND_BYTES + _command_bytes(builder)
        if reserved > system.sram.size_bytes:
            raise PlacementError(
                f"{len(constants.data)} B of weights and {_command_bytes(builder)} B of commands exceed SRAM "
                f"({system.sram.size_bytes} B); leave them in flash (weights = flash)"
            )
    arena = Arena("SRAM", system.sram.size_bytes, reserved)
    arena.add_all(storage.block for storage in homes.values())


def _command_bytes(builder: Builder | None) -> int:
    if builder is None:
        return 0
    count = len(builder.loads) + sum(len(step.compute) + len(step.stores) for step in builder.steps)
    return COMMAND_BYTES * (count + builder.segment + 1)


def _expand(builder: Builder, layout: _Layout) -> None:
    previous_on_cpu = False
    for row, operator in enumerate(builder.network.operators):
        if isinstance(operator.attributes, Reshape):
            continue
        if not layout.accelerated[row]:
            for name in operator.outputs:
                builder.written(name)
            previous_on_cpu = True
            continue
        if previous_on_cpu and builder.steps:
            builder.segment += 1
        previous_on_cpu = False
        builder.begin_operator()
        if matrix_like(operator):
            expand_matrix(builder, row)
        elif isinstance(operator.attributes, MOVEMENT):
            expand_movement(builder, row)
        elif operator.kind == "pool":
            expand_pool(builder, row)
        else:
            expand_elementwise(builder, row)


def _relieve(builder: Builder, block: Block, kept: set[str], limits: Limits) -> bool:
    """Make room around a block: the largest kept tensor alive goes to SRAM, else the operator's tiles shrink."""
    alive = [
        other
        for other in builder.blocks
        if other.role == "activation" and other.name in kept and other.first <= block.last and block.first <= other.last
    ]
    if alive:
        kept.discard(max(alive, key=lambda item: (item.bytes, item.name)).name)
        return True
    row = block.row
    operator = builder.network.operators[row]
    heights, columns = limits.heights, limits.columns
    if matrix_like(operator) and row not in limits.weights_outer:
        limits.weights_outer.add(row)
        return True
    if matrix_like(operator):
        geometry = matrix_geometry(builder.network, operator, builder.hw.rows)
        if columns.get(row, geometry.columns) > builder.hw.columns:
            columns[row] = max(builder.hw.columns, min(columns.get(row, geometry.columns), geometry.columns) // 2)
            return True
    if operator.kind in ("conv2d", "matmul", "pool"):
        tallest = builder.network.tensors[operator.outputs[0]].shape[1]
        height = heights.get(row, tallest)
        if height > 1:
            heights[row] = max(1, min(height, tallest) // 2)
            return True
        return False
    if operator.kind == "elementwise" and heights.get(row, CHUNK_BYTES) > 64:
        heights[row] = heights.get(row, CHUNK_BYTES) // 2
        return True
    return False


def _assemble(
    network: Network,
    system: System,
    layout: _Layout,
    weights: str,
    builder: Builder | None,
    homes: Mapping[str, Storage],
    constants: ConstantImage,
) -> Program:
    if builder is None:
        homes = _homes(layout, frozenset())
        try:
            _place_homes(system, homes, constants, builder, weights)
        except PlacementError as error:
            raise CompileError(f"{network.name} on {system.name}: {error}") from None
    commands, command_rows, spans = _commands(builder, system.accelerator)
    encoded = np.frombuffer(b"".join(encode(command) for command in commands), np.uint8).reshape(-1, COMMAND_BYTES)
    image, command_offset, cpu_constants = _image(network, layout, constants, encoded)
    if len(image) > system.flash.size_bytes:
        raise CompileError(
            f"{network.name} on {system.name}: weights and commands need {len(image)} B, flash holds "
            f"{system.flash.size_bytes} B"
        )
    program = Program(
        name=network.name,
        system=system,
        network_hash=network.hash,
        rows=_rows(network, layout, builder),
        segments=_segments(network, layout, spans),
        commands=encoded,
        command_rows=np.array(command_rows, np.int32),
        images={"flash": image} | ({"sram": image} if weights == "sram" else {}),
        bindings={
            name: Binding(tensor=tensor, space="sram", offset=homes[layout.roots[name]].block.offset)
            for name, tensor in network.tensors.items()
            if layout.roots[name] in homes
        },
        inputs=network.inputs,
        outputs=network.outputs,
        cpu_calls=tuple(op for op, fast in zip(network.operators, layout.accelerated, strict=True) if not fast),
        constants={name: network.constants[name] for name in cpu_constants},
        placements=_placements(
            network, system, layout, weights, builder, homes, constants, len(encoded), command_offset
        ),
        parameters=network.parameters,
        metadata={"weights": weights, "commands_offset": command_offset, **dict(network.metadata)},
    )
    check_program(program)
    return program


def _commands(
    builder: Builder | None, accelerator: Accelerator | None
) -> tuple[list[Command], list[int], dict[int, tuple[int, int]]]:
    """All commands in program order with their rows, and (first, count) of every segment."""
    commands: list[Command] = []
    rows: list[int] = []
    spans: dict[int, tuple[int, int]] = {}
    if builder is None or accelerator is None:
        return commands, rows, spans
    for segment, pendings in emission_order(builder):
        body = add_tokens(
            [pending.resolve() for pending in pendings], accelerator.array.columns, accelerator.token_depth
        )
        spans[segment] = (len(commands), len(body) + 1)
        commands += [*body, End()]
        rows += [pending.row for pending in pendings]
        rows.append(rows[-1])
    return commands, rows, spans


def _segments(network: Network, layout: _Layout, spans: Mapping[int, tuple[int, int]]) -> tuple[Segment, ...]:
    """Accelerator segments and CPU calls in operator order, as the expansion counted them."""
    found: list[Segment] = []
    segment, call = 0, 0
    open_segment = False
    for row, operator in enumerate(network.operators):
        if isinstance(operator.attributes, Reshape) and layout.accelerated[row]:
            continue
        if layout.accelerated[row]:
            if not open_segment:
                first, count = spans[segment]
                found.append(Segment(first=first, count=count, row=row))
                open_segment = True
        else:
            if open_segment:
                segment, open_segment = segment + 1, False
            found.append(Segment(call=call, row=row))
            call += 1
    return tuple(found)


def _image(
    network: Network, layout: _Layout, constants: ConstantImage, encoded: np.ndarray
) -> tuple[np.ndarray, int, list[str]]:
    """Flash image: packed constants, then commands (at a multiple of 64), then what only the CPU reads."""
    data = bytearray(constants.data.tobytes())
    data += bytes(-len(data) % COMMAND_BYTES)
    command_offset = len(data)
    data += encoded.tobytes()
    names: list[str] = []
    for operator, accelerated in zip(network.operators, layout.accelerated, strict=True):
        if not accelerated:
            names += [name for name in operator.inputs if name in network.constants and name not in names]
    for name in names:
        data += bytes(-len(data) % 16)
        data += np.ascontiguousarray(network.constants[name]).tobytes()
    return np.frombuffer(bytes(data), np.uint8), command_offset, names


def _rows(network: Network, layout: _Layout, builder: Builder | None) -> tuple[Row, ...]:
    return tuple(
        Row(
            name=operator.name,
            kind=operator.kind if operator.kind != "cpu" else getattr(operator.attributes, "function", "cpu"),
            phase=operator.phase,
            placement="accelerator" if layout.accelerated[row] else "cpu",
            macs=operator.macs,
            origin=operator.origin,
            mapping=builder.mapping.get(row, "") if builder else "",
        )
        for row, operator in enumerate(network.operators)
    )


def _placements(
    network: Network,
    system: System,
    layout: _Layout,
    weights: str,
    builder: Builder | None,
    homes: Mapping[str, Storage],
    constants: ConstantImage,
    commands: int,
    command_offset: int,
) -> tuple[Placement, ...]:
    end = max(len(network.operators) - 1, 0)
    found = []
    for space in ("flash", "sram") if weights == "sram" else ("flash",):
        for storage in constants.storages:
            block = storage.block
            found.append(_placement(block, space, 0, end, "weights"))
        if commands:
            found.append(
                Placement(
                    tensor="commands",
                    space=space,
                    offset=command_offset,
                    bytes=COMMAND_BYTES * commands,
                    first=0,
                    last=end,
                    role="commands",
                )
            )
    for storage in homes.values():
        found.append(
            _placement(storage.block, "sram", storage.block.first, min(storage.block.last, end), storage.block.role)
        )
    if builder is not None:
        rows = [step.row for step in builder.steps]
        for block in builder.blocks:
            found.append(_placement(block, "scratchpad", rows[block.first], rows[block.last], block.role))
    return tuple(found)


def _placement(block: Block, space: str, first: int, last: int, role: str) -> Placement:
    return Placement(
        tensor=block.name, space=space, offset=block.offset, bytes=block.bytes, first=first, last=last, role=role
    )
