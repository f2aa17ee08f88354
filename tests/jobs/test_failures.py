"""What breaks in mid-run: the frame is named, nothing stands under the final name."""

import os
import resource
import shutil
import signal
import time

import numpy as np
import pytest
from safetensors.torch import save_file

from framestyle.errors import JobError
from framestyle.jobs import run
from framestyle.progress import FrameDone, IterationDone, RunStarted


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


@pytest.fixture
def file_size():
    """Returns ``file_size(limit)``: no file may grow beyond it, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda limit: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_result_that_cannot_be_written(frames_folder, style_file, quick, file_size, tmp_path):
    def hear(event):
        if isinstance(event, IterationDone) and event.frame == 2:
            file_size(100)

    # what the state needs is no more than what was saved before
    message = fails(frames_folder, style_file, tmp_path / "out", quick, hear)
    assert "frame " in message
    assert "too large" in message.lower()


def test_a_state_that_cannot_be_saved(
    frames_folder, style_file, quick, file_size, monkeypatch, tmp_path
):
    monkeypatch.setattr("framestyle.jobs.pipeline.SAVE_SECONDS", 0.0)
    limit = on(RunStarted, None, lambda: file_size(20_000))  # a PNG fits, the state does not
    message = fails(frames_folder, style_file, tmp_path / "out", quick, limit)
    assert "saving the state after frame 1" in message


def test_a_manifest_that_cannot_be_saved(frames_folder, style_file, quick, file_size, tmp_path):
    file_size(100)
    message = fails(frames_folder, style_file, tmp_path / "out", quick)
    assert "manifest" in message
    assert list(tmp_path.iterdir()) == []


def test_a_callback_that_raises_in_the_stages(frames_folder, style_file, quick, tmp_path):
    def hear(event):
        if isinstance(event, IterationDone):
            raise LookupError("the caller's own")

    with pytest.raises(LookupError, match="the caller's own"):
        run(frames_folder, [(style_file, 1.0)], tmp_path / "out", quick, hear)
