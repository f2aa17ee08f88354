"""Building the stages: style texts, networks, pictures and sizes."""

from pathlib import Path

import numpy as np
import pytest
import torch

from framestyle.config import Config
from framestyle.errors import InputError, ModelError, SettingsError
from framestyle.jobs import stages
from framestyle.jobs.device import Device, pick_device
from framestyle.jobs.pictures import parse_style, read_pictures
from framestyle.jobs.stages import (
    build,
    check_networks,
    weights_files,
    with_chosen_networks,
)
from framestyle.progress import Notice


@pytest.mark.parametrize(
    ("text", "path", "weight"),
    [
        ("a.jpg", "a.jpg", 1.0),
        ("a.jpg:2", "a.jpg", 2.0),
        ("a.jpg:0.5", "a.jpg", 0.5),
        ("a.jpg:0.999", "a.jpg", 0.999),
        ("a.jpg:29.97", "a.jpg", 29.97),
        ("b:c.jpg", "b:c.jpg", 1.0),
        ("b:c.jpg:3", "b:c.jpg", 3.0),
        ("C:/a.jpg", "C:/a.jpg", 1.0),
        ("a.jpg:", "a.jpg:", 1.0),
    ],
)
def test_styles_and_their_weights(text, path, weight):
    assert parse_style(text) == (Path(path), weight)


def test_a_file_with_a_colon_comes_first(tmp_path):
    (tmp_path / "a.jpg:2").touch()
    assert parse_style(f"{tmp_path}/a.jpg:2") == (tmp_path / "a.jpg:2", 1.0)


def test_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert parse_style("~/a.jpg:2") == (tmp_path / "a.jpg", 2.0)


@pytest.mark.parametrize("weight", ["0", "-1", "1e9"])
def test_weights_that_are_none(weight):
    with pytest.raises(SettingsError, match="got the weight"):
        parse_style(f"a.jpg:{weight}")


def test_weights_files(tmp_path):
    config = Config().changed({"compute": {"weights": ("vgg19=a.pth", "squeezenet1_0=b.pth")}})
    assert weights_files(config) == {"vgg19": Path("a.pth"), "squeezenet1_0": Path("b.pth")}


def test_networks_bring_their_layers(quick):
    heard = []
    config = quick.changed({"dream": {"layers": "fire6:3"}})
    chosen = with_chosen_networks(config, pick_device(config.compute), heard.append)
    assert chosen.dream.layers == (("fire6", 3.0),)
    assert chosen.style.content_layers == (("fire6", 1.0),)
    assert chosen.style.style_layers[0] == ("relu1", 1.0)
    (notice,) = heard
    assert isinstance(notice, Notice)
    assert "dream squeezenet1_0, style squeezenet1_0" in notice.message


def test_no_stage_needs_no_network():
    heard = []
    config = Config().changed({"dream": {"enabled": False}, "style": {"enabled": False}})
    assert with_chosen_networks(config, pick_device(config.compute), heard.append) is config
    assert heard == []


def test_pictures_are_read_for_the_stages_that_are_on(quick, frames_folder, style_file):
    guide = frames_folder / "shot_0004.png"
    start = frames_folder / "shot_0007.png"
    config = quick.changed({"dream": {"guide": guide}, "style": {"init": str(start)}})
    styles = [(style_file, 1.0)]
    read = read_pictures(config, styles)
    assert set(read) == {style_file, guide, start}
    assert all(p.shape[2] == 3 and p.dtype == np.uint8 for p in read.values())
    no_dream = config.changed({"dream": {"enabled": False}})
    assert set(read_pictures(no_dream, styles)) == {style_file, start}
    no_style = config.changed({"style": {"enabled": False}})
    assert set(read_pictures(no_style, styles)) == {guide}


def test_no_style_picture(quick):
    with pytest.raises(SettingsError, match=r"no style picture.*--no-style"):
        read_pictures(quick, [])


def built(config, style_file):
    device = pick_device(config.compute)
    config = with_chosen_networks(config, device, lambda event: None)
    styles = [(style_file, 1.0)] if config.style.enabled else []
    return build(config, styles, read_pictures(config, styles), device, lambda event: None)


def test_what_is_built(quick, style_file):
    whole = built(quick, style_file)
    assert whole.dream.layers == (("fire6", 1.0), ("fire8", 1.5), ("fire9", 2.0))
    assert whole.style.styles[0][1].shape == (1, 3, 40, 56)
    assert built(quick.changed({"dream": {"enabled": False}}), style_file).dream is None
    assert built(quick.changed({"style": {"enabled": False}}), style_file).style is None


def checked(config, style_file, width=64, height=64):
    """Check as a run does before it loads anything."""
    device = pick_device(config.compute)
    config = with_chosen_networks(config, device, [].append)
    pictures = read_pictures(config, [(style_file, 1.0)])
    check_networks(config, pictures, width, height)


def test_small_frames_are_told(quick, style_file):
    checked(quick, style_file, 21, 21)
    for size in ((20, 64), (64, 20)):
        with pytest.raises(InputError, match=r"squeezenet1_0 needs 21 on each side"):
            checked(quick, style_file, *size)


def test_a_stage_that_is_off_asks_for_no_size(quick, style_file):
    off = quick.changed({"dream": {"enabled": False}, "style": {"enabled": False}})
    checked(off, style_file, 1, 1)


def test_unknown_layers_are_told_before_weights_are_needed(quick, style_file, tmp_path):
    nowhere = {"compute": {"weights": [f"squeezenet1_0={tmp_path / 'none.pth'}"]}}
    with pytest.raises(ModelError, match=r"fire77.*did you mean fire7"):
        checked(quick.changed({"dream": {"layers": "fire77"}, **nowhere}), style_file)


def test_both_stages_share_a_network_of_one_name(quick, style_file):
    styler = built(quick, style_file)
    assert styler.dream.network is styler.style.network


def test_a_guide_that_is_too_small(quick, style_file, texture, save_picture, tmp_path):
    small = save_picture(tmp_path / "guide.png", texture(16, 40))
    with pytest.raises(InputError, match=r"the guide .*guide.png has 40x16 pixels.*needs 21"):
        checked(quick.changed({"dream": {"guide": small}}), style_file)
    large = save_picture(tmp_path / "guide.png", texture(24, 40))
    checked(quick.changed({"dream": {"guide": large}}), style_file)


@pytest.mark.parametrize(
    ("changes", "pattern"),
    [
        ({"dream": {"layers": "fire7x"}}, "fire7"),
        ({"style": {"style_layers": "relu7"}}, "relu1"),
        ({"style": {"content_layers": "fire"}}, "fire2"),
        ({"dream": {"layers": "fire6#9999"}}, "no channel 9999"),
    ],
)
def test_layers_that_are_not_there(changes, pattern, quick, style_file):
    with pytest.raises(ModelError, match=pattern):
        built(quick.changed(changes), style_file)


@pytest.mark.parametrize(
    ("changes", "dtype", "told"),
    [
        ({"style": {"network": "vgg19"}}, torch.bfloat16, True),
        ({"dream": {"network": "vgg16"}}, torch.bfloat16, True),
        ({"style": {"network": "vgg19"}}, torch.float32, False),
        ({"style": {"network": "vgg19", "enabled": False}}, torch.bfloat16, False),
        ({}, torch.bfloat16, False),
    ],
)
def test_slower_kernels_are_told_where_they_are_used(quick, changes, dtype, told, monkeypatch):
    monkeypatch.setattr(stages, "why_not_flat", lambda device: "no C compiler")
    line = stages.slower_kernels(quick.changed(changes), Device(torch.device("cuda"), dtype))
    assert (line is not None) == told
    assert not told or line.endswith("which take longer: no C compiler")
    monkeypatch.setattr(stages, "why_not_flat", lambda device: None)
    assert (
        stages.slower_kernels(quick.changed(changes), Device(torch.device("cuda"), dtype)) is None
    )
