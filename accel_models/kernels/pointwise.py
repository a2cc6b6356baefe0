"""CPU functions element by element. float32 stays float32; integers stay integers where PyTorch keeps them.

Two-operand functions take the second operand as a tensor, or as parameter ``other`` (a number); ``reverse`` swaps them.
"""

import math
from collections.abc import Callable

import numpy as np

Unary = Callable[[np.ndarray], np.ndarray]
Kernel = Callable[..., np.ndarray]
_ERF = np.frompyfunc(math.erf, 1, 1)


def _float(x: np.ndarray) -> np.ndarray:
    return x if x.dtype.kind == "f" else x.astype(np.float32)


def _of_float(function: Unary) -> Unary:
    """Integers become float32 first, as in PyTorch."""

    def kernel(x: np.ndarray) -> np.ndarray:
        return function(_float(x))

    return kernel


def erf(x: np.ndarray) -> np.ndarray:
    """Error function, from float64 and rounded once."""
    x = _float(x)
    return np.asarray(_ERF(x.astype(np.float64))).astype(x.dtype)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """``1 / (1 + exp(-x))``, without overflow."""
    small = np.exp(-np.abs(_float(x)))
    return np.where(x >= 0, 1 / (1 + small), small / (1 + small))


def gelu(x: np.ndarray, *, approximate: str = "none") -> np.ndarray:
    """``x * Phi(x)``; ``approximate`` "tanh" gives PyTorch's tanh form."""
    x = _float(x)
    if approximate == "tanh":
        return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    if approximate != "none":
        raise ValueError(f"gelu: want approximate 'none' or 'tanh', got {approximate!r}")
    return 0.5 * x * (1 + erf(x * math.sqrt(0.5)))


def clamp(x: np.ndarray, *, min: float | None = None, max: float | None = None) -> np.ndarray:
    """``x`` between ``min`` and ``max``, either of which may be absent."""
    return x if min is None and max is None else np.clip(x, min, max)


def relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


def leaky_relu(x: np.ndarray, *, negative_slope: float = 0.01) -> np.ndarray:
    return np.where(x > 0, x, x * negative_slope)


def elu(x: np.ndarray, *, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0) -> np.ndarray:
    """``scale * x`` above zero, ``scale * alpha * (exp(input_scale * x) - 1)`` below."""
    return np.where(x > 0, scale * x, scale * alpha * np.expm1(input_scale * np.minimum(x, 0)))


def softplus(x: np.ndarray, *, beta: float = 1.0, threshold: float = 20.0) -> np.ndarray:
    """``log(1 + exp(beta x)) / beta``; ``x`` itself where ``beta x > threshold``."""
    return np.where(beta * x > threshold, x, np.log1p(np.exp(np.minimum(beta * x, threshold))) / beta)


def hardsigmoid(x: np.ndarray) -> np.ndarray:
    return np.clip(x + 3, 0, 6) / 6


def _binary(function: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Kernel:
    def kernel(
        a: np.ndarray, b: np.ndarray | None = None, *, other: float | None = None, reverse: bool = False
    ) -> np.ndarray:
        if (b is None) == (other is None):
            raise ValueError("want a second tensor or the parameter other, one of the two")
        first, second = _promoted(a, np.asarray(b) if b is not None else _scalar(a, other))
        return function(second, first) if reverse else function(first, second)

    return kernel


def _scalar(a: np.ndarray, other: float | None) -> np.ndarray:
    """A number beside a tensor takes the tensor's dtype, unless a float meets integers (then float32)."""
    if isinstance(other, float) and a.dtype.kind != "f":
        return np.asarray(other, np.float32)
    return np.asarray(other, a.dtype if a.dtype.kind != "b" else None)


def _promoted(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Integers beside floats take the floats' dtype, as in PyTorch (NumPy would go to float64)."""
    if (a.dtype.kind == "f") == (b.dtype.kind == "f"):
        return a, b
    return (a, b.astype(a.dtype)) if a.dtype.kind == "f" else (a.astype(b.dtype), b)


def add(a: np.ndarray, b: np.ndarray | None = None, *, other: float | None = None, alpha: float = 1) -> np.ndarray:
    """``a + alpha * b``."""
    return _binary(lambda x, y: x + y * np.asarray(alpha, y.dtype))(a, b, other=other)


def sub(
    a: np.ndarray, b: np.ndarray | None = None, *, other: float | None = None, alpha: float = 1, reverse: bool = False
) -> np.ndarray:
    """``a - alpha * b``; ``reverse``: ``b - alpha * a``."""
    return _binary(lambda x, y: x - y * np.asarray(alpha, y.dtype))(a, b, other=other, reverse=reverse)


def div(
    a: np.ndarray,
    b: np.ndarray | None = None,
    *,
    other: float | None = None,
    rounding_mode: str | None = None,
    reverse: bool = False,
) -> np.ndarray:
    """``a / b``; ``rounding_mode`` "floor" or "trunc" rounds the quotient."""

    def quotient(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        if rounding_mode == "floor":
            return np.floor_divide(x, y)
        if rounding_mode == "trunc":
            return np.trunc(x / y).astype(np.result_type(x, y))
        if rounding_mode is not None:
            raise ValueError(f"div: want rounding_mode None, 'floor' or 'trunc', got {rounding_mode!r}")
        return _float(x) / _float(y)

    return _binary(quotient)(a, b, other=other, reverse=reverse)


def where(
    condition: np.ndarray, a: np.ndarray, b: np.ndarray | None = None, *, other: float | None = None
) -> np.ndarray:
    """``a`` where the condition holds, otherwise ``b`` (or the number ``other``)."""
    if (b is None) == (other is None):
        raise ValueError("where: want a third tensor or the parameter other, one of the two")
    return np.where(condition, a, b if b is not None else _scalar(a, other))


def cast(x: np.ndarray, *, dtype: str) -> np.ndarray:
    """``x`` in another dtype; floats become integers by truncation."""
    return x.astype(dtype)


FUNCTIONS: dict[str, Kernel] = {
    "neg": np.negative,
    "abs": np.abs,
    "sign": np.sign,
    "square": np.square,
    "floor": np.floor,
    "ceil": np.ceil,
    "round": np.rint,
    "exp": _of_float(np.exp),
    "log": _of_float(np.log),
    "log1p": _of_float(np.log1p),
    "sqrt": _of_float(np.sqrt),
    "rsqrt": _of_float(lambda x: 1 / np.sqrt(x)),
    "reciprocal": _of_float(lambda x: 1 / x),
    "sin": _of_float(np.sin),
    "cos": _of_float(np.cos),
    "tanh": _of_float(np.tanh),
    "erf": erf,
    "sigmoid": sigmoid,
    "gelu": gelu,
    "silu": lambda x: x * sigmoid(x),
    "hardswish": lambda x: x * hardsigmoid(x),
    "hardsigmoid": hardsigmoid,
    "relu": relu,
    "leaky_relu": leaky_relu,
    "elu": elu,
    "softplus": softplus,
    "clamp": clamp,
    "add": add,
    "sub": sub,
    "mul": _binary(np.multiply),
    "div": div,
    "pow": _binary(np.power),
    "shift_left": _binary(np.left_shift),
    "shift_right": _binary(np.right_shift),
    "exp2": _of_float(np.exp2),
    "maximum": _binary(np.maximum),
    "minimum": _binary(np.minimum),
    "eq": _binary(np.equal),
    "ne": _binary(np.not_equal),
    "lt": _binary(np.less),
    "le": _binary(np.less_equal),
    "gt": _binary(np.greater),
    "ge": _binary(np.greater_equal),
    "logical_and": _binary(np.logical_and),
    "logical_or": _binary(np.logical_or),
    "logical_not": np.logical_not,
    "where": where,
    "cast": cast,
}
