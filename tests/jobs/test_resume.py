"""A run that was cut off goes on with the same call, and gives the same bytes."""

import json
import shutil
import subprocess
import sys

import pytest
from imageio_ffmpeg import get_ffmpeg_exe

from framestyle.cli import config_file
from framestyle.errors import FramestyleError, JobError
from framestyle.jobs.places import folder_beside
from framestyle.jobs.run import run
from framestyle.progress import FrameDone, IterationDone, RunStarted

KILLED = """
import os, signal, sys, time, tomllib
from pathlib import Path
from framestyle.config import Config
from framestyle.jobs import departures
from framestyle.jobs.folder import JobFolder
from framestyle.jobs.run import run
from framestyle.progress import FrameDone

source, style, output, settings, count = sys.argv[1:]
job, count, hear = Path(output + ".framestyle-job"), int(count), lambda event: None

def die():
    os.kill(os.getpid(), signal.SIGKILL)

{when}
changes = tomllib.loads(settings)
changes.pop('run')
run(source, [(Path(style), 1.0)], output, Config().changed(changes), hear)
"""

AFTER_A_FRAME = """
departures.SAVE_SECONDS = 0.0

def hear(event):
    if isinstance(event, FrameDone) and event.frame == count:
        while not list(job.glob("state-*")):
            time.sleep(0.01)
        die()
"""

WHILE_REMOVED = """
remove, clear, called = JobFolder.remove, JobFolder._clear, []

def removing(job):
    def dying(job, but=()):
        if len(called) == count:
            die()
        called.append(but)
        clear(job, but)
    JobFolder._clear = dying
    remove(job)

JobFolder.remove = removing
"""


def settings_of(config):
    """All settings as a configuration file has them."""
    return config_file.written(None, (), None, config)


class StopAfter:
    """A progress callback that breaks off after a frame, and knows how many were done before."""

    def __init__(self, frame=None, at=FrameDone):
        self.frame, self.at, self.done, self.made = frame, at, None, []

    def __call__(self, event):
        if isinstance(event, RunStarted):
            self.done = event.done
        if isinstance(event, FrameDone):
            self.made.append(event.frame)
        if isinstance(event, self.at) and event.frame == self.frame:
            raise KeyboardInterrupt


@pytest.fixture
def start(frames_folder, clip_file, style_file, quick):
    """Returns ``start(output, stop)``: runs the folder, or the clip where a video comes out."""

    def go(output, stop=None, config=quick, source=None, style=None):
        is_video = output.suffix in (".mp4", ".mkv", ".gif")
        source = source or (clip_file if is_video else frames_folder)
        hear = stop or StopAfter()
        return run(source, [(style or style_file, 1.0)], output, config, hear)

    return go


@pytest.fixture
def killed(frames_folder, clip_file, style_file, quick):
    """Returns ``killed(output, when, count)``: has a run of the folder or the clip be killed."""

    def go(output, when, count):
        source = clip_file if output.suffix == ".mp4" else frames_folder
        arguments = [source, style_file, output, settings_of(quick), count]
        script = KILLED.replace("{when}", when)
        ended = subprocess.run(
            [sys.executable, "-c", script, *map(str, arguments)], capture_output=True, check=False
        )
        assert ended.returncode == -9, ended.stderr.decode()

    return go


@pytest.fixture(scope="module")
def uninterrupted(
    frames_folder, clip_file, style_file, quick, contents, packets_of, tmp_path_factory
):
    """Returns ``uninterrupted(name)``: what a run that nothing disturbs leaves under a name."""
    made = {}

    def result(name):
        if name not in made:
            place = tmp_path_factory.mktemp("whole")
            source = clip_file if "." in name and "%" not in name else frames_folder
            run(source, [(style_file, 1.0)], place / name, quick)
            made[name] = contents(place)
            if name == "out.mp4":
                assert packets_of(place / name, "a") == packets_of(clip_file, "a")
        return made[name]

    return result


@pytest.mark.parametrize(
    ("name", "frame"),
    [
        *(("out", frame) for frame in range(5)),
        ("f%02d.png", 1),
        ("out.mp4", 0),
        ("out.mp4", 3),
        ("out.mp4", 4),
        ("out.gif", 2),
    ],
)
def test_goes_on_with_the_same_bytes(name, frame, start, uninterrupted, contents, tmp_path):
    output = tmp_path / name
    with pytest.raises(KeyboardInterrupt):
        start(output, StopAfter(frame))
    assert not output.exists()
    assert {path.name for path in tmp_path.iterdir()} == {f"{name}.framestyle-job"}
    second = StopAfter()
    start(output, second)
    assert second.done == frame + 1
    assert second.made == list(range(frame + 1, 5))
    assert contents(tmp_path) == uninterrupted(name)


@pytest.fixture(scope="module")
def uneven_clip(tmp_path_factory, clip_file):
    """The clip, interlaced, its frames at uneven times, with its sound."""
    path = tmp_path_factory.mktemp("uneven") / "clip.mkv"
    late = "settb=1/1000,setpts='eq(N,1)*17+eq(N,2)*100+eq(N,3)*1600+eq(N,4)*1633',setfield=tff"
    command = [get_ffmpeg_exe(), "-v", "error", "-i", str(clip_file), "-vf", late, "-c:v", "ffv1"]
    command += ["-fps_mode", "passthrough", "-enc_time_base", "1/1000", "-c:a", "copy", str(path)]
    subprocess.run(command, check=True)
    return path


@pytest.mark.parametrize("name", ["out.mp4", "out.webp"])
def test_uneven_times_come_out_the_same(
    name, uneven_clip, start, quick, packets_of, contents, tmp_path
):
    plain = quick.changed({"dream": {"enabled": False}, "style": {"enabled": False}})
    start(tmp_path / f"whole-{name}", None, plain, uneven_clip)
    for frame in (0, 2, 3):
        with pytest.raises(KeyboardInterrupt):
            start(tmp_path / name, StopAfter(frame), plain, uneven_clip)
    start(tmp_path / name, None, plain, uneven_clip)
    assert contents(tmp_path / name) == contents(tmp_path / f"whole-{name}")
    if name == "out.mp4":
        tick, packets = packets_of(tmp_path / name, "v")
        shown = [pts * tick * 1000 for pts, _ in sorted(packets)]
        assert shown == [0, 17, 100, 1600, 1633]
        sounds = [packets_of(path, "a")[1] for path in (tmp_path / name, uneven_clip)]
        assert [h for _, h in sounds[0]] == [h for _, h in sounds[1]] != []


def test_is_broken_off_many_times(start, uninterrupted, contents, tmp_path):
    for frame in (0, 2, 3):
        with pytest.raises(KeyboardInterrupt):
            start(tmp_path / "out.mp4", StopAfter(frame))
    start(tmp_path / "out.mp4")
    assert contents(tmp_path) == uninterrupted("out.mp4")


def test_a_frame_under_way_is_made_again(start, uninterrupted, contents, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        start(tmp_path / "out", StopAfter(2, at=IterationDone))
    second = StopAfter()
    start(tmp_path / "out", second)
    assert second.done == 2
    assert contents(tmp_path) == uninterrupted("out")


def test_nothing_is_kept_where_nothing_was_done(start, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        start(tmp_path / "out", StopAfter(0, at=IterationDone))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "frame"), [("out", 3), ("out.mp4", 2)])
def test_outlives_a_kill(name, frame, killed, start, uninterrupted, contents, tmp_path):
    killed(tmp_path / name, AFTER_A_FRAME, frame)
    assert not (tmp_path / name).exists()
    second = StopAfter()
    start(tmp_path / name, second)
    assert 1 <= second.done <= frame + 1
    assert contents(tmp_path) == uninterrupted(name)


@pytest.mark.parametrize("name", ["out", "f%02d.png", "out.mp4"])
@pytest.mark.parametrize("calls", [0, 1])
def test_outlives_a_kill_while_it_takes_away_its_folder(
    name, calls, killed, start, uninterrupted, contents, tmp_path
):
    """The states are gone by then, and with them how many frames are done."""
    killed(tmp_path / name, WHILE_REMOVED, calls)
    assert folder_beside(tmp_path / name).is_dir()
    second = StopAfter()
    start(tmp_path / name, second)
    assert second.made == []
    assert contents(tmp_path) == uninterrupted(name)


def refuse(start, *arguments, **more):
    stop = StopAfter()
    with pytest.raises(JobError) as caught:
        start(*arguments, stop, **more)
    assert caught.value.exit_code == 2
    assert stop.done is None
    assert "\n" not in str(caught.value)
    assert "--restart" in str(caught.value)
    return str(caught.value)


def test_other_settings_are_refused(start, quick, uninterrupted, contents, tmp_path):
    output = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        start(output, StopAfter(1))
    other = quick.changed({"style": {"iterations": 7}, "compute": {"seed": 5}})
    message = refuse(start, output, config=other)
    assert "--iterations: 3 before, 7 now" in message
    assert "--seed: 0 before, 5 now" in message
    third = StopAfter()  # what was refused has done no harm
    start(output, third)
    assert third.done == 2
    assert contents(tmp_path) == uninterrupted("out")


def test_restart_begins_anew(start, quick, contents, tmp_path):
    other = quick.changed({"style": {"iterations": 4}})
    with pytest.raises(KeyboardInterrupt):
        start(tmp_path / "out", StopAfter(2))
    second = StopAfter()
    start(tmp_path / "out", second, config=other.changed({"job": {"restart": True}}))
    assert second.done == 0
    (tmp_path / "whole").mkdir()
    start(tmp_path / "whole" / "out", config=other)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole" / "out")


def test_other_inputs_are_refused(
    start, frames_folder, texture, save_picture, style_file, tmp_path
):
    source = tmp_path / "in"
    shutil.copytree(frames_folder, source)
    style = tmp_path / "style.png"
    shutil.copy(style_file, style)
    output = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        start(output, StopAfter(1), source=source, style=style)
    save_picture(source / "shot_0008.png", texture(48, 64, 77))
    assert "shot_0008.png" in refuse(start, output, source=source, style=style)
    shutil.copy(frames_folder / "shot_0008.png", source)
    save_picture(style, texture(40, 40, 78))
    assert "style.png" in refuse(start, output, source=source, style=style)
    shutil.copy(style_file, style)
    save_picture(source / "shot_0200.png", texture(48, 64, 79))
    assert "shot_0200.png" in refuse(start, output, source=source, style=style)
    (source / "shot_0200.png").unlink()
    start(output, source=source, style=style)


def test_other_shots_are_refused(start, quick, frames_folder, contents, tmp_path):
    shots, output = tmp_path / "shots.txt", tmp_path / "out"
    shots.write_text("1 2\n3 5\n")
    config = quick.changed({"motion": {"shots": str(shots)}})
    with pytest.raises(KeyboardInterrupt):
        start(output, StopAfter(2), config=config)
    shots.write_text("1 3\n4 5\n")
    assert "shots.txt" in refuse(start, output, config=config)
    shots.write_text("1 2\n3 5\n")
    start(output, config=config)
    start(tmp_path / "whole", config=config)
    assert contents(output) == contents(tmp_path / "whole")


def test_other_weights_of_a_style_are_refused(
    frames_folder, style_file, texture, save_picture, quick, tmp_path
):
    other = save_picture(tmp_path / "other.png", texture(40, 40, 80))
    output = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        run(frames_folder, [(style_file, 1.0), (other, 2.0)], output, quick, StopAfter(1))
    for styles in (
        [(style_file, 1.0), (other, 2.0000001)],
        [(other, 2.0), (style_file, 1.0)],
        [(style_file, 1.0)],
    ):
        with pytest.raises(JobError, match="style"):
            run(frames_folder, styles, output, quick)


def test_other_network_weights_are_refused(start, quick, random_weights, random_model, tmp_path):
    from safetensors.torch import save_file

    path = tmp_path / "w.safetensors"
    shutil.copy(random_weights, path)
    config = quick.changed({"compute": {"weights": (f"squeezenet1_0={path}",)}})
    with pytest.raises(KeyboardInterrupt):
        start(tmp_path / "out", StopAfter(1), config=config)
    save_file({k: v * 1.01 for k, v in random_model().state_dict().items()}, path)
    assert "w.safetensors" in refuse(start, tmp_path / "out", config=config)


def test_another_form_of_output_is_refused(start, clip_file, quick, tmp_path):
    config = quick.changed({"job": {"job_dir": tmp_path / "job"}})
    with pytest.raises(KeyboardInterrupt):
        start(tmp_path / "out.mp4", StopAfter(1), config=config)
    for name in ("out.webm", "frames"):
        assert name in refuse(start, tmp_path / name, config=config, source=clip_file)
    start(tmp_path / "out.mp4", config=config)


def test_settings_without_effect_may_differ(start, quick, uninterrupted, contents, tmp_path):
    output = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        start(output, StopAfter(1))
    elsewhere = tmp_path / "elsewhere"
    folder_beside(output).rename(elsewhere)
    changes = {"output": {"overwrite": True}, "job": {"job_dir": elsewhere}}
    second = StopAfter()
    start(output, second, config=quick.changed(changes))
    assert second.done == 2
    assert contents(tmp_path) == uninterrupted("out")


@pytest.mark.parametrize("name", ["manifest.json", "state-*"])
@pytest.mark.parametrize("damage", ["empty", "cut", "nonsense", "missing"])
def test_damage_is_told(name, damage, start, quick, uninterrupted, contents, tmp_path):
    output = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        start(output, StopAfter(1))
    (path,) = folder_beside(output).glob(name)
    match damage:
        case "empty":
            path.write_bytes(b"")
        case "cut":
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        case "nonsense":
            path.write_bytes(b'["nonsense"]')
        case "missing":
            path.unlink()
    if (name, damage) == ("state-*", "missing"):
        start(output)  # nothing to go on from: it begins anew
    else:
        assert str(path) in refuse_damaged(start, output)
        start(output, config=quick.changed({"job": {"restart": True}}))
    assert contents(tmp_path) == uninterrupted("out")


@pytest.mark.parametrize("what", ["codec", "weights", "exists", "flow", "crf"])
def test_a_restart_that_is_refused_throws_nothing_away(
    what, start, quick, uninterrupted, contents, tmp_path
):
    output = tmp_path / ("out.mkv" if what == "crf" else "out.mp4")
    with pytest.raises(KeyboardInterrupt):
        start(output, StopAfter(1))
    (tmp_path / "nan.safetensors").write_bytes(b"damaged")
    changes = {
        "codec": {"output": {"codec": "libxyz"}},
        "weights": {"compute": {"weights": (f"squeezenet1_0={tmp_path}/nan.safetensors",)}},
        "exists": {},
        "flow": {
            "motion": {"flow": "raft_small"},
            "compute": {"weights": (f"raft_small={tmp_path}/nan.safetensors",)},
        },
        "crf": {"output": {"codec": "ffv1", "crf": 20}},
    }
    if what == "exists":
        output.write_bytes(b"mine")
    before = contents(tmp_path)
    refused = quick.changed(changes[what]).changed({"job": {"restart": True}})
    with pytest.raises(FramestyleError):
        start(output, config=refused)
    assert contents(tmp_path) == before
    (tmp_path / "nan.safetensors").unlink()
    output.unlink(missing_ok=True)
    second = StopAfter()
    start(output, second)
    assert second.done == 2
    assert contents(tmp_path) == uninterrupted(output.name)


def refuse_damaged(start, output):
    with pytest.raises(FramestyleError) as caught:
        start(output)
    assert "--restart" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not output.exists()
    return str(caught.value)


def test_lost_results_are_told(start, quick, tmp_path):
    output = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        start(output, StopAfter(2))
    lost = folder_beside(output) / "result" / "shot_0004.png"
    lost.unlink()
    assert str(lost) in refuse_damaged(start, output)
    start(output, config=quick.changed({"job": {"restart": True}}))


def test_two_runs_at_once(start, tmp_path):
    output = tmp_path / "out"
    refused = []

    def hear(event):
        if isinstance(event, FrameDone) and event.frame == 1:
            with pytest.raises(JobError, match="another run is at work") as caught:
                start(output)
            refused.append(caught.value)

    start(output, hear)
    assert len(refused) == 1
    assert "--job-dir" in str(refused[0])
    assert len(list(output.iterdir())) == 5


def test_what_was_chosen_by_what_there_was_stays_chosen(
    start, quick, contents, monkeypatch, tmp_path
):
    """The web is back, or the weights are: the same command goes on with the same networks."""
    config = quick.changed(
        {
            "dream": {"network": "auto"},
            "style": {"network": "auto"},
            "compute": {"networks": "auto", "weights": ()},
        }
    )
    output = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        start(output, StopAfter(2), config)
    monkeypatch.setattr("framestyle.networks.choice._size", lambda *about: ("full", "found now"))
    stop = StopAfter()
    start(output, stop, config)
    assert stop.done == 3
    monkeypatch.undo()
    start(tmp_path / "whole", None, config)
    assert contents(output) == contents(tmp_path / "whole")


@pytest.mark.parametrize("damage", [5, None, [["network", "vgg19"]], {"network": ["vgg19"]}, {}])
def test_a_manifest_whose_choices_are_damaged(damage, start, quick, tmp_path):
    config = quick.changed({"dream": {"network": "auto"}, "motion": {"flow": "auto"}})
    output = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        start(output, StopAfter(2), config)
    path = folder_beside(output) / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["settings"]["dream"] = damage
    path.write_text(json.dumps(manifest))
    with pytest.raises(FramestyleError, match="holds an unfinished run that differs"):
        start(output, None, config)
