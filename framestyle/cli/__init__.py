"""The command: arguments to settings to a run to an exit code."""

import difflib
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from types import FrameType

from framestyle.cli import config_file
from framestyle.cli.arguments import Arguments, parse
from framestyle.cli.contradictions import unused
from framestyle.cli.metrics import metrics
from framestyle.cli.shots import shots
from framestyle.cli.streams import open_standard_streams, put, say
from framestyle.cli.weights import weights
from framestyle.config import Config
from framestyle.errors import FramestyleError, SettingsError
from framestyle.waiting import wait_briefly

COMMANDS: Mapping[str, Callable[[Sequence[str]], int]] = {
    "weights": weights,
    "metrics": metrics,
    "shots": shots,
}
"""What ``framestyle`` does beside its main job, by the word after it."""
INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run framestyle.

    Args:
        argv: Arguments without the program's name; those of the process unless given.

    Returns:
        The exit code: 0, 2 for bad input, 1 for a failure in mid-run, 130 after Ctrl-C.
    """
    argv = sys.argv[1:] if argv is None else list(argv)
    is_main = threading.current_thread() is threading.main_thread()
    asked = _Asked()
    before = {}
    open_standard_streams()
    wait_briefly()
    try:
        if is_main:
            before = {number: signal.signal(number, asked) for number in _stopping()}
        if argv and argv[0] in COMMANDS:
            return COMMANDS[argv[0]](argv[1:])
        return _stylize(parse(argv))
    except FramestyleError as error:
        say(f"framestyle: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        say("framestyle: stopped")
        return INTERRUPTED
    except RuntimeError:
        if not asked.at_all:
            raise
        # a lock that was being waited for, and is not held when it is to be let go
        say("framestyle: stopped")
        return INTERRUPTED
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stopping() -> list[signal.Signals]:
    """Return the signals that ask to stop: to end, Ctrl-C, and that the terminal is closed.

    The last two only where they are not ignored, as in nohup.
    """
    asked = signal.SIGINT, signal.SIGHUP
    return [signal.SIGTERM, *(s for s in asked if signal.getsignal(s) is not signal.SIG_IGN)]


class _Asked:
    """Takes the polite request to end as Ctrl-C, and knows that it came.

    Where it comes while a thread is waited for, Python may raise another error over it.
    """

    at_all = False

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        self.at_all = True
        raise KeyboardInterrupt


def _stylize(arguments: Arguments) -> int:
    from_file = config_file.RunFile()
    if arguments.config_file is not None:
        from_file = config_file.read(arguments.config_file)
    config = Config.preset(arguments.preset or from_file.preset or "standard")
    try:
        config = config.changed(from_file.changes)
    except SettingsError as error:
        raise SettingsError(f"--config {arguments.config_file}: {error}") from None
    config = config.changed(arguments.changes)
    source = arguments.source or from_file.source
    styles = arguments.styles or from_file.styles
    output = arguments.output or from_file.output
    if arguments.print_config:
        put(config_file.written(source, styles, output, config))
        return 0
    if source is None:
        raise SettingsError("no input is named: framestyle INPUT STYLE... -o OUTPUT")
    if output == "-":
        raise SettingsError("-o -: a result is not written to standard output; name a file")
    if output is None:
        known = [] if os.path.lexists(source) else COMMANDS  # noqa: PTH - of Path, raises
        meant = difflib.get_close_matches(source, known, n=1, cutoff=0.7)
        hint = f" (did you mean framestyle {meant[0]}?)" if meant else ""
        raise SettingsError(f"no output is named: framestyle {source} STYLE... -o OUTPUT{hint}")
    if not arguments.quiet:
        for line in unused(arguments.changes):
            say(line)
    return _run(source, styles, output, config, arguments.quiet)


def _run(source: str, styles: Sequence[str], output: str, config: Config, quiet: bool) -> int:
    from framestyle.cli.console import Console
    from framestyle.jobs.inputs import open_inputs  # OpenCV takes a moment to load, --help none
    from framestyle.jobs.pictures import parse_style

    console = Console(quiet)
    try:
        parsed = [parse_style(style) for style in styles]
        inputs = open_inputs(source, parsed, output, config)
        from framestyle.jobs.run import carry_out  # torch takes seconds: after what is told at once

        carry_out(inputs, output, config, console)
    except KeyboardInterrupt:
        console.close()
        kept = f"; {console.done} of {console.frames} frames are kept, and the same command goes on"
        say(f"framestyle: stopped{kept if console.done else ''}")
        return INTERRUPTED
    finally:
        console.close()
    return 0
