"""审计: checkpoints checked by the client itself, search, proofs and the auditor's own signature
(第二十四条).

What an auditor has seen stays on his computer (:mod:`app.store.audited_ledgers`): a ledger that is
shorter than that, or another, is told and nothing of it is signed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from app.errors import PlatformAnswerInvalid, PlatformUntrusted
from app.remote.staff.staff_client import StaffClient
from app.store.audited_ledgers import AuditedLedger
from crypto.algorithms import merkle
from crypto.algorithms.keys import SigningKey
from crypto.frozen import frozen

_PROVED_AT_ONCE = 500


@frozen
class Wanted:
    """What is looked for in the ledger; all that is given must hold."""

    person: str = ""
    seal: str = ""
    enterprise: str = ""
    since: datetime | None = None
    until: datetime | None = None

    @property
    def parameters(self) -> dict[str, str]:
        """As the platform is asked."""
        said = {"person": self.person, "seal": self.seal, "enterprise": self.enterprise}
        times = {"since": self.since, "until": self.until}
        said |= {name: at.astimezone(UTC).isoformat() for name, at in times.items() if at}
        return {name: value for name, value in said.items() if value}


@frozen
class LedgerRecord:
    """One entry of the platform's private ledger."""

    index: int
    text: str
    """The very text that was hashed."""

    @property
    def told(self) -> Mapping[str, Any]:
        """Its JSON."""
        found = json.loads(self.text)
        return found if isinstance(found, dict) else {}

    @property
    def at(self) -> datetime:
        return datetime.fromisoformat(str(self.told.get("recorded_at", "")))

    @property
    def type(self) -> str:
        return str(self.told.get("type", ""))

    @property
    def by(self) -> str:
        """Id of the person who did it, or the account where none is known."""
        who = self.told.get("by") or {}
        return str(who.get("person") or who.get("account") or "")


@frozen
class SearchPage:
    """Some entries, newest first."""

    items: tuple[LedgerRecord, ...]
    next: str
    names: Mapping[str, str]
    """Name by id."""


@frozen
class Proved:
    """Entries with the proof that each is in the ledger of one checkpoint; verified."""

    items: tuple[LedgerRecord, ...]
    proofs: tuple[tuple[str, ...], ...]
    """Of each entry, hexadecimal."""
    note: str
    """The checkpoint, signed by the platform."""
    names: Mapping[str, str]


class AuditorClient(StaffClient):
    """See the module."""

    def checkpoint(self) -> tuple[str, merkle.Checkpoint]:
        """The newest checkpoint of the private ledger, its signature checked."""
        note = self._download("/audit/checkpoint").decode("utf-8", "replace")
        return note, self._opened(note)

    def _opened(self, note: str) -> merkle.Checkpoint:
        service = self.service()
        try:
            found = merkle.open_checkpoint(note, service.ledger_key, service.ledger_origin)
        except merkle.MerkleError as error:
            raise PlatformUntrusted(self.origin, "ledger") from error
        if found.origin != service.ledger_origin:
            raise PlatformUntrusted(self.origin, "ledger")
        return found

    def check(self, seen: AuditedLedger | None) -> AuditedLedger:
        """Is the ledger of now a continuation of what was *seen*? Gives what is seen now.

        Raises :class:`app.errors.PlatformUntrusted` "ledger_shorter" or "ledger_other"."""
        note, now = self.checkpoint()
        at = datetime.now(UTC)
        if seen is None:
            return AuditedLedger(self.origin, now.size, now.root.hex(), note, at, 0, None)
        if now.size < seen.size:
            raise PlatformUntrusted(self.origin, "ledger_shorter")
        numbers = {"from": str(seen.size), "to": str(now.size)}
        answer = self._call("GET", "/audit/proofs/consistency", params=numbers)
        with self._reading("proof"):
            steps = [bytes.fromhex(step) for step in answer["proof"]]
        before = bytes.fromhex(seen.root)
        if not merkle.verify_consistency(seen.size, now.size, steps, before, now.root):
            raise PlatformUntrusted(self.origin, "ledger_other")
        return replace(seen, size=now.size, root=now.root.hex(), note=note, seen_at=at)

    def cosign(self, seen: AuditedLedger, key: SigningKey) -> AuditedLedger:
        """Sign what was checked; the platform puts the signature on record."""
        signed = self._decided(key, "cosign", "ledger", seen.root, str(seen.size))
        body = {"size": seen.size, "root": seen.root, **signed}
        answer = self._call("POST", "/audit/cosignatures", body)
        with self._reading("cosignature"):
            if (int(answer["size"]), str(answer["root"])) != (seen.size, seen.root):
                raise PlatformAnswerInvalid(self.origin, "cosignature")
        return replace(seen, cosigned=seen.size, cosigned_at=datetime.now(UTC))

    def search(self, wanted: Wanted, before: str = "") -> SearchPage:
        """A page of what is wanted, newest first; each search is on record there."""
        more = {"before": before} if before else {}
        answer = self._call("GET", "/audit/search", params={**wanted.parameters, **more})
        with self._reading("search"):
            items = tuple(LedgerRecord(int(e["index"]), str(e["record"])) for e in answer["items"])
            for item in items:
                item.at  # noqa: B018 - a record without a time is no record
            names = {str(name): str(value) for name, value in answer["names"].items()}
            return SearchPage(items, str(answer["next"] or ""), names)

    def all_of(self, wanted: Wanted, most: int) -> Iterator[SearchPage]:
        """Page after page, until so many entries have come."""
        before, count = "", 0
        while True:
            found = self.search(wanted, before)
            yield found
            count += len(found.items)
            if not found.next or count >= most:
                return
            before = found.next

    def prove(self, items: Sequence[LedgerRecord], names: Mapping[str, str]) -> Proved:
        """Have it proved that *items* are in the ledger of now.

        Raises :class:`app.errors.PlatformUntrusted` "ledger" when a proof does not hold."""
        note, now = self.checkpoint()
        proofs: list[tuple[str, ...]] = []
        for start in range(0, len(items), _PROVED_AT_ONCE):
            part = items[start : start + _PROVED_AT_ONCE]
            body = {"size": now.size, "indices": [item.index for item in part]}
            answer = self._call("POST", "/audit/proofs", body, retry=True)
            with self._reading("proofs"):
                given = [tuple(str(s) for s in proof["proof"]) for proof in answer["proofs"]]
                steps = [[bytes.fromhex(step) for step in each] for each in given]
            if len(given) != len(part) or not all(
                merkle.verify_inclusion(
                    merkle.leaf_hash(each.text.encode()), each.index, now.size, path, now.root
                )
                for each, path in zip(part, steps, strict=True)
            ):
                raise PlatformUntrusted(self.origin, "ledger")
            proofs += given
        return Proved(tuple(items), tuple(proofs), note, names)
