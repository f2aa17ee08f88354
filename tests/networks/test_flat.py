"""A chain on flat maps gives the numbers and gradients of torch's own operations.

Where there is no GPU, Triton interprets the kernels on the CPU (see conftest.py), in float32.
"""

import copy

import pytest
import torch
from torch import nn
from torch.fx.experimental.proxy_tensor import make_fx

from framestyle.networks import flat, network_spec
from framestyle.networks.flat import flat_chain
from framestyle.networks.flat_weights import FlatWeights
from framestyle.objectives import GramProducts
from framestyle.objectives.distances import gram

pytest.importorskip("triton.tools.tensor_descriptor", reason="Triton is missing, or an old one")

ON_GPU = torch.cuda.is_available()
pytestmark = pytest.mark.skipif(
    ON_GPU and torch.cuda.get_device_capability() != flat.MEASURED_ON,
    reason="the kernels are made for another GPU than this one",
)
DEVICE, DTYPE = ("cuda", torch.bfloat16) if ON_GPU else ("cpu", torch.float32)
NEAR = 1e-2 if ON_GPU else 1e-5
"""Of the size of what is expected; and what rounding does to torch's own operations comes on top,
for where a ReLU cuts off in bfloat16 and not in float32, a gradient is another."""
SCALE = torch.tensor([4.0, 4.2, 4.4]).view(1, 3, 1, 1)
SHIFT = torch.tensor([-2.0, -1.8, -1.7]).view(1, 3, 1, 1)


def convolution(channels_in, channels_out, **how):
    layer = nn.Conv2d(channels_in, channels_out, 3, **{"padding": 1, **how})
    return layer.requires_grad_(False).to(DEVICE, DTYPE)


@pytest.fixture(scope="module")
def stages():
    """As a VGG begins: relus are 1, 3, 6, 8 and 11, poolings 4 and 9."""
    torch.manual_seed(0)
    return [
        convolution(3, 64), nn.ReLU(), convolution(64, 64), nn.ReLU(), nn.MaxPool2d(2, 2),
        convolution(64, 128), nn.ReLU(), convolution(128, 128), nn.ReLU(), nn.MaxPool2d(2, 2),
        convolution(128, 64), nn.ReLU(),
    ]  # fmt: skip


def chain_of(stages, mapped, summed, weights=None):
    sums = {number: GramProducts() for number in summed}
    return flat_chain(stages, mapped, sums, {} if weights is None else weights)


def plain(stages, image, mapped, summed, dtype=torch.float32):
    """What torch's own operations make, by default in float32."""
    x, made = (image * SCALE.to(image) + SHIFT.to(image)).to(dtype), {}
    for number, stage in enumerate(stages):
        x = copy.deepcopy(stage).to(dtype)(x)
        if number in summed:
            made[number] = gram(x)
        elif number in mapped:
            made[number] = x
    return made


def run(chain, image):
    return chain(image, SCALE.to(image.device), SHIFT.to(image.device))


def gradient(made, image):
    """Of a sum that looks at every number; Gram matrices are looked at as distances do."""
    total = torch.zeros((), device=image.device)
    for number, value in made.items():
        weights = torch.randn(value.shape, generator=torch.Generator().manual_seed(number))
        weights = weights.to(image.device)
        weights = weights + weights.T if value.dim() == 2 else weights
        total = total + (value.float() * weights).sum() / weights.numel() ** 0.5
    return torch.autograd.grad(total, image)[0]


def off(found, expected):
    return ((found.float() - expected).norm() / expected.norm()).item()


def image_of(height, width):
    drawn = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(1))
    return drawn.to(DEVICE).requires_grad_(True)


LOOKS = {
    "as the style does": ([11], [1, 6, 8]),
    "sums alone": ([], [1, 3, 6]),
    "maps alone": ([3, 8], []),
    "before a pooling": ([3], [8]),
    "at poolings": ([4], [9]),
    "at a pooling and before it": ([4, 8], [3, 9]),
    "the first": ([], [1]),
}


@pytest.mark.parametrize("size", [(8, 12), (7, 9), (4, 5), (33, 18)])
@pytest.mark.parametrize("look", LOOKS)
def test_numbers_and_gradients_are_torchs(stages, look, size):
    mapped, summed = LOOKS[look]
    assert_torchs(stages[: 1 + max(mapped + summed)], mapped, summed, size)


def test_one_pooling_may_follow_another(stages):
    pooled_twice = [*stages[:5], stages[4], *stages[5:9]]
    assert_torchs(pooled_twice, [9], [5], (17, 22))
    assert_torchs(pooled_twice[:6], [4], [5], (17, 22))


def assert_torchs(stages, mapped, summed, size):
    chain, image = chain_of(stages, mapped, summed), image_of(*size)
    made, expected = run(chain, image), plain(stages, image, mapped, summed)
    rounded = plain(stages, image, mapped, summed, DTYPE)
    assert list(made) == sorted(expected)
    for number, value in expected.items():
        assert made[number].shape == value.shape
        assert off(made[number], value) < NEAR
    exact = gradient(expected, image)
    assert off(gradient(made, image), exact) < NEAR + 1.5 * off(gradient(rounded, image), exact)


def test_what_nothing_comes_of_has_no_gradient(stages):
    image = image_of(8, 8)
    made = run(chain_of(stages, [6], [1, 8]), image)
    whole = torch.autograd.grad(made[1].sum(), image, retain_graph=True)[0]
    expected = plain(stages[:2], image, [], [1])
    exact = torch.autograd.grad(expected[1].sum(), image)[0]
    rounded = plain(stages[:2], image, [], [1], DTYPE)
    by_torch = torch.autograd.grad(rounded[1].sum(), image)[0]
    assert off(whole, exact) < NEAR + 1.5 * off(by_torch, exact)


def test_a_gradient_may_lie_in_any_order(stages):
    image = image_of(6, 7)
    weights = torch.rand(64, 64).to(image.device)
    weights = weights + weights.T
    made = run(chain_of(stages[:2], [], [1]), image)[1]
    plain_one = torch.autograd.grad((made * weights).sum(), image, retain_graph=True)[0]
    made = run(chain_of(stages[:2], [], [1]), image)[1]
    assert torch.equal(torch.autograd.grad((made.T * weights).sum(), image)[0], plain_one)


def test_the_way_back_is_taken_once_and_leaves_nothing(stages):
    image = image_of(6, 7)
    made = run(chain_of(stages[:9], [], [3, 8]), image)
    trail = made[3].grad_fn.trail
    assert len(trail) == 6
    total = made[3].sum() + made[8].sum()
    torch.autograd.grad(total, image, retain_graph=True)
    assert trail == []
    with pytest.raises(RuntimeError, match="a second time"):
        torch.autograd.grad(total, image)


def test_without_a_gradient_it_is_the_same_and_nothing_is_kept(stages, monkeypatch):
    chain, image = chain_of(stages, [6], [1]), image_of(6, 10)
    kept = []
    forgotten = flat._Made.forgotten
    monkeypatch.setattr(flat._Made, "forgotten", lambda made: kept.append(made) or forgotten(made))
    with torch.no_grad():
        alone = run(chain, image)
    assert len(kept) == 1  # the image, whose shape costs nothing
    for number, value in run(chain, image).items():
        assert torch.equal(alone[number], value)
        assert not alone[number].requires_grad


def test_of_equal_maxima_the_first_has_the_gradient():
    """As in torch; ReLUs make many of them, of which none has any."""
    layer = convolution(3, 64)
    layer.weight.zero_()
    layer.bias.copy_(torch.linspace(-1, 1, 64))
    stages = [layer, nn.ReLU(), nn.MaxPool2d(2, 2), convolution(64, 64), nn.ReLU()]
    operations = flat._operations()
    rows = operations.entered(image_of(4, 4), SCALE.to(DEVICE), SHIFT.to(DEVICE), layer.bias)
    weights = FlatWeights(layer)
    made = operations.convolved(rows, weights.both_ways()[0], layer.bias, 4)
    grad = torch.ones(2 * 3, 64, device=DEVICE, dtype=DTYPE)
    back = operations.unpooled(made, grad, True, 4, 4).view(4, 5, 64).float()
    is_first = torch.zeros(4, 5, 1, device=DEVICE)
    is_first[0:4:2, 0:4:2] = 1
    assert torch.equal(back, is_first * (layer.bias > 0).float())
    assert chain_of(stages, [], [4]) is not None


def test_between_the_rows_of_a_map_are_zeros(stages):
    operations = flat._operations()
    image = image_of(6, 10)
    rows = operations.entered(image, SCALE.to(DEVICE), SHIFT.to(DEVICE), stages[0].bias)
    kernels, _ = FlatWeights(stages[0]).both_ways()
    made = operations.convolved(rows, kernels, stages[0].bias, 10)
    assert made.view(6, 11, -1)[:, :10].any()
    assert not made.view(6, 11, -1)[:, 10].any()
    assert not operations.pooled(made, 6, 10).view(3, 6, -1)[:, 5].any()


def test_weights_that_change_are_laid_out_anew():
    layer = convolution(64, 64)
    weights = FlatWeights(layer)
    before = weights.both_ways()
    assert weights.both_ways()[0] is before[0]
    layer.weight.mul_(2)
    after = weights.both_ways()
    assert torch.equal(after[0], 2 * before[0])
    copied = copy.deepcopy(weights)
    layer.weight.zero_()
    assert torch.equal(copied.both_ways()[0], after[0])


def test_chains_of_one_network_share_their_weights(stages):
    weights = {}
    one, two = chain_of(stages, [11], [], weights), chain_of(stages[:4], [], [3], weights)
    assert len(weights) == 5
    assert one.layers[0].weights is two.layers[0].weights


@pytest.mark.parametrize(
    ("change", "number"),
    [
        (lambda: nn.Conv2d(64, 64, 3, padding=1, padding_mode="reflect"), 2),
        (lambda: nn.Conv2d(64, 64, 3, padding="same"), 2),
        (lambda: nn.Conv2d(64, 64, 3, padding=1, stride=2), 2),
        (lambda: nn.Conv2d(64, 64, 3, padding=1, groups=2), 2),
        (lambda: nn.Conv2d(64, 64, 3, padding=1, bias=False), 2),
        (lambda: nn.Conv2d(64, 60, 3, padding=1), 2),
        (lambda: nn.Conv2d(64, 192, 3, padding=1), 2),
        (lambda: nn.Conv2d(64, 64, 5, padding=2), 2),
        (lambda: nn.Conv2d(1, 64, 3, padding=1), 0),
        (lambda: nn.AvgPool2d(2, 2), 4),
        (lambda: nn.MaxPool2d(3, 2), 4),
        (lambda: nn.MaxPool2d(2, 2, ceil_mode=True), 4),
        (lambda: nn.Identity(), 3),
    ],
)
def test_other_stages_are_left_to_torch(stages, change, number):
    assert chain_of(stages, [6], []) is not None
    others = [*stages[:number], change(), *stages[number + 1 :]]
    assert chain_of(others, [6], []) is None


def test_what_is_looked_at_before_its_relu_is_left_to_torch(stages):
    assert chain_of(stages[:7], [5], []) is None
    assert chain_of(stages[:6], [3], []) is None


@pytest.mark.skipif(ON_GPU, reason="there is a GPU")
def test_a_cpu_is_left_to_torch(stages):
    assert not chain_of(stages, [6], []).suits(torch.zeros(1, 3, 8, 8), torch.bfloat16)


def test_several_images_and_other_precisions_are_left_to_torch(stages, monkeypatch):
    monkeypatch.setattr(flat, "is_measured", lambda device: True)
    chain = chain_of(stages, [6], [])
    assert chain.suits(torch.zeros(1, 3, 8, 8), torch.bfloat16)
    assert not chain.suits(torch.zeros(2, 3, 8, 8), torch.bfloat16)
    assert not chain.suits(torch.zeros(1, 3, 8, 8), torch.float32)


@pytest.fixture
def looks_like_hopper(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: flat.MEASURED_ON)
    flat._trouble.cache_clear()
    yield torch.device("cuda")
    flat._trouble.cache_clear()


def test_kernels_that_do_not_run_are_told_of_and_left(looks_like_hopper, monkeypatch):
    def broken():
        raise RuntimeError("Failed to find C compiler.\nSee there.")

    monkeypatch.setattr(flat, "_operations", broken)
    assert flat.why_not_flat(looks_like_hopper) == "Failed to find C compiler."
    assert not flat.is_measured(looks_like_hopper)


def test_a_gpu_without_memory_is_asked_again(looks_like_hopper, monkeypatch):
    def full():
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(flat, "_operations", full)
    for _ in range(2):
        with pytest.raises(torch.OutOfMemoryError):
            flat.is_measured(looks_like_hopper)


def test_other_gpus_are_left_and_nothing_is_told(looks_like_hopper, monkeypatch):
    monkeypatch.setattr(torch.version, "hip", "6.2")  # AMD's count their capabilities too
    assert flat.why_not_flat(looks_like_hopper) is None
    assert not flat.is_measured(looks_like_hopper)
    monkeypatch.setattr(torch.version, "hip", None)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (8, 0))
    assert flat.why_not_flat(looks_like_hopper) is None
    assert not flat.is_measured(looks_like_hopper)


def test_vgg_is_such_a_chain():
    network = network_spec("vgg19").network(network_spec("vgg19").bare_model())
    spec = network_spec("vgg19")
    content = [name for name, _ in spec.default_content_layers]
    style = {name: GramProducts() for name, _ in spec.default_style_layers}
    assert network.extractor(content, style)._flat is not None
    assert network.with_pooling("average").extractor(content, style)._flat is None
    assert network.extractor(["conv4_2"])._flat is None


def test_it_can_be_traced_for_the_compiler(stages):
    chain, image = chain_of(stages[:7], [], [1, 6]), image_of(6, 8)

    def step(image):
        total = torch.stack([value.square().sum() for value in run(chain, image).values()]).sum()
        return torch.autograd.grad(total, image)[0]

    traced = make_fx(step)(image)
    names = [str(node.target) for node in traced.graph.nodes]
    assert sum("flat_forth" in name for name in names) == 3
    assert sum("flat_back" in name for name in names) == 4
    assert torch.equal(traced(image), step(image))


@pytest.mark.gpu
@pytest.mark.parametrize("size", [(256, 256), (270, 480), (123, 77)])
def test_on_a_gpu_vgg_is_no_further_from_float32_than_with_torchs_operations(size, monkeypatch):
    spec = network_spec("vgg19")
    torch.manual_seed(0)
    network = spec.network(spec.build().eval()).cuda()
    layers = ["relu4_2"], {f"relu{block}_1": GramProducts() for block in range(1, 6)}
    image = torch.rand(1, 3, *size).cuda().requires_grad_(True)

    def made():
        features = network.extractor(*layers)(image)
        loss = sum(value.float().square().mean().sqrt() for value in features.values())
        return {**features, "gradient": torch.autograd.grad(loss, image)[0]}

    exact = made()
    network.to(torch.bfloat16)
    ours = made()
    monkeypatch.setattr(flat, "is_measured", lambda device: False)
    theirs = made()
    for name, value in exact.items():
        assert off(ours[name], value) < 1.1 * off(theirs[name], value)
    assert not torch.equal(ours["gradient"], theirs["gradient"])
