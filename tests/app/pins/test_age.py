"""How old the PIN of a Ukey is, as far as this computer can know."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.pins.age import MOST, PinAges, days_over

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


class Clock:
    """Stands where it is put."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_key_counts_from_its_first_sight_until_its_pin_is_changed(
    tmp_path: Path, clock: Clock
) -> None:
    file = tmp_path / "data" / "pins.json"
    ages = PinAges(file, clock)
    assert ages.since("VK01") == START
    clock.now += timedelta(days=200)
    assert ages.since("VK01") == START
    assert ages.since("VK02") == clock.now
    again = PinAges(file, clock)  # after a restart
    assert again.since("VK01") == START
    again.changed("VK01")
    assert again.since("VK01") == clock.now
    assert ages.since("VK01") == clock.now  # the other program sees it


def test_a_broken_file_costs_a_reminder_and_nothing_else(tmp_path: Path, clock: Clock) -> None:
    file = tmp_path / "pins.json"
    for content in (b"", b"[]", b'{"VK01": 5}', b'{"VK01": "yesterday"}', b"[" * 5000, b"\xff"):
        file.write_bytes(content)
        ages = PinAges(file, clock)
        assert ages.since("VK01") == START
        assert json.loads(file.read_bytes()) == {"VK01": START.isoformat()}


def test_a_folder_that_cannot_be_written_is_no_obstacle(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "taken").write_bytes(b"")
    ages = PinAges(tmp_path / "taken" / "pins.json", clock)
    assert ages.since("VK01") == START
    clock.now += timedelta(days=1)
    assert ages.since("VK01") == START
    ages.changed("VK01")
    assert ages.since("VK01") == clock.now


def test_a_clock_that_was_ahead_does_not_put_the_reminder_off(tmp_path: Path, clock: Clock) -> None:
    clock.now += timedelta(days=4000)
    ages = PinAges(tmp_path / "pins.json", clock)
    ages.changed("VK01")
    clock.now = START
    assert ages.since("VK01") == START


def test_the_file_does_not_grow_for_ever(tmp_path: Path, clock: Clock) -> None:
    file = tmp_path / "pins.json"
    said = {f"VK{number}": START.isoformat() for number in range(MOST + 50)}
    file.write_text(json.dumps(said))
    clock.now += timedelta(days=1)
    PinAges(file, clock).changed("new")
    kept = json.loads(file.read_bytes())
    assert len(kept) == MOST
    assert "new" in kept


@pytest.mark.parametrize(
    ("days", "allowed", "over"),
    [(179, 180, None), (180, 180, 180), (900, 180, 900), (900, 0, None), (-5, 180, None)],
)
def test_a_pin_is_old_after_the_days_that_the_setting_says(
    days: int, allowed: int, over: int | None
) -> None:
    assert days_over(START, allowed, START + timedelta(days=days)) == over
