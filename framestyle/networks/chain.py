"""Stages whose way back is written out, alone or several of them as one.

autograd can take such a stage as a node of its own, and does where it runs alone. What is around a
node takes as long as a convolution of a small map, so those that follow each other are one node.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from framestyle.networks.layers import Shape


@runtime_checkable
class Link(Protocol):
    """A stage with its way back."""

    def forth(self, x: Tensor, *, keeps: bool) -> tuple[Tensor, list[Tensor]]:
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
    """A sum over the positions of a map, which can be made in parts.

    A position where all features are 0 adds nothing.
    """

    def total(self, features: Tensor) -> Tensor:
        """Return the sum over the positions of features (1, N, h, w), float32."""
        ...

    def factor(self, of_mean: Tensor, positions: int, dtype: torch.dtype) -> Tensor:
        """Return what features are multiplied by to be the gradient in them, (N, N), symmetric.

        Args:
            of_mean: The gradient in the mean of the sum.
            positions: Of which that is the mean.
            dtype: Of the result.
        """
        ...

    def slope(
        self, features: Tensor, of_mean: Tensor, positions: int, onto: Tensor | None = None
    ) -> Tensor:
        """Return the gradient in the features, of their shape, from that in the mean of the sum.

        It is added to ``onto``, which it may change, where there is one.
        """
        ...


class Rectified(nn.ReLU):
    """Cutting off at 0, in place if asked."""

    def forth(self, x: Tensor, *, keeps: bool) -> tuple[Tensor, list[Tensor]]:
        """Return its map, which is needed for the way back."""
        made = x.relu_() if self.inplace else x.relu()
        return made, [made]

    def back(self, grad: Tensor, kept: list[Tensor], like: Shape, *, spare: bool) -> Tensor:
        """Return the gradient in a map."""
        return cut_off(grad, kept.pop(), spare=spare)


class Passed(nn.Identity):
    """Nothing, where another stage has done it already."""

    def forth(self, x: Tensor, *, keeps: bool) -> tuple[Tensor, list[Tensor]]:
        """Return the map."""
        return x, []

    def back(self, grad: Tensor, kept: list[Tensor], like: Shape, *, spare: bool) -> Tensor:
        """Return the gradient."""
        return grad


@dataclass(frozen=True)
class ByAutograd:
    """A stage whose way back is left to autograd.

    Attributes:
        stage: It.
    """

    stage: nn.Module

    def forth(self, x: Tensor, *, keeps: bool) -> tuple[Tensor, list[Tensor]]:
        """Return its map, and for the way back what autograd has of it."""
        if not keeps:
            return self.stage(x), []
        with torch.enable_grad():
            x = x.detach().requires_grad_(True)
            made = self.stage(x)
        return made.detach(), [made, x]

    def back(self, grad: Tensor, kept: list[Tensor], like: Shape, *, spare: bool) -> Tensor:
        """Return the gradient in a map."""
        x, made = kept.pop(), kept.pop()
        return torch.autograd.grad(made, x, grad)[0]


def linked(stages: Sequence[nn.Module]) -> list[Link]:
    """Return stages as links, whatever they are."""
    return [stage if isinstance(stage, Link) else ByAutograd(stage) for stage in stages]


@dataclass
class Step:
    """What was made of a map by one link, for the way back.

    Attributes:
        like: What the map was like.
        made: What is like what was made of it.
        kept: What the link keeps.
        features: What was made of it, where that is looked at.
    """

    like: Shape
    made: Shape
    kept: list[Tensor]
    features: Tensor | None


Look = Callable[[int, Tensor], bool]
"""Sees the map of each link, by number, and tells whether it is wanted again on the way back."""
Add = Callable[[int, Step, Tensor | None], Tensor | None]
"""Adds to the gradient in the map of a link what comes of looking at it; it may be changed. None is
a gradient of 0."""


def forth(links: Sequence[Link], x: Tensor, look: Look, *, keeps: bool) -> list[Step]:
    """Run links on a map, and return what the way back needs.

    Args:
        links: They follow each other.
        x: The map, (N, C, H, W).
        look: Called after each link.
        keeps: Whether there is a way back.
    """
    trail: list[Step] = []
    for number, link in enumerate(links):
        like = Shape.of(x)
        x, kept = link.forth(x, keeps=keeps)
        features = x if look(number, x) else None
        if keeps:
            trail.append(Step(like, Shape.of(x), kept, features))
        del kept, features  # or the first map would be held with every other
    return trail


def back(links: Sequence[Link], trail: list[Step], add: Add) -> Tensor | None:
    """Return the gradient in the map that links were run on; None where nothing comes of it.

    Args:
        links: They.
        trail: What ``forth`` returned. It is taken out, so that memory is free as soon as it has
            been used.
        add: Called before the way back of each link.
    """
    grad: Tensor | None = None
    while trail:
        step = trail.pop()
        grad = add(len(trail), step, grad)
        step.features = None
        if grad is not None:
            grad = links[len(trail)].back(grad, step.kept, step.like, spare=True)
    return grad


def cut_off(grad: Tensor, made: Tensor, *, spare: bool, beside: int = 0) -> Tensor:
    """Return the gradient before a ReLU from that after it.

    Args:
        grad: That, (N, C, H, W).
        made: What the ReLU made, of the same shape.
        spare: Whether ``grad`` may be changed.
        beside: Columns of zeros that the result gets on both sides; it is then channels-last.
    """
    slope = torch.ops.aten.threshold_backward
    result: Tensor
    if beside:
        height, width = grad.shape[2:]
        size = torch.Size((*grad.shape[:2], height, width + 2 * beside))
        result = Shape(size, torch.channels_last).blank(grad)
        result[..., :beside].zero_()
        result[..., -beside:].zero_()
        slope.grad_input(grad, made, 0, grad_input=result[..., beside:-beside])
    else:
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
        ctx.save_for_backward(*kept)
        return made

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return ctx.link.back(grad, list(ctx.saved_tensors), ctx.like, spare=False), None


class _Chain(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, chain: Chain) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        wanted: list[Tensor] = []

        def look(number: int, made: Tensor) -> bool:
            summed = chain.summed.get(number)
            if summed is not None:
                wanted.append(summed.total(made).div_(made.shape[2] * made.shape[3]))
            elif number in chain.mapped:
                wanted.append(made.detach())  # another name: what is returned would hold itself
            return summed is not None

        ctx.chain = chain
        # not as saved tensors: autograd holds those until the whole way back is done
        ctx.trail = forth(chain.links, x, look, keeps=ctx.needs_input_grad[0])
        return tuple(wanted)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, None]:
        chain, left = ctx.chain, list(grads)
        if len(ctx.trail) < len(chain.links):
            raise RuntimeError("the way back of a chain is taken a second time; it is gone")

        def add(number: int, step: Step, grad: Tensor | None) -> Tensor | None:
            if number not in chain.summed and number not in chain.mapped:
                return grad
            of_made = left.pop()
            if of_made is None:
                return grad
            if number in chain.summed:
                assert step.features is not None
                positions = step.made.size[2] * step.made.size[3]
                slope: Tensor
                slope = chain.summed[number].slope(step.features, of_made, positions, grad)
                return slope
            return of_made.clone() if grad is None else grad.add_(of_made)

        return back(chain.links, ctx.trail, add), None
