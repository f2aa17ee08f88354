"""What workers do: how far each task has come in earlier runs, and what that relies on."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from framestyle.errors import JobError
from framestyle.jobs.parts import JOINED_FRAMES, Part, parts_of
from framestyle.jobs.passes import Done, KeptFrames
from framestyle.jobs.results import Results
from framestyle.jobs.saved import SavedStates
from framestyle.jobs.shots import Cutting, Stretch
from framestyle.jobs.tasks import JOINED, MADE, Task, tasks_of
from framestyle.media import Frame
from framestyle.motion import Shot
from framestyle.stages import ClipState, FrameState

CUTTING = Cutting([Shot(0, 60), Shot(60, 64)])


def state(index):
    return ClipState({index: FrameState(result=torch.full((1, 3, 2, 2), index / 100))})


@pytest.fixture
def results(tmp_path):
    (tmp_path / "ahead").mkdir()
    return Results(tmp_path / "ahead", SimpleNamespace(frame_name=str))


@pytest.fixture
def kept(tmp_path):
    return KeptFrames(tmp_path / "passes")


@pytest.fixture
def again(results, kept):
    """Returns ``again(first, passes)``: the tasks as another run finds them.

    There are two pieces of a shot of 60 frames, the join between them, and a shot of 4 frames.
    """

    def find(first=0, passes=1):
        return tasks_of(parts_of(CUTTING, passes, 30), CUTTING, results, kept, first)

    return find


@pytest.fixture
def leave(results, kept):
    """Returns ``leave(task, last, first)``: a task has come to a frame, and to the one before.

    What it has made from a position on waits for its turn, and what its join needs is there.
    """

    def make(task, last, first=0):
        leg = task.legs[-1]
        for index in range(leg.stretch.first, last + 1):
            if task.is_written(index) and index >= first:
                pixels = np.full((2, 2, 3), index, np.uint8)
                results.write(Frame(index, pixels, str(index)), task.version)
            if leg.keeps(index):
                kept.write(index, leg.number, state(index).frames[index])
        for index in range(max(leg.stretch.first, last - 1), last + 1):
            task.states.save(state(index), index, leg.number)

    return make


def spoil(folder, pattern):
    """Damage what lies in a folder; return how many files it is."""
    found = sorted(folder.glob(pattern))
    for path in found:
        path.write_bytes(path.read_bytes()[:-7] + b"damaged")
    return len(found)


def newest(folder, stem):
    return max(folder.glob(f"{stem}-*"), key=lambda path: int(path.name.split("-")[2]))


def done(tasks):
    return [None if task.done is None else task.done.frame for task in tasks]


# --- what there is to do -------------------------------------------------------------------------


def test_a_part_comes_before_its_join_and_joins_need_both(again):
    one, two, join, other = again()
    assert [task.part.stretch for task in (one, two, join, other)] == [
        *(Stretch(0, 30), Stretch(30, 60), Stretch(30, 60), Stretch(60, 64)),
    ]
    assert [task.version for task in (one, two, join, other)] == [MADE, MADE, JOINED, MADE]
    assert join.needs == (one, two)
    assert not any(task.needs for task in (one, two, other))
    assert done((one, two, join, other)) == [None] * 4
    assert not any(task.is_over for task in (one, two, join, other))


def test_what_is_over_has_come_to_the_end_of_its_last_leg(again):
    one, two, join, _ = again(passes=2)  # two legs and one that puts in order
    assert one.end == Done(29, 2)
    assert join.end == Done(30 + JOINED_FRAMES - 1, 3)
    two.done = Done(59, 1)
    assert not two.is_over
    two.done = Done(59, 2)
    assert two.is_over


def test_each_frame_is_written_by_one_task(again):
    made = {task: range(task.legs[0].stretch.first, task.legs[0].stretch.end) for task in again()}
    writers = [sum(i in made[task] and task.is_written(i) for task in made) for i in range(64)]
    assert writers == [1] * 64


@pytest.mark.parametrize(
    ("last", "first", "expected"),
    [
        (None, 0, []),
        (40, 0, []),
        (55, 0, [54, 55]),
        (55, 55, [55]),
        (55, 56, []),
        (59, 0, [54, 55, 56, 57, 58, 59]),
    ],
)
def test_frames_that_are_joined_do_not_wait_as_they_were_made(again, last, first, expected):
    two = again()[1]
    two.done = None if last is None else Done(last)
    assert two.waiting(first) == expected


def test_frames_of_a_join_wait_as_it_has_made_them(again):
    join = again()[2]
    assert join.waiting(0) == []
    join.done = Done(33, join.end.leg)
    assert join.waiting(0) == [30, 31, 32, 33]
    assert join.waiting(32) == [32, 33]
    assert join.left() == range(34, 54)


@pytest.mark.parametrize(
    ("at", "expected"), [(Done(29, 0), []), (Done(0, 1), []), (Done(1, 2), [0, 1])]
)
def test_nothing_waits_before_the_last_pass(again, at, expected):
    one = again(passes=2)[0]
    one.done = at
    assert one.waiting(0) == expected


# --- what earlier runs have left -----------------------------------------------------------------


def test_a_task_goes_on_after_its_newest_state(again, leave):
    leave(again()[0], 12)
    one = again()[0]
    assert one.done == Done(12)
    assert list(one.beginning("cpu").frames) == [12]


def test_a_task_begins_with_nothing_or_with_what_it_joins(again, leave):
    leave(again()[0], 29)
    one, two, join, _ = again()
    assert one.is_over
    assert two.beginning("cpu") == ClipState()
    assert list(join.beginning("cpu").frames) == [29]


def test_where_the_newest_state_is_damaged_the_one_before_counts(again, leave, results):
    leave(again()[0], 12)
    newest(results.folder, "part-0").write_bytes(b"damaged")
    assert done(again())[0] == 11
    assert len(list(results.folder.glob("part-0-*"))) == 1


@pytest.mark.parametrize(("frame", "expected"), [(12, 11), (11, None), (3, None)])
def test_a_task_relies_on_no_state_that_says_more_than_there_is(
    again, leave, results, frame, expected
):
    leave(again()[0], 12)
    assert spoil(results.folder, f"{frame}.0.frame") == 1
    assert done(again())[0] == expected
    assert len(list(results.folder.glob("part-0-*"))) == (expected is not None)


def test_frames_that_stand_in_the_output_are_not_asked_for(again, leave, results):
    leave(again()[0], 12, first=10)
    assert done(again())[0] is None
    leave(again()[0], 12, first=10)
    assert done(again(first=10))[0] == 12
    results.drop_before(13)
    assert done(again(first=13))[0] == 12


def test_what_is_all_in_the_output_is_over_without_a_state(again):
    assert [task.is_over for task in again(first=60)] == [True, True, True, False]
    one, two, join, _ = again(first=54)
    assert join.is_over
    assert not two.is_over
    assert one.is_over  # nothing goes on from it
    assert not again(first=30)[0].is_over  # its last frame is asked for


def test_a_part_has_to_hand_over_what_crosses_frames(again, leave, results):
    """That it is over is enough only for who is joined already."""
    one, two, join, _ = again()
    leave(one, 29)
    one.settle()
    assert done(again())[0] is None
    leave(one, 29)
    leave(two, 59)
    leave(join, 33)
    one.settle()
    assert done(again())[:3] == [29, 59, 33]
    assert spoil(results.folder, "join-*") == 2
    assert done(again())[:3] == [None, 59, None]


def test_a_join_needs_the_frames_that_a_part_has_handed_on(again, leave, kept, tmp_path):
    one, two, join, _ = again()
    for task, last in ((one, 29), (two, 59), (join, 33)):
        leave(task, last)
    kept.drop(Stretch(30, 34))  # these are joined
    assert done(again())[:3] == [29, 59, 33]
    assert spoil(tmp_path / "passes", "34.*") == 1
    assert done(again())[:3] == [29, None, 33]


def test_a_part_that_is_over_hands_nothing_on_once_it_is_joined(again, leave, kept):
    one, two, join, _ = again()
    for task, last in ((one, 29), (two, 59), (join, 53)):
        leave(task, last)
    kept.drop(two.part.stretch)
    assert [task.is_over for task in again()] == [True, True, True, False]


def test_what_is_damaged_and_cannot_be_deleted_is_told(again, leave, results, monkeypatch):
    leave(again()[0], 12)
    newest(results.folder, "part-0").write_bytes(b"damaged")

    def fails(path, **how):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("pathlib.Path.unlink", fails)
    with pytest.raises(JobError, match="deleting old states"):
        again()
    assert spoil(results.folder, "part-0-*") == 2
    with pytest.raises(JobError, match="deleting old states"):
        again()


# --- when it is over -----------------------------------------------------------------------------


def test_what_is_settled_is_over_and_holds_nothing(again, leave, results):
    one = again()[3]
    leave(one, 63)
    before = newest(results.folder, "part-60").stat().st_size
    one.settle()
    (path,) = results.folder.glob("part-60-*")
    assert path.stat().st_size < before
    found = again()[3]
    assert found.is_over
    assert found.states.load("cpu") == (ClipState(), Done(63))


def test_what_was_never_saved_is_not_settled(results):
    task = Task(
        Part(Stretch(0, 3)), Part(Stretch(0, 3)).legs, MADE, CUTTING, SavedStates(results.folder)
    )
    task.settle()
    assert list(results.folder.iterdir()) == []
