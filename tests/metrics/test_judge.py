"""Which network judges."""

from pathlib import Path

import pytest
import torch

from framestyle.errors import ModelError
from framestyle.metrics.judge import choose_judge
from framestyle.networks import network_spec


@pytest.fixture
def no_web(tmp_path, monkeypatch):
    """An empty cache, and a web that refuses at once."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setattr("urllib.request._opener", None)
    return tmp_path


def test_weights_that_are_given_judge(no_web):
    name, reason = choose_judge("auto", {"squeezenet1_0": Path("w.safetensors")})
    assert (name, reason) == (
        "squeezenet1_0",
        "judge: squeezenet1_0 (--network NAME takes another)",
    )


def test_weights_in_the_cache_judge(no_web):
    path = no_web / "hub" / "checkpoints" / network_spec("squeezenet1_0").file_name
    path.parent.mkdir(parents=True)
    torch.save({}, path)
    assert choose_judge("auto", {})[0] == "squeezenet1_0"


def test_else_lite_judges_and_it_is_said_that_it_flatters(no_web):
    name, reason = choose_judge("auto", {"vgg16": Path("vgg16.pth")})
    assert name == "lite"
    for part in (
        "judge: lite (the weights of squeezenet1_0 are not here and cannot be fetched",
        "flatters what lite painted",
        "--weights squeezenet1_0=FILE",
        "--network NAME",
        "framestyle weights fetch squeezenet1_0",
        "the weights given for vgg16 are not used",
    ):
        assert part in reason
    assert "\n" not in reason


def test_a_named_network_judges(no_web):
    assert choose_judge("vgg16", {}) == ("vgg16", "judge: vgg16 (as named)")
    name, reason = choose_judge("lite", {})
    assert (name, reason) == ("lite", "judge: lite (as named; it flatters what lite painted)")
    with pytest.raises(ModelError, match=r"no network 'squeezenet'.*mean squeezenet1_0"):
        choose_judge("squeezenet", {})
