"""The folder of a job: whose it is, what is kept in it, and what it never touches."""

import os
from pathlib import Path

import pytest
import torch

from framestyle.config import Config
from framestyle.errors import JobError, OutputError
from framestyle.jobs.folder import AHEAD, JobFolder
from framestyle.jobs.manifest import Manifest
from framestyle.jobs.passes import Done
from framestyle.jobs.places import MARK, choose_folder, folder_beside
from framestyle.jobs.run import run
from framestyle.stages import ClipState, FrameState

NOTHING = {"dream": {"enabled": False}, "style": {"enabled": False}}


def manifest(**settings):
    return Manifest({"style": settings}, {}, {}, {})


def state(seed=0):
    made = torch.rand(2, 1, 3, 8, 8, generator=torch.Generator().manual_seed(seed))
    return ClipState({0: FrameState(dream_delta=made[0] - 0.5, result=made[1])})


def states_in(path):
    """The saved states in a job's folder, the oldest first."""
    return sorted(path.glob("state-*.safetensors"))


def test_lies_beside_the_output(tmp_path, monkeypatch):
    assert folder_beside(Path("a/out.mp4")) == Path("a/out.mp4.framestyle-job")
    assert folder_beside(Path("a/frames/")) == Path("a/frames.framestyle-job")
    monkeypatch.chdir(tmp_path)
    assert folder_beside(Path()) == tmp_path.parent / f"{tmp_path.name}.framestyle-job"


def test_the_output_may_not_lie_in_it(tmp_path):
    for output in (tmp_path / "job" / "out.mp4", tmp_path / "job"):
        (tmp_path / "job").mkdir(exist_ok=True)
        with pytest.raises(OutputError, match="lies in the job folder"):
            choose_folder(output, tmp_path / "job")
    assert choose_folder(tmp_path / "out.mp4", tmp_path / "job") == tmp_path / "job"


def test_it_may_not_lie_in_the_output(tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(OutputError, match=r"job folder .*/out/job lies in the output"):
        choose_folder(tmp_path / "out", tmp_path / "out" / "job")


def test_a_name_that_is_too_long_for_it(tmp_path):
    """That of the output itself is not."""
    output = tmp_path / f"{'a' * 245}.mp4"
    assert not output.exists()
    with pytest.raises(OutputError, match=r"cannot make the job folder .*too long.*--job-dir"):
        choose_folder(output, None)
    assert choose_folder(output, tmp_path / "job") == tmp_path / "job"


def test_the_folder_of_the_output_must_be_there(tmp_path):
    with pytest.raises(OutputError, match="nowhere does not exist"):
        choose_folder(tmp_path / "nowhere" / "out.mp4", None)
    assert list(tmp_path.iterdir()) == []


def test_keeps_the_last_state(tmp_path):
    path = tmp_path / "job"
    with JobFolder(path) as job:
        job.begin(manifest(), restart=False)
        assert job.states.load("cpu") == (ClipState(), None)
        job.states.save(state(1), 3)
        job.states.save(state(2), 4)
    with JobFolder(path) as job:
        job.begin(manifest(), restart=False)
        loaded, done = job.states.load("cpu")
    assert done == Done(4)
    assert torch.equal(loaded.frames[0].result, state(2).frames[0].result)
    assert torch.equal(loaded.frames[0].dream_delta, state(2).frames[0].dream_delta)
    others = {item.name for item in path.iterdir()} - {path.name for path in states_in(path)}
    assert others == {MARK, "manifest.json"}


def test_another_job_is_refused_and_kept(tmp_path):
    with JobFolder(tmp_path / "job") as job:
        job.begin(manifest(iterations=3), restart=False)
        job.states.save(state(), 1)
    with (
        pytest.raises(JobError, match=r"--iterations: 3 before, 4 now") as caught,
        JobFolder(tmp_path / "job") as job,
    ):
        job.begin(manifest(iterations=4), restart=False)
    assert caught.value.exit_code == 2
    with JobFolder(tmp_path / "job") as job:
        job.begin(manifest(iterations=3), restart=False)
        assert job.states.load("cpu")[1] == Done(1)


def test_many_differences_are_counted(tmp_path):
    with JobFolder(tmp_path / "job") as job:
        job.begin(manifest(**{f"s{i}": 1 for i in range(8)}), restart=False)
        job.states.save(state(), 1)
    with pytest.raises(JobError, match="and 3 more"), JobFolder(tmp_path / "job") as job:
        job.begin(manifest(**{f"s{i}": 2 for i in range(8)}), restart=False)


def test_restart_throws_away(tmp_path):
    with JobFolder(tmp_path / "job") as job:
        job.begin(manifest(iterations=3), restart=False)
        job.states.save(state(), 1)
        (job.path / "result").mkdir()
        (job.path / "result" / "a.png").touch()
    with JobFolder(tmp_path / "job") as job:
        job.begin(manifest(iterations=4), restart=True)
        assert job.states.load("cpu") == (ClipState(), None)
        assert not (job.path / "result").exists()


def test_without_a_state_what_is_there_is_worth_nothing(tmp_path):
    path = tmp_path / "job"
    job = JobFolder(path)  # as if killed
    job.begin(manifest(iterations=3), restart=False)
    (path / "result").mkdir()
    job._lock.release()
    with JobFolder(path) as job:
        job.begin(manifest(iterations=4), restart=False)
        assert not (path / "result").exists()


def test_goes_where_nothing_was_done(tmp_path):
    def fail():
        with JobFolder(tmp_path / "job") as job:
            job.begin(manifest(), restart=False)
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert not (tmp_path / "job").exists()


def test_one_run_at_a_time(tmp_path):
    with JobFolder(tmp_path / "job"):
        with pytest.raises(JobError, match="another run is at work"):
            JobFolder(tmp_path / "job")
        assert (tmp_path / "job").exists()
    with JobFolder(tmp_path / "job"):
        pass


def test_a_foreign_folder_is_not_touched(tmp_path, contents):
    foreign = tmp_path / "photos"
    foreign.mkdir()
    (foreign / "a.jpg").write_bytes(b"mine")
    with pytest.raises(OutputError, match=r"not framestyle's.*--job-dir"):
        JobFolder(foreign)
    assert contents(foreign) == {"a.jpg": b"mine"}


def test_a_foreign_folder_is_not_touched_by_a_run(frames_folder, contents, tmp_path):
    foreign = tmp_path / "photos"
    foreign.mkdir()
    (foreign / "a.jpg").write_bytes(b"mine")
    for restart in (False, True):
        changes = {"job": {"job_dir": foreign, "restart": restart}}
        with pytest.raises(OutputError, match="photos"):
            run(
                frames_folder,
                [],
                tmp_path / "out",
                Config().changed(NOTHING).changed(changes),
            )
    assert contents(tmp_path) == {"photos/a.jpg": b"mine"}


def test_an_output_in_its_job_folder_is_refused(frames_folder, tmp_path):
    changes = {"job": {"job_dir": tmp_path / "out"}, "output": {"overwrite": True}}
    with pytest.raises(OutputError, match="lies in the job folder"):
        run(frames_folder, [], tmp_path / "out", Config().changed(NOTHING).changed(changes))
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_will_do(frames_folder, tmp_path):
    (tmp_path / "empty").mkdir()
    changes = {"job": {"job_dir": tmp_path / "empty"}}
    run(frames_folder, [], tmp_path / "out", Config().changed(NOTHING).changed(changes))
    assert len(list((tmp_path / "out").iterdir())) == 5


def test_an_empty_output_folder_is_filled_from_inside(frames_folder, tmp_path, monkeypatch):
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path / "out")
    run(frames_folder, [], ".", Config().changed(NOTHING))
    assert len(list((tmp_path / "out").iterdir())) == 5
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_file_or_a_missing_place_is_told(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "no" / "where"):
        with pytest.raises(OutputError, match=r"cannot make the job folder .*--job-dir"):
            JobFolder(path)
    assert (tmp_path / "file").read_bytes() == b""


@pytest.fixture
def saved(tmp_path):
    """A job's folder in which three states were saved, after frames 1, 2 and 3."""
    path = tmp_path / "job"
    with JobFolder(path) as job:
        job.begin(manifest(), restart=False)
        for frame in (1, 2, 3):
            job.states.save(state(frame), frame)
    return path


def load(path):
    with JobFolder(path) as job:
        job.begin(manifest(), restart=False)
        loaded, done = job.states.load("cpu")
        return done, loaded.frames[0].result


def test_two_states_are_kept(saved):
    assert len(states_in(saved)) == 2
    assert load(saved)[0] == Done(3)


def test_where_the_newest_state_is_damaged_the_one_before_is_taken(saved):
    newest = states_in(saved)[-1]
    data = bytearray(newest.read_bytes())
    data[len(data) // 2] ^= 1
    newest.write_bytes(data)
    done, result = load(saved)
    assert done == Done(2)
    assert torch.equal(result, state(2).frames[0].result)
    with JobFolder(saved) as job:
        job.states.drop_after(0)
    assert newest not in states_in(saved)
    assert load(saved)[0] == Done(2)


def test_where_all_states_are_damaged_they_are_left_and_told(saved, contents):
    for path in states_in(saved):
        path.write_bytes(b"")
    before = contents(saved)
    with pytest.raises(JobError, match=r"saved state .*-3-.* is damaged; .*--restart"):
        load(saved)
    assert contents(saved) == before


def test_goes_back_to_the_state_before(saved):
    with JobFolder(saved) as job:
        assert job.states.count() == 2
        assert job.states.load("cpu", 1)[1] == Done(2)
        assert job.states.load("cpu")[1] == Done(3)  # nothing is lost by that
        job.states.drop_after(1)
        assert job.states.load("cpu")[1] == Done(2)
        job.states.save(state(4), 4)
    assert load(saved)[0] == Done(4)
    assert len(states_in(saved)) == 2


def test_a_state_that_a_failed_device_cannot_give_is_told(saved):
    broken = ClipState({0: FrameState(result=torch.empty(1, 3, 8, 8, device="meta"))})
    with JobFolder(saved) as job:
        with pytest.raises(JobError, match=r"^saving the state after frame 5 failed"):
            job.states.save(broken, 4)
        assert job.states.load("cpu")[1] == Done(3)
    assert not (saved / "state.part").exists()


@pytest.mark.parametrize("name", [MARK, "manifest.json", "state.part", "segments", "passes/0.0"])
def test_links_out_of_it_are_refused_and_not_followed(name, saved, contents, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "mine").write_bytes(b"mine")
    link = saved / name
    link.parent.mkdir(exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(outside if name == "segments" else outside / "mine")
    with pytest.raises(JobError, match=rf"{name} is not what a run puts there") as caught:
        load(saved)
    assert caught.value.exit_code == 2
    assert contents(outside) == {"mine": b"mine"}
    assert len(states_in(saved)) == 2


def test_a_pipe_in_it_is_refused_and_not_waited_for(saved):
    os.mkfifo(saved / "shots.txt")
    with pytest.raises(JobError, match=r"shots\.txt is not what a run puts there"):
        load(saved)


def test_the_shots_found_outlive_a_run_that_was_killed_before_its_first_frame(tmp_path):
    path = tmp_path / "job"
    job = JobFolder(path)  # as if killed
    job.begin(manifest(), restart=False)
    (path / "shots.txt").write_text("1 5")
    (path / "tmp123").mkdir()
    job._lock.release()
    with JobFolder(path) as job:
        job.begin(manifest(), restart=False)
        assert {item.name for item in path.iterdir()} == {MARK, "manifest.json", "shots.txt"}


def test_a_state_that_was_half_saved_is_in_nobodys_way(saved):
    """A kill leaves it under a name that safetensors has made up."""
    (saved / AHEAD).mkdir()
    for folder in (saved, saved / AHEAD):
        (folder / ".tmpGoqya5").write_bytes(b"half")
    with JobFolder(saved) as job:
        job.begin(manifest(), restart=False)
        assert job.states.load("cpu")[1] is not None
    assert not list(saved.rglob(".tmp*"))


def test_nothing_of_it_is_left_at_the_end(saved):
    with JobFolder(saved) as job:
        (saved / "segments").mkdir()
        (saved / "segments" / "000000.nut").touch()
        job.remove()
    assert not saved.exists()


@pytest.mark.parametrize("name", ["mine", "notes.txt", "segments/deeper/mine"])
@pytest.mark.parametrize("has_states", [False, True])
def test_what_is_not_of_a_run_stays(name, has_states, saved, tmp_path):
    """Also where the mark of a job is there and no state, as after a kill at the start."""
    path = saved
    if not has_states:
        path = tmp_path / "other"
        path.mkdir()
        (path / MARK).touch()
    mine = path / name
    mine.parent.mkdir(parents=True, exist_ok=True)
    mine.write_text("precious")
    with pytest.raises(JobError, match="take it away"), JobFolder(path) as job:
        job.begin(manifest(), restart=False)
    assert mine.read_text() == "precious"
    assert (path / MARK).exists()


def test_what_comes_into_it_meanwhile_outlives_the_job(saved):
    with JobFolder(saved) as job:
        job.begin(manifest(), restart=False)
        (saved / "notes.txt").write_text("precious")
        job.remove()
    assert [path.name for path in saved.iterdir()] == ["notes.txt"]
