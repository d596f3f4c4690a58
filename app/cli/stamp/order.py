"""What holds for every file of a ``sealdesk stamp``: the seal, where it goes, what is told of it.

For one file (:mod:`app.cli.stamping`) and for many (:mod:`app.cli.stamp.many`).
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli.clock import tell_notice
from app.cli.stamp.placing import marks_and_dates
from app.cli.stamp.preparing import look_before
from app.errors import explain, phrase
from crypto.beijing import in_beijing
from crypto.frozen import frozen

if TYPE_CHECKING:
    from app.cli.stamp.preparing import Prepared
    from app.desk import Desk
    from app.many.begun import BegunOrder
    from app.many.resuming import StampedEarlier
    from app.placing.finder import Finder
    from app.placing.stamp_plan import Placed
    from app.remote.timestamping import Timestamper
    from app.stamping import StampedFile, StampJob
    from app.store.cabinet import SealRecord


_OTHERWISE = frozenset(
    ["again", "anyway", "csv", "json", "module", "offline", "password_stdin", "pin_stdin", "token"]
)
"""Options that change how an order is carried out, and not what it is."""


@frozen
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

    def done_earlier(self, desk: Desk, begun: BegunOrder, source: Path) -> StampedEarlier | None:
        """What an earlier run of this order has made of *source*, if it has.

        Raises :class:`app.errors.FileNotReadable`, :class:`app.errors.LocalDataError`."""
        from app.many.resuming import stamped_earlier

        if not begun.resumed:
            return None
        act = begun.act(source)
        given = self.folder or (self.output.parent if self.output else None)
        folders = [given or source.parent, desk.spare_folder]
        return stamped_earlier(desk.journal, {act: folders}, ()).get(act)

    def job(
        self,
        desk: Desk,
        options: argparse.Namespace,
        source: Path,
        finder: Finder,
        begun: BegunOrder,
    ) -> tuple[StampJob, Prepared]:
        """The job for *source* or its repaired copy, with all that can be known before the PIN
        looked at, and what is to be told of the document.

        Raises :class:`app.errors.AppError`, :class:`crypto.pdf.reading.failures.PdfError`."""
        from app.placing.placement import SealSize
        from app.preparing import check_job, without_transparency
        from app.stamping import StampJob

        prepared = look_before(desk, options, source, self.password, finder)
        act = begun.act(source)
        source = prepared.source
        size = SealSize(self.seal.parsed.width_mm, self.seal.parsed.height_mm)
        language = desk.settings.language
        marks, dates = marks_and_dates(
            options, self.plan, source, self.password, size, finder, language
        )
        if options.stencil:
            told = without_transparency(prepared.notices, dated=bool(dates))
            examined = replace(prepared.examined, notices=tuple(told))
            prepared = replace(prepared, examined=examined)
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
            kind=options.kind,
            counterparty=options.counterparty,
            password=self.password,
            act=act,
        )
        check_job(job, self.seal, desk.trust(), datetime.now(UTC))
        return job, prepared


def described(options: argparse.Namespace, order: Order) -> str:
    """The order in a text that is the same when it is given again (:mod:`app.many.begun`)."""
    told = {
        name: str(value.absolute()) if isinstance(value, Path) else str(value)
        for name, value in vars(options).items()
        if name not in _OTHERWISE and not callable(value)
    }
    told["files"] = str([str(path.absolute()) for path in options.files])
    told |= {"seal": order.seal.code, "folder": str((order.folder or Path()).absolute())}
    return json.dumps(told, sort_keys=True)


def earlier_facts(earlier: StampedEarlier) -> dict[str, Any]:
    """What ``--json`` says of a file that an earlier run has stamped."""
    return {
        "output": str(earlier.path),
        "earlier": True,
        "sm3": earlier.sm3,
        "journal_entry": earlier.journal_entry,
    }


def said_earlier(earlier: StampedEarlier, language: str) -> str:
    """The same in words."""
    words = phrase("cli.stamped_earlier", language)
    return words.format(path=earlier.path, at=f"{in_beijing(earlier.at):%Y-%m-%d %H:%M}")


def stamped_facts(done: StampedFile, prepared: Prepared, language: str) -> dict[str, Any]:
    """What ``--json`` says of a stamped file."""
    return {
        "output": str(done.path),
        "ticketed": done.ticketed,
        "journal_entry": done.journal_entry,
        "notices": prepared.to_json(language),
        "report": done.report.to_json(language),
    }


def tell_of_timestamp(desk: Desk, stamper: Timestamper | None) -> None:
    """Say on stderr that an optional time stamp is missing, without which the file is valid; and
    that the authority's clock is not this computer's."""
    if stamper is None:
        return
    if stamper.times is not None:
        from app.preparing import clock_of_stamp

        notice = clock_of_stamp(stamper.times)
        if notice is not None:
            tell_notice(desk, notice)
    if stamper.failure is not None:
        language = desk.settings.language
        reason = explain(stamper.failure, language).title
        sys.stderr.write(phrase("cli.no_timestamp", language).format(reason=reason) + "\n")
