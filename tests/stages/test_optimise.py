"""The one loop: where it starts, what it returns, when it stops, what it tells."""

import pytest
import torch

from framestyle.stages import optimise as loop
from framestyle.stages.optimise import Optimisation
from framestyle.stages.steppers import Adam, NormalisedAscent
from framestyle.stages.stops import Ceiling, Plateau


class Walk:
    """A stepper that adds a given amount each time and reports a given loss."""

    def __init__(self, losses, amount=0.01):
        self.losses, self.amount, self.made = list(losses), amount, 0

    tensors, form = (), None

    def start(self, image):
        self.made = 0

    def step(self, image, evaluate):
        loss = torch.tensor(float(self.losses[self.made]))
        self.made += 1
        with torch.no_grad():
            image.add_(self.amount)
        return loss, {"loss": loss}


def evaluate(x):
    value = (x - 0.8).square().mean()
    return value, {"distance": value.detach()}


def optimise(image, evaluate, stepper, iterations, *, averaging=0.0, **how):
    return loop.optimise(Optimisation(image, evaluate, stepper, averaging), iterations, **how)


def start(value=0.2):
    return torch.full((1, 3, 4, 5), value)


def test_no_iterations_give_the_start():
    image = start()
    result = optimise(image, evaluate, Adam(0.1), 0, averaging=0.9)
    assert torch.equal(result, image)
    assert result is not image
    assert not result.requires_grad


@pytest.mark.parametrize("averaging", [0.0, 0.9])
def test_the_start_is_left_as_it_is(averaging):
    image = start()
    result = optimise(image, evaluate, Adam(0.1), 3, averaging=averaging)
    assert torch.equal(image, start())
    assert not image.requires_grad
    assert not torch.equal(result, image)
    assert not result.requires_grad


def test_it_descends_and_climbs_as_the_stepper_does():
    down = optimise(start(), evaluate, Adam(0.02), 20)
    up = optimise(start(), evaluate, NormalisedAscent(0.005), 20)
    assert evaluate(down)[0] < 0.5 * evaluate(start())[0] < 0.5 * evaluate(up)[0]


def test_the_result_is_in_range():
    high = optimise(start(), evaluate, Walk([0] * 5, amount=0.4), 5)
    low = optimise(start(), evaluate, Walk([0] * 5, amount=-0.4), 5)
    assert torch.equal(high, torch.ones_like(high))
    assert torch.equal(low, torch.zeros_like(low))


def test_without_averaging_the_last_iterate_is_the_result():
    result = optimise(start(), evaluate, Walk([0] * 4), 4)
    torch.testing.assert_close(result, start(0.2 + 4 * 0.01))


@pytest.mark.parametrize("iterations", [1, 2, 7])
@pytest.mark.parametrize("decay", [0.5, 0.9, 0.99])
def test_averaging_is_the_corrected_moving_mean_of_the_iterates(iterations, decay):
    result = optimise(start(), evaluate, Walk([0] * 9), iterations, averaging=decay)
    mean = 0.0
    for k in range(1, iterations + 1):
        mean = decay * mean + (1 - decay) * (0.2 + 0.01 * k)
    expected = mean / (1 - decay**iterations)
    torch.testing.assert_close(result, start(expected), atol=2e-6, rtol=0)


def test_it_stops_on_a_plateau():
    losses = [100, 90, 80, 70, 60, 50, 49.99, 49.98, 49.97, 49.96, 40, 30, 20, 10]
    walk = Walk(losses)
    optimise(start(), evaluate, walk, 14, stops=[Plateau(0.01, window=2)])
    assert walk.made == 8  # looked at 6 (50 of 70) and at 8 (49.98 of 50)
    walk = Walk(losses)
    optimise(start(), evaluate, walk, 14, stops=[Plateau(0.01, window=5)])
    assert walk.made == 14


def test_the_first_of_several_stops_it():
    losses = [100, 90, 80, 70, 60, 50, 49.99, 49.98, 49.97, 49.96, 40, 30, 20, 10]
    for stops in ([Plateau(0.0), Plateau(0.01, window=2)], [Plateau(0.01, window=2), Ceiling(500)]):
        walk = Walk(losses)
        optimise(start(), evaluate, walk, 14, stops=stops)
        assert walk.made == 8


def test_a_loss_that_rises_has_not_settled():
    walk = Walk([1.88, 1.96, 1.95, 1.9, 1.89, 1.87, 1.85, 1.83, 1.8, 1.799])
    optimise(start(), evaluate, walk, 10, stops=[Plateau(0.001, window=5)])
    assert walk.made == 10
    walk = Walk([1.88] + [1.8799] * 9)
    optimise(start(), evaluate, walk, 10, stops=[Plateau(0.001, window=5)])
    assert walk.made == 5


def test_a_plateau_of_0_never_stops():
    walk = Walk([1.0] * 20)
    optimise(start(), evaluate, walk, 20, stops=[Plateau(0.0, window=2)])
    assert walk.made == 20


def test_a_late_look_sees_the_same_a_window_later():
    losses = [100, 90, 80, 70, 60, 50, 49.99, 49.98, 49.97, 49.96, 40, 30, 20, 10]
    made = {}
    for late in (False, True):
        walk = Walk(losses)
        optimise(start(), evaluate, walk, 14, stops=[Plateau(0.01, window=2, late=late)])
        made[late] = walk.made
    assert made == {False: 8, True: 10}


def test_what_may_change_decides_how_little_is_settled():
    losses = [1.0, 0.98, 0.97, 0.95, 0.945, 0.94, 0.936, 0.935, 0.934, 0.93, 0.9, 0.9, 0.9, 0.9]
    made = {}
    for part in (1.0, 0.2):
        walk = Walk(losses)
        settled = Plateau(0.05, window=2, part=torch.tensor(part))
        optimise(start(), evaluate, walk, 14, stops=[settled])
        made[part] = walk.made
    assert made == {1.0: 2, 0.2: 8}


def test_it_stops_above_the_ceiling():
    walk = Walk([1, 2, 3, 15.5, 16, 17])
    result = optimise(start(), evaluate, walk, 6, stops=[Ceiling(15)])
    assert walk.made == 4
    torch.testing.assert_close(result, start(0.24))


def test_no_ceiling_never_stops():
    walk = Walk([1e9] * 5)
    optimise(start(), evaluate, walk, 5, stops=[Ceiling(None)])
    assert walk.made == 5


def test_it_tells_after_every_step_with_the_terms_before_it():
    told = []
    optimise(
        start(), evaluate, Adam(0.01), 4,
        on_iteration=lambda n, terms: told.append((n, float(terms["distance"]))),
    )  # fmt: skip
    assert [n for n, _ in told] == [1, 2, 3, 4]
    values = [value for _, value in told]
    assert values[0] == pytest.approx(float(evaluate(start())[0]))
    assert values == sorted(values, reverse=True)


def test_it_tells_of_the_step_after_which_it_stops():
    told = []
    optimise(
        start(), evaluate, Walk([1, 20, 30]), 3, stops=[Ceiling(10)],
        on_iteration=lambda n, terms: told.append((n, float(terms["loss"]))),
    )  # fmt: skip
    assert told == [(1, 1.0), (2, 20.0)]


def test_what_is_raised_while_telling_stops_it():
    def stop(n, terms):
        raise KeyboardInterrupt

    walk = Walk([1, 2, 3])
    with pytest.raises(KeyboardInterrupt):
        optimise(start(), evaluate, walk, 3, on_iteration=stop)
    assert walk.made == 1
