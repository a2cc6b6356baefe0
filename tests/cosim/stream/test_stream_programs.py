"""Programs of streams: the same for the same network, within their memories, and as fast as they are meant to be."""

import pytest

from accel_models.commands import Compare, Load, Store
from accel_models.footprint import footprint, note_registers
from accel_models.memory import bus_address
from accel_models.program import Program
from accel_models.system import System, load_system
from accel_models.timing import simulate
from cosim.encode import compile_network
from cosim.lower import lower_dense, lower_stream
from cosim.run import run
from cosim.stream.compiler import compile_stream
from tests.cosim.stream import drawn
from tests.cosim.stream.drawn import CHIPS
from tests.cosim.stream.twins import Twins
from workloads import patchskip
from workloads.patchskip import Settings, integer
from workloads.patchskip.backbones import build

RULES = Settings(theta={"x": 2, "made_0_first": 4}, patch=8)


def compiled(chip: System) -> Program:
    return compile_stream(lower_stream(drawn.residual(), RULES), chip)


def test_a_network_gives_the_same_bytes_twice() -> None:
    assert compiled(CHIPS["16x16"]).to_bytes() == compiled(CHIPS["16x16"]).to_bytes()


@pytest.mark.parametrize("name", ["3x5", "4x4, short", "16x16"])
def test_commands_stay_within_what_they_are_for(name: str) -> None:
    """Of the scratchpad; on the bus each within one tensor or constant, borders included, whatever masks say."""
    chip = CHIPS[name]
    program = compiled(chip)
    assert chip.accelerator is not None
    columns, pad_bytes = chip.accelerator.array.columns, chip.accelerator.scratchpad.size_bytes
    homes = [
        (bus_address("sram", item.offset), bus_address("sram", item.offset + item.bytes), item.role)
        for item in program.placements
        if item.space == "sram"
    ]
    assert max(stop for _, stop, _ in homes) <= bus_address("sram", chip.sram.size_bytes - 1) + 1
    largest: dict[int, int] = {}
    for command in program.decoded:
        for item in footprint(command, columns, largest):
            if item.space == "bus":
                assert isinstance(command, Load | Store)
                (role,) = [role for start, stop, role in homes if start <= item.start and item.stop <= stop]
                assert not item.write or role in ("persistent", "output", "input")
            elif item.space == "pad":
                assert item.stop <= pad_bytes or (isinstance(command, Compare) and item.write)
                assert item.start < pad_bytes
        note_registers(command, columns, largest)


@pytest.mark.parametrize("name", sorted(CHIPS))
def test_rows_name_every_layer_and_count_its_work(name: str) -> None:
    program, network = compiled(CHIPS[name]), drawn.residual()
    assert program.macs == network.graph.macs == program.accelerator_macs
    named = {row.name for row in program.rows}
    assert {f"{layer.name}{what}" for layer in network.graph.layers[1:] for what in ("", ".gate")} < named
    assert named >= {"look", "begin", "choose", "finish"} and len(program.rows) == len(named)


def resnet8(rows: int, columns: int) -> integer.Network:
    return patchskip.quantized(build("resnet8"), drawn.inputs(drawn.clip(["global"], rows, columns)))


@pytest.mark.parametrize(
    ("rows", "columns", "limits"),
    [
        pytest.param(120, 160, (0.056, 1.06, 1.08), marks=pytest.mark.slow),
        (48, 64, (0.12, 1.25, 1.28)),  # short pieces, which neither start nor end beside others
    ],
)
def test_cycles_beside_those_of_the_dense_program(rows: int, columns: int, limits: tuple[float, ...]) -> None:
    """Of an unchanged frame, a whole one after a look, and one that nobody looks at and the next is compared with.

    ResNet-8, whose layers are bound by the array, on vision16, in shares of the dense program's cycles.
    """
    chip, network = load_system("vision16"), resnet8(rows, columns)
    dense = run(compile_network(lower_dense(network), chip, "sram", search=False)).to_json()["cycles"]
    frame, other = drawn.inputs(drawn.clip(["global"], rows, columns))
    twins, shares, whole = Twins(network, Settings(theta=2, patch=8), chip), [], []
    for image in (frame, frame, other, frame):
        whole.append(twins(image).whole)
        assert twins.differences == []
        if len(whole) > 1:
            shares.append(simulate(twins.program, decided=twins.machine.decided).total_cycles / dense)
    assert whole == [True, False, True, True]
    assert all(0.9 * limit < share <= limit for share, limit in zip(shares, limits, strict=True)), shares
