"""Memory for a training step that does not fit: activations are computed again where the way back needs them.

Of the tensors alive at the peak one is given up between two of its uses: its producer is repeated before the later one,
from the same operands, so that values stay the same in every bit. Greedy: the one that lowers the peak most.
"""

from dataclasses import replace

from accel_models.network import (
    AlignedSum,
    ChannelSum,
    InputGradient,
    IntegerConv2d,
    MaxPlaces,
    Network,
    Operator,
    PixelSum,
    Tensor,
    Update,
    WeightGradient,
)
from accel_models.system import Accelerator
from cosim.encode.tensors import layout_of
from cosim.place import Block, lower_bound

_REPEATED = (IntegerConv2d, AlignedSum, MaxPlaces, PixelSum)
AGAIN = ".again"


def peak(network: Network, accelerator: Accelerator | None) -> tuple[int, list[str]]:
    """Bytes of the largest set of tensors alive at once, if none stays in the scratchpad, and the activations of it."""
    blocks = _blocks(network, accelerator)
    most, row = lower_bound(blocks)
    alive = [block.name for block in blocks if block.first <= row <= block.last and block.role == "activation"]
    return most, alive


def _blocks(network: Network, accelerator: Accelerator | None) -> list[Block]:
    homes = layout_of(network, accelerator).homes(frozenset())
    return list({id(item): item.block for item in homes.values()}.values())


def relieved(network: Network, accelerator: Accelerator | None) -> Network | None:
    """The network with one activation computed again, whichever lowers the peak most; None where none does.

    Two at once are tried where one alone does not help: the operand of what is computed again.
    """
    now, alive = peak(network, accelerator)
    best: tuple[int, int, Network] | None = None
    firsts = [found for name in alive if (found := repeated(network, name)) is not None]
    pairs = [again for found in firsts for name in alive if (again := repeated(found, name)) is not None]
    for candidate in (*firsts, *pairs):
        key = (peak(candidate, accelerator)[0], candidate.macs)
        if key[0] < now and (best is None or key < best[:2]):
            best = (*key, candidate)
    return None if best is None else best[2]


def repeated(network: Network, name: str) -> Network | None:
    """The network in which a tensor is given up in the longest gap between its uses; None where that cannot be."""
    operators = list(network.operators)
    makers = [row for row, item in enumerate(operators) if name in item.outputs]
    if len(makers) != 1 or name in network.outputs or not isinstance(operators[makers[0]].attributes, _REPEATED):
        return None
    maker = operators[makers[0]]
    uses = [makers[0], *(row for row, item in enumerate(operators) if name in item.inputs)]
    if len(uses) == 1:
        return None
    gap, later = max((after - before, after) for before, after in zip(uses, uses[1:], strict=False))
    place = _in_front(operators, later)
    if gap < 2 or place <= makers[0] + 1 or _changed(operators[makers[0] : place], maker, network):
        return None
    again, tensors = _again(maker, network)
    renamed = dict(zip(maker.outputs, again.outputs, strict=False))
    rest = [replace(item, inputs=tuple(renamed.get(part, part) for part in item.inputs)) for item in operators[place:]]
    return replace(
        network,
        operators=(*operators[:place], again, *rest),
        tensors={**network.tensors, **tensors},
        metadata={**network.metadata, "recomputed": [*network.metadata.get("recomputed", ()), maker.name]},
    )


def _in_front(operators: list[Operator], row: int) -> int:
    """Where an operator can stand so that those that belong together stay so."""
    while row and (
        isinstance(operators[row].attributes, Update | ChannelSum)
        or (
            isinstance(operators[row].attributes, WeightGradient)
            and isinstance(operators[row - 1].attributes, InputGradient)
        )
    ):
        row -= 1
    return row


def _changed(between: list[Operator], maker: Operator, network: Network) -> bool:
    """Whether a state that the producer reads is written in the meantime."""
    states = {name for name in maker.inputs if network.tensors[name].role == "persistent"}
    return any(states & set(item.outputs) for item in between)


def _again(maker: Operator, network: Network) -> tuple[Operator, dict[str, Tensor]]:
    """The producer once more, without its range, and the tensors that it writes."""
    taken = {item.name for item in network.operators}
    count, suffix = 1, AGAIN
    while f"{maker.name}{suffix}" in taken:
        count += 1
        suffix = f"{AGAIN}{count}"
    attributes, outputs = maker.attributes, maker.outputs
    epilogue = getattr(attributes, "epilogue", None)
    if epilogue is not None and epilogue.range:
        attributes = replace(attributes, epilogue=replace(epilogue, range=""))  # type: ignore[call-arg]
        outputs = outputs[:-1]
    names = tuple(f"{name}{suffix}" for name in outputs)
    tensors: dict[str, Tensor] = {
        new: replace(network.tensors[old], name=new) for new, old in zip(names, outputs, strict=True)
    }
    return replace(maker, name=f"{maker.name}{suffix}", outputs=names, attributes=attributes), tensors
