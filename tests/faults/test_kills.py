"""Kills at random moments: the same command goes on, and gives the same bytes."""

import random
import re
import shutil
import signal
import time

import pytest

from framestyle.media.ledger import NAME, Ledger

SLOW = pytest.mark.slow
DREAM = ("--dream-steps", "1", "--dream-octaves", "1")
WORKERS = ("--workers", "2")
DIVIDED = (*WORKERS, "--longest-stretch", "60")
CASES = [
    pytest.param("out.mp4", (), 3, id="mp4-3"),
    pytest.param("out.mp4", (), 20, id="mp4-20", marks=SLOW),
    pytest.param("out", DREAM, 20, id="folder-20", marks=SLOW),
    pytest.param("out.gif", (), 20, id="gif-20", marks=SLOW),
    pytest.param("out.mp4", ("--passes", "3"), 20, id="passes-20", marks=SLOW),
    pytest.param("out.mp4", WORKERS, 3, id="workers-3"),
    pytest.param("out.mp4", WORKERS, 20, id="workers-20", marks=SLOW),
    pytest.param("out", (*WORKERS, "--passes", "2"), 20, id="workers-passes-20", marks=SLOW),
    pytest.param("out.mp4", DIVIDED, 20, id="divided-20", marks=SLOW),
    pytest.param("out", (*DIVIDED, "--passes", "2"), 20, id="divided-passes-20", marks=SLOW),
]


@pytest.mark.parametrize(("name", "more", "kills"), CASES)
def test_killed_at_random_moments(name, more, kills, go, clear, goes_on, whole, contents, place):
    expected, seconds = whole(name, *more)
    drawn, killed = random.Random(f"{name}{more}{kills}"), 0
    while killed < kills:
        run = go(name, *more, save_seconds=drawn.choice([0, 0.1, 0.5]))
        time.sleep(drawn.uniform(0, 0.6 * seconds))
        run.kill()
        ended = run.wait()
        assert ended in (0, -signal.SIGKILL), run.said()
        killed += ended != 0
        if (place / name).exists():  # it is whole, or it is not there
            there = {k: v for k, v in contents(place).items() if "framestyle-job" not in k}
            assert there == expected
        if ended == 0 or is_done(place, name):
            clear()
    goes_on(name, *more)


def is_done(place, name):
    """Whether a run came to its end, though it was killed before it could say so."""
    return (place / name).exists() and not (place / f"{name}.framestyle-job" / NAME).exists()


@pytest.mark.parametrize(
    ("number", "saves"),
    [
        (signal.SIGINT, 9),
        pytest.param(signal.SIGTERM, 24, marks=SLOW),
        *(pytest.param(signal.SIGINT, saves, marks=SLOW) for saves in (1, 2, 23, 24)),
        *(pytest.param(signal.SIGTERM, saves, marks=SLOW) for saves in (1, 2, 9, 23)),
    ],
)
def test_asked_to_stop(number, saves, go, goes_on, one_line, place):
    run = go("out", signal_at_save=[saves, number])
    assert one_line(run, 130).startswith("framestyle: stopped; ")
    assert [path.name for path in place.iterdir()] == ["out.framestyle-job"]
    assert int(re.search(r"going on after (\d+) of 24 frames", goes_on("out"))[1]) >= saves


@pytest.mark.slow
@pytest.mark.parametrize("more", [(), WORKERS, DIVIDED])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_stop_at_random_moments(number, more, go, clear, goes_on, whole, place):
    seconds = whole("out.mp4", *more)[1]
    drawn, stopped = random.Random(int(number)), 0
    while stopped < 10:
        run = go("out.mp4", *more)
        time.sleep(drawn.uniform(0.05, 0.6 * seconds))
        run.kill(number)
        if (ended := run.wait()) == 0:
            clear()
            continue
        assert ended == 130, run.said()
        assert run.said().splitlines()[-1].startswith("framestyle: stopped")
        assert not (place / "out.mp4").exists()
        stopped += 1
    goes_on("out.mp4", *more)


@pytest.mark.parametrize("name", ["out.mp4", pytest.param("out", marks=SLOW)])
def test_killed_when_the_output_has_landed(name, go, goes_on, place):
    """All that is left of the run is its folder, which the same command takes away."""
    run = go(name, signal_at_save=[24, signal.SIGSTOP])
    run.until_stopped()
    job, kept = place / f"{name}.framestyle-job", place.parent / "kept"
    shutil.copytree(job, kept)  # as it is before the output is put together
    run.kill(signal.SIGCONT)
    assert run.wait() == 0
    if name == "out.mp4":
        Ledger(kept).enter_output(place / name)  # as it does before it lands the output
    else:
        shutil.rmtree(kept / "result")  # moved as it is
    kept.rename(job)
    before = (place / name).stat().st_ino
    goes_on(name)
    assert (place / name).stat().st_ino == before  # it was not made again


@SLOW
def test_an_output_that_is_not_the_run_s_is_not_taken_for_it(go, one_line, place):
    run = go("out.mp4", signal_at_save=[24, signal.SIGKILL])
    assert run.wait() == -signal.SIGKILL
    (place / "out.mp4").write_bytes(b"mine")
    assert "out.mp4 exists; give --overwrite" in one_line(go("out.mp4"), 2)
    assert (place / "out.mp4").read_bytes() == b"mine"


@pytest.mark.parametrize("moved", [13, *(pytest.param(n, marks=SLOW) for n in (1, 23, 24))])
def test_killed_while_frames_are_moved_into_a_folder(moved, go, whole, contents, place):
    (place / "out").mkdir()
    run = go("out", signal_at_save=[24, signal.SIGKILL])
    assert run.wait() == -signal.SIGKILL
    made = sorted((place / "out.framestyle-job" / "result").iterdir())
    assert len(made) == 24
    for path in made[:moved]:
        path.rename(place / "out" / path.name)
    run = go("out")
    assert run.wait() == 0, run.said()
    assert contents(place) == whole("out")[0]


def test_frames_of_the_users_are_not_taken_for_those_of_a_run(go, one_line, place):
    (place / "out").mkdir()
    run = go("out", signal_at_save=[24, signal.SIGKILL])
    assert run.wait() == -signal.SIGKILL
    mine = place / "out" / "frame_000003.png"
    mine.write_bytes(b"mine")
    assert "frame_000003.png exists; give --overwrite" in one_line(go("out"), 2)
    assert mine.read_bytes() == b"mine"
