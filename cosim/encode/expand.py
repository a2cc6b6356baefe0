"""From plans to steps: every command a program needs, operator by operator, without addresses."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field

from accel_models import cost
from accel_models.commands import TABLE_BYTES, Load, Store
from accel_models.network import Network
from cosim.encode.constants import ConstantImage
from cosim.encode.steps import LoadRequest, Pending, Runs, Step, Storage
from cosim.encode.tensors import Layout
from cosim.place import Block


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on tiles. ``entries``, ``stage_bytes`` (of bytes that only move) and ``widest`` (columns a tile) hold for
    all operators; with ``ramped`` their first and last tiles may be lower than the others.

    The others, by row, are filled while the compiler looks for a fit in a short scratchpad: lower tiles, fewer columns
    a tile, one slice of the weights at a time.
    """

    entries: int
    stage_bytes: int
    widest: int | None = None
    ramped: bool = True
    heights: dict[int, int] = field(default_factory=dict)
    columns: dict[int, int] = field(default_factory=dict)
    weights_outer: set[int] = field(default_factory=set)

    def decisions(self) -> tuple[Hashable, ...]:
        """All of it, as it is now."""
        alike = self.entries, self.stage_bytes, self.widest, self.ramped
        return *alike, frozenset(self.heights.items()), frozenset(self.columns.items()), frozenset(self.weights_outer)


@dataclass(frozen=True, slots=True)
class Region:
    """Bytes of a tensor in the scratchpad: byte b of the tensor lies at ``block`` + ``delta`` + b."""

    block: Block
    delta: int


@dataclass(slots=True)
class _Stripe:
    """Bytes [first, stop) of a streamed tensor in a block; all before ``loaded`` are asked for."""

    bytes: tuple[int, int]
    block: Block
    loaded: int


class Builder:
    """Collects steps, loads and scratchpad blocks. Operators' expansions (matrix, vector, movement) call its methods.

    ``kept`` names the tensors that stay in the scratchpad from their first use to their last; ``parted``: weights come
    as fast as inputs that are not kept.
    """

    def __init__(
        self,
        network: Network,
        hw: cost.Hardware,
        layout: Layout,
        homes: Mapping[str, Storage],
        constants: ConstantImage,
        kept: frozenset[str],
        limits: Limits,
        parted: bool,
    ) -> None:
        self.network, self.hw = network, hw
        self.operators, self.together = layout.operators, layout.together
        self.roots, self.uses, self.homes, self.constants = layout.roots, layout.uses, homes, constants
        self.kept, self.limits, self.parted = kept, limits, parted
        self.steps: list[Step] = []
        self.loads: list[LoadRequest] = []
        self.blocks: list[Block] = []
        self.segment = 0
        self.half = 0
        self.mapping: dict[int, str] = {}
        self.takeovers: list[tuple[Block, str, int]] = []  # in place: block, the tensor that takes it over, from step
        self._whole: dict[str, Block] = {}  # kept tensors: their block
        self._loaded: dict[str, int] = {}  # kept tensors that come from SRAM: bytes asked for so far
        self._stripes: dict[str, _Stripe] = {}  # streamed tensors: the stripe in use
        self._written: dict[str, int] = {}  # tensors in SRAM: slot from which loads may read them

    def step(self, row: int) -> Step:
        """Open the next step."""
        self.steps.append(Step(row, self.segment))
        return self.steps[-1]

    @property
    def now(self) -> int:
        """Index of the step being written."""
        return len(self.steps) - 1

    @property
    def command_count(self) -> int:
        """Commands of the program, the End of every segment included."""
        computes = sum(len(step.compute) + len(step.stores) for step in self.steps)
        return len(self.loads) + computes + self.segment + 1

    def block(self, name: str, size: int, role: str = "buffer") -> Block:
        """A scratchpad block that lives from this step on; ``touch`` extends its life."""
        row = self.steps[-1].row
        found = Block(name, size, self.now, self.now, role, row)
        self.blocks.append(found)
        return found

    def touch(self, block: Block) -> None:
        block.last = max(block.last, self.now)

    def begin_operator(self) -> None:
        """Stripes of streamed tensors are shared between consecutive tiles of one operator only."""
        self._stripes.clear()

    def written(self, name: str) -> None:
        """The tensor's bytes are in SRAM after this step."""
        self._written[self.roots[name]] = self.now + 1

    def feed(self, name: str, start: int, stop: int, within: tuple[int, int] | None = None) -> Region:
        """Bytes [start, stop) of a tensor in the scratchpad during this step, loading what is missing.

        Of a streamed tensor the stripe ``within`` (default: these bytes) shares a block, filled from its start on.
        """
        root = self.roots[name]
        if root in self.kept:
            return self._feed_kept(root, stop)
        stripe = within or (start, stop)
        held = self._stripes.get(root)
        if held is None or held.bytes != stripe:
            held = self._stripes[root] = _Stripe(stripe, self.block(root, stripe[1] - stripe[0]), stripe[0])
        if stop > held.loaded:
            runs, delta = Runs(stop - held.loaded), held.loaded - stripe[0]
            self._request(held.block, delta, self._home(root), held.loaded, runs, self._written.get(root, 0))
            held.loaded = stop
        self.touch(held.block)
        return Region(held.block, -stripe[0])

    def _home(self, root: str) -> Storage:
        """Where a streamed tensor lies on the bus: its home in SRAM, or, for a constant operand, the constant image."""
        if self.network.is_constant(root):
            return self.constants.add(root, self.network.constants[root].tobytes(), self.steps[-1].row)
        return self.homes[root]

    def _feed_kept(self, root: str, stop: int) -> Region:
        block = self._whole.get(root)
        if block is None:
            block = self._whole[root] = self.block(root, self.uses[root].tensor.bytes, "activation")
            self._loaded[root] = 0
        if root in self._loaded and stop > self._loaded[root]:
            have = self._loaded[root]
            self._request(block, have, self.homes[root], have, Runs(stop - have), self._written.get(root, 0))
            self._loaded[root] = stop
        self.touch(block)
        return Region(block, 0)

    def target(self, name: str) -> Region | None:
        """Where a kept tensor's bytes are written, or None: the tile gets a buffer and is stored."""
        root = self.roots[name]
        if root not in self.kept:
            return None
        if root not in self._whole:
            self._whole[root] = self.block(root, self.uses[root].tensor.bytes, "activation")
        self.touch(self._whole[root])
        return Region(self._whole[root], 0)

    def on_bus(self, name: str) -> bool:
        """Whether the tensor is stored: read from outside, or without room in the scratchpad."""
        root = self.roots[name]
        return self.uses[root].on_bus or root not in self.kept

    def share_if_dying(self, name: str, other: str, row: int) -> bool:
        """Let tensor ``name`` take over the block of ``other`` where that is in the scratchpad and dies in this row.

        True when they share a block. Legal only where every byte is read before it is written.
        """
        new, old = self.roots[name], self.roots[other]
        if new in self._whole:
            return self._whole[new] is self._whole.get(old)
        if not {new, old} <= self.kept or old not in self._whole:
            return False
        if self.uses[old].last not in self.together[row] or self.uses[old].tensor.bytes != self.uses[new].tensor.bytes:
            return False
        self._whole[new] = self._whole[old]
        self.takeovers.append((self._whole[old], new, self.now))
        return True

    def produced(self, name: str) -> bool:
        """Whether a compute engine has left the tensor in the scratchpad."""
        root = self.roots[name]
        return root in self.kept and root in self._whole and root not in self._loaded

    def passes_through(self, name: str) -> bool:
        """Whether the tensor comes from SRAM and is not kept."""
        root = self.roots[name]
        return root not in self.kept and not self.network.is_constant(root)

    def constant(self, name: str, storage: Storage) -> Block:
        """A block that holds a blob of the constant image from this step on."""
        block = self.block(name, storage.block.bytes, "weights")
        self.fill(block, storage, 0, storage.block.bytes)
        return block

    def fill(self, block: Block, storage: Storage, start: int, stop: int) -> None:
        """Load bytes [start, stop) of a blob of the constant image to the same bytes of its block."""
        self._request(block, start, storage, start, Runs(stop - start), 0)

    def table(self, row: int, name: str) -> Block:
        """The 256-byte table of an operator, loaded once."""
        data = self.network.constants[name].tobytes()
        assert len(data) == TABLE_BYTES
        return self.constant(f"{self.operators[row].name}.table", self.constants.add(name, data, row))

    def accumulator_half(self) -> int:
        """First entry of the half that the next tile uses."""
        self.half ^= 1
        return self.half * (self.limits.entries // 2)

    def store(self, name: str, block: Block, pad: int, start: int, runs: Runs) -> None:
        """Copy runs of bytes to the tensor's home in SRAM, from byte ``start`` of the tensor on."""
        home = self.homes[self.roots[name]]
        step = self.steps[-1]
        step.stores.append(Pending(Store, runs.fields(), {"pad_address": (block, pad)}, step.row, (home, start)))
        self.touch(block)
        self.written(name)

    def gather(self, block: Block, name: str, start: int, runs: Runs) -> None:
        """Load runs of a tensor in SRAM, from byte ``start`` of the tensor on, into a block."""
        root = self.roots[name]
        self._request(block, 0, self.homes[root], start, runs, self._written.get(root, 0))

    def _request(self, block: Block, pad: int, source: Storage, start: int, runs: Runs, earliest: int) -> None:
        row = self.steps[-1].row
        pending = Pending(Load, runs.fields(), {"pad_address": (block, pad)}, row, (source, start))
        self.loads.append(LoadRequest(pending, block, self.now, min(earliest, self.now)))
