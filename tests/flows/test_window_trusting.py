"""信任这个平台… in the real window: a computer that knows nothing, a sealed file, the button."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtWidgets import QFileDialog, QLabel, QPushButton
from pytestqt.qtbot import QtBot

from app import demo
from app.desk import Desk
from app.errors import TrustListRejected
from crypto.pki.certificate import Certificate
from crypto.validation.trust_list import TrustList
from crypto.verdict import Verdict
from server_stub.web.serving import RunningServer
from tests.flows.conftest import COMPANY
from tests.ui.conftest import *  # noqa: F403 - the window's fixtures
from tests.world.anchors import policy, trust_list
from tests.world.clerk import Clerk
from ui.desk.desk_context import DeskContext
from ui.dialogs import Question
from ui.shell.window import MainWindow
from ui.verify.add_anchor import AddAnchorDialog
from ui.verify.trusting import TrustPlatformDialog
from ui.verify.verify_page import VerifyPage

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@pytest.fixture
def desk(stranger: Clerk) -> Iterator[Desk]:
    with stranger.desk() as opened:
        yield opened


@pytest.fixture
def window(qtbot: QtBot, look: None, desk: Desk) -> MainWindow:
    return opened(qtbot, desk)


def opened(qtbot: QtBot, desk: Desk) -> MainWindow:
    made = MainWindow(DeskContext(desk))
    qtbot.addWidget(made)
    made.show()
    made.begin()
    return made


def verified(qtbot: QtBot, window: MainWindow, path: Path) -> VerifyPage:
    window.go("verify", [path])
    page: VerifyPage = window.page("verify")
    qtbot.waitUntil(lambda: page.report is not None, timeout=60_000)
    return page


def links(page: VerifyPage) -> list[str]:
    return [each.text() for each in page.panel.findChildren(QPushButton)]


def press(page: VerifyPage, words: str) -> None:
    next(each for each in page.panel.findChildren(QPushButton) if each.text() == words).click()


def shown(dialog: TrustPlatformDialog) -> str:
    return "\n".join(each.text() for each in dialog.findChildren(QLabel))


def test_the_button_leads_to_valid_after_the_fingerprint_was_entered(
    qtbot: QtBot,
    window: MainWindow,
    city: RunningServer,
    stamped: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = verified(qtbot, window, stamped)
    assert page.report is not None
    assert page.report.verdict is Verdict.UNKNOWN
    assert "信任这个平台…" in links(page)
    sm3 = Certificate.parse(city.platform.authority.certificate("root")).fingerprint.hex()
    seen: list[str] = []

    def fill_in(dialog: TrustPlatformDialog) -> int:
        seen.append(shown(dialog))
        assert not dialog.whole, "this company's seals are the default"
        assert not dialog.accept_button.isEnabled()
        first = dialog.places
        dialog.enter("0123456789abcdef")
        dialog.accept_button.click()
        assert "不一致" in dialog.problem.text()
        assert len(first) == len(dialog.places) == 16
        dialog.enter("".join(sm3[place] for place in dialog.places))
        dialog.accept_button.click()
        return dialog.result()

    monkeypatch.setattr(TrustPlatformDialog, "exec", fill_in)
    press(page, "信任这个平台…")
    qtbot.waitUntil(
        lambda: page.report is not None and page.report.verdict is Verdict.VALID, timeout=60_000
    )
    assert city.url.partition("://")[2] in seen[0]
    assert COMPANY in seen[0]
    assert not any(sm3[n : n + 4] in seen[0] for n in range(0, 64, 4)), "never shown"
    assert "信任这个平台…" not in links(page)

    window.go("settings")
    section = window.page("settings").trust
    named = f"{city.url} · 信任的平台"

    def listed() -> list[str]:
        names = [each.accessibleName() for each in section.findChildren(QPushButton)]
        return [name for name in names if name.startswith(named)]

    qtbot.waitUntil(lambda: len(listed()) == 1, timeout=20_000)
    assert COMPANY in listed()[0]
    monkeypatch.setattr(Question, "exec", lambda box: box.buttons["不再信任"].click())
    next(b for b in section.findChildren(QPushButton) if b.text() == "不再信任…").click()
    qtbot.waitUntil(lambda: listed() == [], timeout=20_000)


def test_where_the_policy_is_against_it_one_is_told_whom_to_ask(
    qtbot: QtBot,
    window: MainWindow,
    desk: Desk,
    city: RunningServer,
    stamped: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk.settings = replace(desk.settings, allow_own_trust=False)
    page = verified(qtbot, window, stamped)
    told: list[str] = []

    def read(box: Question) -> int:
        told.append(f"{box.text} {box.details}")
        box.buttons["复制"].click()
        return box.result()

    monkeypatch.setattr(Question, "exec", read)
    press(page, "信任这个平台…")
    [said] = told
    assert "管理员" in said
    assert city.url in said
    assert COMPANY in said


def test_a_certificate_file_is_trusted_for_what_was_ticked(
    qtbot: QtBot,
    window: MainWindow,
    stamped: Path,
    root_pem: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = verified(qtbot, window, stamped)

    def tick(dialog: AddAnchorDialog) -> int:
        dialog.choose("makers", "signers", "timestamps")
        dialog.sure.setChecked(True)
        dialog.accept_button.click()
        return dialog.result()

    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(root_pem), ""))
    monkeypatch.setattr(AddAnchorDialog, "exec", tick)
    page.panel.proof_wanted.emit("add_file")
    qtbot.waitUntil(
        lambda: page.report is not None and page.report.verdict is Verdict.VALID, timeout=60_000
    )


def test_looking_it_up_and_setting_the_clock_are_at_hand(
    qtbot: QtBot, window: MainWindow, stamped: Path
) -> None:
    page = verified(qtbot, window, stamped)
    before = page.report
    page.panel.proof_wanted.emit("fetch")
    qtbot.waitUntil(lambda: page.report is not None and page.report is not before, timeout=60_000)
    page.panel.proof_wanted.emit("set_clock")
    qtbot.waitUntil(
        lambda: any("校准" in each.text() for each in window.findChildren(QLabel)), timeout=10_000
    )


def test_a_trust_list_by_somebody_else_is_told(
    qtbot: QtBot,
    window: MainWindow,
    desk: Desk,
    stamped: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever puts another list in its place must not do so unnoticed."""
    told: list[BaseException] = []
    monkeypatch.setattr(window, "complain", told.append)
    path = tmp_path / "list.stl"
    path.write_bytes(b"no list")
    desk.settings = replace(desk.settings, trust_list=str(path), trust_list_signer="1" * 64)
    verified(qtbot, window, stamped)
    qtbot.waitUntil(lambda: bool(told), timeout=20_000)
    assert isinstance(told[0], TrustListRejected)


@pytest.mark.slow
def test_a_demo_file_is_opened_in_the_demo(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    """Stamped by the demo of this computer, opened outside: one click, and it is 有效 in there."""
    context = window.context
    assert isinstance(context, DeskContext)
    assert demo.run(context.settings, None, tmp_path / "out") == 0
    (made,) = (tmp_path / "out").glob("*_已盖章.pdf")
    page = verified(qtbot, window, made)
    assert page.report is not None
    assert page.report.verdict is Verdict.UNKNOWN
    assert "信任这个平台…" not in links(page)
    press(page, "在演示中打开")
    qtbot.waitUntil(lambda: bool(window.context.demo_pin), timeout=60_000)
    inside = window.page("verify")
    qtbot.waitUntil(lambda: inside.report is not None, timeout=60_000)
    assert inside.report.verdict is Verdict.VALID
    inside.panel.proof_wanted.emit("open_in_demo")
    assert any("不是这里的演示做的" in text for text in window.notices.texts)
    window.leave_demo()
    assert not window.context.demo_pin


@pytest.mark.slow
def test_the_administrators_platform_is_valid_after_the_first_connection(
    qtbot: QtBot,
    look: None,
    stranger: Clerk,
    city: RunningServer,
    stamped: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    policy(tmp_path, monkeypatch, platform_url=city.url, allow_own_trust=False)
    with stranger.desk() as desk:
        page = verified(qtbot, opened(qtbot, desk), stamped)
        assert page.report is not None
        if page.report.verdict is not Verdict.VALID:  # it was judged before the connection
            page.panel.proof_wanted.emit("fetch")
        qtbot.waitUntil(
            lambda: page.report is not None and page.report.verdict is Verdict.VALID,
            timeout=60_000,
        )


@pytest.mark.slow
def test_a_trust_list_is_followed_and_never_rolled_back(
    qtbot: QtBot,
    window: MainWindow,
    desk: Desk,
    city: RunningServer,
    stamped: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[BaseException] = []
    monkeypatch.setattr(window, "complain", told.append)
    here, folder = tmp_path / "list.stl", tmp_path / "operator"
    first = trust_list(city, folder).read_bytes()
    here.write_bytes(first)
    signer = TrustList.parse(first).certificate.fingerprint.hex()
    desk.settings = replace(desk.settings, trust_list=str(here), trust_list_signer=signer)

    def judged() -> Verdict:
        copy = tmp_path / f"{len(list(tmp_path.iterdir()))}.pdf"
        copy.write_bytes(stamped.read_bytes())
        page: VerifyPage = window.page("verify")
        before = page.report
        window.go("verify", [copy])
        qtbot.waitUntil(
            lambda: page.report is not None and page.report is not before, timeout=60_000
        )
        assert page.report is not None
        return page.report.verdict

    assert judged() is Verdict.VALID
    here.write_bytes(trust_list(city, folder, "--withdraw", "平台").read_bytes())
    assert judged() is Verdict.UNKNOWN
    here.write_bytes(first)
    assert judged() is Verdict.UNKNOWN
    qtbot.waitUntil(lambda: bool(told), timeout=20_000)
    assert isinstance(told[0], TrustListRejected)
