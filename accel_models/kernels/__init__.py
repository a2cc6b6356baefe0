"""NumPy kernels of every Network operator: the oracle of the golden machine, and what a CPU call executes."""

from accel_models.kernels.runner import FUNCTIONS, execute, run_network

__all__ = ["FUNCTIONS", "execute", "run_network"]
