"""The reference backbones at 160x120: ResNet-8 and MobileNetV1 (width 0.25), unchanged but for their last layers.

Both end in a mean over all pixels, whatever the size of the image, and in one class per number of objects.
"""

from collections.abc import Callable
from pathlib import Path

from torch import nn

from workloads.resnet8.model import ResNet8
from workloads.vww.model import MobileNetV1
from workloads.weights import load_weights

MOST_OBJECTS = 4
"""The last class: so many objects or more."""


def resnet8() -> nn.Module:
    """(n, 3, rows, columns) float32 -> (n, 5) logits; 234 million MACs at 160x120."""
    module = ResNet8()
    module.pool, module.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(64, MOST_OBJECTS + 1)
    return module


def mobilenet() -> nn.Module:
    """(n, 3, rows, columns) float32 -> (n, 5) logits; 16 million MACs at 160x120."""
    module = MobileNetV1()
    module.pool, module.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(256, MOST_OBJECTS + 1)
    return module


BACKBONES: dict[str, Callable[[], nn.Module]] = {"resnet8": resnet8, "mobilenet": mobilenet}


def weights_path(name: str) -> Path:
    """Where the committed weights of a backbone are."""
    return Path(__file__).parent / f"{name}.npz"


def build(name: str, weights: Path | None = None) -> nn.Module:
    """A backbone in eval mode with the committed weights, or those of a file."""
    if name not in BACKBONES:
        raise ValueError(f"unknown backbone {name!r}; want one of {', '.join(BACKBONES)}")
    module = BACKBONES[name]()
    load_weights(weights or weights_path(name), module)
    return module.eval()
