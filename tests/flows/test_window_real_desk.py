"""The window at a real desk: virtual Ukey over PKCS#11, platform over HTTP, nothing stood in."""

import contextlib
import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from app.desk import Desk
from app.errors import FileNotReadable
from app.placing.stamp_plan import At, Riding
from app.remote.disputes import DisputeReceipt
from app.settings import save
from crypto.algorithms.gm import sm3
from crypto.report.pdf import enclosed
from crypto.verdict import Verdict
from device.virtual import make_blank_token
from server_stub.web.serving import RunningServer
from tests.ui.conftest import *  # noqa: F403 - the window's fixtures
from tests.world.clerk import PIN, Clerk
from tests.world.documents import classic_pdf
from tests.world.sealing import World
from ui.desk.desk_context import DeskContext
from ui.dialogs import Question
from ui.shell.guide import Guide
from ui.shell.keys.token_setup import InitialiseDialog
from ui.shell.pin_dialog import PinDialog
from ui.shell.window import MainWindow
from ui.stamp.stamp_page import StampPage
from ui.verify.dispute import DisputeDialog

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@pytest.fixture
def desk(clerk: Clerk) -> Iterator[Desk]:
    with clerk.desk() as opened:
        yield opened


def test_a_contract_is_stamped_verified_and_reported(
    qtbot: QtBot,
    look: None,
    desk: Desk,
    city: RunningServer,
    contract: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk.settings = save(desk.settings, {"platform_url": city.url, "timestamp": "required"})
    window = MainWindow(DeskContext(desk))
    qtbot.addWidget(window)
    window.go("stamp")
    window.show()
    window.begin()
    qtbot.waitUntil(lambda: bool(window.seals) and window.token is not None, timeout=30_000)
    assert window.token is not None
    assert window.token.is_virtual
    assert "口令剩余 10 次" in window.strip.accessibleName()
    assert window.strip._demo.isVisible()

    window.take_files([contract])
    page: StampPage = window.page("stamp")
    qtbot.waitUntil(lambda: page.ready, timeout=20_000)
    page.placing.place(At("1", 150, 200))
    page.placing.place(Riding("right"))
    qtbot.waitUntil(lambda: page.stamp_button.isEnabled())

    pins = iter(["wrong-9999", PIN])
    asked: list[str] = []

    def ask(token: object, purpose: str, problem: str) -> str:
        asked.append(problem)
        return next(pins)

    monkeypatch.setattr(page.run, "ask_pin", ask)
    page.stamp()
    qtbot.waitUntil(lambda: bool(page.run.outcomes and page.run.outcomes[0].file), timeout=60_000)
    assert asked[0] == ""
    assert "9" in asked[1]
    file = page.run.outcomes[0].file
    assert file is not None
    assert file.ticketed
    assert file.path.name == "合同_已盖章.pdf"

    window.go("verify", [file.path])
    verify = window.page("verify")
    qtbot.waitUntil(lambda: not verify._files[0].checking, timeout=60_000)
    assert verify.report is not None, verify._files[0].problem
    assert verify.report.verdict is Verdict.VALID
    assert verify.report.signatures[0].times.trusted_source == "timestamp"

    target = contract.parent / "平台报告.pdf"
    target.write_bytes(b"the dialog has asked whether this may go")
    asked_to_send: list[str] = []

    def send(box: Question) -> int:
        asked_to_send.append(box.details)
        box.buttons["发送"].click()
        return box.result()

    monkeypatch.setattr(Question, "exec", send)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(target), ""))
    verify.sealed_report()
    qtbot.waitUntil(
        lambda: any("平台的结论：有效" in text for text in window.notices.texts), timeout=60_000
    )
    assert city.url in asked_to_send[0]
    with target.open("rb") as sealed:
        assert enclosed(sealed)["file"]["name"] == file.path.name
    assert [each.name for each in contract.parent.iterdir() if each.name.startswith(".")] == []

    receipt, evidence = contract.parent / "回执.json", contract.parent / "平台证据.zip"

    def fill(dialog: DisputeDialog) -> int:
        assert not dialog.accept_button.isEnabled()
        dialog.reason.setPlainText("本单位未盖过此章")
        dialog.contact.setText("0527-12345678")
        dialog.signed.setChecked(True)
        dialog.accept_button.click()
        return dialog.result()

    def enter(dialog: PinDialog) -> int:
        dialog.field.setText(PIN)
        dialog.accept_button.click()
        return dialog.result()

    monkeypatch.setattr(DisputeDialog, "exec", fill)
    monkeypatch.setattr(PinDialog, "exec", enter)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(receipt), ""))
    verify.dispute()
    qtbot.waitUntil(
        lambda: any("异议已提交" in text for text in window.notices.texts), timeout=60_000
    )
    known = DisputeReceipt.load(receipt)
    assert known.signed
    assert known.document_sm3 == sm3(file.path.read_bytes()).hex()

    told: list[str] = []

    def look(box: Question) -> int:
        told.append(box.text)
        next(iter(box.buttons.values())).click()
        return box.result()

    monkeypatch.setattr(Question, "exec", look)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(receipt), ""))
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(evidence), ""))

    def fetched() -> bool:
        if not evidence.exists() and not window.tasks.busy:
            verify._disputes.follow()
        return any("核对无误" in text for text in window.notices.texts)

    qtbot.waitUntil(fetched, timeout=60_000)
    assert told[-1] == "平台的证据已经备好。"

    seals = window.page("seals")
    window.go("seals")
    monkeypatch.setattr(seals, "_pin", lambda purpose: (window.token.serial, PIN))  # type: ignore[union-attr]
    qtbot.waitUntil(lambda: seals._sync.isEnabled())
    seals.synchronise()
    qtbot.waitUntil(lambda: any("已同步" in text for text in window.notices.texts), timeout=30_000)
    for name in ("approvals", "journal", "settings"):
        window.go(name)
    qtbot.waitUntil(lambda: not window.tasks.busy, timeout=20_000)
    said = str(window.context.diagnosis())
    assert PIN not in said
    assert contract.name not in said
    window.close()


@pytest.mark.slow
def test_the_demo_starts_with_one_click_and_ends_with_the_window(
    qtbot: QtBot, look: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Clerk(tmp_path / "newcomer", pin=None)
    with own.desk() as desk:
        window = MainWindow(DeskContext(desk))
        qtbot.addWidget(window)
        window.go("stamp")
        window.show()
        window.begin()
        qtbot.waitUntil(lambda: window.findChild(Guide) is not None, timeout=30_000)
        hub = os.environ["SEALDESK_VUKEY_DIR"]
        window.findChild(Guide).demo_button.click()  # type: ignore[union-attr]
        qtbot.waitUntil(lambda: bool(window.seals) and bool(window.token), timeout=120_000)
        page: StampPage = window.page("stamp")
        qtbot.waitUntil(lambda: page.pane.view.page_count > 0, timeout=30_000)
        assert page.pane.path is not None
        assert page.pane.path.name == "示例文件.pdf"
        assert "演示" in window.banner.accessibleName()
        assert window.banner.isVisible()
        assert window.token is not None
        assert window.token.is_virtual
        url = window.context.settings.platform_url
        assert url.startswith("http://localhost:")
        with own.desk() as again:
            assert again.settings.platform_url == ""  # the demo left one's own settings alone

        window.leave_demo()
        assert not window.banner.isVisible()
        qtbot.waitUntil(lambda: not answers(url), timeout=30_000)
        qtbot.waitUntil(lambda: os.environ["SEALDESK_VUKEY_DIR"] == hub, timeout=10_000)
        qtbot.waitUntil(lambda: not window.tasks.busy, timeout=20_000)
        assert window.seals == ()
        window.close()


def test_a_blank_key_is_initialised_in_the_window(
    qtbot: QtBot, look: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Clerk(tmp_path / "newcomer", pin=None)
    make_blank_token(own.hub)
    with own.desk() as desk:
        window = MainWindow(DeskContext(desk))
        qtbot.addWidget(window)
        window.state.put("guided", True)
        window.show()
        window.begin()
        qtbot.waitUntil(lambda: window.token is not None, timeout=30_000)
        assert any("空白" in text for text in window.notices.texts)

        def fill(dialog: InitialiseDialog) -> int:
            for field, text in (
                (dialog.name, "财务部"),
                (dialog.pin, "123456"),
                (dialog.pin_again, "123456"),
                (dialog.officer, "officer-7391"),
                (dialog.officer_again, "officer-7391"),
            ):
                field.setText(text)
            assert not dialog.accept_button.isEnabled()
            assert "新口令：" in dialog.problem.text()
            dialog.pin.setText("officer-7391")
            dialog.pin_again.setText("officer-7391")
            assert dialog.problem.text() == "管理员口令不能与口令相同。"
            dialog.pin.setText(PIN)
            assert "不一样" in dialog.problem.text()
            dialog.pin_again.setText(PIN)
            dialog.accept_button.click()
            assert dialog.officer.text() == dialog.pin.text() == ""
            return dialog.result()

        monkeypatch.setattr(InitialiseDialog, "exec", fill)
        window.initialise_token()
        qtbot.waitUntil(lambda: any("已初始化" in t for t in window.notices.texts), timeout=30_000)
        qtbot.waitUntil(
            lambda: window.token is not None and window.token.initialised, timeout=30_000
        )
        assert window.token is not None
        assert window.token.label == "财务部"
        with desk.token().login(PIN):
            pass
        window.close()


def answers(url: str) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(address_of(url), 1):
        return True
    return False


def address_of(url: str) -> tuple[str, int]:
    host, _, port = url.removeprefix("http://").rpartition(":")
    return host, int(port)


def test_pictures_of_what_changed_come_from_the_file(
    desk: Desk, world: World, tmp_path: Path
) -> None:
    context = DeskContext(desk)
    first = world.sign(classic_pdf())
    data = world.sign(first, world.second, world.marks(world.second, left=20))
    report, path = world.verify(data), tmp_path / "both.pdf"
    with pytest.raises(FileNotReadable):
        context.changes(path, report, None)
    path.write_bytes(first)
    assert context.changes(path, report, None) == (), "another file by now"
    path.write_bytes(data)
    assert [each.page for each in context.changes(path, report, None)] == [0]


def test_what_one_platform_says_of_a_code_is_not_told_of_anothers_seal(
    desk: Desk, city: RunningServer
) -> None:
    (seal,) = desk.cabinet.seals()
    told = desk.platform(city.url).status(seal.code)
    desk.cabinet.keep_statement(told, city.url)
    context = DeskContext(desk)
    assert context.statement_of(seal) == told.statement.issued_at
    other = replace(seal, platform="https://elsewhere.example")
    assert context.statement_of(other) is None
