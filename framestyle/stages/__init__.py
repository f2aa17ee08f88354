"""What is done to a frame: dream and style, each an optimisation of its pixels."""

from framestyle.stages.dream import DreamStage
from framestyle.stages.frame import FrameStyler
from framestyle.stages.past import Link
from framestyle.stages.state import ClipState, FrameState, looked_back_to
from framestyle.stages.style import StyleStage

__all__ = [
    "ClipState",
    "DreamStage",
    "FrameState",
    "FrameStyler",
    "Link",
    "StyleStage",
    "looked_back_to",
]
