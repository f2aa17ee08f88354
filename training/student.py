"""lite while it learns: the same chain with batch normalisation after each convolution."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from framestyle.networks.lite import BLOCKS, Lite, convolution
from framestyle.networks.spec import IMAGENET_MEAN, IMAGENET_STD


class Student(nn.Module):
    """The chain of ``framestyle.networks.lite`` with batch normalisation (Ioffe 2015)."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleDict()
        channels = 3
        for block, layers in enumerate(BLOCKS, start=1):
            for number, layer in enumerate(layers, start=1):
                self.layers[f"relu{block}_{number}"] = nn.Sequential(
                    convolution(channels, layer, bias=False), nn.BatchNorm2d(layer[0]), nn.ReLU()
                )
                channels = layer[0]
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1))
        self.pool = nn.AvgPool2d(2)
        self.to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Return the features of pictures (B, 3, H, W) in [0, 1] at every layer."""
        x = ((images - self.mean) / self.std).contiguous(memory_format=torch.channels_last)
        features = {}
        for name, layer in self.layers.items():
            if name.endswith("_1") and name != "relu1_1":
                x = self.pool(x)
            x = features[name] = layer(x)
        return features

    def channels(self, name: str) -> int:
        """Return how many channels a layer has."""
        block, number = name.removeprefix("relu").split("_")
        return BLOCKS[int(block) - 1][int(number) - 1][0]

    def freeze_statistics(self) -> None:
        """Normalise with the statistics learnt so far, as the finished network does."""
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()


@torch.no_grad()
def finished(student: Student, batches: Sequence[Tensor]) -> Lite:
    """Return the network that ships: normalisation folded in, each filter's mean activation 1.

    A ReLU lets a positive factor through, so a filter can be divided by its mean activation where
    the next layer's weights on it are multiplied by the same; the network computes the same, and
    layer weights mean the same at every layer (Gatys 2016, section 2.2).

    Args:
        student: A trained student.
        batches: Pictures (B, 3, H, W) in [0, 1] over which the means are taken.
    """
    student.eval()
    sums: dict[str, Tensor] = {}
    for images in batches:
        for name, features in student(images).items():
            sums[name] = sums.get(name, 0) + features.mean(dim=(0, 2, 3))
    network = Lite()
    convolutions = [m for m in network.features if isinstance(m, nn.Conv2d)]
    before = torch.ones(3)
    for target, (name, layer) in zip(convolutions, student.layers.items(), strict=True):
        fused = fuse_conv_bn_eval(layer[0], layer[1])
        mean = (sums[name] / len(batches)).clamp(min=1e-3)
        target.weight.copy_(fused.weight * before.view(1, -1, 1, 1) / mean.view(-1, 1, 1, 1))
        target.bias.copy_(fused.bias / mean)
        before = mean
    return network.eval()
