"""The largest batch that fits, found by trying and not by a formula: each batch is planned as if it were to run."""

from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def largest(
    attempt: Callable[[int, int], Found | None], *, first: int, most: int, refused: int | None = None
) -> tuple[int, Found] | None:
    """The largest batch of 1..``most`` that ``attempt`` accepts while it refuses the next one, with what it made of it.

    ``attempt`` takes a batch and the largest one known to fit (0: none yet), and gives None where the batch does not
    fit. That no larger one fits then is assumed: placement is a heuristic, so one could by chance. Batches double from
    ``first`` on until one is refused; ``refused`` is one that was already. None where not even a batch of 1 fits.
    """
    best: tuple[int, Found] | None = None
    fits, fails = 0, most + 1 if refused is None else min(refused, most + 1)
    growing = refused is None
    while fails - fits > 1:
        batch = min(max(first, 2 * fits), fails - 1) if growing else (fits + fails) // 2
        found = attempt(batch, fits)
        if found is None:
            fails, growing = batch, False
        else:
            fits, best = batch, (batch, found)
    return best
