"""What is made independently: where a clip is divided, and in which legs each part is made."""

import pytest

from framestyle.jobs.parts import JOINED_FRAMES, Part, most_ahead, parts_of
from framestyle.jobs.passes import Leg, Work, legs_over
from framestyle.jobs.shots import Cutting, Stretch
from framestyle.motion import Shot

CUTTING = Cutting([Shot(0, 100), Shot(100, 130, 12), Shot(130, 300), Shot(300, 301)])


def ends(parts):
    return [(part.stretch.first, part.stretch.end) for part in parts]


def test_cuts_divide_and_dissolves_do_not():
    parts = parts_of(CUTTING, 1, None)
    assert ends(parts) == [(0, 130), (130, 300), (300, 301)]
    assert not any(part.joins or part.goes_on for part in parts)


def test_long_stretches_are_divided_evenly():
    parts = parts_of(CUTTING, 1, 60)
    assert ends(parts) == [
        *((0, 43), (43, 86), (86, 130)),
        *((130, 186), (186, 243), (243, 300)),
        (300, 301),
    ]
    assert [part.joins for part in parts] == [False, True, True, False, True, True, False]
    assert [part.goes_on for part in parts] == [True, True, False, True, True, False, False]


@pytest.mark.parametrize("length", [*range(1, 400, 7), 1000])
def test_no_piece_is_too_long_or_too_short_to_be_joined(length):
    parts = parts_of(Cutting([Shot(0, length)]), 1, 60)
    sizes = [part.stretch.end - part.stretch.first for part in parts]
    assert sum(sizes) == length
    assert max(sizes) <= 60
    assert max(sizes) - min(sizes) <= 1
    assert all(size > JOINED_FRAMES for size in sizes) or len(sizes) == 1


@pytest.mark.parametrize("passes", [1, 2, 3])
def test_a_part_that_joins_hands_on_its_first_frames(passes):
    stretch = Stretch(40, 90)
    alone, joins = Part(stretch, passes), Part(stretch, passes, joins=True)
    assert alone.legs == legs_over(stretch, passes)
    last, join = joins.legs[-1], joins.join
    assert joins.legs[:-1] == alone.legs[:-1]
    assert [last.keeps(index) for index in (40, 63, 64, 89)] == [True, True, False, False]
    assert join.stretch == Stretch(40, 64)
    assert join.number == last.number + 1
    assert join.is_last
    assert join.work is Work.JOIN
    assert [joins.is_joined_at(index) for index in (40, 63, 64)] == [True, True, False]
    assert not any(alone.is_joined_at(index) for index in range(40, 90))


def test_a_join_goes_in_equal_steps():
    join = Part(Stretch(40, 90), joins=True).join
    shares = [join.share(index) for index in range(40, 64)]
    assert shares == pytest.approx([(k + 1) / 25 for k in range(24)])
    assert Leg(Stretch(0, 9)).share(3) is None


@pytest.mark.parametrize(
    ("lengths", "workers", "expected"),
    [
        ([10], 2, 0),
        ([10, 10], 1, 0),
        ([10, 10], 2, 10),
        ([10, 4, 4], 2, 8),
        ([4, 10, 10], 2, 6),
        ([30, 10, 10, 10, 10], 2, 30),
        ([10, 10, 10, 10], 4, 30),
    ],
)
def test_what_waits_at_most(lengths, workers, expected):
    first, parts = 0, []
    for length in lengths:
        parts.append(Part(Stretch(first, first + length)))
        first += length
    assert most_ahead(parts, workers) == expected


def test_what_is_joined_waits_for_its_own_end():
    parts = [Part(Stretch(0, 30)), Part(Stretch(30, 60), joins=True)]
    assert most_ahead(parts, 1) == 30
    assert most_ahead(parts, 2) == 30
