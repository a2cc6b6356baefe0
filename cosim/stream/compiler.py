"""A stream's program: one frame an invocation, and maps, references and decisions that live on from frame to frame.

Two accelerator segments and two CPU calls. The first segment compares the frame; the CPU chooses whether it is computed
whole; the second one makes the layers, patch by patch; the CPU decides how the next frame begins. A whole frame is the
same commands with every mask forced to 1.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from math import floor, prod
from typing import Any

import numpy as np

from accel_models import cost
from accel_models.checker import check_program
from accel_models.commands import COMMAND_BYTES, WORD_BYTES, Store
from accel_models.kernels.streams import FLAGS, STATE
from accel_models.network import CpuCall, Network, Operator, Tensor
from accel_models.program import Binding, Placement, Program, Row, Segment
from accel_models.system import Accelerator, System
from cosim.encode.assemble import (
    CompileError,
    Image,
    Memories,
    check_flash,
    encode_segments,
    flash_image,
    image_placements,
    place_homes,
    placement,
    sram_image,
    with_initial,
)
from cosim.encode.constants import ConstantImage
from cosim.encode.steps import Runs, Storage
from cosim.place import Block, PlacementError
from cosim.stream.compute import Compute
from cosim.stream.context import CONSUMED, FIRST, KEPT, LOOK, LOOK_ACROSS, SPARSE, WHOLE, Context
from cosim.stream.layers import Emission
from cosim.stream.look import clear_masks, look, read_flags, start_map
from cosim.stream.maps import StreamError, persistent_bytes
from cosim.stream.masks import Mask, margin_of, place_masks
from cosim.stream.plan import Plan, changed, consumed, plan_stream
from cosim.stream.references import take
from cosim.stream.suited import check_bus, check_masks, check_room

_STAGES = (0.35, 0.25, 0.15, 0.1, 0.05)  # of the scratchpad, for what is loaded while as much is computed
ROWS_BEFORE = 2
"""Rows of a program before those of its layers: what of the frame changed, and the CPU's choice. A layer has two: its
values, and what finds out which of them to make."""


def compile_stream(network: Network, system: System) -> Program:
    """Compile a network with rules of a stream (``rules.Rules``) to the program of one frame.

    Raises CompileError naming an operator that cannot be skipped patch by patch, a patch that does not suit the chip,
    or what does not fit.
    """
    if system.accelerator is None:
        raise CompileError(f"network {network.name} is a stream, which system {system.name} cannot run: no accelerator")
    try:
        plan = plan_stream(network)
        check_room(plan, system)
        check_bus(plan, system.bus.bytes_per_cycle)
        program = _fitted(plan, system, system.accelerator)
    except (StreamError, PlacementError) as error:
        raise CompileError(f"{network.name} on {system.name}: {error}") from None
    check_program(program)
    return program


@dataclass(slots=True)
class Homes:
    """Tensors on the bus, by name: what they are, where they lie, what they start from (zero where nothing is said)."""

    tensors: dict[str, Tensor] = field(default_factory=dict)
    storages: dict[str, Storage] = field(default_factory=dict)
    initial: dict[str, np.ndarray] = field(default_factory=dict)

    def add(self, tensor: Tensor, storage: Storage | None = None) -> Storage:
        found = storage or Storage(Block(tensor.name, tensor.bytes, 0, 0, "persistent"), "sram")
        self.storages[tensor.name], self.tensors[tensor.name] = found, tensor
        return found

    def vector(self, name: str, count: int, dtype: str = "int32", initial: Sequence[int] | None = None) -> Storage:
        if initial is not None:
            self.initial[name] = np.array(initial, dtype)
        return self.add(Tensor(name=name, shape=(count,), dtype=dtype, role="persistent"))


def _fitted(plan: Plan, system: System, accelerator: Accelerator) -> Program:
    """With the largest pieces that find room: they overlap best."""
    for share in _STAGES[:-1]:
        with suppress(PlacementError):
            return _compiled(plan, system, accelerator, share)
    return _compiled(plan, system, accelerator, _STAGES[-1])


def _compiled(plan: Plan, system: System, accelerator: Accelerator, share: float) -> Program:
    hw = cost.Hardware.of(accelerator, system.bus)
    size = accelerator.scratchpad.size_bytes
    margin = margin_of(source.reaches for layer in plan.layers for source in layer.sources)
    masks, masks_at = place_masks(plan.masks, margin, size)
    check_masks(masks_at, size)
    context = Context(
        hw=hw,
        entries=accelerator.accumulators.entries,
        stage_bytes=int(size * share),
        masks=masks,
        constants=ConstantImage(),
    )
    homes, constants = _homes(plan), dict[str, np.ndarray]()
    _look(plan, context, homes, (masks_at, size))
    context.emitter.end_segment()
    emission = _layers(plan, context, homes)
    try:
        context.emitter.place(masks_at)
    except PlacementError as error:
        raise PlacementError(f"{error}; want a smaller patch or smaller layers, or a larger scratchpad") from None
    calls = _calls(plan, emission, constants)
    about = _about(plan, masks, emission)
    return _program(plan, system, accelerator.token_depth, context, homes, calls, constants, about)


def _homes(plan: Plan) -> Homes:
    network, homes = plan.network, Homes()
    for item in plan.maps:
        tensor = network.tensors[item.name]
        if item.name not in network.outputs or item.grid.size != (1, 1):
            role = tensor.role if tensor.role in ("input", "output") else "persistent"
            tensor = replace(item.tensor(role), scale=tensor.scale)
        homes.add(tensor, item.storage)
        if item.reference is not None:
            homes.add(replace(item.tensor("persistent"), name=f"{item.name}.reference"), item.reference)
    homes.vector("patches_changed", len(plan.frame.grid.regions()))
    homes.vector("choice", 4, "int8")
    homes.vector("flags", 2, "int8", FLAGS)
    homes.vector("state", 3, "int32", STATE)
    return homes


def _look(plan: Plan, context: Context, homes: Homes, masks: tuple[int, int]) -> None:
    """The first segment."""
    frame = plan.frame
    clear_masks(context, *masks)
    across = frame.grid.regions()[0].count[1]
    read_flags(context, homes.storages["flags"], {FIRST: (0, 1), LOOK: (1, 1), LOOK_ACROSS: (1, across)})
    for layer in plan.layers:
        start_map(context, layer.target)
    look(context, frame, plan.rules.theta[frame.name], homes.storages["patches_changed"])


def _layers(plan: Plan, context: Context, homes: Homes) -> Emission:
    """The second segment."""
    emitter, frame = context.emitter, plan.frame
    emitter.row = 1
    read_flags(context, homes.storages["choice"], {WHOLE: (0, 1), SPARSE: (1, 1), CONSUMED: (2, 1), KEPT: (3, 1)})
    emission = Emission(Compute(plan.network, context), context, emitter.block("patches_computed", 0))
    rows = [(layer, ROWS_BEFORE + 2 * place) for place, layer in enumerate(plan.layers)]
    for place, (layer, row) in enumerate(rows):
        after = rows[place + 1] if place + 1 < len(rows) else None
        if place and layer.joined_to(plan.layers[place - 1]):
            emission.rest(layer, row, after)
        else:
            join = after if after is not None and after[0].joined_to(layer) else None
            emission.layer(layer, row, join, after)
        if place == 0:  # while the next layer waits for its mask
            emitter.row = 0
            context.bounded(changed(frame.name), consumed(frame.name), CONSUMED, KEPT)
            take(context, frame, consumed(frame.name))
    emitter.row = 1
    emission.counts.bytes = WORD_BYTES * len(emission.made)
    counts = homes.vector("patches_computed", len(emission.made))
    context.transfer(Store, emission.counts, counts, 0, Runs(emission.counts.bytes))
    return emission


def _calls(plan: Plan, emission: Emission, constants: dict[str, np.ndarray]) -> tuple[Operator, Operator]:
    """What the CPU does after each segment; ``constants`` receives its operands."""
    rules, frame = plan.rules, plan.frame
    constants["patch_pixels"] = np.array([prod(region.edge) for region in frame.grid.regions()], np.int64)
    charges = [sum(layer.charge(region) for layer, _ in layers) for layers, region in emission.made]
    constants["patch_charges"] = np.array(charges, np.int64)
    limits = {
        "constant": plan.constant_charge,
        "most": floor(rules.dense_above * plan.macs),
        "most_blind": rules.most_blind,
        "refresh": rules.refresh,
    }
    return (
        Operator(
            name="choose",
            inputs=("patches_changed", "patch_pixels", "state", "flags"),
            outputs=("choice",),
            attributes=CpuCall(
                function="stream.choose",
                parameters=(("most", floor(rules.dense_above * prod(frame.grid.size))), ("refresh", rules.refresh)),
            ),
            phase="look",
        ),
        Operator(
            name="finish",
            inputs=("patches_computed", "patch_charges", "state", "flags", "choice"),
            outputs=("state", "flags"),
            attributes=CpuCall(function="stream.finish", parameters=tuple(sorted(limits.items()))),
            phase="look",
        ),
    )


def _program(
    plan: Plan,
    system: System,
    token_depth: int,
    context: Context,
    homes: Homes,
    calls: tuple[Operator, Operator],
    constants: Mapping[str, np.ndarray],
    about: Mapping[str, Any],
) -> Program:
    network = plan.network
    rows = _rows(plan, context, calls)
    memories = Memories("sram", "sram")
    count = sum(len(segment) + 1 for segment in context.emitter.segments)
    for storage in homes.storages.values():
        storage.block.last = len(rows) - 1
    check_room(plan, system, len(context.constants.data), COMMAND_BYTES * count)
    place_homes(system, homes.storages, context.constants, count, memories)
    context.constants.move("sram")
    found = encode_segments(enumerate(context.emitter.segments), context.hw.columns, token_depth)
    image = flash_image(context.constants, found.commands, [*constants.values(), *homes.initial.values()])
    check_flash(network.name, system, image)
    sram, commands_at = sram_image(image, memories)
    (first, first_count), (second, second_count) = found.spans[0], found.spans[1]
    return Program(
        name=network.name,
        system=system,
        network_hash=network.hash,
        rows=rows,
        segments=(
            Segment(first=first, count=first_count, row=0),
            Segment(call=0, row=len(rows) - 2),
            Segment(first=second, count=second_count, row=1),
            Segment(call=1, row=len(rows) - 1),
        ),
        commands=found.commands,
        command_rows=found.rows,
        images={"flash": image.flash, **with_initial({"sram": sram}, homes.initial, homes.storages)},
        bindings={
            name: Binding(tensor=tensor, space=home.space, offset=home.block.offset)
            for name, tensor in homes.tensors.items()
            for home in [homes.storages[name]]
        },
        inputs=network.inputs,
        outputs=network.outputs,
        cpu_calls=calls,
        constants=constants,
        placements=_placements(context, homes, memories, image, commands_at, len(rows) - 1),
        parameters=network.parameters,
        metadata={
            **dict(network.metadata),
            "stream": about,
            "weights": memories.weights,
            "commands": memories.commands,
            "commands_offset": commands_at,
        },
    )


def _about(plan: Plan, masks: Mapping[str, Mask], emission: Emission) -> dict[str, Any]:
    """What the program's metadata say of the stream: its rules, and how to read counts and masks after a frame.

    ``bands``: of each of the patches_computed, [row, macs of a patch] of the layers that they are made for. ``masks``:
    by name, rows and columns of patches and bytes from row to row; placements of role mask say where. ``maps``: by
    name, in pixels, where in its tensor a map begins, and its size.
    """
    bands = [[[row, layer.patch_macs(region)] for layer, row in layers] for layers, region in emission.made]
    return plan.rules.to_json() | {
        "macs": plan.macs,
        "bands": bands,
        "masks": {name: [*mask.grid.shape, mask.stride] for name, mask in masks.items()},
        "maps": {item.name: {"at": list(item.before), "size": list(item.size)} for item in plan.maps},
        "frame_channels": plan.frame_channels,
        "memory": persistent_bytes(plan.maps),
    }


def _rows(plan: Plan, context: Context, calls: Sequence[Operator]) -> tuple[Row, ...]:
    def row(name: str, kind: str, phase: str, macs: int = 0, placement: str = "accelerator") -> Row:
        mapping = context.mapping.get(len(found), "")
        return Row(name=name, kind=kind, phase=phase, placement=placement, macs=macs, mapping=mapping)

    found: list[Row] = []
    found.append(row("look", "compare", "look"))
    found.append(row("begin", "list", "look"))
    for layer in plan.layers:
        macs = layer.macs_per_pixel * prod(layer.target.size)
        found.append(row(layer.name, layer.operator.kind, "layers", macs))
        found.append(row(f"{layer.name}.gate", "compare" if layer.theta is not None else "list", "gate"))
    for call in calls:
        assert isinstance(call.attributes, CpuCall)
        found.append(row(call.name, call.attributes.function, "look", placement="cpu"))
    return tuple(found)


def _placements(
    context: Context, homes: Homes, memories: Memories, image: Image, commands_at: int, end: int
) -> tuple[Placement, ...]:
    found = image_placements(context.constants, memories, image, commands_at, end)
    found += [placement(item.block, item.space, 0, end) for item in homes.storages.values()]
    emitter = context.emitter
    for block in emitter.blocks:
        rows = sorted((emitter.row_of(block.first), emitter.row_of(block.last)))
        found.append(placement(block, "scratchpad", rows[0], rows[1]))
    for name, mask in context.masks.items():
        down, across = mask.grid.shape
        block = Block(f"{name} mask", (down - 1) * mask.stride + across, 0, end, "mask", offset=mask.base)
        found.append(placement(block, "scratchpad", 0, end))
    return tuple(found)
