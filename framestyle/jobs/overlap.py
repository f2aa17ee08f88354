"""Reading ahead and writing behind, in threads with bounded queues.

Memory does not grow with the clip: a producer waits where its queue is full. An error in a thread
is raised in the one that waits for it.
"""

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from typing import Generic, TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")
Context = Callable[[], AbstractContextManager[object]]
"""Makes what a thread works in."""
DEPTH = 3
"""Items between two threads: enough to smooth over a slow one, few enough for large frames."""


class _End:
    """Marks the end of the items."""


Write = Callable[[], None]
"""Writes an item that is ready."""
_Turn = queue.SimpleQueue[Write | BaseException]
"""Where what writes an item comes, or what was raised."""
WATCH_SECONDS = 0.01
"""Between two looks at whether all is written."""


class _Bounded(Generic[Item]):
    """A queue in which few items wait, and which the main thread may be interrupted in anywhere.

    A signal that comes while ``queue.Queue`` takes its lock leaves it locked for ever. Those of a
    ``SimpleQueue`` are not Python's; a second one holds the places that are free. What is
    interrupted between the two takes a place with it, no more.
    """

    def __init__(self, places: int) -> None:
        self._items: queue.SimpleQueue[Item] = queue.SimpleQueue()
        self._places: queue.SimpleQueue[None] = queue.SimpleQueue()
        for _ in range(places):
            self.widen()

    def put(self, item: Item) -> None:
        """Add an item, when there is a place for it."""
        self.reserve()
        self._items.put(item)

    def reserve(self) -> None:
        """Take a place, when there is one, for an item that is put at once then."""
        self._places.get()

    def put_at_once(self, item: Item) -> None:
        """Add an item, whether or not there is a place."""
        self._items.put(item)

    def get(self) -> Item:
        """Take an item, when there is one."""
        item = self._items.get()
        self.widen()
        return item

    def widen(self) -> None:
        """Add a place."""
        self._places.put(None)


class ReadAhead(Generic[Item]):
    """Runs an iterator in a thread of its own, up to ``DEPTH`` items ahead of who takes them.

    Args:
        items: What is run.
        within: What the thread works in.
    """

    def __init__(self, items: Iterator[Item], within: Context = nullcontext) -> None:
        self._items, self._within = items, within
        self._queue: _Bounded[Item | _End | BaseException] = _Bounded(DEPTH)
        self._is_stopped = False
        self._thread = threading.Thread(target=self._run, name="read ahead", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[Item]:
        """Yield the items in order; raise what the iterator raised, in its place."""
        while True:
            item = self._queue.get()
            if isinstance(item, _End):
                return
            if isinstance(item, BaseException):
                raise item
            yield item

    def close(self) -> None:
        """Stop the thread, and close the iterator where it is a generator."""
        self._is_stopped = True
        while self._thread.is_alive():
            self._queue.widen()  # the thread may wait for a place
            self._thread.join(0.02)

    def _run(self) -> None:
        try:
            with self._within():
                for item in self._items:
                    self._queue.put(item)
                    if self._is_stopped:
                        break
            self._queue.put_at_once(_End())
        except BaseException as error:
            self._queue.put_at_once(error)
        finally:
            close = getattr(self._items, "close", None)
            if close is not None:
                close()


def in_order(
    work: Callable[[Item], Made], items: Iterable[Item], threads: int
) -> Generator[Made, None, None]:
    """Do the same with one item after the other, several at a time; yield what is made in order.

    What goes wrong with an item, or in having it, is raised in its place.

    Args:
        work: Done in as many threads.
        items: Had in the thread of who takes what is made, as many ahead as there are threads.
        threads: How many; with 1 all is done in the thread of who takes it.
    """
    if threads == 1:
        yield from map(work, items)
        return
    waiting: deque[Future[Made]] = deque()
    rest: Iterator[Item] | None = iter(items)
    failed: Exception | None = None
    with ThreadPoolExecutor(threads, "at the same time") as pool:
        try:
            while True:
                while rest is not None and len(waiting) < threads:
                    try:
                        item = next(rest)
                    except StopIteration:
                        rest = None
                    except Exception as error:
                        rest, failed = None, error  # told after what came before it
                    else:
                        waiting.append(pool.submit(work, item))
                if not waiting:
                    break
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
    if failed is not None:
        raise failed


class WriteBehind(Generic[Item]):
    """Writes items in order, in a thread of its own, up to ``DEPTH`` items behind.

    Args:
        prepare: Does with an item what can be done before its turn, and returns what writes it.
        within: What the threads work in.
        threads: In so many items are prepared at the same time; one more of them may be behind for
            each after the first.
    """

    def __init__(
        self, prepare: Callable[[Item], Write], within: Context = nullcontext, threads: int = 1
    ) -> None:
        self._prepare, self._within = prepare, within
        self._items: queue.SimpleQueue[tuple[_Turn, Item] | _End] = queue.SimpleQueue()
        self._turns: _Bounded[_Turn | _End] = _Bounded(DEPTH + threads - 1)
        self._error: BaseException | None = None
        self._is_done = False
        self._threads = [
            threading.Thread(target=run, name=name, daemon=True)
            for run, name in [(self._write, "write behind")] + [(self._ready, "prepare")] * threads
        ]
        for thread in self._threads:
            thread.start()

    def put(self, item: Item) -> None:
        """Queue an item; raises what an earlier one raised."""
        self._raise()
        turn: _Turn = queue.SimpleQueue()
        self._turns.reserve()
        self._items.put((turn, item))
        self._turns.put_at_once(turn)

    def finish(self) -> None:
        """Wait until everything is written; raises what any item raised."""
        self.close()
        self._raise()

    def close(self) -> None:
        """Write what is queued, end the threads; raises nothing. Safe to call twice."""
        self._turns.put_at_once(_End())
        for _ in self._threads[1:]:
            self._items.put(_End())
        # one that is interrupted while it joins takes a thread for ended that is not
        while not self._is_done:
            time.sleep(WATCH_SECONDS)
        for thread in self._threads:
            thread.join()

    def _ready(self) -> None:
        while not isinstance(given := self._items.get(), _End):
            turn, item = given
            del given  # what is large of it is free as soon as it is written
            turn.put(self._prepared(item))
            del turn, item

    def _prepared(self, item: Item) -> Write | BaseException:
        if self._error is not None:
            return self._error
        try:
            with self._within():
                return self._prepare(item)
        except BaseException as error:
            return error

    def _write(self) -> None:
        while not isinstance(turn := self._turns.get(), _End):
            ready = turn.get()
            if self._error is not None:
                continue  # empty the queue, so that who puts never waits for ever
            try:
                if isinstance(ready, BaseException):
                    raise ready
                with self._within():
                    ready()
            except BaseException as error:
                self._error = error
            del ready, turn
        self._is_done = True

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error
