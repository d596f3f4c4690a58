"""What is checked on the spot before an application leaves this computer."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.remote import application_form as form
from app.store.applications import ApplicationRecord
from app.store.cabinet import Cabinet
from crypto.seal import application_form as forms
from crypto.seal.application_form import APPLICATIONS
from tests.world.applicant import citizen_number, credit_code

FILLED = {
    "enterprise": "宿迁市云杉软件有限公司",
    "uscc": credit_code(),
    "legal_rep": "王建国",
    "handler": "李晓梅",
    "handler_id": citizen_number(),
    "phone": "13800000000",
    "seal": "official",
    "physical_code": "",
    "proof": "licence",
}


def record(**changes: str) -> ApplicationRecord:
    return Cabinet.in_memory().applications.new("issue", FILLED | changes, "https://seal.example")


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("enterprise", " ", "missing"),
        ("enterprise", "公司" * 21, "too_long"),
        ("enterprise", "宿迁\n公司", "control"),
        ("uscc", "91320000", "length"),
        ("handler_id", "321302199003070010", "check"),
        ("handler_id", "321302199013070018", "date"),
        ("phone", "打给我", "phone"),
        ("physical_code", "123", "digits13"),
        ("seal", "zodiac", "choice"),
        ("proof", "word", "choice"),
        ("proof", "", "missing"),
    ],
)
def test_a_slip_is_named(name: str, value: str, problem: str) -> None:
    assert list(form.problems(record(**{name: value}))) == [(name, problem)]


def test_a_form_without_slips_says_nothing_and_a_letter_must_be_there() -> None:
    assert list(form.problems(record())) == []
    assert list(form.problems(record(proof="letter"))) == [("letter", "missing")]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "empty"),
        (b"PK\3\4", "media"),
        (b"%PDF-" + bytes(10 << 20), "size"),
        (b"%PDF-1.7", ""),
        (b"\x89PNG\r\n\x1a\n", ""),
        (b"\xff\xd8\xff\xe0", ""),
    ],
)
def test_a_letter_is_a_pdf_or_a_picture_of_at_most_10_mb(content: bytes, problem: str) -> None:
    assert form.letter_problem(content) == problem


def test_what_was_sent_reads_back_as_what_was_typed() -> None:
    sent = replace(record(physical_code="3213020000001"), request=b"a request")
    kind, fields, request = form.read(form.body(sent))
    assert (kind, fields, request) == ("issue", dict(sent.fields), b"a request")


@pytest.mark.parametrize("kind", APPLICATIONS)
@pytest.mark.parametrize("seal", form.SEALS)
def test_every_form_is_what_the_platform_asks_for_and_reads_back(kind: str, seal: str) -> None:
    known = FILLED | {"code": "32130200000001", "department": "财务部", "holder": "王会计"}
    known |= {"token_serial": "VK0123456789ABCD", "token_certificate": "6b1f"}
    fields = {each.name: known.get(each.name, "") for each in form.asked(kind, seal)}
    fields |= {"seal": seal, "proof": form.proofs(kind, seal)[0]}
    for name in ("cause", "shape"):
        if name in fields:
            fields[name] = (form._choices(name, kind, seal) or ("",))[0]
    filled = Cabinet.in_memory().applications.new(kind, fields, "https://seal.example")
    told = [each for each in form.problems(filled) if each != ("letter", "missing")]
    assert told == []
    filled = replace(filled, request=b"a request", key=b"a key")
    body = json.loads(form.body(filled))
    beside = {"token.serial", "token.certificate_sn"}  # what nobody types
    assert set(forms.problems(body)) <= beside
    assert form.read(form.body(filled)) == (kind, fields, b"a request")
    if fields["proof"] in form.SIGNED:
        assert form.proof_lines(filled)[0] == form.SIGNED[fields["proof"]]
        assert not form.proof_signed(filled)


def test_a_reviewers_remark_finds_its_field() -> None:
    assert form.field_of("enterprise.legal_rep.name") == "legal_rep"
    assert form.field_of("materials.letter") == "letter"
    assert form.field_of("proof.kind") == "proof"
    assert form.field_of("unheard.of") == ""


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_a_body_that_is_none_is_refused(data: bytes) -> None:
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError)):
        form.read(data)
