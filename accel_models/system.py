"""A system: one YAML file that describes a chip, as frozen pydantic models that refuse unknown fields."""

from enum import IntEnum
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)

from accel_models.technology import nominal_supply, supply_range

PRESETS = Path(__file__).parent / "presets"
UNGRADED = "not graded by the system file"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ArrayKind(IntEnum):
    """Kinds of array as numbers, so that cost.py broadcasts over them."""

    BROADCAST = 0
    WEIGHT_STATIONARY = 1  # systolic
    OUTPUT_STATIONARY = 2  # systolic


class Array(_Part):
    """The matrix engine's PE array: ``rows`` products are summed into each of ``columns`` outputs in a cycle.

    ``broadcast`` is the array of the RTL: a vector reaches all PEs at once and columns sum in adder trees. ``systolic``
    passes operands from PE to PE (systolic.py); it exists to compare designs with, in the models only.
    """

    rows: int = Field(ge=2, le=64, description="products summed per column (input lanes)")
    columns: int = Field(ge=2, le=64, description="output lanes; also the lanes of the vector engine")
    kind: Literal["broadcast", "systolic"] = Field(
        default="broadcast", description="how operands reach the PEs; there is RTL of broadcast arrays only"
    )
    dataflow: Literal["weight", "output"] = Field(
        default="weight", description="what stays in the PEs of a systolic array; a broadcast one changes by command"
    )

    @model_validator(mode="after")
    def _dataflow_of_a_systolic_array(self) -> Self:
        if self.kind == "broadcast" and self.dataflow != "weight":
            raise ValueError(
                f"dataflow: {self.dataflow!r} goes with kind 'systolic'; a broadcast array takes its dataflow from "
                f"each command: leave it out"
            )
        return self

    @model_serializer(mode="wrap")
    def _without_the_usual(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Broadcast arrays are written as before there were others: their hashes and stored results stay valid."""
        data: dict[str, Any] = handler(self)
        if self.kind == "broadcast":
            data.pop("kind", None)
            data.pop("dataflow", None)
        return data

    @property
    def code(self) -> ArrayKind:
        if self.kind == "broadcast":
            return ArrayKind.BROADCAST
        return ArrayKind.WEIGHT_STATIONARY if self.dataflow == "weight" else ArrayKind.OUTPUT_STATIONARY

    @property
    def macs_per_cycle(self) -> int:
        return self.rows * self.columns


class Scratchpad(_Part):
    """On-chip operand memory, private to the accelerator; every engine reads or writes one vector in a cycle."""

    size_bytes: int = Field(ge=1024, le=1 << 20)
    banks: Literal[2, 4, 8, 16, 32, 64] = Field(default=8, description="single-ported, interleaved by vector")


class Accumulators(_Part):
    """Accumulator memory: ``entries`` vectors of ``columns`` 32-bit sums; two halves let engines alternate."""

    entries: int = Field(default=512, ge=16, le=4096)


class Dma(_Part):
    """Load and store engines on one AXI4 master (separate read and write channels)."""

    setup_cycles: int = Field(default=3, ge=3, description="cycles of a transfer besides memory latency and beats")
    max_burst_beats: int = Field(default=64, ge=1, le=256)


class Accelerator(_Part):
    clock_mhz: float = Field(gt=0, le=5000)
    array: Array
    scratchpad: Scratchpad
    accumulators: Accumulators = Accumulators()
    dma: Dma = Dma()
    multiplier_bits: Literal[16, 31] = Field(default=31, description="width of the requantizer's multiplier")
    queue_depth: int = Field(default=8, ge=1, le=64, description="commands waiting in each engine's queue")
    token_depth: int = Field(default=63, ge=1, le=255, description="largest count of one token counter")


class Cpu(_Part):
    """The microcontroller core that runs what the accelerator lacks. Costs: tables/cpu.yaml, by core and library."""

    core: str = Field(description="a core of tables/cpu.yaml, such as cortex-m7")
    library: str = Field(default="cmsis-nn", description="a kernel library of tables/cpu.yaml")
    clock_mhz: float = Field(gt=0, le=5000)


class Sram(_Part):
    """System SRAM: holds activations, and weights when they fit (warm)."""

    size_bytes: int = Field(ge=1024, le=1 << 26)
    banks: int = Field(default=4, ge=1, le=64, description="single-ported banks, interleaved by bus word")
    latency_cycles: int = Field(default=4, ge=1, description="accelerator cycles from address to first beat")


class Flash(_Part):
    size_bytes: int = Field(ge=1024, le=1 << 30)
    bandwidth_mb_per_s: float = Field(gt=0, description="sustained sequential read, 10**6 bytes/s")
    latency_ns: float = Field(ge=0, description="first byte of a random read")
    energy_nj_per_byte: float = Field(ge=0, description="reading one byte")
    source: str = Field(min_length=1, description="citation of bandwidth, latency and energy")
    trust: str = Field(default=UNGRADED, min_length=1, description="how far to believe the source")


class ExternalRam(_Part):
    size_bytes: int = Field(ge=1024, le=1 << 30)
    bandwidth_mb_per_s: float = Field(gt=0, description="sustained sequential, 10**6 bytes/s")
    latency_ns: float = Field(ge=0)
    energy_nj_per_byte: float = Field(ge=0)
    source: str = Field(min_length=1)
    trust: str = Field(default=UNGRADED, min_length=1)


class Bus(_Part):
    """The interconnect that the accelerator's AXI4 master and the CPU share."""

    bytes_per_cycle: Literal[4, 8, 16, 32] = Field(default=8, description="data width of one channel")


class Technology(_Part):
    node_nm: Literal[180, 130, 90, 65, 45, 40, 32, 28, 22] = Field(description="process node of the logic and SRAM")
    vdd: float = Field(gt=0, description="core supply, V; within 25 % of the node's nominal one (technology.py)")
    device_type: Literal["itrs-hp", "itrs-lstp"] = Field(default="itrs-lstp", description="SRAM transistor flavour")

    @field_validator("vdd")
    @classmethod
    def _near_nominal(cls, vdd: float, info: ValidationInfo) -> float:
        node_nm = info.data.get("node_nm")
        if node_nm is None:  # refused itself
            return vdd
        low, high = supply_range(node_nm)
        if not low <= vdd <= high:
            raise ValueError(
                f"at {node_nm} nm want {low:g} to {high:g} V, 25 % around the nominal {nominal_supply(node_nm):.3g} V: "
                f"energy and leakage are not known beyond"
            )
        return vdd


class System(_Part):
    """Everything that cost depends on. Values never depend on it (contract 3)."""

    name: str = Field(min_length=1)
    description: str = ""
    accelerator: Accelerator | None = Field(default=None, description="absent: every operator runs on the CPU")
    cpu: Cpu
    sram: Sram
    flash: Flash
    external_ram: ExternalRam | None = None
    bus: Bus = Bus()
    technology: Technology

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        accelerator = self.accelerator
        if accelerator is not None:
            lanes = max(accelerator.array.rows, accelerator.array.columns)
            if accelerator.scratchpad.size_bytes < 64 * lanes:
                raise ValueError(
                    f"accelerator.scratchpad.size_bytes: {accelerator.scratchpad.size_bytes} is less than 64 vectors "
                    f"of {lanes} bytes; give at least {64 * lanes}"
                )
        return self

    @property
    def clock_mhz(self) -> float:
        """Clock in which ``cycles`` are counted: the accelerator's, or the CPU's where there is none."""
        return self.accelerator.clock_mhz if self.accelerator else self.cpu.clock_mhz


class SystemFileError(ValueError):
    """A system file that cannot be used; the message names the field, the value and what is wanted."""


def presets() -> list[str]:
    """Names of the systems that come with the package."""
    return sorted(path.stem for path in PRESETS.glob("*.yaml"))


def load_system(name_or_path: str | Path) -> System:
    """A preset by name, or a system from a YAML file. Raises SystemFileError with one line per problem."""
    path = Path(name_or_path)
    if path.suffix not in (".yaml", ".yml"):
        path = PRESETS / f"{name_or_path}.yaml"
        if not path.exists():
            raise SystemFileError(
                f"unknown system '{name_or_path}': want one of {', '.join(presets())}, or a .yaml file"
            )
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SystemFileError(f"cannot read system file {path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SystemFileError(f"{path} is not YAML: {str(error).splitlines()[0]}") from None
    if not isinstance(data, dict):
        raise SystemFileError(f"{path}: want a mapping of fields such as name, cpu, sram, got {type(data).__name__}")
    return parse_system(data, str(path))


def parse_system(data: dict[str, object], where: str = "system") -> System:
    """A System from plain data; pydantic's findings become lines ``field: problem, got value``."""
    try:
        return System.model_validate(data)
    except ValidationError as error:
        raise SystemFileError("\n".join(_finding(where, item) for item in error.errors())) from None


def _finding(where: str, item: object) -> str:
    assert isinstance(item, dict)
    field = ".".join(str(part) for part in item["loc"]) or "system"
    value = "" if isinstance(item["input"], dict) else f", got {item['input']!r}"
    message = (
        "unknown field; see 'cosim list --schema' for the schema"
        if item["type"] == "extra_forbidden"
        else item["msg"].removeprefix("Value error, ")
    )
    return f"{where}: {field}: {message}{value}"
