"""Random legal programs, and illegal ones, for the three machines."""

from accel_models.generator.chips import CHIPS
from accel_models.generator.commands import draw
from accel_models.generator.programs import RandomProgram, random_program
from accel_models.generator.registry import MAKERS

__all__ = ["CHIPS", "MAKERS", "RandomProgram", "draw", "random_program"]
