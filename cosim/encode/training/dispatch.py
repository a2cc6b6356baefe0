"""Which function writes the steps of which operator of training.

An operator more: its attributes in ``accel_models.network.TRAINING``, what the accelerator takes of it in
``cosim.tile.training.trains_on``, and a row here.
"""

from collections.abc import Callable

from accel_models import network as net
from cosim.encode.expand import Builder
from cosim.encode.training.forward import expand_forward
from cosim.encode.training.image_sums import expand_aligned_sum, expand_spread
from cosim.encode.training.input_gradient import expand_input_gradient
from cosim.encode.training.pixel_sums import expand_channel_sum, expand_pixel_sum
from cosim.encode.training.pooling import expand_max_places, expand_max_pool_gradient
from cosim.encode.training.weight_gradient import expand_update, expand_weight_gradient

EXPANSIONS: dict[type[net.Attributes], Callable[[Builder, int], None]] = {
    net.IntegerConv2d: expand_forward,
    net.InputGradient: expand_input_gradient,
    net.WeightGradient: expand_weight_gradient,
    net.Update: expand_update,
    net.ChannelSum: expand_channel_sum,
    net.PixelSum: expand_pixel_sum,
    net.AlignedSum: expand_aligned_sum,
    net.Spread: expand_spread,
    net.MaxPlaces: expand_max_places,
    net.MaxPoolGradient: expand_max_pool_gradient,
}


def expand_training(builder: Builder, row: int) -> None:
    """Write the steps of an operator of training, and of those right behind that share its loops."""
    EXPANSIONS[type(builder.operators[row].attributes)](builder, row)
