"""Proves the RTL's control blocks: `python -m rtl.proofs`, or `make proofs`; writes reports/results/proofs.{json,md}.

Needs the extra `verify`. Exit status 1 where a property does not hold, is not proved, or a state is not reached; the
files are then left as they were. 2 where a tool is missing.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from accel_models.container import write_atomic
from rtl.bench.build import RTL_DIR
from rtl.bench.tools import BuildError, MissingToolError
from rtl.bench.yosys import yosys_version
from rtl.proofs.blocks import PROOFS, Proof
from rtl.proofs.prove import prove
from rtl.proofs.report import Result, finished, json_text, page

RESULTS = RTL_DIR.parent / "reports" / "results"
_BLOCKS = tuple(dict.fromkeys(proof.block for proof in PROOFS))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m rtl.proofs", description="proofs of the RTL by temporal induction")
    parser.add_argument("blocks", nargs="*", metavar="BLOCK", help="prove these, write nothing; default: all")
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.blocks) - set(_BLOCKS))
    if unknown:
        parser.error(f"no proof of {', '.join(unknown)}: want some of {', '.join(_BLOCKS)}")
    try:
        found = [_proved(proof) for proof in PROOFS if not options.blocks or proof.block in options.blocks]
        tool = yosys_version()
    except MissingToolError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    results = [item for item in found if item is not None]
    if len(results) < len(found):
        print(f"error: {len(found) - len(results)} of {len(found)} proofs failed", file=sys.stderr)
        return 1
    if not options.blocks:
        _write(results, tool, RESULTS)
        print(f"wrote {RESULTS}/proofs.md")
    return 0


def _proved(proof: Proof) -> Result | None:
    begun = time.monotonic()
    result, text = None, ""
    try:
        outcome = prove(proof)
        text = f"{outcome.how}, {outcome.steps} cycles"
        if outcome.how == "proved":
            result = finished(proof, outcome)
            text += f"; reached {', '.join(result.reached)}"
    except MissingToolError:
        raise
    except BuildError as error:
        result, text = None, str(error)
    print(f"{proof.name:48} {text} [{time.monotonic() - begun:.1f} s]", flush=True)
    return result


def _write(results: Sequence[Result], tool: str, folder: Path) -> None:
    text = json_text(results, tool)
    write_atomic(folder / "proofs.json", text.encode())
    write_atomic(folder / "proofs.md", page(json.loads(text)).encode())


if __name__ == "__main__":
    sys.exit(main())
