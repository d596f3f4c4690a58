"""Every page, dialog and verdict with real data, measured (tests/ui/measuring.py), in a process
with a screen of 1366×768 pixels of its own.

A look is language-theme, for example zh-dark; the scale is what the person has set the screen to.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tests.ui.screen_dialogs import dialogs

ROOT = Path(__file__).parents[2]
SCREEN = (1366, 768)
"""Pixels of the screen."""
SCALES = (1, 2)
COUNT = 98
"""Screens in each look."""
LOOKS = ("zh-light", "zh-dark", "en-light", "en-dark")
PATIENCE_MS = 90_000
"""Within which a busy machine has done anything."""


@dataclass(frozen=True)
class Seen:
    """What one process has measured."""

    screens: int
    names: tuple[str, ...]
    """Of the screens of the first look."""
    kinds: tuple[str, ...]
    """Of the program's own widgets that were on them: the names of their classes."""
    faults: str
    """A line for each fault, with the first screen that has it."""
    seconds: float


def look_at(
    scale: int, looks: Sequence[str], pictures: Path | None = None, stretch: int = 100
) -> Seen:
    """Measure all screens in these looks, in a process of its own; *stretch*: how wide letters are,
    of 100."""
    with tempfile.TemporaryDirectory(prefix="sealdesk-screens-") as home:
        screen = {"name": "screen", "x": 0, "y": 0, "width": SCREEN[0], "height": SCREEN[1]}
        given = Path(home, "screens.json")
        given.write_text(json.dumps({"screens": [screen]}), encoding="ascii")
        environment = {
            **os.environ,
            "HOME": home,
            "SEALDESK_HOME": home,
            # by its name alone: a drive's colon would end it
            "QT_QPA_PLATFORM": f"offscreen:configfile={given.name}",
            "QT_SCALE_FACTOR": str(scale),
            "PYTHONPATH": str(ROOT),
        }
        command = [
            sys.executable,
            "-m",
            "tests.ui.screens",
            *looks,
            f"--scale={scale}",
            f"--stretch={stretch}",
            "--here",
        ]
        if pictures is not None:
            command += ["--pictures", str(pictures.absolute())]
        done = subprocess.run(
            command, cwd=home, env=environment, check=False, capture_output=True, text=True
        )
    if done.returncode:
        raise AssertionError(done.stdout + done.stderr)
    return Seen(**json.loads(done.stdout.splitlines()[-1]))


class Tour:
    """One window, walked through in one look after the other."""

    def __init__(self, home: Path, *, exact: bool = True, stretch: int = 100) -> None:
        """*exact*: only on a screen of that size; *stretch*: how wide letters are, of 100."""
        from PySide6.QtWidgets import QApplication

        from tests.world.desk import StandIn
        from tests.world.real_data import files, lend, long_company, notify
        from ui import theme
        from ui.shell.window import MainWindow

        self.application = QApplication(["sealdesk"])
        screen = self.application.primaryScreen()
        seen = screen.geometry().size() * screen.devicePixelRatio()
        if exact and (abs(seen.width() - SCREEN[0]) > 1 or abs(seen.height() - SCREEN[1]) > 1):
            raise RuntimeError(f"the screen is {seen.width()}×{seen.height()}, not as asked for")
        wide = self.application.font()  # what the theme changes in it leaves that
        wide.setStretch(stretch)
        self.application.setFont(wide)
        theme.apply(self.application, "light")
        self.context = StandIn(home / "home", holder=long_company())
        self.sent = files(self.context, home / "合同")
        lend(self.context)
        notify(self.context)
        self.window = MainWindow(self.context)
        self.window.go("stamp")
        self.window.show()
        self.window.begin()
        self.until(lambda: len(self.window.seals) == 3 and bool(self.window.tokens))

    def rest(self, milliseconds: int = 0) -> None:
        from PySide6.QtCore import QEventLoop, QTimer

        loop = QEventLoop()
        QTimer.singleShot(milliseconds, loop.quit)
        loop.exec()

    def until(self, true: Callable[[], object]) -> None:
        from PySide6.QtCore import QDeadlineTimer

        patience = QDeadlineTimer(PATIENCE_MS)
        while not true():
            if patience.hasExpired():
                raise TimeoutError
            self.rest(10)

    def settle(self) -> None:
        self.until(lambda: not self.window.tasks.busy)
        self.rest()
        self.rest()

    def dress(self, look: str) -> None:
        """Another language and theme, as a person chooses them in the settings."""
        from ui import language, theme

        tongue, appearance = look.split("-")
        wanted = {"zh": "zh_CN", "en": "en"}[tongue]
        self.context.settings = replace(self.context.settings, language=wanted)
        self.window.change_language()
        self.until(lambda: language.language() == wanted)
        theme.apply(self.application, appearance)
        self.settle()

    def photograph(self, shown: Any, file: Path) -> None:
        """Keep a picture, once the page is drawn."""
        if shown is self.window and shown.current in ("stamp", "verify"):
            view = shown.page(shown.current).pane.view
            self.until(lambda: view.document is None or view.complete)
        shown.grab().save(str(file))

    def screens(self) -> Iterator[tuple[str, Any]]:
        """The name of each screen and what shows it."""
        yield from self.pages()
        yield from self.stamping()
        yield from self.verdicts()
        yield from dialogs(self)
        yield from self.menus()
        yield from self.staff()

    def pages(self) -> Iterator[tuple[str, Any]]:
        from tests.world.real_data import COMPANY, LONG_NAME, apply
        from ui.shell.navigation import PAGES

        self.context.approvals.kept = []
        self.context.approvals.rules = []
        for entry in PAGES:
            self.window.go(entry.name)
            self.settle()
            yield f"{entry.name}-empty", self.window
        approvals = self.context.approvals
        approvals.fill()
        name = LONG_NAME.replace("终稿", "待审批")
        own = {"counterparty": COMPANY, "purpose": COMPANY, "document_name": name}
        approvals.kept.insert(0, approvals.request("asked", name, **own))
        apply(self.context)
        for name in ("approvals", "seals"):
            self.window.go("settings")
            self.window.go(name)
            self.settle()
            yield f"{name}-full", self.window
        notices = self.window.notices
        for kind in ("error",):
            notices.show_notice(kind, kind, f"{COMPANY}：{LONG_NAME}", ("再试一次", self.settle))
        self.window.banner.tell("12345678")
        self.settle()
        yield "notices-and-banner", self.window
        self.window.banner.tell("")
        for kind in ("error",):
            notices.clear_notice(kind)
        for record in self.context.applications.all():
            self.context.applications.forget(record.id)

    def menus(self) -> Iterator[tuple[str, Any]]:
        """Every menu, opened."""
        from PySide6.QtCore import QPoint
        from PySide6.QtGui import QContextMenuEvent
        from PySide6.QtWidgets import QApplication, QMenu, QToolButton

        window, context = self.window, self.context
        before = context.plugged
        other = replace(before[0], serial="0123456789abcdef" * 2)
        context.plugged = (*before, other)
        self.until(lambda: window.tokens == context.plugged)
        window.go("stamp", [self.sent.contract, self.sent.small_fault])
        page = window.page("stamp")
        self.until(lambda: page.ready)

        def shown() -> Any:
            self.until(lambda: isinstance(QApplication.activePopupWidget(), QMenu))
            return QApplication.activePopupWidget()

        def below(owner: Any) -> Iterator[tuple[str, Any]]:
            for button in owner.findChildren(QToolButton):
                if button.menu() is not None and button.isVisible():
                    button.menu().popup(button.mapToGlobal(QPoint(0, button.height())))
                    yield button.accessibleName() or button.text(), shown()
                    button.menu().close()

        for name in ("stamp", "verify"):
            window.go(name)
            self.settle()
            for title, menu in below(window):
                yield f"menu-{name}-{title}", menu
        window.go("stamp")
        window.recent.pop_up(window)
        yield "menu-recent", shown()
        shown().close()
        at = QPoint(20, 20)
        press = QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, at, page.list.mapToGlobal(at))
        QApplication.sendEvent(page.list, press)
        yield "menu-files", shown()
        shown().close()
        page.files.begin([])
        context.plugged = before
        self.until(lambda: window.tokens == context.plugged)

    def staff(self) -> Iterator[tuple[str, Any]]:
        """The pages of a reviewer and an auditor, with a key that is for both."""
        from PySide6.QtWidgets import QCheckBox

        from tests.world.desk import PIN
        from tests.world.staff_desk import record
        from ui.staff.agree_dialog import AgreeDialog
        from ui.staff.audit_page import RecordDialog
        from ui.staff.decision_dialogs import ApproveDialog, RejectDialog, ReturnDialog
        from ui.staff.loss_dialogs import AnswerDialog, LossCallsDialog, TakeCallDialog
        from ui.staff.preview import PaperDialog

        window, context = self.window, self.context
        before = context.plugged
        (held,) = before[0].certificates
        roles = tuple(replace(held, role=role) for role in ("reviewer", "auditor"))
        context.plugged = (replace(before[0], certificates=(held, *roles)),)
        self.until(lambda: window.tokens == context.plugged)
        for name in ("review", "audit"):
            page = window.page(name)
            page.ask_pin = lambda *_: PIN
            window.go(name)
            self.settle()
            page.sign_in()
            self.until(lambda p=page: p.stack.currentIndex() == 1)
            self.settle()
            yield f"{name}-first", window
        page = window.page("audit")
        page.search()
        self.until(lambda: page.model.items)
        page.table.selectRow(1)
        self.settle()
        yield "audit-found", window
        page = window.page("review")
        window.go("review")
        page.read("app_0001")
        self.until(lambda: page.stack.currentIndex() == 2)
        self.settle()
        self.until(lambda: not page.detail._imprint.pixmap().isNull())
        yield "review-one", window
        shown = page.detail.review
        calls = context.staff.calls
        makers: dict[str, Callable[[], Any]] = {
            "losses": lambda: LossCallsDialog(window, page, page),
            "loss-taken": lambda: TakeCallDialog({"code": "3213", "shown": "W" * 301}, page),
            "loss-confirmed": lambda: AnswerDialog(calls[1], page, refuses=False),
            "agree": lambda: AgreeDialog({"code": "3213", "said": "W" * 501}, page),
            "agree-cancel": lambda: AgreeDialog({"verb": "cancel"}, page),
            "loss-refused": lambda: AnswerDialog(calls[2], page, refuses=True),
            "approve": lambda: ApproveDialog(shown, page),
            "return": lambda: ReturnDialog(shown, page),
            "reject": lambda: RejectDialog(shown, page),
            "record": lambda: RecordDialog(record(1), page),
            "paper": lambda: PaperDialog(window, context.staff.imprint(shown), "—", page),
        }
        for title, make in makers.items():
            dialog = make()
            dialog.show()
            for box in dialog.findChildren(QCheckBox):
                box.setChecked(True)
            self.settle()
            yield f"dialog-{title}", dialog
            dialog.close()
            dialog.deleteLater()
        page.back()
        self.settle()
        context.staff.close()
        window.go("stamp")
        context.plugged = before
        self.until(lambda: window.tokens == context.plugged)

    def stamping(self) -> Iterator[tuple[str, Any]]:
        from app.errors import OutputNotWritable
        from app.placing.stamp_plan import At, Riding
        from tests.world.desk import PIN
        from tests.world.real_data import COMPANY
        from ui.shell import file_password
        from ui.stamp.results import Failure

        file_password.ask_file_password = lambda *_, **__: ""
        window, sent = self.window, self.sent
        page = window.page("stamp")
        window.go("stamp", [sent.contract])
        self.until(lambda: page.ready)
        page.placing.place(Riding())
        page.placing.place(At("1", 140, 205))
        for mode in ("usual", "single", "pages", "riding", "keyword", "point"):
            page.panel.choose(mode)
            self.settle()
            yield f"stamp-{mode}", window
        page.panel.open_marks()
        self.settle()
        yield "stamp-marks", window
        page._reveal_checks()
        self.settle()
        yield "stamp-checks", window
        page.run._show(Failure(window, OutputNotWritable(COMPANY)))
        self.settle()
        yield "stamp-failed", window
        page._close_run(False)
        page.run.ask_pin = lambda *_: PIN
        page.stamp()
        self.until(lambda: bool(page.run.outcomes))
        self.settle()
        yield "stamped", window
        page._close_run(False)
        yield from self.batch()
        bad = (sent.encrypted, sent.broken, sent.refused, sent.small_fault)
        names = ("encrypted", "broken", "refused", "small-fault")
        window.go("stamp", bad)
        for row, name in enumerate(names):
            page.list.setCurrentRow(row)
            document = page.document
            self.until(lambda d=document: d.facts is not None or d.error is not None)
            page._reveal_checks()
            self.settle()
            yield f"stamp-{name}", window
        page.files.begin([])
        page.run.outcomes = []

    def batch(self) -> Iterator[tuple[str, Any]]:
        """One that came to a file for one and to reasons for three."""
        from app.placing.stamp_plan import At

        window, sent = self.window, self.sent
        page = window.page("stamp")
        page.run.outcomes = []
        window.go("stamp", (sent.contract, sent.encrypted, sent.broken, sent.refused))
        self.until(lambda: page.ready)
        page.placing.place(At("1", 140, 205))
        page.files.all_alike()
        # news of a file is told before the PIN: then the button is pressed again
        self.until(lambda: page.run.outcomes or (page.stamp_button.isEnabled() and page.stamp()))
        self.settle()
        yield "stamped-batch", window
        page.files.begin([])
        page.run.outcomes = []

    def verdicts(self) -> Iterator[tuple[str, Any]]:
        from tests.world.real_data import long_report
        from ui.widgets import Expander

        window, sent = self.window, self.sent
        window.go("verify", [sent.sealed, sent.changed, sent.encrypted, sent.broken, sent.contract])
        page = window.page("verify")
        self.until(lambda: all(not file.checking for file in page._files))
        for row, name in enumerate(("sealed", "changed", "encrypted", "broken", "unsigned")):
            page.list.setCurrentRow(row)
            self.settle()
            yield f"verify-{name}", window
        page.list.setCurrentRow(1)
        page.compare.show()
        self.settle()
        yield "verify-compare", window
        page.compare.hide()
        page.tools.find.open_bar()
        self.settle()
        yield "verify-find", window
        page.tools.find.close_bar()
        page.panel.show_report(long_report())
        for each in page.panel.findChildren(Expander):
            each.open()
        self.settle()
        yield "verify-20-findings", window


def kinds_in(shown: Any) -> set[str]:
    """The program's own widgets that can be seen there."""
    from PySide6.QtWidgets import QWidget

    seen = (each for each in (shown, *shown.findChildren(QWidget)) if each.isVisibleTo(shown))
    return {type(each).__name__ for each in seen if type(each).__module__.startswith("ui.")}


def measure(scale: int, looks: Sequence[str], pictures: Path | None, stretch: int = 100) -> Seen:
    """Measure all screens in this process."""
    from PySide6.QtCore import QElapsedTimer

    from tests.ui.measuring import faults
    from ui.dialogs import FRAME

    clock = QElapsedTimer()
    clock.start()
    first: dict[str, str] = {}
    kinds: set[str] = set()
    names: list[str] = []
    count = 0
    with tempfile.TemporaryDirectory(prefix="sealdesk-screens-") as home:
        tour = Tour(Path(home), stretch=stretch)
        room = tour.window.screen().availableGeometry().size() - FRAME
        for look in looks:
            tour.dress(look)
            for name, shown in tour.screens():
                count += 1
                names += [name] if look == looks[0] else []
                told = faults(shown)
                kinds |= kinds_in(shown)
                size = shown.size()
                if size.width() > room.width() or size.height() > room.height():
                    told.append(f"{size.width()}×{size.height()} is larger than the screen")
                for fault in told:
                    first.setdefault(fault, f"{name}, {look}, {scale}00 %")
                if pictures:
                    tour.photograph(shown, pictures / f"{look}-{scale}-{name}.png")
        tour.window.close()
    said = "\n".join(f"{name}: {fault}" for fault, name in first.items())
    return Seen(count, tuple(names), tuple(sorted(kinds)), said, clock.elapsed() / 1000)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="dev.py check-screens", description=__doc__)
    parser.add_argument("looks", nargs="*", metavar="LOOK", help=f"{', '.join(LOOKS)}; none: all")
    parser.add_argument("--scale", type=int, choices=SCALES, help="1 or 2; not named: both")
    parser.add_argument("--stretch", type=int, default=100, help="how wide letters are, of 100")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="keep every screen there")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    looks = chosen.looks or LOOKS
    if chosen.pictures:
        chosen.pictures.mkdir(parents=True, exist_ok=True)
    if chosen.here:
        seen = measure(chosen.scale, looks, chosen.pictures, chosen.stretch)
        sys.stdout.write(json.dumps(asdict(seen)) + "\n")
        return 0
    failed = False
    for scale in (chosen.scale,) if chosen.scale else SCALES:
        seen = look_at(scale, looks, chosen.pictures, chosen.stretch)
        failed = failed or bool(seen.faults)
        told = f"{seen.screens} screens at {scale}00 % in {seen.seconds:.0f} s"
        sys.stdout.write(f"{told}\n{seen.faults or 'nothing is cut'}\n")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
