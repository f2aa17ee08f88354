"""How the clip moves: flow, where to trust it, carrying pictures along it, and cuts."""

from framestyle.motion.flow import DenseInverseSearch, Motion, still
from framestyle.motion.occlusion import motion_edge, occluded, reliability
from framestyle.motion.shots import is_cut
from framestyle.motion.warp import look_up, resize_flow

__all__ = [
    "DenseInverseSearch",
    "Motion",
    "is_cut",
    "look_up",
    "motion_edge",
    "occluded",
    "reliability",
    "resize_flow",
    "still",
]
