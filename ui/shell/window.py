"""The window: token strip, navigation, notice bar, and the pages behind it.

Pages are made when they are first looked at, so that the window is usable at once. One module,
though long: the window is where pages, keys, notices and the demo meet.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QByteArray, QCoreApplication, QEvent, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QCloseEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QGuiApplication,
    QKeySequence,
    QShortcut,
)
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QHBoxLayout,
    QMainWindow,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)
from shiboken6 import isValid

from app.errors import CabinetLocked, Cancelled, explain
from ui import ahead, language, theme
from ui.away import AwayNotices
from ui.canvas.renderer import Renderer
from ui.dialogs import FRAME
from ui.files import dropped, open_outside
from ui.language import tr
from ui.shell.context.values import TokenView
from ui.shell.context.whole import Context
from ui.shell.incoming import IncomingFiles
from ui.shell.keys.plugged_tokens import PluggedTokens
from ui.shell.navigation import PAGES, STAFF_PAGES, Navigation, page_titles
from ui.shell.notice import ErrorBox, NoticeBar
from ui.shell.pin_dialog import change_pin
from ui.shell.recent import RecentFiles
from ui.shell.state import STATE_FILE, WindowState
from ui.shell.token_notices import tell_of_seals, tell_of_token
from ui.shell.token_strip import DemoBanner, TokenStrip
from ui.tasks import Tasks

if TYPE_CHECKING:
    from app.store.cabinet import SealRecord
    from app.store.notices import NoticeRecord

AHEAD_MS = 100
"""After the start: until the window has been painted."""
IDLE_MS = 1000
SMALLEST = QSize(680, 340)
"""A screen of 1366×768 pixels of which the person sees everything at twice its size."""


def _state_of(context: Context) -> WindowState:
    return WindowState(context.settings.folders.config / STATE_FILE)


def _untold(_: object) -> None:
    """Whoever reads the seals at the same time says why the cabinet cannot be read."""


def _delete(pages: Sequence[QWidget]) -> None:
    """Now, so that no signal reaches them."""
    for page in pages:
        page.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def _take_as_copy(event: QDropEvent) -> None:
    """Whatever the source proposes: after a move it may delete the original."""
    event.setDropAction(Qt.DropAction.CopyAction)
    event.accept()


class MainWindow(QMainWindow):
    """See the module."""

    tokens_changed = Signal()
    seals_changed = Signal()

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.context = context
        self.tasks = Tasks(self)
        self.renderer = Renderer(self)
        self.state = _state_of(context)
        self.recent = RecentFiles(lambda: self.state, self.take_files, self._not_there, self)
        self.away = AwayNotices(self, lambda: bool(self.state.get("away", True)))
        self.seals: tuple[SealRecord, ...] = ()
        self.seals_known = False
        self._pages: dict[str, QWidget] = {}
        self._server: Any = None
        self._unread = 0
        """Notices that nobody has read."""

        self.setMinimumSize(SMALLEST)
        self.setAcceptDrops(True)
        self._home = context
        """The user's own context, also while a demo's is in use."""
        self.plugged = PluggedTokens(self, self)
        self.plugged.changed.connect(self._tokens_changed)
        self._incoming = IncomingFiles(self, self, lambda: self.current)
        self._build()
        self._keys()
        self._restore()
        application = QApplication.instance()
        if isinstance(application, QApplication):
            application.focusChanged.connect(self._focus_moved)

    def _build(self) -> None:
        """Everything that holds a text, in the language in use."""
        self.setWindowTitle(tr("印台"))
        self.notices = NoticeBar()
        self.banner = DemoBanner(self.leave_demo)
        self.strip = TokenStrip()
        self.strip.chosen.connect(self.plugged.choose)
        self.strip.help.clicked.connect(self.show_help)
        self.strip.unlock_asked.connect(self.unlock_token)
        self.strip.news.clicked.connect(self.show_notices)
        self._show_unread()
        self._stack = QStackedWidget()
        self.navigation = Navigation()
        self.navigation.chosen.connect(self.go)
        body = QVBoxLayout()
        body.setContentsMargins(0, 0, 0, 0)
        body.setSpacing(0)
        body.addWidget(self.banner)
        body.addWidget(self.notices)
        body.addWidget(self._stack, 1)
        below = QHBoxLayout()
        below.setContentsMargins(0, 0, 0, 0)
        below.setSpacing(0)
        below.addWidget(self.navigation)
        below.addLayout(body, 1)
        centre = QWidget()
        whole = QVBoxLayout(centre)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(self.strip)
        whole.addLayout(below, 1)
        self.setCentralWidget(centre)

    def begin(self) -> None:
        """What may wait until the window is on the screen: keys, seals, the renderer's process."""
        self.renderer.warm_up()
        self.plugged.start()
        self.reload_seals()
        QTimer.singleShot(AHEAD_MS, self, lambda: self.tasks.work(ahead.import_all))
        QTimer.singleShot(0, self, self._offer_demo_job)
        from app.store.data_place import place_of

        self.tasks.work(place_of, self.context.settings.folders.data, done=self._tell_place)
        # uses that wait are reported without a PIN, where this computer may
        QTimer.singleShot(IDLE_MS, self, lambda: self.tasks.work(self.context.report_later))

    def _tell_place(self, place: str) -> None:
        """Warn of data that lies on a share or a stick."""
        if place == "share":
            self.notices.show_notice("place", "warning", tr(
                "印台的数据放在网络共享上：别的电脑同时使用会弄坏数据，别人也可能读到。"
                "请让管理员把它移到本机磁盘。"
            ))  # fmt: skip
        elif place == "stick":
            self.notices.show_notice("place", "warning", tr(
                "印台的数据放在 U 盘上：拔出会弄坏数据，U 盘丢了就落到别人手里。"
                "请把它移到本机磁盘。"
            ))  # fmt: skip

    def _offer_demo_job(self) -> None:
        """What a crash has left in the demo is offered at once."""
        import_module("ui.stamp.prepared").DemoJob(self, self).offer()

    # --- pages -----------------------------------------------------------------------------------

    def page(self, name: str) -> Any:
        """The page of that name, made on first use."""
        if name not in self._pages:
            entry = next(entry for entry in PAGES if entry.name == name)
            made = getattr(import_module(entry.module), entry.kind)(self)
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
        if files or name != self.current:
            self.notices.clear_passing()
        page = self.page(name)
        self._stack.setCurrentWidget(page)
        self.navigation.show_chosen(name)
        self.setWindowTitle(f"{page_titles()[name]} — {tr('印台')}")
        page.activated()
        if not page.isAncestorOf(QApplication.focusWidget() or self):
            self.navigation.buttons[name].setFocus(Qt.FocusReason.OtherFocusReason)
        if files:
            page.open_files(list(files))
        if name not in STAFF_PAGES:
            self.state.put("page", name)

    def _go_if_offered(self, name: str) -> None:
        if self.navigation.offers(name):
            self.go(name)

    # --- keys and seals --------------------------------------------------------------------------

    @property
    def tokens(self) -> tuple[TokenView, ...]:
        """The keys that are plugged in."""
        return self.plugged.tokens

    @property
    def token(self) -> TokenView | None:
        """The key in use."""
        return self.plugged.token

    def _tokens_changed(self) -> None:
        self.strip.show_tokens(self.tokens, self.token, self.seals)
        tell_of_token(self)
        self._show_roles()
        self.away.keys_are(frozenset(token.serial for token in self.tokens))
        self.tokens_changed.emit()

    def _show_roles(self) -> None:
        """The pages of the work that the keys are for; a page whose key is gone goes, too."""
        roles = frozenset(role for token in self.tokens for role in token.roles)
        self.navigation.show_roles(roles)
        if self.current and not self.navigation.offers(self.current):
            self.go("stamp")

    def hold_polling(self, held: bool) -> None:
        """While a key is signing nobody else asks for it."""
        self.plugged.hold(held)
        if not self.plugged.held:
            self._tell_of_timestamp()
            self.plugged.poll()

    def _tell_of_timestamp(self) -> None:
        """Say that there is no time stamp where one was wished for; the files are good without
        it. And that the authority's clock contradicts this computer's, whose time they bear."""
        problem, clock = self.context.timestamp_news()
        if clock is not None:
            self.notices.show_notice("clock", "warning", clock.text(language.language()))
        if problem is not None:
            reason = explain(problem, language.language()).title
            said = tr("没有取到时间戳（{reason}），文件已盖章，不带时间戳。", reason=reason)
            self.notices.show_notice("timestamp", "warning", said)

    def change_pin(self) -> None:
        if self.token is not None:
            change_pin(self, self.token, self)

    def unlock_token(self, token: TokenView | None = None) -> None:
        from ui.shell.keys.unlock_dialog import unlock

        token = token or self.token
        if token is not None and token.initialised:
            unlock(self, token, self)

    def initialise_token(self) -> None:
        """Initialise the blank key in use."""
        from ui.shell.keys.token_setup import initialise

        if self.token is not None and not self.token.initialised:
            initialise(self, self.token, self)

    def reload_seals(self) -> None:
        """Read the cabinet again."""
        self.tasks.work(self.context.seals, done=self._take_seals, failed=self._no_seals)
        self.count_notices()

    def _no_seals(self, error: BaseException) -> None:
        """Say why; a keyring that was slow or locked can be asked again."""
        if not isinstance(error, CabinetLocked):
            self.complain(error)
            return
        said = explain(error, language.language())
        text = f"{said.title} {said.code}\n{said.cause}\n{said.remedy}"
        again = (tr("再试一次"), self._ask_again)
        self.notices.show_notice("cabinet", "error", text, again, lasting=True)

    def _ask_again(self) -> None:
        self.notices.clear_notice("cabinet")
        self.reload_seals()

    def synchronise(self) -> None:
        """Ask the platform, and stay on the page; that of the seals tells what is missing."""
        page = self.page("seals")
        if not page.can_synchronise:
            self.go("seals")
        page.synchronise()

    def apply_for_seal(self) -> None:
        """To the form for a new seal."""
        self.go("seals")
        self.page("seals").apply()

    def _take_seals(self, seals: tuple[SealRecord, ...]) -> None:
        self.seals, self.seals_known = seals, True
        self.strip.show_tokens(self.tokens, self.token, seals)
        tell_of_seals(self, seals)
        tell_of_token(self)  # whether a certificate is one that a seal is lent with
        self.seals_changed.emit()
        if seals:
            self.notices.clear_notice("guide")
        # who opens a document that somebody sent wants to see that, not how to get a seal
        if not (seals or self._incoming.any_came):
            self._guide_newcomer()

    def _guide_newcomer(self) -> None:
        """Show the guide once, after whatever the start has to say first."""
        first = QApplication.activeModalWidget()
        if isinstance(first, QDialog):
            first.finished.connect(self._guide_newcomer)
        elif not self.state.get("guided", False):
            self.state.put("guided", True)
            self.show_guide()

    def show_guide(self) -> None:
        """The three steps to the first stamp."""
        from ui.shell.guide import Guide

        guide = Guide(self, self)
        guide.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        guide.open()

    # --- the demo --------------------------------------------------------------------------------

    def enter_demo(
        self, demo: Context, document: Path | None = None, *, go_on: bool = False
    ) -> None:
        """Switch to the demo's context, with *document* on the page 验章, or on the stamp page with
        what was interrupted there (*go_on*) or its sample document."""
        from ui.shell.guide import sample_document

        self._adopt(demo)
        self.state.put("guided", True)
        if document is not None:
            self.go("verify", [document])
            return
        if go_on:
            self.page("stamp").prepared.at_once = True
            self.go("stamp")
            return
        self.go("stamp", [sample_document(demo.settings.folders.cache)])

    def leave_demo(self) -> None:
        """Switch back to the user's own context; the demo's platform ends."""
        demo = self.context
        if demo is not self._home:
            self._adopt(self._home)
            self.tasks.device(demo.close)
            self.go("stamp")

    def _adopt(self, context: Context) -> None:
        """Switch to another context: every page is made anew, nothing of before is shown."""
        self.tasks.drop_all()
        _delete(self._retire_pages())
        self.notices.clear_all()
        appearance, geometry = self.state.get("appearance", ""), self.state.get("geometry", "")
        self.context, self.state = context, _state_of(context)
        self.state.put("appearance", appearance or None)
        self.state.put("geometry", geometry or None)
        self.recent.changed.emit()
        self.seals, self.seals_known = (), False
        self.banner.tell(context.demo_pin)
        self.plugged.restart()
        self.away.begin_anew()
        self.reload_seals()

    def _retire_pages(self) -> list[QWidget]:
        """Close the pages; they are shown no more."""
        retired = list(self._pages.values())
        for page in retired:
            if hasattr(page, "closing"):
                page.closing()
            self._stack.removeWidget(page)
        self._pages.clear()
        self.renderer.close_all()
        return retired

    # --- another language ------------------------------------------------------------------------

    def change_language(self) -> None:
        """Show everything in the language of the settings, as soon as nothing is under way."""
        QTimer.singleShot(0, self, self._speak)  # later: a page has asked for it

    def _speak(self) -> None:
        wanted = self.context.settings.language
        if wanted == language.language():
            return
        if self.plugged.held or self.tasks.busy:
            QTimer.singleShot(IDLE_MS // 5, self, self._speak)
            return
        language.use(wanted)
        application = QApplication.instance()
        if isinstance(application, QApplication):
            theme.use_font(application)
            application.setApplicationDisplayName(tr("印台"))
        current, names = self.current, list(self._pages)
        retired = self._retire_pages()
        self._build()
        for name, before in zip(names, retired, strict=True):
            if hasattr(before, "take_over"):
                self.page(name).take_over(before)
        _delete(retired)
        self.banner.tell(self.context.demo_pin)
        self._tokens_changed()
        self.seals_changed.emit()
        self.go(current)

    # --- messages --------------------------------------------------------------------------------

    def complain(self, error: BaseException) -> None:
        """Show an error that has no better place."""
        if isinstance(error, Cancelled):
            self.notices.show_notice("cancelled", "info", tr("已取消，没有改动任何文件。"))
            return
        box = ErrorBox(error, self)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.open()

    def open_outside(self, target: Path | str) -> None:
        """Open a file, a folder or an address with the system's own program, or say why not."""
        open_outside(target, partial(self.notices.show_notice, "opening", "warning"))

    def count_notices(self) -> None:
        """Read how many notices are unread, and show it."""
        self.tasks.work(self.context.notices, done=self._take_notices, failed=_untold)

    def _take_notices(self, kept: Sequence[NoticeRecord]) -> None:
        self._unread = sum(not notice.read for notice in kept)
        self._show_unread()

    def _show_unread(self) -> None:
        self.strip.show_unread(self._unread)

    def show_notices(self) -> None:
        """What has happened, and what to do."""
        box = import_module("ui.pages.notices_dialog").NoticesDialog(self, self)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.open()

    def show_help(self) -> None:
        """What keys there are, the version, the manual and whom to ask."""
        from ui.shell.help_dialog import HelpDialog

        box = HelpDialog(self, self)
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
        self._incoming.take(paths)

    def _not_there(self, text: str) -> None:
        self.notices.show_notice("files", "warning", text)

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
            _take_as_copy(event)
            self._light_up(True)

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        _take_as_copy(event)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._light_up(False)

    def dropEvent(self, event: QDropEvent) -> None:
        self._light_up(False)
        paths = dropped(event.mimeData())
        _take_as_copy(event)
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
        on("Ctrl+Shift+O", lambda: self.recent.pop_up(self))
        on("F1", self.show_help)
        on("F6", lambda: self._next_pane(1))
        on("Shift+F6", lambda: self._next_pane(-1))
        for number, entry in enumerate(PAGES, 1):
            on(f"Ctrl+{number}", lambda name=entry.name: self._go_if_offered(name))
        paste = QShortcut(QKeySequence(QKeySequence.StandardKey.Paste), self)
        paste.activated.connect(self._paste)
        paste.activatedAmbiguously.connect(self._paste)

    def _next_pane(self, step: int) -> None:
        page = self._stack.currentWidget()
        panes: list[QWidget] = [self.navigation.buttons[self.current or "stamp"]]
        if page is not None:
            panes += [pane for pane in page.panes() if pane.isEnabled()]  # type: ignore[attr-defined]
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

    def _focus_moved(self, before: QWidget | None, now: QWidget | None) -> None:
        """Qt gives the focus of what is hidden or disabled to the next widget that takes it: the
        top line, where nobody was. The page has it then."""
        if before is None or now is None or not self.strip.isAncestorOf(now):
            return
        page: Any = self._stack.currentWidget()
        if page is None or not page.isAncestorOf(before):
            return

        def settle() -> None:
            left = not isValid(before) or not (before.isVisible() and before.isEnabled())
            if left and self.strip.isAncestorOf(QApplication.focusWidget() or self):
                panes = (pane for pane in page.panes() if pane.isVisible() and pane.isEnabled())
                own = self.navigation.buttons[self.current or "stamp"]
                next(panes, own).setFocus(Qt.FocusReason.OtherFocusReason)

        QTimer.singleShot(0, self, settle)

    # --- the window itself -----------------------------------------------------------------------

    def _restore(self) -> None:
        kept = self.state.get("geometry", "")
        if not (kept and self.restoreGeometry(QByteArray.fromBase64(kept.encode()))):
            screen = self.screen().availableGeometry()
            room = screen.size() - FRAME
            self.resize(room.boundedTo(QSize(1366, 768)).expandedTo(self.minimumSize()))
            self.move(screen.topLeft())

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.ThemeChange and self.state.get("appearance", "") == "":
            application = QApplication.instance()
            if isinstance(application, QApplication):
                theme.apply(application, "system")
        super().changeEvent(event)

    def keep(self) -> None:
        """Write down place and size of the window, and what is prepared in it."""
        geometry = bytes(self.saveGeometry().toBase64().data()).decode()
        own = self.state if self.context is self._home else _state_of(self._home)
        own.put("geometry", geometry)
        if "stamp" in self._pages:
            self.page("stamp").prepared.flush()

    def closeEvent(self, event: QCloseEvent) -> None:
        self.keep()
        self.plugged.stop()
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
        """Take the files of later starts by the same user, who is known by *folder*."""
        from ui.shell.single_instance import listen

        def take(paths: list[Path]) -> None:
            self.come_forward()
            if paths:
                self.take_files(paths)

        self._server = listen(folder, take, self)

    def come_forward(self) -> None:
        """Come to the front: the program was started a second time."""
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.show()
        self.raise_()
        self.activateWindow()
