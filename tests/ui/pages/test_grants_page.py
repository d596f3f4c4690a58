"""授权 in the window: what was given and received, what is left of it, and the dialogs."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from PySide6.QtWidgets import QComboBox, QLabel, QPushButton

from tests.world.applicant import citizen_number
from tests.world.desk import StandIn
from tests.world.real_data import COMPANY, lend, long_company
from ui.pages.grants_dialogs import (
    AcceptDialog,
    OfferDialog,
    TermsDialog,
    entries,
    remaining,
)
from ui.pages.grants_page import GrantsPage
from ui.shell.window import MainWindow
from ui.widgets import moment

NOW = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)


@pytest.fixture
def page(qtbot: Any, tmp_path: Any) -> GrantsPage:
    context = StandIn(tmp_path, holder=long_company())
    lend(context)
    window = MainWindow(context)
    qtbot.addWidget(window)
    window.begin()
    window.go("grants")
    window.show()
    made: GrantsPage = window.page("grants")
    qtbot.waitUntil(lambda: len(window.seals) == 3 and len(made._running) == 4)
    qtbot.waitUntil(lambda: bool(window.tokens))
    return made


def said(page: GrantsPage) -> str:
    return "\n".join(each.text() for each in page.findChildren(QLabel))


def test_both_sides_with_what_is_left(page: GrantsPage) -> None:
    text = said(page)
    for word in (
        "我可以使用的",
        "我授权出去的",
        "还可用 1 次，共 500 次",
        "次数不限，已用 7 次",
        "已结束（法定代表人变更）",
        "有 2 次离线用印的编号重复",
        "工业厂房租赁合同、保养服务补充协议",
        "等待接受",
    ):
        assert word in text, word


def test_the_time_that_is_left_runs_on(page: GrantsPage) -> None:
    running = page._running[0]
    running.until = datetime.now(UTC) + timedelta(seconds=61)
    page._tick()
    assert "还有 1 分" in running.shown.text()
    running.until = datetime.now(UTC) - timedelta(seconds=1)
    page._tick()
    assert running.shown.text() == "已到期"


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (timedelta(days=2, hours=3, minutes=4), "还有 2 天 3 小时"),
        (timedelta(hours=3, minutes=4), "还有 3 小时 4 分"),
        (timedelta(minutes=4, seconds=5), "还有 4 分 5 秒"),
        (timedelta(0), "已到期"),
    ],
)
def test_how_long_is_told_as_people_say_it(left: timedelta, words: str) -> None:
    assert remaining(NOW + left, NOW) == words


def test_what_the_next_use_is_for_is_chosen_once(qtbot: Any, page: GrantsPage) -> None:
    choices = page.findChildren(QComboBox)
    kind = next(each for each in choices if each.accessibleName() == "下次用于")
    kind.setCurrentIndex(kind.findData("第三季度报价单"))
    kind.activated.emit(kind.currentIndex())
    grants = page._shell.context.grants
    qtbot.waitUntil(lambda: any(each.kind == "第三季度报价单" for each in grants()))


def test_a_grant_is_withdrawn_with_the_pin(
    qtbot: Any, page: GrantsPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.shell.pin_dialog.PinDialog", _Pin)
    given = [g for g in page._shell.context.grants() if (g.side, g.state) == ("given", "active")]
    page.withdraw(given[0])
    qtbot.waitUntil(lambda: "已结束（已收回）" in said(page))


def test_an_offer_is_signed_and_its_code_is_told(
    qtbot: Any, page: GrantsPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.shell.pin_dialog.PinDialog", _Pin)
    monkeypatch.setattr(OfferDialog, "exec", _fill_in)
    before = len(page._shell.context.grants())
    page.offer()
    qtbot.waitUntil(lambda: len(page._shell.context.grants()) == before + 1)
    newest = [g for g in page._shell.context.grants() if g.signed.grant.grantee == "周文博"]
    terms = newest[0].signed.grant
    assert (terms.max_uses, terms.scope.kinds, terms.holder) == (3, ("合同", "报价单"), COMPANY)
    qtbot.waitUntil(lambda: "复制授权码，周文博" in _names(page))


class _Pin:
    """The PIN dialog, answered."""

    def __init__(self, *_: Any, **__: Any) -> None: ...

    def exec(self) -> int:
        return 1

    def take(self) -> str:
        return "right-2026"

    def deleteLater(self) -> None: ...


def _fill_in(dialog: OfferDialog) -> int:
    dialog.grantee.setText("周文博")
    dialog.uses.setValue(3)
    dialog.kinds.setText("合同、报价单")
    return 1


def _names(page: GrantsPage) -> list[str]:
    return [each.accessibleName() for each in page.findChildren(QPushButton)]


def test_a_grant_asks_for_approvals_where_somebody_approves(qtbot: Any, page: GrantsPage) -> None:
    seals = page._own_seals()
    dialog = OfferDialog(seals, page, [seals[1].code])
    qtbot.addWidget(dialog)
    dialog.grantee.setText("周文博")
    dialog.offline.setValue(2)
    assert not dialog.approval.isEnabled()  # nobody approves uses of the first seal
    dialog.seal.setCurrentIndex(1)
    dialog.approval.setChecked(True)
    assert (dialog.wish().approval, dialog.wish().offline_quota) == (True, 0)
    dialog.seal.setCurrentIndex(0)
    assert not dialog.wish().approval


@pytest.mark.wants("posix")
@pytest.mark.parametrize("zone", ["UTC", "Asia/Shanghai", "America/New_York"])
def test_a_grant_ends_at_the_hour_that_was_typed_in_beijing(
    qtbot: Any, page: GrantsPage, zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        dialog = OfferDialog(page._own_seals(), page)
        qtbot.addWidget(dialog)
        assert dialog.until.text() == moment(dialog.wish().until)
        assert timedelta(days=29) < dialog.wish().until - datetime.now(UTC) < timedelta(days=31)
        dialog.until.setDateTime(dialog.until.dateTimeFromText("2026-12-31 18:00"))
        assert dialog.wish().until == datetime(2026, 12, 31, 10, tzinfo=UTC)
        assert moment(dialog.wish().until) == dialog.until.text() == "2026-12-31 18:00"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_the_terms_are_seen_before_anything_is_signed(
    qtbot: Any, page: GrantsPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.shell.pin_dialog.PinDialog", _Pin)
    context: StandIn = page._shell.context  # type: ignore[assignment]
    (offered,) = [each for each in context.grants() if each.code and each.state == "offered"]
    terms, shown = offered.signed.grant, list[str]()

    def answer(dialog: AcceptDialog) -> int:
        dialog.code.setText(offered.code)
        dialog.name.setText("别人")
        dialog.id_no.setText(citizen_number(905))
        assert dialog._agree.isEnabled()
        return 1

    def read(agreed: int) -> Callable[[TermsDialog], int]:
        def look(dialog: TermsDialog) -> int:
            shown.append("\n".join(each.text() for each in dialog.findChildren(QLabel)))
            return agreed

        return look

    monkeypatch.setattr(AcceptDialog, "exec", answer)
    monkeypatch.setattr(TermsDialog, "exec", read(0))
    page.accept()
    qtbot.waitUntil(lambda: len(shown) == 1)
    for word in (terms.holder, terms.grantee, terms.seal_name, "您填的姓名是“别人”"):
        assert word in shown[0]
    assert context.accepted == []
    monkeypatch.setattr(TermsDialog, "exec", read(1))
    page.accept()
    qtbot.waitUntil(lambda: context.accepted == [("别人", terms.id)])


def test_who_accepts_without_a_certificate_says_who_it_is(qtbot: Any) -> None:
    dialog = AcceptDialog(None, "https://seal.example")
    qtbot.addWidget(dialog)
    agree = dialog._agree
    assert not agree.isEnabled()
    dialog.code.setText("a1b2c3d4e5")
    assert agree.isEnabled()
    dialog.name.setText("周文博")
    assert not agree.isEnabled()
    dialog.id_no.setText("321302199003070011")
    assert dialog._said.text() == "身份证号不对。"
    dialog.id_no.setText(citizen_number())
    assert agree.isEnabled()


def test_who_has_no_platform_yet_enters_the_one_that_the_grantor_told(
    qtbot: Any, page: GrantsPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    page._shell.context.save_settings({"platform_url": ""})
    page._update_buttons()
    assert page._accept.isEnabled()
    shown: list[bool] = []

    def answer(dialog: AcceptDialog) -> int:
        dialog.code.setText("a1b2c3d4" * 3)
        for url, possible in (("", False), ("http://seal.example", False), (URL, True)):
            dialog.url.setText(url)
            assert dialog._agree.isEnabled() is possible
        return 1

    monkeypatch.setattr(AcceptDialog, "exec", answer)
    monkeypatch.setattr(TermsDialog, "exec", lambda _: shown.append(True) or 0)
    page.accept()
    qtbot.waitUntil(lambda: shown == [True])
    assert page._shell.context.settings.platform_url == URL


URL = "https://seal.example"


def test_entries_stand_between_any_commas() -> None:
    assert entries("合同、报价单，验收单; 保函,") == ("合同", "报价单", "验收单", "保函")
