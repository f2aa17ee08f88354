"""Opens an input, whatever its form: a video, a folder of frames, a pattern or a picture."""

from pathlib import Path

from framestyle.config import InputSettings
from framestyle.files import check_name
from framestyle.media.animation import AnimationSource, is_animation
from framestyle.media.clip import Notices, ignore
from framestyle.media.listing import find_pictures
from framestyle.media.picture_headers import is_picture
from framestyle.media.pictures import FolderSource, PictureSource
from framestyle.media.source import Source
from framestyle.media.streams import check_readable
from framestyle.media.video import VideoSource

_PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp")


def open_source(
    path: str | Path, settings: InputSettings | None = None, *, notice: Notices = ignore
) -> Source:
    """Open an input and check all of it that can be checked before the work starts.

    Args:
        path: A video that ffmpeg reads; an animated WebP or PNG; a folder of frames; a pattern of
            frames (``frames/%04d.png`` or ``frames/*.png``); or a picture. What it is goes by its
            content, not by its name.
        settings: Which frames are taken, and how large; all of them as they are by default.
        notice: Gets a line for everything that the user should know.

    Raises:
        InputError: Where it cannot be read, or the selection is empty.
        SettingsError: Where the settings contradict the input or themselves.
    """
    check_name(path)
    path, settings = Path(path), settings or InputSettings()
    files = find_pictures(path)
    if files is not None:
        return FolderSource.open(path, files, settings, notice)
    check_readable(path)
    is_readable_picture = is_picture(path)
    if is_readable_picture and is_animation(path):
        return AnimationSource.open(path, settings, notice)
    if is_readable_picture or path.suffix.lower() in _PICTURE_SUFFIXES:
        return PictureSource.open(path, settings, notice)
    return VideoSource.open(path, settings, notice)
