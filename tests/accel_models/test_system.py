"""Presets load and cite; a bad system file gets one clear line per problem."""

from pathlib import Path

import pytest

from accel_models.cpu import core_of, library_of
from accel_models.system import ArrayKind, System, SystemFileError, load_system, parse_system, presets
from accel_models.technology import supply_range


def test_presets_are_the_promised_systems() -> None:
    assert {"edge16", "edge8", "cortex-m7", "cortex-m4"} <= set(presets())
    edge16 = load_system("edge16")
    assert edge16.accelerator is not None
    assert (edge16.accelerator.array.rows, edge16.accelerator.array.columns) == (16, 16)
    assert edge16.clock_mhz == 200
    assert edge16.accelerator.scratchpad.size_bytes == 128 * 1024
    assert (edge16.sram.size_bytes, edge16.flash.size_bytes) == (512 * 1024, 2 * 1024 * 1024)
    assert edge16.bus.bytes_per_cycle == 8
    assert load_system("cortex-m7").accelerator is None
    assert load_system("cortex-m4").clock_mhz == 120
    assert load_system("edge16-ext").external_ram is not None


def test_vision16_is_edge16_with_more_memory_and_a_wider_bus() -> None:
    vision16, edge16 = load_system("vision16"), load_system("edge16")
    assert vision16.accelerator is not None and edge16.accelerator is not None
    assert vision16.accelerator.array == edge16.accelerator.array
    assert (vision16.cpu, vision16.flash, vision16.technology) == (edge16.cpu, edge16.flash, edge16.technology)
    assert vision16.bus.bytes_per_cycle == 2 * edge16.bus.bytes_per_cycle
    assert vision16.sram.size_bytes == 4608 * 1024 and vision16.accelerator.scratchpad.size_bytes == 256 * 1024
    assert vision16.accelerator.accumulators.entries == 1024


@pytest.mark.parametrize("name", presets())
def test_every_preset_names_known_cores_and_cites(name: str) -> None:
    system = load_system(name)
    assert system.name == name
    assert core_of(system.cpu).energy and library_of(system.cpu).per_mac
    assert len(system.flash.source) > 30


def test_unknown_preset_lists_the_known_ones() -> None:
    with pytest.raises(SystemFileError, match=r"unknown system 'edge17': want one of .*edge16.*edge8"):
        load_system("edge17")


def edited(tmp_path: Path, old: str, new: str) -> Path:
    source = Path(load_system.__code__.co_filename).parent / "presets" / "edge16.yaml"
    text = source.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "mine.yaml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("banks: 4, latency_cycles", "bnaks: 4, latency_cycles", r"sram\.bnaks: unknown .*cosim list --schema.*got 4"),
        ("clock_mhz: 200\n  array", "clock_hz: 200\n  array", r"clock_mhz: .*required(.|\n)*clock_hz: unknown"),
        ("rows: 16", "rows: 65", r"accelerator\.array\.rows: .*less than or equal to 64, got 65"),
        ("vdd: 0.8", "vdd: 8", r"technology\.vdd: at 22 nm want 0\.6 to 1 V, .*nominal 0\.8 V.*got 8"),
        ("vdd: 0.8", "vdd: 0.59", r"technology\.vdd: at 22 nm want 0\.6 to 1 V.*got 0\.59"),
        ("node_nm: 22, vdd: 0.8", "node_nm: 180, vdd: 0.8", r"technology\.vdd: at 180 nm want 1\.35 to 2\.25 V"),
        ("node_nm: 22", "node_nm: 23", r"technology\.node_nm: .*got 23"),
        ("size_bytes: 131072", "size_bytes: 128 KiB", r"accelerator\.scratchpad\.size_bytes: .*integer.*got '128 KiB'"),
        ("bytes_per_cycle: 8", "bytes_per_cycle: 12", r"bus\.bytes_per_cycle: .*got 12"),
    ],
)  # fmt: skip
def test_bad_fields_name_field_value_and_want(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(SystemFileError, match=message):
        load_system(edited(tmp_path, old, new))


@pytest.mark.parametrize("node_nm", [180, 130, 90, 65, 45, 40, 32, 28, 22])
def test_supplies_are_held_to_the_range_of_the_node(node_nm: int) -> None:
    low, high = supply_range(node_nm)
    data = load_system("edge16").model_dump()
    for vdd in (low, high):
        assert System.model_validate(data | {"technology": {"node_nm": node_nm, "vdd": vdd}}).technology.vdd == vdd
    for vdd in (low - 0.01, high + 0.01, 0, -1, float("nan")):
        with pytest.raises(SystemFileError, match=r"^system: technology\.vdd: (?!Value error)"):
            parse_system(data | {"technology": {"node_nm": node_nm, "vdd": vdd}})


def test_memories_without_a_trust_grade_say_so() -> None:
    data = load_system("edge16").model_dump()
    del data["flash"]["trust"]
    assert System.model_validate(data).flash.trust == "not graded by the system file"
    assert all("not graded" not in load_system(name).flash.trust for name in presets())


def test_scratchpad_too_small_for_the_array(tmp_path: Path) -> None:
    with pytest.raises(SystemFileError, match="less than 64 vectors"):
        load_system(edited(tmp_path, "rows: 16, columns: 16}\n  scratchpad: {size_bytes: 131072",
                           "rows: 64, columns: 64}\n  scratchpad: {size_bytes: 2048"))  # fmt: skip


def test_files_that_are_no_systems(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("a: [1, 2", encoding="utf-8")
    with pytest.raises(SystemFileError, match="is not YAML"):
        load_system(broken)
    broken.write_text("- 1\n- 2\n", encoding="utf-8")
    with pytest.raises(SystemFileError, match="want a mapping .* got list"):
        load_system(broken)
    with pytest.raises(SystemFileError, match="cannot read system file .*No such file"):
        load_system(tmp_path / "absent.yaml")
    with pytest.raises(SystemFileError, match="name: Field required"):
        parse_system({})


def test_a_broadcast_array_is_written_as_before_there_were_others() -> None:
    """Hashes of systems, and results stored under them, stay valid."""
    edge16 = load_system("edge16")
    assert edge16.model_dump()["accelerator"]["array"] == {"rows": 16, "columns": 16}
    data = edge16.model_dump(mode="json")
    data["accelerator"]["array"] |= {"kind": "broadcast", "dataflow": "weight"}
    assert parse_system(data) == edge16 and parse_system(data).model_dump() == edge16.model_dump()


def test_a_systolic_array_says_what_stays_in_its_pes() -> None:
    data = load_system("edge16").model_dump(mode="json")
    data["accelerator"]["array"] |= {"kind": "systolic"}
    assert parse_system(data).accelerator.array.code == ArrayKind.WEIGHT_STATIONARY  # type: ignore[union-attr]
    data["accelerator"]["array"] |= {"dataflow": "output"}
    again = parse_system(parse_system(data).model_dump(mode="json"))
    assert again.accelerator.array.code == ArrayKind.OUTPUT_STATIONARY  # type: ignore[union-attr]
    data["accelerator"]["array"] |= {"kind": "broadcast"}
    with pytest.raises(SystemFileError, match="accelerator.array: dataflow: 'output' goes with kind 'systolic'"):
        parse_system(data)
    data["accelerator"]["array"] |= {"kind": "torus"}
    with pytest.raises(SystemFileError, match="accelerator.array.kind: .*'broadcast' or 'systolic', got 'torus'"):
        parse_system(data)
