"""The steps that change an image: Adam, L-BFGS, and the normalised step of DeepDream."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from framestyle.objectives.formulas import gaussian_blur
from framestyle.stages.halving import doubled, halved
from framestyle.stages.optimise import Evaluate, Terms


@dataclass
class Adam:
    """Adam (Kingma 2015) for an image, at several sizes at once.

    Adam moves every number by about its step size, so on pixels it makes grain at once and shapes
    late. Here the image is, as it were, a sum of pictures of falling size, each of which Adam
    moves: what several pixels agree on moves them all. The loss falls in half as many steps (cf.
    the decorrelated image spaces of Olah, Mordvintsev, Schubert 2017).

    The first gradients are by far the steepest. A mean square that outlives the mean gradient holds
    on to them and shortens the few steps that a frame has. With both decays alike it does not, and
    at no size is a step ever longer than the step size (cf. Orvieto and Gower 2025).

    Attributes:
        step_size: A number, or (1, 1, H, W): how far a pixel moves in a step at each size, of a
            range of 1.
        beta1: Decay of the mean gradient.
        beta2: Decay of the mean square gradient.
        levels: Number of sizes, each half of the one before; 1 is Adam as published. Small images
            have fewer.
    """

    step_size: float | Tensor
    beta1: float = 0.9
    beta2: float = 0.9
    levels: int = 1

    # The gradient of a mean over a large frame is tiny: torch's 1e-8 would drown it. It is to count
    # for nothing; a CPU adds it to the corrected root, as published, and other devices to the root.
    _EPS = 1e-18

    def __post_init__(self) -> None:
        """Start without moments."""
        self.moments: list[tuple[Tensor, Tensor]] = []
        self.form: Hashable | None = (type(self), self.beta1, self.beta2, self.levels)

    def start(self, image: Tensor) -> None:
        """Begin with an image of this shape, (1, 3, H, W)."""
        with torch.no_grad():
            zeros = torch.zeros_like(image, memory_format=torch.contiguous_format)
            sizes = _halved(zeros, self.levels)
        self.moments = [(zeros, zeros.clone()) for zeros in sizes]
        # The steps so far, of which a CPU counts, and what they have left of the moments' start, at
        # 0, which others do. These lie on the device, as the step size does: a step that is
        # recorded knows no numbers but those in tensors.
        self._steps = torch.zeros((), device=image.device)
        self._left1, self._left2 = (torch.ones((), device=image.device) for _ in range(2))
        if isinstance(self.step_size, Tensor):
            self._step = self.step_size.to(image)
        else:  # a number is not brought to the device, which would wait for it, but made there
            self._step = torch.full((), self.step_size, dtype=image.dtype, device=image.device)

    @property
    def tensors(self) -> Sequence[Tensor]:
        """All that steps read or change, beside the image."""
        moments = [moment for pair in self.moments for moment in pair]
        return [*moments, self._steps, self._left1, self._left2, self._step]

    def step(self, image: Tensor, evaluate: Evaluate) -> tuple[Tensor, Terms]:
        """Make one step downhill; the image stays in [0, 1]."""
        if not self.moments:
            self.start(image)
        loss, terms, grad = _gradient(image, evaluate)
        grads = _halved(grad, self.levels)
        with torch.no_grad():
            in_one_pass = image.device.type == "cpu"
            direction, step = self._at_once(grads) if in_one_pass else self._in_parts(grads)
            image.addcmul_(direction, step, value=-1.0).clamp_(0.0, 1.0)
        return loss, terms

    def _at_once(self, grads: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Return the direction of a step, and its size; with one pass over memory for each size."""
        self._steps.add_(1.0)
        direction: Tensor | None = None
        for (mean, square), grad in reversed(list(zip(self.moments, grads, strict=True))):
            if direction is None:
                direction = torch.zeros_like(mean)
            else:
                direction = doubled(direction, *grad.shape[2:]).contiguous()
            torch._fused_adam_(
                [direction],
                [grad.contiguous()],
                [mean],
                [square],
                [],
                [self._steps],
                lr=-1.0,  # it is added to the direction
                beta1=self.beta1,
                beta2=self.beta2,
                weight_decay=0.0,
                eps=self._EPS,
                amsgrad=False,
                maximize=False,
            )
        assert direction is not None
        return direction, self._step

    def _in_parts(self, grads: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Return the direction of a step, and its size.

        A GPU gives each tensor of a list to a few of its processors only.
        """
        self._left1.mul_(self.beta1)
        self._left2.mul_(self.beta2)
        # the corrections of both moments, as one factor
        rate = (1.0 - self._left2).sqrt() / (1.0 - self._left1)
        direction: Tensor | None = None
        for (mean, square), grad in reversed(list(zip(self.moments, grads, strict=True))):
            mean.lerp_(grad, 1.0 - self.beta1)
            square.mul_(self.beta2).addcmul_(grad, grad, value=1.0 - self.beta2)
            root = square.sqrt().add_(self._EPS)
            if direction is None:
                direction = mean / root
            else:
                direction = doubled(direction, *grad.shape[2:]).addcdiv_(mean, root)
        assert direction is not None
        return direction, self._step * rate


def _halved(grad: Tensor, levels: int) -> list[Tensor]:
    """Return the gradient (1, 3, H, W) and, in turn, half of each as large, ``levels`` in all."""
    grads = [grad]
    while len(grads) < levels and min(grads[-1].shape[2:]) > 1:
        grads.append(halved(grads[-1]))
    return grads


class LBFGS:
    """L-BFGS (Liu and Nocedal 1989) as torch has it, with its strong Wolfe line search.

    The pixels are left free until the end: a clamp would spoil the curvature that it remembers.
    """

    tensors: Sequence[Tensor] = ()
    form: Hashable | None = None  # its line search decides by the numbers how it goes on

    def __init__(self) -> None:
        self.optimizer: torch.optim.LBFGS | None = None

    def start(self, image: Tensor) -> None:
        """Begin with an image, without a memory of others."""
        self.optimizer = None

    def step(self, image: Tensor, evaluate: Evaluate) -> tuple[Tensor, Terms]:
        """Make one step downhill, which may look at the loss several times."""
        if self.optimizer is None:
            self.optimizer = torch.optim.LBFGS(
                [image],
                lr=1.0,
                max_iter=1,
                max_eval=26,  # its default, 1, lets no line search shorten a step that is too long
                history_size=20,
                tolerance_grad=0.0,
                tolerance_change=0.0,
                line_search_fn="strong_wolfe",
            )
        first: list[Terms] = []
        scale = float(image.numel())  # means over pixels are too small for the line search

        def closure() -> Tensor:
            loss, terms, grad = _gradient(image, evaluate)
            image.grad = (grad * scale).contiguous()  # torch views it as one row
            first.append(terms)
            return loss * scale

        loss = self.optimizer.step(closure)  # type: ignore[no-untyped-call]
        return loss.detach() / scale, first[0]


@dataclass
class NormalisedAscent:
    """The step of DeepDream: x <- x + a * g / (mean |g| + eps) (Mordvintsev 2015).

    Attributes:
        step_size: a, the mean change of a pixel, of a range of 1.
        smoothing_px: Sigma of a blur of the gradient, which favours shapes over grain.
        by: ``"mean"`` divides by mean |g|, ``"std"`` by the standard deviation of g, as
            pytorch-deepdream does.
    """

    step_size: float
    smoothing_px: float = 0.0
    by: str = "mean"

    _EPS = 1e-18

    def __post_init__(self) -> None:
        """Say what a step depends on."""
        self.tensors: Sequence[Tensor] = ()
        self.form: Hashable | None = (type(self), self.step_size, self.smoothing_px, self.by)

    def start(self, image: Tensor) -> None:
        """Begin with an image: nothing is kept from step to step."""

    def step(self, image: Tensor, evaluate: Evaluate) -> tuple[Tensor, Terms]:
        """Make one step uphill; the image stays in [0, 1]."""
        value, terms, grad = _gradient(image, evaluate)
        grad = gaussian_blur(grad, self.smoothing_px)
        size = grad.abs().mean() if self.by == "mean" else grad.std()
        with torch.no_grad():
            image.add_(self.step_size * grad / (size + self._EPS)).clamp_(0.0, 1.0)
        return value, terms


def _gradient(image: Tensor, evaluate: Evaluate) -> tuple[Tensor, Terms, Tensor]:
    with torch.enable_grad():
        value, terms = evaluate(image)
        (grad,) = torch.autograd.grad(value, image)
    return value.detach(), terms, grad
