"""``cosim compile``: a target to a ``.network`` (any system) or, bound to a system, a ``.program``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from accel_models.network import Network
from accel_models.program import Program
from accel_models.system import System, load_system
from cosim.bind import bind, network_of
from cosim.cli.output import Progress, json_text, need_place, write_all, write_json
from cosim.cli.run import options_of


def execute(arguments: argparse.Namespace) -> int:
    output = Path(arguments.out or "") / arguments.output
    suffix = ".program" if arguments.system else ".network"
    if output.suffix != suffix:
        given = "with --system" if arguments.system else "without --system"
        raise ValueError(f"-o: {given} the file is a {suffix}, got {output.name}")
    need_place(arguments.out, "--out", folder=True)
    need_place(str(output), "-o")
    json_file = need_place(arguments.json, "--json")
    system = load_system(arguments.system) if arguments.system else None
    progress = Progress()
    network, program = _compiled(arguments, system, progress)
    files = {output: (program or network).to_bytes()}
    summary = _summary(output, network, program)
    if json_file:
        files[json_file] = json_text(summary).encode()
    write_all(files)
    progress.done()
    if arguments.json == "-":
        write_json(summary, "-")
    else:
        print(f"{output}: {len(network.operators)} operators, {network.macs:,} MACs, {network.parameters:,} parameters")
    return 0


def _compiled(
    arguments: argparse.Namespace, system: System | None, progress: Progress
) -> tuple[Network, Program | None]:
    options = options_of(arguments)
    if system is None:
        found = network_of(arguments.target, options, progress)
        return found if isinstance(found, Network) else found.network, None
    bound = bind(arguments.target, system, options, arguments.weights_in, progress)
    return bound.network, bound.program


def _summary(output: Path, network: Network, program: Program | None) -> dict[str, Any]:
    found = {
        "file": str(output),
        "name": network.name,
        "macs": network.macs,
        "parameters": network.parameters,
        "operators": len(network.operators),
        "network_hash": network.hash,
    }
    if program is not None:
        found |= {
            "system": program.system.name,
            "commands": len(program.commands),
            "weights": program.metadata["weights"],
            "sram_peak_bytes": program.peak_bytes("sram"),
            "program_hash": program.hash,
        }
    return found
