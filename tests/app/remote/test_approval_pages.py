"""What an approver is shown of a request, who gets the key of its pages, and which policy counts:
against a platform that is not honest."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from PIL import Image

from app.errors import DecisionRefused, PlatformAnswerInvalid
from app.remote.approval.asking import _of_approver, _webp, _wrapped
from app.remote.approval.client import AskableApprover, PhoneKey, PlatformPolicy
from app.remote.approval.deciding import see
from app.remote.approval.setting import keep_policy
from app.store.cabinet import Cabinet, SealRecord
from app.store.use_requests import PolicyRecord, UseRequestRecord
from crypto.algorithms import gm
from crypto.algorithms.gm import sm3
from crypto.pki.certificate import Certificate
from crypto.rendering.page_pictures import decoded
from crypto.seal import preview
from crypto.seal.approver_key import ApproverKey, SignedApproverKey
from crypto.seal.purpose_text import write_time
from crypto.seal.use_approval import SignedRequest
from tests.world.approvals import ASKED, ORIGIN, Company, signed_policy
from tests.world.authorities import CODE, NOW
from tests.world.preview import drawn
from tests.world.soft_phone import SoftPhone, bound

SALT = b"salt of 16 bytes"


@pytest.fixture(scope="module")
def company() -> Company:
    return Company()


@pytest.fixture(scope="module")
def picture() -> bytes:
    return drawn("第一页")


@dataclass
class Platform:
    """What it tells is the test's."""

    origin: str = ORIGIN
    pages: list[bytes] = field(default_factory=list)

    def page(self, _: str, number: int) -> bytes:
        return self.pages[number]

    def require_known(self, *_: object) -> None:
        """Every certificate is."""


def shown(company: Company, pictures: list[bytes], facts: bytes, **changes: Any) -> Any:
    """What is seen of a request that its requester has signed with *changes*."""
    said = {"preview_sha256": preview.digest_of(pictures)} | changes
    request = company.asked(**said)
    key = preview.new_key()
    contents = [facts, *pictures] if facts else pictures
    pages = [
        preview.encrypt_page(key, request.sha256, number, content)
        for number, content in enumerate(contents)
    ]
    record = UseRequestRecord(
        id=request.request,
        side="asked",
        platform=ORIGIN,
        token=SignedRequest.make(request, company.requester).token,
        policy_token=company.policy.token,
        seal_id="seal_1",
        state="pending",
        reason="",
        requester=request.requester,
        used=0,
        pages=len(pages),
        evidence_size=1000,
        created_at=ASKED,
        changed_at=ASKED,
        answers_json="[]",
        wrapped={},
        certificate=company.approvers[0].certificate,
        key=key,
    )
    return see(Platform(pages=pages), {}, record)  # type: ignore[arg-type]


def facts(name: object) -> bytes:
    return json.dumps({"document_name": name, "salt": SALT.hex()}).encode()


def test_the_name_shown_is_the_one_that_was_signed(company: Company, picture: bytes) -> None:
    seen = shown(company, [picture], facts("采购合同.pdf"))
    assert (seen.document_name, seen.pictures) == ("采购合同.pdf", (picture,))
    hidden = "salted-sm3 " + sm3(SALT + "机密.pdf".encode()).hex()
    seen = shown(company, [picture], facts("机密.pdf"), document_name=hidden)
    assert seen.document_name == "机密.pdf"


@pytest.mark.parametrize("name", ["报价单.pdf", "", " ", "\u0301", 7, "a\u202efdp.exe", "a\ud800"])
def test_another_name_beside_the_pages_is_refused(
    company: Company, picture: bytes, name: object
) -> None:
    with pytest.raises(DecisionRefused):
        shown(company, [picture], facts(name))


@pytest.mark.parametrize("name", ["另一份.pdf", "机密\u200b.pdf"])
def test_a_name_that_is_not_the_hidden_one_or_cannot_be_seen_is_refused(
    company: Company, picture: bytes, name: str
) -> None:
    signed = "机密\u200b.pdf"
    hidden = "salted-sm3 " + sm3(SALT + signed.encode()).hex()
    with pytest.raises(DecisionRefused):
        shown(company, [picture], facts(name), document_name=hidden)


def test_facts_without_a_single_picture_are_no_pages(company: Company) -> None:
    with pytest.raises(DecisionRefused):
        shown(company, [], facts("采购合同.pdf"))
    with pytest.raises(DecisionRefused):
        shown(company, [], b"")  # a preview is named, and nothing is there
    assert shown(company, [], b"", preview_sha256="").pictures == ()


# --- keys ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "wrapped"),
    [
        ({}, 1),
        ({"seals": f"32130200010099 {CODE}"}, 1),
        ({"seals": "32130200010099"}, 0),
        ({"origin": "https://other.example", "rp_id": "other.example"}, 0),
        ({"until": "2020-01-02T00:00:00Z", "from_": "2020-01-01T00:00:00Z"}, 0),
        ({"from_": "2099-01-01T00:00:00Z", "until": "2099-02-01T00:00:00Z"}, 0),
    ],
)
def test_only_a_phone_that_could_approve_gets_the_key_of_the_pages(
    company: Company, changes: dict[str, str], wrapped: int
) -> None:
    ukey = company.approvers[0]
    binding = bound(SoftPhone(), ukey, **({"origin": ORIGIN, "rp_id": "seal.example"} | changes))
    text = binding.encode()
    phone = PhoneKey(text, ukey.sign(text))
    approver = AskableApprover(Certificate.parse(ukey.certificate), "active", (), (phone,))
    found = _of_approver(approver, preview.new_key(), company.asked(), NOW)
    assert len(found) == wrapped


def test_an_approver_whose_certificate_is_over_gets_no_key_of_the_pages(company: Company) -> None:
    ukey = company.approvers[0]
    public = gm.public_key_of(gm.generate_private_key()).hex()
    said = ApproverKey(
        ORIGIN, f"{Certificate.parse(ukey.certificate).serial:x}", public, write_time(NOW), "0" * 32
    )
    key = SignedApproverKey.make(said, ukey)
    for state, wrapped in (("active", 1), ("held", 0), ("revoked", 0), ("expired", 0)):
        approver = AskableApprover(Certificate.parse(ukey.certificate), state, (key,))
        told = PlatformPolicy(company.policy, (approver,))
        found = _wrapped(told, preview.new_key(), company.asked(), NOW, skip=())
        assert len(found) == wrapped, state


# --- policies ------------------------------------------------------------------------------------


@pytest.fixture
def seal(company: Company) -> SealRecord:
    return company.record()


def told(signed: Any) -> PlatformPolicy:
    return PlatformPolicy(signed)


def test_a_policy_that_another_company_has_signed_is_refused(
    company: Company, seal: SealRecord
) -> None:
    cabinet = Cabinet.in_memory()
    stranger = company.key("李四", "宿迁市别人有限公司")
    with pytest.raises(PlatformAnswerInvalid):
        keep_policy(Platform(), cabinet, seal, told(company.ruled(stranger)), NOW)  # type: ignore[arg-type]
    assert cabinet.policy("seal_1") is None
    keep_policy(Platform(), cabinet, seal, told(company.policy), NOW)  # type: ignore[arg-type]
    assert cabinet.policy("seal_1") is not None


def test_a_policy_under_a_personal_certificate_is_refused(
    company: Company, seal: SealRecord
) -> None:
    """As the platform does: the legal representative's own name is not the unit's."""
    person = company.key("李四", "")
    with pytest.raises(PlatformAnswerInvalid):
        keep_policy(Platform(), Cabinet.in_memory(), seal, told(company.ruled(person)), NOW)  # type: ignore[arg-type]


def test_a_policy_kept_by_an_earlier_version_that_none_may_have_now_stops_nothing(
    company: Company, seal: SealRecord
) -> None:
    """Approvals with offline use were taken once."""
    body = json.loads(company.policy.policy.encode()) | {"offline": True}
    terms = json.dumps(body, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
    token = company.policy.token.replace(company.policy.policy.encode(), terms)
    old = PolicyRecord("seal_1", ORIGIN, token, NOW)
    assert (old.policy, old.unreadable, old.needs_approval, old.allows_offline) == (
        *(None, True, False, False),
    )
    cabinet = Cabinet.in_memory()
    cabinet.keep_policy(old)
    kept = keep_policy(Platform(), cabinet, seal, told(company.policy), NOW)  # type: ignore[arg-type]
    assert kept.needs_approval


def test_an_earlier_policy_does_not_come_back(company: Company, seal: SealRecord) -> None:
    cabinet, platform = Cabinet.in_memory(), Platform()
    policy = company.policy.policy
    later = signed_policy(
        replace(policy, needed=1), company.keeper, at=(ASKED - timedelta(hours=1)).isoformat()
    )
    for signed in (company.policy, later, later):
        keep_policy(platform, cabinet, seal, told(signed), NOW)  # type: ignore[arg-type]
    for back in (company.policy, None):
        with pytest.raises(PlatformAnswerInvalid):
            keep_policy(platform, cabinet, seal, told(back), datetime.now(UTC))  # type: ignore[arg-type]
    kept = cabinet.policy("seal_1")
    assert kept is not None
    assert kept.token == later.token
    # the same platform's seal under another address begins anew
    elsewhere = Platform("https://other.example")
    keep_policy(elsewhere, cabinet, seal, told(company.policy), NOW)  # type: ignore[arg-type]


# --- what the requester sends --------------------------------------------------------------------


def test_a_large_page_is_sent_small_enough_to_be_drawn() -> None:
    """An A0 page at the resolution of the pictures; a strip keeps its form."""
    for size in ((3642, 5150), (30_000, 400)):
        png = io.BytesIO()
        Image.new("L", size, 255).save(png, "PNG", compress_level=1)
        picture, pixels = _webp(png.getvalue())
        drawing = decoded(picture)
        assert drawing is not None
        assert drawing.width * drawing.height == pixels <= preview.MAX_PIXELS
        assert abs(drawing.width / drawing.height / (size[0] / size[1]) - 1) < 0.01
