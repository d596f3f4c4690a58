"""What of a plan is painted on the canvas: marks, dates, and a pale seal on every hit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from app.placing.placement import TextHit
from app.placing.stamp_plan import Keyword, Laid, Placed
from crypto.seal.date_mark import signing_day, text_of, width_mm
from ui.canvas.page_items import Item
from ui.language import tr
from ui.seal_card import kind_name
from ui.stamp.seal_rack import SealRack

DATE = "/date"
"""Suffix of a date's key on the canvas; the key of its mark stands before it."""


def items_of(laid_mark: Laid, rack: SealRack) -> list[Item]:
    """A mark on the canvas, and its date."""
    mark, code, date = laid_mark.mark, laid_mark.placed.seal_code, laid_mark.date
    seal = Item(
        laid_mark.key,
        mark.page,
        mark.left_mm,
        mark.top_mm,
        mark.width_mm,
        mark.height_mm,
        kind_name(rack.seals[code]),
        picture=rack.pictures[code],
        part=mark.part,
        movable=True,
    )
    if date is None:
        return [seal]
    text = text_of(date.style, signing_day(datetime.now(UTC)))
    width = width_mm(text, date.height_mm)
    return [
        seal,
        Item(
            laid_mark.key + DATE,
            date.page,
            date.centre_mm - width / 2,
            date.top_mm,
            width,
            date.height_mm,
            tr("日期 {text}", text=text),
            text=text,
            movable=True,
        ),
    ]


def ghosts(
    hits: Sequence[TextHit], searched: str, plan: Sequence[Placed], rack: SealRack
) -> list[Item]:
    """A pale seal on every hit that has none yet: a click places it."""
    size, code = rack.chosen_size, rack.code
    if code not in rack.seals:
        return []
    taken = {
        p.rule.which for p in plan
        if isinstance(p.rule, Keyword) and p.rule.text == searched
    }  # fmt: skip
    return [
        Item(
            f"ghost/{number}",
            hit.page,
            hit.centre[0] - size.width_mm / 2,
            hit.centre[1] - size.height_mm / 2,
            size.width_mm,
            size.height_mm,
            tr("可以盖在这里：{text}", text=searched),
            picture=rack.pictures[code],
            look="ghost",
        )
        for number, hit in enumerate(hits)
        if "all" not in taken and number + 1 not in taken
    ]
