"""What was consumed of a map becomes its reference: a copy of the patches that changed."""

from accel_models.commands import Load, Store
from cosim.stream.context import Band, Context, bands, own
from cosim.stream.maps import Map


def take(context: Context, item: Map, mask_name: str) -> None:
    """Copy the patches in a mask from a map to its reference."""
    assert item.reference is not None
    mask, emitter = context.masks[mask_name], context.emitter
    sizes = {}
    for region in item.grid.regions():
        sizes[region] = min(region.cells, max(1, context.stage_bytes // own(item, region).bytes))
    for region, size in bands(context, mask, sizes):
        band = Band(context, mask, region, size, context.next_bank())
        now, kept = own(item, region), own(item, region, item.reference)
        for index in range(band.chunks):
            block = emitter.block(f"{item.name} consumed", now.bytes * size)
            now.move(Load, band, index, block)
            kept.move(Store, band, index, block)
            emitter.touch(block, later=1)
            emitter.next_slot()
