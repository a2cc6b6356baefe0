"""Published arrays, their processing elements synthesized with our cells: what stands between cells and placed area."""

from dataclasses import dataclass
from pathlib import Path

from rtl.synthesis.flow import Gates, synthesize

FOLDER = Path(__file__).parent / "published"


@dataclass(frozen=True, slots=True)
class Published:
    """An area on silicon, um2 at ``node_nm``, of ``count`` times the module ``top``; ``whole``: of that and more."""

    name: str
    top: str
    parameters: tuple[tuple[str, int], ...]
    count: int
    um2: float
    node_nm: int
    whole: bool
    source: str

    def gates(self) -> Gates:
        """Of all ``count`` modules."""
        one = synthesize(self.top, dict(self.parameters), rtl_dir=FOLDER)
        return Gates(one.logic * self.count, one.flip_flops * self.count)


_GEMMINI = (
    "Genc et al., DAC 2021, area table, Intel 22FFL (read from memory); its PE after ucb-bar/gemmini PE.scala @0888fb71"
)
_ITA = (
    "Islamoglu et al., ISLPED 2023 (arXiv 2307.03493), abstract: 5.93 TOPS/mm2 in 22FDX; 1,024 products a cycle "
    "at 500 MHz (read from memory) make that 0.173 mm2"
)
PUBLISHED = (
    Published(
        "Gemmini array, PEs for both dataflows", "gemmini_pe", (("Both", 1),), 256, 116_000.0, 22, False, _GEMMINI
    ),
    Published(
        "the same, PEs weight stationary only", "gemmini_pe", (("Both", 0),), 256, 116_000.0, 22, False, _GEMMINI
    ),
    Published("ITA, its dot-product units", "dot_unit", (("Width", 64),), 16, 1.024 / 5.93 * 1e6, 22, True, _ITA),
)
