"""Writing revisions to an output: what is left when it is cancelled or killed at any step.

Stamping and augmentation share it, so it is tried here once for both.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from app import augmentation, stamping
from app.errors import Cancelled, OutputExists
from app.revisions import Events, Output, write_revisions
from app.steps import StampStep, TellStep
from crypto.pdf.reading.document import Document
from crypto.pdf.signing.sign import SignedRevision, sign_revision
from crypto.pdf.signing.values import SignatureMaker
from tests.world.authorities import NOW
from tests.world.office import Office, cancelling_at

WRITING = (StampStep.SYNC, StampStep.VERIFY, StampStep.PUBLISH, StampStep.JOURNAL)
"""The steps of writing that are told from here; those before belong to each revision."""
BOTH = pytest.mark.parametrize("events", [stamping.EVENTS, augmentation.EVENTS])


def signed_by(office: Office) -> Callable[[Document, BinaryIO], SignedRevision]:
    """A revision with a signature by the holder, without a mark."""
    maker = SignatureMaker("cms", office.holder, office.cabinet.seals()[0].data)

    def revision(document: Document, output: BinaryIO) -> SignedRevision:
        return sign_revision(
            document,
            output,
            profile=maker.label,
            value_size=maker.size,
            make_value=lambda hashed: maker.make(hashed, NOW),
            signed_at=NOW,
        )

    return revision


def write(office: Office, source: Path, events: Events, step: TellStep) -> Path:
    """One run of writing; returns the output."""
    with write_revisions(
        source,
        [signed_by(office)],
        Output(None, source, "_out"),
        journal=office.journal,
        events=events,
        trust=office.authorities.trust,
        clock=lambda: NOW,
        step=step,
    ) as written:
        written.enter()
    return written.path


def test_the_steps_have_the_order_in_which_they_happen() -> None:
    assert list(StampStep) == [
        *("check", "draw", "copy", "sign", "append", "sync", "verify", "publish", "journal"),
        "done",
    ]


@BOTH
def test_what_is_written_is_published_and_entered(office: Office, events: Events) -> None:
    told: list[StampStep] = []
    source = office.document()
    path = write(office, source, events, told.append)
    assert path == source.with_name("合同_out.pdf")
    assert tuple(told) == WRITING
    assert office.events() == [events.begun, events.done]


@BOTH
@pytest.mark.parametrize("step", WRITING)
def test_a_cancel_while_writing_leaves_no_output_and_says_so_in_the_journal(
    office: Office, events: Events, step: StampStep
) -> None:
    source = office.document()
    with pytest.raises(Cancelled):
        write(office, source, events, cancelling_at(step, Cancelled()))
    assert office.in_documents() == {"合同.pdf"}
    assert office.events() == [events.begun, events.failed]


@BOTH
def test_an_error_while_it_is_entered_takes_the_output_back(office: Office, events: Events) -> None:
    source = office.document()
    written = write_revisions(
        source,
        [signed_by(office)],
        Output(None, source, "_out"),
        journal=office.journal,
        events=events,
        trust=office.authorities.trust,
        clock=lambda: NOW,
    )

    def enter_on_a_full_disk() -> None:
        with written as output:
            assert output.path.exists()
            raise OSError("no more room")

    with pytest.raises(OSError, match="no more room"):
        enter_on_a_full_disk()
    assert office.in_documents() == {"合同.pdf"}
    assert office.events() == [events.begun, events.failed]


@pytest.mark.wants("posix")
@BOTH
@pytest.mark.parametrize("step", WRITING)
def test_a_kill_while_writing_leaves_the_whole_or_nothing(
    office: Office, events: Events, step: StampStep
) -> None:
    source = office.document()
    before = source.read_bytes()

    def die(now: StampStep) -> None:
        if now is step:
            os._exit(9)

    child = os.fork()
    if child == 0:
        try:
            write(office, source, events, die)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert source.read_bytes() == before
    published = source.with_name("合同_out.pdf")
    assert published.exists() == (step is StampStep.JOURNAL)
    assert office.events() == [events.begun], "begun, and never said to have ended"
    write(office, source, events, lambda _: None)
    second = {"合同_out(2).pdf"} if step is StampStep.JOURNAL else set()
    assert office.in_documents() == {"合同.pdf", "合同_out.pdf"} | second, "no temporary file"


@BOTH
def test_an_exact_output_that_exists_is_refused_before_anything_is_begun(
    office: Office, events: Events
) -> None:
    source = office.document()
    with (
        pytest.raises(OutputExists),
        write_revisions(
            source,
            [],
            Output(source, source, ""),
            journal=office.journal,
            events=events,
            trust=office.authorities.trust,
            clock=lambda: NOW,
        ),
    ):
        pass
    assert office.events() == []
