"""What the CPU decides between the frames of a stream: which ones are computed whole, and which are looked at.

State int32 [3]: frames so far, frames still to be computed without a look, how many the next fall back will be. Flags
int8 [2]: this is the first frame; compare the frame. Counts are of patches; charges of a patch are multiply-accumulates
(workloads.patchskip.stream has the same rule).
"""

from collections.abc import Callable

import numpy as np

STATE = (0, 0, 1)
FLAGS = (1, 0)


def choose(
    looked: np.ndarray,
    areas: np.ndarray,
    state: np.ndarray,
    flags: np.ndarray,
    *,
    most: int,
    refresh: int,
) -> np.ndarray:
    """int8 [4]: 1 where the frame is computed whole; where it is not; where it is whole and the next frame is compared
    with all of it; where either of the latter two is so.

    Whole: nobody looked, or more than ``most`` pixels are in patches that changed. ``looked`` int32 [regions]: such
    patches; ``areas`` int64 [regions]: pixels of each.
    """
    frames, blind, _ = (int(value) for value in state)
    whole = not flags[1] or int((looked.astype(np.int64) * areas).sum()) > most
    consumed = whole and not flags[1] and _looks(frames + 1, max(0, blind - 1), refresh)
    return np.array([whole, not whole, consumed, not whole or consumed], np.int8)


def _looks(frames: int, blind: int, refresh: int) -> bool:
    """Whether a frame is compared, of its number and state."""
    return not blind and not (refresh > 0 and frames % refresh == 0)


def finish(
    counts: np.ndarray,
    charges: np.ndarray,
    state: np.ndarray,
    flags: np.ndarray,
    choice: np.ndarray,
    *,
    constant: int,
    most: int,
    refresh: int,
    most_blind: int,
) -> tuple[np.ndarray, np.ndarray]:
    """(state, flags) for the next frame. ``counts`` int32 [n]: patches computed anew, ``charges`` int64 [n] of each.

    Where ``constant`` and all charges are more than ``most`` the next frames are not looked at, twice as many each
    time, ``most_blind`` at most. Every ``refresh`` frames one is not looked at either (0: never).
    """
    frames, blind, next_blind = (int(value) for value in state)
    looked = bool(flags[1])
    if not looked:
        blind = max(0, blind - 1)
    elif choice[0] or constant + int((counts.astype(np.int64) * charges).sum()) > most:
        blind, next_blind = next_blind, min(2 * next_blind, most_blind)
    else:
        next_blind = 1
    frames += 1
    return np.array([frames, blind, next_blind], np.int32), np.array([0, _looks(frames, blind, refresh)], np.int8)


FUNCTIONS: dict[str, Callable[..., np.ndarray | tuple[np.ndarray, ...]]] = {
    "stream.choose": choose,
    "stream.finish": finish,
}
