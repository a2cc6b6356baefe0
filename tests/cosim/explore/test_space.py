"""Space files: what they may say, and what each mistake is answered with."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from accel_models.system import SystemFileError, load_system
from cosim.explore import SpaceError, load_space, parse_space, spaces
from cosim.explore.space import Space
from tests.cosim.explore.small import plain, small_space


@pytest.mark.parametrize("name", spaces())
def test_shipped_spaces_can_be_read(name: str) -> None:
    space = load_space(name)
    assert space.name == name and space.lattice.size > 1
    space.system_at(space.point(space.lattice.size - 1))


def test_a_point_changes_the_fields_that_its_axes_name() -> None:
    array = {"rows": 4, "columns": 8}
    space = small_space(
        "kws",
        axes={
            "accelerator.array.columns": [32],  # after the part that it is in
            "accelerator.array": [array, {"rows": 8, "columns": 8}],
            "sram.size_bytes": {"from": 65536, "to": 262144, "factor": 2},
            "external_ram": [None],
            "options.multiplier_bits": [31, 16],
            "kws.options.rounding": ["double"],
        },
    )
    assert space.lattice.size == 12
    point = space.point(3)
    assert (point["accelerator.array"], point["sram.size_bytes"], point["options.multiplier_bits"]) == (
        array,
        131072,
        16,
    )
    system = space.system_at(point)
    assert system.accelerator is not None
    assert (system.accelerator.array.rows, system.accelerator.array.columns) == (4, 32)
    assert system.sram.size_bytes == 131072 and system.flash == load_system("edge16").flash
    options = space.options_at(point, space.workloads[0])
    assert (options.multiplier_bits, options.rounding, options.weights_in) == (16, "double", "auto")


def test_a_million_points_are_not_listed() -> None:
    axes = {
        "accelerator.clock_mhz": {"from": 1, "to": 1000, "step": 1},
        "sram.latency_cycles": {"from": 1, "to": 1000, "step": 1},
    }
    space = small_space("kws", axes=axes)
    assert space.lattice.size == 1_000_000
    assert space.point(123_456) == {"accelerator.clock_mhz": 124, "sram.latency_cycles": 457}


def test_fields_that_do_not_go_together_are_a_matter_of_points() -> None:
    axes = {
        "accelerator.array.rows": [32],
        "accelerator.scratchpad.size_bytes": [1024, 65536],
        "technology.vdd": [0.8, 1.1],
    }
    space = small_space("kws", axes=axes)
    with pytest.raises(SystemFileError, match="less than 64 vectors"):
        space.system_at(space.point(0))
    with pytest.raises(SystemFileError, match="at 22 nm want 0.6"):
        space.system_at(space.point(3))


def test_goals_follow_what_is_better_for_a_metric() -> None:
    space = small_space(
        "kws",
        objectives=[
            "accuracy",
            "kws.accuracy",
            "utilization",
            "energy_uj",
            "2 * cycles",
            {"metric": "area_mm2", "goal": "maximise"},
        ],
    )
    assert [most for _, most in space.goals] == [True, True, True, False, False, True]


_AXIS = {"accelerator.array.rows": [8]}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"axes": {"accelerator.array.row": [1]}}, "unknown field 'row': accelerator.array has rows, columns"),
        ({"axes": {"acelerator.array": [1]}}, "unknown field 'acelerator': a system has accelerator, cpu"),
        ({"axes": {"name": ["x"]}}, "unknown field 'name'"),
        ({"axes": {"sram.banks.x": [1]}}, "sram.banks is one value and has no fields"),
        ({"axes": {"options.bits": [1]}}, "axes.options.bits: "),
        ({"axes": {"accelerator.array.rows": [16, 1]}}, "rows: Input should be greater than or equal to 2, got 1"),
        ({"axes": {"accelerator.array.rows": ["x"]}}, "rows: Input should be a valid integer"),
        ({"axes": {"options.rounding": ["up"]}}, "rounding: Input should be 'half_up' or 'double', got 'up'"),
        ({"axes": {"sram.size_bytes": []}}, "an axis without values makes an empty space"),
        ({"axes": {"sram.size_bytes": 7}}, "want a list of values or a range"),
        ({"axes": {"sram.size_bytes": {"from": 2, "to": 1, "step": 1}}}, "holds no value"),
        ({"axes": {"accelerator.array.rows": [8, 8]}}, "a value stands there twice"),
        ({"axes": {"external_ram.size_bytes": [4096]}}, "this system has no external_ram"),
        ({"workloads": []}, "workloads: "),
        ({"workloads": [{"target": "kws", "weight": 0}]}, "weight: Input should be greater than 0, got 0"),
        ({"workloads": ["kws", "kws"]}, "two are called 'kws'"),
        ({"workloads": [{"target": "kws", "options": {"speed": 1}}]}, "workloads.kws.options.speed"),
        ({"constraints": ["sram_peek_bytes <= 1"]}, "unknown name 'sram_peek_bytes' (did you mean 'sram_peak_bytes'?)"),
        ({"constraints": ["accuracy >= 0.9"], "workloads": ["a.network"]}, "unknown name 'accuracy'"),
        ({"constraints": ["latency_ms"]}, "says nothing: compare it"),
        ({"constraints": ["latency_ms <"]}, "is not an expression"),
        ({"objectives": []}, "objectives: "),
        ({"objectives": ["latency_ms < 3"]}, "is a condition; want a number"),
        ({"objectives": ["speed"]}, "unknown name 'speed'"),
        ({"objectives": [{"metric": "latency_ms", "goal": "less"}]}, "goal: Input should be 'minimise' or 'maximise'"),
        ({"system": "edge99"}, "unknown system 'edge99'"),
        ({"system": {"name": "x"}}, "cpu: Field required"),
        ({"name": "a/b"}, "name: "),
        ({"budget": 3}, "budget: unknown field; see 'cosim explore --schema'"),
    ],
)
def test_a_mistake_is_named_with_its_field_and_what_is_wanted(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SpaceError, match="^space: ") as caught:
        parse_space(plain("kws", axes=_AXIS) | changes)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [("[1, 2]", "want a mapping"), ("a: [", "is not YAML"), ("\xff: 1\0", "is not YAML"), ("", "want a mapping")],
)
def test_a_file_that_is_no_space(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "space.yaml"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(SpaceError, match=message):
        load_space(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SpaceError, match="cannot read space file .*none.yaml: No such file"):
        load_space(tmp_path / "none.yaml")
    with pytest.raises(SpaceError, match="unknown space 'large': want one of .*explore-small"):
        load_space("large")


def test_a_file_says_what_its_data_says(tmp_path: Path) -> None:
    path = tmp_path / "space.yaml"
    path.write_text(yaml.safe_dump(plain("kws")))
    assert load_space(path) == small_space("kws")
    assert set(Space.model_json_schema()["properties"]) == set(Space.model_fields)
