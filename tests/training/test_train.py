"""A whole training, small: that it learns, goes on where it was cut off, and refuses bad input."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from framestyle.errors import ModelError, SettingsError
from framestyle.networks import load
from training.__main__ import main
from training.distillation import Distillation, missed
from training.pictures import read_pictures
from training.teachers import load_teacher
from training.train import Recipe, Training

ROOT = Path(__file__).parents[2]
RECIPE = Recipe(
    steps=6, batch=4, side_px=48, own_from=0.3, own_every=2, own_iterations=4, own_pool=24
)
"""A training of seconds, in which the student's own pictures take part."""


@pytest.fixture(scope="module")
def pictures(folder):
    return read_pictures(folder, 24)


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def one_step(pictures, teacher, tmp_path_factory):
    """The folder of a training of one step, and the weights that it made."""
    folder = tmp_path_factory.mktemp("one step")
    made = Training(pictures, [teacher], replace(RECIPE, steps=1), folder)
    return folder, made.run(say=lambda line: None).state_dict()


@pytest.fixture
def begun(one_step, tmp_path):
    """A folder of its own with that training, to go on from."""
    return Path(shutil.copytree(one_step[0], tmp_path / "begun"))


def log_of(folder):
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_goes_on_where_it_was_cut_off(pictures, teacher, tmp_path, monkeypatch):
    whole = Training(pictures, [teacher], RECIPE, tmp_path, None)
    whole.run(say=lambda line: None)
    cut = tmp_path / "cut"
    cut.mkdir()
    training = Training(pictures, [teacher], RECIPE, cut)
    save = training.save

    def stop_after_the_fourth_step():
        save()
        if training.step == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(training, "save", stop_after_the_fourth_step)
    with pytest.raises(KeyboardInterrupt):
        training.run(save_every_s=0, say=lambda line: None)
    assert training.pool.count > 0
    resumed = Training(pictures, [teacher], RECIPE, cut)
    assert resumed.step == 4
    resumed.run(say=lambda line: None)
    for key, tensor in whole.student.state_dict().items():
        assert torch.equal(resumed.student.state_dict()[key], tensor), key
    assert log_of(cut)[-1] == log_of(tmp_path)[-1]


def residues(training, teacher):
    """What the best heads miss with the student as it is, on the same pictures every time."""
    student, batches = training.student.eval(), training.some_batches(6)
    with torch.no_grad():
        lessons = Distillation(student.channels, [teacher], training.statistics).train()
        for images in batches:
            lessons(images, student(images))
    return missed(lessons, student, batches)


@pytest.mark.parametrize(("rate", "steps"), [(3e-3, 60), (0.0, 20)])
def test_learns(rate, steps, pictures, teacher, tmp_path):
    """And with a rate of 0 it does not: the network learns, not only its heads."""
    longer = replace(RECIPE, steps=steps, own_share=0.0, rate=rate)
    training = Training(pictures, [teacher], longer, tmp_path)
    with torch.no_grad():  # batch normalisation as it will be, for the network untrained
        for images in training.some_batches(20):
            training.student.train()(images)
    before = residues(training, teacher)
    training.run(say=lambda line: None)
    after = residues(training, teacher)
    assert set(log_of(tmp_path)[-1]["held_out"]) == set(after) == set(before)
    for lesson in ("squeezenet1_0:fire2", "squeezenet1_0:fire4"):
        share = after[lesson][1] / before[lesson][1]
        assert share < 0.8 if rate else 0.95 < share < 1.05, lesson


def test_its_own_pictures_are_lessons(pictures, teacher, tmp_path):
    """The same steps with another pool lead elsewhere."""
    ends = []
    for number in range(2):
        folder = tmp_path / str(number)
        folder.mkdir()
        training = Training(pictures, [teacher], replace(RECIPE, own_from=1.0), folder)
        training.pool.add(torch.full((4, 3, 48, 48), 0.2 + 0.6 * number))
        ends.append(training.run(say=lambda line: None).state_dict()["layers.relu1_1.0.weight"])
    assert not torch.equal(*ends)


def test_another_seed_is_another_training(pictures, teacher, one_step, tmp_path):
    key, states = "layers.relu1_1.0.weight", []
    for seed in (0, 1):
        folder = tmp_path / str(seed)
        folder.mkdir()
        training = Training(pictures, [teacher], replace(RECIPE, steps=1, seed=seed), folder)
        states.append(training.run(say=lambda line: None).state_dict()[key])
    assert torch.equal(states[0], one_step[1][key])
    assert not torch.equal(*states)


def test_other_settings_are_refused(pictures, teacher, begun):
    with pytest.raises(SettingsError, match="holds a training with steps 1, and 6 is asked for"):
        Training(pictures, [teacher], RECIPE, begun)


def test_other_pictures_are_refused(pictures, teacher, begun):
    with pytest.raises(SettingsError, match="holds a training with pictures"):
        Training(pictures[1:], [teacher], replace(RECIPE, steps=1), begun)


@pytest.mark.parametrize("damage", ["junk", "cut", "another"])
def test_a_damaged_state_is_told(damage, pictures, teacher, begun):
    file = begun / "state.pt"
    content = file.read_bytes()
    if damage == "another":
        torch.save({"a": 1}, file)
    else:
        file.write_bytes(b"junk" if damage == "junk" else content[: len(content) // 2])
    with pytest.raises(SettingsError, match="damaged, or no state of a training") as caught:
        Training(pictures, [teacher], replace(RECIPE, steps=1), begun)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_starts_from_another_training(pictures, teacher, one_step, tmp_path):
    folder, trained = one_step
    (tmp_path / "second").mkdir()
    second = Training(pictures, [teacher], RECIPE, tmp_path / "second", start=folder)
    assert second.step == 0
    key = "layers.relu3_1.0.weight"
    assert torch.equal(second.student.state_dict()[key], trained[key])
    with pytest.raises(SettingsError, match="expected the folder of a training"):
        Training(pictures, [teacher], RECIPE, tmp_path / "third", start=tmp_path / "none")


def test_teachers(teacher, random_weights, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    assert "classes" in teacher.layers
    headless = load_teacher("squeezenet1_0", {"squeezenet1_0": random_weights})
    assert "classes" not in headless.layers
    with pytest.raises(ModelError, match="got teacher 'resnet', expected one of squeezenet1_0"):
        load_teacher("resnet", {})
    with pytest.raises(ModelError, match="the weights of the teacher vgg19 are not in"):
        load_teacher("vgg19", {})


def test_maps_of_a_teacher_are_no_smaller_than_the_students(teacher):
    side = 64
    for own, layers in teacher.lessons.items():
        least = side // 2 ** (int(own.removeprefix("relu")[0]) - 1)
        seen = teacher.look(torch.rand(1, 3, side, side))
        for layer in layers:
            assert seen[layer].shape[2] >= least, layer


def test_learning_rate_rises_and_falls():
    recipe = Recipe(steps=100, rate=0.5)
    rates = [recipe.rate_at(step) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[5] == pytest.approx(0.5)
    assert rates[-1] < 0.001
    assert rates[5:] == sorted(rates[5:], reverse=True)


@pytest.mark.parametrize(
    "wrong",
    [{"batch": 1}, {"side_px": 16}, {"own_share": 1.5}, {"rate": -1.0}, {"seed": -1}],
    ids=str,
)
def test_numbers_that_make_no_training_are_refused(wrong):
    (name,) = wrong
    with pytest.raises(SettingsError, match=f"{name}: got .*, expected"):
        Recipe(**wrong)


@pytest.fixture
def run(monkeypatch, capsys):
    """Returns ``run(*arguments)``: the command, run here; its exit code and its error output."""

    def go(*arguments):
        monkeypatch.setattr(sys, "argv", ["training", *map(str, arguments), "--threads", "1"])
        code = main()
        return code, capsys.readouterr().err

    return go


def test_the_command_makes_a_network(folder, teacher_file, tmp_path):
    command = [
        "-m",
        "training",
        folder,
        "--teacher",
        "squeezenet1_0",
        "--weights",
        f"squeezenet1_0={teacher_file}",
    ]
    command += ["-o", tmp_path / "out", "--steps", 2, "--batch", 2, "--side-px", 48]
    done = subprocess.run(
        [sys.executable, *map(str, command), "--threads", "1"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (file,) = (tmp_path / "out").glob("lite-*.safetensors")
    assert str(file) in done.stdout
    assert load("lite", files={"lite": file}).name == "lite"
    assert log_of(tmp_path / "out")[0]["step"] == 2


def test_an_export_needs_a_training(run, folder, teacher_file, tmp_path):
    code, said = run(
        folder, "--teacher", "squeezenet1_0", "--weights", f"squeezenet1_0={teacher_file}",
        "-o", tmp_path / "out", "--export-only",
    )  # fmt: skip
    assert code == 2
    (line,) = said.splitlines()
    assert "there is no training in this folder to export" in line


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"folder": "empty"}, "got 0 files that end in"),
        ({"folder": "none"}, "there is no such folder"),
        ({"weights": "none.safetensors"}, "the weights of the teacher squeezenet1_0 are not in"),
        ({"teacher": "resnet"}, "got teacher 'resnet'"),
        ({"steps": 0}, "steps: got 0, expected a whole number of at least 1"),
        ({"out": "file"}, "cannot be made"),
    ],
)
def test_bad_input_is_one_line(changed, expected, run, folder, teacher_file, tmp_path):
    (tmp_path / "empty").mkdir()
    pictures = tmp_path / changed["folder"] if "folder" in changed else folder
    weights = tmp_path / changed["weights"] if "weights" in changed else teacher_file
    teacher = changed.get("teacher", "squeezenet1_0")
    out = tmp_path / changed.get("out", "out")
    (tmp_path / "file").write_text("no folder")
    code, said = run(
        pictures, "--teacher", teacher, "--weights", f"squeezenet1_0={weights}", "-o", out,
        "--steps", changed.get("steps", 1),
    )  # fmt: skip
    assert code == 2
    (line,) = said.splitlines()
    assert expected in line
    assert not out.is_dir()
