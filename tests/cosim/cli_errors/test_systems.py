"""System files with mistakes, and systems that a model does not fit."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from accel_models.network import Network
from accel_models.system import PRESETS, load_system
from cosim.encode import compile_network
from cosim.frontend import prepare
from cosim.options import Options
from tests.fixtures.command import FIXTURES, OUTPUTS, Refusal


def _system(folder: Path, change: Callable[[dict], None]) -> str:
    data = yaml.safe_load((PRESETS / "edge16.yaml").read_text())
    change(data)
    (folder / "chip.yaml").write_text(yaml.safe_dump(data))
    return "chip.yaml"


def _set(path: str, value: object) -> Callable[[dict], None]:
    def change(data: dict) -> None:
        *parents, leaf = path.split(".")
        for part in parents:
            data = data[part]
        data[leaf] = value

    return change


@pytest.mark.parametrize(
    ("path", "value", "wanted"),
    [
        ("acelerator", {}, ["acelerator", "unknown field"]),
        ("accelerator.clock_hz", 200_000_000, ["accelerator.clock_hz", "unknown field"]),
        ("sram.size_kib", 512, ["sram.size_kib", "unknown field"]),
        ("accelerator.clock_mhz", "200 MHz", ["accelerator.clock_mhz", "number", "'200 MHz'"]),
        ("sram.size_bytes", "512 KiB", ["sram.size_bytes", "integer", "'512 KiB'"]),
        ("sram.size_bytes", 1.5, ["sram.size_bytes", "1.5"]),
        ("accelerator.clock_mhz", -200, ["accelerator.clock_mhz", "greater than 0", "-200"]),
        ("accelerator.array.rows", 1000, ["accelerator.array.rows", "64", "1000"]),
        ("accelerator.array", [16, 16], ["accelerator.array", "[16, 16]"]),
        ("accelerator.multiplier_bits", 24, ["accelerator.multiplier_bits", "16", "31", "24"]),
        ("accelerator.scratchpad.size_bytes", 100, ["scratchpad.size_bytes", "1024", "got 100"]),
        ("bus.bytes_per_cycle", 3, ["bus.bytes_per_cycle", "got 3"]),
        ("flash.bandwidth_mb_per_s", 0, ["flash.bandwidth_mb_per_s", "greater than 0"]),
        ("technology.node_nm", 7, ["technology.node_nm", "22", "got 7"]),
        ("cpu.core", "cortex-z9", ["cpu.core", "'cortex-z9'", "cortex-m33"]),
        ("cpu.library", "mkl", ["cpu.library", "'mkl'", "cmsis-nn"]),
    ],
)
def test_system_fields(
    refused: Refusal, tmp_path: Path, tiny: Network, path: str, value: object, wanted: list[str]
) -> None:
    tiny.save(tmp_path / "t.network")
    message = refused("run", "t.network", "--system", _system(tmp_path, _set(path, value)), "--json", "o.json")
    assert all(part in message for part in wanted), message


@pytest.mark.parametrize("command", [("run", "t.network"), ("rtl", "t.program")], ids=["run", "rtl"])
def test_a_systolic_array_has_no_rtl(refused: Refusal, tmp_path: Path, tiny: Network, command: tuple[str, str]) -> None:
    tiny.save(tmp_path / "t.network")
    chip = _system(tmp_path, _set("accelerator.array.kind", "systolic"))
    compile_network(tiny, load_system(tmp_path / chip), search=False).save(tmp_path / "t.program")
    run = command[0] == "run"
    more = ["--system", chip, "--fidelity", "rtl"] if run else []
    message = refused(*command, *more, "--json", "o.json")
    assert all(part in message for part in ("accelerator.array.kind", "'systolic'", "--fidelity event")), message


def test_every_finding_of_a_system_file_has_a_line(refused: Refusal, tmp_path: Path) -> None:
    def change(data: dict) -> None:
        del data["flash"]
        data["accelerator"]["clock_mhz"] = -1

    message = refused("run", "resnet8", "--system", _system(tmp_path, change), lines=2)
    assert "flash: Field required" in message and "accelerator.clock_mhz" in message


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (b"name: [unclosed", "is not YAML"),
        (b"\x00\xff\xfe", "is not YAML"),
        (b"- a\n- list\n", "want a mapping"),
        (b"", "want a mapping"),
        (b"just words", "want a mapping"),
        (b"!!python/object/apply:os.system ['true']", "is not YAML"),
    ],
)
def test_system_files_that_are_none(refused: Refusal, tmp_path: Path, text: bytes, wanted: str) -> None:
    (tmp_path / "chip.yaml").write_bytes(text)
    message = refused("run", "resnet8", "--system", "chip.yaml", *OUTPUTS)
    assert "chip.yaml" in message and wanted in message


def test_unknown_system_lists_the_presets(refused: Refusal) -> None:
    for command in (("run",), ("compile", "-o", "x.program")):
        message = refused(*command, "resnet8", "--system", "edge99")
        assert "'edge99'" in message and "edge16" in message and "cortex-m7" in message
    assert "cannot read system file" in refused("run", "resnet8", "--system", "absent.yaml")


def _fitting(base: dict[str, dict]) -> Callable[[dict], None]:
    def change(data: dict) -> None:
        for part, fields in base.items():
            for name, value in fields.items():
                _set(f"{part}.{name}", value)(data)

    return change


@pytest.fixture(scope="session")
def convnet() -> Network:
    return prepare(f"{FIXTURES / 'convnet.py'}:network", Options(), lambda stage: None).network


def test_sram_too_small_names_the_tensors_at_the_peak(refused: Refusal, tmp_path: Path, convnet: Network) -> None:
    convnet.save(tmp_path / "c.network")
    sizes = {"sram": {"size_bytes": 8192}, "accelerator.scratchpad": {"size_bytes": 4096}}
    message = refused("run", "c.network", "--system", _system(tmp_path, _fitting(sizes)), *OUTPUTS[:4])
    assert "does not fit SRAM" in message and "alive at the peak" in message
    large = [op.outputs[0] for op in convnet.operators if convnet.tensors[op.outputs[0]].bytes > 4096]
    assert any(name in message for name in large), message


def test_flash_too_small(refused: Refusal, tmp_path: Path, convnet: Network) -> None:
    convnet.save(tmp_path / "c.network")
    chip = _system(tmp_path, _set("flash.size_bytes", 2048))
    message = refused("run", "c.network", "--system", chip, "--json", "o.json")
    assert "flash holds 2048 B" in message and "weights" in message


def test_scratchpad_too_small_names_the_block(refused: Refusal, tmp_path: Path, convnet: Network) -> None:
    convnet.save(tmp_path / "c.network")
    chip = _system(tmp_path, _set("accelerator.scratchpad.size_bytes", 1024))
    message = refused("run", "c.network", "--system", chip, "--json", "o.json")
    assert "does not fit the scratchpad" in message and "alive at the peak" in message


def test_weights_that_must_lie_in_sram_and_do_not_fit(refused: Refusal, tmp_path: Path, convnet: Network) -> None:
    convnet.save(tmp_path / "c.network")
    chip = _system(tmp_path, _fitting({"sram": {"size_bytes": 30000}, "accelerator.scratchpad": {"size_bytes": 8192}}))
    message = refused("run", "c.network", "--system", chip, "--weights-in", "sram")
    assert "SRAM" in message and "30000" in message or "alive at the peak" in message


def test_wider_multipliers_than_the_system_has(refused: Refusal, tmp_path: Path, tiny: Network) -> None:
    tiny.save(tmp_path / "t.network")
    chip = _system(tmp_path, _set("accelerator.multiplier_bits", 16))
    assert "--multiplier-bits 16" in refused("run", "t.network", "--system", chip)
