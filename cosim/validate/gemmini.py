"""Cycles of Gemmini's RTL (FireSim) beside our weight-stationary array with six fitted parameters of its surroundings.

Rows ``gemmini16-*`` of a reference folder's accelerators_layers.csv (Hong et al., MICRO 2023; 16x16, the library's own
tiling). The array's time is ``cost.matrix`` of every tile of that tiling (gemmini_tiling.py). What the table does not
say (bus, caches, DRAM, how fast commands come) is fitted, and judged on networks that the fit has not seen.
"""

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_models import cost
from accel_models.commands import MatrixMode
from accel_models.system import ArrayKind
from cosim.validate.gemmini_tiling import (
    DIM,
    LINE_BYTES,
    Layer,
    Tile,
    input_lines,
    short_slots,
    stores,
    tiles_of,
    weight_lines,
)

FILE, PREFIX = "accelerators_layers.csv", "gemmini16-"
ARRAY = cost.Hardware(DIM, DIM, bus_bytes=16, dma_setup_cycles=0, max_burst_beats=4, kind=ArrayKind.WEIGHT_STATIONARY)
AIM_MAPE, AIM_RANK = 0.10, 0.99
BOUND_MAPE, BOUND_RANK = 0.20, 0.98  # what this release accepts, over networks left out
Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """What is fitted: cycles, but for ``pitch_exponent``."""

    least_rows: float  # a command of the array takes no fewer cycles
    input_line: float  # a line of an image that is read for the first time, at a pitch of 256 bytes between pixels
    pitch_exponent: float  # of that pitch: how the cost of such a line grows with it
    input_again: float  # a line of the input that an earlier tile has read
    weight_line: float  # a line of weights, or of either operand of a product, that is read for the first time
    store: float  # a write of up to 16 bytes


START = Parameters(least_rows=8, input_line=40, pitch_exponent=0.3, input_again=2, weight_line=10, store=4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """Per layer, float64 [layers]; ``short_slots`` [layers, DIM + 1] for ``least_rows`` of 0 to DIM."""

    array: Float64
    short_slots: Float64
    new_inputs: Float64
    inputs_again: Float64
    new_weights: Float64
    stores: Float64
    pitch: Float64

    def of(self, which: NDArray[np.bool_]) -> "Features":
        return Features(**{name: getattr(self, name)[which] for name in self.__dataclass_fields__})


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """Absolute relative errors and the rank correlation (Spearman) of some layers."""

    network: str
    layers: int
    mape: float
    median: float
    p90: float
    rank: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GemminiReport:
    """``cross_validated``: every network predicted by a fit to the others, and all together as ``all``; so are
    ``regression`` (six parameters on sizes alone; ``regression_fitted``: to the rows it is judged on) and
    ``array_alone`` (nothing fitted). ``fitted``: of the fit to all
    rows, whose ``parameters`` these are; ``rows``: one a layer."""

    parameters: Parameters
    fitted: Accuracy
    cross_validated: tuple[Accuracy, ...]
    regression: Accuracy
    regression_fitted: Accuracy
    array_alone: Accuracy
    rows: tuple[Mapping[str, Any], ...]

    @property
    def overall(self) -> Accuracy:
        return self.cross_validated[-1]

    @property
    def holds(self) -> bool:
        return self.overall.mape <= BOUND_MAPE and self.overall.rank >= BOUND_RANK

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {
            "number_of_parameters": len(Parameters.__dataclass_fields__),
            "aim": {"mape": AIM_MAPE, "rank": AIM_RANK},
            "bound": {"mape": BOUND_MAPE, "rank": BOUND_RANK},
            "holds": self.holds,
        }


def gemmini(reference: Path) -> GemminiReport:
    """The whole comparison. Raises ValueError for a folder without these rows."""
    layers = layers_of(reference)
    measured = np.array([layer.cycles for layer in layers], np.float64)
    networks = np.array([layer.network for layer in layers])
    features = features_of(layers)
    parameters = fit(features, measured)
    predicted = _left_out(
        networks, lambda seen, rest: predict(fit(features.of(seen), measured[seen]), features.of(rest))
    )
    sizes = _sizes(layers)
    regressed = _left_out(networks, lambda seen, rest: _regress(sizes[seen], measured[seen], sizes[rest]))
    names = sorted(set(networks.tolist()))
    return GemminiReport(
        parameters=parameters,
        fitted=_accuracy("all", predict(parameters, features), measured),
        cross_validated=(
            *(_accuracy(name, predicted[networks == name], measured[networks == name]) for name in names),
            _accuracy("all", predicted, measured),
        ),
        regression=_accuracy("all", regressed, measured),
        regression_fitted=_accuracy("all", _regress(sizes, measured, sizes), measured),
        array_alone=_accuracy("all", features.array, measured),
        rows=tuple(
            {"layer": layer.name, "network": layer.network, "published": layer.cycles, "ours": round(float(value))}
            for layer, value in zip(layers, predicted, strict=True)
        ),
    )


def layers_of(reference: Path) -> list[Layer]:
    """The table's rows, equal ones once. An id may stand for two sizes of the accumulators: both are kept."""
    try:
        with (reference / FILE).open(encoding="utf-8", newline="") as stream:
            rows = [row for row in csv.DictReader(stream) if row["id"].startswith(PREFIX)]
    except FileNotFoundError:
        raise ValueError(f"{reference} has no {FILE}; want a folder of published measurements") from None
    found = list(dict.fromkeys(_layer(row) for row in rows))
    if len({layer.network for layer in found}) < 2:
        raise ValueError(f"{reference / FILE}: want rows {PREFIX}* of at least two networks, got {len(found)} rows")
    return found


def _layer(row: Mapping[str, str]) -> Layer:
    def size(name: str) -> int:
        try:
            return int(float(row[name]))
        except (KeyError, ValueError):
            raise ValueError(f"{FILE}: row {row['id']}: {name}: want a number, got {row.get(name)!r}") from None

    matmul = row["op"] == "matmul"
    return Layer(
        name=f"{row['id'].removeprefix(PREFIX)}-a{size('acc_kb')}",
        network=row["network"],
        matmul=matmul,
        scratchpad_rows=size("spad_kb") * 1024 // DIM,
        accumulator_rows=size("acc_kb") * 1024 // (4 * DIM),
        input_height=size("in_h"),
        input_width=1 if matmul else size("in_w"),
        height=size("out_h"),
        width=1 if matmul else size("out_w"),
        depth=size("in_c"),
        columns=size("out_c"),
        kernel=size("k_h"),
        stride=size("stride"),
        macs=size("macs"),
        cycles=size("cycles"),
    )


def features_of(layers: Sequence[Layer]) -> Features:
    tilings = [tiles_of(layer) for layer in layers]
    return Features(
        array=_array_cycles(layers, tilings),
        short_slots=np.array(
            [
                [sum(tile.count * short_slots(layer, tile, least) for tile in tiles) for least in range(DIM + 1)]
                for layer, tiles in zip(layers, tilings, strict=True)
            ]
        ),
        pitch=np.array([layer.depth for layer in layers], np.float64),
        stores=np.array([sum(tile.count * stores(tile) for tile in tiles) for tiles in tilings], np.float64),
        **_traffic(layers, tilings),
    )


def _array_cycles(layers: Sequence[Layer], tilings: Sequence[Sequence[Tile]]) -> Float64:
    """``cost.matrix`` of every tile, in one call."""
    kinds = [(place, layer, tile) for place, layer in enumerate(layers) for tile in tilings[place]]

    def each(of: Callable[[Layer, Tile], int]) -> NDArray[np.int64]:
        return np.array([of(layer, tile) for _, layer, tile in kinds], np.int64)

    command = SimpleNamespace(
        mode=MatrixMode.DOT,
        transposed=0,
        planes=1,
        output_height=each(lambda layer, tile: tile.height),
        output_width=each(lambda layer, tile: tile.width),
        kernel_height=each(lambda layer, tile: layer.kernel),
        taps=each(lambda layer, tile: layer.kernel),
        run_bytes=each(lambda layer, tile: tile.depth),
        columns=each(lambda layer, tile: tile.columns),
        stride_x=1,
    )
    cycles = cost.matrix(command, ARRAY) * each(lambda layer, tile: tile.count)
    return np.bincount([place for place, _, _ in kinds], cycles, len(layers)).astype(np.float64)


def _traffic(layers: Sequence[Layer], tilings: Sequence[Sequence[Tile]]) -> dict[str, Float64]:
    """Lines read for the first time and again. What is read for the first time is no more than there is.

    Both operands of a product are matrices, read row by row as weights are; an image's pixels are gathered.
    """
    new_inputs, again, new_weights = [], [], []
    for layer, tiles in zip(layers, tilings, strict=True):
        inputs = [(tile.count * input_lines(layer, tile), tile.first_columns) for tile in tiles]
        weights = sum(tile.count * weight_lines(layer, tile) for tile in tiles if tile.first_pixels)
        there = layer.input_height * layer.input_width * layer.depth / LINE_BYTES
        new = min(there, sum(lines for lines, first in inputs if first))
        again.append(sum(lines for lines, _ in inputs) - new)
        new_inputs.append(0.0 if layer.matmul else new)
        new_weights.append(
            min(weights, layer.kernel**2 * layer.depth * layer.columns / LINE_BYTES) + layer.matmul * new
        )
    return {
        "new_inputs": np.array(new_inputs, np.float64),
        "inputs_again": np.array(again, np.float64),
        "new_weights": np.array(new_weights, np.float64),
    }


def predict(p: Parameters, f: Features) -> Float64:
    """Cycles of each layer. Nothing overlaps: a term for it was fitted to no overlap at all."""
    below = min(max(p.least_rows, 0.0), float(DIM))
    short = (1 - below % 1) * f.short_slots[:, int(below)] + below % 1 * f.short_slots[:, min(int(below) + 1, DIM)]
    pitch = np.power(f.pitch / 256, p.pitch_exponent)
    memory = p.input_line * pitch * f.new_inputs + p.input_again * f.inputs_again + p.weight_line * f.new_weights
    return np.asarray(f.array + short + memory + p.store * f.stores)


def fit(features: Features, measured: Float64, steps: int = 60) -> Parameters:
    """Least squares of the logarithms of predicted over measured cycles (Levenberg-Marquardt over the logarithms of
    the parameters, so that none is negative); from a fixed start, so that it is deterministic."""

    def residuals(x: Float64) -> Float64:
        return np.log(predict(Parameters(**dict(zip(_NAMES, np.exp(x).tolist(), strict=True))), features) / measured)

    x, damping = np.log([getattr(START, name) for name in _NAMES]), 1e-2
    r = residuals(x)
    for _ in range(steps):
        jacobian = np.stack([(residuals(x + 1e-4 * unit) - r) / 1e-4 for unit in np.eye(len(x))], axis=1)
        normal, gradient = jacobian.T @ jacobian, jacobian.T @ r
        for _ in range(8):
            scale = np.diag(np.diag(normal)) + 1e-6 * np.eye(len(x))
            trial = x + np.clip(np.linalg.solve(normal + damping * scale, -gradient), -1, 1)
            tried = residuals(trial)
            if tried @ tried < r @ r:
                x, r, damping = trial, tried, max(damping / 5, 1e-7)
                break
            damping *= 4
        else:
            break
    return Parameters(**dict(zip(_NAMES, np.exp(x).tolist(), strict=True)))


_NAMES = tuple(Parameters.__dataclass_fields__)


def _left_out(networks: NDArray[np.str_], of: Callable[[NDArray[np.bool_], NDArray[np.bool_]], Float64]) -> Float64:
    """Predictions of every network by what the others say."""
    found = np.zeros(len(networks))
    for name in sorted(set(networks.tolist())):
        found[networks == name] = of(networks != name, networks == name)
    return found


def _sizes(layers: Sequence[Layer]) -> Float64:
    """A constant and five logarithms: MACs, and bytes of input, weights and output, and the depth of a pixel."""
    rows = [
        (
            1.0,
            np.log(item.macs),
            np.log(item.input_height * item.input_width * item.depth),
            np.log(item.kernel**2 * item.depth * item.columns),
            np.log(item.height * item.width * item.columns),
            np.log(item.depth),
        )
        for item in layers
    ]
    return np.array(rows, np.float64)


def _regress(seen: Float64, measured: Float64, rest: Float64) -> Float64:
    return np.asarray(np.exp(rest @ np.linalg.lstsq(seen, np.log(measured), rcond=None)[0]))


def _accuracy(network: str, predicted: Float64, measured: Float64) -> Accuracy:
    error = np.abs(predicted / measured - 1)
    return Accuracy(
        network=network,
        layers=len(error),
        mape=float(error.mean()),
        median=float(np.median(error)),
        p90=float(np.quantile(error, 0.9)),
        rank=float(np.corrcoef(ranks(predicted), ranks(measured))[0, 1]),
    )


def ranks(values: Float64) -> Float64:
    """Ranks, equal values sharing theirs."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(count) - (count - 1) / 2)[place]
