"""The form of an application: its fields, what is checked on the spot, and the body that is sent.

A slip is told before anything leaves this computer. The platform checks the same again.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from app.errors import ApplicationFieldWrong
from app.store.applications import LETTER, ApplicationRecord
from crypto.algorithms.gm import sm3
from crypto.algorithms.keys import SM2_WITH_SM3
from crypto.pki.certificate import Certificate
from crypto.pki.names_and_algorithms import CertificateError
from crypto.pki.unit_codes import CodeError, check_citizen_number, check_credit_code

LICENCE, LEGAL_REP = "licence", "legal_rep"
PROOFS = (LICENCE, LEGAL_REP, LETTER)
"""How the legal representative says that the handler may act: on the electronic licence, with a
Ukey of his own, in a letter of authority."""

SEALS = ("official", "contract", "finance", "invoice", "legal_representative")
"""Kinds of seals that can be applied for."""

MOST_LETTER = 10 << 20
"""Size of a letter of authority, bytes."""
_LETTERS = {
    b"%PDF-": "application/pdf",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
}
_PHONE = re.compile(r"\+?[0-9][0-9 -]{4,19}")


@dataclass(frozen=True)
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
)
"""Of an application for an enterprise's seal."""

PERSONAL = ("handler_id", "phone")
"""Fields that are removed once the application is over."""


def field_of(path: str) -> str:
    """The field that a reviewer's remark on *path* belongs to; "" if to none."""
    if path.startswith("materials."):
        return path.partition(".")[2]
    found = (each.name for each in FIELDS if path in (each.path, f"{each.path}.kind"))
    return next(found, "")


def problem(name: str, value: str) -> str:
    """What is wrong with the *value* of the field *name*, a word of ApplicationFieldWrong's table;
    "" if nothing is."""
    field = next(each for each in FIELDS if each.name == name)
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
    if name == "physical_code" and not re.fullmatch("[0-9]{13}", value):
        return "digits13"
    choices = {"seal": SEALS, "proof": PROOFS}.get(name)
    return "choice" if choices is not None and value not in choices else ""


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
    for field in FIELDS:
        found = problem(field.name, record.fields.get(field.name, ""))
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
    typed = record.fields
    seal = {"subtype": typed["seal"]}
    if typed.get("physical_code"):
        seal["physical_code"] = typed["physical_code"]
    proof = {"kind": typed["proof"]}
    if typed["proof"] == LEGAL_REP:
        proof["certificate"] = base64.b64encode(record.proof_certificate).decode()
        proof["signature"] = base64.b64encode(record.proof_signature).decode()
    form: dict[str, Any] = {
        "proof": proof,
        "kind": record.kind,
        "enterprise": {
            "uscc": typed["uscc"],
            "name": typed["enterprise"],
            "legal_rep": {"name": typed["legal_rep"]},
        },
        "handler": {
            "name": typed["handler"],
            "id_no": typed["handler_id"],
            "phone": typed["phone"],
        },
        "seal": seal,
        "certificate_request": base64.b64encode(record.request).decode(),
    }
    return json.dumps(form, ensure_ascii=False).encode()


def read(sent: bytes) -> tuple[str, dict[str, str], bytes]:
    """Kind, fields and certificate request of a body that was sent, from this computer or another.
    Raises ValueError, KeyError, TypeError, AttributeError for what is none."""
    form = json.loads(sent)
    unit, handler, seal = form["enterprise"], form["handler"], form["seal"]
    fields = {
        "enterprise": unit["name"],
        "uscc": unit["uscc"],
        "legal_rep": unit["legal_rep"]["name"],
        "handler": handler["name"],
        "handler_id": handler["id_no"],
        "phone": handler.get("phone") or "",
        "seal": seal["subtype"],
        "physical_code": seal.get("physical_code") or "",
        "proof": form.get("proof", {}).get("kind", LICENCE),
    }
    if not all(isinstance(value, str) for value in fields.values()):
        raise TypeError("a field that is no text")
    return str(form["kind"]), fields, base64.b64decode(form["certificate_request"], validate=True)


# --- the representative's own signature ----------------------------------------------------------


def appointing_lines(record: ApplicationRecord) -> tuple[str, str, str]:
    """What the representative's Ukey signs besides verb and platform: for which enterprise, whom he
    appoints, and the SM3 of what for — that the application's key gets a seal of that kind."""
    typed = record.fields
    purpose = f"apply-for-and-keep {typed['seal']} {sm3(record.key).hex()}"
    return typed["uscc"], identity_digest(typed["handler_id"]), sm3(purpose.encode()).hex()


def identity_digest(number: str) -> str:
    """How a person is named in signed texts: SM3, hex, of the citizen number."""
    return sm3(f"SUQIAN-IDENTITY-V1\n{number}\n".encode()).hex()


def signed_by_representative(record: ApplicationRecord) -> bool:
    """Did a representative sign just what the form says now?"""
    if not (record.key and record.proof_signature):
        return False
    unit, person, purpose = appointing_lines(record)
    about = f"{unit} {person}"
    lines = ("SUQIAN-SEAL-INTENT-V1", record.platform, "appoint", about, purpose, "")
    try:
        key = Certificate.parse(record.proof_certificate).public_key
    except CertificateError:
        return False
    return key.verify(SM2_WITH_SM3, "\n".join(lines).encode(), record.proof_signature)
