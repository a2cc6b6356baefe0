"""A design space: one YAML file that names a base system, axes, workloads, constraints and objectives.

Nothing runs here; files.py reads a space and checks it.
"""

import typing
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator, model_validator

from accel_models.system import System, SystemFileError, load_system, parse_system
from cosim.explore.axes import Lattice, Values, values_of
from cosim.explore.expressions import Expression, parse
from cosim.explore.metrics import MAXIMISE, METRICS, MINIMISE, numbers_of
from workloads.registry import WORKLOADS

OPTIONS = "options"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class WorkloadOptions(_Part):
    """How a target becomes a network, and where its weights lie. Each may be an axis: ``options.multiplier_bits``."""

    multiplier_bits: Literal[31, 16] = Field(default=31, description="precision of the requantizer's multiplier")
    rounding: Literal["half_up", "double"] = Field(default="half_up", description="single, or TFLite's double rounding")
    weights_in: Literal["auto", "sram", "flash"] = Field(
        default="auto", description="memory of the weights at run time"
    )
    data: str | None = Field(default=None, description="folder with the workload's real data set")
    weights: str | None = Field(default=None, description="trained parameters (.npz)")
    calibrate: str | None = Field(default=None, description="calibration inputs (.npz)")
    float: bool = Field(default=False, description="quantize nothing: everything runs on the CPU")


class Weighted(_Part):
    """A workload of the space. ``weight``: how often it runs beside the others."""

    target: str = Field(min_length=1, description="workload, file.py:function, model.pt2 or a .network file")
    name: str = Field(default="", pattern=r"^([A-Za-z_]\w*)?$", description="in expressions; default: from the target")
    weight: typing.Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    options: dict[str, JsonValue] = Field(default_factory=dict, description="differences from the space's options")

    @property
    def label(self) -> str:
        """Its name in tables and expressions."""
        if self.name:
            return self.name
        file, _, function = self.target.rpartition(":")
        text = function if file.endswith(".py") else Path(self.target).stem
        return "".join(letter if letter.isalnum() else "_" for letter in text) or "workload"


class Objective(_Part):
    """``metric``: a metric or an expression; ``goal``: by default what is better for that metric."""

    metric: str = Field(min_length=1)
    goal: Literal["minimise", "maximise"] | None = None


class Space(_Part):
    """What to explore. Points are the product of the axes; the last axis changes fastest."""

    name: str = Field(pattern=r"^[\w.-]+$", description="of the space; part of file names")
    description: str = ""
    system: str | dict[str, JsonValue] = Field(description="base system: a preset, a YAML file, or its fields")
    axes: dict[str, Values] = Field(default_factory=dict, description="dotted path of a field -> its values")
    workloads: tuple[Weighted, ...] = Field(min_length=1)
    options: WorkloadOptions = WorkloadOptions()
    constraints: tuple[str, ...] = Field(default=(), description="such as 'sram_peak_bytes <= 262144'")
    objectives: tuple[Objective, ...] = Field(default=("latency_ms", "energy_uj"), min_length=1, validate_default=True)

    @field_validator("workloads", mode="before")
    @classmethod
    def _short_workloads(cls, value: Any) -> Any:
        return [{"target": item} if isinstance(item, str) else item for item in value] if _listed(value) else value

    @field_validator("objectives", mode="before")
    @classmethod
    def _short_objectives(cls, value: Any) -> Any:
        return [{"metric": item} if isinstance(item, str) else item for item in value] if _listed(value) else value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        labels = [item.label for item in self.workloads]
        twice = sorted({label for label in labels if labels.count(label) > 1})
        if twice:
            raise ValueError(f"workloads: two are called '{twice[0]}'; give one a name of its own (name: ...)")
        return self

    @cached_property
    def base(self) -> System:
        """The system that the axes change."""
        return load_system(self.system) if isinstance(self.system, str) else parse_system(dict(self.system), "system")

    @cached_property
    def values(self) -> Mapping[str, tuple[Any, ...]]:
        """The values of each axis."""
        return {path: values_of(axis) for path, axis in self.axes.items()}

    @cached_property
    def lattice(self) -> Lattice:
        return Lattice(tuple(len(values) for values in self.values.values()))

    def point(self, index: int) -> dict[str, Any]:
        """The axes' values at a point, by path."""
        digits = self.lattice.digits(index)
        return {path: values[digit] for (path, values), digit in zip(self.values.items(), digits, strict=True)}

    def system_at(self, point: Mapping[str, Any]) -> System:
        """The system of a point. Raises SystemFileError where its fields do not go together."""
        data = dict(self.base_data)
        for path, value in sorted(point.items(), key=lambda item: item[0].count(".")):  # a part before its fields
            if self.option_of(path) is None:
                data = changed(data, path.split("."), value)
        return parse_system(data)

    @cached_property
    def base_data(self) -> dict[str, Any]:
        """The base system's fields as plain data; not to be changed."""
        return self.base.model_dump()

    def option_of(self, path: str) -> tuple[str | None, str] | None:
        """(workload or None for all, option) of an axis over workload options; None of one over the system."""
        parts = path.split(".")
        if parts[0] == OPTIONS and len(parts) == 2:
            return None, parts[1]
        if len(parts) == 3 and parts[1] == OPTIONS and parts[0] in {item.label for item in self.workloads}:
            return parts[0], parts[2]
        return None

    def options_at(self, point: Mapping[str, Any], workload: Weighted) -> WorkloadOptions:
        """Options of a workload at a point: the space's, then the workload's own, then the axes'."""
        found = self.options.model_dump() | workload.options
        for path, value in point.items():
            option = self.option_of(path)
            if option is not None and option[0] in (None, workload.label):
                found[option[1]] = value
        return WorkloadOptions.model_validate(found)

    @cached_property
    def conditions(self) -> tuple[Expression, ...]:
        return tuple(parse(text, "constraints") for text in self.constraints)

    @cached_property
    def goals(self) -> tuple[tuple[Expression, bool], ...]:
        """Each objective and whether more of it is better."""
        return tuple((parse(item.metric, "objectives"), self._maximised(item)) for item in self.objectives)

    def _maximised(self, item: Objective) -> bool:
        best = METRICS[item.metric].goal if item.metric in METRICS else None
        quality = item.metric.rpartition(".")[2] in self.quality_names
        return (item.goal or best or (MAXIMISE if quality else MINIMISE)) == MAXIMISE

    @cached_property
    def quality_names(self) -> frozenset[str]:
        """Quality metrics that the built-in workloads of this space report."""
        return frozenset(WORKLOADS[item.target].metric for item in self.workloads if item.target in WORKLOADS)

    def names(self) -> set[str]:
        """Every name that expressions may use."""
        own = {*METRICS, *self.quality_names}
        each = {
            f"{item.label}.{metric}"
            for item in self.workloads
            for metric in (*METRICS, *([WORKLOADS[item.target].metric] if item.target in WORKLOADS else []))
            if metric != "area_mm2"
        }
        return own | each | self.system_names()

    def system_names(self) -> set[str]:
        """Numbers of the system by dotted path, the axes included: known before anything runs."""
        axes = {path: values for path, values in self.values.items() if self.option_of(path) is None}
        found = set(numbers_of(self.base.model_dump(mode="json")))
        for path, values in axes.items():
            for value in values:
                found |= set(numbers_of({path: value}))
        return found


def _listed(value: Any) -> bool:
    return isinstance(value, list | tuple)


def changed(data: Any, path: Sequence[str], value: Any, depth: int = 0) -> Any:
    """Nested data, or a model, with another value of one field, from ``path[depth]`` on; other parts are shared.

    A model does not check the value. Raises SystemFileError where a part on the way is absent.
    """
    name, model = path[depth], isinstance(data, BaseModel)
    if depth < len(path) - 1:
        part = getattr(data, name) if model else data.get(name)
        if not isinstance(part, Mapping | BaseModel):
            raise SystemFileError(f"system: {'.'.join(path)}: this system has no {name}")
        value = changed(part, path, value, depth + 1)
    return data.model_copy(update={name: value}) if model else {**data, name: value}
