"""The results of a batch as a table for the files: CSV or XLSX."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from app.errors import explain, phrase
from app.many.resuming import StampedEarlier
from app.spreadsheet import save_table
from app.stamping import StampedFile
from crypto.beijing import in_beijing
from crypto.frozen import frozen

COLUMNS = ("document", "output", "seals", "pages", "result", "reason", "digest", "at", "folder")


@frozen
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
    earlier: StampedEarlier | None = None
    """What it came to in an earlier run; it was not stamped again."""

    @property
    def stamped(self) -> StampedFile | StampedEarlier | None:
        """The stamped file."""
        return self.file or self.earlier

    @property
    def result(self) -> str:
        """stamped, failed or not_reached."""
        if self.stamped is not None:
            return "stamped"
        return "failed" if self.error is not None else "not_reached"


def save_report(path: Path, lines: Sequence[BatchLine], language: str) -> None:
    """Write *lines* to *path*, XLSX by its suffix, else CSV. Raises OSError."""
    head = [phrase(f"batch.{column}", language) for column in COLUMNS]
    save_table(path, [head, *(_row(line, language) for line in lines)])


def _row(line: BatchLine, language: str) -> list[object]:
    reason = ""
    if line.error is not None:
        message = explain(line.error, language)
        reason = f"{message.title}（{message.code}）{message.cause}"
    stamped = line.stamped
    return [
        line.source.name,
        stamped.path.name if stamped else "",
        line.seals,
        stamped.pages if stamped else (),
        phrase(f"batch.{line.result}", language),
        reason,
        stamped.sm3 if stamped else "",
        in_beijing(line.at).strftime("%Y-%m-%d %H:%M:%S") if line.at else "",
        str(stamped.path.parent if stamped else line.source.parent),
    ]
