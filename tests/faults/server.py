"""Runs the command again and again in processes that can be killed, without loading torch anew.

Reads one JSON object a line: ``{"start": {...}}`` forks and answers the number of the process,
``{"wait": number}`` answers how it ended: its exit code, -N for signal N, or None where it hangs.

What a start may say: ``argv``, ``cwd``, ``log`` (a file for all it says), ``save_seconds`` and
``segment_frames`` (of the run, to have more of what may break), ``file_limit`` (no file grows
beyond so many bytes), ``signal_at_save`` ([N, signal]: it sends itself a signal when it has saved
its state N times), ``power`` (see power.py) and ``env``.
"""

import json
import os
import resource
import signal
import sys
import time
import traceback

from power import PowerCut

import framestyle.jobs.run  # everything slow, before the forks
from framestyle.cli import main
from framestyle.jobs import departures
from framestyle.media import writer

WAIT_SECONDS = 120.0


def start(job):
    number = os.fork()
    if number == 0:
        code = 99
        try:
            prepare(job)
            code = main(job["argv"])
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    return number


def prepare(job):
    os.chdir(job["cwd"])
    log = os.open(job["log"], os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ.update(job.get("env", {}))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    departures.SAVE_SECONDS = job.get("save_seconds", 0.0)
    writer.open_sink.__kwdefaults__["segment_frames"] = job.get("segment_frames", 7)
    if "signal_at_save" in job:
        signal_at_save(*job["signal_at_save"])
    if "power" in job:
        PowerCut(**job["power"]).watch()
    if "file_limit" in job:
        resource.setrlimit(resource.RLIMIT_FSIZE, (job["file_limit"], resource.RLIM_INFINITY))


def signal_at_save(count, number):
    save, saved = departures.Checkpoints.save, []

    def saving(self):
        did = save(self)
        saved.append(1)
        if len(saved) == count:
            os.kill(os.getpid(), number)
        return did

    departures.Checkpoints.save = saving


def wait(number):
    end = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < end:
        ended, status = os.waitpid(number, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(number, signal.SIGKILL)
    os.waitpid(number, 0)
    return None


if __name__ == "__main__":
    assert framestyle.jobs.run
    for line in sys.stdin:
        asked = json.loads(line)
        answer = start(asked["start"]) if "start" in asked else wait(asked["wait"])
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
