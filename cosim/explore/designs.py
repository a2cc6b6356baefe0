"""What two explorations share: axes, fixed fields, designs that are in both spaces.

Two points are the same design where all fields of the system and all options of the workloads are equal: an axis of one
space is held against the fixed value of the other's. ``Data`` is that of an explore.json.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from accel_models.system import Array
from cosim.explore.space import OPTIONS, Weighted

Data = Mapping[str, Any]
ABSENT = None  # what no space gives a value to
_NOT_OF_THE_DESIGN = ("name", "description")
# Fields that a system's data leave out where they have their default, and that default.
_UNWRITTEN: Mapping[str, Any] = {
    f"accelerator.array.{name}": Array.model_fields[name].default for name in ("kind", "dataflow")
}


def axes(a: Data, b: Data) -> list[dict[str, Any]]:
    """Every axis of either space: the values of both, of A alone and of B alone; a fixed value counts as an axis of
    one."""
    return [
        {
            "path": path,
            "both": [value for value in first if key(value) in {key(other) for other in second}],
            "only_a": [value for value in first if key(value) not in {key(other) for other in second}],
            "only_b": [value for value in second if key(value) not in {key(other) for other in first}],
            "axis_of": [name for name, data in (("a", a), ("b", b)) if path in _axes_of(data)],
        }
        for path in paths(a, b)
        for first, second in [(_taken(a, path), _taken(b, path))]
    ]


def settings(a: Data, b: Data) -> list[dict[str, Any]]:
    """What differs beside the values of the axes: fields of the base systems, workloads, options, constraints; axes
    that overlap, such as ``technology`` in one space and ``technology.vdd`` in the other."""
    own, other = list(_axes_of(a)), list(_axes_of(b))
    found: list[dict[str, Any]] = [
        {"name": "axes", "a": x, "b": y} for x in own for y in other if x != y and _overlap(x, y)
    ]
    sides = [_flat(data["base"]) | _workloads(data) for data in (a, b)]
    for name in sorted({*sides[0], *sides[1]}):
        first, second = (side.get(name, ABSENT) for side in sides)
        if key(first) != key(second) and not any(_covers(axis, name) for axis in (*own, *other)):
            found.append({"name": name, "a": first, "b": second})
    if a["space"]["constraints"] != b["space"]["constraints"]:
        found.append({"name": "constraints", "a": a["space"]["constraints"], "b": b["space"]["constraints"]})
    return found


def comparable(a: Data, b: Data) -> bool:
    """Whether equal values of the axes make equal designs: nothing else but constraints differs."""
    return all(item["name"] == "constraints" for item in settings(a, b))


def points_in_common(a: Data, b: Data) -> int:
    """How many designs are in both spaces; 0 where the spaces differ in more than their axes."""
    return math.prod(len(item["both"]) for item in axes(a, b)) if comparable(a, b) else 0


def paths(a: Data, b: Data) -> list[str]:
    """The axes of both."""
    return list(dict.fromkeys([*_axes_of(a), *_axes_of(b)]))


def design(data: Data, point: Mapping[str, Any], along: Sequence[str]) -> tuple[str, ...]:
    """A point by its values along these paths: equal for equal designs of comparable spaces."""
    return tuple(key(point[path] if path in point else _fixed(data, path)) for path in along)


def key(value: Any) -> str:
    """Equal for equal values, whatever the order of their fields; 1 and 1.0 are one value."""
    number = isinstance(value, int) and not isinstance(value, bool)
    return json.dumps(float(value) if number else value, sort_keys=True)


def _axes_of(data: Data) -> dict[str, list[Any]]:
    return {item["path"]: item["values"] for item in data["axes"]}


def _taken(data: Data, path: str) -> list[Any]:
    """The values that a space gives to a path."""
    return list(_axes_of(data).get(path, [_fixed(data, path)]))


def _fixed(data: Data, path: str) -> Any:
    """What the base system or the options say of a path; ABSENT where that is nothing, or not one value."""
    parts = path.split(".")
    if OPTIONS in parts[:2]:
        label, option = parts[0] if parts[1] == OPTIONS else None, parts[-1]
        own = [options[option] for name, options in _options(data).items() if label in (None, name)]
        return own[0] if own and all(value == own[0] for value in own) else ABSENT
    found: Any = data["base"]
    for name in parts:
        if not isinstance(found, Mapping):
            return ABSENT
        found = found.get(name, _UNWRITTEN.get(path, ABSENT))
    return found


def _options(data: Data) -> dict[str, dict[str, Any]]:
    """The options of each workload where no axis changes them."""
    common = data["space"]["options"]
    return {Weighted.model_validate(item).label: common | item["options"] for item in data["space"]["workloads"]}


def _workloads(data: Data) -> dict[str, Any]:
    """Targets, weights and options of the workloads, by ``label.field``."""
    found: dict[str, Any] = {}
    for item, (label, options) in zip(data["space"]["workloads"], _options(data).items(), strict=True):
        found |= {f"{label}.target": item["target"], f"{label}.weight": item["weight"]}
        found |= {f"{label}.{OPTIONS}.{name}": value for name, value in options.items()}
    return found


def _covers(axis: str, name: str) -> bool:
    """Whether an axis sets a field; ``options.x`` sets that of every workload."""
    everyone = axis.startswith(f"{OPTIONS}.") and name.endswith(f".{axis}")
    return name == axis or name.startswith(f"{axis}.") or everyone


def _overlap(one: str, other: str) -> bool:
    return _covers(one, other) or _covers(other, one)


def _flat(data: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested fields under their dotted paths."""
    found: dict[str, Any] = {}
    for name, value in data.items():
        if prefix or name not in _NOT_OF_THE_DESIGN:
            found |= _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {prefix + name: value}
    return found
