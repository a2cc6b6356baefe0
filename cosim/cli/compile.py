"""``cosim compile``: a target to a ``.network`` (any system) or, bound to a system, a ``.program``."""

from __future__ import annotations

import argparse
from pathlib import Path

from accel_models.network import Network
from cosim.cli.output import Progress, write_json
from cosim.cli.run import options_of
from cosim.pipeline import network_of, programs_of


def execute(arguments: argparse.Namespace) -> int:
    output = Path(arguments.output)
    suffix = ".program" if arguments.system else ".network"
    if output.suffix != suffix:
        wanted = (
            "with --system the file is a .program" if arguments.system else "without --system the file is a .network"
        )
        raise ValueError(f"-o: {wanted}, got {output.name}")
    progress = Progress()
    found = network_of(arguments.target, options_of(arguments), progress)
    network = found if isinstance(found, Network) else found.network
    summary = {
        "file": str(output),
        "name": network.name,
        "macs": network.macs,
        "parameters": network.parameters,
        "operators": len(network.operators),
        "network_hash": network.hash,
    }
    if arguments.system:
        from accel_models.system import load_system

        program, _ = programs_of(network, load_system(arguments.system), arguments.weights_in, progress)
        program.save(output)
        summary |= {
            "system": program.system.name,
            "commands": len(program.commands),
            "weights": program.metadata["weights"],
            "sram_peak_bytes": program.peak_bytes("sram"),
            "program_hash": program.hash,
        }
    else:
        network.save(output)
    progress.done()
    if arguments.json:
        write_json(summary, arguments.json)
    if arguments.json != "-":
        print(
            f"{output}: {summary['operators']} operators, {summary['macs']:,} MACs, "
            f"{summary['parameters']:,} parameters"
        )
    return 0
