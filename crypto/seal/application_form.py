"""What an application to the platform consists of, kind by kind, as data (办法 第十二条、
第二十一条至第二十三条).

The platform checks what it is sent by this table, the client builds its pages and commands from it,
so both ask for the same. The body is JSON::

    {"kind": …, "enterprise": {"uscc", "name", "legal_rep": {"name", "id_no"}},
     "handler": {"name", "id_no", "phone"},
     "seal": {"subtype", "physical_code", "department", "holder", "shape", "code"},
     "cause": …, "token": {"serial", "certificate_sn", "nonce", "secret"},
     "certificate_request": PKCS#10 in base64, "proof": {"kind", …}}

A person's own seal has no ``enterprise``; its handler is its holder. ``seal.code`` names the seal
that is to be replaced, renewed or cancelled, or whose Ukey's PIN is to be reset. The key of the
certificate request signs the application; a cancellation and a PIN reset get no certificate.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from crypto.frozen import frozen
from crypto.pki import unit_codes
from crypto.seal.kinds import COMPANY, KINDS, OFFICE, PERSONAL, PLATFORMS_OWN, SHAPES

ISSUE, REISSUE, RENEW, CANCEL, PIN_RESET = "issue", "reissue", "renew", "cancel", "pin_reset"
APPLICATIONS = (ISSUE, REISSUE, RENEW, CANCEL, PIN_RESET)

CAUSES: Mapping[str, tuple[str, ...]] = {
    REISSUE: ("name_changed", "legal_rep_changed", "damaged", "physical_seal_changed", "lost"),
    CANCEL: ("holder_request", "name_changed", "merged", "enterprise_deregistered"),
}
"""Why (第二十二条、第二十三条), by kind of application."""

MAX_NAME = 40
"""Characters of a unit's name; more are not legible on any seal."""


@frozen
class Field:
    """One field of a form."""

    name: str
    """Path in the body: ``enterprise.uscc``."""
    required: bool
    check: str
    """credit_code, citizen_number, name, unit_name, phone, physical_code, seal_code, serial, nonce,
    secret or choice: what :func:`wrong` looks at."""
    choices: tuple[str, ...] = ()


@frozen
class Form:
    """What one kind of application for one kind of seal asks for."""

    kind: str
    subtype: str
    fields: tuple[Field, ...]
    proofs: tuple[str, ...]
    """Of who may ask for it, one of which is given: licence (consent on the electronic licence),
    legal_rep (the legal representative's own Ukey signs), letter (of authority, as material), seal
    (the key of the seal's present certificate signs), request (the sealed request to cancel, as
    material), personal (one's own certificate)."""
    materials: tuple[str, ...] = ()
    """Documents without which it is not taken, whatever the proof."""

    @property
    def paths(self) -> frozenset[str]:
        """Names of all its fields."""
        return frozenset(field.name for field in self.fields)


_UNIT = (
    Field("enterprise.uscc", True, "credit_code"),
    Field("enterprise.name", True, "unit_name"),
    Field("enterprise.legal_rep.name", True, "name"),
    Field("enterprise.legal_rep.id_no", False, "citizen_number"),
)


def _handler(phone: bool) -> tuple[Field, ...]:
    return (
        Field("handler.name", True, "name"),
        Field("handler.id_no", True, "citizen_number"),
        Field("handler.phone", phone, "phone"),
    )


def form(kind: str, subtype: str) -> Form | None:
    """The form of an application of *kind* for a seal of *subtype*; None: there is none."""
    found = KINDS.get(subtype)
    if found is None or subtype == PLATFORMS_OWN or kind not in APPLICATIONS:
        return None
    personal = found.family == PERSONAL
    fields = [*(() if personal else _UNIT), *_handler(phone=kind in (CANCEL, PIN_RESET))]
    if kind in CAUSES:
        causes = CAUSES[kind]
        if personal:  # no register speaks of it
            causes = ("name_changed", "damaged", "lost") if kind == REISSUE else ("holder_request",)
        fields.append(Field("cause", True, "choice", causes))
    if kind != ISSUE:
        fields.append(Field("seal.code", True, "seal_code"))
    if kind in (ISSUE, REISSUE):
        if found.names_unit:
            fields.append(Field("seal.department", True, "unit_name"))
        if found.names_person:
            fields.append(Field("seal.holder", True, "name"))
        if personal:
            fields.append(Field("seal.shape", True, "choice", SHAPES))
        else:
            fields.append(Field("seal.physical_code", False, "physical_code"))
    if kind == PIN_RESET:
        fields += [Field(f"token.{name}", True, "serial") for name in ("serial", "certificate_sn")]
        # of a Ukey that takes a signed statement; without them the maker's own tool unlocks it
        fields += [Field(f"token.{name}", False, name) for name in ("nonce", "secret")]
    materials = ("request",) if kind == CANCEL and found.family in (COMPANY, OFFICE) else ()
    return Form(kind, subtype, tuple(fields), _proofs(kind, personal=personal), materials)


def _proofs(kind: str, *, personal: bool) -> tuple[str, ...]:
    if personal:
        return ("personal", "seal") if kind in (RENEW, CANCEL) else ("personal",)
    if kind == CANCEL:
        return ("request",)
    proofs = ("licence", "legal_rep", "letter")
    return ("seal", *proofs) if kind == RENEW else proofs


# --- checking ----------------------------------------------------------------------------------


def value(body: Mapping[str, Any], path: str) -> str:
    """What *body* has in the field *path*; "" if nothing."""
    found: Any = body
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found if isinstance(found, str) else ""


def problems(body: Mapping[str, Any]) -> Mapping[str, str]:
    """What is wrong with *body*, path → one of "missing", "invalid" and "surplus"; nothing if it
    can be sent. Certificate request and materials are looked at elsewhere."""
    wanted = form(value(body, "kind"), value(body, "seal.subtype"))
    if wanted is None:
        return {"kind" if value(body, "kind") not in APPLICATIONS else "seal.subtype": "invalid"}
    found = {}
    for field in wanted.fields:
        if problem := wrong(field, value(body, field.name)):
            found[field.name] = problem
    surplus = _PATHS - wanted.paths
    found |= {path: "surplus" for path in sorted(surplus) if value(body, path)}
    if value(body, "proof.kind") not in wanted.proofs:
        found["proof.kind"] = "invalid"
    return found


_PATHS = frozenset(
    {
        "enterprise.uscc",
        "enterprise.name",
        "seal.department",
        "seal.holder",
        "seal.shape",
        "seal.code",
        "seal.physical_code",
        "cause",
        "token.serial",
        "token.certificate_sn",
        "token.nonce",
        "token.secret",
    }
)
"""Fields that some forms have and others have not."""

_PATTERNS = {
    "phone": r"\+?[0-9 -]{5,20}",
    "physical_code": r"[0-9]{13}",
    "seal_code": r"[0-9]{14}",
    "serial": r"[0-9A-Za-z_.:-]{1,64}",
    "nonce": r"[0-9a-f]{32}",
    "secret": r"[0-9A-Za-z+/]{64,1600}={0,2}",
}


def wrong(field: Field, text: str) -> str:
    """What is wrong with *text* in *field*: "missing", "invalid" or ""."""
    if not text.strip():
        return "missing" if field.required else ""
    if any(ord(c) < 32 or ord(c) == 127 for c in text):
        return "invalid"
    match field.check:
        case "credit_code" | "citizen_number":
            try:
                if field.check == "credit_code":
                    unit_codes.check_credit_code(text)
                else:
                    unit_codes.check_citizen_number(text)
            except unit_codes.CodeError:
                return "invalid"
            return ""
        case "name":
            return "" if len(text.strip()) <= 60 else "invalid"
        case "unit_name":
            return "" if len(text.strip()) <= MAX_NAME else "invalid"
        case "choice":
            return "" if text in field.choices else "invalid"
    return "" if re.fullmatch(_PATTERNS[field.check], text) else "invalid"


def subtypes() -> Sequence[str]:
    """Kinds of seals that somebody can apply for."""
    return [subtype for subtype in KINDS if subtype != PLATFORMS_OWN]
