"""Packages of the extra ``explore``: imported when they are needed, with a message that says how to get them."""

import importlib
from types import ModuleType


def needed(name: str) -> ModuleType:
    """Import a module of the extra. Raises ValueError naming the extra when it is not installed."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name.partition(".")[0]:
            raise
        raise ValueError(
            f"cosim explore needs the package {error.name}, which is not installed; install the extra 'explore': "
            "pip install 'cosim[explore]'"
        ) from None
