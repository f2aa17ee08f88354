"""Finds the ffmpeg binary and runs it: never through a shell, always reaped, never left hanging.

Every run logs with the level in each line (``-v level+info``), so that errors are told from
remarks without guessing at their wording.
"""

import contextlib
import functools
import os
import re
import shutil
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO

import imageio_ffmpeg

from framestyle.errors import FramestyleError

_LINE = re.compile(r"^(?:\[[^\]]*@ 0x[0-9a-fA-F]+\] )*\[(\w+)\] (.*)$")
_ECHOES = (
    "Error opening output",
    "Error opening input",
    "Task finished with error",
    "Terminating thread with return code",
    "Conversion failed",
    "Nothing was written into output file",
    "Error sending frames to consumers",
    "Could not open encoder before EOF",
    "Error submitting",
    "Error muxing a packet",
    "Error writing trailer",
    "Error closing file",
)
_KEPT_LINES = 200


def ffmpeg_exe() -> str:
    """Return the path of the ffmpeg binary; raises ``FramestyleError`` where there is none."""
    return _program()[0]


def ffmpeg_version() -> str:
    """Return the version that the binary says it has; raises ``FramestyleError`` likewise."""
    return _program()[1]


@functools.cache
def _program() -> tuple[str, str]:
    how = "reinstall imageio-ffmpeg, or name a binary in the environment variable "
    how += "IMAGEIO_FFMPEG_EXE"
    try:
        found = str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:
        raise FramestyleError(f"no ffmpeg was found; {how}") from None
    path = shutil.which(found)  # what the variable names is taken as it is
    if path is None:
        raise FramestyleError(f"ffmpeg cannot be run: {found} is no program; {how}")
    path = os.path.abspath(path)  # noqa: PTH100 - it is run from other folders
    try:
        said = subprocess.run([path, "-version"], capture_output=True, check=False).stdout
    except OSError as error:
        raise FramestyleError(f"ffmpeg cannot be run: {found}: {error.strerror}; {how}") from None
    first = said.decode("utf-8", "replace").partition("\n")[0]
    if not first.startswith("ffmpeg version "):
        raise FramestyleError(f"{found} is no ffmpeg; {how}")
    return path, first.removeprefix("ffmpeg version ").partition(" Copyright")[0]


def file_url(path: str | Path) -> str:
    """Return how ffmpeg is told of a file, whatever characters its name has."""
    # Without the protocol ffmpeg takes "a:b.mp4" for a protocol and "-x.mp4" for an option.
    return "file:" + os.path.abspath(path)  # noqa: PTH100 - resolves no links, unlike resolve()


def seconds_text(seconds: Fraction) -> str:
    """Return a time as ffmpeg's options take it, to the microsecond."""
    return f"{round(seconds * 1_000_000) / 1_000_000:.6f}"


@dataclass(frozen=True)
class Log:
    """What ffmpeg said, one line each, with the level in front as ``(level, text)``.

    The last lines; of what it lists of files and streams, only the first. Who needs all that it
    lists takes each line as it comes.
    """

    lines: tuple[tuple[str, str], ...]

    def errors(self) -> list[str]:
        """Return the texts of the lines at level error or worse."""
        return [text for level, text in self.lines if level in ("error", "fatal", "panic")]

    def reason(self) -> str:
        """Return the one line that says best why ffmpeg failed."""
        errors = self.errors()
        telling = [text for text in errors if not text.startswith(_ECHOES)]
        return (telling or errors or ["it gave no reason"])[0].strip()

    def last_error(self) -> str:
        """Return the last telling error line."""
        telling = [text for text in self.errors() if not text.startswith(_ECHOES)]
        return (telling or self.errors() or ["it gave no reason"])[-1].strip()


@dataclass(frozen=True)
class Finished:
    """A run of ffmpeg that has ended: its exit code, what it wrote to stdout, what it said."""

    code: int
    output: bytes
    log: Log


def split_line(line: str) -> tuple[str, str]:
    """Split a line of ffmpeg's log into its level and its text (``""`` where it has no level)."""
    match = _LINE.match(line)
    return (match[1], match[2]) if match else ("", line)


def run(
    arguments: Sequence[str],
    *,
    cwd: Path | None = None,
    stdin: bytes | None = None,
    on_line: Callable[[str, str], object] | None = None,
) -> Finished:
    """Run ffmpeg to its end.

    Args:
        arguments: What follows the name of the binary and the logging options.
        cwd: The folder it runs in.
        stdin: What it reads on its standard input.
        on_line: Gets level and text of every log line, from another thread.
    """
    running = Running(arguments, cwd=cwd, feed=stdin is not None, on_line=on_line)
    feeder = None
    if stdin is not None:
        feeder = threading.Thread(target=running.feed_all, args=(stdin,), daemon=True)
        feeder.start()
    try:
        output = running.stdout.read()
        return Finished(running.wait(), output, running.log())
    finally:
        running.kill()
        if feeder is not None:
            feeder.join()


class Running:
    """An ffmpeg process whose log is drained in a thread, so that it can never block on it.

    It has a session of its own: Ctrl-C in a terminal reaches framestyle first, which then ends it.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        cwd: Path | None = None,
        feed: bool = False,
        on_line: Callable[[str, str], object] | None = None,
    ) -> None:
        command = [ffmpeg_exe(), "-hide_banner", "-nostats", "-v", "level+info"]
        if not feed:
            command.append("-nostdin")
        self._process = subprocess.Popen(
            [*command, *arguments],
            stdin=subprocess.PIPE if feed else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            start_new_session=True,
        )
        self._lines: deque[tuple[str, str]] = deque(maxlen=_KEPT_LINES)
        self._on_line = on_line
        self._drain = threading.Thread(target=self._read_log, daemon=True)
        self._drain.start()

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    @property
    def stdout(self) -> IO[bytes]:
        """What it writes; a pipe."""
        assert self._process.stdout is not None
        return self._process.stdout

    @property
    def stdin(self) -> IO[bytes]:
        """What it reads; a pipe, where it was started with ``feed``."""
        assert self._process.stdin is not None
        return self._process.stdin

    def log(self) -> Log:
        """Return what it has said so far; once ``wait`` has returned, to its end."""
        return Log(tuple(self._lines))

    def feed_all(self, data: bytes) -> None:
        """Write ``data`` to its standard input and close it; stops where the process has ended."""
        with contextlib.suppress(BrokenPipeError, ValueError):
            self.stdin.write(data)
            self.stdin.close()

    def wait(self) -> int:
        """Wait for its end and return the exit code; nothing is said after that."""
        code = self._process.wait()
        self._drain.join()
        return code

    def kill(self) -> None:
        """End it, where it still runs, and reap it; harmless when called again."""
        if self._process.poll() is None:
            self._process.kill()
        self.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                # What was buffered for a dead process is of no use.
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()

    def _read_log(self) -> None:
        assert self._process.stderr is not None
        for raw in self._process.stderr:
            level, text = split_line(raw.decode("utf-8", "replace").rstrip())
            # Stream lists and encoder reports would push the reason of a failure out.
            if level not in ("info", "verbose", "debug") or len(self._lines) < _KEPT_LINES // 2:
                self._lines.append((level, text))
            if self._on_line is not None:
                self._on_line(level, text)
