"""Golden: NumPy that executes an encoded Program, bit for bit, a whole batch of invocations at once."""

from accel_models.golden.access import GoldenError
from accel_models.golden.dispatch import State, execute
from accel_models.golden.machine import GoldenResult, Machine, run_program

__all__ = ["GoldenError", "GoldenResult", "Machine", "State", "execute", "run_program"]
