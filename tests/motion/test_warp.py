"""Looking pictures up along a flow, and scaling flows."""

import numpy as np
import pytest
import torch

from framestyle.motion import carry, look_up, resize_flow
from framestyle.motion.warp import grid, twice_as_large


def draw(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def constant_flow(x, y, height, width):
    return torch.tensor([x, y], dtype=torch.float32).view(1, 2, 1, 1).expand(1, 2, height, width)


def bilinear_by_loops(image, flow):
    """image at p + flow(p), the edge repeated; (C, H, W) and (2, H, W)."""
    channels, height, width = image.shape
    result = np.zeros_like(image)
    for i in range(height):
        for j in range(width):
            x = np.clip(j + flow[0, i, j], 0, width - 1)
            y = np.clip(i + flow[1, i, j], 0, height - 1)
            left, top = int(x), int(y)
            right, bottom = min(left + 1, width - 1), min(top + 1, height - 1)
            a, b = x - left, y - top
            for c in range(channels):
                above = (1 - a) * image[c, top, left] + a * image[c, top, right]
                below = (1 - a) * image[c, bottom, left] + a * image[c, bottom, right]
                result[c, i, j] = (1 - b) * above + b * below
    return result


def test_look_up_is_bilinear_at_p_plus_flow():
    image, flow = draw(1, 3, 7, 9), 8 * draw(1, 2, 7, 9, seed=1) - 4
    expected = bilinear_by_loops(image[0].double().numpy(), flow[0].double().numpy())
    np.testing.assert_allclose(look_up(image, flow)[0].numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("follow", [look_up, carry])
@pytest.mark.parametrize(("x", "y"), [(3, 0), (-2, 0), (0, 4), (1, -5)])
def test_whole_shifts_are_exact_inside(follow, x, y):
    image = draw(1, 3, 24, 40)
    moved = follow(image, constant_flow(x, y, 24, 40))
    inside = moved[..., 6:-6, 6:-6]
    expected = image[..., 6 + y : 18 + y, 6 + x : 34 + x]
    torch.testing.assert_close(inside, expected, atol=1e-4, rtol=0)


def test_no_motion_is_no_change_even_at_full_hd():
    image, still = draw(1, 1, 4, 1920), torch.zeros(1, 2, 4, 1920)
    torch.testing.assert_close(look_up(image, still), image, atol=1e-3, rtol=0)
    assert torch.equal(carry(image, still), image)


def test_beyond_the_edge_the_edge_is_repeated():
    image = draw(1, 3, 6, 8)
    far_left = look_up(image, constant_flow(-100, 0, 6, 8))
    torch.testing.assert_close(far_left, image[..., :1].expand(1, 3, 6, 8))
    far_down = look_up(image, constant_flow(0, 100, 6, 8))
    torch.testing.assert_close(far_down, image[..., -1:, :].expand(1, 3, 6, 8))


@pytest.mark.parametrize("size", [(1, 1), (1, 8), (8, 1)])
def test_a_single_row_or_column_can_be_looked_up(size):
    image = draw(1, 3, *size)
    torch.testing.assert_close(look_up(image, torch.zeros(1, 2, *size)), image)


def test_a_flow_leads_from_a_to_b_and_the_picture_of_b_back_to_a(moving_clip):
    """With flow[this->last], the last frame looked up is this frame."""
    frames, motion = moving_clip(2, 40, 48, (3, -2))
    last, this = (torch.from_numpy(f).permute(2, 0, 1)[None].float() for f in frames)
    error = (look_up(last, motion.back) - this).abs() * motion.reliability
    assert error.max() < 0.05
    assert ((look_up(last, -motion.back) - this).abs() * motion.reliability).mean() > 5


def fine_texture(height, width, shift=(0.0, 0.0)):
    """Waves of 3 to 8 pixels at a place that is known, so that any shift of it is too."""
    places = grid(height, width, torch.device("cpu"), torch.float32)
    x, y = places[:, :1] + shift[0], places[:, 1:] + shift[1]
    waves = [(2.1, 0.3), (1.4, -0.6), (0.5, 1.2), (-0.9, 0.9), (0.2, 2.0)]
    return 0.5 + 0.08 * sum(torch.sin(a * x + b * y + k) for k, (a, b) in enumerate(waves))


def test_carrying_keeps_fine_strokes_through_many_frames():
    """Forty frames of odd steps, and nothing is softened; bilinear look-ups leave a blur."""
    image, steps = fine_texture(96, 96), [(0.37, -0.21), (-0.44, 0.53)] * 20
    carried = looked_up = image
    for x, y in steps:
        flow = constant_flow(x, y, 96, 96)
        carried, looked_up = carry(carried, flow), look_up(looked_up, flow)
    shift = (sum(x for x, _ in steps), sum(y for _, y in steps))
    expected = fine_texture(96, 96, shift)[..., 24:-24, 24:-24]
    error = (carried[..., 24:-24, 24:-24] - expected).square().mean().sqrt() / expected.std()
    assert float(error) < 0.25
    blurred = looked_up[..., 24:-24, 24:-24].std() / expected.std()
    assert float(blurred) < 0.5


@pytest.mark.parametrize("step", [0.05, 0.1, 0.2, 0.3, 0.4])
@pytest.mark.parametrize("wave_px", [8, 16, 40])
def test_many_small_steps_go_as_far_as_they_say(wave_px, step):
    """Torch's bicubic look-up goes a quarter too far where a step is a tenth of a pixel."""
    size, turn = (24, 160), 2 * torch.pi / wave_px
    x = grid(*size, torch.device("cpu"), torch.float32)[:, :1]
    carried = 0.5 + 0.3 * torch.sin(turn * x)
    for _ in range(20):
        carried = carry(carried, constant_flow(step, 0, *size))
    inside = slice(40, 120)  # whole waves, whatever their length
    waves = carried[0, 0, 12, inside] - 0.5, x[0, 0, 12, inside] * turn
    angle = torch.atan2(
        (waves[0] * torch.cos(waves[1])).sum(), (waves[0] * torch.sin(waves[1])).sum()
    )
    gone = float(angle) / turn % wave_px
    assert gone == pytest.approx(20 * step, rel=0.06)


def test_twice_as_large_keeps_its_own_pixels_and_puts_waves_between():
    image = fine_texture(40, 48)
    large = twice_as_large(image)
    assert large.shape == (1, 1, 80, 96)
    assert torch.equal(large[..., ::2, ::2], image)
    between = fine_texture(40, 48, (0.5, 0.0))
    torch.testing.assert_close(
        large[..., ::2, 1::2][..., 8:-8], between[..., 8:-8], atol=0.02, rtol=0
    )
    between = fine_texture(40, 48, (0.5, 0.5))
    torch.testing.assert_close(
        large[..., 1::2, 1::2][..., 8:-8, 8:-8], between[..., 8:-8, 8:-8], atol=0.03, rtol=0
    )


@pytest.mark.parametrize("size", [(1, 1), (1, 8), (8, 1)])
def test_a_single_row_or_column_can_be_carried(size):
    image = torch.full((1, 3, *size), 0.3)
    carried = carry(image, constant_flow(0.4, 0.4, *size))
    torch.testing.assert_close(carried, image)


def test_the_grid_is_x_then_y():
    places = grid(2, 3, torch.device("cpu"), torch.float32)
    assert places[0, 0].tolist() == [[0, 1, 2], [0, 1, 2]]
    assert places[0, 1].tolist() == [[0, 0, 0], [1, 1, 1]]


def test_resizing_a_flow_scales_its_vectors():
    larger = resize_flow(constant_flow(2, -3, 10, 20), 30, 40)
    torch.testing.assert_close(larger, constant_flow(4, -9, 30, 40))
    torch.testing.assert_close(resize_flow(larger, 10, 20), constant_flow(2, -3, 10, 20))


def test_resizing_a_flow_to_its_own_size_leaves_it():
    flow = draw(1, 2, 5, 6)
    assert resize_flow(flow, 5, 6) is flow
