"""What the next uses of a lent seal are for is chosen where one stamps, and asked for before the
PIN."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.store.lending import GrantRecord
from crypto.seal.grant import Scope
from tests.world.desk import StandIn
from tests.world.grants import grant_record, signed_grant
from ui.lent_use import LentUse, missing
from ui.stamp.checklist import lent_checks

# The offscreen platform cannot raise windows or hint at sizes, and says so.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")

KINDS, PARTIES = ("采购合同", "租赁合同"), ("甲公司", "乙公司", "丙公司")


def lent(context: StandIn, scope: Scope) -> GrantRecord:
    now = datetime.now(UTC)
    seal = context.company.seals[0]
    made = signed_grant(
        context.company.holder,
        nonce="0" * 16,
        seal_code=seal.code,
        seal_name=seal.name,
        holder=seal.enterprise,
        grantee="王小明",
        valid_from=now - timedelta(days=1),
        valid_until=now + timedelta(days=1),
        scope=scope,
    )
    return grant_record(made, "received", seal_id=seal.id)


def test_each_list_offers_what_the_grant_allows(qtbot: QtBot, tmp_path: Path) -> None:
    grant = lent(StandIn(tmp_path), Scope(KINDS, PARTIES, ""))
    told: list[tuple[str, str, str]] = []
    shown = LentUse(lambda of, name, value: told.append((of.id, name, value)))
    qtbot.addWidget(shown)
    shown.show_grant(grant)
    kind, party = shown.choices["kind"], shown.choices["counterparty"]
    assert [kind.itemText(n) for n in range(kind.count())] == ["请选择", *KINDS]
    assert kind.currentData() == party.currentData() == ""
    shown.resize(500, 100)
    shown.show()
    assert kind.x() == party.x(), "one below the other"
    kind.setCurrentIndex(2)
    kind.activated.emit(2)
    assert told == [(grant.id, "kind", "租赁合同")]
    shown.show_grant(replace(grant, kind="租赁合同", counterparty="丙公司"))
    assert shown.choices["kind"] is kind, "whoever chooses keeps the focus"
    assert (kind.currentData(), party.currentData()) == ("租赁合同", "丙公司")
    shown.show_grant(None)
    assert shown.choices == {}
    assert shown.isHidden()


def test_one_kind_alone_is_no_question(qtbot: QtBot, tmp_path: Path) -> None:
    context = StandIn(tmp_path)
    grant = lent(context, Scope(KINDS[:1], (), ""))
    shown = LentUse(lambda *_: None)
    qtbot.addWidget(shown)
    shown.show_grant(grant)
    assert shown.isHidden()
    assert missing(grant) == ()


def test_what_is_not_chosen_is_said_before_the_pin(tmp_path: Path) -> None:
    context = StandIn(tmp_path)
    grant = lent(context, Scope(KINDS, PARTIES, ""))
    seal = context.company.seals[0]
    seals, grants = {seal.code: seal}, {seal.id: grant}
    said = lent_checks([seal.code], seals, grants)
    assert [check.good for check in said] == [False, False]
    assert "先在印章下面选文件种类" in said[0].text
    grants[seal.id] = replace(grant, kind=KINDS[0], counterparty="别的公司")
    (party,) = lent_checks([seal.code], seals, grants)
    assert "先在印章下面选相对方" in party.text
    grants[seal.id] = replace(grant, kind=KINDS[0], counterparty=PARTIES[1])
    assert lent_checks([seal.code], seals, grants) == []
    assert lent_checks(["elsewhere"], seals, grants) == []
