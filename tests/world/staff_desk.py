"""A desk of a reviewer and auditor without a platform: long names, odd letters, much of all."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from app.remote.staff.auditing import LedgerRecord, SearchPage
from app.remote.staff.reviewing import (
    Assessment,
    Document,
    Event,
    LossCall,
    Queued,
    QueuePage,
    Review,
    Verdict,
)
from app.store.audited_ledgers import AuditedLedger
from server_stub.neighbours.imprint_drawing import draw

NOW = datetime.now(UTC)
UGLY = (
    "宿迁市骆马湖新区（筹）生态农业科技发展股份有限公司第二分公司及其关联企业",
    "宿迁\t云帆 <b>贸易</b> & Co. " + "X" * 40,
    "",
    "𠮷野家餐饮管理（宿迁）有限公司‮moc.elpmaxe",
)
AGAINST = (
    "企业名称、法定代表人或经办人身份与登记信息不一致；"
    "公安机关无可用的备案实物印章，或该印章已制作电子印章"
)


def queued(number: int, **changes: Any) -> Queued:
    judged = (
        Assessment(True, True, True, True, ""),
        Assessment(True, True, False, False, AGAINST),
        None,
    )[number % 3]
    known: dict[str, Any] = {
        "id": f"app_{number:04d}",
        "kind": ("issue", "reissue", "cancel", "renew", "pin_reset")[number % 5],
        "state": "submitted",
        "enterprise": UGLY[number % len(UGLY)],
        "uscc": "91321302MA27DEMO2X",
        "subtype": ("official", "contract", "finance", "legal_representative")[number % 4],
        "payload_sm3": "ab" * 32,
        "since": NOW - timedelta(hours=7 * number + 1, minutes=number),
        "reviewer": "",
        "second": False,
        "assessment": judged,
        "asked_at": NOW if judged else None,
    }
    return Queued(**{**known, **changes})


def review(identity: str = "app_0001", **changes: Any) -> Review:
    """An application in review by this reviewer, whose letter was not opened yet."""
    number = int(identity.removeprefix("app_"))
    item = queued(number, state=changes.pop("state", "in_review"), reviewer="赵审核")
    known: dict[str, Any] = {
        "queued": item,
        "form": {
            "kind": item.kind,
            "enterprise.uscc": "91321302MA27DEMO2X",
            "enterprise.name": item.enterprise or "—",
            "enterprise.legal_rep.name": "阿不都热合曼·买买提明·艾合买提江",
            "handler.name": "李晓梅",
            "handler.id_no": "321302199003071234",
            "handler.phone": "+86 138 0000 0000",
            "seal.subtype": item.subtype,
            "proof.kind": "letter",
            "strange": "W" * 90,
        },
        "documents": (Document("letter", "cd" * 32, "application/pdf", NOW, False),),
        "register": {
            "name": "宿迁市骆马湖新区生态农业科技发展股份有限公司",
            "legal_rep": "王建国",
            "status": "active",
            "licence_until": None,
        },
        "police": {
            "code": "3213021234567",
            "name": "宿迁市骆马湖新区生态农业科技发展股份有限公司",
            "status": "delivered",
            "width_mm": 40,
            "height_mm": 40,
            "imprint_sm3": "ef" * 32,
        },
        "identity": False,
        "unanswered": "",
        "mine": True,
        "own": False,
        "approvals": (),
        "history": tuple(
            Event(event, NOW - timedelta(days=3 - day), "李晓梅", "" if day else "请补正" * 60)
            for day, event in enumerate(("return", "submit", "claim"))
        ),
        "imprint_sm3": "ef" * 32,
    }
    return Review(**{**known, **changes})


def loss_call(number: int, **changes: Any) -> LossCall:
    """The second was taken by whoever looks, the fourth is about a seal that is over."""
    known: dict[str, Any] = {
        "id": f"loss_{number:04d}",
        "seal_code": f"{32130200000001 + number}",
        "seal": UGLY[number % len(UGLY)] + "公章",
        "seal_state": ("active", "active", "suspended", "cancelled")[number % 4],
        "caller": (
            "法定代表人王建国，139 0527 0000",
            "阿不都热合曼·买买提明·艾合买提江，+86 (0527) 8435 0000 转 8，" + "W" * 60,
            "\u202e财务\t李",
            "不明",
        )[number % 4],
        "shown": ("回拨登记电话，说对了证件号后四位。" * (1 + 5 * (number % 3)))[:300],
        "state": "reported",
        "reported_by": ("赵审核", "钱复核")[number % 2],
        "reported_at": NOW - timedelta(minutes=7 + 311 * number),
        "mine": number % 4 == 1,
    }
    return LossCall(**{**known, **changes})


def record(number: int) -> LedgerRecord:
    kinds = ("application-v1", "seal-change-v1", "usage-record-v1", "strange-v9")
    seal = kinds[number % 4] == "seal-change-v1"
    told = {
        "type": kinds[number % 4],
        "event": "suspend" if seal else "approve",
        "to": "suspended" if seal else "approved",
        "reason": AGAINST,
        "by": {"person": "staff_1", "account": "staff_1", "certificate": None},
        "about": ["application", f"app_{number:04d}"],
        "recorded_at": (NOW - timedelta(minutes=number)).isoformat(),
    }
    return LedgerRecord(10_000 - number, json.dumps(told, ensure_ascii=False))


class StandInStaff:
    """See :class:`ui.shell.context.parts.StaffWork`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sessions: set[str] = set()
        self.asked: list[str] = []
        """PINs."""
        self.verdicts: list[Verdict] = []
        self.calls = [loss_call(number) for number in range(4)]
        self.decided: list[tuple[str, str]] = []
        self.agreed: list[tuple[str, str, str]] = []
        """Calls about lost keys: which, and the reason of a refusal."""
        self.fails: BaseException | None = None
        """What the next question to the platform comes to."""
        self.shown = review()
        self.count = 45

    def _answer(self) -> None:
        failure, self.fails = self.fails, None
        if failure is not None:
            raise failure

    def signed_in(self, role: str) -> bool:
        return role in self.sessions

    def sign_in(self, role: str, serial: str, pin: str) -> None:
        self.asked.append(pin)
        self._answer()
        self.sessions.add(role)

    def sign_out(self, role: str) -> None:
        self.sessions.discard(role)

    def queue(self, state: str, after: str) -> QueuePage:
        self._answer()
        start = int(after or 0)
        numbers = range(start, min(start + 30, self.count))
        following = str(start + 30) if start + 30 < self.count else ""
        return QueuePage(tuple(queued(number, state=state) for number in numbers), following)

    def review(self, identity: str) -> Review:
        self._answer()
        return self.shown

    def imprint(self, review: Review) -> Path:
        path = self.folder / "imprint.png"
        if not path.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            text = "宿迁市骆马湖新区生态农业科技发展股份有限公司"
            path.write_bytes(draw("official", text, seal_code="3213020001234", dpi=300))
        return path

    def document(self, review: Review, document: Document) -> Path:
        self._answer()
        return self.imprint(review)

    def claim(self, identity: str) -> None:
        self._answer()

    def decide(self, review: Review, verdict: Verdict, serial: str, pin: str) -> str:
        self.asked.append(pin)
        self._answer()
        self.verdicts.append(verdict)
        return {"approve": "approved", "return": "returned", "reject": "rejected"}[verdict.verb]

    def losses(self) -> tuple[LossCall, ...]:
        self._answer()
        return tuple(self.calls)

    def take_loss_call(
        self, seal_code: str, caller: str, shown: str, serial: str, pin: str
    ) -> LossCall:
        self.asked.append(pin)
        self._answer()
        made = loss_call(
            len(self.calls), seal_code=seal_code, caller=caller, shown=shown, mine=True
        )
        self.calls.append(made)
        return made

    def decide_loss(self, call: LossCall, reason: str, serial: str, pin: str) -> LossCall:
        self.asked.append(pin)
        self._answer()
        self.calls.remove(call)
        self.decided.append((call.id, reason))
        return replace(call, state="refused" if reason else "confirmed")

    def agree(
        self, verb: str, seal_code: str, reason: str, path: Path, serial: str, pin: str
    ) -> Path:
        self.asked.append(pin)
        self._answer()
        self.agreed.append((verb, seal_code, reason))
        return path

    def seen(self) -> AuditedLedger | None:
        return AuditedLedger("x", 10_000, "ab" * 32, "", NOW, 9_000, NOW)

    def check(self) -> AuditedLedger:
        self._answer()
        return AuditedLedger("x", 10_001, "cd" * 32, "", NOW, 9_000, NOW)

    def cosign(self, serial: str, pin: str) -> AuditedLedger:
        self.asked.append(pin)
        return self.check()

    def search(self, wanted: Any, before: str) -> SearchPage:
        self._answer()
        start = int(before or 0)
        items = tuple(record(number) for number in range(start, start + 30))
        return SearchPage(items, str(start + 30), {"staff_1": UGLY[0]})

    def export(
        self, items: Sequence[LedgerRecord], names: Mapping[str, str], path: Path
    ) -> tuple[Path, ...]:
        self._answer()
        return (path,)

    def close(self) -> None:
        self.sessions.clear()
