"""Small systems for random programs: memories of a few KiB, so that loading, dumping and comparing them is quick."""

from typing import Any

from accel_models.system import System, parse_system

_MEMORIES: dict[str, Any] = {
    "sram": {"size_bytes": 1 << 14},
    "flash": {"size_bytes": 1 << 14, "bandwidth_mb_per_s": 133, "latency_ns": 100},
    "external_ram": {"size_bytes": 1 << 13, "bandwidth_mb_per_s": 500, "latency_ns": 40},
}


def chip(rows: int, columns: int, bus_bytes: int = 8, **accelerator: Any) -> System:
    """A system with such an array; further keywords are fields of the accelerator."""
    figures = {"energy_nj_per_byte": 1, "source": "a choice: nothing here depends on energy"}
    memories = {name: part if name == "sram" else part | figures for name, part in _MEMORIES.items()}
    return parse_system(
        {
            "name": f"random{rows}x{columns}",
            "accelerator": {
                "clock_mhz": 200,
                "array": {"rows": rows, "columns": columns},
                "scratchpad": {"size_bytes": 1 << 15},
                **accelerator,
            },
            "cpu": {"core": "cortex-m7", "clock_mhz": 200},
            "bus": {"bytes_per_cycle": bus_bytes},
            "technology": {"node_nm": 22, "vdd": 0.8},
            **memories,
        }
    )


# A plain chip, and one where nothing is a power of two and everything is short.
CHIPS = {
    "4x4": chip(4, 4, 8, queue_depth=4),
    "3x5": chip(3, 5, 4, queue_depth=2, token_depth=40, dma={"max_burst_beats": 7, "setup_cycles": 4}),
}
