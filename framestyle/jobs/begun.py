"""Where a run begins: at the first frame, or after those that an earlier run has left whole."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from framestyle.config import Config
from framestyle.errors import UnfinishedJobError
from framestyle.jobs.flow import follows
from framestyle.jobs.folder import JobFolder
from framestyle.jobs.passes import Done, legs, written
from framestyle.jobs.shots import Cutting, cutting_of
from framestyle.media import Sink, Source, open_sink
from framestyle.media.clip import Notices
from framestyle.progress import Event, Notice
from framestyle.stages import ClipState


@dataclass(frozen=True)
class Begun:
    """A run that has its output open.

    Attributes:
        sink: The output; it knows which frame comes next.
        state: What the last frame that is done hands over.
        done: How far the job has come; None for a new one.
        cutting: How the clip is divided, where a job goes on; a new one has yet to look for it.
        passes: How often each stretch is gone over.
    """

    sink: Sink
    state: ClipState
    done: Done | None
    cutting: Cutting | None
    passes: int


def rehearse(clip: Source, output: str | Path, config: Config, job: JobFolder) -> None:
    """Open the output as a new run would, before what an earlier one has left is thrown away.

    Raises:
        OutputError: The output cannot be written as asked.
    """
    with TemporaryDirectory(prefix="tmp", dir=job.path) as folder:
        open_sink(output, clip.info, config.output, work_dir=Path(folder)).close()


def begin(
    clip: Source,
    output: str | Path,
    config: Config,
    job: JobFolder,
    device: str,
    notice: Notices,
) -> Begun:
    """Open the output after the frames that are done.

    What the newest state says is done may be damaged; then the one before it is taken.

    Raises:
        OutputError: The output cannot be written as asked.
        UnfinishedJobError: What is done is damaged, and there is no way around it.
    """

    def hear(event: Event) -> None:
        if isinstance(event, Notice):
            notice(event.message)

    passes = config.motion.passes if follows(config, clip.info) else 1
    back = 0
    while True:
        state, done = job.states.load(device, back)
        cutting = None if done is None else cutting_of(clip, config, job.path, hear)
        try:
            sink = open_sink(
                output,
                clip.info,
                config.output,
                work_dir=job.path,
                done=written(legs(cutting, passes), done) if cutting else 0,
                notice=notice,
            )
        except UnfinishedJobError:
            back += 1
            if back >= job.states.count():
                raise
        else:
            job.states.drop_after(back)
            return Begun(sink, state, done, cutting, passes)
