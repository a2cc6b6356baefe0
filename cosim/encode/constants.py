"""Constant bytes of a program: packed weight slices, requantization parameters, tables; one image for flash or SRAM.

Weights of a slice are stored row by row of the contraction, the slice's columns contiguous, so any array can load them
as one run; a depthwise layer with dilation stores explicit zero taps.
"""

import numpy as np

from accel_models.commands import MatrixMode
from accel_models.network import Conv2d, MatMul, Network, Operator
from cosim.encode.steps import Storage
from cosim.place import ALIGNMENT, Block
from cosim.tile import ConvGeometry

_LANE = np.dtype([("bias", "<i4"), ("multiplier", "<i4"), ("shift", "i1")])


class ConstantImage:
    """Grows a byte image in flash; equal blobs are stored once. ``row`` of a blob is the operator it serves."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._known: dict[bytes, Storage] = {}
        self.storages: list[Storage] = []

    def add(self, name: str, data: bytes, row: int) -> Storage:
        """Store ``data`` at the next aligned offset and return where it lies."""
        if data in self._known:
            return self._known[data]
        self._data += bytes(-len(self._data) % ALIGNMENT)
        block = Block(name, len(data), 0, 1 << 30, "weights", row, offset=len(self._data))
        self._data += data
        storage = Storage(block, "flash")
        self._known[data] = storage
        self.storages.append(storage)
        return storage

    def move(self, space: str) -> None:
        """Programs read the image from this memory."""
        for storage in self.storages:
            storage.space = space

    @property
    def data(self) -> np.ndarray:
        return np.frombuffer(bytes(self._data), np.uint8)


def parameter_bytes(bias: np.ndarray, multiplier: np.ndarray, shift: np.ndarray, lanes: int) -> bytes:
    """Requantization parameters, one block of 9 bytes a lane per column group: biases, multipliers, shifts."""
    blocks = np.zeros(-(-len(bias) // lanes) * lanes, _LANE)
    blocks["shift"] = 1
    for name, values in (("bias", bias), ("multiplier", multiplier), ("shift", shift)):
        blocks[name][: len(bias)] = values
    grouped = blocks.reshape(-1, lanes)
    return b"".join(group[name].tobytes() for group in grouped for name in _LANE.names or ())


def parameters_of(network: Network, operator: Operator, lanes: int, first: int, columns: int) -> bytes:
    """Parameter blocks of output channels [first, first + columns)."""
    attributes = operator.attributes
    if isinstance(attributes, MatMul):
        bias, multiplier, shift = (
            np.full(columns, value, np.int64) for value in (0, attributes.multiplier, attributes.shift)
        )
        return parameter_bytes(bias, multiplier, shift, lanes)
    bias, multiplier, shift = (network.constants[name][first : first + columns] for name in operator.inputs[2:5])
    return parameter_bytes(bias, multiplier, shift, lanes)


def weights_of(
    network: Network, operator: Operator, geometry: ConvGeometry, span: int, column: int, columns: int
) -> bytes:
    """int8 weights of output channels [column, column + columns) of one span, contraction-major, padded to 16 bytes."""
    attributes = operator.attributes
    assert isinstance(attributes, Conv2d)
    weight = network.constants[operator.inputs[1]]
    kernel_height, kernel_width, channels, _ = weight.shape
    first = geometry.spans[span][1] + column
    part = weight[:, :, :, first : first + columns]
    if geometry.mode == MatrixMode.DEPTHWISE:
        return _padded(_tap_rows(part, geometry, attributes.dilation[1]))
    return _padded(part.reshape(kernel_height * kernel_width * channels, columns))


def _tap_rows(part: np.ndarray, geometry: ConvGeometry, dilation: int) -> np.ndarray:
    """Depthwise rows: per segment, kernel row and stored tap (zeros between dilated taps)."""
    kernel_height, kernel_width, _, columns = part.shape
    span = (kernel_width - 1) * dilation + 1
    spread = np.zeros((kernel_height, span, columns), np.int8)
    spread[:, ::dilation] = part[:, :, 0]
    rows = [spread[:, s.first_tap : s.first_tap + s.taps].reshape(-1, columns) for s in geometry.segments]
    return np.concatenate(rows)


def _padded(rows: np.ndarray) -> bytes:
    data = np.ascontiguousarray(rows, np.int8).tobytes()
    return data + bytes(-len(data) % ALIGNMENT)
