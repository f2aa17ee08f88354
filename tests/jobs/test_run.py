"""Whole runs: every form of input and output, what the frames look like, what is heard of it."""

import itertools
import os
import sys
import threading
import time
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from framestyle.config import Config
from framestyle.errors import FramestyleError
from framestyle.jobs.run import run
from framestyle.media import open_source
from framestyle.progress import FrameDone, IterationDone, Notice, RunDone, RunStarted
from framestyle.waiting import NICENESS

NOTHING = {"dream": {"enabled": False}, "style": {"enabled": False}}


def read(path):
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert pixels is not None, path
    return pixels[:, :, ::-1]


def video_frames(path):
    return [frame.pixels for frame in open_source(path).read()]


def difference(a, b):
    return float(np.abs(a.astype(float) - b.astype(float)).mean()) / np.iinfo(a.dtype).max


def test_folder_to_folder_keeps_names(frames_folder, style_file, quick, tmp_path):
    out = tmp_path / "painted"
    assert run(frames_folder, [(style_file, 1.0)], out, quick) == out
    names = sorted(path.name for path in out.iterdir())
    assert names == sorted(path.name for path in frames_folder.iterdir())
    for name in names:
        made, source = read(out / name), read(frames_folder / name)
        assert (made.shape, made.dtype) == (source.shape, source.dtype)
        assert difference(made, source) > 0.01


def test_leaves_nothing_but_the_output(frames_folder, clip_file, style_file, quick, tmp_path):
    run(frames_folder, [(style_file, 1.0)], tmp_path / "painted", quick)
    run(clip_file, [(style_file, 1.0)], tmp_path / "out.mp4", quick)
    assert {path.name for path in tmp_path.iterdir()} == {"painted", "out.mp4"}


def test_video_to_video(clip_file, style_file, quick, packets_of, tmp_path):
    out = run(clip_file, [(style_file, 1.0)], tmp_path / "out.mp4", quick)
    tick, shown = packets_of(out, "v")
    times = sorted(pts * tick for pts, _ in shown)
    assert times == [Fraction(1001, 30000) * i for i in range(5)]
    assert packets_of(out, "a") == packets_of(clip_file, "a")
    assert packets_of(out, "a")[1]
    made, source = video_frames(out), video_frames(clip_file)
    assert all(difference(a, b) > 0.01 for a, b in zip(made, source, strict=True))


def test_video_without_its_sound(clip_file, style_file, quick, tmp_path):
    config = quick.changed({"output": {"audio": False}})
    out = run(clip_file, [(style_file, 1.0)], tmp_path / "out.mkv", config)
    assert not open_source(out).info.has_audio


def test_video_to_folder(clip_file, style_file, quick, tmp_path):
    out = run(clip_file, [(style_file, 1.0)], tmp_path / "frames", quick)
    assert len(list(out.iterdir())) == 5
    assert all(read(path).shape == (48, 64, 3) for path in out.iterdir())


def test_folder_to_video_with_a_rate(frames_folder, style_file, quick, packets_of, tmp_path):
    config = quick.changed({"input": {"fps": "30000/1001"}})
    out = run(frames_folder, [(style_file, 1.0)], tmp_path / "out.mp4", config)
    tick, shown = packets_of(out, "v")
    times = sorted(pts * tick for pts, _ in shown)
    assert times == [Fraction(1001, 30000) * i for i in range(5)]


def test_folder_to_pattern(frames_folder, style_file, quick, tmp_path):
    run(frames_folder, [(style_file, 1.0)], tmp_path / "f%03d.png", quick)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["f003.png", "f004.png", "f007.png", "f008.png", "f100.png"]


def test_picture_to_picture(frames_folder, style_file, quick, tmp_path):
    source = frames_folder / "shot_0003.png"
    out = run(source, [(style_file, 1.0)], tmp_path / "painted.png", quick)
    assert read(out).shape == (48, 64, 3)
    assert difference(read(out), read(source)) > 0.01


def test_sixteen_bits_stay_sixteen(texture, save_picture, style_file, quick, tmp_path):
    deep = texture(48, 64).astype(np.uint16) * 256 + 77
    source = save_picture(tmp_path / "deep.png", deep)
    out = read(run(source, [(style_file, 1.0)], tmp_path / "painted.png", quick))
    assert out.dtype == np.uint16
    assert difference(out, deep) > 0.01
    assert len(np.unique(out % 257)) > 100  # not eight bits blown up


def test_larger_frames_are_scaled_down(frames_folder, style_file, quick, tmp_path):
    config = quick.changed({"input": {"size": 48}})
    out = run(frames_folder / "shot_0003.png", [(style_file, 1.0)], tmp_path / "s.png", config)
    assert read(out).shape == (36, 48, 3)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("form", ["folder", "picture"])
def test_without_stages_the_pixels_stay(kind, form, save_picture, tmp_path):
    levels = np.random.default_rng(1).integers(0, np.iinfo(kind).max, (2, 48, 64, 3), kind, True)
    folder = tmp_path / "in"
    files = [save_picture(folder / f"{i}.png", pixels) for i, pixels in enumerate(levels)]
    config = Config().changed(NOTHING)
    if form == "folder":
        out = run(folder, [], tmp_path / "out", config)
        pairs = [(file, out / file.name) for file in files]
    else:
        pairs = [(files[0], run(files[0], [], tmp_path / "out.png", config))]
    for before, after in pairs:
        assert read(after).dtype == kind
        assert np.array_equal(read(before), read(after))


def test_without_stages_a_lossless_video_stays(clip_file, tmp_path):
    config = Config().changed(NOTHING).changed({"output": {"codec": "ffv1"}})
    out = run(clip_file, [], tmp_path / "out.mkv", config)
    for before, after in zip(video_frames(clip_file), video_frames(out), strict=True):
        assert np.array_equal(before, after)


def test_each_stage_alone(frames_folder, style_file, quick, tmp_path):
    source = frames_folder / "shot_0003.png"
    made = []
    for off in ("style", "dream", None):
        config = quick.changed({off: {"enabled": False}} if off else {})
        styles = [] if off == "style" else [(style_file, 1.0)]
        made.append(read(run(source, styles, tmp_path / f"{off}.png", config)))
    pictures = [read(source), *made]
    for i, a in enumerate(pictures):
        assert all(difference(a, b) > 0.005 for b in pictures[i + 1 :])


def test_two_styles_by_weight(frames_folder, style_file, texture, save_picture, quick, tmp_path):
    other = save_picture(tmp_path / "other.png", 255 - texture(40, 40, 9))
    source = frames_folder / "shot_0003.png"
    config = quick.changed({"dream": {"enabled": False}, "style": {"first_iterations": 12}})

    def painted(name, *styles):
        return read(run(source, list(styles), tmp_path / f"{name}.png", config))

    first, second = painted("first", (style_file, 1.0)), painted("second", (other, 1.0))
    mostly_first = painted("mostly", (style_file, 9.0), (other, 1.0))
    mostly_second = painted("rather", (style_file, 1.0), (other, 9.0))
    assert difference(mostly_first, first) < difference(mostly_first, second)
    assert difference(mostly_second, second) < difference(mostly_second, first)
    assert difference(mostly_first, mostly_second) > 0.003


@pytest.mark.parametrize("name", ["out", "out.mp4", "out.mkv"])
def test_the_same_run_gives_the_same_bytes(name, clip_file, style_file, quick, contents, tmp_path):
    made = []
    for place in (tmp_path / "a", tmp_path / "b"):
        place.mkdir()
        made.append(contents(run(clip_file, [(style_file, 1.0)], place / name, quick)))
    assert made[0] == made[1]


def test_the_seed_matters(frames_folder, quick, tmp_path):
    source = frames_folder / "shot_0003.png"
    config = quick.changed({"style": {"enabled": False}})
    one = read(run(source, [], tmp_path / "1.png", config))
    two = read(run(source, [], tmp_path / "2.png", config.changed({"compute": {"seed": 2}})))
    assert not np.array_equal(one, two)


def test_progress_is_told_in_order(frames_folder, style_file, quick, tmp_path):
    heard = []
    out = run(frames_folder, [(style_file, 1.0)], tmp_path / "out", quick, heard.append)
    notices = [event for event in heard if isinstance(event, Notice)]
    assert any("squeezenet1_0" in event.message for event in notices)
    assert any(event.message.startswith("device: cpu") for event in notices)
    events = [event for event in heard if not isinstance(event, Notice)]
    assert events[0] == RunStarted(5, 0)
    assert (events[-1].output, events[-1].frames) == (str(out), 5)
    assert isinstance(events[-1], RunDone)
    assert [e.frame for e in events if isinstance(e, FrameDone)] == [0, 1, 2, 3, 4]
    expected = []
    for frame in range(5):
        dreams, strokes = (2 * 2, 4) if frame == 0 else (1 * 2, 3)
        expected += [(frame, "dream", i + 1, dreams) for i in range(dreams)]
        expected += [(frame, "style", i + 1, strokes) for i in range(strokes)]
        expected.append(frame)
    told = [
        (e.frame, e.stage, e.iteration, e.iterations) if isinstance(e, IterationDone) else e.frame
        for e in events[1:-1]
    ]
    assert told == expected


def test_losses_are_told_by_name(frames_folder, style_file, quick, tmp_path):
    names = {}

    def hear(event):
        if isinstance(event, IterationDone):
            names.setdefault((event.stage, event.frame > 0), set()).update(event.losses)
            assert all(np.isfinite(float(value)) for value in event.losses.values())

    run(frames_folder, [(style_file, 1.0)], tmp_path / "out", quick, hear)
    assert names["dream", False] == {"dream"}
    assert {"content", "style", "variation"} <= names["style", False]
    assert "temporal" not in names["style", False]
    assert "temporal" in names["style", True]


def test_threads_and_processes_end(clip_file, style_file, quick, ffmpegs, tmp_path):
    before = threading.active_count()

    def stop(event):
        if isinstance(event, FrameDone):
            raise KeyboardInterrupt

    run(clip_file, [(style_file, 1.0)], tmp_path / "out.mp4", quick)
    assert threading.active_count() == before
    assert ffmpegs() == {}
    with pytest.raises(KeyboardInterrupt):
        run(clip_file, [(style_file, 1.0)], tmp_path / "other.mp4", quick, stop)
    assert threading.active_count() == before
    assert ffmpegs() == {}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has priorities of single threads")
def test_what_reads_ahead_gives_way_and_nothing_does_afterwards(
    clip_file, style_file, quick, tmp_path
):
    def nicenesses():
        found = {}
        for entry in Path("/proc/self/task").iterdir():
            with suppress(ProcessLookupError):  # it has ended since
                found[int(entry.name)] = os.getpriority(os.PRIO_PROCESS, int(entry.name))
        return found

    usual, found = nicenesses(), set()

    def listen(event):
        ahead = [t.native_id for t in threading.enumerate() if t.name == "read ahead"]
        found.update(nicenesses().get(thread) for thread in ahead)

    run(clip_file, [(style_file, 1.0)], tmp_path / "out.mp4", quick, progress=listen)
    own = usual[threading.get_native_id()]
    assert own + NICENESS in found
    deadline = time.monotonic() + 5  # threads that have been told to end
    while set(nicenesses().values()) - {own} and time.monotonic() < deadline:
        time.sleep(0.01)
    assert set(nicenesses().values()) == {own}


def test_nothing_crosses_a_cut(texture, moving_clip, save_picture, style_file, quick, tmp_path):
    one, _ = moving_clip(3, 48, 64, (2, 1), seed=1)
    other, _ = moving_clip(2, 48, 64, (-1, 2), seed=40)
    for i, pixels in enumerate([*one, *other]):
        save_picture(tmp_path / "in" / f"{i}.png", pixels)
    styles = [(style_file, 1.0)]
    whole = run(tmp_path / "in", styles, tmp_path / "whole", quick)
    later = run(
        tmp_path / "in",
        styles,
        tmp_path / "later",
        quick.changed({"input": {"start": 3 / 24}}),
    )
    assert sorted(path.name for path in later.iterdir()) == ["3.png", "4.png"]
    for name in ("3.png", "4.png"):
        assert np.array_equal(read(whole / name), read(later / name))
    carried = run(
        tmp_path / "in", styles, tmp_path / "carried", quick.changed({"motion": {"cuts": False}})
    )
    assert not np.array_equal(read(whole / "3.png"), read(carried / "3.png"))


def test_warped_starts_are_steadier(moving_clip, save_picture, style_file, quick, tmp_path):
    step = (3, 1)
    frames, _ = moving_clip(4, 64, 96, step, seed=3)
    for i, pixels in enumerate(frames):
        save_picture(tmp_path / "in" / f"{i}.png", pixels)
    config = quick.changed({"style": {"first_iterations": 30, "iterations": 10}})

    def warping_error(warm_start):
        temporal = warm_start == "warped"
        chosen = config.changed({"motion": {"warm_start": warm_start, "temporal": temporal}})
        out = run(tmp_path / "in", [(style_file, 1.0)], tmp_path / warm_start, chosen)
        made = [read(path).astype(float) / 255 for path in sorted(out.iterdir())]
        x, y = step
        height, width = made[0].shape[:2]
        inner = height - y, width - x
        pairs = itertools.pairwise(made)
        return np.mean([((b[: inner[0], : inner[1]] - a[y:, x:]) ** 2).mean() for a, b in pairs])

    assert warping_error("warped") < 0.3 * warping_error("none")


@pytest.mark.shared
def test_trained_weights_paint_and_dream(shared_dir, real_weights, quick, tmp_path):
    weights = f"squeezenet1_0={real_weights['squeezenet1_0']}"
    config = quick.changed({"compute": {"weights": (weights,)}, "input": {"size": 96}})
    style = shared_dir / "styles" / "starry_night.jpg"
    source = shared_dir / "media" / "tubingen.png"
    losses = []

    def hear(event):
        if isinstance(event, IterationDone) and event.stage == "style":
            losses.append(float(event.losses["style"]))

    config = config.changed({"style": {"first_iterations": 15}})
    out = run(source, [(style, 1.0)], tmp_path / "out.png", config, hear)
    assert max(read(out).shape) == 96
    assert losses[-1] < 0.5 * losses[0]


def test_a_callback_may_stop_the_run(frames_folder, style_file, quick, tmp_path):
    class EnoughError(Exception):
        pass

    def stop(event):
        if isinstance(event, IterationDone) and event.frame == 1:
            raise EnoughError

    with pytest.raises(EnoughError):
        run(frames_folder, [(style_file, 1.0)], tmp_path / "out", quick, stop)
    assert not (tmp_path / "out").exists()


def test_errors_come_before_the_work(frames_folder, style_file, quick, tmp_path):
    heard = []
    config = quick.changed({"style": {"style_layers": "relu9_9:1"}})
    with pytest.raises(FramestyleError, match="relu9_9"):
        run(frames_folder, [(style_file, 1.0)], tmp_path / "out", config, heard.append)
    assert not any(isinstance(event, RunStarted | IterationDone) for event in heard)
    assert list(tmp_path.iterdir()) == []
