"""Opens an output, whatever its form: a video, a folder, a numbered pattern or a picture."""

import os
from pathlib import Path

from framestyle.config import OutputSettings
from framestyle.errors import OutputError
from framestyle.files import check_name
from framestyle.media.clip import ClipInfo, Notices, ignore
from framestyle.media.defaults import CONTAINERS
from framestyle.media.encoding import choose_encoding
from framestyle.media.landing import check_folder, partial_beside
from framestyle.media.ledger import Ledger
from framestyle.media.left_out import left_out_of_pictures, left_out_of_video
from framestyle.media.listing import fill_number, is_number_pattern, number_of_stem
from framestyle.media.picture_encoding import PICTURE_SUFFIXES, check_size
from framestyle.media.picture_sink import RESULT, PictureSink
from framestyle.media.retiming import timing_notices
from framestyle.media.sink import LandedSink, Sink
from framestyle.media.trial import try_out
from framestyle.media.video_sink import SEGMENT_FRAMES, VideoSink


def open_sink(
    output: str | Path,
    info: ClipInfo,
    settings: OutputSettings | None = None,
    *,
    work_dir: Path,
    done: int = 0,
    notice: Notices = ignore,
    segment_frames: int = SEGMENT_FRAMES,
) -> Sink:
    """Open an output and check all of it that can be checked before the work starts.

    Args:
        output: Its suffix says the form: a video (.mp4, .m4v, .mov, .mkv, .webm, .avi, .gif,
            .apng, .webp), a picture (.png, .jpg, .webp, .tif, .bmp), a pattern of pictures
            (``out/%05d.png``), or a folder (an existing one, a name without suffix or with a slash
            at its end).
        info: The clip that will be written, as its source says.
        settings: What is written, and how.
        work_dir: Where everything unfinished is kept; made where missing. The same one again,
            with ``done``, goes on where a killed run was.
        done: Number of frames that an earlier run has finished for good.
        notice: Gets a line for everything that the user should know.
        segment_frames: Frames in a segment of a video. Another number makes other bytes.

    Raises:
        OutputError: Where it cannot be written as asked.
        JobError: Where something that an earlier run made is missing.
    """
    check_name(output, OutputError)
    path, settings = Path(output), settings or OutputSettings()
    form = _form_of(output, info)
    ledger = Ledger(work_dir)
    # nothing is done where the run was cut off while it took away what a finished job leaves
    may_have_landed = done in (0, info.frame_count)
    if form == "video":
        if may_have_landed and ledger.is_output(path):
            return LandedSink(path, info.frame_count)
        _check_place(path, info, settings)
        encoding = choose_encoding(path.suffix.lower(), info, settings)
        if (encoding.width_px, encoding.height_px) != (info.width_px, info.height_px):
            notice(
                f"{encoding.pixel_format} needs even sides; the frames of {info.width_px}x"
                f"{info.height_px} are padded to {encoding.width_px}x{encoding.height_px}"
            )
        for line in timing_notices(info, encoding.frame_rate, encoding.container):
            notice(line)
        for line in left_out_of_video(encoding, info):
            notice(line)
        made = _make(work_dir)
        try:
            muxing = try_out(encoding, info, audio=settings.audio, work_dir=work_dir, notice=notice)
        except OutputError:
            _unmake(made)
            raise
        return VideoSink(
            path,
            info,
            muxing,
            work_dir=work_dir,
            done=done,
            ledger=ledger,
            replaces=settings.overwrite,
            segment_frames=segment_frames,
        )
    _check_no_codec(form, settings)
    names, folder = _names(form, path, info)
    check_size(Path(names[0]).suffix.lower(), info.width_px, info.height_px)
    for line in left_out_of_pictures(Path(names[0]).suffix.lower(), info):
        notice(line)
    landed: set[str] = set()
    if may_have_landed:  # an earlier run may have moved files to where they belong
        work = work_dir / RESULT
        landed = {name for name in names if ledger.has_whole(work / name, folder / name)}
        if landed == set(names):
            return LandedSink(path if form == "picture" else folder, info.frame_count)
        landed |= {partial_beside(folder / name).name for name in names} if done else set()
    if form == "picture":
        _check_place(path, info, settings)
    else:
        _check_folder_place(folder, names, landed, info, settings, is_pattern=form == "pattern")
    return PictureSink(
        path if form == "picture" else folder,
        names,
        info,
        work_dir=work_dir,
        done=done,
        is_folder=form != "picture",
        ledger=ledger,
        replaces=settings.overwrite,
    )


def is_video(path: Path, info: ClipInfo) -> bool:
    """Tell whether an output is a video by its name, which is not that of a folder.

    Several frames under the one name of a picture move, where its form can.
    """
    suffix = path.suffix.lower()
    if suffix not in CONTAINERS:
        return False
    is_several = info.frame_count > 1 and not is_number_pattern(path.name)
    return suffix not in PICTURE_SUFFIXES or is_several


def check_output(
    output: str | Path, info: ClipInfo, settings: OutputSettings, *, is_new: bool
) -> None:
    """Check what the name of an output tells, before anything is made.

    Args:
        output: As in ``open_sink``.
        info: The clip that will be written.
        settings: What is written.
        is_new: Whether no earlier run can have put any of it where it belongs.

    Raises:
        OutputError: Where it cannot be written as asked.
    """
    form, path = _form_of(output, info), Path(output)
    if form == "video":
        choose_encoding(path.suffix.lower(), info, settings)
    else:
        _check_no_codec(form, settings)
    if not is_new:
        return
    if form in ("video", "picture"):
        _check_place(path, info, settings)
    else:
        names, folder = _names(form, path, info)
        is_pattern = form == "pattern"
        _check_folder_place(folder, names, set(), info, settings, is_pattern=is_pattern)


def _form_of(output: str | Path, info: ClipInfo) -> str:
    is_slashed = str(output).endswith(("/", os.sep))
    path = Path(output)
    suffix = path.suffix.lower()
    if is_slashed or path.is_dir() or not suffix:
        if path.exists() and not path.is_dir():
            raise OutputError(f"{path} is a file, expected a folder; give another name")
        return "folder"
    if is_video(path, info):
        if info.kind == "picture":
            raise OutputError(
                f"{path} is a video, but the input is one picture; write a picture "
                f"({', '.join(PICTURE_SUFFIXES)}) or a folder"
            )
        return "video"
    if suffix not in PICTURE_SUFFIXES:
        raise OutputError(
            f"{path}: the form {suffix} is not known; expected a video ({', '.join(CONTAINERS)}), "
            f"a picture ({', '.join(PICTURE_SUFFIXES)}), or a folder (end its name with /)"
        )
    if is_number_pattern(path.name):
        return "pattern"
    if info.frame_count > 1 or (info.kind != "picture" and info.frame_count != 1):
        raise OutputError(
            f"{path} is one picture, but the clip has {info.frame_count} frames; give a folder, a "
            f"pattern ({path.with_name('%05d' + suffix)}) or a video ({path.with_suffix('.mp4')})"
        )
    return "picture"


def _check_no_codec(form: str, settings: OutputSettings) -> None:
    for flag, value in (
        ("--codec", settings.codec),
        ("--crf", settings.crf),
        ("--pixel-format", settings.pixel_format),
    ):
        if value is not None:
            raise OutputError(f"{flag} is for videos, but the output is a {form}; leave it out")


def _names(form: str, path: Path, info: ClipInfo) -> tuple[list[str], Path]:
    """Return the names of the files, and the folder that they belong into."""
    if form == "picture":
        return [path.name], path.parent
    if form == "folder":
        return [f"{info.frame_name(i)}.png" for i in range(info.frame_count)], path
    numbers = [number_of_stem(file.stem) for file in info.files]
    own = [n for n in numbers if n is not None]
    if info.kind != "folder" or len(set(own)) != info.frame_count:
        own = list(range(1, info.frame_count + 1))
    return [fill_number(path.name, number) for number in own], path.parent


def _check_place(path: Path, info: ClipInfo, settings: OutputSettings) -> None:
    check_folder(path.parent, path)
    if not os.path.lexists(path):
        return
    if any(
        path.exists() and path.samefile(used) for used in (info.path, *info.files) if used.exists()
    ):
        raise OutputError(f"{path} is the input itself; give the output another name")
    if path.exists() and not path.is_file():
        raise OutputError(f"{path} is not a regular file; give the output another name")
    if not settings.overwrite:
        raise OutputError(f"{path} exists; give --overwrite to replace it, or another name")


def _check_folder_place(
    folder: Path,
    names: list[str],
    landed: set[str],
    info: ClipInfo,
    settings: OutputSettings,
    *,
    is_pattern: bool,
) -> None:
    if not folder.exists():
        check_folder(folder.parent, folder)
        return
    check_folder(folder, folder)
    try:
        there = {entry.name for entry in folder.iterdir()}
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be written: what is in it cannot be listed ({error.strerror})"
        ) from None
    used = {
        file.name for file in info.files if file.parent.exists() and file.parent.samefile(folder)
    }
    if used & set(names) or (used and not is_pattern):
        raise OutputError(f"{folder} is where the input is; give the output another folder")
    there -= landed
    taken = there & set(names)
    if taken and not settings.overwrite:
        raise OutputError(
            f"{folder / min(taken)} exists; give --overwrite to replace it, or another name"
        )
    if there and not is_pattern and not settings.overwrite:
        raise OutputError(
            f"the folder {folder} is not empty; give --overwrite to write into it all the same, or "
            "another name"
        )


def _make(work_dir: Path) -> list[Path]:
    made = [p for p in (work_dir, *work_dir.parents) if not p.exists()]
    try:
        work_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{work_dir} cannot be made: {error.strerror}") from None
    return made


def _unmake(made: list[Path]) -> None:
    for folder in made:
        folder.rmdir()
