"""Writing small files so that a crash leaves the old content or the new, and one writer at a time;
removing files and folders that somebody may be reading.

>>> replace_file(path, b"...")     # temporary file in the same folder, fsync, rename, fsync folder
>>> discard(path)                  # once whoever has it open lets go; patiently(path.unlink) raises
>>> with locked(path): ...         # between processes, on Windows too; freed when a process dies
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeVar

from crypto.owner_only import protect

T = TypeVar("T")
_INVALID_NAME = 123
"""ERROR_INVALID_NAME"""
PATIENCE_S = 5.0
"""How long another program may hold a file."""


def replace_file(path: Path, data: bytes, *, private: bool = False) -> None:
    """Give *path* the content *data* (mode 0600 on POSIX), wholly or not at all; *private*: its
    owner's alone on Windows, too.

    Makes missing folders. Raises OSError."""
    if sys.platform == "win32" and ":" in path.name:  # it would be written behind another file
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), str(path), _INVALID_NAME)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            if private:
                protect(Path(name))
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        # Windows refuses while anybody has *path* open
        patiently(lambda: Path(name).replace(path))
    except BaseException:
        discard(Path(name))
        raise
    sync_folder(path.parent)


def discard(path: Path) -> None:
    """Remove the file *path*, once whoever has it open lets go; else it stays."""
    with suppress(OSError):
        patiently(partial(path.unlink, missing_ok=True))


def discard_folder(folder: Path) -> None:
    """Remove *folder* and all that is in it, once whoever reads there lets go; else that stays."""
    with suppress(OSError):
        patiently(partial(shutil.rmtree, folder))
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder for the block, this user's alone; discarded after it. Raises OSError."""
    folder = Path(tempfile.mkdtemp(prefix="sealdesk-"))
    try:
        yield folder
    finally:
        discard_folder(folder)


def patiently(action: Callable[[], T], seconds: float | None = None) -> T:
    """What *action* gives, tried again with growing pauses for so many *seconds* (None:
    :data:`PATIENCE_S`) while another program, a scanner or an indexer, holds the file.

    Raises the OSError that it still fails with, and every other at once."""
    end = time.monotonic() + (PATIENCE_S if seconds is None else seconds)
    pause = 0.01
    while True:
        try:
            return action()
        except OSError as error:
            if not _held(error) or time.monotonic() + pause > end:
                raise
        time.sleep(pause)
        pause = min(2 * pause, 0.5)


def _held(error: OSError) -> bool:
    """Has somebody else the file open? Windows says the same of what is not permitted at all."""
    denied = isinstance(error, PermissionError) and sys.platform == "win32"
    return denied or error.errno in (errno.EBUSY, errno.ETXTBSY)


def sync_folder(folder: Path) -> None:
    """Make a rename in *folder* survive a power cut; Windows does so by itself."""
    if sys.platform != "win32":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def locked(path: Path, timeout: float = 10.0) -> Iterator[None]:
    """Hold the lock file *path* exclusively; raises TimeoutError after *timeout* seconds, OSError.

    Not re-entrant. The file stays behind, empty: removing it would let two processes in."""
    from filelock import FileLock, Timeout

    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, timeout=timeout, mode=0o600, poll_interval=0.02, preserve_lock_file=True)
    try:
        lock.acquire()
    except Timeout as error:
        raise TimeoutError(f"{path} is held by another process") from error
    try:
        yield
    finally:
        lock.release()


def try_lock(file: BinaryIO) -> bool:
    """Lock an open file until it is closed; False if somebody else has it.

    Raises OSError where the file system has no locks."""
    from filelock import lock_descriptor

    return lock_descriptor(file.fileno(), blocking=False)
