"""What is going to be stamped where: rules per seal, their marks, undo and redo.

A rule (单页, 多页, 坐标, 骑缝, 关键字) can be applied to any document, which is what a batch does;
its marks on the open document are what the canvas paints and what the signature will draw. Nothing
here knows Qt.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from app import placement
from app.placement import PageBox, SealSize, TextHit
from crypto.mark import Mark

Find = Callable[[str], Sequence[TextHit]]


@dataclass(frozen=True)
class At:
    """The seal's centre at one place on certain pages (单页, 多页, 坐标)."""

    pages: str
    """As :func:`app.placement.parse_pages` reads it: "3", "-1", "1,3-5", "all"."""
    x_mm: float
    y_mm: float


@dataclass(frozen=True)
class Riding:
    """骑缝: a slice on the edge of every page."""

    side: Literal["right", "left", "top", "bottom"] = "right"
    along: float = 0.5
    margin_mm: float = 0.0


@dataclass(frozen=True)
class Keyword:
    """On an occurrence of a text."""

    text: str
    which: int | Literal["all"] | None = None


Rule = At | Riding | Keyword
_KINDS: dict[str, type[Any]] = {"at": At, "riding": Riding, "keyword": Keyword}


@dataclass(frozen=True)
class Placed:
    """One seal, placed by one rule."""

    key: str
    seal_code: str
    rule: Rule
    moved: tuple[tuple[int, float, float], ...] = ()
    """Pages whose mark was put elsewhere by hand: page, left, top."""

    @property
    def together(self) -> bool:
        """Do its marks only make sense moved together?"""
        return isinstance(self.rule, Riding)


def marks_of(placed: Placed, boxes: Sequence[PageBox], size: SealSize, find: Find) -> list[Mark]:
    """The marks of *placed* on a document. Raises :class:`app.errors.PlacementError`."""
    rule = placed.rule
    if isinstance(rule, At):
        pages = placement.parse_pages(rule.pages, len(boxes))
        marks = placement.at(boxes, pages, rule.x_mm, rule.y_mm, size)
    elif isinstance(rule, Riding):
        marks = placement.riding_seam(
            boxes, size, rule.side, along=rule.along, margin_mm=rule.margin_mm
        )
    else:
        marks = placement.keyword(boxes, find(rule.text), size, rule.text, rule.which)
    elsewhere = {page: (left, top) for page, left, top in placed.moved}
    return [
        replace(mark, left_mm=elsewhere[mark.page][0], top_mm=elsewhere[mark.page][1])
        if mark.page in elsewhere
        else mark
        for mark in marks
    ]


class Plan:
    """All that is placed on one document, with its history."""

    DEEPEST = 200

    def __init__(self, placed: Sequence[Placed] = ()) -> None:
        self._states: list[tuple[Placed, ...]] = [tuple(placed)]
        self._now = 0
        self._next = len(placed)

    @property
    def placed(self) -> tuple[Placed, ...]:
        """What is placed now, in order."""
        return self._states[self._now]

    def __getitem__(self, key: str) -> Placed:
        return next(each for each in self.placed if each.key == key)

    def add(self, seal_code: str, rule: Rule) -> str:
        """Place a seal; gives its key."""
        self._next += 1
        key = f"p{self._next}"
        self._change((*self.placed, Placed(key, seal_code, rule)))
        return key

    def put(self, placed: Placed, *, merge: bool = False) -> None:
        """Replace the one with the same key. *merge*: no undo step of its own (repeated nudges)."""
        after = tuple(placed if each.key == placed.key else each for each in self.placed)
        if merge and self._now > 0:
            self._states[self._now] = after
        else:
            self._change(after)

    def remove(self, key: str) -> None:
        self._change(tuple(each for each in self.placed if each.key != key))

    def clear(self) -> None:
        if self.placed:
            self._change(())

    def undo(self) -> None:
        self._now = max(0, self._now - 1)

    def redo(self) -> None:
        self._now = min(len(self._states) - 1, self._now + 1)

    @property
    def can_undo(self) -> bool:
        return self._now > 0

    @property
    def can_redo(self) -> bool:
        return self._now < len(self._states) - 1

    def _change(self, after: tuple[Placed, ...]) -> None:
        if after != self.placed:
            self._states = [*self._states[: self._now + 1], after][-self.DEEPEST :]
            self._now = len(self._states) - 1

    def to_json(self) -> list[dict[str, Any]]:
        """For the session kept against a crash."""
        kinds = {kind: name for name, kind in _KINDS.items()}
        return [
            {
                "seal": each.seal_code,
                "kind": kinds[type(each.rule)],
                "rule": asdict(each.rule),
                "moved": [list(move) for move in each.moved],
            }
            for each in self.placed
        ]

    @classmethod
    def from_json(cls, data: Any) -> Plan:
        """Raises ValueError, KeyError or TypeError for what no plan was."""
        placed = []
        for number, each in enumerate(data, 1):
            rule = _KINDS[each["kind"]](**each["rule"])
            moved = tuple((int(p), float(x), float(y)) for p, x, y in each["moved"])
            placed.append(Placed(f"p{number}", str(each["seal"]), rule, moved))
        return cls(placed)


def moved_to(
    placed: Placed, mark: Mark, left: float, top: float, box: PageBox, *, page: int, alone: bool
) -> Placed:
    """*placed* after its *mark* was dragged to *left*, *top* on *page*.

    A seal on one page may change the page; a riding seam slides along its edge; of a seal on
    several pages the others follow unless *alone*."""
    rule = placed.rule
    if isinstance(rule, Riding):
        upright = rule.side in ("right", "left")
        middle = top + mark.height_mm / 2 if upright else left + mark.width_mm / 2
        along = middle / (box.height_mm if upright else box.width_mm)
        return replace(placed, rule=replace(rule, along=round(along, 4)))
    x, y = round(left + mark.width_mm / 2, 2), round(top + mark.height_mm / 2, 2)
    if isinstance(rule, At) and rule.pages.lstrip("-").isdigit():
        pages = rule.pages if page == mark.page else str(page + 1)
        return replace(placed, rule=At(pages, x, y), moved=())
    if isinstance(rule, At) and not alone:
        return replace(placed, rule=At(rule.pages, x, y), moved=())
    others = tuple(move for move in placed.moved if move[0] != mark.page)
    return replace(placed, moved=(*others, (mark.page, round(left, 2), round(top, 2))))
