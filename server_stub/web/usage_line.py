"""Reports of use from many requests, taken in together.

While the writer is at one command, the reports that come in wait and become the next one: what is
looked up for a report is looked up once for all of them, and each request still has its own answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from server_stub import using
from server_stub.context import Platform
from server_stub.records.ledger import EntryReceipt

_MOST = 256
"""Records in one command, if there is more than one report in it."""

Outcome = list[tuple[using.Taken, EntryReceipt | None]]
"""Each record with its receipt; None: it was on record before."""


class UsageLine:
    """Of one platform; on the event loop's thread."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._waiting: list[tuple[using.Report, asyncio.Future[Outcome]]] = []
        self._task: asyncio.Task[None] | None = None

    async def take_in(self, token: str, texts: Sequence[tuple[str, str]]) -> Outcome:
        """Put *texts*, pairs of id and text, on record. Raises as
        :func:`server_stub.using.take_in` says."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Outcome] = loop.create_future()
        self._waiting.append((using.Report(token, texts), future))
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._write())
        return await future

    async def _write(self) -> None:
        while self._waiting:
            batch = self._next()
            reports = [report for report, _ in batch]
            try:
                writing = self._platform.ledger.write(
                    using.take_in, self._platform.settings, reports
                )
                written = await asyncio.wrap_future(writing)
            except Exception as error:  # noqa: BLE001 - every caller is told
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
                continue
            fresh = iter(written.receipts)
            for (_, future), taken in zip(batch, written.answer, strict=True):
                if isinstance(taken, Exception):
                    if not future.done():
                        future.set_exception(taken)
                    continue
                outcome: Outcome = [(t, next(fresh) if t.new else None) for t in taken]
                if not future.done():  # the caller may have gone
                    future.set_result(outcome)

    def _next(self) -> list[tuple[using.Report, asyncio.Future[Outcome]]]:
        count, records = 0, 0
        for report, _ in self._waiting:
            records += len(report.texts)
            if count and records > _MOST:
                break
            count += 1
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        return batch
