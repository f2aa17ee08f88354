"""Convolutions with reordered weights are torch's own, forth and back, and reorder them once."""

import copy
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn

from framestyle import onednn
from framestyle.networks import NETWORKS, packed
from framestyle.networks.layers import ReflectingConv2d
from framestyle.networks.packed import PackedConv2d, Packer, Weights
from framestyle.onednn import can_pack
from tests.marks import needs_onednn

CPU = torch.device("cpu")
KERNELS = {
    "VGG's": {"kernel_size": 3, "padding": 1},
    "no border": {"kernel_size": 3},
    "of one": {"kernel_size": 1},
    "wide": {"kernel_size": (1, 7), "padding": (0, 3)},
    "with a step": {"kernel_size": 3, "stride": 2},
    "spread": {"kernel_size": 3, "padding": 2, "dilation": 2},
    "a border beyond it": {"kernel_size": 1, "padding": 1},
    "without bias": {"kernel_size": 3, "padding": 1, "bias": False},
}


def frozen(layer):
    return layer.requires_grad_(False).to(memory_format=torch.channels_last)


def there_and_back(layer, x):
    at = x.clone().requires_grad_(True)
    made = layer(at)
    weights = torch.linspace(-1, 2, made.numel(), dtype=x.dtype).view_as(made)
    (grad,) = torch.autograd.grad((made * weights).sum(), at)
    return made.detach(), grad


def assert_same(ours, theirs, x):
    for mine, expected in zip(there_and_back(ours, x), there_and_back(theirs, x), strict=True):
        torch.testing.assert_close(mine, expected, rtol=1e-4, atol=1e-4)


@needs_onednn
@pytest.mark.parametrize("kernel", [*KERNELS, "reflected"])
@pytest.mark.parametrize("rectifies", [False, True])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("count", [1, 2])
def test_numbers_and_gradients_are_torchs(kernel, rectifies, layout, count):
    if kernel == "reflected":
        like = frozen(ReflectingConv2d(16, 24))
    else:
        like = frozen(nn.Conv2d(16, 24, **KERNELS[kernel]))
    ours = PackedConv2d(like, Weights(like), rectifies=rectifies)
    theirs = nn.Sequential(like, nn.ReLU()) if rectifies else like
    for size in ((16, 12), (9, 31), (16, 12), (3, 8)):
        assert_same(ours, theirs, torch.randn(count, 16, *size).to(memory_format=layout))


def test_a_precision_that_onednn_does_not_have_is_torchs_own():
    like = frozen(nn.Conv2d(3, 4, 3)).double()
    assert not can_pack("cpu", torch.float64)
    ours = PackedConv2d(like, Weights(like), rectifies=True)
    assert_same(ours, nn.Sequential(like, nn.ReLU()), torch.randn(1, 3, 8, 8, dtype=torch.float64))


@needs_onednn
def test_a_network_that_is_cast_or_changed_is_packed_anew():
    like = frozen(nn.Conv2d(8, 8, 3))
    ours, x = PackedConv2d(like, Weights(like)), torch.randn(1, 8, 16, 16)
    first, _ = there_and_back(ours, x)
    like.weight.mul_(2.0)
    assert_same(ours, like, x)
    for step in range(4):  # other numbers come to lie where the first ones lay
        like.to(torch.float64).to(torch.float32)
        like.weight.data = like.weight.data * (1.0 + step)
        assert_same(ours, like, x)
    like.weight.data /= 24.0
    like.to(torch.bfloat16)
    made, _ = there_and_back(ours, x.bfloat16())
    assert made.dtype == torch.bfloat16
    like.to(torch.float32)
    with torch.no_grad():
        like.weight.copy_(like.weight / 2.0)
    torch.testing.assert_close(there_and_back(ours, x)[0], first, rtol=0.02, atol=0.02)


@needs_onednn
@pytest.mark.parametrize("name", ["vgg19", "lite"])
@pytest.mark.usefixtures("by_onednn")
def test_weights_are_reordered_once(name, make_model, onednn_says):
    network = NETWORKS[name].network(make_model(name))
    layer = {"vgg19": "relu3_1", "lite": "relu4_1"}[name]
    extract = network.extractor([layer])
    image = torch.rand(1, 3, 64, 64).requires_grad_(True)

    def iteration():
        torch.autograd.grad(extract(image)[layer].square().sum(), image)

    layers = sum(isinstance(module, PackedConv2d) for module in extract.modules())
    first, second = onednn_says(iteration), onednn_says(iteration)
    assert first.count("reorder") >= 2 * layers  # forth and back
    assert second == ["convolution"] * 2 * layers


@needs_onednn
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.usefixtures("by_onednn")
def test_every_network_gives_what_it_gives_unpacked(name, make_model, monkeypatch):
    network = NETWORKS[name].network(make_model(name))
    layers = [layer for layer, _ in NETWORKS[name].default_dream_layers]
    ours = network.extractor(layers)
    assert any(isinstance(module, PackedConv2d) for module in ours.modules())
    with monkeypatch.context() as patched:
        patched.setattr(onednn, "can_pack", lambda device, dtype: False)
        theirs = network.extractor(layers)
    assert not any(isinstance(module, PackedConv2d) for module in theirs.modules())
    # the same each time: of a ReLU at 0, rounding decides which way its gradient goes
    image = torch.rand(1, 3, 96, 80, generator=torch.Generator().manual_seed(1))
    image.requires_grad_(True)
    results = []
    for extract in (ours, theirs):
        features = extract(image)
        worth = torch.stack([f.square().mean().log() for f in features.values()]).sum()
        results.append((features, torch.autograd.grad(worth, image)[0]))
    (features, grad), (expected, slope) = results
    for layer in layers:
        error = (features[layer] - expected[layer]).norm() / expected[layer].norm()
        assert error < 1e-4, layer
    assert (grad - slope).norm() / slope.norm() < 1e-3


@needs_onednn
def test_a_layer_that_is_looked_at_before_its_relu_is_not_cut_off(make_model):
    network = NETWORKS["vgg19"].network(make_model("vgg19"))
    features = network.extractor(["conv2_1", "relu2_1"])(torch.rand(1, 3, 32, 32))
    assert float(features["conv2_1"].min()) < 0
    assert torch.equal(features["conv2_1"].relu(), features["relu2_1"])


@needs_onednn
def test_all_who_run_a_network_share_its_packed_weights(make_model):
    network = NETWORKS["squeezenet1_0"].network(make_model("squeezenet1_0"))
    one, other = (network.extractor(["fire4"]) for _ in range(2))

    def weights_of(extract):
        return [m.packed for m in extract.modules() if isinstance(m, PackedConv2d)]

    assert len(weights_of(one)) == 10
    assert all(a is b for a, b in zip(weights_of(one), weights_of(other), strict=True))
    assert {id(p) for p in one.parameters()} <= {id(p) for p in network.parameters()}


@needs_onednn
def test_a_copy_of_a_network_has_weights_of_its_own(make_model):
    network = NETWORKS["squeezenet1_0"].network(make_model("squeezenet1_0"))
    image = torch.rand(1, 3, 40, 40)
    extract = network.extractor(["fire4"])
    expected = extract(image)["fire4"]
    for other in (copy.deepcopy(network).extractor(["fire4"]), copy.deepcopy(extract)):
        assert torch.equal(other(image)["fire4"], expected)
        with torch.no_grad():
            for weight in other.parameters():
                weight.zero_()
        assert float(other(image)["fire4"].abs().max()) == 0
    assert torch.equal(extract(image)["fire4"], expected)


@needs_onednn
def test_a_stage_is_packed_with_all_that_is_in_it():
    """One module twice, one that is left out, and hooks, which belong to one extractor."""
    relu = nn.ReLU()
    stage = frozen(nn.Sequential(nn.Conv2d(3, 4, 3), relu, nn.Conv2d(4, 4, 3), relu))
    stage.register_module("none", None)
    one, other = (Packer().stages([stage], [None], torch.device("cpu"))[0] for _ in range(2))
    assert list(one._modules) == list(stage._modules)
    seen = []
    one.register_forward_hook(lambda *_: seen.append(1))
    other._modules.pop("none")
    torch.testing.assert_close(other(torch.ones(1, 3, 9, 9)), stage[:4](torch.ones(1, 3, 9, 9)))
    assert not seen


@needs_onednn
def test_of_many_sizes_the_last_ones_are_kept(monkeypatch):
    like = frozen(nn.Conv2d(16, 16, 3))
    weights = Weights(like)
    ours = PackedConv2d(like, weights)
    monkeypatch.setattr(onednn, "order_of", lambda weight: None)  # so that each size has its own
    monkeypatch.setattr(packed, "ORDERS_BYTES", 6 * like.weight.nbytes)
    for side in (8, 9, 10, 11, 12, 8):
        assert_same(ours, like, torch.randn(1, 16, side, side))
    assert len(weights._kept) == 6  # of three sizes, forth and back
    monkeypatch.setattr(packed, "ORDERS_BYTES", 0)
    assert_same(ours, like, torch.randn(1, 16, 13, 13))
    assert len(weights._kept) == packed.LEAST_KEPT


@needs_onednn
@pytest.mark.skipif(onednn._ORDER is None, reason="this torch does not tell orders")
def test_sizes_share_weights_that_lie_in_the_same_order():
    """What an order holds beside itself differs from call to call, and says nothing."""
    like = frozen(nn.Conv2d(16, 16, 3))
    weights = Weights(like)
    ours = PackedConv2d(like, weights)
    for side in range(32, 44):
        assert_same(ours, like, torch.randn(1, 16, side, side))
    assert len(weights._kept) == 2  # forth and back


@needs_onednn
def test_threads_share_them():
    like = frozen(nn.Conv2d(16, 16, 3, padding=1))
    ours = PackedConv2d(like, Weights(like), rectifies=True)
    images = [torch.randn(1, 16, 20 + n % 3, 24) for n in range(24)]
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda x: there_and_back(ours, x)[1], images))
    for x, grad in zip(images, made, strict=True):
        assert torch.equal(there_and_back(ours, x)[1], grad)


@needs_onednn
def test_nothing_is_kept_for_the_way_back_but_what_is_cut_off():
    like = frozen(nn.Conv2d(4, 4, 3))
    x = torch.rand(1, 4, 8, 8).requires_grad_(True)
    for rectifies in (False, True):
        kept = []
        with torch.autograd.graph.saved_tensors_hooks(kept.append, lambda tensor: tensor):
            PackedConv2d(like, Weights(like), rectifies=rectifies)(x)
        assert [tuple(each.shape) for each in kept] == [(1, 4, 6, 6)] * rectifies


def test_other_devices_and_odd_convolutions_run_as_they_are():
    stages = [nn.Conv2d(4, 4, 3, groups=2), nn.Conv2d(4, 4, 3, padding="same"), nn.ReLU()]
    taps = [None] * len(stages)
    assert [type(s) for s in Packer().stages(stages, taps, CPU)] == [type(s) for s in stages]
    like = [frozen(nn.Conv2d(4, 4, 3))]
    assert Packer().stages(like, [None], torch.device("mps")) == like
