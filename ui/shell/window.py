"""The window: token strip, navigation, notice bar, and the six pages behind it.

    run(context, files) -> int

Pages are made when they are first looked at, so that the window is usable at once. A second start
hands its files to the first one and ends.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QByteArray, QCoreApplication, QEvent, Qt, QTimer, Signal
from PySide6.QtGui import (
    QCloseEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QGuiApplication,
    QKeySequence,
    QShortcut,
)
from PySide6.QtWidgets import (
    QApplication,
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QMainWindow,
    QMessageBox,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ui import language, theme
from ui.canvas.renderer import Renderer
from ui.files import dropped, has_signature, pdf_files
from ui.garbage import Collector
from ui.language import pair, tr
from ui.shell.context import Context, TokenView
from ui.shell.notice import ErrorBox, NoticeBar
from ui.shell.state import WindowState
from ui.shell.token_strip import DemoBanner, TokenStrip
from ui.tasks import Task, Tasks

if TYPE_CHECKING:
    from app.store.cabinet import SealRecord

POLL_MS = 1500
IDLE_MS = 1000
EXPIRY_STEPS = (7, 30, 90)
"""Days before a certificate ends at which the person is told."""


PAGES: tuple[tuple[str, str, str, str], ...] = (
    ("stamp", "stamp", "ui.stamp.stamp_page", "StampPage"),
    ("verify", "shield-check", "ui.verify.verify_page", "VerifyPage"),
    ("seals", "layers", "ui.pages.seals_page", "SealsPage"),
    ("approvals", "inbox", "ui.pages.approvals_page", "ApprovalsPage"),
    ("journal", "book-open-text", "ui.pages.journal_page", "JournalPage"),
    ("settings", "settings", "ui.pages.settings_page", "SettingsPage"),
)


def page_titles() -> dict[str, str]:
    return {
        "stamp": tr("盖章"),
        "verify": tr("验章"),
        "seals": tr("印章"),
        "approvals": tr("审批"),
        "journal": tr("台账"),
        "settings": tr("设置"),
    }


def _state_of(context: Context) -> WindowState:
    return WindowState(context.settings.folders.config / "window.json")


class MainWindow(QMainWindow):
    """See the module."""

    tokens_changed = Signal()
    seals_changed = Signal()

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.context = context
        self.tasks = Tasks(self)
        self.renderer = Renderer(self)
        self.notices = NoticeBar()
        self.state = _state_of(context)
        self.tokens: tuple[TokenView, ...] = ()
        self.seals: tuple[SealRecord, ...] = ()
        self.token: TokenView | None = None
        self._pages: dict[str, QWidget] = {}
        self._polling: Task | None = None
        self._held = 0
        self._told: set[str] = set()
        self._server: Any = None

        self.setWindowTitle(tr("印台"))
        self.setMinimumSize(940, 520)
        self.setAcceptDrops(True)
        self._home = context
        """One's own desk, while the window is at the demo's."""
        self.banner = DemoBanner(self.leave_demo)
        self.strip = TokenStrip()
        self.strip.chosen.connect(self._choose_token)
        self.strip.help.clicked.connect(self.show_help)
        self._stack = QStackedWidget()
        self._nav = QButtonGroup(self)
        self._buttons: dict[str, QToolButton] = {}
        nav = QFrame()
        theme.set_role(nav, "nav")
        nav.setFixedWidth(76)
        side = QVBoxLayout(nav)
        side.setContentsMargins(0, 8, 0, 8)
        side.setSpacing(2)
        for name, icon, _, _ in PAGES:
            side.addWidget(self._nav_button(name, icon))
            if name == "journal":
                side.addStretch()
        body = QVBoxLayout()
        body.setContentsMargins(0, 0, 0, 0)
        body.setSpacing(0)
        body.addWidget(self.banner)
        body.addWidget(self.notices)
        body.addWidget(self._stack, 1)
        below = QHBoxLayout()
        below.setContentsMargins(0, 0, 0, 0)
        below.setSpacing(0)
        below.addWidget(nav)
        below.addLayout(body, 1)
        centre = QWidget()
        whole = QVBoxLayout(centre)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(self.strip)
        whole.addLayout(below, 1)
        self.setCentralWidget(centre)
        self._keys()
        self._restore()
        self._timer = QTimer(self)
        self._timer.setInterval(POLL_MS)
        self._timer.timeout.connect(self._poll)

    def begin(self) -> None:
        """What may wait until the window is on the screen: keys, seals, the renderer's process."""
        self.renderer.warm_up()
        self._poll()
        self._timer.start()
        self.reload_seals()
        # what a document is examined with: imported while nobody waits for it
        QTimer.singleShot(
            IDLE_MS, self, lambda: self.tasks.work(import_module, "crypto.pdf.signing.sign")
        )

    # --- pages -----------------------------------------------------------------------------------

    def _nav_button(self, name: str, icon: str) -> QToolButton:
        made = QToolButton()
        made.setText(page_titles()[name])
        theme.set_icon(made, icon, "text", 22)
        made.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        made.setCheckable(True)
        theme.set_role(made, "nav")
        made.setFixedSize(75, 62)
        number = [each[0] for each in PAGES].index(name) + 1
        made.setToolTip(f"Ctrl+{number}")
        made.setAccessibleName(page_titles()[name])
        made.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        made.clicked.connect(lambda: self.go(name))
        self._nav.addButton(made)
        self._buttons[name] = made
        return made

    def page(self, name: str) -> Any:
        """The page of that name, made on first use."""
        if name not in self._pages:
            module, kind = next(each[2:] for each in PAGES if each[0] == name)
            made = getattr(import_module(module), kind)(self)
            theme.set_role(made, "page")
            made.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
            self._pages[name] = made
            self._stack.addWidget(made)
        return self._pages[name]

    @property
    def current(self) -> str:
        """Name of the page being shown."""
        shown = self._stack.currentWidget()
        return next((name for name, page in self._pages.items() if page is shown), "")

    def go(self, name: str, files: Sequence[Path] = ()) -> None:
        """Show a page, with *files* if it takes any."""
        page = self.page(name)
        self._stack.setCurrentWidget(page)
        self._buttons[name].setChecked(True)
        self.setWindowTitle(f"{page_titles()[name]} — {tr('印台')}")
        page.activated()
        if not page.isAncestorOf(QApplication.focusWidget() or self):
            self._buttons[name].setFocus(Qt.FocusReason.OtherFocusReason)
        if files:
            page.open_files(list(files))
        self.state.put("page", name)

    # --- keys and seals --------------------------------------------------------------------------

    def _poll(self) -> None:
        if self._held or (self._polling is not None and not self._polling.finished):
            return
        self._polling = self.tasks.device(
            self.context.tokens, done=self._take_tokens, failed=self._no_tokens
        )

    def hold_polling(self, held: bool) -> None:
        """While a key is signing nobody else asks for it."""
        self._held = max(0, self._held + (1 if held else -1))
        if not self._held:
            self._tell_of_timestamp()
            self._poll()

    def _tell_of_timestamp(self) -> None:
        """The files are stamped and good; that a wish was not met is said all the same."""
        from app.errors import explain

        problem = self.context.timestamp_problem()
        if problem is not None:
            reason = explain(problem, language.language()).title
            said = tr("没有取到时间戳（{reason}），文件已盖章，不带时间戳。", reason=reason)
            self.notices.show_notice("timestamp", "warning", said)

    def _take_tokens(self, tokens: tuple[TokenView, ...]) -> None:
        self.notices.clear_notice("driver")
        self._told.discard("driver")
        if tokens == self.tokens and (self.token is not None or not tokens):
            return
        self.tokens = tokens
        self._show_token()
        self.tokens_changed.emit()

    def _no_tokens(self, error: BaseException) -> None:
        if "driver" not in self._told:
            from app.errors import explain

            self._told.add("driver")
            message = explain(error, language.language())
            self.notices.show_notice("driver", "warning", pair(message.title, message.remedy))
        self.tokens = ()
        self._show_token()
        self.tokens_changed.emit()

    def _show_token(self) -> None:
        wanted = self.state.get("token", "") or self.context.settings.token_serial
        usable = [each for each in self.tokens if each.initialised] or list(self.tokens)
        self.token = next(
            (each for each in usable if each.serial == wanted), usable[0] if usable else None
        )
        self.strip.show_tokens(self.tokens, self.token, self.seals)
        self._tell_of_token()

    def _choose_token(self, serial: str) -> None:
        self.state.put("token", serial)
        self._show_token()
        self.tokens_changed.emit()

    def _tell_of_token(self) -> None:
        token = self.token
        if token is None:
            for topic in ("pin", "blank", "expiry"):
                self.notices.clear_notice(topic)
            return
        if token.initialised:
            self.notices.clear_notice("blank")
        else:
            self.notices.show_notice(
                "blank",
                "info",
                tr("插入的 Ukey 是空白的，设好口令后才能使用。"),
                (tr("初始化…"), self.initialise_token),
            )
        if token.must_change:
            self.notices.show_notice(
                "pin",
                "warning",
                tr("Ukey 还在使用出厂口令，请先修改。"),
                (tr("修改口令"), lambda: self.go("settings")),
            )
        else:
            self.notices.clear_notice("pin")
        ends = [each.not_after for each in token.certificates]
        left = min(ends) - datetime.now(UTC) if ends else timedelta(days=999)
        if left < timedelta(0):
            self.notices.show_notice(
                "expiry", "error", tr("Ukey 里有证书已经过期，不能再用它盖章。")
            )
        elif left < timedelta(days=max(EXPIRY_STEPS)):
            kind = "warning" if left < timedelta(days=30) else "info"
            text = tr("证书 {days} 天后到期，请及时办理延期。", days=left.days)
            self.notices.show_notice(
                "expiry", kind, text, (tr("查看印章"), lambda: self.go("seals"))
            )
        else:
            self.notices.clear_notice("expiry")

    def initialise_token(self) -> None:
        """Make the blank key in use somebody's own."""
        from ui.shell.token_setup import initialise

        if self.token is not None and not self.token.initialised:
            initialise(self, self.token, self)

    def reload_seals(self) -> None:
        """Read the cabinet again."""
        self.tasks.work(self.context.seals, done=self._take_seals, failed=self.complain)

    def synchronise(self) -> None:
        """Ask the platform; the page of seals tells how it went, and what is missing for it."""
        self.go("seals")
        self.page("seals").synchronise()

    def _take_seals(self, seals: tuple[SealRecord, ...]) -> None:
        self.seals = seals
        self.strip.show_tokens(self.tokens, self.token, seals)
        self.seals_changed.emit()
        if not seals and not self.state.get("guided", False):
            self.state.put("guided", True)
            self.show_guide()

    def show_guide(self) -> None:
        """The three steps to the first stamp."""
        from ui.shell.guide import Guide

        guide = Guide(self, self)
        guide.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        guide.open()

    # --- the demo --------------------------------------------------------------------------------

    def enter_demo(self, demo: Context) -> None:
        """Work at the demo's desk, with its sample document on the stamp page."""
        from ui.shell.guide import sample_document

        self._adopt(demo)
        self.state.put("guided", True)
        self.go("stamp", [sample_document(demo.settings.folders.cache)])

    def leave_demo(self) -> None:
        """Back to one's own desk; the demo's platform ends."""
        demo = self.context
        if demo is not self._home:
            self._adopt(self._home)
            self.tasks.device(demo.close)
            self.go("stamp")

    def _adopt(self, context: Context) -> None:
        """Be at another desk from now on: every page is made anew, nothing of before is shown."""
        self.tasks.drop_all()
        for page in self._pages.values():
            if hasattr(page, "closing"):
                page.closing()
            self._stack.removeWidget(page)
            page.deleteLater()
        self._pages.clear()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)  # no signal finds them
        self.renderer.close_all()
        self.notices.clear_all()
        appearance, geometry = self.state.get("appearance", ""), self.state.get("geometry", "")
        self.context, self.state = context, _state_of(context)
        self.state.put("appearance", appearance or None)
        self.state.put("geometry", geometry or None)
        self.tokens, self.seals, self.token = (), (), None
        self._told.clear()
        self._held, self._polling = 0, None
        self.banner.tell(context.demo_pin)
        self._show_token()
        self._poll()
        self.reload_seals()

    # --- messages --------------------------------------------------------------------------------

    def complain(self, error: BaseException) -> None:
        """Show an error that has no better place."""
        from app.errors import Cancelled

        if isinstance(error, Cancelled):
            self.notices.show_notice("cancelled", "info", tr("已取消，没有改动任何文件。"))
            return
        box = ErrorBox(error, self)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.open()

    def show_help(self) -> None:
        """What keys there are; the manual if it is installed."""
        box = QMessageBox(self)
        box.setWindowTitle(tr("帮助"))
        box.setText(tr("键盘操作"))
        box.setInformativeText(
            "\n".join(
                (
                    tr("Ctrl+O　打开文件　　Ctrl+V　粘贴文件"),
                    tr("Ctrl+1 … Ctrl+6　换页面　　F6　换区域"),
                    tr("PgUp PgDn　翻页　　Ctrl+滚轮　缩放"),
                    tr("方向键　移动印章 1 毫米（加 Shift 为 5 毫米）"),
                    tr("Ctrl+Z Ctrl+Y　撤销、重做　　Delete　删除印章"),
                    tr("Ctrl+Enter　盖章　　Esc　取消"),
                )
            )
        )
        guide = box.addButton(tr("开始使用…"), QMessageBox.ButtonRole.ActionRole)
        guide.clicked.connect(self.show_guide)
        close = box.addButton(tr("关闭"), QMessageBox.ButtonRole.AcceptRole)
        box.setDefaultButton(close)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.open()

    # --- files -----------------------------------------------------------------------------------

    def folder(self) -> Path:
        """Where a file dialog begins."""
        return Path(self.state.get("folder", "") or Path.home())

    def remember_folder(self, folder: Path) -> None:
        self.state.put("folder", str(folder))

    def take_files(self, paths: Sequence[Path]) -> None:
        """Files dropped, pasted or handed over: to the page that is open, if it takes files."""
        if any(path.is_dir() for path in paths):  # which may be large, or far away
            self.tasks.work(pdf_files, paths, done=self._take_found, failed=self.complain)
        else:
            self._take_found(pdf_files(paths))

    def _take_found(self, found: list[Path]) -> None:
        if not found:
            self.notices.show_notice("files", "warning", tr("这里面没有 PDF 文件。"))
            return
        self.notices.clear_notice("files")
        self.remember_folder(found[0].parent)
        if self.current == "verify":
            self.go("verify", found)
        elif len(found) == 1 and has_signature(found[0]):
            self._ask_what_for(found)
        else:
            self.go("stamp", found)

    def _ask_what_for(self, found: list[Path]) -> None:
        box = QMessageBox(self)
        box.setWindowTitle(tr("印台"))
        box.setText(tr("“{name}”已经盖有印章。", name=found[0].name))
        box.setInformativeText(tr("要验证已有的印章，还是在上面再盖一个？"))
        verify = box.addButton(tr("验章"), QMessageBox.ButtonRole.AcceptRole)
        stamp = box.addButton(tr("盖章"), QMessageBox.ButtonRole.ActionRole)
        cancel = box.addButton(tr("取消"), QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(verify)
        box.setEscapeButton(cancel)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        verify.clicked.connect(lambda: self.go("verify", found))
        stamp.clicked.connect(lambda: self.go("stamp", found))
        box.open()

    def open_dialog(self) -> None:
        """Ctrl+O."""
        if self.current not in ("stamp", "verify"):
            self.go("stamp")
        self.page(self.current).choose()

    def _paste(self) -> None:
        paths = dropped(QGuiApplication.clipboard().mimeData())
        if paths:
            self.take_files(paths)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if dropped(event.mimeData()):
            event.acceptProposedAction()
            self._light_up(True)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._light_up(False)

    def dropEvent(self, event: QDropEvent) -> None:
        self._light_up(False)
        paths = dropped(event.mimeData())
        event.acceptProposedAction()
        QTimer.singleShot(0, lambda: self.take_files(paths))

    def _light_up(self, over: bool) -> None:
        page = self._stack.currentWidget()
        if hasattr(page, "light_up"):
            page.light_up(over)

    # --- keyboard --------------------------------------------------------------------------------

    def _keys(self) -> None:
        def on(keys: str | QKeySequence.StandardKey, called: Any) -> None:
            made = QShortcut(QKeySequence(keys), self)
            made.activated.connect(called)

        on(QKeySequence.StandardKey.Open, self.open_dialog)
        on("F1", self.show_help)
        on("F6", lambda: self._next_pane(1))
        on("Shift+F6", lambda: self._next_pane(-1))
        for number, (name, *_) in enumerate(PAGES, 1):
            on(f"Ctrl+{number}", lambda name=name: self.go(name))
        paste = QShortcut(QKeySequence(QKeySequence.StandardKey.Paste), self)
        paste.activated.connect(self._paste)
        paste.activatedAmbiguously.connect(self._paste)

    def _next_pane(self, step: int) -> None:
        page = self._stack.currentWidget()
        panes: list[QWidget] = [self._buttons[self.current or "stamp"]]
        if page is not None:
            panes += [each for each in page.panes() if each.isEnabled()]  # type: ignore[attr-defined]
        panes.append(self.strip.help)
        focus = QApplication.focusWidget()
        here = next(
            (
                number
                for number, pane in enumerate(panes)
                if focus is not None and (pane is focus or pane.isAncestorOf(focus))
            ),
            -1 if step > 0 else 0,
        )
        panes[(here + step) % len(panes)].setFocus(Qt.FocusReason.ShortcutFocusReason)

    # --- the window itself -----------------------------------------------------------------------

    def _restore(self) -> None:
        kept = self.state.get("geometry", "")
        if not (kept and self.restoreGeometry(QByteArray.fromBase64(kept.encode()))):
            screen = self.screen().availableGeometry()
            self.resize(min(1366, screen.width()), min(768, screen.height()))

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.ThemeChange and self.state.get("appearance", "") == "":
            application = QApplication.instance()
            if isinstance(application, QApplication):
                theme.apply(application, "system")
        super().changeEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        geometry = bytes(self.saveGeometry().toBase64().data()).decode()
        own = self.state if self.context is self._home else _state_of(self._home)
        own.put("geometry", geometry)
        self._timer.stop()
        for page in self._pages.values():
            if hasattr(page, "closing"):
                page.closing()
        if self.context is not self._home:
            self.tasks.device(self.context.close)
        self.tasks.close()
        self._home.close()
        self.renderer.shutdown()
        if self._server is not None:
            self._server.close()
        event.accept()

    def listen(self, folder: Path) -> None:
        """Take the files of later starts; *folder* is what makes them starts of the same user."""
        from ui.shell.single_instance import listen

        def take(paths: list[Path]) -> None:
            self.come_forward()
            if paths:
                self.take_files(paths)

        self._server = listen(folder, take, self)

    def come_forward(self) -> None:
        """Be seen: somebody has started the program a second time."""
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.show()
        self.raise_()
        self.activateWindow()


# --- starting ------------------------------------------------------------------------------------


def run(context: Context, files: Sequence[Path] = ()) -> int:
    """Show the window until it is closed; its exit code. *files* open in it."""
    os.environ.setdefault("QT_ACCESSIBILITY", "1")
    present = QApplication.instance()
    application = present if isinstance(present, QApplication) else QApplication(sys.argv[:1])
    language.use(context.settings.language)
    application.setApplicationName("SealDesk")
    application.setApplicationDisplayName(tr("印台"))
    application.setDesktopFileName("sealdesk")
    from ui.shell.single_instance import hand_over

    folder = context.settings.folders.config
    if hand_over(folder, files):
        return 0
    window = MainWindow(context)
    theme.apply(application, window.state.get("appearance", "") or "system")
    window.setWindowIcon(theme.icon("stamp", "accent", 64))
    start_page = window.state.get("page", "stamp")
    window.go(start_page if start_page in page_titles() else "stamp")
    window.show()
    window.listen(folder)
    Collector(application)
    QTimer.singleShot(0, window.begin)
    if files:
        QTimer.singleShot(0, lambda: window.take_files(list(files)))
    return int(application.exec())
