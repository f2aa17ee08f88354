"""What a run chooses by what there is, and keeps to when it goes on."""

from pathlib import Path

from framestyle.config import FLOWS, Config
from framestyle.errors import UnfinishedJobError
from framestyle.jobs.folder import MANIFEST, has_work
from framestyle.jobs.manifest import Manifest
from framestyle.networks import NETWORKS

AUTO = "auto"
CHOSEN = (("dream", "network", NETWORKS), ("style", "network", NETWORKS), ("motion", "flow", FLOWS))
"""Settings that are chosen by what can be had just then, and what each may be."""


def as_begun(config: Config, folder: Path) -> Config:
    """Return the settings, with what is left open as the unfinished run in a folder chose it.

    The web may have come back since, or a weights file: the same command goes on all the same.

    Args:
        config: All settings.
        folder: Of the job, which may not be there.
    """
    try:
        if config.job.restart or not has_work(folder):
            return config
        before = Manifest.load(folder / MANIFEST).settings
    except (OSError, UnfinishedJobError):  # told when the folder is opened
        return config
    for group, name, known in CHOSEN:
        table = before.get(group)  # a damaged one may hold anything
        chosen = table.get(name) if isinstance(table, dict) else None
        is_open = getattr(getattr(config, group), name) == AUTO
        if is_open and isinstance(chosen, str) and chosen in known:
            config = config.changed({group: {name: chosen}})
    return config
