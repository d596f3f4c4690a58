"""THE STORY of 归档: a month's or a folder's files → one package.

    1  verify the files, some at a time, in bounded processes
    2  leave out what changed since it was stamped, what is not sealed, what cannot be read
    3  write the others, each with its evidence and metadata
    4  write the list, the digests and how to check them
    5  check the package from disk as a stranger would, then publish it

No more than one document and the list is held in memory. Nothing is taken in silently and nothing
left out silently: the list has every file that was asked for.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, Any, BinaryIO, cast

from app.archiving import package
from app.archiving.checking import check, check_nested
from app.archiving.metadata import About, facts, metadata, shown_name
from app.archiving.package import Item, Refused
from app.archiving.readme import index, readme, reason
from app.archiving.sources import PACKAGE, Record, Source
from app.errors import (
    Cancelled,
    FileNotReadable,
    NothingToArchive,
    OutputExists,
    OutputVerificationFailed,
    UsageError,
    explain,
)
from app.evidence.checking import hashes
from app.evidence.making import Recorder, add_member, gather, write
from app.evidence.opening import MALFORMED
from app.many.bulk import NOT_CHECKED, UNREADABLE, Order, Outcome, verify_all
from app.publishing import publish, unpublished
from app.store.journal import Journal
from app.store.uses import Use
from app.verifying import StatusService
from crypto.algorithms.gm import sm3_hasher
from crypto.frozen import frozen
from crypto.pdf.reading.failures import PdfError
from crypto.report.reading import read_report
from crypto.validation.trust import Trust
from crypto.verdict import Report, one_line
from crypto.wording import conclusion

_TOGETHER = 32
"""Files that are verified before the first of them is written; their reports are held meanwhile."""
_REVISIONS = 50
"""Of a document, in which the stamped file is looked for."""
_CHUNK = 1 << 20
_FACTS = (
    *("document", "output", "seal_code", "seal_name", "pages", "counterparty", "copies"),
    *("approval", "operator", "certificate", "usage_record", "ticketed"),
)
"""What of a journal's entry goes along; never a folder of this computer."""
_LEFT_OUT = {
    "INVALID": "invalid",
    "VALID_CHANGED_LATER": "changed_later",
    "UNSIGNED": "unsigned",
    NOT_CHECKED: "not_checked",
}


@frozen
class Made:
    """A package that was written and checked."""

    path: Path
    sm3: str
    """Of the package, hex: to be noted where it is handed over."""
    items: tuple[Item, ...]
    refused: tuple[Refused, ...]


Step = Callable[[str, int, int], None]
"""Told before each file: "verify" or "check", how many are done, of how many. Raises
:class:`app.errors.Cancelled` to stop it."""


def _quietly(what: str, done: int, total: int) -> None:
    """For callers that show no progress."""


def make(
    sources: Sequence[Source],
    output: Path,
    *,
    record: Record,
    trust: Trust,
    journal: Journal,
    about: About = About(),  # noqa: B008 - frozen
    platform: StatusService | None = None,
    language: str = "zh_CN",
    program: str = "",
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    step: Step = _quietly,
    stopped: Callable[[], bool] = lambda: False,
) -> Made:
    """Archive *sources* in the new file *output*, and enter that in the *journal*.

    Raises :class:`app.errors.NothingToArchive` if nothing can be taken in, ``UsageError``
    "too_many_files", :class:`app.errors.OutputExists`, :class:`app.errors.OutputNotWritable`,
    :class:`app.errors.OutputVerificationFailed` if the package does not pass :func:`check` or a
    document changes meanwhile, :class:`app.errors.Cancelled`; then there is no output."""
    if os.path.lexists(output):
        raise OutputExists(str(output))
    if len(sources) > package.MAX_ITEMS:
        raise UsageError("too_many_files", str(package.MAX_ITEMS))
    order = Order(trust, language, with_pdf=True)
    with unpublished(output) as (temporary, file):
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as opened, ExitStack() as spooled:
            sums = {
                name: cast("IO[bytes]", spooled.enter_context(SpooledTemporaryFile(_CHUNK)))
                for name in package.SUMS
            }
            recorder = Recorder(platform) if platform else None
            writer = _Writer(opened, sums, record, order, about, recorder, step, stopped)
            writer.take(sources)
            if not writer.items:
                raise NothingToArchive(len(writer.refused), _reasons(writer.refused, language))
            writer.finish(program, clock())
        file.flush()
        os.fsync(file.fileno())
        checked = check(temporary, own=None, step=step)
        if checked.problems or checked.items != tuple(writer.items):
            raise OutputVerificationFailed(str(output), ", ".join(checked.problems[:5]))
        with temporary.open("rb") as whole:
            digest = str(hashes(whole, None, 1 << 62)["sm3"])
        publish(temporary, file, output, None, "")
    journal.append(
        "archived",
        output=output.name,
        folder=str(output.parent.absolute()),
        output_sm3=digest,
        files=len(writer.items),
        refused=len(writer.refused),
    )
    return Made(output, digest, tuple(writer.items), tuple(writer.refused))


@dataclass
class _Writer:
    """Writes what is taken in, and keeps the list."""

    opened: zipfile.ZipFile
    sums: Mapping[str, IO[bytes]]
    """The two lists of digests, as far as they are written."""
    record: Record
    order: Order
    about: About
    recorder: Recorder | None
    step: Step
    stopped: Callable[[], bool]
    items: list[Item] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)

    def take(self, sources: Sequence[Source]) -> None:
        for start in range(0, len(sources), _TOGETHER):
            some = sources[start : start + _TOGETHER]
            for source, found in self._verified(some, start, len(sources)):
                if source.path.suffix.lower() == PACKAGE:
                    self._nested(source)
                else:
                    self._document(source, found)

    # --- 1. verify ---------------------------------------------------------------------------

    def _verified(
        self, sources: Sequence[Source], begun: int, total: int
    ) -> Iterator[tuple[Source, _Verified | None]]:
        """Each with what was found; None: no document, or not there. *begun* of *total* files are
        behind."""
        there = [
            each for each in sources if each.path.suffix.lower() != PACKAGE and each.path.is_file()
        ]
        recorder = self.recorder
        reports: dict[int, bytes] = {}

        def done(index: int, outcome: Outcome) -> None:
            self.step("verify", begun + len(reports), total)
            reports[index] = outcome.pdf

        run = verify_all(
            [each.path for each in there],
            self.order,
            platform=recorder,
            done=done,
            stopped=self.stopped,
        )
        if run.interrupted:
            raise Cancelled
        trust = self.order.trust.merged(recorder.told) if recorder else self.order.trust
        found = {
            each.path: _Verified(outcome, trust, reports.get(index, b""))
            for index, (each, outcome) in enumerate(zip(there, run.outcomes, strict=True))
        }
        for source in sources:
            yield source, found.get(source.path)

    # --- 2. leave out ------------------------------------------------------------------------

    def _refuse(self, source: Source, reason: str, detail: str = "") -> None:
        facts = _facts(source.use)
        self.refused.append(Refused(shown_name(source.name), reason, one_line(detail), facts))

    def _document(self, source: Source, found: _Verified | None) -> None:
        if found is None:
            self._refuse(source, "missing")
            return
        outcome = found.outcome
        try:
            if outcome.late:  # whether it was changed is not known either
                self._refuse(source, "not_checked", outcome.answer["error"]["cause"])
            elif source.stamped_sm3 and not _holds(source, outcome):
                self._refuse(source, "changed")
            elif outcome.verdict == UNREADABLE:
                error = outcome.answer["error"]
                self._refuse(source, "unreadable", f"{error['cause']} [{error['code']}]")
            elif outcome.verdict in _LEFT_OUT:
                self._refuse(source, _LEFT_OUT[outcome.verdict], self._why(outcome))
            else:
                self._write(source, read_report(outcome.answer), found)
        except (OSError, PdfError, FileNotReadable) as error:
            self._refuse(source, "unreadable", explain(error, self.order.language).title)

    def _why(self, outcome: Outcome) -> str:
        if outcome.verdict not in ("INVALID", "VALID_CHANGED_LATER"):
            return ""
        return conclusion(read_report(outcome.answer), self.order.language).sentence

    # --- 3. write ----------------------------------------------------------------------------

    def _write(self, source: Source, report: Report, found: _Verified) -> None:
        with source.path.open("rb") as stream:
            digests = hashes(stream, None)
            if digests["sm3"] != report.file.sm3:  # somebody has written to it since
                self._refuse(source, "changed")
                return
            proofs = self.recorder.proofs(report, found.trust) if self.recorder else []
            said = (report, found.trust, None, self.order.language)
            pack = gather(stream, *said, proofs, found.on_paper)
            item = self._item(source, report, digests)
            pack.add(package.METADATA, metadata(item, report, self.about))
            try:
                rows = write(pack, stream, self.opened, report, item.folder)
            except OSError as error:  # half of it is in the zip
                raise OutputVerificationFailed(source.name, type(error).__name__) from error
        self._sum(item.folder, rows)
        self.items.append(item)

    def _item(self, source: Source, report: Report, digests: Mapping[str, Any]) -> Item:
        use = source.use or self.record.of(report.file.sm3)
        return Item(
            number=len(self.items) + 1,
            kind="document",
            name=shown_name(source.name),
            **digests,
            verdict=report.verdict.value,
            **facts(report, self.order.language),
            journal=_facts(use),
        )

    def _nested(self, source: Source) -> None:
        """A package is taken in as it is, if it holds."""
        if not source.path.is_file():
            self._refuse(source, "missing")
            return
        with source.path.open("rb") as stream:
            try:
                kind, problem = check_nested(stream, depth=1)
            except (OSError, *MALFORMED):
                kind, problem = "", "package_damaged"
            if problem:
                self._refuse(source, problem)
                return
            stream.seek(0)
            number = len(self.items) + 1
            row = add_member(self.opened, f"{number:04d}/", package.NESTED, stream)
        digests = {key: row[key] for key in ("size", "sm3", "sha256")}
        item = Item(number, kind, shown_name(source.name), **digests, verdict="")
        self._sum(item.folder, [row])
        self.items.append(item)

    def _sum(self, folder: str, rows: Sequence[Mapping[str, Any]]) -> None:
        for row in rows:
            name = folder + row["name"]
            self.sums[package.SHA256_SUMS].write(package.sums_line(row["sha256"], name))
            self.sums[package.SM3_SUMS].write(package.sums_line(row["sm3"], name))

    # --- 4. the list -------------------------------------------------------------------------

    def finish(self, program: str, now: datetime) -> None:
        about = {key: value for key, value in vars(self.about).items() if value}
        manifest = {
            "format": package.FORMAT,
            "program": program,
            "made_at": now.astimezone(UTC).isoformat(timespec="seconds"),
            "language": self.order.language,
            "about": about,
            "items": [item.to_json() for item in self.items],
            "refused": [vars(refusal) for refusal in self.refused],
        }
        listed = index(self.items, self.refused, self.order.language)
        text = readme(self.items, self.refused, self.about, now)
        for name, data in (
            (package.README, text.encode()),
            (package.INDEX, listed),
            (package.MANIFEST, _json(manifest)),
        ):
            self._sum("", [add_member(self.opened, "", name, io.BytesIO(data))])
        for name in package.SUMS:
            self.sums[name].seek(0)
            add_member(self.opened, "", name, self.sums[name])


@frozen
class _Verified:
    outcome: Outcome
    trust: Trust
    """What it was judged with."""
    on_paper: bytes
    """The report on A4."""


def _reasons(refused: Sequence[Refused], language: str) -> str:
    return "; ".join(f"{refusal.name}: {reason(refusal, language)}" for refusal in refused[:3])


def _json(data: Any) -> bytes:
    return (json.dumps(data, ensure_ascii=False, indent=1) + "\n").encode()


def _facts(use: Use | None) -> dict[str, Any] | None:
    if use is None:
        return None
    said = {name: use.details[name] for name in _FACTS if use.details.get(name)}
    return {
        "sequence": use.sequence,
        "at": use.at.astimezone(UTC).isoformat(timespec="seconds"),
        "hash": use.last.hash,
        **said,
    }


def _holds(source: Source, outcome: Outcome) -> bool:
    """Is it the file that was stamped, or one in which that is whole and which somebody else has
    sealed as it is now? Raises OSError."""
    told = outcome.answer["file"]
    if told.get("sm3") == source.stamped_sm3:
        return True
    with source.path.open("rb") as stream:
        if outcome.verdict == UNREADABLE:
            return bool(hashes(stream, None)["sm3"] == source.stamped_sm3)
        covered = [sum(signature["byte_range"][2:]) for signature in outcome.answer["signatures"]]
        if told["size"] not in covered:  # something stands after the last signature
            return False
        ends = [int(end) for end in told.get("revisions", ())][-_REVISIONS:]
        return any(_sm3(stream, end) == source.stamped_sm3 for end in ends)


def _sm3(stream: BinaryIO, end: int) -> str:
    """Of the first *end* bytes."""
    stream.seek(0)
    hasher, left = sm3_hasher(), end
    while left > 0 and (chunk := stream.read(min(left, _CHUNK))):
        hasher.update(chunk)
        left -= len(chunk)
    return hasher.digest().hex()
