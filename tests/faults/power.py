"""What a power cut leaves of a folder: what was synced to the disk, and of the rest as little.

A file has the content that it had when it was last synced; a folder has the entries that it had
when it was last synced. Between that and what the folder looked like, a file system is free: a new
name may stand there, with nothing or half of its content in it where that was not synced, and a
deleted one may be back.
"""

import os
import random
import resource
import signal
import stat
import threading
import time
import traceback
from pathlib import Path


class PowerCut:
    """Watches a process sync its files, and cuts the power after so many times.

    Threads sync one after the other, and at the cut all of them stop where they are.

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
        self.held = {}  # inode: an open handle, without which another file may get the inode
        self.syncing = threading.Lock()
        self.fsync = os.fsync

    def watch(self):
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        for folder, _, files in os.walk(self.root, topdown=False):
            for name in files:
                path = Path(folder, name)
                self.contents[self._inode(path)] = path.read_bytes()
            self._enter(self._inode(Path(folder)), self._listed(Path(folder)))
        os.fsync = self._sync

    def _sync(self, handle):
        with self.syncing:
            path = Path(f"/proc/self/fd/{handle}")
            if not path.readlink().is_relative_to(self.root):
                self.fsync(handle)
                return
            # as it is before the sync: what other threads do meanwhile need not be part of it
            inode, is_folder = self._inode(path), path.is_dir()
            found = self._listed(path) if is_folder else path.read_bytes()
            self.fsync(handle)
            if is_folder:
                self._enter(inode, found)
            else:
                self._fill(inode, found)
            self.synced += 1
            self.count.write_text(str(self.synced))
            if self.synced == self.after:
                self._cut()

    def _inode(self, path):
        """Return the inode of a file or folder, which no other one gets any more."""
        handle = os.open(path, os.O_RDONLY)
        inode = os.fstat(handle).st_ino
        if inode in self.held:
            os.close(handle)
        else:
            self.held[inode] = handle
        return inode

    def _listed(self, folder):
        """Return what a sync of a folder keeps of it."""
        listed = {}
        for path in folder.iterdir():
            try:
                inode = self._inode(path)
            except FileNotFoundError:  # another thread has just deleted it
                continue
            is_folder = stat.S_ISDIR(os.fstat(self.held[inode]).st_mode)
            listed[path.name] = (inode, None if is_folder else self.contents.get(inode, b""))
        return listed

    def _enter(self, folder, listed):
        here = {inode for inode, _ in listed.values()}
        for elsewhere in self.entries.values():  # what was moved here is no longer there
            for name in [name for name, (inode, _) in elsewhere.items() if inode in here]:
                del elsewhere[name]
        self.entries[folder] = listed

    def _fill(self, file, content):
        """Have a file, whose name may be on the disk already, keep its content."""
        self.contents[file] = content
        for listed in self.entries.values():
            for name in [name for name, (inode, _) in listed.items() if inode == file]:
                listed[name] = (file, content)

    def _cut(self):
        """End the process; a copy of it puts down what is left once no thread goes on."""
        watched = os.getpid()
        if os.fork():
            signal.pause()
        try:
            os.kill(watched, signal.SIGSTOP)
            while not has_stopped(watched):
                time.sleep(0.001)
            partial = self.left.with_suffix(".part")
            self._leave(self.root, self.root.stat().st_ino, partial)
            partial.rename(self.left)
        except BaseException:
            traceback.print_exc()
        finally:
            os.kill(watched, signal.SIGKILL)
            os._exit(0)

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
                shown, half = self.contents.get(entry.inode()), content[: len(content) // 2]
                may_be = [b"", half, content] if shown is None else [shown, content]
                (to / entry.name).write_bytes(self.draw.choice(may_be))


def has_stopped(process):
    """Tell whether no thread of a process goes on."""
    tasks = Path(f"/proc/{process}/task").iterdir()
    states = [(task / "stat").read_text().rpartition(")")[2].split()[0] for task in tasks]
    return set(states) <= set("TZ")
