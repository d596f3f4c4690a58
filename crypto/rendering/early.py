"""Starting what looks at later revisions of a document, before the program has read anything else.

It loads the renderers, which takes as long as all that ``sealdesk verify`` does before it asks.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from crypto.bounded import BoundedProcess

_ORDINARY = 8 * 1024 * 1024
"""Bytes up to which a document is held in memory."""
_BYTE_RANGE = re.compile(rb"/ByteRange\s*\[\s*\d+\s+\d+\s+(\d{1,12})\s+(\d{1,12})\s*\]")
_begun: dict[Path, tuple[BoundedProcess, ...]] = {}
"""By :func:`begin_for`, and asked for by nobody yet."""


def begin_for(arguments: Sequence[str]) -> None:
    """Start it for the one document that *arguments* of ``sealdesk verify`` name, if they name one:
    a guess, for they are not read yet."""
    named = [Path(each) for each in arguments if each.lower().endswith(".pdf")]
    with suppress(OSError):  # a name too long, no more processes: to be told by who has words
        documents = [path for path in named if path.is_file()]
        if len(documents) == 1:
            _begun[documents[0]] = begin_looking(documents[0])


def end_unused() -> None:
    """End what :func:`begin_for` has started for nothing."""
    for processes in _begun.values():
        for process in processes:
            process.end()
    _begun.clear()


def begin_looking(path: Path) -> tuple[BoundedProcess, ...]:
    """Start it, unless that is done, if the document at *path* seems to have later revisions."""
    if path in _begun:
        return _begun.pop(path)
    try:
        if not path.is_file() or path.stat().st_size > _ORDINARY:
            return ()
        with path.open("rb") as stream:
            return begin_for_document(held(stream))
    except OSError:  # to be told by who has to read it
        return ()


def begin_for_document(document: BinaryIO) -> tuple[BoundedProcess, ...]:
    """The same for an opened one."""
    if not _was_added_to(document):
        return ()
    from crypto.rendering.looker import begin_early  # noqa: PLC0415 - most documents need none

    return begin_early()


def held(stream: BinaryIO) -> BinaryIO:
    """A document of ordinary size in memory: nobody changes it between two readings, and reading
    here and there costs nothing. A large one as it is."""
    if stream.seek(0, io.SEEK_END) > _ORDINARY:
        return stream
    stream.seek(0)
    return io.BytesIO(stream.read())


def _was_added_to(document: BinaryIO) -> bool:
    """Does anything follow what the signatures cover? A guess: it decides what is loaded early, and
    nothing else."""
    if not isinstance(document, io.BytesIO):
        return False
    data = document.getvalue()
    ends = [int(begin) + int(length) for begin, length in _BYTE_RANGE.findall(data)]
    return bool(ends) and max(ends) < len(data.rstrip())
