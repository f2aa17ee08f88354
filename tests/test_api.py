"""framestyle from Python: clips, and single pictures as files and arrays."""

import subprocess
import sys

import cv2
import numpy as np
import pytest

import framestyle
from framestyle.errors import InputError, JobError, ModelError, SettingsError
from framestyle.progress import FrameDone, IterationDone, RunDone, RunStarted


@pytest.fixture(scope="module")
def pixels(texture):
    return texture(48, 64, 11)


def test_names_are_there():
    assert set(framestyle.__all__) <= {*dir(framestyle), *framestyle._HOMES}
    for name in framestyle.__all__:
        assert getattr(framestyle, name).__name__ == name
    with pytest.raises(AttributeError, match="has no attribute 'paint'"):
        _ = framestyle.paint


def test_importing_is_quick():
    code = "import sys, framestyle; print('torch' in sys.modules, 'cv2' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_a_video(clip_file, style_file, quick, packets_of, tmp_path):
    heard = []
    out = framestyle.stylize_video(clip_file, style_file, tmp_path / "o.mp4", quick, heard.append)
    assert out == tmp_path / "o.mp4"
    assert len(packets_of(out, "v")[1]) == 5
    kinds = [type(event) for event in heard]
    assert kinds.count(FrameDone) == 5
    assert kinds.index(RunStarted) < kinds.index(IterationDone) < kinds.index(RunDone)


def test_styles_in_every_form(frames_folder, style_file, quick, contents, tmp_path):
    source = frames_folder / "shot_0003.png"
    made = {
        name: contents(framestyle.stylize_video(source, styles, tmp_path / f"{name}.png", quick))
        for name, styles in {
            "path": style_file,
            "text": str(style_file),
            "list": [style_file],
            "weight": f"{style_file}:2",
            "pair": [(style_file, 2)],
            "two": [(style_file, 1.0), (source, 2.0)],
            "two texts": [str(style_file), f"{source}:2"],
        }.items()
    }
    assert made["path"] == made["text"] == made["list"]
    assert made["weight"] == made["pair"]
    assert made["two"] == made["two texts"] != made["path"]


def test_no_style_is_an_empty_list(frames_folder, quick, tmp_path):
    source = frames_folder / "shot_0003.png"
    config = quick.changed({"style": {"enabled": False}})
    framestyle.stylize_video(source, [], tmp_path / "dreamed.png", config)
    with pytest.raises(SettingsError, match="no style picture"):
        framestyle.stylize_video(source, [], tmp_path / "out.png", quick)


@pytest.mark.parametrize("weight", [2, 2.0, np.float32(2), np.int64(2)])
def test_a_weight_is_any_real_number(weight, pixels, style_file, quick):
    expected = framestyle.paint_picture(pixels, [style_file], quick)
    for styles in ([(style_file, weight)], (style_file, weight)):
        assert np.array_equal(framestyle.paint_picture(pixels, styles, quick), expected)


@pytest.mark.parametrize("style", [("a.jpg", "x"), ("a.jpg", 1, 2), (3, 1.0), ("a.jpg", None), 5])
def test_a_style_of_no_form(style, frames_folder, quick, tmp_path):
    with pytest.raises(SettingsError, match="expected a file name, or that and its weight"):
        framestyle.stylize_video(
            frames_folder / "shot_0003.png", [style], tmp_path / "o.png", quick
        )


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_dream_an_array(kind, pixels, quick):
    given = pixels.astype(kind) * (257 if kind == np.uint16 else 1)
    before, heard = given.copy(), []
    made = framestyle.dream_picture(given, quick, heard.append)
    assert (made.shape, made.dtype) == (given.shape, kind)
    assert np.array_equal(given, before)
    share = np.abs(made.astype(float) - given).mean() / np.iinfo(kind).max
    assert 0.005 < share < 0.5
    steps = [event for event in heard if isinstance(event, IterationDone)]
    assert [(e.stage, e.iteration, e.iterations) for e in steps] == [
        ("dream", i, 4) for i in range(1, 5)
    ]
    assert np.array_equal(made, framestyle.dream_picture(given, quick))


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_paint_an_array(kind, pixels, style_file, quick):
    given = pixels.astype(kind) * (257 if kind == np.uint16 else 1)
    heard = []
    made = framestyle.paint_picture(given, style_file, quick, heard.append)
    assert (made.shape, made.dtype) == (given.shape, kind)
    assert np.abs(made.astype(float) - given).mean() / np.iinfo(kind).max > 0.01
    steps = [event for event in heard if isinstance(event, IterationDone)]
    assert {event.stage for event in steps} == {"style"}
    assert len(steps) == 4


def test_files_are_as_good_as_arrays(pixels, save_picture, style_file, quick, tmp_path):
    path = save_picture(tmp_path / "p.png", pixels)
    assert np.array_equal(
        framestyle.dream_picture(str(path), quick), framestyle.dream_picture(pixels, quick)
    )
    assert np.array_equal(
        framestyle.paint_picture(path, style_file, quick),
        framestyle.paint_picture(pixels, style_file, quick),
    )


def test_a_picture_is_what_a_run_makes_of_it(pixels, save_picture, style_file, quick, tmp_path):
    path = save_picture(tmp_path / "p.png", pixels)
    config = quick.changed({"dream": {"enabled": False}})
    framestyle.stylize_video(path, style_file, tmp_path / "o.png", config)
    made = cv2.imread(str(tmp_path / "o.png"))[:, :, ::-1]
    assert np.array_equal(made, framestyle.paint_picture(path, style_file, quick))


@pytest.mark.parametrize(
    "given",
    [
        np.zeros((48, 64), np.uint8),
        np.zeros((48, 64, 4), np.uint8),
        np.zeros((1, 3, 48, 64), np.uint8),
        np.zeros((48, 64, 3), np.float32),
        np.zeros((48, 64, 3), bool),
    ],
    ids=lambda array: f"{array.dtype} {array.shape}",
)
def test_arrays_that_are_no_pictures(given, quick):
    with pytest.raises(InputError, match=r"expected \(H, W, 3\) of uint8 or uint16"):
        framestyle.dream_picture(given, quick)


def test_errors(pixels, style_file, quick, tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        framestyle.paint_picture(tmp_path / "no.png", style_file, quick)
    with pytest.raises(InputError, match="does not exist"):
        framestyle.paint_picture(pixels, tmp_path / "no.png", quick)
    with pytest.raises(SettingsError, match="no style picture"):
        framestyle.paint_picture(pixels, [], quick)
    for weight in (0, -1, float("nan")):
        with pytest.raises(SettingsError, match="got the weight"):
            framestyle.paint_picture(pixels, [(style_file, weight)], quick)
    with pytest.raises(InputError, match="needs 21 on each side"):
        framestyle.dream_picture(pixels[:16], quick)
    with pytest.raises(InputError, match="needs 21 on each side"):
        framestyle.dream_picture(pixels[:0], quick)
    with pytest.raises(ModelError, match="no layer 'fire0'"):
        framestyle.dream_picture(pixels, quick.changed({"dream": {"layers": "fire0"}}))
    assert issubclass(InputError, framestyle.FramestyleError)


def test_numbers_that_overflow(pixels, quick, random_model, tmp_path):
    import torch

    path = tmp_path / "huge.pth"
    torch.save({k: v * 1e25 for k, v in random_model().state_dict().items()}, path)
    config = quick.changed({"compute": {"weights": (f"squeezenet1_0={path}",)}})
    with pytest.raises(JobError, match="not finite"):
        framestyle.dream_picture(pixels, config)
