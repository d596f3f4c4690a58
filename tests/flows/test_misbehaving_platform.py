"""A platform that misbehaves, switch by switch: what a person is told, and what is not lost.

The switches are docs/platform.md's; none of them may cost a document, a use, or a false report.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from server_stub.records.store import Seal, UsageRecord
from server_stub.settings import Misbehaviour
from server_stub.web.serving import RunningServer
from tests.world.applicant import credit_code
from tests.world.clerk import Answer, Clerk, enrolled
from tests.world.staff import moved

PLATFORM = 13
"""The exit code where it is the platform that says no, or nothing."""


@contextlib.contextmanager
def misbehaving(city: RunningServer, **switches: Any) -> Iterator[None]:
    state = city._app.state
    state.misbehaviour = Misbehaviour(**switches)
    try:
        yield
    finally:
        state.misbehaviour = Misbehaviour()


def stamp(clerk: Clerk, contract: Path, output: Path) -> Answer:
    return clerk("stamp", contract, "-o", output, "--seal", clerk.seal, "--at", "1:150,240")


def uses(city: RunningServer) -> int:
    """How many the platform has on record."""
    with city.platform.reading() as session:
        return session.scalar(select(func.count()).select_from(UsageRecord)) or 0


def refused(answer: Answer, code: str, word: str) -> None:
    assert answer.code == PLATFORM, answer
    assert f"[{code}]" in answer.err
    assert word in answer.err


def test_a_wrong_nonce_stamps_nothing_and_changes_nothing(
    city: RunningServer, clerk: Clerk, contract: Path, tmp_path: Path
) -> None:
    before, output = contract.read_bytes(), tmp_path / "stamped.pdf"
    with misbehaving(city, bad_nonce_percent=100):
        refused(stamp(clerk, contract, output), "E-503", "签名没有通过验证")
    assert not output.exists()
    assert contract.read_bytes() == before
    assert clerk.journal() == []
    assert stamp(clerk, contract, output).code == 0


def test_a_slow_platform_is_waited_for_and_one_that_is_too_slow_is_told(
    city: RunningServer,
    clerk: Clerk,
    contract: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    output, known = tmp_path / "stamped.pdf", uses(city)
    with misbehaving(city, latency_ms=100):
        assert stamp(clerk, contract, output).code == 0
    with misbehaving(city, latency_ms=2000), monkeypatch.context() as patched:
        patched.setattr("app.remote.http_client._LONGEST_S", 0.3)
        refused(clerk("sync"), "E-502", "没有回应")
    assert clerk("sync").code == 0
    assert uses(city) == known + 1


def test_a_checkpoint_from_the_past_is_not_believed_and_nothing_known_is_given_up(
    city: RunningServer, clerk: Clerk, contract: Path, tmp_path: Path
) -> None:
    output, known = tmp_path / "stamped.pdf", uses(city)
    assert clerk("sync").code == 0
    assert stamp(clerk, contract, output).code == 0
    with misbehaving(city, stale_checkpoint=True):
        refused(clerk("sync"), "E-504", "公开状态日志变短了")
        assert clerk("verify", output, "--json").json["verdict"] == "VALID"
    assert clerk("sync").code == 0
    assert uses(city) == known + 1


def test_a_revocation_list_whose_time_is_over_replaces_none_that_is_in_force(
    city: RunningServer, clerk: Clerk, contract: Path, tmp_path: Path
) -> None:
    output = tmp_path / "stamped.pdf"
    assert clerk("sync").code == 0
    with misbehaving(city, expired_crl=True):
        assert stamp(clerk, contract, output).code == 0
        assert clerk("sync").code == 0
    report = clerk("verify", output, "--json", "--offline").json
    assert report["verdict"] == "VALID"
    (signature,) = report["signatures"]
    assert "signer_not_revoked" in {each["code"] for each in signature["findings"]}


def test_a_receipt_that_does_not_arrive_is_asked_for_again_and_the_use_is_one(
    city: RunningServer, clerk: Clerk, contract: Path, tmp_path: Path
) -> None:
    output, known = tmp_path / "stamped.pdf", uses(city)
    with misbehaving(city, drop_receipts=True):
        assert stamp(clerk, contract, output).code == 0
        refused(clerk("sync"), "E-502", "没有回应")
    assert uses(city) == known + 1, "it was taken in all the same"
    answer = clerk("sync")
    assert answer.code == 0
    assert "上报了 1 条用印记录" in answer.out
    assert "上报了 0 条用印记录" in clerk("sync").out
    assert uses(city) == known + 1


def test_a_seal_suspended_the_moment_it_is_used_leaves_the_document_as_it_was(
    city: RunningServer, clerk: Clerk, contract: Path, tmp_path: Path
) -> None:
    before, output = contract.read_bytes(), tmp_path / "stamped.pdf"
    with city.platform.reading() as session:
        identity = session.scalars(select(Seal.id).where(Seal.seal_code == clerk.seal)).one()
    try:
        with misbehaving(city, suspend_when_used=True):
            refused(stamp(clerk, contract, output), "E-503", "被冻结")
        assert not output.exists()
        assert contract.read_bytes() == before
        refused(clerk("sync"), "E-503", "被冻结")  # but the state is public, and now known
        assert "[E-302]" in stamp(clerk, contract, output).err
    finally:
        moved(city, identity, "resume")
    assert clerk("sync").code == 0
    assert stamp(clerk, contract, output).code == 0


def test_a_busy_platform_is_told_as_busy_and_what_waits_goes_later(
    city: RunningServer, clerk: Clerk, contract: Path, tmp_path: Path
) -> None:
    output, known = tmp_path / "stamped.pdf", uses(city)
    assert stamp(clerk, contract, output).code == 0
    with misbehaving(city, busy_percent=100):
        refused(clerk("sync"), "E-502", "平台繁忙")
        second = stamp(clerk, contract, tmp_path / "second.pdf")
        assert second.code == 0
        assert "本次为离线盖章" in second.out
    assert clerk("sync").code == 0
    assert uses(city) == known + 2


def test_an_answer_without_end_is_not_swallowed(
    city: RunningServer, clerk: Clerk, contract: Path, tmp_path: Path
) -> None:
    output, known = tmp_path / "stamped.pdf", uses(city)
    assert stamp(clerk, contract, output).code == 0
    with misbehaving(city, oversized_bytes=20 << 20):
        refused(clerk("sync"), "E-505", "看不懂平台的答复")
    assert clerk("sync").code == 0
    assert uses(city) == known + 1


# --- a wrong clock, in a process of its own ----------------------------------------------------


@contextlib.contextmanager
def serving(folder: Path, port: int, **switches: Any) -> Iterator[tuple[str, list[str]]]:
    """A platform in another process, where a clock is one for all: its address, empty if it does
    not start, and what it has said once it has ended."""
    command = [sys.executable, "-m", "server_stub", "serve", "--demo", "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--dir", str(folder), "--log-level", "error"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "SEALDESK_SERVER_MISBEHAVIOUR": json.dumps(switches)},
    )
    assert process.stdout is not None
    said: list[str] = []
    try:
        yield process.stdout.readline().rpartition(" ")[2].strip(), said
    finally:
        process.terminate()
        said.append(process.communicate(timeout=60)[1])


@pytest.mark.slow
def test_a_clock_that_is_wrong_is_told_and_dates_nothing_back(
    tmp_path: Path, demo_pdf: Path
) -> None:
    folder, output, before = tmp_path / "platform", tmp_path / "stamped.pdf", demo_pdf.read_bytes()
    with serving(folder, 0) as (url, _):
        port = int(url.rpartition(":")[2])
        clerk = enrolled(tmp_path / "clerk", url, credit_code(), "宿迁市云杉软件有限公司").clerk
        assert clerk("sync").code == 0
    with serving(folder, port, clock_ahead_seconds=-86_400) as (url, said):
        assert url == "", "a day behind its own records it does not start"
    assert "refused: the clock says" in said[0]
    with serving(folder, port, clock_ahead_seconds=86_400) as (url, said):
        assert url
        answer = stamp(clerk, demo_pdf, output)
        assert answer.code == 0
        assert "请校准" in answer.out, "the two clocks differ: a person is told to look at them"
        assert clerk("verify", output, "--json").json["verdict"] == "UNKNOWN"
    assert "misbehaves on purpose" in said[0]
    with serving(folder, port) as (url, said):
        assert url == ""
    assert "there are records of" in said[0]
    assert demo_pdf.read_bytes() == before
    assert len(clerk.journal()) == 2, "the use is not forgotten"


def test_each_switch_is_tried_here() -> None:
    source = Path(__file__).read_text("utf-8")
    assert [name for name in Misbehaviour.model_fields if f"{name}=" not in source] == []
