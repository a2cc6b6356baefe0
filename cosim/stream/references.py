"""What was consumed of a map becomes its reference: a copy of the patches that changed."""

from accel_models.commands import Load, Store
from cosim.stream.context import Band, Context, own
from cosim.stream.maps import Map


def take(context: Context, item: Map, mask_name: str) -> None:
    """Copy the patches in a mask from a map to its reference."""
    assert item.reference is not None
    mask, emitter = context.masks[mask_name], context.emitter
    for region in item.grid.regions():
        now, kept = own(item, region), own(item, region, item.reference)
        for piece in region.bands(max(1, context.stage_bytes // now.bytes)):
            now, kept = own(item, piece), own(item, piece, item.reference)
            band = Band(context, mask, piece, piece.cells, context.next_bank())
            band.count_all(*now.strides(band))
            block = emitter.block(f"{item.name} consumed", now.bytes * piece.cells)
            now.move(Load, band, block)
            kept.move(Store, band, block)
            emitter.touch(block, later=1)
            emitter.next_slot()
