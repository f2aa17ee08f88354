"""Makes the sample data: run `python samples/make_samples.py` (a quarter of a minute).

Everything is drawn here from noise and geometry, seeded, so that a second run gives the same
pictures.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import wave
from pathlib import Path

import cv2
import imageio_ffmpeg
import numpy as np
from mosaic import paint_mosaic
from scene import FRAMES, FRAMES_PER_SECOND, HEIGHT, SEED, WIDTH, measure, render
from swirl import paint_swirl
from truth import Truth

FOLDER_FRAMES = 6
_SAMPLE_RATE = 48_000
_CHORD = (146.83, 220.0, 277.18, 329.63, 440.0)  # hertz: D major with its seventh and ninth


def write_picture(path: Path, picture: np.ndarray) -> None:
    """Writes an (H, W, 3) uint8 RGB picture: .png without loss, .jpg at quality 90."""
    path.parent.mkdir(parents=True, exist_ok=True)
    options = {
        ".png": [cv2.IMWRITE_PNG_COMPRESSION, 9],
        ".jpg": [cv2.IMWRITE_JPEG_QUALITY, 90, cv2.IMWRITE_JPEG_OPTIMIZE, 1],
    }[path.suffix]
    if not cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), options):
        raise OSError(f"{path} could not be written")


def compose_sound(seconds: float) -> np.ndarray:
    """Composes a soft chord in a breeze.

    Args:
        seconds: How long it sounds.

    Returns:
        (N, 2) int16, left and right, at 48 kHz.
    """
    rng = np.random.default_rng(SEED)
    time = np.arange(round(seconds * _SAMPLE_RATE)) / _SAMPLE_RATE
    sides = []
    for side in (0, 1):
        sound = np.zeros_like(time)
        for number, pitch in enumerate(_CHORD):
            start = 0.06 * number
            swell = np.clip((time - start) / 0.12, 0, 1) * np.exp(
                -1.1 * np.clip(time - start, 0, 9)
            )
            loud = 0.6 + 0.4 * np.cos(np.pi * (side - number / (len(_CHORD) - 1)))
            for partial, strength in ((1, 1.0), (2, 0.35), (3, 0.16), (4, 0.06)):
                tremble = 0.3 * np.sin(2 * np.pi * 5.1 * time + number + side)
                sound += (
                    loud * strength * swell * np.sin(2 * np.pi * pitch * partial * time + tremble)
                )
        spectrum = np.fft.rfft(rng.standard_normal(len(time)))
        pitches = np.fft.rfftfreq(len(time), 1 / _SAMPLE_RATE)
        breeze = np.fft.irfft(spectrum * np.exp(-((pitches - 420) ** 2) / 2e5), len(time))
        breeze *= (0.7 + 0.3 * np.sin(2 * np.pi * 0.8 * time + 2 * side)) / breeze.std()
        sides.append(sound / 4.5 + 0.035 * breeze)
    fade = np.clip(np.minimum(time, seconds - time) / 0.04, 0, 1)
    mixed = np.stack(sides, axis=1) * fade[:, None]
    return np.round(0.5 * 32767 * mixed / np.abs(mixed).max()).astype(np.int16)


def write_clip(path: Path, frames: list[np.ndarray]) -> None:
    """Writes (H, W, 3) uint8 RGB frames and their sound as H.264 and AAC."""
    with tempfile.TemporaryDirectory() as folder:
        sound = Path(folder) / "sound.wav"
        with wave.open(str(sound), "wb") as file:
            file.setnchannels(2)
            file.setsampwidth(2)
            file.setframerate(_SAMPLE_RATE)
            file.writeframes(compose_sound(len(frames) / FRAMES_PER_SECOND).tobytes())
        # fmt: off
        command = [
            imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-v", "error",
            "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{WIDTH}x{HEIGHT}",
            "-r", str(FRAMES_PER_SECOND), "-i", "-", "-i", str(sound),
            "-vf", "scale=out_color_matrix=bt709:out_range=tv:flags=accurate_rnd+full_chroma_int,"
            "setparams=color_primaries=bt709:color_trc=bt709",
            "-c:v", "libx264", "-preset", "veryslow", "-crf", "9", "-pix_fmt", "yuv420p",
            "-threads", "1",
            "-c:a", "aac", "-b:a", "128k", "-bitexact", "-movflags", "+faststart", str(path),
        ]
        # fmt: on
        subprocess.run(command, input=b"".join(f.tobytes() for f in frames), check=True)


def write_truth(path: Path, truth: Truth) -> None:
    """Writes the true motion, for `truth.load_truth` to read."""
    names = np.array(truth.names)
    np.savez_compressed(path, layers=truth.layers, poses=truth.poses, names=names)


def make_samples(folder: Path) -> None:
    """Makes the clip, the frame folder, the true flow and the style pictures in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    rendered = [render(t) for t in range(FRAMES)]
    frames = [frame for frame, _ in rendered]
    write_clip(folder / "clip.mp4", frames)
    for number, frame in enumerate(frames[:FOLDER_FRAMES], start=1):
        write_picture(folder / "frames" / f"frame_{number:04d}.png", frame)
    write_truth(folder / "flow.npz", measure([index for _, index in rendered]))
    swirl, mosaic = np.random.default_rng([SEED, 1]), np.random.default_rng([SEED, 2])
    write_picture(folder / "styles" / "swirl.jpg", paint_swirl(swirl))
    write_picture(folder / "styles" / "mosaic.jpg", paint_mosaic(mosaic))


def main() -> None:
    """Makes the samples where the command line says, or beside this file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parent)
    folder = parser.parse_args().folder
    make_samples(folder)
    for path in sorted(folder.rglob("*")):
        if path.suffix in {".mp4", ".png", ".npz", ".jpg"}:
            print(f"{path.relative_to(folder)}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
