"""Whoever computes in another thread lets the window move first, and gets on all the same."""

from __future__ import annotations

import threading

import pytest

from crypto import deadline
from ui import going_first

NEVER = 1e9
"""Seconds that no test takes."""


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadline, "between", going_first.pause)
    monkeypatch.setattr(going_first, "_frame_ends", -NEVER)


def read(checks: int = 1) -> None:
    """A document, as far as so many checks."""
    with deadline.bounded():
        for _ in range(checks):
            deadline.check()


def slept(monkeypatch: pytest.MonkeyPatch, checks: int) -> list[float]:
    """How long another thread pauses each time while it reads."""
    pauses: list[float] = []
    monkeypatch.setattr(going_first.time, "sleep", pauses.append)
    thread = threading.Thread(target=read, args=(checks,))
    thread.start()
    thread.join()
    return pauses


def test_a_thread_pauses_while_a_frame_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(going_first, "FRAME_S", NEVER)
    going_first.frame()
    (pause,) = slept(monkeypatch, 1)
    assert 0 < pause <= NEVER


def test_it_computes_before_the_next_frame_however_many_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(going_first, "FRAME_S", 0.0)
    monkeypatch.setattr(going_first, "BETWEEN_S", NEVER)
    going_first.frame()
    monkeypatch.setattr(going_first, "FRAME_S", NEVER)
    for _ in range(100):
        going_first.frame()
    assert slept(monkeypatch, 1000) == []


def test_without_a_frame_nobody_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    assert slept(monkeypatch, 1000) == []


def test_the_windows_own_thread_does_not_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(going_first, "FRAME_S", NEVER)
    going_first.frame()
    read()
