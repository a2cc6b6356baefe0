"""Train ResNet-8: `python -m workloads.resnet8.train --help`."""

import sys

from workloads.command import main
from workloads.resnet8.task import TASK

if __name__ == "__main__":
    sys.exit(main(TASK))
