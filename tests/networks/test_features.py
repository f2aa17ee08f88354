"""The extractor: as deep as needed, safe in place, in both precisions, differentiable."""

import pytest
import torch
from torch import nn

from framestyle.errors import ModelError
from framestyle.networks import NETWORKS, network_spec
from framestyle.networks.footprint import kept_by
from framestyle.networks.sizes import map_sizes
from framestyle.onednn import can_pack

STYLE = ["relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"]
DEEPEST = {
    "vgg19": "pool5",
    "vgg16": "pool5",
    "inception_v3": "Mixed_7c",
    "googlenet": "inception5b",
    "squeezenet1_0": "fire9",
    "lite": "relu5_2",
}


@pytest.fixture(scope="module")
def vgg(make_model):
    return network_spec("vgg19").network(make_model("vgg19"))


@pytest.fixture(scope="module")
def networks(make_model):
    return {name: spec.network(make_model(name)) for name, spec in NETWORKS.items()}


def test_is_frozen_and_in_evaluation_mode(vgg):
    assert not vgg.training
    assert not any(p.requires_grad for p in vgg.parameters())
    assert (vgg.name, vgg.pooling) == ("vgg19", "max")
    assert (vgg.dtype, vgg.device) == (torch.float32, torch.device("cpu"))


@pytest.mark.usefixtures("by_onednn")
def test_runs_no_deeper_than_asked(vgg, image, convolutions_of):
    extractor = vgg.extractor(["relu4_2", "relu1_1"])
    assert list(extractor(image)) == ["relu1_1", "relu4_2"]
    assert convolutions_of(lambda: extractor(image)) == 2 + 2 + 4 + 2
    assert sum(isinstance(m, nn.Conv2d) for m in extractor.modules()) == 2 + 2 + 4 + 2


def test_relu_in_place_spoils_no_tap(vgg, image):
    together = vgg.extractor(["conv1_1", "relu1_1", "conv3_1", "relu3_1", "conv3_2"])(image)
    for layer, features in together.items():
        alone = vgg.extractor([layer])(image)[layer]
        assert torch.equal(features, alone), layer
    assert together["conv1_1"].min() < 0
    assert torch.equal(together["conv1_1"].relu(), together["relu1_1"])


def test_relu_works_in_place_where_it_may(vgg):
    relus = [
        m.inplace for m in vgg.extractor(["conv1_1", "relu2_1"]).modules() if isinstance(m, nn.ReLU)
    ]
    cut_off_by_convolution = can_pack("cpu", torch.float32)
    assert relus == ([False, True] if cut_off_by_convolution else [False, True, True])


@pytest.mark.parametrize("name", NETWORKS)
def test_gradient_reaches_the_image_in_float32(name, networks, image):
    spec = NETWORKS[name]
    image.requires_grad_()
    for default in (
        spec.default_content_layers,
        spec.default_style_layers,
        spec.default_dream_layers,
    ):
        extractor = networks[name].extractor([layer for layer, _ in default])
        loss = sum(f.square().mean() for f in extractor(image).values())
        (gradient,) = torch.autograd.grad(loss, image)
        assert gradient.dtype == torch.float32
        assert gradient.isfinite().all()
        assert (gradient != 0).float().mean() > 0.5


def test_gradient_is_the_slope(vgg, image):
    extractor = vgg.extractor(["relu2_1"])
    image.requires_grad_()
    loss = extractor(image)["relu2_1"].square().mean()
    (gradient,) = torch.autograd.grad(loss, image)
    step = 1e-2 * gradient / gradient.norm()
    with torch.no_grad():
        up, down = (
            extractor(image + sign * step)["relu2_1"].square().mean().double() for sign in (1, -1)
        )
    assert float((up - down) / (2e-2 * gradient.norm())) == pytest.approx(1, rel=1e-2)


@pytest.mark.parametrize("name", NETWORKS)
def test_bfloat16_is_close_to_float32(name, make_model, networks, image):
    layers = [layer for layer, _ in NETWORKS[name].default_dream_layers]
    half = NETWORKS[name].network(make_model(name)).to("cpu", torch.bfloat16)
    image.requires_grad_()
    exact = networks[name].extractor(layers)(image)
    rough = half.extractor(layers)(image)
    for layer in layers:
        assert rough[layer].dtype == torch.bfloat16
        error = (rough[layer].float() - exact[layer]).norm() / exact[layer].norm()
        assert error < 0.05, layer
    slopes = [
        torch.autograd.grad(sum(f.float().square().mean() for f in features.values()), image)[0]
        for features in (exact, rough)
    ]
    assert slopes[1].dtype == torch.float32
    cosine = torch.nn.functional.cosine_similarity(slopes[0].flatten(), slopes[1].flatten(), dim=0)
    assert cosine > 0.9


def test_an_extractor_follows_its_network_to_another_precision(make_model, image):
    network = network_spec("squeezenet1_0").network(make_model("squeezenet1_0"))
    extractor = network.extractor(["fire2"])
    network.to(dtype=torch.bfloat16)
    assert extractor(image)["fire2"].dtype == torch.bfloat16


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", NETWORKS)
def test_layout_stays_channels_last(name, dtype, make_model, image):
    network = NETWORKS[name].network(make_model(name)).to(dtype=dtype)
    for weight in network.parameters():
        if weight.ndim == 4:
            assert weight.is_contiguous(memory_format=torch.channels_last)
    for layer, features in network.extractor(network.taps)(image).items():
        assert features.is_contiguous(memory_format=torch.channels_last), layer


def test_average_pooling(vgg, image):
    average = vgg.with_pooling("average")
    layers = ["relu1_2", "pool1", "relu5_1"]
    features, usual = average.extractor(layers)(image), vgg.extractor(layers)(image)
    assert torch.equal(features["relu1_2"], usual["relu1_2"])
    expected = torch.nn.functional.avg_pool2d(usual["relu1_2"], 2)
    torch.testing.assert_close(features["pool1"], expected)
    assert features["relu5_1"].shape == usual["relu5_1"].shape
    assert (average.pooling, vgg.pooling) == ("average", "max")
    shared = {p.data_ptr() for p in vgg.parameters()}
    assert {p.data_ptr() for p in average.parameters()} == shared
    again = average.with_pooling("max").extractor(layers)(image)
    assert all(torch.equal(again[layer], usual[layer]) for layer in layers)


@pytest.mark.parametrize("name", NETWORKS)
def test_average_pooling_keeps_shapes(name, networks):
    image = torch.rand(1, 3, 97, 107)
    network = networks[name]
    usual = network.extractor(network.taps)(image)
    average = network.with_pooling("average").extractor(network.taps)(image)
    assert {k: v.shape for k, v in average.items()} == {k: v.shape for k, v in usual.items()}


def test_unknown_pooling_is_refused(vgg):
    with pytest.raises(ModelError, match="'median', expected max or average"):
        vgg.with_pooling("median")


def test_unknown_layers_are_named_with_near_ones(vgg, networks):
    with pytest.raises(ModelError, match=r"no layer 'relu4-2' \(did you mean relu4_2") as caught:
        vgg.extractor(["relu1_1", "relu4-2"])
    assert "there are: conv1_1, relu1_1" in str(caught.value)
    with pytest.raises(ModelError, match="did you mean Mixed_6c"):
        networks["inception_v3"].check_layers(["mixed6c"])
    with pytest.raises(ModelError, match="no layer of vgg19 is named"):
        vgg.extractor([])


@pytest.mark.parametrize("least", [1, 2])
@pytest.mark.parametrize("name", NETWORKS)
def test_minimum_side_is_exact(name, least, networks):
    spec, network = NETWORKS[name], networks[name]
    defaults = (
        spec.default_content_layers,
        spec.default_style_layers,
        spec.default_dream_layers,
        ((DEEPEST[name], 1.0),),
    )
    for default in defaults:
        layers = [layer for layer, _ in default]
        side = network.minimum_side_px(layers, least)
        # a 3x3 convolution cannot reflect a map of one position
        there = max(least, 2) if name == "lite" else least
        assert smallest_map(network, layers, side) == there, layers
        assert smallest_map(network, layers, side - 1) < there, layers


def smallest_map(network, layers, side):
    """Return the least side of the maps for a square picture; 0 where it does not go through."""
    try:
        features = network.extractor(layers)(torch.rand(1, 3, side, side))
    except RuntimeError:
        return 0
    return min(min(f.shape[-2:]) for f in features.values())


def test_minimum_side_needs_no_weights():
    spec = network_spec("vgg19")
    network = spec.network(spec.bare_model())
    assert network.minimum_side_px(STYLE) == 16
    assert network.minimum_side_px(["relu1_1"]) == 1
    network.check_layers(STYLE)


@pytest.mark.usefixtures("by_onednn")
def test_pooling_before_a_relu_changes_no_number(make_model, image):
    """Where nobody looks at a ReLU, the maximum is taken first; features and gradient are equal."""
    model = make_model("vgg19")
    network = NETWORKS["vgg19"].network(model)
    plain, wanted = image.clone().requires_grad_(True), {"relu3_1", "pool3"}
    extractor = network.extractor(sorted(wanted))
    x, expected = extractor._prepared(plain), {}
    for name, stage in network.named_stages[: network.taps.index("pool3") + 1]:
        x = torch.relu(x) if isinstance(stage, nn.ReLU) else stage(x)
        if name in wanted:
            expected[name] = x
    ours = image.clone().requires_grad_(True)
    pool, relu = list(extractor._stages)[3:5]
    assert isinstance(pool, nn.MaxPool2d)
    assert isinstance(relu, nn.ReLU)
    made = extractor(ours)
    for name in wanted:
        torch.testing.assert_close(made[name], expected[name], rtol=1e-3, atol=1e-4)
    grads = [torch.autograd.grad(sum(f[n].sum() for n in sorted(wanted)), at)[0]
             for f, at in ((made, ours), (expected, plain))]  # fmt: skip
    torch.testing.assert_close(*grads, rtol=1e-3, atol=1e-3 * float(grads[1].abs().max()))


def test_planning_leaves_the_network_to_others(make_model):
    """While sizes and memory are found out, another thread may run the same stages."""
    original = make_model("squeezenet1_0").features[0]

    class Watching(nn.Conv2d):
        def forward(self, x):
            assert original.weight.device.type == "cpu"
            devices.append(self.weight.device.type)
            return super().forward(x)

    devices = []
    original.__class__ = Watching
    stage = nn.Sequential(original, nn.Conv2d(96, 1, 1))  # a block: sizes are asked of torch
    kept_by([stage], (64, 64), torch.bfloat16)
    map_sizes([stage], (64, 64))
    assert devices == ["meta", "meta"]
    assert original.weight.dtype == torch.float32
