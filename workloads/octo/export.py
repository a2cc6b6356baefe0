"""What a trained state leaves for inference: compensation folded into the biases, and what a map of it costs."""

from dataclasses import dataclass, replace

from workloads.octo.networks import Network
from workloads.octo.scales import State, compensation
from workloads.octo.settings import Settings

_PARTS = ("alpha", "mu", "offset")


def folded(network: Network, settings: Settings, state: State) -> tuple[Settings, State]:
    """Settings and state whose biases hold the compensation per channel; what they compute is equal in every bit."""
    if settings.lac == "element":
        raise ValueError("lac element is a map of each output and does not fold into a bias per channel")
    if settings.lac == "none":
        return settings, state
    dropped = {f"{conv.name}/{part}" for conv in network.convs for part in _PARTS}
    new = {name: value for name, value in state.items() if name not in dropped}
    for conv in network.convs:
        new[f"{conv.name}/bias"] = compensation(state, conv.name).flatten()
    return replace(settings, lac="none"), new


@dataclass(frozen=True, slots=True)
class CompensationCost:
    """Of loss-aware compensation: what training keeps, and what inference reads per sample."""

    parameters: int
    training_bytes: int
    """alpha, mu and offset in float32."""
    inference_bytes: int
    """int32 maps; a compensation per channel folds into the bias and costs nothing."""


def compensation_cost(network: Network, settings: Settings) -> CompensationCost:
    """The cost of the settings' compensation."""
    if settings.lac == "none":
        return CompensationCost(0, 0, 0)
    shapes = network.shapes()
    outputs = sum(shapes[c.name][0] * shapes[c.name][1] * shapes[c.name][2] for c in network.convs)
    count = outputs if settings.lac == "element" else sum(c.channels_out for c in network.convs)
    parameters = len(_PARTS) * count
    return CompensationCost(parameters, 4 * parameters, 4 * count if settings.lac == "element" else 0)
