"""A target bound to a system: its network and the programs that run it there; for a training, the batch that fits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from accel_models.network import Network
from accel_models.program import Program
from accel_models.system import System
from cosim.largest import largest
from cosim.options import Options
from cosim.steps import is_step
from workloads.registry import TRAININGS

if TYPE_CHECKING:
    from cosim.frontend import Prepared

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Bound:
    """What the target was made of, the program to run, and the cold one to show beside a warm one."""

    found: Prepared | Network
    program: Program
    cold: Program | None

    @property
    def network(self) -> Network:
        return _network(self.found)


def network_of(spec: str, options: Options, report: Report) -> Prepared | Network:
    """The network of a target; a ``.network`` file needs no PyTorch."""
    if spec.endswith(".network"):
        report("reading")
        return Network.load(Path(spec))
    from cosim.frontend import prepare

    return prepare(spec, options, report)


def bind(spec: str, system: System, options: Options, weights: str, report: Report) -> Bound:
    """The target's programs on a system; where ``options.batch`` is "largest", of the largest batch that fits.

    Raises CompileError where the target does not fit; for a training of the registry the message names the largest
    batch that does.
    """
    from cosim.encode import CompileError

    if options.batch == "largest" and spec in TRAININGS:
        fitting = largest_batch(spec, system, options, weights, report)
        if fitting is not None:
            return fitting[1]
        options = replace(options, batch=1)  # whose error says what is missing
    found = network_of(spec, options, report)
    try:
        return Bound(found, *programs_of(_network(found), system, weights, report))
    except CompileError as error:
        if not is_step(_network(found)):
            raise
        text = f"{error}; a training step keeps activations and state"
    if spec not in TRAININGS:
        raise CompileError(f"{text}: want a smaller batch or more SRAM")
    batch = int(options.batch or TRAININGS[spec].batch)
    fitting = largest_batch(spec, system, options, weights, report, batch)
    if fitting is None:
        raise CompileError(f"{text}: want more SRAM, not even a batch of 1 fits")
    raise CompileError(f"{text}: want more SRAM, or --batch {fitting[0]}, the largest that fits (not {batch})")


def largest_batch(
    spec: str, system: System, options: Options, weights: str, report: Report, refused: int | None = None
) -> tuple[int, Bound] | None:
    """The largest batch of a training of the registry that the planner fits into a system, with that step bound to it.

    ``refused``: a batch known not to fit. None where not even a batch of 1 fits; see ``largest``.
    """
    from cosim.encode import CompileError

    training = TRAININGS[spec]

    def attempt(batch: int, fits: int) -> Bound | None:
        def told(stage: str) -> None:
            report(f"looking for the largest batch: {f'{fits} fits, ' if fits else ''}trying {batch}: {stage}")

        found = network_of(spec, replace(options, batch=batch), told)
        try:
            return Bound(found, *programs_of(_network(found), system, weights, told))
        except CompileError:
            return None

    most = training.training_samples(options.data)
    return largest(attempt, first=min(training.batch, most), most=most, refused=refused)


def _network(found: Prepared | Network) -> Network:
    return found if isinstance(found, Network) else found.network


def programs_of(network: Network, system: System, weights: str, report: Report) -> tuple[Program, Program | None]:
    """The program to run, and the cold one to show beside a warm one. Raises CompileError, and ValueError for weights
    of a stream in flash."""
    from cosim.encode import compile_network

    report(f"compiling for {system.name}")
    if "stream" in network.metadata:
        from cosim.stream.compiler import compile_stream

        if weights == "flash":
            raise ValueError(
                f"--weights-in flash does not apply: {network.name} is a stream, whose weights lie in SRAM"
            )
        return compile_stream(network, system), None
    step = is_step(network)  # its weights are state, in SRAM in any case
    program = compile_network(network, system, weights, search=not step)  # type: ignore[arg-type]
    cold = None
    if step:
        return program, None
    if weights == "auto" and not len(program.commands):  # the CPU alone, which reads weights where they are stored
        program = compile_network(network, system, "flash")
    if weights == "auto" and program.metadata["weights"] == "sram":
        cold = compile_network(network, system, "flash")
    return program, cold
