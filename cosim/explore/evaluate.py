"""One network on one system, in a worker process that never imports PyTorch: metrics of one level."""

import hashlib
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from accel_models.checker import CheckError
from accel_models.network import Network
from accel_models.program import Program
from accel_models.system import System
from accel_models.timing import TimingError
from cosim.encode import Expansions, compile_network
from cosim.explore.metrics import of_run
from cosim.explore.rtl import RtlFault, on_the_rtl
from cosim.explore.sources import evaluation_sources, rtl_sources
from cosim.run import run

SCREEN, EVENT, SEARCHED, RTL = "screen", "event", "searched", "rtl"
LEVELS = (EVENT, SEARCHED, RTL)
"""``event``: the compiler's first mapping on the event machine; ``searched``: the fastest of several mappings, which
costs some ten times as much and is what ``cosim run`` reports; ``rtl``: that program on the RTL. ``screen`` is none of
them: it works on many points at once (screen.py)."""


@dataclass(frozen=True, slots=True)
class Task:
    """``network``: hash of the network's file, whose bytes the worker has. ``key``: of the result in the store."""

    key: str
    network: str
    system: System
    weights_in: str
    level: str


@dataclass(frozen=True, slots=True)
class Answer:
    """``metrics``, or the ``reason`` why this system cannot run this network; ``broken``: a fault of this tool, which
    says nothing about the system. Both: the RTL ran and disagrees with the models. ``sources`` of the worker."""

    key: str
    metrics: Mapping[str, float] | None
    reason: str
    broken: bool
    sources: str


def task(network: str, system: System, weights_in: str, level: str) -> Task:
    """A Task with its key: of everything that decides the result. Names and descriptions do not."""
    fields = system.model_dump(mode="json", exclude={"name", "description"})
    content = [network, fields, weights_in, level, sources_of(level)]
    key = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]
    return Task(key, network, system, weights_in, level)


def sources_of(level: str) -> str:
    """Hashes of all sources that decide a result at this level."""
    return f"{evaluation_sources()} {rtl_sources()}" if level == RTL else evaluation_sources()


def evaluate(asked: Task, networks: Mapping[str, bytes]) -> Answer:
    """Tile the network for the system, compile, simulate. A system that cannot run it is an answer too."""
    metrics, reason, broken = None, "", False
    try:
        metrics, reason = _found(asked, _kept.of(asked.network, networks[asked.network]))
    except RtlFault as error:
        reason, broken = str(error), True
    except (CheckError, TimingError) as error:
        reason, broken = f"the compiler made a program that cannot run: {error}", True
    except ValueError as error:
        reason = str(error)
    except Exception as error:  # one point must not cost the others
        reason, broken = f"internal error: {type(error).__name__}: {error}", True
    return Answer(asked.key, metrics, reason.partition("\n")[0], broken, sources_of(asked.level))


def _found(asked: Task, of: Expansions) -> tuple[dict[str, float], str]:
    """Metrics at the level asked for, and how the RTL disagrees with the models, if it does."""
    program = compiled(of.network, asked.system, asked.weights_in, search=asked.level != EVENT, expansions=of)
    return on_the_rtl(program) if asked.level == RTL else (of_run(run(program, named=False)), "")


def compiled(
    network: Network,
    system: System,
    weights_in: str,
    *,
    search: bool,
    checked: bool = True,
    expansions: Expansions | None = None,
) -> Program:
    """The program that ``cosim run`` would run. Raises CompileError."""
    compile_for = partial(
        compile_network,
        network,
        system,
        search=search,
        checked=checked,
        expansions=Expansions(network) if expansions is None else expansions,
    )
    program = compile_for(weights_in)  # type: ignore[arg-type]
    if weights_in == "auto" and not len(program.commands):  # the CPU alone reads weights where they are stored
        program = compile_for("flash")
    return program


class _Kept(threading.local):
    """What the evaluations of a network share. By thread: an expansion is in one compilation's hands at a time."""

    def __init__(self) -> None:
        self._networks: dict[str, Expansions] = {}

    def of(self, name: str, data: bytes) -> Expansions:
        """Of the network of these bytes, which is read once."""
        if name not in self._networks:
            self._networks[name] = Expansions(Network.load(Path(f"network {name}"), data))
        return self._networks[name]


_kept = _Kept()
