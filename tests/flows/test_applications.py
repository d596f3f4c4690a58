"""An application at a person's pace: a reviewer takes days and returns it once, the program is
restarted in between, answers are lost, and the person goes on at another computer."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QDialog, QLabel, QPushButton
from pytestqt.qtbot import QtBot
from sqlalchemy import select

from app.errors import PlatformUnreachable
from app.remote.platform_account import PlatformClient
from server_stub import applying, issuing
from server_stub.changing import assessing
from server_stub.policy import Actor
from server_stub.records import canonical, logbook, store
from server_stub.web.serving import RunningServer, start_in_thread
from tests.ui.conftest import *  # noqa: F403 - the window's fixtures
from tests.world.applicant import citizen_number, credit_code, number_of
from tests.world.clerk import PIN, SO_PIN, Clerk, excerpt
from tests.world.documents import DEMO_PDF
from tests.world.platforms import platform_settings
from tests.world.waiting import until
from ui.desk.desk_context import DeskContext
from ui.pages.apply_dialog import ApplyDialog
from ui.shell.pin_dialog import PinDialog
from ui.shell.window import MainWindow

DAY = 86_400 * 1_000_000
COMPANY = "宿迁市白鹭湖茶业有限公司"
REPRESENTATIVE = "王建国"
REVIEWER = Actor("operator", "reviewer-01", frozenset({"operator"}))
FINDINGS = applying.Findings(True, True, True, True)


class Calendar:
    """The platform's clock, which begins four days ago."""

    days_ago = 4.0

    def __init__(self) -> None:
        self._real = canonical.now

    def reach(self, days_ago: float) -> None:
        """Let time pass; it never goes back."""
        self.days_ago = min(self.days_ago, days_ago)

    def now(self) -> int:
        return self._real() - int(self.days_ago * DAY)


@pytest.fixture(scope="module")
def calendar() -> Iterator[Calendar]:
    made = Calendar()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(canonical, "now", made.now)
        yield made


@pytest.fixture(scope="module")
def reviewed(
    calendar: Calendar, tmp_path_factory: pytest.TempPathFactory, light_font: Path
) -> Iterator[RunningServer]:
    """A platform where a person reviews."""
    logbook.configure("error")
    settings = platform_settings(
        tmp_path_factory.mktemp("reviewed"), auto_review=False, imprint_font=light_font
    )
    with start_in_thread(settings) as running:
        yield running


class Review:
    """The reviewer."""

    def __init__(self, server: RunningServer) -> None:
        self.platform = server.platform

    def submitted(self, uscc: str) -> str:
        """The application for that enterprise that waits for its review now."""
        found: list[str] = []

        def there() -> bool:
            with self.platform.reading() as session:
                rows = (
                    select(store.Application.id)
                    .join(store.Enterprise)
                    .where(
                        store.Enterprise.uscc == uscc,
                        store.Application.state == "submitted",
                        store.Application.awaiting.is_(None),
                    )
                )
                found[:] = session.scalars(rows).all()
            return bool(found)

        until(there, "nothing was submitted")
        (identity,) = found
        self.platform.ledger.write(applying.claim, REVIEWER, identity).result()
        return identity

    def send_back(self, uscc: str, reason: str, **reasons: str) -> None:
        by_field = {name.replace("__", "."): text for name, text in reasons.items()}
        back = (applying.send_back, REVIEWER, self.submitted(uscc), reason)
        self.platform.ledger.write(*back, applying.AUTOMATIC, by_field).result()

    def reject(self, uscc: str, reason: str) -> None:
        self.platform.ledger.write(applying.reject, REVIEWER, self.submitted(uscc), reason).result()

    def approve(self, uscc: str) -> None:
        identity = self.submitted(uscc)
        with self.platform.reading() as session:
            row = session.get_one(store.Application, identity)
            assessed = assessing.assess(issuing.SealMaking.of(self.platform), session, row)
        assert assessed.passed, assessed.reason
        steps = (applying.approve, REVIEWER, identity, FINDINGS, assessed)
        self.platform.ledger.write(*steps).result()

        def made() -> bool:
            with self.platform.reading() as session:
                return session.get_one(store.Application, identity).state == "fulfilled"

        until(made, "the seal was not made")

    def count(self, uscc: str) -> int:
        """How many applications there are for that enterprise."""
        with self.platform.reading() as session:
            rows = select(store.Application.id).join(store.Enterprise)
            return len(session.scalars(rows.where(store.Enterprise.uscc == uscc)).all())


@pytest.fixture
def review(reviewed: RunningServer) -> Review:
    return Review(reviewed)


@pytest.fixture
def clerk(tmp_path: Path) -> Clerk:
    """Somebody with a key that has only its PINs."""
    made = Clerk(tmp_path / "clerk")
    init = made("token", "init", "--virtual", "--pin-stdin", stdin=f"{SO_PIN}\n{PIN}\n")
    assert init.code == 0, init.err
    return made


def said(uscc: str, **changes: str) -> list[str]:
    """Options that fill in the form."""
    options = {
        "--uscc": uscc,
        "--name": COMPANY,
        "--legal-rep": REPRESENTATIVE,
        "--handler": "李晓梅",
        "--handler-id": citizen_number(),
        "--phone": "13800000000",
    } | {f"--{name.replace('_', '-')}": value for name, value in changes.items()}
    return [part for option in options.items() for part in option]


def applied(clerk: Clerk, url: str, uscc: str, **changes: str) -> str:
    """Submit an application; gives its identifier."""
    answer = clerk("application", "new", "--platform", url, *said(uscc, **changes))
    assert answer.code == 0, answer.err
    (known,) = clerk("application", "list", "--json").json
    return str(known["id"])


def state(clerk: Clerk, identity: str) -> dict[str, Any]:
    found: dict[str, Any] = clerk("application", "show", identity, "--json").json
    return found


# --- days ----------------------------------------------------------------------------------------


def test_a_reviewer_takes_four_days_and_the_person_changes_computers(
    reviewed: RunningServer, review: Review, calendar: Calendar, clerk: Clerk, tmp_path: Path
) -> None:
    uscc = credit_code()
    answer = clerk("application", "new", "--platform", reviewed.url, *said(uscc))
    assert answer.code == 0, answer.err
    assert "下一步：法定代表人在电子营业执照上同意" in answer.out
    assert "平台通常在" in answer.out
    (known,) = clerk("application", "list", "--json").json
    identity = known["id"]

    calendar.reach(2)
    assert clerk("sync").code == 0, "nothing has happened yet, and that is no error"
    review.send_back(uscc, "请补正", handler__phone="打不通", enterprise__legal_rep__name="无此人")
    told = clerk("sync")
    assert f"申请 {identity}：退回补正。请补正" in told.out
    assert "申请" not in clerk("sync").out, "told once"
    shown = clerk("application", "show", identity)
    assert "经办人手机: 打不通" in shown.out
    assert "法定代表人: 无此人" in shown.out
    assert "下一步：按说明补正" in shown.out

    elsewhere = replace(clerk, folder=tmp_path / "elsewhere")
    shutil.copytree(clerk.hub, elsewhere.hub)
    told = elsewhere("sync", "--platform", reviewed.url)
    assert "退回补正" in told.out
    (there,) = elsewhere("application", "list", "--json").json
    assert there["fields"]["enterprise"] == COMPANY
    assert there["reasons"]["phone"] == "打不通"
    again = elsewhere("application", "continue", there["id"], "--phone", "13912345678")
    assert again.code == 0, again.err
    assert state(elsewhere, there["id"])["state"] == "submitted"

    calendar.reach(0)
    review.approve(uscc)
    told = clerk("sync")
    assert f"申请 {identity}：已制作完成，等待领取" in told.out
    collected = clerk("application", "collect", identity)
    assert collected.code == 0, collected.err
    assert "已领取印章" in collected.out
    done = state(clerk, identity)
    assert (done["state"], done["next"]) == ("collected", "")
    assert review.count(uscc) == 1

    contract = tmp_path / "合同.pdf"
    contract.write_bytes(excerpt(2))
    assert clerk("stamp", contract, "--at", "1:100,100").code == 0
    shutil.rmtree(elsewhere.hub)
    shutil.copytree(clerk.hub, elsewhere.hub)
    assert elsewhere("sync").out.startswith("已取回印章")
    assert state(elsewhere, there["id"])["state"] == "collected"


def test_a_refusal_keeps_the_form_and_the_next_application_has_the_same_key(
    reviewed: RunningServer, review: Review, clerk: Clerk
) -> None:
    uscc = credit_code()
    identity = applied(clerk, reviewed.url, uscc)
    review.reject(uscc, "材料不实")
    assert "没有通过审核。材料不实" in clerk("sync").out
    kept = state(clerk, identity)
    assert kept["fields"]["enterprise"] == COMPANY
    refused = clerk("application", "continue", identity)
    assert refused.code != 0
    assert "没有通过审核" in refused.err
    assert clerk("application", "new", *said(uscc)).code == 0
    assert review.count(uscc) == 2
    with clerk.desk() as desk:
        first, second = desk.cabinet.applications.all()
        assert first.key == second.key
    assert clerk("application", "remove", identity).code == 0
    assert len(clerk("application", "list", "--json").json) == 1


def test_what_was_taken_back_is_over_and_what_is_open_cannot_be_removed(
    reviewed: RunningServer, review: Review, clerk: Clerk
) -> None:
    uscc = credit_code()
    identity = applied(clerk, reviewed.url, uscc)
    assert "先撤回" in clerk("application", "remove", identity).err
    assert clerk("application", "withdraw", identity[:6]).code == 0
    assert state(clerk, identity)["state"] == "withdrawn"
    assert "已经撤回" in clerk("application", "withdraw", identity).err
    assert "已经撤回" in clerk("application", "collect", identity).err
    assert "没有编号为" in clerk("application", "show", "nothing").err
    assert clerk("application", "remove", identity).code == 0


# --- the quick way -------------------------------------------------------------------------------


def test_enroll_goes_on_with_what_is_under_way_and_begins_nothing_beside_it(
    reviewed: RunningServer, review: Review, clerk: Clerk
) -> None:
    uscc = credit_code()
    enroll = ("enroll", "--platform", reviewed.url, "--wait", "0")
    for _ in range(2):
        answer = clerk(*enroll, *said(uscc))
        assert "E-506" in answer.err
    assert review.count(uscc) == 1
    other = clerk(*enroll, *said(credit_code()))
    assert "还有一个申请没有办完" in other.err
    review.send_back(uscc, "电话", handler__phone="打不通")
    assert "退回" not in clerk(*enroll, *said(uscc, phone="13900000001")).err
    review.approve(uscc)
    assert clerk(*enroll, *said(uscc)).code == 0
    assert review.count(uscc) == 1
    assert len(clerk("seal", "list", "--json").json) == 1


# --- lost answers --------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["apply", "submit", "collect"])
def test_a_lost_answer_is_made_up_for_by_doing_it_again(
    reviewed: RunningServer,
    review: Review,
    clerk: Clerk,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    uscc = credit_code()
    real: Callable[..., Any] = getattr(PlatformClient, step)
    lost: list[str] = []

    def once_lost(self: PlatformClient, *args: Any) -> Any:
        answer = real(self, *args)
        if not lost:
            lost.append(step)
            raise PlatformUnreachable(self.origin, "timeout")
        return answer

    monkeypatch.setattr(PlatformClient, step, once_lost)
    first = clerk("application", "new", "--platform", reviewed.url, *said(uscc))
    (known,) = clerk("application", "list", "--json").json
    if step != "collect":
        assert "E-502" in first.err
        # before the second try the person even changes something
        again = clerk("application", "continue", known["id"], "--phone", "13900000002")
        assert again.code == 0, again.err
    assert state(clerk, known["id"])["state"] == "submitted"
    review.approve(uscc)
    if step == "collect":
        assert "E-502" in clerk("application", "collect", known["id"]).err
    assert clerk("application", "collect", known["id"]).code == 0
    assert review.count(uscc) == 1
    assert lost == [step]


def test_a_draft_is_kept_whatever_is_wrong_with_it(clerk: Clerk) -> None:
    told = clerk("application", "new", "--draft", "--uscc", "91320000", "--handler", "李晓梅")
    assert told.code == 0, told.err
    assert "统一社会信用代码: 位数不对" in told.out
    assert "企业名称: 没有填写" in told.out
    (known,) = clerk("application", "list", "--json").json
    sent = clerk("application", "continue", known["id"], "--platform", "http://127.0.0.1:9")
    assert "E-005" in sent.err
    assert "法定代表人: 没有填写" in sent.out, "all that is wrong is told at once"
    assert state(clerk, known["id"])["fields"]["handler"] == "李晓梅"


# --- proofs --------------------------------------------------------------------------------------


def test_the_representative_signs_with_a_key_of_his_own(
    reviewed: RunningServer, review: Review, clerk: Clerk
) -> None:
    uscc = credit_code()
    answer = clerk(
        *("application", "new", "--platform", reviewed.url, "--proof", "legal_rep"),
        *said(uscc),
    )
    assert answer.code == 0, answer.err
    assert "application sign" in answer.out
    (known,) = clerk("application", "list", "--json").json
    identity, city = known["id"], reviewed.platform.city
    unsigned = clerk("application", "continue", identity)
    assert "application sign" in unsigned.out
    assert review.count(uscc) == 0

    number = number_of(REPRESENTATIVE)
    city.take_in_person(REPRESENTATIVE, number)
    city.take_in_person("李晓梅", citizen_number())
    city.register(uscc, COMPANY, REPRESENTATIVE, legal_rep_id=number)
    own_key = clerk("token", "list").out
    init = clerk("token", "init", "--virtual", "--pin-stdin", stdin=f"{SO_PIN}\n{PIN}\n")
    assert init.code == 0, init.err
    with clerk.desk() as desk:
        tokens = {token.info.serial: token for token in desk.tokens()}
        theirs = next(serial for serial in tokens if serial not in own_key)
        ours = next(serial for serial in tokens if serial in own_key)
        with tokens[theirs].login(PIN) as session:
            key = session.generate_key("sm2", "personal")
            certificate = city.certify_person(REPRESENTATIVE, number, key.public_key)
            session.store_certificate(certificate, "personal", key.key_id)
    wrong = clerk("application", "sign", identity, "--token", ours)
    assert wrong.code != 0, "the application's own key is not the representative's"
    signed = clerk("application", "sign", identity, "--token", theirs)
    assert signed.code == 0, signed.err
    changed = clerk("application", "continue", identity, "--token", ours, "--kind", "contract")
    assert "application sign" in changed.out, "what he signed was about another seal"
    assert clerk("application", "sign", identity, "--token", theirs).code == 0
    sent = clerk("application", "continue", identity, "--token", ours)
    assert sent.code == 0, sent.err
    assert "下一步：平台审核" in sent.out
    review.approve(uscc)
    assert clerk("application", "collect", identity, "--token", ours).code == 0


def test_a_letter_of_authority_is_checked_kept_and_sent(
    reviewed: RunningServer, review: Review, clerk: Clerk, tmp_path: Path
) -> None:
    uscc, letter = credit_code(), tmp_path / "授权书.docx"
    letter.write_bytes(b"PK\3\4 a word processor's file")
    new = ("application", "new", "--platform", reviewed.url, "--letter")
    wrong = clerk(*new, letter, *said(uscc))
    assert "授权书：应为 PDF 文件或图片" in wrong.err
    (known,) = clerk("application", "list", "--json").json
    scan = tmp_path / "授权书.pdf"
    shutil.copy(DEMO_PDF, scan)
    sent = clerk("application", "continue", known["id"], "--letter", scan)
    assert sent.code == 0, sent.err
    assert state(clerk, known["id"])["letter"] == "授权书.pdf"
    kept = {path for path in clerk.home.rglob("*") if path.is_file()}
    begin = scan.read_bytes()[:200]
    secrets = (begin, citizen_number().encode())
    assert not any(secret in path.read_bytes() for path in kept for secret in secrets)


# --- appointments --------------------------------------------------------------------------------


def test_the_representative_names_a_keeper_and_ends_it_again(
    reviewed: RunningServer, review: Review, calendar: Calendar, clerk: Clerk
) -> None:
    calendar.reach(0)
    uscc, city = credit_code(), reviewed.platform.city
    number, helper = number_of(REPRESENTATIVE), ("赵敏", number_of("赵敏"))
    city.take_in_person(*helper)
    city.register(uscc, COMPANY, REPRESENTATIVE, legal_rep_id=number)
    own = {"handler": REPRESENTATIVE, "handler_id": number}
    identity = applied(clerk, reviewed.url, uscc, **own)
    review.approve(uscc)
    assert clerk("application", "collect", identity).code == 0
    (seal,) = clerk("seal", "list", "--json").json
    give = ("appointment", "give", "--role", "keeper", "--seal", seal["code"])
    person = ("--handler", helper[0], "--handler-id", helper[1], "--json")
    (made,) = clerk(*give, *person).json
    assert (made["role"], made["name"], made["about"]) == ("keeper", "赵敏", seal["code"])
    wrong = clerk(*give, "--handler", "赵敏", "--handler-id", "321302199003070010")
    assert "经办人身份证号：校验码与前面不符" in wrong.err
    listed = clerk("appointment", "list").out
    assert "保管人\t赵敏" in listed
    assert "法定代表人\t王建国" in listed
    (ended,) = clerk("appointment", "end", made["id"], "--json").json
    assert ended["until"]


def test_who_is_not_the_representative_names_nobody(
    reviewed: RunningServer, review: Review, calendar: Calendar, clerk: Clerk
) -> None:
    calendar.reach(0)
    uscc = credit_code()
    identity = applied(clerk, reviewed.url, uscc)
    review.approve(uscc)
    assert clerk("application", "collect", identity).code == 0
    refused = clerk("appointment", "list")
    assert "没有办理这项业务的权限" in refused.err


# --- the window ----------------------------------------------------------------------------------


class Person:
    """Whoever sits at the window: fills in forms and gives the PIN."""

    def __init__(self, qtbot: QtBot, clerk: Clerk, monkeypatch: pytest.MonkeyPatch) -> None:
        self._qtbot, self._clerk = qtbot, clerk
        self.types: dict[str, str] = {}
        self.read: list[dict[str, str]] = []
        """What the form's hints said when it opened."""
        monkeypatch.setattr(ApplyDialog, "exec", lambda form: self._fill(form))
        monkeypatch.setattr(PinDialog, "exec", lambda _: int(QDialog.DialogCode.Accepted))
        monkeypatch.setattr(PinDialog, "take", lambda _: PIN)

    def _fill(self, form: ApplyDialog) -> int:
        self.read.append({name: hint.text() for name, hint in form.hints.items()})
        for name, text in self.types.items():
            form.fields[name].setText(text)
        assert form.accept_button.isEnabled(), form.missing.text()
        return int(QDialog.DialogCode.Accepted)

    @contextlib.contextmanager
    def sitting(self) -> Iterator[MainWindow]:
        """A window of the real program, on the page of seals."""
        with self._clerk.desk() as desk:
            window = MainWindow(DeskContext(desk))
            self._qtbot.addWidget(window)
            window.show()
            window.begin()
            self._qtbot.waitUntil(lambda: window.token is not None, timeout=30_000)
            window.go("seals")
            self._qtbot.waitUntil(lambda: not window.tasks.busy, timeout=30_000)
            yield window
            window.close()

    def press(self, window: MainWindow, text: str) -> None:
        page = window.page("seals")
        self._qtbot.waitUntil(lambda: not window.tasks.busy, timeout=60_000)

        def shown() -> list[QPushButton]:
            buttons = page.findChildren(QPushButton)
            return [b for b in buttons if b.text().strip() == text and b.isVisible()]

        self._qtbot.waitUntil(lambda: len(shown()) == 1, timeout=60_000)
        (found,) = shown()
        assert found.isEnabled(), text
        found.click()

    def sees(self, window: MainWindow, text: str) -> None:
        """In the cards or the notices, soon."""

        def there() -> bool:
            labels = window.page("seals").applications.findChildren(QLabel)
            return any(text in each for each in (*window.notices.texts, *map(QLabel.text, labels)))

        self._qtbot.waitUntil(there, timeout=60_000)


@pytest.mark.qt_log_ignore("This plugin does not support")
def test_the_window_is_closed_and_opened_again_while_a_reviewer_takes_days(
    reviewed: RunningServer,
    review: Review,
    clerk: Clerk,
    qtbot: QtBot,
    look: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    uscc, person = credit_code(), Person(qtbot, clerk, monkeypatch)
    monkeypatch.setattr("ui.desk.applications._WAIT_S", 0.5)
    person.types = {
        "enterprise": COMPANY,
        "uscc": uscc,
        "legal_rep": REPRESENTATIVE,
        "handler": "李晓梅",
        "handler_id": citizen_number(),
        "phone": "13800000000",
        "url": reviewed.url,
    }
    with person.sitting() as window:
        person.press(window, "申请印章…")
        person.sees(window, "已提交，等待审核")
        person.sees(window, "平台通常在")

    review.send_back(uscc, "请补正", handler__phone="打不通")
    with person.sitting() as window:
        person.press(window, "同步")
        person.sees(window, "退回补正。 平台的说明：请补正")
        person.types = {"phone": "13912345678"}
        person.press(window, "继续填写…")
        person.sees(window, "已提交，等待审核")
    assert person.read[-1]["phone"] == "审核意见：打不通"

    review.approve(uscc)
    with person.sitting() as window:
        person.press(window, "同步")
        person.sees(window, "已制作完成，等待领取")
        person.press(window, "领取")
        qtbot.waitUntil(lambda: len(window.seals) == 1, timeout=60_000)
        person.sees(window, "已领取")
    assert review.count(uscc) == 1
