"""Reads clips and pictures and writes them, whatever their form."""

from framestyle.media.clip import ClipInfo, Frame
from framestyle.media.colour import Colour
from framestyle.media.display import picture_within
from framestyle.media.picture_files import read_picture
from framestyle.media.reader import open_source
from framestyle.media.sink import Sink
from framestyle.media.source import Source
from framestyle.media.writer import check_output, open_sink

__all__ = [
    "ClipInfo",
    "Colour",
    "Frame",
    "Sink",
    "Source",
    "check_output",
    "open_sink",
    "open_source",
    "picture_within",
    "read_picture",
]
