"""What a design-space exploration found, as a page and as lines on the terminal."""

from reports.exploration import chosen, comparison
from reports.exploration.page import page
from reports.exploration.terminal import terminal

__all__ = ["chosen", "comparison", "page", "terminal"]
