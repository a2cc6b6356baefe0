"""The layers of a frame: which patches are computed anew; these gathered, computed, compared and scattered in bands.

A join is made of a convolution's results while they are in the scratchpad, where one comes right before it; what is
left of it, patches where only the other operand is new, is a pass of its own.
"""

from dataclasses import dataclass, field

from accel_models.commands import WORD_BYTES, Elementwise, Function, Load, Pool, Store, StoreRegisters
from accel_models.network import Conv2d
from cosim.place import Block
from cosim.stream.compute import Compute
from cosim.stream.context import CONSUMED, MOST_CHUNKS, SPARSE, WHOLE, Band, Context, own
from cosim.stream.masks import dilate
from cosim.stream.patches import Region
from cosim.stream.plan import Layer, changed, compared, consumed, gathered, rest
from cosim.stream.references import take


@dataclass(frozen=True, slots=True)
class Pass:
    """Patches in a ``mask`` of a layer, and of the join behind it: ``layers`` with their first rows.

    ``compared``, ``consumed``: masks of those that are compared, and that become the reference at once; or None.
    """

    layers: tuple[tuple[Layer, int], ...]
    mask: str
    compared: str | None
    consumed: str | None

    @property
    def first(self) -> Layer:
        return self.layers[0][0]

    @property
    def last(self) -> Layer:
        return self.layers[-1][0]

    def moved(self, region: Region) -> int:
        """Bytes that a patch of the region needs in the scratchpad."""
        found = sum(gathered(self.first, place, region).bytes for place in range(len(self.first.sources)))
        found += sum(layer.patch_bytes(region) for layer, _ in self.layers)
        found += sum(layer.patch_bytes(region) for layer, _ in self.layers[1:])  # the other operand
        return found + (self.last.patch_bytes(region) if self.compared else 0)


@dataclass(slots=True)
class _Batch:
    """The patches of a band on their way: operands of each layer, old values; and the bands by other masks."""

    band: Band
    compared: Band | None = None
    consumed: Band | None = None
    inputs: list[Block] = field(default_factory=list)
    others: list[Block] = field(default_factory=list)
    old: Block | None = None


@dataclass(slots=True)
class Emission:
    """Writes the commands of the layers. Each has two rows of the program: its values, and behind it what finds out
    which of them to make. ``counts``: of every band, as they are stored; ``made``: what a patch counted there makes:
    layers with their rows, and the region."""

    compute: Compute
    context: Context
    counts: Block
    made: list[tuple[tuple[tuple[Layer, int], ...], Region]] = field(default_factory=list)

    def layer(self, layer: Layer, row: int, join: tuple[Layer, int] | None, after: tuple[Layer, int] | None) -> None:
        """A layer, and a ``join`` behind it as far as it is made of the layer's results. ``after``: whose weights may
        come meanwhile."""
        with self.context.emitter.of(row + 1):
            self._dilate(layer)
        layers = ((layer, row),) if join is None else ((layer, row), join)
        self._run(self._pass(layers, layer.mask), after)
        if join is None:
            self._refer(layer, row)

    def rest(self, join: Layer, row: int, after: tuple[Layer, int] | None) -> None:
        """Of a join that ``layer`` has begun the patches that are left."""
        a, b = (self.context.masks[source.mask] for source in join.sources)
        target = self.context.masks[rest(join.target.name)]
        with self.context.emitter.of(row + 1):
            self._dilate(join)
            fields = {"function": int(Function.SELECT), "code": 0, "low": 0, "high": 1, **target.by_rows()}
            fields |= b.image("a") | a.image("b") | target.image("output")
            self.context.emitter.emit(Elementwise, fields)
        is_compared = None if join.theta is None else rest(join.target.name)
        self._run(Pass(((join, row),), rest(join.target.name), is_compared, None), after)
        self._refer(join, row)

    # ---- masks ----

    def _dilate(self, layer: Layer) -> None:
        """What a layer computes anew, from what its sources have new."""
        masks = self.context.masks
        target = masks[layer.mask]
        if len(layer.sources) == 2:
            a, b = (masks[item.mask] for item in layer.sources)
            fields = {"function": int(Function.ADD), "multiplier_b": 1 << 30, "low": WHOLE, "high": 1}
            fields |= target.by_rows() | a.image("a") | b.image("b") | target.image("output")
            self.context.emitter.emit(Elementwise, fields)
        else:
            (source,) = layer.sources
            fields = dilate(masks[source.mask], target, source.reaches) | {"low": WHOLE}
            self.context.emitter.emit(Pool, fields)

    def _pass(self, layers: tuple[tuple[Layer, int], ...], mask: str) -> Pass:
        """Nothing is compared in whole frames, and nothing consumed at once in others."""
        last, row = layers[-1]
        name = last.target.name
        found = Pass(
            layers,
            mask,
            None if last.theta is None else compared(name),
            consumed(name) if last.has_reference else None,
        )
        with self.context.emitter.of(row + 1):
            if found.compared is not None:
                self.context.bounded(mask, found.compared, 0, SPARSE)
            if found.consumed is not None:
                self.context.bounded(mask, found.consumed, 0, CONSUMED)
        return found

    # ---- bands ----

    def _run(self, work: Pass, after: tuple[Layer, int] | None) -> None:
        """Bands overlap: the next one's patches are asked for before one is computed."""
        (first, row), masks = work.layers[0], self.context.masks
        self.compute.fetch(first, row)
        pieces = self._pieces(work)
        pending: _Batch | None = None
        for region, chunk in pieces:
            band = Band(self.context, masks[work.mask], region, chunk, self.context.next_bank())
            batch = _Batch(band)
            if work.compared is not None:
                batch.compared = band.compared(masks[work.compared])
            if work.consumed is not None:
                batch.consumed = band.consumed(masks[work.consumed])
            self._list(work, batch)
            self._load(work, batch)
            if pending is not None:
                self._finish(work, pending)
            else:
                self.context.emitter.next_slot()
                if after is not None:
                    self.compute.fetch(*after)
            pending = batch
        assert pending is not None
        self._finish(work, pending)
        for _, place in work.layers:
            self.context.mapping.setdefault(place, _described(pieces))

    def _pieces(self, work: Pass) -> list[tuple[Region, int]]:
        """Regions of the output that are moved at once, each with the patches that are computed at once."""
        found = []
        for region in work.first.target.grid.regions():
            chunk = self.compute.chunk(work.first, region)
            most = max(1, min(self.context.stage_bytes // work.moved(region), MOST_CHUNKS * chunk))
            found += [(piece, chunk) for piece in region.ramped(most)]
        return found

    def _list(self, work: Pass, batch: _Batch) -> None:
        """All lists of a band, before someone takes its counts from registers; and the total to where the CPU will
        read it."""
        band, region, (first, row) = batch.band, batch.band.region, work.layers[0]
        target = own(work.last.target, region)
        with self.context.emitter.of(row + 1):
            band.count_all(*gathered(first, 0, region).strides(band))
            for place in range(1, len(first.sources)):
                band.offsets(*gathered(first, place, region).strides(band))
            if isinstance(first.operator.attributes, Conv2d):
                band.count_chunks(*own(first.target, region).strides(band))
            for layer, _ in work.layers:
                band.offsets(*own(layer.target, region).strides(band))
            if len(work.layers) > 1:
                band.offsets(*own(work.last.sources[1].map, region).strides(band))
            if batch.compared is not None:
                batch.compared.count_all(*target.strides(batch.compared))
                batch.compared.offsets(self.context.masks[changed(work.last.target.name)].stride, 1)
            if batch.consumed is not None:
                batch.consumed.count_all(*target.strides(batch.consumed))
            at = WORD_BYTES * len(self.made)
            fields = {"register": band.total.index, "count": 1}
            self.context.emitter.emit(StoreRegisters, fields, {"pad_address": (self.counts, at)})
        self.made.append((work.layers, region))

    def _load(self, work: Pass, batch: _Batch) -> None:
        emitter, region, (first, row) = self.context.emitter, batch.band.region, work.layers[0]
        last, last_row = work.layers[-1]
        with emitter.of(row):
            for place, source in enumerate(first.sources):
                patches = gathered(first, place, region)
                block = emitter.block(f"{source.map.name} patches", patches.bytes * region.cells)
                patches.move(Load, batch.band, block)
                batch.inputs.append(block)
        if last is not first:
            with emitter.of(last_row):
                patches = own(last.sources[1].map, region)
                block = emitter.block(f"{patches.map.name} patches", patches.bytes * region.cells)
                patches.move(Load, batch.band, block)
                batch.others.append(block)
        if batch.compared is not None:
            with emitter.of(last_row + 1):
                patches = own(last.target, region, last.target.reference)
                batch.old = emitter.block(f"{last.target.name} reference", patches.bytes * region.cells)
                patches.move(Load, batch.compared, batch.old)

    def _finish(self, work: Pass, batch: _Batch) -> None:
        """Compute a band and put it away; the next slot begins."""
        emitter, region, inputs = self.context.emitter, batch.band.region, batch.inputs
        for layer, row in work.layers:
            with emitter.of(row):
                patches = own(layer.target, region)
                result = emitter.block(layer.target.name, patches.bytes * region.cells)
                self.compute.make(layer, batch.band, inputs, result)
                patches.move(Store, batch.band, result)
                emitter.touch(result, later=1)
                inputs = [result, *batch.others]
        last, row = work.layers[-1]
        with emitter.of(row + 1):
            if batch.compared is not None and batch.old is not None:
                self.compute.compare(
                    last, batch.compared, result, batch.old, self.context.masks[changed(last.target.name)]
                )
            if batch.consumed is not None:
                own(last.target, region, last.target.reference).move(Store, batch.consumed, result)
        emitter.next_slot()

    def _refer(self, layer: Layer, row: int) -> None:
        """Where a reference is not the map itself, it takes the patches that changed."""
        if layer.has_reference:
            with self.context.emitter.of(row + 1):
                take(self.context, layer.target, changed(layer.target.name))


def _described(pieces: list[tuple[Region, int]]) -> str:
    largest, chunk = max(pieces, key=lambda piece: piece[0].cells)
    down, across = largest.edge
    return (
        f"{sum(piece.cells for piece, _ in pieces)} patches of {down}x{across} at most, moved {largest.cells} and "
        f"computed {min(chunk, largest.cells)} at a time"
    )
