"""Design-space exploration: many systems, the same workloads, one definition of cost."""

from cosim.explore.files import SpaceError, load_space, parse_space, spaces
from cosim.explore.space import Space

__all__ = ["Space", "SpaceError", "load_space", "parse_space", "spaces"]
