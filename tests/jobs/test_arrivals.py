"""Frames on their way in: which motions come with each, and the same from wherever one begins."""

from itertools import combinations

import cv2
import numpy as np
import pytest
import torch

from framestyle.errors import JobError
from framestyle.jobs import arrivals
from framestyle.jobs.arrivals import backward, forward
from framestyle.jobs.shots import Cutting, Stretch
from framestyle.media import open_source
from framestyle.media.tensors import to_tensor
from framestyle.motion import DenseInverseSearch, FlowFiles, Shot, outside, write_flo
from framestyle.motion.flow import FlowSource

CPU = torch.device("cpu")
HEIGHT, WIDTH, COUNT = 64, 96, 9


class Asked(FlowSource):
    """A search that remembers the pairs that it was asked for."""

    def __init__(self):
        self.search, self.pairs = DenseInverseSearch(), []

    def flows(self, earlier, this, at):
        self.pairs.append(at)
        return self.search.flows(earlier, this, at)


@pytest.fixture(scope="module")
def make(tmp_path_factory, texture, save_picture):
    """Returns ``make(hidden)``: a still texture; in frames ``hidden`` a plate lies over it."""
    background, plate = texture(HEIGHT, WIDTH, 3), texture(30, 30, 44)

    def folder(hidden=(), count=COUNT):
        place = tmp_path_factory.mktemp("clip")
        for i in range(count):
            frame = background.copy()
            if i in hidden:
                frame[16:46, 30:60] = plate
            save_picture(place / f"{i}.png", frame)
        return open_source(place)

    return folder


@pytest.fixture(scope="module")
def gliding(tmp_path_factory, texture, save_picture):
    """A plate glides over a still texture, by 4 pixels a frame, and uncovers it behind."""
    background, plate = texture(HEIGHT, WIDTH, 3), texture(30, 30, 44)
    place = tmp_path_factory.mktemp("gliding")
    for i in range(COUNT):
        frame = background.copy()
        frame[16:46, 8 + 4 * i : 38 + 4 * i] = plate
        save_picture(place / f"{i}.png", frame)
    return open_source(place)


def pairs_of(found):
    return {arrival.frame.index: list(arrival.motions) for arrival in found}


def go(source, first=0, cutting=None, flow=None, reach=4, searches=1):
    cutting = cutting or Cutting([Shot(0, COUNT)])
    return list(forward(source, first, cutting, flow or Asked(), CPU, reach, searches))


def assert_same(found, expected):
    assert pairs_of(found) == pairs_of(expected)
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one.image, other.image)
        for index, motion in one.motions.items():
            for name, value in vars(motion).items():
                assert torch.equal(value, getattr(other.motions[index], name)), (index, name)


# --- with the time -------------------------------------------------------------------------------


def test_frames_come_in_order_as_they_were_read(make):
    source = make()
    found = go(source)
    assert [arrival.frame.index for arrival in found] == list(range(COUNT))
    for arrival, frame in zip(found, source.read(), strict=True):
        assert np.array_equal(arrival.frame.pixels, frame.pixels)
        assert torch.equal(arrival.image, to_tensor(frame.pixels))
        assert arrival.ease == 0


def test_where_nothing_is_hidden_only_the_last_frame_is_asked(make):
    flow = Asked()
    found = go(make(), flow=flow)
    assert pairs_of(found) == {0: [], **{i: [i - 1] for i in range(1, COUNT)}}
    assert flow.pairs == [(i - 1, i) for i in range(1, COUNT)]


@pytest.mark.parametrize(
    ("reach", "back"), [(1, [1]), (2, [1, 2]), (3, [1, 2]), (4, [1, 2, 4]), (8, [1, 2, 4, 8])]
)
def test_where_something_is_those_before_in_steps_of_two(reach, back, gliding):
    found = go(gliding, reach=reach)
    assert pairs_of(found) == {
        i: [i - step for step in back if i - step >= 0] for i in range(COUNT)
    }


def test_measured_at_the_same_time_they_are_the_same(gliding):
    cutting = Cutting([Shot(0, 4), Shot(4, COUNT)])
    alone = go(gliding, 2, cutting)
    assert_same(go(gliding, 2, cutting, searches=4), alone)


def test_nothing_is_looked_for_beyond_a_cut(gliding):
    cutting = Cutting([Shot(0, 2), Shot(2, 4), Shot(4, COUNT, 1)])
    assert pairs_of(go(gliding, cutting=cutting)) == {
        0: [], 1: [0],
        2: [], 3: [2], 4: [3, 2], 5: [4, 3], 6: [5, 4, 2], 7: [6, 5, 3], 8: [7, 6, 4],
    }  # fmt: skip
    eased = [arrival.ease for arrival in go(gliding, cutting=cutting)]
    assert eased == [cutting.ease(i) for i in range(COUNT)]
    assert eased[4] == 0.5


def test_what_comes_back_is_looked_up_where_it_was_seen(make):
    """A plate lies over frames 3 and 4: frame 5 looks past it to 1, and 6 to 5 alone."""
    found = pairs_of(go(make(hidden=(3, 4))))
    assert found[2] == [1]
    assert found[5] == [4, 3, 1]
    assert found[6] == [5]


def test_the_nearest_that_shows_it_ends_the_search(make):
    """The plate lies over frame 4 alone: frame 5 finds all of it in frame 3."""
    assert pairs_of(go(make(hidden=(4,))))[5] == [4, 3]


def test_what_enters_over_the_border_is_nowhere_before(moving_clip, save_picture, tmp_path):
    """A pan by 6 pixels a frame shows something new in each, for which no frame is looked at."""
    for i, pixels in enumerate(moving_clip(COUNT, HEIGHT, WIDTH, (6, 0), seed=3)[0]):
        save_picture(tmp_path / "in" / f"{i}.png", pixels)
    step = torch.tensor([6.0, 0.0]).view(1, 2, 1, 1).expand(1, 2, HEIGHT, WIDTH)
    for a, b in combinations(range(COUNT), 2):
        write_flo(tmp_path / f"forward_{a + 1}_{b + 1}.flo", -(b - a) * step)
        write_flo(tmp_path / f"backward_{b + 1}_{a + 1}.flo", (b - a) * step)
    found = go(open_source(tmp_path / "in"), flow=FlowFiles(tmp_path))
    assert outside(found[3].motions[2].back)[..., -6:].all()
    assert not found[3].motions[2].seen[..., -6:].any()
    assert pairs_of(found) == {0: [], **{i: [i - 1] for i in range(1, COUNT)}}


def test_motions_are_those_of_their_pairs(gliding):
    pixels = [frame.pixels for frame in gliding.read()]
    for arrival in go(gliding):
        for index, motion in arrival.motions.items():
            expected = DenseInverseSearch().between(pixels[index], arrival.frame.pixels)
            assert torch.equal(motion.back, expected.back)
            assert torch.equal(motion.reliability, expected.reliability)
            assert torch.equal(motion.seen, expected.seen)


@pytest.mark.parametrize("first", range(COUNT))
def test_from_the_middle_come_the_same(first, gliding):
    cutting = Cutting([Shot(0, 3), Shot(3, 5, 2), Shot(5, COUNT)])
    whole = go(gliding, cutting=cutting)[first:]
    part = go(gliding, first, cutting)
    assert pairs_of(part) == pairs_of(whole)
    for one, other in zip(part, whole, strict=True):
        assert np.array_equal(one.frame.pixels, other.frame.pixels)
        assert one.ease == other.ease
        for index, motion in one.motions.items():
            assert torch.equal(motion.back, other.motions[index].back)
            assert torch.equal(motion.seen, other.motions[index].seen)


def test_without_a_flow_frames_come_alone(gliding):
    found = list(forward(gliding, 4, Cutting([Shot(0, COUNT)]), None, CPU, 4))
    assert pairs_of(found) == {i: [] for i in range(4, COUNT)}


@pytest.mark.parametrize("far", [False, True])
def test_a_folder_of_flow_serves_what_it_has(far, gliding, tmp_path):
    """Without far pairs it serves neighbours; with some of them, those."""
    pixels = [frame.pixels for frame in gliding.read()]
    pairs = [(i, i + 1) for i in range(COUNT - 1)] + ([(0, 4), (2, 6)] if far else [])
    for a, b in pairs:
        forth, back = DenseInverseSearch().flows(pixels[a], pixels[b], (a, b))
        write_flo(tmp_path / f"forward_{a + 1}_{b + 1}.flo", forth)
        write_flo(tmp_path / f"backward_{b + 1}_{a + 1}.flo", back)
    found = pairs_of(go(gliding, flow=FlowFiles(tmp_path)))
    expected = {0: [], **{i: [i - 1] for i in range(1, COUNT)}}
    if far:
        expected |= {4: [3, 0], 6: [5, 2]}
    assert found == expected


def test_a_frame_that_cannot_be_read_is_named(texture, save_picture, tmp_path):
    for i in range(4):
        save_picture(tmp_path / f"{i}.png", texture(HEIGHT, WIDTH, 1))
    source = open_source(tmp_path)
    (tmp_path / "2.png").write_bytes(b"garbage" * 50)
    with pytest.raises(JobError, match="reading frame 3 failed"):
        go(source, cutting=Cutting([Shot(0, 4)]))
    with pytest.raises(JobError, match="reading frames 1 to 4 failed"):
        list(backward(source, 3, Stretch(0, 4), Asked(), CPU))


def test_a_flow_file_that_breaks_in_the_middle_is_told_with_its_frames(
    texture, save_picture, tmp_path
):
    for i in range(3):
        save_picture(tmp_path / f"{i}.png", texture(HEIGHT, WIDTH, 1))
    (tmp_path / "flow").mkdir()
    for a, b in ((1, 2), (2, 1), (2, 3), (3, 2)):
        name = "forward" if a < b else "backward"
        write_flo(tmp_path / "flow" / f"{name}_{a}_{b}.flo", torch.zeros(1, 2, HEIGHT, WIDTH))
    source, flow = open_source(tmp_path), FlowFiles(tmp_path / "flow")
    (tmp_path / "flow" / "backward_3_2.flo").write_bytes(b"PIEH")
    with pytest.raises(JobError, match=r"the flow between frames 2 and 3 failed: .*backward_3_2"):
        go(source, cutting=Cutting([Shot(0, 3)]), flow=flow)
    with pytest.raises(JobError, match=r"the flow between frames 3 and 2 failed: .*backward_3_2"):
        list(backward(source, 2, Stretch(0, 3), flow, CPU))


# --- against it ----------------------------------------------------------------------------------


@pytest.mark.parametrize("chunk", [1, 2, 3, 16])
@pytest.mark.parametrize(("stretch", "last"), [((0, 9), 8), ((2, 8), 7), ((2, 8), 5), ((4, 5), 4)])
def test_against_time_with_the_frame_after(chunk, stretch, last, gliding, monkeypatch):
    monkeypatch.setattr(arrivals, "CHUNK", chunk)
    monkeypatch.setattr(arrivals, "CHUNK_BYTES", 0)
    stretch, pixels = Stretch(*stretch), [frame.pixels for frame in gliding.read()]
    found = list(backward(gliding, last, stretch, Asked(), CPU))
    assert [arrival.frame.index for arrival in found] == list(range(last, stretch.first - 1, -1))
    for arrival in found:
        index = arrival.frame.index
        assert np.array_equal(arrival.frame.pixels, pixels[index])
        assert torch.equal(arrival.image, to_tensor(pixels[index]))
        if index == stretch.end - 1:
            assert arrival.motions == {}
            continue
        (motion,) = arrival.motions.values()
        assert list(arrival.motions) == [index + 1]
        expected = DenseInverseSearch().between(pixels[index + 1], pixels[index])
        assert torch.equal(motion.back, expected.back)
        assert torch.equal(motion.seen, expected.seen)


def test_against_time_a_video_gives_its_frames(gliding, encode, monkeypatch, tmp_path):
    monkeypatch.setattr(arrivals, "CHUNK", 4)
    monkeypatch.setattr(arrivals, "CHUNK_BYTES", 0)
    clip = encode(tmp_path / "clip.mp4", [frame.pixels for frame in gliding.read()])
    pixels = [frame.pixels for frame in open_source(clip).read()]
    found = list(backward(open_source(clip), 8, Stretch(0, 9), Asked(), CPU))
    assert all(np.array_equal(a.frame.pixels, p) for a, p in zip(found, pixels[::-1], strict=True))


def test_a_motion_against_time_looks_up_what_comes_later(gliding):
    """The plate goes right by 4 pixels, so in the frame after it is found 4 to the right."""
    for arrival in backward(gliding, 5, Stretch(0, COUNT), Asked(), CPU):
        i = arrival.frame.index
        inner = arrival.motions[i + 1].back[0, :, 26:36, 20 + 4 * i : 28 + 4 * i]
        assert cv2.norm(inner.mean(dim=(1, 2)).numpy() - np.array([4, 0], np.float32)) < 0.5
