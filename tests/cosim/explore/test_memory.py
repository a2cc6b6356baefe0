"""Screening a million points has a bound on its memory."""

import subprocess
import sys
from pathlib import Path

import pytest

from cosim.explore import funnel
from cosim.explore.files import parse_space
from tests.cosim.explore.small import study_of

ROOT = Path(__file__).parents[3]
RESNET8 = ROOT / "tests/rtl/fixtures/resnet8.network"
STATUS = Path("/proc/self/status")
MOST_BYTES = 2 << 30
NODES = [(22, 0.8), (22, 0.65), (28, 0.9), (40, 1.1), (45, 1.0), (65, 1.2), (90, 1.2), (22, 0.7)]
AXES = {
    "accelerator.array.rows": [8, 16],
    "accelerator.array.columns": [8, 16],
    "options.weights_in": ["sram", "flash"],
    "accelerator.clock_mhz": {"from": 50, "to": 300, "step": 10},
    "sram.latency_cycles": [2, 3, 4, 5, 6],
    "flash.bandwidth_mb_per_s": [26, 39, 52, 78, 104, 156, 208, 260],
    "flash.latency_ns": [60, 96, 150, 200, 300],
    "flash.energy_nj_per_byte": [0.5, 1.0, 2.0],
    "technology": [{"node_nm": node, "vdd": vdd, "device_type": "itrs-lstp"} for node, vdd in NODES],
}


def screen_a_million() -> None:
    """In a process of its own: prints how many points, how many are ok, and the most bytes that it ever held."""
    space = parse_space(
        {
            "name": "million",
            "system": "edge16",
            "axes": AXES,
            "workloads": [{"target": str(RESNET8)}],
            "constraints": ["sram_peak_bytes <= 262144", "area_mm2 <= 6"],
            "objectives": ["latency_ms", "energy_uj", "area_mm2"],
        }
    )
    found = funnel.screen_all(study_of(space, None))
    assert found.candidates(1000)
    # Not getrusage: a process takes over the peak of the one that started it.
    peak = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM"))
    print(space.lattice.size, found.ok, int(peak.split()[1]) * 1024)


@pytest.mark.slow
@pytest.mark.skipif(not STATUS.exists(), reason="no /proc: the peak is read there")
def test_a_million_points_are_screened_in_two_gibibytes() -> None:
    script = f"from {__name__} import screen_a_million; screen_a_million()"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    size, ok, peak_bytes = map(int, done.stdout.split())
    assert size == 998_400 and ok > size / 4
    assert peak_bytes < MOST_BYTES, f"{peak_bytes / 2**30:.2f} GiB"
