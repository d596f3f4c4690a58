"""The exact bytes that the logs hash, tokens sign and clients store.

Canonical JSON here: UTF-8, keys sorted, no spaces, no floating point numbers; times are texts with
microseconds. What was hashed is what is stored: it is never re-serialised to be checked.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def canonical(record: Mapping[str, object]) -> bytes:
    """The one byte string of *record*. Raises ValueError on a floating point number."""
    _refuse_floats(record)
    text = json.dumps(record, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode()


def _refuse_floats(value: object) -> None:
    if isinstance(value, float):
        raise ValueError("a floating point number has no canonical form here")
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise ValueError("keys are texts")
            _refuse_floats(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _refuse_floats(item)


_ahead = 0


def set_clock_ahead(seconds: int) -> None:
    """Let the clock of this process be wrong: only for tests of clients."""
    global _ahead
    _ahead = seconds * 1_000_000


def now() -> int:
    """The present, in microseconds since 1970-01-01 UTC: the unit of every time in the store."""
    return time.time_ns() // 1000 + _ahead


def moment(microseconds: int) -> datetime:
    """As an aware UTC datetime."""
    return _EPOCH + timedelta(microseconds=microseconds)


def microseconds(value: datetime) -> int:
    """The store's form of an aware datetime."""
    return (value - _EPOCH) // timedelta(microseconds=1)


def timestamp(value: int) -> str:
    """``2026-11-23T14:00:00.123456Z``: RFC 3339, UTC, always six digits."""
    return moment(value).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_timestamp(text: str) -> int:
    """Microseconds of an RFC 3339 time with a zone. Raises ValueError."""
    value = datetime.fromisoformat(text)
    if value.tzinfo is None:
        raise ValueError("a time needs its zone")
    return microseconds(value)
