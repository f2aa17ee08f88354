"""What is written where nothing is said: codec and pixel format, by container, depth and alpha."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Formats:
    """Pixel formats of an encoder for four kinds of frames; None where it has none for them.

    Attributes:
        plain: Of 8 bits.
        deep: Of more.
        alpha: Of 8 bits with alpha.
        deep_alpha: Of more with alpha.
    """

    plain: str
    deep: str | None = None
    alpha: str | None = None
    deep_alpha: str | None = None

    def choose(self, *, is_deep: bool, has_alpha: bool) -> str:
        """Return the format that keeps most: alpha before depth, plain where it has neither."""
        wanted = [(self.deep_alpha, is_deep and has_alpha), (self.alpha, has_alpha)]
        wanted += [(self.deep, is_deep)]
        return next((name for name, is_wanted in wanted if name and is_wanted), self.plain)


@dataclass(frozen=True)
class Container:
    """A form of video file.

    Attributes:
        name: ffmpeg's name of it.
        plain: Encoder of frames of 8 bits.
        deep: Encoder of frames of more.
        alpha: Encoder of frames with alpha; None where nothing that it holds has any.
    """

    name: str
    plain: str
    deep: str
    alpha: str | None = None

    def choose(self, *, is_deep: bool, has_alpha: bool) -> str:
        """Return the encoder that keeps most."""
        if has_alpha and self.alpha is not None:
            return self.alpha
        return self.deep if is_deep else self.plain


CONTAINERS = {
    ".mp4": Container("mp4", "libx264", "libx265"),
    ".m4v": Container("mp4", "libx264", "libx265"),
    ".mov": Container("mov", "libx264", "libx265", "prores_ks"),
    ".mkv": Container("matroska", "libx264", "libx265", "ffv1"),
    ".webm": Container("webm", "libvpx-vp9", "libvpx-vp9", "libvpx-vp9"),
    ".avi": Container("avi", "libx264", "libx264", "ffv1"),
    ".gif": Container("gif", "gif", "gif", "gif"),
    ".webp": Container("webp", "libwebp_anim", "libwebp_anim", "libwebp_anim"),
    ".apng": Container("apng", "apng", "apng", "apng"),
}
"""The containers, by suffix."""

_4_2_0 = Formats("yuv420p", "yuv420p10le")
_PRORES = Formats("yuv422p10le", "yuv422p10le", "yuva444p10le", "yuva444p10le")
_PNG = Formats("rgb24", "rgb48be", "rgba", "rgba64be")
_NV12 = Formats("nv12", "p010le")
FORMATS = {
    "libx264": _4_2_0,
    "libx264rgb": Formats("rgb24"),
    "libx265": _4_2_0,
    "libsvtav1": _4_2_0,
    "libaom-av1": _4_2_0,
    "librav1e": _4_2_0,
    "libvpx": Formats("yuv420p", None, "yuva420p"),
    "libvpx-vp9": Formats("yuv420p", "yuv420p10le", "yuva420p"),
    "prores": _PRORES,
    "prores_aw": _PRORES,
    "prores_ks": _PRORES,
    "ffv1": Formats("bgr0", "gbrp16le", "bgra", "gbrap16le"),
    "gif": Formats("bgra"),  # of the frames that its palette is made from
    "qtrle": Formats("rgb24", None, "argb"),
    "png": _PNG,
    "apng": _PNG,
    # of YUV it has a single kind, untagged, and makes it best itself
    "libwebp_anim": Formats("bgra", None, "bgra"),
    "utvideo": Formats("gbrp", None, "gbrap"),
    "ffvhuff": Formats("gbrp", None, "gbrap"),
    "mjpeg": Formats("yuvj420p"),
    "dnxhd": Formats("yuv422p"),
    "h264_nvenc": Formats("yuv420p"),
    "hevc_nvenc": Formats("yuv420p", "p010le"),
    "av1_nvenc": Formats("yuv420p", "p010le"),
    **{f"h264_{kind}": Formats("nv12") for kind in ("qsv", "amf", "vaapi", "videotoolbox")},
    **{
        f"{codec}_{kind}": _NV12
        for codec in ("hevc", "av1")
        for kind in ("qsv", "amf", "vaapi", "videotoolbox")
    },
    "vp9_qsv": _NV12,
    "vp9_vaapi": _NV12,
    "prores_videotoolbox": Formats("p210le", "p210le"),
}
"""What each encoder is fed; any other gets yuv420p."""


def formats_of(codec: str) -> Formats:
    """Return the pixel formats of an encoder."""
    return FORMATS.get(codec, Formats("yuv420p"))
