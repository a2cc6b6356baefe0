"""The committed counts of the array's registers against the operands that golden says it gets: no RTL, no recording."""

import json
from collections.abc import Iterator

import numpy as np
import pytest

from accel_models.commands import Matrix
from accel_models.golden import Machine, boundary, execute
from accel_models.golden.streams import TileVectors, operand_vectors
from accel_models.program import Program
from accel_models.system import load_system
from cosim.encode import compile_network
from cosim.frontend import prepare
from cosim.options import Options
from cosim.validate.activity import NETWORK, RESULTS, SYSTEM, WHOLE


def tiles(
    program: Program, inputs: dict[str, np.ndarray], rows: int, columns: int
) -> Iterator[tuple[TileVectors, bool]]:
    """What the array gets, in order, and whether its weights come by column."""
    machine = Machine(program)
    for name in program.inputs:
        machine.write(name, boundary.to_stored(program.bindings[name].tensor, inputs[name]))
    for command in program.decoded:
        if isinstance(command, Matrix):
            for tile in operand_vectors(command, machine.state.scratchpad[0], rows, columns):
                yield tile, bool(command.transposed)
        execute(command, machine.state)


def changes(values: np.ndarray) -> int:
    """Bits that differ between successive rows."""
    unsigned = values.view(f"u{values.itemsize}")
    return int(np.bitwise_count(unsigned[1:] ^ unsigned[:-1]).sum())


def test_the_array_changed_as_golden_says() -> None:
    """Equal where the committed table was made; another CPU may quantize a weight of the network differently."""
    accelerator = load_system(SYSTEM).accelerator
    assert accelerator is not None
    rows, columns = accelerator.array.rows, accelerator.array.columns
    prepared = prepare(NETWORK, Options(), lambda stage: None)
    program = compile_network(prepared.network, load_system(SYSTEM), "sram")
    inputs = {name: array[None] for name, array in prepared.inputs.items()}
    last = np.zeros((1, rows), np.int8), np.zeros((1, rows, columns), np.int16), np.zeros((1, columns), np.int32)
    found = np.zeros(3, np.int64)
    for tile, by_column in tiles(program, inputs, rows, columns):
        weights = np.zeros((rows, columns), np.int8)
        loaded = weights.T if by_column else weights
        loaded[: len(tile.weights)] = tile.weights
        products = tile.activations.astype(np.int16)[:, :, None] * weights.astype(np.int16)
        stages = tile.activations, products, products.sum(axis=1, dtype=np.int32)
        joined = [np.concatenate(pair) for pair in zip(last, stages, strict=True)]
        found += np.array([changes(values) for values in joined])
        last = tuple(values[-1:] for values in joined)  # type: ignore[assignment]
    (whole,) = (
        point for point in json.loads((RESULTS / "activity.json").read_text())["points"] if point["layer"] == WHOLE
    )
    recorded = [
        whole["classes"][name]["toggles"] for name in ("operand registers", "product registers", "column-sum registers")
    ]
    assert found.tolist() == pytest.approx(recorded, rel=1e-3)
