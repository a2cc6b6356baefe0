"""From a Network and a System to a Program: tiled, placed, ordered by tokens, encoded and checked."""

from cosim.encode.compiler import CompileError, compile_network
from cosim.encode.expansions import Expansions

__all__ = ["CompileError", "Expansions", "compile_network"]
