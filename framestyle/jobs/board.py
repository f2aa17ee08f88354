"""What those who make frames and the one who writes them know of each other."""

import threading
from collections.abc import Sequence

from framestyle.jobs.tasks import Task


class StoppedError(Exception):
    """The run ends, for a reason that another thread knows."""


LOOK_SECONDS = 0.2
"""How often who waits looks whether the run ends."""


class Board:
    """Which frames are made, what is to be done next, and whether to go on; for many threads.

    The main thread, which signals interrupt anywhere, takes no lock of it: it would never give it
    back.

    Args:
        tasks: All that is done, in the order in which it is best done: what one needs is before it.
        written: Frames of the output that stand.
        most_waiting: Frames that may wait for their turn; see ``wait_for_room``.

    Attributes:
        written: Frames that no later run asks for.
        error: What the run ends with, if anything.
        is_stopped: Whether it ends; who makes frames then does so within a step.
    """

    def __init__(self, tasks: Sequence[Task], written: int, most_waiting: int) -> None:
        self.written = written
        self._changed = threading.Condition()
        self._tasks, self._most = tasks, most_waiting
        self._left = [task for task in tasks if not task.is_over]
        self._made = {(i, task.version) for task in tasks for i in task.waiting(written)}
        self.error: BaseException | None = None
        self.is_stopped = False

    def next_task(self) -> Task | None:
        """Return a task to do, when there is one that needs no other first; None at the end."""
        with self._changed:
            while self._left and not self.is_stopped:
                for task in self._left:
                    if all(other.is_over for other in task.needs):
                        self._left.remove(task)
                        return task
                self._changed.wait(LOOK_SECONDS)
            return None

    def finish(self, task: Task) -> None:
        """Say that a task is over."""
        with self._changed:
            task.done = task.end
            self._changed.notify_all()

    def add(self, index: int, version: int) -> None:
        """Say that a frame is made, in a version."""
        with self._changed:
            self._made.add((index, version))
            self._changed.notify_all()

    def wait_for_room(self, task: Task) -> None:
        """Return when a task may add a frame; raise ``StoppedError`` where the run ends.

        The first task that is not over never waits, because all that is written next comes from it.
        Somebody has it: who finishes the one before it takes it next.
        """
        with self._changed:
            while len(self._made) >= self._most and task is not self._first():
                self.check()
                self._changed.wait(LOOK_SECONDS)

    def _first(self) -> Task | None:
        return next((task for task in self._tasks if not task.is_over), None)

    def wait_for(self, index: int, version: int) -> None:
        """Return when a frame is made, in a version; raise ``StoppedError`` where the run ends."""
        with self._changed:
            while (index, version) not in self._made:
                self.check()
                self._changed.wait(LOOK_SECONDS)
            self._made.discard((index, version))
            self._changed.notify_all()

    def fail(self, error: BaseException) -> None:
        """Have the run end with an error; the first one counts."""
        with self._changed:
            self.error = self.error or error
            self.is_stopped = True
            self._changed.notify_all()

    def check(self) -> None:
        """Raise ``StoppedError`` where the run ends."""
        if self.is_stopped:
            raise StoppedError
