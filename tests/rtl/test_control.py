"""Dispatcher, queues, fronts, tokens and registers together, at two sizes."""

import pytest

from hdl import run


@pytest.mark.parametrize("queue_depth,token_depth", [(8, 63), pytest.param(1, 40, marks=pytest.mark.slow)])
def test_control(queue_depth: int, token_depth: int) -> None:
    run("control", "tb_control", params={"QueueDepth": queue_depth, "TokenDepth": token_depth})
