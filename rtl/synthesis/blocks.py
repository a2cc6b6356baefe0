"""The blocks of the accelerator's logic, the RTL of each, and the configurations at which they are synthesized."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from accel_models.gates import Sizes
from rtl.synthesis.flow import Gates, synthesize

# The parameters of the RTL, as functions of the sizes.
_PARAMETERS: dict[str, Callable[[Sizes], int]] = {
    "Rows": lambda s: s.rows,
    "Columns": lambda s: s.columns,
    "PadBytes": lambda s: s.pad_bytes,
    "Banks": lambda s: s.banks,
    "Entries": lambda s: s.entries,
    "BusBytes": lambda s: s.bus_bytes,
    "QueueDepth": lambda s: s.queue_depth,
    "TokenDepth": lambda s: s.token_depth,
    "MultW": lambda s: s.multiplier_bits,
    "BytesMax": lambda s: s.word_bytes,
}
SMALL = Sizes(
    rows=4,
    columns=4,
    banks=8,
    pad_bytes=1 << 14,
    entries=512,
    bus_bytes=8,
    queue_depth=8,
    token_depth=63,
    multiplier_bits=31,
)
EDGE8 = replace(SMALL, rows=8, columns=8, banks=4, pad_bytes=1 << 15, entries=256, bus_bytes=4)  # the preset
EDGE16 = replace(SMALL, rows=16, columns=16, pad_bytes=1 << 17)


@dataclass(frozen=True, slots=True)
class Block:
    """A block: module ``top`` without the modules of other blocks (``without``) and its RTL parameters.

    ``fitted``, ``held_out``: the configurations that the fit sees, and those that it is tried on.
    """

    top: str
    parameters: tuple[str, ...]
    fitted: tuple[Sizes, ...]
    held_out: tuple[Sizes, ...] = ()
    without: tuple[str, ...] = ()

    def parameters_at(self, sizes: Sizes) -> dict[str, int]:
        return {name: _PARAMETERS[name](sizes) for name in self.parameters}

    def gates_at(self, sizes: Sizes) -> Gates:
        """Synthesize where that has not been done: seconds to minutes."""
        return synthesize(self.top, self.parameters_at(sizes), without=self.without)

    @property
    def points(self) -> tuple[tuple[Sizes, bool], ...]:
        """All configurations, the second one of a pair True where it is held out."""
        return (*((sizes, False) for sizes in self.fitted), *((sizes, True) for sizes in self.held_out))


# Everything at once: held against the sum of the blocks.
WHOLE = Block(
    "accelerator",
    ("Rows", "Columns", "PadBytes", "Banks", "Entries", "BusBytes", "QueueDepth", "TokenDepth", "MultW"),
    fitted=(),
    held_out=(SMALL, EDGE8, EDGE16),
)


def _arrays(*shapes: tuple[int, int]) -> tuple[Sizes, ...]:
    return tuple(replace(SMALL, rows=rows, columns=columns) for rows, columns in shapes)


def _vary(base: Sizes, **fields: tuple[int, ...]) -> tuple[Sizes, ...]:
    """One field at a time away from ``base``."""
    changes: list[dict[str, Any]] = [{name: value} for name, values in fields.items() for value in values]
    return tuple(replace(base, **change) for change in changes)


BLOCKS = {
    "array": Block(
        "pe_array",
        ("Rows", "Columns"),
        fitted=_arrays((4, 4), (8, 8), (16, 16), (4, 8), (8, 4), (4, 16), (16, 4)),
        held_out=_arrays((3, 5), (8, 16), (16, 8)),
    ),
    "matrix": Block(
        "matrix_engine",
        ("Rows", "Columns", "Entries"),
        without=("pe_array",),
        fitted=(*_arrays((4, 4), (8, 8), (16, 16), (4, 16), (16, 4)), *_vary(SMALL, entries=(64, 4096))),
        held_out=(EDGE8, *_arrays((8, 16))),
    ),
    "vector": Block(
        "vector_engine",
        ("Columns", "Entries", "MultW"),
        fitted=tuple(
            replace(SMALL, columns=columns, multiplier_bits=bits) for columns in (4, 8, 16) for bits in (31, 16)
        ),
        held_out=(replace(SMALL, columns=5), replace(SMALL, columns=12, entries=256, multiplier_bits=16)),
    ),
    "crossbar": Block(
        "scratchpad",
        ("Rows", "Columns", "PadBytes", "Banks", "BusBytes"),
        fitted=(
            *_vary(SMALL, banks=(2, 4, 8, 16), bus_bytes=(16, 32)),
            *_vary(EDGE16, banks=(4, 8, 16), pad_bytes=(1 << 15,)),
            EDGE8,
        ),
        held_out=(replace(EDGE8, banks=8), replace(EDGE16, columns=8), replace(EDGE16, banks=32)),
    ),
    "dma": Block(
        "bus_master",
        ("Rows", "Columns", "BusBytes"),
        fitted=(*_vary(SMALL, bus_bytes=(4, 8, 16, 32)), EDGE16, EDGE8),
        held_out=(replace(EDGE16, bus_bytes=16),),
    ),
    "control": Block(
        "control",
        ("QueueDepth", "TokenDepth"),
        fitted=_vary(SMALL, queue_depth=(2, 4, 8, 16), token_depth=(7, 255)),
        held_out=_vary(SMALL, queue_depth=(6,)),
    ),
    "host": Block(
        "host", ("Rows", "Columns", "PadBytes", "BytesMax"), fitted=(SMALL, EDGE16), held_out=(EDGE8,)
    ),
}  # fmt: skip
