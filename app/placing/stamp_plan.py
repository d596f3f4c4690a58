"""What will be stamped where: rules per seal, their marks, undo and redo.

A rule (单页, 多页, 坐标, 骑缝, 关键字, 签名域) can be applied to any document, as a
batch does; its marks on the open document are what the canvas paints and what the signature will
draw. Single marks may be put elsewhere or taken away (逐页调整), and a seal may have the date
beside it. Nothing here knows Qt.

    lay_out(placed, …)  →  every mark with its date: for the preview and for the job alike
    usual(placed, …)    →  the same rules counted so that they fit other documents (常用位置)
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, replace
from types import MappingProxyType
from typing import Any, Literal, get_args

from app.errors import DateWithoutSeal, OutsidePage, PlacementError
from app.placing import placement
from app.placing.placement import MAX_SLICES, Corner, PageBox, SealSize, Side, TextHit
from app.placing.written import parse_pages
from crypto.frozen import frozen
from crypto.seal.date_mark import DateMark, Style
from crypto.seal.mark import Mark

Find = Callable[[str], Sequence[TextHit]]
NO_FIELDS: Mapping[str, TextHit] = MappingProxyType({})
Place = tuple[int, int]
"""Which mark of a rule: its page, and which of the marks on that page; both 0-based."""


_MOST_SKIPPED = 500
"""Pages of one document that are skipped because they are too small."""


@frozen
class At:
    """The seal's centre at one place on certain pages (单页, 多页, 坐标)."""

    pages: str
    """As :func:`app.placing.written.parse_pages` reads it: "3", "-1", "1,3-5", "all"."""
    x_mm: float
    """From the edges that meet in :attr:`corner`."""
    y_mm: float
    corner: Corner = "top left"

    @property
    def one_page(self) -> bool:
        return self.pages.lstrip("-").isdigit()


@frozen
class Riding:
    """骑缝: a slice on the edge of each of certain pages."""

    side: Side = "right"
    along: float = 0.5
    margin_mm: float = 0.0
    pages: str = "all"
    """As :attr:`At.pages`; "odd" for the fronts of sheets printed on both sides."""
    most: int | None = MAX_SLICES
    """How many pages share one seal at most; None: all."""

    @property
    def upright(self) -> bool:
        """Do the slices slide up and down (else: left and right)?"""
        return self.side in ("right", "left")


@frozen
class Keyword:
    """On an occurrence of a text."""

    text: str
    which: int | Literal["all"] | None = None


@frozen
class InField:
    """On an empty signature field."""

    name: str
    """"": the only one there is."""


Rule = At | Riding | Keyword | InField
_KINDS: dict[str, type[Rule]] = {
    "at": At,
    "riding": Riding,
    "keyword": Keyword,
    "field": InField,
}


@frozen
class Placed:
    """One seal, placed by one rule."""

    key: str
    seal_code: str
    rule: Rule
    moved: tuple[tuple[int, int, float, float], ...] = ()
    """Marks that were put elsewhere by hand: page, which on that page, left, top."""
    without: tuple[Place, ...] = ()
    """Marks that were taken away."""
    date: Style | None = None
    """How the day of stamping is written beside each whole seal; None: not at all."""
    date_at: tuple[float, float] | None = None
    """From a seal's middle to its date's, if it was put there by hand; else where there is room."""

    def is_moved(self, place: Place) -> bool:
        return any(each[:2] == place for each in self.moved)

    def put_back(self, place: Place) -> Placed:
        """The mark where its rule has it."""
        return replace(self, moved=tuple(each for each in self.moved if each[:2] != place))

    def put_at(self, place: Place, left: float, top: float) -> Placed:
        """One mark elsewhere, the others where they are."""
        there = (*place, round(left, 2), round(top, 2))
        return replace(self, moved=(*self.put_back(place).moved, there))

    def take_away(self, place: Place) -> Placed:
        """Without this one mark; a riding seam is cut anew for the pages that are left."""
        return replace(self.put_back(place), without=tuple(sorted({*self.without, place})))

    def date_put(self, mark: Mark, x: float, y: float) -> Placed:
        """The date of *mark* with its middle at this place, and those of other marks likewise."""
        middle = mark.left_mm + mark.width_mm / 2, mark.top_mm + mark.height_mm / 2
        return replace(self, date_at=(round(x - middle[0], 2), round(y - middle[1], 2)))

    def as_ruled(self) -> Placed:
        """All marks, each where the rule has it."""
        return replace(self, moved=(), without=())


@frozen
class Laid:
    """One mark on a document."""

    placed: Placed
    place: Place
    mark: Mark
    date: DateMark | None = None

    @property
    def key(self) -> str:
        """Its name on the canvas."""
        return f"{self.placed.key}/{self.place[0]}/{self.place[1]}"


def lay_out(
    plan: Sequence[Placed],
    boxes: Sequence[PageBox],
    sizes: Mapping[str, SealSize],
    find: Find,
    fields: Mapping[str, TextHit] = NO_FIELDS,
) -> list[Laid]:
    """The marks and dates of *plan* on a document; *sizes* by seal code, *fields* the document's
    empty signature fields by name.

    A date stands where it covers nothing, or where it was put. Raises
    :class:`app.errors.PlacementError`."""
    laid = [
        Laid(placed, place, mark)
        for placed in plan
        for place, mark in marks_by_place(
            placed, boxes, sizes[placed.seal_code], find, fields
        ).items()
    ]
    marks: dict[int, list[Mark]] = {}
    for each in laid:
        marks.setdefault(each.mark.page, []).append(each.mark)
    dates: dict[int, list[DateMark]] = {}
    made: list[Laid] = []
    for each in laid:
        style, mark = each.placed.date, each.mark
        if style is None or mark.part != Mark.part:
            made.append(each)
            continue
        others = dates.setdefault(mark.page, [])
        if each.placed.date_at is None:
            date = placement.date_beside(boxes, mark, marks[mark.page], others, style)
        else:
            x = mark.left_mm + mark.width_mm / 2 + each.placed.date_at[0]
            y = mark.top_mm + mark.height_mm / 2 + each.placed.date_at[1]
            date = placement.date_at(boxes, mark.page, x, y, style)
            if not placement.is_near(mark, date):
                raise DateWithoutSeal(mark.page + 1)
        others.append(date)
        made.append(replace(each, date=date))
    return made


def marks_by_place(
    placed: Placed,
    boxes: Sequence[PageBox],
    size: SealSize,
    find: Find,
    fields: Mapping[str, TextHit] = NO_FIELDS,
) -> dict[Place, Mark]:
    """The marks of *placed* on a document. Raises :class:`app.errors.PlacementError`."""
    rule = placed.rule
    if isinstance(rule, At):
        without = {page for page, _ in placed.without}
        pages = [page for page in parse_pages(rule.pages, len(boxes)) if page not in without]
        marks = placement.at(boxes, pages, rule.x_mm, rule.y_mm, size, rule.corner)
    elif isinstance(rule, Riding):
        left_out = {page for page, _ in placed.without}
        marks = placement.riding_seam(
            boxes,
            size,
            rule.side,
            along=rule.along,
            margin_mm=rule.margin_mm,
            pages=[page for page in parse_pages(rule.pages, len(boxes)) if page not in left_out],
            most=rule.most,
        )
    elif isinstance(rule, InField):
        marks = placement.in_field(boxes, fields, size, rule.name)
    else:
        marks = placement.keyword(boxes, find(rule.text), size, rule.text, rule.which)
    elsewhere = {(page, which): (left, top) for page, which, left, top in placed.moved}
    seen: Counter[int] = Counter()
    made: dict[Place, Mark] = {}
    for mark in marks:
        place = (mark.page, seen[mark.page])
        seen[mark.page] += 1
        if place in placed.without:
            continue
        if place in elsewhere:
            mark = placement.checked(boxes, _shifted(mark, *elsewhere[place], rule))
        made[place] = mark
    return made


def on_pages_that_fit(
    placed: Placed, boxes: Sequence[PageBox], size: SealSize, find: Find
) -> Placed:
    """*placed* without the pages that are too small for it where its rule has it; as it is where
    that leaves nothing. Raises nothing: what else is wrong, laying it out says."""
    fitting = placed
    for _ in range(_MOST_SKIPPED):
        try:
            marks = marks_by_place(fitting, boxes, size, find)
        except OutsidePage as error:
            if not isinstance(placed.rule, At | Riding):
                return placed
            fitting = fitting.take_away((error.page - 1, 0))
        except PlacementError:
            return placed
        else:
            return fitting if marks else placed
    return placed


def _shifted(mark: Mark, left: float, top: float, rule: Rule) -> Mark:
    if isinstance(rule, Riding):  # a slice stays on its edge
        return replace(mark, top_mm=top) if rule.upright else replace(mark, left_mm=left)
    return replace(mark, left_mm=left, top_mm=top)


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
        return next(one for one in self.placed if one.key == key)

    def add(
        self,
        seal_code: str,
        rule: Rule,
        date: Style | None = None,
        *,
        instead_of: Collection[str] = (),
    ) -> str:
        """Place a seal, in the place of those with the keys *instead_of*; gives its key."""
        (key,) = self.add_all([Placed("", seal_code, rule, date=date)], instead_of=instead_of)
        return key

    def add_all(
        self, placed: Sequence[Placed], *, instead_of: Collection[str] = ()
    ) -> tuple[str, ...]:
        """Add *placed* in one step, under new keys, which it gives."""
        keys = tuple(f"p{self._next + number}" for number in range(1, len(placed) + 1))
        self._next += len(placed)
        others = (one for one in self.placed if one.key not in instead_of)
        added = (replace(one, key=key) for key, one in zip(keys, placed, strict=True))
        self._change((*others, *added))
        return keys

    def put(self, *placed: Placed, merge: bool = False) -> None:
        """Replace those with the same keys. *merge*: no undo step of its own (repeated nudges)."""
        new = {one.key: one for one in placed}
        after = tuple(new.get(each.key, each) for each in self.placed)
        if merge and self._now > 0:
            self._states = [*self._states[: self._now], after]
        else:
            self._change(after)

    @property
    def moment(self) -> tuple[list[tuple[Placed, ...]], int]:
        """The plan with its history, for :meth:`forget_since`."""
        return self._states, self._now

    def forget_since(self, moment: tuple[list[tuple[Placed, ...]], int]) -> None:
        """Drop everything since *moment*; redo does not bring it back."""
        self._states, self._now = moment

    def remove(self, key: str) -> None:
        self._change(tuple(one for one in self.placed if one.key != key))

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

    @classmethod
    def from_json(cls, data: Any) -> Plan:
        """Raises ValueError, KeyError or TypeError for anything but the JSON of a plan."""
        return cls(placed_from_json(data))


# --- as JSON -------------------------------------------------------------------------------------


def placed_from_json(data: Any) -> tuple[Placed, ...]:
    """What :func:`to_json` has written. Raises ValueError, KeyError or TypeError for all else."""
    placed = []
    for number, each in enumerate(data, 1):
        rule = _rule(each["kind"], each["rule"])
        moved = tuple((int(p), int(n), float(x), float(y)) for p, n, x, y in each["moved"])
        without = tuple((int(p), int(n)) for p, n in each["without"])
        style, at = each["date"], each["date_at"]
        if style not in (None, "cn", "iso"):
            raise ValueError("no way to write a date")
        offset = (float(at[0]), float(at[1])) if at is not None else None
        seal = str(each["seal"])
        placed.append(Placed(f"p{number}", seal, rule, moved, without, style, offset))
    return tuple(placed)


def _rule(kind: str, values: Any) -> Rule:
    rule = _KINDS[kind](**values)
    for name, value in asdict(rule).items():
        if not _ALLOWED[name](value):
            raise ValueError(f"no {name}")
    return rule


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_length(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


_ALLOWED: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("pages", "text", "name"), _is_text),
    **dict.fromkeys(("x_mm", "y_mm", "along", "margin_mm"), _is_length),
    "corner": lambda value: value in get_args(Corner),
    "side": lambda value: value in get_args(Side),
    "most": lambda value: value is None or (isinstance(value, int) and value >= 2),
    "which": lambda value: value in (None, "all") or isinstance(value, int),
}
"""What a field of a rule may be."""


def to_json(plan: Sequence[Placed]) -> list[dict[str, Any]]:
    """For the session kept against a crash; :meth:`Plan.from_json` reads it."""
    kinds = {kind: name for name, kind in _KINDS.items()}
    return [
        {
            "seal": placed.seal_code,
            "kind": kinds[type(placed.rule)],
            "rule": asdict(placed.rule),
            "moved": [list(move) for move in placed.moved],
            "without": [list(place) for place in placed.without],
            "date": placed.date,
            "date_at": placed.date_at,
        }
        for placed in plan
    ]


def moved_to(
    placed: Placed,
    place: Place,
    mark: Mark,
    left: float,
    top: float,
    box: PageBox,
    *,
    page: int,
    alone: bool,
) -> Placed:
    """*placed* after its *mark* at *place* was dragged to *left*, *top* on *page*, whose size is
    *box*.

    A seal on one page may change the page; a riding seam slides along its edge, a seal on several
    pages takes the others with it, each unless *alone*."""
    rule = placed.rule
    x, y = round(left + mark.width_mm / 2, 2), round(top + mark.height_mm / 2, 2)
    if isinstance(rule, At):
        x, y = (round(each, 2) for each in placement.from_corner(box, rule.corner, x, y))
        if rule.one_page:
            pages = rule.pages if page == mark.page else str(page + 1)
            return replace(placed, rule=replace(rule, pages=pages, x_mm=x, y_mm=y)).as_ruled()
    if alone or isinstance(rule, Keyword | InField):
        return placed.put_at(place, left, top)
    if isinstance(rule, Riding):
        along = y / box.height_mm if rule.upright else x / box.width_mm
        return replace(placed.put_back(place), rule=replace(rule, along=round(along, 4)))
    return replace(placed.put_back(place), rule=replace(rule, x_mm=x, y_mm=y))


# --- for other documents -------------------------------------------------------------------------


def usual(placed: Sequence[Placed], boxes: Sequence[PageBox]) -> tuple[Placed, ...]:
    """*placed* on the document with these pages, so that it can be used for others (常用位置).

    Places count from the nearest corner, the last page counts as the last, and single marks that
    were moved or taken away are where the rule has them: they belong to this document."""
    return tuple(
        replace(each.as_ruled(), key=f"p{number}", rule=_usual_rule(each.rule, boxes))
        for number, each in enumerate(placed, 1)
    )


def _usual_rule(rule: Rule, boxes: Sequence[PageBox]) -> Rule:
    if not isinstance(rule, At):
        return rule
    page = parse_pages(rule.pages, len(boxes))[0]
    box = boxes[page]
    x, y = placement.from_corner(box, rule.corner, rule.x_mm, rule.y_mm)
    corner = placement.nearest_corner(box, x, y)
    x, y = placement.from_corner(box, corner, x, y)
    last = rule.one_page and len(boxes) > 1 and page == len(boxes) - 1
    return At("-1" if last else rule.pages, round(x, 2), round(y, 2), corner)
