"""The binary encoding: what goes in comes out, and nothing illegal does."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel_models.commands import (
    COMMAND_BYTES,
    COMMANDS,
    Command,
    End,
    Load,
    Matrix,
    Register,
    SetRegister,
    decode,
    encode,
    layout,
)


@st.composite
def commands(draw: st.DrawFn) -> Command:
    """Any command, any field value, registers where a field takes one."""
    command = draw(st.sampled_from(COMMANDS))
    values = {}
    for spec in layout(command):
        immediate = st.integers(spec.low, spec.high)
        register = st.integers(0, min(31, spec.high)).map(Register)
        values[spec.name] = draw(st.one_of(immediate, register) if spec.register else immediate)
    return command(**values)


@given(commands())
def test_decode_inverts_encode(command: Command) -> None:
    data = encode(command)
    assert len(data) == COMMAND_BYTES
    assert decode(data) == command


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
def test_fields_do_not_overlap(command: type[Command]) -> None:
    used = np.zeros(8 * COMMAND_BYTES, int)
    used[:8] += 1
    for spec in layout(command):
        used[spec.offset : spec.offset + spec.width] += 1
        if spec.flag is not None:
            used[spec.flag] += 1
    assert used.max() == 1


def test_opcodes_differ() -> None:
    assert len({command.OPCODE for command in COMMANDS}) == len(COMMANDS)


@pytest.mark.parametrize("opcode", sorted(set(range(256)) - {command.OPCODE for command in COMMANDS}))
def test_unknown_opcodes_are_refused(opcode: int) -> None:
    with pytest.raises(ValueError, match=f"unknown opcode {opcode}"):
        decode(bytes([opcode]) + bytes(COMMAND_BYTES - 1))


def test_unused_bits_must_be_zero() -> None:
    data = bytearray(encode(End()))
    data[-1] = 1
    with pytest.raises(ValueError, match="unused bits"):
        decode(bytes(data))


def test_wrong_lengths_values_and_registers_are_named() -> None:
    with pytest.raises(ValueError, match="want 64 bytes, got 63"):
        decode(bytes(63))
    with pytest.raises(ValueError, match=r"Load.row_bytes: want 0..1048575, got -1"):
        Load(bus_address=0, pad_address=0, row_bytes=-1)
    with pytest.raises(ValueError, match=r"SetRegister.value: want -2147483648..2147483647"):
        SetRegister(destination=0, value=1 << 31)
    with pytest.raises(ValueError, match="Load.bus_address takes no register"):
        Load(bus_address=Register(1), pad_address=0, row_bytes=1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"want a register index in 0..31, got 32"):
        Register(32)


def test_negative_fields_keep_their_sign() -> None:
    command = Matrix(
        mode=0, input_address=0, input_pixel_stride=1, input_width=1, output_width=1, columns=1, weight_address=0,
        weight_row_stride=1, accumulator=0, origin_y=-3, origin_x=-32768, zero_point=-128,
    )  # fmt: skip
    again = decode(encode(command))
    assert isinstance(again, Matrix)
    assert (again.origin_y, again.origin_x, again.zero_point) == (-3, -32768, -128)
