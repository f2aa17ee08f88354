"""When frames are shown in a container: whole ticks, rising, as near as the container can."""

import random
from fractions import Fraction
from pathlib import Path

import pytest

from framestyle.media import ClipInfo
from framestyle.media.retiming import Clock, clock_of
from framestyle.media.timing import Timing, timing_of


def clip(times: list[int] | None, tick: Fraction = Fraction(1, 1000), **more: object) -> ClipInfo:
    timing = None if times is None else timing_of(times, 40, tick)
    count = 100 if times is None else len(times)
    return ClipInfo("video", Path("c.mp4"), 64, 48, count, Fraction(25), timing=timing, **more)  # type: ignore[arg-type]


def shown_at(clock: Clock, count: int) -> list[int]:
    """Evaluate the clock's expression for frames as ffmpeg would."""
    text = clock.retimed_frames().split("setpts='")[1].rstrip("'")
    _, _, text = text.rpartition(";")
    code = compile(text.replace("if(", "pick(").replace("ld(0)", "N"), "expression", "eval")
    names = {"pick": lambda c, a, b: a if c else b, "lt": lambda a, b: a < b}
    return [eval(code, names, {"N": n}) for n in range(count)]


@pytest.mark.parametrize("count", [1, 2, 3, 257, 1000])
def test_any_times_are_found_again(count: int) -> None:
    chance, times = random.Random(count), [0]
    while len(times) < count:
        times.append(times[-1] + chance.choice((1, 33, 33, 33, 34, 5000)))
    clock = clock_of(clip(times), Fraction(25), "mp4", len(times))
    assert clock.tick == Fraction(1, 1000)
    assert shown_at(clock, len(times)) == times
    assert clock.end_seconds(len(times)) == Fraction(times[-1] + 40, 1000)


def test_a_gap_costs_little() -> None:
    times = [*range(0, 400_000, 40), *range(900_000, 1_300_000, 40)]
    clock = clock_of(clip(times), Fraction(25), "mp4", len(times))
    assert shown_at(clock, len(times)) == times
    assert len(clock.retimed_frames()) < 300


def test_an_even_clip_waits_exactly_as_long_as_it_did() -> None:
    for wait in (Fraction(0), Fraction(1, 50), Fraction(7, 10), Fraction(1001, 90000)):
        info = clip(None, container_offset_seconds=wait)
        clock = clock_of(info, Fraction(25), "mp4", 100)
        assert clock.first * clock.tick == wait
        assert clock.step * clock.tick == Fraction(1, 25)
    odd = clip(None, container_offset_seconds=Fraction(1, 3) + Fraction(1, 1_000_003))
    clock = clock_of(odd, Fraction(30000, 1001), "mp4", 100)
    assert abs(clock.first * clock.tick - odd.container_offset_seconds) < Fraction(1, 90_000)
    assert clock.step * clock.tick == Fraction(1001, 30000)
    cut = clip(None, container_offset_seconds=Fraction(1, 2), cut_start=True)
    assert clock_of(cut, Fraction(25), "mp4", 100).first == 0


def test_ticks_too_fine_for_mp4_become_microseconds() -> None:
    times = [0, 400, 33_000_000, 10_000_000_000]
    clock = clock_of(clip(times, Fraction(1, 10**9)), Fraction(25), "mp4", 4)
    assert clock.tick == Fraction(1, 10**6)
    assert shown_at(clock, 4) == [0, 1, 33_000, 10_000_000]  # rising, whatever rounds together


def test_animations_count_in_ticks_of_their_own() -> None:
    info = clip(None)
    assert shown_at(clock_of(info, Fraction(30), "gif", 5), 5) == [0, 3, 7, 10, 13]
    assert shown_at(clock_of(info, Fraction(30), "webp", 5), 5) == [0, 33, 67, 100, 133]
    assert clock_of(info, Fraction(30), "apng", 5).tick == Fraction(1, 30)


def test_frames_at_one_time_are_told_apart() -> None:
    timing = timing_of([10, 50, 50, 49, 90], 40, Fraction(1, 1000))
    assert timing == Timing(Fraction(1, 1000), (0, 40, 41, 42, 80), 120)
    assert timing.moved == 2
    assert timing.shortest_seconds == Fraction(1, 1000)
