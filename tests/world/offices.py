"""A platform where people review, and a member of its staff at a computer of his own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pymupdf

from server_stub.__main__ import main
from server_stub.records import logbook
from server_stub.web.serving import RunningServer, start_in_thread
from tests.world.applicant import Applicant
from tests.world.clerk import PIN, SO_PIN, Clerk
from tests.world.platforms import platform_settings
from tests.world.waiting import until


@contextmanager
def office(folder: Path) -> Iterator[RunningServer]:
    """A platform without the simulated reviewer, below *folder*."""
    font = folder / "built-in"
    font.write_bytes(pymupdf.Font("china-s").buffer)
    logbook.configure("error")
    settings = platform_settings(folder / "office", imprint_font=font, auto_review=False)
    with start_in_thread(settings) as running:
        yield running


def employee(folder: Path, server: RunningServer, role: str, name: str) -> Clerk:
    """Somebody with a key for *role*, all by commands."""
    clerk = Clerk(folder, settings={"PLATFORM_URL": server.url})
    request, certificate = folder / "request.csr", folder / "certificate.crt"
    folder.mkdir(parents=True)
    made = clerk("token", "init", "--virtual", "--pin-stdin", stdin=f"{SO_PIN}\n{PIN}\n")
    assert made.code == 0, made.err
    asked = clerk("token", "request", "--name", name, "-o", request)
    assert asked.code == 0, asked.err
    given = ("staff", "add", name, "--role", role, "--request", str(request))
    where = ("--dir", str(server.platform.settings.directory), "--log-level", "error")
    assert main([*given, "--out", str(certificate), *where]) == 0
    put = clerk("token", "put", certificate)
    assert put.code == 0, put.err
    return clerk


def hand_in(server: RunningServer, **facts: str) -> Applicant:
    """An application that waits and of which the neighbours have been asked."""
    person = Applicant(server.url, **facts)
    assert person.draft().status_code == 201
    person.sign_in(application_id=person.application_id)
    assert person.submit().status_code == 200
    return awaited(server, person)


def hand_in_with_letter(server: RunningServer, letter: bytes, **facts: str) -> Applicant:
    """The same with a letter of authority."""
    person = Applicant(server.url, **facts)
    assert person.draft(proof={"kind": "letter"}).status_code == 201
    person.sign_in(application_id=person.application_id)
    sent = person.http.put(
        f"/v1/applications/{person.application_id}/materials/letter",
        content=letter,
        headers={"Authorization": f"Bearer {person.token}", "Content-Type": "application/pdf"},
    )
    assert sent.status_code == 200, sent.text
    assert person.submit().status_code == 200
    return awaited(server, person)


def awaited(server: RunningServer, person: Applicant) -> Applicant:
    from server_stub.records.store import Assessment

    def asked() -> bool:
        with server.platform.reading() as session:
            return session.get(Assessment, person.application_id) is not None

    until(asked, "register and police were not asked")
    return person
