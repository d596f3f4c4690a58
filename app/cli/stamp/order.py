"""What holds for every file of a ``sealdesk stamp``: the seal, where it goes, what is told of it.

For one file (:mod:`app.cli.stamping`) and for many (:mod:`app.cli.stamp.many`).
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli.stamp.placing import marks_and_dates
from app.cli.stamp.preparing import look_before
from app.errors import explain, phrase

if TYPE_CHECKING:
    from app.cli.stamp.preparing import Prepared
    from app.desk import Desk
    from app.placing.finder import Finder
    from app.placing.stamp_plan import Placed
    from app.remote.timestamping import Timestamper
    from app.stamping import StampedFile, StampJob
    from app.store.cabinet import SealRecord


@dataclass(frozen=True)
class Order:
    """What holds for every file of a command: the seal, where it goes, how it is signed."""

    seal: SealRecord
    plan: tuple[Placed, ...]
    profile: str
    password: str | None = field(repr=False)
    output: Path | None
    """Of the only file."""
    folder: Path | None
    """None: beside each file."""

    def job(
        self, desk: Desk, options: argparse.Namespace, source: Path, finder: Finder
    ) -> tuple[StampJob, Prepared]:
        """The job for *source* or its repaired copy, with all that can be known before the PIN
        looked at, and what is to be told of the document.

        Raises :class:`app.errors.AppError`, :class:`crypto.pdf.reading.failures.PdfError`."""
        from app.placing.placement import SealSize
        from app.preparing import check_job
        from app.stamping import StampJob

        prepared = look_before(desk, options, source, self.password, finder)
        source = prepared.source
        size = SealSize(self.seal.parsed.width_mm, self.seal.parsed.height_mm)
        language = desk.settings.language
        marks, dates = marks_and_dates(
            options, self.plan, source, self.password, size, finder, language
        )
        job = StampJob(
            source=source,
            seal_code=self.seal.code,
            marks=marks,
            dates=dates,
            output=self.output,
            folder=self.folder,
            suffix=desk.settings.output_suffix,
            spare=desk.spare_folder,
            profile="ses" if self.profile == "dual" else self.profile,
            separate=desk.settings.marks == "separate",
            reason=options.reason,
            stencil=options.stencil,
            password=self.password,
        )
        check_job(job, self.seal, desk.trust(), datetime.now(UTC))
        return job, prepared


def stamped_facts(done: StampedFile, prepared: Prepared, language: str) -> dict[str, Any]:
    """What ``--json`` says of a stamped file."""
    return {
        "output": str(done.path),
        "ticketed": done.ticketed,
        "journal_entry": done.journal_entry,
        "notices": prepared.to_json(language),
        "report": done.report.to_json(language),
    }


def tell_missing_timestamp(desk: Desk, stamper: Timestamper | None) -> None:
    """Say on stderr that an optional time stamp is missing; the file is valid without it."""
    if stamper is not None and stamper.failure is not None:
        language = desk.settings.language
        reason = explain(stamper.failure, language).title
        sys.stderr.write(phrase("cli.no_timestamp", language).format(reason=reason) + "\n")
