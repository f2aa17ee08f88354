"""RAFT with random weights: what it is given, and what becomes of what it gives.

How well it follows motion is a matter of its weights, which are not here.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
import torch.nn.functional as nnf
from torch.utils._python_dispatch import TorchDispatchMode
from torchvision.models.optical_flow import raft_small
from torchvision.models.optical_flow.raft import CorrBlock

from framestyle.errors import JobError
from framestyle.motion import CachedFlow, Raft, resize_flow
from framestyle.motion.raft import searched_size

UPDATES = 3


@pytest.fixture(scope="module")
def network():
    with torch.random.fork_rng():
        torch.manual_seed(5)
        model = raft_small(weights=None)
    return model.requires_grad_(False).eval()


@pytest.fixture(scope="module")
def pair(moving_clip):
    return moving_clip(2, 128, 160, (3, -2))[0]


def signed(pixels):
    """(H, W, 3) uint8 -> (1, 3, H, W) in [-1, 1], as torchvision's own transforms have it."""
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 127.5 - 1


@torch.no_grad()
def direct(network, first, second):
    return network(first, second, num_flow_updates=UPDATES)[-1]


def test_a_frame_that_fits_is_given_as_it_is(network, pair):
    forth, back = Raft(network, updates=UPDATES).flows(*pair, (0, 1))
    a, b = map(signed, pair)
    both = direct(network, torch.cat([a, b]), torch.cat([b, a]))
    torch.testing.assert_close(forth, both[:1], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(back, both[1:], rtol=1e-4, atol=1e-4)
    assert forth.shape == back.shape == (1, 2, 128, 160)
    assert forth.dtype == torch.float32
    assert not forth.requires_grad
    assert float((forth - back).abs().max()) > 1e-3  # else the directions could be swapped
    torch.testing.assert_close(forth, direct(network, a, b), rtol=1e-3, atol=1e-3)


def test_the_number_of_updates_counts(network, pair):
    one, three = (Raft(network, updates=n).flows(*pair, (0, 1))[0] for n in (1, 3))
    assert not torch.allclose(one, three)
    with torch.no_grad():
        default = network(*map(signed, pair))[-1]
    torch.testing.assert_close(Raft(network).flows(*pair, (0, 1))[0], default, rtol=1e-3, atol=1e-3)


def test_other_sizes_are_padded_by_repeating_the_edge(network, texture):
    a, b = texture(133, 150, 1), texture(133, 150, 2)
    forth, _ = Raft(network, updates=UPDATES).flows(a, b, (0, 1))
    padded = [nnf.pad(signed(x), (1, 1, 1, 2), mode="replicate") for x in (a, b)]
    assert padded[0].shape == (1, 3, 136, 152)
    expected = direct(network, *padded)[:, :, 1:134, 1:151]
    torch.testing.assert_close(forth, expected, rtol=1e-3, atol=1e-3)


def test_long_frames_are_searched_at_a_smaller_size(network, moving_clip):
    frames, _ = moving_clip(2, 256, 320, (4, 2))
    raft = Raft(network, longest_px=160, updates=UPDATES)
    forth, back = raft.flows(*frames, (0, 1))
    assert forth.shape == back.shape == (1, 2, 128, 160)
    motion = raft.between(*frames)
    assert motion.back.shape == (1, 2, 256, 320)
    assert motion.reliability.shape == motion.seen.shape == (1, 1, 256, 320)


def test_small_frames_are_enlarged_and_vectors_brought_back(network, moving_clip):
    frames, _ = moving_clip(2, 64, 80, (2, 1))
    forth, _ = Raft(network, updates=UPDATES).flows(*frames, (0, 1))
    large = [
        nnf.interpolate(signed(f), size=(128, 160), mode="bilinear", align_corners=False)
        for f in frames
    ]
    expected = direct(network, *large)
    assert forth.shape == (1, 2, 64, 80)
    torch.testing.assert_close(forth, resize_flow(expected, 64, 80), rtol=1e-3, atol=1e-3)
    # vectors are in pixels of the small frame, half as long as in the large one
    ratio = forth.square().mean().sqrt() / expected.square().mean().sqrt()
    assert 0.4 < float(ratio) < 0.55


@pytest.mark.parametrize(
    ("size", "longest_px", "searched"),
    [
        ((360, 640), 640, (360, 640)),
        ((720, 1280), 640, (360, 640)),
        ((1280, 720), 640, (640, 360)),
        ((180, 320), 640, (180, 320)),
        ((48, 64), 640, (128, 171)),
        ((64, 48), 640, (171, 128)),
        ((48, 64), 64, (48, 64)),
        ((100, 500), 640, (128, 640)),
        ((60, 900), 640, (43, 640)),
        ((16, 2000), 640, (5, 640)),
    ],
)
def test_the_size_at_which_it_searches(size, longest_px, searched):
    assert searched_size(size, longest_px) == searched


@pytest.mark.parametrize("size", [(16, 16), (16, 200), (200, 16), (31, 33), (129, 135)])
@pytest.mark.parametrize("longest_px", [64, 640])
def test_every_size_has_a_flow(network, texture, size, longest_px):
    a, b = texture(*size, 1), texture(*size, 2)
    motion = Raft(network, longest_px, updates=1).between(a, b)
    assert motion.back.shape == (1, 2, *size)
    assert motion.reliability.shape == (1, 1, *size)
    assert motion.back.isfinite().all()


@pytest.mark.parametrize("size", [(15, 200), (1, 1), (200, 2)])
def test_frames_too_small_to_be_searched_are_given_no_motion(network, size):
    frame = np.zeros((*size, 3), np.uint8)
    motion = Raft(network).between(frame, frame)
    assert not motion.back.any()
    assert motion.reliability.all()


def test_sixteen_bits_have_the_flow_of_eight(network, pair):
    raft = Raft(network, updates=1)
    wide = [frame.astype(np.uint16) * 257 for frame in pair]
    assert torch.equal(raft.flows(*pair, (0, 1))[0], raft.flows(*wide, (0, 1))[0])


def test_a_flow_does_not_depend_on_what_was_searched_before(network, pair, texture):
    raft = Raft(network, updates=2)
    expected = raft.flows(*pair, (0, 1))
    raft.flows(texture(140, 180, 1), texture(140, 180, 2), (1, 2))
    again = raft.flows(*pair, (0, 1))
    assert all(map(torch.equal, again, expected))


def test_the_network_stays_as_it_was(network, pair):
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    Raft(network, updates=1).flows(*pair, (0, 1))
    assert all(torch.equal(t, before[key]) for key, t in network.state_dict().items())
    assert not network.training


class Sent(TorchDispatchMode):
    """Counts what is copied to another device."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func is torch.ops.aten._to_copy.default:
            self.count += kwargs.get("device", args[0].device) != args[0].device
        return func(*args, **kwargs)


def test_nothing_is_sent_to_the_device_while_it_searches():
    """What waits for a GPU cannot be recorded; a device without numbers shows it as well."""
    network = raft_small(weights=None).to("meta")
    a, b = (torch.zeros(1, 3, 128, 160, device="meta") for _ in range(2))
    with Sent() as plain, torch.no_grad():
        network(a, b, num_flow_updates=UPDATES)
    with Sent() as ours, torch.no_grad():
        (flow,) = Raft(network, updates=UPDATES)._flow(a, b)
    assert plain.count > UPDATES
    assert ours.count == 0
    assert flow.shape == (2, 2, 128, 160)


class TooLittleMemory(CorrBlock):
    """torchvision's correlation of all pairs, asked for more memory than there is."""

    def build_pyramid(self, fmap1, fmap2):
        torch.empty(1 << 60)


def test_a_failure_names_the_frames_and_what_to_do(pair):
    network = raft_small(weights=None, corr_block=TooLittleMemory(num_levels=4, radius=3))
    with pytest.raises(JobError, match=r"^frames 8 and 9: optical flow failed \(") as caught:
        Raft(network).flows(*pair, (7, 8))
    assert "--flow-size, or --flow dis" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_several_threads_may_search_at_a_time(network, moving_clip):
    """torchvision's network keeps in itself what it compares."""
    pairs = [moving_clip(2, 128, 160, move)[0] for move in ((3, -2), (-4, 1), (0, 5))]
    raft = Raft(network, updates=UPDATES)
    alone = [raft.flows(*pair, (0, 1)) for pair in pairs]
    with ThreadPoolExecutor(len(pairs)) as threads:
        for _ in range(3):
            found = list(threads.map(lambda pair: raft.flows(*pair, (0, 1)), pairs))
            for both, expected in zip(found, alone, strict=True):
                assert all(map(torch.equal, both, expected))


def test_kept_flow_is_measured_where_the_network_is(network, pair, tmp_path):
    names = []

    def replay(name, function, *tensors):
        names.append(name)
        return function(*tensors)

    raft = Raft(network, updates=1, replay=replay)
    motions = [CachedFlow(raft, tmp_path).between(*pair, (0, 1)) for _ in range(2)]
    assert names == ["raft", "motion", "motion"]
    for one, other in zip(*(vars(motion).values() for motion in motions), strict=True):
        assert torch.equal(one, other)


@pytest.mark.gpu
def test_on_a_gpu(network, pair):
    if not torch.cuda.is_available():
        pytest.skip("there is no CUDA device")
    expected = Raft(network, updates=UPDATES).flows(*pair, (0, 1))
    found = Raft(network.cuda(), updates=UPDATES).flows(*pair, (0, 1))
    network.cpu()
    assert all(flow.device.type == "cpu" for flow in found)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0.02, atol=0.02)


@pytest.mark.gpu
def test_what_a_gpu_makes_of_the_flow_is_what_the_cpu_does(network, pair):
    expected = Raft(network, updates=UPDATES).between(*pair)
    found = Raft(network.cuda(), updates=UPDATES).between(*pair)
    network.cpu()
    for name, value in vars(found).items():
        assert value.device.type == "cpu"
        assert (value - getattr(expected, name)).abs().mean() < 0.02, name
