"""The status of a seal, signed once and answered many times.

A statement holds for `Settings.status_seconds`, and only an entry in the registry can change what
there is to say, whichever process wrote it. So an answer is given again until a new entry is there
or half of its time is over — whoever asks has the other half to use it —, and one short question
to the database decides.
"""

from __future__ import annotations

import contextlib
import json
from collections import OrderedDict
from datetime import timedelta

from sqlalchemy import PoolProxiedConnection, select
from starlette.concurrency import run_in_threadpool

from crypto.frozen import frozen
from server_stub.context import Platform
from server_stub.records import canonical
from server_stub.records.ledger import REGISTRY
from server_stub.records.store import Certificate, Seal
from server_stub.seals import statements
from server_stub.web import views

_MAX_KEPT = 20_000
"""Answers, of some 1.5 kB each."""
_NEWEST = f"SELECT max(number) FROM ledger_entry WHERE log = '{REGISTRY}'"  # noqa: S608 - our own


@frozen
class _Kept:
    answer: bytes
    newest: int
    """The registry's last entry when it was signed."""
    until: int


class StatusAnswers:
    """Of one platform; on the event loop's thread."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._at_hand = platform.engine.dialect.name == "sqlite"
        """Is the database in this process? Then asking it takes less than handing it to a thread,
        and readers never wait for the writer."""
        self._connection: PoolProxiedConnection | None = None

    async def answer(self, seal_code: str) -> bytes | None:
        """What ``GET /v1/seals/{seal_code}/status`` says, JSON; None if there is no such seal."""
        newest = self._newest() if self._at_hand else await run_in_threadpool(self._newest)
        kept = self._kept.get(seal_code)
        if kept is None or kept.newest != newest or kept.until <= canonical.now():
            kept = await run_in_threadpool(self._sign, seal_code, newest)
            if kept is None:
                return None
            self._kept[seal_code] = kept
            self._kept.move_to_end(seal_code)
            while len(self._kept) > _MAX_KEPT:
                self._kept.popitem(last=False)
        return kept.answer

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _newest(self) -> int:
        """The registry's last entry; past the session's machinery, which costs more than all the
        rest of an answer."""
        if not self._at_hand:
            with contextlib.closing(self._platform.engine.raw_connection()) as connection:
                return _newest(connection)
        self._connection = self._connection or self._platform.engine.raw_connection()
        return _newest(self._connection)

    def _sign(self, seal_code: str, newest: int) -> _Kept | None:
        life = timedelta(seconds=self._platform.settings.status_seconds)
        with self._platform.reading() as session:
            row = session.scalar(select(Seal).where(Seal.seal_code == seal_code))
            if row is None:
                return None
            now = canonical.now()
            said = statements.state_of(session, row, now, life)
            held = session.get_one(Certificate, row.certificate_sn)
            ends = [end for end in (row.valid_until, held.not_after) if end > now]
        token = self._platform.authority.attest(said)
        answer = json.dumps(views.statement(token, said), ensure_ascii=False).encode()
        half = canonical.microseconds(said.issued_at + life / 2)
        return _Kept(answer, newest, min([half, *ends]))


def _newest(connection: PoolProxiedConnection) -> int:
    cursor = connection.cursor()
    try:
        cursor.execute(_NEWEST)
        (found,) = cursor.fetchone() or (None,)
        return -1 if found is None else int(found)
    finally:
        cursor.close()
