"""授权: what a holder of a seal lets somebody else do with it, signed, in the grantee's own copy.

A grantee's copy of a seal is a seal of its own: own identifier, the grantee's certificate alone in
its list, the grant's term as its validity. So every verifier enforces person and term. What else
the holder has said is in the copy too, as extension :data:`GRANT`: terms that the grantor signed
(:mod:`crypto.pki.signed_terms`). The copy's maker signs the whole. Number, scope and approval are
enforced by the platform's leave for each use (:class:`crypto.seal.statement.Leave`).
"""

from __future__ import annotations

import re
from dataclasses import field
from datetime import UTC, datetime, timedelta, timezone

from crypto.algorithms.gm import sm3
from crypto.frozen import frozen
from crypto.pki.certificate import Certificate
from crypto.pki.signed_terms import (
    SignedTerms,
    TermsError,
    put_together,
    read_json,
    write_json,
)
from crypto.seal.purpose_text import hides, is_blank
from crypto.seal.structure import Seal

GRANT = "2.25.247040884072341902035235353285479692004"
"""Extension of SES_SealInfo that carries a grant (an OID from a UUID, X.667)."""

TYPE = "seal-grant-v1"
MAX_ENTRIES = 20
"""Of a list in a scope."""
MAX_USES = 100_000
_MAX_TEXT = 120
_HOURS = re.compile(r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d")
_BEIJING = timezone(timedelta(hours=8))
_INTENT = re.compile(
    r"SUQIAN-SEAL-INTENT-V2\n(?P<origin>[^\n]*)\ngrant\n(?P<subject>[^\n]*)\n"
    r"(?P<digest>[0-9a-f]{64})\n(?P<reason>[^\n]*)\n(?P<at>[^\n]*)\n"
)


class GrantError(ValueError):
    """The bytes are no grant, or not one that its grantor has signed."""


@frozen
class Scope:
    """For what a copy may be used; an empty entry allows everything."""

    kinds: tuple[str, ...] = ()
    """Of documents, in the grantor's words."""
    counterparties: tuple[str, ...] = ()
    hours: str = ""
    """In Beijing, "08:00-18:00"; the second may be earlier: over midnight."""

    def why_not(self, kind: str, counterparty: str, at: datetime) -> str:
        """The entry that a use at *at* is outside of: "kind", "counterparty", "hours" or ""."""
        if self.kinds and kind not in self.kinds:
            return "kind"
        if self.counterparties and counterparty not in self.counterparties:
            return "counterparty"
        if self.hours:
            begin, end = self.hours.split("-")
            clock = f"{at.astimezone(_BEIJING):%H:%M}"
            inside = begin <= clock < end if begin <= end else clock >= begin or clock < end
            if not inside:
                return "hours"
        return ""


@frozen(kw_only=True)
class Grant:
    """What is granted: the terms."""

    seal_code: str
    """14-digit code of the seal that is lent."""
    seal_name: str
    holder: str
    """Whose seal it is."""
    grantee: str
    """Who may use it, as people say it."""
    grantee_by: str
    """How the platform knows the grantee: "certificate", "identity" or "code"."""
    grantee_sm3: str
    """SM3, hex, of the certificate, of the identity number (as the platform digests it), or of the
    code that the offer was sent with."""
    valid_from: datetime
    valid_until: datetime
    max_uses: int = 0
    """0: as many as wanted."""
    scope: Scope = field(default_factory=Scope)
    approval: bool = False
    """Does each use need an approval?"""
    offline_quota: int = 0
    """How many uses may be reserved for a time without the platform."""
    nonce: str = ""
    """Makes two grants with the same terms two."""

    def encode(self) -> bytes:
        """The terms, canonical JSON, UTF-8."""
        body = {
            "type": TYPE,
            "seal_code": self.seal_code,
            "seal_name": self.seal_name,
            "holder": self.holder,
            "grantee": self.grantee,
            "grantee_by": self.grantee_by,
            "grantee_sm3": self.grantee_sm3,
            "valid_from": _text(self.valid_from),
            "valid_until": _text(self.valid_until),
            "max_uses": self.max_uses,
            "kinds": list(self.scope.kinds),
            "counterparties": list(self.scope.counterparties),
            "hours": self.scope.hours,
            "approval": self.approval,
            "offline_quota": self.offline_quota,
            "nonce": self.nonce,
        }
        return write_json(body)

    @classmethod
    def parse(cls, terms: bytes) -> Grant:
        """Read terms; only what :meth:`encode` writes. Raises :class:`GrantError`."""
        try:
            body = read_json(terms, TYPE)
            made = cls(
                seal_code=_string(body["seal_code"]),
                seal_name=_string(body["seal_name"]),
                holder=_string(body["holder"]),
                grantee=_string(body["grantee"]),
                grantee_by=_string(body["grantee_by"]),
                grantee_sm3=_string(body["grantee_sm3"]),
                valid_from=_time(body["valid_from"]),
                valid_until=_time(body["valid_until"]),
                max_uses=_number(body["max_uses"], MAX_USES),
                scope=Scope(
                    _strings(body["kinds"]),
                    _strings(body["counterparties"]),
                    _string(body["hours"]),
                ),
                approval=body["approval"] is True,
                offline_quota=_number(body["offline_quota"], MAX_USES),
                nonce=_string(body["nonce"]),
            )
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            raise GrantError(f"the terms of a grant are malformed: {error}") from error
        if made.encode() != terms:
            raise GrantError("the terms of a grant are not in their one form")
        if made.problem:
            raise GrantError(made.problem)
        return made

    @property
    def problem(self) -> str:
        """Why these terms are refused, "" if they are in order."""
        if not re.fullmatch(r"\d{14}", self.seal_code):
            return "no seal code"
        if any(map(is_blank, (self.seal_name, self.holder, self.grantee))):
            return "a name is missing"
        if any(map(is_blank, (*self.scope.kinds, *self.scope.counterparties))):
            return "a scope that says nothing"
        if self.grantee_by not in ("certificate", "identity", "code"):
            return "a grantee that nobody knows"
        if not re.fullmatch(r"[0-9a-f]{64}", self.grantee_sm3):
            return "a grantee without a digest"
        if self.valid_until <= self.valid_from:
            return "it ends before it begins"
        if self.scope.hours and not _HOURS.fullmatch(self.scope.hours):
            return "hours that are none"
        if self.max_uses and self.offline_quota > self.max_uses:
            return "more uses offline than in all"
        return ""

    @property
    def id(self) -> str:
        """Identifier, derived from the terms, so that nobody can assign another."""
        return f"grant_{sm3(self.encode()).hex()[:24]}"


@frozen
class SignedGrant:
    """A grant whose signature fits the certificate inside, which is yet to be trusted."""

    token: bytes
    grant: Grant
    origin: str
    """Of the platform for which it was signed."""
    signed_at: datetime
    """As the grantor says."""
    certificate: Certificate
    """The grantor's."""

    @property
    def terms_sm3(self) -> str:
        """SM3 of the terms, hex: what a leave names."""
        return sm3(self.grant.encode()).hex()

    @classmethod
    def make(cls, terms: bytes, intent: str, certificate: bytes, signature: bytes) -> SignedGrant:
        """Put one together. Raises :class:`GrantError` if the parts do not belong together."""
        return cls.parse(put_together(terms, intent, certificate, signature))

    @classmethod
    def parse(cls, token: bytes) -> SignedGrant:
        """Read a grant and check that the certificate's key has signed just these terms.

        Raises :class:`GrantError`."""
        try:
            signed = SignedTerms.parse(token, _INTENT)
        except TermsError as error:
            raise GrantError(f"not this grant: {error}") from error
        grant = Grant.parse(signed.terms)
        if signed.subject != grant.id:
            raise GrantError("what was signed is not this grant")
        return cls(token, grant, signed.origin, signed.signed_at, signed.certificate)


def is_copy(seal: Seal) -> bool:
    """Is *seal* a copy made for a grantee?"""
    return any(extension.kind == GRANT for extension in seal.extensions)


def grant_of(seal: Seal) -> SignedGrant | None:
    """The grant in a copy; None in any other seal. Raises :class:`GrantError`."""
    found = [extension.value for extension in seal.extensions if extension.kind == GRANT]
    if len(found) > 1:
        raise GrantError("several grants in one seal")
    return SignedGrant.parse(found[0]) if found else None


def _string(value: object) -> str:
    if not isinstance(value, str) or len(value) > _MAX_TEXT:
        raise ValueError("a text that is none")
    if not value.isprintable() or hides(value):
        raise ValueError("a text that is none")
    return value


def _strings(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > MAX_ENTRIES:
        raise ValueError("a list that is none")
    return tuple(_string(item) for item in value)


def _number(value: object, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise ValueError("a number that is none")
    return value


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def _time(text: object) -> datetime:
    moment = datetime.fromisoformat(_string(text))
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return moment.astimezone(UTC)
