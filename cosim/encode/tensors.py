"""What the compiler knows of a network's tensors: storage roots, who uses them, and which memories they need."""

from dataclasses import dataclass

from accel_models.network import (
    TRAINING,
    AlignedSum,
    ChannelSum,
    Concat,
    Conv2d,
    CpuCall,
    InputGradient,
    MatMul,
    Network,
    Operator,
    Pad,
    Permute,
    Pool,
    Reshape,
    Slice,
    Tensor,
    Update,
    WeightGradient,
)
from accel_models.system import Accelerator
from cosim.encode.steps import Storage
from cosim.place import Block
from cosim.tile.training import trains_on

WHOLE_BYTES = 16384  # an image of a training step up to this size is loaded once and stays until it is done with
MOVEMENT = (Concat, Slice, Pad, Permute)
_FIELD_LIMITS = {"stride": 63, "dilation": 63, "kernel": 255}


@dataclass(slots=True)
class TensorUse:
    """A storage root: its first writer and last reader as operator rows, and the kinds of its users."""

    root: str
    tensor: Tensor
    producer: int  # row, -1 for inputs
    last: int
    on_bus: bool  # the host, a CPU call or a DMA copy touches it: it must lie in SRAM
    fed: bool = False  # a compute engine reads it: it is worth keeping in the scratchpad


def on_accelerator(network: Network, operator: Operator, accelerator: Accelerator | None) -> bool:
    """Whether the accelerator can run an operator; what it lacks becomes a CPU call."""
    if accelerator is None or isinstance(operator.attributes, CpuCall):
        return False
    attributes = operator.attributes
    if isinstance(attributes, TRAINING):
        return trains_on(network, operator, accelerator)
    images = [network.tensors[name] for name in (*operator.inputs[:2], *operator.outputs) if name in network.tensors]
    if any(tensor.dtype != "int8" for tensor in images):
        return False
    if isinstance(attributes, Conv2d):
        kernel = network.tensors[operator.inputs[1]].shape[:2]
        fits = max(kernel) <= _FIELD_LIMITS["kernel"] and max(attributes.stride) <= _FIELD_LIMITS["stride"]
        spanned = (kernel[1] - 1) * attributes.dilation[1] + 1
        return fits and max(attributes.dilation) <= _FIELD_LIMITS["dilation"] and spanned <= 4095
    if isinstance(attributes, Pool):
        return max(attributes.kernel) <= _FIELD_LIMITS["kernel"] and max(attributes.stride) <= 255
    return True


def storage_roots(network: Network) -> dict[str, str]:
    """Tensor to the tensor whose bytes it shares: reshapes lie on their input."""
    roots: dict[str, str] = {}
    for operator in network.operators:
        if isinstance(operator.attributes, Reshape):
            source = operator.inputs[0]
            roots[operator.outputs[0]] = roots.get(source, source)
    return {name: roots.get(name, name) for name in network.tensors}


def uses(
    network: Network,
    operators: tuple[Operator, ...],
    accelerated: list[bool],
    roots: dict[str, str],
    together: list[range],
) -> dict[str, TensorUse]:
    """Every storage root that is not a constant, with its life in operator rows.

    What rows whose commands are mixed write lives from the first of them on, beside everything that they read.
    """
    end = len(operators)
    found: dict[str, TensorUse] = {}
    for name, tensor in network.tensors.items():
        if roots[name] == name and tensor.role != "constant":
            outside = tensor.role in ("input", "output", "persistent")
            found[name] = TensorUse(name, tensor, -1, end if tensor.role in ("output", "persistent") else -1, outside)
    for name in in_accumulators(operators, accelerated):
        del found[name]
    for name in network.outputs:
        use = found[roots[name]]
        use.on_bus, use.last = True, end
    for row, operator in enumerate(operators):
        touches_bus = not accelerated[row] or isinstance(operator.attributes, MOVEMENT)
        for name in operator.outputs:
            if roots[name] not in found:
                continue
            use = found[roots[name]]
            use.producer = together[row].start if use.producer < 0 else use.producer
            use.last = max(use.last, together[row].stop - 1)
            use.on_bus |= touches_bus
        for name in operator.inputs:
            if roots[name] in found:
                use = found[roots[name]]
                use.last = max(use.last, row)
                use.on_bus |= touches_bus
                use.fed |= not touches_bus
    return found


def in_accumulators(operators: tuple[Operator, ...], accelerated: list[bool]) -> list[str]:
    """Sums that the operator right behind their own takes from the accumulators: they have no place in a memory."""
    return [
        operator.outputs[0]
        for row, operator in enumerate(operators)
        if accelerated[row] and isinstance(operator.attributes, WeightGradient)
    ]


@dataclass(frozen=True, slots=True)
class Layout:
    """Everything about a network's tensors and operators that does not depend on the scratchpad.

    ``operators`` are the rows of the program: reshapes are left out, their outputs share the bytes of their inputs.
    """

    operators: tuple[Operator, ...]
    accelerated: list[bool]
    roots: dict[str, str]
    uses: dict[str, TensorUse]
    together: list[range]  # of each row: the rows whose commands are mixed with its own
    shares: dict[str, str]  # in place in SRAM: a result -> the operand that it is written over, chunk by chunk

    def homes(self, kept: frozenset[str]) -> dict[str, Storage]:
        """Homes in SRAM of the tensors that need one, with their lives in operator rows; offsets come later."""
        found = {}
        for name, use in self.uses.items():
            if use.on_bus or name not in kept:
                first = 0 if use.tensor.role == "persistent" else max(use.producer, 0)
                block = Block(name, use.tensor.bytes, first, max(use.last, 0), use.tensor.role, first)
                found[name] = Storage(block, "sram")
        for new, old in self.shares.items():
            if new in found and old in found:
                found[old].block.last = max(found[old].block.last, found[new].block.last)
                found[new] = found[old]
        return found


def layout_of(network: Network, accelerator: Accelerator | None) -> Layout:
    """Who runs each operator, and who uses each tensor."""
    operators = tuple(item for item in network.operators if not isinstance(item.attributes, Reshape))
    accelerated = [on_accelerator(network, operator, accelerator) for operator in operators]
    for row in range(len(operators)):
        if isinstance(operators[row].attributes, WeightGradient) and not _updates(network, operators, accelerated, row):
            accelerated[row] = False
        if isinstance(operators[row].attributes, Update) and (row == 0 or not accelerated[row - 1]):
            accelerated[row] = False
    roots = storage_roots(network)
    together = _together(operators, accelerated)
    used = uses(network, operators, accelerated, roots, together)
    shares = _shared(operators, accelerated, roots, used, together)
    return Layout(operators, accelerated, roots, used, together, shares)


def _together(operators: tuple[Operator, ...], accelerated: list[bool]) -> list[range]:
    """A weight gradient with its update, with the sum per channel of the same g right behind, and with the gradient of
    the input in front, whose commands come last: then it may be written over the input."""
    found = [range(row, row + 1) for row in range(len(operators))]
    for row, operator in enumerate(operators):
        if not accelerated[row] or not isinstance(operator.attributes, WeightGradient):
            continue
        after = operators[row + 2] if row + 2 < len(operators) and accelerated[row + 2] else None
        along = after is not None and isinstance(after.attributes, ChannelSum) and after.inputs == operator.inputs[1:]
        front = operators[row - 1] if row and accelerated[row - 1] else None
        before = front is not None and isinstance(front.attributes, InputGradient)
        before = before and front is not None and front.inputs[0] == operator.inputs[1]
        rows = range(row - before, row + 2 + along)
        found[rows.start : rows.stop] = [rows] * len(rows)
    return found


def _shared(
    operators: tuple[Operator, ...],
    accelerated: list[bool],
    roots: dict[str, str],
    used: dict[str, TensorUse],
    together: list[range],
) -> dict[str, str]:
    """Sums over their first operand, gradients of an input over it or, image by image, over what they are of."""
    found: dict[str, str] = {}
    for row, operator in enumerate(operators):
        candidates: tuple[str, ...] = ()
        if accelerated[row] and isinstance(operator.attributes, AlignedSum):
            candidates = operator.inputs[:1]
        elif isinstance(operator.attributes, InputGradient) and together[row].stop > row + 1:
            candidates = (operators[row + 1].inputs[0], operator.inputs[0])
        new = used.get(roots[operator.outputs[0]])
        for name in candidates:
            old = used.get(roots[name])
            if old is None or new is None or new.root in found or old.root in found.values():
                continue
            alike = old.tensor.role == new.tensor.role == "activation" and old.tensor.bytes == new.tensor.bytes
            if alike and old.last in together[row] and _whole(old.tensor):
                found[new.root] = old.root
    return found


def _whole(tensor: Tensor) -> bool:
    """Whether an image of a tensor comes into any scratchpad in one piece."""
    return tensor.bytes // max(1, tensor.shape[0]) <= WHOLE_BYTES


def _updates(network: Network, operators: tuple[Operator, ...], accelerated: list[bool], row: int) -> bool:
    """Whether the next operator, on the accelerator too, takes this one's sums, and nobody else does."""
    sums = operators[row].outputs[0]
    readers = [place for place, operator in enumerate(operators) if sums in operator.inputs]
    if readers != [row + 1] or sums in network.outputs:
        return False
    return isinstance(operators[row + 1].attributes, Update) and accelerated[row + 1]


def matrix_like(operator: Operator) -> bool:
    return isinstance(operator.attributes, Conv2d | MatMul)
