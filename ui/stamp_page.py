"""盖章: thumbnails, canvas, and a panel with seals, placing, checklist and the one red button.

The canvas paints the marks that :mod:`ui.stamp_plan` makes, and the job carries the same rules.
With several files the panel's lower half says for which of them the placing counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QImage
from PySide6.QtWidgets import (
    QFileDialog,
    QFrame,
    QInputDialog,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.errors import PlacementError, explain
from app.placement import PageBox, SealSize, TextHit
from crypto.mark import Mark
from ui import theme
from ui.checklist import (
    Check,
    Checklist,
    document_check,
    holding,
    seal_checks,
    token_checks,
)
from ui.context import DocumentFacts
from ui.document_pane import DocumentPane
from ui.language import language, tr
from ui.page_view import Item
from ui.placing_panel import PlacingPanel
from ui.seal_card import SealCard, imprint, kind_name
from ui.stamp_plan import At, Keyword, Plan, Riding, Rule, marks_of, moved_to
from ui.stamp_run import StampRun
from ui.stamp_work import Order, Outcome
from ui.widgets import (
    DropArea,
    button,
    centred,
    clear_layout,
    column,
    framed,
    label,
    line,
    row,
    scrolled,
    shortcut,
    tool,
)

if TYPE_CHECKING:
    from app.cabinet import SealRecord
    from ui.main_window import Shell

PANEL_WIDTH = 332


@dataclass
class Document:
    """One file to be stamped, with what is placed on it."""

    path: Path
    plan: Plan = field(default_factory=Plan)
    own: bool = False
    """In a batch: placed by hand, not after the pattern of another file."""
    facts: DocumentFacts | None = None
    error: BaseException | None = None
    password: str | None = field(default=None, repr=False)
    outcome: Outcome | None = None


class StampPage(QWidget):
    """The page behind 盖章."""

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self._shell = shell
        self.documents: list[Document] = []
        self._current: Document | None = None
        self._boxes: list[PageBox] = []
        self._marks: dict[str, list[Mark]] = {}
        self._hits: tuple[TextHit, ...] = ()
        self._searched = ""
        self._found: dict[tuple[Path, str], tuple[TextHit, ...]] = {}
        self._cards: dict[str, SealCard] = {}
        self._pictures: dict[str, QImage] = {}
        self._sizes: dict[str, SealSize] = {}
        self._seals: dict[str, SealRecord] = {}
        self._nudging = ""
        self.setAccessibleName(tr("盖章"))

        self._drop = DropArea(
            "stamp",
            tr("把要盖章的 PDF 拖到这里"),
            tr("可以拖入多个文件或整个文件夹。原文件不会改动，结果另存为新文件。"),
            tr("选择文件…"),
        )
        self._drop.chosen.connect(self.choose)
        self.list = QListWidget()
        self.list.setAccessibleName(tr("要盖章的文件"))
        self.list.setFixedWidth(200)
        theme.set_role(self.list, "files")
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.list.currentRowChanged.connect(self._select)
        self.pane = DocumentPane(shell.renderer, "stamp")
        self._tools()
        view = self.pane.view
        self.pane.loaded.connect(self._loaded)
        self.pane.broken.connect(self._broken)
        view.page_changed.connect(self._turned)
        view.page_clicked.connect(self._clicked_page)
        view.seal_dropped.connect(self._dropped_seal)
        view.item_moved.connect(self._moved)
        view.item_nudged.connect(self._nudged)
        view.item_removed.connect(self._removed)
        view.item_clicked.connect(self._clicked_item)

        self._panel = self._build_panel()
        self.run = StampRun(self, shell)
        self.run.finished.connect(self._finished)
        self.run.closed.connect(self._close_run)
        self._side = QStackedWidget()
        self._side.setFixedWidth(PANEL_WIDTH)
        self._side.addWidget(self._panel)
        self._side.addWidget(self.run)
        work = QWidget()
        across = row(self.list, spacing=0)
        across.addWidget(self.pane, 1)
        across.addWidget(self._side)
        work.setLayout(across)
        self._stack = QStackedWidget()
        self._stack.addWidget(centred(self._drop))
        self._stack.addWidget(work)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self._stack)
        for keys, called in (
            ("Ctrl+Z", self.undo),
            ("Ctrl+Y", self.redo),
            ("Ctrl+Shift+Z", self.redo),
            ("Ctrl+Return", self.stamp),
            ("Ctrl+Enter", self.stamp),
            ("Esc", self._escape),
            ("Ctrl++", lambda: view.set_zoom(view.zoom * 1.2)),
            ("Ctrl+=", lambda: view.set_zoom(view.zoom * 1.2)),
            ("Ctrl+-", lambda: view.set_zoom(view.zoom / 1.2)),
            ("Ctrl+0", lambda: view.fit("page")),
        ):
            shortcut(self, keys, called)
        shell.seals_changed.connect(self._show_seals)
        shell.tokens_changed.connect(self._check)
        self._show_seals()
        QTimer.singleShot(0, self._offer_session)

    def _tools(self) -> None:
        opener = QToolButton()
        opener.setText(tr("打开"))
        theme.set_icon(opener, "folder-open")
        opener.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        opener.setAccessibleName(tr("打开"))
        opener.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(opener)
        menu.addAction(tr("选择文件…"), self.choose)
        menu.addAction(tr("选择文件夹…"), self._choose_folder)
        menu.addAction(tr("关闭文件"), self.close_documents)
        opener.setMenu(menu)
        self._undo = tool("undo-2", tr("撤销"), self.undo, "Ctrl+Z")
        self._redo = tool("redo-2", tr("重做"), self.redo, "Ctrl+Y")
        self.pane.toolbar.insertWidget(0, opener)
        self.pane.toolbar.insertWidget(1, self._undo)
        self.pane.toolbar.insertWidget(2, self._redo)

    def _build_panel(self) -> QFrame:
        inner = QWidget()
        content = column(margins=(16, 14, 16, 14), spacing=8)
        inner.setLayout(content)
        content.addWidget(label(tr("印章"), "section"))
        self._card_column = column(spacing=6)
        content.addLayout(self._card_column)
        content.addSpacing(6)
        content.addWidget(label(tr("盖在哪里"), "section"))
        self.placing = PlacingPanel()
        self.placing.place.connect(self.place)
        self.placing.search.connect(self._search)
        self.placing.place_all.connect(self._place_all)
        self.placing.mode_changed.connect(lambda _: self._forget_hits())
        content.addWidget(self.placing)
        self._problem = label("", "bad", wrap=True)
        self._problem.hide()
        content.addWidget(self._problem)
        content.addSpacing(4)
        content.addWidget(line())
        content.addSpacing(2)
        content.addWidget(label(tr("盖章前检查"), "section"))
        self.checklist = Checklist()
        content.addWidget(self.checklist)
        content.addStretch()
        self._batch_note = label("", "small", wrap=True)
        self._all_alike = button(tr("用于全部文件"), self.apply_to_all)
        self.stamp_button = button(
            tr("盖章"), self.stamp, role="primary", icon="stamp", tint="on_accent"
        )
        self.stamp_button.setToolTip("Ctrl+Enter")
        foot = column(margins=(16, 12, 16, 14), spacing=8)
        foot.addWidget(self._batch_note)
        foot.addWidget(self._all_alike)
        foot.addWidget(self.stamp_button)
        whole = column(spacing=0)
        whole.addWidget(scrolled(inner, tr("印章和位置")), 1)
        whole.addWidget(framed("footer", foot))
        return framed("panel", whole)

    # --- what the shell calls --------------------------------------------------------------------

    def activated(self) -> None:
        self._check()

    def panes(self) -> list[QWidget]:
        """Where F6 goes."""
        if self._stack.currentIndex() == 0:
            return [self._drop.button]
        cards = list(self._cards.values())[:1]
        files = [self.list] if self.list.isVisible() else []
        return [*files, self.pane.thumbnails, self.pane.view, *cards, self.stamp_button]

    def light_up(self, over: bool) -> None:
        self._drop.light_up(over)

    def closing(self) -> None:
        """The window is about to close: a prepared job is kept."""
        self._keep_session()

    def choose(self) -> None:
        """Let the person pick files."""
        names, _ = QFileDialog.getOpenFileNames(
            self, tr("选择要盖章的文件"), str(self._shell.folder()), "PDF (*.pdf)"
        )
        if names:
            self._shell.remember_folder(Path(names[0]).parent)
            self.open_files([Path(name) for name in names])

    def _choose_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, tr("选择文件夹"), str(self._shell.folder()))
        if name:
            from ui.main_window import pdf_files

            self._shell.remember_folder(Path(name))
            self.open_files(pdf_files([Path(name)]))

    def open_files(self, paths: Sequence[Path]) -> None:
        """Prepare *paths* for stamping; what was open before gives way."""
        if self.run.busy:
            return
        self.documents = [Document(path) for path in paths]
        self._current = None
        self._side.setCurrentIndex(0)
        self._shell.notices.clear_notice("session")
        self.list.blockSignals(True)
        self.list.clear()
        for document in self.documents:
            self.list.addItem(QListWidgetItem(document.path.name))
        self.list.blockSignals(False)
        several = len(self.documents) > 1
        self.list.setVisible(several)
        self._all_alike.setVisible(several)
        self._batch_note.setVisible(several)
        self._stack.setCurrentIndex(1 if self.documents else 0)
        for number in range(len(self.documents)):
            self._describe(number)
        if self.documents:
            self.list.setCurrentRow(0)

    def close_documents(self) -> None:
        """Back to the empty page."""
        self.pane.close_document()
        self.open_files([])
        self._shell.state.put("session", None)

    # --- the document ----------------------------------------------------------------------------

    def _select(self, number: int) -> None:
        if not 0 <= number < len(self.documents):
            return
        self._current = self.documents[number]
        self._boxes = []
        self._forget_hits()
        self.pane.open(self._current.path, password=self._current.password)
        self._examine(self._current)
        self._show()

    def _examine(self, document: Document) -> None:
        def done(facts: DocumentFacts) -> None:
            document.facts, document.error = facts, None
            self._check()

        def failed(error: BaseException) -> None:
            document.error = error
            self._check()

        if document.facts is None:
            self._shell.tasks.work(
                self._shell.context.examine,
                document.path,
                document.password,
                done=done,
                failed=failed,
            )

    def _loaded(self) -> None:
        view = self.pane.view
        self._boxes = [PageBox(*view.page_size(page)) for page in range(view.page_count)]
        self._turned(view.page)
        self._show()

    def _broken(self, reason: str) -> None:
        document = self._current
        if document is None or reason != "password":
            return
        text, sure = QInputDialog.getText(
            self,
            tr("文件密码"),
            tr("“{name}”的打开密码（不是 Ukey 口令）：", name=document.path.name),
            QLineEdit.EchoMode.Password,
        )
        if sure and text:
            document.password, document.facts = text, None
            self.pane.open(document.path, password=text)
            self._examine(document)

    def _turned(self, page: int) -> None:
        if not self._boxes:
            return
        box = self._boxes[page]
        size = self._size_now()
        middle = (
            min(box.width_mm * 0.72, box.width_mm - size.width_mm / 2),
            min(box.height_mm * 0.82, box.height_mm - size.height_mm / 2),
        )
        middle = (max(middle[0], size.width_mm / 2), max(middle[1], size.height_mm / 2))
        self.placing.show_page(page, len(self._boxes), (round(middle[0], 1), round(middle[1], 1)))

    # --- seals -----------------------------------------------------------------------------------

    def _show_seals(self) -> None:
        seals: tuple[SealRecord, ...] = getattr(self._shell, "seals", ())
        if list(self._seals.values()) == list(seals) and (self._cards or not seals):
            if not seals:
                self._no_seals()
            return
        chosen = self.seal_code
        clear_layout(self._card_column)
        self._cards.clear()
        self._seals = {seal.code: seal for seal in seals}
        last = self._shell.state.get("seal", "")
        for seal in seals:
            card = SealCard(seal)
            card.toggled.connect(lambda on, code=seal.code: self._chose_seal(code, on))
            self._cards[seal.code] = card
            self._pictures[seal.code] = imprint(seal)
            parsed = seal.parsed
            self._sizes[seal.code] = SealSize(parsed.width_mm, parsed.height_mm)
            self._card_column.addWidget(card)
        if not seals:
            self._no_seals()
        else:
            now = datetime.now(UTC)
            usable = [seal.code for seal in seals if seal.usable(now) is None]
            first = next((c for c in (chosen, last) if c in self._cards), "")
            self._cards[first or (usable or list(self._cards))[0]].setChecked(True)
        self._show()

    def _no_seals(self) -> None:
        clear_layout(self._card_column)
        self._card_column.addWidget(label(tr("这台电脑上还没有印章。"), "muted", wrap=True))
        self._card_column.addLayout(
            row(button(tr("申请印章…"), lambda: self._shell.go("seals")), None)
        )

    @property
    def seal_code(self) -> str:
        """Of the card that is chosen; "" if there is none."""
        return next((code for code, card in self._cards.items() if card.isChecked()), "")

    def _chose_seal(self, code: str, on: bool) -> None:
        if not on:
            return
        self._shell.state.put("seal", code)
        self._show()

    def _size_now(self) -> SealSize:
        return self._sizes.get(self.seal_code, SealSize(40, 40))

    # --- placing ---------------------------------------------------------------------------------

    @property
    def plan(self) -> Plan:
        """Of the document being shown."""
        return self._current.plan if self._current else Plan()

    @property
    def _finished_here(self) -> bool:
        """Is the stamped file being shown? It has its marks in it."""
        outcome = self._current.outcome if self._current else None
        return outcome is not None and outcome.file is not None

    def place(self, rule: Rule) -> None:
        """Place the chosen seal by *rule* on the document being shown."""
        code = self.seal_code
        if not code or self._current is None or not self._boxes or self._finished_here:
            return
        same = next(
            (p for p in self.plan.placed if p.seal_code == code and _replaces(p.rule, rule)), None
        )
        before = self.plan.placed
        if same is not None:
            from dataclasses import replace

            key = same.key
            self.plan.put(replace(same, rule=rule, moved=()))
        else:
            key = self.plan.add(code, rule)
        if not self._show():
            self.plan.undo()
            problem = self._problem.text()
            self._show()
            self._tell(problem)
            return
        if before != self.plan.placed:
            self._current.own = True
            self._nudging = ""
            self._keep_session()
            here = self.pane.view.page
            marks = self._marks.get(key, [])
            numbers = [n for n, mark in enumerate(marks) if mark.page == here] or [0]
            if marks:
                self.pane.view.focus_item(f"{key}/{numbers[0]}")

    def _clicked_page(self, page: int, x: float, y: float) -> None:
        if self.placing.mode not in ("single", "point") or not self.seal_code:
            return
        self._put_at(self.seal_code, page, x, y)

    def _dropped_seal(self, code: str, page: int, x: float, y: float) -> None:
        if code in self._cards:
            self._cards[code].setChecked(True)
            self._put_at(code, page, x, y)

    def _put_at(self, code: str, page: int, x: float, y: float) -> None:
        size = self._sizes[code]
        left, top = self.pane.view.clamp(
            page, x - size.width_mm / 2, y - size.height_mm / 2, size.width_mm, size.height_mm
        )
        middle = (round(left + size.width_mm / 2, 1), round(top + size.height_mm / 2, 1))
        self.place(At(str(page + 1), *middle))

    def _find(self, text: str) -> tuple[TextHit, ...]:
        """Hits that are known already; asks for them if they are not, and shows them later."""
        if self._current is None:
            return ()
        key = (self._current.path, text)
        if key in self._found:
            return self._found[key]
        path, password = self._current.path, self._current.password

        def done(hits: tuple[TextHit, ...]) -> None:
            self._found[key] = hits
            if self._searched == text:
                self._hits = hits
                self.placing.show_hits(len(hits))
                if hits:
                    self.pane.view.go_to(hits[0].page, hits[0].top_mm)
            self._show()

        self._shell.tasks.work(
            self._shell.context.find, path, text, password, done=done, failed=self._search_failed
        )
        return ()

    def _search(self, text: str) -> None:
        self._searched = text
        self.placing.searching()
        self._hits = self._find(text)
        if self._current and (self._current.path, text) in self._found:
            self.placing.show_hits(len(self._hits))
        self._show()

    def _search_failed(self, error: BaseException) -> None:
        self.placing.show_hits(0)
        self._tell(explain(error, language()).cause)

    def _forget_hits(self) -> None:
        if self._hits or self._searched:
            self._hits, self._searched = (), ""
            self.placing.show_hits(None)
            self._show()

    def _place_all(self) -> None:
        text = self._searched
        if text:
            self._hits = ()
            self.place(Keyword(text, "all"))

    def _clicked_item(self, key: str) -> None:
        if key.startswith("ghost/"):
            number = int(key.partition("/")[2])
            text = self._searched
            self.place(Keyword(text, number + 1))

    def _moved(self, key: str, page: int, left: float, top: float, merge: bool = False) -> None:
        placed, mark = self._mark(key)
        alone = self.placing.alone.isChecked()
        after = moved_to(placed, mark, left, top, self._boxes[page], page=page, alone=alone)
        if page != mark.page and not isinstance(after.rule, At):
            self._show()  # a slice or a keyword's seal stays on its page
            return
        self.plan.put(after, merge=merge)
        if not self._show():
            problem = self._problem.text()
            self.plan.undo()
            self._show()
            self._tell(problem)
        elif self._current:
            self._current.own = True
            self._keep_session()

    def _nudged(self, key: str, dx: float, dy: float) -> None:
        _, mark = self._mark(key)
        left, top = self.pane.view.clamp(
            mark.page, mark.left_mm + dx, mark.top_mm + dy, mark.width_mm, mark.height_mm
        )
        merge, self._nudging = self._nudging == key, key
        self._moved(key, mark.page, left, top, merge)

    def _removed(self, key: str) -> None:
        self.plan.remove(key.partition("/")[0])
        self._keep_session()
        self._show()

    def _mark(self, key: str) -> tuple[Any, Mark]:
        name, _, number = key.partition("/")
        return self.plan[name], self._marks[name][int(number)]

    def undo(self) -> None:
        self.plan.undo()
        self._nudging = ""
        self._show()

    def redo(self) -> None:
        self.plan.redo()
        self._nudging = ""
        self._show()

    # --- showing ---------------------------------------------------------------------------------

    def _show(self) -> bool:
        """Paint the plan; False if a mark does not fit."""
        fits = True
        self._tell("")
        self._marks = {}
        items: list[Item] = []
        for placed in self.plan.placed if self._boxes and not self._finished_here else ():
            size = self._sizes.get(placed.seal_code)
            seal = self._seals.get(placed.seal_code)
            if size is None or seal is None:
                continue
            try:
                marks = marks_of(placed, self._boxes, size, self._find)
            except PlacementError as error:
                waiting = isinstance(placed.rule, Keyword) and self._current is not None
                if waiting and (self._current.path, placed.rule.text) not in self._found:  # type: ignore[union-attr]
                    continue
                self._tell(explain(error, language()).cause)
                fits = False
                continue
            self._marks[placed.key] = marks
            for number, mark in enumerate(marks):
                items.append(self._item(f"{placed.key}/{number}", mark, seal, movable=True))
        if not self._finished_here:
            items += self._ghosts()
        self.pane.set_items(items)
        self._undo.setEnabled(self.plan.can_undo)
        self._redo.setEnabled(self.plan.can_redo)
        self._check()
        return fits

    def _item(self, key: str, mark: Mark, seal: SealRecord, *, movable: bool) -> Item:
        return Item(
            key,
            mark.page,
            mark.left_mm,
            mark.top_mm,
            mark.width_mm,
            mark.height_mm,
            kind_name(seal),
            picture=self._pictures[seal.code],
            part=mark.part,
            movable=movable,
        )

    def _ghosts(self) -> list[Item]:
        """A pale seal on every hit that has none yet: a click places it."""
        size, code = self._size_now(), self.seal_code
        if code not in self._seals:
            return []
        taken = {
            p.rule.which for p in self.plan.placed
            if isinstance(p.rule, Keyword) and p.rule.text == self._searched
        }  # fmt: skip
        ghosts = []
        for number, hit in enumerate(self._hits):
            if "all" in taken or number + 1 in taken:
                continue
            x, y = hit.centre
            ghosts.append(
                Item(
                    f"ghost/{number}",
                    hit.page,
                    x - size.width_mm / 2,
                    y - size.height_mm / 2,
                    size.width_mm,
                    size.height_mm,
                    tr("可以盖在这里：{text}", text=self._searched),
                    picture=self._pictures[code],
                    look="ghost",
                )
            )
        return ghosts

    def _tell(self, problem: str) -> None:
        self._problem.setText(problem)
        self._problem.setVisible(bool(problem))

    def _describe(self, number: int) -> None:
        document, item = self.documents[number], self.list.item(number)
        if item is None:
            return
        look, said = ("file-text", "muted"), tr("未放置印章")
        if document.outcome is not None and document.outcome.file is not None:
            look, said = ("circle-check", "good"), tr("已盖章")
        elif document.outcome is not None and document.outcome.error is not None:
            look = ("circle-x", "bad")
            said = explain(document.outcome.error, language()).title
        elif document.outcome is not None:
            look, said = ("clock", "muted"), tr("未处理")
        elif document.error is not None:
            look, said = ("circle-alert", "bad"), explain(document.error, language()).title
        elif document.plan.placed:
            look, said = ("stamp", "accent"), tr("已放置印章")
        item.setIcon(theme.icon(*look))
        item.setText(f"{document.path.name}\n{said}")
        item.setToolTip(str(document.path))

    # --- the checklist ---------------------------------------------------------------------------

    def _used_codes(self) -> list[str]:
        placed = [p.seal_code for d in self.documents for p in d.plan.placed]
        return list(dict.fromkeys(placed)) or ([self.seal_code] if self.seal_code else [])

    def _serials(self) -> dict[str, str]:
        return holding(self._used_codes(), self._seals, self._shell.tokens)

    def checks(self) -> list[Check]:
        """What must hold before the red button works; and what is good to know."""
        codes = self._used_codes()
        made = [
            *seal_checks(codes, self._seals, datetime.now(UTC)),
            *token_checks(codes, self._serials(), self._shell.tokens),
        ]
        document = self._current
        if document is not None:
            made.append(document_check(document.facts, document.error))
        return made

    def _check(self) -> None:
        """Refresh the checklist and what may be pressed."""
        if not hasattr(self, "stamp_button"):
            return
        made = self.checks()
        ready = [d for d in self.documents if d.plan.placed]
        several = len(self.documents) > 1
        marks = sum(len(each) for each in self._marks.values())
        if self.documents and not ready:
            made.append(Check(False, tr("还没有放置印章")))
        elif marks and not several:
            pages = len({mark.page for each in self._marks.values() for mark in each})
            made.append(Check(True, tr("{marks} 处印迹，{pages} 页", marks=marks, pages=pages)))
        self.checklist.show_checks(made)
        possible = bool(ready) and all(each.good for each in made)
        self.stamp_button.setEnabled(possible and not self.run.busy)
        said = tr("盖章") if not several else tr("盖章（{count} 个文件）", count=len(ready))
        self.stamp_button.setText(f" {said}")
        self.stamp_button.setAccessibleName(said)
        if several:
            self._batch_note.setText(
                tr(
                    "{ready} / {count} 个文件已放置印章。逐份查看，或把这一份的放置用于全部。",
                    ready=len(ready),
                    count=len(self.documents),
                )
            )
            self._all_alike.setEnabled(bool(self.plan.placed))
            for number in range(len(self.documents)):
                self._describe(number)

    def apply_to_all(self) -> None:
        """Place the seals of this file on every file that was not placed by hand."""
        pattern = self.plan.placed
        for document in self.documents:
            if document is not self._current and not document.own:
                document.plan = Plan(pattern)
        self._keep_session()
        self._check()

    # --- stamping --------------------------------------------------------------------------------

    def stamp(self) -> None:
        """The red button."""
        self._check()
        if not self.stamp_button.isEnabled():
            return
        orders = [
            Order(each.path, each.plan.placed, each.password)
            for each in self.documents
            if each.plan.placed and not (each.outcome and each.outcome.file)
        ]
        if not orders:
            return
        self._side.setCurrentIndex(1)
        if not self.run.begin(orders, self._sizes, self._serials(), self._seals):
            self._side.setCurrentIndex(0)

    def _escape(self) -> None:
        """Stop what runs; else put the suggestions away."""
        if self.run.busy:
            self.run.cancel()
        else:
            self._forget_hits()

    def _finished(self, outcomes: list[Outcome]) -> None:
        by_path = {outcome.order.path: outcome for outcome in outcomes}
        for number, document in enumerate(self.documents):
            document.outcome = by_path.get(document.path, document.outcome)
            self._describe(number)
        done = [outcome for outcome in outcomes if outcome.file is not None]
        if len(self.documents) == 1 and done and done[0].file is not None:
            self._marks = {}
            self.pane.set_items(())
            self.pane.open(done[0].file.path, password=self.documents[0].password)
            self._boxes = []
        if len(done) == len(outcomes):
            self._shell.state.put("session", None)

    def _close_run(self, again: bool) -> None:
        """Back from the result: *again* begins with the same file anew."""
        self._side.setCurrentIndex(0)
        finished = [d for d in self.documents if d.outcome and d.outcome.file]
        for document in self.documents:
            if document.outcome is not None and document.outcome.file is None:
                document.outcome = None
        if again and finished:
            self.open_files([d.path for d in self.documents])
        elif finished and len(finished) == len(self.documents):
            self.close_documents()
        else:
            self._check()

    # --- a prepared job survives a crash ---------------------------------------------------------

    def _keep_session(self) -> None:
        kept = [
            {"path": str(d.path), "plan": d.plan.to_json()} for d in self.documents if d.plan.placed
        ]
        self._shell.state.put("session", kept or None)

    def _offer_session(self) -> None:
        kept = [
            each
            for each in self._shell.state.get("session", [])
            if isinstance(each, dict) and Path(str(each.get("path"))).is_file()
        ]
        if kept and not self.documents:
            self._shell.notices.show_notice(
                "session",
                "info",
                tr("上次有 {count} 个文件放好了印章，还没有盖。", count=len(kept)),
                (tr("继续"), lambda: self.resume(kept)),
            )

    def resume(self, kept: list[dict[str, Any]]) -> None:
        """Open the files of an interrupted session with what was placed on them."""
        self.open_files([Path(str(each["path"])) for each in kept])
        for document, each in zip(self.documents, kept, strict=True):
            try:
                document.plan, document.own = Plan.from_json(each["plan"]), True
            except (ValueError, KeyError, TypeError):
                continue  # written by another version: the file is open, the seals are not placed
        self._show()


def _replaces(old: Rule, new: Rule) -> bool:
    """Is *new* the same wish, said anew? Then it takes the place of *old*."""
    if isinstance(old, Riding) and isinstance(new, Riding):
        return True
    if isinstance(old, At) and isinstance(new, At):
        return old.pages == new.pages
    return old == new
