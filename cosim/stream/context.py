"""Where commands of a stream find everything: the chip, masks, constants, and registers for what masks choose."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from accel_models import cost
from accel_models.commands import LIST_ENTRY_BYTES, REGISTERS, Elementwise, Function, List, Load, Register, Store
from cosim.encode.constants import ConstantImage
from cosim.encode.steps import Runs, Storage
from cosim.place import Block
from cosim.stream.emit import Emitter
from cosim.stream.maps import Map
from cosim.stream.masks import Mask
from cosim.stream.patches import Region

FIRST, LOOK, LOOK_ACROSS = Register(0), Register(1), Register(2)
"""1 in a stream's first frame; 1, and the number of patches side by side, where the frame is compared. Else 0."""
WHOLE, SPARSE, CONSUMED, KEPT = Register(0), Register(1), Register(2), Register(3)
"""What the CPU chose when the frame was compared (kernels.streams.choose): all of it is computed, the lower bound of
every mask; not all; all, and the next one is compared with it; either of the latter two. Each is 0 or 1."""
_BANK = 14
_BANKS = tuple(range(REGISTERS - 2 * _BANK, REGISTERS, _BANK))
_COMPARED, _CONSUMED, _CHUNKS_FROM = 1, 2, 3  # in a bank, behind the number of what is computed
MOST_CHUNKS = _BANK - _CHUNKS_FROM


@dataclass(slots=True)
class Context:
    """``stage_bytes``: of the scratchpad, for what one chunk moves. ``mapping``: rows' tilings, in words."""

    hw: cost.Hardware
    entries: int
    stage_bytes: int
    masks: Mapping[str, Mask]
    constants: ConstantImage
    emitter: Emitter = field(default_factory=Emitter)
    mapping: dict[int, str] = field(default_factory=dict)
    bank: int = 0
    half: int = 0

    def next_bank(self) -> int:
        """The first of the registers that the next list counts in: two sets, so that one is used while one is made."""
        self.bank ^= 1
        return _BANKS[self.bank]

    def next_half(self) -> int:
        """First accumulator entry of the half that the next chunk uses."""
        self.half ^= 1
        return self.half * (self.entries // 2)

    def transfer(self, command: type[Load | Store], block: Block, storage: Storage, at: int, runs: Runs) -> None:
        self.emitter.emit(command, runs.fields(), {"pad_address": (block, 0)}, (storage, at))

    def bounded(self, name: str, into: str, low: int | Register, high: int | Register) -> None:
        """A mask with each byte in these bounds."""
        mask, target = self.masks[name], self.masks[into]
        fields = {"function": int(Function.RESCALE), "low": low, "high": high, **mask.by_rows()}
        self.emitter.emit(Elementwise, fields | mask.image("a") | target.image("output"))


@dataclass(slots=True)
class Band:
    """The chosen patches of a piece of a map, moved by one command and computed in ``chunks`` of ``chunk`` at most.

    Their numbers are in registers from ``bank`` on; lists of their offsets are kept, one for each pair of strides.
    """

    context: Context
    mask: Mask
    region: Region
    chunk: int
    bank: int
    _lists: dict[tuple[int, int], Block] = field(default_factory=dict)

    @property
    def chunks(self) -> int:
        return -(-self.region.cells // self.chunk)

    @property
    def total(self) -> Register:
        return Register(self.bank)

    def count(self, index: int) -> Register:
        """Of a chunk."""
        return self.total if self.chunks == 1 else Register(self.bank + _CHUNKS_FROM + index)

    def count_all(self, row: int, column: int) -> None:
        """List the chosen patches, ``row`` and ``column`` bytes apart, and count them."""
        self._emit(row, column, {"destination": self.bank, "chunks": 1, "chunk": self.region.cells})

    def count_chunks(self, row: int, column: int) -> None:
        """The same, counting by chunks."""
        if self.chunks > 1:
            counted = {"destination": self.bank + _CHUNKS_FROM, "chunks": self.chunks, "chunk": self.chunk}
            self._emit(row, column, counted)

    def offsets(self, row: int, column: int) -> Block:
        """The list of the chosen patches, ``row`` and ``column`` bytes apart."""
        if (row, column) not in self._lists:
            self._emit(row, column, {"chunks": 0})
        return self._lists[row, column]

    def _emit(self, row: int, column: int, counted: dict[str, int]) -> None:
        block = self.context.emitter.block("row list", LIST_ENTRY_BYTES * self.region.cells, "list")
        self._lists[row, column] = block
        fields = {**self.mask.read(self.region), "row_offset": row, "column_offset": column, **counted}
        self.context.emitter.emit(List, fields, {"output_address": (block, 0)})

    def farthest(self, row: int, column: int) -> int:
        """The largest offset in that list."""
        rows, columns = self.region.count
        return (rows - 1) * row + (columns - 1) * column

    def compared(self, mask: Mask) -> "Band":
        """Of these patches those that are compared, by another mask, counted in another register."""
        return replace(self, mask=mask, chunk=self.region.cells, bank=self.bank + _COMPARED, _lists={})

    def consumed(self, mask: Mask) -> "Band":
        """Of these patches those that become the reference with the whole map."""
        return replace(self, mask=mask, chunk=self.region.cells, bank=self.bank + _CONSUMED, _lists={})


@dataclass(frozen=True, slots=True)
class Patches:
    """How chosen patches lie in a map: ``size`` pixels each (down, across), the first of them from pixel ``at`` on,
    ``step`` pixels from one to the next."""

    map: Map
    storage: Storage
    at: tuple[int, int]
    size: tuple[int, int]
    step: tuple[int, int]

    @property
    def line(self) -> int:
        return self.size[1] * self.map.channels

    @property
    def bytes(self) -> int:
        """Of a patch in the scratchpad."""
        return self.size[0] * self.line

    def strides(self, band: Band) -> tuple[int, int]:
        """Bytes from patch to patch of a band."""
        bus_bytes, (rows, columns) = band.context.hw.bus_bytes, band.region.count
        row = self.step[0] * self.map.pitch if rows > 1 else 0
        column = self.step[1] * self.map.channels if columns > 1 else 0
        assert column % bus_bytes == 0, self.map.name  # suited.check_bus
        return row, column

    def move(self, command: type[Load | Store], band: Band, block: Block) -> None:
        """Gather or scatter the patches of a band; in the scratchpad they lie one behind the other."""
        row, column = self.strides(band)
        fields = {
            "row_bytes": self.line,
            "rows": self.size[0],
            "planes": band.total,
            "bus_row_stride": self.map.pitch,
            "bus_plane_stride": band.farthest(row, column),
            "pad_row_stride": self.line,
            "pad_plane_stride": self.bytes,
            "listed": 1,
        }
        pads = {"pad_address": (block, 0), "list_address": (band.offsets(row, column), 0)}
        band.context.emitter.emit(command, fields, pads, (self.storage, self.map.at(*self.at)))


def own(item: Map, region: Region, storage: Storage | None = None) -> Patches:
    """The patches of a region of a map themselves, where the map lies or in ``storage``."""
    at = region.first[0] * item.grid.edge[0], region.first[1] * item.grid.edge[1]
    return Patches(item, storage or item.storage, at, region.edge, item.grid.edge)
