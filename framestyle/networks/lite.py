"""lite, the embedded network: a plain chain in the manner of VGG, for both stages.

Its shape is VGG's (Simonyan and Zisserman 2014) with an eighth of the channels or so: blocks of
3x3 convolutions with ReLU, average pooling between them (Gatys et al. 2016, section 2), reflected
borders. ``training/`` makes its weights.
"""

from torch import Tensor, nn

from framestyle.networks.layers import ReflectingConv2d
from framestyle.networks.pooling import HalvingMean

Layer = tuple[int, int]
"""Channels and kernel size, 1 or 3, of a convolution."""

FILE = "lite-9396414d.safetensors"
"""The weights, beside this file; the name ends in the start of their SHA-256."""

BLOCKS: tuple[tuple[Layer, ...], ...] = (
    ((16, 3),),
    ((32, 3), (64, 3)),
    ((96, 3), (128, 3)),
    ((160, 3), (160, 3), (160, 3)),
    ((192, 3), (256, 1)),
)
"""The convolutions of each block; a block works at half the size of the one before it."""


def convolution(channels_in: int, layer: Layer, *, bias: bool = True) -> nn.Conv2d:
    """Return a convolution that keeps the size of its map, with reflected borders."""
    channels, kernel = layer
    if kernel == 1:
        return nn.Conv2d(channels_in, channels, 1, bias=bias)
    return ReflectingConv2d(channels_in, channels, bias=bias)


class Lite(nn.Module):
    """The bare network; ``features`` holds its layers in order, as torchvision's VGG does."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for number, block in enumerate(BLOCKS):
            if number:
                layers.append(HalvingMean())
            for layer in block:
                layers += [convolution(channels, layer), nn.ReLU(inplace=True)]
                channels = layer[0]
        self.features = nn.Sequential(*layers)

    def forward(self, image: Tensor) -> Tensor:
        """Return the last layer's features of normalised pictures (N, 3, H, W)."""
        features: Tensor = self.features(image)
        return features


def build_lite() -> nn.Module:
    """Return the network, untrained."""
    return Lite()
