"""Batch normalisation folded into the convolution before it."""

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def fold_batch_norm(model: nn.Module) -> None:
    """Fold every ``bn`` of torchvision's ``BasicConv2d`` blocks into their ``conv``, in place.

    With frozen statistics both together are one affine map, so the features stay the same up to
    rounding, while each convolution saves one pass over its map forward and one backward.

    Args:
        model: Network whose weights are loaded; it is put in evaluation mode.
    """
    model.eval()
    for block in model.modules():
        conv, norm = getattr(block, "conv", None), getattr(block, "bn", None)
        if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            block.conv = fuse_conv_bn_eval(conv, norm)
            block.bn = nn.Identity()
