"""授权 and 离线预留 through the real client: from the offer to what a stranger sees in the file."""

from __future__ import annotations

import io
import shutil
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app.errors import LeaseRefused
from app.remote.lending import refresh_name
from app.stamping import StampJob, stamp
from crypto.pdf.marks.drawing import Mark
from server_stub.neighbours.adapters import identity_digest
from server_stub.records import store
from server_stub.records.ledger import Transaction
from server_stub.web.serving import RunningServer
from tests.flows.conftest import COMPANY, OTHER_COMPANY
from tests.world.applicant import citizen_number, credit_code
from tests.world.clerk import PIN, SO_PIN, Clerk, enrolled, excerpt
from tests.world.waiting import until

DAY = timedelta(days=1)


def in_time(left: timedelta) -> str:
    return (datetime.now(UTC) + left).isoformat()


def offered(clerk: Clerk, to: str, *terms: str, left: timedelta = 5 * DAY) -> dict[str, Any]:
    made = clerk("grant", "offer", "--to", to, "--until", in_time(left), *terms, "--json")
    assert made.code == 0, made.err
    facts: dict[str, Any] = made.json
    return facts


def accepted(clerk: Clerk, code: str, *more: str) -> dict[str, Any]:
    made = clerk("grant", "accept", code, *more, "--yes", "--json")
    assert made.code == 0, made.err
    facts: dict[str, Any] = made.json
    return facts


def contract(folder: Path, name: str = "合同.pdf") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(excerpt(2))
    return path


def lent_seal(clerk: Clerk, grant: dict[str, Any]) -> str:
    """Code of the copy that came with *grant*."""
    with clerk.desk() as desk:
        seals = desk.cabinet.seals()
        return next(s.code for s in seals if s.grant and s.grant.grant.id == grant["id"])


def clerk_seals(clerk: Clerk) -> list[str]:
    return [seal["code"] for seal in clerk("seal", "list", "--json").json if not seal["lent"]]


def stamped(clerk: Clerk, seal: str, name: str, *more: str) -> Path:
    source = contract(clerk.folder, name)
    made = clerk("stamp", source, "--seal", seal, "--at", "1:100,100", *more)
    assert made.code == 0, made.err
    return source.with_name(f"{source.stem}_已盖章.pdf")


def newcomer(folder: Path) -> Clerk:
    """Somebody with a new key and an empty computer."""
    clerk = Clerk(folder)
    made = clerk("token", "init", "--virtual", "--pin-stdin", stdin=f"{SO_PIN}\n{PIN}\n")
    assert made.code == 0, made.err
    return clerk


def test_somebody_who_never_heard_of_the_program_stamps_a_contract(
    clerk: Clerk, city: RunningServer, stranger: Clerk, root_pem: Path, tmp_path: Path
) -> None:
    """An offer comes by mail, its code by telephone. The receiver of the contract has nothing but
    the platform's root, and is offline."""
    offer = offered(clerk, "周文博", "--uses", "2", "--kind", "合同")
    guest = newcomer(tmp_path / "guest")
    grant = accepted(
        *(guest, offer["code"], "--platform", city.url),
        *("--name", "周文博", "--id-no", citizen_number(811)),
    )
    assert (grant["state"], grant["left"], grant["holder"]) == ("active", 2, COMPANY)
    seal = lent_seal(guest, offer)
    for args in (("list",), ("show", seal)):
        assert "（受托使用）" in guest("seal", *args).out
        assert (
            "（受托使用）" not in clerk("seal", args[0], *clerk_seals(clerk)[: len(args) - 1]).out
        )
    assert guest("seal", "show", seal, "--json").json["lent"] is True
    file = stamped(guest, seal, "合同.pdf")

    seen = stranger("verify", file, "--trust", root_pem, "--offline")
    assert seen.code == 0, seen.out
    for word in ("授权签章人：周文博", COMPANY, "第 1 次使用，共可使用 2 次", "文件种类：合同"):
        assert word in seen.out
    # so says the package that he is given: with the copy's history and the lent seal's, proved
    package = tmp_path / "证据.zip"
    assert guest("evidence", file, "-o", package).code == 0
    told = stranger("evidence", "--check", package, "--trust", root_pem)
    assert told.code == 0, told.out
    for code in (seal, clerk.seal):
        assert f"印章 {code}，截至" in told.out
    with zipfile.ZipFile(package) as opened:
        assert "周文博" in opened.read("signature-1/grant-terms.json").decode()
    english = stranger("verify", file, "--trust", root_pem, "--offline", LANGUAGE="en")
    assert "Authorised signer: 周文博, by grant of" in english.out

    stamped(guest, seal, "第二份.pdf")
    third = guest("stamp", contract(tmp_path), "--seal", seal, "--at", "1:100,100")
    assert third.code == 10
    assert "E-303" in third.err
    assert not (tmp_path / "合同_已盖章.pdf").exists()
    until(lambda: grant_of(clerk, offer["id"], sync=True)["state"] == "exhausted", "it ends", 20)
    # all of it stays good: every leave was within the number
    assert guest("verify", file).code == 0


def grant_of(clerk: Clerk, identity: str, *, sync: bool = False) -> dict[str, Any]:
    if sync:
        assert clerk("sync").code == 0
    facts: dict[str, Any] = clerk("grant", "show", identity, "--json").json
    return facts


def test_withdrawn_at_once(
    clerk: Clerk, other_clerk: Clerk, stranger: Clerk, root_pem: Path
) -> None:
    """What has a time stamp from before stays good; without one nobody knows when it was sealed."""
    offer = offered(clerk, OTHER_COMPANY)
    accepted(other_clerk, offer["code"])
    seal = lent_seal(other_clerk, offer)
    with_stamp = stamped(other_clerk, seal, "甲.pdf")
    without = stamped(other_clerk, seal, "乙.pdf", "--timestamp", "none")
    ended = clerk("grant", "withdraw", offer["id"], "--json")
    assert (ended.code, ended.json["reason"]) == (0, "grant_withdrawn")
    refused = other_clerk(
        "stamp", contract(other_clerk.folder), "--seal", seal, "--at", "1:100,100"
    )
    assert refused.code != 0
    # the file alone does not know of it; whoever asks the platform does
    alone = ("--trust", str(root_pem), "--offline")
    assert stranger("verify", with_stamp, *alone).code == 0
    assert stranger("verify", without, *alone).code == 0
    assert clerk("sync").code == 0
    assert clerk("verify", with_stamp).code == 0
    asked = clerk("verify", without)
    assert asked.code == 2
    assert "该授权已于" in asked.out
    # a second keeper who has not heard of it withdraws as well, and is told how it stands
    again = clerk("grant", "withdraw", offer["id"], "--json")
    assert (again.code, again.json["state"]) == (0, "revoked")


def test_ended_by_time(clerk: Clerk, other_clerk: Clerk) -> None:
    end = datetime.now(UTC) + timedelta(seconds=12)
    offer = offered(clerk, OTHER_COMPANY, left=end - datetime.now(UTC))
    accepted(other_clerk, offer["code"])
    seal = lent_seal(other_clerk, offer)
    file = stamped(other_clerk, seal, "丙.pdf")
    until(lambda: datetime.now(UTC) > end, "its term", 60)
    until(lambda: grant_of(clerk, offer["id"], sync=True)["state"] == "expired", "it ends", 60)
    refused = other_clerk(
        "stamp", contract(other_clerk.folder), "--seal", seal, "--at", "1:100,100"
    )
    assert refused.code == 10
    assert other_clerk("verify", file).code == 0


def test_ended_with_the_legal_representative(
    other_clerk: Clerk, city: RunningServer, tmp_path: Path
) -> None:
    code, name = credit_code(), "宿迁市古黄河园林有限公司"
    boss = enrolled(tmp_path / "boss", city.url, code, name).clerk
    offer = offered(boss, OTHER_COMPANY)
    accepted(other_clerk, offer["code"])
    number = citizen_number(402)
    city.platform.city.take_in_person("孙明远", number)
    changed = {"legal_rep": "孙明远", "legal_rep_sm3": identity_digest(number)}
    city.platform.city.change(code, **changed)
    made = boss(
        *("enroll", "--uscc", code, "--name", name, "--legal-rep", "孙明远"),
        *("--handler", "李晓梅", "--handler-id", citizen_number(), "--phone", "13800000000"),
        *("--kind", "contract"),
    )
    assert made.code == 0, made.err
    ended = grant_of(boss, offer["id"], sync=True)
    assert (ended["state"], ended["reason"]) == ("revoked", "legal_rep_changed")
    assert other_clerk("sync").code == 0
    shown = other_clerk("grant", "show", offer["id"])
    assert "法定代表人变更" in shown.out


def test_what_no_grant_can_be(clerk: Clerk, other_clerk: Clerk) -> None:
    for terms in (("--uses", "1", "--offline", "2"), ("--hours", "8-18"), ("--to", " ")):
        until_then = in_time(DAY)
        made = clerk("grant", "offer", "--to", "某人", "--until", until_then, *terms)
        assert (made.code, "E-310" in made.err) == (64, True), terms
    past = clerk("grant", "offer", "--to", "某人", "--until", in_time(-DAY))
    assert "E-310" in past.err
    wrong = other_clerk("grant", "accept", "no-such-code-here")
    assert "E-311" in wrong.err
    assert other_clerk("grant", "list").out == "没有授权。\n"


def test_for_somebody_else_it_is_refused(clerk: Clerk, other_clerk: Clerk) -> None:
    offer = offered(clerk, "另一家公司")
    refused = other_clerk("grant", "accept", offer["code"], "--yes")
    assert refused.code != 0
    assert "这项授权是给别人的" in refused.err


class Terminal(io.StringIO):
    """Somebody sits there."""

    def isatty(self) -> bool:
        return True


def test_the_terms_are_shown_before_the_pin_and_somebody_says_yes(
    clerk: Clerk, other_clerk: Clerk, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer = offered(clerk, OTHER_COMPANY, "--kind", "报价单", "--uses", "7")
    accept = ("grant", "accept", offer["code"])
    alone = other_clerk(*accept)
    assert alone.code == 64
    for said in (OTHER_COMPANY, COMPANY, "报价单", "次数: 7", "--yes"):
        assert said in alone.err
    monkeypatch.setattr(io, "StringIO", Terminal)
    declined = other_clerk(*accept, stdin="否\n")
    assert (declined.code, "接受以上授权条款吗" in declined.err) == (130, True)
    assert grant_of(clerk, offer["id"], sync=True)["state"] == "offered"
    assert other_clerk(*accept, stdin="是\n").code == 0
    assert grant_of(clerk, offer["id"], sync=True)["state"] == "active"


def test_a_grant_for_several_kinds_asks_for_which(clerk: Clerk, other_clerk: Clerk) -> None:
    offer = offered(clerk, OTHER_COMPANY, "--kind", "合同", "--kind", "报价单")
    accepted(other_clerk, offer["code"])
    seal = lent_seal(other_clerk, offer)
    source = contract(other_clerk.folder)
    asked = other_clerk("stamp", source, "--seal", seal, "--at", "1:100,100")
    assert "要先说明这次是哪一种" in asked.err
    outside = other_clerk("stamp", source, "--seal", seal, "--at", "1:100,100", "--kind", "保函")
    assert "不在授权范围内" in outside.err
    assert other_clerk("grant", "use", offer["id"], "--kind", "报价单").code == 0
    assert "报价单" in stampable(other_clerk, seal, source)


def stampable(clerk: Clerk, seal: str, source: Path) -> str:
    made = clerk("stamp", source, "--seal", seal, "--at", "1:100,100")
    assert made.code == 0, made.err
    return made.out


# ---------------------------------------------------------------- without the platform


def test_offline_is_for_as_many_uses_as_were_reserved(
    clerk: Clerk, other_clerk: Clerk, stranger: Clerk, root_pem: Path
) -> None:
    offer = offered(clerk, OTHER_COMPANY, "--uses", "3", "--offline", "2")
    accepted(other_clerk, offer["code"])
    seal = lent_seal(other_clerk, offer)
    file = stamped(other_clerk, seal, "一.pdf", "--offline")
    stamped(other_clerk, seal, "二.pdf", "--offline")
    third = contract(other_clerk.folder, "三.pdf")
    refused = other_clerk("stamp", third, "--seal", seal, "--at", "1:100,100", "--offline")
    assert "E-308" in refused.err
    # the file alone cannot tell whether the grant was withdrawn meanwhile
    seen = stranger("verify", file, "--trust", root_pem, "--offline")
    assert seen.code == 2
    assert "需联网查询平台" in seen.out
    assert other_clerk("sync").code == 0
    told = other_clerk("verify", file)
    assert told.code == 0, told.out
    assert grant_of(clerk, offer["id"], sync=True)["used"] == 3  # one more was reserved


def stamp_here(clerk: Clerk, now: datetime, name: str) -> Path:
    """Stamp offline as if it were *now*."""
    with clerk.desk() as desk, desk.token().login(PIN) as session:
        seal = desk.cabinet.seal(clerk.seal)
        source = contract(clerk.folder, name)
        done = stamp(
            StampJob(source, seal.code, (Mark(0, 60.0, 60.0, 40.0, 40.0),)),
            key=desk.holder_key(session),
            cabinet=desk.cabinet,
            journal=desk.journal,
            trust=desk.trust(),
            leases=desk.lending.book,
            clock=lambda: now,
            offline_limit=timedelta(days=30),
        )
        return done.path


def test_a_week_offline_with_a_clock_set_back(clerk: Clerk) -> None:
    assert clerk("sync").code == 0
    now = datetime.now(UTC)
    stamp_here(clerk, now + timedelta(hours=20), "周一.pdf")
    with pytest.raises(LeaseRefused) as refused:  # the lease is over; so the clock is set back
        stamp_here(clerk, now + 3 * DAY, "周三.pdf")
    assert refused.value.reason == "over"
    with pytest.raises(LeaseRefused) as refused:
        stamp_here(clerk, now + timedelta(hours=1), "周四.pdf")
    assert refused.value.reason == "clock"
    assert not list(clerk.folder.glob("周四_*"))
    stamp_here(clerk, now + timedelta(hours=21), "周五.pdf")
    assert clerk("sync").code == 0


def test_a_cabinet_that_was_put_back_is_refused(clerk: Clerk, tmp_path: Path) -> None:
    """The folder alone: the secret store knows better. Without a keyring both lie in one home, so
    the cabinet's file stands for the folder here."""
    assert clerk("sync").code == 0
    (cabinet,) = clerk.home.rglob("cabinet.db")
    kept = tmp_path / "kept"
    shutil.copy(cabinet, kept)
    now = datetime.now(UTC)
    stamp_here(clerk, now, "一.pdf")
    for beside in cabinet.parent.glob("cabinet.db-*"):
        beside.unlink()
    shutil.copy(kept, cabinet)
    with pytest.raises(LeaseRefused) as refused:
        stamp_here(clerk, now, "二.pdf")
    assert refused.value.reason == "disagrees"
    assert clerk("sync").code == 0  # and all is well again
    stamp_here(clerk, now + timedelta(minutes=1), "三.pdf")


def test_a_whole_computer_put_back_is_found_and_both_sides_are_told(
    clerk: Clerk, other_clerk: Clerk, tmp_path: Path
) -> None:
    offer = offered(clerk, OTHER_COMPANY, "--offline", "3")
    accepted(other_clerk, offer["code"])
    seal = lent_seal(other_clerk, offer)
    yesterday = other_clerk.copied(tmp_path / "yesterday")
    stamped(other_clerk, seal, "一.pdf", "--offline")
    assert other_clerk("sync").code == 0
    stamped(yesterday, seal, "二.pdf", "--offline")
    told = yesterday("sync")
    assert told.code == 0
    assert "同一次数用了两次" in told.out
    assert grant_of(clerk, offer["id"], sync=True)["doubled"] == 1
    assert grant_of(yesterday, offer["id"])["doubled"] == 1


# ---------------------------------------------------------------- reports go by themselves


def test_what_was_stamped_online_is_reported_without_being_asked(clerk: Clerk) -> None:
    contract_file = contract(clerk.folder)
    assert clerk("stamp", contract_file, "--at", "1:100,100").code == 0
    with clerk.desk() as desk:
        assert desk.cabinet.waiting_usage() == 0


def test_what_was_stamped_offline_is_reported_later_without_the_pin(clerk: Clerk) -> None:
    assert clerk("sync").code == 0
    stamp_here(clerk, datetime.now(UTC), "离线.pdf")
    with clerk.desk() as desk:
        assert desk.cabinet.waiting_usage() == 1
        assert desk.report_later().sent == 1
        assert desk.cabinet.waiting_usage() == 0
        assert desk.report_later().sent == 0


def test_what_was_used_in_a_keepers_term_is_told_after_it_and_the_cabinet_gets_empty(
    city: RunningServer, tmp_path: Path
) -> None:
    uscc, name = credit_code(), "宿迁市任满物业有限公司"
    keeper = enrolled(tmp_path / "keeper", city.url, uscc, name).clerk
    assert keeper("sync").code == 0
    stamp_here(keeper, datetime.now(UTC), "离任前一.pdf")
    stamp_here(keeper, datetime.now(UTC), "离任前二.pdf")

    def end(tx: Transaction) -> None:
        enterprise = select(store.Enterprise.id).where(store.Enterprise.uscc == uscc)
        held = select(store.Appointment).where(
            store.Appointment.enterprise_id == enterprise.scalar_subquery()
        )
        for row in tx.session.scalars(held):
            row.until = tx.now

    city.platform.ledger.write(end).result()
    with keeper.desk() as desk:
        first, _ = desk.cabinet.pending_usage()
        assert desk.report_later().sent == 2
        assert desk.cabinet.waiting_usage() == 0
        kept = desk.cabinet.usage(first.id)
        assert kept is not None
        assert '"flags": []' in kept.receipt
        desk.lending.store.remove(refresh_name(desk.cabinet.seal(keeper.seal).certificate))
    stamp_here(keeper, datetime.now(UTC), "离任后.pdf")
    with keeper.desk() as desk:
        (late,) = desk.cabinet.pending_usage()
    keeper("sync")  # what else he may do, other seals decide: the use is told, and marked
    with keeper.desk() as desk:
        assert desk.cabinet.waiting_usage() == 0
        kept = desk.cabinet.usage(late.id)
        assert kept is not None
        assert "outside_term" in kept.receipt


def test_a_computer_that_may_not_report_waits_for_the_key(clerk: Clerk) -> None:
    from app.remote.lending import forget_refresh_tokens

    assert clerk("sync").code == 0
    with clerk.desk() as desk, desk.token().login(PIN) as session:
        key = desk.holder_key(session)
        platform = desk.platform()
        platform.sign_in(key)
        forget_refresh_tokens(platform, desk.lending.store, [key.certificate])
    stamp_here(clerk, datetime.now(UTC), "离线.pdf")
    with clerk.desk() as desk:
        assert desk.report_later().sent == 0
        assert desk.cabinet.waiting_usage() == 1
    assert clerk("sync").code == 0
    with clerk.desk() as desk:
        assert desk.cabinet.waiting_usage() == 0
