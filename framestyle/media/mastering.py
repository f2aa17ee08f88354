"""What an HDR video says of the display it was graded on, and of its brightest frames."""

import re
from dataclasses import dataclass

_NUMBER = r"(\d+\.\d+)"
_POINT = rf"\({_NUMBER},? ?{_NUMBER}\)"
_DISPLAY = re.compile(
    rf"Mastering display metadata: has_primaries:1 has_luminance:1 r{_POINT} g{_POINT} b{_POINT} "
    rf"wp{_POINT} min_luminance={_NUMBER}, max_luminance={_NUMBER}"
)
_CONTENT = re.compile(r"Content light level metadata: MaxCLL=(\d+), MaxFALL=(\d+)")


@dataclass(frozen=True)
class Mastering:
    """SMPTE ST 2086 and CTA-861.3, as far as a file has them.

    Attributes:
        display: x and y of red, green, blue and white, then the least and the most light in candela
            per square metre; empty where not said.
        content: Most light of a pixel, and of a frame on average, likewise; empty where not said.
    """

    display: tuple[float, ...] = ()
    content: tuple[int, ...] = ()

    def said_to(self, codec: str) -> str:
        """Return it as an encoder's parameters, ``""`` for one that takes none."""
        if codec == "libsvtav1":
            names, colour, light = ("mastering-display", "content-light"), 1.0, 1.0
        elif codec in ("libx265", "libx264"):
            names = ("master-display", "max-cll")
            names = names if codec == "libx265" else ("mastering-display", "cll")
            colour, light = 50000.0, 10000.0
        else:
            return ""
        said = []
        if self.display:
            said.append(f"{names[0]}={self._display(colour, light)}")
        if self.content:
            said.append(f"{names[1]}={self.content[0]},{self.content[1]}")
        return ":".join(said)

    def _display(self, colour: float, light: float) -> str:
        def number(value: float, unit: float) -> str:
            return f"{value:.4f}" if unit == 1.0 else f"{round(value * unit)}"

        red, green, blue, white = (
            f"({number(x, colour)},{number(y, colour)})"
            for x, y in zip(self.display[0:8:2], self.display[1:8:2], strict=True)
        )
        least, most = (number(value, light) for value in self.display[8:])
        return f"G{green}B{blue}R{red}WP{white}L({most},{least})"


def read_mastering(lines: list[str]) -> Mastering | None:
    """Return what lines of ffmpeg's filter ``showinfo`` say; None where they say nothing."""
    text = "\n".join(lines)
    display, content = _DISPLAY.search(text), _CONTENT.search(text)
    if not display and not content:
        return None
    return Mastering(
        tuple(map(float, display.groups())) if display else (),
        tuple(map(int, content.groups())) if content else (),
    )
