"""A month on the command line has one form."""

import pytest

from app.cli.proving import archive
from app.errors import UsageError


@pytest.mark.parametrize(
    "text", ["", "11", "2026-13", "2026-00", "26-11", "2026-11-01", "２０２６-11"]
)
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        archive.month(text)


def test_a_month_has_a_year() -> None:
    assert archive.month("2026-02") == (2026, 2)
