"""Peers' estimates beside ours: how layers are matched, what is refused, what is left out and why."""

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from accel_models.golden.machine import run_program
from accel_models.system import load_system
from cosim.encode import compile_network
from cosim.validate import peers
from cosim.validate.peers import Shape, matched, shape_of, workloads_of
from cosim.validate.vit_block import vit_block
from tests.cosim.networks import NetworkBuilder

LAYERS = {
    "qkv": Shape(8, 24, 8, 1), "qk_h0": Shape(8, 8, 4, 1), "av_h0": Shape(8, 4, 8, 1), "proj": Shape(8, 8, 8, 1),
    "fc1": Shape(8, 16, 8, 1), "fc2": Shape(8, 8, 16, 1),
}  # fmt: skip
NO_CHANGE: Mapping[tuple[str, str], str] = {}


def tables(folder: Path, change: Mapping[tuple[str, str], str] = NO_CHANGE, left: str = "") -> Path:
    """Both tables of a small transformer block; ``change``: cycles by (peer, layer); without layer ``left``."""
    with (folder / peers.WORKLOADS).open("w", newline="") as stream:
        out = csv.writer(stream)
        out.writerow("workload,layer,kind,m_eq,n_eq,k_eq,groups,macs,ideal_cycles_256mac".split(","))
        for name, shape in LAYERS.items():
            out.writerow([peers.VIT, name, "gemm", shape.m, shape.n, shape.k, shape.groups, shape.macs, ""])
        out.writerow([peers.VIT, peers.TOTAL, "", "", "", "", "", sum(shape.macs for shape in LAYERS.values()), ""])
    with (folder / peers.RESULTS).open("w", newline="") as stream:
        out = csv.writer(stream)
        out.writerow(["peer", "workload", "layer", "cycles", "util", "energy", "wall_s"])
        for peer, cycles in (("one", "100"), ("two", "900")):
            for layer in (*LAYERS, peers.OTHER, peers.TOTAL):
                if (peer, layer) != ("two", left):
                    out.writerow([peer, peers.VIT, layer, change.get((peer, layer), cycles), "", "", ""])
    return folder


def test_ranges_and_ours(tmp_path: Path) -> None:
    rows = peers.peers(tables(tmp_path))
    assert [row.layer for row in rows] == [*LAYERS, peers.TOTAL]
    assert all((row.low, row.high) == (100, 900) and not row.left_out for row in rows)
    assert all(row.ours * peers.PEAK >= row.macs > 0 for row in rows)
    assert sum(row.ours for row in rows[:-1]) <= rows[-1].ours
    assert rows[-1].to_json()["ideal"] == -(-sum(shape.macs for shape in LAYERS.values()) // 256)


def test_fewer_cycles_than_the_macs_need_are_left_out_and_shown(tmp_path: Path) -> None:
    rows = peers.peers(tables(tmp_path, {("one", "qkv"): "5"}))
    assert rows[0].left_out == {"one": 5.0} and (rows[0].low, rows[0].high) == (900, 900)
    with pytest.raises(ValueError, match="qkv: no peer has as many cycles"):
        peers.peers(tables(tmp_path, {("one", "qkv"): "5", ("two", "qkv"): "5"}))


@pytest.mark.parametrize(
    ("change", "left", "said"),
    [
        ({("one", "fc1"): "many"}, "", "one, vitblock, fc1: cycles: want a number above 0, got 'many'"),
        ({("one", "fc1"): "-3"}, "", "got '-3'"),
        ({}, "fc1", "vitblock, fc1: not from the peers of its total: two"),
    ],
)
def test_faults_are_named(tmp_path: Path, change: Mapping[tuple[str, str], str], left: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        peers.peers(tables(tmp_path, change, left))


def replaced(folder: Path, name: str, old: str, new: str) -> Path:
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new))
    return folder


def test_tables_that_do_not_fit_each_other(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no row of layer 'fc2'"):
        peers.peers(replaced(tables(tmp_path), peers.RESULTS, "fc2", "fc9"))
    with pytest.raises(ValueError, match="want one of gemm256, resnet8, vww, vitblock, got 'alexnet'"):
        replaced(tables(tmp_path), peers.RESULTS, peers.VIT, "alexnet")
        peers.peers(replaced(tmp_path, peers.WORKLOADS, peers.VIT, "alexnet"))
    with pytest.raises(ValueError, match="qkv: macs: want 1536 of its sizes, got 1537"):
        peers.peers(replaced(tables(tmp_path), peers.WORKLOADS, "1536", "1537"))
    with pytest.raises(ValueError, match=f"has no {peers.WORKLOADS}"):
        peers.peers(tmp_path / "elsewhere")


def test_layers_are_matched_by_order_and_size() -> None:
    net = NetworkBuilder()
    x = net.input("x", (1, 8, 8, 16))
    y = net.conv(net.conv(x, 16, groups=16), 24, kernel=(1, 1), padding=(0, 0, 0, 0))
    network = net.build(y)
    deep, wide = (item for item in network.operators)
    assert shape_of(network, deep) == Shape(64, 1, 9, 16) and shape_of(network, wide) == Shape(64, 24, 16, 1)
    layers = {"dw": Shape(64, 1, 9, 16), "pw": Shape(64, 24, 16, 1)}
    assert matched("small", layers, network) == {"dw": deep.name, "pw": wide.name}
    with pytest.raises(ValueError, match="small, pw: want Shape.*but our conv0 is Shape"):
        matched("small", dict(reversed(layers.items())), network)
    with pytest.raises(ValueError, match="has 1 layers, our network 2"):
        matched("small", {"dw": layers["dw"]}, network)


def test_the_block_computes_its_products() -> None:
    network = vit_block([(name, shape.m, shape.n, shape.k) for name, shape in LAYERS.items()])
    assert {name: shape_of(network, item) for name, item in zip(LAYERS, network.operators, strict=True)} == LAYERS
    rng = np.random.default_rng(1)
    given = {
        name: rng.integers(-128, 128, (1, *network.tensors[name].shape), np.int8, endpoint=False)
        for name in network.inputs
    }
    found = run_program(compile_network(network, load_system("edge16"), "sram", search=False), given).codes
    assert set(found) == {"qkv.y", "qk_h0.y", "av_h0.y", "fc2.y"}, "proj and fc1 feed what follows"
    assert all(len(np.unique(codes)) > 3 for codes in found.values())


def test_every_layer_of_the_reference_is_ours(reference_dir: Path) -> None:
    """The shapes alone; that every workload also runs is seen by ``cosim validate``."""
    if not (reference_dir / peers.WORKLOADS).exists():
        pytest.skip(f"the reference folder has no {peers.WORKLOADS}")
    shapes, results = workloads_of(reference_dir), peers.results_of(reference_dir)
    assert set(shapes) == {*peers.OURS, peers.VIT}
    for workload, layers in shapes.items():
        assert len(matched(workload, layers, peers.network_of(workload, layers))) == len(layers)
        of_them = peers._of_workload(results, workload, layers)
        assert min(len(item) for item in of_them.values()) >= 9
