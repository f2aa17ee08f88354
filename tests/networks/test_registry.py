"""The table of networks: what it says fits the networks themselves."""

import pytest

from framestyle.errors import ModelError
from framestyle.networks import FLOW_NETWORKS, NETWORKS, lite, model_spec, network_spec

FILES = {
    "vgg19": "vgg19-dcbb9e9d.pth",
    "vgg16": "vgg16-397923af.pth",
    "inception_v3": "inception_v3_google-0cc3c7bd.pth",
    "googlenet": "googlenet-1378be20.pth",
    "squeezenet1_0": "squeezenet1_0-b66bff10.pth",
    "lite": lite.FILE,
}


def test_networks():
    assert {name: spec.file_name for name, spec in NETWORKS.items()} == FILES
    assert all(s.url.startswith("https://") != bool(s.embedded) for s in NETWORKS.values())
    assert all(spec.name == name for name, spec in NETWORKS.items())
    assert all(spec.stages <= {"dream", "style"} and spec.stages for spec in NETWORKS.values())


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_has_default_layers_for_both_stages(name):
    spec = network_spec(name)
    network = spec.network(spec.bare_model())
    assert len(spec.default_content_layers) == 1
    assert len(spec.default_style_layers) >= 5
    assert len(spec.default_dream_layers) == 3
    for default in (
        spec.default_content_layers,
        spec.default_style_layers,
        spec.default_dream_layers,
    ):
        layers = [layer for layer, _ in default]
        network.check_layers(layers)
        assert layers == sorted(layers, key=network.taps.index)


def test_the_papers_layers():
    vgg19, inception = network_spec("vgg19"), network_spec("inception_v3")
    assert vgg19.default_content_layers == (("relu4_2", 1.0),)
    assert vgg19.default_style_layers == tuple((f"relu{i}_1", 1.0) for i in range(1, 6))
    assert inception.default_dream_layers == (("Mixed_6b", 1), ("Mixed_6c", 1.5), ("Mixed_6d", 2))


def test_unknown_names_are_answered_with_near_ones():
    with pytest.raises(ModelError, match=r"no network 'VGG-19' \(did you mean vgg19"):
        network_spec("VGG-19")
    with pytest.raises(ModelError, match=r"no network 'x'; there are: vgg19, vgg16, inception_v3"):
        network_spec("x")


def test_networks_that_find_flow():
    assert {name: spec.file_name for name, spec in FLOW_NETWORKS.items()} == {
        "raft_large": "raft_large_C_T_SKHT_V2-ff5fadd5.pth",
        "raft_small": "raft_small_C_T_V2-01064c6d.pth",
    }
    for name, spec in FLOW_NETWORKS.items():
        assert spec.name == name
        assert model_spec(name) is spec
        assert spec.url.startswith("https://")
        assert "Teed and Deng 2020" in spec.description
    assert model_spec("vgg19") is NETWORKS["vgg19"]


def test_a_network_that_finds_flow_neither_dreams_nor_paints():
    with pytest.raises(
        ModelError, match=r"^raft_large finds optical flow \(--flow raft_large\) "
    ) as e:
        network_spec("raft_large")
    assert "there are: vgg19, vgg16" in str(e.value)
    assert "\n" not in str(e.value)


def test_an_unknown_network_is_answered_with_all_that_have_weights():
    with pytest.raises(ModelError, match=r"'raft' \(did you mean raft_small or raft_large\?\)"):
        model_spec("raft")
    with pytest.raises(ModelError, match=r"there are: vgg19, .*, lite, raft_large, raft_small$"):
        model_spec("x")
