"""What a training step in 8-bit integers costs: time, energy and memory, measured on the event machine."""

from reports.octo_cost.aims import aims
from reports.octo_cost.measurements import measure
from reports.octo_cost.page import page

__all__ = ["aims", "measure", "page"]
