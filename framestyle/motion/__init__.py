"""How the clip moves: flow, where to trust it, carrying pictures along it, and cuts."""

from framestyle.motion.dis import DenseInverseSearch
from framestyle.motion.flow import FlowSource, Motion, still
from framestyle.motion.flow_cache import CachedFlow
from framestyle.motion.flow_files import FlowFiles
from framestyle.motion.flow_formats import FlowField, read_flow, write_flo, write_kitti
from framestyle.motion.occlusion import masks, motion_edge, occluded, without_specks
from framestyle.motion.on_device import OnDevice
from framestyle.motion.raft import Raft
from framestyle.motion.shot_list import read_shots, write_shots
from framestyle.motion.shot_search import find_shots
from framestyle.motion.shots import Shot
from framestyle.motion.warp import carry, look_up, outside, resize_flow

__all__ = [
    "CachedFlow",
    "DenseInverseSearch",
    "FlowField",
    "FlowFiles",
    "FlowSource",
    "Motion",
    "OnDevice",
    "Raft",
    "Shot",
    "carry",
    "find_shots",
    "look_up",
    "masks",
    "motion_edge",
    "occluded",
    "outside",
    "read_flow",
    "read_shots",
    "resize_flow",
    "still",
    "without_specks",
    "write_flo",
    "write_kitti",
    "write_shots",
]
