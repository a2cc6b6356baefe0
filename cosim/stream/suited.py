"""Whether a stream suits a chip: its patches the bus, its masks the scratchpad, what it keeps the SRAM."""

from math import gcd

from accel_models.system import System
from cosim.stream.maps import StreamError, persistent_bytes
from cosim.stream.plan import Plan


def check_bus(plan: Plan, bus_bytes: int) -> None:
    """Raises StreamError where patches of a map lie as a row list cannot say, naming the map and what would do."""
    for item in plan.maps:
        edge, neighbours = item.grid.edge[1], max(region.count[1] for region in item.grid.regions()) > 1
        if not neighbours or edge * item.channels % bus_bytes == 0:
            continue
        shrunk = plan.frame.grid.edge[1] // edge
        advice = (
            f"a patch of the frame that is a multiple of {shrunk * bus_bytes // gcd(item.channels, bus_bytes)} pixels"
        )
        if item is not plan.frame:
            advice += f", or channels of the map that are a multiple of {bus_bytes // gcd(edge, bus_bytes)}"
        raise StreamError(
            f"patches of map {item.name} lie {edge * item.channels} bytes apart, a row list wants multiples of the "
            f"bus's {bus_bytes}: want {advice}"
        )


def check_masks(masks_at: int, size: int) -> None:
    """Raises StreamError where masks from byte ``masks_at`` to the end of the scratchpad leave nothing."""
    if masks_at <= 0:
        raise StreamError(
            f"the masks of all maps take {size - masks_at} B, the scratchpad holds {size} B: want a larger patch"
        )


def check_room(plan: Plan, system: System, weights_bytes: int = 0, command_bytes: int = 0) -> None:
    """Raises StreamError where what lives from frame to frame cannot fit, naming what to drop.

    ``weights_bytes``, ``command_bytes``: of what lies beside it, as far as that is known.
    """
    if system.external_ram is not None:
        return
    sizes, room = persistent_bytes(plan.maps), system.sram.size_bytes
    if sum(sizes.values()) + weights_bytes + command_bytes <= room:
        return
    dropped = sizes["references"] - plan.frame.bytes
    advice = "a smaller frame or network, or more SRAM"
    if command_bytes:
        advice = f"a larger patch, which has fewer commands; {advice}"
    if dropped:
        advice = f"theta 0, or none but the frame's (compare=input), which drops {dropped} B; {advice}"
    beside = f" beside {weights_bytes} B of weights and {command_bytes} B of commands" if command_bytes else ""
    raise StreamError(
        f"a stream keeps {sizes['maps']} B of maps and {sizes['references']} B of references from frame to "
        f"frame{beside}, SRAM holds {room} B: want {advice}"
    )
