"""Train the DS-CNN: `python -m workloads.kws.train --help`."""

import sys

from workloads.command import main
from workloads.kws.task import TASK

if __name__ == "__main__":
    sys.exit(main(TASK))
