"""Stages whose way back is written out, alone or several of them as one.

autograd can take such a stage as a node of its own, and does where it runs alone. What is around a
node takes as long as a convolution of a small map, so those that follow each other are one node.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from framestyle.networks.layers import Shape


@runtime_checkable
class Link(Protocol):
    """A stage with its way back."""

    def forth(self, x: Tensor, *, keeps: bool) -> tuple[Tensor, Tensor | None]:
        """Return its map of another, and what the way back needs.

        Args:
            x: That, (N, C, H, W). It is changed where the link was told so when it was made.
            keeps: Whether there is a way back.
        """
        ...

    def back(self, grad: Tensor, kept: list[Tensor], like: Shape, *, spare: bool) -> Tensor:
        """Return the gradient in a map from that in what was made of it.

        Args:
            grad: That.
            kept: What ``forth`` kept, if anything. It is taken out, so that its memory is free as
                soon as it has been used.
            like: What the map was like.
            spare: Whether ``grad`` may be changed.
        """
        ...


class Summed(Protocol):
    """A sum over the positions of a map, which can be made in parts."""

    def total(self, features: Tensor) -> Tensor:
        """Return the sum over the positions of features (1, N, h, w), float32."""
        ...

    def slope(self, features: Tensor, grad: Tensor, onto: Tensor | None = None) -> Tensor:
        """Return the gradient in the features, of their shape, from that in the sum.

        It is added to ``onto``, which it may change, where there is one.
        """
        ...


class Rectified(nn.ReLU):
    """Cutting off at 0, in place if asked."""

    def forth(self, x: Tensor, *, keeps: bool) -> tuple[Tensor, Tensor | None]:
        """Return its map, which is needed for the way back."""
        made = x.relu_() if self.inplace else x.relu()
        return made, made

    def back(self, grad: Tensor, kept: list[Tensor], like: Shape, *, spare: bool) -> Tensor:
        """Return the gradient in a map."""
        return cut_off(grad, kept.pop(), spare=spare)


class Passed(nn.Identity):
    """Nothing, where another stage has done it already."""

    def forth(self, x: Tensor, *, keeps: bool) -> tuple[Tensor, Tensor | None]:
        """Return the map."""
        return x, None

    def back(self, grad: Tensor, kept: list[Tensor], like: Shape, *, spare: bool) -> Tensor:
        """Return the gradient."""
        return grad


def cut_off(grad: Tensor, made: Tensor, *, spare: bool) -> Tensor:
    """Return the gradient before a ReLU from that after it, and what it made; in place if spare."""
    slope = torch.ops.aten.threshold_backward
    result: Tensor
    result = slope.grad_input(grad, made, 0, grad_input=grad) if spare else slope(grad, made, 0)
    return result


def alone(x: Tensor, link: Link) -> Tensor:
    """Return what a link makes of a map; differentiable in it."""
    result: Tensor = _Alone.apply(x, link)
    return result


@dataclass(frozen=True)
class Chain:
    """Links that follow each other, and which of their maps are wanted.

    Attributes:
        links: They.
        mapped: Those of which the map is wanted, by number.
        summed: Those of which the mean of a sum over positions is wanted.
    """

    links: Sequence[Link]
    mapped: Sequence[int]
    summed: dict[int, Summed]

    def __call__(self, x: Tensor) -> dict[int, Tensor]:
        """Return what is wanted, by number, shallowest first; differentiable in the map ``x``."""
        wanted = sorted({*self.mapped, *self.summed})
        return dict(zip(wanted, _Chain.apply(x, self), strict=True))


class _Alone(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, link: Link) -> Tensor:
        ctx.link, ctx.like = link, Shape.of(x)
        made, kept = link.forth(x, keeps=ctx.needs_input_grad[0])
        ctx.save_for_backward(kept)
        return made

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        kept = [tensor for tensor in ctx.saved_tensors if tensor is not None]
        return ctx.link.back(grad, kept, ctx.like, spare=False), None


class _Chain(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, chain: Chain) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        ctx.chain = chain
        # a list of its own, since what autograd saves is held until the whole way back is done
        ctx.trail = trail = []
        wanted: list[Tensor] = []
        keeps = ctx.needs_input_grad[0]
        for number, link in enumerate(chain.links):
            like = Shape.of(x)
            x, kept = link.forth(x, keeps=keeps)
            summed = chain.summed.get(number)
            if summed is not None:
                wanted.append(summed.total(x) / (x.shape[2] * x.shape[3]))
            elif number in chain.mapped:
                wanted.append(x.detach())  # another name: what is returned would hold itself
            if keeps:
                held = [] if kept is None else [kept]
                trail.append((like, held, None if summed is None else x))
            del kept  # or the first map would be held with every other
        return tuple(wanted)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, None]:
        chain, left, grad = ctx.chain, list(grads), None
        if len(ctx.trail) < len(chain.links):
            raise RuntimeError("the way back of a chain is taken a second time; it is gone")
        while ctx.trail:
            like, kept, features = ctx.trail.pop()
            number = len(ctx.trail)
            if number in chain.summed:
                of_mean = left.pop()
                if of_mean is not None:
                    of_sum = of_mean / (features.shape[2] * features.shape[3])
                    grad = chain.summed[number].slope(features, of_sum, grad)
            elif number in chain.mapped:
                of_map = left.pop()
                if of_map is not None:
                    grad = of_map.clone() if grad is None else grad.add_(of_map)
                del of_map
            del features
            if grad is not None:
                grad = chain.links[number].back(grad, kept, like, spare=True)
        return grad, None
