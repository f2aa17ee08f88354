"""Places in a workspace do not get in each other's way, and share what they can."""

import random

import pytest

from framestyle.tape.workspace import LINE_BYTES, Life, Workspace, arranged


def random_lives(seed):
    draw = random.Random(seed)
    return [
        Life(draw.choice([1, 64, 100, 5000, 70000]), first, first + draw.randrange(6))
        for first in (draw.randrange(40) for _ in range(60))
    ]


def most_alive(lives):
    return max(
        sum(life.nbytes for life in lives if life.first <= number <= life.last)
        for number in range(max(life.last for life in lives) + 1)
    )


def there_and_back(layers):
    """What a network of ever smaller maps makes: maps with a border, and gradients in them."""
    end = 4 * layers
    for layer in range(layers):
        nbytes = 4 * 16 * (256 >> layer) ** 2
        yield Life(nbytes + nbytes // 64, 2 * layer, 2 * layer + 1)
        yield Life(nbytes, 2 * layer + 1, end - 2 * layer)
        yield Life(nbytes, end - 2 * layer, end - 2 * layer + 2)
        yield Life(nbytes + nbytes // 64, end - 2 * layer + 1, end - 2 * layer + 2)


@pytest.mark.parametrize("seed", range(20))
def test_what_is_needed_at_the_same_time_lies_apart(seed):
    lives = random_lives(seed)
    offsets, end = arranged(lives)
    for number, (one, begin) in enumerate(zip(lives, offsets, strict=True)):
        assert begin % LINE_BYTES == 0
        assert 0 <= begin <= end - one.nbytes
        for other, there in zip(lives[:number], offsets, strict=False):
            if any(other.first <= n <= other.last for n in range(one.first, one.last + 1)):
                assert begin + one.nbytes <= there or there + other.nbytes <= begin


def test_it_takes_at_most_half_as_much_again_as_is_needed_at_a_time():
    for layers in range(1, 7):
        lives = list(there_and_back(layers))
        assert arranged(lives)[1] <= 1.5 * most_alive(lives), layers


def test_one_place_serves_those_that_follow_each_other():
    chain = [Life(1000 + number, number, number + 1) for number in range(50)]
    _, end = arranged(chain)
    assert end == 2 * 1088  # of 1049 and 1048 bytes, in whole lines


def test_halves_lie_where_halves_of_others_were():
    """So that a core that makes one half of each finds what it has left there."""
    large, small = Life(1 << 20, 0, 1), Life(1 << 18, 2, 3)
    (one, other), _ = arranged([large, small])
    assert one + large.nbytes // 2 == other + small.nbytes // 2


def test_an_operation_does_not_write_where_it_reads():
    offsets, _ = arranged([Life(8, 0, 1), Life(8, 1, 2)])
    assert len(set(offsets)) == 2


def test_memory_is_taken_once_for_all_who_ask():
    workspace = Workspace()
    lives = [Life(1 << 16, 0, 1), Life(1 << 14, 1, 2)]
    one, other = workspace.room_for(lives), workspace.room_for(lives)
    assert [part.data_ptr() for part in one] == [part.data_ptr() for part in other]
    assert [part.nbytes() for part in one] == [life.nbytes for life in lives]
    assert all(part.data_ptr() % LINE_BYTES == 0 for part in one)


def test_memory_of_before_stays_when_more_is_asked_for():
    workspace = Workspace()
    (small,) = workspace.room_for([Life(100, 0, 1)])
    small.fill_(7)
    (large,) = workspace.room_for([Life(1 << 16, 0, 1)])
    large.fill_(9)
    assert set(small.tolist()) == {7}
