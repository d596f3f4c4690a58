"""The ledger is the truth, tables are projections of it: both directions.

Writing: a :class:`WriterSession` notes which columns of which rows a command changes, and
:func:`taken` gives them in the form in which the command's records carry them, as ``rows``::

    [["seal", ["seal_1f…"], {"state": "suspended", …}], ["session", ["p5…"], null]]

table, primary key, and the changed columns — all of a new row, ``null`` for a row that is gone.
Bytes are base64; a private column is ``{"sm3": SM3(salt ‖ value)}``.

Reading: :class:`Projection` replays the records of a whole ledger into the rows that the tables
must have, and :meth:`Projection.differences` compares every column of every table with them. No
event's meaning is known here, so no column can be forgotten.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sqlalchemy import Column, LargeBinary, Table, event, inspect, select
from sqlalchemy.orm import ORMExecuteState, Session, UOWTransaction

from crypto.algorithms import gm
from server_stub.records import canonical
from server_stub.records.store import Base

EXEMPT = {
    "challenge": "lives two minutes; what it signs is checked against the certificate's own key",
    "phone_pairing": "lives ten minutes; what comes of it is a row of phone",
    "blob": "checked by content: its address is the SM3 of what it holds",
    "ledger_entry": "the ledger itself",
    "ledger_node": "the ledger's tree, re-computed by the audit",
    "ledger_audience": "said by each entry's record",
    "checkpoint": "signed",
}
"""Tables that are no projections of the ledger, and why."""

TAKEN_OVER = "taken-over-v1"
"""The record of tables as they were when the ledger began to carry rows."""

Place = tuple[str, tuple[Any, ...]]
"""(table, primary key as it stands in JSON)"""

Row = dict[str, Any]


def tables() -> Iterator[Table]:
    """Every projected table, parents first."""
    return (t for t in Base.metadata.sorted_tables if t.name not in EXEMPT)


@cache
def columns(table: Table) -> Mapping[str, Column[Any]]:
    """The columns of *table* that the ledger repeats."""
    return {
        c.name: c
        for c in table.columns
        if not c.info.get("operational") and "derived" not in c.info
    }


@cache
def _derived(table: Table) -> Mapping[str, Callable[[Mapping[Any, Any]], Any]]:
    """The columns of *table* that are computed from others, and how."""
    return {c.name: c.info["derived"] for c in table.columns if "derived" in c.info}


@cache
def _marked(table: Table, mark: str) -> frozenset[str]:
    """The names of those that bear *mark*."""
    return frozenset(name for name, c in columns(table).items() if c.info.get(mark))


def _is_said_as_it_is(column: Column[Any]) -> bool:
    return not column.info.get("private") and not isinstance(column.type, LargeBinary)


@cache
def _sayings(table: Table) -> Sequence[tuple[str, Column[Any] | None]]:
    """Each column's name; None behind it where :func:`said` gives the value as it is."""
    return [(name, None if _is_said_as_it_is(c) else c) for name, c in columns(table).items()]


def said(column: Column[Any], value: Any, salt: bytes) -> Any:
    """*value* as a record says it."""
    if value is None:
        return None
    if column.info.get("private"):
        plain = value if isinstance(value, bytes) else canonical.canonical({"value": value})
        return {"sm3": gm.sm3(salt + plain).hex()}
    if isinstance(column.type, LargeBinary):
        return base64.b64encode(value).decode()
    return value


# --- writing -----------------------------------------------------------------------------------


class WriterSession(Session):
    """A session that notes what is changed in projected tables."""


def _changed(session: Session) -> dict[Place, tuple[Any, set[str] | None]]:
    """Place → (mapped object, its changed columns; None: all of them)."""
    found: dict[Place, tuple[Any, set[str] | None]] = session.info.setdefault("changed", {})
    return found


@event.listens_for(WriterSession, "before_flush")
def _note(session: Session, _context: UOWTransaction, _instances: object) -> None:
    for row in (*session.new, *session.dirty):
        new = row in session.new
        names = None if new else _touched(row)
        if names is None or names:
            put_on_record(session, row, names)
    for row in session.deleted:
        if row.__table__.name not in EXEMPT:
            place = _place(row)
            _changed(session).pop(place, None)
            session.info.setdefault("gone", []).append(place)


@event.listens_for(WriterSession, "do_orm_execute")
def _no_bulk(state: ORMExecuteState) -> None:
    if state.is_update or state.is_delete or state.is_insert:
        table: Any = getattr(state.statement, "table", None)
        if table is not None and table.name not in EXEMPT and table.name in Base.metadata.tables:
            raise TypeError(f"{table.name} is a projection: change its rows one by one")


def _touched(each: Any) -> set[str]:
    state = inspect(each)
    return {
        attribute.key
        for attribute in state.attrs
        if attribute.key in each.__table__.columns and attribute.history.has_changes()
    }


def put_on_record(session: Session, each: Any, names: set[str] | None = None) -> None:
    """Have the next record repeat the columns *names* (None: all) of the row *each*."""
    table: Table = each.__table__
    if table.name in EXEMPT:
        return
    if names is not None:
        names = names & columns(table).keys()
        if not names:
            return
    place, changed = _place(each), _changed(session)
    before = changed.get(place, (each, set()))[1]
    both = None if names is None or before is None else before | names
    changed[place] = (each, both)


def _place(each: Any) -> Place:
    table: Table = each.__table__
    key = tuple(said(c, getattr(each, c.name), b"") for c in table.primary_key.columns)
    return table.name, key


def taken(session: Session, about: tuple[str, str] | None = None) -> list[list[Any]]:
    """The changes noted since the last call, and forget them; *about*: (table, first part of the
    key) of the only rows that are wanted now."""
    changed = _changed(session)
    rows: list[list[Any]] = []
    for place in list(changed):
        if about is not None and not _is_about(place, about):
            continue
        each, names = changed.pop(place)
        salt = getattr(each, "salt", b"")
        own = columns(each.__table__)
        values = {
            name: said(column, getattr(each, name), salt)
            for name, column in own.items()
            if names is None or name in names
        }
        rows.append([place[0], list(place[1]), values])
    gone: list[Place] = session.info.get("gone", [])
    if about is None and gone:
        rows += [[name, list(key), None] for name, key in gone]
        session.info["gone"] = []
    return rows


def forget(session: Session) -> None:
    """Nothing that was noted happened: the command failed."""
    session.info.pop("changed", None)
    session.info.pop("gone", None)


def _is_about(place: Place, about: tuple[str, str]) -> bool:
    """Is the row the thing itself, or a part of it (a seal's changes)?"""
    kind, identity = about
    return place[0] in (kind, f"{kind}_record", f"{kind}_change") and place[1][0] == identity


# --- reading -----------------------------------------------------------------------------------


@dataclass
class _Said:
    values: Row
    entry: int


@dataclass
class Projection:
    """The rows that a ledger's records say there are."""

    rows: dict[Place, _Said] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def apply(self, number: int, record: Mapping[str, Any]) -> None:
        """Take in entry *number*; what cannot be projected becomes a problem."""
        rows = record.get("rows", [])
        if not isinstance(rows, list):
            self.problems.append(f"entry {number}: its rows cannot be projected")
            return
        for row in rows:
            try:
                self._one(number, record, *row)
            except (KeyError, TypeError, ValueError) as error:
                self.problems.append(f"entry {number}: a row cannot be projected: {error}")

    def _one(
        self, number: int, record: Mapping[str, Any], name: str, key: list[Any], values: Row | None
    ) -> None:
        if name in EXEMPT or name not in Base.metadata.tables:
            raise ValueError(f"{name} is no projected table")
        table = Base.metadata.tables[name]
        own = columns(table)
        place = name, tuple(key)
        known = self.rows.get(place)
        if values is None:
            if known is None:
                raise ValueError(f"{label(place)} goes, but was not there")
            del self.rows[place]
            return
        if strange := values.keys() - own.keys():
            raise ValueError(f"{label(place)} has no column {', '.join(sorted(strange))}")
        if known is None:
            added = dict.fromkeys(_marked(table, "added"))
            if missing := own.keys() - values.keys() - added.keys():
                raise ValueError(f"{label(place)} begins without {', '.join(sorted(missing))}")
            known = self.rows[place] = _Said(added, number)
        elif record.get("type") == TAKEN_OVER:
            raise ValueError(f"{label(place)} is taken over, but was on record")
        known.values.update(values)
        known.entry = number
        times = values.keys() & _marked(table, "recorded")
        if times and record.get("type") != TAKEN_OVER:
            now = canonical.parse_timestamp(record["recorded_at"])
            for column in times:
                if values[column] not in (now, None):
                    raise ValueError(f"{label(place)}: {column} is not the time of the record")

    def values(self, table: str, *key: Any) -> Row | None:
        """What the ledger says of a row."""
        found = self.rows.get((table, key))
        return found.values if found else None

    def differences(self, session: Session) -> Iterator[str]:
        """Everything in which the tables differ from what the ledger says, each named by table, row
        and column."""
        by_table: dict[str, dict[Place, _Said]] = {}
        for place, told in self.rows.items():
            by_table.setdefault(place[0], {})[place] = told
        for table in tables():
            own, keys = columns(table), [c.name for c in table.primary_key.columns]
            left = by_table.get(table.name, {})
            chosen = select(table).order_by(*table.primary_key.columns)
            for row in session.execute(chosen).yield_per(500).mappings():
                salt = row.get("salt", b"")
                place = table.name, tuple(said(own[name], row[name], b"") for name in keys)
                on_record = left.pop(place, None)
                if on_record is None:
                    yield f"{label(place)}: no record speaks of this row"
                    continue
                for name, column in _sayings(table):
                    value = row[name] if column is None else said(column, row[name], salt)
                    if value != on_record.values[name]:
                        yield (
                            f"{label(place)}: {name} is {_short(value)}, entry {on_record.entry} "
                            f"or one before it says {_short(on_record.values[name])}"
                        )
                for name, compute in _derived(table).items():
                    if row[name] != compute(row):
                        yield f"{label(place)}: {name} is not what its row gives"
            for place, told in left.items():
                yield f"{label(place)}: the row is missing, entry {told.entry} speaks of it"


def label(place: Place) -> str:
    """A row, for people: table and key."""
    return f"{place[0]} {' '.join(str(part) for part in place[1])}"


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:77]}…"


def everything(session: Session) -> Iterator[list[list[Any]]]:
    """All rows of all projected tables in the form of records, some hundred at a time."""
    part: list[list[Any]] = []
    for table in tables():
        own, keys = columns(table), [c.name for c in table.primary_key.columns]
        for row in session.execute(select(table).order_by(*table.primary_key.columns)).mappings():
            salt = row.get("salt", b"")
            values = {name: said(column, row[name], salt) for name, column in own.items()}
            part.append([table.name, [values[name] for name in keys], values])
            if len(part) == 200:
                yield part
                part = []
    if part:
        yield part
