"""Two thousand frames: memory and open files stay as they are after the first few."""

import json
import subprocess
import sys

import pytest

FRAMES = 2000
SOAK = """
import json, os, sys, threading
from pathlib import Path
import framestyle
from framestyle import Config
from framestyle.jobs import departures
from framestyle.progress import FrameDone

departures.SAVE_SECONDS = 1.0
source, style, output = sys.argv[1:]
config = Config().changed({
    "dream": {"steps": 1, "next_steps": 1, "octaves": 1},
    "style": {"first_iterations": 2, "iterations": 1, "scales": 1},
    "motion": {"cuts": False},
    "compute": {"networks": "lite", "threads": 1, "precision": "fp32", "device": "cpu"},
})

def job_bytes():
    found = Path(output + ".framestyle-job").rglob("*")
    return sum(path.stat().st_size for path in found if path.is_file())

def hear(event):
    if isinstance(event, FrameDone) and event.frame % 100 == 99:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        seen = [event.frame + 1, pages * os.sysconf("SC_PAGE_SIZE") / 1e6]
        seen += [len(os.listdir("/proc/self/fd")), threading.active_count(), job_bytes() / 1e6]
        print(json.dumps(seen), flush=True)

framestyle.stylize_video(source, style, output, config, hear)
"""


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", ["out.mp4", "out"])
def test_two_thousand_frames(name, texture, encode, style_file, tmp_path):
    plane = texture(64, 64 + FRAMES // 8, 3)
    frames = [plane[:48, t // 8 : t // 8 + 64] for t in range(FRAMES)]
    clip = encode(tmp_path / "clip.mp4", frames)
    command = [sys.executable, "-c", SOAK, str(clip), str(style_file), str(tmp_path / name)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    seen = [json.loads(line) for line in ran.stdout.splitlines()]
    assert len(seen) == FRAMES // 100
    for frame, megabytes, files, threads, job in seen:  # docs/reliability.md has the figures
        sys.stderr.write(
            f"{name}: frame {frame}: {megabytes:.1f} MB of memory, {files} open files, "
            f"{threads} threads, job folder {job:.2f} MB\n"
        )
    early, late = seen[2:10], seen[10:]
    assert max(row[1] for row in late) < 1.03 * max(row[1] for row in early)
    for column in (2, 3):
        assert max(row[column] for row in late) <= max(row[column] for row in early)
    assert {path.name for path in tmp_path.iterdir()} == {"clip.mp4", name}
