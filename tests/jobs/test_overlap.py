"""Reading ahead and writing behind: order, bounds, errors, and threads that end."""

import random
import signal
import threading
import time
from functools import partial

import pytest

from framestyle.jobs.overlap import DEPTH, ReadAhead, WriteBehind, in_order


@pytest.fixture(autouse=True)
def no_thread_is_left():
    before = threading.active_count()
    yield
    assert threading.active_count() == before


def waited_for(condition):
    end = time.monotonic() + 5
    while not condition() and time.monotonic() < end:
        time.sleep(0.002)
    return condition()


class Counting:
    """An iterator that knows how far it was taken, and whether it was closed."""

    def __init__(self, count, error=None):
        self.taken, self.closed = 0, False
        self._count, self._error = count, error

    def items(self):
        try:
            for number in range(self._count):
                self.taken += 1
                yield number
            if self._error is not None:
                raise self._error
        finally:
            self.closed = True


class Interrupted(BaseException):
    """Raised by a signal, wherever the main thread is."""


def test_a_signal_may_come_at_any_moment():
    """Whoever is interrupted can close both, and neither waits for ever."""
    drawn = random.Random(0)

    def interrupt(number, frame):
        raise Interrupted

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        for _ in range(1500):
            reading, writing = ReadAhead(iter(range(10**9))), WriteBehind(lambda item: lambda: None)
            try:
                signal.setitimer(signal.ITIMER_REAL, drawn.uniform(1e-5, 1e-3))
                for item in reading:
                    writing.put(item)
            except Interrupted:
                reading.close()
                writing.close()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_items_come_in_order():
    reading = ReadAhead(iter(range(100)))
    assert list(reading) == list(range(100))
    reading.close()


def test_reads_ahead_but_not_far():
    source = Counting(1000)
    reading = ReadAhead(source.items())
    assert waited_for(lambda: source.taken == DEPTH + 1)
    taking = iter(reading)
    assert [next(taking) for _ in range(10)] == list(range(10))
    assert waited_for(lambda: source.taken == 10 + DEPTH + 1)
    time.sleep(0.05)
    assert source.taken == 10 + DEPTH + 1
    reading.close()
    assert source.closed


def test_an_error_comes_in_its_place():
    reading = ReadAhead(Counting(3, LookupError("gone")).items())
    taken = iter(reading)
    assert [next(taken) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(LookupError, match="gone"):
        next(taken)
    reading.close()


@pytest.mark.parametrize("count", [0, 1, DEPTH, DEPTH + 1, 50])
def test_closes_whether_or_not_all_was_taken(count):
    source = Counting(count)
    reading = ReadAhead(source.items())
    reading.close()
    reading.close()
    assert source.closed


def behind(write, **how):
    """Writes items that are ready as they are."""
    return WriteBehind(lambda item: partial(write, item), **how)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_writes_in_order_and_finishes(threads):
    written = []

    def prepared(number):
        time.sleep(0.002 * (number % 3))
        return partial(written.append, number)

    writing = WriteBehind(prepared, threads=threads)
    for number in range(50):
        writing.put(number)
    writing.finish()
    assert written == list(range(50))


def test_as_many_are_prepared_at_a_time_as_there_are_threads():
    meeting = threading.Barrier(3)

    def prepared(number):
        meeting.wait(5)
        return lambda: None

    writing = WriteBehind(prepared, threads=3)
    for number in range(6):
        writing.put(number)
    writing.finish()


@pytest.mark.parametrize("threads", [1, 3])
def test_what_cannot_be_prepared_is_told_after_what_came_before_it(threads):
    written = []

    def prepared(number):
        if number == 4:
            raise OSError("no picture")
        time.sleep(0.01)
        return partial(written.append, number)

    def feed():
        for number in range(100):
            writing.put(number)
            time.sleep(0.002)

    writing = WriteBehind(prepared, threads=threads)
    with pytest.raises(OSError, match="no picture"):
        feed()
    writing.close()
    assert written == [0, 1, 2, 3]


def test_writes_behind_but_not_far():
    gate, written = threading.Event(), []

    def write(item):
        gate.wait()
        written.append(item)

    writing = behind(write)
    puts = []
    putting = threading.Thread(target=lambda: [puts.append(writing.put(i)) for i in range(20)])
    putting.start()
    assert waited_for(lambda: len(puts) >= DEPTH)
    time.sleep(0.05)
    assert len(puts) == DEPTH + 1
    gate.set()
    putting.join()
    writing.finish()
    assert written == list(range(20))


def test_an_error_of_the_writer_is_raised_where_it_is_fed():
    written = []

    def write(item):
        if item == 2:
            raise OSError("full")
        written.append(item)

    def feed():
        for number in range(100):
            writing.put(number)
            time.sleep(0.001)

    writing = behind(write)
    with pytest.raises(OSError, match="full"):
        feed()
    with pytest.raises(OSError, match="full"):
        writing.finish()
    assert written == [0, 1]


def test_an_error_at_the_end_is_raised_by_finish():
    def write(item):
        raise OSError("full")

    writing = behind(write)
    writing.put(1)
    with pytest.raises(OSError, match="full"):
        writing.finish()


def test_close_writes_what_waits_and_raises_nothing():
    written = []
    writing = behind(written.append)
    for number in range(DEPTH):
        writing.put(number)
    writing.close()
    writing.close()
    assert written == list(range(DEPTH))


@pytest.fixture
def interrupts():
    """Has SIGINT interrupt, also where who runs the tests has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupt_while_it_closes_does_not_lose_what_waits(interrupts):
    """Joining a thread, an interrupted one takes it for ended (CPython 3.11)."""
    gate, written = threading.Event(), []

    def write(item):
        gate.wait(5)
        written.append(item)

    def interrupt():
        time.sleep(0.05)
        signal.raise_signal(signal.SIGINT)

    writing = behind(write, threads=2)
    for number in range(DEPTH):
        writing.put(number)
    sending = threading.Thread(target=interrupt)
    sending.start()
    with pytest.raises(KeyboardInterrupt):
        writing.close()
    sending.join()
    opening = threading.Timer(0.1, gate.set)
    opening.start()
    writing.close()
    opening.join()
    assert written == list(range(DEPTH))


def test_a_failed_writer_never_blocks():
    def write(item):
        raise OSError("full")

    writing = behind(write)
    for number in range(5 * DEPTH):
        try:
            writing.put(number)
        except OSError:
            time.sleep(0.001)
    writing.close()


# --- the same with each, several at a time --------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_what_is_made_at_the_same_time_comes_in_order(threads):
    def work(number):
        time.sleep(0.004 * (number % 3))
        return number * number

    assert list(in_order(work, range(20), threads)) == [n * n for n in range(20)]


def test_as_many_are_made_at_a_time_as_there_are_threads():
    meeting = threading.Barrier(3)
    assert list(in_order(lambda _: meeting.wait(5), range(6), 3))


@pytest.mark.parametrize("threads", [1, 3])
def test_what_goes_wrong_is_raised_in_its_place(threads):
    def work(number):
        return 1 / (4 - number)

    made = in_order(work, range(10), threads)
    assert [next(made) for _ in range(4)] == [1 / 4, 1 / 3, 1 / 2, 1.0]
    with pytest.raises(ZeroDivisionError):
        next(made)


@pytest.mark.parametrize("threads", [1, 3])
def test_what_was_had_before_there_is_no_more_is_made_first(threads):
    made = in_order(str, Counting(4, OSError("gone")).items(), threads)
    assert [next(made) for _ in range(4)] == ["0", "1", "2", "3"]
    with pytest.raises(OSError, match="gone"):
        next(made)


def test_nothing_more_is_made_when_nobody_takes_it():
    source, begun = Counting(1000), []
    made = in_order(begun.append, source.items(), 2)
    next(made)
    made.close()
    assert len(begun) <= 4
    assert source.taken <= 4
