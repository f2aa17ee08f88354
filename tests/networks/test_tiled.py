"""Networks run tile by tile give what they give as a whole."""

import pytest
import torch
from torch import nn

from framestyle.networks import Room, network_spec
from framestyle.networks.fields import Field, fields
from framestyle.networks.footprint import Footprint, kept_by
from framestyle.networks.sizes import map_sizes
from framestyle.networks.tiled import Tiling
from framestyle.networks.tiles import cut

NAMES = ("vgg19", "lite", "squeezenet1_0", "inception_v3", "googlenet")
DEEP = ("inception_v3", "googlenet")
"""They need larger pictures, and dream."""


class Sums:
    """The simplest sum over positions: of products of neighbours in depth."""

    def total(self, features):
        rows = features.float().flatten(2)[0]
        return rows @ rows.T

    def slope(self, features, of_mean, positions, onto=None):
        rows = features.flatten(2)[0]
        grad = of_mean / positions
        slope = ((grad + grad.T).to(rows.dtype) @ rows).view_as(features)
        return slope if onto is None else onto + slope


class Fixed(Room):
    """Plans what it is told."""

    def __init__(self, tiling):
        super().__init__()
        self.told = tiling

    def tiling(self, footprint):
        return self.told


@pytest.fixture(scope="module")
def networks():
    made = {}
    for name in NAMES:
        torch.manual_seed(0)
        spec = network_spec(name)
        model = spec.build().eval()
        for weight in model.parameters():
            if weight.dim() == 4:
                nn.init.kaiming_normal_(weight)
        made[name] = spec.network(model).double()
    return made


def layers_of(name):
    """Layers of which the map is wanted, and layers of which a sum is."""
    spec = network_spec(name)
    if name in DEEP:
        return [layer for layer, _ in spec.default_dream_layers], []
    maps = [layer for layer, _ in spec.default_content_layers]
    return maps, [layer for layer, _ in spec.default_style_layers]


def run(network, maps, sums, image, room=None):
    """Value and gradient of something that looks at all of them."""
    x = image.clone().requires_grad_(True)
    made = network.extractor(maps, dict.fromkeys(sums, Sums()), room)(x)
    total = x.new_zeros(())
    for name in maps:
        weights = torch.linspace(-1, 1, made[name].numel(), dtype=x.dtype).view_as(made[name])
        total = total + (made[name] * weights).sum() / made[name].numel()
    for name in sums:
        value = made[name]
        if value.dim() == 4:
            value = Sums().total(value) / value[0, 0].numel()
        total = total + value.double().square().mean()
    (grad,) = torch.autograd.grad(total, x)
    return total.detach(), grad


def depths(network, maps, sums):
    """After how many stages it can be cut."""
    stages = list(network.extractor([*maps, *sums])._stages)
    ways = Footprint(stages, (64, 64), torch.float64).tilings()
    return sorted({tiling.stages for tiling in ways})


@pytest.mark.parametrize("side", [24, 200])
@pytest.mark.parametrize("name", NAMES)
def test_the_gradient_is_that_of_the_whole_picture(name, side, networks):
    network, (maps, sums) = networks[name], layers_of(name)
    size = (97, 117) if name in DEEP else (50, 67)
    image = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(1)).double()
    value, grad = run(network, maps, sums, image)
    cuts = depths(network, maps, sums)
    assert cuts
    for stages in cuts:
        got, got_grad = run(network, maps, sums, image, Fixed(Tiling(stages, side)))
        torch.testing.assert_close(got, value, rtol=1e-5, atol=0)
        torch.testing.assert_close(got_grad, grad, rtol=1e-4, atol=1e-5 * float(grad.abs().max()))


@pytest.mark.parametrize("name", NAMES[:3])
def test_sums_alone_with_all_in_tiles(name, networks):
    """Nothing comes after the tiles, and of one of the sums nothing is looked at."""
    network, (_, sums) = networks[name], layers_of(name)
    image = torch.rand(1, 3, 50, 67, generator=torch.Generator().manual_seed(1)).double()
    grads = []
    for room in (None, Fixed(Tiling(len(network.extractor(sums[:3])._stages), 24))):
        x = image.clone().requires_grad_(True)
        made = network.extractor([], dict.fromkeys(sums[:3], Sums()), room)(x)
        assert list(made) == sums[:3]
        (grad,) = torch.autograd.grad(made[sums[1]].double().square().mean(), x)
        grads.append(grad)
    torch.testing.assert_close(*grads, rtol=1e-4, atol=1e-5 * float(grads[0].abs().max()))


def test_a_layer_of_which_the_map_is_wanted_too_is_a_map(networks):
    network, image = networks["vgg19"], torch.rand(1, 3, 64, 64).double()
    room = Fixed(Tiling(10, 32))
    made = network.extractor(["relu1_1"], {"relu1_1": Sums(), "relu2_1": Sums()}, room)(image)
    whole = network.extractor(["relu1_1", "relu2_1"])(image)
    torch.testing.assert_close(made["relu1_1"], whole["relu1_1"])
    assert made["relu2_1"].shape == (128, 128)


@pytest.mark.parametrize("name", NAMES[:3])
def test_a_mean_over_positions_is_that_of_the_map_and_so_is_its_gradient(name, networks):
    network, (maps, sums) = networks[name], layers_of(name)
    image = torch.rand(1, 3, 50, 67, generator=torch.Generator().manual_seed(1)).double()
    value, grad = run(network, maps, sums, image)
    x = image.clone().requires_grad_(True)
    made = network.extractor([*maps, *sums])(x)
    total = x.new_zeros(())
    for layer in maps:
        weights = torch.linspace(-1, 1, made[layer].numel(), dtype=x.dtype)
        total = total + (made[layer] * weights.view_as(made[layer])).sum() / made[layer].numel()
    for layer in sums:
        rows = made[layer].flatten(2)[0]
        total = total + (rows @ rows.T / rows.shape[1]).square().mean()
    torch.testing.assert_close(value, total.detach(), rtol=1e-5, atol=0)
    expected = torch.autograd.grad(total, x)[0]
    torch.testing.assert_close(grad, expected, rtol=1e-4, atol=1e-5 * float(grad.abs().max()))


# --- tiles ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(64, 64), (65, 131), (40, 333)])
@pytest.mark.parametrize("side", [16, 50, 1000])
def test_every_number_belongs_to_one_tile(size, side):
    stages = [nn.Conv2d(3, 4, 3, padding=1), nn.MaxPool2d(2), nn.Conv2d(4, 4, 3, padding=1),
              nn.MaxPool2d(3, 2, ceil_mode=True)]  # fmt: skip
    maps = list(zip(fields(stages), map_sizes(stages, size), strict=True))
    seen = [torch.zeros(whole) for _, whole in maps]
    for tile in cut(size, maps, side):
        rows, columns = tile.pixels
        assert 0 <= rows.start < rows.stop <= size[0]
        assert 0 <= columns.start < columns.stop <= size[1]
        for count, part in zip(seen, tile.parts, strict=True):
            count[part.whole] += 1
            for whole, local in zip(part.whole, part.local, strict=True):
                assert whole.stop - whole.start == local.stop - local.start
    assert all(bool((count == 1).all()) for count in seen)


def test_fields_are_those_of_the_kernels():
    stages = [nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 4, 5)]
    assert fields(stages) == [Field(1, 1, 1), Field(1, 1, 1), Field(2, 1, 2), Field(2, 1, 10)]


def test_a_stage_with_kernels_that_are_no_modules_ends_what_can_be_tiled():
    network = network_spec("inception_v3").network(network_spec("inception_v3").bare_model())
    stages = [stage for _, stage in network.named_stages]
    assert len(fields(stages)) == network.taps.index("Mixed_5b")


# --- memory ---------------------------------------------------------------------------------------


def test_what_a_stage_keeps_is_what_autograd_saves(networks):
    network = network_spec("lite").network(network_spec("lite").build()).float()
    stages = list(network.extractor(["relu3_2"])._stages)
    image = torch.rand(1, 3, 96, 128).requires_grad_(True)

    seen = {}

    def keep(tensor):
        if not isinstance(tensor, nn.Parameter):
            seen[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    x = image
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        for stage in stages:
            x = stage(x)
    kept = sum(stage.saved for stage in kept_by(stages, (96, 128), torch.float32))
    assert kept == pytest.approx(sum(seen.values()), rel=0.1)


def test_a_map_that_is_looked_at_is_kept_as_well(networks):
    """The blocks of SqueezeNet end in joined maps, which no other stage needs."""
    network = network_spec("squeezenet1_0").network(network_spec("squeezenet1_0").build()).float()
    stages, image = list(network.extractor(["fire5"])._stages), torch.rand(1, 3, 96, 128)
    number = network.taps.index("fire3")
    with torch.no_grad():
        for stage in stages[: number + 1]:
            image = stage(image)
    alone, looked_at = (
        kept_by(stages, (96, 128), torch.float32, wanted)[number].saved for wanted in ((), {number})
    )
    assert looked_at - alone == image.nbytes


def test_tiles_take_less_and_the_deeper_the_less():
    network = network_spec("vgg19").network(network_spec("vgg19").bare_model())
    stages = list(network.extractor(["relu5_1"])._stages)
    need = Footprint(stages, (2160, 3840), torch.bfloat16).peak_bytes
    needs = [need(None), *(need(Tiling(stages, 512)) for stages in (5, 10, 19))]
    assert needs == sorted(needs, reverse=True)
    assert needs[2] < 8 << 30 < needs[0]
    assert need(Tiling(19, 256)) < need(Tiling(19, 2048))


def test_whole_maps_that_are_looked_at_within_tiles_are_planned():
    """With their gradients; of sums over positions nothing is whole."""
    network = network_spec("vgg19").network(network_spec("vgg19").bare_model())
    stages = list(network.extractor(["relu1_1", "relu5_1"])._stages)
    size, tiling = (1080, 1920), Tiling(10, 512)
    alone = Footprint(stages, size, torch.float32).peak_bytes(tiling)
    mapped = Footprint(stages, size, torch.float32, mapped=[1]).peak_bytes(tiling)
    summed = Footprint(stages, size, torch.float32, summed=[1]).peak_bytes(tiling)
    whole = 64 * size[0] * size[1] * 4
    assert mapped - summed == 2 * whole
    assert summed - alone < whole / 2


def test_what_fits_whole_is_run_whole_and_what_does_not_in_the_largest_tiles_that_fit():
    network = network_spec("lite").network(network_spec("lite").bare_model())
    stages = list(network.extractor(["relu5_1"])._stages)
    taken = Footprint(stages, (540, 960), torch.float32)

    def chosen(budget):
        return Room(budget).tiling(taken)

    whole = taken.peak_bytes()
    assert chosen(whole) is None
    assert Room().tiling(taken) is None
    assert taken.peak_bytes(chosen(whole * 2 // 3)) <= whole * 2 // 3
    assert taken.peak_bytes(chosen(1)) == min(taken.peak_bytes(way) for way in taken.tilings())


@pytest.mark.parametrize("name", ["vgg19", "lite"])
@pytest.mark.parametrize("size", [(32, 32), (67, 45), (270, 480), (1080, 1920), (40, 4000)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_nothing_fits_at_a_glance_that_does_not_fit(name, size, dtype):
    spec = network_spec(name)
    network = spec.network(spec.bare_model()).to(dtype)
    layers = [layer for layer, _ in (*spec.default_style_layers, *spec.default_content_layers)]
    stages = list(network.extractor(layers)._stages)
    taken = Footprint(stages, size, dtype, mapped=range(len(stages)))
    need = taken.peak_bytes()
    assert not taken.fits_at_a_glance(need - 1)
    assert taken.fits_at_a_glance(12 * need)


@pytest.mark.parametrize(("name", "layer"), [("vgg19", "conv1_1"), ("squeezenet1_0", "conv1")])
@pytest.mark.parametrize("device", ["meta", "cpu"])
def test_nor_does_a_single_layer(name, layer, device):
    model = network_spec(name).bare_model().to_empty(device=device)
    extract = network_spec(name).network(model).extractor([layer])
    taken = Footprint(list(extract._stages), (1080, 1920), torch.float32, mapped=(0,))
    assert not taken.fits_at_a_glance(taken.peak_bytes() - 1)


def test_what_cannot_be_planned_is_not_planned_with():
    network = network_spec("squeezenet1_0").network(network_spec("squeezenet1_0").build().eval())
    room = Room(1 << 20, 256)
    extract = network.extractor(["fire9"], room=room)
    with torch.no_grad():
        with pytest.raises(RuntimeError):
            extract(torch.rand(1, 3, 10, 10))
        extract(torch.rand(1, 3, 99, 131))
    assert not room.take_back()


def test_after_memory_has_run_out_it_is_planned_with_less_until_there_is_no_less():
    network = network_spec("lite").network(network_spec("lite").bare_model())
    stages = list(network.extractor(["relu5_1"])._stages)
    taken, room, needs = Footprint(stages, (540, 960), torch.float32), Room(1 << 40), []
    for _ in range(20):
        needs.append(taken.peak_bytes(room.tiling(taken)))
        if not room.take_back():
            break
    assert len(needs) > 2
    assert needs == sorted(needs, reverse=True)
    assert len(set(needs)) == len(needs)
    assert not Room().take_back()


def test_what_ran_out_of_memory_is_planned_with_less_each_time_whatever_else_is_planned():
    """A large picture that is at its least soon, and small ones that could go on shrinking."""
    network = network_spec("lite").network(network_spec("lite").build().eval())
    image, small = torch.rand(1, 3, 540, 960).requires_grad_(), torch.rand(1, 3, 270, 480)
    room = Room(1 << 40)
    extractor = network.extractor(["relu5_1"], room=room)
    budgets = [room.budget_bytes]
    for _ in range(20):
        for x in (small, image):
            extractor(x)
        if not room.take_back():
            break
        budgets.append(room.budget_bytes)
    assert len(set(budgets)) == len(budgets) > 2
    assert budgets == sorted(budgets, reverse=True)
    assert extractor.tiling((540, 960)).side_px == 256
    assert not room.take_back()


def test_a_picture_seen_without_a_way_back_is_planned_anew_for_one():
    network = network_spec("lite").network(network_spec("lite").build().eval())
    image, room = torch.rand(1, 3, 270, 480), Room(40 << 20)
    extractor = network.extractor(["relu5_1"], room=room)
    with torch.no_grad():
        extractor(image)
    needs = [room.in_use.need]
    extractor(image.requires_grad_())
    needs.append(room.in_use.need)
    untried = network.extractor(["relu5_1"], room=Room(40 << 20))
    assert extractor.tiling((270, 480)) == untried.tiling((270, 480)) is not None
    assert needs[0] < needs[1]
