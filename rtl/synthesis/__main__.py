"""Synthesizes every block, fits its gates, and writes the results: `python -m rtl.synthesis`, or `make area`.

reports/results/area.md always; with --write also accel_models/tables/gates.yaml, which the area model reads. Syntheses
are kept in build/synthesis until a source changes: an interrupted run goes on where it stopped. About 20 minutes cold.
"""

import argparse
import math
import sys
import time
from collections.abc import Sequence

from accel_models.container import write_atomic
from rtl.bench.build import RTL_DIR
from rtl.bench.tools import RtlError
from rtl.bench.yosys import yosys_version
from rtl.synthesis.blocks import BLOCKS, WHOLE
from rtl.synthesis.fit import Fit, fit
from rtl.synthesis.published import PUBLISHED
from rtl.synthesis.report import report_text, table_text

REPORT = RTL_DIR.parent / "reports" / "results" / "area.md"
TABLE = RTL_DIR.parent / "accel_models" / "tables" / "gates.yaml"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m rtl.synthesis", description="gate counts of the RTL by synthesis")
    parser.add_argument("--write", action="store_true", help=f"write the area model's table too ({TABLE.name})")
    options = parser.parse_args(arguments)
    try:
        fits = [_fit(name) for name in BLOCKS]
        whole = []
        for sizes, _ in WHOLE.points:
            begun = time.monotonic()
            counted = WHOLE.gates_at(sizes)
            _say(f"accelerator {sizes.rows}x{sizes.columns}: {counted.logic:,.0f} gates", begun)
            whole.append((sizes, counted, math.fsum(item.at(sizes).um2 for item in fits)))
        tool = yosys_version()
        published = [(item, item.gates()) for item in PUBLISHED]
    except RtlError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    write_atomic(REPORT, report_text(fits, whole, tool, published).encode())
    print(f"wrote {REPORT}")
    if options.write:
        write_atomic(TABLE, table_text(fits, tool).encode())
        print(f"wrote {TABLE}")
    return 0


def _fit(name: str) -> Fit:
    block = BLOCKS[name]
    for sizes, _ in block.points:
        begun, parameters = time.monotonic(), block.parameters_at(sizes)
        gates = block.gates_at(sizes)
        text = " ".join(f"{key}={value}" for key, value in parameters.items())
        _say(f"{name} {text}: {gates.logic:,.0f} gates, {gates.flip_flops:,.0f} flip-flops", begun)
    return fit(name, block)


def _say(text: str, begun: float) -> None:
    print(f"{text} [{time.monotonic() - begun:.1f} s]", flush=True)


if __name__ == "__main__":
    sys.exit(main())
