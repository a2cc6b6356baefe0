"""Reading a space file: YAML to a Space, checked as far as it can be without running: fields, values, names."""

import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from accel_models.system import System, SystemFileError
from cosim.explore.expressions import ExpressionError
from cosim.explore.metrics import METRICS
from cosim.explore.space import OPTIONS, Space, WorkloadOptions, changed

SPACES = Path(__file__).parent / "spaces"


class SpaceError(ValueError):
    """A space file that cannot be used; one line per problem: field, value, what is wanted."""


def spaces() -> list[str]:
    """Names of the spaces that come with the package."""
    return sorted(path.stem for path in SPACES.glob("*.yaml"))


def load_space(name_or_path: str | Path) -> Space:
    """A shipped space by name, or one from a YAML file; checked. Raises SpaceError, SystemFileError."""
    path = Path(name_or_path)
    if path.suffix not in (".yaml", ".yml"):
        path = SPACES / f"{name_or_path}.yaml"
        if not path.exists():
            raise SpaceError(f"unknown space '{name_or_path}': want one of {', '.join(spaces())}, or a .yaml file")
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SpaceError(f"cannot read space file {path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise SpaceError(f"{path} is not YAML: {str(error).splitlines()[0]}") from None
    if not isinstance(data, dict):
        raise SpaceError(f"{path}: want a mapping of fields such as name, system, axes, got {type(data).__name__}")
    return parse_space(data, str(path))


def parse_space(data: Mapping[str, Any], where: str = "space") -> Space:
    """A Space from plain data, checked. Raises SpaceError with one line per problem."""
    try:
        space = Space.model_validate(data)
    except ValidationError as error:
        raise SpaceError("\n".join(_finding(where, item) for item in error.errors())) from None
    for check in (_base_problems, _option_problems, _axis_problems, _expression_problems):
        problems = check(space)
        if problems:
            raise SpaceError("\n".join(f"{where}: {line}" for line in problems))
    return space


def _finding(where: str, item: Any) -> str:
    parts = [str(part) for part in item["loc"] if part not in ("list", "range")]
    field = ".".join(parts) or "space"
    value = "" if isinstance(item["input"], dict) else f", got {item['input']!r}"
    if item["type"] == "extra_forbidden":
        return f"{where}: {field}: unknown field; see 'cosim explore --schema' for the schema{value}"
    if item["type"] == "too_short" and parts[:1] == ["axes"]:
        return f"{where}: {field}: an axis without values makes an empty space; give at least one"
    return f"{where}: {field}: {item['msg'].removeprefix('Value error, ')}{value}"


def _base_problems(space: Space) -> list[str]:
    try:
        space.base  # noqa: B018
    except SystemFileError as error:
        return str(error).splitlines()
    return []


def _axis_problems(space: Space) -> list[str]:
    """Unknown fields, and values that their field refuses whatever the others are."""
    found = []
    for path, values in space.values.items():
        option = space.option_of(path)
        known = _fields_problem(path.split(".")) if option is None else None
        if known is not None:
            found.append(f"axes.{path}: {known}")
            continue
        if len({repr(value) for value in values}) < len(values):
            found.append(f"axes.{path}: a value stands there twice")
        for value in values:
            found += [f"axes.{path}: {line}" for line in _value_problems(space, path, value)]
    return found


def _fields_problem(parts: list[str]) -> str | None:
    """Which part of a path names no field of a system, and the fields that exist there."""
    model: type[BaseModel] | None = System
    for place, name in enumerate(parts):
        if model is None:
            return f"{'.'.join(parts[:place])} is one value and has no fields"
        if name not in model.model_fields or (place == 0 and name in ("name", "description")):
            fields = [field for field in model.model_fields if field not in ("name", "description")]
            above = f"{'.'.join(parts[:place])} has" if place else "a system has"
            more = "" if place else f"; workload options are {OPTIONS}.{{{', '.join(WorkloadOptions.model_fields)}}}"
            return f"unknown field '{name}': {above} {', '.join(fields)}{more}"
        model = _model_of(model.model_fields[name].annotation)
    return None


def _model_of(annotation: Any) -> type[BaseModel] | None:
    """The model of a field, or None for a plain value; optional ones count as what they may be."""
    choices = typing.get_args(annotation) if typing.get_origin(annotation) in (types.UnionType, typing.Union) else ()
    for choice in choices or (annotation,):
        if isinstance(choice, type) and issubclass(choice, BaseModel):
            return choice
    return None


def _value_problems(space: Space, path: str, value: Any) -> list[str]:
    """What the field itself says of one value, on the base system. Findings about fields together (a validator's own
    words) are left to the points: another axis may change them."""
    try:
        if space.option_of(path) is not None:
            for workload in space.workloads:
                space.options_at({path: value}, workload)
        else:
            System.model_validate(changed(space.base_data, path.split("."), value))
    except SystemFileError as error:
        return [] if _parent_varies(space, path) else [str(error).removeprefix("system: ")]
    except ValidationError as error:
        refused = [item for item in error.errors() if item["type"] != "value_error"]
        return [f"{_place(item, path)}{item['msg']}, got {item['input']!r}" for item in refused]
    return []


def _place(item: Any, path: str = "") -> str:
    """The field of a finding, unless it is the axis itself."""
    field = ".".join(str(part) for part in item["loc"])
    return "" if field == path or path.endswith(f".{field}") else f"{field}: "


def _parent_varies(space: Space, path: str) -> bool:
    """Whether another axis sets a part that this path goes through."""
    return any(path.startswith(f"{other}.") for other in space.values)


def _option_problems(space: Space) -> list[str]:
    found = []
    for item in space.workloads:
        try:
            space.options_at({}, item)
        except ValidationError as error:
            found += [
                f"workloads.{item.label}.options.{_place(finding)}{finding['msg']}, got {finding['input']!r}"
                for finding in error.errors()
            ]
    return found


def _expression_problems(space: Space) -> list[str]:
    try:
        known = space.names()
        labels = "|".join(item.label for item in space.workloads)
        metrics = ", ".join([*METRICS, *sorted(space.quality_names)])
        shown = f"{metrics}; one workload's as {labels}.METRIC; a number of the system such as sram.size_bytes"
        for expression in space.conditions:
            expression.check_names(known, "constraints", shown)
            if not expression.is_condition:
                raise ExpressionError(f"constraints: '{expression.text}' says nothing: compare it, as in '... <= 1000'")
        for expression, _ in space.goals:
            expression.check_names(known, "objectives", shown)
            if expression.is_condition:
                raise ExpressionError(f"objectives: '{expression.text}' is a condition; want a number")
    except ExpressionError as error:
        return [str(error)]
    return []
