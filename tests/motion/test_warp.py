"""Looking pictures up along a flow, and scaling flows."""

import numpy as np
import pytest
import torch

from framestyle.motion import look_up, resize_flow
from framestyle.motion.warp import grid


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


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize(("x", "y"), [(3, 0), (-2, 0), (0, 4), (1, -5)])
def test_whole_shifts_are_exact_inside(mode, x, y):
    image = draw(1, 3, 24, 40)
    moved = look_up(image, constant_flow(x, y, 24, 40), mode)
    inside = moved[..., 6:-6, 6:-6]
    expected = image[..., 6 + y : 18 + y, 6 + x : 34 + x]
    torch.testing.assert_close(inside, expected, atol=2e-5, rtol=0)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_no_motion_is_no_change_even_at_full_hd(mode):
    image = draw(1, 1, 4, 1920)
    torch.testing.assert_close(look_up(image, torch.zeros(1, 2, 4, 1920), mode), image,
                               atol=1e-3, rtol=0)  # fmt: skip


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


def test_bicubic_keeps_fine_strokes_through_many_look_ups():
    image = draw(1, 1, 32, 32)
    there, back = constant_flow(0.5, 0, 32, 32), constant_flow(-0.5, 0, 32, 32)
    spreads = {}
    for mode in ("bilinear", "bicubic"):
        picture = image
        for _ in range(3):
            picture = look_up(look_up(picture, there, mode), back, mode)
        spreads[mode] = float(picture[..., 8:-8].std() / image[..., 8:-8].std())
    assert spreads["bicubic"] > 1.15 * spreads["bilinear"]


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
