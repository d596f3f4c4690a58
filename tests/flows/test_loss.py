"""挂失 through the real client: one signature, and the seal is out of use for everybody."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot
from sqlalchemy import select

from app.errors import SealChangeRefused
from app.remote.collecting import resume, suspend
from server_stub.__main__ import main
from server_stub.records.store import Seal
from server_stub.web.serving import RunningServer
from tests.ui.conftest import *  # noqa: F403 - the window's fixtures
from tests.world.applicant import citizen_number, credit_code, number_of
from tests.world.clerk import PIN, SO_PIN, Clerk, enrolled
from tests.world.staff import moved
from ui.desk.desk_context import DeskContext
from ui.pages.seal_state import SealStateDialog
from ui.shell.window import MainWindow


def test_a_keeper_stops_and_reports_lost_with_one_signature(
    city: RunningServer, tmp_path: Path
) -> None:
    clerk = enrolled(tmp_path / "clerk", city.url, credit_code(), "宿迁市挂失商贸有限公司").clerk
    status = f"{city.url}/v1/seals/{clerk.seal}/status"

    def state() -> tuple[str, str]:
        told = httpx.get(status).json()
        return told["state"], told["reason"]

    stopped = clerk("seal", "suspend", clerk.seal, "--reason", "holder_request")
    assert stopped.code == 0, stopped.err
    assert state() == ("suspended", "holder_request")
    # whoever only keeps it stops it and does not lift it: the legal representative does
    refused = clerk("seal", "resume", clerk.seal)
    assert refused.code == 13
    assert "只有法定代表人可以恢复" in refused.err
    twice = clerk("seal", "suspend", clerk.seal, "--reason", "holder_request")
    assert twice.code == 13
    assert "已经停用" in twice.err
    with city.platform.reading() as session:
        identity = session.scalars(select(Seal.id).where(Seal.seal_code == clerk.seal)).one()
    moved(city, identity, "resume")
    assert state()[0] == "active"
    lost = clerk("seal", "suspend", clerk.seal, "--reason", "lost")
    assert lost.code == 0, lost.err
    assert state() == ("suspended", "lost")
    # the token may be in wrong hands: it lifts nothing and stamps nothing
    refused = clerk("seal", "resume", clerk.seal)
    assert refused.code == 13
    assert "本单位的 Ukey 都不能恢复" in refused.err
    (shown,) = clerk("seal", "list", "--json").json
    assert shown["state"] == "suspended"


def test_a_representative_with_a_personal_certificate_alone_stops_and_resumes(
    city: RunningServer, tmp_path: Path
) -> None:
    register, number = city.platform.city, number_of("王建国")
    uscc, company = credit_code(), "宿迁市亲启商贸有限公司"
    register.register(
        uscc, company, "王建国", legal_rep_id=number, trusts=[("李晓梅", citizen_number())]
    )
    clerk = enrolled(tmp_path / "clerk", city.url, uscc, company).clerk
    init = clerk("token", "init", "--virtual", "--pin-stdin", stdin=f"{SO_PIN}\n{PIN}\n")
    assert init.code == 0, init.err
    with clerk.desk() as desk:
        _, his = (token.info.serial for token in desk.tokens())
        with desk.token(his).login(PIN) as session:
            key = session.generate_key("sm2", "personal")
            certificate = register.certify_person("王建国", number, key.public_key)
            session.store_certificate(certificate, "personal", key.key_id)

    def state() -> str:
        return str(httpx.get(f"{city.url}/v1/seals/{clerk.seal}/status").json()["state"])

    order = (clerk.seal, "--token", his)
    stopped = clerk("seal", "suspend", *order, "--reason", "holder_request")
    assert (stopped.code, state()) == (0, "suspended"), stopped.err
    resumed = clerk("seal", "resume", *order)
    assert (resumed.code, state()) == (0, "active"), resumed.err
    assert "不需要恢复" in clerk("seal", "resume", *order).err
    lost = clerk("seal", "suspend", *order, "--reason", "lost")
    assert (lost.code, state()) == (0, "suspended"), lost.err
    refused = clerk("seal", "resume", *order)
    assert "本单位的 Ukey 都不能恢复" in refused.err


def test_a_lost_key_is_told_by_a_call_and_its_seal_replaced_on_a_new_one(
    city: RunningServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """挂失来电 → two people → suspended → a new Ukey → replaced, the old seal cancelled."""
    company = "宿迁市来电商贸有限公司"
    clerk = enrolled(tmp_path / "clerk", city.url, credit_code(), company).clerk
    old = clerk.seal
    status = f"{city.url}/v1/seals/{old}/status"
    where = ("--dir", str(city.platform.settings.directory), "--log-level", "error")
    first = reviewer(city, tmp_path / "first")
    told = ("--caller", "王建国 0527-84350000", "--shown", "回拨登记电话，核对身份证号码")
    taken = first("review", "report-loss", old, *told)
    assert taken.code == 0, taken.err
    call = taken.out.split("\t")[0]
    assert httpx.get(status).json()["state"] == "active"
    refused = first("review", "confirm-loss", call)
    assert refused.code != 0  # the same person
    assert main(["loss", "confirm", call, *where]) == 0
    assert "confirmed" in capsys.readouterr().out
    said = httpx.get(status).json()
    assert (said["state"], said["reason"]) == ("suspended", "lost")
    assert "没有等待确认" in first("review", "losses").out

    assert clerk("sync").code != 0  # whoever has it signs in no more; the holder is told why
    assert "已停用，现在盖的章无效（已挂失）" in clerk("notices").out
    clerk.hub.rename(tmp_path / "lost")  # with its Ukey
    made = clerk("token", "init", "--virtual", "--pin-stdin", stdin=f"{SO_PIN}\n{PIN}\n")
    assert made.code == 0, made.err
    handler = ("--legal-rep", "王建国", "--handler", "李晓梅", "--handler-id", citizen_number())
    order = ("seal", "reissue", old, "--cause", "lost", *handler, "--phone", "0527-84350000")
    done = clerk(*order, "--wait", "300")
    assert done.code == 0, done.err + done.out
    after = {each["code"]: each["state"] for each in clerk("seal", "list", "--json").json}
    (new,) = (code for code, state in after.items() if state == "active")
    assert after == {old: "cancelled", new: "active"}
    said = httpx.get(status).json()
    assert (said["state"], said["reason"], said["successor"]) == ("cancelled", "replaced", new)
    assert clerk("sync").code == 0


def reviewer(city: RunningServer, folder: Path) -> Clerk:
    """Somebody of the platform's with a Ukey of a reviewer."""
    made = Clerk(folder, settings={"PLATFORM_URL": city.url})
    made("token", "init", "--virtual", "--pin-stdin", stdin=f"{SO_PIN}\n{PIN}\n")
    request, certificate = folder / "r.csr", folder / "r.crt"
    asked = made("token", "request", "--name", "审核员", "-o", request)
    assert asked.code == 0, asked.err
    where = ("--dir", str(city.platform.settings.directory), "--log-level", "error")
    about = ("--role", "reviewer", "--request", str(request), "--out", str(certificate))
    assert main(["staff", "add", "张三", *about, *where]) == 0
    put = made("token", "put", certificate)
    assert put.code == 0, put.err
    return made


def test_what_an_authority_does_is_told_and_stays_told(city: RunningServer, tmp_path: Path) -> None:
    clerk = enrolled(tmp_path / "clerk", city.url, credit_code(), "宿迁市通知商贸有限公司").clerk

    def told(action: str, number: str) -> None:
        said = (
            "market",
            number,
            action,
            clerk.seal,
            "licence_revoked",
            f"{datetime.now(UTC):%FT%TZ}",
        )
        lines = ("SUQIAN-SEAL-NOTICE-V1", city.platform.origin, *said, "")
        signature = city.platform.city.sign_notice("market", "\n".join(lines))
        names = ("sender", "number", "action", "object", "reason", "effective_at")
        body = dict(zip(names, said, strict=True)) | {"signature": b64encode(signature).decode()}
        assert httpx.post(f"{city.url}/v1/notices", json=body).status_code == 201

    told("suspend", "SJ-1")
    clerk("sync")  # the certificate is on hold: nobody signs in, the state is told all the same
    (stopped,) = clerk("notices", "--json").json
    assert (stopped["kind"], stopped["facts"]["reason"]) == ("seal_suspended", "licence_revoked")
    assert "市场监管部门" in stopped["todo"]
    told("resume", "SJ-2")
    assert clerk("sync").code == 0
    out = clerk("notices").out
    for word in (
        "市场监管部门通知（SJ-1）",
        "市场监管部门通知（SJ-2）",
        "恢复使用",
        "可以照常盖章",
    ):
        assert word in out, word
    assert clerk("notices", "--read").code == 0
    assert clerk("sync").code == 0
    assert clerk("notices").out == "没有未读的通知。\n", "told once"


@pytest.mark.qt_log_ignore("This plugin does not support")
def test_a_keeper_stops_in_the_window_and_the_representative_resumes_with_another_seals_key(
    city: RunningServer,
    tmp_path: Path,
    qtbot: QtBot,
    look: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    uscc, company, number = credit_code(), "宿迁市恢复商贸有限公司", number_of("王建国")
    city.platform.city.register(
        uscc,
        company,
        "王建国",
        legal_rep_id=number,
        trusts=[("李晓梅", citizen_number())],
    )
    keeper = enrolled(tmp_path / "keeper", city.url, uscc, company).clerk
    his = Clerk(tmp_path / "his")
    his("token", "init", "--virtual", "--pin-stdin", stdin=f"{SO_PIN}\n{PIN}\n")
    got = his(
        *("enroll", "--platform", city.url, "--uscc", uscc, "--name", company),
        *("--legal-rep", "王建国", "--handler", "王建国", "--handler-id", number),
        *("--phone", "13800000000", "--kind", "contract"),
    )
    assert got.code == 0, got.err
    refusals: list[str] = []

    def shown(dialog: SealStateDialog) -> int:
        dialog.show()
        for choice in list(dialog.choices.values())[:1]:
            choice.setChecked(True)
        dialog.accept_button.click()
        qtbot.waitUntil(lambda: dialog.changed, timeout=30_000)
        refusals.append(dialog.problem.text())
        dialog.close()
        return dialog.result()

    monkeypatch.setattr(SealStateDialog, "exec", shown)
    with keeper.desk() as desk:
        window = MainWindow(DeskContext(desk))
        qtbot.addWidget(window)
        window.resize(1366, 768)
        window.show()
        window.begin()
        qtbot.waitUntil(lambda: window.token is not None, timeout=30_000)
        window.go("seals")
        page = window.page("seals")
        monkeypatch.setattr(page, "_pin", lambda _: (window.token.serial, PIN))  # type: ignore[union-attr]

        def press(words: str) -> None:
            def there() -> list[QPushButton]:
                made = page.findChildren(QPushButton)
                return [each for each in made if each.text() == words and each.isVisible()]

            qtbot.waitUntil(lambda: bool(there()), timeout=30_000)
            there()[0].click()

        press("停用、挂失…")
        press("恢复…")  # whoever only keeps it is told who resumes it
        qtbot.waitUntil(lambda: not window.tasks.busy, timeout=30_000)
        stopped = desk.cabinet.seal(keeper.seal)
        window.close()
    assert refusals[0] == ""
    assert "只有法定代表人可以恢复" in refusals[1]
    assert stopped.state == "suspended"
    with his.desk() as desk, desk.token().login(PIN) as session:
        resumed = resume(stopped, session, desk.platform(city.url), desk.cabinet)
        assert resumed.usable(datetime.now(UTC)) is None
        told = desk.cabinet.statement(keeper.seal)
        assert told is not None
        assert told.statement.state == "active"
        # and stops it, where its own key is lost
        lost = suspend(resumed, "lost", session, desk.platform(city.url), desk.cabinet)
        assert (lost.state, lost.certificate_state) == ("suspended", "held")
        with pytest.raises(SealChangeRefused) as refused:
            resume(lost, session, desk.platform(city.url), desk.cabinet)
        assert refused.value.reason == "doubt"
