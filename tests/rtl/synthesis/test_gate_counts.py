"""Gate counts: parsing Yosys' statistics, the fit, the table that the area model reads, and small syntheses."""

import copy
import json
import shutil
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accel_models.constants import load_table
from accel_models.gates import Sizes, gates_of, terms
from accel_models.system import load_system
from rtl.bench.build import default_build_root, lint
from rtl.bench.tools import BuildError, MissingToolError
from rtl.bench.yosys import yosys_path
from rtl.synthesis import flow
from rtl.synthesis.blocks import BLOCKS, EDGE8, EDGE16, SMALL, WHOLE
from rtl.synthesis.cells import COMBINATIONAL, FLIP_FLOPS, NAND2_UM2, NODE_NM, liberty
from rtl.synthesis.fit import Fit, Point, non_negative
from rtl.synthesis.published import FOLDER, PUBLISHED
from rtl.synthesis.report import table_text

# `stat -json` of fifo, cut down to what is read; \\bank stands for a macro with its parameters in the name.
STATISTICS: dict[str, Any] = {
    "creator": "Yosys 0.70 (git sha1 28ba3cb92, Release)",
    "modules": {"\\fifo": {"area": 30.0}, "$paramod\\skid\\Width=32'00000000000000000000000000000100": {"area": 9.0}},
    "design": {
        "num_cells": 9,
        "area": 2 * 0.798 + 1.862 + 3.458 + 3 * 4.522 + 2 * 5.320,
        "sequential_area": 3 * 4.522 + 2 * 5.320,
        "num_cells_by_type": {
            "NAND2": 2,
            "MUX2": 1,
            "CLKGATE": 1,
            "DFF": 3,
            "DFFR": 2,
            "$paramod$1f\\bank": 4,
            "$paramod\\skid\\Width=32'00000000000000000000000000000100": 1,
        },
    },
}


@pytest.fixture
def tools() -> None:
    try:
        yosys_path()
    except MissingToolError as error:
        pytest.skip(str(error))


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that Yosys' sandbox can see: /tmp is its own there."""
    made = default_build_root().with_name("synthesis-test")
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    yield made
    shutil.rmtree(made)


def test_statistics_become_gates() -> None:
    found = flow.gates_of(STATISTICS, ("bank",))
    assert found.flip_flops == 5
    # Two NAND2, a multiplexer, a clock gate, and what two resets add.
    assert found.logic == pytest.approx((2 * 0.798 + 1.862 + 3.458 + 2 * (5.320 - 4.522)) / 0.798)
    assert found.um2 == pytest.approx(STATISTICS["design"]["area"])


def test_a_cell_without_an_area_is_an_error() -> None:
    with pytest.raises(BuildError, match=r"cells without an area: \$paramod\$1f\\bank"):
        flow.gates_of(STATISTICS, ())
    unmapped = copy.deepcopy(STATISTICS)
    unmapped["design"]["num_cells_by_type"]["$_MUX_"] = 1
    with pytest.raises(BuildError, match=r"\$_MUX_"):
        flow.gates_of(unmapped, ("bank",))


def test_the_library_names_every_cell() -> None:
    text = liberty()
    for name in (*(cell.name for cell in COMBINATIONAL), *FLIP_FLOPS, "CLKGATE"):
        assert text.count(f"cell({name}) ") == 1
    assert text.count("{") == text.count("}")


def test_fit_finds_what_made_the_numbers_and_nothing_below_zero() -> None:
    rng = np.random.default_rng(0)
    matrix = rng.uniform(1, 100, (9, 3))
    assert non_negative(matrix, (matrix @ [5.0, 0.0, 70.0]).tolist()) == pytest.approx([5, 0, 70], abs=1e-9)
    assert non_negative(matrix, (matrix @ [0.0, 0.0, 5.0]).tolist())[:2].tolist() == [0, 0], "no rounding is left"
    falling = np.array([[1.0, 1.0], [1.0, 2.0], [1.0, 4.0]])  # wants a negative slope
    found = non_negative(falling, [40.0, 39.0, 36.0])
    assert found[1] == 0 and 36 < found[0] < 40


def test_table_is_the_one_that_is_read() -> None:
    """Every term of the code has a coefficient and the other way round; all errors are small."""
    blocks = load_table("gates")["blocks"]
    assert list(blocks) == list(BLOCKS)
    for name, item in blocks.items():
        wanted = terms(name, SMALL)
        assert list(item["logic"]) == list(wanted) == list(item["flip_flops"])
        assert all(value >= 0 for kind in ("logic", "flip_flops") for value in item[kind].values())
        assert item["error"] < (0.08 if name == "crossbar" else 0.02)


def test_table_text_reads_back() -> None:
    import yaml

    sizes = SMALL
    fits = [
        Fit(name, item["logic"], item["flip_flops"], (Point(sizes, flow.Gates(90, 10), flow.Gates(99, 11), True),))
        for name, item in load_table("gates")["blocks"].items()
    ]
    found = yaml.safe_load(table_text(fits, "Yosys 0.70"))
    for name, item in load_table("gates")["blocks"].items():
        assert found["blocks"][name]["logic"] == item["logic"]
        assert found["blocks"][name]["flip_flops"] == item["flip_flops"]
        assert found["blocks"][name]["error"] == pytest.approx(0.1)
    assert found["cells"] == load_table("gates")["cells"]
    assert found["cells"]["gate"]["value"] == NAND2_UM2 and found["cells"]["gate"]["node_nm"] == NODE_NM


def test_an_unknown_block_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"want one of array, matrix, .*, got 'radio'"):
        terms("radio", SMALL)


def test_configurations_are_the_presets() -> None:
    from accel_models.gates import sizes_of

    assert sizes_of(load_system("edge8")) == EDGE8
    assert sizes_of(load_system("edge16")) == EDGE16
    assert EDGE8 in [sizes for sizes, _ in WHOLE.points] and EDGE16 in [sizes for sizes, _ in WHOLE.points]


def test_held_out_configurations_are_not_fitted() -> None:
    for block in BLOCKS.values():
        seen = [block.parameters_at(sizes) for sizes in block.fitted]
        assert block.held_out and not [sizes for sizes in block.held_out if block.parameters_at(sizes) in seen]


@pytest.mark.parametrize("name", ["array", "dma", "host", "crossbar"])
def test_table_still_fits_the_rtl(name: str, tools: None) -> None:
    """After a change of the RTL: `python -m rtl.synthesis --write`."""
    counted, fitted = BLOCKS[name].gates_at(SMALL), gates_of(name, SMALL)
    assert fitted.logic == pytest.approx(counted.logic, rel=0.08)
    assert fitted.flip_flops == pytest.approx(counted.flip_flops, rel=0.05)


COUNTED_BY_HAND = """
module twice #(parameter int unsigned Width = 8) (
  input  wire logic             clk_i,
  input  wire logic             enable_i,
  input  wire logic [Width-1:0] data_i,
  output      logic [Width-1:0] data_o
);
  logic [Width-1:0] first_q;
  always_ff @(posedge clk_i) if (enable_i) {data_o, first_q} <= {~(first_q & data_i), data_i};
endmodule
"""


def test_a_block_counted_by_hand(folder: Path, tools: None) -> None:
    """16 flip-flops, one clock gate, 8 NAND2; a second call reads what the first one kept."""
    (folder / "twice.sv").write_text(COUNTED_BY_HAND)
    found = flow.synthesize("twice", {"Width": 8}, rtl_dir=folder, build_root=folder / "kept")
    assert found.flip_flops == 16
    assert found.logic == pytest.approx(8 + 3.458 / 0.798)
    (kept,) = (folder / "kept").glob("twice*.json")
    statistics = json.loads(kept.read_text())
    statistics["design"]["num_cells_by_type"]["DFF"] = 12
    kept.write_text(json.dumps(statistics))
    assert flow.synthesize("twice", {"Width": 8}, rtl_dir=folder, build_root=folder / "kept").flip_flops == 12
    assert flow.synthesize("twice", {"Width": 4}, rtl_dir=folder, build_root=folder / "kept").flip_flops == 8


def test_memories_that_are_macros_are_left_out(tools: None) -> None:
    """A deeper scratchpad or accumulator memory has wider addresses, and no more of its bits are flip-flops."""
    crossbar = BLOCKS["crossbar"]
    small, deep = (crossbar.gates_at(Sizes(**{**as_dict(SMALL), "pad_bytes": size})) for size in (1 << 14, 1 << 16))
    assert deep.flip_flops == small.flip_flops < 100
    assert deep.logic < 1.1 * small.logic
    words = [flow.synthesize("accumulators", {"Entries": entries, "Columns": 4}) for entries in (64, 1024)]
    assert words[0].flip_flops < words[1].flip_flops < 500


def as_dict(sizes: Sizes) -> dict[str, int]:
    return {item.name: getattr(sizes, item.name) for item in fields(sizes)}


@pytest.mark.parametrize("top", sorted({item.top for item in PUBLISHED}))
def test_published_modules_are_clean(top: str) -> None:
    lint(top, rtl_dir=FOLDER)
