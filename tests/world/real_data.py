"""The made-up company as real ones are: long names, three seals of one name, awkward files.

The windows of a tidy world hide what does not fit; this one is for measuring and photographing.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pymupdf

from crypto.seal.grant import Scope
from crypto.verdict import Finding, Report
from tests.world.desk import NOW, Company, StandIn, authorities, stamped
from tests.world.documents import classic_pdf
from tests.world.grants import grant_record, signed_grant
from tests.world.reports import SIGNATURE, report

REGULATION = Path(__file__).parents[2] / "resources" / "demo" / "regulation.pdf"
COMPANY = "江苏宿迁市宿豫区云帆国际供应链管理与新能源技术服务（集团）股份有限公司第二分公司"
"""40 characters, as many as a business licence holds."""
SEALS = tuple(
    (f"3213020001{number:04}", "contract", 4, "合同专用章", COMPANY) for number in (12, 13, 21)
)
LONG_NAME = (
    "宿迁市宿豫区2026年第三季度工业厂房租赁及配套设施维修保养服务补充协议（双方盖章版）终稿2.pdf"
)
FILE_PASSWORD = "opensesame"


@cache
def long_company() -> Company:
    """The one of this process."""
    made = Company(authorities(), COMPANY, SEALS)
    # the last one ends in two weeks, the second is suspended: cards differ by more than a code
    first, second, third = made.seals
    made.seals = (
        first,
        replace(second, state="suspended", reason="印章遗失，正在核实"),
        third,
    )
    return made


@dataclass(frozen=True)
class Files:
    """What people send: paths in one folder."""

    contract: Path
    """An ordinary document under a long name."""
    encrypted: Path
    """Opens with :data:`FILE_PASSWORD`."""
    broken: Path
    """Cut off in the middle."""
    refused: Path
    """Its author forbids every change."""
    small_fault: Path
    """Can be stamped as a repaired copy."""
    sealed: Path
    changed: Path
    """Sealed, and altered afterwards."""


def files(context: StandIn, folder: Path) -> Files:
    """Make the files in *folder*."""
    folder.mkdir(parents=True, exist_ok=True)
    contract = Path(shutil.copy(REGULATION, folder / LONG_NAME))
    encrypted = folder / f"加密的{LONG_NAME}"
    refused = folder / f"不许改动的{LONG_NAME}"
    with pymupdf.open(REGULATION) as document:
        document.save(
            encrypted, encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw=FILE_PASSWORD, owner_pw="o"
        )
        document.save(refused, encryption=pymupdf.PDF_ENCRYPT_AES_256, owner_pw="o", permissions=0)
    broken = folder / f"传坏了的{LONG_NAME}"
    broken.write_bytes(REGULATION.read_bytes()[:40_000])
    small_fault = folder / f"邮件里的{LONG_NAME}"
    small_fault.write_bytes(b"X-Mailer: oa\r\n\r\n" + classic_pdf())
    sealed = stamped(context, contract, context.company.seals[0].code)
    changed = folder / f"被改动的{LONG_NAME}"
    data = bytearray(sealed.read_bytes())
    data[3000] ^= 1
    changed.write_bytes(data)
    return Files(contract, encrypted, broken, refused, small_fault, sealed, changed)


def lend(context: StandIn) -> None:
    """Grants in every state: long names, several kinds, a doubled number."""
    holder, code = context.company.holder, context.company.seals[0].code
    soon, day = NOW + timedelta(minutes=59), timedelta(days=1)
    whole = {"seal_code": code, "seal_name": COMPANY, "holder": COMPANY, "valid_from": NOW - day}
    kinds = ("工业厂房租赁合同", "保养服务补充协议", "第三季度报价单", "验收单")
    parties = (COMPANY, f"{COMPANY}（筹）")
    scope = Scope(kinds, parties, "08:30-17:30")
    every: tuple[tuple[str, dict[str, Any], dict[str, Any]], ...] = (
        ("received", {"scope": scope, "valid_until": soon, "max_uses": 500}, {"used": 499}),
        ("received", {"scope": Scope(), "valid_until": NOW + 90 * day, "max_uses": 0}, {"used": 7}),
        ("given", {"scope": scope, "valid_until": NOW + 9 * day}, {"used": 2, "doubled": 2}),
        ("given", {"valid_until": NOW + 5 * day}, {"state": "offered", "code": "a1b2c3d4" * 3}),
        ("given", {}, {"state": "revoked", "reason": "legal_rep_changed", "seal_state": ""}),
    )
    for number, (side, terms, state) in enumerate(every):
        facts = {"grantee": f"{COMPANY}{number}", "valid_until": NOW + day, **whole, **terms}
        made = signed_grant(holder, nonce=f"{number:016}", **facts)
        context.keep_grant(grant_record(made, side, **state))


def notify(context: StandIn) -> None:
    """A notice of every kind, of two platforms, with long names; some were read."""
    from app.store.notices import ACTIONS

    facts = {
        "name": COMPANY,
        "seal_code": SEALS[0][0],
        "subtype": "contract",
        "business": "reissue",
        "reason": "physical_seal_cancelled",
        "sender": "market",
        "number": "宿市监〔2026〕0123456789 号",
        "action": "suspend",
        "date": "2026-12-31 08:30",
    }
    for number, kind in enumerate(ACTIONS):
        origin = f"https://seal{number % 2}.yunfan-international.example.gov.cn:8443"
        made = context.keep_notice(origin, kind, facts, NOW - timedelta(hours=7 * number))
        if number % 3 == 2:
            context.notices_read([made.id])


def apply(context: StandIn) -> None:
    """An application in every state, with a reviewer's remarks."""
    kept = context._cabinet.applications
    fields = {"enterprise": COMPANY, "uscc": "91321302MA27DEMO2X", "seal": "contract"}
    remarks = {"legal_rep": COMPANY, "letter": LONG_NAME}
    states = ("draft", "submitted", "in_review", "returned", "fulfilled", "rejected", "lapsed")
    for number, state in enumerate(states):
        kind = ("issue", "reissue", "renew", "cancel")[number % 4]
        made = kept.new(kind, fields, "https://seal.yunfan-international.example.gov.cn:8443")
        facts = {
            "state": state,
            "server_id": f"app_{number}",
            "next": {"submitted": "review", "returned": "correct"}.get(state, ""),
            "reason": "企业名称、法定代表人或经办人身份与登记信息不一致",
            "reasons": remarks if state == "returned" else {},
            "look_at": NOW + timedelta(days=3),
            "told": state,
        }
        kept.change(made.id, lambda each, facts=facts: replace(each, **facts))


def findings() -> tuple[Finding, ...]:
    """20 different ones, with long details."""
    from crypto.verdict import LEVELS

    details = {
        "name": COMPANY,
        "reason": "a1b2c3d4" * 8,
        "code": SEALS[0][0],
        "page": "3",
        "pages": "3、4、5、8、13、21、34",
        "fingerprint": "0123456789abcdef" * 4,
        "signer": f"CN={COMPANY},O={COMPANY},C=CN",
    }
    return tuple(Finding(code, details) for code in list(LEVELS)[:20])


def long_report() -> Report:
    """20 findings in one signature and 20 more on the file."""
    seal = SIGNATURE.seal
    assert seal is not None
    signature = replace(
        SIGNATURE,
        fields=(f"{COMPANY}-Seal-1",),
        seal=replace(seal, name=COMPANY, picture_sm3="0123456789abcdef" * 4),
        findings=findings(),
        times=replace(SIGNATURE.times, claimed=NOW - timedelta(days=1)),
    )
    return report(signature, findings=findings())
