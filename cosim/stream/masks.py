"""Masks of patches in the scratchpad: a byte a patch, 1 where it changed or was computed anew, zeros around.

They lie at its very end: the marks of a Compare may, for all that the checker knows, lie anywhere behind their base.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from accel_models.commands import Pooling
from cosim.stream.patches import Grid, Reach, Region

_NARROW = 16  # windows of more would need as many zeros around a mask


@dataclass(frozen=True, slots=True)
class Mask:
    """``base``: the scratchpad address of patch (0, 0); ``stride``: from one row of patches to the next."""

    grid: Grid
    base: int
    stride: int

    def at(self, row: int, column: int) -> int:
        return self.base + row * self.stride + column

    def whole(self) -> Region:
        return Region((0, 0), self.grid.shape, self.grid.edge)

    def read(self, region: Region) -> dict[str, Any]:
        """Fields of a List over a region."""
        rows, columns = region.count
        address = self.at(*region.first)
        return {"mask_address": address, "mask_row_stride": self.stride, "rows": rows, "columns": columns}

    def image(self, name: str) -> dict[str, Any]:
        """Fields of an operand of Elementwise: a row of patches is a pixel."""
        return {f"{name}_address": self.base, f"{name}_row_stride": self.stride}

    def by_rows(self) -> dict[str, Any]:
        rows, columns = self.grid.shape
        return {"height": rows, "width": 1, "columns": columns}


def place_masks(grids: Mapping[str, Grid], margin: int, end: int) -> tuple[dict[str, Mask], int]:
    """Masks by name that end at byte ``end``, ``margin`` zeros on either side of a row; and where the first starts."""
    sizes = {name: (grid.shape[0], grid.shape[1] + 2 * margin) for name, grid in grids.items()}
    start = end - sum(rows * stride for rows, stride in sizes.values())
    found, address = {}, start
    for name, (rows, stride) in sizes.items():
        found[name] = Mask(grids[name], address + margin, stride)
        address += rows * stride
    return found, start


def margin_of(reaches: Iterable[tuple[Reach, Reach]]) -> int:
    """Zeros that windows along a row may touch. Windows that go patch by patch touch none."""
    return max((across.kernel for _, across in reaches if by_rows(across)), default=0)


def by_rows(across: Reach) -> bool:
    """Whether whole rows of patches can be pooled at once: narrow windows of neighbours one patch apart."""
    return across.stride == 1 and across.kernel <= _NARROW


def dilate(source: Mask, target: Mask, reaches: tuple[Reach, Reach]) -> dict[str, Any]:
    """Fields of the Pool that finds the patches of ``target`` which read a marked one of ``source``."""
    down, across = reaches
    rows, columns = target.grid.shape
    found = {
        "function": int(Pooling.MAXIMUM),
        "height": rows,
        "input_row_stride": source.stride,
        "input_pixel_stride": 1,
        "input_height": source.grid.shape[0],
        "origin_y": down.origin,
        "kernel_height": down.kernel,
        "kernel_width": across.kernel,
        "stride_y": down.stride,
        "output_address": target.base,
        "output_row_stride": target.stride,
        "low": 0,
        "high": 1,
    }
    if by_rows(across):
        start = source.at(0, across.origin)
        return found | {"width": 1, "columns": columns, "input_address": start, "input_width": across.kernel}
    one_by_one = {"width": columns, "columns": 1, "input_address": source.base, "input_width": source.grid.shape[1]}
    return found | one_by_one | {"origin_x": across.origin, "stride_x": across.stride, "output_pixel_stride": 1}
