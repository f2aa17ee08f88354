"""How well a finished network follows a teacher, on pictures that it was not trained on."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from framestyle.networks import FeatureNetwork
from training.distillation import Distillation, missed, statistics
from training.pictures import Crops, split
from training.teachers import Teacher

BATCH = 8
SIDE_PX = 128
STATISTICS_BATCHES = 24


@torch.no_grad()
def followed(
    network: FeatureNetwork,
    teachers: Sequence[Teacher],
    pictures: list[np.ndarray],
    heads: int = 400,
    tests: int = 64,
    seed: int = 1,
) -> dict[str, list[float]]:
    """Return by lesson what ``Lesson`` gives on held-out pictures.

    The heads are found on the pictures of the training, with the network as it is.

    Args:
        network: lite, with the weights to be measured.
        teachers: Networks that it was to follow.
        pictures: Those of the training, all of them, (H, W, 3) RGB uint8.
        heads: Batches over which the heads are found.
        tests: Batches of held-out pictures.
        seed: Of the crops.
    """
    generator = torch.Generator().manual_seed(seed)
    learnt, held = (Crops(part, SIDE_PX) for part in split(pictures))

    def batches(crops: Crops, count: int) -> list[Tensor]:
        return [crops.batch(BATCH, generator) for _ in range(count)]

    look = network.extractor(list(dict.fromkeys(own for t in teachers for own in t.lessons)))
    channels = {name: maps.shape[1] for name, maps in look(torch.zeros(1, 3, 64, 64)).items()}
    few = batches(learnt, STATISTICS_BATCHES)
    measured = {teacher.name: statistics(teacher, few) for teacher in teachers}
    lessons = Distillation(channels.__getitem__, teachers, measured).train()
    for _ in range(heads):
        images = learnt.batch(BATCH, generator)
        lessons(images, look(images))
    return missed(lessons, look, batches(held, tests))
