"""Each network gives the numbers that torchvision's own model gives, under the right names."""

import copy

import pytest
import torch

from framestyle.networks import NETWORKS, network_spec
from framestyle.networks.spec import IMAGENET_MEAN, IMAGENET_STD

# Our name: torchvision's module.
LAYERS = {
    "vgg19": {
        "conv1_1": "features.0",
        "relu1_1": "features.1",
        "pool1": "features.4",
        "relu2_2": "features.8",
        "conv4_2": "features.21",
        "relu4_2": "features.22",
        "relu5_1": "features.29",
        "relu5_4": "features.35",
        "pool5": "features.36",
    },
    "vgg16": {
        "relu1_1": "features.1",
        "relu3_3": "features.15",
        "relu4_2": "features.20",
        "relu5_1": "features.25",
        "conv5_3": "features.28",
        "pool5": "features.30",
    },
    "inception_v3": {
        name: name
        for name in (
            *("Conv2d_1a_3x3", "maxpool1", "Conv2d_4a_3x3", "maxpool2", "Mixed_5b"),
            *("Mixed_6a", "Mixed_6c", "Mixed_6e", "Mixed_7a", "Mixed_7c"),
        )
    },
    "googlenet": {
        name: name
        for name in (
            *("conv1", "maxpool1", "conv2", "conv3", "inception3a", "maxpool3"),
            *("inception4c", "maxpool4", "inception5b"),
        )
    },
    "lite": {
        "conv1_1": "features.0",
        "relu1_1": "features.1",
        "pool1": "features.2",
        "relu2_2": "features.6",
        "relu4_3": "features.18",
        "relu5_2": "features.23",
    },
    "squeezenet1_0": {
        "conv1": "features.0",
        "relu1": "features.1",
        "maxpool1": "features.2",
        "fire2": "features.3",
        "maxpool4": "features.6",
        "fire5": "features.7",
        "fire8": "features.10",
        "maxpool8": "features.11",
        "fire9": "features.12",
    },
}
TRANSFORMS_INPUT = ("inception_v3", "googlenet")


def torchvision_features(model, layers, image):
    """Run torchvision's whole model on an image normalised as torchvision's transforms do."""
    seen, hooks = {}, []
    for ours, theirs in layers.items():

        def keep(_module, _inputs, output, ours=ours):
            seen[ours] = output.clone()  # the ReLU that follows works in place

        hooks.append(model.get_submodule(theirs).register_forward_hook(keep))
    mean = torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1)
    std = torch.tensor(IMAGENET_STD).view(1, 3, 1, 1)
    with torch.no_grad():
        model((image - mean) / std)
    for hook in hooks:
        hook.remove()
    return seen


@pytest.mark.parametrize("name", NETWORKS)
def test_features_are_torchvisions(name, make_model, image):
    model = make_model(name)
    if name in TRANSFORMS_INPUT:
        model.transform_input = True  # as torchvision sets it for its pretrained weights
    expected = torchvision_features(model, LAYERS[name], image)
    network = network_spec(name).network(copy.deepcopy(model))
    features = network.extractor(list(LAYERS[name]))(image)
    assert list(features) == list(LAYERS[name])
    for layer, got in features.items():
        assert got.shape == expected[layer].shape, layer
        size = expected[layer].abs().max()
        assert size > 1e-3
        torch.testing.assert_close(got, expected[layer], rtol=1e-3, atol=float(1e-5 * size))


def test_vgg_names_are_the_papers():
    vgg19, vgg16 = (
        network_spec(name).network(network_spec(name).bare_model()).taps
        for name in ("vgg19", "vgg16")
    )
    assert vgg19[:6] == ("conv1_1", "relu1_1", "conv1_2", "relu1_2", "pool1", "conv2_1")
    assert vgg19[-3:] == ("conv5_4", "relu5_4", "pool5")
    assert vgg16[-3:] == ("conv5_3", "relu5_3", "pool5")
    assert len(vgg19) == 2 * 16 + 5
    assert len(vgg16) == 2 * 13 + 5


@pytest.mark.parametrize("name", NETWORKS)
def test_no_batch_normalisation_is_left(name):
    spec = network_spec(name)
    network = spec.network(spec.bare_model())
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in network.modules())
