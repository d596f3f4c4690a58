"""Applications for seals as the cabinet keeps them: what was typed, what was sent, what the
platform last said.

An application begins as a draft on this computer and is kept until its owner removes it; a refusal,
a crash or a restart loses nothing of it. Citizen numbers and documents stand here and nowhere else,
encrypted like everything in the cabinet, and are removed when the seal was collected.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import field, replace
from datetime import datetime

from app.errors import ApplicationNotFound
from app.store.encrypted_file import EncryptedFile
from app.store.record_bytes import pack, unpack
from crypto.algorithms.gm import sm3
from crypto.frozen import frozen

DRAFT = "draft"
COLLECTED = "collected"
DONE = "done"
"""What was asked for has happened, and there is nothing to collect."""
OVER = frozenset({COLLECTED, DONE, "rejected", "withdrawn", "lapsed"})
"""States in which nothing more will come of an application."""
EDITABLE = frozenset({DRAFT, "drafted", "returned"})
"""States in which its fields may be changed."""
LETTER = "letter"
"""The kind of document that is a letter of authority."""


@frozen
class ApplicationRecord:
    """One application as the cabinet last knew it."""

    id: str
    """Its own, on this computer."""
    kind: str
    """One of :data:`crypto.seal.application_form.APPLICATIONS`."""
    fields: Mapping[str, str]
    """What was typed, by name (:mod:`app.remote.application_form`)."""
    created_at: datetime
    updated_at: datetime
    """When it was last changed here or found changed on the platform."""
    platform: str = ""
    """Origin of the platform."""
    key: bytes = b""
    """SubjectPublicKeyInfo of its key pair on the Ukey, DER; b"" until there is one."""
    request: bytes = b""
    """The certificate request for that key, PKCS#10 DER."""
    request_key: str = ""
    """Idempotency key of :attr:`body`: a lost answer does not make a second application."""
    body: bytes = b""
    """What was sent last, or was about to be."""
    server_id: str = ""
    """The platform's identifier; "" while the platform has not answered."""
    state: str = DRAFT
    """:data:`DRAFT`, a state of the platform's, or :data:`COLLECTED`."""
    next: str = ""
    """What the platform says is next: submit, consent, review, correct, make, collect or ""."""
    reason: str = ""
    reasons: Mapping[str, str] = field(default_factory=dict)
    """What a reviewer wants corrected, by name of the field."""
    seal_id: str = ""
    letter_name: str = ""
    """Name of the file with the letter of authority, or the sealed request to cancel; its content
    is kept apart."""
    proof_certificate: bytes = b""
    """The certificate, DER, that signed as proof: the legal representative's, the applicant's own,
    the seal's present one."""
    proof_signature: bytes = b""
    proof_at: str = ""
    """When, as signed (RFC 3339)."""
    submitted_at: datetime | None = None
    look_at: datetime | None = None
    """When it is worth to look again, as far as the platform says how long a review takes."""
    told: str = ""
    """The state that the person has been told of."""
    private: bytes = field(default=b"", repr=False)
    """Private key, 32 bytes, of an application whose Ukey cannot sign (a PIN reset), while it is
    open; b"": its key is on the Ukey."""

    @property
    def sent(self) -> bool:
        """Was it sent to the platform, or tried to be?"""
        return bool(self.server_id or self.body)

    @property
    def open(self) -> bool:
        """Is it still under way?"""
        return self.state not in OVER

    @property
    def editable(self) -> bool:
        return self.state in EDITABLE

    @property
    def body_sm3(self) -> str:
        """SM3 of :attr:`body`, hex; "" if nothing was sent."""
        return sm3(self.body).hex() if self.body else ""


class Applications:
    """The applications in a cabinet's file. Safe between threads and processes."""

    def __init__(self, file: EncryptedFile, clock: Callable[[], datetime]) -> None:
        self._file = file
        self._clock = clock

    def all(self) -> list[ApplicationRecord]:
        """All of them, newest first."""
        query = "SELECT id, body FROM applications ORDER BY number DESC"
        with self._file.transaction() as run:
            rows = run(query, ()).fetchall()
        return [self._read(row) for row in rows]

    def get(self, which: str) -> ApplicationRecord:
        """The one with that identifier, ours or the platform's, or its beginning if that is
        unambiguous. Raises :class:`app.errors.ApplicationNotFound`."""
        every = self.all()
        found = [record for record in every if which and which in (record.id, record.server_id)]
        found = found or [record for record in every if which and record.id.startswith(which)]
        if len(found) != 1:
            raise ApplicationNotFound(which)
        return found[0]

    def new(self, kind: str, fields: Mapping[str, str], platform: str = "") -> ApplicationRecord:
        """A draft for the platform of that origin."""
        now = self._clock()
        record = ApplicationRecord(
            secrets.token_hex(6), kind, dict(fields), now, now, platform, told=DRAFT
        )
        self._write(record)
        return record

    def keep(self, record: ApplicationRecord) -> ApplicationRecord:
        """Add or replace one."""
        self._write(record)
        return record

    def change(
        self, identity: str, how: Callable[[ApplicationRecord], ApplicationRecord]
    ) -> ApplicationRecord:
        """Replace one by what *how* makes of it, in one step. Raises
        :class:`app.errors.ApplicationNotFound`."""
        with self._file.transaction() as run:
            query = "SELECT id, body FROM applications WHERE id = ?"
            row = run(query, (identity,)).fetchone()
            if row is None:
                raise ApplicationNotFound(identity)
            record = replace(how(self._read(row)), updated_at=self._clock())
            body = self._file.sealed("applications", identity, pack(record))
            run("UPDATE applications SET body = ? WHERE id = ?", (body, identity))
        return record

    def mark_told(self, identity: str) -> ApplicationRecord:
        """The person knows its present state."""
        return self.change(identity, lambda known: replace(known, told=known.state))

    def forget(self, identity: str) -> None:
        """Remove one with its documents."""
        with self._file.transaction() as run:
            run("DELETE FROM applications WHERE id = ?", (identity,))
            run("DELETE FROM materials WHERE id = ?", (f"{identity}/{LETTER}",))

    def keep_letter(self, identity: str, name: str, content: bytes) -> ApplicationRecord:
        """Put a letter of authority, the file *name*, with an application; b"": take it away."""
        place = f"{identity}/{LETTER}"
        with self._file.transaction() as run:
            if content:
                run(
                    "INSERT INTO materials (id, body) VALUES (?, ?) ON CONFLICT (id)"
                    " DO UPDATE SET body = excluded.body",
                    (place, self._file.sealed("materials", place, content)),
                )
            else:
                run("DELETE FROM materials WHERE id = ?", (place,))
        return self.change(identity, lambda known: replace(known, letter_name=name))

    def letter(self, identity: str) -> bytes:
        """The letter of authority of an application; b"" if there is none."""
        place = f"{identity}/{LETTER}"
        with self._file.transaction() as run:
            row = run("SELECT id, body FROM materials WHERE id = ?", (place,)).fetchone()
        return self._file.unsealed("materials", *row) if row else b""

    def _read(self, row: tuple[str, bytes]) -> ApplicationRecord:
        return unpack(ApplicationRecord, self._file.unsealed("applications", *row))

    def _write(self, record: ApplicationRecord) -> None:
        body = self._file.sealed("applications", record.id, pack(record))
        with self._file.transaction() as run:
            run(
                "INSERT INTO applications (id, body) VALUES (?, ?) ON CONFLICT (id)"
                " DO UPDATE SET body = excluded.body",
                (record.id, body),
            )
