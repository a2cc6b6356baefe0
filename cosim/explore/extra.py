"""Packages of the extras ``explore`` and ``postgres``: imported when needed; the message says how to get them."""

import importlib
from types import ModuleType


def needed(name: str, extra: str = "explore") -> ModuleType:
    """Import a module of an extra. Raises ValueError naming the extra when it is not installed."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name.partition(".")[0]:
            raise
        raise ValueError(
            f"cosim explore needs the package {error.name}, which is not installed; install the extra '{extra}': "
            f"pip install 'cosim[{extra}]'"
        ) from None
