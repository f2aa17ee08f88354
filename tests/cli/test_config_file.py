"""Configuration files: what wins over what, and what is written reads back the same."""

from pathlib import Path

import pytest

from framestyle.cli import config_file
from framestyle.config import PRESETS, Config
from framestyle.errors import SettingsError

EVERYTHING = (
    "--start 1:05 --end 2:00 --frames 9 --fps 30000/1001 --size 640 --codec libx265 --crf 20 "
    "--pixel-format yuv444p --no-audio --overwrite --dream-layers Mixed_6b#3+7:0.1,Mixed_6c "
    "--dream-strength 0.3333333333333333 --dream-guide g.png --dream-loss-ceiling 15 "
    "--style-layers relu1_1:1e-3 --content-layers relu4_2:2 --init noise --optimizer lbfgs "
    "--original-colours --warm-start previous --no-temporal --no-cuts --seed 123456789012345 "
    "--weights vgg19=a.pth --weights vgg16=b.pth --job-dir work --threads 3 --restart"
)


def read_back(text, tmp_path):
    path = tmp_path / "run.toml"
    path.write_text(text, encoding="utf-8")
    return config_file.read(path)


@pytest.mark.parametrize("flags", ["", "--preset draft", "--preset fine --no-dream", EVERYTHING])
def test_what_is_printed_reads_back(flags, command, tmp_path):
    code, out, err = command(f"in.mp4 a.jpg:2 b.jpg -o out.mp4 {flags} --print-config")
    assert (code, err) == (0, "")
    found = read_back(out, tmp_path)
    assert (found.source, found.output) == ("in.mp4", "out.mp4")
    assert found.styles == ("a.jpg:2", "b.jpg")
    config = Config().changed(found.changes)
    again = config_file.written(found.source, found.styles, found.output, config)
    assert again == out
    code, out_again, _ = command(["--config", tmp_path / "run.toml", "--print-config"])
    assert (code, out_again) == (0, out)
    if flags == EVERYTHING:
        assert config.dream.layers == (("Mixed_6b#3+7", 0.1), ("Mixed_6c", 1.0))
        assert config.dream.strength == 1 / 3
        assert config.compute.weights == ("vgg19=a.pth", "vgg16=b.pth")


@pytest.mark.parametrize(
    "name", ['a "quoted" name.mp4', "back\\slash.mp4", "Übung.mp4", "t\tb.mp4"]
)
def test_odd_names_read_back(name, command, tmp_path):
    code, out, _ = command([name, f"{name}.jpg:2", "-o", f"out {name}", "--print-config"])
    assert code == 0
    found = read_back(out, tmp_path)
    assert (found.source, found.styles, found.output) == (name, (f"{name}.jpg:2",), f"out {name}")


def test_who_wins(command, tmp_path):
    (tmp_path / "c.toml").write_text(
        "[run]\nsource = 'file.mp4'\nstyles = ['file.jpg']\noutput = 'file-out.mp4'\n"
        "preset = 'draft'\n[style]\niterations = 7\n"
    )

    def config(*flags):
        code, out, err = command(["--config", tmp_path / "c.toml", *flags, "--print-config"])
        assert code == 0, err
        found = read_back(out, tmp_path)
        return found, Config().changed(found.changes)

    draft = PRESETS["draft"]["style"]
    found, chosen = config()
    assert (found.source, found.styles, found.output) == (
        "file.mp4",
        ("file.jpg",),
        "file-out.mp4",
    )
    assert chosen.style.iterations == 7  # the file beats its preset
    assert chosen.style.first_iterations == draft["first_iterations"]
    _, chosen = config("--preset", "fine")  # a named preset replaces that of the file
    assert chosen.style.iterations == 7
    assert chosen.style.first_iterations == PRESETS["fine"]["style"]["first_iterations"]
    found, chosen = config("in.mp4", "a.jpg", "-o", "out.mp4", "--iterations", "9")
    assert (found.source, found.styles, found.output) == ("in.mp4", ("a.jpg",), "out.mp4")
    assert chosen.style.iterations == 9  # and flags beat all


def test_dashes_and_underscores_are_the_same(tmp_path):
    found = read_back("[style]\nfirst-iterations = 3\ntv_weight = 2\n", tmp_path)
    config = Config().changed(found.changes)
    assert (config.style.first_iterations, config.style.tv_weight) == (3, 2)


def test_a_printed_run_gives_the_same_bytes(place, command, quick_flags):
    code, _, err = command(["picture.png", "style.png", "-o", "o.png", *quick_flags])
    assert code == 0, err
    code, out, _ = command(["picture.png", "style.png", "-o", "p.png", *quick_flags,
                            "--print-config"])  # fmt: skip
    assert code == 0
    assert not Path("p.png").exists()
    Path("run.toml").write_text(out)
    code, _, err = command("--config run.toml")
    assert code == 0, err
    assert Path("o.png").read_bytes() == Path("p.png").read_bytes()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[style", "not a TOML file"),
        ("run = 3", "not understood"),
        ("[run]\nstyles = 'a.jpg'", "styles = 'a.jpg' is not understood"),
        ("[run]\nsource = 3", "source = 3 is not understood"),
        ("preset = 'draft'", "preset stands alone; it belongs below [run]"),
        ("[run]\nnothing = 'x'", "nothing = 'x' is not understood"),
        ("a = " + "9" * 5000, "not a TOML file"),
        ("a = " + "[" * 9000, "not a TOML file"),
        ("a." * 5000 + "a = 1", "keys within keys"),
        ("#" * (1 << 19), "File too large"),
    ],
)
def test_files_that_are_none(text, expected, tmp_path):
    with pytest.raises(SettingsError) as caught:
        read_back(text, tmp_path)
    assert expected in str(caught.value)
    assert "run.toml" in str(caught.value)


def test_the_home_folder_is_that_of_a_shell(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/ada")
    path = tmp_path / "run.toml"
    path.write_text("[run]\nsource = '~/in.mp4'\noutput = '~/frames/'\n")
    found = config_file.read(path)
    assert (found.source, found.output) == ("/home/ada/in.mp4", "/home/ada/frames/")


def test_dots_in_texts_are_no_keys(tmp_path):
    styles = ", ".join(90 * ['"a.b.jpg"'])
    text = f"[run]\nsource = '{'a.' * 150}png'\nstyles = [{styles}]\n"
    assert len(read_back(text, tmp_path).styles) == 90


def test_a_name_that_is_no_text_cannot_be_printed(command):
    code, out, err = command(["\udcff.png", "a.jpg", "-o", "out", "--print-config"])
    assert (code, out) == (2, "")
    assert "is no text, which a configuration file must be" in err
    assert len(err.splitlines()) == 1


def test_a_file_that_is_not_text(tmp_path):
    (tmp_path / "run.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="not a TOML file"):
        config_file.read(tmp_path / "run.toml")


@pytest.mark.parametrize(
    "changes",
    [
        {"style": 3},
        {"style": {"iterations": True}},
        {"dream": {"enabled": 1}},
        {"style": {"style_layers": ["relu1_1"]}},
        {"style": {"style_layers": [["relu1_1", "x"]]}},
        {"compute": {"weights": "a=b"}},
        {"compute": {"weights": [3]}},
        {"input": {"fps": "x"}},
        {"style": {"tv_weight": "nan"}},
    ],
    ids=str,
)
def test_settings_of_a_wrong_kind(changes):
    with pytest.raises(SettingsError):
        Config().changed(changes)
