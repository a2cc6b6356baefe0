"""Activations computed again: where that is legal, and that values stay."""

import numpy as np

from accel_models.kernels import run_network
from accel_models.network import CpuCall, Epilogue, IntegerConv2d, Network, Operator, Tensor
from cosim.encode.recompute import peak, relieved, repeated

SHAPE, WEIGHT = (1, 8, 8, 4), (1, 1, 4, 4)


def chain(writes: bool, between: int = 3) -> Network:
    """A layer, operators that do not read it, one that may write its weights, and one that reads it at last."""
    tensors = {
        "x": Tensor(name="x", shape=SHAPE, dtype="int8", role="input"),
        "w": Tensor(name="w", shape=WEIGHT, dtype="int8", role="persistent"),
        "bias": Tensor(name="bias", shape=(4, 1, 1), dtype="int32", role="constant"),
        "shift": Tensor(name="shift", shape=(), dtype="int32", role="constant"),
        "bound": Tensor(name="bound", shape=(), dtype="int32", role="constant"),
        "y": Tensor(name="y", shape=SHAPE, dtype="int8"),
        "top": Tensor(name="top", shape=(), dtype="int32", role="output"),
        "out": Tensor(name="out", shape=SHAPE, dtype="int8", role="output"),
    }
    layer = IntegerConv2d(epilogue=Epilogue(range="magnitude"))
    operators = [
        Operator(name="layer", inputs=("x", "w", "bias", "shift", "bound"), outputs=("y", "top"), attributes=layer)
    ]
    last = "x"
    for index in range(between):
        name = f"a{index}"
        tensors[name] = Tensor(name=name, shape=SHAPE, dtype="int8")
        operators.append(Operator(name=name, inputs=(last,), outputs=(name,), attributes=CpuCall(function="identity")))
        last = name
    if writes:
        half = CpuCall(function="shift_right", parameters=(("other", 1),))
        operators.append(Operator(name="update", inputs=("w",), outputs=("w",), attributes=half))
    operators.append(Operator(name="end", inputs=("y", last), outputs=("out",), attributes=CpuCall(function="maximum")))
    constants = {
        "bias": np.zeros((4, 1, 1), np.int32),
        "shift": np.array(7, np.int32),
        "bound": np.array(2**31 - 1, np.int32),
        "w": np.random.default_rng(1).integers(-127, 128, WEIGHT).astype(np.int8),
    }
    return Network(
        name="chain", operators=tuple(operators), tensors=tensors, constants=constants, inputs=("x",),
        outputs=("top", "out"), metadata={"step": True},
    )  # fmt: skip


def test_a_layer_is_repeated_in_front_of_its_late_reader() -> None:
    network = chain(writes=False)
    again = repeated(network, "y")
    assert again is not None
    assert [item.name for item in again.operators] == ["layer", "a0", "a1", "a2", "layer.again", "end"]
    assert again.operators[-2].outputs == ("y.again",), "its range is known already"
    assert again.metadata["recomputed"] == ["layer"]
    x = np.random.default_rng(2).integers(-128, 128, SHAPE).astype(np.int8)
    one, other = (run_network(item, {"x": x}) for item in (network, again))
    for name in network.outputs:
        np.testing.assert_array_equal(one[name], other[name])
    np.testing.assert_array_equal(other["y.again"], one["y"])


def test_what_is_not_repeated() -> None:
    assert repeated(chain(writes=True), "y") is None, "its weights have changed in between"
    assert repeated(chain(writes=False, between=0), "y") is None, "its reader comes right behind"
    assert repeated(chain(writes=False), "a0") is None, "made by the CPU"
    assert repeated(chain(writes=False), "out") is None and repeated(chain(writes=False), "x") is None


def test_nothing_is_repeated_that_does_not_lower_the_peak() -> None:
    network = chain(writes=False)
    before, alive = peak(network, None)
    assert "y" in alive
    found = relieved(network, None)
    assert found is None or peak(found, None)[0] < before
