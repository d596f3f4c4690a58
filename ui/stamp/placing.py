"""Placing seals: what the person does on the canvas and in the panel becomes the plan, and the plan
what the canvas shows.

The marks painted are those that :mod:`app.placing.stamp_plan` makes and that the job will carry.
One module, though long: every way to place a seal ends in the same two steps, the plan and the
canvas.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from app.errors import OutsidePage, PlacementError, explain
from app.placing.placement import PageBox, TextHit
from app.placing.stamp_plan import (
    NO_FIELDS,
    At,
    InField,
    Keyword,
    Laid,
    Placed,
    Plan,
    Riding,
    Rule,
    lay_out,
    moved_to,
    on_pages_that_fit,
)
from crypto.seal.date_mark import Style
from ui.canvas.document_pane import DocumentPane
from ui.language import language, tr
from ui.seal_card import kind_name
from ui.stamp.documents import StampDocument
from ui.stamp.mark_items import DATE, ghosts, items_of
from ui.stamp.marks_table import Line
from ui.stamp.placing_panel import PlacingPanel
from ui.stamp.seal_rack import SealRack
from ui.stamp.usual_places import UsualPlaces
from ui.stamp.work import empty_fields

if TYPE_CHECKING:
    from ui.shell.interface import Shell


class Placing(QObject):
    """One document at a time: its plan, the canvas and the panel in step."""

    changed = Signal()
    """The person placed, moved or removed something."""
    shown = Signal()
    """The canvas shows the plan as it is now."""
    refused = Signal(str)
    """Why something was not placed; "" when that is over."""

    def __init__(
        self, pane: DocumentPane, panel: PlacingPanel, rack: SealRack, shell: Shell, parent: QObject
    ) -> None:
        super().__init__(parent)
        self.pane, self.panel, self.rack, self._shell = pane, panel, rack, shell
        self.document: StampDocument | None = None
        self.boxes: list[PageBox] = []
        self.marks: dict[str, Laid] = {}
        """By their names on the canvas, in the order of the plan."""
        self._hits: tuple[TextHit, ...] = ()
        self._searched = ""
        self._found: dict[tuple[Path, str], tuple[TextHit, ...]] = {}
        self._nudging = ""
        self._too_large: Sequence[Placed] = ()
        """What does not fit on its pages, as long as that is told."""
        self._fields: Mapping[str, TextHit] = NO_FIELDS
        """The document's empty signature fields."""
        self._fields_of: Path | None = None
        """The document whose fields are known."""
        self.usual = UsualPlaces(panel.usual, shell, self)
        self.usual.refused.connect(self.refused)
        self.usual.place.connect(self.place_usual)
        self.usual.known.connect(self._offer_usual)
        panel.usual.keep.connect(lambda name: self.usual.keep(name, self._own(), self.boxes))
        view = pane.view
        view.page_changed.connect(self._turned)
        view.page_clicked.connect(self._clicked_page)
        view.seal_dropped.connect(self._dropped_seal)
        view.item_moved.connect(self._moved)
        view.item_nudged.connect(self._nudged)
        view.item_removed.connect(self._removed)
        view.item_clicked.connect(self._clicked_item)
        panel.place.connect(self.place)
        panel.search.connect(self._search)
        panel.place_all.connect(self._place_all)
        panel.mode_changed.connect(lambda _: self.forget_hits())
        panel.date_chosen.connect(self._dated)
        table = panel.marks
        table.put.connect(self.put_at)
        table.take_away.connect(self.take_away)
        table.put_back.connect(self.put_back)
        table.put_all_back.connect(self.put_all_back)
        table.looked_at.connect(view.look_at)
        view.item_focused.connect(lambda key: table.follow(key.removesuffix(DATE)))

    @property
    def plan(self) -> Plan:
        """Of the document being shown."""
        return self.document.plan if self.document else Plan()

    @property
    def _open_here(self) -> bool:
        """Is there a document whose pages can bear marks? One that cannot be read has none,
        whatever stands in their place."""
        document = self.document
        if document is None or document.stamped or not self.boxes:
            return False
        return document.error is None or document.repairable

    # --- which document --------------------------------------------------------------------------

    def take(self, document: StampDocument | None) -> None:
        """Another document; its pages are not there yet."""
        self.document, self.boxes, self._nudging = document, [], ""
        self._fields, self._fields_of = NO_FIELDS, None
        self.panel.show_fields(())
        self.forget_hits()
        self.show()

    def loaded(self) -> None:
        """The pages are there."""
        view = self.pane.view
        self.boxes = [PageBox(*view.page_size(page)) for page in range(view.page_count)]
        self._turned(view.page)
        self.show()

    def look_for_fields(self) -> None:
        """The first page is there: read the empty signature fields in the pool, and offer them when
        they are known."""
        document = self.document
        if document is None or document.stamped:
            return

        def done(fields: Mapping[str, TextHit]) -> None:
            if document is self.document:
                self._fields, self._fields_of = fields, document.path
                self.panel.show_fields(tuple(fields))
                if any(isinstance(each.rule, InField) for each in self.plan.placed):
                    self.show()

        # what is wrong with the file is said by the checks before the PIN
        self._shell.tasks.work(
            empty_fields, document.path, document.password, done=done, failed=lambda error: None
        )

    def _turned(self, page: int) -> None:
        if not self.boxes:
            return
        box, size = self.boxes[page], self.rack.chosen_size
        x = max(min(box.width_mm * 0.72, box.width_mm - size.width_mm / 2), size.width_mm / 2)
        y = max(min(box.height_mm * 0.82, box.height_mm - size.height_mm / 2), size.height_mm / 2)
        self.panel.show_page(page, len(self.boxes), (round(x, 1), round(y, 1)))

    # --- placing ---------------------------------------------------------------------------------

    def place(self, rule: Rule | tuple[Rule, ...]) -> None:
        """Place the chosen seal by *rule* on the document being shown; several rules at once take
        the place of all of the seal's that are of their kind."""
        code = self.rack.code
        if not code or not self._takes_seals():
            return
        if isinstance(rule, tuple):
            placed = [Placed("", code, where, date=self.panel.date) for where in rule]
            self._place_all_of(placed)
            return
        plan = self.plan
        same = next(
            (p for p in plan.placed if p.seal_code == code and _replaces(p.rule, rule)), None
        )
        if same is not None:
            key = same.key
            done = self._try(replace(same, rule=rule, date=self.panel.date).as_ruled())
        else:
            before = plan.moment
            key = plan.add(code, rule, self.panel.date)
            done = self._shown_or_undone(before)
        self._look_at(key, done)

    def place_usual(self, placed: Sequence[Placed]) -> None:
        """What was kept, on the document being shown."""
        if not self._takes_seals():
            return
        if missing := [each for each in placed if each.seal_code not in self.rack.seals]:
            code = missing[0].seal_code
            self.refused.emit(tr("这台电脑上没有这个位置用的印章（{code}）。", code=code))
            return
        self._place_all_of(placed)

    def _offer_usual(self, some: bool) -> None:
        """常用 comes first where there is something to offer, once."""
        self.usual.known.disconnect(self._offer_usual)
        if some and self.panel.mode == "single" and not self.plan.placed:
            self.panel.choose("usual")

    def _place_all_of(self, placed: Sequence[Placed]) -> None:
        """Add *placed* in one step, in the place of what they replace."""
        before, plan = self.plan.moment, self.plan
        replaced = {
            old.key
            for old in plan.placed
            for new in placed
            if old.seal_code == new.seal_code and _replaces(old.rule, new.rule)
        }
        keys = plan.add_all(placed, instead_of=replaced)
        if keys:
            self._look_at(keys[0], self._shown_or_undone(before))

    def _takes_seals(self) -> bool:
        """Is there a document on which seals may be placed now?"""
        return self.document is not None and bool(self.boxes) and not self.document.stamped

    def _own(self) -> list[Placed]:
        """What is placed of the chosen seal."""
        return [placed for placed in self.plan.placed if placed.seal_code == self.rack.code]

    def remember(self) -> None:
        """What is on the document being shown is the last placement from now on."""
        if self.boxes and self.plan.placed:
            self.usual.keep_last(self.plan.placed, self.boxes)

    def _look_at(self, key: str, done: bool) -> None:
        """Bring what was placed into view."""
        here = [laid_mark for laid_mark in self.marks.values() if laid_mark.placed.key == key]
        if done and here:
            page = self.pane.view.page
            first = next((laid_mark for laid_mark in here if laid_mark.mark.page == page), here[0])
            self.pane.view.focus_item(first.key)

    def _dated(self, style: Style | None) -> None:
        """A date beside the chosen seal, or none; a seal placed later gets the same."""
        if not self._try(*(replace(placed, date=style) for placed in self._own())):
            self.panel.show_date(self._date_of_chosen())

    def _date_of_chosen(self) -> Style | None:
        """How the chosen seal is dated, where it is placed; else as the panel has it."""
        own = self._own()
        return own[-1].date if own else self.panel.date

    def put_at(self, key: str, left: float, top: float) -> bool:
        """One mark at *left*, *top* (mm), alone; False if it does not fit there."""
        laid_mark = self.marks[key]
        rule = laid_mark.placed.rule
        if isinstance(rule, At) and rule.one_page:
            return self._drag(laid_mark, laid_mark.mark.page, left, top, alone=False)
        return self._try(laid_mark.placed.put_at(laid_mark.place, left, top))

    def put_back(self, key: str) -> bool:
        """One mark where its rule has it."""
        laid_mark = self.marks[key]
        return self._try(laid_mark.placed.put_back(laid_mark.place))

    def put_all_back(self) -> None:
        """Every mark where its rule has it, also those that were taken away: one step to undo."""
        self._try(*(placed.as_ruled() for placed in self.plan.placed))

    def take_away(self, key: str) -> bool:
        """One mark; with the last one its seal."""
        laid_mark = self.marks[key]
        others = sum(other.placed.key == laid_mark.placed.key for other in self.marks.values()) - 1
        if others > (1 if isinstance(laid_mark.placed.rule, Riding) else 0):
            return self._try(laid_mark.placed.take_away(laid_mark.place))
        self._removed(key)
        return True

    def undo(self) -> None:
        self.plan.undo()
        self._after_history()

    def redo(self) -> None:
        self.plan.redo()
        self._after_history()

    def _after_history(self) -> None:
        self._nudging = ""
        self.show()
        self.changed.emit()

    def _try(self, *changed: Placed, merge: bool = False) -> bool:
        """Change the plan; back to what it was if a mark does not fit."""
        before, placed = self.plan.moment, self.plan.placed
        self.plan.put(*changed, merge=merge)
        if placed == self.plan.placed:
            self.show()
            return True
        return self._shown_or_undone(before)

    def _shown_or_undone(self, before: Any) -> bool:
        problem = self.show()
        if problem:
            too_large = self._too_large
            self.plan.forget_since(before)
            self.show()
            self._too_large = too_large
            self.refused.emit(problem)
            return False
        if self.document:
            self.document.own = True
        self.changed.emit()
        return True

    # --- the canvas ------------------------------------------------------------------------------

    def _clicked_page(self, page: int, x: float, y: float) -> None:
        if self.panel.mode in ("usual", "single", "point") and self.rack.code:
            self._drop(page, x, y)

    def _dropped_seal(self, code: str, page: int, x: float, y: float) -> None:
        if code in self.rack.cards:
            self.rack.choose(code)
            self._drop(page, x, y)

    def _drop(self, page: int, x: float, y: float) -> None:
        size = self.rack.chosen_size
        left, top = self.pane.view.clamp(
            page, x - size.width_mm / 2, y - size.height_mm / 2, size.width_mm, size.height_mm
        )
        middle = (round(left + size.width_mm / 2, 1), round(top + size.height_mm / 2, 1))
        self.place(At(str(page + 1), *middle))

    def _moved(self, key: str, page: int, left: float, top: float) -> None:
        if key.endswith(DATE):
            self._drag_date(key, page, left, top)
        else:
            self._drag(self.marks[key], page, left, top, alone=self.panel.alone.isChecked())

    def _drag_date(
        self, key: str, page: int, left: float, top: float, *, merge: bool = False
    ) -> None:
        """The date keeps its page; those of the seal's other marks follow it."""
        item, laid_mark = self.pane.view.item(key), self.marks[key.removesuffix(DATE)]
        if page != laid_mark.mark.page or item is None:
            self.show()
            return
        x, y = left + item.width_mm / 2, top + item.height_mm / 2
        self._try(laid_mark.placed.date_put(laid_mark.mark, x, y), merge=merge)

    def _nudged(self, key: str, dx: float, dy: float) -> None:
        item = self.pane.view.item(key)
        if item is None:
            return
        left, top = self.pane.view.clamp(
            item.page, item.left_mm + dx, item.top_mm + dy, item.width_mm, item.height_mm
        )
        merge, self._nudging = self._nudging == key, key
        if key.endswith(DATE):
            self._drag_date(key, item.page, left, top, merge=merge)
        else:
            alone = self.panel.alone.isChecked()
            self._drag(self.marks[key], item.page, left, top, alone=alone, merge=merge)

    def _drag(
        self,
        laid_mark: Laid,
        page: int,
        left: float,
        top: float,
        *,
        alone: bool,
        merge: bool = False,
    ) -> bool:
        rule = laid_mark.placed.rule
        if page != laid_mark.mark.page and not (isinstance(rule, At) and rule.one_page):
            self.show()  # a mark of several stays on its page
            return False
        after = moved_to(
            laid_mark.placed,
            laid_mark.place,
            laid_mark.mark,
            left,
            top,
            self.boxes[page],
            page=page,
            alone=alone,
        )
        return self._try(after, merge=merge)

    def _removed(self, key: str) -> None:
        """A seal with all its marks, or its date."""
        if key.endswith(DATE):
            self._try(replace(self.marks[key.removesuffix(DATE)].placed, date=None))
            self.panel.show_date(self._date_of_chosen())
            return
        before = self.plan.moment
        self.plan.remove(self.marks[key].placed.key)
        self._shown_or_undone(before)

    # --- keywords --------------------------------------------------------------------------------

    def _find(self, text: str) -> tuple[TextHit, ...]:
        """Hits that are known already; asks for them if they are not, and shows them later."""
        if self.document is None:
            return ()
        key = (self.document.path, text)
        if key in self._found:
            return self._found[key]
        path, password = self.document.path, self.document.password

        def done(hits: tuple[TextHit, ...]) -> None:
            self._found[key] = hits
            if self._searched == text:
                self._hits = hits
                self.panel.show_hits(len(hits))
                if hits:
                    self.pane.view.go_to(hits[0].page, hits[0].top_mm)
            self.show()

        self._shell.tasks.work(
            self._shell.context.find, path, text, password, done=done, failed=self._search_failed
        )
        return ()

    def _search(self, text: str) -> None:
        self._searched = text
        self.panel.searching()
        self._hits = self._find(text)
        if self._knows(text):
            self.panel.show_hits(len(self._hits))
        self.show()

    def _knows(self, text: str) -> bool:
        return self.document is not None and (self.document.path, text) in self._found

    def _search_failed(self, error: BaseException) -> None:
        self.panel.show_hits(0)
        self.refused.emit(explain(error, language()).cause)

    def forget_hits(self) -> None:
        """Put the suggestions away."""
        if self._hits or self._searched:
            self._hits, self._searched = (), ""
            self.panel.show_hits(None)
            self.show()

    def _place_all(self) -> None:
        """On every hit at once, instead of those that were placed one by one."""
        text, code, before = self._searched, self.rack.code, self.plan.moment
        if not text or not code:
            return
        single = {
            placed.key
            for placed in self.plan.placed
            if placed.seal_code == code
            and isinstance(placed.rule, Keyword)
            and placed.rule.text == text
        }
        key = self.plan.add(code, Keyword(text, "all"), self.panel.date, instead_of=single)
        self._look_at(key, self._shown_or_undone(before))

    def _clicked_item(self, key: str) -> None:
        if key.startswith("ghost/"):
            self.place(Keyword(self._searched, int(key.partition("/")[2]) + 1))

    # --- showing ---------------------------------------------------------------------------------

    def show(self) -> str:
        """Paint the plan; says why, if a mark does not fit, else ""."""
        self.marks, self._too_large = {}, ()
        problem = ""
        open_here = self._open_here
        plan = [placed for placed in self.plan.placed if open_here and self._is_known(placed)]
        try:
            laid = lay_out(plan, self.boxes, self.rack.sizes, self._find, self._fields)
        except PlacementError as error:
            problem, laid = explain(error, language()).cause, self._what_fits(plan)
            self._too_large = plan if isinstance(error, OutsidePage) else ()
        self.marks = {laid_mark.key: laid_mark for laid_mark in laid}
        items = [item for laid_mark in laid for item in items_of(laid_mark, self.rack)]
        pale = ghosts(self._hits, self._searched, self.plan.placed, self.rack)
        self.pane.set_items([*items, *pale] if open_here else [])
        self.panel.show_date(self._date_of_chosen())
        self.panel.usual.show_possible(open_here and bool(self._own()))
        lines = [
            Line(laid_mark, kind_name(self.rack.seals[laid_mark.placed.seal_code]))
            for laid_mark in laid
        ]
        changed = any(placed.moved or placed.without for placed in plan)
        self.panel.show_marks(lines, changed=changed)
        self.refused.emit(problem)
        self.shown.emit()
        return problem

    @property
    def can_skip(self) -> bool:
        """May what was refused fit if pages that are too small are left out?"""
        return any(
            isinstance(placed.rule, Riding)
            or (isinstance(placed.rule, At) and not placed.rule.one_page)
            for placed in self._too_large
        )

    def skip_small(self) -> None:
        """Place what was refused on the pages that are large enough: one step to undo."""
        before = self.plan.moment
        fitting = [
            on_pages_that_fit(placed, self.boxes, self.rack.sizes[placed.seal_code], self._find)
            for placed in self._too_large
        ]
        self.plan.add_all(fitting, instead_of=[placed.key for placed in fitting])
        self._shown_or_undone(before)

    def _is_known(self, placed: Placed) -> bool:
        """Is the seal here, and has its keyword or field been looked for?"""
        if isinstance(placed.rule, InField) and self._fields_of is None:
            return False
        if isinstance(placed.rule, Keyword) and not self._knows(placed.rule.text):
            self._find(placed.rule.text)
            return False
        return placed.seal_code in self.rack.sizes

    def _what_fits(self, plan: Sequence[Placed]) -> list[Laid]:
        """Seal by seal, without those that do not fit on this document."""
        fitting: list[Laid] = []
        for placed in plan:
            with suppress(PlacementError):
                fitting += lay_out([placed], self.boxes, self.rack.sizes, self._find, self._fields)
        return fitting


def _replaces(old: Rule, new: Rule) -> bool:
    """Does *new* say where the same seal goes, so that it replaces *old*?"""
    if isinstance(old, Riding) and isinstance(new, Riding):
        return True
    if isinstance(old, At) and isinstance(new, At):
        return old.pages == new.pages
    return old == new
