"""Turns what a synchronisation has changed in the cabinet into notices."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self

from app.store.applications import COLLECTED, DONE
from app.store.cabinet import Cabinet, SealRecord
from crypto.beijing import in_beijing

ENDING = (7, 30)
"""Days before the end of a seal at which the person is told, the nearest first."""

_TOLD_OF_APPLICATIONS = frozenset({"returned", "fulfilled", "rejected", "lapsed", DONE})
_BAD = frozenset({"held", "revoked"})
"""States of a certificate."""
_TOLD_OF_SEALS = frozenset({"active", "suspended", "expired", "cancelled"})


class News:
    """Compares the cabinet before with the cabinet after, also when what is between has failed::

        with News(platform.origin, cabinet, clock()):
            …

    *origin*: of the platform whose word is taken meanwhile."""

    def __init__(self, origin: str, cabinet: Cabinet, now: datetime) -> None:
        self._origin, self._cabinet, self._now = origin, cabinet, now
        self._notices: frozenset[str] = frozenset()
        self._seals: Mapping[str, SealRecord] = {}
        self._applications: Mapping[str, str] = {}
        self._grants: Mapping[tuple[str, str], tuple[str, int]] = {}

    def __enter__(self) -> Self:
        self._notices = frozenset(notice.id for notice in self._cabinet.notices.all())
        self._seals = {seal.id: seal for seal in self._own_seals()}
        self._applications = {each.id: each.state for each in self._cabinet.applications.all()}
        self._grants = {
            (grant.side, grant.id): (grant.state_at(self._now), grant.doubled)
            for grant in self._cabinet.grants()
        }
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        every = self._cabinet.notices.all()
        new = (n for n in every if n.platform == self._origin and n.id not in self._notices)
        authorities = (n for n in new if n.kind == "authority")
        told = {authority.facts["seal_code"] for authority in authorities}
        for seal in self._own_seals():
            self._of_seal(self._seals.get(seal.id), seal, told)
        self._of_applications()
        self._of_grants()

    def _own_seals(self) -> list[SealRecord]:
        return [seal for seal in self._cabinet.seals() if seal.platform == self._origin]

    def _keep(self, kind: str, facts: Mapping[str, str], at: datetime | None = None) -> None:
        self._cabinet.notices.keep(self._origin, kind, facts, at or self._now)

    def _of_seal(self, before: SealRecord | None, seal: SealRecord, told: Collection[str]) -> None:
        """*told*: codes of seals of which an authority's own notice says it."""
        facts = {"seal_code": seal.code, "subtype": seal.subtype, "name": seal.name}
        if before is not None and (before.state, before.reason) != (seal.state, seal.reason):
            if seal.state in _TOLD_OF_SEALS and seal.code not in told:
                self._keep(f"seal_{seal.state}", {**facts, "reason": seal.reason})
        elif before is not None and before.certificate_state != seal.certificate_state in _BAD:
            self._keep(f"certificate_{seal.certificate_state}", facts)
        left = seal.valid_until - self._now
        step = next((days for days in ENDING if timedelta() < left <= timedelta(days=days)), None)
        if step is not None and seal.state == "active" and seal.grant is None:
            date = f"{in_beijing(seal.valid_until):%Y-%m-%d}"
            # told once for each step, whenever that is
            at = seal.valid_until - timedelta(days=step)
            self._keep("seal_ends", {**facts, "date": date}, at)

    def _of_applications(self) -> None:
        for each in self._cabinet.applications.all():
            if each.platform != self._origin or each.state not in _TOLD_OF_APPLICATIONS:
                continue
            if self._applications.get(each.id) in (each.state, COLLECTED):
                continue
            facts = {
                "application": each.id,
                "business": each.kind,
                "subtype": each.fields.get("seal", ""),
                "name": each.fields.get("enterprise", "") or each.fields.get("handler", ""),
            }
            self._keep(f"application_{each.state}", facts)

    def _of_grants(self) -> None:
        for grant in self._cabinet.grants():
            if grant.platform != self._origin:
                continue
            terms, state = grant.signed.grant, grant.state_at(self._now)
            was, doubled = self._grants.get((grant.side, grant.id), ("", 0))
            other = terms.grantee if grant.side == "given" else terms.holder
            facts = {"grant": grant.id, "seal_code": terms.seal_code, "name": other}
            if state == "active" and was != "active" and was != "suspended":
                kind = "grant_accepted" if grant.side == "given" else "grant_received"
                self._keep(kind, facts)
            elif was in ("active", "offered", "waiting", "suspended") and not grant.open:
                self._keep("grant_over", {**facts, "reason": grant.reason})
            if grant.doubled > doubled:
                self._keep("grant_doubled", facts)


def of_authority(cabinet: Cabinet, origin: str, body: Mapping[str, Any]) -> None:
    """Keep what an authority has told of seals (``GET /v1/sync``, an item of kind notice), one
    notice for each seal that is here. What is no such notice is left out."""
    try:
        effective = datetime.fromisoformat(str(body["effective_at"]))
        if effective.tzinfo is None:
            return
        effective = effective.astimezone(UTC)
        date = f"{in_beijing(effective):%Y-%m-%d %H:%M}"
    except (KeyError, ValueError, OverflowError, OSError):  # a year that no clock here knows
        return
    codes = body.get("seals")
    wanted = {str(code) for code in codes} if isinstance(codes, list) else set()
    for seal in cabinet.seals():
        if seal.platform != origin or seal.code not in wanted:
            continue
        facts = {
            "seal_code": seal.code,
            "subtype": seal.subtype,
            "sender": str(body.get("sender", "")),
            "number": str(body.get("number", "")),
            "action": str(body.get("action", "")),
            "reason": str(body.get("reason") or ""),
            "date": date,
        }
        cabinet.notices.keep(origin, "authority", facts, effective)
