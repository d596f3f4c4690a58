"""What was seen of a document, for when it is judged again: it is not looked at twice.

    memory = Memory()                 look = memory.kept(look_with_engines)
    text = memory.text                Memory(text) in another process

The text names the bytes and the revisions that were looked at by their digests; of others it says
nothing.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from typing import Any

from crypto.pdf.looking.layer import (  # noqa: TID253 - is imported late itself
    Difference,
    Look,
    Seen,
    Task,
    box_of,
    merged,
    page_of,
)

MAX_TEXT = 1 << 20
_MOST = 10_000


class Memory:
    """See the module."""

    def __init__(self, text: str = "") -> None:
        """*text* as :attr:`text` gave it, be it in a process that a file had taken over; anything
        else is as good as nothing."""
        self._data, self._known, self._seen = _read(text)

    @property
    def text(self) -> str:
        """All of it; "" if nothing was looked at, or too much to be told."""
        if not self._known:
            return ""
        told = {"data": self._data, "known": sorted(self._known), "seen": asdict(self._seen)}
        text = json.dumps(told)
        return text if len(text) <= MAX_TEXT else ""

    def kept(self, look: Look) -> Look:
        """*look*, but what is known is not looked at again, and whatever was seen then counts.
        What a busy machine has not looked at is not known. Places are told anew: no verdict waits
        for them."""

        def look_at_the_rest(task: Task) -> Seen:
            if task.placing:
                return look(task)
            data = hashlib.sha256(task.data).hexdigest()
            if data != self._data:
                self._data, self._known, self._seen = data, set(), Seen()
            rest = tuple(each for each in task.sealed if _digest(each) not in self._known)
            if rest:
                seen = look(replace(task, sealed=rest))
                if seen.held_up:
                    return merged(self._seen, seen)
                self._seen = merged(self._seen, seen)
                self._known.update(map(_digest, rest))
            return self._seen

        return look_at_the_rest


def _digest(revision: object) -> str:
    return hashlib.sha256(repr(revision).encode()).hexdigest()


def _read(text: str) -> tuple[str, set[str], Seen]:
    try:
        said = json.loads(text[: MAX_TEXT + 1]) if text else {}
        data, known, seen = said["data"], said["known"], said["seen"]
        if not isinstance(data, str) or not all(isinstance(each, str) for each in known):
            raise ValueError("no digests")
        differences = tuple(map(_difference, seen["differences"][:_MOST]))
        left_out = tuple(page_of(page) for page in seen["left_out"][:_MOST])
        failed = tuple(
            (None if page is None else page_of(page), str(reason)[:100])
            for page, reason in seen["failed"][:_MOST]
        )
    except (KeyError, TypeError, ValueError, RecursionError):
        return "", set(), Seen()
    return data, set(known), Seen(differences, left_out, failed)


def _difference(said: dict[str, Any]) -> Difference:
    end, page = said["end"], said["page"]
    if type(end) is not int:
        raise ValueError("no length")
    boxes = tuple(box_of(box) for box in said["boxes"])
    return Difference(
        end, None if page is None else page_of(page), str(said["engine"])[:100], boxes
    )
