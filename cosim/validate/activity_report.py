"""reports/results/activity.md from what activity.json holds."""

from collections.abc import Mapping
from statistics import geometric_mean
from typing import Any

from rtl.activity.signals import ASSUMED, CLASSES

Data = Mapping[str, Any]
_KINDS = ("pj", "scaled_pj", "switched_pj")
_LAYER_CLASSES = ("operand registers", "products", "column adders", "requantizer products", "bus, read data")


def page(data: Data) -> str:
    """The whole page."""
    return "\n".join([_head(data), _classes(data), _layers(data), _energy(data), _verdict(data)])


def activity(data: Data, layer: str, kind: str, name: str) -> float:
    """Changes of a bit and operation in one recording."""
    (point,) = (item for item in data["points"] if (item["layer"], item["data"]) == (layer, kind))
    return float(point["classes"][name]["activity"])


def layers(data: Data) -> list[str]:
    """The layers recorded alone, in order."""
    return [item["layer"] for item in data["points"] if item["data"] == "random"]


def total_pj(data: Data, kind: str) -> float:
    """The network's energy with every part as in ``kind``: pj, scaled_pj or switched_pj."""
    return float(data["total_pj"] + sum(item[kind] - item["pj"] for item in data["energy"]))


def _mean(data: Data, kind: str, name: str) -> float:
    """Over the layers, weighted by the operations charged."""
    mine = [item["classes"][name] for item in data["points"] if item["data"] == kind and item["layer"] in layers(data)]
    return float(sum(item["toggles"] for item in mine) / sum(item["charged_bits"] for item in mine))


def _head(data: Data) -> str:
    return (
        "# Activity of the RTL\n\n"
        "Made by `make activity`: Verilator records how often every bit of the accelerator changes (SAIF) while"
        f" `{data['network']}`, trained weights and a real test image, runs on the RTL of `{data['system']}` from the"
        " first start to the end, warm. Activity is changes of a bit over the operations that the energy model charges."
        " Its table's sources (Horowitz for operators, the Aladdin library for registers and comparators, another 40 nm"
        " table for the shifter, relative access costs for the bus) give energies of operations and say nothing of the"
        f" data they hold for. We take them as those of random operands, each bit changing in {ASSUMED:g} of the"
        " operations: an assumption that the sources neither state nor contradict. Random: the same layers with uniform"
        " int8 inputs and weights. The simulation has no delays, so glitches are not counted.\n"
    )


def _classes(data: Data) -> str:
    lines = [
        "## By class of signals\n",
        "| signals | charged once for | network | its layers, alone | layers, random data | network / assumed |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for item in CLASSES:
        real = activity(data, "network", "real", item.name)
        alone, random = _mean(data, "real", item.name), _mean(data, "random", item.name)
        lines.append(f"| {item.name} | {item.what} | {real:.3f} | {alone:.3f} | {random:.3f} | {real / ASSUMED:.2f} |")
    return "\n".join([*lines, ""])


def _layers(data: Data) -> str:
    lines = [
        "## By layer, real / random data\n",
        f"| layer | {' | '.join(_LAYER_CLASSES)} |",
        f"|---|{'---:|' * len(_LAYER_CLASSES)}",
    ]
    for layer in layers(data):
        cells = [
            f"{activity(data, layer, 'real', name):.3f} / {activity(data, layer, 'random', name):.3f}"
            for name in _LAYER_CLASSES
        ]
        lines.append(f"| `{layer}` | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def _energy(data: Data) -> str:
    lines = [
        "## What it would change in the network's energy\n",
        "| part | component | follows | nJ | activity / assumed | nJ if all of it follows | if of registers the"
        " switching alone does |",
        "|---|---|---|---:|---:|---:|---:|",
    ]
    for item in data["energy"]:
        follows, now, then, least = ", ".join(item["follows"]), *(item[kind] for kind in _KINDS)
        ratio = f"{then / now:.2f}" if now else "–"
        lines.append(
            f"| {item['part']} | {item['component']} | {follows} | {now / 1e3:,.1f} | {ratio} | {then / 1e3:,.1f}"
            f" | {least / 1e3:,.1f} |"
        )
    rest = data["total_pj"] - sum(item["pj"] for item in data["energy"])
    now, then, least = (f"{total_pj(data, kind) / 1e3:,.1f}" for kind in _KINDS)
    lines.append(f"| everything else | | as it is | {rest / 1e3:,.1f} | | {rest / 1e3:,.1f} | {rest / 1e3:,.1f} |")
    lines.append(f"| **total** | | | {now} | | {then} | {least} |")
    return "\n".join([*lines, ""])


def _verdict(data: Data) -> str:
    array = [item for item in data["energy"] if item["component"] == "array"]
    now, then, least = (sum(item[kind] for item in array) for kind in _KINDS)
    most, fewest = (total_pj(data, kind) / data["total_pj"] - 1 for kind in _KINDS[1:])
    share = data["register_switching"]
    random = geometric_mean(_mean(data, "random", name) for name in _LAYER_CLASSES)
    return (
        "## What follows\n\n"
        f"- With random data the classes of the table by layer have {random:.2f} on average, lanes without an operand"
        f" and constant parameters included: the assumed {ASSUMED:g} describes random data.\n"
        "- Real data changes less, as rectified inputs, smooth images and small weights would let one expect. The"
        f" array's share would fall from {now / 1e3:,.0f} to {then / 1e3:,.0f} nJ ({then / now - 1:+.0%}), the"
        f" network's energy by {most:+.1%} in all. That is a bound: clock pins, enables and control take their part"
        " of a register's and an operator's energy whatever the data. Nodes inside multipliers and adder trees are no"
        " signals of the RTL: their outputs stand for them.\n"
        f"- Of a register's energy its library counts {share:.1%} as switching of the output net, the rest as power"
        " inside the cell, clock pin and data together (no more is given). If that switching alone follows the data,"
        f" the array's share falls to {least / 1e3:,.0f} nJ ({least / now - 1:+.0%}) and the network's energy by"
        f" {fewest:+.1%}. For Horowitz's operators there is no such split: both answers let them follow in full.\n"
        "- The weight registers change more often than charged: the first vector of a tile clears the others, and each"
        " bit is written a second time at the swap. They are a small part.\n"
        "- The table stays as it is: the change is within the factor of three to which the sum is trusted, and it would"
        " be fitted to one image of one network. Whoever wants the energy of rectified networks rather than of random"
        " data can multiply `logic.multiply_8b` and `logic.add_32b` with something between the ratios above and 1, and"
        f" of the registers' energy a share between {share:.1%} and all; which part of a constant follows the data"
        " takes a netlist with delays and capacitances to say.\n"
        "- `fc` has one pixel: its few operations stand beside the changes that loading them makes.\n"
    )
