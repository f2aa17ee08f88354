"""Pictures that the student itself has optimised, as lessons.

Gradient descent on the pixels finds whatever the network does not see. Pictures that it has led to,
painted or dreamed by the student as it is, go back into the training with the teacher's answer, so
that the student sees in them what the teacher sees.
"""

import torch
from torch import Tensor

from training.distillation import grams
from training.pictures import Crops
from training.student import Student

PAINTING = ("relu1_1", "relu2_2", "relu3_1", "relu3_2", "relu4_2", "relu4_3", "relu5_2")
DREAMING = ("relu3_2", "relu4_2", "relu4_3", "relu5_1", "relu5_2")


class Pool:
    """The last pictures that were optimised.

    Args:
        size: How many are kept.
        side_px: Their side.
    """

    def __init__(self, size: int, side_px: int) -> None:
        self.pictures = torch.zeros(size, 3, side_px, side_px, dtype=torch.uint8)
        self.count = 0

    def add(self, pictures: Tensor) -> None:
        """Put pictures (B, 3, side, side) in [0, 1] in the place of the oldest."""
        for picture in (pictures * 255).round().to(torch.uint8):
            self.pictures[self.count % len(self.pictures)] = picture
            self.count += 1

    def batch(self, count: int, generator: torch.Generator) -> Tensor:
        """Return (count, 3, side, side) in [0, 1]; flipped as often as not."""
        there = min(self.count, len(self.pictures))
        picked = torch.randint(there, (count,), generator=generator)
        images = self.pictures[picked].float() / 255
        flipped = torch.rand(count, generator=generator) < 0.5
        images[flipped] = images[flipped].flip(3)
        return images


def optimised(
    student: Student, crops: Crops, count: int, iterations: int, generator: torch.Generator
) -> Tensor:
    """Return pictures on the way of a painting or of a dream, (3 * count, 3, side, side).

    Args:
        student: The network that optimises them.
        crops: What they start from, and the styles.
        count: How many at a time.
        iterations: Of each; it is kept after a quarter, half and all of them.
        generator: Where chance comes from.
    """
    student.eval()
    images = crops.batch(count, generator)
    if torch.rand((), generator=generator) < 0.7:
        return _painted(student, images, crops.batch(count, generator), iterations, generator)
    return _dreamed(student, images, iterations, generator)


def _painted(
    student: Student,
    content: Tensor,
    styles: Tensor,
    iterations: int,
    generator: torch.Generator,
) -> Tensor:
    """Gatys' descent, each picture of the batch towards the Gram matrices of its own style."""
    with torch.no_grad():
        of_content = student(content)["relu4_2"]
        targets = {name: grams(f) for name, f in student(styles).items() if name in PAINTING}
    alpha = 10 ** (-2.0 * float(torch.rand((), generator=generator)))
    x = content.clone()
    if torch.rand((), generator=generator) < 0.15:
        x = torch.rand(content.shape, generator=generator)
    x.requires_grad_()
    descent = torch.optim.Adam([x], lr=0.04, betas=(0.9, 0.99))
    kept = []
    for number in range(1, iterations + 1):
        features = student(x)
        loss = (
            alpha * (features["relu4_2"] - of_content).square().mean() / of_content.square().mean()
        )
        for name, target in targets.items():
            error = (grams(features[name]) - target).square().sum(dim=(1, 2))
            loss = loss + (error / target.square().sum(dim=(1, 2))).add(1).sqrt().mean()
        (x.grad,) = torch.autograd.grad(loss, [x])
        descent.step()
        with torch.no_grad():
            x.clamp_(0, 1)
        if number in _kept_at(iterations):
            kept.append(x.detach().clone())
    return torch.cat(kept)


def _dreamed(
    student: Student, images: Tensor, iterations: int, generator: torch.Generator
) -> Tensor:
    """DeepDream's ascent on one layer, or on a few of its channels."""
    name = DREAMING[int(torch.randint(len(DREAMING), (), generator=generator))]
    some = torch.randperm(student.channels(name), generator=generator)
    if torch.rand((), generator=generator) < 0.6:
        some = some[:4]
    step = 0.008 + 0.016 * float(torch.rand((), generator=generator))
    x, kept = images.clone().requires_grad_(), []
    for number in range(1, iterations + 1):
        loss = student(x)[name][:, some].square().mean()
        (slope,) = torch.autograd.grad(loss, [x])
        with torch.no_grad():
            x += step * slope / (slope.abs().mean(dim=(1, 2, 3), keepdim=True) + 1e-12)
            x.clamp_(0, 1)
        if number in _kept_at(iterations):
            kept.append(x.detach().clone())
    return torch.cat(kept)


def _kept_at(iterations: int) -> tuple[int, int, int]:
    return (iterations // 4, iterations // 2, iterations)
