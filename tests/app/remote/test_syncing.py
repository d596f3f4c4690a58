"""What a sync changes in the cabinet (with the real platform: tests/flows)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from app.errors import PlatformRefused, PlatformUnreachable
from app.remote.collecting import told_of_end
from app.remote.platform_account import PlatformSeal, SyncItem, SyncPage, UsageReceipt
from app.remote.syncing import confirm_status, send_usage, synchronise
from app.store.cabinet import Cabinet
from crypto.algorithms.gm import sm3
from crypto.seal.statement import SignedStatement
from tests.world.authorities import CODE, NOW
from tests.world.office import Office


@dataclass
class Scripted:
    """A platform with pages of changes; follows the interface of PlatformClient."""

    office: Office
    pages: dict[str, SyncPage] = field(default_factory=dict)
    origin: str = "https://platform"
    says: dict[str, Any] = field(default_factory=dict)
    batches: list[int] = field(default_factory=list)
    fails: Callable[[], None] = lambda: None

    def status(self, code: str) -> SignedStatement:
        return self.office.authorities.statement(self.office.holder, seal_code=code, **self.says)

    def sign_in(self, key: object) -> None:
        self.fails()

    def sync(self, cursor: str) -> SyncPage:
        if cursor not in self.pages:
            raise PlatformRefused("sync_cursor_gone", "")
        return self.pages[cursor]

    def read_seal(self, body: dict[str, Any]) -> PlatformSeal:
        return PlatformSeal(**body)

    def report_usage(self, records: Sequence[tuple[str, str]]) -> list[UsageReceipt]:
        self.batches.append(len(records))
        self.fails()
        return [UsageReceipt(each, (), 0, "", "") for each, _ in records]


def seal_item(**changes: str) -> SyncItem:
    body = {
        "id": "seal-1", "code": CODE, "name": "", "kind": "", "state": "active", "reason": "",
        "seal_sm3": "", "certificate": b"", "certificate_sn": "",
    }  # fmt: skip
    return SyncItem("seal", "x", body | changes)


@pytest.fixture
def platform(office: Office, monkeypatch: pytest.MonkeyPatch) -> Scripted:
    """One empty page; pinning is none of this module's business here."""
    monkeypatch.setattr("app.remote.syncing.platform_record", lambda *_: None)
    monkeypatch.setattr(Cabinet, "pin", lambda *_: None)
    monkeypatch.setattr("app.remote.syncing.follow_registry", lambda *_: 0)
    return Scripted(office, {"": SyncPage((), "1", False)})


def queue(office: Office, count: int) -> None:
    for number in range(count):
        text = f"record {number}"
        office.cabinet.queue_usage(sm3(text.encode()).hex(), text)


def test_all_pages_are_taken(platform: Scripted, office: Office) -> None:
    serial = f"{office.cabinet.seal(CODE).signer.serial:x}"
    platform.pages = {
        "": SyncPage((seal_item(state="suspended", reason="lost"),), "1", True),
        "1": SyncPage((SyncItem("certificate", serial, {"state": "held"}),), "2", True),
        "2": SyncPage((SyncItem("something-new", "x", {}),), "3", False),
    }
    done = synchronise(platform, office.cabinet, office.holder, lambda: NOW)  # type: ignore[arg-type]
    seal = office.cabinet.seal(CODE)
    assert (seal.state, seal.reason, seal.certificate_state) == ("suspended", "lost", "held")
    assert (done.seals, done.records) == (1, 0)


def test_no_platform_speaks_of_another_ones_seals(platform: Scripted, office: Office) -> None:
    seal = office.cabinet.seal(CODE)
    office.cabinet.keep_seal(replace(seal, platform="https://other"))
    serial = f"{seal.signer.serial:x}"
    items = (seal_item(state="cancelled"), SyncItem("certificate", serial, {"state": "revoked"}))
    platform.pages = {"": SyncPage(items, "1", False)}
    synchronise(platform, office.cabinet, office.holder, lambda: NOW)  # type: ignore[arg-type]
    told_of_end(CODE, platform, office.cabinet, NOW)  # type: ignore[arg-type]
    after = office.cabinet.seal(CODE)
    assert (after.state, after.certificate_state) == (seal.state, seal.certificate_state)


def test_a_seal_that_was_never_collected_here_stays_the_platforms(
    platform: Scripted, office: Office
) -> None:
    platform.pages = {"": SyncPage((seal_item(id="seal-9", state="cancelled"),), "1", False)}
    synchronise(platform, office.cabinet, office.holder, lambda: NOW)  # type: ignore[arg-type]
    assert [seal.state for seal in office.cabinet.seals()] == ["active"]


def test_a_held_certificate_is_learnt_without_signing_in(
    platform: Scripted, office: Office
) -> None:
    def no() -> None:
        raise PlatformRefused("certificate_not_valid", "")

    platform.says = {"state": "suspended", "reason": "lost", "certificate_valid": False}
    platform.fails = no
    with pytest.raises(PlatformRefused):
        synchronise(platform, office.cabinet, office.holder, lambda: NOW)  # type: ignore[arg-type]
    seal = office.cabinet.seal(CODE)
    assert (seal.state, seal.certificate_state) == ("suspended", "held")


def test_seals_of_another_platform_are_not_asked_about(platform: Scripted, office: Office) -> None:
    office.cabinet.keep_seal(replace(office.cabinet.seal(CODE), platform="https://other"))
    assert confirm_status(platform, office.cabinet, NOW) == 0  # type: ignore[arg-type]


def test_many_records_go_in_batches_the_platform_takes(platform: Scripted, office: Office) -> None:
    queue(office, 250)
    assert send_usage(platform, office.cabinet) == 250  # type: ignore[arg-type]
    assert platform.batches == [100, 100, 50]
    assert office.cabinet.pending_usage() == []


def test_records_that_did_not_arrive_wait_for_the_next_time(
    platform: Scripted, office: Office
) -> None:
    def silent() -> None:
        raise PlatformUnreachable("https://platform", "timeout")

    queue(office, 3)
    platform.fails = silent
    with pytest.raises(PlatformUnreachable):
        send_usage(platform, office.cabinet)  # type: ignore[arg-type]
    assert len(office.cabinet.pending_usage()) == 3
