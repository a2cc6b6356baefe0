"""Banks of the scratchpad: requests against golden's operand vectors, hand-made meetings, what conflicts may change."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel_models import cost, replay, requests
from accel_models.banks import BankMap, Masks
from accel_models.commands import Elementwise, Engine, Fill, Load, Matrix, MatrixMode, Requantize, Store
from accel_models.drain import LoadDrain
from accel_models.golden.streams import operand_vectors
from accel_models.timing import simulate
from tests.accel_models.handmade import load, matrix, program, random_commands, requantize, system

HW = cost.Hardware(rows=4, columns=4, bus_bytes=4, dma_setup_cycles=3, max_burst_beats=16)


def bank_map(rows: int = 4, banks: int = 8, bus_bytes: int = 4) -> BankMap:
    on = system(
        accelerator__array={"rows": rows, "columns": rows},
        accelerator__scratchpad={"size_bytes": 32768, "banks": banks},
        bus__bytes_per_cycle=bus_bytes,
    )
    assert on.accelerator is not None
    return BankMap.of(on.accelerator, on.bus)


BANKS = bank_map()


def conv(mode: MatrixMode, transposed: int = 0) -> Matrix:
    return Matrix(
        mode=mode, transposed=transposed, input_address=3, input_row_stride=64, input_pixel_stride=12, input_height=6,
        input_width=5, origin_y=-1, origin_x=-1, output_height=4, output_width=3, kernel_height=3, taps=3,
        tap_stride=12, run_bytes=6, columns=6, weight_address=641, weight_row_stride=67, accumulator=0,
    )  # fmt: skip


def idle(first: int, cycles: int) -> Masks:
    return np.zeros(cycles, np.uint64)


def wanting(masks: list[int]) -> replay.Window:
    """Ports above that want ``masks`` from cycle 0 on."""

    def window(first: int, cycles: int) -> Masks:
        padded = masks[first : first + cycles]
        return np.array(padded + [0] * (cycles - len(padded)), np.uint64)

    return window


def test_banks_are_those_of_the_rtl() -> None:
    """bank_of in rtl/scratchpad.sv, written out for 8 banks, and the banks of an access."""
    for word in (0, 1, 7, 8, 9, 63, 64, 200, 1000, 8191):
        bank = (word ^ word >> 3 ^ word >> 4 ^ word >> 7 ^ word >> 8) & 7
        assert BANKS.masks(4 * word, 4).tolist() == 1 << bank
    assert BANKS.masks([0, 3, 4, 0, 3], [4, 2, 1, 0, 1]).tolist() == [1, 3, 2, 0, 1]
    top = 1 << 21
    assert BANKS.masks([-2, top - 2, top], 4).tolist() == [BANKS.masks(top - 4, 4) | 1] * 2 + [1]  # around
    assert BANKS.masks([0, 4], -1).tolist() == [0, 0]
    assert bank_map(banks=2).masks(4 * np.arange(6), 4).tolist() == [1, 2, 1, 2, 1, 2]


@pytest.mark.parametrize("transposed", [0, 1])
@pytest.mark.parametrize("mode", MatrixMode)
@pytest.mark.parametrize("planes", [1, 3])
def test_matrix_requests_are_goldens_vectors(planes: int, mode: MatrixMode, transposed: int) -> None:
    command = conv(mode, transposed if mode == MatrixMode.DOT else 0)
    command = replace(command, planes=planes, input_plane_stride=301)
    found = requests.requests_of(Matrix, command, HW, BANKS)
    assert isinstance(found, requests.MatrixRequests)
    tiles = list(operand_vectors(command, np.ones(1 << 14, np.uint8), HW.rows, HW.columns))
    assert found.slots == len(tiles[0].activations) and len(found.activations) == found.slots * len(tiles)
    assert len(found.weights) == sum(max(len(tile.weights), len(tile.gradients)) for tile in tiles)
    if mode == MatrixMode.OUTER:
        assert not found.loads and len(found.drains) == len(tiles)
    else:
        assert found.loads == tuple(len(tile.weights) for tile in tiles)
    if mode != MatrixMode.DEPTHWISE:  # there golden leaves out pixels that no output uses
        read = np.concatenate([tile.activations.any(axis=1) for tile in tiles])  # bytes are 1, padding is 0
        np.testing.assert_array_equal(found.activations != 0, read)


@given(
    mode=st.sampled_from(MatrixMode), transposed=st.integers(0, 1), height=st.integers(1, 6), width=st.integers(1, 6),
    run=st.integers(1, 11), columns=st.integers(1, 11), taps=st.integers(1, 4), kernel=st.integers(1, 3),
    stride=st.integers(1, 3), planes=st.integers(1, 3),
)  # fmt: skip
def test_a_matrix_command_that_meets_nothing_takes_its_cost(
    mode: MatrixMode,
    transposed: int,
    height: int,
    width: int,
    run: int,
    columns: int,
    taps: int,
    kernel: int,
    stride: int,
    planes: int,
) -> None:
    command = replace(
        conv(mode, transposed), output_height=height, output_width=width, run_bytes=run, columns=columns, taps=taps,
        kernel_height=kernel, stride_x=stride, planes=planes, input_plane_stride=301,
    )  # fmt: skip
    found = requests.requests_of(Matrix, command, HW, BANKS)
    assert isinstance(found, requests.MatrixRequests)
    free = replace(found, activations=found.activations * np.uint64(0))
    took = replay.matrix(found)
    assert replay.matrix(free).cycles == cost.matrix(command, HW) <= took.cycles == len(took.wanted)


def test_a_fill_waits_for_its_bank() -> None:
    beats = requests.BeatRequests(np.array([1, 2], np.uint64), np.zeros(2, np.uint64))
    assert replay.fill(beats, 3, idle) == 5
    assert replay.fill(beats, 3, wanting([0, 0, 0, 2, 1])) == 5
    assert replay.fill(beats, 3, wanting([0, 0, 0, 1, 1])) == 7
    assert replay.fill(beats, 3, wanting([0, 0, 0, 0, 3, 3])) == 7


def test_a_store_waits_for_its_bank_and_stands_in_the_way_meanwhile() -> None:
    beats = requests.BeatRequests(np.array([1, 2, 4], np.uint64), np.zeros(3, np.uint64))
    alone = replay.store(beats, 3, 1.0, idle)
    assert alone.cycles == 3 + 3 and alone.wanted.tolist() == [0, 1, 2, 4]
    late = replay.store(beats, 3, 1.0, wanting([0, 1, 1]))
    assert late.cycles == alone.cycles + 2 and late.wanted.tolist()[:6] == [0, 1, 1, 1, 2, 4]


def test_a_store_reads_ahead_of_a_slow_memory() -> None:
    """Four beats fit on the way to the bus: a bank that is busy for two cycles costs nothing."""
    beats = requests.BeatRequests(np.full(12, 1, np.uint64), np.zeros(12, np.uint64))
    paced = replay.store(beats, 3, 2.5, idle)
    assert paced.cycles == 3 + 30
    assert replay.store(beats, 3, 2.5, wanting([0] * 12 + [1, 1])).cycles == paced.cycles


@pytest.mark.parametrize(("above", "end"), [([], 10), ([0] * 6 + [3, 3], 10), ([0] * 6 + [15] * 5, 13)])
def test_beats_that_waited_are_written_two_at_a_time(above: list[int], end: int) -> None:
    """A write of two beats makes up for a cycle lost; a full queue keeps beats on the bus."""
    banks = bank_map(8)
    hw = replace(HW, rows=8, columns=8)
    found = requests.requests_of(Load, load(16), hw, banks)
    assert isinstance(found, requests.BeatRequests) and len(found.masks) == 4
    drain = LoadDrain(found, 0, wanting(above))
    drain.offer(4, 6.0, 1.0, 0)
    now = 0
    while drain.written(now) < 4:
        now += 1
    assert now == end


def test_a_write_that_waits_stops_the_vector_engine_a_cycle_later() -> None:
    command = Elementwise(function=2, height=1, width=20, columns=4, a_address=0, a_pixel_stride=4, output_address=512,
                          output_pixel_stride=4)  # fmt: skip
    found = requests.requests_of(Elementwise, command, HW, BANKS)
    assert isinstance(found, requests.VectorRequests) and len(found.reads) == len(found.writes) == 20
    alone = replay.vector(replace_reads(found, 0), idle)
    assert alone.cycles == cost.elementwise(command, HW)
    first = cost.VECTOR_START + cost.VECTOR_DRAIN  # the first write
    once = replay.vector(replace_reads(found, 0), wanting([0] * first + [int(found.writes[0])]))
    assert once.cycles == alone.cycles + 1
    assert once.wanted[first] == once.wanted[first + 1] == found.writes[0]
    # Nothing is read while the second entry of the writer is taken.
    reads = replace_reads(found, 1 << 60)
    held = replay.vector(reads, wanting([0] * first + [int(found.writes[0])] * 3))
    assert held.cycles == alone.cycles + 3
    assert [int(mask) >> 60 & 1 for mask in held.wanted[first : first + 5]] == [1, 0, 0, 0, 1]


def replace_reads(found: requests.VectorRequests, mask: int) -> requests.VectorRequests:
    return replace(found, reads=np.full(len(found.reads), mask, np.uint64))


def test_a_read_that_waits_lets_results_pass() -> None:
    ones = np.ones(20, np.uint64)
    found = requests.VectorRequests(ones, np.arange(20), 2 * ones)
    took = replay.vector(found, wanting([0] * (cost.VECTOR_START + 3) + [1] * 5))
    first = cost.VECTOR_START + cost.VECTOR_DRAIN
    assert (np.flatnonzero(took.wanted & np.uint64(2)) - first).tolist() == [0, 1, 2, *range(8, 25)]


@given(st.data())
def test_the_vector_engine_gives_way_and_keeps_its_order(data: st.DataObject) -> None:
    """Every read and write is granted once, in order, where nothing above wants its bank; waiting is all it costs."""
    taps = data.draw(st.integers(1, 3))
    emits = np.arange(taps - 1, 60, taps)
    reads = data.draw(st.lists(st.sampled_from([0, 1, 2, 3, 17]), min_size=60, max_size=60))
    writes = data.draw(st.lists(st.sampled_from([4, 8, 20]), min_size=len(emits), max_size=len(emits)))
    above = data.draw(st.lists(st.sampled_from([0, 0, 0, 1, 2, 4, 8, 6, 15, 16]), max_size=120))
    found = requests.VectorRequests(np.array(reads, np.uint64), emits, np.array(writes, np.uint64))
    took = replay.vector(found, wanting(above))
    waited, reads_left, writes_left = 0, [mask for mask in reads if mask], list(writes)
    for cycle, wanted in enumerate(took.wanted.tolist()):
        read, write = reads_left[0] if wanted & 3 else 0, writes_left[0] if wanted & 12 else 0
        assert wanted == read | write
        higher = above[cycle] if cycle < len(above) else 0
        if read and not read & higher:
            reads_left.pop(0)
        if write and not write & (higher | read):
            writes_left.pop(0)
        waited += bool(read & higher) + bool(write & (higher | read))
    assert not reads_left and not writes_left and took.wanted[-1] & 12
    alone = cost.VECTOR_START + 60 - 60 % taps + cost.VECTOR_DRAIN
    assert alone <= took.cycles <= alone + waited


@pytest.mark.parametrize("seed", range(8))
def test_conflicts_are_stalls_and_cost_little(seed: int) -> None:
    item = program(random_commands(np.random.default_rng(300 + seed), 80))
    banked, ideal = simulate(item), simulate(item, ideal_scratchpad=True)
    assert banked.busy == ideal.busy
    assert ideal.total_cycles <= banked.total_cycles <= 1.5 * ideal.total_cycles
    assert sum(banked.stalled) > sum(ideal.stalled)


def test_a_lower_engine_is_planned_again_when_a_higher_one_starts() -> None:
    """A long store is under way when a matrix command starts on the same banks."""
    store = Store(bus_address=0x2000_0000, pad_address=0, row_bytes=2000)
    late = [matrix(600, 64, 16, signal=1 << Engine.VECTOR), requantize(600, 16, wait=1 << Engine.MATRIX)]
    alone, both = simulate(program([store])), simulate(program([store, *late]))
    assert both.end[0] > alone.end[0]
    assert both.stalled[Engine.STORE] - alone.stalled[Engine.STORE] == both.end[0] - alone.end[0]


def test_empty_commands_ask_for_nothing() -> None:
    for command in (
        Fill(pad_address=0, row_bytes=0),
        Requantize(accumulator=0, width=0, columns=4, parameters=0, output_address=0),
        replace(conv(MatrixMode.DOT), output_height=0),
        load(0),
    ):
        assert requests.requests_of(type(command), command, HW, BANKS) is None


def test_bursts_end_at_pages_and_at_the_longest() -> None:
    command = Load(bus_address=0x2000_0FF6, pad_address=0, row_bytes=100, rows=2, bus_row_stride=4096 - 64)
    (sizes,) = requests.burst_sizes(command, HW)
    assert sizes == [3, 16, 7, 16, 3, 7] and sum(sizes) == cost.beats(command, HW)
