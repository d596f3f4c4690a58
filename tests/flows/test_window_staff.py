"""A reviewer's and an auditor's window on a real platform, from the key to the signed decision."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication, QFileDialog, QLabel, QPushButton
from pytestqt.qtbot import QtBot

from server_stub.__main__ import main as console
from server_stub.records.auditing import table_problems
from server_stub.web.serving import RunningServer
from tests.world.applicant import credit_code, decision
from tests.world.clerk import PIN, Clerk, excerpt
from tests.world.offices import employee, hand_in, hand_in_with_letter, office
from tests.world.staff import approved, employ
from ui import language, theme
from ui.desk.desk_context import DeskContext
from ui.shell.window import MainWindow
from ui.staff import decision_dialogs, preview
from ui.staff.agree_dialog import AgreeDialog
from ui.staff.audit_page import AuditPage
from ui.staff.loss_dialogs import AnswerDialog, LossCallsDialog, TakeCallDialog
from ui.staff.review_page import ReviewPage

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")
SECONDS = 60_000


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with office(tmp_path_factory.mktemp("office")) as running:
        yield running


@pytest.fixture(scope="module")
def staff(platform: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Clerk]:
    return {
        role: employee(tmp_path_factory.mktemp(role) / "home", platform, role, name)
        for role, name in (("reviewer", "赵审核"), ("auditor", "孙审计"))
    }


@pytest.fixture(scope="module")
def window_of(qapp: QApplication, staff: dict[str, Clerk]) -> Iterator[Callable[[str], MainWindow]]:
    """The window of one of them; what is done there goes on from test to test. One at a time: a
    key's driver is told once where its keys lie."""
    language.use("zh_CN")
    theme.apply(qapp, "light")
    now: dict[str, MainWindow] = {}
    with ExitStack() as opened:

        def make(role: str) -> MainWindow:
            if role not in now:
                opened.close()
                now.clear()
                desk = opened.enter_context(staff[role].desk())
                window = now[role] = MainWindow(DeskContext(desk))
                opened.callback(window.deleteLater)
                opened.callback(window.close)
                window.resize(1366, 768)
                window.go("stamp")
                window.show()
                window.begin()
            return now[role]

        yield make


@pytest.fixture
def open_as(qtbot: QtBot, window_of: Callable[[str], MainWindow]) -> Callable[[str], MainWindow]:
    """The window of the member of staff with that role, signed in on the role's page."""

    def make(role: str) -> MainWindow:
        window, name = window_of(role), {"reviewer": "review", "auditor": "audit"}[role]
        qtbot.waitUntil(lambda: window.navigation.offers(name), timeout=SECONDS)
        window.go(name)
        page = window.page(name)
        assert isinstance(page, {"reviewer": ReviewPage, "auditor": AuditPage}[role])
        page.ask_pin = lambda *_: PIN
        if not window.context.staff.signed_in(role):
            page.sign_in()
        qtbot.waitUntil(lambda: page.stack.currentIndex() > 0, timeout=SECONDS)
        return window

    return make


def shown(widget: Any) -> str:
    return "\n".join(each.text() for each in widget.findChildren(QLabel))


def press(qtbot: QtBot, widget: Any, words: str) -> None:
    """The button of these words, once it is seen."""

    def found() -> list[QPushButton]:
        made = widget.findChildren(QPushButton)
        return [b for b in made if b.isVisible() and b.isEnabled() and b.text().strip() == words]

    qtbot.waitUntil(lambda: bool(found()), timeout=SECONDS)
    found()[0].click()


def opened(qtbot: QtBot, window: MainWindow, identity: str) -> Any:
    """The page, with that application read."""
    page = window.page("review")
    if page.stack.currentIndex() == 2:
        page.back()
    page.refresh()
    qtbot.waitUntil(lambda: any(item.id == identity for item in page.model.items), timeout=SECONDS)
    page.table.selectRow([item.id for item in page.model.items].index(identity))
    page.open()
    qtbot.waitUntil(lambda: page.stack.currentIndex() == 2, timeout=SECONDS)
    return page


def test_a_letter_is_opened_and_the_application_approved(
    qtbot: QtBot,
    platform: RunningServer,
    open_as: Callable[[str], MainWindow],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    person = hand_in_with_letter(
        platform, excerpt(1), name="宿迁市骆马湖酒业有限公司", uscc=credit_code()
    )
    window = open_as("reviewer")
    page = opened(qtbot, window, person.application_id)
    assert "宿迁市骆马湖酒业有限公司" in shown(page.detail)
    assert "李晓梅" in shown(page.detail)
    qtbot.waitUntil(lambda: not page.detail._imprint.pixmap().isNull(), timeout=SECONDS)
    press(qtbot, page.detail, "领走审核")
    qtbot.waitUntil(lambda: "先打开全部材料" in shown(page.detail), timeout=SECONDS)
    papers: list[Any] = []

    def read(dialog: Any) -> int:
        papers.append(dialog)
        qtbot.waitUntil(lambda: bool(dialog.pane.view.document), timeout=SECONDS)
        return 1

    monkeypatch.setattr(preview.PaperDialog, "exec", read)
    press(qtbot, page.detail, "打开")
    qtbot.waitUntil(lambda: "您已看过" in shown(page.detail), timeout=SECONDS)
    assert papers

    def agree(dialog: Any) -> Any:
        assert not dialog.accept_button.isEnabled()
        for box in dialog.findings:
            box.setChecked(True)
        assert dialog.accept_button.isEnabled()
        return dialog.DialogCode.Accepted

    monkeypatch.setattr(decision_dialogs.ApproveDialog, "exec", agree)
    press(qtbot, page.detail, "核准…")
    qtbot.waitUntil(lambda: page.stack.currentIndex() == 1, timeout=SECONDS)
    person.wait("fulfilled")
    with platform.platform.reading() as session:
        assert table_problems(session, platform.platform.vault) == []
    person.http.close()


def test_an_application_is_returned_with_reasons_by_field(
    qtbot: QtBot,
    platform: RunningServer,
    open_as: Callable[[str], MainWindow],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    person = hand_in(platform)
    window = open_as("reviewer")
    page = opened(qtbot, window, person.application_id)
    press(qtbot, page.detail, "领走审核")
    qtbot.waitUntil(
        lambda: any(b.text() == "退回补正…" for b in page.detail.findChildren(QPushButton)),
        timeout=SECONDS,
    )

    def fill_in(dialog: Any) -> Any:
        dialog.fields["handler.phone"].setText("号码不完整")
        dialog.reason.setPlainText("请补正\n以后再交")
        return dialog.DialogCode.Accepted

    monkeypatch.setattr(decision_dialogs.ReturnDialog, "exec", fill_in)
    press(qtbot, page.detail, "退回补正…")
    qtbot.waitUntil(lambda: page.stack.currentIndex() == 1, timeout=SECONDS)
    told = person.call("GET", f"/v1/applications/{person.application_id}").json()
    assert told["state"] == "returned"
    assert told["reason"] == "请补正 以后再交"
    assert told["reasons"] == {"handler.phone": "号码不完整"}
    person.http.close()


def test_a_call_about_a_lost_key_takes_two_reviewers_and_so_does_lifting_it(
    qtbot: QtBot,
    platform: RunningServer,
    open_as: Callable[[str], MainWindow],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    second, person = employ(platform, "reviewer"), hand_in(platform, uscc=credit_code())
    assert approved(platform, second, person).status_code == 200
    person.seal_id = person.wait("fulfilled")["seal_id"]
    code = person.collect().json()["seal_code"]
    window = open_as("reviewer")
    page = window.page("review")
    dialog = LossCallsDialog(window, page, page)
    dialog.open()
    told = {"caller": "王建国，139 0527 0000", "shown": "回拨登记电话"}

    def fill(asked: TakeCallDialog) -> int:
        asked.code.setText(code)
        asked.caller.setText(told["caller"])
        asked.shown.setPlainText(told["shown"])
        return 1

    monkeypatch.setattr(TakeCallDialog, "exec", fill)
    dialog.take_button.click()
    qtbot.waitUntil(lambda: dialog.call is not None, timeout=SECONDS)
    own = dialog.call
    assert own is not None
    assert (own.seal_code, own.mine) == (code, True)
    assert not dialog.confirm_button.isEnabled()
    path, url = f"/v1/losses/{own.id}/refuse", second.url
    refused = decision(url, second.key, "refuse-loss", own.id, own.digest, "企业否认")
    assert second.call("POST", path, {"reason": "企业否认", **refused}).status_code == 200
    signed = decision(url, second.key, "report-loss", code, own.digest, "")
    again = second.call("POST", "/v1/losses", {"seal_code": code, **told, **signed})
    assert again.status_code == 201, again.text
    dialog.refresh()
    qtbot.waitUntil(
        lambda: dialog.call is not None and dialog.call.id == again.json()["id"], timeout=SECONDS
    )
    monkeypatch.setattr(AnswerDialog, "exec", lambda _: 1)
    dialog.confirm_button.click()
    qtbot.waitUntil(lambda: not dialog.model.items, timeout=SECONDS)
    found = second.http.get(f"/v1/seals/{code}/status").json()
    assert (found["state"], found["reason"]) == ("suspended", "lost")
    dialog.close()
    dialog.deleteLater()

    def agree(asked: AgreeDialog) -> int:
        asked.code.setText(code)
        asked.reason.setPlainText("Ukey 已找到，法定代表人当面确认")
        return 1

    file = tmp_path / "同意.json"
    monkeypatch.setattr(AgreeDialog, "exec", agree)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(file), ""))
    press(qtbot, page, "同意恢复或注销…")
    qtbot.waitUntil(file.exists, timeout=SECONDS)
    where = ("--dir", str(platform.platform.settings.directory), "--log-level", "error")
    assert console(["seal", "resume", code, "--agreed", str(file), *where]) == 0
    assert second.http.get(f"/v1/seals/{code}/status").json()["state"] == "active"
    with platform.platform.reading() as session:
        assert table_problems(session, platform.platform.vault) == []
    for each in (second, person):
        each.http.close()


def test_an_ended_session_leads_back_to_the_button_and_loses_nothing(
    qtbot: QtBot, platform: RunningServer, open_as: Callable[[str], MainWindow]
) -> None:
    person = hand_in(platform)
    window = open_as("reviewer")
    page = opened(qtbot, window, person.application_id)
    client = window.context.staff._reviewer  # type: ignore[attr-defined]
    client._token = "gone"
    page.refresh()
    qtbot.waitUntil(lambda: page.stack.currentIndex() == 0, timeout=SECONDS)
    assert "登录已过期" in page.note.text()
    page.sign_in()
    qtbot.waitUntil(lambda: page.stack.currentIndex() == 2, timeout=SECONDS)
    assert page.detail.review.queued.id == person.application_id
    person.http.close()


def test_the_auditor_checks_searches_exports_and_cosigns(
    qtbot: QtBot,
    open_as: Callable[[str], MainWindow],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    window = open_as("auditor")
    page = window.page("audit")
    qtbot.waitUntil(lambda: "还没有检查过" in page.ledger.text(), timeout=SECONDS)
    page.check()
    qtbot.waitUntil(lambda: "上次检查" in page.ledger.text(), timeout=SECONDS)
    page.cosign()
    qtbot.waitUntil(lambda: "上次联署" in page.ledger.text(), timeout=SECONDS)
    page.person.setText("赵审核")
    page.search()
    qtbot.waitUntil(lambda: bool(page.model.items), timeout=SECONDS)
    assert page.model.data(page.model.index(0, 2)) == "赵审核"
    out = tmp_path / "审计.csv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(out), ""))
    page.export()
    qtbot.waitUntil(out.with_suffix(".json").exists, timeout=SECONDS)


def test_the_pages_go_with_the_key(
    qtbot: QtBot, open_as: Callable[[str], MainWindow], staff: dict[str, Clerk]
) -> None:
    window = open_as("auditor")
    assert window.navigation.buttons["audit"].isVisible()
    assert not window.navigation.buttons["review"].isVisible()
    hidden = staff["auditor"].hub.with_name("pulled-out")
    staff["auditor"].hub.rename(hidden)
    try:
        qtbot.waitUntil(lambda: window.current == "stamp", timeout=SECONDS)
        assert not window.navigation.buttons["audit"].isVisible()
    finally:
        hidden.rename(staff["auditor"].hub)
