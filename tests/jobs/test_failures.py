"""What breaks in mid-run: the frame is named, nothing stands under the final name."""

import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import framestyle.jobs.run
from framestyle.cli import config_file
from framestyle.errors import FramestyleError, JobError
from framestyle.jobs import arrivals, departures, pipeline
from framestyle.jobs.run import run
from framestyle.progress import FrameDone, IterationDone, RunStarted
from framestyle.stages import ClipState


def fails(source, style, output, config, progress=lambda event: None):
    with pytest.raises(JobError) as caught:
        run(source, [(style, 1.0)], output, config, progress)
    assert not output.exists()
    assert caught.value.exit_code == 1
    assert "\n" not in str(caught.value)
    return str(caught.value)


def on(kind, frame, act):
    """A progress callback that acts once: when the run starts, or when a frame is done."""
    left = [act]

    def hear(event):
        if isinstance(event, kind) and getattr(event, "frame", None) == frame and left:
            left.pop()()

    return hear


@pytest.mark.parametrize("stage", ["dream", "style"])
def test_numbers_that_overflow(stage, frames_folder, style_file, quick, random_model, tmp_path):
    path = tmp_path / "huge.safetensors"
    save_file({k: v * 1e25 for k, v in random_model().state_dict().items()}, path)
    off = "style" if stage == "dream" else "dream"
    config = quick.changed(
        {"compute": {"weights": (f"squeezenet1_0={path}",)}, off: {"enabled": False}}
    )
    message = fails(frames_folder, style_file, tmp_path / "out", config)
    assert message.startswith("frame 1 (shot_0003): ")
    assert "not finite" in message
    assert {p.name for p in tmp_path.iterdir()} == {"huge.safetensors"}


@pytest.mark.parametrize("damage", ["deleted", "garbage", "cut", "smaller"])
def test_a_frame_that_is_no_longer_whole(
    damage, frames_folder, style_file, save_picture, quick, contents, tmp_path
):
    source = tmp_path / "in"
    shutil.copytree(frames_folder, source)
    victim = source / "shot_0008.png"
    whole = victim.read_bytes()

    def spoil():
        match damage:
            case "deleted":
                victim.unlink()
            case "garbage":
                victim.write_bytes(b"garbage" * 100)
            case "cut":
                victim.write_bytes(whole[: len(whole) // 2])
            case "smaller":
                save_picture(victim, np.zeros((40, 40, 3), np.uint8))

    output = tmp_path / "out"
    message = fails(source, style_file, output, quick, on(RunStarted, None, spoil))
    assert message.startswith("reading frame 4 failed: ")
    assert str(victim) in message
    victim.write_bytes(whole)
    started = []
    run(source, [(style_file, 1.0)], output, quick, started.append)
    assert next(e.done for e in started if isinstance(e, RunStarted)) == 3
    run(frames_folder, [(style_file, 1.0)], tmp_path / "whole", quick)
    assert contents(output) == contents(tmp_path / "whole")


def test_a_frame_that_turns_deep(frames_folder, style_file, save_picture, quick, tmp_path):
    source = tmp_path / "in"
    shutil.copytree(frames_folder, source)

    def deepen():
        save_picture(source / "shot_0004.png", np.zeros((48, 64, 3), np.uint16))

    message = fails(source, style_file, tmp_path / "out", quick, on(RunStarted, None, deepen))
    assert "frame 2" in message
    assert "16 bits" in message


def kill(ffmpegs, word):
    found = [number for number, line in ffmpegs().items() if word in line]
    assert len(found) == 1
    os.kill(found[0], signal.SIGKILL)
    while found[0] in ffmpegs():  # a zombie has no command line
        time.sleep(0.01)


def test_the_encoder_is_killed(clip_file, style_file, quick, ffmpegs, contents, tmp_path):
    output = tmp_path / "out.mp4"

    def kill_encoder():
        end = time.monotonic() + 10  # the frame may still be on its way to it
        while not any("-f nut" in line for line in ffmpegs().values()) and time.monotonic() < end:
            time.sleep(0.01)
        kill(ffmpegs, "-f nut")

    message = fails(clip_file, style_file, output, quick, on(FrameDone, 1, kill_encoder))
    assert "encoding frame " in message
    assert "killed by signal 9" in message
    assert ffmpegs() == {}
    run(clip_file, [(style_file, 1.0)], output, quick)
    run(clip_file, [(style_file, 1.0)], tmp_path / "whole.mp4", quick)
    assert contents(output) == contents(tmp_path / "whole.mp4")


def test_the_decoder_is_killed(moving_clip, encode, style_file, quick, ffmpegs, tmp_path):
    frames, _ = moving_clip(40, 96, 128, (1, 0))  # more than pipes and queues hold
    clip = encode(tmp_path / "long.mp4", frames)
    output = tmp_path / "out"
    cheap = quick.changed({"dream": {"enabled": False}, "style": {"first_iterations": 1}})
    stop = on(FrameDone, 1, lambda: kill(ffmpegs, str(clip)))
    message = fails(clip, style_file, output, cheap, stop)
    assert "reading frame " in message
    assert str(clip) in message
    assert ffmpegs() == {}


@pytest.mark.parametrize("what", ["moved", "changed"])
def test_the_input_of_sound_goes(what, moving_clip, encode, style_file, quick, contents, tmp_path):
    """Its frames are read through an open file; what goes with them is asked for at the end."""
    frames, _ = moving_clip(5, 48, 64, (2, 1))
    clip = encode(tmp_path / "in.mp4", frames, sound_seconds=0.2)
    kept, output = tmp_path / "kept.mp4", tmp_path / "out.mp4"

    def spoil():
        clip.rename(kept)
        if what == "changed":
            encode(clip, frames[::-1], sound_seconds=0.2)

    message = fails(clip, style_file, output, quick, on(FrameDone, 2, spoil))
    assert str(clip) in message
    assert {"moved": "is no longer there", "changed": "has changed"}[what] in message
    kept.replace(clip)
    run(clip, [(style_file, 1.0)], output, quick)
    run(clip, [(style_file, 1.0)], tmp_path / "whole.mp4", quick)
    assert contents(output) == contents(tmp_path / "whole.mp4")


@pytest.mark.parametrize("name", ["out.mp4", "out", "out/%03d.png"])
def test_what_came_to_be_there_meanwhile_is_not_replaced(
    name, clip_file, style_file, quick, contents, tmp_path
):
    output = tmp_path / name
    if "%" in name:
        output.parent.mkdir()
    precious = tmp_path / {"out": "out/frame_000003.png"}.get(name, name.replace("%03d", "003"))

    def appear():
        precious.parent.mkdir(exist_ok=True)
        precious.write_bytes(b"precious")

    with pytest.raises(JobError, match=f"{precious.name} has come to be there during the run"):
        run(clip_file, [(style_file, 1.0)], output, quick, on(FrameDone, 2, appear))
    assert precious.read_bytes() == b"precious"
    with pytest.raises(FramestyleError, match="exists; give --overwrite"):
        run(clip_file, [(style_file, 1.0)], output, quick)
    assert precious.read_bytes() == b"precious"
    replacing = quick.changed({"output": {"overwrite": True}})
    run(clip_file, [(style_file, 1.0)], output, replacing)  # nothing is made twice
    assert precious.read_bytes() != b"precious"


LIMITED = """
import resource, sys
from pathlib import Path
from framestyle import Config
from framestyle.cli import config_file
from framestyle.errors import FramestyleError, JobError
from framestyle.jobs import departures
from framestyle.jobs.run import run
from framestyle.progress import IterationDone, RunStarted

source, style, output, settings, when, limit = sys.argv[1:]
config = Config().changed(config_file.read(Path(settings)).changes)

def full():
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), resource.RLIM_INFINITY))

def hear(event):
    if when == "in frame 3" and isinstance(event, IterationDone) and event.frame == 2:
        full()
    if when == "at the start" and isinstance(event, RunStarted):
        departures.SAVE_SECONDS = 0.0
        full()

if when == "before":
    full()
try:
    run(source, [(Path(style), 1.0)], output, config, hear)
except JobError as error:
    print(error)
"""


@pytest.fixture
def fails_when_full(frames_folder, style_file, quick, tmp_path):
    """Returns ``fail(when, limit)``: from then on no file may grow beyond so many bytes.

    In a process of its own: the limit would hold for what this one prints, too.
    """

    def fail(when, limit):
        settings = tmp_path / "settings.toml"
        settings.write_text(config_file.written(None, (), None, quick))
        output = tmp_path / "into" / "out"
        output.parent.mkdir()
        command = [sys.executable, "-c", LIMITED, frames_folder, style_file, output, settings]
        ended = subprocess.run(
            [*command, when, str(limit)], capture_output=True, text=True, check=True, timeout=120
        )
        assert not output.exists()
        return ended.stdout, output.parent

    return fail


def test_a_result_that_cannot_be_written(fails_when_full):
    message, _ = fails_when_full("in frame 3", 100)
    assert "frame " in message
    # a file that is cut short at the limit looks like one on a full disk
    assert "too large" in message.lower() or "is full" in message


def test_a_state_that_cannot_be_saved(fails_when_full):
    message, _ = fails_when_full("at the start", 20_000)  # a PNG fits, the state does not
    assert "saving the state after frame 1" in message


def test_a_manifest_that_cannot_be_saved(fails_when_full):
    message, folder = fails_when_full("before", 100)
    assert "manifest" in message
    assert list(folder.iterdir()) == []


def test_a_callback_that_raises_in_the_stages(frames_folder, style_file, quick, tmp_path):
    def hear(event):
        if isinstance(event, IterationDone):
            raise LookupError("the caller's own")

    with pytest.raises(LookupError, match="the caller's own"):
        run(frames_folder, [(style_file, 1.0)], tmp_path / "out", quick, hear)


def test_what_is_made_outlives_an_end_that_fails(frames_folder, style_file, quick, tmp_path):
    output = tmp_path / "out.mp4"
    message = fails_at_the_end(frames_folder, style_file, output, quick)
    assert "putting " in message
    output.rmdir()
    heard = []
    run(frames_folder, [(style_file, 1.0)], output, quick, heard.append)
    (started,) = [event for event in heard if isinstance(event, RunStarted)]
    assert started.done == started.frames
    assert not any(isinstance(event, IterationDone) for event in heard)
    assert output.is_file()


def fails_at_the_end(source, style, output, config):
    """A folder takes the name in mid-run of an output that may be replaced."""
    replacing = config.changed({"output": {"overwrite": True}})
    with pytest.raises(JobError) as caught:
        run(source, [(style, 1.0)], output, replacing, on(FrameDone, 1, output.mkdir))
    return str(caught.value)


def test_an_empty_folder_of_the_users_is_left_to_them(frames_folder, quick, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    config = quick.changed({"job": {"job_dir": mine}})
    with pytest.raises(FramestyleError, match="does not exist"):
        run(frames_folder, [(tmp_path / "none.jpg", 1.0)], tmp_path / "out", config)
    with pytest.raises(FramestyleError, match="not known"):
        run(frames_folder, [], tmp_path / "out.xyz", config.changed({"style": {"enabled": False}}))
    assert list(tmp_path.iterdir()) == [mine]
    assert list(mine.iterdir()) == []


def greedy_from(count, real):
    """Does as ``real``, and from a call on asks torch for more memory than there is."""
    left = [None] * (count - 1)

    def ask(*arguments):
        if not left:
            torch.empty(1 << 55, dtype=torch.uint8)
        left.pop()
        return real(*arguments)

    return ask


@pytest.mark.parametrize(
    ("owner", "name", "count"),
    [(arrivals, "uploaded", 3), (departures, "check_finite", 3), (ClipState, "save", 3)],
    ids=["on the way in", "on the way out", "saving"],
)
def test_a_device_that_fails_beside_the_stages(
    owner, name, count, frames_folder, style_file, quick, contents, monkeypatch, tmp_path
):
    """The frame is named; nothing is lost but what was not saved, and the same command goes on."""
    monkeypatch.setattr(departures, "SAVE_SECONDS", 0.0)
    output = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, greedy_from(count, getattr(owner, name)))
        assert "frame 3" in fails(frames_folder, style_file, output, quick)
    started = []
    run(frames_folder, [(style_file, 1.0)], output, quick, started.append)
    assert next(e.done for e in started if isinstance(e, RunStarted)) == 2
    run(frames_folder, [(style_file, 1.0)], tmp_path / "whole", quick)
    assert contents(output) == contents(tmp_path / "whole")


@pytest.mark.parametrize("late", ["Download", "after"])
@pytest.mark.parametrize("workers", [1, 2])
def test_what_a_device_tells_late_names_the_frame(
    late, workers, frames_folder, style_file, quick, monkeypatch, tmp_path
):
    """A GPU says what went wrong in a step when it is next asked for something."""
    named = tmp_path / "shots.txt"
    named.write_text("1 2\n3 4\n")
    changes = {"compute": {"workers": workers}, "motion": {"shots": named}, "input": {"frames": 4}}

    def gone(*given):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate\n2 GiB")

    monkeypatch.setattr(
        *((pipeline, late, gone) if late == "Download" else (ClipState, late, gone))
    )
    message = fails(frames_folder, style_file, tmp_path / "out", quick.changed(changes))
    assert message.startswith("frame ")
    assert "CUDA out of memory. Tried to allocate; the same command goes on" in message


@pytest.mark.parametrize("what", ["build", "flow_source", "begin"])
def test_a_device_without_room_for_the_networks(
    what, frames_folder, style_file, quick, monkeypatch, tmp_path
):
    def full(*given):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate\n2 GiB")

    monkeypatch.setattr(framestyle.jobs.run, what, full)
    message = fails(frames_folder, style_file, tmp_path / "out", quick)
    assert message.startswith(("loading networks on cpu", "going on on cpu"))
    assert message.endswith("name another with --device")
