"""Names with anything in them are data: they reach no shell, and the output has them."""

import os
import shutil

import cv2
import pytest

NAMES = [
    "-dash", "--overwrite", "new\nline", "100%d", "%s%n", "quo'te\"s", "üñí 画 🎨", "a b",
    "tab\tbell\a", "$(touch executed)", "a;touch executed;", "`touch executed`", "back\\slash",
    "star*[0-9]?", "file:x", "|pipe", "~home", "#hash", "concat:a|b",
]  # fmt: skip


@pytest.mark.parametrize(
    "name", ["-\n100%d üñí", *(pytest.param(name, marks=pytest.mark.slow) for name in NAMES)]
)
def test_a_video_of_any_name(name, server, argv, clip, style_file, place):
    shutil.copy(clip, place / f"{name}.mp4")
    shutil.copy(style_file, place / f"{name}.png")
    arguments = argv(f"./{name} out.mkv", "--frames", "3")
    arguments[:2] = [f"./{name}.mp4", f"./{name}.png"]
    run = server.start(arguments, place)
    assert run.wait() == 0, run.said()
    names = {f"{name}.mp4", f"{name}.png", f"{name} out.mkv"}
    assert {path.name for path in place.iterdir()} == names


def test_frames_of_any_name(server, argv, style_file, texture, save_picture, place):
    for i, name in enumerate(NAMES):
        picture = save_picture(place / "in" / f"{i}.png", texture(48, 64, i))
        picture.rename(place / "in" / f"{name}.png")
    folder = "%d 'out'"
    arguments = argv(folder, "--no-cuts")
    arguments[:2] = ["in", style_file]
    run = server.start(arguments, place)
    assert run.wait() == 0, run.said()
    made = {path.name for path in (place / folder).iterdir()}
    assert made == {f"{name}.png" for name in NAMES}
    assert all(cv2.imread(str(path)) is not None for path in (place / folder).iterdir())
    assert {path.name for path in place.iterdir()} == {"in", folder}


@pytest.mark.slow
def test_a_name_that_is_no_unicode(server, argv, clip, place):
    name = os.fsdecode(b"\xff\xfe.mp4")
    shutil.copy(clip, place / name)
    arguments = argv("out", "--job-dir", os.fsdecode(b"\xff-job"))
    arguments[0] = name
    run = server.start(arguments, place)
    assert run.wait() == 0, run.said()
    assert len(list((place / "out").iterdir())) == 24
