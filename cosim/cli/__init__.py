"""The command line: ``cosim run``, ``compile``, ``explore``, ``rtl``, ``validate``, ``list``, ``doctor``,
``report``."""

from cosim.cli.main import main

__all__ = ["main"]
