"""The power goes: what was not synced to the disk is gone, half there, or back."""

import random
import shutil
import signal

import pytest

SLOW = pytest.mark.slow


@pytest.fixture
def cut(go, place, tmp_path):
    """Returns ``cut(name, more, after, seed, save_seconds)``: whether the power went, and syncs."""

    def run(name, more, after, seed, save_seconds):
        left, count = tmp_path / "left", tmp_path / "count"
        power = {"root": str(place), "after": after, "left": str(left), "seed": seed}
        run = go(name, *more, power={**power, "count": str(count)}, save_seconds=save_seconds)
        ended = run.wait()
        if ended == -signal.SIGKILL:
            shutil.rmtree(place)
            left.rename(place)
        else:
            assert ended == 0, run.said()
        return ended != 0, int(count.read_text())

    return run


@pytest.mark.parametrize(
    ("name", "more", "cuts"),
    [
        pytest.param("out", (), 1),
        pytest.param("out.mp4", (), 40, marks=SLOW),
        pytest.param("out", ("--dream-steps", "1", "--dream-octaves", "1"), 40, marks=SLOW),
        pytest.param("out", ("--passes", "3"), 40, marks=SLOW),
    ],
)
def test_the_power_goes(name, more, cuts, cut, clear, goes_on):
    gone, syncs = cut(name, more, 0, 0, 0)
    assert not gone
    drawn, made = random.Random(f"{name}{more}{cuts}"), 0
    while made < cuts:
        clear()
        gone, _ = cut(name, more, drawn.randrange(1, syncs), made, drawn.choice([0, 0, 0.1]))
        if gone:
            made += 1
            goes_on(name, *more)
