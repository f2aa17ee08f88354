"""What the benchmarks run on: the sample clip, made as long as wanted, and random weights."""

import subprocess
from pathlib import Path

import imageio_ffmpeg
import torch
from safetensors.torch import save_file

from framestyle.networks.registry import model_spec

SAMPLES = Path(__file__).parents[1] / "samples"
CLIP = SAMPLES / "clip.mp4"
STYLE = SAMPLES / "styles" / "swirl.jpg"


def looped_clip(folder: Path, frames: int, width_px: int = 320) -> Path:
    """Write the sample clip, repeated until it has so many frames, scaled, without sound."""
    clip = folder / f"clip_{frames}_{width_px}.mp4"
    _looped(frames, f"scale={width_px}:-2", ["-an", "-crf", "18", "-y", str(clip)])
    return clip


def looped_frames(folder: Path, frames: int, side_px: int) -> Path:
    """Write so many frames of the sample clip, repeated, as squares; return their folder."""
    place = folder / f"frames_{frames}_{side_px}"
    place.mkdir()
    _looped(frames, f"scale={side_px}:{side_px}", [str(place / "%04d.png")])
    return place


def _looped(frames: int, how: str, output: list[str]) -> None:
    """Have ffmpeg filter so many frames of the sample clip, which begins anew where it ends."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-stream_loop", "-1"]
    command += ["-i", str(CLIP), "-vf", how, "-frames:v", str(frames), *output]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def random_weights(folder: Path, name: str) -> Path:
    """Write random weights of a network; they cost what trained ones cost."""
    torch.manual_seed(0)
    file = folder / f"{name}.safetensors"
    state = model_spec(name).build().state_dict()
    save_file({key: tensor.contiguous() for key, tensor in state.items()}, str(file))
    return file
