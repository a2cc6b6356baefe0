"""Which systems there is RTL of."""

from accel_models.system import System


def need_rtl_of(system: System) -> None:
    """Raise ValueError, naming field and value, where the RTL is not the system's accelerator."""
    hw = system.accelerator
    if hw is None:
        raise ValueError(f"system {system.name} has no accelerator: there is nothing to co-simulate")
    if hw.array.kind != "broadcast":
        raise ValueError(
            f"accelerator.array.kind of system {system.name}: there is RTL of 'broadcast' arrays only, got "
            f"{hw.array.kind!r}; run it with --fidelity event or analytic"
        )
