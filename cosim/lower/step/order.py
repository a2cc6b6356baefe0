"""The order of a step's units: whatever reads the old value of a state comes before what writes the new one.

Small CPU calls that follow each other are one list: a step has some hundred of them, on single numbers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from itertools import groupby

from torch import fx

from ..errors import LoweringError
from .units import Key, Unit

_SMALL = 4096  # elements up to which a CPU call may be part of a sequence

Readers = Mapping[Key, list[Unit]]


def readers_of(units: list[Unit]) -> Readers:
    """Who reads each value."""
    found: dict[Key, list[Unit]] = defaultdict(list)
    for unit in units:
        for node in unit.reads():
            found[node].append(unit)
    return found


def ordered(name: str, units: list[Unit], readers: Readers, finals: Mapping[fx.Node, Key]) -> list[Unit | list[Unit]]:
    """Units in a legal order: CPU calls as early as they may be, small ones in lists; the others by first node.

    ``finals``: new values of states. Raises LoweringError naming step ``name`` where there is none.
    """
    queue = _Queue(units, _dependencies(units, readers, finals))
    found: list[Unit | list[Unit]] = []
    while queue.rest:
        batch: list[Unit] = []
        while more := queue.take_all(_is_small):
            batch += more
        found += [list(group) for _, group in groupby(batch, lambda unit: unit.phase)]
        unit = queue.take(lambda unit: unit.on_cpu) or queue.take(lambda unit: True)
        if unit is None:
            if batch:
                continue
            raise LoweringError(
                f"{name}: {queue.rest[0].label} and others read old and new values of a state in turn; "
                "want a step that reads what it changes before it changes it"
            )
        found.append(unit)
        if not unit.on_cpu:
            while (following := queue.take(lambda unit: not unit.on_cpu)) is not None:
                found.append(following)
    return found


def _is_small(unit: Unit) -> bool:
    return unit.on_cpu and not unit.macs and unit.elements <= _SMALL


class _Queue:
    """Units that wait, by their first node; ``waits``: for which others each does."""

    def __init__(self, units: list[Unit], waits: dict[Unit, set[Unit]]) -> None:
        self.rest = sorted(units, key=lambda unit: unit.index)
        self._waits, self._done = waits, set[Unit]()

    def _ready(self, wanted: Callable[[Unit], bool]) -> Iterator[Unit]:
        return (unit for unit in self.rest if wanted(unit) and self._waits[unit] <= self._done)

    def take_all(self, wanted: Callable[[Unit], bool]) -> list[Unit]:
        """Those that are ready now; who waits for one of them is not yet."""
        found = list(self._ready(wanted))
        self._done |= set(found)
        self.rest = [unit for unit in self.rest if unit not in self._done]
        return found

    def take(self, wanted: Callable[[Unit], bool]) -> Unit | None:
        """The first that is ready."""
        found = next(self._ready(wanted), None)
        if found is not None:
            self._done.add(found)
            self.rest.remove(found)
        return found


def _dependencies(units: list[Unit], readers: Readers, finals: Mapping[fx.Node, Key]) -> dict[Unit, set[Unit]]:
    """For whom each unit waits."""
    maker = {node: unit for unit in units for node in unit.makes()}
    waits = {unit: {maker[node] for node in unit.reads() if node in maker} for unit in units}
    for state, final in finals.items():
        waits[maker[final]] |= {unit for unit in readers.get(state, ()) if unit is not maker[final]}
    _write_late({maker[final] for final in finals.values()}, waits)
    return waits


def _write_late(writers: set[Unit], waits: dict[Unit, set[Unit]]) -> None:
    """Let the CPU write states when the accelerator is done, so that what it has computed can be computed again."""
    behind: dict[Unit, list[Unit]] = defaultdict(list)
    for unit, before in waits.items():
        for item in before:
            behind[item].append(unit)
    accelerated = {unit for unit in waits if not unit.on_cpu}
    for writer in writers:
        if not _is_small(writer):
            continue
        after, stack = {writer}, [writer]
        while stack:
            fresh = [unit for unit in behind[stack.pop()] if unit not in after]
            after |= set(fresh)
            stack += fresh
        if not after & accelerated:
            waits[writer] |= accelerated
