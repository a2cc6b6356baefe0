"""The largest batch of a step that fits: the search, and what a user sees of it."""

import json
from pathlib import Path

import pytest
import yaml

from accel_models.system import System
from cosim.bind import bind
from cosim.encode import CompileError
from cosim.largest import largest
from cosim.options import Options
from tests.fixtures.command import FIXTURES, OUTPUTS, Command, Refusal, refusal, runner
from tests.fixtures.prepared import variant

SRAM, FLASH = 12_000, 48 * 1024
"""Bytes in which octo's step of 8 samples does not fit: SRAM holds its state, flash the commands, some 56 a sample."""


@pytest.mark.parametrize("limit", range(13))
@pytest.mark.parametrize(("first", "most", "refused"), [(1, 12, None), (5, 12, None), (12, 12, None), (1, 30, 13)])
def test_the_search_ends_at_the_last_batch_that_fits(limit: int, first: int, most: int, refused: int | None) -> None:
    tried: list[int] = []

    def attempt(batch: int, fits: int) -> str | None:
        assert fits == max((item for item in tried if item <= limit), default=0), "what is said to fit did"
        tried.append(batch)
        return f"of {batch}" if batch <= limit else None

    found = largest(attempt, first=first, most=most, refused=refused)
    assert found == ((limit, f"of {limit}") if limit else None)
    assert len(tried) == len(set(tried)) <= 8 and all(1 <= batch <= most for batch in tried)
    assert limit == min(most, (refused or most + 1) - 1) or limit + 1 in tried, "the next one was refused"


def small(size_bytes: int = SRAM) -> System:
    return variant("edge16", sram={"size_bytes": size_bytes}, flash={"size_bytes": FLASH})


def test_where_nothing_fits_the_error_says_so() -> None:
    for batch in (2, "largest"):
        with pytest.raises(CompileError, match="want more SRAM, not even a batch of 1 fits"):
            bind("octo", small(8 * 1024), Options(batch=batch), "auto", lambda stage: None)  # type: ignore[arg-type]


@pytest.fixture
def cosim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(yaml.safe_dump(small().model_dump(mode="json", exclude_none=True)))
    return runner(capsys)


@pytest.fixture
def refused(cosim: Command, tmp_path: Path) -> Refusal:
    return refusal(cosim, tmp_path)


def test_the_planner_accepts_the_batch_and_refuses_the_next(cosim: Command, refused: Refusal) -> None:
    result = cosim("run", "octo", "--system", "small.yaml", "--batch", "largest", "--samples", 0, "--json", "-")
    assert result.status == 0, result.err
    found = json.loads(result.out)
    batch = found["metrics"]["batch"]
    assert 4 < batch < 7 and found["macs"] == 744_192 * batch / 8 and found["sram_peak_bytes"] <= SRAM
    assert found["metrics"]["integers_different"] == 0
    assert "looking for the largest batch: 4 fits, trying 6: compiling for edge16" in result.err, "progress"
    message = refused("run", "octo", "--system", "small.yaml", "--batch", batch + 1, "--samples", 0, *OUTPUTS[:2])
    assert "does not fit SRAM" in message
    assert message.endswith(f"want more SRAM, or --batch {batch}, the largest that fits (not {batch + 1})")


def test_narrower_masters_take_less(cosim: Command) -> None:
    peaks = []
    for masters in ("int16", "int8"):
        options = ("--system", "small.yaml", "--batch", 2, "--masters", masters)
        result = cosim("compile", "octo", *options, "-o", "octo.program", "--json", "-")
        assert result.status == 0, result.err
        peaks.append(json.loads(result.out)["sram_peak_bytes"])
    assert peaks[1] < peaks[0] - 2 * 3000, "int8 masters are weights; int16 masters lie beside them"


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (("run", "octo", "--batch", "0"), "batch: want 1 or more samples, or 'largest', got 0"),
        (("run", "octo", "--batch", "many"), "--batch: want a number of samples, or 'largest', got 'many'"),
        (("run", "octo", "--batch", "5000"), "batch is 5000, want 1..1200, the training samples of digits-8x8"),
        (("run", "octo", "--masters", "int9"), "masters: want one of fp32, int16, int12, int10, int8, got 'int9'"),
        (("run", "octo-fp32", "--masters", "int8"), "masters: int8 does not apply"),
        (("run", "resnet8", "--batch", "2"), "--batch does not apply: resnet8 is none of the trainings"),
        (("run", "resnet8", "--batch", "largest"), "--batch does not apply: resnet8 is none of the trainings"),
        (("run", f"{FIXTURES / 'step.py'}:train_step", "--masters", "int8"), "--masters does not apply"),
        (("run", "small.network", "--batch", "2"), "--batch does not apply: small.network is lowered already"),
        (("compile", "octo", "--batch", "largest", "-o", "octo.network"), "--batch largest needs a system"),
    ],
)
def test_batches_and_masters_that_cannot_be(refused: Refusal, arguments: tuple[str, ...], wanted: str) -> None:
    assert wanted in refused(*arguments)
