"""A forgotten PIN through the real client: locked, applied for, approved by two, unlocked once."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.errors import explain
from app.pins import unlocking
from device.token import UnlockRefused
from device.virtual import open_virtual_module
from server_stub.__main__ import main
from server_stub.web.serving import RunningServer
from tests.world.applicant import citizen_number
from tests.world.clerk import SO_PIN, Clerk, Enrolled, environment
from tests.world.waiting import until

NEW_PIN, OTHER_PIN = "new-pin-5173", "other-pin-6284"
APPLICANT = (
    *("--legal-rep", "王建国", "--handler", "李晓梅"),
    *("--handler-id", citizen_number(), "--phone", "13800000000"),
)


def locked(clerk: Clerk) -> None:
    for _ in range(10):
        assert clerk("sync", PIN="wrong-pin").code != 0
    assert "已锁定: 是" in clerk("token", "info").out


def approved(city: RunningServer, clerk: Clerk) -> str:
    """The platform's automaton has approved, and the operator does; gives the application."""
    where = ("--dir", str(city.platform.settings.directory), "--log-level", "error")
    with clerk.desk() as desk:
        (known,) = [e for e in desk.cabinet.applications.all() if e.kind == "pin_reset" and e.open]

    def once() -> bool:
        return "第二名" in clerk("application", "show", known.id, "--ask").out

    until(once, "the first approval", 60)
    assert main(["review", "approve", known.server_id, *where]) == 0
    return known.id


def test_a_locked_key_is_unlocked_with_the_permission_of_two_reviewers(
    city: RunningServer, company: Enrolled, other_company: Enrolled, tmp_path: Path
) -> None:
    clerk = company.clerk.copied(tmp_path / "clerk")
    before = clerk("token", "unlock", "--wait", "0")
    assert before.code != 0  # nobody says who applies
    assert "--handler" in before.err
    locked(clerk)
    asked = clerk("token", "unlock", "--wait", "0", *APPLICANT)
    assert asked.code == 0, asked.err
    identity = approved(city, clerk)
    with clerk.desk() as desk:
        record = desk.cabinet.applications.get(identity)
        [token] = open_virtual_module().tokens()
        platform = desk.platform()
        unlocking.follow(identity, None, platform, desk.cabinet)
        text, signature = platform.unlock_statement(record.server_id)
    other = other_company.clerk.copied(tmp_path / "other")
    with clerk.desk() as desk, environment(other.variables):
        [theirs] = open_virtual_module().tokens()
        with pytest.raises(UnlockRefused):
            unlocking.unlock(identity, theirs, NEW_PIN, desk.platform(), desk.cabinet)
    assert other("sync").code == 0
    again = clerk("token", "unlock", NEW_PIN=NEW_PIN)
    assert again.code == 0, again.err
    assert "口令已重新设置" in again.out
    assert clerk("sync", PIN=NEW_PIN).code == 0
    with environment(clerk.variables), pytest.raises(UnlockRefused) as used:
        token.unlock(text, signature, OTHER_PIN)  # who kept the statement gains nothing
    assert "已经用过一次" in explain(used.value, "zh_CN").cause
    assert clerk("sync", PIN=NEW_PIN).code == 0
    with clerk.desk() as desk:
        over = desk.cabinet.applications.get(identity)
    assert (over.state, over.private, "handler_id" in over.fields) == ("done", b"", False)


def test_at_another_computer_the_officers_pin_unlocks(
    city: RunningServer, company: Enrolled, tmp_path: Path
) -> None:
    clerk = company.clerk.copied(tmp_path / "clerk")
    new = Clerk(tmp_path / "new", settings={"PLATFORM_URL": city.url})
    (tmp_path / "new").mkdir()
    clerk.hub.rename(new.hub)
    unknown = new("token", "unlock", "--wait", "0", *APPLICANT)
    assert "E-306" in unknown.err  # the cabinet knows no seal of this key
    done = new("token", "unlock", "--officer", "--pin-stdin", stdin=f"{SO_PIN}\n{NEW_PIN}\n")
    assert done.code == 0, done.err
    assert new("sync", PIN=NEW_PIN).code == 0
