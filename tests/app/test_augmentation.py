"""Time stamps over HTTP, long-term material, signatures without a seal; authorities on loopback."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from cryptography import x509 as pyca
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509 import ocsp as pyca_ocsp
from pyhanko.pdf_utils.reader import PdfFileReader

from app.augmentation import augment, document_timestamp, long_term, pades
from app.errors import (
    EvidenceMissing,
    OutputExists,
    ServiceUnavailable,
    TimestampUntrusted,
)
from app.remote.public_services import PublicServices
from app.remote.timestamping import Timestamper
from crypto.pdf.signing.values import SignatureMaker
from crypto.pki import timestamp
from crypto.pki.certificate import TIME_STAMPING, Certificate
from crypto.pki.cms import hash_bytes
from crypto.pki.timestamp import TimestampError, TimestampRefused
from crypto.validation.trust import Trust
from crypto.verdict import Verdict
from tests.world.authorities import NOW, Authorities
from tests.world.office import Office

POLICY = "2.25.4711"
OCTETS = b"the bytes of a signature"
Answer = Callable[[str, str, bytes], tuple[int, bytes]]
"""(path, content type, body) → status, body."""


@dataclass
class Services:
    """Whatever a PKI offers over HTTP, on this machine."""

    url: str = ""
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    """(path, content type)"""


@pytest.fixture(scope="module")
def running() -> Iterator[Services]:
    served = Services()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            kind = self.headers.get("Content-Type", "")
            served.asked.append((self.path, kind))
            status, data = served.answers[self.path](self.path, kind, body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST

        def log_message(self, *details: object) -> None:
            del details

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    served.url = f"http://127.0.0.1:{server.server_port}"
    yield served
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def served(running: Services) -> Services:
    running.answers.clear()
    running.asked.clear()
    return running


@pytest.fixture
def web() -> Iterator[PublicServices]:
    with PublicServices() as opened:
        yield opened


@pytest.fixture(scope="module")
def clock_key(authorities: Authorities) -> Any:
    return authorities.certified("时间戳", ("digitalSignature",), TIME_STAMPING)


def authority(key: Any, at: datetime = NOW) -> Answer:
    """A time-stamping authority."""

    def answer(path: str, kind: str, body: bytes) -> tuple[int, bytes]:
        if kind != "application/timestamp-query":
            return 415, b""
        return 200, timestamp.make_response(body, key=key, policy=POLICY, serial=7, now=at)

    return answer


# --- asking for a time stamp -------------------------------------------------------------------


@pytest.mark.parametrize("hash_name", ["sm3", "sha256"])
def test_a_stamp_is_asked_for_proved_and_given(
    hash_name: str, served: Services, web: PublicServices, clock_key: Any, authorities: Authorities
) -> None:
    served.answers["/tsa"] = authority(clock_key)
    stamper = Timestamper(f"{served.url}/tsa", web, authorities.trust)
    token = stamper(OCTETS, hash_name)
    assert token is not None
    parsed = timestamp.TimestampToken.parse(token)
    assert (parsed.hash_name, parsed.generated) == (hash_name, NOW)
    assert parsed.digest == hash_bytes(hash_name, OCTETS)
    assert parsed.nonce is not None
    assert served.asked == [("/tsa", "application/timestamp-query")]


def test_an_authority_that_knows_no_sm3_is_asked_with_sha256(
    served: Services, web: PublicServices, clock_key: Any, authorities: Authorities
) -> None:
    def old(path: str, kind: str, body: bytes) -> tuple[int, bytes]:
        if timestamp.Request.parse(body).hash_name == "sm3":
            return 200, timestamp.rejection(timestamp.BAD_ALGORITHM, "what is SM3?")
        return authority(clock_key)(path, kind, body)

    served.answers["/tsa"] = old
    token = Timestamper(f"{served.url}/tsa", web, authorities.trust)(OCTETS, "sm3")
    assert token is not None
    assert timestamp.TimestampToken.parse(token).hash_name == "sha256"
    assert len(served.asked) == 2


def replayed(key: Any) -> Answer:
    """One that gives everybody the first answer it ever made."""
    kept: list[bytes] = []

    def answer(path: str, kind: str, body: bytes) -> tuple[int, bytes]:
        kept.append(authority(key)(path, kind, body)[1])
        return 200, kept[0]

    return answer


def test_answers_that_prove_nothing_are_errors(
    served: Services, web: PublicServices, clock_key: Any, authorities: Authorities
) -> None:
    served.answers |= {
        "/tsa": authority(clock_key),
        "/stranger": authority(
            Authorities().certified("陌生", ("digitalSignature",), TIME_STAMPING)
        ),
        "/again": replayed(clock_key),
        "/no": lambda *_: (200, timestamp.rejection(timestamp.TIME_NOT_AVAILABLE, "asleep")),
        "/html": lambda *_: (200, b"<html>welcome</html>"),
        "/gone": lambda *_: (404, b""),
        "/busy": lambda *_: (503, b""),
        "/flood": lambda *_: (200, bytes(70_000)),
    }
    cases: dict[str, tuple[type[Exception], str]] = {
        "/stranger": (TimestampUntrusted, "unknown"),
        "/no": (TimestampRefused, ""),
        "/html": (ServiceUnavailable, "page"),
        "/gone": (ServiceUnavailable, "missing"),
        "/busy": (ServiceUnavailable, "busy"),
        "/flood": (ServiceUnavailable, "size"),
    }
    for path, (kind, reason) in cases.items():
        stamper = Timestamper(served.url + path, web, authorities.trust)
        with pytest.raises(kind) as caught:
            stamper(OCTETS, "sm3")
        assert getattr(caught.value, "reason", "") == reason, path
        wished = Timestamper(served.url + path, web, authorities.trust, required=False)
        assert wished(OCTETS, "sm3") is None
        assert isinstance(wished.failure, kind)
    again = Timestamper(served.url + "/again", web, authorities.trust)
    assert again(OCTETS, "sm3")
    with pytest.raises(TimestampError, match="nonce"):
        again(OCTETS, "sm3")
    with pytest.raises(ServiceUnavailable) as refused:
        Timestamper("http://127.0.0.1:9/", web, authorities.trust)(OCTETS, "sm3")
    assert refused.value.reason == "refused"
    with pytest.raises(ServiceUnavailable):
        Timestamper("file:///etc/passwd", web, authorities.trust)(OCTETS, "sm3")


# --- authorities abroad ------------------------------------------------------------------------


@dataclass(frozen=True)
class ForeignKey:
    private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    certificate: bytes

    def sign(self, message: bytes) -> bytes:
        if isinstance(self.private, rsa.RSAPrivateKey):
            return self.private.sign(message, padding.PKCS1v15(), hashes.SHA256())
        return self.private.sign(message, ec.ECDSA(hashes.SHA256()))


class Abroad:
    """A P-256 authority whose certificates say where to ask about them."""

    def __init__(self, url: str) -> None:
        self.private, self._url = ec.generate_private_key(ec.SECP256R1()), url
        self._name = pyca.Name([pyca.NameAttribute(pyca.NameOID.COMMON_NAME, "Root Abroad")])
        self.certificate = self._issue(self.private, "Root Abroad", ca=True)
        self.trust = Trust.in_all([Certificate.parse(self.certificate)])

    def _issue(self, private: Any, common_name: str, *, ca: bool = False, **told: Any) -> bytes:
        public = private.public_key()
        builder = (
            pyca.CertificateBuilder()
            .subject_name(pyca.Name([pyca.NameAttribute(pyca.NameOID.COMMON_NAME, common_name)]))
            .issuer_name(self._name)
            .public_key(public)
            .serial_number(pyca.random_serial_number())
            .not_valid_before((NOW - timedelta(days=30)).replace(tzinfo=None))
            .not_valid_after((NOW + timedelta(days=30)).replace(tzinfo=None))
            .add_extension(pyca.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(pyca.SubjectKeyIdentifier.from_public_key(public), critical=False)
        )
        if told.get("crl"):
            place = [pyca.UniformResourceIdentifier(self._url + "/crl")]
            point = pyca.DistributionPoint(place, None, None, None)
            builder = builder.add_extension(pyca.CRLDistributionPoints([point]), critical=False)
        if told.get("ocsp"):
            ask = pyca.AccessDescription(
                pyca.AuthorityInformationAccessOID.OCSP,
                pyca.UniformResourceIdentifier(self._url + "/ocsp"),
            )
            builder = builder.add_extension(pyca.AuthorityInformationAccess([ask]), critical=False)
        made = builder.sign(self.private, hashes.SHA256())
        return made.public_bytes(serialization.Encoding.DER)

    def key(self, name: str = "Signer", **told: Any) -> ForeignKey:
        private = ec.generate_private_key(ec.SECP256R1())
        return ForeignKey(private, self._issue(private, name, **told))

    def crl(self, until: timedelta = timedelta(days=7)) -> bytes:
        builder = (
            pyca.CertificateRevocationListBuilder()
            .issuer_name(self._name)
            .last_update((NOW - timedelta(days=8)).replace(tzinfo=None))
            .next_update((NOW + until).replace(tzinfo=None))
        )
        made = builder.sign(self.private, hashes.SHA256())
        return made.public_bytes(serialization.Encoding.DER)

    def ocsp(self, body: bytes, *, replay: bool = False) -> bytes:
        """What its responder answers, made by the cryptography package."""
        asked = pyca_ocsp.load_der_ocsp_request(body)
        issuer = pyca.load_der_x509_certificate(self.certificate)
        builder = pyca_ocsp.OCSPResponseBuilder().add_response_by_hash(
            issuer_name_hash=asked.issuer_name_hash,
            issuer_key_hash=asked.issuer_key_hash,
            serial_number=asked.serial_number,
            algorithm=asked.hash_algorithm,
            cert_status=pyca_ocsp.OCSPCertStatus.GOOD,
            this_update=NOW.replace(tzinfo=None),
            next_update=(NOW + timedelta(hours=1)).replace(tzinfo=None),
            revocation_time=None,
            revocation_reason=None,
        )
        nonce = asked.extensions.get_extension_for_class(pyca.OCSPNonce).value.nonce
        builder = builder.add_extension(pyca.OCSPNonce(b"old" * 9 if replay else nonce), False)
        builder = builder.responder_id(pyca_ocsp.OCSPResponderEncoding.NAME, issuer)
        return builder.sign(self.private, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


@pytest.fixture
def abroad(served: Services) -> Abroad:
    made = Abroad(served.url)
    served.answers |= {
        "/crl": lambda *_: (200, made.crl()),
        "/ocsp": lambda path, kind, body: (200, made.ocsp(body)),
    }
    return made


def signed_abroad(
    office: Office, key: ForeignKey, trust: Trust, *further: Any, output: str = "out.pdf"
) -> Any:
    steps = [pades(SignatureMaker("pades", key), clock=lambda: NOW), *further]
    return augment(
        office.document(),
        steps,
        journal=office.journal,
        trust=trust,
        output=office.folder / output,
        suffix="_x",
        clock=lambda: NOW,
    )


def test_a_signature_for_abroad_encloses_its_chain_in_its_own_revision(
    office: Office, abroad: Abroad
) -> None:
    """Covered by it, and again as validation material, where readers abroad look for it."""
    issuer = abroad.trust.signers[0].der
    maker = SignatureMaker("pades", abroad.key(), certificates=(issuer,))
    done = augment(
        office.document(),
        [pades(maker, clock=lambda: NOW)],
        journal=office.journal,
        trust=abroad.trust,
        output=office.folder / "chain.pdf",
        suffix="_x",
        clock=lambda: NOW,
    )
    [signature] = done.report.signatures
    assert (signature.coverage, signature.changed_later) == ("file", ())
    with done.path.open("rb") as stream:
        [enclosed] = PdfFileReader(stream).root["/DSS"]["/Certs"]
        assert enclosed.get_object().data == issuer


@pytest.mark.parametrize("told", [{"crl": True}, {"ocsp": True}, {"ocsp": True, "crl": True}])
def test_what_a_verifier_will_need_is_fetched_and_enclosed(
    told: dict[str, bool], office: Office, abroad: Abroad, served: Services, web: PublicServices
) -> None:
    key = abroad.key(**told)
    bare = signed_abroad(office, key, abroad.trust)
    assert bare.report.verdict is Verdict.UNKNOWN
    enclosing = long_term(abroad.trust, web, clock=lambda: NOW)
    done = signed_abroad(office, key, abroad.trust, enclosing, output="lt.pdf")
    assert done.report.verdict is Verdict.VALID, "offline, by what it brings along"
    asked = {path for path, _ in served.asked}
    assert asked == ({"/ocsp"} if "ocsp" in told else {"/crl"}), "the freshest is asked for"


def test_material_that_cannot_be_had_stops_everything(
    office: Office, abroad: Abroad, served: Services, web: PublicServices
) -> None:
    silent, listed, answered = abroad.key(), abroad.key(crl=True), abroad.key(ocsp=True)
    served.answers["/crl"] = lambda *_: (200, abroad.crl(until=-timedelta(days=1)))
    served.answers["/ocsp"] = lambda path, kind, body: (200, abroad.ocsp(body, replay=True))
    for key, through in ((silent, web), (listed, None), (listed, web), (answered, web)):
        enclosing = long_term(abroad.trust, through, clock=lambda: NOW)
        with pytest.raises(EvidenceMissing) as caught:
            signed_abroad(office, key, abroad.trust, enclosing)
        assert "Signer" in caught.value.subject
    assert not (office.folder / "out.pdf").exists()
    assert office.events().count("countersign-failed") == 4
    assert "countersigned" not in office.events()


# --- together with a seal ----------------------------------------------------------------------


def test_the_usage_record_is_about_the_seal_and_not_what_follows(
    office: Office, abroad: Abroad, authorities: Authorities
) -> None:
    trust = authorities.trust.merged(abroad.trust)
    follow = pades(SignatureMaker("pades", abroad.key()), clock=lambda: NOW)
    done = office.stamp(office.document(), trust=trust, afterwards=(follow,), separate=True)
    seal, second = done.report.signatures
    assert (seal.format, second.format) == ("ses-v4", "cms")
    assert office.platform.tickets, "the platform was asked about the seal"
    entry = list(office.journal.entries())[-1]
    assert entry.details["digest"] == office.platform.tickets[-1].hex()


def test_a_failed_time_stamp_leaves_no_output(
    office: Office, served: Services, web: PublicServices, authorities: Authorities
) -> None:
    served.answers["/tsa"] = lambda *_: (500, b"")
    source = office.document()
    stamper = Timestamper(f"{served.url}/tsa", web, authorities.trust)
    with pytest.raises(ServiceUnavailable):
        office.stamp(source, timestamp=stamper)
    assert office.in_documents() == {source.name}
    wished = Timestamper(f"{served.url}/tsa", web, authorities.trust, required=False)
    done = office.stamp(source, timestamp=wished)
    assert done.report.verdict is Verdict.VALID
    assert isinstance(wished.failure, ServiceUnavailable)


def test_a_document_time_stamp_proves_the_whole_document(
    office: Office,
    served: Services,
    web: PublicServices,
    authorities: Authorities,
    clock_key: Any,
) -> None:
    served.answers["/tsa"] = authority(clock_key)
    stamper = Timestamper(f"{served.url}/tsa", web, authorities.trust)
    source = office.document()
    done = augment(
        source,
        [document_timestamp(stamper)],
        journal=office.journal,
        trust=authorities.trust,
        suffix="_时间戳",
        clock=lambda: NOW,
    )
    assert done.path.name == "合同_时间戳.pdf"
    assert done.path.read_bytes().startswith(source.read_bytes())
    [only] = done.report.signatures
    assert (only.format, only.coverage, only.verdict) == ("timestamp", "file", Verdict.VALID)
    assert only.times.trusted == NOW
    with pytest.raises(OutputExists):
        augment(
            source,
            [document_timestamp(stamper)],
            journal=office.journal,
            trust=authorities.trust,
            output=done.path,
            suffix="_x",
        )
