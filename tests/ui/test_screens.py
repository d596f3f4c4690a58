"""Every page and dialog with real data at 1366×768: no text is cut, nothing lies outside."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QDialog, QLabel, QWidget
from pytestqt.qtbot import QtBot

from app.diagnosing import version_of
from app.errors import OutputNotWritable
from app.placing.stamp_plan import At, Riding
from crypto.pki.certificate import Certificate
from tests.ui.measuring import faults
from tests.world.desk import PIN, StandIn
from tests.world.real_data import COMPANY, LONG_NAME, Files, files, long_company, long_report
from ui import language, theme
from ui.language import tr
from ui.pages.apply_dialog import ApplyDialog
from ui.shell import file_password
from ui.shell.file_password import FilePasswordDialog
from ui.shell.guide import Guide
from ui.shell.help_dialog import HelpDialog
from ui.shell.navigation import PAGES
from ui.shell.notice import ErrorBox
from ui.shell.pin_dialog import ChangePinDialog, PinDialog
from ui.shell.token_setup import InitialiseDialog
from ui.shell.token_strip import token_name
from ui.shell.window import MainWindow
from ui.verify.add_anchor import AddAnchorDialog
from ui.verify.dispute import DisputeDialog

# The offscreen platform cannot raise windows or hint at sizes, and says so.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@pytest.fixture(params=[("zh_CN", "light"), ("en", "dark")], ids=["zh-light", "en-dark"])
def look(request: pytest.FixtureRequest, qapp: QApplication) -> Iterator[None]:
    """Both languages, both themes."""
    tongue, appearance = request.param
    language.use(tongue)
    theme.apply(qapp, appearance)
    yield
    language.use("zh_CN")
    theme.apply(qapp, "light")


@pytest.fixture
def context(tmp_path: Path) -> StandIn:
    """The company with the long name."""
    return StandIn(tmp_path / "home", holder=long_company())


@pytest.fixture
def sent(context: StandIn, tmp_path: Path) -> Files:
    """What people send."""
    return files(context, tmp_path / "合同")


def settled(qtbot: QtBot, window: MainWindow) -> None:
    qtbot.waitUntil(lambda: not window.tasks.busy, timeout=30_000)
    QApplication.processEvents()
    QApplication.processEvents()


def listed(found: dict[str, list[str]]) -> str:
    """Each fault once, with the first screen that has it."""
    first: dict[str, str] = {}
    for name, told in found.items():
        for fault in told:
            first.setdefault(fault, name)
    return "\n".join(f"{name}: {fault}" for fault, name in first.items())


def test_every_page_shows_all_of_its_texts(
    qtbot: QtBot,
    window: MainWindow,
    context: StandIn,
    sent: Files,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(file_password, "ask_file_password", lambda *_, **__: "")
    found: dict[str, list[str]] = {}
    for entry in PAGES:
        window.go(entry.name)
        settled(qtbot, window)
        found[f"{entry.name}, empty"] = faults(window)
    page = window.page("stamp")
    window.go("stamp", [sent.contract])
    qtbot.waitUntil(lambda: page.ready, timeout=30_000)
    page.placing.place(Riding())
    page.placing.place(At("1", 140, 205))
    for mode in ("single", "pages", "riding", "keyword", "point"):
        page.panel.choose(mode)
        settled(qtbot, window)
        found[f"stamp, {mode}"] = faults(window)
    page.run.ask_pin = lambda *_: PIN
    page.stamp()
    qtbot.waitUntil(lambda: bool(page.run.outcomes), timeout=30_000)
    settled(qtbot, window)
    found["stamped"] = faults(window)
    page._close_run(False)
    bad = (sent.encrypted, sent.broken, sent.refused, sent.small_fault)
    window.go("stamp", bad)
    for number in range(len(bad)):
        page.list.setCurrentRow(number)
        qtbot.waitUntil(
            lambda: page.document.facts is not None or page.document.error is not None,
            timeout=30_000,
        )
        settled(qtbot, window)
        found[f"stamp, {bad[number].name[:5]}"] = faults(window)
    assert listed(found) == ""


def test_every_verdict_shows_all_of_its_texts(
    qtbot: QtBot, window: MainWindow, sent: Files
) -> None:
    found: dict[str, list[str]] = {}
    window.go("verify", [sent.sealed, sent.changed, sent.encrypted, sent.broken, sent.contract])
    page = window.page("verify")
    qtbot.waitUntil(lambda: all(not file.checking for file in page._files), timeout=60_000)
    for number, file in enumerate(page._files):
        page.list.setCurrentRow(number)
        settled(qtbot, window)
        found[file.path.name[:6]] = faults(window)
    page.panel.show_report(long_report())
    from ui.widgets import Expander

    for each in page.panel.findChildren(Expander):
        each.open()
    settled(qtbot, window)
    found["20 findings"] = faults(window)
    assert listed(found) == ""


def test_every_dialog_shows_all_of_its_texts(
    qtbot: QtBot, window: MainWindow, context: StandIn
) -> None:
    token = window.token
    assert token is not None
    blank = context.company.token(initialised=False, serial="", certificates=())
    last = replace(token, tries_left=1, final_try=True)
    root = Certificate.parse(context.company.authorities.root)
    dialogs: dict[str, Callable[[], QDialog]] = {
        "pin": lambda: PinDialog(token, token_name(token), f"{COMPANY}.pdf", parent=window),
        "last try": lambda: PinDialog(
            last, token_name(token), f"{COMPANY}.pdf", problem=COMPANY, parent=window
        ),
        "change pin": lambda: ChangePinDialog(token, token_name(token), window),
        "guide": lambda: Guide(window, window),
        "apply": lambda: ApplyDialog({"uscc": "9137010072425018"}, COMPANY * 2, window),
        "dispute": lambda: DisputeDialog(long_report(), "https://platform.example", None, window),
        "initialise": lambda: InitialiseDialog(blank, window),
        "trust": lambda: AddAnchorDialog([root], window),
        "help": lambda: HelpDialog(context.settings.platform_url, window.show_guide, window),
        "file password": lambda: FilePasswordDialog(Path(LONG_NAME), again=True, parent=window),
        "error": lambda: ErrorBox(OutputNotWritable(COMPANY), window),
    }
    found: dict[str, list[str]] = {}
    for name, make in dialogs.items():
        dialog: QWidget = make()
        dialog.show()
        settled(qtbot, window)
        found[name] = faults(dialog)
        if dialog.height() > 720 or dialog.width() > 1340:
            found[name].append(f"higher or wider than the screen: {dialog.size()}")
        dialog.close()
        dialog.deleteLater()
    assert listed(found) == ""


def test_help_closes_by_esc_and_shows_the_version(qtbot: QtBot, window: MainWindow) -> None:
    window.show_help()
    box = window.findChild(HelpDialog)
    assert box is not None
    assert version_of("sealdesk") in [label.text() for label in box.findChildren(QLabel)]
    qtbot.keyClick(box, Qt.Key.Key_Escape)
    assert not box.isVisible()


def test_a_file_without_marks_is_not_greeted_in_red(
    qtbot: QtBot, window: MainWindow, sent: Files
) -> None:
    window.go("stamp", [sent.contract])
    page = window.page("stamp")
    qtbot.waitUntil(lambda: page.ready, timeout=30_000)
    (missing,) = [check for check in page.checklist.checks if not check.good and check.todo]
    assert missing.text == tr("还没有放置印章")


def test_the_first_window_leaves_room_for_its_title_bar(context: StandIn, qtbot: QtBot) -> None:
    window = MainWindow(context)
    room = window.screen().availableGeometry()
    assert window.height() <= max(room.height() - 40, window.minimumHeight())
    window.close()
