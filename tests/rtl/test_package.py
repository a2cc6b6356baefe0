"""The generated packages: not stale, and a field cut out by its constants is what `encode` put there."""

import re

import numpy as np
import pytest

from accel_models.commands import COMMANDS, Register, encode, layout
from rtl.bench import RTL_DIR, lint
from rtl.bench.package import camel, package, packages


@pytest.mark.parametrize("file", packages(), ids=lambda file: file.stem)
def test_packages_are_current(file) -> None:
    """`python -m rtl.bench.package --write` mends this."""
    assert file.read_text() == packages()[file]
    assert file.parent == RTL_DIR
    lint(file.stem)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
def test_constants_find_the_fields(command) -> None:
    constants = {name: int(value) for name, value in re.findall(r"(\w+) = (\d+)[,;]", package())}
    rng = np.random.default_rng(command.OPCODE)
    for _ in range(20):
        values = {}
        for spec in layout(command):
            values[spec.name] = int(rng.integers(spec.low, spec.high + 1))
            if spec.register and rng.random() < 0.5:
                values[spec.name] = Register(int(rng.integers(32)))
        word = int.from_bytes(encode(command(**values)), "little")
        for spec in layout(command):
            name = camel(spec.name) if spec.name in ("wait", "signal") else command.__name__ + camel(spec.name)
            found = word >> constants[f"{name}Lsb"] & ((1 << constants[f"{name}W"]) - 1)
            value = values[spec.name]
            assert found == (value.index if isinstance(value, Register) else value & ((1 << spec.width) - 1))
            if spec.register:
                assert word >> constants[f"{name}Flag"] & 1 == isinstance(value, Register)
