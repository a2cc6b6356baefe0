"""Program: a network bound to a system. Encoded commands, CPU calls, memory images and where every tensor lies.

Segments alternate: a run of commands that ends with End, or one CPU call. The same Program runs on golden, timing and
RTL, many times (invocations); persistent tensors keep their bytes between invocations.

A ``.program`` file is a container (see ``container``) of format ``cosim.program``. Its JSON body:

- ``name``; ``network_hash``: the hash of the network behind it; ``inputs`` and ``outputs``: names of tensors, in order;
  ``parameters``; ``metadata``: any JSON data, such as ``weights``: "sram" or "flash";
- ``system``: the whole system, as in a system file, so that nothing else is needed to run the program;
- ``rows``, ``segments``, ``placements``: lists of objects with the fields of ``Row``, ``Segment`` and ``Placement``;
- ``bindings``: a list of objects ``tensor`` (the fields of ``network.Tensor``), ``space``, ``offset``;
- ``cpu_calls``: a list of operators, written as in a ``.network`` file.

Its arrays: ``commands`` (uint8 [n, 64], as ``commands`` encodes them), ``command_rows`` (int32 [n]),
``image.SPACE`` (uint8: the initial bytes of a memory, from its offset 0) and ``constant.TENSOR`` (an operand of CPU
calls).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np

from accel_models import container
from accel_models.commands import COMMAND_BYTES, Command, decode
from accel_models.memory import bus_address
from accel_models.network import Operator, Tensor, operator_from_json, operator_to_json, tensor_from_json
from accel_models.system import System, parse_system

VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Bytes [offset, offset + bytes) of memory ``space`` hold ``tensor`` from operator row ``first`` to ``last``.

    ``space``: flash, sram, external or scratchpad. ``role`` is the tensor's, or "commands", "weights" (packed
    constants), "buffer" (a tile on its way).
    """

    tensor: str
    space: str
    offset: int
    bytes: int
    first: int
    last: int
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One operator as every report shows it. ``placement``: accelerator or cpu. ``mapping``: the tiling, in words."""

    name: str
    kind: str
    phase: str
    placement: str
    macs: int
    origin: str = ""
    mapping: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Commands [first, first + count), or, when ``count`` is 0, the CPU call ``cpu_calls[call]`` of row ``row``."""

    first: int = 0
    count: int = 0
    call: int = -1
    row: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """A tensor at a fixed place on the bus."""

    tensor: Tensor
    space: str
    offset: int

    @property
    def address(self) -> int:
        return bus_address(self.space, self.offset)


@dataclass(frozen=True, kw_only=True)
class Program:
    """See the module. ``commands`` is uint8 [n, 64]; ``command_rows`` int32 [n] names the row each command belongs to.

    ``images``: initial bytes of "flash" and "sram" from offset 0 (weights live in one of them: cold or warm).
    ``bindings``: every tensor that the host or a CPU call touches, by name.
    """

    name: str
    system: System
    network_hash: str
    rows: tuple[Row, ...]
    segments: tuple[Segment, ...]
    commands: np.ndarray
    command_rows: np.ndarray
    images: Mapping[str, np.ndarray]
    bindings: Mapping[str, Binding]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    cpu_calls: tuple[Operator, ...] = ()
    constants: Mapping[str, np.ndarray] = field(default_factory=dict)  # of CPU calls only
    placements: tuple[Placement, ...] = ()
    parameters: int = 0
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.commands.dtype != np.uint8 or self.commands.shape != (len(self.command_rows), COMMAND_BYTES):
            raise ValueError(
                f"program {self.name}: want uint8 commands [{len(self.command_rows)}, {COMMAND_BYTES}], got "
                f"{self.commands.dtype}{list(self.commands.shape)}"
            )

    @cached_property
    def decoded(self) -> tuple[Command, ...]:
        """The commands, decoded once."""
        data = self.commands.tobytes()
        return tuple(decode(data[i : i + COMMAND_BYTES]) for i in range(0, len(data), COMMAND_BYTES))

    @property
    def macs(self) -> int:
        return sum(row.macs for row in self.rows)

    @property
    def accelerator_macs(self) -> int:
        return sum(row.macs for row in self.rows if row.placement == "accelerator")

    @property
    def flash_bytes(self) -> int:
        """Of what lies in flash: constants and commands, and what only the CPU reads."""
        return max(self.peak_bytes("flash"), len(self.images.get("flash", b"")))

    def peak_bytes(self, space: str) -> int:
        """Highest byte used in a memory."""
        return max((item.offset + item.bytes for item in self.placements if item.space == space), default=0)

    def to_bytes(self) -> bytes:
        body = {
            "name": self.name,
            "system": self.system.model_dump(mode="json"),
            "network_hash": self.network_hash,
            "rows": [asdict(row) for row in self.rows],
            "segments": [asdict(segment) for segment in self.segments],
            "bindings": [
                {"tensor": asdict(item.tensor), "space": item.space, "offset": item.offset}
                for item in self.bindings.values()
            ],
            "inputs": list(self.inputs),
            "outputs": list(self.outputs),
            "cpu_calls": [operator_to_json(call) for call in self.cpu_calls],
            "placements": [asdict(item) for item in self.placements],
            "parameters": self.parameters,
            "metadata": dict(self.metadata),
        }
        arrays = {"commands": self.commands, "command_rows": self.command_rows}
        arrays |= {f"image.{space}": data for space, data in self.images.items()}
        arrays |= {f"constant.{name}": data for name, data in self.constants.items()}
        return container.pack("program", VERSION, body, arrays)

    @property
    def hash(self) -> str:
        return hashlib.sha256(self.to_bytes()).hexdigest()[:16]

    def save(self, path: Path) -> None:
        container.write_atomic(path, self.to_bytes())

    @classmethod
    def load(cls, path: Path) -> Self:
        body, arrays = container.unpack(path, "program", VERSION)
        with container.reading(path, "program"):
            return cls(
                name=body["name"],
                system=parse_system(body["system"], str(path)),
                network_hash=body["network_hash"],
                rows=tuple(Row(**item) for item in body["rows"]),
                segments=tuple(Segment(**item) for item in body["segments"]),
                commands=arrays["commands"],
                command_rows=arrays["command_rows"],
                images=_prefixed(arrays, "image."),
                bindings={
                    item["tensor"]["name"]: Binding(
                        tensor=tensor_from_json(item["tensor"]), space=item["space"], offset=item["offset"]
                    )
                    for item in body["bindings"]
                },
                inputs=tuple(body["inputs"]),
                outputs=tuple(body["outputs"]),
                cpu_calls=tuple(operator_from_json(item) for item in body["cpu_calls"]),
                constants=_prefixed(arrays, "constant."),
                placements=tuple(Placement(**item) for item in body["placements"]),
                parameters=body["parameters"],
                metadata=body["metadata"],
            )


def _prefixed(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {name[len(prefix) :]: data for name, data in arrays.items() if name.startswith(prefix)}
