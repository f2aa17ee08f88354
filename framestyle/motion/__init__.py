"""How the clip moves: flow, where to trust it, carrying pictures along it, and cuts."""

from framestyle.motion.flow import DenseInverseSearch, Motion, still
from framestyle.motion.occlusion import masks, motion_edge, occluded, without_specks
from framestyle.motion.shots import is_cut
from framestyle.motion.warp import carry, look_up, outside, resize_flow

__all__ = [
    "DenseInverseSearch",
    "Motion",
    "carry",
    "is_cut",
    "look_up",
    "masks",
    "motion_edge",
    "occluded",
    "outside",
    "resize_flow",
    "still",
    "without_specks",
]
