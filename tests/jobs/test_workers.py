"""Several parts of a clip at the same time: the same bytes, whatever stops or damages the run."""

import random
import threading
import time
from contextlib import suppress
from itertools import pairwise

import cv2
import numpy as np
import pytest
import torch

from framestyle.config import ComputeSettings, Config, StyleSettings
from framestyle.errors import JobError, UnfinishedJobError
from framestyle.jobs import departures, making
from framestyle.jobs.concurrency import searches_for, stylers_for, worker_count, writers_for
from framestyle.jobs.device import Device
from framestyle.jobs.making import COUNT_FILE
from framestyle.jobs.parts import JOINED_FRAMES, Part
from framestyle.jobs.places import folder_beside
from framestyle.jobs.run import run
from framestyle.jobs.shots import Stretch
from framestyle.jobs.workers import Waiting
from framestyle.motion import CachedFlow, DenseInverseSearch, Raft
from framestyle.networks import Room
from framestyle.networks.footprint import Footprint
from framestyle.progress import FrameDone, IterationDone, Notice, RunStarted
from framestyle.stages import FrameStyler, StyleStage

FRAMES = 14
LONG = 66
CPU = Device(torch.device("cpu"), torch.float32)


@pytest.fixture(scope="module")
def shots_folder(tmp_path_factory, moving_clip, save_picture):
    """Four shots, of 3, 5, 2 and 4 frames."""
    folder = tmp_path_factory.mktemp("shots")
    scenes = [(3, (2, 1), 1), (5, (-1, 2), 40), (2, (0, 0), 7), (4, (1, -2), 90)]
    frames = [f for count, step, seed in scenes for f in moving_clip(count, 48, 64, step, seed)[0]]
    assert len(frames) == FRAMES
    for i, pixels in enumerate(frames):
        save_picture(folder / f"{i:02d}.png", pixels)
    (folder.parent / "named.txt").write_text("1 3\n4 8\n9 10\n11 14\n")
    return folder


@pytest.fixture(scope="module")
def long_folder(tmp_path_factory, moving_clip, save_picture):
    """One shot of 66 frames."""
    folder = tmp_path_factory.mktemp("long")
    for i, pixels in enumerate(moving_clip(LONG, 48, 64, (1, 0), 5)[0]):
        save_picture(folder / f"{i:02d}.png", pixels)
    return folder


@pytest.fixture
def go(shots_folder, style_file, quick):
    """Returns ``go(output, workers, hear, ...)``: a run of the four shots, or of another clip."""

    def start(output, workers, hear=lambda event: None, source=None, **changes):
        source = source or shots_folder
        if source == shots_folder:
            named = shots_folder.parent / "named.txt"
            changes["motion"] = {"shots": named, **changes.get("motion", {})}
        config = quick.changed({"compute": {"workers": workers}}).changed(changes)
        return run(source, [(style_file, 1.0)], output, config, hear)

    return start


CHEAP = {
    "dream": {"enabled": False},
    "style": {"first_iterations": 2, "iterations": 1},
}
DIVIDED = {**CHEAP, "motion": {"longest_stretch": 60}}


# --- the same bytes ------------------------------------------------------------------------------


@pytest.mark.parametrize("passes", [1, 2, 3])
def test_the_number_of_workers_changes_no_byte(passes, go, contents, tmp_path):
    made = {
        workers: contents(go(tmp_path / f"{workers}", workers, motion={"passes": passes}))
        for workers in (1, 2, 3)
    }
    assert len(made[1]) == FRAMES
    assert made[2] == made[1]
    assert made[3] == made[1]
    assert {path.name for path in tmp_path.iterdir()} == {"1", "2", "3"}


@pytest.mark.parametrize("passes", [1, 2])
@pytest.mark.parametrize("count", ["searches_for", "writers_for"])
def test_how_many_search_for_flow_or_encode_changes_no_byte(
    count, passes, go, contents, tmp_path, monkeypatch
):
    expected = contents(go(tmp_path / "one", 1, motion={"passes": passes}))
    monkeypatch.setattr(making, count, lambda *about: 3)
    for workers in (1, 2):
        out = go(tmp_path / f"{workers}", workers, motion={"passes": passes})
        assert contents(out) == expected


@pytest.mark.parametrize(
    ("size", "writers"), [((48, 64), 4), ((2160, 3840), 3), ((4320, 7680), 1), ((9000, 9000), 1)]
)
def test_results_for_a_gpu_are_encoded_at_the_same_time_as_far_as_memory_goes(size, writers):
    assert writers_for(GPU, size) == writers
    assert writers_for(Device(torch.device("cpu"), torch.float32), size) == 1


def test_a_run_with_several_searches_goes_on_where_it_was(go, contents, tmp_path, monkeypatch):
    expected = contents(go(tmp_path / "whole", 1))
    monkeypatch.setattr(making, "searches_for", lambda *about: 4)
    monkeypatch.setattr(making, "writers_for", lambda *about: 4)

    def stop(event):
        if isinstance(event, FrameDone) and event.frame == 5:
            raise KeyboardInterrupt

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        go(tmp_path / "out", 1, stop)
    assert threading.active_count() == before
    assert contents(go(tmp_path / "out", 1)) == expected


GPU = Device(torch.device("cuda"), torch.bfloat16)


@pytest.mark.parametrize("name", ["cpu", "mps"])
def test_threads_that_have_a_frame_to_make_have_none_to_spare_for_a_search(name):
    device = Device(torch.device(name), torch.float32)
    assert searches_for(DenseInverseSearch(), device, (48, 64)) == 1
    assert searches_for(None, GPU, (48, 64)) == 1


@pytest.mark.parametrize(
    ("threads", "size", "workers", "searches"),
    [
        (1, (48, 64), 1, 1),
        (6, (512, 512), 1, 6),
        (16, (1080, 1920), 1, 10),
        (8, (1080, 1920), 2, 5),
        (16, (2160, 3840), 1, 2),
        (16, (8000, 8000), 1, 1),
    ],
)
def test_threads_of_the_cpu_search_for_a_gpu_as_far_as_memory_goes(
    threads, size, workers, searches
):
    torch.set_num_threads(threads)
    assert searches_for(DenseInverseSearch(), GPU, size, workers) == searches
    assert torch.get_num_threads() == threads // searches


def test_who_searches_one_after_the_other_is_asked_for_the_next_in_time(tmp_path):
    raft = Raft(torch.nn.Conv2d(1, 1, 1))
    for flow in (raft, CachedFlow(raft, tmp_path)):
        torch.set_num_threads(6)
        assert searches_for(flow, GPU, (512, 512)) == 2


def test_a_video_with_sound_comes_out_whole(moving_clip, encode, style_file, quick, tmp_path):
    frames = [*moving_clip(6, 48, 64, (2, 1), 1)[0], *moving_clip(5, 48, 64, (-1, 2), 40)[0]]
    clip = encode(tmp_path / "clip.mp4", frames, sound_seconds=0.4)
    made = []
    for workers in (1, 2):
        config = quick.changed({"compute": {"workers": workers}})
        heard = []
        out = run(clip, [(style_file, 1.0)], tmp_path / f"{workers}.mp4", config, heard.append)
        made.append(out.read_bytes())
        told = [event.message for event in heard if isinstance(event, Notice)]
        assert any("2 parts of the clip are made at the same time" in line for line in told) == (
            workers == 2
        )
    assert made[0] == made[1]


def test_every_frame_is_told_once(go, tmp_path):
    heard = []
    go(tmp_path / "out", 3, heard.append)
    made = sorted(event.frame for event in heard if isinstance(event, FrameDone))
    assert made == list(range(FRAMES))
    assert [e for e in heard if isinstance(e, RunStarted)] == [RunStarted(FRAMES, 0)]
    still = {9}  # nothing of it is new
    assert {e.frame for e in heard if isinstance(e, IterationDone)} == set(range(FRAMES)) - still


def test_threads_are_put_back_and_none_is_left(go, tmp_path):
    before = torch.get_num_threads(), cv2.getNumThreads(), threading.active_count()
    go(tmp_path / "out", 2, compute={"threads": 2})
    assert (torch.get_num_threads(), cv2.getNumThreads(), threading.active_count()) == before


# --- pieces of a shot ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def divided(long_folder, style_file, quick, contents, tmp_path_factory):
    """The files of the long shot in two pieces, made by a run that nothing disturbs."""
    out = tmp_path_factory.mktemp("divided") / "out"
    config = quick.changed({"compute": {"workers": 1}}).changed(DIVIDED)
    return contents(run(long_folder, [(style_file, 1.0)], out, config))


def picture(data):
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).astype(float)


def test_pieces_are_the_same_whoever_makes_them(divided, go, long_folder, contents, tmp_path):
    assert contents(go(tmp_path / "out", 2, source=long_folder, **DIVIDED)) == divided


def test_a_piece_turns_into_the_next(divided, go, long_folder, contents, tmp_path):
    """Before the join all is as undivided, after it as if the piece were a clip of its own."""
    half = LONG // 2
    whole = contents(go(tmp_path / "whole", 1, source=long_folder, **CHEAP))
    named = tmp_path / "cut.txt"
    named.write_text(f"1 {half}\n{half + 1} {LONG}\n")
    parted = contents(
        go(tmp_path / "parted", 1, source=long_folder, **CHEAP, motion={"shots": named})
    )
    names = sorted(divided)
    joined = range(half, half + JOINED_FRAMES)
    for i, name in enumerate(names):
        if i < half:
            assert divided[name] == whole[name]
        elif i not in joined:
            assert divided[name] == parted[name]
    steps = [np.abs(picture(divided[a]) - picture(divided[b])).mean() for a, b in pairwise(names)]
    cut = np.abs(picture(parted[names[half - 1]]) - picture(parted[names[half]])).mean()
    usual = float(np.median(steps[: half - 1]))
    assert cut > 1.2 * usual  # where nothing joins them, there is a jump
    assert max(steps[half - 1 : half + JOINED_FRAMES]) < usual + 0.5 * (cut - usual)


# --- little room on the disk ---------------------------------------------------------------------


@pytest.mark.parametrize("passes", [1, 2, 3])
def test_with_little_room_workers_wait_and_make_the_same(
    passes, go, contents, monkeypatch, tmp_path
):
    """While the first part is held up, the others come no further than there is room."""
    how = {"motion": {"passes": passes}}
    whole = contents(go(tmp_path / "whole", 1, **how))
    room, most, waiting = 2, 2 + 2, []
    monkeypatch.setattr(making, "waiting_room", lambda *given: room)
    write = Waiting.write

    def held_up(self, frame):
        first = self._task.part.stretch.first == 0 and not waiting
        for _ in range(200 if first else 0):
            waiting.append(len(list((folder_beside(tmp_path / "out") / "ahead").glob("*.frame"))))
            time.sleep(0.01)
        write(self, frame)

    monkeypatch.setattr(Waiting, "write", held_up)
    told = []
    go(tmp_path / "out", 3, told.append, **how)
    assert contents(tmp_path / "out") == whole
    assert room <= waiting[-1] <= most  # each of the two others may have asked at the same time
    lines = [event.message for event in told if isinstance(event, Notice)]
    assert any(f"{room} frames wait on the disk" in line for line in lines)


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_with_little_room_pieces_are_joined_all_the_same(
    workers, divided, go, long_folder, contents, monkeypatch, tmp_path
):
    monkeypatch.setattr(making, "waiting_room", lambda *given: 1)
    assert contents(go(tmp_path / "out", workers, source=long_folder, **DIVIDED)) == divided


@pytest.mark.parametrize("workers", [2, 3])
def test_flows_are_kept_for_those_parts_only_that_are_being_made(workers, go, tmp_path):
    lengths, kept = (3, 5, 2, 4), []

    def look(event):
        if isinstance(event, FrameDone):
            found = (folder_beside(tmp_path / "out") / "flow").glob("*.flow")
            kept.append({int(path.name.partition("_")[0]) for path in found})

    go(tmp_path / "out", workers, look, motion={"passes": 2})
    starts = [sum(lengths[:i]) for i in range(len(lengths))]
    for firsts in kept:
        parts = {max(start for start in starts if start <= first) for first in firsts}
        assert len(parts) <= workers
    assert max(len(firsts) for firsts in kept) > 1


# --- going on ------------------------------------------------------------------------------------


class StopAt:
    """Breaks a run off after some events of a kind, in whichever thread they come."""

    def __init__(self, kind, count):
        self.kind, self.left, self.started = kind, count, None

    def __call__(self, event):
        if isinstance(event, RunStarted):
            self.started = event
        if isinstance(event, self.kind):
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt


@pytest.fixture
def saving(monkeypatch):
    monkeypatch.setattr(departures, "SAVE_SECONDS", 0.0)


@pytest.mark.parametrize("passes", [1, 2, 3])
def test_a_stop_anywhere_changes_no_byte(saving, passes, go, contents, tmp_path):
    how = {"motion": {"passes": passes}}
    whole = contents(go(tmp_path / "whole", 1, **how))
    drawn, output, before = random.Random(passes), tmp_path / "out", 0
    for _ in range(100):
        stop = StopAt(drawn.choice([FrameDone, IterationDone]), drawn.randint(2, 9))
        with suppress(KeyboardInterrupt):
            go(output, 2, stop, **how)
        assert stop.started.done >= before  # nothing that was done is lost
        before = stop.started.done
        if output.exists():
            break
    assert contents(output) == whole
    assert {path.name for path in tmp_path.iterdir()} == {"whole", "out"}


@pytest.mark.parametrize("frame", [20, 45, 60])
def test_a_stop_in_pieces_changes_no_byte(
    saving, frame, divided, go, long_folder, contents, tmp_path
):
    with pytest.raises(KeyboardInterrupt):
        go(tmp_path / "out", 2, StopAt(FrameDone, frame), source=long_folder, **DIVIDED)
    heard, told = StopAt(FrameDone, 1000), []
    go(
        tmp_path / "out",
        2,
        lambda event: (told.append(str(event)), heard(event)),
        source=long_folder,
        **DIVIDED,
    )
    assert heard.started.done >= frame - 8
    assert any("frames wait on the disk for their turn: checking them" in line for line in told)
    assert contents(tmp_path / "out") == divided


def damage_all(folder, pattern):
    found = sorted(folder.glob(pattern))
    for path in found:
        path.write_bytes(path.read_bytes()[:-7] + b"damaged")
    return len(found)


@pytest.mark.parametrize("what", ["*.frame", "part-*", "*"])
def test_what_is_damaged_is_made_again(saving, what, go, contents, tmp_path):
    whole = contents(go(tmp_path / "whole", 1))
    output = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        go(output, 2, StopAt(FrameDone, 9))
    assert damage_all(folder_beside(output) / "ahead", what) > 0
    go(output, 2)
    assert contents(output) == whole


@pytest.mark.parametrize("what", ["ahead/*.frame", "ahead/join-*", "passes/*", "[ap]*[ds]/*"])
def test_what_is_damaged_of_pieces_is_made_again(
    saving, what, divided, go, long_folder, contents, monkeypatch, tmp_path
):
    """Both pieces are made, and the join is broken off in its middle."""
    output, joined = tmp_path / "out", []
    step = FrameStyler.step

    def stops(self, *given, join=None, **how):
        joined.extend([join] if join is not None else [])
        if len(joined) == 9:
            raise KeyboardInterrupt
        return step(self, *given, join=join, **how)

    with monkeypatch.context() as patch:
        patch.setattr(FrameStyler, "step", stops)
        with pytest.raises(KeyboardInterrupt):
            go(output, 2, source=long_folder, **DIVIDED)
    assert damage_all(folder_beside(output), what) > 0
    go(output, 2, source=long_folder, **DIVIDED)
    assert contents(output) == divided


def test_memory_that_has_shrunk_changes_no_byte(saving, go, contents, monkeypatch, tmp_path):
    """How many workers there are by themselves follows from it once, when the job begins."""
    how = {"compute": {"workers": None, "threads": 2}}
    whole = contents(go(tmp_path / "whole", None, **how))
    with pytest.raises(KeyboardInterrupt):
        go(tmp_path / "out", None, StopAt(FrameDone, 9), **how)
    told = []
    monkeypatch.setattr(making, "worker_count", lambda *given: 1)
    go(tmp_path / "out", None, told.append, **how)
    assert any("2 parts" in event.message for event in told if isinstance(event, Notice))
    assert contents(tmp_path / "out") == whole


def test_one_worker_goes_on_with_what_several_have_begun(saving, go, tmp_path):
    """Where it is not known any more how many there were."""
    output = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        go(output, None, StopAt(FrameDone, 9), compute={"workers": None, "threads": 2})
    (folder_beside(output) / COUNT_FILE).unlink()
    go(output, None, compute={"workers": None, "threads": 2})
    assert len(list(output.iterdir())) == FRAMES


def test_other_settings_are_refused_though_only_a_later_part_has_begun(
    saving, go, monkeypatch, tmp_path
):
    """The first part is broken off in its first frame, when another one has saved something."""
    output, begun, step = tmp_path / "out", [], FrameStyler.step

    def waits(self, *given, **how):
        begun.append(self)
        if len(begun) == 1:
            while not list((folder_beside(output) / "ahead").glob("part-*-*")):
                time.sleep(0.01)
            raise KeyboardInterrupt
        return step(self, *given, **how)

    with monkeypatch.context() as patch:
        patch.setattr(FrameStyler, "step", waits)
        with pytest.raises(KeyboardInterrupt):
            go(output, 2)
    with pytest.raises(UnfinishedJobError, match="--restart"):
        go(output, 2, style={"first_iterations": 3})
    go(output, 2)


# --- errors --------------------------------------------------------------------------------------


def test_an_error_of_a_worker_names_the_frame_and_keeps_the_work(
    saving, go, contents, monkeypatch, tmp_path
):
    whole = contents(go(tmp_path / "whole", 1))
    step, made = FrameStyler.step, []

    def fails_at_the_seventh(self, *given, **how):
        result, state = step(self, *given, **how)
        made.append(result)
        return (result * float("nan") if len(made) == 7 else result), state

    with monkeypatch.context() as patch:
        patch.setattr(FrameStyler, "step", fails_at_the_seventh)
        with pytest.raises(JobError, match=r"frame \d+ .*not finite"):
            go(tmp_path / "out", 2)
    heard = StopAt(FrameDone, 1000)
    go(tmp_path / "out", 2, heard)
    assert heard.started.done > 0
    assert contents(tmp_path / "out") == whole


def test_a_frame_that_cannot_be_read_is_named(go, shots_folder, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for path in shots_folder.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())

    def hear(event):
        if isinstance(event, RunStarted):
            (folder / "12.png").write_bytes(b"no picture")

    named = shots_folder.parent / "named.txt"
    with pytest.raises(JobError, match=r"frame 13\b"):
        go(tmp_path / "out", 2, hear, source=folder, motion={"shots": named})
    assert not (tmp_path / "out").exists()


# --- how many ------------------------------------------------------------------------------------


SIZE = (200, 200)


@pytest.fixture
def styler(random_network):
    """Returns ``styler(budget)``: what makes frames in so many bytes."""

    def make(budget=None):
        room = Room(budget)
        stage = StyleStage(
            random_network,
            StyleSettings(style_weight=1.0),
            (("fire3", 1.0),),
            (("fire2", 1.0),),
            [(1.0, torch.rand(1, 3, 32, 32))],
            room,
        )
        return FrameStyler(Config(), None, stage, room=room)

    return make


def counted(styler, parts, threads, device="cpu", **settings):
    """Return how many workers there are for so many parts and threads."""
    torch.set_num_threads(threads)  # what a test sets is put back after it
    where = Device(torch.device(device), torch.float32)
    stretches = [Part(Stretch(i, i + 1)) for i in range(parts)]
    return worker_count(ComputeSettings(**settings), where, stretches, styler, SIZE)


@pytest.mark.parametrize(
    ("parts", "threads", "expected"), [(1, 4, 1), (3, 1, 1), (3, 2, 2), (3, 4, 3), (99, 64, 8)]
)
def test_on_a_cpu_there_are_as_many_as_threads_and_parts(styler, parts, threads, expected):
    assert counted(styler(), parts, threads) == expected


def test_on_a_gpu_there_is_one_unless_asked(styler):
    assert counted(styler(), 5, 4, "cuda") == 1
    assert counted(styler(), 5, 4, "cuda", workers=3) == 3


def test_the_user_has_the_last_word_but_no_one_is_idle(styler):
    assert counted(styler(), 5, 2, workers=4) == 4
    assert counted(styler(), 2, 8, workers=4) == 2
    assert counted(styler(), 5, 8, workers=1) == 1


def test_where_tiles_would_be_needed_there_are_fewer(styler):
    stage = styler().style
    stages = list(stage.extract._stages)
    wanted = [number for number, tap in enumerate(stage.extract._taps) if tap is not None]
    need = Footprint(stages, SIZE, torch.float32, wanted).peak_bytes()
    assert counted(styler(need), 5, 4) == 1
    assert counted(styler(2 * need), 5, 4) == 2
    assert counted(styler(3 * need + 9), 5, 4) == 3
    assert counted(styler(9 * need), 5, 4) == 4


def test_workers_share_networks_memory_and_threads(styler):
    torch.set_num_threads(5)
    told = []
    one = styler(3000)
    made = stylers_for(2, one, CPU, ComputeSettings(), told.append)
    assert torch.get_num_threads() == 2
    assert [other.room.budget_bytes for other in made] == [1500, 1500]
    assert made[0].room is not made[1].room
    assert all(other.style.room is other.room for other in made)
    assert all(other.style.network is one.style.network for other in made)
    assert "2 parts" in told[0].message
    assert stylers_for(1, one, CPU, ComputeSettings(), told.append) == [one]
