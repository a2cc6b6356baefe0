"""Random numbers and messages of PyTorch while a user's code runs: seeded, silent, and afterwards as they were."""

from __future__ import annotations

import logging
import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def seed_generators(seed: int) -> None:
    """Seed PyTorch's CPU generator and Python's ``random``: what initializes a model that nobody trained."""
    torch.default_generator.manual_seed(seed)
    random.seed(seed)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed both generators; on leaving, also by an error, they go on where they were."""
    state, python_state = torch.get_rng_state(), random.getstate()
    try:
        seed_generators(seed)
        yield
    finally:
        torch.set_rng_state(state)
        random.setstate(python_state)


@contextmanager
def silence() -> Iterator[None]:
    """Keep warnings and log lines, of which PyTorch has many, off standard error: what matters is raised."""
    level = logging.root.manager.disable
    logging.disable(max(level, logging.CRITICAL))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
