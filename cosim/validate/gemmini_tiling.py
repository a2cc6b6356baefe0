"""How Gemmini's library cuts a layer by default, and what a tiling asks of array and memory.

The rules are those of ``tiled_matmul_auto`` and ``tiled_conv_auto`` (gemmini-rocc-tests, include/gemmini.h; Genc et
al., DAC 2021), in our words: a tile's operands take at most half of the scratchpad, its sums half of the accumulators,
so that the next tile loads while this one computes. Sizes are those of the row: they differ between workloads.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

DIM = 16  # rows and columns of the array; bytes of a scratchpad row, sums of an accumulator row
LINE_BYTES = 64  # the largest request of the DMA, a cache line


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A row of the reference table: a convolution without padding (sizes are minima), or a product (``matmul``) of
    ``height`` x ``depth`` by ``depth`` x ``columns``."""

    name: str
    network: str
    matmul: bool
    scratchpad_rows: int
    accumulator_rows: int
    input_height: int
    input_width: int
    height: int
    width: int
    depth: int
    columns: int
    kernel: int
    stride: int
    macs: int
    cycles: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """``count`` tiles of these sizes. ``first_columns``: their input was not read by an earlier slice of columns;
    ``first_pixels``: their weights not by an earlier slice of pixels; ``last``: their sums leave the accumulators."""

    count: int
    height: int
    width: int
    depth: int
    columns: int
    first_columns: bool
    first_pixels: bool
    last: bool


def tiles_of(layer: Layer) -> list[Tile]:
    """Every kind of tile of the default tiling."""
    height, width, depth, columns = _matmul(layer) if layer.matmul else _conv(layer)
    rows = _firsts(layer.height, height)
    across = _firsts(layer.width, width)
    kinds = product(rows, across, _firsts(layer.columns, columns), _lasts(layer.depth, depth))
    return [
        Tile(
            count=nh * nw * nc * nd,
            height=h,
            width=w,
            depth=d,
            columns=c,
            first_columns=first_c,
            first_pixels=first_h and first_w,
            last=last_d,
        )
        for (h, first_h, nh), (w, first_w, nw), (c, first_c, nc), (d, last_d, nd) in kinds
    ]


def _matmul(layer: Layer) -> tuple[int, int, int, int]:
    """(rows of the product, 1, depth, columns) of a tile: as square as fits, then grown in turn."""
    room, sums = layer.scratchpad_rows // 2 // DIM, layer.accumulator_rows // 2 // DIM  # in blocks of DIM x DIM
    most = _blocks(layer.height), _blocks(layer.columns), _blocks(layer.depth)
    side = math.isqrt(sums)
    i, j, k = min(most[0], side), min(most[1], side), min(most[2], room // 2 // side)

    def fits(i: int, j: int, k: int) -> bool:
        return i <= most[0] and j <= most[1] and k <= most[2] and (i + j) * k <= room and i * j <= sums

    grown = True
    while grown:
        grown = False
        for more in ((0, 1, 0), (1, 0, 0), (0, 0, 1)):
            if fits(i + more[0], j + more[1], k + more[2]):
                i, j, k, grown = i + more[0], j + more[1], k + more[2], True
    return i * DIM, 1, k * DIM, j * DIM


def _conv(layer: Layer) -> tuple[int, int, int, int]:
    """(rows, columns of pixels, input channels, output channels) of a tile.

    The whole layer at first; while it does not fit, the largest of the sizes shrinks (channels by DIM, but the width
    not below DIM while there are rows to give), then the width grows back as far as it fits, then everything else.
    """
    most = [layer.height, layer.width, layer.columns, layer.kernel, layer.kernel, layer.depth]
    size = list(most)
    while not _fits(layer, size):
        kept = size[1] <= DIM and size[0] > 1
        at = max((i for i in range(6) if not (i == 1 and kept)), key=lambda i: (size[i], -i))
        if at in (2, 5):
            size[at] = max(1, size[at] - (size[at] % DIM or DIM))
        else:
            size[at] -= 1
    _grow(layer, size, most, [1])
    while _grow(layer, size, most, range(6), once=True):
        pass
    if size[3] < layer.kernel or size[4] < layer.kernel:
        raise ValueError(f"{layer.name}: its kernel does not fit {layer.scratchpad_rows} rows of scratchpad")
    return size[0], size[1], size[5], size[2]


def _grow(layer: Layer, size: list[int], most: Sequence[int], which: Iterable[int], once: bool = False) -> bool:
    """Add one to each size in turn where it fits; again and again unless ``once``. Whether any grew."""
    grew = False
    for at in which:
        while size[at] < most[at]:
            more = [value + (place == at) for place, value in enumerate(size)]
            if not _fits(layer, more):
                break
            size[at], grew = more[at], True
            if once:
                break
    return grew


def _fits(layer: Layer, size: Sequence[int]) -> bool:
    """The library counts a row and a column of pixels more than a strided convolution reads."""
    height, width, columns, kernel_height, kernel_width, depth = size
    read = (height * layer.stride + kernel_height - 1) * (width * layer.stride + kernel_width - 1)
    operands = _blocks(depth) * read + _blocks(columns) * kernel_height * kernel_width * depth
    sums = _blocks(columns) * height * width
    return operands <= layer.scratchpad_rows // 2 and sums <= layer.accumulator_rows // 2


def input_lines(layer: Layer, tile: Tile) -> float:
    """Cache lines of the input that one tile reads: a run of ``depth`` bytes a pixel, or whole pixels that follow."""
    height, width = ((size - 1) * layer.stride + layer.kernel for size in (tile.height, tile.width))
    return height * width * _lines(tile.depth, layer.depth)


def weight_lines(layer: Layer, tile: Tile) -> float:
    return layer.kernel**2 * tile.depth * _lines(tile.columns, layer.columns)


def stores(tile: Tile) -> int:
    """Writes of up to DIM bytes, one for every pixel and DIM output channels."""
    return tile.height * tile.width * _blocks(tile.columns) if tile.last else 0


def short_slots(layer: Layer, tile: Tile, least: float) -> float:
    """Slots that the array loses where the library's commands have fewer than ``least`` rows of pixels.

    A command takes at most DIM pixels, of one row of a convolution's image.
    """
    along, across = (1, tile.height) if layer.matmul else (tile.height, tile.width)
    full, rest = divmod(across, DIM)
    short = full * max(0.0, least - DIM) + (max(0.0, least - rest) if rest else 0.0)
    return along * short * layer.kernel**2 * _blocks(tile.depth) * _blocks(tile.columns)


def _lines(run: int, pitch: int) -> float:
    """Mean lines that a run of bytes touches, one at every ``pitch``, where runs start at multiples of their length."""
    if run >= pitch:
        return pitch / LINE_BYTES
    step = math.gcd(run, LINE_BYTES)
    offsets = range(0, LINE_BYTES, step)
    return sum(-(-(offset + run) // LINE_BYTES) for offset in offsets) / len(offsets)


def _blocks(size: int) -> int:
    return -(-size // DIM)


def _pieces(total: int, size: int) -> Iterator[tuple[int, int]]:
    """(length, how many)."""
    full, rest = divmod(total, size)
    yield from ((length, count) for length, count in ((size, full), (rest, int(rest > 0))) if count)


def _firsts(total: int, size: int) -> list[tuple[int, bool, int]]:
    """(length, whether it is the first piece, how many)."""
    found = []
    for place, (length, count) in enumerate(_pieces(total, size)):
        if place == 0:
            found.append((length, True, 1))
            count -= 1
        if count:
            found.append((length, False, count))
    return found


def _lasts(total: int, size: int) -> list[tuple[int, bool, int]]:
    """(length, whether it is the last piece, how many)."""
    pieces = list(_pieces(total, size))
    length, count = pieces.pop()
    return [(length, False, count) for length, count in [*pieces, (length, count - 1)] if count] + [(length, True, 1)]
