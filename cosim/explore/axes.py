"""Axes of a design space: the values of one field each, and numbers of points without listing the points."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Discriminator, Field, JsonValue, Tag, model_validator

MOST_VALUES = 100_000  # of one axis
_ROUNDING = 1e-9  # of a step: how far a range of floats may miss its end and still reach it


class Span(BaseModel):
    """Values from ``from`` to ``to``, both included where they are hit: ``step`` apart, or each ``factor`` times the
    one before (a log range). Whole numbers stay whole."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    first: int | float = Field(alias="from")
    to: int | float
    step: int | float | None = Field(default=None, gt=0)
    factor: int | float | None = Field(default=None, gt=1)

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.step is None) == (self.factor is None):
            raise ValueError("want either step or factor")
        if not all(math.isfinite(value) for value in (self.first, self.to, self.step or self.factor or 0)):
            raise ValueError("want finite numbers")
        if self.to < self.first:
            raise ValueError(f"holds no value: 'from' ({self.first:g}) is above 'to' ({self.to:g})")
        if self.factor is not None and self.first <= 0:
            raise ValueError(f"a range with a factor starts above 0, got {self.first:g}")
        if self._count() > MOST_VALUES:
            raise ValueError(f"an axis has at most {MOST_VALUES:,} values, got {self._count():,}")
        return self

    def _count(self) -> int:
        if self.step is not None:
            return math.floor((self.to - self.first) / self.step + _ROUNDING) + 1
        assert self.factor is not None
        return math.floor(math.log(self.to / self.first) / math.log(self.factor) + _ROUNDING) + 1

    def values(self) -> list[int | float]:
        if self.step is not None:
            found = [self.first + i * self.step for i in range(self._count())]
        else:
            assert self.factor is not None
            found = [self.first * self.factor**i for i in range(self._count())]
        return [value if isinstance(value, int) else float(f"{value:.12g}") for value in found]


def _kind(value: Any) -> str | None:
    """Which form an axis takes: a list of values, or a range."""
    if isinstance(value, list | tuple):
        return "list"
    return "range" if isinstance(value, dict | Span) else None


Values = Annotated[
    Annotated[list[JsonValue], Field(min_length=1, max_length=MOST_VALUES), Tag("list")]
    | Annotated[Span, Tag("range")],
    Discriminator(
        _kind,
        custom_error_type="axis",
        custom_error_message="want a list of values or a range {from, to, step} or {from, to, factor}",
    ),
]


def values_of(axis: list[JsonValue] | Span) -> tuple[Any, ...]:
    """Every value of an axis in order."""
    return tuple(axis.values() if isinstance(axis, Span) else axis)


@dataclass(frozen=True, slots=True)
class Lattice:
    """Points of a product of axes, numbered 0 to size - 1; the last axis changes fastest."""

    lengths: tuple[int, ...]

    @property
    def size(self) -> int:
        return math.prod(self.lengths)

    def digits(self, index: int) -> tuple[int, ...]:
        """Which value of each axis point ``index`` has. Raises ValueError outside the space."""
        if not 0 <= index < self.size:
            raise ValueError(f"point: want 0 to {self.size - 1}, got {index}")
        found = []
        for length in reversed(self.lengths):
            index, digit = divmod(index, length)
            found.append(digit)
        return tuple(reversed(found))

    def columns(self, indices: Sequence[int] | NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """The digits of many points, axis by axis, each int64 [points]."""
        if self.size < 1 << 62:
            return list(np.unravel_index(np.asarray(indices, np.int64), self.lengths)) if self.lengths else []
        return list(np.array([self.digits(index) for index in indices], np.int64).reshape(-1, len(self.lengths)).T)

    def index(self, digits: Sequence[int]) -> int:
        """The number of the point with these values."""
        found = 0
        for digit, length in zip(digits, self.lengths, strict=True):
            if not 0 <= digit < length:
                raise ValueError(f"digit: want 0 to {length - 1}, got {digit}")
            found = found * length + digit
        return found
