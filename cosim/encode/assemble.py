"""The Program from its parts: commands with tokens, memory images, segments, rows, bindings and placements."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from accel_models.commands import COMMAND_BYTES, MASKS_AT, End, encode
from accel_models.network import Network
from accel_models.program import Binding, Placement, Program, Row, Segment
from accel_models.system import System
from accel_models.tokens import token_masks
from cosim.encode.constants import ConstantImage
from cosim.encode.expand import Builder
from cosim.encode.schedule import emission_order
from cosim.encode.steps import Pending, Storage
from cosim.encode.tensors import Layout
from cosim.place import Arena, Block, PlacementError


class CompileError(ValueError):
    """A network that a system cannot run; the message names the operator or memory and what would help."""


@dataclass(frozen=True, slots=True)
class Memories:
    """Where constants and commands lie at run time: "sram" or "flash". Flash holds both in any case."""

    weights: str
    commands: str


@dataclass(frozen=True, slots=True)
class Encoded:
    """Commands in program order, uint8 [n, 64], their operators, int32 [n], and (first, count) of every segment."""

    commands: np.ndarray
    rows: np.ndarray
    spans: Mapping[int, tuple[int, int]]


NO_COMMANDS = Encoded(np.zeros((0, COMMAND_BYTES), np.uint8), np.zeros(0, np.int32), {})


@dataclass(frozen=True, slots=True)
class Image:
    """Flash: packed constants, commands from ``commands_at`` to ``commands_end``, what only the CPU reads, what state
    starts from."""

    flash: np.ndarray
    commands_at: int
    commands_end: int


def place_homes(
    system: System,
    homes: Mapping[str, Storage],
    constants: ConstantImage,
    command_count: int,
    memories: Memories,
) -> None:
    """Offsets of the tensors in SRAM, above the constants and so many commands, where these lie there.

    Where SRAM is short and the system has external RAM, the largest tensors go there. Raises PlacementError.
    """
    weights = _whole_commands(len(constants.data)) if memories.weights == "sram" else 0
    commands = COMMAND_BYTES * command_count if memories.commands == "sram" else 0
    if weights + commands > system.sram.size_bytes:
        raise PlacementError(
            f"{weights} B of weights and {commands} B of commands exceed SRAM ({system.sram.size_bytes} B); "
            "leave the weights in flash (--weights-in flash)"
        )
    blocks = list({id(storage): storage.block for storage in homes.values()}.values())
    is_step = any(block.role == "persistent" for block in blocks)
    arena = Arena("SRAM", system.sram.size_bytes, weights + commands, lowest=is_step)
    try:
        # Persistent tensors are a pool of their own, below all others: their initial bytes are one piece.
        arena.add_all(block for block in blocks if block.role == "persistent")
        arena.add_all(block for block in blocks if block.role != "persistent")
    except PlacementError:
        if system.external_ram is None:
            raise
        _overflow(system, homes, weights + commands)


def _overflow(system: System, homes: Mapping[str, Storage], reserved: int) -> None:
    """Small tensors into SRAM, what no longer fits into external RAM."""
    assert system.external_ram is not None
    sram = Arena("SRAM", system.sram.size_bytes, reserved)
    external = Arena("external RAM", system.external_ram.size_bytes)
    distinct = {id(storage): storage for storage in homes.values()}.values()
    for storage in sorted(distinct, key=lambda item: (item.block.bytes, item.block.first, item.block.name)):
        if not sram.add(storage.block):
            storage.space = "external"
            external.add_all([storage.block])


def _whole_commands(count: int) -> int:
    return -(-count // COMMAND_BYTES) * COMMAND_BYTES


def assemble(
    network: Network,
    system: System,
    layout: Layout,
    memories: Memories,
    builder: Builder | None,
    homes: Mapping[str, Storage],
    constants: ConstantImage,
    found: Encoded = NO_COMMANDS,
) -> Program:
    """Collect all parts. Raises CompileError when flash is too small."""
    calls = [op for op, accelerated in zip(layout.operators, layout.accelerated, strict=True) if not accelerated]
    cpu_constants = tuple(dict.fromkeys(name for op in calls for name in op.inputs if network.is_constant(name)))
    image = flash_image(constants, found.commands, [network.constants[n] for n in (*cpu_constants, *network.initial)])
    check_flash(network.name, system, image)
    sram, commands_at = sram_image(image, memories)
    images = with_initial({"sram": sram}, network.initial, homes)
    return Program(
        name=network.name,
        system=system,
        network_hash=network.hash,
        rows=_rows(layout, builder),
        segments=_segments(layout, found.spans),
        commands=found.commands,
        command_rows=found.rows,
        images={"flash": image.flash} | {space: data for space, data in images.items() if len(data)},
        bindings={
            name: Binding(tensor=tensor, space=home.space, offset=home.block.offset)
            for name, tensor in network.tensors.items()
            if (home := homes.get(layout.roots[name])) is not None
        },
        inputs=network.inputs,
        outputs=network.outputs,
        cpu_calls=tuple(calls),
        constants={name: network.constants[name] for name in cpu_constants},
        placements=_placements(len(layout.operators), memories, builder, homes, constants, image, commands_at),
        parameters=network.parameters,
        metadata={
            **dict(network.metadata),
            "weights": memories.weights,
            "commands": memories.commands,
            "commands_offset": commands_at,
        },
    )


def encoded(builder: Builder, token_depth: int) -> Encoded:
    """The commands of a builder whose blocks and homes are placed and whose loads have their slots."""
    return encode_segments(emission_order(builder), builder.hw.columns, token_depth)


def encode_segments(segments: Iterable[tuple[int, list[Pending]]], columns: int, token_depth: int) -> Encoded:
    """The commands of segments, by number, with addresses, tokens and an End each."""
    data = bytearray()
    rows: list[int] = []
    spans: dict[int, tuple[int, int]] = {}
    for segment, pendings in segments:
        body = [pending.resolve() for pending in pendings]
        waits, signals = token_masks(body, columns, token_depth)
        spans[segment] = (len(rows), len(body) + 1)
        for command, wait, signal in zip((*body, End()), (*waits, 0), (*signals, 0), strict=True):
            data += encode(command)
            data[MASKS_AT - COMMAND_BYTES] = wait | signal << 4
        rows += [pending.row for pending in pendings]
        rows.append(rows[-1])
    commands = np.frombuffer(bytes(data), np.uint8).reshape(-1, COMMAND_BYTES)
    return Encoded(commands, np.array(rows, np.int32), spans)


def _segments(layout: Layout, spans: Mapping[int, tuple[int, int]]) -> tuple[Segment, ...]:
    """Accelerator segments and CPU calls in operator order, as the expansion counted them."""
    found: list[Segment] = []
    segment, call = 0, 0
    is_open = False
    for row, accelerated in enumerate(layout.accelerated):
        if accelerated:
            if not is_open:
                first, count = spans[segment]
                found.append(Segment(first=first, count=count, row=row))
                is_open = True
        else:
            if is_open:
                segment, is_open = segment + 1, False
            found.append(Segment(call=call, row=row))
            call += 1
    return tuple(found)


def flash_image(constants: ConstantImage, commands: np.ndarray, others: Iterable[np.ndarray]) -> Image:
    """Constants, commands (uint8 [n, 64]), then arrays that no command reads from there."""
    data = bytearray(constants.data.tobytes())
    data += bytes(_whole_commands(len(data)) - len(data))
    commands_at = len(data)
    data += commands.tobytes()
    commands_end = len(data)
    for array in others:
        data += bytes(-len(data) % 16)
        data += np.ascontiguousarray(array).tobytes()
    return Image(np.frombuffer(bytes(data), np.uint8), commands_at, commands_end)


def check_flash(name: str, system: System, image: Image) -> None:
    """Raises CompileError where flash is too small."""
    if len(image.flash) > system.flash.size_bytes:
        raise CompileError(
            f"{name} on {system.name}: weights and commands need {len(image.flash)} B, flash holds "
            f"{system.flash.size_bytes} B"
        )


def sram_image(image: Image, memories: Memories) -> tuple[np.ndarray, int]:
    """Initial bytes of SRAM, and the offset of the commands in the memory that they are fetched from."""
    if memories.weights == "sram":
        return image.flash[: image.commands_end], image.commands_at
    if memories.commands == "sram":
        return image.flash[image.commands_at : image.commands_end], 0
    return image.flash[:0], image.commands_at


def with_initial(
    images: Mapping[str, np.ndarray], initial: Mapping[str, np.ndarray], homes: Mapping[str, Storage]
) -> dict[str, np.ndarray]:
    """Memory images with the bytes that persistent tensors start from."""
    found = dict(images)
    for name, data in initial.items():
        home, raw = homes[name], np.ascontiguousarray(data).reshape(-1).view(np.uint8)
        old, end = found.get(home.space, np.zeros(0, np.uint8)), home.block.offset + len(raw)
        image = np.zeros(max(len(old), end), np.uint8)
        image[: len(old)] = old
        image[home.block.offset : end] = raw
        found[home.space] = image
    return found


def _rows(layout: Layout, builder: Builder | None) -> tuple[Row, ...]:
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
        for row, operator in enumerate(layout.operators)
    )


def _tenants(block: Block, builder: Builder) -> list[Block]:
    """A block under the name of each tensor that holds it in turn: operators in place take blocks over."""
    found = [replace(block)]
    for other, name, step in builder.takeovers:
        if other is block:
            found.append(replace(block, name=name, first=step))
            found[-2].last = step
    return found


def placement(block: Block, space: str, first: int, last: int) -> Placement:
    """A block that has its offset, from row ``first`` to ``last``."""
    return Placement(
        tensor=block.name,
        space=space,
        offset=block.offset,
        bytes=block.bytes,
        first=first,
        last=last,
        role=block.role,
    )


def image_placements(
    constants: ConstantImage,
    memories: Memories,
    image: Image,
    commands_at: int,
    end: int,
    *,
    with_commands: bool = True,
) -> list[Placement]:
    """Constants and commands in flash, and in SRAM where they are read there, up to the last row, ``end``.

    ``commands_at``: where they begin in SRAM.
    """
    found = []
    for space in ("flash", "sram"):
        if space in ("flash", memories.weights):
            found += [placement(storage.block, space, 0, end) for storage in constants.storages]
        if with_commands and space in ("flash", memories.commands):
            offset = image.commands_at if space == "flash" else commands_at
            size = image.commands_end - image.commands_at
            found.append(placement(Block("commands", size, 0, end, "commands", offset=offset), space, 0, end))
    return found


def _placements(
    rows: int,
    memories: Memories,
    builder: Builder | None,
    homes: Mapping[str, Storage],
    constants: ConstantImage,
    image: Image,
    commands_at: int,
) -> tuple[Placement, ...]:
    end = max(rows - 1, 0)

    found = image_placements(constants, memories, image, commands_at, end, with_commands=builder is not None)
    distinct = {id(item): item for item in homes.values()}.values()
    found += [placement(item.block, item.space, item.block.first, min(item.block.last, end)) for item in distinct]
    if builder is not None:
        row_of = [step.row for step in builder.steps]
        for block in builder.blocks:
            for tenant in _tenants(block, builder):
                ends = sorted((row_of[tenant.first], row_of[tenant.last]))  # of mixed rows the first may come last
                found.append(placement(tenant, "scratchpad", *ends))
    return tuple(found)
