"""The steps: Adam as torch's, L-BFGS that gets there, and the normalised step of DeepDream."""

from itertools import pairwise

import pytest
import torch
import torch.nn.functional as nnf

from framestyle.config import Config, StyleSettings
from framestyle.networks import load, network_spec
from framestyle.objectives.formulas import gaussian_blur
from framestyle.stages import StyleStage
from framestyle.stages.steppers import LBFGS, Adam, NormalisedAscent


def draw(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def start(*shape, seed=0):
    """An image well inside [0, 1], so that nothing is clamped."""
    return (0.4 + 0.2 * draw(*shape, seed=seed)).requires_grad_(True)


def bowl(height=6, width=8, steepest=100.0):
    """A quadratic whose axes differ in steepness by that factor; its lowest point, its value."""
    lowest = 0.3 + 0.4 * draw(1, 3, height, width, seed=1)
    steepness = torch.logspace(0, torch.tensor(steepest).log10(), lowest.numel())
    steepness = steepness.view_as(lowest)

    def evaluate(x):
        value = (steepness * (x - lowest).square()).mean()
        return value, {"bowl": value.detach()}

    return lowest, evaluate


def slope(height=16, width=16, seed=2):
    """A linear function: its gradient is the same everywhere."""
    grad = torch.randn(1, 3, height, width, generator=torch.Generator().manual_seed(seed))

    def evaluate(x):
        value = (grad * x).sum()
        return value, {"slope": value.detach()}

    return grad, evaluate


@pytest.mark.parametrize("betas", [(0.9, 0.99), (0.0, 0.9), (0.5, 0.999)])
def test_adam_is_torchs_adam_step_for_step(betas):
    _, evaluate = bowl()
    ours, theirs = start(1, 3, 6, 8), start(1, 3, 6, 8)
    stepper = Adam(0.004, *betas)
    reference = torch.optim.Adam([theirs], lr=0.004, betas=betas, eps=1e-16)
    for step in range(25):
        value, terms = stepper.step(ours, evaluate)
        reference.zero_grad()
        loss = evaluate(theirs)[0]
        loss.backward()
        reference.step()
        assert not value.requires_grad
        assert float(value) == pytest.approx(float(loss.detach()), rel=1e-4), step
        assert float(terms["bowl"]) == float(value)
        torch.testing.assert_close(ours, theirs, atol=2e-6, rtol=0)


@pytest.mark.parametrize("size", [(16, 16), (7, 9), (1, 5)])
@pytest.mark.parametrize("levels", [1, 3])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_adam_in_one_pass_over_memory_is_adam_in_several(size, levels, layout, monkeypatch):
    """A CPU has it in one; the way of other devices runs on it as well."""
    _, evaluate = slope(*size)
    step_size = 0.01 * draw(1, 1, *size, seed=4)
    images = [start(1, 3, *size).detach().contiguous(memory_format=layout) for _ in range(2)]
    for number, image in enumerate(images):
        if number:
            monkeypatch.setattr(Adam, "_at_once", Adam._in_parts)
        stepper = Adam(step_size, 0.8, 0.9, levels)
        for _ in range(6):
            stepper.step(image.requires_grad_(True), evaluate)
    assert not torch.equal(images[0], start(1, 3, *size))
    torch.testing.assert_close(*images, atol=1e-6, rtol=0)


def test_adam_does_not_care_how_small_the_loss_is():
    """The gradient of a mean over a large frame is tiny; torch's epsilon would drown it."""
    _, evaluate = bowl()
    plain, tiny = start(1, 3, 6, 8), start(1, 3, 6, 8)
    steppers = Adam(0.01), Adam(0.01)
    for _ in range(5):
        steppers[0].step(plain, evaluate)
        steppers[1].step(tiny, lambda x: (1e-9 * evaluate(x)[0], {}))
    torch.testing.assert_close(plain, tiny, atol=5e-4, rtol=0)


def test_adam_honours_a_step_size_of_each_pixel():
    grad, evaluate = slope()
    sizes = 0.05 * draw(1, 1, 16, 16, seed=3)
    sizes[..., :4] = 0
    image = start(1, 3, 16, 16)
    before = image.detach().clone()
    Adam(sizes).step(image, evaluate)
    # the first step of Adam is the step size, against the sign of the gradient
    torch.testing.assert_close(image.detach(), before - sizes * grad.sign(), atol=1e-6, rtol=0)
    assert torch.equal(image.detach()[..., :4], before[..., :4])


@pytest.mark.parametrize("stepper", [Adam(0.5), NormalisedAscent(0.5)])
def test_the_image_stays_in_range(stepper):
    _, evaluate = slope()
    image = start(1, 3, 16, 16)
    for _ in range(3):
        stepper.step(image, evaluate)
        assert image.min() >= 0
        assert image.max() <= 1
    assert image.min() == 0
    assert image.max() == 1


def test_adam_at_the_lowest_point_stays_there():
    lowest, evaluate = bowl()
    image = lowest.clone().requires_grad_(True)
    Adam(0.1).step(image, evaluate)
    assert torch.equal(image.detach(), lowest)


def losses_of(stepper, evaluate, steps, image):
    return [float(stepper.step(image, evaluate)[0]) for _ in range(steps)]


def test_lbfgs_goes_down_a_bowl_much_faster_than_adam():
    lowest, evaluate = bowl(steepest=1000.0)
    image = start(1, 3, 6, 8)
    quasi_newton = losses_of(LBFGS(), evaluate, 25, image)
    adam = losses_of(Adam(0.02), evaluate, 25, start(1, 3, 6, 8))
    assert quasi_newton[0] == pytest.approx(adam[0], rel=1e-5)
    assert quasi_newton[-1] < 0.05 * adam[-1]
    assert all(b <= a * 1.001 for a, b in pairwise(quasi_newton))
    losses_of(LBFGS(), evaluate, 60, image)
    torch.testing.assert_close(image.detach(), lowest, atol=0.01, rtol=0)


def test_lbfgs_shortens_a_step_that_leads_uphill():
    """Far from a quadratic the whole step is often too long, and must not end the descent."""

    def evaluate(x):  # a valley that bends: Rosenbrock's, in pairs of channels
        a, b = 4 * x[:, 0] - 1, 4 * x[:, 1] - 1
        value = ((1 - a).square() + 100 * (b - a.square()).square()).mean()
        return value, {}

    image = start(1, 3, 4, 4)
    losses = losses_of(LBFGS(), evaluate, 80, image)
    assert losses[-1] < 1e-3 * losses[0]
    assert max(b / a for a, b in pairwise(losses)) < 1.001


def test_lbfgs_reports_the_terms_before_its_step():
    _, evaluate = bowl()
    image = start(1, 3, 6, 8)
    expected = float(evaluate(image.detach())[0])
    value, terms = LBFGS().step(image, evaluate)
    assert float(value) == pytest.approx(expected, rel=1e-5)
    assert float(terms["bowl"]) == pytest.approx(expected, rel=1e-5)


def test_lbfgs_at_the_lowest_point_stays_there():
    lowest, evaluate = bowl()
    image = lowest.clone().requires_grad_(True)
    stepper = LBFGS()
    for _ in range(3):
        stepper.step(image, evaluate)
    assert torch.equal(image.detach(), lowest)


@pytest.mark.parametrize("smoothing_px", [0.0, 1.5])
@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e5])
def test_the_mean_change_of_ascent_is_its_step_size(smoothing_px, scale):
    _, evaluate = slope()
    image = start(1, 3, 16, 16)
    before = image.detach().clone()
    stepper = NormalisedAscent(0.01, smoothing_px)
    stepper.step(image, lambda x: (scale * evaluate(x)[0], {}))
    assert float((image.detach() - before).abs().mean()) == pytest.approx(0.01, rel=1e-3)


def test_ascent_goes_along_the_gradient():
    grad, evaluate = slope()
    image = start(1, 3, 16, 16)
    before = image.detach().clone()
    value, terms = NormalisedAscent(0.01).step(image, evaluate)
    torch.testing.assert_close(
        image.detach() - before, 0.01 * grad / grad.abs().mean(), atol=1e-6, rtol=1e-4
    )
    assert evaluate(image.detach())[0] > value == terms["slope"]


def test_ascent_by_the_standard_deviation():
    grad, evaluate = slope()
    image = start(1, 3, 16, 16)
    before = image.detach().clone()
    NormalisedAscent(0.01, by="std").step(image, evaluate)
    change = image.detach() - before
    torch.testing.assert_close(change, 0.01 * grad / grad.std(), atol=1e-6, rtol=1e-4)
    assert float(change.std()) == pytest.approx(0.01, rel=1e-3)


def test_smoothing_is_a_blur_of_the_gradient_and_leaves_little_grain():
    grad, evaluate = slope(32, 32)
    shares = []
    for smoothing_px in (0.0, 2.0):
        image = start(1, 3, 32, 32)
        before = image.detach().clone()
        NormalisedAscent(0.01, smoothing_px).step(image, evaluate)
        change = image.detach() - before
        expected = gaussian_blur(grad, smoothing_px)
        torch.testing.assert_close(
            change, 0.01 * expected / expected.abs().mean(), atol=1e-6, rtol=1e-3
        )
        shares.append(float(change.diff(dim=3).square().mean() / change.square().mean()))
    assert shares[1] < 0.2 * shares[0]


def test_a_flat_gradient_moves_nothing():
    image = start(1, 3, 8, 8)
    before = image.detach().clone()
    for by in ("mean", "std"):
        NormalisedAscent(0.01, by=by).step(image, lambda x: (0.0 * x.sum(), {}))
    assert torch.equal(image.detach(), before)


# --- Adam at several sizes ------------------------------------------------------------------------


def upsampled(parts, size):
    """The picture that is the sum of pictures of falling size, each enlarged step by step."""
    total = parts[-1]
    for finer in reversed(parts[:-1]):
        height, width = finer.shape[2:]
        large = nnf.interpolate(total, scale_factor=2, mode="bilinear")
        total = finer + large[..., :height, :width]
    assert total.shape[2:] == size
    return total


def blocks_mean(grad):
    """Means of blocks of 2x2 pixels; at an odd end, of what there is of the block."""
    height, width = grad.shape[2:]
    rows = [grad[:, :, y : y + 2].mean(dim=2) for y in range(0, height, 2)]
    rows = torch.stack(rows, dim=2)
    columns = [rows[..., x : x + 2].mean(dim=3) for x in range(0, width, 2)]
    return torch.stack(columns, dim=3)


@pytest.mark.parametrize(("height", "width"), [(16, 16), (12, 20), (7, 9), (5, 1), (1, 8), (2, 3)])
@pytest.mark.parametrize("levels", [1, 2, 3, 5])
def test_adam_at_several_sizes_moves_a_sum_of_pictures(levels, height, width):
    """Each picture of the sum is moved by torch's Adam, along the mean gradient of its pixels."""
    _, evaluate = bowl(height, width)
    image = start(1, 3, height, width)
    base = image.detach().clone()
    sizes = [(height, width)]
    while len(sizes) < levels and min(sizes[-1]) > 1:
        sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))
    parts = [torch.zeros(1, 3, *size, requires_grad=True) for size in sizes]
    reference = torch.optim.Adam(parts, lr=0.002, betas=(0.9, 0.99), eps=1e-16)
    stepper = Adam(0.002, 0.9, 0.99, levels)
    for _ in range(12):
        stepper.step(image, evaluate)
        theirs = (base + upsampled([p.detach() for p in parts], (height, width))).requires_grad_()
        (grad,) = torch.autograd.grad(evaluate(theirs)[0], theirs)
        for part in parts:
            part.grad = grad
            grad = blocks_mean(grad)
        reference.step()
        expected = base + upsampled([p.detach() for p in parts], (height, width))
        assert 0 < expected.min() < expected.max() < 1  # nothing is clamped
        torch.testing.assert_close(image.detach(), expected, atol=1e-5, rtol=0)
    assert len(stepper.moments) == len(sizes)


def test_with_equal_decays_no_step_is_longer_than_the_step_size():
    """The square of a mean is at most the mean of the squares, however wild the gradients are."""
    grads = torch.randn(30, 1, 3, 8, 8, generator=torch.Generator().manual_seed(4))
    grads *= 10.0 ** (6.0 * draw(30, 1, 1, 1, 1, seed=5) - 3.0)
    longest = {}
    for beta2 in (0.9, 0.5):
        image = torch.full((1, 3, 8, 8), 0.5, requires_grad=True)
        stepper, longest[beta2] = Adam(0.001, 0.9, beta2), 0.0
        for grad in grads:
            before = image.detach().clone()
            stepper.step(image, lambda x, grad=grad: ((grad * x).sum(), {}))
            longest[beta2] = max(longest[beta2], float((image.detach() - before).abs().max()))
    assert 0.0009 < longest[0.9] < 0.00101
    assert longest[0.5] > 0.0011


def test_a_steep_start_is_soon_forgotten():
    """A gradient of 1000 at first, then of 1: with the settings' decays steps recover in time."""

    def moved(beta2):
        image = torch.full((1, 3, 4, 4), 0.9, requires_grad=True)
        stepper = Adam(0.001, StyleSettings().beta1, beta2)
        for step in range(60):
            before = image.detach().clone()
            scale = 1000.0 if step == 0 else 1.0
            stepper.step(image, lambda x, scale=scale: (scale * x.sum(), {}))
        return float((before - image.detach()).mean())

    assert moved(StyleSettings().beta2) > 2 * moved(0.99)


def test_one_level_is_adam_as_published_and_the_default():
    _, evaluate = bowl()
    images = start(1, 3, 6, 8), start(1, 3, 6, 8), start(1, 3, 6, 8)
    steppers = Adam(0.01), Adam(0.01, levels=1), Adam(0.01, levels=2)
    for _ in range(4):
        for stepper, image in zip(steppers, images, strict=True):
            stepper.step(image, evaluate)
    assert torch.equal(images[0], images[1])
    assert not torch.equal(images[0], images[2])


def test_what_all_pixels_agree_on_moves_them_by_a_step_at_each_size():
    image = start(1, 3, 16, 16)
    before = image.detach().clone()
    Adam(0.01, levels=4).step(image, lambda x: (x.sum(), {}))
    torch.testing.assert_close(before - image.detach(), torch.full_like(before, 0.04))


def test_several_sizes_honour_a_step_size_of_each_pixel():
    """What may not change stays bit for bit, however the coarse pictures move."""
    _, evaluate = bowl(16, 16)
    sizes = 0.02 * draw(1, 1, 16, 16, seed=3)
    sizes[..., :5] = 0
    image, even = start(1, 3, 16, 16), start(1, 3, 16, 16)
    before = image.detach().clone()
    Adam(sizes, levels=4).step(image, evaluate)
    Adam(0.01, levels=4).step(even, evaluate)
    assert torch.equal(image.detach()[..., :5], before[..., :5])
    expected = before + (even.detach() - before) * sizes / 0.01
    torch.testing.assert_close(image.detach(), expected, atol=1e-5, rtol=0)


@pytest.fixture(scope="module")
def painting(picture):
    """What is minimised when the embedded network paints a small frame, and the frame."""
    network, spec = load("lite"), network_spec("lite")
    settings = Config().changed({"style": {"style_weight": spec.default_style_weight}}).style
    stage = StyleStage(
        network,
        settings,
        spec.default_content_layers,
        spec.default_style_layers,
        [(1.0, picture("swirl", 96, 96))],
    )
    frame = picture("frame", 48, 64)
    objective = stage.objective(frame, None)
    return frame, lambda x: objective(x, stage.extract(x))


def test_a_painting_takes_fewer_steps_at_several_sizes(painting):
    frame, evaluate = painting
    losses = {
        levels: losses_of(Adam(0.01, levels=levels), evaluate, 40, frame.clone().requires_grad_())
        for levels in (1, 4)
    }
    assert losses[4][0] == pytest.approx(losses[1][0])
    assert losses[4][-1] < losses[1][-1] < 0.7 * losses[1][0]
    needed = next(step for step, loss in enumerate(losses[4]) if loss <= losses[1][-1])
    assert needed < 0.7 * 40
