"""A report back from its JSON: what a worker process or a file says, checked strictly.

    read_report(json.loads(text)) -> Report

The verdicts are not read but follow from the findings again, so no JSON can claim another one.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

from crypto.verdict import LEVELS, SCHEMA, CertificateInfo, Change, Finding, Report, SignatureReport

_LATER: dict[Any, tuple[str, ...]] = {
    CertificateInfo: ("holder", "credit_code"),
    SignatureReport: ("origin", "shown_changes"),
    Change: ("label", "before", "after", "box_mm", "ground", "why", "shown"),
}
"""What reports of earlier versions do not say of these."""
_EARLIER = ("sealdesk-report/1",)


def read_report(data: Any) -> Report:
    """The report whose :meth:`~crypto.verdict.Report.to_json` gave *data*, with times to the second
    and lengths to two decimals. Raises ValueError if anything is missing, of another type or an
    unknown finding; keys that are not known are passed over."""
    try:
        if data["schema"] not in (SCHEMA, *_EARLIER):
            raise ValueError("a report of another schema")
        report: Report = _reader(Report)(data)
    except (KeyError, TypeError, OverflowError) as error:
        raise ValueError(f"not a report: {error!r}") from error
    return report


@cache
def _reader(kind: Any) -> Callable[[Any], Any]:
    """What reads a value as *kind*, one of the types that occur in a report. Made once for each: in
    a run of many documents, asking the types about themselves took longer than all else here."""
    if kind is Finding:
        return _finding
    if isinstance(kind, types.UnionType):
        (other,) = (option for option in get_args(kind) if option is not types.NoneType)
        read = _reader(other)
        return lambda value: None if value is None else read(value)
    if get_origin(kind) is tuple:
        return _tuple(get_args(kind))
    if isinstance(kind, type) and is_dataclass(kind):
        return _object(kind)
    if kind is datetime:
        return _moment
    return _plain(kind)


def _object(kind: type) -> Callable[[Any], Any]:
    hints, later = get_type_hints(kind), _LATER.get(kind, ())
    parts = [(item.name, _reader(hints[item.name]), item.name in later) for item in fields(kind)]

    def read(value: Any) -> Any:
        return kind(
            **{
                name: read_part(value[name])
                for name, read_part, may_be_missing in parts
                if not may_be_missing or name in value
            }
        )

    return read


def _tuple(kinds: tuple[Any, ...]) -> Callable[[Any], Any]:
    many = kinds[-1] is Ellipsis
    readers = [_reader(kind) for kind in kinds if kind is not Ellipsis]

    def read(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise ValueError(f"{value!r:.60} is no list")
        if many:
            return tuple(map(readers[0], value))
        return tuple(read(item) for read, item in zip(readers, value, strict=True))

    return read


def _moment(value: Any) -> datetime:
    moment = datetime.fromisoformat(value)
    if moment.utcoffset() != timedelta():
        raise ValueError(f"a time that is not in UTC: {value}")
    return moment


def _plain(kind: type) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if type(value) is kind:
            return value
        if kind is float and type(value) is int:
            return float(value)
        raise ValueError(f"{value!r:.60} is no {kind}")

    return read


def _finding(value: Any) -> Finding:
    if value["code"] not in LEVELS:
        raise ValueError(f"no such finding: {value['code']!r:.60}")
    details = value["details"]
    if not isinstance(details, dict) or not all(
        isinstance(item, str) for pair in details.items() for item in pair
    ):
        raise ValueError("details that are no texts")
    return Finding(value["code"], dict(details))
