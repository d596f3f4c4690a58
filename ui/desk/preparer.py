"""What is looked at and asked at this desk before the PIN
(:class:`ui.shell.context.parts.Preparer`).

Everything loads the PDF library, so it is imported where it is used, in the pool.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from ui.shell.context.values import DocumentFacts

if TYPE_CHECKING:
    from app.preparing import Notice
    from app.stamping import StampJob
    from app.store.answers import Answers
    from app.store.cabinet import SealRecord
    from crypto.validation.trust import Trust


_CLOCK_S = 600.0
"""Seconds after which the platform's clock is asked for anew."""


class DeskPreparer:
    """See :class:`ui.shell.context.parts.Preparer`."""

    def __init__(
        self,
        trust: Callable[[], Trust],
        seal: Callable[[str], SealRecord],
        answers: Callable[[], Answers],
        platform_time: Callable[[], datetime | None],
    ) -> None:
        self._trust, self._seal, self._answers = trust, seal, answers
        self._platform_time = platform_time
        self._asked = 0.0
        self._offset: timedelta | None = None

    def examine(self, path: Path, password: str | None) -> DocumentFacts:
        from app.placing.finder import Finder
        from app.preparing import examine

        with Finder() as finder:
            found = examine(path, password, self._trust(), datetime.now(UTC), finder)
        asked = [notice.code for notice in found.notices if notice.asks]
        digest = found.digest if asked else b""
        answers, clock = self._answers(), self.clock()
        return DocumentFacts(
            found.pages,
            found.signatures,
            found.obstacle,
            (*([clock] if clock else []), *found.notices),
            digest,
            frozenset(code for code in asked if answers.has(digest, code)),
        )

    def clock(self) -> Notice | None:
        from app.preparing import clock_notice

        now, offset = datetime.now(UTC), self._clock_offset()
        return clock_notice(now, now + offset) if offset is not None else None

    def _clock_offset(self) -> timedelta | None:
        """How far the platform's clock is ahead of this computer's, asked for now and then."""
        if not self._asked or time.monotonic() - self._asked > _CLOCK_S:
            self._asked = time.monotonic()
            there = self._platform_time()
            self._offset = there - datetime.now(UTC) if there else None
        return self._offset

    def accept(self, facts: DocumentFacts) -> DocumentFacts:
        answers = self._answers()
        codes = [each.code for each in facts.asked]
        for code in codes:
            answers.keep(facts.digest, code)
        return replace(facts, accepted=facts.accepted | set(codes))

    def repair(self, path: Path, password: str | None) -> Path:
        from app.placing.finder import Finder
        from app.repairing import repair

        with Finder() as finder:
            return repair(path, finder, password)

    def check(self, jobs: Sequence[StampJob]) -> None:
        from app.preparing import check_jobs

        seals = [self._seal(job.seal_code) for job in jobs]
        check_jobs(jobs, seals, self._trust(), datetime.now(UTC))
