"""Train the autoencoder: `python -m workloads.ad.train --help`."""

import sys

from workloads.ad.task import TASK
from workloads.command import main

if __name__ == "__main__":
    sys.exit(main(TASK))
