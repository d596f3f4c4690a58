"""THE STORY of 验章: a path → a report.

    1  hold the document
    2  verify it with what this desk knows: whom to trust, what the platform last said of a seal
    3  ask the platform, online, for the state and history of the seals that were found
    4  verify again with what it said
    5  where nothing is signed, say what the file is, if that can be told

What is true of the bytes is the story of :mod:`crypto.pdf.verify`, which steps 2 and 4 call.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol, runtime_checkable

from app.errors import FileNotReadable, FileProblem, PlatformError
from app.file_kind import require_pdf
from crypto.rendering.early import begin_for_document, held
from crypto.seal.statement import SealChange, SignedStatement
from crypto.validation.anchor_rules import teller_of
from crypto.validation.trust import Trust
from crypto.verdict import Report, SignatureReport

if TYPE_CHECKING:
    from crypto.bounded import BoundedProcess
    from crypto.pdf.looking.layer import Seen, Task
    from crypto.pdf.looking.memory import Memory
    from crypto.pdf.marks.drawn import DrawMarks, DrawnMark, MarkTask
    from crypto.pdf.reading.document import Document

UNKNOWN_STATE = frozenset(("status_unknown", "status_stale"))
"""Findings about which a platform is asked."""


class StatusService(Protocol):
    """The platform, as far as verifying needs it."""

    def status(self, seal_code: str) -> SignedStatement:
        """What it says of a seal now. Raises :class:`app.errors.PlatformError`."""


@runtime_checkable
class SealHistory(Protocol):
    """A platform that also tells what its registry has of seals."""

    def history(self, seal_codes: Iterable[str]) -> tuple[SealChange, ...]:
        """What the desk's trust does not hold yet."""


@runtime_checkable
class StatusElsewhere(Protocol):
    """One that can also ask other platforms, where an anchor says that they tell the state."""

    def status_at(self, origin: str, seal_code: str) -> SignedStatement:
        """Raises :class:`app.errors.PlatformError`."""


class _Looks:
    """Draw and compare, where a document has later revisions: most have none. What was looked at
    before the platform's answer is not looked at again after it.

    A context manager, which ends the processes if nobody has used them."""

    def __init__(
        self, document: BinaryIO, seen: str = "", started: tuple[BoundedProcess, ...] = ()
    ) -> None:
        """*seen*: what was told of an earlier look at the document; *started*: what
        :func:`crypto.rendering.early.begin_looking` gave."""
        self._told = seen
        self._memory: Memory | None = None
        self._started = started
        if not started:
            self._started = begin_for_document(document)

    def __enter__(self) -> _Looks:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._started:
            process.end()

    @property
    def may_foresee(self) -> bool:
        """Is there anybody to draw what was not looked at before?"""
        return bool(self._started) and not self._told

    def foresee(
        self, document: Document, password: str | None, revisions: Sequence[tuple[int, int | None]]
    ) -> None:
        """Let what was started draw while the document is judged."""
        if self._started:
            from crypto.pdf.looking.layer import foresee

            foresee(document, password, revisions, self._started)

    def __call__(self, task: Task) -> Seen:
        from crypto.pdf.looking.memory import Memory

        self._memory = self._memory or Memory(self._told)
        return self._memory.kept(self._with_engines)(task)

    @property
    def seen(self) -> str:
        """What can be told of it."""
        return self._memory.text if self._memory else self._told

    def _with_engines(self, task: Task) -> Seen:
        from crypto.pdf.looking.layer import look_with_engines

        started, self._started = self._started, ()
        return look_with_engines(task, started) if started else look_with_engines(task)


class _Draws:
    """Draw marks and imprints, where only that tells whether they are alike: few documents need
    it. What was drawn before the platform's answer is not drawn again after it."""

    def __init__(self) -> None:
        self._draw: DrawMarks | None = None

    def __call__(self, task: MarkTask) -> Sequence[DrawnMark]:
        from crypto.pdf.marks.drawn import draw_once, draw_with_engines

        self._draw = self._draw or draw_once(draw_with_engines)
        return self._draw(task)


def _with_kind(report: Report, document: BinaryIO, password: str | None) -> Report:
    """Tell an invoice, where nothing is signed: most documents are."""
    from crypto.pdf.looking.invoice import with_kind

    return with_kind(report, document, password)


def verify(
    path: Path,
    *,
    trust: Trust,
    platform: StatusService | None = None,
    password: str | None = None,
    at: datetime | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    seen: list[str] | None = None,
    started: tuple[BoundedProcess, ...] = (),
) -> Report:
    """Judge the PDF at *path* as of *at* (default: now).

    *started*: what :func:`crypto.rendering.early.begin_looking` gave for it.

    *seen*: what an earlier call put there about this document's pages, which are not looked at
    again; this call puts there what a later one needs.

    With a *platform*, seals whose status is unknown or stale are asked for; an unreachable platform
    leaves the status line unknown and is no error. Raises :class:`app.errors.FileError` and
    :class:`crypto.pdf.reading.failures.PdfError`."""
    from crypto.pdf.verify import (
        verify_pdf,
    )  # late: loading the PDF library takes half of a cold start

    now = at or clock()
    # 1. Hold the document, so that both readings below are of the same bytes.
    with _document(path) as document, _Looks(document, "".join(seen or ()), started) as looks:
        # 2. Verify with what this desk knows.
        foresee = looks.foresee if looks.may_foresee else None
        judge = partial(verify_pdf, password=password, look=looks, foresee=foresee, draw=_Draws())
        report = judge(document, path.name, trust, now)
        # 3. Ask the platform for what that leaves open.
        news = _news(platform, report, trust)
        # 4. Verify again with what it said.
        if news.statements or news.changes:
            known = trust.merged(news)
            report = judge(document, path.name, known, now)
        if seen is not None:
            seen[:] = [looks.seen]
        # 5. Where nothing is signed, say what it is.
        return report if report.signatures else _with_kind(report, document, password)


# --- 1. the document ---------------------------------------------------------------------------


@contextlib.contextmanager
def _document(path: Path) -> Iterator[BinaryIO]:
    """The PDF at *path*, opened; also an OSError in the block is :class:`FileNotReadable`."""
    try:
        with path.open("rb") as stream:
            require_pdf(stream, path)
            yield held(stream)
    except OSError as error:
        raise FileNotReadable(str(path), FileProblem.of(error)) from error


# --- 3. the platform ---------------------------------------------------------------------------


def _news(platform: StatusService | None, report: Report, trust: Trust) -> Trust:
    """What the platform says now about the seals in *report*, as an addition to the trust."""
    if platform is None:
        return Trust()
    questions: set[tuple[str, str]] = set()
    own: list[str] = []
    for signature in report.signatures:
        whom = whom_to_ask(platform, trust, anchor_of(signature), signature.origin)
        if signature.seal is None or whom is None:
            continue
        if not whom:
            own.append(signature.seal.code)
        if any(finding.code in UNKNOWN_STATE for finding in signature.findings):
            questions.add((whom, signature.seal.code))
    statements = []
    for whom, code in sorted(questions):
        with contextlib.suppress(PlatformError):
            statements.append(state_of(platform, whom, code))
    return Trust(statements=tuple(statements), changes=history(platform, own))


def anchor_of(signature: SignatureReport) -> str:
    """SM3 (hex) of the anchor that the seal's maker leads to; "" if it leads to none."""
    trusted = any(finding.code == "maker_trusted" for finding in signature.findings)
    return signature.seal_chain[-1].sm3 if trusted and signature.seal_chain else ""


def whom_to_ask(platform: object, trust: Trust, anchor: str, claimed: str) -> str | None:
    """Whom to ask about a seal whose maker leads to *anchor* (SM3, hex; "": to none), in a document
    that names the platform *claimed*: an origin, "" for the desk's own platform, None for nobody.

    Another platform's seal is none of its business: asking would tell it who deals with whom. It is
    asked for where the rule of its anchor says, never where only the document says."""
    here = getattr(platform, "origin", "")
    told = teller_of(trust.rules, anchor) if anchor else None
    if told is not None:
        if told == here:
            return ""
        return told if told and isinstance(platform, StatusElsewhere) else None
    return "" if not claimed or not here or claimed == here else None


def state_of(platform: StatusService, whom: str, seal_code: str) -> SignedStatement:
    """What it says of a seal, asked where :func:`whom_to_ask` says.

    Raises :class:`app.errors.PlatformError`."""
    if whom and isinstance(platform, StatusElsewhere):
        return platform.status_at(whom, seal_code)
    return platform.status(seal_code)


def history(platform: object, seal_codes: Iterable[str]) -> tuple[SealChange, ...]:
    """What the platform's registry tells of these seals and this desk does not know yet."""
    return platform.history(seal_codes) if isinstance(platform, SealHistory) else ()
