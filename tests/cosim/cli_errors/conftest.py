"""Bad input: one clear message each, exit status not 0, no traceback, no partial output."""

import tempfile
from pathlib import Path

import pytest

from accel_models.network import Network
from accel_models.program import Program
from accel_models.system import load_system
from cosim.encode import compile_network
from cosim.frontend import prepare
from cosim.options import Options
from tests.fixtures.command import TARGETS, Refusal, refusal, runner


@pytest.fixture(scope="session")
def tiny() -> Network:
    return prepare(f"{TARGETS}:tiny", Options(), lambda stage: None).network


@pytest.fixture(scope="session")
def tiny_program(tiny: Network) -> Program:
    return compile_network(tiny, load_system("edge16"))


@pytest.fixture
def refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Refusal:
    """Runs a command that must fail, in a folder that must stay as it is; temporary files would lie there too."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return refusal(runner(capsys), tmp_path)
