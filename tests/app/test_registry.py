"""The public registry followed: rollbacks, forks and forged entries are noticed; suspensions that
were lifted again are not forgotten."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from app.cabinet import Cabinet
from app.errors import PlatformAnswerInvalid, PlatformUntrusted
from app.registry import changes, follow, root
from crypto import merkle
from crypto.statement import SealChange
from crypto.trust import Trust, judge_status
from crypto.verdict import Times

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = timedelta(days=1)
CODE = "32130000000017"


def event(
    number: int, before: str, after: str, at: datetime = NOW, reason: str | None = None
) -> str:
    return json.dumps(
        {
            "type": "seal-event-v1",
            "seal_code": CODE,
            "event": str(number),
            "from": before,
            "to": after,
            "reason": reason,
            "effective_at": at.isoformat(),
            "recorded_at": at.isoformat(),
        }
    )


@dataclass
class Log:
    """A platform's registry; its tests may cut, change and forge."""

    records: list[str] = field(default_factory=list)
    origin: str = "https://platform"
    name: str = "platform/registry"
    page: int = 3
    root: bytes = b""

    def registry_checkpoint(self) -> merkle.Checkpoint:
        tree = merkle.Tree()
        for each in self.records:
            tree.append(each.encode())
        return merkle.Checkpoint(self.name, tree.size, self.root or tree.root())

    def registry_entries(self, first: int, end: int) -> list[str]:
        return self.records[first : min(end, first + self.page)]


@pytest.fixture
def cabinet() -> Cabinet:
    return Cabinet.in_memory()


@pytest.fixture
def log(cabinet: Cabinet) -> Log:
    """A registry of seven entries that was followed."""
    made = Log([event(n, "start", "made") for n in range(7)])
    assert follow(made, cabinet) == 7  # type: ignore[arg-type]
    return made


def test_it_is_followed_in_pages_from_where_we_were(log: Log, cabinet: Cabinet) -> None:
    for size in range(8, 30):
        log.records.append(event(size, "start", "made"))
        assert follow(log, cabinet) == 1  # type: ignore[arg-type]
    assert follow(log, cabinet) == 0  # type: ignore[arg-type]
    known = cabinet.registry(log.origin)
    assert known is not None
    assert (known.size, len(known.edge)) == (29, 4)
    assert root(known) == log.registry_checkpoint().root
    assert known.seen_at is not None
    assert datetime.now(UTC) - known.seen_at < DAY


@pytest.mark.parametrize(
    "spoil",
    [
        lambda log: log.records.pop(),
        lambda log: log.records.__setitem__(6, event(99, "start", "made")),
        lambda log: log.records.__setitem__(0, event(99, "start", "made")),
        lambda log: [log.records.__setitem__(2, "{}"), log.records.append("{}")],
        lambda log: setattr(log, "name", "another/registry"),
        lambda log: setattr(log, "root", bytes(32)),
    ],
    ids=["shorter", "last changed", "first changed", "fork", "another log", "another root"],
)
def test_a_registry_that_takes_something_back_is_not_believed(
    log: Log, cabinet: Cabinet, spoil
) -> None:
    before = cabinet.registry(log.origin)
    spoil(log)
    with pytest.raises(PlatformUntrusted) as raised:
        follow(log, cabinet)  # type: ignore[arg-type]
    assert raised.value.reason == "registry"
    assert cabinet.registry(log.origin) == before


def test_pages_that_are_empty_or_too_long_are_refused(
    log: Log, cabinet: Cabinet, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.records.append("{}")
    for page in ([], ["{}", "{}"]):
        monkeypatch.setattr(log, "registry_entries", lambda *_, page=page: page)
        with pytest.raises(PlatformAnswerInvalid):
            follow(log, cabinet)  # type: ignore[arg-type]


def test_another_process_that_came_further_is_not_set_back(log: Log, cabinet: Cabinet) -> None:
    known = cabinet.registry(log.origin)
    assert known is not None
    cabinet.keep_registry(replace(known, size=3))
    assert cabinet.registry(log.origin) == known


# --- what follows for a seal -------------------------------------------------------------------


def found(changed: tuple[SealChange, ...], times: Times) -> str:
    (finding,), _ = judge_status(CODE, None, Trust(changes=changed), times, NOW)
    return finding.code


def test_a_suspension_that_was_lifted_again_is_not_forgotten(log: Log, cabinet: Cabinet) -> None:
    log.records += [
        event(8, "made", "active", NOW - 9 * DAY),
        event(9, "active", "suspended", NOW - 6 * DAY, "lost"),
        event(10, "suspended", "active", NOW - 4 * DAY),
        "no event at all",
    ]
    follow(log, cabinet)  # type: ignore[arg-type]
    told = changes(cabinet)
    assert [each.state for each in told] == ["suspended", "active"]

    def at(days: int) -> str:
        moment = NOW - days * DAY
        return found(told, Times(moment, moment, "timestamp"))

    assert [at(7), at(5), at(3)] == ["status_unknown", "status_not_active", "status_unknown"]


def test_a_cancellation_nobody_has_asked_about_is_known(log: Log, cabinet: Cabinet) -> None:
    log.records.append(event(8, "active", "cancelled", NOW - 2 * DAY, "deregistered"))
    follow(log, cabinet)  # type: ignore[arg-type]
    told, moment = changes(cabinet), NOW - 3 * DAY
    assert found(told, Times(moment, moment, "timestamp")) == "status_changed_since"
    assert found(told, Times(moment)) == "status_changed_unproven"
    assert found(told, Times(NOW - DAY)) == "status_not_active"


def test_between_effect_and_record_nothing_is_certain() -> None:
    change = SealChange(CODE, "cancelled", "", NOW - 3 * DAY, NOW - DAY)
    assert found((change,), Times(NOW - 2 * DAY)) == "status_pending"
    other = replace(change, seal_code="32130000000025")
    assert found((other,), Times(NOW - 2 * DAY)) == "status_unknown"


def test_the_second_of_a_resumption_belongs_to_the_seal_in_force() -> None:
    """Tickets and signing times are told in whole seconds, the registry in microseconds."""
    second = NOW - DAY
    lost = SealChange(CODE, "suspended", "lost", second - DAY, second - DAY)
    again = second + timedelta(milliseconds=400)
    resumed = SealChange(CODE, "active", "", again, again)
    assert found((lost, resumed), Times(second, second, "ticket")) == "status_unknown"
    before = second - timedelta(seconds=1)
    assert found((lost, resumed), Times(before, before, "ticket")) == "status_not_active"
    finer = second + timedelta(milliseconds=100)
    assert found((lost, resumed), Times(finer, finer, "timestamp")) == "status_not_active"
