"""How the clip moves: flow, where to trust it, carrying pictures along it, and cuts."""

from framestyle.motion.dis import DenseInverseSearch
from framestyle.motion.flow import FlowSource, Motion, still
from framestyle.motion.occlusion import masks, motion_edge, occluded, without_specks
from framestyle.motion.shot_list import read_shots, write_shots
from framestyle.motion.shots import Shot, is_cut
from framestyle.motion.warp import carry, look_up, outside, resize_flow

__all__ = [
    "DenseInverseSearch",
    "FlowSource",
    "Motion",
    "Shot",
    "carry",
    "is_cut",
    "look_up",
    "masks",
    "motion_edge",
    "occluded",
    "outside",
    "read_shots",
    "resize_flow",
    "still",
    "without_specks",
    "write_shots",
]
