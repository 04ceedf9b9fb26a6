"""Two-layer networks as plain weights: what a fit returns, what it may be compared with, and the smallest one that is as good."""

from skconvrelu.network.two_layer_relu import TwoLayerReLU

__all__ = ["TwoLayerReLU"]
