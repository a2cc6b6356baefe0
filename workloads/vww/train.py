"""Train the MobileNetV1: `python -m workloads.vww.train --help`."""

import sys

from workloads.command import main
from workloads.vww.task import TASK

if __name__ == "__main__":
    sys.exit(main(TASK))
