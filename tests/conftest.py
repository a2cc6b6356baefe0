"""Settings and fixtures that every test shares."""

import os
from pathlib import Path

os.environ["COSIM_CACHE"] = ""  # what a test finds does not depend on what ran before it

# One thread a process: pytest-xdist already fills the cores, and one thread keeps float sums in one order.
# Before anything imports numpy or torch, which read these once.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import hypothesis  # noqa: E402
import pytest  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent

# `fixed` (the default) draws the same examples on every run, so that a red build is never luck.
# `search` looks for new ones: pytest --hypothesis-profile=search
hypothesis.settings.register_profile("fixed", deadline=None, derandomize=True, max_examples=50)
hypothesis.settings.register_profile("search", deadline=None, max_examples=1000, print_blob=True)
hypothesis.settings.load_profile("fixed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything in tests/rtl with `rtl`."""
    for item in items:
        if ROOT / "tests" / "rtl" in item.path.parents:
            item.add_marker(pytest.mark.rtl)


def _folder_from(variable: str, what: str) -> Path:
    """Return the folder that `variable` names; skip where it is unset, fail where it names no folder."""
    value = os.environ.get(variable)
    if not value:
        pytest.skip(f"{variable} is not set: it names the folder of {what}")
    folder = Path(value)
    if not folder.is_dir():
        pytest.fail(f"{variable}={value} is not a folder; want the folder of {what}")
    return folder


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder with the image and audio data sets (COSIM_DATA); skips where it is not set."""
    return _folder_from("COSIM_DATA", "data sets (mnist/, fashion-mnist/, cifar10/, ...)")


@pytest.fixture(scope="session")
def reference_dir() -> Path:
    """The folder with published measurements (COSIM_REFERENCE); skips where it is not set."""
    return _folder_from("COSIM_REFERENCE", "published reference tables (*.csv)")
