"""Approvals, phones and grants, as they stand in tickets and in copies of seals.

Malformed or what somebody has signed, nothing else: whatever is read has one form, and the same
bytes inside evidence, a ticket and a judgement raise nothing.
"""

import json
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache

from crypto.asn1 import der
from crypto.seal.approver_key import ApproverKey
from crypto.seal.grant import Grant, GrantError, SignedGrant
from crypto.seal.phone import Binding, LossReport, PairingProof, PhoneError, PhoneSignature
from crypto.seal.purpose_text import PurposeText, PurposeTextError
from crypto.seal.statement import Leave, SignedStatement
from crypto.seal.use_approval import (
    ApprovalError,
    SignedApproval,
    SignedRequest,
    UseApproval,
    UseEvidence,
    UseRequest,
)
from crypto.seal.use_policy import PolicyError, SignedPolicy, UsePolicy
from crypto.validation.approval_check import OF_APPROVALS, Used, check_approvals
from tests.crypto.asn1.der_edits import operate
from tests.world.approvals import Company, by_phone
from tests.world.authorities import Authorities
from tests.world.grants import Lent

_TEXTS: tuple[type[PurposeText], ...] = (
    *(UseRequest, UseApproval, Binding, PairingProof, LossReport, ApproverKey),
)


@cache
def _company() -> Company:
    return Company()


@cache
def seeds() -> Sequence[bytes]:
    company, lent = _company(), Lent(Authorities())
    phone = by_phone(company, company.approvers[0])
    proof = der.parse(phone.token).children(der.SEQUENCE)
    proof.octets(), proof.boolean()
    signature = proof.octets()
    evidence = company.evidence([phone, *company.approved(company.approvers[1])])
    return [
        evidence.encode(),
        company.policy.token,
        company.policy.policy.encode(),
        company.request.token,
        company.request.request.encode(),
        phone.token,
        phone.approval.encode(),
        signature,
        PhoneSignature.parse(signature).binding.encode(),
        lent.grant.token,
        lent.grant.grant.encode(),
    ]


def examine(data: bytes) -> None:
    """As each of the parts, and as the evidence in a ticket that the platform has signed."""
    for text in _TEXTS:
        with suppress(PurposeTextError):
            assert text.parse(data).encode() == data
    with suppress(PolicyError):
        assert UsePolicy.parse(data).encode() == data
    with suppress(GrantError):
        assert Grant.parse(data).encode() == data
    with suppress(PolicyError):
        _known(SignedPolicy.parse(data).token)
    with suppress(GrantError):
        _known(SignedGrant.parse(data).token)
    with suppress(ApprovalError):
        _known(SignedRequest.parse(data).token)
    with suppress(ApprovalError):
        _known(SignedApproval.parse(data).token)
    with suppress(PhoneError):
        _known(PhoneSignature.parse(data).encode())
    with suppress(ApprovalError):
        assert UseEvidence.parse(data).encode() == data
    _judge(data[:40_000])


def _known(token: bytes) -> None:
    """What is signed holds only if it was signed: its texts are those of the seeds."""
    texts = [der.parse(each).children().octets() for each in seeds() if each[:1] == b"\x30"]
    assert der.parse(token).children().octets() in texts


def _judge(evidence: bytes) -> None:
    company = _company()
    leave = Leave(approval=company.request.request.request, evidence=evidence)
    ticket = company.authorities.statement(company.requester, leave=leave)
    used = Used("宿迁市测试单位", "32130000000017", "宿迁市测试单位", company.requester.certificate)
    found, request = check_approvals(
        SignedStatement.parse(ticket.token), used, company.authorities.trust
    )
    codes = {each.code for each in found}
    assert all(each.text("zh_CN") and each.text("en") for each in found)
    if request is None:
        assert not codes & OF_APPROVALS
    else:
        assert request == company.request.request


def change(data: bytes, dice: random.Random) -> bytes:
    if data[:1] == b"\x30":
        return operate(data, dice)
    if data[:1] == b"{":
        return _change_json(data, dice)
    lines = data.split(b"\n")
    at = dice.randrange(len(lines))
    edits: Sequence[Callable[[], None]] = (
        lambda: lines.insert(at, dice.choice(lines)),
        lambda: lines.pop(at),
        lambda: lines.__setitem__(at, lines[at] + dice.choice(_ENDS)),
        lambda: lines.__setitem__(at, lines[at].split(b": ")[0] + b": " + dice.choice(_VALUES)),
    )
    dice.choice(edits)()
    return b"\n".join(lines)


_ENDS = (b" ", b"\r", b"\0", b"9", "\u202e".encode(), "\u3164".encode(), b"\xff", b": ")
_VALUES = (
    *(b"", b"0", b"-1", b"9" * 600, b"9999-12-31T23:59:59Z", b"0001-01-01T00:00:00Z", b"*"),
    *(b"0" * 64, b"0" * 128, b"https://x", b"http://[::1]", b"approve", b"synced"),
)


def _change_json(data: bytes, dice: random.Random) -> bytes:
    body = json.loads(data)
    key = dice.choice(sorted(body))
    values = (
        "",
        "x" * 200,
        0,
        -1,
        1e300,
        True,
        None,
        [],
        [["a", "b", "c"]],
        {},
        "\u202e",
        "9" * 14,
    )
    body[key] = dice.choice(values)
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
