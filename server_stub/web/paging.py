"""Long lists, a page at a time: by time, and by id where many share one time.

A whole batch of records has one time, so a page that ended at a time would lose those that share
it. A cursor names the last row of its page, and rows that come later change nothing for it.
"""

from __future__ import annotations

from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query
from sqlalchemy import Select, and_, or_
from sqlalchemy.orm import InstrumentedAttribute, Session

from crypto.frozen import frozen

SIZE = 100

Row = TypeVar("Row")

Cursor = Annotated[str, Query(pattern=r"^([0-9]{1,18}\.[A-Za-z0-9_]{1,80})?$")]
"""`next` of the page before; empty for the first."""


@frozen
class Page(Generic[Row]):
    rows: tuple[Row, ...]
    next: str
    """The cursor of the page after; empty if this is the last."""

    @property
    def more(self) -> bool:
        return bool(self.next)


def page(
    session: Session,
    rows: Select[Row],
    time: InstrumentedAttribute[int],
    identity: InstrumentedAttribute[str],
    cursor: str,
    *,
    newest_first: bool,
) -> Page[Row]:
    """The :data:`SIZE` of *rows* after *cursor*, in the order of *time* and *identity*."""
    order = (time.desc(), identity.desc()) if newest_first else (time, identity)
    if cursor:
        moment, _, last = cursor.partition(".")
        when = int(moment)
        later = (time < when, identity < last) if newest_first else (time > when, identity > last)
        rows = rows.where(or_(later[0], and_(time == when, later[1])))
    found = session.scalars(rows.order_by(*order).limit(SIZE + 1)).all()
    shown: tuple[Any, ...] = tuple(found[:SIZE])
    if len(found) <= SIZE:
        return Page(shown, "")
    return Page(shown, f"{getattr(shown[-1], time.key)}.{getattr(shown[-1], identity.key)}")
