"""THE STORY of 验章: what the desk adds to what the bytes say."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

import pymupdf
import pytest

from app.errors import (
    FileNotReadable,
    FileProblem,
    NotAPdf,
    PlatformUnreachable,
    UsageError,
)
from app.store.anchors import trust_files
from app.verifying import verify, whom_to_ask
from crypto.bounded import BoundedProcess
from crypto.pdf.looking import layer
from crypto.pdf.looking.layer import Seen, Task
from crypto.pdf.marks.drawing import Mark
from crypto.pdf.reading.failures import PdfEncrypted
from crypto.pki.certificate import Certificate
from crypto.rendering import early, looker
from crypto.rendering.early import begin_looking
from crypto.seal.statement import SealChange, SignedStatement
from crypto.validation.anchor_rules import AnchorRule
from crypto.validation.trust import Trust
from crypto.verdict import Report, Verdict
from tests.world.authorities import CODE, NOW, Authorities
from tests.world.clerk import pem
from tests.world.documents import append_revision
from tests.world.office import Office, encrypted, pages


@pytest.fixture
def ticketed(office: Office) -> Path:
    """A file with the platform's ticket in its signature."""
    return office.stamp(office.document()).path


@pytest.fixture
def offline(office: Office) -> Path:
    """A file stamped offline: its signature holds no ticket."""
    office.cabinet.keep_statement(office.authorities.statement(office.holder))
    return office.stamp(office.document(), platform=None).path


def codes(report: Report) -> set[str]:
    (signature,) = report.signatures
    return {each.code for each in signature.findings}


def test_a_ticket_makes_the_question_unnecessary(office: Office, ticketed: Path) -> None:
    report = verify(ticketed, trust=office.authorities.trust, platform=office.platform, at=NOW)
    assert report.verdict is Verdict.VALID
    assert office.platform.asked == []


def test_what_the_file_cannot_tell_the_platform_is_asked(office: Office, offline: Path) -> None:
    trust = office.authorities.trust
    alone = verify(offline, trust=trust, at=NOW)
    assert (alone.verdict, "status_unknown" in codes(alone)) == (Verdict.UNKNOWN, True)
    asked = verify(offline, trust=trust, platform=office.platform, at=NOW)
    assert asked.verdict is Verdict.VALID
    assert office.platform.asked == [CODE]


def test_a_platform_that_does_not_answer_leaves_the_line_unknown(
    office: Office, offline: Path
) -> None:
    office.platform.reachable = False
    report = verify(offline, trust=office.authorities.trust, platform=office.platform, at=NOW)
    assert report.verdict is Verdict.UNKNOWN
    assert office.platform.asked == [CODE]


def test_stale_word_is_asked_for_again(office: Office, offline: Path) -> None:
    old = office.authorities.statement(
        office.holder, issued_at=NOW - timedelta(days=3), next_update=NOW - timedelta(days=2)
    )
    trust = replace(office.authorities.trust, statements=(old,))
    assert "status_stale" in codes(verify(offline, trust=trust, at=NOW))
    fresh = verify(offline, trust=trust, platform=office.platform, at=NOW)
    assert fresh.verdict is Verdict.VALID


def test_a_platform_nobody_trusts_is_not_believed(
    office: Office, offline: Path, authorities: Authorities
) -> None:
    trust = replace(authorities.trust, platforms=())
    report = verify(offline, trust=trust, platform=office.platform, at=NOW)
    assert report.verdict is Verdict.UNKNOWN


@dataclass
class Telling:
    """A platform whose registry tells of a suspension that no statement tells of any more."""

    office: Office
    changes: tuple[SealChange, ...]

    def status(self, seal_code: str) -> SignedStatement:
        return self.office.platform.status(seal_code)

    def history(self, seal_codes: Iterable[str]) -> tuple[SealChange, ...]:
        assert set(seal_codes) == {CODE}
        return self.changes


def test_a_suspension_that_only_the_registry_tells_of_counts(office: Office, offline: Path) -> None:
    day = timedelta(days=1)
    lost = SealChange(CODE, "suspended", "lost", NOW - day, NOW - day)
    again = SealChange(CODE, "active", "", NOW + day, NOW + day)
    trust = office.authorities.trust
    quiet = verify(offline, trust=trust, platform=Telling(office, ()), at=NOW)
    assert quiet.verdict is Verdict.VALID
    told = verify(offline, trust=trust, platform=Telling(office, (lost, again)), at=NOW)
    assert told.verdict is Verdict.INVALID
    assert "status_not_active" in codes(told)


def test_pages_are_looked_at_once_though_a_platform_answers(
    office: Office, ticketed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[int] = []

    def look(task: Task) -> Seen:
        looked.append(len(task.sealed))
        return Seen()

    monkeypatch.setattr(layer, "look_with_engines", look)
    both = office.stamp(ticketed, marks=(Mark(0, 60.0, 120.0, 40.0, 40.0),)).path
    day = timedelta(days=1)
    later = SealChange(CODE, "suspended", "lost", NOW + day, NOW + day)
    trust = office.authorities.trust
    for changes in ((), (later,)):
        looked.clear()
        report = verify(both, trust=trust, platform=Telling(office, changes), at=NOW)
        assert [each.verdict for each in report.signatures] == [Verdict.VALID, Verdict.VALID]
        assert looked == [1]


def test_pages_that_were_looked_at_in_another_process_are_not_looked_at_again(
    office: Office, ticketed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[int] = []

    def look(task: Task) -> Seen:
        looked.append(len(task.sealed))
        return Seen(left_out=(0,))

    monkeypatch.setattr(layer, "look_with_engines", look)
    both = office.stamp(ticketed, marks=(Mark(0, 60.0, 120.0, 40.0, 40.0),)).path
    seen: list[str] = []
    for _ in range(2):
        report = verify(both, trust=office.authorities.trust, at=NOW, seen=seen)
        assert "look_incomplete" in {each.code for each in report.signatures[0].findings}
    assert looked == [1]


def test_an_unsigned_file_asks_nobody(office: Office) -> None:
    report = verify(office.document(), trust=Trust(), platform=office.platform, at=NOW)
    assert report.verdict is Verdict.UNSIGNED
    assert office.platform.asked == []


def test_files_that_cannot_be_judged(office: Office, tmp_path: Path) -> None:
    with pytest.raises(NotAPdf):
        verify(office.document(data=b"text"), trust=Trust())
    with pytest.raises(PdfEncrypted):
        verify(office.document(data=encrypted(pages(), "x")), trust=Trust())
    for path, reason in ((tmp_path / "no.pdf", "missing"), (tmp_path, "folder")):
        with pytest.raises(FileNotReadable) as caught:
            verify(path, trust=Trust())
        assert caught.value.reason is FileProblem(reason)


def test_anchors_come_as_pem_bundles_or_der(tmp_path: Path, authorities: Authorities) -> None:
    other = Authorities()
    bundle = "两个根证书\n" + pem(authorities.root) + pem(other.root)
    (tmp_path / "bundle.pem").write_text(bundle, encoding="utf-8")
    (tmp_path / "one.cer").write_bytes(authorities.root)
    both = trust_files([tmp_path / "bundle.pem"])
    assert both.signers == tuple(map(Certificate.parse, (authorities.root, other.root)))
    assert both.signers == both.seal_makers == both.platforms == both.timestamps
    assert trust_files([tmp_path / "one.cer"]).signers == both.signers[:1]
    assert trust_files([]) == Trust()


def test_an_anchor_file_without_certificates_is_named(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text(
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"
    )
    with pytest.raises(UsageError, match=r"key\.pem"):
        trust_files([tmp_path / "key.pem"])
    with pytest.raises(FileNotReadable):
        trust_files([tmp_path / "missing.pem"])


def test_another_platforms_seal_is_asked_for_at_its_own_and_never_at_ours(
    office: Office, offline: Path
) -> None:
    """Its certificate names where it lives."""

    class Elsewhere:
        origin = "https://ours.example"
        asked: ClassVar[list[str]] = []

        def status(self, seal_code: str) -> SignedStatement:
            self.asked.append(seal_code)
            raise PlatformUnreachable(self.origin, "refused")

    verify(offline, trust=office.authorities.trust, platform=Elsewhere(), at=NOW)
    assert Elsewhere.asked == [CODE], "the file names no platform: ours may know it"
    Elsewhere.asked.clear()
    assert whom_to_ask(Elsewhere(), Trust(), "", "https://ours.example") == ""
    assert whom_to_ask(Elsewhere(), Trust(), "", "https://theirs.example") is None


@pytest.mark.parametrize("told", ["https://theirs.example", "https://ours.example", ""])
def test_the_state_is_asked_where_the_anchor_says(office: Office, offline: Path, told: str) -> None:
    """An anchor of a trust list names who tells the state of its seals; "": nobody."""

    class Both:
        origin = "https://ours.example"
        asked: ClassVar[list[tuple[str, str]]] = []

        def status(self, seal_code: str) -> SignedStatement:
            return self.status_at(self.origin, seal_code)

        def status_at(self, origin: str, seal_code: str) -> SignedStatement:
            self.asked.append((origin, seal_code))
            return office.platform.status(seal_code)

        def history(self, seal_codes: Iterable[str]) -> tuple[SealChange, ...]:
            assert not list(seal_codes) or told == self.origin, "none of its business"
            return ()

    Both.asked.clear()
    trust = office.authorities.trust
    rules = tuple(AnchorRule(each.fingerprint, origin=told) for each in trust.seal_makers)
    report = verify(offline, trust=replace(trust, rules=rules), platform=Both(), at=NOW)
    assert Both.asked == ([(told, CODE)] if told else [])
    assert report.verdict is (Verdict.VALID if told else Verdict.UNKNOWN)


def test_the_renderers_are_loaded_early_only_where_something_was_added(
    office: Office, ticketed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[BoundedProcess] = []

    def begin_early() -> tuple[BoundedProcess, ...]:
        started = tuple(map(looker.begin, looker.GROUPS))
        begun.extend(started)
        return started

    monkeypatch.setattr(looker, "begin_early", begin_early)
    trust = office.authorities.trust
    verify(ticketed, trust=trust, at=NOW)
    assert (
        begin_looking(ticketed) == begin_looking(tmp_path) == begin_looking(tmp_path / "no") == ()
    )
    assert begun == []
    later = tmp_path / "later.pdf"
    later.write_bytes(append_revision(ticketed.read_bytes(), {999: b"<<>>"}))
    verify(later, trust=trust, at=NOW)
    verify(later, trust=Trust(), at=NOW)  # nothing to look at: nobody is trusted
    verify(later, trust=trust, at=NOW, started=begin_looking(later))
    assert [process.ended for process in begun] == [True] * 3 * len(looker.GROUPS)


def test_renderers_begun_before_the_command_is_read_serve_its_document(
    ticketed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[BoundedProcess] = []

    def begin_early() -> tuple[BoundedProcess, ...]:
        begun.append(looker.begin(looker.GROUPS[1]))
        return (begun[-1],)

    monkeypatch.setattr(looker, "begin_early", begin_early)
    later, other = tmp_path / "later.PDF", tmp_path / "other.pdf"
    for path in (later, other):
        path.write_bytes(append_revision(ticketed.read_bytes(), {999: b"<<>>"}))
    # none, none that is there, none that was added to, more than one
    too_long = str(tmp_path / ("n" * 300 + ".pdf"))
    some = ([str(tmp_path / "no.pdf")], [too_long], [str(ticketed)], [str(later), str(other)])
    for arguments in ([], *some):
        early.begin_for(["--offline", *arguments])
    assert begun == []
    early.begin_for(["--report", str(tmp_path / "no.pdf"), "--json", str(later)])
    (first,) = begun
    assert begin_looking(later) == (first,), "begun once"
    (second,) = begin_looking(later)
    early.begin_for([str(other)])
    early.end_unused()
    (third,) = begin_looking(other)
    assert [process.ended for process in begun] == [False, False, True, False]
    for process in (first, second, third):
        process.end()


def test_pages_are_drawn_while_the_document_is_judged(
    office: Office, ticketed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is foreseen is what is looked at, but for the places that judging explains."""
    told: list[looker.Order] = []
    send = BoundedProcess.send

    def keep(process: BoundedProcess, order: looker.Order, seconds: float) -> None:
        told.append(order)
        send(process, order, seconds)

    monkeypatch.setattr(BoundedProcess, "send", keep)
    noted = tmp_path / "noted.pdf"
    shutil.copy(ticketed, noted)
    with pymupdf.open(noted) as document:
        document[0].add_text_annot((300, 600), "read")
        document.saveIncr()
    report = verify(noted, trust=office.authorities.trust, at=NOW)
    assert report.verdict is Verdict.VALID_CHANGED_LATER
    foreseen = [order for order in told if order.seconds is None]
    asked = [order for order in told if order.seconds is not None]
    assert len(foreseen) == len(asked) == len(looker.GROUPS)
    for first, late in zip(foreseen, asked, strict=True):
        assert first.data == late.data
        assert [(each.end, each.pages) for each in first.sealed] == [
            (each.end, each.pages) for each in late.sealed
        ]
