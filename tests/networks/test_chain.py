"""Stages that run as one give what they give one after the other, and hold no more memory."""

import gc
import weakref

import pytest
import torch
from torch import nn

from framestyle.networks.chain import Chain, Link, Passed, Rectified, cut_off, linked
from framestyle.networks.layers import ReflectingConv2d
from framestyle.networks.packed import PackedConv2d, Weights
from framestyle.networks.pooling import HalvingMean, LeanMaxPool2d
from framestyle.objectives import GramProducts
from framestyle.objectives.distances import gram


def packed(like, *, rectifies):
    like.requires_grad_(False).to(memory_format=torch.channels_last)
    return PackedConv2d(like, Weights(like), rectifies=rectifies)


@pytest.fixture(scope="module")
def links():
    """One of each kind."""
    torch.manual_seed(0)
    return [
        packed(ReflectingConv2d(3, 8), rectifies=True),
        Passed(),
        packed(nn.Conv2d(8, 8, 3, padding=1), rectifies=False),
        LeanMaxPool2d(nn.MaxPool2d(2)),
        Rectified(inplace=True),
        packed(nn.Conv2d(8, 12, 3, padding=1), rectifies=False),
        Rectified(inplace=False),
        HalvingMean(),
        packed(nn.Conv2d(12, 16, 1), rectifies=True),
    ]


def one_by_one(chain, x):
    made = {}
    for number, stage in enumerate(chain.links):
        x = stage(x)
        if number in chain.summed:
            made[number] = gram(x)
        elif number in chain.mapped:
            made[number] = x
    return made


def picture(size=(14, 18)):
    x = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(1))
    return x.to(memory_format=torch.channels_last).requires_grad_(True)


def slope(made, x):
    worth = sum((n + 1) * each.square().mean().sqrt() for n, each in made.items())
    return torch.autograd.grad(worth, x)[0]


WANTED = {
    "the last": ([8], []),
    "maps": ([1, 3, 5, 8], []),
    "sums": ([], [1, 4, 6, 8]),
    "both": ([5, 8], [0, 4, 7]),
    "a sum last": ([2], [8]),
    "nothing of the last": ([1], [4]),
}


@pytest.mark.parametrize("wanted", WANTED)
@pytest.mark.parametrize("size", [(14, 18), (9, 13)])
def test_it_is_its_links_one_by_one(links, wanted, size):
    mapped, summed = WANTED[wanted]
    assert all(isinstance(link, Link) for link in links)
    chain = Chain(links, mapped, dict.fromkeys(summed, GramProducts()))
    x = picture(size)
    made, expected = chain(x), one_by_one(chain, x)
    assert list(made) == list(expected)
    for number in made:
        torch.testing.assert_close(made[number], expected[number])
    torch.testing.assert_close(slope(made, x), slope(expected, x))


def test_a_stage_without_a_way_back_of_its_own_has_that_of_autograd(links):
    torch.manual_seed(1)
    stages = [nn.Conv2d(3, 3, 5, 2, groups=3), nn.Sequential(nn.Conv2d(3, 3, 1), nn.Tanh()), *links]
    chain = Chain(linked(stages), [1, 10], {0: GramProducts(), 6: GramProducts()})
    assert [isinstance(stage, Link) for stage in stages[:3]] == [False, False, True]
    x = picture((33, 37))
    made, y = chain(x), x
    expected = {}
    for number, stage in enumerate(stages):
        y = stage(y)
        if number in made:
            expected[number] = gram(y) if number in chain.summed else y
    for number in made:
        torch.testing.assert_close(made[number], expected[number])
    torch.testing.assert_close(slope(made, x), slope(expected, x))


def test_what_nothing_comes_of_has_no_gradient(links):
    chain = Chain(links, [1, 8], {4: GramProducts()})
    for number in (1, 4, 8):
        x = picture()
        made = chain(x)
        (grad,) = torch.autograd.grad(made[number].square().sum(), x)
        (expected,) = torch.autograd.grad(one_by_one(chain, x)[number].square().sum(), x)
        torch.testing.assert_close(grad, expected)


def test_without_a_gradient_it_gives_the_same(links):
    chain = Chain(links, [1, 8], {4: GramProducts()})
    x = picture()
    with torch.no_grad():
        made = chain(x)
    for number, each in chain(x).items():
        assert torch.equal(each, made[number])
        assert not made[number].requires_grad


class Watching(Rectified):
    """Sees whether the maps that were made after its own are still there on the way back."""

    def __init__(self):
        super().__init__()
        self.later, self.gone = [], []

    def back(self, grad, kept, like, *, spare):
        self.gone.append(all(each() is None for each in self.later))
        return super().back(grad, kept, like, spare=spare)


class Watched(Rectified):
    def __init__(self, by):
        super().__init__()
        self.by = by

    def forth(self, x, *, keeps):
        made, kept = super().forth(x, keeps=keeps)
        self.by.later.append(weakref.ref(kept[0]))
        return made, kept


def test_on_the_way_back_maps_go_as_soon_as_they_are_done_with():
    watching = Watching()
    chain = Chain([watching, Watched(watching), Watched(watching)], [], {2: GramProducts()})
    x = picture()
    worth = chain(x)[2].sum()
    assert [each() is None for each in watching.later] == [False, False]
    torch.autograd.grad(worth, x)
    assert watching.gone == [True]


def test_a_way_back_that_is_not_taken_leaves_nothing(links):
    """As after memory has run out: what is kept is not held by what it belongs to."""
    watching = Watching()
    chain = Chain([watching, Watched(watching), *links], [0, 1, 10], {4: GramProducts()})
    gc.disable()
    try:
        made = chain(picture())
        assert watching.later[0]() is not None
        del made
        assert watching.later[0]() is None
    finally:
        gc.enable()


def test_the_way_back_is_taken_once(links):
    x = picture()
    worth = Chain(links, [8], {})(x)[8].sum()
    torch.autograd.grad(worth, x, retain_graph=True)
    with pytest.raises(RuntimeError, match="second time"):
        torch.autograd.grad(worth, x)


def laid_out(numbers, dtype, layout):
    made = torch.tensor(numbers).to(dtype).view(2, 2, 1, 2)
    return made.contiguous(memory_format=layout)


@pytest.mark.parametrize(
    ("dtype", "as_integers"),
    [(torch.bfloat16, False), (torch.bfloat16, True), (torch.float32, False)],
)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("beside", [0, 1, 2])
@pytest.mark.parametrize("spare", [True, False])
def test_a_gradient_is_cut_off_where_nothing_was_made(dtype, as_integers, layout, beside, spare):
    made = laid_out([-0.0, 0.0, 1e-40, 1e-30, 3.0, torch.inf, 0.5, 0.0], dtype, layout)
    grad = laid_out([1, -1, -2, torch.nan, -torch.inf, 5, 0.0, torch.nan], dtype, layout)
    expected, before = torch.where(made > 0, grad, 0.0), grad.clone()
    given = [x.view(torch.int16) if as_integers else x for x in (grad, made)]
    result = cut_off(*given, spare=spare, beside=beside).view(dtype)
    own = result[..., beside : beside + 2]
    torch.testing.assert_close(own, expected, rtol=0, atol=0, equal_nan=True)
    assert not result[..., :beside].any()
    assert not result[..., 2 + beside :].any()
    assert result.is_contiguous(memory_format=torch.channels_last if beside else layout)
    if not spare:
        torch.testing.assert_close(grad, before, rtol=0, atol=0, equal_nan=True)


def test_what_is_no_number_stays_none():
    made = torch.full((1, 2, 1, 2), torch.nan).bfloat16()
    assert cut_off(torch.ones_like(made), made, spare=False).all()
