"""The form of an application: its fields, what is checked on the spot, and the body that is sent.

A slip is told before anything leaves this computer. The platform checks the same again.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from app.errors import ApplicationFieldWrong
from app.store.applications import LETTER, ApplicationRecord
from crypto.algorithms.gm import sm3
from crypto.algorithms.keys import SM2_WITH_SM3
from crypto.frozen import frozen
from crypto.pki.certificate import Certificate
from crypto.pki.names_and_algorithms import CertificateError
from crypto.pki.unit_codes import CodeError, check_citizen_number, check_credit_code
from crypto.seal import application_form as forms
from crypto.seal.application_form import CANCEL, ISSUE

if TYPE_CHECKING:
    from app.store.cabinet import SealRecord

LICENCE, LEGAL_REP = "licence", "legal_rep"
PERSON, HOLDER, REQUEST = "personal", "seal", "request"
SIGNED = {LEGAL_REP: "appoint", PERSON: "apply", HOLDER: "keep"}
"""Proofs that are signed with a certificate, and as what: by the legal representative with a Ukey
of his own, by a person for herself, by the seal's present holder."""

SEALS = tuple(forms.subtypes())
"""Kinds of seals that can be applied for."""

DONE = (CANCEL,)
"""Kinds of applications that are over once they are fulfilled."""

MOST_LETTER = 10 << 20
"""Size of a letter of authority, bytes."""
_LETTERS = {
    b"%PDF-": "application/pdf",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
}
_PHONE = re.compile(r"\+?[0-9][0-9 -]{4,19}")


@frozen
class Field:
    """One field of the form."""

    name: str
    path: str
    """Where it stands in the body; what a reviewer's remark on it is called."""
    required: bool = True
    most: int = 60
    """Characters."""


FIELDS = (
    Field("enterprise", "enterprise.name", most=40),
    Field("uscc", "enterprise.uscc", most=18),
    Field("legal_rep", "enterprise.legal_rep.name"),
    Field("handler", "handler.name"),
    Field("handler_id", "handler.id_no", most=18),
    Field("phone", "handler.phone", most=20),
    Field("seal", "seal.subtype"),
    Field("physical_code", "seal.physical_code", required=False, most=13),
    Field("proof", "proof"),
    Field("code", "seal.code", most=14),
    Field("cause", "cause"),
    Field("department", "seal.department", most=40),
    Field("holder", "seal.holder"),
    Field("shape", "seal.shape"),
    Field("token_serial", "token.serial", most=64),
    Field("token_certificate", "token.certificate_sn", most=64),
    Field("token_nonce", "token.nonce", required=False, most=32),
    Field("token_secret", "token.secret", required=False, most=1602),
)
"""Of all applications; which ones one has, says :func:`asked`."""


def asked(kind: str, seal: str) -> tuple[Field, ...]:
    """The fields of an application of that *kind* for that *seal*."""
    found = forms.form(kind, seal) or forms.form(kind, "official")
    paths = found.paths if found else frozenset()
    return tuple(each for each in FIELDS if each.path in paths or each.name in ("seal", "proof"))


def proofs(kind: str, seal: str) -> tuple[str, ...]:
    """How the handler may prove that he may act, the usual way first."""
    found = forms.form(kind, seal) or forms.form(kind, "official")
    return found.proofs if found else ()


def usable_proofs(kind: str, seal: SealRecord) -> tuple[str, ...]:
    """The same for an application about *seal*: the key of a certificate that is over proves
    nothing."""
    over = seal.certificate_state in ("held", "revoked", "expired")
    over = over or seal.signer.not_after <= datetime.now(UTC)
    return tuple(proof for proof in proofs(kind, seal.subtype) if proof != HOLDER or not over)


def choices(name: str, kind: str, seal: str) -> tuple[str, ...]:
    """What can be chosen in the field *name*; nothing where it is typed, or not asked for."""
    return _choices(name, kind, seal) or ()


PERSONAL = ("handler_id", "phone")
"""Fields that are removed once the application is over."""


def field_of(path: str) -> str:
    """The field that a reviewer's remark on *path* belongs to; "" if to none."""
    if path.startswith("materials."):
        return path.partition(".")[2]
    found = (field.name for field in FIELDS if path in (field.path, f"{field.path}.kind"))
    return next(found, "")


def problem(name: str, value: str, kind: str = ISSUE, seal: str = "official") -> str:
    """What is wrong with the *value* of the field *name* in such an application, a word of
    ApplicationFieldWrong's table; "" if nothing is."""
    field = next(known for known in FIELDS if known.name == name)
    if not value.strip():
        return "missing" if field.required else ""
    if any(ord(c) < 32 or ord(c) == 127 for c in value):
        return "control"
    if name in ("uscc", "handler_id"):
        try:
            (check_credit_code if name == "uscc" else check_citizen_number)(value)
        except CodeError as error:
            return error.problem
    if len(value) > field.most:
        return "too_long"
    if name == "phone" and not _PHONE.fullmatch(value):
        return "phone"
    for digits, coded in ((13, "physical_code"), (14, "code")):
        if name == coded and not re.fullmatch(f"[0-9]{{{digits}}}", value):
            return f"digits{digits}"
    choices = _choices(name, kind, seal)
    return "choice" if choices is not None and value not in choices else ""


def _choices(name: str, kind: str, seal: str) -> tuple[str, ...] | None:
    if name in ("seal", "proof"):
        return SEALS if name == "seal" else proofs(kind, seal)
    found = forms.form(kind, seal)
    path = next(known.path for known in FIELDS if known.name == name)
    chosen = (field.choices for field in (found.fields if found else ()) if field.name == path)
    return next(chosen, ()) or None


def letter_problem(content: bytes) -> str:
    """What is wrong with a file as a letter of authority; "" if nothing is."""
    if not content:
        return "empty"
    if media_type(content) is None:
        return "media"
    return "size" if len(content) > MOST_LETTER else ""


def media_type(content: bytes) -> str | None:
    """What a letter's first bytes say that it is; None if nothing that is taken."""
    return next((kind for begin, kind in _LETTERS.items() if content.startswith(begin)), None)


def problems(record: ApplicationRecord) -> Iterator[tuple[str, str]]:
    """(field, problem) of all that is wrong with what was filled in; the letter's content and the
    representative's signature aside."""
    kind, seal = record.kind, record.fields.get("seal", "")
    for field in asked(kind, seal):
        found = problem(field.name, record.fields.get(field.name, ""), kind, seal)
        if found:
            yield field.name, found
    if record.fields.get("proof") == LETTER and not record.letter_name:
        yield LETTER, "missing"


def check(record: ApplicationRecord) -> None:
    """Raises :class:`app.errors.ApplicationFieldWrong` for the first thing that is wrong."""
    for field, found in problems(record):
        raise ApplicationFieldWrong(field, found)


# --- the body ------------------------------------------------------------------------------------


def body(record: ApplicationRecord) -> bytes:
    """What is sent, always the same for the same form and request."""
    typed, kind = record.fields, record.kind
    form: dict[str, Any] = {"proof": {"kind": typed["proof"]}, "kind": kind}
    if typed["proof"] in SIGNED:
        form["proof"]["certificate"] = base64.b64encode(record.proof_certificate).decode()
        form["proof"]["at"] = record.proof_at
        form["proof"]["signature"] = base64.b64encode(record.proof_signature).decode()
    for field in asked(kind, typed["seal"]):
        text = typed.get(field.name, "")
        if field.name == "proof" or not (text or field.required):
            continue
        *folders, last = field.path.split(".")
        place = form
        for folder in folders:
            place = place.setdefault(folder, {})
        place[last] = text
    form["certificate_request"] = base64.b64encode(record.request).decode()
    return json.dumps(form, ensure_ascii=False).encode()


def read(sent: bytes) -> tuple[str, dict[str, str], bytes]:
    """Kind, fields and certificate request of a body that was sent, from this computer or another.
    Raises ValueError, KeyError, TypeError, AttributeError for what is none."""
    form = json.loads(sent)
    kind, seal = form["kind"], form["seal"]["subtype"]
    request = base64.b64decode(form["certificate_request"], validate=True)
    if not (isinstance(kind, str) and isinstance(seal, str) and forms.form(kind, seal)):
        raise TypeError("no form for such an application")
    fields = {}
    for field in asked(kind, seal):
        value: Any = form
        for part in field.path.split("."):
            value = value.get(part) if value is not None else None
        fields[field.name] = value or ""
    fields["proof"] = form.get("proof", {}).get("kind", LICENCE)
    if not all(isinstance(text, str) for text in fields.values()):
        raise TypeError("a field that is no text")
    return kind, fields, request


# --- a proof that is signed ----------------------------------------------------------------------


def proof_lines(record: ApplicationRecord) -> tuple[str, str, str]:
    """What the Ukey signs for a proof of :data:`SIGNED` besides platform and time: as what, about
    whom or what, and the SM3 of what for — that the application's key gets a seal of that kind, or
    that this becomes of the seal."""
    typed = record.fields
    person = identity_digest(typed["handler_id"])
    about = {
        LEGAL_REP: f"{typed.get('uscc', '')} {person}",
        PERSON: person,
        HOLDER: typed.get("code", ""),
    }[typed["proof"]]
    what = "apply-for-and-keep" if record.kind == ISSUE else f"{record.kind} {typed['code']}"
    purpose = f"{what} {typed['seal']} {sm3(record.key).hex()}"
    return SIGNED[typed["proof"]], about, sm3(purpose.encode()).hex()


def identity_digest(number: str) -> str:
    """How a person is named in signed texts: SM3, hex, of the citizen number."""
    return sm3(f"SUQIAN-IDENTITY-V1\n{number}\n".encode()).hex()


def proof_signed(record: ApplicationRecord) -> bool:
    """Is what the form says now just what was signed as its proof?"""
    if not (record.key and record.proof_signature and record.fields["proof"] in SIGNED):
        return False
    told = (record.platform, *proof_lines(record), "", record.proof_at)
    lines = ("SUQIAN-SEAL-INTENT-V2", *told, "")
    try:
        key = Certificate.parse(record.proof_certificate).public_key
    except CertificateError:
        return False
    return key.verify(SM2_WITH_SM3, "\n".join(lines).encode(), record.proof_signature)


def by_another(record: ApplicationRecord) -> bool:
    """Must somebody sign with another Ukey before it can be sent?"""
    outside = record.fields["proof"] in (LEGAL_REP, PERSON)
    return record.editable and outside and not proof_signed(record)
