"""The table of networks: what it says fits the networks themselves."""

import pytest

from framestyle.errors import ModelError
from framestyle.networks import NETWORKS, lite, network_spec

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
