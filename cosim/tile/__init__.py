"""Tiling: from an operator and an array to a TilePlan, the only description of how the operator is cut."""

from cosim.tile.geometry import ConvGeometry, PoolGeometry, matrix_geometry, pool_geometry
from cosim.tile.plan import Tile, TileClass, TilePlan, matrix_classes, plan_matrix, plan_pool

__all__ = [
    "ConvGeometry",
    "PoolGeometry",
    "Tile",
    "TileClass",
    "TilePlan",
    "matrix_classes",
    "matrix_geometry",
    "plan_matrix",
    "plan_pool",
    "pool_geometry",
]
