"""What is optimised: an image moved by what only the device knows."""

import pytest
import torch

from framestyle.objectives import WeightedSum
from framestyle.stages.evaluation import Jittered, rolled


def draw(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shift", [(0, 0), (3, -2), (-7, 5), (20, -31)])
def test_rolled_is_torchs_roll_and_so_is_its_gradient(shift):
    ours, theirs = (draw(1, 3, 7, 9).requires_grad_(True) for _ in range(2))
    weights = draw(1, 3, 7, 9, seed=1)
    one = rolled(ours, torch.tensor(shift))
    other = torch.roll(theirs, shift, dims=(2, 3))
    assert torch.equal(one, other)
    (one * weights).sum().backward()
    (other * weights).sum().backward()
    assert torch.equal(ours.grad, theirs.grad)


class Brightness:
    """A term that is the picture's own weighted mean."""

    tensors = ()

    def __init__(self, weights):
        self.weights = weights

    def __call__(self, image, features):
        return (image * self.weights).mean()


def test_each_time_the_image_is_moved_by_the_next_shift():
    image, weights = draw(1, 3, 5, 6), draw(1, 3, 5, 6, seed=1)
    shifts = [(1, 2), (-2, 0), (4, 4)]
    objective = WeightedSum({"dream": (1.0, Brightness(weights))})
    evaluation = Jittered(objective, lambda image: {}, torch.tensor(shifts))
    for shift in [*shifts, *shifts]:  # and from the first again
        expected = (torch.roll(image, shift, dims=(2, 3)) * weights).mean()
        assert float(evaluation(image)[0]) == pytest.approx(float(expected))
