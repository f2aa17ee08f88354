"""What lite learns: its teachers' activations, through linear heads.

A head is linear, the same at every place: where A maps lite's features to the teacher's, it maps
lite's Gram matrix G to the teacher's, A G A^T. A style that fits lite's Gram matrices therefore
fits the teacher's as far as the head has no residue.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from training.teachers import Teacher

GRAM_CHANNELS = 128
RIDGE = 1e-3
REMEMBERED = 100_000
"""Positions over which the moments behind a head are averaged, about."""


@dataclass
class Statistics:
    """Means and deviations of a teacher's channels over training crops, each (C,)."""

    mean: Tensor
    std: Tensor


class Lesson(nn.Module):
    """One layer of lite predicting one layer of a teacher.

    The head is the least-squares solution for the moments of the last batches, so that nothing of
    the network's learning goes into following a head that is itself still learning (variable
    projection, Golub and Pereyra 1973).

    Args:
        channels: Of lite's layer.
        statistics: Of the teacher's.
    """

    def __init__(self, channels: int, statistics: Statistics) -> None:
        super().__init__()
        count = len(statistics.mean)
        self.register_buffer("mean", statistics.mean)
        self.register_buffer("std", statistics.std)
        power = statistics.std.square()
        # Half of the weight falls on all channels alike, half on those that the Gram matrix feels.
        self.register_buffer("weights", 0.5 / count + 0.5 * power / power.sum())
        loud = (power + statistics.mean.square()).topk(min(GRAM_CHANNELS, count)).indices
        self.register_buffer("loud", loud)
        self.register_buffer("seen", torch.zeros(()))
        self.register_buffer("own", torch.zeros(channels + 1, channels + 1))
        self.register_buffer("cross", torch.zeros(count, channels + 1))
        self.register_buffer("head", torch.zeros(count, channels + 1))

    def forward(self, features: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Compare a prediction with the teacher's features.

        Everything that is asked of a linear prediction follows from second moments, so that the
        predicted maps, which are several times larger than lite's, are never made.

        Args:
            features: Of lite, (B, N, H, W).
            target: Of the teacher, (B, C, H', W') with H' >= H and W' >= W.

        Returns:
            Share of the standardised variance that is not explained, the same weighted by each
            channel's power, and the relative squared error of the Gram matrices.
        """
        target = centred(target, features.shape[2], features.shape[3])
        if features.shape[2] > 8:  # a teacher's borders are padded with zeros
            target, features = target[..., 1:-1, 1:-1], features[..., 1:-1, 1:-1]
        s, t = rows(features), rows(target)
        own, teacher = with_mean(moments(s, s), s.mean(dim=1)), moments(t, t)
        target_mean = t.mean(dim=(0, 1))
        cross = torch.cat([moments(t, s).mean(dim=0), target_mean[:, None]], dim=1)
        power = teacher.diagonal(dim1=1, dim2=2).mean(dim=0)
        # With z the standardised target and p = A s, s having a last 1: E (z - p)^2 is
        # E z^2 - 2 E z p + E p^2.
        all_own = own.mean(dim=0)
        along = (cross - self.mean[:, None] * all_own[-1]) / self.std[:, None]
        if self.training:
            self._follow(all_own.detach(), along.detach(), s.shape[0] * s.shape[1])
        head = self.head
        square = (power - 2 * self.mean * target_mean + self.mean**2) / self.std**2
        missed = square - 2 * (along * head).sum(dim=1) + ((head @ all_own) * head).sum(dim=1)
        raw = head[self.loud] * self.std[self.loud, None]
        raw[:, -1] += self.mean[self.loud]
        teacher = teacher[:, self.loud][:, :, self.loud]
        error = (raw @ own @ raw.T - teacher).square().sum(dim=(1, 2))
        energy = teacher.square().sum(dim=(1, 2))
        # A picture in which a layer hardly fires must not outweigh the others.
        gram = (error / (energy + 0.1 * energy.mean())).mean()
        return missed.mean(), (missed * self.weights).sum(), gram

    @torch.no_grad()
    def _follow(self, own: Tensor, along: Tensor, positions: int) -> None:
        self.seen += 1
        # Too short a memory fits the head to a few pictures, too long a one to another network.
        share = max(min(0.1, max(0.01, positions / REMEMBERED)), 1 / float(self.seen))
        self.own.lerp_(own, share)
        self.cross.lerp_(along, share)
        ridge = RIDGE * self.own.diagonal().mean() * torch.eye(len(self.own))
        ridge[-1, -1] = 0
        self.head.copy_(torch.linalg.solve(self.own + ridge, self.cross, left=False))


def with_mean(own: Tensor, mean: Tensor) -> Tensor:
    """Border second moments (B, N, N) with means (B, N), as of features with a last channel 1."""
    one = torch.ones(len(own), 1, 1)
    upper = torch.cat([own, mean[:, :, None]], dim=2)
    return torch.cat([upper, torch.cat([mean[:, None, :], one], dim=2)], dim=1)


def rows(features: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, H * W, C)."""
    return features.permute(0, 2, 3, 1).flatten(1, 2)


def moments(first: Tensor, second: Tensor) -> Tensor:
    """Mean outer products over positions: (B, M, C) and (B, M, N) -> (B, C, N)."""
    return first.transpose(1, 2) @ second / first.shape[1]


def centred(maps: Tensor, height: int, width: int) -> Tensor:
    """Return the middle (B, C, height, width) of maps that may be larger."""
    top, left = (maps.shape[2] - height + 1) // 2, (maps.shape[3] - width + 1) // 2
    return maps[..., top : top + height, left : left + width]


def grams(features: Tensor) -> Tensor:
    """Gram matrices per position of a batch: (B, C, H, W) -> (B, C, C)."""
    r = rows(features)
    return moments(r, r)


@torch.no_grad()
def statistics(teacher: Teacher, batches: Sequence[Tensor]) -> dict[str, Statistics]:
    """Measure a teacher's layers over batches of pictures (B, 3, H, W) in [0, 1]."""
    first: dict[str, Tensor] = {}
    second: dict[str, Tensor] = {}
    for images in batches:
        for name, features in teacher.look(images).items():
            f = features.float()
            first[name] = first.get(name, 0) + f.mean(dim=(0, 2, 3))
            second[name] = second.get(name, 0) + f.square().mean(dim=(0, 2, 3))
    result = {}
    for name, total in first.items():
        mean = total / len(batches)
        deviation = (second[name] / len(batches) - mean.square()).clamp(min=0).sqrt()
        # A channel that hardly ever fires would weigh as much as the others; it is held down.
        result[name] = Statistics(mean, deviation.clamp(min=0.05 * float(deviation.median())))
    return result


class Distillation(nn.Module):
    """All lessons of all teachers (Hinton 2015; hints of middle layers as in FitNets, Romero 2015).

    Args:
        channels: Tells how many channels a layer of the network that learns has.
        teachers: The networks that it follows.
        measured: Statistics of their layers, by teacher.
    """

    def __init__(
        self,
        channels: Callable[[str], int],
        teachers: Sequence[Teacher],
        measured: Mapping[str, Mapping[str, Statistics]],
    ) -> None:
        super().__init__()
        self.lessons = nn.ModuleDict()
        self._plan: list[tuple[Teacher, str, str, str]] = []
        for teacher in teachers:
            for own, layers in teacher.lessons.items():
                for layer in layers:
                    key = f"{teacher.name}:{layer}"
                    lesson = Lesson(channels(own), measured[teacher.name][layer])
                    self.lessons[key] = lesson
                    self._plan.append((teacher, own, layer, key))
        self._teachers = list(teachers)

    def forward(
        self, images: Tensor, features: Mapping[str, Tensor]
    ) -> tuple[Tensor, dict[str, tuple[float, float, float]]]:
        """Return the loss, a scalar, and by lesson what ``Lesson`` gives.

        Args:
            images: Pictures (B, 3, H, W) in [0, 1].
            features: What the student makes of them.
        """
        seen = {teacher.name: teacher.look(images) for teacher in self._teachers}
        losses, parts = [], {}
        for teacher, own, layer, key in self._plan:
            plain, weighted, gram = self.lessons[key](features[own], seen[teacher.name][layer])
            losses.append(weighted)
            parts[key] = (plain.item(), weighted.item(), gram.item())
        return torch.stack(losses).mean(), parts


@torch.no_grad()
def missed(
    lessons: Distillation, look: Callable[[Tensor], Mapping[str, Tensor]], batches: Sequence[Tensor]
) -> dict[str, list[float]]:
    """Return what each lesson misses, as ``Lesson`` gives it, on the mean over batches.

    Args:
        lessons: With heads that are found; they are left as they are.
        look: What the network makes of pictures (B, 3, H, W) in [0, 1], by layer.
        batches: Such pictures.
    """
    lessons.eval()
    total: dict[str, list[float]] = {}
    for images in batches:
        _, parts = lessons(images, look(images))
        for key, values in parts.items():
            old = total.get(key, [0.0] * len(values))
            total[key] = [a + b / len(batches) for a, b in zip(old, values, strict=True)]
    return total
