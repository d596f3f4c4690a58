"""The form for a new seal: codes are checked while they are typed, and nothing typed is lost."""

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QLabel, QPushButton
from pytestqt.qtbot import QtBot

from app.errors import PlatformRefused, PlatformUnreachable
from tests.world.applicant import credit_code
from tests.world.desk import PIN, StandIn
from ui.pages.apply_dialog import ApplyDialog
from ui.shell.guide import Guide
from ui.shell.notice import ErrorBox
from ui.shell.window import MainWindow

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")

CITIZEN = "11010519491231002X"
FILLED = {
    "enterprise": "宿迁云帆贸易有限公司",
    "uscc": credit_code(),
    "legal_rep": "王建国",
    "handler": "李晓梅",
    "handler_id": CITIZEN,
    "phone": "13800001234",
    "url": "https://seal.example.gov.cn",
}


@pytest.fixture
def form(qtbot: QtBot, look: None) -> ApplyDialog:
    made = ApplyDialog({})
    qtbot.addWidget(made)
    made.show()
    return made


def test_a_code_is_checked_while_it_is_typed(qtbot: QtBot, form: ApplyDialog) -> None:
    field, hint = form.fields["uscc"], form.hints["uscc"]
    code = credit_code()
    qtbot.keyClicks(field, code[:10])
    assert hint.text() == "还差 8 位"
    assert hint.property("role") != "bad", "who is still typing has made no mistake"
    qtbot.keyClicks(field, code[10:17])
    qtbot.keyClicks(field, "0" if code[17] != "0" else "1")
    assert hint.property("role") == "bad"
    assert "校验码" in hint.text()
    assert hint.text() in field.accessibleDescription()
    qtbot.keyClick(field, Qt.Key.Key_Backspace)
    qtbot.keyClicks(field, code[17].lower())
    assert (hint.text(), hint.property("role")) == ("校验码正确", "good")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("91370100724250187O", "没有 I"),
        ("81370100724250187M", "登记管理部门"),
        ("91990100724250187M", "行政区划"),
        ("91370100724250187MM", "多了 1 位"),
    ],
)
def test_what_is_wrong_is_named(form: ApplyDialog, typed: str, said: str) -> None:
    form.fields["uscc"].setText(typed)
    assert said in form.hints["uscc"].text()


def test_a_citizen_number_that_stops_short_is_told_when_the_field_is_left(
    qtbot: QtBot, form: ApplyDialog
) -> None:
    field, hint = form.fields["handler_id"], form.hints["handler_id"]
    qtbot.keyClicks(field, CITIZEN[:16])
    assert hint.property("role") == "small"
    qtbot.keyClick(field, Qt.Key.Key_Tab)
    field.editingFinished.emit()
    assert (hint.text(), hint.property("role")) == ("少了 2 位", "bad")


def test_codes_are_taken_however_they_are_pasted(form: ApplyDialog) -> None:
    for name, value in FILLED.items():
        form.fields[name].setText(value)
    form.fields["handler_id"].setText("１１０１０５ 19491231 002x")
    assert form.accept_button.isEnabled()
    answer = form.answer()
    assert (answer["url"], answer["handler_id"]) == ("https://seal.example.gov.cn", CITIZEN)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("uscc", "91370100724250187N"),
        ("uscc", "9137010072425018"),
        ("handler_id", "110105194912310021"),
        ("phone", "call me"),
        ("url", "seal.example.gov.cn"),
        ("handler", "  "),
    ],
)
def test_nothing_wrong_or_empty_can_be_sent(form: ApplyDialog, name: str, wrong: str) -> None:
    for each, value in FILLED.items():
        form.fields[each].setText(value)
    assert form.accept_button.isEnabled()
    form.fields[name].setText(wrong)
    form.fields[name].editingFinished.emit()
    assert not form.accept_button.isEnabled()


class Typist:
    """Fills in every form that opens, and remembers what it found in it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.found: list[tuple[dict[str, str], str]] = []
        self.answers: list[bool] = []
        monkeypatch.setattr(ApplyDialog, "exec", lambda form: self.fill(form))

    def fill(self, form: ApplyDialog) -> int:
        self.found.append((dict(form.draft()), form.problem.text()))
        for name, value in FILLED.items():
            form.fields[name].setText(value)
        accepted = self.answers.pop(0) if self.answers else False
        return int(QDialog.DialogCode.Accepted if accepted else QDialog.DialogCode.Rejected)


def test_what_was_typed_is_there_again_after_a_refusal(
    qtbot: QtBot, window: MainWindow, context: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusal = PlatformRefused("request_invalid", "法定代表人与登记不符")
    context.applications.answers = [refusal, PlatformUnreachable("x", "y")]
    typist = Typist(monkeypatch)
    typist.answers = [True, True, False]
    page = window.page("seals")
    monkeypatch.setattr(page.applications, "_pin", lambda _: ("UK", PIN))
    window.go("seals")
    page.apply()
    qtbot.waitUntil(lambda: len(typist.found) == 3)
    first, second, third = typist.found
    assert first[0]["enterprise"] == context.company.seals[0].enterprise, (
        "what is known is filled in"
    )
    assert first[0]["kind"] == "contract", "an official seal is there already"
    assert {name: second[0][name] for name in FILLED} == FILLED
    assert "证书请求不正确" in second[1]
    assert {name: third[0][name] for name in FILLED} == FILLED
    (kept,) = context.applications.all()
    assert kept.fields["handler_id"] == CITIZEN, "it is kept"
    folders = context.settings.folders
    files = [p for folder in (folders.config, folders.data) for p in folder.rglob("*")]
    for path in filter(Path.is_file, files):
        assert CITIZEN.encode() not in path.read_bytes(), "and nobody can read it"


def test_a_wrong_pin_keeps_the_form_for_the_next_try(
    qtbot: QtBot, window: MainWindow, context: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    typist = Typist(monkeypatch)
    typist.answers = [True, False]
    page = window.page("seals")
    monkeypatch.setattr(page.applications, "_pin", lambda _: ("UK", "wrong"))
    window.go("seals")
    page.apply()
    qtbot.waitUntil(lambda: window.findChild(ErrorBox) is not None)
    page.apply()
    qtbot.waitUntil(lambda: len(typist.found) == 2)
    assert {name: typist.found[1][0][name] for name in FILLED} == FILLED


def test_the_guides_third_step_waits_for_the_two_before(
    qtbot: QtBot, window: MainWindow, context: StandIn, tmp_path: Path
) -> None:
    def possible_steps(guide: Guide) -> list[bool]:
        """To apply for a seal, and to accept one that is lent."""
        words = ("申请印章…", "接受授权…")
        return [b.isEnabled() for b in guide.findChildren(QPushButton) if b.text() in words]

    window.seals = ()
    for token, possible in (
        ((), False),
        ((context.company.token(initialised=False, certificates=()),), False),
        ((context.company.token(must_change=True),), False),
        ((context.company.token(),), True),
    ):
        window.plugged._settle(token)
        guide = Guide(window, window)
        assert possible_steps(guide) == [possible, possible]
        guide.deleteLater()


def test_who_leaves_the_guide_for_a_page_finds_the_way_back(
    qtbot: QtBot, window: MainWindow
) -> None:
    window.plugged._settle(())
    window.show_guide()
    guide = window.findChild(Guide)
    assert guide is not None
    next(b for b in guide.findChildren(QPushButton) if b.text() == "驱动设置").click()
    assert window.current == "settings"
    assert "引导还没有做完。" in window.notices.texts
    qtbot.waitUntil(lambda: window.findChild(Guide) is None)
    next(b for b in window.notices.findChildren(QPushButton) if b.text() == "回到引导").click()
    assert window.findChild(Guide) is not None


def test_the_page_of_seals_says_what_is_missing(window: MainWindow, context: StandIn) -> None:
    window.go("seals")
    page = window.page("seals")
    for token, said in (
        ((), "需要插入 Ukey"),
        ((context.company.token(initialised=False, certificates=()),), "先要初始化"),
        ((context.company.token(must_change=True),), "出厂口令"),
        ((context.company.token(locked=True),), "已锁定"),
    ):
        window.plugged._settle(token)
        assert said in page._state.text()
        assert not page._apply.isEnabled()
        assert any(said in each.text() for each in page.findChildren(QLabel))


def shown(form: ApplyDialog) -> set[str]:
    every = {**form.fields, **form.chosen}
    return {name for name, field in every.items() if field.isVisible()}


def test_each_kind_of_seal_asks_for_what_it_needs(form: ApplyDialog) -> None:
    company = {"enterprise", "uscc", "legal_rep", "handler", "handler_id", "phone", "url"}
    for kind, more in (
        ("official", {"physical_code"}),
        ("department", {"physical_code", "department"}),
        ("finance_head", {"physical_code", "holder"}),
    ):
        form.kind.setCurrentIndex(form.kind.findData(kind))
        assert shown(form) == company | more
    form.kind.setCurrentIndex(form.kind.findData("personal"))
    assert shown(form) == {"handler", "handler_id", "phone", "shape", "url"}
    assert [form.proof.itemData(n) for n in range(form.proof.count())] == ["personal"]
    for name in ("handler", "handler_id", "phone", "url"):
        form.fields[name].setText(FILLED[name])
    assert form.accept_button.isEnabled(), "nothing of a company is missing"


def test_what_the_seal_will_say_is_shown(form: ApplyDialog) -> None:
    form.fields["enterprise"].setText("宿迁云帆贸易有限公司")
    form.kind.setCurrentIndex(form.kind.findData("contract"))
    assert "宿迁云帆贸易有限公司合同专用章" in form.hints["seal"].text()


def test_a_name_that_no_seal_holds_is_told_while_it_is_typed(form: ApplyDialog) -> None:
    form.fields["enterprise"].setText("宿迁" * 21)
    assert form.hints["enterprise"].text() == "太长"
    form.fields["enterprise"].setText("宿迁" * 20)
    assert form.hints["enterprise"].text() == ""
    form.fields["handler"].setText("李\u0007晓梅")
    assert form.hints["handler"].text() == "有不能使用的字符"
    form.kind.setCurrentIndex(form.kind.findData("department"))
    form.fields["department"].setText("研发" * 21)
    assert form.hints["department"].text() == "太长"
    assert not form.accept_button.isEnabled()


def test_for_a_seal_of_ones_own_one_is_not_called_a_handler(
    qtbot: QtBot, form: ApplyDialog
) -> None:
    assert form.fields["handler"].accessibleName() == "经办人"
    form.kind.setCurrentIndex(form.kind.findData("personal"))
    assert form.fields["handler"].accessibleName() == "姓名"
    assert "姓名、身份证号、手机" in form.missing.text()
    shown = [each.text() for each in form.findChildren(QLabel) if each.isVisibleTo(form)]
    assert "证明方式" in shown
    assert "经办人" not in shown


def test_with_fewer_fields_the_form_is_lower(qtbot: QtBot, form: ApplyDialog) -> None:
    form.kind.setCurrentIndex(form.kind.findData("department"))
    qtbot.waitUntil(lambda: form.height() > 300)
    high = form.height()
    form.kind.setCurrentIndex(form.kind.findData("personal"))
    qtbot.waitUntil(lambda: form.height() < high - 60)
    layout = form.layout()
    assert layout is not None
    assert form.height() <= layout.totalHeightForWidth(form.width()) + 2, "no empty room"


def test_the_platform_that_the_administrator_chose_cannot_be_changed(
    qtbot: QtBot, look: None
) -> None:
    form = ApplyDialog({"url": "https://seal.example.gov.cn"}, by_policy=True)
    qtbot.addWidget(form)
    form.show()
    qtbot.keyClicks(form.fields["url"], "x")
    assert form.draft()["url"] == "https://seal.example.gov.cn"
    assert form.hints["url"].text() == "由管理员设置"


def test_tab_goes_through_the_form_from_top_to_bottom(qtbot: QtBot, form: ApplyDialog) -> None:
    form.activateWindow()
    form.kind.setFocus()
    heights = []
    while not (form.proof.hasFocus() or len(heights) > 20):
        focus = form.focusWidget()
        heights.append(focus.mapTo(form, focus.rect().topLeft()).y())
        qtbot.keyClick(focus, Qt.Key.Key_Tab)
    assert len(heights) == 1 + len(FILLED) + 1, "the kind, and all fields of a company's seal"
    assert heights == sorted(set(heights))
    assert form.proof.hasFocus()
