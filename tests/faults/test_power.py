"""The power goes: what was not synced to the disk is gone, half there, or back."""

import random
import shutil
import signal

import pytest

SLOW = pytest.mark.slow
WORKERS = ("--workers", "2")
DIVIDED = (*WORKERS, "--longest-stretch", "60")


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
            assert left.exists(), run.said()
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
        pytest.param("out.mp4", WORKERS, 40, marks=SLOW),
        pytest.param("out", (*WORKERS, "--passes", "2"), 40, marks=SLOW),
        pytest.param("out", DIVIDED, 40, marks=SLOW),
        pytest.param("out.mp4", (*DIVIDED, "--passes", "2"), 40, marks=SLOW),
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


@pytest.mark.parametrize(
    ("more", "after"),
    [
        (DIVIDED, (30, 250, 150)),
        pytest.param((*DIVIDED, "--passes", "2"), (200, 300, 400, 100), marks=SLOW),
    ],
)
def test_the_power_goes_again_and_again(more, after, cut, goes_on):
    """While both pieces are made, while they are joined, and what they need is deleted."""
    for seed, syncs in enumerate(after):
        gone, _ = cut("out", more, syncs, seed, 0)
        assert gone
    goes_on("out", *more)
