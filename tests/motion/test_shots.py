"""How a clip's frames are divided into shots."""

import pytest

from framestyle.motion.shots import Shot, covering, from_beginnings


def test_the_length_of_a_shot_counts_its_dissolve():
    assert len(Shot(0, 1)) == 1
    assert len(Shot(48, 90, 12)) == 42


@pytest.mark.parametrize("named", [[], [Shot(0, 3)], [Shot(7, 9, 2), Shot(2, 5)], [Shot(0, 10)]])
def test_frames_of_no_shot_form_shots_of_their_own(named):
    shots = covering(named, 10)
    assert set(named) <= set(shots)
    assert [i for shot in shots for i in range(shot.first, shot.end)] == list(range(10))


def test_one_shot_is_enough_to_divide_a_clip():
    assert covering([Shot(4, 6, 1)], 10) == [Shot(0, 4), Shot(4, 6, 1), Shot(6, 10)]


@pytest.mark.parametrize(
    ("beginnings", "count", "shots"),
    [
        ([], 0, []),
        ([], 7, [Shot(0, 7)]),
        ([(2, 0)], 7, [Shot(0, 2), Shot(2, 7)]),
        ([(2, 3), (6, 4)], 7, [Shot(0, 2), Shot(2, 6, 3), Shot(6, 7, 1)]),
    ],
)
def test_shots_from_where_they_begin(beginnings, count, shots):
    assert from_beginnings(beginnings, count) == shots
