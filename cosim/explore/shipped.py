"""Networks of the built-in workloads, lowered and scored: the first exploration on a machine needs no PyTorch either.

A file a workload with its default options in ``lowered/``, under the hash of the sources that make it: one of other
sources is never taken. ``python -m cosim.explore.shipped`` writes them; a test makes them anew.
"""

from pathlib import Path

from accel_models.container import write_atomic
from cosim.explore.lowered import Lowered, packed, read
from cosim.explore.sources import lowering_sources

FOLDER = Path(__file__).parent / "lowered"
SEED, SAMPLES = 0, 256  # as ``cosim explore`` has them by default


def place(target: str) -> Path:
    """Where the network of a built-in workload is, if it was made by today's sources."""
    return FOLDER / f"{target}-{lowering_sources(target)}.lowered"


def shipped(target: str) -> Lowered | None:
    return read(place(target))


def main() -> None:
    """Write those that are not there, and remove those of other sources."""
    from cosim.explore.networks import Networks
    from cosim.explore.space import Weighted, WorkloadOptions
    from cosim.explore.store import Store
    from workloads.registry import WORKLOADS

    networks = Networks(Store.in_memory(), seed=SEED, samples=SAMPLES, report=lambda text: print(text, flush=True))
    for target in WORKLOADS:
        if shipped(target) is None:
            write_atomic(place(target), packed(networks.lower(Weighted(target=target), WorkloadOptions())))
    for path in set(FOLDER.glob("*.lowered")) - {place(target) for target in WORKLOADS}:
        path.unlink()


if __name__ == "__main__":
    main()
