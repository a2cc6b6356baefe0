"""What is proved: block by block, at which parameters, and how deep the search goes."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Proof:
    """One proof: `<block>_proof.sv` at `parameters`, which the checker hands on to the block.

    ``max_steps``: largest induction length, cycles; ``reach_steps``: cycles within which every `reach_*_o` must be
    reached; ``slow``: takes more than a few seconds of CPU.
    """

    block: str
    parameters: Mapping[str, int] = field(default_factory=dict)
    max_steps: int = 4
    reach_steps: int = 16
    slow: bool = False

    @property
    def checker(self) -> str:
        """The module, and the stem of its file."""
        return f"{self.block}_proof"

    @property
    def name(self) -> str:
        """`fifo Depth=3 Width=4`."""
        return " ".join([self.block, *(f"{name}={value}" for name, value in sorted(self.parameters.items()))])


PROOFS = (
    Proof("skid", {"Width": 8}),
    Proof("fifo", {"Width": 4, "Depth": 3}),
    Proof("fifo", {"Width": 4, "Depth": 2}),
    Proof("fifo", {"Width": 8, "Depth": 8}, reach_steps=24),
    Proof("beat_queue", {"BusBytes": 2, "WordBytes": 4, "Depth": 4}, slow=True),
    Proof("command_queue", {"Width": 4, "Depth": 3}),
    Proof("command_queue", {"Width": 4, "Depth": 1}),
    Proof("command_queue", {"Width": 8, "Depth": 8}, reach_steps=24),
    Proof("token_counters", {"Depth": 3}),
    Proof("dispatcher", slow=True),
    Proof("engine_front", slow=True),
    Proof("operand_stream", {"Lanes": 2}),
    Proof("operand_stream", {"Lanes": 5}),
    Proof("axi_read_mux", {"BusBytes": 2, "Outstanding": 4}),
    Proof("axi_read_mux", {"BusBytes": 8, "Outstanding": 32}, reach_steps=40, slow=True),
)
