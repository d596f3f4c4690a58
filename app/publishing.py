"""Publishing an output: it is written under a hidden name and gets its own when it is whole.

The hidden file lies in the output's folder, and no other file is ever overwritten. Its one handle
stays open until it has its name, where the system allows that: so it is known to be in use. A
program that holds the file for a while (a scanner) is waited for. The next stamping removes what a
killed process left behind, and only what it provably left: a lock that is gone or, on Windows,
where locks would keep readers out, a file that nobody has open and nobody has touched for
:data:`ABANDONED_S`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from app.durable import discard, patiently, replace_file, sync_folder, try_lock
from app.errors import FileProblem, OutputExists, OutputNotWritable
from crypto.file_names import MAX_NAME, NOT_PORTABLE, is_device, is_kept, name_size

SPARE = 4 << 20
"""Bytes that a stamped file may be larger than the original, with room to spare."""
ABANDONED_S = 600
"""Seconds after which a file that nobody has open was left, where locks cannot tell."""
_LOCKS = sys.platform != "win32"
"""Can a file be locked and still be read by everybody?"""
_in_use: set[Path] = set()
"""The temporary files of this process."""
_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{12}\.sealdesk", re.DOTALL)


def free_name(source: Path, suffix: str) -> Path:
    """``名称<suffix>.pdf`` beside *source*, or with a number if that is taken. Characters that not
    every system keeps become ``_``, and a name that would be too long loses its middle to ``…``."""
    extension = source.suffix or ".pdf"
    stem = NOT_PORTABLE.sub("_", source.stem)
    if is_device(f"{stem}."):
        stem = f"_{stem}"
    for number in range(1, 10_000):
        end = f"{suffix}({number}){extension}" if number > 1 else f"{suffix}{extension}"
        candidate = source.with_name(_shortened(stem, end))
        if not os.path.lexists(candidate):  # a link that leads nowhere takes the name, too
            return candidate
    raise OutputExists(str(source.with_name(f"{source.stem}{suffix}{source.suffix}")))


def _shortened(stem: str, end: str) -> str:
    """*stem* and *end*, in ``MAX_NAME`` bytes; of a long *stem* the last third is kept."""
    if name_size(stem + end) <= MAX_NAME:
        return stem + end
    tail = stem[-len(stem) // 3 :]
    while tail and name_size(f"…{tail}{end}") > MAX_NAME // 2:
        tail = tail[1:]
    head = stem[: len(stem) - len(tail)]
    while head and name_size(f"{head}…{tail}{end}") > MAX_NAME:
        head = head[:-1]
    return f"{head}…{tail}{end}"


def check_name(target: Path) -> None:
    """Does every system keep a file or folder of that name? Windows would write to a device, or
    behind another file. Raises :class:`OutputNotWritable`."""
    problem = _problem_of_name(target.name)
    if problem is not None:
        raise OutputNotWritable(str(target), problem)


def replace_output(path: Path, data: bytes) -> None:
    """:func:`app.durable.replace_file` for a file that a person has named. Raises
    :class:`OutputNotWritable`, OSError."""
    check_name(path)
    replace_file(path, data)


def check_output(target: Path, size: int) -> None:
    """Can a file of *size* bytes be written under the name *target*? Raises
    :class:`OutputNotWritable`."""
    problem = _problem_of_name(target.name)
    try:
        if problem is None and not target.parent.is_dir():
            problem = FileProblem.MISSING
        if problem is None and shutil.disk_usage(target.parent).free < size + SPARE:
            problem = FileProblem.FULL
        if problem is None:
            temporary, output = _new(target)
            output.close()
            _drop(temporary)
    except OSError as error:
        problem = FileProblem.of(error)
    if problem is not None:
        raise OutputNotWritable(str(target), problem)


def _problem_of_name(name: str) -> FileProblem | None:
    if name_size(name) > MAX_NAME:
        return FileProblem.TOO_LONG
    return None if is_kept(name) else FileProblem.NAME


@contextlib.contextmanager
def unpublished(target: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """A temporary file in the output's folder; gone on the way out, whatever happens.

    Raises :class:`OutputNotWritable`, also for an OSError in the block."""
    check_name(target)
    try:
        temporary, output = _new(target)
        _sweep(temporary)
    except OSError as error:
        raise OutputNotWritable(str(target), FileProblem.of(error)) from error
    try:
        with output:
            yield temporary, output
    except OSError as error:
        raise OutputNotWritable(str(target), FileProblem.of(error)) from error
    finally:
        _drop(temporary)


def publish(
    temporary: Path, output: BinaryIO, target: Path, source: Path | None, suffix: str
) -> Path:
    """Give the verified file its name, never over another file; returns the name it got.

    Where *target* has been taken meanwhile: the next free name beside *source*, or, None,
    :class:`OutputExists`. Raises OSError."""
    while True:
        try:
            _give_name(temporary, output, target)
            break
        except FileExistsError:
            if source is None:
                raise OutputExists(str(target)) from None
            target = free_name(source, suffix)
    with contextlib.suppress(OSError):  # not every network drive can; the file itself is synced
        sync_folder(target.parent)
    return target


def move_to(saved: Path, target: Path) -> Path:
    """Move the file *saved* to *target*, never over another file: a free name beside it then.
    Returns where it is. Raises :class:`OutputNotWritable`.

    On Windows *saved* stays while somebody has it open: see :func:`app.durable.discard`."""
    moved = copy_to(saved, target)
    with contextlib.suppress(OSError):
        saved.unlink()  # the window may be showing it: it is discarded when that has let go
    return moved


def copy_to(source: Path, target: Path, end: int | None = None) -> Path:
    """Copy *source*, or its first *end* bytes, to *target*, never over another file: to a free name
    beside it then. Returns where the copy is. Raises :class:`OutputNotWritable`."""
    try:
        size = source.stat().st_size
    except OSError as error:
        raise OutputNotWritable(str(target), FileProblem.of(error)) from error
    check_output(target, size)
    place = target if not os.path.lexists(target) else free_name(target, "")
    with unpublished(place) as (temporary, output):
        with source.open("rb") as whole:
            if end is None:
                shutil.copyfileobj(whole, output)
            else:
                output.write(whole.read(end))
        output.flush()
        os.fsync(output.fileno())
        return publish(temporary, output, place, target, "")


def save_new(path: Path, data: bytes) -> Path:
    """Write *data* to a new file, whole or not at all; where *path* is taken, under the next free
    name. Returns its name. Raises :class:`OutputNotWritable`."""
    check_name(path)  # Windows says of every device's name that it is taken
    target = path if not path.exists() else free_name(path, "")
    with unpublished(target) as (temporary, output):
        output.write(data)
        output.flush()
        return publish(temporary, output, target, path, "")


def is_temporary(path: Path) -> bool:
    """Is it called like an output that is not published?"""
    return _TEMPORARY.fullmatch(path.name) is not None


def _sweep(own: Path) -> None:
    """Remove what killed stampings left in the folder of the temporary file *own*."""
    left: list[Path] = []
    with contextlib.suppress(OSError):
        left = [entry for entry in own.parent.iterdir() if is_temporary(entry)]
    for path in left:
        if path not in _in_use:
            with contextlib.suppress(OSError):
                _sweep_one(path, own)


def _sweep_one(path: Path, own: Path) -> None:
    if not _LOCKS:
        # *own* was made just now: by the clock of the folder, which may be on another computer
        if own.stat().st_mtime - path.stat().st_mtime > ABANDONED_S:
            path.unlink()  # refused while anybody has it open
        return
    with path.open("rb") as file:
        _claim(file)
        path.unlink()


def _drop(temporary: Path) -> None:
    """Remove a temporary file, if it still has that name."""
    discard(temporary)
    _in_use.discard(temporary)


def _new(target: Path) -> tuple[Path, BinaryIO]:
    """A new file under a hidden name, locked. Another stamping may remove it before it is locked;
    then another one is made."""
    while True:
        # 40 characters of any script fit: the system allows 255 bytes
        temporary = target.with_name(f".{target.name[:40]}.{secrets.token_hex(6)}.sealdesk")
        output = temporary.open("x+b")
        _in_use.add(temporary)
        try:
            _claim(output)
        except BlockingIOError:
            ours = False
        except OSError:
            ours = True  # some network drives have no locks: there nothing is removed
        else:
            ours = os.path.lexists(temporary)
        if ours:
            return temporary, output
        output.close()
        _in_use.discard(temporary)


def _claim(file: BinaryIO) -> None:
    """Lock the file until it is closed.

    Raises BlockingIOError if another stamping has it, OSError where there are no locks."""
    if _LOCKS and not try_lock(file):
        raise BlockingIOError(errno.EWOULDBLOCK, "another stamping has the file")


def _give_name(temporary: Path, output: BinaryIO, target: Path) -> None:
    """Atomically; FileExistsError if *target* is there. File systems without hard links (USB
    sticks) get a rename after a check, the best they allow."""
    try:
        patiently(lambda: os.link(temporary, target))
        return
    except FileExistsError:
        raise
    except OSError:
        if os.path.lexists(target):
            raise FileExistsError(str(target)) from None
    if not _LOCKS:
        output.close()  # Windows renames no file that is open
    patiently(lambda: os.rename(temporary, target))
