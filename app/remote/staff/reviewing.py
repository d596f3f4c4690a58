"""审核: the queue, one application with its documents, and the signed decision (第十三条)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from typing import Any

from app.errors import PlatformAnswerInvalid
from app.remote.platform_connection import from_base64, plain
from app.remote.staff.staff_client import StaffClient
from crypto.algorithms.gm import sm3
from crypto.algorithms.keys import SigningKey
from crypto.frozen import frozen
from crypto.pki.certificate import Certificate

FINDINGS = ("lawful", "complete", "authentic", "reasonable")
"""合法性 完整性 真实性 合理性."""
_MAX_PICTURE = 4 << 20
_DIGEST = frozenset("0123456789abcdef")


@frozen
class Assessment:
    """What the neighbours' records say, judged by the platform's rules."""

    lawful: bool
    complete: bool
    authentic: bool
    reasonable: bool
    reason: str
    """What speaks against it; "" if nothing does."""

    @property
    def passed(self) -> bool:
        return self.lawful and self.complete and self.authentic and self.reasonable


@frozen
class Queued:
    """One application in the queue."""

    id: str
    kind: str
    state: str
    enterprise: str
    """"": a person's own seal."""
    uscc: str
    subtype: str
    payload_sm3: str
    since: datetime
    """Since when it waits, or is in review."""
    reviewer: str
    """Name of who has taken it; "" if nobody has."""
    second: bool
    """A first reviewer has approved, another one is wanted."""
    assessment: Assessment | None
    """None: the neighbours have not answered yet."""
    asked_at: datetime | None
    reason: str = ""


@frozen
class QueuePage:
    """Some applications, who waits longest first."""

    items: tuple[Queued, ...]
    next: str
    """Of the page after; "" if this is the last."""
    dead_filings: int = 0
    """Reports to the police that were given up: an operator must look."""
    loss_calls: int = 0
    """Calls about lost Ukeys that wait for a second person."""


@frozen
class Document:
    """A document that goes with an application."""

    kind: str
    sm3: str
    media_type: str
    received_at: datetime
    opened: bool
    """By this reviewer."""


@frozen
class Event:
    """Something that happened to an application."""

    event: str
    at: datetime
    by: str
    reason: str


@frozen
class Review:
    """One application as its reviewer sees it."""

    queued: Queued
    form: Mapping[str, str]
    """The body as it was submitted, its SM3 checked: path → text."""
    documents: tuple[Document, ...]
    register: Mapping[str, Any]
    """What the register says; empty: nothing."""
    police: Mapping[str, Any]
    """What the police have on file; empty: nothing."""
    identity: bool | None
    """Does the identity service know the handler?"""
    unanswered: str
    """Why there is no answer, if so."""
    mine: bool
    """This reviewer has taken it."""
    own: bool
    """He applied for it himself."""
    approvals: tuple[tuple[str, str], ...]
    """(reviewer, reason) of those who approved before."""
    history: tuple[Event, ...]
    imprint_sm3: str = ""
    """Of the filed imprint; "": there is none."""

    @property
    def digest(self) -> str:
        """What a decision's signature names: SM3 of the body and of each document, by kind."""
        papers = sorted(self.documents, key=lambda document: document.kind)
        return " ".join((self.queued.payload_sm3, *(paper.sm3 for paper in papers)))

    @property
    def unread(self) -> tuple[Document, ...]:
        """Documents that this reviewer has not opened."""
        return tuple(document for document in self.documents if not document.opened)


@frozen
class LossCall:
    """A call about a lost Ukey, which waits for a second person."""

    id: str
    seal_code: str
    seal: str
    """Name of the seal."""
    seal_state: str
    caller: str
    shown: str
    """What proved who called."""
    state: str
    reported_by: str
    reported_at: datetime
    mine: bool = False
    """Has whoever asks taken the call? Then another one decides."""

    @property
    def digest(self) -> str:
        """What a signature about it names."""
        return _told(self.seal_code, self.caller, self.shown)


@frozen
class Verdict:
    """What a reviewer decides."""

    verb: str
    """approve, return or reject."""
    reason: str = ""
    """Why; of an approval: why it goes against what the records say."""
    fields: Mapping[str, str] = field(default_factory=dict)
    """What is wrong, by path in the form; only of a return."""

    @property
    def signed_reason(self) -> str:
        """Reason and those by field in one line."""
        more = (f"{name}: {self.fields[name]}" for name in sorted(self.fields))
        return "; ".join((self.reason, *more))


class ReviewerClient(StaffClient):
    """See the module."""

    def queue(self, state: str, after: str = "") -> QueuePage:
        """A page of the applications that are *state* (submitted, in_review, …)."""
        answer = self._call("GET", "/v1/reviews", params={"state": state, "after": after})
        with self._reading("reviews"):
            return QueuePage(
                tuple(_queued(item) for item in answer["items"]),
                str(answer["next"] or ""),
                int(answer.get("dead_filings", 0)),
                int(answer.get("loss_calls", 0)),
            )

    def review(self, identity: str) -> Review:
        """All of one application; the platform puts on record that it was read."""
        answer = self._call("GET", f"/v1/reviews/{plain(identity)}")
        with self._reading("review"):
            queued = _queued(answer)
            body = from_base64(answer["body"])
            if queued.id != identity or sm3(body).hex() != queued.payload_sm3:
                raise PlatformAnswerInvalid(self.origin, "payload_sm3")
            said = dict(answer["answers"] or {})
            return Review(
                queued,
                dict(_flat("", json.loads(body))),
                tuple(_document(document) for document in answer["documents"]),
                dict(said.get("register") or {}),
                dict(said.get("police") or {}),
                said.get("identity"),
                str(said.get("unanswered") or ""),
                answer["mine"] is True,
                answer["own"] is True,
                tuple((str(e["reviewer"]), str(e["reason"])) for e in answer["against"]),
                tuple(
                    Event(
                        str(each["event"]),
                        datetime.fromisoformat(each["at"]),
                        str(each["by"] or ""),
                        str(each["reason"] or ""),
                    )
                    for each in answer["history"]
                ),
                _digest(said["imprint"]) if said.get("imprint") else "",
            )

    def imprint(self, review: Review) -> bytes:
        """The imprint that the police have on file (a PNG, not to be trusted)."""
        data = self._download(f"/v1/reviews/{review.queued.id}/imprint")
        wanted = str(review.police.get("imprint_sm3", ""))
        if len(data) > _MAX_PICTURE or sm3(data).hex() not in {wanted} & {review.imprint_sm3}:
            raise PlatformAnswerInvalid(self.origin, "imprint_sm3")
        return data

    def document(self, review: Review, document: Document) -> bytes:
        """A document, its SM3 checked; not to be trusted. The platform puts on record that it was
        opened."""
        where = f"/v1/applications/{review.queued.id}/materials/{plain(document.kind)}"
        data = self._download(where)
        if sm3(data).hex() != document.sm3:
            raise PlatformAnswerInvalid(self.origin, "material")
        return data

    def claim(self, identity: str) -> None:
        """Take it for review, so that nobody else does."""
        self._call("POST", f"/v1/applications/{plain(identity)}/claim", {})

    def decide(self, review: Review, verdict: Verdict, key: SigningKey) -> str:
        """Sign and send the decision on what was shown; gives the application's state then."""
        identity, verb = review.queued.id, verdict.verb
        reason = verdict.signed_reason
        signed = self._decided(key, verb, identity, review.digest, reason)
        body: dict[str, Any] = {**signed}
        if verb == "approve":
            body |= {**dict.fromkeys(FINDINGS, True), "against": verdict.reason}
        else:
            body["reason"] = verdict.reason
        if verb == "return":
            body["reasons"] = dict(verdict.fields)
        answer = self._call("POST", f"/v1/applications/{identity}/{verb}", body)
        with self._reading("application"):
            return str(answer["state"])

    # --- a lost Ukey, told by a call -------------------------------------------------------------

    def losses(self) -> tuple[LossCall, ...]:
        """The calls that wait for a second person, oldest first."""
        answer = self._call("GET", "/v1/losses")
        with self._reading("losses"):
            return tuple(_loss(item) for item in answer["items"])

    def take_loss_call(self, seal_code: str, caller: str, shown: str, key: SigningKey) -> LossCall:
        """Write down the call of *caller* and what he has *shown* to prove it, signed."""
        told = _told(seal_code, caller, shown)
        signed = self._decided(key, "report-loss", seal_code, told, "")
        body = {"seal_code": seal_code, "caller": caller, "shown": shown, **signed}
        answer = self._call("POST", "/v1/losses", body)
        with self._reading("losses"):
            return _loss(answer)

    def decide_loss(self, call: LossCall, reason: str, key: SigningKey) -> LossCall:
        """Confirm the call that another has taken, or refuse it for a *reason*, signed."""
        verb = "refuse" if reason else "confirm"
        signed = self._decided(key, f"{verb}-loss", call.id, call.digest, reason)
        body = {**signed, **({"reason": reason} if reason else {})}
        answer = self._call("POST", f"/v1/losses/{plain(call.id)}/{verb}", body)
        with self._reading("losses"):
            return _loss(answer)

    def agree(self, verb: str, seal_code: str, reason: str, key: SigningKey) -> dict[str, str]:
        """What an operator brings to the platform's console to *resume* or *cancel* a seal: that a
        second person agrees, signed; it counts for a day, until the seal changes."""
        signed = self._decided(key, f"agree-{verb}", seal_code, "-", reason)
        serial = f"{Certificate.parse(key.certificate).serial:x}"
        return {"certificate": serial, "origin": self.origin, "reason": reason, **signed}


# --- reading -------------------------------------------------------------------------------------


def _queued(answer: Mapping[str, Any]) -> Queued:
    unit = answer["enterprise"] or {}
    found = answer["assessment"]
    asked = answer["asked_at"]
    return Queued(
        plain(answer["id"]),
        str(answer["kind"]),
        str(answer["state"]),
        str(unit.get("name", "")),
        str(unit.get("uscc", "")),
        str(answer["seal"]["subtype"]),
        _digest(answer["payload_sm3"]),
        datetime.fromisoformat(answer["updated_at"]),
        str(answer["reviewer"] or ""),
        answer["second"] is True,
        _assessment(found) if found else None,
        datetime.fromisoformat(asked) if asked else None,
        str(answer["reason"] or ""),
    )


def _loss(answer: Mapping[str, Any]) -> LossCall:
    return LossCall(
        plain(answer["id"]),
        plain(answer["seal_code"]),
        str(answer["seal"]),
        str(answer["seal_state"]),
        str(answer["caller"]),
        str(answer["shown"]),
        str(answer["state"]),
        str(answer["reported_by"]),
        datetime.fromisoformat(answer["reported_at"]),
        answer.get("mine") is True,
    )


def _told(seal_code: str, caller: str, shown: str) -> str:
    return sm3(f"{seal_code}\n{caller}\n{shown}\n".encode()).hex()


def _assessment(answer: Mapping[str, Any]) -> Assessment:
    lawful, complete, authentic, reasonable = (answer[name] is True for name in FINDINGS)
    return Assessment(lawful, complete, authentic, reasonable, str(answer["reason"]))


def _document(answer: Mapping[str, Any]) -> Document:
    return Document(
        plain(answer["kind"]),
        _digest(answer["sm3"]),
        str(answer["media_type"]),
        datetime.fromisoformat(answer["received_at"]),
        answer["opened"] is True,
    )


def _digest(value: object) -> str:
    text = str(value)
    if len(text) != 64 or not set(text) <= _DIGEST:
        raise ValueError("not a digest")
    return text


def _flat(path: str, value: Any) -> Iterator[tuple[str, str]]:
    """The leaves of a JSON value: path, text. What is binary is left out."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _flat(f"{path}.{name}" if path else str(name), inner)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for number, inner in enumerate(value):
            yield from _flat(f"{path}.{number}", inner)
    elif value is not None and path not in ("certificate_request", "proof.certificate"):
        yield path, str(value)
