"""``python -m reports.octo_cost`` measures anew and writes octo_cost.json and octo_cost.md in results."""

import argparse
import json
import sys
import time

from accel_models.container import write_atomic
from reports.networks import RESULTS
from reports.octo_cost import measure, page


def main() -> None:
    argparse.ArgumentParser(prog="python -m reports.octo_cost", description=f"{__doc__} Takes minutes.").parse_args()
    start = time.monotonic()

    def report(stage: str) -> None:
        print(f"[{time.monotonic() - start:5.0f} s] {stage}", file=sys.stderr, flush=True)

    text = json.dumps(measure(report), indent=1, sort_keys=True) + "\n"
    write_atomic(RESULTS / "octo_cost.json", text.encode())
    write_atomic(RESULTS / "octo_cost.md", page(json.loads(text)).encode())
    print(page(json.loads(text)), end="")


if __name__ == "__main__":
    main()
