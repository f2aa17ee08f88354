"""Whole runs over cuts and dissolves: what is carried over them, and what is not."""

from itertools import pairwise

import cv2
import numpy as np
import pytest
import torch

from framestyle.jobs.run import run
from framestyle.media import open_source
from framestyle.motion import Shot, write_flo, write_shots
from framestyle.progress import IterationDone, Notice


def read(path):
    pixels = cv2.imread(str(path))
    assert pixels is not None, path
    return pixels[:, :, ::-1]


def number(path):
    return int(path.stem.removeprefix("frame_"))


def frames_of(folder):
    return [read(path) for path in sorted(folder.iterdir(), key=number)]


def apart(a, b):
    return float(np.abs(a.astype(float) - b.astype(float)).mean())


@pytest.fixture(scope="module")
def scenes(moving_clip):
    """Three frames of one scene, and three of another."""
    return moving_clip(3, 48, 64, (2, 1), 1)[0], moving_clip(3, 48, 64, (-1, 2), 40)[0]


@pytest.fixture
def folder_of(save_picture, tmp_path):
    """Returns ``folder_of(name, frames)``: a folder with them as 0.png, 1.png, ..."""

    def make(name, frames):
        for i, pixels in enumerate(frames):
            save_picture(tmp_path / name / f"{i}.png", pixels)
        return tmp_path / name

    return make


@pytest.fixture(scope="module")
def lite(quick):
    """Dream and style with the embedded network, in few steps."""
    return quick.changed(
        {
            "dream": {"network": "lite"},
            "style": {"network": "lite"},
            "compute": {"networks": "lite", "weights": ()},
        }
    )


@pytest.fixture
def go(style_file, lite, tmp_path):
    """Returns ``go(source, name, hear, **changes)``: the frames that come out."""

    def start(source, name="out", hear=lambda event: None, **changes):
        out = run(source, [(style_file, 1.0)], tmp_path / name, lite.changed(changes), hear)
        if out.is_dir():
            return frames_of(out)
        return [frame.pixels for frame in open_source(out).read()]

    return start


def same(one, other):
    return len(one) == len(other) and all(map(np.array_equal, one, other))


# --- cuts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("passes", [1, 2])
def test_a_shot_is_what_a_run_of_it_alone_gives(passes, scenes, folder_of, go):
    one, other = scenes
    motion = {"passes": passes}
    whole = go(folder_of("in", [*one, *other]), motion=motion)
    assert same(whole[:3], go(folder_of("one", one), "out one", motion=motion))
    assert same(whole[3:], go(folder_of("other", other), "out other", motion=motion))


def test_in_a_video_too(scenes, encode, go, tmp_path):
    clip = encode(tmp_path / "clip.mp4", [*scenes[0], *scenes[1]])
    whole = go(clip)
    assert same(whole[3:], go(clip, "later", input={"start": 3 / 25}))
    lossless = {"codec": "ffv1", "pixel_format": "bgr0"}
    later = go(clip, "later.mkv", output=lossless, input={"start": 3 / 25})
    assert same(whole[3:], later)


def test_nothing_of_the_old_scene_is_left(scenes, folder_of, go, tmp_path):
    """Whatever was before the cut, what comes after it is the same."""
    one, other = scenes
    turned = [frame[::-1, ::-1] for frame in one]
    after = [go(folder_of(f"in{i}", [*s, *other]), f"out{i}") for i, s in enumerate((one, turned))]
    assert same(after[0][3:], after[1][3:])
    assert not np.array_equal(after[0][2], after[1][2])
    carried = [go(tmp_path / f"in{i}", f"c{i}", motion={"cuts": False}) for i in (0, 1)]
    assert not np.array_equal(carried[0][3], carried[1][3])


@pytest.mark.parametrize("how", ["found", "named"])
def test_a_cut_at_every_frame(how, texture, folder_of, go, tmp_path):
    """Each frame is made as a picture of its own is."""
    pictures = [texture(48, 64, seed) for seed in (3, 8, 21, 34)]
    source, motion, heard = folder_of("in", pictures), {}, []
    if how == "named":
        motion = {"shots": tmp_path / "shots.txt"}
        motion["shots"].write_text("1 1\n2 2\n3 3\n4 4\n")
    made = go(source, hear=heard.append, motion=motion)
    notices = [event.message for event in heard if isinstance(event, Notice)]
    if how == "found":
        assert any(n.startswith("shots: 4; new ones begin at frame 2, 3, 4;") for n in notices)
    alone = [go(source / f"{i}.png", f"alone{i}.png", motion={}) for i in range(4)]
    assert same(made, [frames[0] for frames in alone])


@pytest.mark.parametrize("count", [1, 2])
def test_the_shortest_clips(count, scenes, folder_of, encode, go, tmp_path):
    frames = scenes[0][:count]
    made = go(folder_of("in", frames))
    assert len(made) == count
    assert all(apart(a, b) > 1 for a, b in zip(made, frames, strict=True))
    first = go(tmp_path / "in" / "0.png", "first.png")
    assert np.array_equal(made[0], first[0])
    assert len(go(encode(tmp_path / "clip.mp4", frames), "video.mp4")) == count


def test_identical_frames_are_one_shot_and_stay_the_same(texture, folder_of, go):
    heard = []
    made = go(folder_of("in", [texture(48, 64, 3)] * 4), hear=heard.append)
    assert same(made, made[:1] * 4)
    assert {event.frame for event in heard if isinstance(event, IterationDone)} == {0}
    assert not any("shots:" in event.message for event in heard if isinstance(event, Notice))


# --- shots named by hand -------------------------------------------------------------------------


def test_a_file_makes_a_cut_where_there_is_none(scenes, folder_of, go, tmp_path):
    shots = tmp_path / "shots.txt"
    shots.write_text(write_shots([Shot(0, 2), Shot(2, 3)]))
    source = folder_of("in", scenes[0])
    forced = go(source, "forced", motion={"shots": shots})
    carried = go(source, "carried")
    assert same(forced[:2], carried[:2])
    assert not np.array_equal(forced[2], carried[2])
    assert np.array_equal(forced[2], go(source / "2.png", "2.png")[0])


def test_and_none_where_there_is_one(scenes, folder_of, go, tmp_path):
    source = folder_of("in", [*scenes[0], *scenes[1]])
    found = go(source, "found")
    shots = tmp_path / "shots.txt"
    shots.write_text("1 6\n")
    left_out = go(source, "left out", motion={"cuts": False})
    named = go(source, "named", motion={"shots": shots})
    assert same(named, left_out)
    assert same(found[:3], left_out[:3])
    assert not np.array_equal(found[3], left_out[3])


# --- dissolves -----------------------------------------------------------------------------------


BLENDED = 6


def blended(one, other):
    """Four frames of a picture, six blends, and ten frames of another."""
    weights = np.clip(np.arange(-3, 17) / (BLENDED + 1), 0, 1)
    return [np.uint8((1 - w) * one + w * other + 0.5) for w in weights]


@pytest.fixture
def named(tmp_path):
    """Returns ``named(*shots)``: a file that names them."""

    def write(*shots):
        path = tmp_path / f"{'-'.join(str(shot.first) for shot in shots)}.txt"
        path.write_text(write_shots(shots))
        return path

    return write


EASED = Shot(0, 4), Shot(4, 20, BLENDED)


def test_a_dissolve_lets_go_step_by_step(texture, folder_of, named, go, tmp_path):
    """Of noise where nothing is optimised, and nothing moves, as much is left as is let be."""
    source = folder_of("in", blended(*(texture(48, 64, seed).astype(float) for seed in (3, 8))))
    flow = tmp_path / "flow"
    flow.mkdir()
    for i in range(1, 20):
        for name in (f"forward_{i}_{i + 1}", f"backward_{i + 1}_{i}"):
            write_flo(flow / f"{name}.flo", torch.zeros(1, 2, 48, 64))
    made = go(
        source,
        dream={"enabled": False},
        style={"first_iterations": 0, "iterations": 0, "init": "noise"},
        motion={"selective": False, "shots": named(*EASED), "flow": str(flow)},
    )
    clip = frames_of(source)
    noise = made[0].astype(float)
    assert np.array_equal(made[3], made[0])
    expected = noise
    for k in range(1, BLENDED + 1):
        share = 1 / (BLENDED + 2 - k)
        expected = (1 - share) * expected + share * clip[3 + k]
        assert apart(made[3 + k], expected) < 0.6, k
    assert noise_left(made[9], noise) == pytest.approx(1 / (BLENDED + 1), abs=0.02)
    assert noise_left(made[19], noise) == pytest.approx(0, abs=0.02)


def noise_left(frame, noise):
    """How much of the noise a frame still has: a projection on its fine grain."""
    fine = noise - cv2.GaussianBlur(noise, (0, 0), 1.5)
    return float((frame.astype(float) * fine).sum() / (noise * fine).sum())


def test_no_shot_begins_at_a_dissolve_and_next_to_nothing_is_left_after_it(
    texture, folder_of, named, go
):
    """Two clips that end in the same picture: how far do the first ones still tell them apart?"""
    one, other, last = (texture(48, 64, seed).astype(float) for seed in (3, 8, 21))
    sources = [folder_of(f"in{i}", blended(*s)) for i, s in enumerate(((one, last), (other, last)))]
    style = {"first_iterations": 20, "iterations": 5}

    def runs(name, **motion):
        return [go(s, f"{name}{i}", style=style, motion=motion) for i, s in enumerate(sources)]

    def left(pair):
        shares = [((a.astype(float) - b) * (one - other)).sum() for a, b in zip(*pair, strict=True)]
        return np.array(shares) / shares[3]

    eased, never = runs("eased", shots=named(*EASED)), runs("never", cuts=False)
    hard = go(sources[0], "hard", style=style, motion={"shots": named(Shot(0, 4), Shot(4, 20))})
    assert same(eased[0][:4], never[0][:4])
    assert same(eased[0][:4], hard[:4])
    # frames are carried over its beginning, where a cut jumps; and it jumps nowhere later
    jump = apart(hard[4], hard[3])
    assert apart(eased[0][4], eased[0][3]) < 0.5 * jump
    assert max(apart(a, b) for a, b in pairwise(eased[0][3:])) < 1.7 * jump
    assert left(never)[-1] > 0.5
    assert abs(left(eased)[-1]) < 0.1
    assert left(eased)[-1] < 0.15 * left(never)[-1]
    # what is there instead is the second scene, as a run of it alone has it
    alone = go(folder_of("alone", [np.uint8(last)] * 2), "alone out", style=style)[-1]
    assert apart(eased[0][-1], alone) < 0.6 * apart(never[0][-1], alone)
