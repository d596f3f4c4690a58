"""The cabinet's records as bytes: JSON by the declared types of their fields."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, TypeVar

R = TypeVar("R")


def _to_b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


_WRITE: dict[str, Callable[[Any], object]] = {
    "bytes": _to_b64,
    "datetime": lambda moment: moment.astimezone(UTC).isoformat(),
    "datetime | None": lambda moment: moment and moment.astimezone(UTC).isoformat(),
    "int": int,
    "tuple[str, ...]": list,
    "Mapping[str, bytes]": lambda each: {name: _to_b64(data) for name, data in each.items()},
    "Mapping[str, str]": dict,
}
_READ: dict[str, Callable[[Any], object]] = {
    "str": str,
    "int": int,
    "tuple[str, ...]": tuple,
    "bytes": base64.b64decode,
    "datetime": datetime.fromisoformat,
    "datetime | None": lambda text: text and datetime.fromisoformat(text),
    "Mapping[str, bytes]": lambda each: {n: base64.b64decode(text) for n, text in each.items()},
    "Mapping[str, str]": dict,
}


def pack(record: Any) -> bytes:
    """A frozen dataclass of these types of fields as JSON, UTF-8."""
    values = {
        field.name: _WRITE.get(str(field.type), str)(getattr(record, field.name))
        for field in fields(record)
    }
    return json.dumps(values, ensure_ascii=False).encode()


def unpack(kind: type[R], body: bytes) -> R:
    """The record of that *kind* that :func:`pack` wrote; fields that it does not name have their
    default."""
    values = json.loads(body)
    return kind(
        **{
            field.name: _READ[str(field.type)](values[field.name])
            for field in fields(kind)  # type: ignore[arg-type]
            if field.name in values
        }
    )
