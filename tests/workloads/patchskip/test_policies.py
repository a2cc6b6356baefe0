"""What the policies compare with, and what they compute with."""

import pytest
import torch

from workloads.patchskip import Settings, Stream, quantized
from workloads.patchskip.comparator import Comparator
from workloads.patchskip.grid import Grid

GRID = Grid(4, 8, (4, 4))
ALL = torch.ones(GRID.shape, dtype=torch.bool)


def comparator(policy: str, theta: int = 4) -> Comparator:
    made = Comparator(GRID, policy, theta, zero=0)  # type: ignore[arg-type]
    made.take_all(torch.zeros(2, 4, 8, dtype=torch.int8))
    return made


def picture(left: int, right: int) -> torch.Tensor:
    """Two patches of one code each."""
    x = torch.zeros(2, 4, 8, dtype=torch.int8)
    x[:, :, :4], x[:, :, 4:] = left, right
    return x


def changes(policy: str, pictures: list[torch.Tensor]) -> list[list[bool]]:
    made = comparator(policy)
    return [made.look(x, ALL)[0].flatten().tolist() for x in pictures]


def test_a_slow_drift_escapes_the_frame_before_and_not_the_value_consumed() -> None:
    drift = [picture(k, 0) for k in (2, 4, 6, 8, 10)]
    assert changes("always", drift) == [[False, False]] * 5
    for policy in ("cond", "hybrid", "delta"):
        assert changes(policy, drift) == [[False, False], [False, False], [True, False], [False, False], [False, False]]


def test_hybrid_computes_with_the_current_value_and_cond_with_the_consumed_one() -> None:
    x = picture(10, 3)
    for policy, right in (("hybrid", 3), ("always", 3), ("cond", 0), ("delta", 0)):
        changed, operand = comparator(policy).look(x, ALL)
        assert changed.tolist() == [[True, False]]
        assert operand[0, 0, 0] == 10 and operand[0, 0, 7] == right


def test_delta_postpones_what_it_cuts_off() -> None:
    x = picture(3, 0)
    x[1, 2, 2] = 9  # one value of one pixel
    made = comparator("delta")
    changed, operand = made.look(x, ALL)
    assert changed.tolist() == [[True, False]]
    assert operand[:, 2, 2].tolist() == [3, 9] and operand[0, 0, 0] == 0
    changed, operand = made.look(picture(5, 0), ALL)  # 3 and then 2 more: above the threshold of 4 together
    assert changed.tolist() == [[True, False]] and operand[0, 0, 0] == 5


def test_delta_equals_adding_products_of_differences() -> None:
    """DeltaCNN's form, an accumulator to which each consumed difference adds its product, has the same sums."""
    generator = torch.Generator().manual_seed(0)
    weight = torch.randint(-127, 128, (3, 2, 3, 3), generator=generator).to(torch.float64)
    made, accumulator, before = (
        comparator("delta", 20),
        torch.zeros(1, 3, 4, 8, dtype=torch.float64),
        torch.zeros(2, 4, 8),
    )
    for _ in range(5):
        x = torch.randint(-60, 61, (2, 4, 8), generator=generator).to(torch.int8)
        _, operand = made.look(x, ALL)
        accumulator += torch.conv2d((operand - before).to(torch.float64)[None], weight, padding=1)
        before = operand.to(torch.int16)
        assert not torch.equal(operand, x)
        assert torch.equal(accumulator, torch.conv2d(operand.to(torch.float64)[None], weight, padding=1))


def test_the_threshold_is_exceeded_not_reached() -> None:
    assert changes("hybrid", [picture(4, -4), picture(5, -5), picture(0, 0)]) == [[False] * 2, [True] * 2, [True] * 2]


def test_the_largest_distance_of_codes_does_not_wrap() -> None:
    made = comparator("hybrid", 254)
    made.take_all(picture(-128, 127))
    assert made.look(picture(127, -128), ALL)[0].all()


def test_thresholds_by_name() -> None:
    frames = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.Conv2d(4, 4, 3)).eval()
    stream = Stream(quantized(model, frames), Settings(theta={"input_1": 9}))
    assert [made.theta for made in stream.comparators.values()] == [9, 0]
    with pytest.raises(ValueError, match="a gate for nothing, which is not compared; want input_1, _0"):
        Stream(stream.network, Settings(), {"nothing": object()})  # type: ignore[dict-item]
