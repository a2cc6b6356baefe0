"""PyTorch front end: load a target and trace it into one flat, functional ATen graph."""

from .errors import TargetError
from .graph import PHASES, Origin, Phase, TensorSpec, Traced
from .inference import trace_exported, trace_module
from .macs import count_macs, macs_by_node
from .seeding import seed_generators, seeded, silence
from .steps import trace_callable
from .targets import Target, load_target, trace

__all__ = [
    "PHASES",
    "Origin",
    "Phase",
    "Target",
    "TargetError",
    "TensorSpec",
    "Traced",
    "count_macs",
    "load_target",
    "macs_by_node",
    "seed_generators",
    "seeded",
    "silence",
    "trace",
    "trace_callable",
    "trace_exported",
    "trace_module",
]
