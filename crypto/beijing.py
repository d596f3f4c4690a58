"""China's one time zone, apart from :mod:`crypto.verdict`: a date needs nothing else of it."""

from __future__ import annotations

from datetime import timedelta, timezone

BEIJING = timezone(timedelta(hours=8))
"""What a person in China means by a time; the report says so wherever it shows one."""
