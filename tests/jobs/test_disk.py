"""What a run takes on the disk: told before it starts, and refused where it cannot fit."""

import contextlib
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from framestyle.config import Config
from framestyle.errors import OutputError
from framestyle.jobs import departures, disk
from framestyle.jobs.disk import FEWEST_WAITING, Need, checked_room, need_of, waiting_room
from framestyle.jobs.run import run
from framestyle.jobs.shots import Cutting
from framestyle.media import ClipInfo, open_source
from framestyle.motion import Shot
from framestyle.progress import FrameDone

INFO = ClipInfo("video", Path("none.mp4"), 1280, 720, 1000, None)
SHOTS = Cutting([Shot(0, 700), Shot(700, 1000)])
GB = 10**9


def need(name, info=INFO, cutting=SHOTS, passes=1, workers=1, ahead=0, joined=0, **changes):
    config = Config().changed(changes)
    return need_of(config, info, cutting, Path(name), passes, workers, ahead, joined)


def test_a_video_takes_a_bounded_part_however_long_it_is():
    one = need("out.mp4")
    long = need("out.mp4", replace(INFO, frame_count=100_000))
    grown = long.job - one.job
    assert grown == pytest.approx(long.output - one.output, rel=0.01)  # what is encoded, no more
    assert 0.5 * GB < one.job < 3 * GB


def test_frames_take_more_than_a_video_and_are_moved_at_the_end():
    assert need("out").job > 5 * need("out.mp4").output
    assert need("out").output == 0
    assert need("%05d.jpg").job < need("%05d.png").job
    assert need("%05d.webp").output == 0
    assert need("out", replace(INFO, bit_depth=16)).job > 1.8 * need("out").job


@pytest.mark.parametrize("name", ["out.gif", "out.webp", "out.apng"])
def test_an_animation_keeps_its_frames_until_the_end(name):
    assert need(name).job > 5 * need("out.mp4").output
    assert need(name).output > 0


def test_passes_take_what_the_longest_stretch_takes():
    added = need("out.mp4", passes=3).job - need("out.mp4").job
    # as the guide says: 20 bytes a pixel for two passes, and 16 a pixel of flow
    assert added == 700 * (2 * 20 * 1280 * 720 + 16 * 640 * 360)
    only_style = {"dream": {"enabled": False}}
    style = need("out.mp4", passes=3, **only_style).job - need("out.mp4", **only_style).job
    assert style == 700 * (2 * 14 * 1280 * 720 + 16 * 640 * 360)


def test_workers_take_their_states_and_what_waits_for_its_turn():
    one, two = need("out.mp4"), need("out.mp4", workers=2)
    waiting = need("out.mp4", workers=2, ahead=300)
    joined = need("out.mp4", workers=2, joined=48)
    assert joined.job - two.job == 48 * 20 * 1280 * 720
    assert two.job - one.job == 3 * 1280 * 720 * 10 * (4 + 2 * 3)  # three states of ten numbers
    assert waiting.job - two.job == 300 * 3 * 1280 * 720
    assert waiting.output == one.output


def test_half_of_what_else_is_free_is_room_for_frames_that_wait(tmp_path, monkeypatch):
    job = tmp_path / "job"
    job.mkdir()
    frame = 3 * 1280 * 720
    (job / "waiting").write_bytes(bytes(frame))
    used = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda path: used._replace(free=101 * frame))
    assert waiting_room(Need(0, 0), job, INFO) == 51
    assert waiting_room(Need(10 * frame, 12 * frame), job, INFO) == 40
    assert waiting_room(Need(99 * frame, 99 * frame), job, INFO) == FEWEST_WAITING
    assert waiting_room(Need(0, 0), job, replace(INFO, bit_depth=16, has_alpha=True)) == 24


def test_what_fits_is_told_in_one_line(tmp_path):
    line = checked_room(Need(5 * 10**6, 10**6), tmp_path, tmp_path / "out.mp4")
    assert line.startswith("disk: about 5 MB for the work in progress and 1 MB for the output, of ")
    assert "\n" not in line


def test_what_is_there_already_is_not_taken_again(tmp_path):
    (tmp_path / "job" / "deep").mkdir(parents=True)
    (tmp_path / "job" / "deep" / "a").write_bytes(bytes(3 * 10**6))
    line = checked_room(Need(5 * 10**6, 0), tmp_path / "job", tmp_path / "out")
    assert line.startswith("disk: about 2 MB for the work in progress, of ")


def test_what_clearly_does_not_fit_is_refused(tmp_path):
    free = shutil.disk_usage(tmp_path).free
    assert "GB" in checked_room(Need(int(1.2 * free), 0), tmp_path, tmp_path / "out")  # it may fit
    with pytest.raises(OutputError, match=r"takes about .* are free; make room.*--job-dir.*--size"):
        checked_room(Need(3 * free, 0), tmp_path, tmp_path / "out")


def test_a_run_that_does_not_fit_is_refused_before_its_first_frame(
    frames_folder, style_file, quick, monkeypatch, tmp_path
):
    monkeypatch.setattr(disk, "PNG_SHARE", 1e12)
    heard = []
    with pytest.raises(OutputError, match="make room"):
        run(frames_folder, [(style_file, 1.0)], tmp_path / "out", quick, heard.append)
    assert not any(isinstance(event, FrameDone) for event in heard)
    assert list(tmp_path.iterdir()) == []


def size_of(folder):
    """Bytes below a folder in which files come and go."""
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size if path.is_file() else 0
    return total


@pytest.mark.parametrize("name", ["out", "out.mp4"])
@pytest.mark.parametrize(("passes", "workers"), [(1, 1), (2, 1), (1, 2), (2, 2)])
def test_no_run_takes_much_more_than_it_says(
    name, passes, workers, clip_file, style_file, quick, monkeypatch, tmp_path
):
    monkeypatch.setattr(departures, "SAVE_SECONDS", 0.0)
    named = tmp_path / "shots.txt"
    named.write_text("1 2\n3 5\n" if workers > 1 else "1 5\n")
    how = {"motion": {"passes": passes, "shots": named}, "compute": {"workers": workers}}
    config = quick.changed(how)
    info = open_source(clip_file).info
    cutting = Cutting([Shot(0, 2), Shot(2, 5)] if workers > 1 else [Shot(0, 5)])
    ahead = 3 * (workers - 1)
    said = need_of(config, info, cutting, tmp_path / name, passes, workers, ahead)
    taken = []

    def hear(event):
        if isinstance(event, FrameDone):
            taken.append(size_of(tmp_path / f"{name}.framestyle-job"))

    run(clip_file, [(style_file, 1.0)], tmp_path / name, config, hear)
    least = 0.25 / workers  # looked at when a frame is done, and not when a state is saved
    assert least * said.job < max(taken) < 1.1 * said.job + 20_000
