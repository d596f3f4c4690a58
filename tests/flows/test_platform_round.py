"""The client and the real platform: apply, collect, sync, report — and what must not pass."""

import base64
import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from app.errors import (
    ApplicationFieldWrong,
    ApplicationRejected,
    PlatformAnswerInvalid,
    PlatformRefused,
    PlatformUnreachable,
    PlatformUntrusted,
    explain,
)
from app.remote.application_form import body
from app.remote.enrolling import Applicant, enrol
from app.remote.platform_account import PlatformClient
from app.remote.registry import changes
from app.remote.syncing import synchronise
from app.store.cabinet import Cabinet, SealRecord
from crypto.algorithms.gm import signature_values, sm3
from crypto.algorithms.keys import SoftKey
from crypto.pki.certificate_making import make_certificate, make_request
from crypto.pki.names_and_algorithms import Name
from crypto.seal.making import make_seal
from crypto.seal.statement import SignedStatement
from device.token import Input
from server_stub.records import logbook
from server_stub.web.serving import RunningServer, start_in_thread
from tests.world.applicant import citizen_number, credit_code, decision
from tests.world.platforms import platform_settings


@dataclass
class TokenKeyInMemory:
    """A key as device.token.Key describes it."""

    soft: SoftKey
    label: str = "SealDesk"
    key_id: bytes = b"\x01"
    algorithm: str = "sm2"
    input: Input = Input.MESSAGE
    certificates: tuple[bytes, ...] = ()

    @property
    def public_key(self) -> bytes:
        return self.soft.spki

    @property
    def certificate(self) -> bytes | None:
        return self.certificates[0] if self.certificates else None

    def sign(self, data: bytes) -> bytes:
        r, s = signature_values(self.soft.sign(data))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


@dataclass
class TokenSession:
    """A logged-in token in memory."""

    held: list[TokenKeyInMemory] = field(default_factory=list)
    data: dict[str, bytes] = field(default_factory=dict)

    def keys(self) -> list[TokenKeyInMemory]:
        return self.held

    def generate_key(self, algorithm: str, label: str) -> TokenKeyInMemory:
        assert algorithm == "sm2"
        self.held.append(TokenKeyInMemory(SoftKey.generate(), label))
        return self.held[-1]

    def store_certificate(self, der: bytes, label: str, key_id: bytes) -> None:
        self.held[-1].certificates = (der,)

    def write_data(self, label: str, data: bytes) -> None:
        self.data[label] = data

    def pin_unlocker(self, signer: bytes, recipient: bytes) -> None:
        """Unlocked in another way."""

    @property
    def holder(self) -> SoftKey:
        """The key with its certificate, as the stories sign with it."""
        return self.held[-1].soft.with_certificate(self.held[-1].certificates[0])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, light_font: Path) -> Iterator[RunningServer]:
    logbook.configure("error")
    settings = platform_settings(tmp_path_factory.mktemp("platform"), imprint_font=light_font)
    with start_in_thread(settings) as running:
        yield running


def applicant(**changes: Any) -> Applicant:
    facts = Applicant(
        uscc=credit_code(),
        enterprise="宿迁市云杉软件有限公司",
        legal_rep="李晓梅",
        handler="李晓梅",
        handler_id=citizen_number(),
        phone="13800000000",
    )
    return replace(facts, **changes)


def request_of(key: SoftKey) -> bytes:
    return make_request(Name.build([("CN", "whoever")]), key.spki, key.sign)


@dataclass
class Office:
    """A company with a collected seal."""

    session: TokenSession
    cabinet: Cabinet
    seal: SealRecord


@pytest.fixture(scope="module")
def office(server: RunningServer) -> Iterator[Office]:
    session, cabinet = TokenSession(), Cabinet.in_memory()
    with PlatformClient(server.url) as platform:
        seal = enrol(applicant(), session, platform, cabinet, sleep=lambda _: None)  # type: ignore[arg-type]
    yield Office(session, cabinet, seal)
    cabinet.close()


@pytest.fixture
def platform(server: RunningServer, office: Office) -> Iterator[PlatformClient]:
    """A client bound to the pinned root, signed in as the office."""
    pinned = office.cabinet.platform(server.url)
    assert pinned is not None
    with PlatformClient(server.url, root_sm3=pinned.root_sm3) as client:
        client.sign_in(office.session.holder)
        yield client


# ---------------------------------------------------------------- what should work


def test_a_collected_seal_is_usable_and_all_of_it_is_at_hand(
    server: RunningServer, office: Office
) -> None:
    seal = office.cabinet.seal(office.seal.code)
    assert (seal.state, seal.platform) == ("active", server.url)
    assert seal.usable(datetime.now(UTC)) is None
    assert seal.parsed.allows(office.session.holder.certificate)
    assert seal.parsed.signature_valid()
    assert office.session.data[f"seal-{seal.code}"] == seal.data
    statement = office.cabinet.statement(seal.code)
    assert statement is not None
    assert statement.statement.state == "active"
    pinned = office.cabinet.platform(server.url)
    assert pinned is not None
    assert set(pinned.crls) == {"root", "issuing", "abroad"}


def test_a_ticket_is_for_this_document_only(platform: PlatformClient, office: Office) -> None:
    digest = sm3("合同".encode())
    said = SignedStatement.parse(platform.ticket(office.seal.id, digest)).statement
    assert (said.seal_code, said.document_digest) == (office.seal.code, digest)
    assert said.certificate_serial == office.seal.signer.serial
    assert said.certificate_valid


def usage(seal: SealRecord, name: str) -> tuple[str, str]:
    record = json.dumps(
        {
            "type": "usage-v1",
            "seal_id": seal.id,
            "document_sm3": sm3(name.encode()).hex(),
            "at": datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
        }
    )
    return sm3(record.encode()).hex(), record


def test_a_sync_confirms_the_seal_and_delivers_the_usage_records(
    server: RunningServer, office: Office
) -> None:
    known = [usage(office.seal, name) for name in ("一.pdf", "二.pdf")]
    for each in known:
        office.cabinet.queue_usage(*each)
    with PlatformClient(server.url) as client:
        first = synchronise(client, office.cabinet, office.session.holder)
        again = synchronise(client, office.cabinet, office.session.holder)
    assert (first.seals, first.records) == (1, 2)
    assert (again.seals, again.records) == (1, 0)
    assert office.cabinet.pending_usage() == []
    told = office.cabinet.usage(known[0][0])
    assert told is not None
    assert json.loads(told.receipt)["id"] == known[0][0]
    pinned = office.cabinet.platform(server.url)
    assert pinned is not None
    assert pinned.cursor


def test_sending_a_record_twice_gives_the_receipt_of_the_first(
    platform: PlatformClient, office: Office
) -> None:
    record = usage(office.seal, "三.pdf")
    first, second = (platform.report_usage([record])[0] for _ in range(2))
    assert (first.index, first.record) == (second.index, second.record)


def test_a_suspension_reaches_the_cabinet_though_the_holder_cannot_sign_in(
    server: RunningServer,
) -> None:
    session, cabinet = TokenSession(), Cabinet.in_memory()
    with PlatformClient(server.url) as client:
        seal = enrol(applicant(), session, client, cabinet, sleep=lambda _: None)  # type: ignore[arg-type]
        client.sign_in(session.holder)
        digest = sm3(seal.data).hex()
        signed = decision(server.url, session.holder, "suspend", seal.id, digest, "lost")
        client._call("POST", f"/v1/seals/{seal.id}/suspend", {"reason": "lost", **signed})
        with pytest.raises(PlatformRefused) as caught:
            synchronise(client, cabinet, session.holder)
    assert caught.value.problem == "certificate_not_valid"
    assert cabinet.seal(seal.code).usable(datetime.now(UTC)) == "suspended"
    statement = cabinet.statement(seal.code)
    assert statement is not None
    assert statement.statement.state == "suspended"
    told = [each for each in changes(cabinet) if each.seal_code == seal.code]
    assert [(each.state, each.reason) for each in told] == [("suspended", "lost")]


def test_a_cursor_the_platform_has_forgotten_starts_from_the_beginning(
    server: RunningServer, office: Office
) -> None:
    pinned = office.cabinet.platform(server.url)
    assert pinned is not None
    office.cabinet.pin(replace(pinned, cursor="bm90IGEgY3Vyc29y"))
    with PlatformClient(server.url) as client:
        assert synchronise(client, office.cabinet, office.session.holder).seals == 1


# ---------------------------------------------------------------- refusals


def test_a_wrong_credit_code_is_refused_in_plain_words(server: RunningServer) -> None:
    wrong = applicant(uscc=credit_code()[:-1] + "Z")
    session = TokenSession()
    with PlatformClient(server.url) as client, pytest.raises(ApplicationFieldWrong) as found:
        enrol(wrong, session, client, Cabinet.in_memory())  # type: ignore[arg-type]
    assert (found.value.field, session.held) == ("uscc", []), "found before anything is made"
    record = Cabinet.in_memory().applications.new("issue", wrong.fields)
    record = replace(record, request=request_of(SoftKey.generate()))
    with PlatformClient(server.url) as client, pytest.raises(PlatformRefused) as caught:
        client.apply(body(record), "a-key-of-its-own")
    assert caught.value.problem == "uscc_invalid"
    assert caught.value.request_id
    assert "统一社会信用代码" in explain(caught.value).cause


def test_without_a_reviewer_the_application_stays_pending(tmp_path: Path) -> None:
    with start_in_thread(platform_settings(tmp_path, auto_review=False)) as running:
        session = TokenSession()
        with PlatformClient(running.url) as client, pytest.raises(ApplicationRejected) as caught:
            enrol(
                applicant(),
                session,  # type: ignore[arg-type]
                client,
                Cabinet.in_memory(),
                wait_s=0.2,
                sleep=lambda _: None,
            )
    assert caught.value.state == "pending"
    assert len(session.held) == 1, "the key pair waits on the token for the next attempt"


def test_another_ones_seal_is_not_found(platform: PlatformClient) -> None:
    with pytest.raises(PlatformRefused) as caught:
        platform.seal("0000000000000000")
    assert caught.value.problem == "not_found"


def test_a_key_without_certificate_of_this_platform_cannot_sign_in(
    server: RunningServer, office: Office
) -> None:
    stranger = SoftKey.generate().with_certificate(office.session.holder.certificate)
    with PlatformClient(server.url) as client, pytest.raises(PlatformRefused) as caught:
        client.sign_in(stranger)
    assert caught.value.problem == "signature_invalid"


@pytest.mark.parametrize("code", ["", "../../v1/service", "3213 0000", "印章", "x" * 500])
def test_a_seal_code_from_a_hostile_document_reaches_no_other_address(
    platform: PlatformClient, code: str
) -> None:
    with pytest.raises(PlatformRefused) as caught:
        platform.status(code)
    assert caught.value.problem == "not_found"


# ---------------------------------------------------------------- who is on the other side?


def test_another_root_than_the_pinned_one_is_refused_before_anything_is_signed(
    server: RunningServer, office: Office
) -> None:
    signed: list[bytes] = []

    class Watched:
        certificate = office.session.holder.certificate

        def sign(self, message: bytes) -> bytes:
            signed.append(message)
            return office.session.holder.sign(message)

    with PlatformClient(server.url, root_sm3="00" * 32) as client:
        with pytest.raises(PlatformUntrusted, match="root"):
            client.sign_in(Watched())
        with pytest.raises(PlatformUntrusted, match="root"):
            client.status(office.seal.code)
    assert signed == []


def test_the_same_platform_under_another_address_is_refused(
    server: RunningServer, office: Office
) -> None:
    other = server.url.replace("127.0.0.1", "localhost")
    with PlatformClient(other) as client, pytest.raises(PlatformUntrusted, match="origin"):
        client.sign_in(office.session.holder)


@pytest.mark.parametrize("url", ["http://platform.example", "ftp://127.0.0.1", "127.0.0.1"])
def test_an_unprotected_address_is_refused_before_any_contact(url: str) -> None:
    with pytest.raises(PlatformUntrusted, match="insecure"):
        PlatformClient(url)


def test_nobody_there_is_unreachable() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{held.getsockname()[1]}"
        with PlatformClient(url) as client, pytest.raises(PlatformUnreachable) as caught:
            client.service()
    assert caught.value.reason == "refused"


@dataclass
class Impostor:
    """A server that says what a test tells it to, to every request."""

    url: str
    asked: list[tuple[str, str]]


@pytest.fixture
def impostor() -> Iterator[Callable[[int, dict[str, str], bytes], Impostor]]:
    servers: list[ThreadingHTTPServer] = []

    def start(status: int, headers: dict[str, str], body: bytes, pause_s: float = 0.0) -> Impostor:
        asked: list[tuple[str, str]] = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                asked.append((self.command, self.path))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                step = 1 if pause_s else max(1, len(body))
                for start in range(0, len(body), step):
                    self.wfile.write(body[start : start + step])
                    time.sleep(pause_s)

            do_GET = do_POST = do_DELETE = answer

            def log_message(self, *details: object) -> None:
                pass

            def handle(self) -> None:
                # the client hangs up, as it should, on an endless answer
                with contextlib.suppress(ConnectionError):
                    super().handle()

        httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(httpd)
        threading.Thread(target=httpd.serve_forever, args=(0.02,), daemon=True).start()
        return Impostor(f"http://127.0.0.1:{httpd.server_port}", asked)

    yield start
    for httpd in servers:
        httpd.shutdown()
        httpd.server_close()


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (200, {}, b"<html>a captive portal</html>"),
        (200, {}, b"[]"),
        (200, {}, b"{}"),
        (200, {}, b'{"origin": 5, "logs": []}'),
        (200, {}, b"[" * 100_000),
        (200, {}, b"\xff\xfe"),
        (500, {}, b"oops"),
        (404, {}, b"[]"),
        (302, {"Location": "http://127.0.0.1:1/"}, b""),
        (200, {}, b'"' + b"x" * (17 * 1024 * 1024)),
    ],
)
def test_an_answer_that_is_none_of_ours_is_told_as_such(
    impostor: Callable[..., Impostor], status: int, headers: dict[str, str], body: bytes
) -> None:
    other = impostor(status, headers, body)
    with PlatformClient(other.url) as client, pytest.raises(PlatformAnswerInvalid):
        client.service()
    assert other.asked == [("GET", "/v1/service")], "no redirect is followed, nothing repeated"


def test_a_busy_platform_is_asked_again_a_few_times(impostor: Callable[..., Impostor]) -> None:
    other = impostor(503, {}, b"")
    with PlatformClient(other.url) as client, pytest.raises(PlatformUnreachable) as caught:
        client.service()
    assert caught.value.reason == "busy"
    assert len(other.asked) == 3


def test_an_answer_that_drips_for_ever_is_given_up(
    impostor: Callable[..., Impostor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.remote.http_client._LONGEST_S", 0.3)
    other = impostor(200, {}, b"x" * 100, 0.05)
    with PlatformClient(other.url) as client, pytest.raises(PlatformUnreachable) as caught:
        client.service()
    assert caught.value.reason == "timeout"


def test_what_cannot_be_repeated_is_sent_once(
    impostor: Callable[..., Impostor], server: RunningServer, office: Office
) -> None:
    other = impostor(503, {}, b"")
    with PlatformClient(server.url) as good:
        service = good.service()
    with PlatformClient(other.url) as client:
        client._service = service
        with pytest.raises(PlatformUnreachable):
            client.sign_in(office.session.holder)
    assert other.asked == [("POST", "/v1/challenges")]


def test_a_refusal_without_problem_details_does_not_crash(
    impostor: Callable[..., Impostor],
) -> None:
    body = json.dumps({"code": ["x"], "title": None, "detail": 7, "request_id": None}).encode()
    other = impostor(422, {}, body)
    with PlatformClient(other.url) as client, pytest.raises(PlatformRefused) as caught:
        client.service()
    assert explain(caught.value).code == "E-503"


@pytest.mark.parametrize("state", ["active", "suspended"])
def test_a_statement_signed_by_a_holder_is_not_believed(
    server: RunningServer, office: Office, impostor: Callable[..., Impostor], state: str
) -> None:
    real = office.cabinet.statement(office.seal.code)
    assert real is not None
    now = datetime.now(UTC)
    forged = replace(real.statement, state=state, issued_at=now, next_update=now + timedelta(1))
    token = forged.encode(office.session.holder)
    other = impostor(200, {}, json.dumps({"token": base64.b64encode(token).decode()}).encode())
    with PlatformClient(server.url) as good:
        service = good.service()
    with PlatformClient(other.url) as client:
        client._service = service
        with pytest.raises((PlatformUntrusted, PlatformAnswerInvalid)):
            client.status(office.seal.code)


def seal_by_a_stranger(code: str, certificate: bytes) -> bytes:
    maker, name, now = SoftKey.generate(), Name.build([("CN", "stranger")]), datetime.now(UTC)
    year = timedelta(days=365)
    vouched = make_certificate(
        subject=name,
        public_key=maker.spki,
        issuer=name,
        issuer_key=maker,
        serial=1,
        not_before=now - year,
        not_after=now + year,
        key_usage=["digitalSignature"],
        authority_spki=maker.spki,
    )
    return make_seal(
        es_id=code,
        vendor="X",
        seal_type=1,
        name="假公章",
        signer_certificates=[certificate],
        created=now,
        valid_from=now,
        valid_until=now + year,
        picture=b"x",
        width_mm=40,
        height_mm=40,
        maker=maker.with_certificate(vouched),
    )


def test_a_seal_made_by_somebody_else_is_not_collected(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def swapped(self: PlatformClient, seal: Any) -> bytes:
        return seal_by_a_stranger(seal.code, seal.certificate)

    monkeypatch.setattr(PlatformClient, "seal_data", swapped)
    session, cabinet = TokenSession(), Cabinet.in_memory()
    with PlatformClient(server.url) as client, pytest.raises(PlatformAnswerInvalid, match="seal"):
        enrol(applicant(), session, client, cabinet, sleep=lambda _: None)  # type: ignore[arg-type]
    assert cabinet.seals() == []
    assert session.held[0].certificates == (), "nothing was put on the token"
