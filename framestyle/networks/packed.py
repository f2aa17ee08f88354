"""Convolutions on a CPU whose weights lie in the order that oneDNN works in.

Given weights in torch's order, oneDNN reorders them each time that it runs, forth and back: at
256x256 in float32, for a fortieth of an iteration of VGG19 and a sixteenth of one of InceptionV3.
Those that do not learn are reordered once. The way back to the picture is itself a convolution,
with kernels turned by half a turn (Dumoulin and Visin 2016, section 4), so the same holds for it. A
ReLU that comes after costs nothing: oneDNN cuts off at 0 before it writes.

Where products at points take less time (winograd.py), those make a convolution instead.

torch has all this as operations without a gradient, for its compiler; here they get one.
"""

import copy
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import torch
import torch.nn.functional as nnf
from torch import Tensor, nn

from framestyle import onednn
from framestyle.networks import rows, winograd
from framestyle.networks.bare import copied
from framestyle.networks.chain import Passed, alone, cut_off
from framestyle.networks.flat_weights import FlatWeights
from framestyle.networks.layers import ReflectingConv2d, Shape, framed, half_turned, unframed
from framestyle.tape import aside

ORDERS_BYTES = 40 << 20
"""The order depends on the size of the map; a few of them serve all sizes. Of each layer, as many
are kept as this holds."""
LEAST_KEPT = 4
"""Kept in any case: both ways in two orders, since a picture is often seen at two sizes in turn."""

_ATEN = torch.ops.aten


class Weights:
    """The weights of one convolution, frozen, for maps of several sizes. Threads may share it.

    Args:
        like: The convolution; stride and borders are its own, reflected borders are not made here.

    Attributes:
        padding: Zeros around a map, [vertical, horizontal].
        turns: Whether the way back is a convolution, too.
    """

    def __init__(self, like: nn.Conv2d) -> None:
        assert not isinstance(like.padding, str)
        self._weight, self._bias = like.weight, like.bias
        self._stride, self._dilation = list(like.stride), list(like.dilation)
        self.padding = [0, 0] if like.padding_mode == "reflect" else list(like.padding)
        reach = [(k - 1) * d for k, d in zip(like.kernel_size, like.dilation, strict=True)]
        # the border that the gradient gets, to be convolved back to the size of the map
        self._beyond = [r - p for r, p in zip(reach, self.padding, strict=True)]
        self.turns = self._stride == [1, 1] and min(self._beyond) >= 0
        self._gains = winograd.gains(like)
        self._few = like.in_channels if rows.gains(like) else None
        self._orders: dict[Hashable, Hashable] = {}
        self._kept: OrderedDict[Hashable, tuple[Tensor, Tensor, int]] = OrderedDict()
        self._lock = threading.Lock()

    def __deepcopy__(self, memo: dict[int, Any]) -> "Weights":
        """Return those of the layer's copy, of which nothing is kept yet."""
        made = copy.copy(self)
        made._weight, made._bias = copy.deepcopy((self._weight, self._bias), memo)
        made._orders, made._kept, made._lock = {}, OrderedDict(), threading.Lock()
        return made

    def forth(self, x: Tensor, *, rectifies: bool) -> Tensor:
        """Return the convolution of a map (N, C, H, W), cut off at 0 if asked."""
        x = x.contiguous(memory_format=torch.channels_last)
        if self._gains and winograd.suits(x):
            kernels = self._at_points(x.shape, self.padding, turned=False)
            return winograd.convolve(x, kernels, self._bias, self.padding, rectifies=rectifies)
        how = self.padding, self._stride, self._dilation
        weight = self._reordered(x.shape, *how, turned=False)
        return onednn.convolved(x, weight, self._bias, *how, rectifies=rectifies)

    def beside(self, grad: Tensor) -> int:
        """Return how many columns of zeros on both sides of a gradient it gains by."""
        return int(self._few is not None and self._beyond[1] > 1 and rows.is_narrow(grad))

    def back(self, grad: Tensor, beside: int = 0) -> Tensor:
        """Return the gradient in a map from that in its convolution; where ``turns``.

        Args:
            grad: That in the convolution.
            beside: Columns of zeros that it has on both sides; only where it gains by them.
        """
        grad = grad.contiguous(memory_format=torch.channels_last)
        if self._gains and winograd.suits(grad):
            assert not beside
            kernels = self._at_points(grad.shape, self._beyond, turned=True)
            return winograd.convolve(grad, kernels, None, self._beyond)
        if self._few is not None:
            return self._back_by_rows(grad, self._few, beside)
        how = self._beyond, [1, 1], self._dilation
        weight = self._reordered(grad.shape, *how, turned=True)
        return onednn.convolved(grad, weight, None, *how)

    def _back_by_rows(self, grad: Tensor, channels: int, beside: int) -> Tensor:
        """Return the gradient in a map of few channels."""
        above, left = self._beyond
        height = grad.shape[2] + 2 * above - self._weight.shape[2] + 1
        window = rows.Window(channels, height, [above, left - beside])

        def make(weight: Tensor) -> Tensor:
            kernels = rows.kernels_by_rows(half_turned(weight))
            return onednn.reordered(kernels, grad.shape, window.padding, window.stride)

        growth = rows.growth(channels, self._weight.shape[2])
        size = grad.shape, beside
        return window.convolve(grad, self._once("by rows", size, make, growth))

    def _at_points(self, shape: torch.Size, padding: Sequence[int], *, turned: bool) -> Tensor:
        """Return the kernels as products at points take them, for a map of some shape."""
        some = winograd.grid_of(shape, padding).at_a_time

        def make(weight: Tensor) -> Tensor:
            return winograd.kernels_at_points(half_turned(weight) if turned else weight, some)

        return self._once(("at points", turned), some, make, winograd.GROWTH)

    def _reordered(
        self,
        shape: torch.Size,
        padding: Sequence[int],
        stride: Sequence[int],
        dilation: Sequence[int],
        *,
        turned: bool,
    ) -> Tensor:
        """Return the weights as oneDNN takes them, for a map of some shape."""

        def make(weight: Tensor) -> Tensor:
            weight = half_turned(weight) if turned else weight
            return onednn.reordered(weight, shape, padding, stride, dilation)

        return self._once(("as they are", turned), shape, make)

    def _once(
        self, kind: Hashable, size: Hashable, make: Callable[[Tensor], Tensor], growth: int = 1
    ) -> Tensor:
        """Return what is made of the weights, as they are now, once for all threads.

        Args:
            kind: What is made of them.
            size: What its order depends on.
            make: Makes it.
            growth: Of memory that it takes, over theirs.
        """
        weight = self._weight
        size = size, weight.dtype
        # a network that is moved or cast has other numbers in the same parameters
        numbers = kind, weight.data_ptr(), weight._version
        with self._lock:
            order = self._orders.get((kind, size))
            if (numbers, order) not in self._kept:
                weight = weight.detach()
                with aside():
                    made = make(weight)
                    order = self._orders[kind, size] = onednn.order_of(made) or size
                # weights are held, so that no others get their place in memory
                self._kept.setdefault((numbers, order), (weight, made, growth * weight.nbytes))
            self._kept.move_to_end((numbers, order))
            made = self._kept[numbers, order][1]
            while len(self._kept) > LEAST_KEPT and self._kept_bytes() > ORDERS_BYTES:
                self._kept.popitem(last=False)
        return made

    def _kept_bytes(self) -> int:
        return sum(nbytes for _, _, nbytes in self._kept.values())


class PackedConv2d(nn.Conv2d):
    """A convolution whose weights do not learn, and the ReLU after it if asked.

    Args:
        like: What it gives the numbers and the gradient of.
        packed: Its weights.
        rectifies: Whether it cuts off at 0.
    """

    def __init__(self, like: nn.Conv2d, packed: Weights, *, rectifies: bool = False) -> None:
        super().__init__(
            like.in_channels,
            like.out_channels,
            like.kernel_size,  # type: ignore[arg-type]
            like.stride,  # type: ignore[arg-type]
            like.padding,  # type: ignore[arg-type]
            like.dilation,  # type: ignore[arg-type]
            bias=like.bias is not None,
            padding_mode=like.padding_mode,
            device="meta",
        )
        self.weight, self.bias = like.weight, like.bias
        self.packed, self.rectifies = packed, rectifies
        self.reflects = like.padding_mode == "reflect"

    def reset_parameters(self) -> None:
        """Leave the numbers as they are: they are another layer's."""

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, C', H', W') for (N, C, H, W)."""
        return alone(x, self)

    def forth(self, x: Tensor, *, keeps: bool) -> tuple[Tensor, list[Tensor]]:
        """Return its map; for the way back, that is needed where it is cut off at 0."""
        if self.reflects:
            x = framed(x)
        if onednn.can_pack(x.device.type, x.dtype):
            made = self.packed.forth(x, rectifies=self.rectifies)
        else:
            how = self.stride, self.packed.padding, self.dilation
            made = nnf.conv2d(x, self.weight, self.bias, *how)
            made = made.relu_() if self.rectifies else made
        return made, [made] if self.rectifies else []

    def back(self, grad: Tensor, kept: list[Tensor], like: Shape, *, spare: bool) -> Tensor:
        """Return the gradient in a map."""
        packs, dtype = onednn.can_pack(grad.device.type, grad.dtype), grad.dtype
        turns, beside = self.packed.turns and packs, 0
        if self.rectifies:
            made = kept.pop()
            if packs and dtype == torch.bfloat16:
                # a processor turns these into float32 and back for it, which takes three times as
                # long; as integers they have the same signs, and oneDNN's ReLU leaves no NaN
                grad, made = grad.view(torch.int16), made.view(torch.int16)
            beside = self.packed.beside(grad) if turns else 0
            grad = cut_off(grad, made, spare=spare, beside=beside).view(dtype)
        if turns:
            of_x = self.packed.back(grad, beside)
        else:
            how = self.stride, self.packed.padding, self.dilation, False, [0, 0], 1
            size = like.size
            if self.reflects:
                size = torch.Size((*size[:2], size[2] + 2, size[3] + 2))
            x, slope = Shape(size, like.layout).blank(grad), _ATEN.convolution_backward
            of_x = slope(grad, x, self.weight, None, *how, [True, False, False])[0]
        return unframed(of_x) if self.reflects else of_x


class Packer:
    """Packs the weights of one network, once for all who run it.

    Attributes:
        flat: Those that lie flat on a GPU, by what they are made of.
    """

    def __init__(self) -> None:
        self._weights: dict[int, Weights] = {}
        self.flat: dict[int, FlatWeights] = {}

    def __deepcopy__(self, memo: dict[int, Any]) -> "Packer":
        """Return one of a network whose weights are others."""
        return Packer()

    def stages(
        self, stages: Sequence[nn.Module], taps: Sequence[str | None], device: torch.device
    ) -> list[nn.Module]:
        """Return stages as they are run on a device, sharing their weights.

        Args:
            stages: They run one after the other.
            taps: What is not None is looked at after its stage.
            device: Others than CPUs run them as they are.
        """
        if not onednn.can_pack(device.type, torch.float32):
            return list(stages)
        made = [self._stage(stage) for stage in stages]
        for number, stage in enumerate(made[:-1]):
            goes_on = taps[number] is None and isinstance(made[number + 1], nn.ReLU)
            if goes_on and isinstance(stage, PackedConv2d):
                made[number] = PackedConv2d(stage, stage.packed, rectifies=True)
                made[number + 1] = Passed()
        return made

    def _stage(self, stage: nn.Module) -> nn.Module:
        """Return a copy of a stage that shares its weights, with packed convolutions."""
        conv, norm = getattr(stage, "conv", None), getattr(stage, "bn", None)
        if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.Identity):
            # torchvision's BasicConv2d, normalisation folded away: a ReLU comes after
            return self._layer(conv, rectifies=True)
        if isinstance(stage, nn.Conv2d):
            return self._layer(stage)
        return copied(stage, self._stage)

    def _layer(self, like: nn.Conv2d, *, rectifies: bool = False) -> nn.Module:
        plain = like.padding_mode == "zeros" or isinstance(like, ReflectingConv2d)
        if like.groups != 1 or not plain or isinstance(like.padding, str):
            return nn.Sequential(like, nn.ReLU()) if rectifies else like
        packed = self._weights.setdefault(id(like.weight), Weights(like))
        return PackedConv2d(like, packed, rectifies=rectifies)
