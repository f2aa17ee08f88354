"""Memory: how much there is, and what is done where it ends."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import framestyle
from framestyle import Config
from framestyle.config import ComputeSettings
from framestyle.errors import JobError
from framestyle.jobs import memory
from framestyle.jobs.memory import GIB, device_errors, memory_of, room_on, within_memory
from framestyle.networks import Extractor, Room, network_spec, winograd
from framestyle.networks.footprint import Footprint
from framestyle.progress import Notice

CPU = torch.device("cpu")
SAMPLES = Path(__file__).parents[2] / "samples"
STYLE = SAMPLES / "styles" / "swirl.jpg"
QUICK = {
    "compute": {"networks": "lite", "precision": "fp32", "threads": 1},
    "style": {"first_iterations": 2, "scales": 1},
}


def pixels_of(height, width):
    return (np.random.default_rng(0).random((height, width, 3)) * 255).astype(np.uint8)


def test_the_settings_say_how_much_memory_there_is_else_the_device():
    assert room_on(CPU, ComputeSettings(memory=1.5)).budget_bytes == 1.5 * GIB
    assert 0.2 * memory_of(CPU) < room_on(CPU, ComputeSettings()).budget_bytes < memory_of(CPU)


@pytest.mark.skipif(sys.platform != "linux", reason="reads what Linux says of its memory")
def test_the_memory_is_no_more_than_the_machine_has():
    total = 1024 * int(Path("/proc/meminfo").read_text(encoding="ascii").split()[1])
    assert GIB // 4 < memory_of(CPU) <= 1.01 * total


@pytest.mark.parametrize(
    ("group", "limits", "expected"),
    [
        ("0::/", {"memory.max": "max"}, None),
        ("0::/", {"memory.max": "500000000"}, 500_000_000),
        (
            "0::/job/step",
            {"job/memory.max": "600000000", "job/step/memory.max": "max"},
            600_000_000,
        ),
        ("0::/job/step", {"job/memory.max": "max", "job/step/memory.max": "7000"}, 7000),
        ("5:cpu:/a\n4:memory:/a/b", {"memory/a/b/memory.limit_in_bytes": "8000"}, 8000),
        ("4:memory:/a", {"memory/memory.limit_in_bytes": "9000"}, 9000),
        ("0::/../..", {"memory.max": "4000"}, 4000),
        (None, {"memory.max": "5000"}, 5000),
    ],
)
def test_a_container_or_a_batch_job_has_less(group, limits, expected, monkeypatch, tmp_path):
    whole = memory_of(CPU)
    monkeypatch.setattr(memory, "GROUPS", tmp_path / "groups")
    monkeypatch.setattr(memory, "OWN_GROUP", tmp_path / "own")
    if group is not None:
        (tmp_path / "own").write_text(f"{group}\n")
    for name, text in limits.items():
        path = tmp_path / "groups" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    found = memory_of(CPU)
    assert found >= whole if expected is None else found == expected


def test_little_memory_gives_the_same_picture(monkeypatch):
    # products at points round by where their tiles lie, and a step of Adam goes by the sign of a
    # gradient that is almost 0
    monkeypatch.setattr(winograd, "suits", lambda x: False)
    pixels = pixels_of(300, 400)
    config = Config().changed(QUICK)
    both = {"dream": {"steps": 2}, "compute": {"memory": 0.04}}
    whole = framestyle.paint_picture(pixels, STYLE, config)
    tiled = framestyle.paint_picture(pixels, STYLE, config.changed(both))
    assert np.abs(whole.astype(int) - tiled).max() <= 1
    dreamt = framestyle.dream_picture(pixels, config.changed({"dream": {"steps": 2}}))
    in_tiles = framestyle.dream_picture(pixels, config.changed(both))
    assert np.abs(dreamt.astype(int) - in_tiles).max() <= 1
    assert np.abs(dreamt.astype(int) - pixels).mean() > 2


def test_a_run_says_in_which_tiles_its_frames_are_made(tmp_path):
    notices = []

    def listen(event):
        if isinstance(event, Notice):
            notices.append(event.message)

    tight = {"input": {"frames": 2}, "dream": {"enabled": False}, "compute": {"memory": 0.03}}
    config = Config().changed(QUICK).changed(tight)
    framestyle.stylize_video(SAMPLES / "clip.mp4", STYLE, f"{tmp_path}/out/", config, listen)
    told = [line for line in notices if "tiles" in line]
    assert len(told) == 1
    assert re.fullmatch(r"style: made in tiles of \d+ px, to stay within 0.03 GiB; .*", told[0])


def test_a_run_says_where_even_the_smallest_tiles_take_more(tmp_path):
    notices = []
    tight = {"input": {"frames": 1}, "dream": {"enabled": False}, "compute": {"memory": 0.01}}
    config = Config().changed(QUICK).changed(tight)
    framestyle.stylize_video(
        SAMPLES / "clip.mp4", STYLE, f"{tmp_path}/out/", config, notices.append
    )
    (told,) = (e.message for e in notices if isinstance(e, Notice) and "tiles" in e.message)
    assert re.search(r"take about 0\.0\d+ GiB, more than the 0.01 GiB .*nothing smaller", told)


def test_where_memory_ends_the_frame_is_made_in_smaller_tiles(monkeypatch):
    """The whole frame asks torch for more than there is; what torch raises then is real."""
    pixels, wanted, told = pixels_of(300, 400), [], []
    whole = framestyle.paint_picture(pixels, STYLE, Config().changed(QUICK))
    forward = Extractor.forward

    def greedy(extractor, image):
        wanted.append(extractor.tiling((image.shape[2], image.shape[3])))
        if wanted[-1] is None and torch.is_grad_enabled():
            torch.empty(1 << 55, dtype=torch.uint8)
        return forward(extractor, image)

    monkeypatch.setattr(Extractor, "forward", greedy)
    tight = Config().changed(QUICK).changed({"compute": {"memory": 64}})
    tiled = framestyle.paint_picture(pixels, STYLE, tight, told.append)
    notices = [event.message for event in told if isinstance(event, Notice)]
    assert "the picture: out of memory, made again in smaller tiles" in notices
    assert wanted[-1] is not None
    assert np.abs(tiled.astype(int) - whole).max() <= 1


def test_where_no_smaller_tiles_are_left_it_says_what_to_do():
    spec = network_spec("lite")
    stages = list(spec.network(spec.bare_model()).extractor(["relu5_1"])._stages)
    taken = Footprint(stages, (540, 960), torch.float32)
    room, made, told = Room(1 << 40), [], []

    def make():
        made.append(room.tiling(taken))
        return torch.empty(1 << 55, dtype=torch.uint8)  # more than any machine has

    with pytest.raises(JobError, match=r"frame 3: out of memory .*--size.*--restart"):
        within_memory(make, room, "frame 3", told.append)
    assert len(made) == len(told) + 1 > 2
    assert made[0] is None
    assert made[-1].side_px == 256


def test_on_a_gpu_it_is_made_once_more_with_what_is_only_kept_given_back(monkeypatch):
    """While another thread records, torch gives nothing back by itself, and says there is none."""
    given_back, told, made = [], [], []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: given_back.append(len(made)))

    def make():
        made.append(len(given_back))
        if len(made) == 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return len(made)

    room = Room(1 << 40)
    assert within_memory(make, room, "frame 3", told.append) == 2
    assert (made, given_back, told, room.version) == ([0, 1], [1], [], 0)


def test_other_errors_are_raised_at_once():
    told = []

    def make():
        return torch.ones(2) @ torch.ones(3)

    with pytest.raises(RuntimeError, match="size"):
        within_memory(make, Room(1 << 40), "frame 3", told.append)
    assert not told


@pytest.mark.parametrize("error", [RuntimeError("CUDA error: gone\nCompile with"), MemoryError()])
def test_what_a_device_raises_names_the_frame_in_one_line(error):
    with pytest.raises(JobError) as caught, device_errors("frame 3 (a)"):
        raise error
    assert str(caught.value).startswith("frame 3 (a): ")
    assert "the same command goes on" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 1
