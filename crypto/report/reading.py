"""A report back from its JSON: what a worker process or a file says, checked strictly.

    read_report(json.loads(text)) -> Report

The verdicts are not read but follow from the findings again, so no JSON can claim another one.
"""

from __future__ import annotations

import types
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

from crypto.verdict import LEVELS, SCHEMA, CertificateInfo, Change, Finding, Report, SignatureReport

_LATER: dict[Any, tuple[str, ...]] = {
    CertificateInfo: ("holder", "credit_code"),
    SignatureReport: ("origin", "shown_changes"),
    Change: ("label", "before", "after", "box_mm", "ground"),
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
        report: Report = _read(Report, data)
    except (KeyError, TypeError, OverflowError) as error:
        raise ValueError(f"not a report: {error!r}") from error
    return report


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _read(kind: Any, value: Any) -> Any:
    """*value* as *kind*, one of the types that occur in a report."""
    if kind is Finding:
        return _finding(value)
    if isinstance(kind, types.UnionType):
        (other,) = (option for option in get_args(kind) if option is not types.NoneType)
        return None if value is None else _read(other, value)
    if get_origin(kind) is tuple:
        return _tuple(get_args(kind), value)
    if isinstance(kind, type) and is_dataclass(kind):
        hints = _hints(kind)
        return kind(
            **{
                item.name: _read(hints[item.name], value[item.name])
                for item in fields(kind)
                if item.name in value or item.name not in _LATER.get(kind, ())
            }
        )
    if kind is datetime:
        moment = datetime.fromisoformat(value)
        if moment.utcoffset() != timedelta():
            raise ValueError(f"a time that is not in UTC: {value}")
        return moment
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise ValueError(f"{value!r:.60} is no {kind}")
    return value


def _tuple(kinds: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise ValueError(f"{value!r:.60} is no list")
    if kinds[-1] is Ellipsis:
        return tuple(_read(kinds[0], item) for item in value)
    return tuple(_read(kind, item) for kind, item in zip(kinds, value, strict=True))


def _finding(value: Any) -> Finding:
    if value["code"] not in LEVELS:
        raise ValueError(f"no such finding: {value['code']!r:.60}")
    details = value["details"]
    if not isinstance(details, dict) or not all(
        isinstance(item, str) for pair in details.items() for item in pair
    ):
        raise ValueError("details that are no texts")
    return Finding(value["code"], dict(details))
