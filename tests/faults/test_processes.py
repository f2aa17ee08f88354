"""Two runs at once, and ffmpeg dying under a run."""

import os
import shutil
import signal
import time

import pytest
from imageio_ffmpeg import get_ffmpeg_exe

from framestyle.media.landing import partial_beside

SLOW = pytest.mark.slow
WORKERS = ("--workers", "2")
DIVIDED = (*WORKERS, "--longest-stretch", "60")


def test_a_second_run_is_refused_and_one_after_a_crash_is_not(go, goes_on, one_line, place):
    first = go("out.mp4", signal_at_save=[5, signal.SIGSTOP])
    first.until_stopped()
    line = one_line(go("out.mp4"), 2)
    assert f"another run is at work in {'out.mp4.framestyle-job'}" in line
    assert "another run is at work" in one_line(go("out.mp4", "--restart"), 2)
    first.kill()
    assert first.wait() == -signal.SIGKILL
    assert "going on after 5 of 24 frames" in goes_on("out.mp4")


@SLOW
def test_a_run_that_was_waited_for_is_not_disturbed(go, one_line, whole, contents, place):
    first = go("out.mp4", signal_at_save=[5, signal.SIGSTOP])
    first.until_stopped()
    assert "another run" in one_line(go("out.mp4"), 2)
    first.kill(signal.SIGCONT)
    assert first.wait() == 0, first.said()
    assert contents(place) == whole("out.mp4")[0]


@pytest.mark.parametrize(
    ("which", "number", "said"),
    [
        ("-i pipe:0", signal.SIGKILL, "encoding frame "),
        pytest.param("-i pipe:0", signal.SIGTERM, "encoding frame ", marks=SLOW),
        pytest.param("-f rawvideo - ", signal.SIGKILL, "was killed by signal 9 at ", marks=SLOW),
    ],
)
def test_an_ffmpeg_dies(which, number, said, go, goes_on, one_line, place):
    run = go("out.mp4", signal_at_save=[2, signal.SIGSTOP])
    run.until_stopped()
    (found,) = [pid for pid, line in run.ffmpegs().items() if which in line]
    os.kill(found, number)
    run.kill(signal.SIGCONT)
    assert said in one_line(run, 1)
    assert [path.name for path in place.iterdir()] == ["out.mp4.framestyle-job"]
    goes_on("out.mp4")


DYING = """#!/bin/sh
case "$*" in */.framestyle-*) test -e "{once}" || {{ touch "{once}"; kill -9 $$; }};; esac
exec "{ffmpeg}" "$@"
"""


@SLOW
def test_the_ffmpeg_that_puts_the_output_together_dies(go, goes_on, one_line, place, tmp_path):
    once, dying = tmp_path / "once", tmp_path / "ffmpeg"
    dying.write_text(DYING.format(once=once, ffmpeg=get_ffmpeg_exe()))
    dying.chmod(0o755)
    run = go("out.mp4", env={"IMAGEIO_FFMPEG_EXE": str(dying)})
    assert "putting out.mp4 together failed" in one_line(run, 1)
    assert once.exists()
    assert "going on after 24 of 24 frames" in goes_on("out.mp4")


@SLOW
def test_an_ffmpeg_that_outlives_a_killed_run_does_no_harm(go, goes_on, whole, place):
    """It still writes to the file that the next run makes anew."""
    run = go("out.mp4", signal_at_save=[24, signal.SIGKILL])
    assert run.wait() == -signal.SIGKILL
    partial = partial_beside(place / "out.mp4")
    with partial.open("wb") as old:
        second = go("out.mp4")
        while second.pid and not (place / "out.mp4").exists():
            old.write(b"old" * 1000)
            old.flush()
            time.sleep(0.005)
        assert second.wait() == 0
    assert (place / "out.mp4").read_bytes() == whole("out.mp4")[0]["out.mp4"]


MOMENTS = [(WORKERS, 4), (DIVIDED, 4), (DIVIDED, 30)]


@SLOW
@pytest.mark.parametrize(
    ("which", "number", "said"),
    [
        ("-i pipe:0", signal.SIGKILL, "encoding frame "),
        ("-i pipe:0", signal.SIGTERM, "encoding frame "),
        ("-f rawvideo - ", signal.SIGKILL, "reading frame "),
    ],
)
@pytest.mark.parametrize(("more", "saves"), MOMENTS)
def test_ffmpegs_die_under_several_workers(
    which, number, said, more, saves, go, goes_on, one_line, place
):
    """There is one decoder for each."""
    run = go("out.mp4", *more, signal_at_save=[saves, signal.SIGSTOP])
    run.until_stopped()
    found = [pid for pid, line in run.ffmpegs().items() if which in line]
    assert len(found) in ((1,) if which == "-i pipe:0" else (1, 2))
    for pid in found:
        os.kill(pid, number)
    run.kill(signal.SIGCONT)
    assert said in one_line(run, 1)
    assert [path.name for path in place.iterdir()] == ["out.mp4.framestyle-job"]
    goes_on("out.mp4", *more)


@SLOW
@pytest.mark.parametrize(("more", "saves"), MOMENTS)
def test_decoders_that_are_asked_to_end(more, saves, go, goes_on, whole, contents, place):
    """They may give all that they have decoded, and that may be all."""
    run = go("out.mp4", *more, signal_at_save=[saves, signal.SIGSTOP])
    run.until_stopped()
    for pid in [pid for pid, line in run.ffmpegs().items() if "-f rawvideo - " in line]:
        os.kill(pid, signal.SIGTERM)
    run.kill(signal.SIGCONT)
    ended = run.wait()
    assert ended in (0, 1), run.said()
    assert "Traceback" not in run.said()
    if ended == 0:
        assert contents(place) == whole("out.mp4", *more)[0]
    else:
        goes_on("out.mp4", *more)


def test_a_run_goes_on_from_another_folder_with_other_spellings(
    server, argv, clip, style_file, go, whole, contents, place
):
    run = go("out.mp4", signal_at_save=[5, signal.SIGKILL])
    assert run.wait() == -signal.SIGKILL
    link = place.parent / "same.mp4"
    link.symlink_to(clip)
    style = shutil.copy(style_file, place.parent / "copy.png")
    arguments = argv("place/../place/out.mp4")
    arguments[:2] = ["./same.mp4", os.path.relpath(style, place.parent)]
    run = server.start(arguments, place.parent)
    assert run.wait() == 0, run.said()
    assert "going on after 5 of 24 frames" in run.said()
    assert contents(place) == whole("out.mp4")[0]
