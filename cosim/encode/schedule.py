"""When loads are issued and where scratchpad blocks lie.

Loads are placed as late as the load engine allows without making a step wait, by predicted cycles, and as much
earlier as the scratchpad has room: that is how weights of the next layers arrive while this one computes.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from accel_models import commands as isa
from accel_models import cost
from accel_models.system import System
from accel_models.work import memory_speed
from cosim.encode.expand import Builder
from cosim.encode.steps import LoadRequest, Pending
from cosim.place import Arena, Block, PlacementError
from cosim.tile.geometry import Draft

SLACK = 1.15  # loads are planned to take this much longer than their own cycles: tokens, fetches, other traffic
SLACK_CYCLES = 40


class ScratchpadFullError(PlacementError):
    """A block that found no room; carries the block so that the compiler can relieve the pressure around it."""

    def __init__(self, message: str, block: Block) -> None:
        super().__init__(message)
        self.block = block


def step_starts(builder: Builder) -> np.ndarray:
    """Predicted start cycle of every step: each takes its busier compute engine's time. One more entry for the end."""
    costs = _compute_cycles([pending for step in builder.steps for pending in step.compute], builder.hw)
    starts = np.zeros(len(builder.steps) + 1)
    position = 0
    for index, step in enumerate(builder.steps):
        busy = {isa.Engine.MATRIX: 0, isa.Engine.VECTOR: 0, isa.Engine.LOAD: 0}
        for pending in step.compute:
            assert pending.command.ENGINE is not None
            busy[pending.command.ENGINE] += int(costs[position])
            position += 1
        starts[index + 1] = starts[index] + max(busy.values())
    return starts


def _compute_cycles(pendings: Sequence[Pending], hw: cost.Hardware) -> np.ndarray:
    """Cycles of compute commands, one vectorised call per command class."""
    functions = {
        isa.Matrix: cost.matrix,
        isa.Requantize: cost.requantize,
        isa.Elementwise: cost.elementwise,
        isa.Pool: cost.pool,
        isa.Fill: cost.fill,
        isa.Range: cost.range_,
        isa.SetRegister: cost.set_register,
        isa.LoadRegisters: cost.move_registers,
        isa.StoreRegisters: cost.move_registers,
        isa.Update: cost.update,
        isa.Sum: cost.sum_,
        isa.Compare: cost.compare,
        isa.List: cost.list_,
    }
    found = np.zeros(len(pendings), np.int64)
    by_class: dict[type[isa.Command], list[int]] = defaultdict(list)
    for index, pending in enumerate(pendings):
        by_class[pending.command].append(index)
    for command, indices in by_class.items():
        found[indices] = functions[command](_together(command, [pendings[index] for index in indices]), hw)
    return found


def _together(command: type[isa.Command], pendings: Sequence[Pending]) -> Draft:
    """Commands of one class as one draft whose fields are arrays. Addresses read as 0."""
    defaults = Draft(command, {})
    names = {name for pending in pendings for name in pending.fields}
    fields = {}
    for name in names:
        default = getattr(defaults, name)
        fields[name] = np.array([item.fields.get(name, default) for item in pendings])
    return Draft(command, fields)


def plan_slots(builder: Builder, starts: np.ndarray, system: System) -> None:
    """Give every load the slot in which it should be issued, if the scratchpad has room by then."""
    loads = sorted(builder.loads, key=lambda item: -item.need)
    deadline = np.inf
    for load, cycles in zip(loads, _load_cycles(loads, builder.hw, system), strict=True):
        deadline = min(deadline, starts[load.need]) - (cycles * SLACK + SLACK_CYCLES)
        ideal = int(np.searchsorted(starts, deadline, side="right")) - 1
        # Nothing is queued before the first step but what it needs: the dispatcher works in order.
        floor = max(load.earliest, 0 if load.need == 0 else 1)
        load.slot = min(max(ideal, floor), load.need)


def _load_cycles(loads: Sequence[LoadRequest], hw: cost.Hardware, system: System) -> list[int]:
    """Cycles of each load from its memory, all at once."""
    speeds = memory_speed(system)
    latency, per_beat = zip(*(speeds[_memory(load)] for load in loads), strict=True) if loads else ((), ())
    drafts = _together(isa.Load, [load.pending for load in loads])
    found = cost.transfer(drafts, hw, np.array(latency, np.int64), np.array(per_beat, np.float64))
    return np.broadcast_to(found, len(loads)).tolist()


def _memory(load: LoadRequest) -> str:
    assert load.pending.bus is not None
    return load.pending.bus[0].space


def place_blocks(builder: Builder, size: int) -> Arena:
    """Offsets for all scratchpad blocks; blocks that loads fill start as early as their slots allow and room exists.

    Raises ScratchpadFullError with the block that found no room even at its latest start.
    """
    arena = Arena("the scratchpad", size)
    by_block: dict[int, list[LoadRequest]] = defaultdict(list)
    for load in builder.loads:
        by_block[id(load.block)].append(load)
    fixed = [block for block in builder.blocks if id(block) not in by_block]
    for block in sorted(fixed, key=lambda item: (-item.bytes, item.first, item.name)):
        if not arena.add(block):
            raise ScratchpadFullError(arena.explain(block), block)
    for block in sorted((b for b in builder.blocks if id(b) in by_block), key=lambda item: (item.first, -item.bytes)):
        loads = by_block[id(block)]
        earliest = min(load.slot for load in loads)
        for first in _starts(earliest, block.first):
            if arena.add(block, first):
                break
        else:
            raise ScratchpadFullError(arena.explain(block), block)
        for load in loads:
            load.slot = max(load.slot, block.first)
    return arena


def limit_lookahead(builder: Builder, token_depth: int) -> None:
    """Delay loads so that fewer than ``token_depth`` of them are issued before the step that needs them.

    Delaying is always legal: a block's life starts no later than its loads' slots. What is needed last waits first.
    """
    by_slot: dict[int, list[LoadRequest]] = defaultdict(list)
    for load in builder.loads:
        by_slot[load.slot].append(load)
    outstanding, done_after = 0, defaultdict[int, int](int)  # loads issued and not needed yet; by the step of need
    for slot in range(len(builder.steps)):
        outstanding -= done_after[slot - 1]
        here = by_slot[slot]
        late = sorted((load for load in here if load.need > slot), key=lambda item: -item.need)
        delayed = late[: max(0, outstanding + len(here) - (token_depth - 1))]
        for load in delayed:
            load.slot = slot + 1
            by_slot[slot + 1].append(load)
        for load in here:
            if load.slot == slot:
                outstanding += 1
                done_after[load.need] += 1


def _starts(earliest: int, latest: int) -> list[int]:
    """Slots to try, earliest first, closer together towards the latest."""
    span = latest - earliest
    return sorted({latest - span * part // 8 for part in range(9)} | {latest})


def emission_order(builder: Builder) -> list[tuple[int, list[Pending]]]:
    """Commands per segment in program order: loads of a slot, then the step's compute commands and stores."""
    by_slot: dict[int, list[LoadRequest]] = defaultdict(list)
    for load in builder.loads:
        by_slot[load.slot].append(load)
    segments: dict[int, list[Pending]] = defaultdict(list)
    for index, step in enumerate(builder.steps):
        body = segments[step.segment]
        body += [load.pending for load in sorted(by_slot[index], key=lambda item: item.need)]
        body += step.compute
        body += step.stores
    return sorted(segments.items())
