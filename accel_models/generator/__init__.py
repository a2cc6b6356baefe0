"""Random legal programs, and illegal ones, for the three machines."""

from accel_models.generator.chips import CHIPS
from accel_models.generator.commands import draw
from accel_models.generator.illegal import CAUSES, IllegalProgram, illegal_program
from accel_models.generator.programs import random_program
from accel_models.generator.registry import MAKERS

__all__ = [
    "CAUSES",
    "CHIPS",
    "MAKERS",
    "IllegalProgram",
    "draw",
    "illegal_program",
    "random_program",
]
