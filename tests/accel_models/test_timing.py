"""The event machine: hand-made pipelines, an independent recursion as oracle, monotonicity, errors."""

from dataclasses import replace

import numpy as np
import pytest

from accel_models import cost
from accel_models.batch import Decided, batches
from accel_models.commands import Command, Elementwise, Engine, Fill, Load, Range, Register, SetRegister
from accel_models.cpu import cpu_cost
from accel_models.network import CpuCall, Operator, Tensor
from accel_models.program import Binding, Program, Row, Segment
from accel_models.system import load_system
from accel_models.timing import Timing, TimingError, simulate
from accel_models.work import memory_speed, work_of
from tests.accel_models.handmade import (
    elementwise,
    load,
    matrix,
    program,
    random_commands,
    requantize,
    store,
    system,
)

LOAD, MATRIX, VECTOR, STORE = (1 << engine for engine in Engine)
FETCH = 8  # edge16: 64 bytes, 8 a beat
LATENCY = 4  # of the SRAM that holds the commands
FIRST = cost.COMMAND_FETCH_START + LATENCY + cost.DISPATCH  # a command can start this long after its last beat


def hw_of(item: Program) -> cost.Hardware:
    assert item.system.accelerator is not None
    return cost.Hardware.of(item.system.accelerator, item.system.bus)


def test_a_chain_of_tokens_runs_one_after_the_other() -> None:
    item = program(
        [
            load(1024, signal=MATRIX),
            matrix(32, 32, 16, wait=LOAD, signal=VECTOR),
            requantize(32, 16, wait=MATRIX, signal=STORE),
            store(512, wait=VECTOR),
        ]
    )
    timing, hw = simulate(item, ideal_scratchpad=True), hw_of(item)
    work = work_of(item, batches(item))
    first = FIRST + FETCH
    assert timing.start[0] == first
    behind = timing.end[0] - (first + cost.transfer(item.decoded[0], hw, LATENCY))
    assert (
        0 < behind <= (len(item.commands) + cost.COMMAND_FETCH_AHEAD) * FETCH
    )  # the load shares the channel with these
    assert work.cycles[0] == hw.dma_setup_cycles + 1024 // 8
    for place in (1, 2, 3):
        assert timing.start[place] == timing.end[place - 1]
    assert timing.end[1] - timing.start[1] == cost.matrix(item.decoded[1], hw)
    assert timing.end[2] - timing.start[2] == cost.requantize(item.decoded[2], hw)
    assert timing.total_cycles == timing.end[3] + cost.SEGMENT_END
    assert timing.stalled[Engine.STORE] > 0


def test_engines_overlap_without_tokens() -> None:
    item = program([load(4096), matrix(200, 200, 16), requantize(200, 16)])
    timing = simulate(item)
    assert timing.start[1] == FIRST + 2 * FETCH and timing.start[2] == FIRST + 3 * FETCH
    assert timing.total_cycles == timing.end[:3].max() + cost.SEGMENT_END < sum(timing.busy)


def test_a_full_queue_holds_the_dispatcher() -> None:
    slow = [matrix(500, 16, 16) for _ in range(4)]
    deep, shallow = (program([*slow, load(8)], on=system(accelerator__queue_depth=depth)) for depth in (4, 1))
    assert simulate(deep).start[4] == FIRST + 5 * FETCH
    # One command works and one waits: the fourth enters the queue when the third is taken. The next is there by then.
    timing = simulate(shallow)
    assert timing.start[4] == timing.start[2] + 1 + cost.DISPATCH


def test_fetching_stops_when_the_buffer_is_full() -> None:
    ahead = cost.COMMAND_FETCH_AHEAD
    long, quick = [matrix(500, 16, 16) for _ in range(3)], SetRegister(destination=0, value=0)
    # One on each other engine, so that none waits for the one before it.
    short = [quick, Fill(pad_address=0, row_bytes=0), store(0), *[quick] * (ahead - 2)]
    timing = simulate(program([*long, *short], on=system(accelerator__queue_depth=1)))
    room = timing.start[1]  # the third enters the queue, the buffer holds the next ones
    assert timing.start[3 : 2 + ahead].tolist() == [room + k + 1 for k in range(1, ahead)]
    assert timing.start[2 + ahead] == room + 1 + LATENCY + FETCH + cost.DISPATCH


def test_a_register_operand_takes_a_cycle() -> None:
    fields = {"function": 2, "columns": 16, "a_address": 0, "output_address": 64}
    plain, other = Elementwise(**fields), Elementwise(**fields, low=Register(3), high=Register(4))
    one, two = (simulate(program([command])) for command in (plain, other))
    assert two.total_cycles - one.total_cycles == two.stalled[Engine.VECTOR] == 2 * cost.REGISTER_READ
    assert one.busy == two.busy


def test_end_waits_for_every_engine() -> None:
    timing = simulate(program([matrix(1000, 16, 16)]))
    assert timing.start[1] == FIRST - cost.DISPATCH + 2 * FETCH
    assert timing.end[1] == timing.total_cycles == timing.end[0] + cost.SEGMENT_END


def test_flash_is_slower_by_its_bandwidth_and_latency() -> None:
    on = system()
    latency, per_beat = memory_speed(on)["flash"]
    assert latency == 20  # 96 ns at 200 MHz, rounded up
    assert per_beat == pytest.approx(8 * 200 / 52)
    item = program([load(800, "flash")], on=on)
    timing = simulate(item)
    assert timing.busy[Engine.LOAD] == hw_of(item).dma_setup_cycles + 100
    assert timing.end[0] - timing.start[0] == cost.transfer(item.decoded[0], hw_of(item), latency, per_beat)
    assert timing.stalled[Engine.LOAD] == latency + int(np.ceil(100 * per_beat)) - 100


def test_commands_in_flash_are_fetched_slowly() -> None:
    slow = simulate(program([load()], metadata={"commands": "flash"}))
    assert slow.start[0] == FIRST - LATENCY + 20 + int(np.ceil(8 * 8 * 200 / 52))
    cold = simulate(program([load()], metadata={"weights": "flash"}))
    assert cold.start[0] == slow.start[0]
    with pytest.raises(ValueError, match="metadata 'commands' is 'rom'"):
        simulate(program([load()], metadata={"commands": "rom"}))


def test_fetches_and_stores_lengthen_a_load_at_most_twofold() -> None:
    alone = program([load(64)])  # 8 beats; End is fetched meanwhile
    assert work_of(alone, batches(alone)).shared[0] == LATENCY + 8
    long = program([load(8000)])
    assert work_of(long, batches(long)).shared[0] == LATENCY + 8
    with_stores = [load(8000), store(800), store(800)]
    one, four = (program(with_stores, on=system(sram__banks=banks)) for banks in (1, 4))
    assert work_of(one, batches(one)).shared[0] == LATENCY + 3 * 8 + 200
    assert work_of(four, batches(four)).shared[0] == LATENCY + 3 * 8 + 1 + 1
    busy = simulate(one).busy
    assert busy == simulate(four).busy  # sharing is a stall, never work


def test_flash_load_leaves_the_channel_to_fetches() -> None:
    item = program([load(800, "flash")])
    work, hw = work_of(item, batches(item)), hw_of(item)
    assert work.cycles[0] + work.shared[0] == cost.transfer(item.decoded[0], hw, *memory_speed(item.system)["flash"])


# -- oracle ------------------------------------------------------------------------------------------------------------


def recursion(item: Program) -> tuple[list[int], list[int], int]:
    """The same machine as equations in program order: each time is a maximum of earlier ones plus a constant.

    Without loads: they share the read channel in the order of time.
    """
    accelerator = item.system.accelerator
    assert accelerator is not None
    work, depth = work_of(item, batches(item)), accelerator.queue_depth
    duration = work.cycles + work.shared
    taken: dict[int, list[int]] = {engine: [] for engine in range(4)}
    given: dict[tuple[int, int], list[int]] = {(a, b): [] for a in range(4) for b in range(4)}
    used = dict.fromkeys(given, 0)
    ends = [0] * 4
    start, end = [], []
    asked, here, now, left = cost.COMMAND_FETCH_START - 1, 0, 0, []
    latency = work.speed[work.fetch_space][0]
    for place in range(len(item.commands)):
        asked += 1
        if place >= cost.COMMAND_FETCH_AHEAD:
            asked = max(asked, left[place - cost.COMMAND_FETCH_AHEAD] + 1)
        here = max(here, asked + latency) + work.fetch_cycles
        now = max(here, now + 1)
        me = int(work.engine[place])
        if me < 0:
            break
        if len(taken[me]) >= depth:
            now = max(now, taken[me][-depth])
        left.append(now)
        take = max(now + cost.DISPATCH, ends[me])
        taken[me].append(take)
        begin = take
        for other in range(4):
            if work.wait[place] >> other & 1:
                begin = max(begin, given[(other, me)][used[(other, me)]])
                used[(other, me)] += 1
        ends[me] = begin + int(duration[place])
        for other in range(4):
            if work.signal[place] >> other & 1:
                given[(me, other)].append(ends[me])
        start.append(begin)
        end.append(ends[me])
    return start, end, max(now, *ends) + cost.SEGMENT_END


@pytest.mark.parametrize("seed", range(40))
def test_machine_equals_recursion(seed: int) -> None:
    rng = np.random.default_rng(seed)
    on = system(
        accelerator__queue_depth=int(rng.integers(1, 9)), sram__banks=int(rng.choice([1, 2, 4])),
        bus__bytes_per_cycle=int(rng.choice([4, 8, 16])), sram__latency_cycles=int(rng.integers(1, 20)),
    )  # fmt: skip
    commands = [item for item in random_commands(rng, int(rng.integers(2, 160))) if not isinstance(item, Load)]
    item = program([replace(command, wait=command.wait & ~LOAD) for command in commands], on=on)
    timing = simulate(item, ideal_scratchpad=True)
    start, end, total = recursion(item)
    assert timing.start[:-1].tolist() == start
    assert timing.end[:-1].tolist() == end
    assert timing.total_cycles == total


# -- contract 7: without conflicts in banks, which a later start may meet or miss -------------------------------------

BETTER = {
    "banks": [system(sram__banks=banks) for banks in (1, 2, 3, 4, 8, 64)],
    "flash bandwidth": [system(flash__bandwidth_mb_per_s=speed) for speed in (10, 52, 333, 1500, 1600, 4000)],
    "flash latency": [system(flash__latency_ns=time) for time in (500, 96, 5, 0)],
    "SRAM latency": [system(sram__latency_cycles=time) for time in (40, 4, 1)],
    "set-up": [system(accelerator__dma__setup_cycles=time) for time in (40, 6, 3)],
    # Of a slow memory a partly used beat costs a whole one, so that width is compared on fast ones.
    "bus width": [system(bus__bytes_per_cycle=width, flash__bandwidth_mb_per_s=4000) for width in (4, 8)],
}


@pytest.mark.parametrize("what", BETTER)
@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("where", ["sram", "flash"])
def test_more_of_anything_never_costs_a_cycle(what: str, seed: int, where: str) -> None:
    commands = random_commands(np.random.default_rng(100 + seed), 80)
    items = [program(commands, on=on, metadata={"commands": where}) for on in BETTER[what]]
    totals = [simulate(item, ideal_scratchpad=True).total_cycles for item in items]
    assert totals == sorted(totals, reverse=True)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("where", ["sram", "flash"])
def test_a_deeper_queue_costs_at_most_a_few_fetches(seed: int, where: str) -> None:
    """It lets commands be fetched earlier, and so before a load that waits for them."""
    commands = random_commands(np.random.default_rng(100 + seed), 80)
    fetches = cost.COMMAND_FETCH_AHEAD * (FETCH if where == "sram" else 250)
    totals = []
    for depth in (1, 2, 3, 8, 64):
        on = system(accelerator__queue_depth=depth)
        item = program(commands, on=on, metadata={"commands": where})
        totals.append(simulate(item, ideal_scratchpad=True).total_cycles)
    assert all(total <= min(totals[: place + 1]) + 2 * fetches for place, total in enumerate(totals))


@pytest.mark.parametrize("ideal", [True, False])
@pytest.mark.parametrize("seed", range(10))
def test_busy_is_cost_and_times_are_consistent(seed: int, ideal: bool) -> None:
    rng = np.random.default_rng(200 + seed)
    item = program(random_commands(rng, 100))
    timing, work = simulate(item, ideal_scratchpad=ideal), work_of(item, batches(item))
    for engine in Engine:
        mine = np.flatnonzero(work.engine == engine)
        assert timing.busy[engine] == work.cycles[mine].sum()
        assert (timing.start[mine][1:] >= timing.end[mine][:-1]).all()  # in order, one at a time
        assert timing.busy[engine] + timing.stalled[engine] <= timing.total_cycles
    took, loads = (timing.end - timing.start)[:-1], (work.beats > 0)[:-1]
    if ideal:
        np.testing.assert_array_equal(took[~loads], (work.cycles + work.shared)[:-1][~loads])
    assert (took[~loads] >= (work.cycles + work.shared)[:-1][~loads]).all()
    assert (took[loads] >= work.cycles[:-1][loads]).all()
    assert timing.total_cycles >= max(timing.busy)


def test_same_program_same_times() -> None:
    item = program(random_commands(np.random.default_rng(3), 100))
    a, b = simulate(item), simulate(item)
    np.testing.assert_array_equal(a.start, b.start)
    assert a.total_cycles == b.total_cycles


# -- errors ------------------------------------------------------------------------------------------------------------


def test_a_deadlock_names_heads_and_tokens() -> None:
    item = program([matrix(wait=VECTOR, signal=VECTOR), requantize(wait=MATRIX, signal=MATRIX)])
    with pytest.raises(TimingError) as error:
        simulate(item)
    text = str(error.value)
    assert "MATRIX holds command 0 (Matrix) and waits for a token from VECTOR" in text
    assert "VECTOR holds command 1 (Requantize) and waits for a token from MATRIX" in text
    assert "LOAD has no command" in text


def test_an_overflowing_counter_is_named() -> None:
    item = program([load(8, signal=MATRIX)] * 4, on=system(accelerator__token_depth=3))
    with pytest.raises(TimingError, match=r"command 3 .* LOAD -> MATRIX is at its depth of 3"):
        simulate(item)


def test_a_segment_without_end() -> None:
    item = program([load(8)])
    cut = replace_fields(item, segments=(Segment(first=0, count=1),))
    with pytest.raises(TimingError, match="has no End"):
        simulate(cut)


def test_memory_that_the_system_lacks() -> None:
    with pytest.raises(ValueError, match="external memory, which system edge16 does not have"):
        simulate(program([load(8, "external")]))
    with pytest.raises(ValueError, match="no accelerator"):
        simulate(program([load(8)], on=load_system("cortex-m7")))


def test_extents_in_registers() -> None:
    commands: list[Command] = [SetRegister(destination=1, value=9), elementwise(10, 16, height=Register(1))]
    fixed = [SetRegister(destination=1, value=9), elementwise(10, 16, height=9)]
    assert simulate(program(commands)).busy == simulate(program(fixed)).busy
    data = program(
        [Range(accumulator=0, entries=3, columns=16, destination=1), elementwise(10, 16, height=Register(1))]
    )
    with pytest.raises(ValueError, match="register 1"):
        simulate(data)
    high, low = (simulate(data, Decided({1: {"height": height}})) for height in (9, 2))
    assert high.busy[Engine.VECTOR] > low.busy[Engine.VECTOR]


# -- CPU calls ---------------------------------------------------------------------------------------------------------


def replace_fields(item: Program, **changes: object) -> Program:
    return Program(**{name: getattr(item, name) for name in item.__dataclass_fields__} | changes)  # type: ignore[arg-type]


def with_call(on: str = "edge16", commands: bool = True) -> Program:
    item = program([load(64, signal=MATRIX), matrix(wait=LOAD)], on=load_system(on))
    call = Operator(name="soft", inputs=("x",), outputs=("y",), attributes=CpuCall(function="softmax"))
    tensors = {name: Tensor(name=name, shape=(1, 10), dtype="float32") for name in ("x", "y")}
    segments = (Segment(first=0, count=3), Segment(call=0, row=1)) if commands else (Segment(call=0, row=1),)
    return replace_fields(
        item,
        rows=(*item.rows, Row(name="soft", kind="softmax", phase="forward", placement="cpu", macs=0)),
        segments=segments,
        cpu_calls=(call,),
        bindings={name: Binding(tensor=tensor, space="sram", offset=0) for name, tensor in tensors.items()},
        commands=item.commands if commands else np.zeros((0, 64), np.uint8),
        command_rows=item.command_rows if commands else np.zeros(0, np.int32),
    )


def test_a_cpu_call_runs_after_the_segment_on_its_own_clock() -> None:
    item = with_call()
    timing = simulate(item)
    (call,) = timing.calls
    spent = cpu_cost(item.cpu_calls[0], {n: b.tensor for n, b in item.bindings.items()}, item.system.cpu, 22)
    assert call.cycles_cpu == spent.cycles_cpu > 0
    assert call.energy_pj == spent.energy_pj
    assert (call.start, call.end) == (timing.segments[0][1], timing.total_cycles)
    assert call.end - call.start == call.cycles_cpu  # 200 MHz both
    half = replace_fields(item, system=system(cpu__clock_mhz=120))
    (slower,) = simulate(half).calls
    assert slower.end - slower.start == -(-call.cycles_cpu * 200 // 120)


def test_a_program_of_cpu_calls_alone() -> None:
    timing: Timing = simulate(with_call("cortex-m7", commands=False))
    assert timing.total_cycles == timing.calls[0].cycles_cpu
    assert timing.busy == (0, 0, 0, 0)


def test_cost_is_that_of_one_command() -> None:
    """Vectorised costs equal cost.py on decoded commands, one by one."""
    item = program(random_commands(np.random.default_rng(5), 120))
    work, hw = work_of(item, batches(item)), hw_of(item)
    for place, command in enumerate(item.decoded[:-1]):
        if isinstance(command, Elementwise):
            assert work.cycles[place] == cost.elementwise(command, hw)
        elif type(command).__name__ == "Matrix":
            assert work.cycles[place] == cost.matrix(command, hw)
        elif type(command).__name__ == "Pool":
            assert work.cycles[place] == cost.pool(command, hw)


def test_tokens_may_be_left_over() -> None:
    timing = simulate(program([load(8, signal=MATRIX), load(8, signal=MATRIX), matrix(wait=LOAD)]))
    assert timing.total_cycles > 0
