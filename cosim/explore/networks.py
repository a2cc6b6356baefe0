"""Networks of a study: each target with each choice of options is traced, quantized, lowered and scored once.

Values do not depend on hardware, so neither do quality metrics. This needs PyTorch, and only the parent process does
it; workers get the bytes. Built-in workloads with their default options come with the package (shipped.py); with other
options, but without files of the user's, they are kept in the store, by their sources.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from accel_models.container import FileFormatError
from accel_models.network import Network
from accel_models.system import load_system
from cosim.encode import compile_network
from cosim.explore import shipped
from cosim.explore.lowered import Lowered
from cosim.explore.sources import network_sources
from cosim.explore.space import Weighted, WorkloadOptions
from cosim.options import Options
from workloads.registry import WORKLOADS

Report = Callable[[str], None]
_SCORED_ON = "edge16-ext"  # any system would do: it has every multiplier and the most memory
_OF_THE_RUN = {"weights_in"}  # options that do not change the network


class Shelf(Protocol):
    """Where lowered networks are kept between runs."""

    def network(self, key: str) -> Lowered | None: ...

    def keep_network(self, key: str, lowered: Lowered) -> None: ...


class Networks:
    """Networks by target and options; each is made when it is first asked for."""

    def __init__(self, shelf: Shelf, *, seed: int, samples: int, report: Report) -> None:
        self._shelf, self._seed, self._samples, self._report = shelf, seed, samples, report
        self._made: dict[tuple[str, str], Lowered] = {}

    def of(self, workload: Weighted, options: WorkloadOptions) -> Lowered:
        """Raises ValueError where the target cannot be loaded or lowered."""
        chosen = options.model_dump(mode="json", exclude=_OF_THE_RUN)
        key = (workload.target, json.dumps(chosen, sort_keys=True))
        if key not in self._made:
            self._made[key] = self._make(workload, options, chosen)
        return self._made[key]

    def data(self) -> dict[str, bytes]:
        """Bytes of all networks so far, by hash."""
        return {item.hash: item.data for item in self._made.values()}

    def _make(self, workload: Weighted, options: WorkloadOptions, chosen: Mapping[str, Any]) -> Lowered:
        if workload.target.endswith(".network"):
            return self._file(workload, options)
        files = [options.data, options.weights, options.calibrate]
        if workload.target not in WORKLOADS or any(files):
            return self.lower(workload, options)
        if self._plain(options) and (found := shipped.shipped(workload.target)) is not None:
            return found
        content = [workload.target, dict(chosen), self._seed, self._samples, network_sources()]
        key = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]
        found = self._shelf.network(key)
        if found is None:
            found = self.lower(workload, options)
            self._shelf.keep_network(key, found)
        return found

    def _plain(self, options: WorkloadOptions) -> bool:
        default = WorkloadOptions(weights_in=options.weights_in)
        return options == default and (self._seed, self._samples) == (shipped.SEED, shipped.SAMPLES)

    def _file(self, workload: Weighted, options: WorkloadOptions) -> Lowered:
        default = WorkloadOptions(weights_in=options.weights_in)
        changed = [name for name in WorkloadOptions.model_fields if getattr(options, name) != getattr(default, name)]
        if changed:
            raise ValueError(
                f"workload {workload.label}: option {changed[0]} does not apply: {workload.target} is lowered"
            )
        path = Path(workload.target)
        network = Network.load(path)
        return Lowered(network.hash, path.read_bytes(), {})

    def lower(self, workload: Weighted, options: WorkloadOptions) -> Lowered:
        """Made anew, whatever is kept."""
        from cosim.frontend import prepare
        from cosim.pipeline import score

        def report(stage: str) -> None:
            self._report(f"{workload.label}: {stage}")

        report("starting PyTorch")
        try:
            prepared = prepare(workload.target, self._options(options), report)
        except FileFormatError as error:
            raise ValueError(f"workload {workload.label}: {error}") from None
        quality: Mapping[str, Any] = {}
        if prepared.workload is not None and self._samples:
            program = compile_network(prepared.network, load_system(_SCORED_ON), search=False)
            quality = score(prepared, program, self._samples, report)
        numbers = {name: float(value) for name, value in quality.items() if name != "samples"}
        return Lowered(prepared.network.hash, prepared.network.to_bytes(), numbers)

    def _options(self, options: WorkloadOptions) -> Options:
        def place(path: str | None) -> Path | None:
            if path is not None and not Path(path).exists():
                raise ValueError(f"no such file or folder: {path}")
            return None if path is None else Path(path)

        return Options(
            weights=place(options.weights),
            data=place(options.data),
            calibrate=place(options.calibrate),
            multiplier_bits=options.multiplier_bits,
            rounding=options.rounding,
            keep_float=options.float,
            seed=self._seed,
        )
