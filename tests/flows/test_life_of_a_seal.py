"""One company's life with its seals, through the real client: made, used, replaced, renewed, ended
by the police, cancelled on its own request; and a person's own seal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from server_stub.changing import cancelling
from server_stub.policy import Actor
from server_stub.records import store
from server_stub.records.ledger import Transaction
from server_stub.seals import lifecycle
from server_stub.web.serving import RunningServer
from tests.world.applicant import citizen_number, credit_code, number_of
from tests.world.clerk import PIN, SO_PIN, Clerk, enrolled, excerpt
from tests.world.notices import notice
from tests.world.staff import employ
from tests.world.waiting import next_second

FINDINGS = dict.fromkeys(("lawful", "complete", "authentic", "reasonable"), True)
OPERATOR = Actor("operator", "operator-01", frozenset({"operator"}))
HANDLER = (
    *("--legal-rep", "王建国", "--handler", "李晓梅", "--handler-id", citizen_number()),
    *("--phone", "0527-84350000"),
)


def sealed(clerk: Clerk, folder: Path, name: str, seal: str) -> Path:
    """A contract under that seal; what becomes of the seal comes in another second."""
    (folder / f"{name}.pdf").write_bytes(excerpt(1))
    done = folder / f"{name}_已盖章.pdf"
    answer = clerk("stamp", folder / f"{name}.pdf", "-o", done, "--seal", seal, "--at", "1:100,100")
    assert answer.code == 0, answer.err
    next_second()
    return done


def states(clerk: Clerk) -> dict[str, tuple[str, str]]:
    return {
        each["code"]: (each["state"], each["reason"])
        for each in clerk("seal", "list", "--json").json
    }


def test_one_company_from_its_application_to_the_package_of_evidence(
    city: RunningServer, root_pem: Path, tmp_path: Path
) -> None:
    uscc, register = credit_code(), city.platform.city
    clerk = enrolled(tmp_path / "clerk", city.url, uscc, "宿迁市古黄河酿造有限公司").clerk
    first = clerk.seal
    before = sealed(clerk, tmp_path, "去年的合同", first)

    # the register knows another name, the police another seal: the electronic one is replaced
    name = "宿迁市古黄河酒业股份有限公司"
    order = ("seal", "reissue", first, "--name", name, "--cause", "name_changed", *HANDLER)
    early = clerk(*order, "--wait", "300")
    assert "登记的企业名称没有变更" in early.out
    register.change(uscc, name=name)
    filed = register.filed_seal(uscc, "official")
    assert filed is not None
    register.change_seal(filed.code, status="cancelled")
    register.file_seal(uscc, "official")
    done = clerk(*order)
    assert done.code == 0, done.err
    assert done.out.count("印章") >= 1
    known = states(clerk)
    assert known.pop(first) == ("cancelled", "replaced")
    ((second, state),) = known.items()
    assert state == ("active", "")
    refused = clerk("stamp", tmp_path / "去年的合同.pdf", "--seal", first, "--at", "1:100,100")
    assert refused.code != 0
    judged = clerk("verify", before)
    assert judged.code == 0, judged.out
    assert f"由印章 {second} 取代" in judged.out

    # renewed: the same seal, another certificate, when it is taken
    renewed = clerk("seal", "renew", second, *HANDLER)
    assert renewed.code == 0, renewed.err
    assert states(clerk)[second] == ("active", "")
    after = sealed(clerk, tmp_path, "今年的合同", second)
    assert clerk("verify", after).code == 0
    assert clerk("sync").code == 0

    # the police cancel the physical seal: nobody stamps any more, what was sealed stays good
    reason = "physical_seal_cancelled"
    told = notice(city, "police", "cancel", second, reason)
    assert (told.status_code, told.json()["state"]) == (201, "applied"), told.text
    late = clerk("stamp", tmp_path / "去年的合同.pdf", "--seal", second, "--at", "1:100,100")
    assert late.code != 0
    clerk("sync")  # nobody signs in with this key any more, but what became of the seals is told
    assert states(clerk)[second] == ("cancelled", reason)
    for contract in (before, after):
        judged = clerk("verify", contract)
        assert judged.code == 0, judged.out
    assert "不影响此前的签章" in judged.out
    package = tmp_path / "证据.zip"
    made = clerk("evidence", after, "-o", package)
    assert made.code == 0, made.err
    assert clerk("evidence", "--check", package).code == 0

    # the package of the old contract proves from the registry alone what became of its seal
    assert clerk("evidence", before, "-o", tmp_path / "旧.zip").code == 0
    told = clerk("evidence", "--check", tmp_path / "旧.zip", "--trust", root_pem)
    assert told.code == 0, told.out
    assert f"印章 {first}，截至" in told.out
    assert f"可用 → 已注销 · 已换领 · {second}" in told.out
    assert f"印章 {second}，截至" in told.out


def test_a_seal_that_has_expired_is_renewed_with_the_representatives_consent(
    city: RunningServer, tmp_path: Path
) -> None:
    uscc, company, number = credit_code(), "宿迁市续期包装有限公司", number_of("王建国")
    city.platform.city.register(
        uscc, company, "王建国", legal_rep_id=number, trusts=[("李晓梅", citizen_number())]
    )
    clerk = enrolled(tmp_path / "clerk", city.url, uscc, company).clerk

    def expire(tx: Transaction) -> None:
        seal = tx.session.scalars(
            select(store.Seal).where(store.Seal.seal_code == clerk.seal)
        ).one()
        lifecycle.change(tx, seal, "expire", "clock", reason="expired", effective_at=tx.now)
        tx.session.get_one(store.Certificate, seal.certificate_sn).state = "expired"

    city.platform.ledger.write(expire).result()
    clerk("sync")  # nobody signs in with this certificate any more, but what became of it is told
    assert states(clerk)[clerk.seal] == ("expired", "expired")
    told = clerk("notices").out
    assert f"法定名称章 {clerk.seal} 已到期" in told
    assert "请办理续期" in told
    refused = clerk("seal", "renew", clerk.seal, *HANDLER, "--proof", "seal", "--wait", "300")
    assert "该印章现用的证书已失效" in refused.out
    (early,) = [e for e in clerk("application", "list", "--json").json if e["kind"] == "renew"]
    assert early["state"] == "returned"
    renewed = clerk("seal", "renew", clerk.seal, *HANDLER)
    assert renewed.code == 0, renewed.err
    assert states(clerk)[clerk.seal] == ("active", "")
    next_second()
    assert clerk("verify", sealed(clerk, tmp_path, "续期以后的合同", clerk.seal)).code == 0

    # once more, and this time he signs with his personal certificate, on a Ukey of his own
    city.platform.ledger.write(expire).result()
    clerk("sync")
    ours, his = personal_key(clerk, city, "王建国", number)
    order = ("seal", "renew", clerk.seal, *HANDLER, "--proof", "legal_rep", "--token", ours)
    asked = clerk(*order)
    assert "application sign" in asked.out, asked.err
    (open_one,) = [
        each
        for each in clerk("application", "list", "--json").json
        if each["kind"] == "renew" and each["state"] == "draft"
    ]
    signed = clerk("application", "sign", open_one["id"], "--token", his)
    assert signed.code == 0, signed.err
    renewed = clerk(*order)
    assert renewed.code == 0, renewed.err
    assert states(clerk)[clerk.seal] == ("active", "")


def personal_key(clerk: Clerk, city: RunningServer, name: str, number: str) -> tuple[str, str]:
    """A second Ukey with a certificate of the person alone; gives the serial numbers of both."""
    init = clerk("token", "init", "--virtual", "--pin-stdin", stdin=f"{SO_PIN}\n{PIN}\n")
    assert init.code == 0, init.err
    with clerk.desk() as desk:
        first, second = (token.info.serial for token in desk.tokens())
        with desk.token(second).login(PIN) as session:
            key = session.generate_key("sm2", "personal")
            certificate = city.platform.city.certify_person(name, number, key.public_key)
            session.store_certificate(certificate, "personal", key.key_id)
    return first, second


def test_a_company_that_ends_cancels_its_seal_under_that_seal(
    city: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uscc = credit_code()
    clerk = enrolled(tmp_path / "clerk", city.url, uscc, "宿迁市运河航运有限公司").clerk
    contract = sealed(clerk, tmp_path, "合同", clerk.seal)
    request = tmp_path / "注销申请书.pdf"
    order = ("seal", "cancel", clerk.seal, "--cause", "enterprise_deregistered", "--out", request)
    with monkeypatch.context() as misbehaving:  # the platform hands out a contract to be sealed
        misbehaving.setattr(cancelling, "write", lambda *_: excerpt(1))
        refused = clerk(*order, *HANDLER, "--wait", "0")
    assert refused.code != 0
    assert not request.exists()
    asked = clerk(*order, *HANDLER, "--wait", "0")
    assert asked.code == 0, asked.err
    assert clerk("verify", request).code == 0  # what the company has asked for, under its seal
    (record,) = [
        each for each in clerk("application", "list", "--json").json if each["kind"] == "cancel"
    ]
    reviewers = [employ(city, "reviewer") for _ in range(2)]
    path = f"/v1/applications/{record['platform_id']}"
    reviewers[0].call("POST", f"{path}/claim", {})
    assert states(clerk)[clerk.seal] == ("active", "")
    for each in reviewers:
        each.call("GET", f"{path}/materials/request")
        assert each.call("POST", f"{path}/approve", FINDINGS).status_code == 200
    city.worker.wake()
    again = clerk(*order[:-2], *HANDLER, "--wait", "300")
    assert again.code == 0, again.err
    assert "已办结" in again.out
    assert states(clerk)[clerk.seal] == ("cancelled", "enterprise_deregistered")
    judged = clerk("verify", contract)
    assert judged.code == 0, judged.out
    assert "注销" in judged.out
    for each in reviewers:
        each.http.close()


def test_a_person_applies_for_a_seal_of_her_own(city: RunningServer, tmp_path: Path) -> None:
    clerk, name = Clerk(tmp_path / "clerk"), "周小舟"
    number, register = number_of(name), city.platform.city
    register.take_in_person(name, number)
    for _ in range(2):  # one for the seal, one that an authority certified
        init = clerk("token", "init", "--virtual", "--pin-stdin", stdin=f"{SO_PIN}\n{PIN}\n")
        assert init.code == 0, init.err
    with clerk.desk() as desk:
        ours, theirs = (token.info.serial for token in desk.tokens())
        with desk.token(theirs).login(PIN) as session:
            key = session.generate_key("sm2", "personal")
            certificate = register.certify_person(name, number, key.public_key)
            session.store_certificate(certificate, "personal", key.key_id)
    new = clerk(
        *("application", "new", "--platform", city.url, "--kind", "personal", "--shape", "round"),
        *("--handler", name, "--handler-id", number, "--phone", "13800000000"),
        *("--proof", "personal", "--token", ours),
    )
    assert new.code == 0, new.err
    assert "application sign" in new.out
    (record,) = clerk("application", "list", "--json").json
    identity = record["id"]
    assert clerk("application", "sign", identity, "--token", theirs).code == 0
    sent = clerk("application", "continue", identity, "--token", ours)
    assert sent.code == 0, sent.err
    taken: Any = None
    for _ in range(100):
        taken = clerk("application", "collect", identity, "--token", ours)
        if taken.code == 0:
            break
    assert taken.code == 0, taken.err
    (seal,) = clerk("seal", "list", "--json").json
    assert seal["name"] == name
    own = replace(clerk, seal=seal["code"])
    (tmp_path / "声明.pdf").write_bytes(excerpt(1))
    done = tmp_path / "声明_已盖章.pdf"
    stamped = own(
        *("stamp", tmp_path / "声明.pdf", "-o", done, "--seal", own.seal, "--at", "1:100,100"),
        *("--token", ours),
    )
    assert stamped.code == 0, stamped.err
    assert own("verify", done).code == 0
    assert own("sync", "--token", ours, "--platform", city.url).code == 0
