"""A stream on golden and the event machine, frame after frame: values, masks, cycles and energy of each."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from accel_models.batch import Decided
from accel_models.golden import boundary
from accel_models.golden.machine import Machine
from accel_models.program import Program
from accel_models.run import Run
from cosim.run import run
from cosim.stream.rules import is_stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One frame. ``looked``: it was compared with what had been consumed; ``whole``: nothing was skipped.

    ``macs``: computed, by row of the program. ``masks`` bool [patches down, across] by name: ``X`` of what was computed
    of map X, ``X.changed`` of what changed in it. ``decided``: what the event machine has to know of it. ``outputs``:
    in real units, by name.
    """

    index: int
    looked: bool
    whole: bool
    macs: Mapping[int, int]
    masks: Mapping[str, np.ndarray]
    decided: Decided
    outputs: Mapping[str, np.ndarray]

    @property
    def total_macs(self) -> int:
        return sum(self.macs.values())


class Stream:
    """Call it with frame after frame, int8 codes [rows, columns, channels].

    Frames are numbered from 0, or as the caller does, in rising order.
    """

    def __init__(self, program: Program) -> None:
        if not is_stream(program):
            raise ValueError(f"program {program.name} is no stream")
        self.program, self.machine = program, Machine(program)
        self._about = program.metadata["stream"]
        (self._input,) = program.inputs
        self._masks = {item.tensor: item for item in program.placements if item.role == "mask"}
        self._last = -1

    def __call__(self, codes: np.ndarray, index: int | None = None) -> Frame:
        """Compute the next frame. Raises ValueError for another size or kind, and for frames out of order."""
        index = self._last + 1 if index is None else index
        if index <= self._last:
            raise ValueError(f"frames out of order: frame {index} comes after frame {self._last}")
        looked = bool(self.machine.read("flags")[0][1])
        outputs = self.machine.run(self.inputs(codes))
        self._last = index
        return Frame(
            index=index,
            looked=looked,
            whole=bool(self.machine.read("choice")[0][0]),
            macs=self._macs(),
            masks={name: self._mask(name, *shape) for name, shape in self._about["masks"].items()},
            decided=Decided(dict(self.machine.decided.extents), dict(self.machine.decided.lists)),
            outputs={
                name: boundary.to_real(self.program.bindings[name].tensor, array[0]) for name, array in outputs.items()
            },
        )

    @property
    def frame_shape(self) -> tuple[int, int, int]:
        """Rows, columns, channels."""
        rows, columns = self._about["maps"][self._input]["size"]
        return rows, columns, self._about["frame_channels"]

    def map(self, name: str) -> np.ndarray:
        """A map after the last frame, int8 [rows, columns, channels]."""
        (top, left), (rows, columns) = (self._about["maps"][name][part] for part in ("at", "size"))
        return self.machine.read(name)[0, 0, top : top + rows, left : left + columns]

    def inputs(self, codes: np.ndarray) -> dict[str, np.ndarray]:
        """A frame as the program takes it, [1, ...] by name: with zero points around it. Raises ValueError."""
        want = self.frame_shape
        if codes.shape != want or codes.dtype != np.int8:
            raise ValueError(
                f"frame {self._last + 1} is {codes.dtype}{list(codes.shape)}, the stream's frames are "
                f"int8{list(want)}: rows, columns, channels; a stream of another size is another program"
            )
        tensor = self.program.bindings[self._input].tensor
        found = np.full(tensor.shape, tensor.zero_point, np.int8)
        (top, left), (rows, columns) = (self._about["maps"][self._input][part] for part in ("at", "size"))
        found[0, top : top + rows, left : left + columns, : codes.shape[2]] = codes
        return {self._input: found[None]}

    def _macs(self) -> dict[int, int]:
        counts, found = self.machine.read("patches_computed")[0], dict[int, int]()
        for count, layers in zip(counts.tolist(), self._about["bands"], strict=True):
            for row, macs in layers:
                found[row] = found.get(row, 0) + count * macs
        return found

    def _mask(self, name: str, rows: int, columns: int, stride: int) -> np.ndarray:
        data = self.machine.placed(self._masks[f"{name} mask"])[0]
        padded = np.zeros(rows * stride, np.uint8)
        padded[: len(data)] = data
        return padded.reshape(rows, stride)[:, :columns] > 0


def of_frame(program: Program, frame: Frame) -> Program:
    """The program with the multiply-accumulates that a frame computed, so that a Run counts no others."""
    rows = tuple(replace(row, macs=frame.macs.get(place, 0)) for place, row in enumerate(program.rows))
    return replace(program, rows=rows)


def time_frame(program: Program, frame: Frame) -> Run:
    """What a frame costs on the event machine."""
    return run(of_frame(program, frame), decided=frame.decided, named=False)
