"""What the protocols of public key infrastructures ask for: time stamps (RFC 3161, GM/T 0033) and
OCSP (RFC 6960).

Both speak DER under media types of their own, and have their own codes for a refusal.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from datetime import datetime, timedelta
from urllib.parse import unquote

from fastapi import APIRouter, Depends, Request, Response

from crypto.pki import ocsp, timestamp
from crypto.pki.certificate import Certificate
from crypto.pki.names_and_algorithms import CertificateError
from server_stub import revocation
from server_stub.authority import (
    ISSUING,
    PURPOSES,
    RSA_ROOT,
    STATUS,
    TIMESTAMP,
    TIMESTAMP_ACCURACY,
    TIMESTAMP_POLICY,
    TIMESTAMP_RSA,
)
from server_stub.context import Platform
from server_stub.records import canonical
from server_stub.web.handling import ExactBody, Running, limited
from server_stub.web.problems import Refusal

router = APIRouter(dependencies=[Depends(limited)])

MAX_REQUEST = 16 * 1024
MAX_ASKED = 20
"""Certificates in one OCSP request."""


# --- time stamps -------------------------------------------------------------------------------


@router.post("/tsa")
def stamp(request: Request, platform: Running, body: ExactBody) -> Response:
    """A time stamp: with SM2 where SM3 is asked for, else with RSA."""
    _expect(request, "application/timestamp-query")
    try:
        asked = timestamp.Request.parse(body[:MAX_REQUEST]).hash_name
    except timestamp.TimestampError:
        asked = "sm3"  # whichever key: the answer is a refusal
    return _stamped(platform, body, TIMESTAMP if asked == "sm3" else TIMESTAMP_RSA)


@router.post("/tsa/rsa")
def stamp_rsa(request: Request, platform: Running, body: ExactBody) -> Response:
    """A time stamp with RSA and SHA-256, whatever digest is stamped."""
    _expect(request, "application/timestamp-query")
    return _stamped(platform, body, TIMESTAMP_RSA)


def _stamped(platform: Platform, body: bytes, purpose: str) -> Response:
    authority = platform.authority
    if len(body) > MAX_REQUEST:
        answer = timestamp.rejection(timestamp.BAD_FORMAT, "the request is too large")
    else:
        answer = timestamp.make_response(
            body,
            key=authority.key(purpose),
            policy=TIMESTAMP_POLICY,
            serial=secrets.randbits(127) | 1 << 127,
            now=canonical.moment(canonical.now()),
            accuracy=TIMESTAMP_ACCURACY,
            certificates=[authority.certificate(ISSUING if purpose == TIMESTAMP else RSA_ROOT)],
            gb_types=purpose == TIMESTAMP,
        )
    return Response(answer, media_type="application/timestamp-reply")


# --- OCSP --------------------------------------------------------------------------------------


@router.post("/ocsp")
def status(request: Request, platform: Running, body: ExactBody) -> Response:
    """The state of certificates that `issuing` issued (RFC 6960 appendix A.1)."""
    _expect(request, "application/ocsp-request")
    return _answered(platform, body)


@router.get("/ocsp/{encoded:path}")
def status_by_address(platform: Running, encoded: str) -> Response:
    """The same by GET: the request's DER as base64 in the path."""
    try:
        body = base64.b64decode(unquote(encoded), validate=True)
    except (binascii.Error, ValueError):
        body = b""
    return _answered(platform, body)


def _answered(platform: Platform, body: bytes) -> Response:
    try:
        asked = ocsp.OcspRequest.parse(body[: MAX_REQUEST + 1])
    except CertificateError:
        return _ocsp(ocsp.refusal(ocsp.MALFORMED_REQUEST))
    if len(body) > MAX_REQUEST or len(asked.ids) > MAX_ASKED or not asked.understood:
        return _ocsp(ocsp.refusal(ocsp.MALFORMED_REQUEST))
    authority = platform.authority
    issuer = Certificate.parse(authority.certificate(ISSUING))
    if not asked.ids or not all(asked_id.is_by(issuer) for asked_id in asked.ids):
        return _ocsp(ocsp.refusal(ocsp.UNAUTHORIZED))  # another authority's: not ours to say
    now = canonical.moment(canonical.now()).replace(microsecond=0)
    life = timedelta(seconds=platform.settings.status_seconds)
    ours = (Certificate.parse(authority.certificate(name)) for name in PURPOSES)
    own = {certificate.serial for certificate in ours if certificate.issuer.matches(issuer.subject)}
    with platform.reading() as session:
        answers = []
        for asked_id in asked.ids:
            issued, out = revocation.known(session, asked_id.serial)
            answers.append(_answer(asked_id, issued or asked_id.serial in own, out, now, life))
    key = authority.key(STATUS)
    answer = ocsp.make_response(
        answers, key=key, produced_at=now, nonce=asked.nonce, certificates=[key.certificate]
    )
    return _ocsp(answer, max_age=0 if asked.nonce else int(life.total_seconds()) // 2)


def _answer(
    asked: ocsp.CertificateId,
    issued: bool,
    out: revocation.Revoked | None,
    now: datetime,
    life: timedelta,
) -> ocsp.Answer:
    if out is not None:
        _, since, reason = out
        return ocsp.Answer(asked, "revoked", since, reason, now, now + life)
    return ocsp.Answer(asked, "good" if issued else "unknown", None, None, now, now + life)


def _ocsp(answer: bytes, max_age: int = 0) -> Response:
    headers = {"cache-control": f"public, max-age={max_age}" if max_age else "no-store"}
    return Response(answer, 200, headers, media_type="application/ocsp-response")


def _expect(request: Request, media_type: str) -> None:
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != media_type:
        raise Refusal("media_type_unsupported", f"send {media_type}")
