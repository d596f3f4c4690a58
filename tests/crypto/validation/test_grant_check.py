"""What the file alone says of a use under a grant, and what only the platform can say."""

import copy
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crypto.algorithms.gm import sm3
from crypto.pki.certificate import OCSP_SIGNING, SERVER_AUTH, TIME_STAMPING
from crypto.pki.certificate_making import make_crl
from crypto.pki.revocation_list import Crl
from crypto.pki.timestamp import make_token
from crypto.seal.grant import GRANT, Grant, GrantError, Scope, SignedGrant
from crypto.seal.making import add_timestamp, make_signature
from crypto.seal.statement import STAPLE, SealChange
from crypto.seal.structure import Extension, SealError, SealSignature
from crypto.validation.seal_check import check_signature
from crypto.validation.trust import Trust
from crypto.verdict import Finding, Verdict, verdict_of
from tests.world.authorities import CODE, NOW, Authorities
from tests.world.authority import make_root
from tests.world.grants import COPY, DAY, DIGEST, Lent, signed, signed_grant

LATER = NOW + timedelta(minutes=5)
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def lent() -> Lent:
    return Lent(Authorities())


def judged(
    lent: Lent, value: SealSignature, trust: Trust | None = None, now: datetime = LATER
) -> dict[str, Finding]:
    found = check_signature(value, DIGEST, trust or lent.authorities.trust, now).findings
    return {finding.code: finding for finding in found}


def verdict(found: dict[str, Finding]) -> Verdict:
    return verdict_of(found.values())


def test_the_file_alone_says_who_by_whose_grant_for_what_until_when(lent: Lent) -> None:
    found = judged(lent, lent.use(lent.leave(2)))
    assert verdict(found) is Verdict.VALID
    shown = found["grant_holds"].text("en")
    for word in ("王小明", "宿迁市测试单位", CODE, "2026-12-02 17:00:00 +08:00"):
        assert word in shown
    assert "use 2 of 3" in found["grant_use"].text("en")
    scope = found["grant_in_scope"].text("en")
    for word in ("合同、报价单", "某某公司", "08:00-18:00"):
        assert word in scope
    assert "王小明" in found["grant_holds"].text("zh_CN")


def test_without_leave_nothing_is_authorised(lent: Lent) -> None:
    found = judged(lent, lent.use(b""))
    assert "grant_no_leave" in found
    assert verdict(found) is Verdict.INVALID


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"document_digest": sm3(b"another document")}, "grant_leave_foreign"),
        ({"seal_code": CODE}, "grant_leave_foreign"),
        ({"certificate_serial": 7}, "grant_leave_foreign"),
        ({"grant_sm3": sm3(b"another grant").hex()}, "grant_leave_foreign"),
        ({"use": 4}, "grant_exceeded"),
        ({"use": 0}, "grant_exceeded"),
        ({"kind": "保函"}, "grant_outside_kind"),
        ({"counterparty": "别的公司"}, "grant_outside_counterparty"),
        ({"issued_at": NOW + 3 * HOUR}, "grant_outside_hours"),
        ({"issued_at": NOW + 10 * DAY}, "grant_term_over"),
    ],
)
def test_a_leave_for_something_else_proves_the_use_wrong(
    lent: Lent, changes: dict[str, object], code: str
) -> None:
    at = changes.get("issued_at", NOW)
    assert isinstance(at, datetime)
    found = judged(lent, lent.use(lent.leave(**changes), at=at), now=at + HOUR)
    assert code in found
    assert verdict(found) is Verdict.INVALID


def test_a_leave_of_nobody_known_proves_nothing(lent: Lent) -> None:
    stranger = make_root("another platform").key_for(
        "状态", usage=("digitalSignature",), extended_key_usage=(OCSP_SIGNING,)
    )
    found = judged(lent, lent.use(lent.leave(key=stranger)))
    assert "grant_leave_unproved" in found
    assert verdict(found) is Verdict.UNKNOWN


def test_bytes_that_are_no_leave_are_none(lent: Lent) -> None:
    assert "grant_leave_foreign" in judged(lent, lent.use(b"\x30\x00"))


def test_after_the_term_the_copy_itself_is_over(lent: Lent) -> None:
    at = NOW + 10 * DAY
    found = judged(lent, lent.use(lent.leave(issued_at=at), at=at), now=at + HOUR)
    assert "seal_not_valid_at_signing" in found


def test_nobody_but_the_grantee_can_use_the_copy(lent: Lent) -> None:
    other = lent.authorities.holder("别人")
    with pytest.raises(SealError, match="not in the seal's list"):
        lent.use(lent.leave(), key=other)


def test_a_grant_of_another_copy_does_not_serve(lent: Lent) -> None:
    """The grantee has two grants, and takes the leave of the wide one for the narrow copy."""
    narrow = signed_grant(lent.grantor, max_uses=1, nonce="another")
    found = judged(lent, lent.use(lent.leave(3), seal=lent.copy(narrow)))
    assert "grant_leave_foreign" in found


def test_an_edited_grant_is_no_grant(lent: Lent) -> None:
    edited = lent.grant.token.replace(b'"max_uses":3', b'"max_uses":9')
    assert edited != lent.grant.token
    with pytest.raises(GrantError, match="not this grant"):
        SignedGrant.parse(edited)
    copy = lent.copy(extensions=[Extension(GRANT, False, edited)])
    found = judged(lent, lent.use(lent.leave(), seal=copy))
    assert "grant_invalid" in found
    assert verdict(found) is Verdict.INVALID


def test_a_copy_that_outlives_its_grant_is_refused(lent: Lent) -> None:
    copy = lent.copy(valid_until=NOW + 20 * DAY)
    assert "grant_invalid" in judged(lent, lent.use(lent.leave(), seal=copy))


def test_a_copy_with_two_grants_is_refused(lent: Lent) -> None:
    extension = Extension(GRANT, False, lent.grant.token)
    copy = lent.copy(extensions=[extension, extension])
    assert "grant_invalid" in judged(lent, lent.use(lent.leave(), seal=copy))


def test_a_grant_signed_by_nobody_known_is_unproved(lent: Lent) -> None:
    stranger = make_root("elsewhere").key_for("谁", usage=("digitalSignature",))
    grant = signed_grant(stranger, holder="谁")
    token = lent.leave(grant_sm3=grant.terms_sm3)
    found = judged(lent, lent.use(token, seal=lent.copy(grant)))
    assert "grant_unproved" in found
    assert verdict(found) is Verdict.UNKNOWN


def test_nobody_lends_the_seal_of_another_company(lent: Lent) -> None:
    """Though the maker was careless and the grantor's certificate is a good one."""
    grant = signed_grant(lent.keeper_of("另一家公司"))
    token = lent.leave(grant_sm3=grant.terms_sm3)
    found = judged(lent, lent.use(token, seal=lent.copy(grant)))
    assert "grant_foreign_grantor" in found
    assert "另一家公司" in found["grant_foreign_grantor"].text("zh_CN")
    assert verdict(found) is Verdict.INVALID


def test_approval_where_it_is_asked_for(lent: Lent) -> None:
    grant = signed_grant(lent.grantor, approval=True)
    copy = lent.copy(grant)
    without = judged(lent, lent.use(lent.leave(grant_sm3=grant.terms_sm3), seal=copy))
    assert "grant_unapproved" in without
    assert verdict(without) is Verdict.INVALID
    token = lent.leave(grant_sm3=grant.terms_sm3, approval="法定代表人")
    found = judged(lent, lent.use(token, seal=copy))
    assert "法定代表人" in found["grant_approved"].text()
    assert verdict(found) is Verdict.VALID


def test_a_grant_of_another_seal_is_none_of_this_copy(lent: Lent) -> None:
    """grant_foreign_seal: the copy is called otherwise, or lent by itself."""
    for grant, seal in (
        (signed_grant(lent.grantor, seal_name="测试专用章"), None),
        (signed_grant(lent.grantor, seal_code=COPY), None),
        (lent.grant, lent.copy(name="测试专用章")),
    ):
        token = lent.leave(grant_sm3=grant.terms_sm3)
        found = judged(lent, lent.use(token, seal=seal or lent.copy(grant)))
        assert "grant_foreign_seal" in found
        assert "grant_holds" not in found
        assert verdict(found) is Verdict.INVALID


def test_a_grant_for_one_certificate_serves_no_other(lent: Lent) -> None:
    """grant_foreign_grantee."""

    def found(digest: bytes) -> dict[str, Finding]:
        grant = signed_grant(lent.grantor, grantee_by="certificate", grantee_sm3=digest.hex())
        token = lent.leave(grant_sm3=grant.terms_sm3)
        return judged(lent, lent.use(token, seal=lent.copy(grant)))

    assert verdict(found(sm3(lent.grantee.certificate))) is Verdict.VALID
    other = found(sm3(lent.grantor.certificate))
    assert "grant_foreign_grantee" in other
    assert verdict(other) is Verdict.INVALID


def test_a_grantor_whose_certificate_was_revoked_grants_nothing(lent: Lent) -> None:
    authority = lent.authorities.authority

    def found(at: datetime) -> dict[str, Finding]:
        listed = make_crl(
            issuer=authority.name,
            issuer_key=authority.key,
            authority_spki=authority.key.spki,
            number=1,
            this_update=NOW,
            next_update=NOW + DAY,
            entries=[(lent.grant.certificate.serial, at, 1)],
        )
        trust = replace(lent.authorities.trust, crls=(Crl.parse(listed),))
        return judged(lent, lent.use(lent.leave()), trust)

    assert "grant_invalid" in found(lent.grant.signed_at - HOUR)
    assert "grant_holds" in found(lent.grant.signed_at + HOUR)


# ---------------------------------------------------------------- withdrawal


def withdrawn(lent: Lent, at: datetime, reason: str = "grant_withdrawn") -> Trust:
    change = SealChange(COPY, "cancelled", reason, at, at)
    return replace(lent.authorities.trust, changes=(change,))


def stamped(lent: Lent, value: SealSignature, at: datetime) -> SealSignature:
    """The value with a time stamp over it."""
    key = lent.authorities.certified("时间戳", ("digitalSignature",), TIME_STAMPING)
    token = make_token(
        key=key,
        hash_name="sm3",
        digest=sm3(value.signature),
        policy="2.25.4711",
        serial=1,
        generated=at,
    )
    return SealSignature.parse(add_timestamp(value.der, token))


def test_a_time_stamp_tells_what_was_sealed_before_a_withdrawal(lent: Lent) -> None:
    ended = NOW + timedelta(minutes=1)
    trust, value = withdrawn(lent, ended), lent.use(lent.leave(), at=NOW)
    before = judged(lent, stamped(lent, value, NOW + timedelta(seconds=20)), trust)
    assert "status_changed_since" in before
    assert verdict(before) is Verdict.VALID
    after = judged(lent, stamped(lent, value, NOW + timedelta(minutes=2)), trust)
    assert "status_not_active" in after
    assert verdict(after) is Verdict.INVALID


def test_withdrawn_after_the_leave_without_a_time_stamp_is_not_proved(lent: Lent) -> None:
    value = lent.use(lent.leave(), at=NOW + timedelta(seconds=10))
    found = judged(lent, value, withdrawn(lent, NOW + timedelta(minutes=1)))
    assert "grant_end_unproven" in found
    assert verdict(found) is Verdict.UNKNOWN
    new = judged(lent, value, withdrawn(lent, NOW + timedelta(minutes=1), "legal_rep_changed"))
    assert "grant_end_unproven" in new


def test_used_after_the_withdrawal_is_invalid(lent: Lent) -> None:
    value = lent.use(lent.leave(), at=NOW + timedelta(minutes=2))
    found = judged(lent, value, withdrawn(lent, NOW + timedelta(minutes=1)))
    assert "grant_used_after_end" in found
    assert verdict(found) is Verdict.INVALID


def test_the_platforms_present_word_tells_of_a_withdrawal_too(lent: Lent) -> None:
    ended = NOW + timedelta(minutes=1)
    said = lent.statement(
        state="cancelled",
        reason="grant_withdrawn",
        effective_at=ended,
        recorded_at=ended,
        issued_at=NOW + timedelta(minutes=3),
    )
    trust = replace(lent.authorities.trust, statements=(said,))
    assert "grant_end_unproven" in judged(lent, lent.use(lent.leave(), at=NOW), trust)
    late = judged(lent, lent.use(lent.leave(), at=NOW + timedelta(minutes=2)), trust)
    assert "grant_used_after_end" in late


def test_a_leave_after_the_withdrawal_is_of_no_use(lent: Lent) -> None:
    found = judged(lent, lent.use(lent.leave()), withdrawn(lent, NOW - timedelta(minutes=1)))
    assert "status_not_active" in found
    assert verdict(found) is Verdict.INVALID


def test_the_last_use_of_a_grant_stays_good(lent: Lent) -> None:
    """Every leave within the number is within it, whatever came after."""
    end = withdrawn(lent, NOW + timedelta(milliseconds=1), "grant_exhausted")
    found = judged(lent, lent.use(lent.leave(3)), end)
    assert "status_changed_since" in found
    assert verdict(found) is Verdict.VALID


@pytest.mark.parametrize(
    "facts",
    [
        {"extended_key_usage": (SERVER_AUTH,)},
        {"usage": ("keyEncipherment",)},
        {"usage": ("keyCertSign",), "extended_key_usage": (), "ca": True},
    ],
)
def test_a_certificate_that_speaks_for_nobody_grants_nothing(
    lent: Lent, facts: dict[str, Any]
) -> None:
    """One for servers, for encrypting, for issuing: whoever has its key is no keeper of a seal."""
    options = {"usage": ("digitalSignature",), "organization": "宿迁市测试单位"} | facts
    grantor = lent.authorities.authority.key_for(CODE, **options)
    other = copy.copy(lent)
    other.grant = signed_grant(grantor)
    found = judged(other, other.use(other.leave()))
    assert "grant_unproved" in found
    assert verdict(found) is Verdict.UNKNOWN


def test_a_grant_that_was_signed_after_the_use_allowed_nothing(lent: Lent) -> None:
    other = copy.copy(lent)
    other.grant = signed(lent.grant.grant, lent.grantor, at=(NOW + timedelta(hours=1)).isoformat())
    found = judged(other, other.use(other.leave()))
    assert found["grant_invalid"].details == {"reason": "it was signed after the use"}
    assert verdict(found) is Verdict.INVALID


def test_what_a_seal_demands_to_be_understood_leaves_it_unknown(lent: Lent) -> None:
    grant = Extension(GRANT, True, lent.grant.token)
    strange = Extension("1.2.156.1", True, b"\x05\0")
    passed_over = Extension("1.2.156.1", False, b"\x05\0")
    good = lent.use(lent.leave(), seal=lent.copy(extensions=[grant, passed_over]))
    assert verdict(judged(lent, good)) is Verdict.VALID
    odd = lent.use(lent.leave(), seal=lent.copy(extensions=[grant, strange]))
    found = judged(lent, odd)
    assert found["extension_critical"].details == {"kind": "1.2.156.1"}
    assert verdict(found) is Verdict.UNKNOWN
    value = make_signature(
        seal=lent.copy(),
        digest=DIGEST,
        property_info="PDF;ByteRange=[0,1,2,3]",
        signed_at=NOW + timedelta(minutes=1),
        key=lent.grantee,
        extensions=[Extension(STAPLE, True, lent.leave()), strange],
    )
    assert verdict(judged(lent, SealSignature.parse(value))) is Verdict.UNKNOWN


# ---------------------------------------------------------------- leases


def lease(lent: Lent, **changes: object) -> bytes:
    facts = {"document_digest": None, "lease": "lease_1", "until": NOW + DAY}
    return lent.leave(**facts | changes)


def test_under_a_lease_the_file_alone_does_not_prove_it(lent: Lent) -> None:
    found = judged(lent, lent.use(lease(lent)))
    assert "grant_lease_unconfirmed" in found
    assert verdict(found) is Verdict.UNKNOWN


def test_the_platforms_word_confirms_a_use_under_a_lease(lent: Lent) -> None:
    said = lent.statement(issued_at=NOW + timedelta(minutes=3))
    trust = replace(lent.authorities.trust, statements=(said,))
    found = judged(lent, lent.use(lease(lent)), trust)
    assert "grant_under_lease" in found
    assert verdict(found) is Verdict.VALID


def test_a_use_under_a_lease_before_a_withdrawal_stays_unproved(lent: Lent) -> None:
    found = judged(lent, lent.use(lease(lent)), withdrawn(lent, NOW + timedelta(minutes=2)))
    assert "status_changed_unproven" in found
    assert verdict(found) is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("at", "code"),
    [
        (NOW + 2 * DAY, "grant_lease_over"),
        (NOW - HOUR, "grant_before_lease"),
    ],
)
def test_a_use_outside_its_lease_is_invalid(lent: Lent, at: datetime, code: str) -> None:
    found = judged(lent, lent.use(lease(lent), at=at), now=NOW + 3 * DAY)
    assert code in found
    assert verdict(found) is Verdict.INVALID


def test_number_and_scope_hold_under_a_lease(lent: Lent) -> None:
    assert "grant_exceeded" in judged(lent, lent.use(lease(lent, use=4)))
    assert "grant_outside_kind" in judged(lent, lent.use(lease(lent, kind="保函")))


# ---------------------------------------------------------------- the terms


def test_terms_are_read_back_and_have_one_form(lent: Lent) -> None:
    terms = lent.grant.grant.encode()
    assert Grant.parse(terms) == lent.grant.grant
    for other in (terms + b" ", terms.replace(b'"seal-grant-v1"', b'"seal-grant-v2"'), b"{}", b"["):
        with pytest.raises(GrantError):
            Grant.parse(other)


def test_terms_without_a_type_and_times_at_the_end_of_all_time_are_refused(lent: Lent) -> None:
    terms = json.loads(lent.grant.grant.encode())
    for body in ({k: v for k, v in terms.items() if k != "type"}, terms | {"type": "other"}, [1]):
        with pytest.raises(GrantError):
            Grant.parse(json.dumps(body).encode())
    for at in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"):
        with pytest.raises(GrantError, match="no time"):
            signed(lent.grant.grant, lent.grantor, at=at)


@pytest.mark.parametrize(
    "changes",
    [
        {"seal_code": "1"},
        {"grantee": " "},
        {"grantee_by": "rumour"},
        {"grantee_sm3": "00"},
        {"valid_until": NOW - 2 * DAY},
        {"scope": Scope(hours="8-18")},
        {"max_uses": 1, "offline_quota": 2},
        {"grantee": "a\nb"},
        {"grantee": "\u3000\u0301"},
        {"holder": "\u3164"},
        {"grantee": "周文\u2800博"},
        {"scope": Scope(kinds=("合同", " "))},
        {"scope": Scope(counterparties=("",))},
        {"scope": Scope(kinds=tuple(map(str, range(21))))},
    ],
)
def test_terms_that_no_grant_may_have(lent: Lent, changes: dict[str, object]) -> None:
    with pytest.raises(GrantError):
        signed_grant(lent.grantor, **changes)


def test_hours_may_pass_midnight() -> None:
    night = Scope(hours="22:00-06:00")
    at = datetime(2026, 11, 30, 15, 30, tzinfo=UTC)  # 23:30 in Beijing
    assert night.why_not("", "", at) == ""
    assert night.why_not("", "", at + timedelta(hours=12)) == "hours"


def test_a_grant_is_signed_for_its_own_terms(lent: Lent) -> None:
    other = replace(lent.grant.grant, max_uses=9)
    made = signed(other, lent.grantor)
    assert made.grant.id != lent.grant.grant.id
    with pytest.raises(GrantError):
        SignedGrant.make(
            other.encode(), "SUQIAN-SEAL-INTENT-V2\n", lent.grantor.certificate, b"\x30\x00"
        )
