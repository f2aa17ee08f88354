"""Every error that framestyle raises on purpose.

A message is one line that says what was got, what was expected and what to do. The library raises,
the command line prints the line and exits with ``exit_code``.
"""


def first_line(error: BaseException) -> str:
    """Return the first line that an error tells, for a message of our own; or its type."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


class FramestyleError(Exception):
    """Base of all errors of framestyle.

    Attributes:
        exit_code: What the command line exits with: 2 for bad input found before the work starts,
            1 for a failure in the middle of it.
    """

    exit_code = 2


class SettingsError(FramestyleError):
    """A setting is out of its range, unknown, or contradicts another one."""


class InputError(FramestyleError):
    """A clip, a frame or a picture cannot be read, or is not what was expected."""


class OutputError(FramestyleError):
    """The result cannot be written where, or in the form that, was asked for."""


class ModelError(FramestyleError):
    """A network, one of its layers or its weights cannot be had."""


class JobError(FramestyleError):
    """A run failed in the middle; the message names the frame."""

    exit_code = 1


class UnfinishedJobError(JobError):
    """An unfinished job cannot go on: other settings, damaged, or held by another run."""

    exit_code = 2
