"""Disks that are full, small or may not be written to."""

import contextlib
import os
import shutil
import signal
import subprocess
import time

import pytest

SLOW = pytest.mark.slow
WORKERS = ("--workers", "2")
DIVIDED = (*WORKERS, "--longest-stretch", "60")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["out", "out.mp4"])
@pytest.mark.parametrize("more", [(), WORKERS, DIVIDED])
@pytest.mark.parametrize("limit", [100, 3000, 20_000, 200_000])
def test_no_file_may_grow_further(name, more, limit, go, goes_on, place):
    run = go(name, *more, file_limit=limit)
    if run.wait() != 0:
        assert not (place / name).exists()
        said = run.said().splitlines()
        assert [line for line in said if line.startswith("framestyle: ")] == said[-1:]
        goes_on(name, *more)


def fill(path):
    """Write to a file until its disk is full."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))


@pytest.mark.parametrize(
    ("more", "saves"),
    [
        ((), 5),
        pytest.param(WORKERS, 5, marks=SLOW),
        *(pytest.param(DIVIDED, saves, marks=SLOW) for saves in (5, 40, 80, 110, 140)),
    ],
)
def test_a_disk_that_is_full_before_the_end(
    more, saves, go, one_line, small_disk, whole, contents, place
):
    disk = small_disk("6m")
    job = disk / "job"
    run = go("out.mp4", *more, "--job-dir", job, signal_at_save=[saves, signal.SIGSTOP])
    run.until_stopped()
    filler = disk / "filler"
    fill(filler)
    run.kill(signal.SIGCONT)
    assert "is full; make room and run the same command again" in one_line(run, 1)
    assert list(place.iterdir()) == []
    assert "make room" in one_line(go("out.mp4", *more, "--job-dir", job), 1, 2)
    filler.unlink()
    run = go("out.mp4", *more, "--job-dir", job)
    assert run.wait() == 0, run.said()
    assert "going on after " in run.said()
    assert not job.exists()
    assert contents(place) == whole("out.mp4", *more)[0]


def test_a_disk_that_is_clearly_too_small(go, one_line, small_disk, place):
    disk = small_disk("200k")
    line = one_line(go("out.mp4", "--job-dir", disk / "job"), 2)
    assert "takes about " in line
    assert str(disk) in line
    assert "--job-dir" in line
    assert list(disk.iterdir()) == []
    assert list(place.iterdir()) == []


@pytest.mark.slow
def test_a_run_says_first_what_it_takes(go):
    run = go("out.mp4")
    assert run.wait() == 0
    lines = [line for line in run.said().splitlines() if line.startswith("disk: about ")]
    assert len(lines) == 1
    assert "for the work in progress" in lines[0]
    assert "free" in lines[0]


@pytest.mark.slow
def test_an_output_on_another_disk(go, small_disk, whole, contents, place):
    disk = small_disk("6m")
    for name in ("out", "out.mp4"):
        run = go(disk / name, "--job-dir", place / "job")
        assert run.wait() == 0, run.said()
        assert f"are free in {disk}" in run.said()
        assert list(place.iterdir()) == []
        assert contents(disk) == whole(name)[0]
        shutil.rmtree(disk / name) if (disk / name).is_dir() else (disk / name).unlink()


@pytest.fixture
def read_only(small_disk):
    """Returns ``read_only(folder)``: a folder into which nothing may be written any more."""
    if os.geteuid() != 0:
        return lambda folder: folder.chmod(0o555)
    return cover


def cover(folder):
    """Lay a folder over itself into which nothing may be written."""
    subprocess.run(["mount", "--bind", str(folder), str(folder)], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True)


@pytest.mark.parametrize("name", ["out", pytest.param("out.mp4", marks=pytest.mark.slow)])
def test_a_folder_that_may_not_be_written_to(name, go, one_line, small_disk, read_only, place):
    disk = small_disk("6m")
    read_only(disk)
    assert str(disk) in one_line(go(disk / name), 2)
    assert str(disk) in one_line(go(name, "--job-dir", disk / "job"), 2)
    assert list(place.iterdir()) == []


@pytest.mark.slow
def test_a_disk_that_is_made_read_only_in_between(go, one_line, small_disk, whole, contents):
    disk = small_disk("6m")
    run = go(disk / "out", signal_at_save=[5, signal.SIGSTOP])
    run.until_stopped()
    cover(disk)
    run.kill(signal.SIGCONT)
    assert str(disk) in one_line(run, 1)
    assert str(disk) in one_line(go(disk / "out"), 2)
    subprocess.run(["umount", str(disk)], check=True)
    run = go(disk / "out")
    assert run.wait() == 0, run.said()
    assert "going on after 5 of 24 frames" in run.said()
    assert contents(disk) == whole("out")[0]


@pytest.mark.parametrize(
    ("name", "more", "frames"),
    [
        ("out.mp4", WORKERS, 9),
        pytest.param("out.mp4", (), 9, marks=SLOW),
        pytest.param("out", (), 9, marks=SLOW),
        pytest.param("out.mp4", ("--passes", "3"), 9, marks=SLOW),
        pytest.param("out", (*WORKERS, "--passes", "2"), 9, marks=SLOW),
        *(pytest.param("out", DIVIDED, n, marks=SLOW) for n in (3, 20, 36, 60)),
    ],
)
@pytest.mark.parametrize("save_seconds", [pytest.param(0, marks=SLOW), 20])
def test_a_disk_that_is_made_read_only_before_work_is_saved(
    name, more, frames, save_seconds, go, one_line, small_disk, whole, contents
):
    disk = small_disk("20m")
    run = go(disk / name, *more, save_seconds=save_seconds)
    ledger = disk / f"{name}.framestyle-job" / "ledger.txt"
    while not ledger.exists() or len(ledger.read_text().splitlines()) <= frames:
        time.sleep(0.001)
    run.kill(signal.SIGSTOP)
    run.until_stopped()
    cover(disk)
    run.kill(signal.SIGCONT)
    assert str(disk) in one_line(run, 1)
    subprocess.run(["umount", str(disk)], check=True)
    run = go(disk / name, *more)
    assert run.wait() == 0, run.said()
    assert contents(disk) == whole(name, *more)[0]
