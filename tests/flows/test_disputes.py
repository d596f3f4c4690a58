"""提出异议: from the objection to the evidence, by strangers and by holders of a seal; what the
owner of the seal may keep to itself stays with the platform."""

from __future__ import annotations

import io
import json
import os
import zipfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from app.errors import (
    OutputExists,
    PlatformRefused,
    PlatformUnreachable,
    PlatformUntrusted,
    UsageError,
)
from app.remote.disputes import DisputeReceipt, fetch_evidence, open_dispute, state_of
from app.remote.platform_account import PlatformClient
from crypto.algorithms.gm import sm3
from crypto.owner_only import exposed
from crypto.seal.structure import Seal as SealData
from server_stub.__main__ import main as server_command
from server_stub.records.store import Dispute, Seal, SealChange
from server_stub.web.serving import RunningServer
from tests.world.clerk import PIN, Answer, Clerk, excerpt
from tests.world.holding import held
from tests.world.waiting import until


def objected(who: Clerk, document: Path, seal: str, receipt: Path, *more: str | Path) -> Answer:
    return who(
        *("dispute", document, "--seal", seal, "--reason", "本单位未盖过此章"),
        *("--contact", "0527-12345678", "-o", receipt, *more),
    )


def ready(receipt: DisputeReceipt, platform: PlatformClient) -> None:
    """Wait until the platform's worker has gathered."""
    until(lambda: state_of(receipt, platform).evidence_ready, "nothing was gathered")


@pytest.fixture
def objector(stranger: Clerk, city: RunningServer) -> Clerk:
    """Somebody without key or seal, whose settings name the platform."""
    return replace(stranger, settings={"PLATFORM_URL": city.url})


@pytest.fixture
def receipt(objector: Clerk, clerk: Clerk, stamped: Path, tmp_path: Path) -> DisputeReceipt:
    path = tmp_path / "receipt.json"
    said = objected(objector, stamped, clerk.seal, path)
    assert said.code == 0, said.err
    assert str(path) in said.out
    return DisputeReceipt.load(path)


def changes_of(city: RunningServer, clerk: Clerk) -> int:
    """How often the seal, which other tests of this process use as well, has changed."""
    with city.platform.reading() as session:
        same = SealChange.seal_id == Seal.id
        rows = select(SealChange).join(Seal, same).where(Seal.seal_code == clerk.seal)
        return len(session.scalars(rows).all())


def test_a_stranger_objects_and_gets_the_platforms_evidence(
    objector: Clerk,
    receipt: DisputeReceipt,
    clerk: Clerk,
    city: RunningServer,
    stamped: Path,
    tmp_path: Path,
) -> None:
    path = tmp_path / "receipt.json"
    assert not exposed(path)
    assert receipt.document_sm3 == sm3(stamped.read_bytes()).hex()
    assert not receipt.signed
    with PlatformClient(city.url) as platform:
        ready(receipt, platform)
    assert "已备好" in objector("dispute", path, "--status").out
    said = objector("dispute", path, "--fetch", tmp_path / "evidence.zip")
    assert said.code == 0, said.err
    assert f"{changes_of(city, clerk)} 条" in said.out  # made, collected, and what others did
    with zipfile.ZipFile(tmp_path / "evidence.zip") as package:
        statement = json.loads(package.read("statement.json"))
    assert statement["reason"] == "本单位未盖过此章"
    assert statement["seal_code"] == clerk.seal


def test_nothing_of_the_seals_owner_is_in_a_public_package(
    receipt: DisputeReceipt, clerk: Clerk, city: RunningServer, stamped: Path, tmp_path: Path
) -> None:
    assert (
        clerk("sync").code == 0
    )  # the platform learns of uses, this document's perhaps among them
    with PlatformClient(city.url) as platform:
        ready(receipt, platform)
        done = fetch_evidence(receipt, tmp_path / "e.zip", platform=platform)
    with zipfile.ZipFile(done.path) as package:
        members = {name: package.read(name) for name in package.namelist()}
    assert set(members) == {
        *("README.txt", "manifest.json", "manifest.tst", "statement.json", "dispute.json"),
        *("registry.json", "status.der", "crls/issuing.crl"),
        *(f"certificates/{name}.crt" for name in city.platform.authority._keys),
    }
    with clerk.desk() as desk:
        record = desk.cabinet.seal(clerk.seal)
        data = SealData.parse(record.data)
    everything = b"".join(members.values())
    for secret in (
        *(record.name, "宿迁市云杉软件有限公司", "李晓梅", "王建国", record.id),
        *("usage-v1", "ticket-v1", "actor", "enterprise"),
    ):
        assert secret.encode() not in everything, secret
    assert data.picture not in everything
    assert record.certificate not in everything
    assert {
        json.loads(e["record"])["type"] for e in json.loads(members["registry.json"])["entries"]
    } == {"seal-event-v1"}


def test_a_holder_may_sign_the_objection(
    clerk: Clerk, other_clerk: Clerk, city: RunningServer, stamped: Path, tmp_path: Path
) -> None:
    path = tmp_path / "receipt.json"
    said = objected(other_clerk, stamped, clerk.seal, path, "--signed", "--name", "洪泽湖水产")
    assert said.code == 0, said.err
    receipt = DisputeReceipt.load(path)
    assert receipt.signed
    record = json.loads(receipt.record)
    with other_clerk.desk() as desk:
        assert record["signer"] == f"{desk.cabinet.seal(other_clerk.seal).signer.serial:x}"
    assert record["signature"]


def test_staff_look_hand_over_and_close(
    receipt: DisputeReceipt,
    clerk: Clerk,
    city: RunningServer,
    stamped: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    own = tmp_path / "own.zip"
    assert clerk("evidence", stamped, "-o", own).code == 0
    folder = ("--dir", str(city.platform.settings.directory))
    with PlatformClient(city.url) as platform:
        ready(receipt, platform)
        platform.enclose(receipt.id, receipt.secret, own.read_bytes())
        platform.enclose(receipt.id, receipt.secret, own.read_bytes())  # again: no harm
        with pytest.raises(PlatformRefused) as raised:
            platform.enclose(receipt.id, receipt.secret, own.read_bytes() + b"\0")
        assert raised.value.problem == "illegal_transition"
        capsys.readouterr()
        assert server_command(["dispute", "list", *folder]) == 0
        rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [row["state"] for row in rows if row["id"] == receipt.id] == ["evidence_ready"]
        assert server_command(["dispute", "show", receipt.id, *folder]) == 0
        assert json.loads(capsys.readouterr().out)["statement"]["contact"] == "0527-12345678"
        out = tmp_path / "all.zip"
        words = ("dispute", "hand-over", receipt.id, *folder, "--note", "移交公安机关")
        assert server_command([*words]) == 1  # no file
        assert server_command([*words, "--out", str(out)]) == 0
        assert server_command([*words, "--out", str(tmp_path / "2.zip")]) == 1
        assert not (tmp_path / "2.zip").exists()
        assert server_command(["dispute", "close", receipt.id, *folder, "--note", "x"]) == 1
        state = state_of(receipt, platform)
    assert (state.state, state.note) == ("handed_over", "移交公安机关")
    with zipfile.ZipFile(out) as package:
        assert package.read("enclosure.zip") == own.read_bytes()
        types = [
            json.loads(entry["record"])["type"]
            for entry in json.loads(package.read("private-ledger.json"))["entries"]
        ]
    assert types.count("seal-change-v1") == changes_of(city, clerk)
    assert set(types) <= {"seal-change-v1", "usage-record-v1"}


def test_a_closed_dispute_says_why(
    receipt: DisputeReceipt, objector: Clerk, city: RunningServer, tmp_path: Path
) -> None:
    folder = ("--dir", str(city.platform.settings.directory))
    assert server_command(["dispute", "close", receipt.id, *folder]) == 1  # the reason is missing
    assert (
        server_command(["dispute", "close", receipt.id, *folder, "--note", "印章确系本人使用"]) == 0
    )
    said = objector("dispute", tmp_path / "receipt.json", "--status")
    assert "已结案" in said.out
    assert "印章确系本人使用" in said.out


# --- a line that breaks --------------------------------------------------------------------------


WORDS: dict[str, Any] = {"reason": "x", "contact": "y"}


def on_record(city: RunningServer, document: str) -> list[str]:
    with city.platform.reading() as session:
        mine = select(Dispute.id).where(Dispute.document_sm3 == document)
        return list(session.scalars(mine))


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("when", ["before", "after", "receipt"])
def test_a_line_that_breaks_costs_neither_the_secret_nor_a_second_dispute(
    when: str,
    signed: bool,
    clerk: Clerk,
    city: RunningServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path, pending = tmp_path / "r.json", tmp_path / "r.json.pending"
    document = sm3(f"{when} {signed}".encode()).hex()
    true = PlatformClient.open_dispute

    def breaks(*given: Any) -> str:
        assert not exposed(pending)  # kept before a word is sent
        if when == "after":
            true(*given)
        raise PlatformUnreachable(city.url, "offline")

    with ExitStack() as opened, PlatformClient(city.url) as platform:
        key = None
        if signed:
            desk = opened.enter_context(clerk.desk())
            session = opened.enter_context(desk.token("", None).login(PIN))
            key = desk.holder_key(session)

        def objects(**changes: Any) -> DisputeReceipt:
            words = {**WORDS, **changes}
            return open_dispute(
                document, clerk.seal, **words, receipt=path, platform=platform, key=key
            )

        with monkeypatch.context() as patched:
            patched.setattr(
                PlatformClient, "dispute" if when == "receipt" else "open_dispute", breaks
            )
            for _ in range(2):
                with pytest.raises(PlatformUnreachable):
                    objects()
        secret = json.loads(pending.read_text())["secret"]
        kept = pending.read_bytes()
        with pytest.raises(OutputExists):  # another objection has no right to that secret
            objects(reason="another")
        assert pending.read_bytes() == kept
        made = objects()
        assert state_of(made, platform).state
    assert made.secret == secret
    assert on_record(city, document) == [made.id]
    assert DisputeReceipt.load(path) == made
    assert not pending.exists()


def test_what_the_platform_refuses_leaves_nothing_pending(
    city: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And is told, although somebody reads what was kept (Windows refuses to remove it)."""
    held(monkeypatch, os, "unlink", 2)
    with PlatformClient(city.url) as platform, pytest.raises(PlatformRefused):
        open_dispute(
            "00" * 32, "99999999999999", **WORDS, receipt=tmp_path / "r.json", platform=platform
        )
    assert list(tmp_path.iterdir()) == []


# --- what must not pass --------------------------------------------------------------------------


def test_without_the_secret_a_dispute_does_not_exist(
    receipt: DisputeReceipt, city: RunningServer
) -> None:
    path = f"{city.url}/v1/disputes/{receipt.id}"
    for secret in ("", "guess", receipt.secret[:-1], sm3(receipt.secret.encode()).hex()):
        for each in ("", "/evidence.zip"):
            answer = httpx.get(path + each, headers={"Dispute-Secret": secret})
            assert answer.status_code == 404
        answer = httpx.put(
            f"{path}/enclosure", content=b"PK\x03\x04", headers={"Dispute-Secret": secret}
        )
        assert answer.status_code == 404


def test_the_platform_never_has_the_secret_and_the_ledger_not_the_words(
    receipt: DisputeReceipt, city: RunningServer
) -> None:
    from server_stub.records.store import Base

    with city.platform.reading() as session:
        rows = [
            str(tuple(row))
            for table in Base.metadata.sorted_tables
            for row in session.execute(select(table))
        ]
    assert not any(receipt.secret in row for row in rows)
    assert not any("0527-12345678" in row or "未盖过" in row for row in rows)
    for file in (city.platform.settings.directory / "blobs").rglob("*"):
        assert file.is_dir() or b"0527-12345678" not in file.read_bytes()


def test_a_seal_that_is_not_in_the_document_or_not_ours_cannot_be_objected_to(
    objector: Clerk, clerk: Clerk, city: RunningServer, stamped: Path, tmp_path: Path
) -> None:
    assert objected(objector, stamped, "32130000000000", tmp_path / "r.json").code == 64
    with PlatformClient(city.url) as platform, pytest.raises(PlatformRefused) as raised:
        open_dispute(
            "00" * 32,
            "99999999999999",
            reason="x",
            contact="y",
            receipt=tmp_path / "r.json",
            platform=platform,
        )
    assert raised.value.problem == "not_found"
    assert not (tmp_path / "r.json").exists()
    unsigned = tmp_path / "u.pdf"
    unsigned.write_bytes(excerpt(1))
    assert objected(objector, unsigned, clerk.seal, tmp_path / "r.json").code == 64


@pytest.mark.parametrize(
    "changes", [{"reason": " "}, {"reason": "x" * 2001}, {"contact": ""}, {"name": "n" * 61}]
)
def test_words_that_are_missing_or_too_many_are_refused_here(
    clerk: Clerk, city: RunningServer, tmp_path: Path, changes: dict[str, str]
) -> None:
    words: dict[str, Any] = {"reason": "x", "contact": "y", **changes}
    with PlatformClient(city.url) as platform, pytest.raises(UsageError):
        open_dispute("00" * 32, clerk.seal, **words, receipt=tmp_path / "r.json", platform=platform)
    assert not (tmp_path / "r.json").exists()


def test_a_receipt_that_is_there_is_never_overwritten(
    clerk: Clerk, city: RunningServer, tmp_path: Path
) -> None:
    path = tmp_path / "r.json"
    path.write_text("mine")
    with PlatformClient(city.url) as platform, pytest.raises(OutputExists):
        open_dispute(
            "00" * 32, clerk.seal, reason="x", contact="y", receipt=path, platform=platform
        )
    assert path.read_text() == "mine"


def changed(package: bytes, member: str, data: bytes) -> bytes:
    """The zip with another *member*; its digest in the manifest corrected, as a forger would."""
    output = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(package)) as old, zipfile.ZipFile(output, "w") as new:
        members = {name: old.read(name) for name in old.namelist()} | {member: data}
        manifest = json.loads(members["manifest.json"])
        for row in manifest["members"]:
            row["sm3"] = sm3(members[row["name"]]).hex()
        if member != "manifest.tst":
            members["manifest.json"] = json.dumps(manifest).encode()
        for name, content in members.items():
            new.writestr(name, content)
    return output.getvalue()


def test_a_forged_package_is_refused_and_not_saved(
    receipt: DisputeReceipt, city: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "e.zip"
    with PlatformClient(city.url) as platform:
        ready(receipt, platform)
        true = platform.dispute_evidence(receipt.id, receipt.secret)
        with zipfile.ZipFile(io.BytesIO(true)) as package:
            registry = json.loads(package.read("registry.json"))
            stamp = package.read("manifest.tst")
        fewer = {**registry, "entries": registry["entries"][:-1]}
        other = json.loads(
            json.dumps(registry).replace('\\"to\\":\\"active\\"', '\\"to\\":\\"made\\"')
        )
        assert other != registry
        for forged in (
            b"",
            b"PK\x03\x04",
            true[:-30],
            changed(true, "registry.json", json.dumps(fewer).encode()),
            changed(true, "registry.json", json.dumps(other).encode()),
            changed(true, "statement.json", b"{}"),
            changed(true, "more.txt", b"x"),
            changed(true, "manifest.tst", stamp[:-1] + b"\0"),
        ):
            monkeypatch.setattr(
                PlatformClient, "dispute_evidence", lambda *_, forged=forged: forged
            )
            with pytest.raises(PlatformUntrusted) as raised:
                fetch_evidence(receipt, target, platform=platform)
            assert raised.value.reason == "evidence"
            assert not target.exists()


def test_what_is_no_receipt_is_told(objector: Clerk, tmp_path: Path) -> None:
    for text in ("", "{}", "[]", '{"format": "sealdesk-dispute-receipt/1"}'):
        (tmp_path / "r.json").write_text(text)
        assert objector("dispute", tmp_path / "r.json", "--status").code == 64
