"""What a run of integer training is set to; every choice is checked here."""

from dataclasses import dataclass

from workloads.octo.arithmetic import CODE_BITS, RANDOM_BITS, ROUNDINGS

MASTERS = {"int16": 8, "int12": 4, "int10": 2, "int8": 0}
"""Fraction bits that an integer master has below the int8 weights."""
CHOICES = {
    "weights": ("fp32", *MASTERS),
    "rounding": ROUNDINGS,
    "scales": ("delayed", "current"),
    "lac": ("none", "channel", "element"),
    "prc": ("none", "fixed", "learned", "statistics"),
    "rule": ("octo", "grid", "qas", "direction", "niti"),
}
NITI_BITS = (5, 4, 3)
"""Of an update under NITI's rule, sign included, in the three thirds of the training."""


@dataclass(frozen=True, slots=True)
class Sparse:
    """One layer's row of a sparse update table: what of it is trained."""

    layer: str
    bias: bool
    ratio: float
    """Share of the input channels, from the first, whose weights are trained: 0 to 1."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The integer arithmetic of a run; learning rate, batch and epochs belong to the job."""

    weights: str = "int8"
    """The master weights: float32, or fixed point of so many bits."""
    rounding: str = "pseudo_stochastic"
    """Of gradients and updates; activations are rounded to nearest."""
    random_bits: int = RANDOM_BITS
    scales: str = "delayed"
    lac: str = "none"
    prc: str = "none"
    rule: str = "octo"
    gradient_bits: int = CODE_BITS
    momentum: float = 0.0
    lac_decay: float = 0.1
    headroom: int = 0
    """Powers of two by which the weights may outgrow their first maximum before they saturate."""
    update_rounding: str = ""
    """Of updates alone; empty: as `rounding`."""
    sparse: tuple[Sparse, ...] = ()
    """Layers that it leaves out are trained entirely when it is empty, and not at all otherwise."""

    def __post_init__(self) -> None:
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} is {getattr(self, name)!r}, want one of {', '.join(choices)}")
        if self.update_rounding and self.update_rounding not in ROUNDINGS:
            raise ValueError(f"update_rounding is {self.update_rounding!r}, want one of {', '.join(ROUNDINGS)}")
        for name, low, high in (
            ("random_bits", 1, 16),
            ("gradient_bits", 3, CODE_BITS),
            ("momentum", 0, 0.999),
            ("lac_decay", 0, 1),
            ("headroom", 0, 7),
        ):
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} is {getattr(self, name)}, want {low}..{high}")
        if self.momentum and self.weights != "fp32":
            raise ValueError(f"momentum is {self.momentum}, but masters of {self.weights} are trained by plain SGD")
        if self.rule == "niti" and self.weights != "int8":
            raise ValueError(f"weights are {self.weights}, but the rule niti trains int8 weights without a master")
        for row in self.sparse:
            if not 0 <= row.ratio <= 1:
                raise ValueError(f"sparse ratio of {row.layer} is {row.ratio}, want 0..1")

    @property
    def gradient_most(self) -> int:
        """The largest gradient code."""
        return (1 << (self.gradient_bits - 1)) - 1

    @property
    def rounding_of_updates(self) -> str:
        return self.update_rounding or self.rounding

    @property
    def master_fraction_bits(self) -> int:
        """Of an integer master."""
        return MASTERS[self.weights]

    @property
    def master_most(self) -> int:
        """The largest value of an integer master: all its bits but the sign."""
        return (1 << (CODE_BITS - 1 + self.master_fraction_bits)) - 1

    def row(self, layer: str) -> Sparse:
        """What of a layer is trained."""
        default = Sparse(layer, not self.sparse, 0.0 if self.sparse else 1.0)
        return next((row for row in self.sparse if row.layer == layer), default)
