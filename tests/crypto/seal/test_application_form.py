"""The forms of applications: which proof, which fields, and what is told of a wrong body."""

from __future__ import annotations

from typing import Any

import pytest

from crypto.seal.application_form import APPLICATIONS, CAUSES, form, problems, subtypes, wrong
from crypto.seal.kinds import KINDS, PERSONAL, PERSONAL_SIZES, PLATFORMS_OWN, SHAPES

EXAMPLES = {
    "credit_code": "91321302MA0000015C",
    "citizen_number": "321302199003070019",
    "name": "李晓梅",
    "unit_name": "宿迁市云杉软件有限公司",
    "phone": "13800000000",
    "physical_code": "3213020000001",
    "seal_code": "32130200000001",
    "serial": "SD-0001",
    "nonce": "0123456789abcdef" * 2,
    "secret": "MHkCAQ" * 12 + "==",
}


def filled(kind: str, subtype: str) -> dict[str, Any]:
    """A body that has all that the form asks for."""
    body: dict[str, Any] = {"kind": kind, "seal": {"subtype": subtype}}
    wanted = form(kind, subtype)
    assert wanted is not None
    for field in wanted.fields:
        place = body
        *folders, name = field.name.split(".")
        for folder in folders:
            place = place.setdefault(folder, {})
        place[name] = field.choices[0] if field.choices else EXAMPLES[field.check]
    body["proof"] = {"kind": wanted.proofs[0]}
    return body


FORMS = [(kind, subtype) for kind in APPLICATIONS for subtype in subtypes()]


@pytest.mark.parametrize(("kind", "subtype"), FORMS)
def test_a_filled_form_is_right_and_each_required_field_is_missed(kind: str, subtype: str) -> None:
    assert problems(filled(kind, subtype)) == {}
    wanted = form(kind, subtype)
    assert wanted is not None
    for field in wanted.fields:
        body = filled(kind, subtype)
        place = body
        *folders, name = field.name.split(".")
        for folder in folders:
            place = place[folder]
        del place[name]
        assert problems(body) == ({field.name: "missing"} if field.required else {})
        place[name] = "\n"
        assert problems(body) == ({field.name: "missing"} if field.required else {})
        place[name] = "不\n对" * 30
        assert problems(body) == {field.name: "invalid"}


def test_there_is_no_form_for_the_platforms_own_seal_or_for_what_is_unknown() -> None:
    for kind, subtype in (("issue", PLATFORMS_OWN), ("issue", "royal"), ("steal", "official")):
        assert form(kind, subtype) is None
        assert problems({"kind": kind, "seal": {"subtype": subtype}})
    assert problems({})
    assert problems({"kind": ["issue"], "seal": "official"})


def test_a_person_needs_no_enterprise_and_an_enterprise_chooses_no_shape() -> None:
    personal = filled("issue", "personal")
    assert "enterprise" not in personal
    surplus = personal | {"enterprise": filled("issue", "official")["enterprise"]}
    assert set(problems(surplus).values()) == {"surplus"}
    company = filled("issue", "official")
    company["seal"]["shape"] = "round"
    assert problems(company) == {"seal.shape": "surplus"}
    company["seal"] = {"subtype": "official"}
    company["proof"] = {"kind": "personal"}
    assert problems(company) == {"proof.kind": "invalid"}


def test_who_cancels_an_enterprises_seal_sends_a_sealed_request_and_a_telephone_number() -> None:
    for subtype in subtypes():
        wanted = form("cancel", subtype)
        assert wanted is not None
        own = KINDS[subtype].family == PERSONAL
        assert wanted.materials == (() if own else ("request",))
        (phone,) = [field for field in wanted.fields if field.name == "handler.phone"]
        assert phone.required


def test_every_kind_has_a_size_and_a_code() -> None:
    assert set(PERSONAL_SIZES) == set(SHAPES)
    for kind in KINDS.values():
        assert kind.shape in SHAPES
        assert 15 <= min(kind.width_mm, kind.height_mm) <= max(kind.width_mm, kind.height_mm) <= 50
        assert kind.type_code in (0, 1, 2, 3, 4, 5, 6, 99)
    assert set(CAUSES) == {"reissue", "cancel"}


def test_check_digits_are_looked_at() -> None:
    wanted = form("issue", "official")
    assert wanted is not None
    fields = {field.name: field for field in wanted.fields}
    assert wrong(fields["enterprise.uscc"], "91321302MA0000015D") == "invalid"
    assert wrong(fields["handler.id_no"], "321302199003070012") == "invalid"
