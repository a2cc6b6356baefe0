"""A compiled stream on the golden machine beside PyTorch's, frame by frame: what differs, in words."""

from collections import defaultdict
from collections.abc import Mapping

import numpy as np
import torch

from accel_models.commands import WORD_BYTES, StoreRegisters
from accel_models.golden.machine import Machine
from accel_models.network import CpuCall
from accel_models.program import Program
from accel_models.system import System
from cosim.lower import lower_stream
from cosim.stream.compiler import ROWS_BEFORE, compile_stream
from cosim.stream.masks import Mask, margin_of, place_masks
from cosim.stream.plan import changed, plan_stream
from workloads.patchskip import Frame, Settings, Stream, integer


class Twins:
    """The same stream twice. Call it with a frame, float32 (3, rows, columns); ``differences`` is then what differs."""

    def __init__(self, network: integer.Network, settings: Settings, system: System) -> None:
        self.stream = Stream(network, settings)
        lowered = lower_stream(network, settings)
        self.plan = plan_stream(lowered)
        self.program = compile_stream(lowered, system)
        self.machine = Machine(self.program)
        self.differences: list[str] = []
        assert system.accelerator is not None
        margin = margin_of(source.reaches for layer in self.plan.layers for source in layer.sources)
        self._masks, _ = place_masks(self.plan.masks, margin, system.accelerator.scratchpad.size_bytes)
        self._counted = counted_by(self.program)

    def codes(self, frame: torch.Tensor) -> dict[str, np.ndarray]:
        """The program's input [1, 1, lines, pixels, 4]."""
        codes = self.stream.network.input.codes.encode(frame).permute(1, 2, 0).numpy()
        return {self.plan.frame.name: self.plan.frame.framed(codes)[None]}

    def __call__(self, frame: torch.Tensor) -> Frame:
        want = self.stream(frame)
        self.machine.run(self.codes(frame))
        found = {**self._values(), **self._decisions(want), **self._masks_found(want)}
        if not want.whole:
            found |= {"charged": (self._charged(), want.cost.charged)}
        found |= self._counts(want)
        self.differences = [
            f"frame {self.stream.frames - 1}, {name}: {_described(have, wanted)}"
            for name, (have, wanted) in found.items()
            if not np.array_equal(have, wanted)
        ]
        return want

    def map(self, name: str) -> np.ndarray:
        """int8 [rows, columns, channels] as golden has it."""
        (item,) = (item for item in self.plan.maps if item.name == name)
        data = self.machine.read(name)[0]
        if data.size != item.bytes:  # the last vector of a classifier
            return data.reshape(*item.size, item.channels)
        lines = data.reshape(item.lines, item.pixels, item.channels)
        rows, columns = (slice(first, first + size) for first, size in zip(item.before, item.size, strict=True))
        return lines[rows, columns]

    def _values(self) -> dict[str, tuple[object, object]]:
        return {
            f"map {layer.target.name}": (
                self.map(layer.target.name),
                self.stream.values[layer.target.name].permute(1, 2, 0).numpy(),
            )
            for layer in self.plan.layers
        }

    def _decisions(self, want: Frame) -> dict[str, tuple[object, object]]:
        choice, state = self.machine.read("choice")[0], self.machine.read("state")[0]
        stream = self.stream
        return {
            "whole": (bool(choice[0]), want.whole),
            "state": (state.tolist(), [stream.frames, stream._blind, stream._next_blind]),
        }

    def _masks_found(self, want: Frame) -> dict[str, tuple[object, object]]:
        """Of what is computed anew; and, where the frame is not whole, of what changed."""
        found = {f"mask {layer.mask}": (layer.mask, want.recomputed[layer.target.name]) for layer in self.plan.layers}
        if not want.whole:
            found |= {f"mask {changed(name)}": (changed(name), mask) for name, mask in want.changed.items()}
        return {key: (self._mask(self._masks[name]), mask.numpy()) for key, (name, mask) in found.items()}

    def _mask(self, mask: Mask) -> np.ndarray:
        rows, columns = mask.grid.shape
        pad = self.machine.state.scratchpad[0]
        return np.stack([pad[mask.at(row, 0) :][:columns] for row in range(rows)]).astype(np.int64)

    def _charged(self) -> int:
        (call,) = (call for call in self.program.cpu_calls if call.name == "finish")
        assert isinstance(call.attributes, CpuCall)
        constant = dict(call.attributes.parameters)["constant"]
        counts = self.machine.read("patches_computed")[0].astype(np.int64)
        return int(constant + (counts * self.program.constants["patch_charges"]).sum())

    def _counts(self, want: Frame) -> dict[str, tuple[object, object]]:
        """Patches computed by layer: those of a join are counted with the convolution before it, and the rest apart."""
        counts = self.machine.read("patches_computed")[0]
        found, before = {}, None
        for place, layer in enumerate(self.plan.layers):
            own = int(counts[self._counted[ROWS_BEFORE + 2 * place + 1]].sum())
            if before is not None and layer.joined_to(before[0]):
                own += before[1]
            found[f"patches of {layer.name}"] = (own, int(want.recomputed[layer.target.name].sum()))
            before = layer, own
        return found


def counted_by(program: Program) -> Mapping[int, list[int]]:
    """The places of ``patches_computed`` that the commands of each row count in."""
    found: defaultdict[int, list[int]] = defaultdict(list)
    second = [segment for segment in program.segments if segment.count][1]
    span = range(second.first, second.first + second.count)
    stored = [index for index in span if isinstance(program.decoded[index], StoreRegisters)]
    addresses = [program.decoded[index].pad_address for index in stored]
    for index, address in zip(stored, addresses, strict=True):
        found[int(program.command_rows[index])].append((address - min(addresses)) // WORD_BYTES)
    return found


def _described(have: object, want: object) -> str:
    if isinstance(have, np.ndarray) and have.shape == np.shape(want) and have.size > 8:
        return f"{int((have != want).sum())} of {have.size} values"
    return f"{have} instead of {want}"
