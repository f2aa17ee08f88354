"""What those who make frames and the one who writes them know of each other."""

import threading

import pytest

from framestyle.errors import JobError
from framestyle.jobs.board import Board, StoppedError
from framestyle.jobs.parts import Part
from framestyle.jobs.passes import Done
from framestyle.jobs.saved import SavedStates
from framestyle.jobs.shots import Cutting, Stretch
from framestyle.jobs.tasks import JOINED, MADE, Task
from framestyle.motion import Shot

CUTTING = Cutting([Shot(0, 60)])
ROOM = 100
"""For frames that wait: more than there are."""


@pytest.fixture
def tasks(tmp_path):
    """Two parts of 30 frames, and the join between them."""
    one, two = Part(Stretch(0, 30), goes_on=True), Part(Stretch(30, 60), joins=True)
    made = [
        Task(part, part.legs, MADE, CUTTING, SavedStates(tmp_path, f"part-{part.stretch.first}"))
        for part in (one, two)
    ]
    join = Task(two, [two.join], JOINED, CUTTING, SavedStates(tmp_path, "join-30"), made)
    return [made[0], join, made[1]]


@pytest.fixture
def started():
    """Returns ``started(do)``: a thread that does it; it is waited for at the end."""
    threads = []

    def start(do):
        thread = threading.Thread(target=do, daemon=True)
        threads.append(thread)
        thread.start()
        return thread

    yield start
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()


def test_tasks_come_in_order_but_for_those_that_need_others(tasks, started):
    one, join, two = tasks
    board, taken = Board(tasks, 0, ROOM), []
    assert board.next_task() is one
    assert board.next_task() is two
    waiting = started(lambda: taken.append(board.next_task()))
    board.finish(two)
    assert two.is_over
    assert (taken, waiting.is_alive()) == ([], True)
    board.finish(one)
    waiting.join(20)
    assert taken == [join]
    assert board.next_task() is None


def test_what_is_over_is_not_done_again(tasks):
    one, join, two = tasks
    one.done, two.done = one.end, two.end
    board = Board(tasks, 0, ROOM)
    assert board.next_task() is join
    assert board.next_task() is None


def test_a_task_is_given_to_one_worker(tasks, started):
    for task in tasks[1:]:
        task.needs = ()
    board, taken = Board(tasks, 0, ROOM), []
    workers = [started(lambda: taken.append(board.next_task())) for _ in range(8)]
    for worker in workers:
        worker.join(20)
    assert sorted(map(id, filter(None, taken))) == sorted(map(id, tasks))
    assert taken.count(None) == 5


def test_frames_of_earlier_runs_are_there_and_others_are_waited_for(tasks, started):
    tasks[0].done = Done(4)
    board, seen = Board(tasks, 3, ROOM), []
    for index in (3, 4):
        board.wait_for(index, MADE)
    waiting = started(lambda: seen.append(board.wait_for(5, MADE)))
    board.add(5, MADE)
    waiting.join(20)
    assert seen == [None]


def test_another_frame_or_version_is_not_what_is_waited_for(tasks):
    board = Board(tasks, 0, ROOM)
    board.add(6, MADE)
    board.add(5, JOINED)
    board.fail(JobError("it fails"))
    with pytest.raises(StoppedError):
        board.wait_for(5, MADE)
    board.wait_for(6, MADE)


def test_a_frame_that_stands_is_not_waited_for_and_has_no_second_turn(tasks):
    tasks[0].done = Done(4)
    board = Board(tasks, 3, ROOM)
    board.wait_for(4, MADE)
    board.fail(JobError("it fails"))
    for index in (2, 4):
        with pytest.raises(StoppedError):
            board.wait_for(index, MADE)


def test_the_first_error_counts_and_ends_all_waiting(tasks, started):
    board, ended = Board(tasks, 0, ROOM), []
    first, second = JobError("first"), JobError("second")
    for _ in range(2):
        board.next_task()

    def wait():
        with pytest.raises(StoppedError):
            board.wait_for(0, MADE)
        ended.append("wait_for")

    waiting = [started(wait), started(lambda: ended.append(board.next_task()))]
    board.check()
    board.fail(first)
    board.fail(second)
    for thread in waiting:
        thread.join(20)
    assert set(ended) == {"wait_for", None}
    assert board.error is first
    with pytest.raises(StoppedError):
        board.check()


def test_who_stops_it_without_its_lock_is_seen(tasks, started):
    """As the main thread does at a signal: nobody is woken, all look by themselves."""
    board, ended = Board(tasks, 0, ROOM), []
    for _ in range(2):
        board.next_task()
    waiting = started(lambda: ended.append(board.next_task()))
    with board._changed:  # it is never waited for
        board.is_stopped = True
    waiting.join(20)
    assert ended == [None]
    assert board.error is None


@pytest.mark.parametrize("frees", ["a turn", "the end of the first"])
def test_who_is_ahead_waits_for_room_and_the_first_does_not(frees, tasks, started):
    one, two = tasks[0], tasks[2]
    board, ahead = Board([one, two], 0, 2), []
    for index in (30, 31):
        board.wait_for_room(two)
        board.add(index, MADE)
    waiting = started(lambda: ahead.append(board.wait_for_room(two)))
    board.wait_for_room(one)
    waiting.join(0.5)
    assert waiting.is_alive()
    if frees == "a turn":
        board.wait_for(30, MADE)
    else:
        board.finish(one)
    waiting.join(20)
    assert ahead == [None]


def test_who_waits_for_room_hears_of_the_end(tasks, started):
    one, two = tasks[0], tasks[2]
    board, ended = Board([one, two], 0, 0), []

    def wait():
        try:
            board.wait_for_room(two)
        except StoppedError as error:
            ended.append(error)

    waiting = started(wait)
    board.fail(JobError("a disk is full"))
    waiting.join(20)
    assert len(ended) == 1
