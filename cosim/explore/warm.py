"""Where a search starts: the screened front of a random sample of a space that is too large to screen whole.

Screening costs per program, not per point, so the sample takes structures (screen.py) at random and many points of
each. The points on its front, or near it, are then evaluated as those of the search's first batches. One process
screens, from one seed, and stops by the number of programs: neither workers nor time nor a store change what it finds.
"""

from collections.abc import Sequence

import numpy as np

from cosim.explore.funnel import MARGIN, MOST_PROGRAMS, screened_objectives
from cosim.explore.pareto import front, near_front, spread
from cosim.explore.screen import Screen, axes_of
from cosim.explore.study import Study

POINTS = 16  # screened for each point of the budget; each costs a few milliseconds beside its program
_AT_ONCE = 4  # structures, after which programs are counted: each may need several, by the speed of flash
_TRIES = 20  # draws for each structure or point wanted, where few of them are different or possible


def warm_points(study: Study, *, budget: int, count: int, seed: int) -> list[int]:
    """At most ``count`` points for a search of ``budget`` points: the screened front, then what is near it.

    It stops at ``budget`` programs, or MOST_PROGRAMS, when the structures at hand are done. Raises what
    lowering raises.
    """
    random = np.random.default_rng([seed, 1])  # not the stream from which the search draws its own points
    most = min(MOST_PROGRAMS, budget)
    shapes = _structures(study, random, -(-most // len(study.space.workloads)))
    each = -(-POINTS * budget // max(1, len(shapes)))
    study.watch.stage("screening a sample", each * len(shapes))
    screen, points, values = Screen(study.space, study.networks), list[int](), list[np.ndarray]()
    for start in range(0, len(shapes), _AT_ONCE):
        if screen.programs >= most:
            break
        part = [index for shape in shapes[start : start + _AT_ONCE] for index in _points(study, random, shape, each)]
        if part:
            values.append(screened_objectives(study.space, screen.screen(part)))
            points += part
        study.watch.screened(each * len(shapes[start : start + _AT_ONCE]))
    return [points[place] for place in _best(np.concatenate(values), count)] if points else []


def _structures(study: Study, random: np.random.Generator, count: int) -> list[dict[int, int]]:
    """Different structures at random, each the digits of its axes; fewer than ``count`` where there are no more."""
    paths = {path for item in study.space.workloads for path in axes_of(study.space, item, "structure")}
    places = [place for place, path in enumerate(study.space.values) if path in paths]
    lengths = study.space.lattice.lengths
    found: dict[tuple[int, ...], None] = {}
    for _ in range(_TRIES * count):
        if len(found) == count:
            break
        found[tuple(int(random.integers(lengths[place])) for place in places)] = None
    return [dict(zip(places, digits, strict=True)) for digits in found]


def _points(study: Study, random: np.random.Generator, shape: dict[int, int], count: int) -> list[int]:
    """Different points of a structure at random, those that the system alone rules out left away."""
    lattice = study.space.lattice
    found: dict[int, None] = {}
    for _ in range(count):
        drawn = [int(random.integers(length)) for length in lattice.lengths]
        found[lattice.index([shape.get(place, digit) for place, digit in enumerate(drawn)])] = None
    return [index for index in found if study.may_run(index)]


def _best(values: np.ndarray, count: int) -> Sequence[int]:
    """Rows of the front of ``values`` [points, objectives], then of what is near it; of too many, those far apart."""
    on_front = front(values)
    found: list[int] = []
    for chosen in (on_front, near_front(values, MARGIN) & ~on_front):
        rows, room = np.flatnonzero(chosen), count - len(found)
        found += [int(row) for row in (rows[spread(values[rows], room)] if len(rows) > room else rows)]
    return found
