"""The results of a batch as a table for the files: CSV or XLSX."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from app.errors import explain, phrase
from app.spreadsheet import save_table
from app.stamping import StampedFile

COLUMNS = ("document", "output", "seals", "pages", "result", "reason", "digest", "at", "folder")


@dataclass(frozen=True)
class BatchLine:
    """One document of a batch."""

    source: Path
    seals: tuple[str, ...]
    """What the person calls them."""
    file: StampedFile | None
    error: BaseException | None
    """Neither: it was not reached."""
    at: datetime | None
    """When it ended."""

    @property
    def result(self) -> str:
        """stamped, failed or not_reached."""
        if self.file is not None:
            return "stamped"
        return "failed" if self.error is not None else "not_reached"

    @property
    def pages(self) -> tuple[int, ...]:
        """Pages that bear our marks, as people count, as read back from the file."""
        if self.file is None:
            return ()
        own = set(self.file.field_names)
        signatures = (s for s in self.file.report.signatures if own & set(s.fields))
        return tuple(sorted({mark.page for signature in signatures for mark in signature.marks}))


def save_report(path: Path, lines: Sequence[BatchLine], language: str) -> None:
    """Write *lines* to *path*, XLSX by its suffix, else CSV. Raises OSError."""
    head = [phrase(f"batch.{column}", language) for column in COLUMNS]
    save_table(path, [head, *(_row(line, language) for line in lines)])


def _row(line: BatchLine, language: str) -> list[object]:
    reason = ""
    if line.error is not None:
        message = explain(line.error, language)
        reason = f"{message.title}（{message.code}）{message.cause}"
    return [
        line.source.name,
        line.file.path.name if line.file else "",
        line.seals,
        line.pages,
        phrase(f"batch.{line.result}", language),
        reason,
        line.file.report.file.sm3 if line.file else "",
        line.at.astimezone().strftime("%Y-%m-%d %H:%M:%S") if line.at else "",
        str(line.file.path.parent if line.file else line.source.parent),
    ]
