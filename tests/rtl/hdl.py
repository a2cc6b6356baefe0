"""Builds a block and runs its cocotb testbench, which lies beside the calling test; see rtl.bench."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rtl.bench import SimulationReport, run_block


def run(
    top: str,
    module: str,
    *,
    params: Mapping[str, int],
    sources: Sequence[str] | None = None,
    ports: Sequence[str] = (),
    testcase: str | None = None,
    env: Mapping[str, str] | None = None,
) -> SimulationReport:
    """Run testbench `module` on `top` built with `params`; sources default to the files `top` needs.

    The testbench finds parameter `Rows` in the environment as `PARAM_Rows`: the simulator shows it ports only.
    """
    return run_block(
        top,
        module,
        parameters=params,
        sources=sources,
        ports=ports,
        test_dir=Path(__file__).parent,
        testcase=testcase,
        env={**{f"PARAM_{name}": str(value) for name, value in params.items()}, **(env or {})},
    )
