"""Where a flow can be trusted: the formulas, and what they find where the truth is known."""

import cv2
import numpy as np
import pytest
import torch

from framestyle.motion import (
    DenseInverseSearch,
    look_up,
    masks,
    motion_edge,
    occluded,
    without_specks,
)
from framestyle.motion.occlusion import softened


def draw_flow(height, width, seed, spread):
    noise = np.random.default_rng(seed).normal(size=(height, width, 2))
    smooth = spread * cv2.GaussianBlur(noise, (0, 0), 2)
    return torch.from_numpy(smooth.transpose(2, 0, 1)[None].astype(np.float32))


def occluded_by_loops(flow, back):
    """|w + w'|^2 > 0.01 (|w|^2 + |w'|^2) + 0.5, or p + w outside by over half a pixel."""
    _, height, width = flow.shape
    result = np.zeros((height, width), bool)
    for i in range(height):
        for j in range(width):
            w = flow[:, i, j].astype(np.float64)
            x, y = j + w[0], i + w[1]
            if not (-0.5 <= x <= width - 0.5 and -0.5 <= y <= height - 0.5):
                result[i, j] = True
                continue
            x, y = min(max(x, 0.0), width - 1.0), min(max(y, 0.0), height - 1.0)
            left, top = int(x), int(y)
            right, bottom = min(left + 1, width - 1), min(top + 1, height - 1)
            a, b = x - left, y - top
            there = (1 - b) * ((1 - a) * back[:, top, left] + a * back[:, top, right]) + b * (
                (1 - a) * back[:, bottom, left] + a * back[:, bottom, right]
            )
            result[i, j] = ((w + there) ** 2).sum() > 0.01 * ((w**2).sum() + (there**2).sum()) + 0.5
    return result


def edges_by_loops(flow):
    """|grad u|^2 + |grad v|^2 > 0.01 |w|^2 + 0.002, central differences; (2, H, W)."""
    result = np.zeros(flow.shape[1:], bool)
    height, width = result.shape
    for i in range(height):
        for j in range(width):
            top, bottom = max(i - 1, 0), min(i + 1, height - 1)
            left, right = max(j - 1, 0), min(j + 1, width - 1)
            slope = 0.0
            for k in range(2):
                slope += ((float(flow[k, bottom, j]) - flow[k, top, j]) / (bottom - top)) ** 2
                slope += ((float(flow[k, i, right]) - flow[k, i, left]) / (right - left)) ** 2
            result[i, j] = slope > 0.01 * (flow[:, i, j].astype(np.float64) ** 2).sum() + 0.002
    return result


@pytest.mark.parametrize("spread", [3.0, 8.0])
def test_occlusion_is_the_formula(spread):
    flow = draw_flow(20, 24, 0, spread)
    back = -flow + draw_flow(20, 24, 1, 0.7 * spread)
    expected = occluded_by_loops(flow[0].numpy(), back[0].numpy())
    assert 0.1 < expected.mean() < 0.9
    found = occluded(flow, back)
    assert found.dtype == torch.bool
    np.testing.assert_array_equal(found[0, 0].numpy(), expected)


@pytest.mark.parametrize("spread", [0.6, 3.0])
def test_a_motion_edge_is_the_formula(spread):
    flow = draw_flow(20, 24, 0, spread)
    expected = edges_by_loops(flow[0].numpy())
    assert 0.1 < expected.mean() < 0.99
    np.testing.assert_array_equal(motion_edge(flow)[0, 0].numpy(), expected)


def test_reliability_is_what_neither_finds():
    flow, back = draw_flow(20, 24, 0, 1.5), draw_flow(20, 24, 1, 1.5)
    trusted = masks(flow, back)[0]
    assert trusted.dtype == torch.float32
    assert trusted.shape == (1, 1, 20, 24)
    assert torch.equal(trusted == 0, occluded(flow, back) | motion_edge(flow))
    assert 0 < trusted.mean() < 1


def test_what_is_seen_is_what_is_not_occluded_motion_edges_or_not():
    flow = torch.zeros(1, 2, 20, 24)
    flow[:, 0, :, :12] = 8.0  # the left half goes under the right one
    trusted, seen = masks(flow, torch.zeros_like(flow))
    assert torch.equal(seen == 0, occluded(flow, torch.zeros_like(flow)))
    assert (trusted <= seen).all()
    assert trusted.mean() < seen.mean()


def test_specks_and_threads_are_dropped_from_a_mask_and_the_rest_keeps_its_shape():
    mask = torch.zeros(1, 1, 16, 20, dtype=torch.bool)
    mask[..., 4:9, 5:12] = True
    block = mask.clone()
    mask[..., 1, 2] = True
    mask[..., 12:14, :] = True
    assert torch.equal(without_specks(mask), block)


def test_a_uniform_motion_is_trusted_but_for_what_comes_into_the_frame():
    flow = torch.tensor([3.0, 0.0]).view(1, 2, 1, 1).expand(1, 2, 10, 12)
    trusted = masks(flow, -flow)[0]
    assert trusted[..., :9].all()
    assert not trusted[..., 9:].any()


def test_a_mask_falls_off_inside_its_edge_and_is_0_outside():
    mask = torch.zeros(1, 1, 9, 20, dtype=torch.bool)
    mask[..., 8:] = True
    soft = softened(mask)
    assert not soft[..., :8].any()
    torch.testing.assert_close(soft[0, 0, 4, 7:12], torch.tensor([0, 0.6, 0.8, 1, 1]))


def score(found, true):
    """Precision and recall of a mask."""
    hit = (found & true).sum()
    return hit / found.sum(), hit / true.sum()


def near(mask, reach_px=2):
    size = 2 * reach_px + 1
    return cv2.dilate(mask.astype(np.uint8), np.ones((size, size), np.uint8)) > 0


def test_from_the_true_flow_the_true_occlusions_follow(true_flow):
    """Measured from frame 5 to 0: all that is marked is hidden, and it is 88% of what is."""
    (flow, visible), (back, _) = true_flow(5, 0), true_flow(0, 5)
    found = occluded(flow, back)[0, 0].numpy()
    precision, recall = score(found, ~visible)
    assert precision > 0.99
    assert recall > 0.8
    untrusted = masks(flow, back)[0][0, 0].numpy() == 0
    precision, recall = score(untrusted, ~visible)
    assert recall > 0.93
    assert score(untrusted, near(~visible))[0] > 0.95


def test_from_the_flow_that_is_found_most_occlusions_follow(sample_frames, true_flow):
    """Measured from frame 5 to 0: see the margins; edges of motion are marked on both sides."""
    motion = DenseInverseSearch().between(sample_frames[0], sample_frames[5])
    untrusted = motion.reliability[0, 0].numpy() == 0
    _, visible = true_flow(5, 0)
    _, recall = score(untrusted, ~visible)
    precision, _ = score(untrusted, near(~visible))
    assert recall > 0.6
    assert precision > 0.45
    assert untrusted.mean() < 0.2


def test_what_is_trusted_carries_the_last_frame_well(sample_frames):
    last, this = (
        torch.from_numpy(f).permute(2, 0, 1)[None].float()
        for f in (sample_frames[0], sample_frames[5])
    )
    motion = DenseInverseSearch().between(sample_frames[0], sample_frames[5])
    misfit = (look_up(last, motion.back) - this).abs().mean(dim=1)[0].numpy()
    trusted = motion.reliability[0, 0].numpy() > 0
    assert misfit[trusted].mean() < 3
    assert misfit[~trusted].mean() > 5 * misfit[trusted].mean()
