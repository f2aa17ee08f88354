"""Damage, and what becomes of it: every bad file ends in a result or in one line, and soon.

Each test makes bad files by hypothesis, a few in its quick form and many in its slow one. Seeds are
fixed; ``--hypothesis-seed`` takes others.
"""

import contextlib
import io
import os
import resource
import signal
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from framestyle.cli import main
from framestyle.errors import FramestyleError

LIMIT_SECONDS = 30.0
MOST_MIB = 400
"""By how much a bad file may lift the memory of the process."""
MOST_CHILD_MIB = 1500
"""How much an ffmpeg may take that reads one."""
COUNTS = Counter()


class Hang(BaseException):
    """Not an ``Exception``, so that nothing takes it for the failure of a parser."""


def pytest_terminal_summary(terminalreporter):
    if COUNTS:
        total = sum(COUNTS.values())
        kinds = sorted({kind for kind, _ in COUNTS})
        terminalreporter.write_sep("=", f"{total} bad inputs")
        for kind in kinds:
            results, refused = COUNTS[kind, "result"], COUNTS[kind, "refused"]
            terminalreporter.write_line(f"{kind:32} {results:5} results {refused:5} refused")


@pytest.fixture(params=["quick", pytest.param("slow", marks=pytest.mark.slow)])
def over(request):
    """Returns ``over(strategy, body, quick=, slow=)``: calls ``body`` with so many examples."""

    def go(strategy, body, *, quick, slow):
        def each(value):
            body(value)

        each.__name__ = request.node.originalname  # the seed goes by it
        settings(
            max_examples=slow if request.param == "slow" else quick,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )(given(strategy)(each))()

    return go


def peak_mib():
    """The most memory that this process had since ``forget_peak``."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def forget_peak():
    Path("/proc/self/clear_refs").write_text("5")


def child_peak_mib():
    """The most memory that any process had which this one has waited for."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


@contextlib.contextmanager
def in_time():
    """Raise ``Hang`` in what takes longer; pytest-timeout's own alarm goes on after it."""

    def ring(_number, _frame):
        raise Hang(f"this has taken over {LIMIT_SECONDS:g} s")

    before, began = signal.signal(signal.SIGALRM, ring), time.monotonic()
    left, _ = signal.setitimer(signal.ITIMER_REAL, LIMIT_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if left:
            signal.setitimer(signal.ITIMER_REAL, max(0.01, left - (time.monotonic() - began)))


@contextlib.contextmanager
def in_memory():
    """Fail where what is inside needs much memory, here or in an ffmpeg that it starts."""
    if not os.access("/proc/self/clear_refs", os.W_OK):
        yield
        return
    forget_peak()
    before, child_before = peak_mib(), child_peak_mib()
    yield
    more, child = peak_mib() - before, child_peak_mib()
    assert more < MOST_MIB, f"took {more:.0f} MiB"
    # Before it becomes ffmpeg, a child is as large as what started it.
    most = max(MOST_CHILD_MIB, peak_mib() + MOST_MIB)
    assert child == child_before or child < most, f"ffmpeg took {child:.0f} MiB"


@dataclass
class Said:
    """What was written while something ran, by C libraries too."""

    out: str = ""
    err: str = ""


@contextlib.contextmanager
def heard():
    """Catch standard output and error at the file descriptors; gives a ``Said``, filled after."""
    said, kept = Said(), (sys.stdout, sys.stderr)
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(tempfile.TemporaryFile()) for _ in (1, 2)]
        saved = [os.dup(number) for number in (1, 2)]
        for number, file in zip((1, 2), files, strict=True):
            os.dup2(file.fileno(), number)
        writers = [
            io.TextIOWrapper(io.FileIO(number, "w", closefd=False), errors=errors, encoding="utf-8")
            for number, errors in ((1, "strict"), (2, "backslashreplace"))
        ]
        sys.stdout, sys.stderr = writers
        try:
            yield said
        finally:
            for writer in writers:
                writer.flush()
            sys.stdout, sys.stderr = kept
            for number, old in zip((1, 2), saved, strict=True):
                os.dup2(old, number)
                os.close(old)
            texts = []
            for file in files:
                file.seek(0)
                texts.append(file.read().decode("utf-8", "replace"))
            said.out, said.err = texts


@pytest.fixture(scope="session")
def attempt():
    """Returns ``attempt(kind, call)``: ``(result, "")``, or ``(None, message)`` where refused.

    What else a call does fails the test: another exception, taking long, much memory, writing
    anything, a message of several lines.
    """

    def go(kind, call):
        result, message = None, ""
        with heard() as said, in_memory(), in_time():
            try:
                result = call()
            except FramestyleError as error:
                message, code = str(error), error.exit_code
        assert not message or code == 2, message
        assert said == Said(), said
        assert len(message.splitlines()) <= 1, message
        COUNTS[kind, "refused" if message else "result"] += 1
        return result, message

    return go


@pytest.fixture(scope="session")
def command():
    """Returns ``command(kind, arguments)``: ``(code, Said)`` of the command, run here.

    It succeeds or refuses in one line; with ``may_fail``, it may stop at a frame that it names.
    """

    def go(kind, arguments, may_fail=False, around=contextlib.nullcontext):
        code = None
        with heard() as said, in_memory(), in_time(), around():
            try:
                code = main([os.fspath(part) for part in arguments])
            except SystemExit as leaving:
                code = leaving.code or 0
        assert code in (0, 2) or (may_fail and code == 1 and "frame" in said.err), said.err
        if code:
            assert len(said.err.splitlines()) == 1, said.err
            assert said.err.startswith("framestyle: "), said.err
            assert said.out == ""
        COUNTS[kind, "refused" if code else "result"] += 1
        return code, said

    return go


@pytest.fixture
def count():
    """Returns ``count(kind, is_refused)``, for what is run elsewhere."""

    def go(kind, is_refused):
        COUNTS[kind, "refused" if is_refused else "result"] += 1

    return go


@dataclass(frozen=True)
class Damage:
    """A change of bytes: ``cut`` of them at ``at`` (a share) are replaced by ``put``."""

    how: str
    at: float
    cut: int = 0
    put: bytes = b""

    def __call__(self, data):
        at = min(int(self.at * len(data)) if self.at < 1 else int(self.at), len(data))
        if self.how == "truncate":
            return data[:at]
        if self.how == "flip" and at < len(data):
            return data[:at] + bytes([data[at] ^ self.put[0]]) + data[at + 1 :]
        return data[:at] + self.put + data[at + self.cut :]


NUMBERS = [0, 1, 2**31 - 1, 2**31, 2**32 - 1, 100_000, 65_535, 32_768]
WORDS = [n.to_bytes(4, order) for n in NUMBERS for order in ("big", "little")]
FLIPS = [bytes([n]) for n in (1, 2, 4, 8, 16, 32, 64, 128, 255)]
WORDS += [b"\xff\xff", b"\0\0", b"\x7f\xff", b"\x01\x86\xa0", b"\xff" * 8]


def _damage():
    share, head = st.floats(0, 0.999), st.integers(1, 300).map(float)
    place = share | head  # what is wrong in a header does most
    numbers = st.sampled_from(WORDS)
    kinds = [
        st.builds(Damage, st.just("truncate"), place),
        st.builds(Damage, st.just("flip"), place, put=st.sampled_from(FLIPS)),
        st.builds(Damage, st.just("number"), head, st.sampled_from((2, 4, 8)), numbers),
        st.builds(Damage, st.just("noise"), place, st.integers(0, 400), st.binary(max_size=400)),
        st.builds(Damage, st.just("hole"), share, st.integers(1, 5000)),
        st.builds(Damage, st.just("zeros"), place, st.just(64), st.just(bytes(64))),
        st.builds(Damage, st.just("from here on"), place, st.just(10**9), st.binary(max_size=3000)),
    ]  # fmt: skip
    return st.lists(st.one_of(kinds), min_size=1, max_size=3)


@pytest.fixture(scope="session")
def damage():
    """A strategy of lists of ``Damage``; ``damaged(data, list)`` makes them."""
    return _damage()


@pytest.fixture(scope="session")
def damaged():
    """Returns ``damaged(data, list of Damage)``."""

    def go(data, changes):
        for change in changes:
            data = change(data)
        return data

    return go


@pytest.fixture
def no_web(tmp_path, monkeypatch):
    """A web that refuses at once, and an empty cache, so that no test fetches anything."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
        monkeypatch.setenv(name.upper(), "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setattr(urllib.request, "_opener", None)  # remembers the proxies it was made with


@pytest.fixture
def place(tmp_path, monkeypatch, no_web, save_picture, texture):
    """The working folder, with picture.png, style.png, and two frames of 64x48 in frames/."""
    folder = tmp_path / "place"
    folder.mkdir()
    monkeypatch.chdir(folder)
    save_picture(folder / "picture.png", texture(48, 64, 1))
    save_picture(folder / "style.png", texture(40, 56, 2))
    for number in (1, 2):
        save_picture(folder / "frames" / f"f{number}.png", texture(48, 64, 2 + number))
    return folder
