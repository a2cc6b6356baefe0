"""Gemmini's RTL beside the systolic model: the tiling by hand, the traffic by brute force, the fit, the given rows."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from accel_models import cost
from cosim.validate import gemmini
from cosim.validate.gemmini import (
    ARRAY,
    FILE,
    START,
    Parameters,
    features_of,
    fit,
    layers_of,
    predict,
)
from cosim.validate.gemmini_tiling import (
    DIM,
    Layer,
    Tile,
    input_lines,
    short_slots,
    stores,
    tiles_of,
    weight_lines,
)
from tests.accel_models.handmade import matrix

PRODUCT = Layer(
    name="p", network="a", matmul=True, scratchpad_rows=1024, accumulator_rows=512, input_height=128, input_width=1,
    height=128, width=1, depth=256, columns=96, kernel=1, stride=1, macs=128 * 256 * 96, cycles=1,
)  # fmt: skip
CONV = Layer(
    name="c", network="a", matmul=False, scratchpad_rows=2048, accumulator_rows=512, input_height=30, input_width=30,
    height=28, width=28, depth=64, columns=40, kernel=3, stride=1, macs=28 * 28 * 40 * 9 * 64, cycles=1,
)  # fmt: skip


def macs(layer: Layer, tiles: list[Tile]) -> int:
    return layer.kernel**2 * sum(t.count * t.height * t.width * t.depth * t.columns for t in tiles)


@pytest.mark.parametrize("layer", [PRODUCT, CONV, replace(CONV, stride=2, input_height=57, input_width=57)])
def test_a_tiling_does_all_the_work_once_and_fits(layer: Layer) -> None:
    tiles = tiles_of(layer)
    assert macs(layer, tiles) == layer.macs
    for tile in tiles:
        side = [(size - 1) * layer.stride + layer.kernel for size in (tile.height, tile.width)]
        operands = -(-tile.depth // DIM) * (side[0] * side[1]) + -(-tile.columns // DIM) * layer.kernel**2 * tile.depth
        assert operands <= layer.scratchpad_rows / 2
        assert -(-tile.columns // DIM) * tile.height * tile.width <= layer.accumulator_rows / 2
    lasts = sum(t.count * t.height * t.width * t.columns for t in tiles if t.last)
    assert lasts == layer.height * layer.width * layer.columns, "every output leaves the accumulators once"
    firsts = sum(t.count * t.depth * t.columns for t in tiles if t.first_pixels)
    assert firsts == layer.depth * layer.columns, "the first slice of pixels reads every weight once"


def test_the_tile_of_a_product_by_hand() -> None:
    """512 rows of operands are 32 blocks, 256 rows of sums 16: 4 x 4 blocks of sums, and depth 4 for two operands."""
    (tile, *_) = tiles_of(PRODUCT)
    assert (tile.height, tile.depth, tile.columns) == (64, 64, 64)


def test_the_tile_of_a_convolution_by_hand() -> None:
    """64 channels over 28 x 28 do not fit: channels and rows shrink in turn while they are largest; the sums (one block
    of columns over 16 x 16 pixels) then bound the image."""
    tile = max(tiles_of(CONV), key=lambda item: item.height * item.width * item.depth)
    assert (tile.height, tile.width, tile.columns) == (16, 16, 16)
    assert 0 < tile.depth <= 64 and (tile.depth // DIM + 1) * 18 * 18 + 9 * (tile.depth + 1) > 1024 - 2 * 18 * 18


def touched(runs: int, run: int, pitch: int, offset: int) -> int:
    """Lines that runs of bytes touch, by listing every byte."""
    return sum(
        len({(offset + place * pitch + byte) // 64 for byte in range(run)}) for place in range(runs)
    )  # fmt: skip


@pytest.mark.parametrize(("depth", "total"), [(16, 64), (48, 256), (51, 256), (64, 64), (80, 1024)])
def test_lines_are_those_of_every_byte(depth: int, total: int) -> None:
    """Averaged over where the chunks of a pixel start."""
    layer = replace(CONV, depth=total, columns=total)
    tile = Tile(
        count=1, height=4, width=5, depth=depth, columns=depth, first_columns=True, first_pixels=True, last=True
    )
    pixels = 6 * 7
    if depth >= total:
        want = float(pixels * total / 64)
    else:
        starts = [start * depth for start in range(64)]
        want = float(np.mean([touched(pixels, depth, 64, start) for start in starts]))
    assert input_lines(layer, tile) == pytest.approx(want)
    assert weight_lines(layer, tile) == pytest.approx(9 * depth * want / pixels)
    assert stores(tile) == 4 * 5 * -(-depth // 16) and stores(replace(tile, last=False)) == 0


def test_commands_of_few_rows_are_counted_one_by_one() -> None:
    tile = Tile(count=1, height=3, width=20, depth=40, columns=17, first_columns=True, first_pixels=True, last=True)
    commands = [rows for _ in range(3) for rows in (16, 4)] * (9 * 3 * 2)
    assert short_slots(CONV, tile, 9) == sum(max(0, 9 - rows) for rows in commands)
    assert short_slots(CONV, tile, 0) == 0
    flat = replace(tile, height=20, width=1)
    assert short_slots(PRODUCT, flat, 9) == 3 * 2 * (9 - 4)


def test_the_arrays_time_is_that_of_cost() -> None:
    total = sum(
        tile.count
        * int(
            cost.matrix(
                matrix(
                    tile.width, tile.depth, tile.columns, output_height=tile.height, output_width=tile.width,
                    kernel_height=3, taps=3,
                ),
                ARRAY,
            )
        )
        for tile in tiles_of(CONV)
    )  # fmt: skip
    found = features_of([CONV, PRODUCT])
    assert found.array[0] == total >= CONV.macs / 256


def layers(count: int) -> list[Layer]:
    """Convolutions and products of many sizes."""
    rng, found = np.random.default_rng(3), []
    for place in range(count):
        depth, columns = (int(value) for value in rng.choice([16, 48, 64, 160, 512], 2))
        if place % 4 == 0:
            rows = int(rng.integers(1, 300))
            found.append(replace(PRODUCT, height=rows, input_height=rows, depth=depth, columns=columns))
        else:
            side = int(rng.integers(3, 60))
            found.append(
                replace(
                    CONV, height=side, width=side, input_height=side + 2, input_width=side + 2, depth=depth,
                    columns=columns,
                )
            )  # fmt: skip
    return found


def test_the_fit_finds_the_parameters_that_made_the_data() -> None:
    truth = Parameters(
        least_rows=6.4, input_line=33.0, pitch_exponent=0.4, input_again=3.1, weight_line=11.0, store=7.0
    )
    found = features_of(layers(60))
    assert truth != START
    got = fit(found, predict(truth, found))
    for name in Parameters.__dataclass_fields__:
        assert getattr(got, name) == pytest.approx(getattr(truth, name), rel=1e-3), name


def rows(folder: Path, *changes: dict[str, str]) -> Path:
    fields = {
        "id": "gemmini16-x", "op": "conv3x3", "spad_kb": "64", "acc_kb": "32", "network": "x", "in_h": "10",
        "in_w": "10", "in_c": "16", "out_h": "8", "out_w": "8", "out_c": "16", "k_h": "3", "stride": "1",
        "macs": "147456", "cycles": "2000",
    }  # fmt: skip
    with (folder / FILE).open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(fields))
        writer.writeheader()
        writer.writerows(fields | change for change in changes)
    return folder


def test_rows_are_read_once_and_faults_are_named(tmp_path: Path) -> None:
    given = rows(tmp_path, {}, {}, {"acc_kb": "64"}, {"network": "y"}, {"id": "eyeriss-1", "cycles": ""})
    assert [layer.name for layer in layers_of(given)] == ["x-a32", "x-a64", "x-a32"]
    with pytest.raises(ValueError, match="gemmini16-x: cycles: want a number, got ''"):
        layers_of(rows(tmp_path, {}, {"network": "y", "cycles": ""}))
    with pytest.raises(ValueError, match="at least two networks, got 1 rows"):
        layers_of(rows(tmp_path, {}))
    with pytest.raises(ValueError, match=f"has no {FILE}"):
        layers_of(tmp_path / "elsewhere")


def test_published_rtl_cycles(reference_dir: Path) -> None:
    """What this release reaches over networks left out; the aim, 10 % and 0.99, is missed and says so."""
    report = gemmini(reference_dir)
    assert report.to_json() == gemmini(reference_dir).to_json(), "deterministic"
    assert report.overall.layers == len(report.rows) == 148 and report.holds
    assert report.overall.mape == pytest.approx(0.172, abs=0.005)
    assert report.overall.rank == pytest.approx(0.986, abs=0.002)
    assert report.overall.mape < 0.5 * report.regression_fitted.mape < report.regression.mape
    assert report.fitted.mape < report.overall.mape < report.array_alone.mape
    assert not report.to_json()["aim"]["mape"] > report.overall.mape
