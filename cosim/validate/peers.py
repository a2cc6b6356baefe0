"""What other estimators predict for four workloads on 256 MACs a cycle, as ranges beside our event machine on edge16.

``peers_workloads.csv`` lists the layers, ``peers_results.csv`` each peer's cycles. Estimates, not measurements: a range
says how far they are apart, and an estimate of ours outside it asks for a reason, no more.
"""

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from accel_models.network import Conv2d, MatMul, Network, Operator
from accel_models.run import Run
from accel_models.system import load_system
from cosim.validate.vit_block import vit_block

WORKLOADS, RESULTS = "peers_workloads.csv", "peers_results.csv"
SYSTEM, PEAK = "edge16", 256
TOTAL, OTHER = "TOTAL", "OTHER_OPS"  # rows that are no layer: everything, and what is not in the list
OURS: Mapping[str, str] = {"gemm256": "gemm", "resnet8": "resnet8", "vww": "vww"}  # workloads of this package
VIT = "vitblock"


@dataclass(frozen=True, slots=True)
class Shape:
    """A layer as ``groups`` products of m x k by k x n."""

    m: int
    n: int
    k: int
    groups: int

    @property
    def macs(self) -> int:
        return self.m * self.n * self.k * self.groups


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A layer, or a workload's TOTAL. ``peers``: cycles by peer; ``left_out``: those that the rule refuses."""

    workload: str
    layer: str
    macs: int
    peers: Mapping[str, float]
    left_out: Mapping[str, float]
    ours: int

    @property
    def low(self) -> float:
        return min(self.peers.values())

    @property
    def high(self) -> float:
        return max(self.peers.values())

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"low": self.low, "high": self.high, "ideal": -(-self.macs // PEAK)}


def peers(reference: Path, report: Callable[[str], None] = lambda text: None) -> list[Row]:
    """Every layer of every workload, each workload's total last. Raises ValueError where the tables do not fit each
    other or our networks."""
    shapes, results = workloads_of(reference), results_of(reference)
    rows: list[Row] = []
    for workload, layers in shapes.items():
        report(f"{workload} on the event machine")
        ours = _ours(workload, layers)
        given = _of_workload(results, workload, layers)
        for layer in (*layers, TOTAL):
            macs = sum(shape.macs for shape in layers.values()) if layer == TOTAL else layers[layer].macs
            rows.append(_row(workload, layer, macs, given[layer], ours[layer]))
    return rows


def _row(workload: str, layer: str, macs: int, given: Mapping[str, float], ours: int) -> Row:
    """The rule: fewer cycles than MACs / 256 are no estimate of an array of 256 MACs a cycle."""
    kept = {peer: cycles for peer, cycles in given.items() if cycles * PEAK >= macs}
    left_out = {peer: cycles for peer, cycles in given.items() if peer not in kept}
    if not kept:
        raise ValueError(f"{RESULTS}: {workload}, {layer}: no peer has as many cycles as {macs} MACs / {PEAK} need")
    return Row(workload=workload, layer=layer, macs=macs, peers=kept, left_out=left_out, ours=ours)


def workloads_of(reference: Path) -> dict[str, dict[str, Shape]]:
    """Layers in order, by workload and name."""
    found: dict[str, dict[str, Shape]] = {}
    for row in _read(reference / WORKLOADS):
        if row["layer"] == TOTAL:
            continue
        where = f"{WORKLOADS}: {row['workload']}, {row['layer']}"
        shape = Shape(*(_number(row, name, where) for name in ("m_eq", "n_eq", "k_eq", "groups")))
        if shape.macs != _number(row, "macs", where):
            raise ValueError(f"{where}: macs: want {shape.macs} of its sizes, got {row['macs']}")
        if row["layer"] in found.setdefault(row["workload"], {}):
            raise ValueError(f"{where}: the layer stands there twice")
        found[row["workload"]][row["layer"]] = shape
    return found


def results_of(reference: Path) -> dict[tuple[str, str], dict[str, float]]:
    """Cycles by (workload, layer) and peer, what is in no list left out."""
    found: dict[tuple[str, str], dict[str, float]] = {}
    for row in _read(reference / RESULTS):
        if row["layer"] == OTHER:
            continue
        where = f"{RESULTS}: {row['peer']}, {row['workload']}, {row['layer']}"
        mine = found.setdefault((row["workload"], row["layer"]), {})
        if row["peer"] in mine:
            raise ValueError(f"{where}: the row stands there twice")
        mine[row["peer"]] = _cycles(row, where)
    return found


def _of_workload(
    results: Mapping[tuple[str, str], Mapping[str, float]], workload: str, layers: Mapping[str, Shape]
) -> dict[str, Mapping[str, float]]:
    """The results of one workload by layer: all of its layers and no others, from the same peers."""
    mine = {layer: peers for (name, layer), peers in results.items() if name == workload}
    for layer in (*layers, TOTAL):
        if layer not in mine:
            raise ValueError(f"{RESULTS} has no row of layer {layer!r} of {workload}, which {WORKLOADS} lists")
        if mine[layer].keys() != mine[TOTAL].keys():
            lacks = sorted(mine[TOTAL].keys() ^ mine[layer].keys())
            raise ValueError(f"{RESULTS}: {workload}, {layer}: not from the peers of its total: {', '.join(lacks)}")
    unknown = sorted(mine.keys() - {*layers, TOTAL})
    if unknown:
        raise ValueError(f"{RESULTS}: {workload} has layers that {WORKLOADS} does not list: {', '.join(unknown)}")
    return mine


def _ours(workload: str, layers: Mapping[str, Shape]) -> dict[str, int]:
    """Cycles of our event machine by layer, and of the whole run."""
    from cosim.encode import compile_network
    from cosim.run import run

    network = network_of(workload, layers)
    names = matched(workload, layers, network)
    found: Run = run(compile_network(network, load_system(SYSTEM), "sram"))
    cycles = {item.name: item.cycles for item in found.operators}
    return {layer: cycles[operator] for layer, operator in names.items()} | {TOTAL: found.cycles}


def network_of(workload: str, layers: Mapping[str, Shape]) -> Network:
    if workload == VIT:
        return vit_block([(name, shape.m, shape.n, shape.k) for name, shape in layers.items()])
    if workload not in OURS:
        raise ValueError(f"{WORKLOADS}: workload: want one of {', '.join((*OURS, VIT))}, got {workload!r}")
    from cosim.frontend import prepare
    from cosim.options import Options

    return prepare(OURS[workload], Options(), lambda stage: None).network


def matched(workload: str, layers: Mapping[str, Shape], network: Network) -> dict[str, str]:
    """Our operator of each layer: convolutions and products in order, each with the layer's sizes."""
    ours = [item for item in network.operators if isinstance(item.attributes, Conv2d | MatMul)]
    if len(ours) != len(layers):
        raise ValueError(f"{WORKLOADS}: {workload} has {len(layers)} layers, our network {len(ours)} of these kinds")
    for (layer, wanted), item in zip(layers.items(), ours, strict=True):
        got = shape_of(network, item)
        if got != wanted:
            raise ValueError(f"{WORKLOADS}: {workload}, {layer}: want {wanted}, but our {item.name} is {got}")
    return {layer: item.name for layer, item in zip(layers, ours, strict=True)}


def shape_of(network: Network, operator: Operator) -> Shape:
    """A convolution or product as the tables describe layers."""
    output = network.tensors[operator.outputs[0]].shape
    if isinstance(operator.attributes, MatMul):
        batch, m, k = network.tensors[operator.inputs[0]].shape
        return Shape(m, output[2], k, batch)
    assert isinstance(operator.attributes, Conv2d)
    height, width, depth, columns = network.tensors[operator.inputs[1]].shape
    groups = operator.attributes.groups
    return Shape(output[0] * output[1] * output[2], columns // groups, height * width * depth, groups)


def _read(path: Path) -> Sequence[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            return list(csv.DictReader(stream))
    except FileNotFoundError:
        raise ValueError(f"{path.parent} has no {path.name}; want a folder of published figures") from None


def _number(row: Mapping[str, str], name: str, where: str) -> int:
    try:
        return int(row[name])
    except (KeyError, TypeError, ValueError):
        raise ValueError(f"{where}: {name}: want a whole number, got {row.get(name)!r}") from None


def _cycles(row: Mapping[str, str], where: str) -> float:
    try:
        cycles = float(row["cycles"])
    except (KeyError, TypeError, ValueError):
        cycles = 0.0
    if not 0 < cycles < 1e15:
        raise ValueError(f"{where}: cycles: want a number above 0, got {row.get('cycles')!r}")
    return cycles
