"""What a frame costs: the work that was not skipped, and all that deciding it took."""

from dataclasses import astuple, dataclass


@dataclass(frozen=True, slots=True)
class Cost:
    """Counts of one frame, or sums over frames. Nothing here depends on hardware.

    A charge is in multiply-accumulates: a compared element (subtract, absolute, maximum), a patch bit looked at by the
    dilation and an element added to a running sum or its patch taken off count as one each, which is more than they
    cost.
    """

    macs_dense: int = 0
    macs: int = 0
    """Computed, the halo of the receptive field included."""
    gate_macs: int = 0
    compared: int = 0
    """Elements that comparators looked at."""
    mask_bits: int = 0
    """Bits of masks read by dilation, one for each tap, and written."""
    summed: int = 0
    """Elements added to or taken off the sums of global means."""
    gathered_bytes: int = 0
    """Inputs of convolutions, each patch with its halo."""
    reference_bytes: int = 0
    """References read by comparators and written back."""

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    @property
    def overhead(self) -> int:
        """What deciding costs, in multiply-accumulates."""
        return self.gate_macs + self.compared + self.mask_bits + self.summed

    @property
    def charged(self) -> int:
        """Everything, in multiply-accumulates."""
        return self.macs + self.overhead

    @property
    def gain(self) -> float:
        """Dense work over all that was charged."""
        return self.macs_dense / self.charged if self.charged else float("inf")

    @property
    def skip_ratio(self) -> float:
        """Share of the dense multiply-accumulates that were not computed; deciding is not in it."""
        return 1.0 - self.macs / self.macs_dense
