"""Layers that several networks share."""

from torch import nn


def conv_bn_relu(
    channels_in: int,
    channels_out: int,
    kernel: int | tuple[int, int],
    stride: int = 1,
    padding: int | tuple[int, int] = 0,
    groups: int = 1,
) -> nn.Sequential:
    """Convolution without bias, batch norm and ReLU; the batch norm folds into the convolution."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, kernel, stride, padding, groups=groups, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(),
    )


def separable(channels_in: int, channels_out: int, stride: int = 1) -> nn.Sequential:
    """A 3x3 convolution of each channel, then a 1x1 convolution across channels, each with batch norm and ReLU."""
    return nn.Sequential(
        conv_bn_relu(channels_in, channels_in, 3, stride, padding=1, groups=channels_in),
        conv_bn_relu(channels_in, channels_out, 1),
    )
