"""What a power cut leaves of a folder: what was synced to the disk, and of the rest as little.

A file has the content that it had when it was last synced; a folder has the entries that it had
when it was last synced. Between that and what the folder looked like, a file system is free: a new
name may stand there with nothing or half of its content in it, and a deleted one may be back.
"""

import contextlib
import os
import random
import signal
import sys
from pathlib import Path


class PowerCut:
    """Watches a process sync its files, and cuts the power after so many times.

    Args:
        root: What is watched below.
        after: The power goes when so many files and folders were synced; 0 never.
        left: Where what is left is put.
        seed: Draws what the file system does where it is free.
        count: A file that gets the number of syncs at the end, where the power stays.
    """

    def __init__(self, root, after, left, seed, count):
        self.root, self.after, self.left = Path(root), after, Path(left)
        self.draw = random.Random(seed)
        self.count = Path(count)
        self.synced = 0
        self.contents = {}  # inode of a file: its content when it was last synced
        self.entries = {}  # inode of a folder: {name: (inode, content, None for a folder)}
        self.fsync = os.fsync

    def watch(self):
        for folder, _, files in os.walk(self.root):
            for name in files:
                path = Path(folder, name)
                self.contents[path.stat().st_ino] = path.read_bytes()
            self._list(Path(folder))
        os.fsync = self._sync
        sys.addaudithook(self._hear)

    def _hear(self, event, arguments):
        """What goes leaves its inode to another."""
        if event in ("os.remove", "os.rename", "os.rmdir"):
            path, folder = arguments[1 if event == "os.rename" else 0], arguments[-1]
            if folder != -1:
                path = Path(f"/proc/self/fd/{folder}").readlink() / os.fsdecode(path)
            with contextlib.suppress(OSError):
                inode = os.lstat(path).st_ino
                self.contents.pop(inode, None)
                self.entries.pop(inode, None)

    def _sync(self, handle):
        self.fsync(handle)
        path = Path(f"/proc/self/fd/{handle}").readlink()
        if not path.is_relative_to(self.root):
            return
        if path.is_dir():
            self._list(path)
        else:
            inode, content = os.fstat(handle).st_ino, path.read_bytes()
            self.contents[inode] = content
            listed = self.entries.get(path.parent.stat().st_ino, {})
            if listed.get(path.name, (None,))[0] == inode:
                listed[path.name] = (inode, content)
        self.synced += 1
        self.count.write_text(str(self.synced))
        if self.synced == self.after:
            self._leave(self.root, self.root.stat().st_ino, self.left)
            os.kill(os.getpid(), signal.SIGKILL)

    def _list(self, folder):
        own, listed = folder.stat().st_ino, {}
        for entry in os.scandir(folder):
            content = self.contents.get(entry.inode(), b"") if entry.is_file() else None
            listed[entry.name] = (entry.inode(), content)
        here = {inode for inode, _ in listed.values()}
        for elsewhere in self.entries.values():  # what was moved here is no longer there
            for name in [name for name, (inode, _) in elsewhere.items() if inode in here]:
                del elsewhere[name]
        self.entries[own] = listed

    def _leave(self, folder, inode, to):
        """Put down what is left of a folder; what was not synced may have come to the disk."""
        to.mkdir()
        listed = self.entries.get(inode, {})
        for name, (held, content) in listed.items():
            if content is None:
                self._leave(folder / name, held, to / name)
            elif (folder / name).exists() or self.draw.random() < 0.5:
                (to / name).write_bytes(content)
        synced = {held for entries in self.entries.values() for held, _ in entries.values()}
        for entry in os.scandir(folder) if folder.is_dir() else ():
            if entry.name in listed or entry.inode() in synced or self.draw.random() < 0.5:
                continue
            if entry.is_dir():
                self._leave(folder / entry.name, entry.inode(), to / entry.name)
            else:
                content = Path(entry.path).read_bytes()
                shown, half = self.contents.get(entry.inode(), b""), content[: len(content) // 2]
                (to / entry.name).write_bytes(self.draw.choice([b"", half, shown, content]))
