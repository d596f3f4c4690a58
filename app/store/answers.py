"""Questions about documents that a person has answered with yes, so that each is asked once.

A small file of (digest of the document, question); a document that changes is asked about again.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from app.durable import replace_file

_KEPT = 1_000
"""Answers; the oldest go first."""


class Answers:
    """The answers in one file. If it cannot be read or written, the question is asked again."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def has(self, digest: bytes, question: str) -> bool:
        """Was this *question* answered with yes for the document of this SM3 *digest*?"""
        return [digest.hex(), question] in self._read()

    def keep(self, digest: bytes, question: str) -> None:
        """Remember a yes."""
        answers = [answer for answer in self._read() if answer != [digest.hex(), question]]
        answers.append([digest.hex(), question])
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(self._path, json.dumps(answers[-_KEPT:]).encode())

    def _read(self) -> list[list[str]]:
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return []
        if not isinstance(found, list):
            return []
        return [answer for answer in found if isinstance(answer, list)]
