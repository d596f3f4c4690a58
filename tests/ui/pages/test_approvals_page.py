"""审批 in the window: to me, from me, history, policies, and the dialogs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QLabel, QPushButton, QScrollArea

from app.remote.syncing import Synced
from tests.world.approval_desk import StandInApprovals, seen
from tests.world.desk import StandIn
from tests.world.documents import DEMO_PDF
from tests.world.real_data import COMPANY, long_company
from ui.pages.approval_dialogs import AskDialog, DecideDialog
from ui.pages.approvals_page import ApprovalsPage, phone_links
from ui.pages.phone_link_dialog import PhoneLinkDialog
from ui.pages.policy_dialog import PolicyDialog
from ui.shell.window import MainWindow


@pytest.fixture
def context(tmp_path: Path) -> StandIn:
    made = StandIn(tmp_path)
    made.approvals.fill()
    return made


@pytest.fixture
def page(qtbot: Any, context: StandIn, monkeypatch: pytest.MonkeyPatch) -> ApprovalsPage:
    monkeypatch.setattr("ui.shell.pin_dialog.PinDialog", _Pin)
    window = MainWindow(context)
    qtbot.addWidget(window)
    window.begin()
    window.go("approvals")
    window.show()
    made: ApprovalsPage = window.page("approvals")
    qtbot.waitUntil(lambda: "等我审批" in said(made))
    qtbot.waitUntil(lambda: bool(window.tokens))
    return made


def said(page: Any) -> str:
    return "\n".join(each.text() for each in page.findChildren(QLabel))


def press(page: ApprovalsPage, name: str) -> None:
    buttons = [each for each in page.findChildren(QPushButton) if each.text() == name]
    buttons[0].click()


class _Pin:
    """The PIN dialog, answered at once."""

    class DialogCode:
        Accepted = 1

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.purpose = arguments[2]

    def exec(self) -> int:
        return 1

    def take(self) -> str:
        return "right-2026"

    def deleteLater(self) -> None:
        """Nothing was shown."""


def approvals(page: ApprovalsPage) -> StandInApprovals:
    found: StandInApprovals = page._shell.context.approvals  # type: ignore[assignment]
    return found


def test_what_waits_what_was_asked_and_what_is_over(qtbot: Any, page: ApprovalsPage) -> None:
    text = said(page)
    for word in (
        "等我审批",
        "工业厂房租赁合同（2026 年第 17 号）.pdf",
        "2 份，2 份有新消息",
        "我申请的",
        "保养服务补充协议.pdf",
        "历史",
        "未同意",
        "金额与报价单不符",
        "每次使用都要审批：沈立（法定代表人）、韩雪（财务负责人）、顾明远（法务负责人），",
        "由综合管理部保管。",
        "由我审批的印章",
        "财务专用章 32130000000777",
    ):
        assert word in text, word
    qtbot.waitUntil(lambda: not any(each.unread for each in approvals(page).kept))


def test_an_approver_sees_the_document_and_signs(
    qtbot: Any, page: ApprovalsPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []

    def approve(dialog: DecideDialog) -> int:
        looks.append(said(dialog))
        assert dialog.approve.isEnabled()
        assert not dialog.refuse.isEnabled()  # not without a reason
        dialog.reason.setText("已核对")
        dialog.approve.click()
        return 1

    monkeypatch.setattr(DecideDialog, "exec", approve)
    press(page, "看文件并审批…")
    qtbot.waitUntil(lambda: bool(approvals(page).said))
    ((_, decision, reason),) = approvals(page).said
    assert (decision, reason) == ("approve", "已核对")
    for word in ("赵六", "壹拾贰万叁仟元整", "3 人中 2 人"):
        assert word in looks[0]


def test_who_cannot_see_the_pages_approves_nothing(
    qtbot: Any, page: ApprovalsPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[bool, bool]] = []

    def look(dialog: DecideDialog) -> int:
        dialog.reason.setText("看不到文件")
        seen.append((dialog.approve.isEnabled(), dialog.refuse.isEnabled()))
        return 0

    approvals(page).shown = None
    monkeypatch.setattr(DecideDialog, "exec", look)
    press(page, "看文件并审批…")
    qtbot.waitUntil(lambda: bool(seen))
    assert seen == [(False, True)]
    assert approvals(page).said == []


def test_pages_that_the_platform_has_removed_are_told_as_removed(
    qtbot: Any, page: ApprovalsPage
) -> None:
    request = approvals(page).requests()[0]
    for state, words in (("pending", "稍后再同步"), ("lapsed", "已经结束")):
        dialog = DecideDialog(replace(request, state=state), None)
        qtbot.addWidget(dialog)
        assert words in said(dialog)


@pytest.mark.parametrize("pictures", [(), (b"no picture",)], ids=["none", "not a picture"])
def test_what_is_not_wholly_drawn_is_not_approved(
    qtbot: Any, context: StandIn, pictures: tuple[bytes, ...]
) -> None:
    stand_in: StandInApprovals = context.approvals  # type: ignore[assignment]
    whole = stand_in.shown
    assert whole is not None
    for sent, enabled in (
        (whole.pictures, True),
        ((*whole.pictures[:1], *pictures), not pictures),
        (pictures, False),
    ):
        shown = seen("采购合同.pdf", sent)
        dialog = DecideDialog(stand_in.kept[0], shown)
        qtbot.addWidget(dialog)
        assert dialog.approve.isEnabled() is enabled
        dialog.reason.setText("没有页面")
        assert dialog.refuse.isEnabled()


def test_a_use_is_asked_for_and_taken_back(
    qtbot: Any, page: ApprovalsPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(dialog: AskDialog) -> int:
        assert not dialog.agree.isEnabled()
        dialog.take(DEMO_PDF)
        dialog.purpose.setText("签补充协议")
        dialog.agree.click()
        return 1

    monkeypatch.setattr(AskDialog, "exec", fill)
    page.ask()
    qtbot.waitUntil(lambda: bool(approvals(page).wishes) and DEMO_PDF.name in said(page))
    (wish,) = approvals(page).wishes
    assert (wish.purpose, wish.copies, wish.life.days) == ("签补充协议", 1, 3)
    page.withdraw(approvals(page).kept[0])
    qtbot.waitUntil(lambda: "已撤回" in said(page))


def test_a_policy_is_set_by_ticking_people(
    qtbot: Any, page: ApprovalsPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(dialog: PolicyDialog) -> int:
        assert dialog.needed.value() == 2
        dialog.needed.setValue(9)
        assert not dialog.agree.isEnabled()
        dialog.needed.setValue(3)
        assert dialog.agree.isEnabled()
        dialog._people[0][1].clear()
        assert not dialog.agree.isEnabled()  # a role is missing
        dialog._people[0][1].setText("董事长")
        assert not dialog.offline.isEnabled()  # offline nobody can be asked
        dialog.needed.setValue(0)
        assert dialog.offline.isEnabled()
        assert not dialog.agree.isEnabled()  # nobody who is ticked is dropped in silence
        for box, *_ in dialog._people:
            box.setChecked(False)
        assert dialog.agree.isEnabled()
        dialog._people[0][0].setChecked(True)
        assert dialog.needed.value() == 1
        for box, *_ in dialog._people:
            box.setChecked(True)
        dialog.needed.setValue(0)
        dialog.offline.setChecked(True)
        dialog.needed.setValue(3)
        assert not dialog.offline.isChecked()
        dialog.agree.click()
        return 1

    monkeypatch.setattr(PolicyDialog, "exec", fill)
    press(page, "设定规则…")
    qtbot.waitUntil(lambda: "其中 3 人同意" in said(page))
    (wish,) = approvals(page).wishes
    assert [each.role for each in wish.approvers] == ["董事长", "财务负责人", "法务负责人"]
    assert (wish.needed, wish.offline) == (3, False)


def test_keys_are_touched_on_their_thread_only(qtbot: Any, page: ApprovalsPage) -> None:
    page.withdraw(approvals(page).kept[2])
    qtbot.waitUntil(lambda: bool(approvals(page).threads))
    assert approvals(page).threads == {"ukey_0"}


def test_the_code_for_the_phone_and_the_links_for_approvers(
    qtbot: Any, page: ApprovalsPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []

    def look(dialog: PhoneLinkDialog) -> int:
        shown.append(f"{dialog.code.accessibleName()} {said(dialog)}")
        return 0

    monkeypatch.setattr(PhoneLinkDialog, "exec", look)
    press(page, "用手机审批…")
    qtbot.waitUntil(lambda: bool(shown))
    assert "用手机审批的二维码" in shown[0]
    assert "工业厂房租赁合同" in shown[0]
    request = next(each for each in approvals(page).kept if each.side == "mine")
    answers = json.loads(request.answers_json)
    linked = [each | {"link": "L" * 22} for each in answers]
    told = replace(request, answers_json=json.dumps(linked))
    lines = phone_links(told).splitlines()
    undecided = [each["name"] for each in answers if not each["decision"]]
    assert lines == [f"{name} {told.platform}/m/a/{'L' * 22}" for name in undecided]
    assert phone_links(request) == ""


def test_who_synchronises_here_stays_here(
    qtbot: Any, page: ApprovalsPage, context: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    window: Any = page.window()
    monkeypatch.setattr(context, "synchronise", lambda *_: Synced(1, 0))
    monkeypatch.setattr(window.page("seals"), "_pin", lambda _: ("serial", "right-2026"))
    window.synchronise()
    qtbot.waitUntil(lambda: any("已同步" in told for told in window.notices.texts))
    assert window.current == "approvals"


def test_whom_one_ticks_is_to_approve_and_a_strangers_name_can_be_written(
    qtbot: Any, look: None, tmp_path: Path
) -> None:
    company = long_company()
    file = tmp_path / "approver.cer"
    file.write_bytes(company.holder.certificate)
    dialog = PolicyDialog(company.seals[0], (), None, tmp_path)
    qtbot.addWidget(dialog)
    dialog.take(file)
    assert dialog.needed.value() == 1
    (_, role, _, name) = dialog._people[0]
    assert name.text() == COMPANY
    assert not dialog.agree.isEnabled()
    name.setText("沈立")
    role.setText("法定代表人")
    assert dialog.agree.isEnabled()
    (named,) = dialog.wish().approvers
    assert (named.name, named.role) == ("沈立", "法定代表人")


def test_cards_are_as_wide_as_the_page(qtbot: Any, page: ApprovalsPage) -> None:
    area = page.findChild(QScrollArea)
    assert area is not None
    page.window().resize(1366, 768)
    qtbot.waitUntil(lambda: area.widget().width() == area.viewport().width() > 1000, timeout=20_000)
