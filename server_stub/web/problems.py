"""Every refusal as problem+json (RFC 9457): one table from exception to status and stable code."""

from __future__ import annotations

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from crypto.frozen import frozen
from crypto.pki import unit_codes
from crypto.report import cancel_request
from server_stub import (
    applying,
    disputes,
    policy,
    report_seal,
    signin,
    states,
    sync,
    using,
    verifying,
)
from server_stub.approving import deciding, requesting
from server_stub.authorities import notices
from server_stub.changing import unlocking
from server_stub.lending import granting
from server_stub.phones import pairing
from server_stub.records import ledger, vault
from server_stub.records.logbook import logbook
from server_stub.ruling import use_policies
from server_stub.seals import statements
from server_stub.staff import ledger_search


class Refusal(Exception):
    """A refusal that only HTTP knows: *code* is a key of :data:`CODES`."""

    def __init__(self, code: str, detail: str = "", retry_after: int = 0) -> None:
        """*retry_after*: seconds; 0 for what is usual with *code*."""
        super().__init__(detail)
        self.code, self.retry_after = code, retry_after


@frozen
class _Code:
    status: int
    title: str
    retry_after: int = 0
    """Seconds after which it is worth to come again; 0: not by itself."""


CODES = {
    "malformed_json": _Code(400, "The body is not JSON"),
    "idempotency_key_missing": _Code(400, "An Idempotency-Key header of 8 to 64 characters"),
    "session_invalid": _Code(401, "Sign in again"),
    "challenge_invalid": _Code(401, "The challenge is unknown, used or expired"),
    "signature_invalid": _Code(403, "The signature does not fit"),
    "certificate_not_valid": _Code(403, "The certificate may not sign in"),
    "forbidden": _Code(403, "Not for this role"),
    "not_found": _Code(404, "No such thing"),
    "method_not_allowed": _Code(405, "Not with this method"),
    "illegal_transition": _Code(409, "Not possible in this state"),
    "seal_not_active": _Code(409, "The seal may not be used now"),
    "outside_grant": _Code(409, "The grant does not allow this use"),
    "approval_needed": _Code(409, "The seal's policy asks for an approval"),
    "already_decided": _Code(409, "It was decided before"),
    "policy_invalid": _Code(422, "Not a usable policy"),
    "policy_signer": _Code(403, "A policy is signed by a certificate in the holder's name"),
    "policy_weaker": _Code(403, "Only the legal representative loosens a seal's policy"),
    "use_request_invalid": _Code(422, "Not a usable request"),
    "decision_invalid": _Code(422, "Not a usable decision"),
    "grantee_differs": _Code(403, "The grant is for somebody else"),
    "unlock_expired": _Code(410, "The permission to unlock has expired: apply again"),
    "grant_invalid": _Code(422, "Not a usable grant"),
    "phone_invalid": _Code(422, "Not what the phone or its pairing has to say"),
    "no_passkeys": _Code(409, "At this address no passkeys can be had"),
    "report_seal_missing": _Code(409, "The platform's own seal could not be made"),
    "sync_cursor_gone": _Code(410, "Start again with an empty cursor"),
    "body_too_slow": _Code(408, "The body did not come in time"),
    "body_too_large": _Code(413, "The body is too large"),
    "media_type_unsupported": _Code(415, "Not this media type"),
    "invalid_body": _Code(422, "The body does not have the right fields"),
    "uscc_invalid": _Code(422, "Not a unified social credit code"),
    "identity_invalid": _Code(422, "Not a citizen number"),
    "request_invalid": _Code(422, "Not a usable certificate request"),
    "request_not_set": _Code(422, "No request to cancel can be written for this application"),
    "material_missing": _Code(422, "A document is missing"),
    "notice_invalid": _Code(422, "Not a notice that can be applied"),
    "other_root": _Code(409, "The ledger of that size has another root"),
    "too_many_open": _Code(429, "So many applications are open already", 3600),
    "record_invalid": _Code(422, "Not a usable usage record"),
    "dispute_invalid": _Code(422, "Not a usable statement of a dispute"),
    "idempotency_mismatch": _Code(422, "This Idempotency-Key was used for another body"),
    "rate_limited": _Code(429, "Too many requests", 5),
    "internal_error": _Code(500, "Something went wrong here"),
    "busy": _Code(503, "Too much to do at this moment", 5),
    "not_ready": _Code(503, "The platform cannot write now", 5),
    "file_not_verifiable": _Code(422, "Not a PDF that can be read"),
    "verification_timeout": _Code(503, "Verification took too long", 60),
}
"""Stable codes; clients key their messages by them."""

_BY_EXCEPTION: dict[type[Exception], str] = {
    states.IllegalTransition: "illegal_transition",
    policy.Forbidden: "forbidden",
    policy.NotFound: "not_found",
    vault.VaultError: "not_found",
    unit_codes.CodeError: "uscc_invalid",
    cancel_request.CannotBeSet: "request_not_set",
    applying.IdentityInvalid: "identity_invalid",
    applying.RequestInvalid: "request_invalid",
    applying.MaterialMissing: "material_missing",
    applying.TooManyOpen: "too_many_open",
    statements.SealNotActive: "seal_not_active",
    use_policies.ApprovalNeeded: "approval_needed",
    use_policies.PolicyInvalid: "policy_invalid",
    use_policies.PolicySigner: "policy_signer",
    use_policies.PolicyWeaker: "policy_weaker",
    requesting.RequestInvalid: "use_request_invalid",
    deciding.DecisionInvalid: "decision_invalid",
    deciding.AlreadyDecided: "already_decided",
    granting.OutsideGrant: "outside_grant",
    granting.GranteeDiffers: "grantee_differs",
    granting.GrantInvalid: "grant_invalid",
    pairing.PhoneInvalid: "phone_invalid",
    pairing.NoPasskeys: "no_passkeys",
    report_seal.ReportSealMissing: "report_seal_missing",
    signin.ChallengeInvalid: "challenge_invalid",
    signin.SignatureInvalid: "signature_invalid",
    signin.CertificateNotValid: "certificate_not_valid",
    signin.SessionInvalid: "session_invalid",
    sync.CursorGone: "sync_cursor_gone",
    using.RecordInvalid: "record_invalid",
    disputes.DisputeInvalid: "dispute_invalid",
    verifying.FileNotVerifiable: "file_not_verifiable",
    verifying.VerificationTimeout: "verification_timeout",
    ledger.LedgerError: "not_ready",
    ledger_search.OtherRoot: "other_root",
    notices.NoticeInvalid: "notice_invalid",
    unlocking.UnlockExpired: "unlock_expired",
}
EXCEPTIONS = (Refusal, RequestValidationError, HTTPException, *_BY_EXCEPTION)


def answer(request: Request, error: Exception) -> JSONResponse:
    """The problem document for *error*; whatever is not in the table is an internal error whose
    details stay in the log."""
    code, detail = told(error)
    if code == "internal_error":
        logbook().error("internal_error", exc_info=error)
        detail = ""
    response = problem(code, detail, request.url.path, request.state.request_id)
    if isinstance(error, Refusal) and error.retry_after:
        response.headers["retry-after"] = str(error.retry_after)
    return response


def told(error: Exception) -> tuple[str, str]:
    """The code of *error*, a key of :data:`CODES`, and its details."""
    if isinstance(error, Refusal):
        return error.code, str(error)
    if isinstance(error, RequestValidationError):
        return _of_validation(error)
    if isinstance(error, HTTPException):
        named = {404: "not_found", 405: "method_not_allowed", 415: "media_type_unsupported"}
        return named.get(error.status_code, "invalid_body"), str(error.detail)
    return _BY_EXCEPTION.get(type(error), "internal_error"), str(error)


def problem(code: str, detail: str, instance: str, request_id: str) -> JSONResponse:
    """One problem document."""
    known = CODES[code]
    body = {
        "type": f"urn:sealdesk:problem:{code}",
        "title": known.title,
        "status": known.status,
        "detail": detail,
        "instance": instance,
        "code": code,
        "request_id": request_id,
    }
    headers = {"retry-after": str(known.retry_after)} if known.retry_after else None
    return JSONResponse(body, known.status, headers, media_type="application/problem+json")


def _of_validation(error: RequestValidationError) -> tuple[str, str]:
    """Where and what, never the value itself: it may be personal data."""
    kinds = [str(detail["type"]) for detail in error.errors()]
    if "json_invalid" in kinds:
        return "malformed_json", ""
    places = (
        f"{'.'.join(str(part) for part in detail['loc'])}: {detail['msg']}"
        for detail in error.errors()
    )
    return "invalid_body", "; ".join(places)
