"""What goes wrong between a quantised graph and a Network: one line each."""


class LoweringError(ValueError):
    """A graph that no Network can represent; the message names the layer, the value and what was wanted."""
