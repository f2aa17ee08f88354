"""Which networks are taken, and what is said about it."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from framestyle.errors import ModelError
from framestyle.networks import NETWORKS, choose
from framestyle.networks.choice import FULL

NOWHERE = "http://127.0.0.1:9/weights-00000000.pth"


@pytest.fixture
def lite(monkeypatch, cache, tmp_path):
    """Stand in for the embedded network, in a world without the full networks' weights."""
    spec = replace(
        NETWORKS["squeezenet1_0"], name="lite", weights="", embedded=tmp_path / "lite.pth"
    )
    monkeypatch.setitem(NETWORKS, "lite", spec)
    for name in FULL.values():
        monkeypatch.setitem(NETWORKS, name, replace(NETWORKS[name], weights=NOWHERE))
    return cache


def names(choice):
    return choice.dream_name, choice.style_name


@pytest.mark.usefixtures("lite")
@pytest.mark.parametrize(
    ("dream", "style", "networks", "has_gpu", "expected", "said"),
    [
        ("auto", "auto", "auto", False, ("lite", "lite"), "no GPU; --networks full"),
        ("auto", "auto", "lite", True, ("lite", "lite"), "--networks lite"),
        ("auto", "auto", "full", False, ("inception_v3", "vgg19"), "--networks full"),
        ("googlenet", "vgg16", "auto", False, ("googlenet", "vgg16"), "as named"),
        ("googlenet", "vgg16", "lite", False, ("googlenet", "vgg16"), "as named"),
        ("googlenet", "auto", "auto", False, ("googlenet", "lite"), "no GPU"),
        ("auto", "vgg19", "auto", False, ("lite", "vgg19"), "no GPU"),
        ("lite", "auto", "full", False, ("lite", "vgg19"), "--networks full"),
        ("auto", "squeezenet1_0", "full", True, ("inception_v3", "squeezenet1_0"), "full"),
    ],
)
def test_choices(dream, style, networks, has_gpu, expected, said):
    choice = choose(dream, style, networks, has_gpu=has_gpu)
    assert names(choice) == expected
    assert said in choice.reason
    assert f"dream {expected[0]}, style {expected[1]}" in choice.reason
    assert "\n" not in choice.reason


@pytest.mark.usefixtures("lite")
def test_the_reason_says_how_to_choose_otherwise():
    reason = choose("auto", "auto", "lite", has_gpu=False).reason
    assert "--dream-network NAME --style-network NAME" in reason
    only_style = choose("googlenet", "auto", "full", has_gpu=False).reason
    assert "--style-network NAME" in only_style
    assert "--dream-network" not in only_style


def test_bad_names():
    with pytest.raises(ModelError, match="no network 'vgg91'"):
        choose("auto", "vgg91", has_gpu=True)
    with pytest.raises(ModelError, match="'huge', expected auto, full or lite"):
        choose("auto", "auto", "huge", has_gpu=True)


@pytest.mark.usefixtures("lite")
def test_a_weights_file_does_not_choose_its_network():
    choice = choose(has_gpu=False, files={"squeezenet1_0": Path("s.pth")})
    assert names(choice) == ("lite", "lite")
    assert "the weights given for squeezenet1_0 are not used" in choice.reason
    used = choose("auto", "vgg19", has_gpu=False, files={"vgg19": Path("v.pth")})
    assert "not used" not in used.reason


@pytest.mark.usefixtures("lite")
def test_a_stage_that_is_left_out_is_not_spoken_of():
    choice = choose(has_gpu=False, stages=("style",))
    assert choice.style_name == "lite"
    assert "dream" not in choice.reason


def test_with_lite_and_a_gpu_the_full_networks_have_to_be_had(lite):
    started = time.monotonic()
    choice = choose(has_gpu=True)
    assert time.monotonic() - started < 6
    assert names(choice) == ("lite", "lite")
    assert "weights of inception_v3 are not here and cannot be fetched" in choice.reason
    (lite / "weights-00000000.pth").write_bytes(b"in the cache")
    choice = choose(has_gpu=True)
    assert names(choice) == ("inception_v3", "vgg19")
    assert "because there is a GPU" in choice.reason


@pytest.mark.usefixtures("lite")
def test_with_lite_and_a_gpu_given_files_count():
    files = {"vgg19": Path("v.pth"), "inception_v3": Path("i.pth")}
    assert names(choose(has_gpu=True, files=files)) == ("inception_v3", "vgg19")
