"""Threads wait briefly for each other, unless the environment says how long."""

import os
import subprocess
import sys
import threading

import pytest

from framestyle.waiting import NICENESS, SPINS, giving_way, wait_briefly


@pytest.mark.parametrize(
    ("said", "expected"),
    [({}, SPINS), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "active"}, None)],
)
def test_the_environment_has_the_last_word(said, expected, monkeypatch):
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    wait_briefly()
    assert os.environ.get("GOMP_SPINCOUNT") == expected
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)


def test_the_command_says_so_before_torch_is_loaded():
    code = (
        "import os, sys\n"
        "from framestyle.cli import main\n"
        "assert 'torch' not in sys.modules\n"
        "main(['nothing.mp4'])\n"
        "print(os.environ['GOMP_SPINCOUNT'])\n"
    )
    free = {k: v for k, v in os.environ.items() if k not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=free)
    assert done.stdout.strip() == SPINS


def niceness():
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_a_thread_that_gives_way_leaves_the_others_as_they_are():
    before, seen = niceness(), []

    def work():
        with giving_way():
            seen.append(niceness())
            inner = threading.Thread(target=lambda: seen.append(niceness()))
            inner.start()
            inner.join()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    lower = min(19, before + NICENESS) if sys.platform == "linux" else before
    assert seen == [lower, lower]
    assert niceness() == before


def test_where_it_may_not_be_told_the_work_goes_on(monkeypatch):
    def refused(*_):
        raise PermissionError

    monkeypatch.setattr(os, "setpriority", refused, raising=False)
    with giving_way():
        before = niceness()
    assert niceness() == before
