"""The cells of the accuracy table: what is trained, how, and the figure published or measured before for it."""

from dataclasses import dataclass, field

from workloads.octo.fp32 import Reference
from workloads.octo.settings import Settings

EPOCHS, BATCH = 12, 50
LOW_RATE = 0.01


@dataclass(frozen=True, slots=True)
class Cell:
    """One row: a network and an arithmetic; `earlier` is the figure of the earlier runs, of another network's kind."""

    name: str
    network: str
    arithmetic: Settings | Reference
    family: str
    """Cells of one family share the learning rate that was chosen for it."""
    earlier: str = ""
    learning_rate: float | None = None
    """Fixed by the row, else the family's."""
    epochs: int = EPOCHS
    samples: int | None = None
    seeds: int | None = None
    """Fewer than the table's."""
    folder: bool = False
    """Trained on the data set of a folder that the user names, and left out without one."""


@dataclass(frozen=True, slots=True)
class Family:
    """Learning rates are tried on one arithmetic, with a seed that no cell uses; every family has the same tries."""

    name: str
    network: str
    arithmetic: Settings | Reference = field(default_factory=Reference)


TRIED_RATES = (0.05, 0.1, 0.2, 0.4)
TRIED_EPOCHS, TRIED_SEED = 4, 100
_MASTER = Settings(weights="fp32", rounding="nearest")
_NEAREST, _PSEUDO = Settings(rounding="nearest"), Settings()
_STOCHASTIC = "stochastic_indexed"

FAMILIES = (
    Family("3 layers, fp32", "digits-cnn"),
    Family("3 layers, fp32 master", "digits-cnn", _MASTER),
    Family("6 layers, fp32 master", "digits-cnn-6", _MASTER),
    Family("6 layers, integer master", "digits-cnn-6", _PSEUDO),
    Family("10 layers, fp32", "digits-cnn-10"),
    Family("10 layers, fp32 master", "digits-cnn-10", _MASTER),
    Family("10 layers, integer master", "digits-cnn-10", _PSEUDO),
)


def _three_layers() -> list[Cell]:
    def cell(name: str, earlier: str, arithmetic: Settings | Reference, learning_rate: float | None = None) -> Cell:
        family = "3 layers, fp32" if isinstance(arithmetic, Reference) else "3 layers, fp32 master"
        return Cell(name, "digits-cnn", arithmetic, family, earlier, learning_rate)

    def master(**changes: object) -> Settings:
        return Settings(weights="fp32", **({"rounding": "nearest"} | changes))  # type: ignore[arg-type]

    return [
        cell("FP32", "0.963 ± 0.003", Reference()),
        cell("int8 forward + backward, nearest", "0.964 ± 0.003", _MASTER),
        cell("+ PRC", "0.963", master(prc="fixed")),
        cell("+ LAC per channel", "0.970 ± 0.006", master(lac="channel")),
        cell("+ LAC + PRC", "0.970 ± 0.005", master(lac="channel", prc="fixed")),
        cell("3-bit gradients, nearest", "0.905 ± 0.043", master(gradient_bits=3)),
        cell("3-bit gradients, PRC", "0.932 ± 0.015", master(gradient_bits=3, prc="fixed")),
        cell("3-bit gradients, stochastic", "0.962 ± 0.009", master(gradient_bits=3, rounding=_STOCHASTIC)),
        cell("3-bit gradients, pseudo-stochastic", "", master(gradient_bits=3, rounding="pseudo_stochastic")),
        cell("FP32, rate 0.01", "0.859", Reference(), LOW_RATE),
        cell("int8 store, nearest, rate 0.01", "0.278 ± 0.215", _NEAREST, LOW_RATE),
        cell("int8 store, stochastic, rate 0.01", "0.870", Settings(rounding=_STOCHASTIC), LOW_RATE),
        cell("int8 store, pseudo-stochastic, rate 0.01", "", _PSEUDO, LOW_RATE),
        cell("W4A4 forward", "0.950", Reference(forward_bits=4)),
        cell("W4A4 forward + LAC", "0.954", Reference(forward_bits=4, lac="channel")),
        cell("W3A3 forward", "0.881", Reference(forward_bits=3)),
        cell("W3A3 forward + LAC", "0.891", Reference(forward_bits=3, lac="channel")),
        cell("FP32, biases at 3 times the rate", "0.964", Reference(bias_factor=3.0)),
    ]


def _deep() -> list[Cell]:
    def ten(name: str, earlier: str, family: str, arithmetic: Settings | Reference) -> Cell:
        return Cell(f"10 layers: {name}", "digits-cnn-10", arithmetic, f"10 layers, {family}", earlier)

    def six(name: str, earlier: str, family: str, arithmetic: Settings) -> Cell:
        return Cell(f"6 layers: {name}", "digits-cnn-6", arithmetic, f"6 layers, {family}", earlier)

    bits = {1: "0.57", 2: "0.70", 4: "0.931", 8: "0.925", 16: "0.938"}
    random = [
        six(
            f"int8 store, stochastic, {n} random bits",
            was,
            "integer master",
            Settings(rounding=_STOCHASTIC, random_bits=n),
        )
        for n, was in bits.items()
    ]
    wider = [
        six(f"{store} store, nearest", was, "integer master", Settings(weights=store, rounding="nearest"))
        for store, was in (("int10", "0.929"), ("int12", "0.937"), ("int16", "0.936"))
    ]
    return [
        ten("FP32", "0.946", "fp32", Reference()),
        ten("int8 forward + backward", "0.950", "fp32 master", _MASTER),
        ten("int8 store, nearest", "0.537 ± 0.27", "integer master", _NEAREST),
        ten("int8 store, stochastic", "0.941", "integer master", Settings(rounding=_STOCHASTIC)),
        six("FP32 master", "0.947", "fp32 master", _MASTER),
        *random,
        six("int8 store, pseudo-stochastic", "0.940", "integer master", _PSEUDO),
        *wider,
    ]


def _beyond() -> list[Cell]:
    """Rows that the earlier table does not have."""

    def int8(name: str, **changes: object) -> Cell:
        settings = Settings(**changes)  # type: ignore[arg-type]
        return Cell(name, "digits-cnn", settings, "3 layers, fp32 master")

    short = Settings(lac="channel", prc="fixed")
    return [
        int8("int8 store, nearest"),
        int8("int8 store, pseudo-stochastic"),
        int8("int8 store + LAC + PRC", lac="channel", prc="fixed"),
        int8("int8 store, current scales", scales="current"),
        int8("int8 store + LAC per element", lac="element"),
        int8("int8 store, learned PRC", prc="learned"),
        int8("int8 store, direction-sensitive clipping", rule="direction"),
        int8("NITI", rule="niti"),
        Cell("ResNet-8, 600 images, 2 epochs", "resnet8", short, "", "", 0.05, 2, 600, 1),
        Cell("ResNet-8, 600 images, 2 epochs, FP32", "resnet8", Reference(), "", "", 0.05, 2, 600, 1),
    ]


def _of_a_folder() -> list[Cell]:
    """Octo's own small network, on MNIST or another data set of 32x32 images."""

    def cell(name: str, arithmetic: Settings | Reference) -> Cell:
        return Cell(f"octo-cnn: {name}", "octo-cnn", arithmetic, "", "", 0.05, 1, 5000, 1, True)

    return [
        cell("FP32, 5000 images, 1 epoch", Reference()),
        cell("int8 store, the same", Settings()),
        cell("int8 store + LAC + PRC, the same", Settings(lac="channel", prc="fixed")),
    ]


CELLS = (*_three_layers(), *_deep(), *_beyond(), *_of_a_folder())
