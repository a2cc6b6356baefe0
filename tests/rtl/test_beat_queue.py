"""Beats on their way into the scratchpad: a word of two beats, and one of a single beat."""

import pytest

from hdl import run


@pytest.mark.parametrize("word_bytes", [16, 8])
def test_beat_queue(word_bytes: int) -> None:
    run("beat_queue", "tb_beat_queue", params={"BusBytes": 8, "WordBytes": word_bytes, "Depth": 4})
