"""The operational log: one JSON line per event on stderr, with everything secret taken out.

It is for operators and may be thrown away; what happened in law stands in the ledger.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from functools import cache
from typing import Any

import structlog

SECRET = {"pin", "token", "authorization", "signature", "id_no", "phone", "master_key"}
SECRET |= {"private", "password", "cookie", "body"}
"""Names whose values never reach a log."""


def redact(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Replace the values of secret names, at any depth."""
    return {key: _clean(key, value) for key, value in event.items()}


def _clean(key: str, value: Any) -> Any:
    if key.lower() in SECRET:
        return "[redacted]"
    if isinstance(value, dict):
        return {inner: _clean(str(inner), item) for inner, item in value.items()}
    return value


@cache
def _way(level: str) -> dict[str, Any]:
    """How lines of *level* and above are made: the time's format is compiled, so once."""
    return {
        "processors": [
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            redact,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
        ],
        "wrapper_class": structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[level.upper()]
        ),
    }


_level = "warning"


def configure(level: str) -> None:
    """Log events of *level* (info, warning, error) and above; warning until told otherwise.

    Nothing outside this module changes, so a program that runs a platform inside itself keeps its
    own logging."""
    global _level
    _level = level


def logbook() -> Any:
    """The logger, onto what stderr is now."""
    return structlog.wrap_logger(structlog.PrintLogger(sys.stderr), **_way(_level))
