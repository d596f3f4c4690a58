"""Approvals as the window sees them, without Ukey and platform."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pymupdf
from PIL import Image

from app.remote.approval.client import Candidate
from app.remote.approval.deciding import Shown
from app.store.use_requests import PolicyRecord, UseRequestRecord
from crypto.algorithms.gm import sm3
from crypto.algorithms.keys import SoftKey
from crypto.pki.certificate import DOCUMENT_SIGNING, Certificate
from crypto.rendering.page_pictures import decoded
from crypto.seal.purpose_text import write_time
from crypto.seal.use_approval import SignedRequest, UseRequest
from crypto.seal.use_policy import Approver, UsePolicy
from device.token import PinIncorrect
from tests.world.approvals import signed_policy
from tests.world.documents import DEMO_PDF

if TYPE_CHECKING:
    from app.remote.approval.asking import UseWish
    from app.remote.approval.setting import PolicyWish
    from app.store.cabinet import SealRecord
    from tests.world.desk import Company

ORIGIN = "https://seal.suqian.example"
PEOPLE = (("沈立", "法定代表人"), ("韩雪", "财务负责人"), ("顾明远", "法务负责人"))


@cache
def pictures(pages: int = 2) -> tuple[bytes, ...]:
    """The first pages of the bundled document, WebP."""
    found = []
    with pymupdf.open(DEMO_PDF) as document:
        for number in range(min(pages, document.page_count)):
            png = document[number].get_pixmap(dpi=110).tobytes("png")
            written = io.BytesIO()
            Image.open(io.BytesIO(png)).convert("RGB").save(written, "WEBP", quality=80)
            found.append(written.getvalue())
    return tuple(found)


@cache
def seen(name: str, sent: tuple[bytes, ...]) -> Shown:
    """Without a process: these pictures are the tests' own. A desk of every window has some."""
    return Shown(name, sent, tuple(decoded(each) for each in sent))


@cache
def _key(company: Company, name: str) -> SoftKey:
    usage = ("digitalSignature", "nonRepudiation")
    enterprise = company.seals[0].enterprise
    return company.authorities.certified(name, usage, DOCUMENT_SIGNING, enterprise)


class StandInApprovals:
    """:attr:`kept`: the requests; :attr:`rules`: the policies."""

    def __init__(self, company: Company) -> None:
        self.company = company
        self.keys = [_key(company, name) for name, _ in PEOPLE]
        self.kept: list[UseRequestRecord] = []
        self.rules: list[PolicyRecord] = []
        self.shown: Shown | None = seen("采购合同.pdf", pictures())
        self.said: list[tuple[str, str, str]] = []
        """(request, decision, reason)"""
        self.wishes: list[Any] = []
        self.threads: set[str] = set()

    @property
    def seal(self) -> SealRecord:
        """The one that is used with approvals."""
        seals = self.company.seals
        return next((each for each in seals if each.subtype == "official"), seals[0])

    def fill(self) -> None:
        """A desk on which everything happens: asked, answered, waiting, over."""
        theirs = replace(
            self.rule(1, seal_code="32130000000777", seal_name="财务专用章"), seal_id="theirs"
        )
        self.rules = [self.rule(2), theirs]
        now = datetime.now(UTC)
        self.kept = [
            self.request("asked", "工业厂房租赁合同（2026 年第 17 号）.pdf", hours=1),
            self.request("asked", "设备采购合同.pdf", hours=5, answers=("approve", "", "")),
            self.request("mine", "保养服务补充协议.pdf", hours=2, answers=("approve", "", "")),
            self.request("mine", "报价单.pdf", "rejected", 40, ("approve", "reject", "")),
            self.request("mine", "年度框架协议.pdf", "used", 90, ("approve", "approve", "")),
        ]
        assert self.kept[0].state_at(now) == "pending"

    def rule(self, needed: int, **changes: Any) -> PolicyRecord:
        seal = self.seal
        listed = tuple(
            Approver(name, role, sm3(key.certificate).hex())
            for (name, role), key in zip(PEOPLE, self.keys, strict=True)
        )
        facts: dict[str, Any] = {
            "seal_code": seal.code,
            "seal_name": seal.name,
            "holder": seal.enterprise,
            "approvers": listed if needed else (),
            "needed": needed,
            "offline": False,
            "keeper": "综合管理部",
            "nonce": "00",
        }
        signed = signed_policy(UsePolicy(**facts | changes), self.company.holder, ORIGIN)
        return PolicyRecord(seal.id, ORIGIN, signed.token, datetime.now(UTC))

    def request(
        self,
        side: str,
        name: str,
        state: str = "pending",
        hours: int = 1,
        answers: Sequence[str] = ("", "", ""),
        **changes: Any,
    ) -> UseRequestRecord:
        seal, rule = self.seal, self.rules[0]
        asked_at = datetime.now(UTC) - timedelta(hours=hours)
        requester = self.company.holder if side == "mine" else _key(self.company, "赵六")
        assert rule.policy is not None
        facts: dict[str, Any] = {
            "origin": ORIGIN,
            "request": f"request_{sm3(name.encode()).hex()[:24]}",
            "enterprise": seal.enterprise,
            "seal": seal.code,
            "seal_name": seal.name,
            "requester": "赵六" if side == "asked" else "李晓梅",
            "requester_cert": sm3(requester.certificate).hex(),
            "grant": "",
            "policy": rule.policy.sm3,
            "document_sm3": sm3(name.encode()).hex(),
            "document_size": "10000",
            "document_name": name,
            "pages": "2",
            "copies": "2",
            "counterparty": "宿迁市青松贸易有限公司",
            "amount": "壹拾贰万叁仟元整",
            "purpose": "签采购合同",
            "preview_sha256": "",
            "created": write_time(asked_at),
            "until": write_time(asked_at + timedelta(days=5)),
            "nonce": "00",
        }
        signed = SignedRequest.make(UseRequest(**facts | changes), requester)
        told = [
            {
                "certificate_sn": f"{Certificate.parse(key.certificate).serial:x}",
                "name": person,
                "decision": said,
                "phone": False,
                "at": (asked_at + timedelta(minutes=30)).isoformat() if said else "",
                "reason": "金额与报价单不符" if said == "reject" else "",
            }
            for (person, _), key, said in zip(PEOPLE, self.keys, answers, strict=True)
        ]
        own = self.company.holder if side == "mine" else self.keys[2]
        return UseRequestRecord(
            id=signed.request.request,
            side=side,
            platform=ORIGIN,
            token=signed.token,
            policy_token=rule.token,
            seal_id=seal.id,
            state=state,
            reason="",
            requester=signed.request.requester,
            used=2 if state == "used" else 0,
            pages=3,
            evidence_size=4000,
            created_at=asked_at,
            changed_at=asked_at,
            answers_json=json.dumps(told),
            wrapped={},
            certificate=own.certificate,
            seen=state if state == "used" else "",
        )

    # --- what the window asks --------------------------------------------------------------------

    def requests(self) -> tuple[UseRequestRecord, ...]:
        return tuple(self.kept)

    def policies(self) -> tuple[PolicyRecord, ...]:
        return tuple(self.rules)

    def seen(self, requests: tuple[UseRequestRecord, ...]) -> None:
        gone = {each.id for each in requests}
        self.kept = [replace(e, seen=e.state) if e.id in gone else e for e in self.kept]

    def _with(self, pin: str) -> None:
        if pin != "right-2026":
            raise PinIncorrect(3)
        self.threads.add(threading.current_thread().name)

    def see(self, request: UseRequestRecord, serial: str, pin: str) -> Shown | None:
        self._with(pin)
        return self.shown

    def decide(
        self,
        request: UseRequestRecord,
        decision: Literal["approve", "reject"],
        reason: str,
        serial: str,
        pin: str,
    ) -> UseRequestRecord:
        self._with(pin)
        self.said.append((request.id, decision, reason))
        state = "rejected" if decision == "reject" else "pending"
        return self._changed(request, state)

    def phone_link(self, request: UseRequestRecord, serial: str, pin: str) -> str:
        self._with(pin)
        return f"http://localhost:8081/m/a/{'L' * 22}#{'K' * 43}"

    def withdraw(self, request: UseRequestRecord, serial: str, pin: str) -> UseRequestRecord:
        self._with(pin)
        return self._changed(request, "withdrawn")

    def _changed(self, request: UseRequestRecord, state: str) -> UseRequestRecord:
        made = replace(request, state=state, seen=state)
        self.kept = [made if each.id == made.id else each for each in self.kept]
        return made

    def ask(
        self, seal_code: str, path: Path, wish: UseWish, serial: str, pin: str
    ) -> UseRequestRecord:
        self._with(pin)
        self.wishes.append(wish)
        made = self.request("mine", path.name, purpose=wish.purpose)
        self.kept.insert(0, made)
        return made

    def candidates(self, seal_code: str, serial: str, pin: str) -> tuple[Candidate, ...]:
        self._with(pin)
        return tuple(
            Candidate(name, ("legal_rep",) if role == "法定代表人" else (), key.certificate)
            for (name, role), key in zip(PEOPLE, self.keys, strict=True)
        )

    def set_policy(self, seal_code: str, wish: PolicyWish, serial: str, pin: str) -> PolicyRecord:
        self._with(pin)
        self.wishes.append(wish)
        made = self.rule(wish.needed, offline=wish.offline)
        self.rules = [made]
        return made
