"""How much random stimulus the RTL's tests drive: a quarter in the regression that people wait for."""

import os

VARIABLE, LONG = "COSIM_STIMULUS", "long"


def rounds(full: int, least: int = 1) -> int:
    """`full` where COSIM_STIMULUS is "long" (slow tests, coverage, mutation), else a quarter or `least`."""
    return full if os.environ.get(VARIABLE) == LONG else max(least, full // 4)
