"""Reading ahead and writing behind, in threads with bounded queues.

Memory does not grow with the clip: a producer waits where its queue is full. An error in a thread
is raised in the one that waits for it.
"""

import queue
import threading
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
        self._places.get()
        self._items.put(item)

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
    """Hands items to a function in a thread of its own, up to ``DEPTH`` items behind.

    Args:
        write: That function.
        within: What the thread works in.
    """

    def __init__(self, write: Callable[[Item], None], within: Context = nullcontext) -> None:
        self._write, self._within = write, within
        self._queue: _Bounded[Item | _End] = _Bounded(DEPTH)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="write behind", daemon=True)
        self._thread.start()

    def put(self, item: Item) -> None:
        """Queue an item; raises what an earlier one raised."""
        self._raise()
        self._queue.put(item)

    def finish(self) -> None:
        """Wait until everything is written; raises what any item raised."""
        self.close()
        self._raise()

    def close(self) -> None:
        """Write what is queued, end the thread; raises nothing. Safe to call twice."""
        if self._thread.is_alive():
            self._queue.put_at_once(_End())
            self._thread.join()

    def _run(self) -> None:
        while not isinstance(item := self._queue.get(), _End):
            if self._error is not None:
                continue  # empty the queue, so that who puts never waits for ever
            try:
                with self._within():
                    self._write(item)
            except BaseException as error:
                self._error = error

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error
