"""The pictures of README and manual: ``dev.py screenshots``.

The real window with real data (tests/world/real_data.py), without network and without a device,
under Xvfb where there is no screen. Arguments: the folder (default docs/images), and for another
look: theme, width, height, scale, language, e.g. ``/tmp/shots dark 960 540 2 en``.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from tests.world.real_data import COMPANY, LONG_NAME, REGULATION, SEALS, files, lend, long_company

ROOT = Path(__file__).parents[2]
FIRST, LAST = SEALS[0][0], SEALS[-1][0]
"""Codes of seals that are in force."""


@dataclass(frozen=True)
class Look:
    """How the window is photographed."""

    theme: str = "light"
    width: int = 1366
    """Device-independent pixels."""
    height: int = 768
    scale: str = "1"
    language: str = "zh_CN"

    def __str__(self) -> str:
        return json.dumps(asdict(self))


PICTURES = (
    *("stamp", "stamp-single-pages", "stamp-keyword", "pin", "stamped", "batch", "batch-done"),
    *("verify", "verify-changed", "verify-many", "dispute"),
    *("seals", "journal", "settings", "settings-trust", "guide", "initialise"),
    *("grants", "grant-offer", "archive", "archived", "review", "review-one", "audit"),
    *("apply", "approvals", "decide", "policy", "notices", "phones", "unlock"),
)
"""Every picture that is made."""
COMMON, OTHERS = 32, 64
"""Colours of a picture: the most common ones as they are, and what is nearest to the others."""
NAMES = ("骆马湖生态农业科技", "云帆贸易", "古黄河园林", "洪泽湖水产")
PIN = "right-2026"
"""Of the stand-in's key."""
SHOWN_HOME = "/home/chenmin"
"""What stands in the pictures for the folder in which they are made."""


def main(folder: Path, look: Look) -> int:
    """Make all pictures, in a process of its own."""
    if "SEALDESK_SCREENSHOTS" in os.environ:
        with tempfile.TemporaryDirectory(prefix="sealdesk-shots-") as home:
            Photographer(folder, look, Path(home)).all()
        return 0
    folder.mkdir(parents=True, exist_ok=True)
    with screen() as display:
        environment = {
            **os.environ,
            "DISPLAY": display,
            "QT_QPA_PLATFORM": "xcb" if display else "offscreen",
            "QT_SCALE_FACTOR": look.scale,
            "SEALDESK_SCREENSHOTS": str(look),
            "PYTHONPATH": str(ROOT),
            "TZ": "Asia/Shanghai",
        }
        command = [sys.executable, "-m", "tests.ui.screenshots", str(folder.absolute())]
        return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


@contextmanager
def screen() -> Iterator[str]:
    """A display large enough: Xvfb if it is installed, else none ("")."""
    program = shutil.which("Xvfb")
    if program is None:
        yield ""
        return
    read, write = os.pipe()
    command = [
        program,
        "-displayfd",
        str(write),
        "-screen",
        "0",
        "3840x2160x24",
        "-nolisten",
        "tcp",
        "-noreset",  # it may not end with the first program that ends
    ]
    server = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    try:
        with os.fdopen(read) as answer:
            yield f":{answer.readline().strip()}"
    finally:
        server.terminate()
        server.wait(10)


class Photographer:
    """Walks through the window and keeps what it sees."""

    def __init__(self, folder: Path, look: Look, home: Path) -> None:
        from PySide6.QtWidgets import QApplication

        from tests.world.desk import StandIn
        from ui import language, theme
        from ui.shell.window import MainWindow

        self._look = look
        self._folder, self._home = folder, home
        self._application = QApplication(["sealdesk"])
        language.use(look.language)
        theme.apply(self._application, look.theme)
        self.context = StandIn(home / "home", holder=long_company())
        self.context.settings = replace(self.context.settings, language=look.language)
        self.sent = files(self.context, home / "合同")
        lend(self.context)
        tell(self.context)
        self.taken: set[str] = set()
        self.window = MainWindow(self.context)
        self.window.resize(look.width, look.height)
        self.window.move(0, 0)
        self.window.go("stamp")
        self.window.show()
        self.window.begin()
        self.until(lambda: len(self.window.seals) == 3 and bool(self.window.tokens))

    def until(self, true: Callable[[], object], seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not true():
            if time.monotonic() > deadline:
                raise TimeoutError
            self._rest(30)
        self._rest(250)

    def _rest(self, milliseconds: int) -> None:
        """Let the window live on; unlike QTest's, this wait lets other threads run."""
        from PySide6.QtCore import QEventLoop, QTimer

        loop = QEventLoop()
        QTimer.singleShot(milliseconds, loop.quit)
        loop.exec()

    def take(self, name: str, widget: Any = None) -> None:
        """Save what *widget* (default: the window) shows, with few colours: small files."""
        from PIL import Image

        shown = widget or self.window
        hide_home(shown, self._home)
        self.taken.add(name)
        path = self._folder / f"{name}.png"
        shown.grab().save(str(path))
        with Image.open(path) as image:
            small = few_colours(image.convert("RGB"))
        small.save(path, optimize=True)

    def document(self, name: str) -> Path:
        return Path(shutil.copy(REGULATION, self.sent.contract.with_name(name)))

    def all(self) -> None:
        stamped = self.stamping()
        self.verifying(stamped)
        self.batch()
        self.others()
        self.lending()
        self.archiving()
        self.approving()
        self.keys()
        self.staff()
        self.window.close()
        if self.taken != set(PICTURES):
            raise AssertionError(self.taken ^ set(PICTURES))

    def stamping(self) -> Path:
        from app.placing.stamp_plan import At, Riding
        from ui.shell.pin_dialog import PinDialog
        from ui.shell.token_strip import token_name

        self.window.go("stamp", [self.sent.contract])
        page = self.window.page("stamp")
        self.until(lambda: page.ready)
        page.rack.cards[FIRST].click()
        page.placing.place(Riding())
        page.placing.place(At("1", 140, 205))
        view = page.pane.view
        view.go_to(0, 190)
        self.until(lambda: view.complete)
        self.take("stamp")
        page.panel.date_field.setCurrentIndex(1)
        page.panel.date_field.activated.emit(1)
        page.panel.choose("pages")
        page.panel.open_marks()
        self.until(lambda: view.complete)
        self.take("stamp-single-pages")
        page.placing.undo()  # the date
        page.placing.undo()
        page.panel.choose("keyword")
        page.panel.text_field.setText("宿迁市人民政府")
        page.panel.search.emit("宿迁市人民政府")
        self.until(lambda: any(item.look == "ghost" for item in view.items))
        view.go_to(0, 190)
        self.until(lambda: view.complete)
        self.take("stamp-keyword")
        page.panel.choose("riding")
        page.placing.redo()
        self.until(lambda: True)
        token = self.window.token
        dialog = PinDialog(token, token_name(token), f"用 合同专用章 给 {LONG_NAME} 盖章")
        dialog.show()
        self.until(dialog.isVisible)
        self.take("pin", dialog)
        dialog.reject()
        page.run.ask_pin = lambda *_: PIN
        page.stamp()
        self.until(lambda: page.run.outcomes and view.complete)
        self.take("stamped")
        path: Path = page.run.outcomes[0].file.path
        return path

    def verifying(self, stamped: Path) -> None:
        from app.stamping import StampJob
        from crypto.pdf.marks.drawing import Mark

        self.window.go("verify", [stamped])
        page = self.window.page("verify")
        self.until(lambda: page.report and page.pane.view.complete)
        page.pane.view.go_to(0, 190)
        self.until(lambda: page.pane.view.complete)
        self.take("verify")
        with self.context.stamping([LAST], "", PIN, offline=False) as key:
            job = StampJob(stamped, LAST, (Mark(0, 30, 185, 40, 40),))
            both = key.stamp(job, lambda *_: None).path
        sent = self.sent
        self.window.go("verify", [both, sent.changed, sent.contract, sent.encrypted, sent.broken])
        self.until(lambda: all(not file.checking for file in page._files))
        self.until(lambda: page.pane.view.complete)
        page.pane.view.go_to(0, 190)
        self.until(lambda: page.pane.view.complete)
        self.take("verify-many")
        page.list.setCurrentRow(1)
        self.until(lambda: page.pane.view.page_count and page.pane.view.complete)
        page.pane.view.go_to(0, 190)
        self.until(lambda: page.pane.view.complete)
        self.take("verify-changed")

    def batch(self) -> None:
        from app.placing.stamp_plan import At

        names = (f"2026年{month:02}月供货对账单及结算确认函（盖章版）.pdf" for month in range(1, 8))
        page = self.window.page("stamp")
        page._close_run(False)
        self.window.go("stamp", [*map(self.document, names), self.sent.broken])
        self.until(lambda: page.ready)
        page.rack.cards[LAST].click()
        page.placing.place(At("-1", 150, 230))
        page.files.all_alike()
        page.run.outcomes = []
        self.until(lambda: page.pane.view.complete)
        self.take("batch")
        page.stamp()
        self.until(lambda: page.run.outcomes)
        self.take("batch-done")

    def others(self) -> None:
        from PySide6.QtWidgets import QScrollArea

        from ui.shell.guide import Guide
        from ui.shell.keys.token_setup import InitialiseDialog
        from ui.verify.dispute import DisputeDialog

        for name in ("seals", "journal", "settings"):
            self.window.go(name)
            self.until(lambda: not self.window.tasks.busy)
            self.take(name)
        area = self.window.page("settings").findChild(QScrollArea)
        area.ensureWidgetVisible(self.window.page("settings").trust, 0, 60)
        self.until(lambda: True)
        self.take("settings-trust")
        report = self.window.page("verify")._files[0].report
        blank = self.context.company.token(initialised=False, serial="", certificates=())
        for name, dialog in (
            ("guide", Guide(self.window, self.window)),
            ("dispute", DisputeDialog(report, "https://platform.example", None, self.window)),
            ("initialise", InitialiseDialog(blank, self.window)),
        ):
            dialog.show()
            self.until(dialog.isVisible)
            self.take(name, dialog)
            dialog.reject()

    def lending(self) -> None:
        from ui.pages.grants_dialogs import OfferDialog

        self.window.go("grants")
        self.until(lambda: not self.window.tasks.busy)
        self.take("grants")
        dialog = OfferDialog(self.context.company.seals, self.window)
        dialog.grantee.setText("周文博")
        dialog.uses.setValue(3)
        dialog.kinds.setText("工业厂房租赁合同")
        dialog.show()
        self.until(dialog.isVisible)
        self.take("grant-offer", dialog)
        dialog.reject()

    def archiving(self) -> None:
        from PySide6.QtWidgets import QFileDialog

        from app.archiving import making
        from ui.pages.archive_dialog import ArchiveDialog

        # a document may take longer here than anywhere: all cores are busy with pictures
        making.verify_all = partial(making.verify_all, seconds=600)  # type: ignore[assignment]
        self.window.go("journal")
        page = self.window.page("journal")
        page.archive()
        dialog = page.findChild(ArchiveDialog)
        self.until(lambda: dialog.month.count())
        dialog.retention.setCurrentIndex(2)
        self.take("archive", dialog)
        target = str(self._home / "2026-11_归档.zip")
        # the dialog of the system is not ours to photograph
        QFileDialog.getSaveFileName = lambda *_, **__: (target, "")  # type: ignore[assignment]
        dialog.start()
        self.until(lambda: dialog.made, 600)
        self.take("archived", dialog)
        dialog.reject()

    def approving(self) -> None:
        from ui.pages.approval_dialogs import DecideDialog
        from ui.pages.policy_dialog import PolicyDialog

        asked, window = self.context.approvals, self.window
        asked.fill()
        window.go("approvals")
        self.until(lambda: not window.tasks.busy)
        self.take("approvals")
        people, rule = asked.candidates("", "", PIN), asked.rules[0].policy
        for name, dialog in (
            ("decide", DecideDialog(asked.kept[0], asked.shown, window)),
            ("policy", PolicyDialog(asked.seal, people, rule, Path(), window)),
        ):
            dialog.show()
            self.until(dialog.isVisible)
            self.take(name, dialog)
            dialog.reject()

    def keys(self) -> None:
        """What is done with keys, phones and forms."""
        from ui.pages.apply_dialog import ApplyDialog
        from ui.pages.notices_dialog import NoticesDialog
        from ui.pages.phones_dialog import PhonesDialog
        from ui.pages.qr_code import QrCode
        from ui.shell.keys.unlock_dialog import UnlockDialog

        window, token = self.window, self.window.token
        phones = PhonesDialog(window, window, lambda _: (token.serial, PIN))
        form = ApplyDialog(
            {"kind": "department", "enterprise": COMPANY, "uscc": "91321300MA27DEM14U"}, "", window
        )
        for name, dialog in (
            ("apply", form),
            ("notices", NoticesDialog(window, window)),
            ("phones", phones),
            ("unlock", UnlockDialog(window, token, window)),
        ):
            dialog.show()
            self.until(lambda d=dialog: d.isVisible() and d.isEnabled())
            if dialog is phones:
                dialog.pair.click()
                self.until(lambda: bool(phones.findChildren(QrCode)))
            self.take(name, dialog)
            dialog.reject()

    def staff(self) -> None:
        """The pages of a reviewer and an auditor, with a key that is for both, and names as people
        have them: the ugly ones are for measuring."""
        from tests.world import staff_desk

        staff_desk.UGLY = tuple(f"宿迁市{name}有限公司" for name in NAMES)  # type: ignore[assignment]
        made = staff_desk.record
        staff_desk.record = lambda number: made(number + number // 3)  # none of an unknown kind
        window, context = self.window, self.context
        (token,) = context.plugged
        (held,) = token.certificates
        roles = tuple(replace(held, role=role) for role in ("reviewer", "auditor"))
        context.plugged = (replace(token, certificates=(held, *roles)),)
        self.until(lambda: window.tokens == context.plugged)
        for name in ("review", "audit"):
            page = window.page(name)
            page.ask_pin = lambda *_: PIN
            window.go(name)
            self.until(lambda: not window.tasks.busy)
            page.sign_in()
            self.until(lambda p=page: p.stack.currentIndex() == 1)
            self.until(lambda: not window.tasks.busy)
        page.search()
        self.until(lambda: page.model.items)
        page.table.selectRow(1)
        self.take("audit")
        page = window.page("review")
        window.go("review")
        self.until(lambda: not window.tasks.busy)
        self.take("review")
        page.read("app_0001")
        self.until(lambda: page.stack.currentIndex() == 2)
        self.until(lambda: not page.detail._imprint.pixmap().isNull())
        self.take("review-one")


def few_colours(image: Any) -> Any:
    """The picture, small, and to look at the same: no surface of the window changes its colour."""
    from PIL import Image

    counted = sorted(image.getcolors(image.width * image.height), reverse=True)
    palette = [colour for _, colour in counted[:COMMON]]
    others = [colour for count, colour in counted[COMMON:] for _ in range(min(count, 16))]
    if others:
        strip = Image.new("RGB", (len(others), 1))
        strip.putdata(others)
        found = strip.quantize(OTHERS, method=Image.Quantize.MAXCOVERAGE).getpalette()[: 3 * OTHERS]
        palette += zip(found[::3], found[1::3], found[2::3], strict=True)
    near = {
        colour: min(range(len(palette)), key=lambda n, to=colour: math.dist(palette[n], to))
        for _, colour in counted
    }
    made = Image.new("P", image.size)
    made.putpalette([part for colour in palette for part in colour])
    made.putdata([near[colour] for colour in image.get_flattened_data()])
    return made


def tell(context: Any) -> None:
    """Notices as a company gets them within a month."""
    from tests.world.desk import NOW

    seal = {"name": COMPANY, "seal_code": FIRST, "subtype": "contract"}
    for days, kind, facts in (
        (20, "application_fulfilled", {"business": "issue"}),
        (9, "grant_accepted", {"name": "周文博"}),
        (3, "seal_ends", {"date": "2026-12-31"}),
        (0, "approval_wanted", {"name": "赵六"}),
    ):
        at = NOW - timedelta(days=days, hours=2)
        made = context.keep_notice("https://seal.suqian.example", kind, {**seal, **facts}, at)
        if days > 5:
            context.notices_read([made.id])


def hide_home(root: Any, home: Path) -> None:
    """No picture names the folder in which it was made."""
    from PySide6.QtWidgets import QLabel, QLineEdit

    for each in (*root.findChildren(QLabel), *root.findChildren(QLineEdit)):
        if str(home) in each.text():
            each.setText(each.text().replace(str(home), SHOWN_HOME))


if __name__ == "__main__":
    place = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images"
    wanted = Look(**json.loads(os.environ.get("SEALDESK_SCREENSHOTS", "{}")))
    if sys.argv[2:]:
        tint, width, height, factor, tongue = sys.argv[2:]
        wanted = Look(tint, int(width), int(height), factor, tongue)
    sys.exit(main(place, wanted))
