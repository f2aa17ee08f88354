"""Damaged manifests, states and kept shots of a job that was cut off."""

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import strategies as st

from framestyle.config import Config
from framestyle.jobs.manifest import Manifest
from framestyle.jobs.run import run
from framestyle.progress import FrameDone
from framestyle.stages import ClipState

LITE = {
    "dream": {"enabled": False},
    "style": {"first_iterations": 1, "iterations": 1, "scales": 1},
    "compute": {"networks": "lite", "threads": 1},
}
FLAGS = ["--no-dream", "--first-iterations", "1", "--iterations", "1", "--scales", "1",
         "--networks", "lite", "--threads", "1", "--quiet"]  # fmt: skip
FILES = ("manifest.json", "state-*.safetensors", "shots.txt", "framestyle-job", "ledger.txt")
JOB = "out.framestyle-job"


@pytest.fixture
def cut_off(place):
    """The working folder with a job in it that was stopped after its first frame."""

    def stop(event):
        if isinstance(event, FrameDone):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run("frames", [(Path("style.png"), 1.0)], "out", Config().changed(LITE), stop)
    assert all(list(Path(JOB).glob(name)) for name in FILES)
    shutil.move(JOB, "kept")
    return place


def test_damaged_files_of_a_job(cut_off, damage, damaged, command, over):
    def body(example):
        name, changes = example
        for left in (JOB, "out"):
            shutil.rmtree(left, ignore_errors=True)
        shutil.copytree("kept", JOB)
        file = max(Path(JOB).glob(name))  # the newest state
        file.write_bytes(damaged(file.read_bytes(), changes))
        before = {path.name for path in Path(JOB).rglob("*")}
        code, _ = command("job", ["frames", "style.png", "-o", "out", *FLAGS])
        if code == 0:
            assert len(list(Path("out").iterdir())) == 2
            assert not Path(JOB).exists()
        else:
            assert not Path("out").exists()
            assert {path.name for path in Path(JOB).rglob("*")} == before  # nothing is lost

    over(st.tuples(st.sampled_from(FILES), damage), body, quick=4, slow=150)


def test_damaged_manifests(cut_off, damage, damaged, attempt, over):
    whole = Path("kept/manifest.json").read_bytes()

    def body(changes):
        Path("m.json").write_bytes(damaged(whole, changes))
        loaded, _ = attempt("manifest", lambda: Manifest.load(Path("m.json")))
        if loaded is not None:
            assert all(isinstance(line, str) for line in loaded.differences(loaded))

    over(damage, body, quick=8, slow=300)


def test_damaged_states(cut_off, damage, damaged, attempt, over):
    whole = next(Path("kept").glob("state-*.safetensors")).read_bytes()

    def body(changes):
        Path("s.safetensors").write_bytes(damaged(whole, changes))
        attempt("state", lambda: ClipState.load(Path("s.safetensors"), "cpu"))

    over(damage, body, quick=8, slow=300)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"settings":' * 100_000, "1" * 100_000, "NaN"])
def test_manifests_that_nest_or_go_on(text, attempt, tmp_path):
    (tmp_path / "m.json").write_text(text)
    assert attempt("manifest", lambda: Manifest.load(tmp_path / "m.json"))[1]


def test_a_manifest_of_other_kinds_of_values(cut_off, command):
    """What stands for a value is told as a difference, on one line, whatever it is."""
    plain = json.loads(Path("kept/manifest.json").read_text())
    for value in (None, [], {}, "a\nb", "x" * 9000, [[1]], {"a": {"b": "\x1b[2J"}}, 1e308):
        for group in ("settings", "inputs", "versions", "run"):
            shutil.rmtree(JOB, ignore_errors=True)
            shutil.copytree("kept", JOB)
            changed = plain | {group: {**plain[group], "x": value}}
            Path(JOB, "manifest.json").write_text(json.dumps(changed))
            code, said = command("manifest", ["frames", "style.png", "-o", "out", *FLAGS])
            assert code == (0 if value in ({}, None) else 2)  # nothing is as good as not set
            assert len(said.err) < 2500
            shutil.rmtree("out", ignore_errors=True)
