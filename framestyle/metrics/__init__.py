"""How good a result is: steadiness, drift, flicker, sharpness, and how near style and content are.

The names below are loaded on first use, so that the settings can be read without loading torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from framestyle.metrics.comparison import measure
    from framestyle.metrics.report import Band, Report
    from framestyle.metrics.settings import MetricsSettings

__all__ = ["Band", "MetricsSettings", "Report", "measure"]

_HOMES = {
    "Band": "framestyle.metrics.report",
    "MetricsSettings": "framestyle.metrics.settings",
    "Report": "framestyle.metrics.report",
    "measure": "framestyle.metrics.comparison",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'framestyle.metrics' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
