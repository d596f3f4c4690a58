"""What strangers' documents and certificates say, as people read it: times, names of units."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from app.errors import LeaseExpired, explain
from crypto.verdict import Change, Times, beijing
from tests.world.reports import SIGNATURE
from ui.verify import verdicts
from ui.widgets import day, moment

FOR_EVER = datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone(-timedelta(hours=12)))
BEFORE_TIME = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=23, minutes=59)))


@pytest.mark.parametrize(("value", "year"), [(FOR_EVER, "9999"), (BEFORE_TIME, "1")])
def test_a_time_that_no_zone_can_hold_is_shown_as_it_is(value: datetime, year: str) -> None:
    assert moment(value).lstrip("0").startswith(year)  # Windows writes 0001
    assert day(value).lstrip("0").startswith(year)


@pytest.mark.wants("posix")
@pytest.mark.parametrize("zone", ["UTC", "Asia/Shanghai", "America/New_York"])
def test_a_time_is_beijings_whatever_the_machine_is_set_to(
    zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A verdict said 10:27 and the ledger beside it 02:27 of the same stamping."""
    at = datetime(2026, 11, 29, 19, 28, tzinfo=UTC)
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert (moment(at), day(at)) == ("2026-11-30 03:28", "2026-11-30")
        assert beijing(at) == "2026-11-30 03:28:00 +08:00"
        assert "2026-11-30 03:28" in explain(LeaseExpired("公章", at)).cause
    finally:
        monkeypatch.undo()
        time.tzset()
    assert (moment(None), day(None)) == ("—", "—")


def test_of_later_changes_what_costs_the_verdict_comes_first() -> None:
    changes = (
        Change(2, "metadata", None, "/Info"),
        Change(2, "look_replaced", 1, "field0"),
        Change(3, "metadata", None, "/Info"),
    )
    told = verdicts.later_changes(replace(SIGNATURE, changed_later=changes))
    assert [text for text, _ in told] == ["第 1 页 盖章时看得见的内容被换掉", "更新了标题等属性"]
    assert [look.role for _, look in told] == ["bad", "changed"]


def test_a_time_that_nobody_states_is_not_told_as_claimed() -> None:
    nothing = replace(SIGNATURE, times=Times())
    assert verdicts.time_line(nothing) == "签章时间没有写明"
    assert verdicts.time_rows(nothing) == [("自称", "没有写明")]
    claimed = replace(SIGNATURE, times=Times(claimed=datetime(2026, 11, 29, 19, 28, tzinfo=UTC)))
    assert verdicts.time_line(claimed) == "签章时间 2026-11-30 03:28（自称）"
