"""framestyle turns videos, folders of frames and pictures into dreamed and painted ones.

    import framestyle

    framestyle.stylize_video("input.mp4", "style.jpg", "out.mp4")
    report = framestyle.measure("input.mp4", "out.mp4", ["style.jpg"])

The names below are loaded on first use, so that importing the package is quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from framestyle.api import dream_picture, paint_picture, stylize_video
    from framestyle.config import Config
    from framestyle.errors import FramestyleError
    from framestyle.metrics import measure

__version__ = "0.1.0"
__all__ = [
    "Config",
    "FramestyleError",
    "dream_picture",
    "measure",
    "paint_picture",
    "stylize_video",
]

_HOMES = {
    "Config": "framestyle.config",
    "FramestyleError": "framestyle.errors",
    "dream_picture": "framestyle.api",
    "measure": "framestyle.metrics",
    "paint_picture": "framestyle.api",
    "stylize_video": "framestyle.api",
}


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'framestyle' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
