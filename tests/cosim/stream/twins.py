"""A compiled stream on the golden machine beside PyTorch's, frame by frame: what differs, in words."""

from collections.abc import Iterator

import numpy as np
import torch

from accel_models.network import CpuCall
from accel_models.system import System
from cosim.lower import lower_stream
from cosim.stream import run
from cosim.stream.compiler import ROWS_BEFORE, compile_stream
from cosim.stream.plan import changed, plan_stream
from workloads.patchskip import Frame, Settings, Stream, integer


class Twins:
    """The same stream twice. Call it with a frame, float32 (3, rows, columns); ``differences`` is then what differs."""

    def __init__(self, network: integer.Network, settings: Settings, system: System) -> None:
        self.stream = Stream(network, settings)
        lowered = lower_stream(network, settings)
        self.plan = plan_stream(lowered)
        self.program = compile_stream(lowered, system)
        self.compiled = run.Stream(self.program)
        self.differences: list[str] = []

    @property
    def machine(self) -> run.Machine:
        return self.compiled.machine

    def codes(self, frame: torch.Tensor) -> np.ndarray:
        """int8 [rows, columns, 3]."""
        return self.stream.network.input.codes.encode(frame).permute(1, 2, 0).numpy()

    def __call__(self, frame: torch.Tensor) -> Frame:
        want = self.stream(frame)
        have = self.compiled(self.codes(frame))
        self.differences = [
            f"frame {have.index}, {name}: {_described(found, wanted)}"
            for name, found, wanted in self._pairs(have, want)
            if not np.array_equal(found, wanted)
        ]
        return want

    def _pairs(self, have: run.Frame, want: Frame) -> Iterator[tuple[str, object, object]]:
        """(what, as golden has it, as PyTorch has it)."""
        stream = self.stream
        yield "whole", have.whole, want.whole
        yield "state", self.machine.read("state")[0].tolist(), [stream.frames, stream._blind, stream._next_blind]
        for place, layer in enumerate(self.plan.layers):
            name, row = layer.target.name, ROWS_BEFORE + 2 * place
            computed = want.recomputed[name].numpy()
            yield f"map {name}", self.compiled.map(name), stream.values[name].permute(1, 2, 0).numpy()
            yield f"mask of {name}", have.masks[layer.mask], computed
            yield f"patches of {name}", self._patches(row), int(computed.sum())
            pixels = stream.plans[name].pixels(want.recomputed[name])
            yield f"macs of {name}", have.macs[row], pixels * layer.macs_per_pixel
        if not want.whole:  # of a whole frame nothing is compared, and PyTorch charges the look alone
            for name, mask in want.changed.items():
                yield f"mask of what changed in {name}", have.masks[changed(name)], mask.numpy()
            yield "charged", self._charged(), want.cost.charged

    def _counts(self) -> np.ndarray:
        return self.machine.read("patches_computed")[0].astype(np.int64)

    def _patches(self, row: int) -> int:
        """Computed in a row of the program."""
        bands = self.program.metadata["stream"]["bands"]
        parts = [any(made == row for made, _ in layers) for layers in bands]
        return int(self._counts()[parts].sum())

    def _charged(self) -> int:
        (call,) = (call for call in self.program.cpu_calls if call.name == "finish")
        assert isinstance(call.attributes, CpuCall)
        constant = dict(call.attributes.parameters)["constant"]
        return int(constant + (self._counts() * self.program.constants["patch_charges"]).sum())


def _described(have: object, want: object) -> str:
    if isinstance(have, np.ndarray) and have.shape == np.shape(want) and have.size > 8:
        return f"{int((have != want).sum())} of {have.size} values"
    return f"{have} instead of {want}"
