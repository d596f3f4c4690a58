"""What strangers' documents and certificates say, as people read it: times, names of units."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from ui.widgets import day, moment, unit_name

FOR_EVER = datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone(-timedelta(hours=12)))
BEFORE_TIME = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=23, minutes=59)))


@pytest.mark.parametrize(("value", "year"), [(FOR_EVER, "9999"), (BEFORE_TIME, "1")])
def test_a_time_that_no_zone_can_hold_is_shown_as_it_is(value: datetime, year: str) -> None:
    assert moment(value).startswith(year)
    assert day(value).startswith(year)


def test_no_time_is_a_dash_and_others_are_of_this_machine() -> None:
    assert (moment(None), day(None)) == ("—", "—")
    shown = datetime(2026, 11, 23, 9, 30, tzinfo=UTC).astimezone()
    assert moment(shown) == shown.strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    ("organization", "name"),
    [
        ("91321300MA27DEM14U宿迁印台演示有限公司", "宿迁印台演示有限公司"),
        ("11320500014150050B苏州市民政局", "苏州市民政局"),
        ("国家税务总局江苏省税务局", "国家税务总局江苏省税务局"),
        ("91321300MA27DEM14U", "91321300MA27DEM14U"),
        ("", ""),
    ],
)
def test_a_unit_is_called_by_its_name_without_the_credit_code(organization: str, name: str) -> None:
    assert unit_name(organization) == name
