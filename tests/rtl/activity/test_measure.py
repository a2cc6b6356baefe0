"""The activity of a program on the RTL is the one that its data must have."""

import numpy as np
import pytest

from accel_models.golden.machine import run_program
from cosim.encode import compile_network
from rtl.activity.measure import measure
from tests.cosim.networks import NetworkBuilder
from tests.rtl.test_accelerator import SYSTEMS

PIXELS, LANES = 60, 4


def changes(values: np.ndarray) -> int:
    """Bits that differ between successive rows."""
    return int(np.bitwise_count(values[1:] ^ values[:-1]).sum())


@pytest.mark.slow  # a build of its own
def test_the_array_changes_with_its_data() -> None:
    """A 1x1 layer as wide as the array: one operand vector a pixel, the weights still."""
    net = NetworkBuilder(3)
    output = net.conv(net.input("x", (1, 1, PIXELS, LANES)), LANES, kernel=(1, 1), padding=(0, 0, 0, 0))
    network = net.build(output)
    program = compile_network(network, SYSTEMS["4x4"], "sram", search=False)
    x = net.codes("x")
    found = measure(program, {"x": x[None]})
    (operator,) = network.operators
    weights = network.constants[operator.inputs[1]].reshape(LANES, LANES)
    codes = x.reshape(PIXELS, LANES)
    products = codes.astype(np.int16)[:, :, None] * weights.astype(np.int16)
    sums = products.sum(axis=1, dtype=np.int32)
    results = run_program(program, {"x": x[None]}).codes[output].reshape(PIXELS, LANES)
    for name, values in (
        ("operand registers", codes.view(np.uint8)),
        ("products", products.view(np.uint16)),
        ("column-sum registers", sums.view(np.uint32)),
        ("requantizer results", results.view(np.uint8)),
    ):
        item = found.activities[name]
        assert item.bits == values[0].size * values.itemsize * 8, name
        assert item.charged_bits == item.bits * PIXELS, name
        # What the registers held before, and the weights that come before the first operands.
        assert 0 <= item.toggles - changes(values) <= 3 * item.bits, name
