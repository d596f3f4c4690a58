"""A trust list: platforms and authorities that its operator answers for, signed.

A province, a group of companies or an association keeps one; desks are told its address and the
SM3 of the certificate that signs it. A token is a :mod:`crypto.pki.signed_body` of the operator's;
the body is JSON in UTF-8::

    {"type": "trust-list-v1", "operator": "…", "sequence": 7,
     "issued_at": "…", "next_update": "…",
     "platforms": [{"name": "…", "region": "321300", "state": "granted",
                    "since": "…", "until": null, "origins": ["https://…"],
                    "roots": ["base64 DER", …], "makers": ["base64 DER", …],
                    "status": true, "revocation": true, "algorithms": {"sha1": "…"}}, …]}

``roots`` are anchors for signers, time stamps and statements about seals, ``makers`` for seal
makers; either may hold intermediate certificates. A platform that is withdrawn, not yet granted or
no longer is no anchor at all. The first of its ``origins`` tells the state of its seals.
``status`` and ``revocation`` false: nobody publishes it;
``algorithms``: weak ones of its past, until when (:mod:`crypto.validation.anchor_rules`).

The sequence number only grows, so an old list cannot be passed off as the newest; after
``next_update`` a list counts for nothing, because it may hide that somebody was withdrawn.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from crypto.algorithms.keys import SigningKey
from crypto.frozen import frozen
from crypto.pki.certificate import Certificate
from crypto.pki.names_and_algorithms import CertificateError
from crypto.pki.signed_body import SignedBody, SignedBodyError, sign_body
from crypto.validation.anchor_rules import AnchorRule
from crypto.validation.trust import Trust

PREFIX = b"SEALDESK-TRUST-LIST-V1\x00"
MAX_SIZE = 4 * 1024 * 1024
MAX_PLATFORMS = 5_000
_MAX_CERTIFICATES = 100
"""Of one platform, for each purpose."""


class TrustListError(ValueError):
    """The bytes are not a trust list, or its signature does not hold."""


@frozen
class ListedPlatform:
    """One entry: a platform, or an authority without one."""

    name: str
    region: str
    granted: bool
    """False: withdrawn."""
    since: datetime
    until: datetime | None
    origins: tuple[str, ...]
    roots: tuple[Certificate, ...]
    makers: tuple[Certificate, ...]
    status: bool = True
    revocation: bool = True
    algorithms: tuple[tuple[str, datetime], ...] = ()

    def counts(self, now: datetime) -> bool:
        """Is it trusted at the moment *now*?"""
        return self.granted and self.since <= now and (self.until is None or now <= self.until)

    @property
    def rules(self) -> tuple[AnchorRule, ...]:
        """What is special about its anchors."""
        anchors = dict.fromkeys(each.fingerprint for each in (*self.roots, *self.makers))
        teller = self.origins[0].rstrip("/").lower() if self.status and self.origins else ""
        return tuple(
            AnchorRule(anchor, frozenset(), self.status, self.revocation, self.algorithms, teller)
            for anchor in anchors
        )


@frozen
class TrustList:
    """A list whose signature fits the certificate inside; whose that is, is yet to be checked."""

    token: bytes
    operator: str
    sequence: int
    issued_at: datetime
    next_update: datetime
    platforms: tuple[ListedPlatform, ...]
    certificate: Certificate
    """The operator's."""

    @classmethod
    def parse(cls, token: bytes) -> TrustList:
        """Read a token and check its signature. Raises :class:`TrustListError`."""
        try:
            signed = SignedBody.parse(token, MAX_SIZE)
        except SignedBodyError as error:
            raise TrustListError(f"not a trust list: {error}") from error
        if not signed.holds(PREFIX):
            raise TrustListError("the trust list's signature is wrong")
        return cls(token=token, certificate=signed.certificate, **read_body(signed.body))

    def trust(self, now: datetime) -> Trust:
        """The anchors of all platforms that count at the moment *now*; none of an expired list."""
        here = [
            platform
            for platform in self.platforms
            if platform.counts(now) and now <= self.next_update
        ]
        roots = tuple(root for each in here for root in each.roots)
        return Trust(
            seal_makers=tuple(maker for each in here for maker in each.makers),
            signers=roots,
            timestamps=roots,
            platforms=roots,
            rules=tuple(rule for each in here for rule in each.rules),
        )


def sign_list(body: bytes, key: SigningKey) -> bytes:
    """The token of *body*, DER. Raises :class:`TrustListError` for a body that is none."""
    read_body(body)
    return sign_body(PREFIX, body, key)


def read_body(body: bytes) -> dict[str, Any]:
    """The fields of a list's JSON. Raises :class:`TrustListError`."""
    try:
        fields = json.loads(body)
        if fields["type"] != "trust-list-v1" or not isinstance(fields["platforms"], list):
            raise ValueError("another type")
        if len(fields["platforms"]) > MAX_PLATFORMS:
            raise ValueError("too many platforms")
        sequence = fields["sequence"]
        if type(sequence) is not int or sequence < 1:
            raise ValueError("no sequence number")
        return {
            "operator": _text(fields["operator"]),
            "sequence": sequence,
            "issued_at": _time(fields["issued_at"]),
            "next_update": _time(fields["next_update"]),
            "platforms": tuple(_platform(platform) for platform in fields["platforms"]),
        }
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise TrustListError(f"the trust list's body is malformed: {error}") from error


def _platform(fields: Mapping[str, Any]) -> ListedPlatform:
    if fields["state"] not in ("granted", "withdrawn"):
        raise ValueError("neither granted nor withdrawn")
    algorithms = fields.get("algorithms", {})
    return ListedPlatform(
        name=_text(fields["name"]),
        region=_text(fields["region"]),
        granted=fields["state"] == "granted",
        since=_time(fields["since"]),
        until=_time(fields["until"]) if fields.get("until") is not None else None,
        origins=tuple(_text(origin) for origin in fields["origins"]),
        roots=_certificates(fields["roots"]),
        makers=_certificates(fields["makers"]),
        status=_truth(fields.get("status", True)),
        revocation=_truth(fields.get("revocation", True)),
        algorithms=tuple((_text(name), _time(until)) for name, until in algorithms.items()),
    )


def _certificates(texts: Any) -> tuple[Certificate, ...]:
    if not isinstance(texts, list) or len(texts) > _MAX_CERTIFICATES:
        raise ValueError("no list of certificates")
    try:
        return tuple(Certificate.parse(base64.b64decode(text, validate=True)) for text in texts)
    except (binascii.Error, CertificateError) as error:
        raise ValueError(f"not a certificate: {error}") from error


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 300:
        raise ValueError("not a text")
    return value


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("neither true nor false")
    return value


def _time(value: Any) -> datetime:
    moment = datetime.fromisoformat(_text(value))
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return moment.astimezone(UTC)
