"""通知: events that the user must know of, kept before and after they are read.

Notices come from synchronising (:mod:`app.store.news`) and tell of one platform each, so that
several are kept apart. A notice has no text of its own: what it says, what to do and where is
written in the messages, so that it is read in the language of the day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from app.errors import phrase
from app.store.encrypted_file import EncryptedFile
from app.store.record_bytes import pack, unpack
from crypto.algorithms.gm import sm3
from crypto.frozen import frozen

MOST = 2_000
"""Notices that are kept; beyond, the oldest that were read go first."""


@frozen
class NoticeRecord:
    """One piece of news."""

    id: str
    """SM3, hex, of what it tells: the same news is kept once."""
    platform: str
    """Origin of the platform that it came from."""
    kind: str
    """A key of ``[phrases.notice]``."""
    facts: Mapping[str, str]
    """What the text names: ``seal_code``, ``subtype``, ``reason``, ``application``, …"""
    at: datetime
    """When it happened, as far as the platform says; else when it was learnt."""
    read_at: datetime | None = None

    @property
    def read(self) -> bool:
        return self.read_at is not None


@frozen
class Said:
    """A notice for people."""

    title: str
    todo: str
    """What to do; "" for nothing."""
    action: str
    """Where one does it: a key of ``[phrases.notice_action]``; "" for nowhere."""


ACTIONS: Mapping[str, str] = {
    "seal_suspended": "seals",
    "seal_active": "seals",
    "seal_expired": "renew",
    "seal_cancelled": "seals",
    "seal_ends": "renew",
    "certificate_held": "seals",
    "certificate_revoked": "seals",
    "application_returned": "application",
    "application_fulfilled": "application",
    "application_rejected": "application",
    "application_lapsed": "application",
    "application_done": "application",
    "approval_wanted": "approvals",
    "approval_given": "approvals",
    "approval_refused": "approvals",
    "approval_lapsed": "approvals",
    "approval_unreadable": "approvals",
    "approver_named": "approvals",
    "approver_ended": "approvals",
    "policy_refused": "approvals",
    "grant_accepted": "grants",
    "grant_received": "grants",
    "grant_over": "grants",
    "grant_doubled": "grants",
    "phone_approved": "approvals",
    "phone_rejected": "approvals",
    "authority": "seals",
}
"""Where one does what a kind of notice asks for."""


def said(notice: NoticeRecord, language: str) -> Said:
    """What *notice* says in that language."""

    def word(group: str, key: str) -> str:
        try:
            return phrase(f"{group}.{key}", language) if key else ""
        except KeyError:
            return key

    facts = {name: _plain(value) for name, value in notice.facts.items()}
    blanks = {**dict.fromkeys(("name", "number", "count", "date", "seal_code"), ""), **facts}
    blanks["kind"] = word("seal_kind", facts.get("subtype", ""))
    blanks["seal"] = " ".join(filter(None, (blanks["kind"], facts.get("seal_code", ""))))
    blanks["why"] = word("reason", facts.get("reason", ""))
    blanks["who"] = word("who", facts.get("sender", ""))
    blanks["what"] = word("record_event", facts.get("action", ""))
    blanks["business"] = word("application_kind", facts.get("business", ""))
    reason = facts.get("reason", "")
    title = phrase(f"notice.{notice.kind}", language).format_map(blanks)
    if blanks["why"]:
        title += phrase("notice_why.text", language).format(why=blanks["why"])
    special = (f"{notice.kind}_{reason}", f"{notice.kind}_{facts.get('action', '')}", notice.kind)
    known = (word("notice_todo", key) for key in special)
    todo = next((each for key, each in zip(special, known, strict=True) if each != key), "")
    return Said(" ".join(title.split()), todo, ACTIONS.get(notice.kind, ""))


def _plain(text: str) -> str:
    """A platform's *text* on one line, without what turns or hides letters."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text[:200])


class Notices:
    """The notices in a cabinet's file. Safe between threads and processes."""

    def __init__(self, file: EncryptedFile, clock: Callable[[], datetime]) -> None:
        self._file = file
        self._clock = clock

    def all(self) -> list[NoticeRecord]:
        """All of them, newest first."""
        with self._file.transaction() as run:
            rows = run("SELECT id, body FROM notices ORDER BY number DESC", ()).fetchall()
        found = [unpack(NoticeRecord, self._file.unsealed("notices", *row)) for row in rows]
        return sorted(found, key=lambda notice: notice.at, reverse=True)

    def unread(self) -> list[NoticeRecord]:
        """Those that nobody has read, newest first."""
        return [notice for notice in self.all() if not notice.read]

    def keep(
        self, platform: str, kind: str, facts: Mapping[str, str], at: datetime | None = None
    ) -> NoticeRecord:
        """Keep a piece of news; what is kept already stays as it is, read or not. *at*: when it
        happened, as the platform says; the same fact at another time is another piece of news."""
        facts = {name: value for name, value in facts.items() if value}
        when = at or self._clock()
        lines = (platform, kind, *(f"{name}={facts[name]}" for name in sorted(facts)))
        told = "\n".join((*lines, when.isoformat()))
        record = NoticeRecord(sm3(told.encode()).hex(), platform, kind, facts, when)
        body = self._file.sealed("notices", record.id, pack(record))
        with self._file.transaction() as run:
            run("INSERT OR IGNORE INTO notices (id, body) VALUES (?, ?)", (record.id, body))
        self._forget_oldest()
        return record

    def mark_read(self, identities: Iterable[str]) -> None:
        """The person has read them; one that is not there any more is left out."""
        now = self._clock()
        with self._file.transaction() as run:
            for identity in identities:
                query = "SELECT id, body FROM notices WHERE id = ?"
                row = run(query, (identity,)).fetchone()
                if row is None:
                    continue
                known = unpack(NoticeRecord, self._file.unsealed("notices", *row))
                if known.read:
                    continue
                body = self._file.sealed("notices", identity, pack(replace(known, read_at=now)))
                run("UPDATE notices SET body = ? WHERE id = ?", (body, identity))

    def _forget_oldest(self) -> None:
        with self._file.transaction() as run:
            (count,) = run("SELECT count(*) FROM notices", ()).fetchone()
        if count <= MOST:
            return
        every = self.all()
        gone = sorted(every, key=lambda notice: (not notice.read, notice.at))[: len(every) - MOST]
        with self._file.transaction() as run:
            for notice in gone:
                run("DELETE FROM notices WHERE id = ?", (notice.id,))
