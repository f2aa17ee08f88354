"""Encoders in hardware: which they are, how each is asked for quality, and what else it needs."""

_KINDS = ("nvenc", "qsv", "amf", "vaapi", "videotoolbox", "v4l2m2m")
_QUALITY: dict[str, tuple[str, ...]] = {
    "nvenc": ("-preset", "p5", "-rc", "vbr", "-b:v", "0", "-cq", "{q}"),
    "qsv": ("-global_quality", "{q}"),
    "amf": ("-rc", "cqp", "-qp_i", "{q}", "-qp_p", "{q}"),
    "vaapi": ("-rc_mode", "CQP", "-qp", "{q}"),
    "videotoolbox": ("-q:v", "{up}"),
}
_DEFAULT_QUALITY = 20.0


def hardware_kind(codec: str) -> str | None:
    """Return what makes an encoder's frames, ``nvenc`` for one; None for software."""
    kind = codec.rpartition("_")[2]
    return kind if kind in _KINDS else None


def hardware_options(codec: str, crf: float | None) -> tuple[str, ...]:
    """Return the options of constant quality.

    Args:
        codec: ffmpeg's name of the encoder.
        crf: As for libx265, lower is better; None for the default of 20.
    """
    quality = _DEFAULT_QUALITY if crf is None else crf
    # VideoToolbox counts from 1, the worst, to 100.
    said = {"q": f"{quality:g}", "up": f"{max(1.0, 100 - 2 * quality):g}"}
    return tuple(option.format(**said) for option in _QUALITY.get(hardware_kind(codec) or "", ()))


def device_arguments(codec: str) -> tuple[str, ...]:
    """Return the arguments that open the device, where the encoder does not do that itself."""
    if hardware_kind(codec) != "vaapi":
        return ()
    return ("-init_hw_device", "vaapi=gpu", "-filter_hw_device", "gpu")


def upload_filter(codec: str) -> str:
    """Return the filter that brings frames onto the device, with a comma before it, or ``""``."""
    return ",hwupload" if hardware_kind(codec) == "vaapi" else ""
