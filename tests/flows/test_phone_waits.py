"""Stamping waits while a browser on a phone approves; the computer tells what the phone did."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from PySide6.QtWidgets import QLabel, QWidget
from pytestqt.qtbot import QtBot
from sqlalchemy import select

from app.placing.stamp_plan import At
from app.remote.approval.phones import PhonesClient
from app.settings import save
from server_stub.records.store import UseApprover, UseRequestRow
from server_stub.web.serving import RunningServer
from tests.ui.conftest import *  # noqa: F403 - the window's fixtures
from tests.world import chromium
from tests.world.applicant import citizen_number, credit_code
from tests.world.clerk import PIN, SO_PIN, Clerk, enrolled, excerpt, pem
from ui.desk.desk_context import DeskContext
from ui.shell.pin_dialog import PinDialog
from ui.shell.window import MainWindow
from ui.stamp.stamp_page import StampPage

pytestmark = chromium.needed


@dataclass
class Office:
    """Who stamps, who approves, and the approver's phone."""

    clerk: Clerk
    approver: Clerk
    page: chromium.Page


@pytest.fixture(scope="module")
def office(city: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("office")
    company = (credit_code(), "宿迁市用印咨询有限公司", "王建国", citizen_number(722))
    clerk = enrolled(folder / "clerk", city.url, *company).clerk
    own = (credit_code(), "宿迁市审批咨询有限公司", "沈立", citizen_number(721))
    approver = enrolled(folder / "approver", city.url, *own).clerk
    with approver.desk() as desk:
        certificate = folder / "approver.pem"
        seal = desk.cabinet.seals()[0]
        certificate.write_text(pem(seal.certificate), encoding="ascii")
    ruled = clerk(
        *("approval", "policy", "--approver", f"{certificate}=沈立/法定代表人"),
        *("--needed", "1"),
    )
    assert ruled.code == 0, ruled.err
    (folder / "browser").mkdir()
    with chromium.phone(folder / "browser") as page:
        paired(approver, page)
        assert approver("sync").code == 0
        yield Office(clerk, approver, page)
        assert page.wrong == []


def paired(approver: Clerk, page: chromium.Page) -> None:
    with approver.desk() as desk:
        client = desk.client(PhonesClient)
        with client, desk.token().login(PIN) as session:
            key = desk.holder_key(session)
            client.sign_in(key)
            begun = client.begin_pairing()
            page.open(begun.url)
            page.step("start")
            page.tap("#pair")
            page.step("digits")
            answered = client.look_at_pairing(begun)
            assert answered is not None
            client.bind_phone(begun, answered, key, datetime.now(UTC))
            page.step("done")


def link_of_the_newest(city: RunningServer) -> str:
    """As the requester sends it to the approver."""
    newest = UseRequestRow.created_at.desc()
    with city.platform.reading() as session:
        request = session.scalars(select(UseRequestRow.id).order_by(newest).limit(1)).one()
        chosen = select(UseApprover.link).where(UseApprover.request_id == request)
        return f"{city.url}/m/a/{session.scalars(chosen).one()}"


def test_the_phone_approves_while_stamping_waits(
    office: Office,
    city: RunningServer,
    stranger: Clerk,
    root_pem: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source, page = tmp_path / "采购合同.pdf", office.page
    source.write_bytes(excerpt(2))
    pictures = Path(os.environ.get("PHONE_PICTURES", tmp_path))
    looks: list[float] = []

    def meanwhile(seconds: float) -> None:
        if looks:
            return
        looks.append(seconds)
        page.open(link_of_the_newest(city))
        page.step("start")
        page.wait("!document.getElementById('whole').hidden")
        page.shot("contract", pictures)
        page.tap("#approve")
        page.step("sure")
        page.tap("#sure")
        page.step("done")

    monkeypatch.setattr("app.remote.approval.asking.pause", meanwhile)
    made = office.clerk(
        *("stamp", source, "--at", "1:100,100", "-o", tmp_path / "已盖章.pdf"),
        *("--wait", "300", "--purpose", "签采购合同"),
    )
    assert made.code == 0, made.err
    assert len(looks) == 1

    told = stranger("verify", tmp_path / "已盖章.pdf", "--trust", root_pem, "--offline")
    assert told.code == 0, told.out
    for words in ("本次用印经过审批", "沈立（法定代表人）", "用手机签署", "不证明是谁通过了验证"):
        assert words in told.out
    assert office.approver("sync").code == 0
    news = office.approver("notices").out
    assert "您的手机同意了王建国的用印申请" in news
    assert "立即在设置里解除这部手机" in news


def said(widget: QWidget) -> str:
    return "\n".join(each.text() for each in widget.findChildren(QLabel))


GUEST = "阿卜杜热伊木·买买提艾力"
DOCUMENT = "（终稿）采购合同 v2.0 – 副本&最终 #1.pdf"


@pytest.mark.qt_log_ignore("This plugin does not support")
def test_a_grantee_stamps_in_the_window_while_the_approver_decides_on_the_phone(
    qtbot: QtBot,
    look: None,
    office: Office,
    city: RunningServer,
    stranger: Clerk,
    root_pem: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The whole of 授权, 审批 and 手机: the window waits, a browser approves, the window goes on
    and stamps; who receives the file, offline and with nothing but the root, reads who sealed it,
    by whose grant, and who allowed it."""
    end = (datetime.now(UTC) + timedelta(days=5)).isoformat()
    offer = office.clerk("grant", "offer", "--to", GUEST, "--until", end, "--approval", "--json")
    assert offer.code == 0, offer.err
    guest = Clerk(tmp_path / "guest")
    made = guest("token", "init", "--virtual", "--pin-stdin", stdin=f"{SO_PIN}\n{PIN}\n")
    assert made.code == 0, made.err
    accepted = guest(
        *("grant", "accept", offer.json["code"], "--yes", "--platform", city.url),
        *("--name", GUEST, "--id-no", citizen_number(741)),
    )
    assert accepted.code == 0, accepted.err
    source = tmp_path / DOCUMENT
    source.write_bytes(excerpt(1))

    def enter(dialog: PinDialog) -> int:
        dialog.field.setText(PIN)
        dialog.accept_button.click()
        return dialog.result()

    monkeypatch.setattr(PinDialog, "exec", enter)
    phone = office.page
    with guest.desk() as desk:
        desk.settings = save(desk.settings, {"platform_url": city.url})
        window = MainWindow(DeskContext(desk))
        qtbot.addWidget(window)
        window.go("stamp")
        window.show()
        window.begin()
        qtbot.waitUntil(lambda: bool(window.seals) and window.token is not None, timeout=30_000)
        window.take_files([source])
        page: StampPage = window.page("stamp")
        qtbot.waitUntil(lambda: page.ready, timeout=20_000)
        page.placing.place(At("1", 150, 200))
        qtbot.waitUntil(lambda: page.stamp_button.isEnabled())
        page.stamp()
        qtbot.waitUntil(lambda: "正在等待审批" in said(page.run), timeout=60_000)
        assert "沈立（法定代表人）" in said(page.run)

        phone.open(link_of_the_newest(city))
        phone.step("start")
        phone.wait("!document.getElementById('whole').hidden")
        for words in (GUEST, DOCUMENT):
            assert words in phone.text()
        phone.tap("#approve")
        phone.step("sure")
        phone.tap("#sure")
        phone.step("done")

        qtbot.waitUntil(lambda: bool(page.run.outcomes), timeout=60_000)
        outcome = page.run.outcomes[0]
        assert outcome.file is not None, outcome.error
        window.close()

    told = stranger("verify", outcome.file.path, "--trust", root_pem, "--offline")
    assert told.code == 0, told.out
    for words in (
        f"授权签章人：{GUEST}",
        "宿迁市用印咨询有限公司",
        "本次用印经过审批",
        "沈立（法定代表人）",
        "用手机签署",
        DOCUMENT,
    ):
        assert words in told.out, words


def test_the_code_on_the_approvers_screen_has_the_pages_key(
    office: Office, city: RunningServer, tmp_path: Path
) -> None:
    """For a phone whose browser was cleared."""
    source, page = tmp_path / "补充协议.pdf", office.page
    source.write_bytes(excerpt(2) + b"\n")
    asked = office.clerk("approval", "request", source, "--json")
    assert asked.code == 0, asked.err
    (answer,) = asked.json["answers"]
    assert answer["link"] == link_of_the_newest(city)
    assert answer["link"] in office.clerk("approval", "show", asked.json["id"]).out
    page.open(answer["link"])
    page.evaluate(
        "new Promise(done => indexedDB.deleteDatabase('sealdesk').onsuccess = () => done(1))"
    )
    page.open(answer["link"])
    page.wait("!document.getElementById('no-key').hidden")
    assert office.clerk("sync").code == 0  # the approver's key may have come since
    assert office.approver("sync").code == 0
    code = office.approver("approval", "phone", asked.json["id"], "--json")
    assert code.code == 0, code.err
    page.open(code.json["url"])
    page.wait("!document.getElementById('whole').hidden")
    page.evaluate("document.getElementById('reason').value = '以新合同为准'")
    page.tap("#reject")
    page.step("sure")
    page.tap("#sure")
    page.step("done")
    assert office.approver("sync").code == 0
    assert "您的手机不同意王建国的用印申请" in office.approver("notices").out
    shown = office.approver("approval", "show", asked.json["id"]).out
    assert "以新合同为准" in shown
    assert office.approver("approval", "phone", "nothing").code != 0
