"""通知: kept once, read or not, each platform's for itself; what a sync changes is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.errors import messages
from app.store import notices as module
from app.store.cabinet import Cabinet, SealRecord
from app.store.news import News, of_authority
from app.store.notices import ACTIONS, said
from tests.world.grants import grant_record, signed_grant
from tests.world.office import Office

ORIGIN = "https://platform"
AT = datetime(2026, 11, 30, 3, 0, tzinfo=UTC)
SUSPENDED = {"seal_code": "32130200000001", "subtype": "contract", "reason": "lost"}


@pytest.fixture
def cabinet() -> Iterator[Cabinet]:
    with Cabinet.in_memory(lambda: AT) as made:
        yield made


@pytest.fixture
def seal(office: Office, cabinet: Cabinet) -> SealRecord:
    known = replace(office.cabinet.seals()[0], platform=ORIGIN)
    cabinet.keep_seal(known)
    return known


def news(cabinet: Cabinet, now: datetime = AT) -> News:
    return News(ORIGIN, cabinet, now)


def told(cabinet: Cabinet) -> list[str]:
    return [each.kind for each in cabinet.notices.all()]


def test_the_same_news_is_kept_once_and_stays_read(cabinet: Cabinet) -> None:
    first = cabinet.notices.keep(ORIGIN, "seal_suspended", SUSPENDED, AT)
    cabinet.notices.mark_read([first.id, "of long ago"])
    again = cabinet.notices.keep(ORIGIN, "seal_suspended", dict(reversed(SUSPENDED.items())), AT)
    assert again.id == first.id
    assert [each.read for each in cabinet.notices.all()] == [True]
    assert cabinet.notices.unread() == []
    cabinet.notices.keep(ORIGIN, "seal_suspended", SUSPENDED, AT + timedelta(days=1))
    assert len(cabinet.notices.unread()) == 1, "it has happened again"


def test_platforms_are_kept_apart(cabinet: Cabinet) -> None:
    for origin in (ORIGIN, "https://other"):
        cabinet.notices.keep(origin, "seal_suspended", SUSPENDED, AT)
    assert {each.platform for each in cabinet.notices.all()} == {ORIGIN, "https://other"}


def test_the_oldest_that_were_read_make_room(
    cabinet: Cabinet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST", 3)
    made = [
        cabinet.notices.keep(ORIGIN, "seal_active", {"seal_code": str(n)}, AT + timedelta(n))
        for n in range(3)
    ]
    cabinet.notices.mark_read([made[1].id])
    cabinet.notices.keep(ORIGIN, "seal_active", {"seal_code": "9"}, AT + timedelta(9))
    assert [each.facts["seal_code"] for each in cabinet.notices.all()] == ["9", "2", "0"]


@pytest.mark.parametrize("language", ["zh_CN", "en"])
def test_every_kind_says_what_happened_what_to_do_and_where(
    cabinet: Cabinet, language: str
) -> None:
    phrases = messages(language)["phrases"]
    assert set(phrases["notice"]) == set(ACTIONS)
    assert {kind for kind in ACTIONS if kind not in phrases["notice_todo"]} == set()
    assert {*ACTIONS.values()} <= set(phrases["notice_action"])
    facts = {**SUSPENDED, "name": "甲公司", "number": "A-1", "date": "2026-12-01"}
    for kind in ACTIONS:
        found = said(cabinet.notices.keep(ORIGIN, kind, facts), language)
        assert "{" not in found.title + found.todo
        assert found.todo
    lost = said(cabinet.notices.keep(ORIGIN, "seal_suspended", SUSPENDED), "zh_CN")
    assert lost.title == "合同专用章 32130200000001 已停用，现在盖的章无效（已挂失）"
    assert lost.todo == "请用新的 Ukey 办理换领。"


def test_what_a_platform_writes_turns_no_text_round(cabinet: Cabinet) -> None:
    made = cabinet.notices.keep(ORIGIN, "authority", {"sender": "po\u202elice", "action": "\n{x}"})
    assert "\u202e" not in said(made, "en").title
    assert "\n" not in said(made, "en").title


def test_changes_of_seals_are_told_also_when_the_sync_fails(
    cabinet: Cabinet, seal: SealRecord
) -> None:
    stopped = replace(seal, state="suspended", reason="licence_revoked")

    def fail() -> None:
        with news(cabinet):
            cabinet.keep_seal(stopped)
            raise RuntimeError("the network")

    with pytest.raises(RuntimeError):
        fail()
    (notice,) = cabinet.notices.unread()
    assert (notice.kind, notice.platform) == ("seal_suspended", ORIGIN)
    assert "市场监管部门" in said(notice, "zh_CN").todo
    with news(cabinet):
        cabinet.keep_seal(replace(stopped, certificate_state="held"))
    with news(cabinet):
        pass
    assert sorted(told(cabinet)) == ["certificate_held", "seal_suspended"]


def test_a_seal_of_another_platform_is_none_of_this_ones_news(
    cabinet: Cabinet, seal: SealRecord
) -> None:
    cabinet.keep_seal(replace(seal, platform="https://other"))
    with news(cabinet):
        cabinet.keep_seal(replace(seal, platform="https://other", state="cancelled"))
    assert told(cabinet) == []


def test_an_authority_on_another_platform_hides_no_change_of_a_seal_with_the_same_code(
    cabinet: Cabinet, seal: SealRecord
) -> None:
    """Two platforms are synchronised at once, or the other one names this one's seals."""
    with news(cabinet):
        other = {"seal_code": seal.code, "subtype": seal.subtype}
        cabinet.notices.keep("https://other", "authority", other, AT)
        cabinet.keep_seal(replace(seal, state="suspended", reason="lost"))
    ours = [each.kind for each in cabinet.notices.all() if each.platform == ORIGIN]
    assert ours == ["seal_suspended"]


def test_an_end_that_comes_near_is_told_once_for_each_step(
    cabinet: Cabinet, seal: SealRecord
) -> None:
    for left in (40, 29, 28, 6, 5):
        with news(cabinet, seal.valid_until - timedelta(days=left)):
            pass
    assert told(cabinet) == ["seal_ends", "seal_ends"]


def test_an_authoritys_own_notice_stands_for_the_change(cabinet: Cabinet, seal: SealRecord) -> None:
    body: dict[str, Any] = {
        "id": "notice_1",
        "sender": "market",
        "number": "SJ-2026-7",
        "action": "suspend",
        "reason": "licence_revoked",
        "seals": [seal.code, "99999999999999"],
        "effective_at": "2026-11-29T01:00:00Z",
    }
    with news(cabinet):
        of_authority(cabinet, ORIGIN, body)
        cabinet.keep_seal(replace(seal, state="suspended", reason="licence_revoked"))
    (notice,) = cabinet.notices.all()
    text = said(notice, "zh_CN").title
    for word in ("市场监管部门通知（SJ-2026-7）", "停用", seal.code, "营业执照已失效"):
        assert word in text, word
    for nonsense in (
        {},
        {"effective_at": "soon"},
        {**body, "seals": "all"},
        {**body, "seals": [7]},
        {**body, "effective_at": "0001-01-01T00:00:00+14:00"},
        {**body, "effective_at": "9999-12-31T23:59:59-14:00"},
        {**body, "effective_at": "2026-11-29T01:00:00"},
    ):
        of_authority(cabinet, ORIGIN, nonsense)
    assert len(cabinet.notices.all()) == 1


def test_applications_and_grants_are_told(cabinet: Cabinet, office: Office) -> None:
    fields = {"seal": "contract", "enterprise": "甲公司"}
    record = cabinet.applications.new("issue", fields, ORIGIN)
    made = signed_grant(office.holder, valid_from=AT, valid_until=AT + timedelta(days=1))
    offered = replace(grant_record(made, "given", state="offered"), platform=ORIGIN)
    cabinet.keep_grant(offered)
    with news(cabinet):
        cabinet.applications.change(record.id, lambda known: replace(known, state="in_review"))
    assert told(cabinet) == [], "nobody must do anything"
    with news(cabinet):
        cabinet.applications.change(record.id, lambda known: replace(known, state="returned"))
        cabinet.keep_grant(replace(offered, state="active"))
    assert sorted(told(cabinet)) == ["application_returned", "grant_accepted"]
    with news(cabinet):
        cabinet.keep_grant(replace(offered, state="revoked", reason="grant_returned", doubled=1))
    assert sorted(told(cabinet))[2:] == ["grant_doubled", "grant_over"]
