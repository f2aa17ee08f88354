"""What the faults are done to: clips of 24 and 67 frames, and a command that may be killed."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

FRAMES, LONG = 24, 67
HERE = Path(__file__).parent
QUICK = [
    *("--networks", "lite", "--threads", "1", "--precision", "fp32", "--device", "cpu"),
    *("--first-iterations", "2", "--iterations", "1", "--scales", "1"),
]


class Server:
    """Starts the command in forks of one process that has loaded everything."""

    def __init__(self, folder):
        self._folder, self._started, self._running = folder, 0, set()
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "server.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def start(self, argv, cwd, **more):
        self._started += 1
        log = self._folder / f"{self._started}.log"
        job = {"argv": [str(part) for part in argv], "cwd": str(cwd), "log": str(log), **more}
        pid = self.ask({"start": job})
        self._running.add(pid)
        return Started(self, pid, log)

    def wait(self, pid):
        self._running.discard(pid)
        return self.ask({"wait": pid})

    def ask(self, what):
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self):
        for pid in list(self._running):  # of tests that failed
            os.kill(pid, signal.SIGKILL)
            self.wait(pid)
        with self._process:  # closes its input, at which it ends
            pass
        assert self._process.returncode == 0


class Started:
    """A run of the command."""

    def __init__(self, server, pid, log):
        self._server, self.pid, self._log = server, pid, log

    def kill(self, number=signal.SIGKILL):
        os.kill(self.pid, number)

    def wait(self):
        """Return the exit code, -N after signal N; None where it hung."""
        return self._server.wait(self.pid)

    def said(self):
        return self._log.read_text(errors="replace")

    def until_stopped(self):
        """Wait until it has stopped itself, or has ended."""
        while self._state() not in "TZ":
            time.sleep(0.002)

    def ffmpegs(self):
        """Command lines of the ffmpeg processes below it, by number."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                line = (
                    (folder / "cmdline").read_bytes().decode("utf-8", "replace").replace("\0", " ")
                )
            except OSError:
                continue
            if parent == self.pid and "ffmpeg" in line:
                found[int(folder.name)] = line
        return found

    def _state(self):
        return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0]


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    made = Server(tmp_path_factory.mktemp("logs"))
    yield made
    made.close()


@pytest.fixture(scope="session")
def clip(tmp_path_factory, moving_clip, encode):
    """A clip of 24 frames, 64x48, with a cut in it and sound."""
    frames = [*moving_clip(15, 48, 64, (2, 1), 1)[0], *moving_clip(9, 48, 64, (-1, 2), 40)[0]]
    assert len(frames) == FRAMES
    return encode(tmp_path_factory.mktemp("clip") / "clip.mp4", frames, sound_seconds=0.9)


@pytest.fixture(scope="session")
def long_clip(tmp_path_factory, moving_clip, encode):
    """A shot of 61 frames, which are two pieces with a join of 24 frames, and one of 6."""
    frames = [*moving_clip(61, 48, 64, (1, 0), 1)[0], *moving_clip(6, 48, 64, (-1, 2), 40)[0]]
    assert len(frames) == LONG
    return encode(tmp_path_factory.mktemp("long") / "clip.mp4", frames)


@pytest.fixture(scope="session")
def argv(clip, long_clip, style_file):
    """Returns ``argv(output, *more)``: the arguments of the command.

    It dreams where told how, and takes the long clip where told how to divide it.
    """

    def arguments(output, *more):
        source = long_clip if "--longest-stretch" in more else clip
        dream = [] if "--dream-steps" in more else ["--no-dream"]
        return [source, style_file, "-o", output, *QUICK, *dream, *more]

    return arguments


@pytest.fixture(scope="session")
def whole(server, argv, contents, tmp_path_factory):
    """Returns ``whole(name, *more)``: what a run that nothing disturbs leaves, and its seconds."""
    made = {}

    def result(name, *more):
        if (name, *more) not in made:
            place = tmp_path_factory.mktemp("whole")
            began = time.monotonic()
            run = server.start(argv(name, *more), place)
            assert run.wait() == 0, run.said()
            made[name, *more] = contents(place), time.monotonic() - began
        return made[name, *more]

    return result


@pytest.fixture
def place(tmp_path):
    """A folder of its own for the output, with nothing else in it."""
    folder = tmp_path / "place"
    folder.mkdir()
    return folder


@pytest.fixture
def clear(place):
    """Returns ``clear()``: empties the folder of the output."""

    def empty():
        for item in place.iterdir():
            shutil.rmtree(item) if item.is_dir() else item.unlink()

    return empty


@pytest.fixture
def go(server, argv, place):
    """Returns ``go(output, *more, **how)``: starts the command in ``place``."""

    def start(output, *more, **how):
        return server.start(argv(output, *more), place, **how)

    return start


@pytest.fixture
def goes_on(go, whole, contents, place):
    """Returns ``goes_on(output, *more)``: the same command ends well, with the same bytes."""

    def check(output, *more, **how):
        run = go(output, *more, **how)
        assert run.wait() == 0, run.said()
        assert contents(place) == whole(output, *more)[0]
        return run.said()

    return check


@pytest.fixture(scope="session")
def one_line():
    """Returns ``one_line(run, code)``: waits for a run that fails, and returns the line it says."""

    def line(run, *codes):
        assert run.wait() in codes, run.said()
        said = run.said()
        assert "Traceback" not in said
        errors = [text for text in said.splitlines() if text.startswith("framestyle: ")]
        assert said.splitlines()[-1] == errors[-1]
        return errors[-1]

    return line


@pytest.fixture
def small_disk(tmp_path):
    """Returns ``small_disk(size)``: a file system of so many bytes; skips where none may be had."""
    mounted = []

    def make(size):
        folder = tmp_path / "disk"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)]
        if os.geteuid() != 0 or shutil.which("mount") is None:
            pytest.skip("may not mount a file system")
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("may not mount a file system")
        mounted.append(folder)
        return folder

    yield make
    for folder in mounted:
        while folder.is_mount():
            subprocess.run(["umount", "-l", str(folder)], check=True)
