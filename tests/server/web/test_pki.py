"""Time stamps and OCSP over HTTP, with openssl as judge where it can be one."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from crypto.algorithms import gm
from crypto.pki import ocsp, timestamp
from crypto.pki.certificate import Certificate
from crypto.pki.cms import digest_of
from crypto.pki.revocation_list import Crl
from crypto.seal.statement import SignedStatement
from crypto.validation.trust import Trust, check_maker
from crypto.validation.trusted_time import check_timestamp
from server_stub.__main__ import main
from server_stub.context import Platform
from server_stub.settings import Settings
from server_stub.web.serving import RunningServer
from tests.world.applicant import Applicant

STAMPED = b"the bytes of a signature value"
QUERY, OCSP_QUERY = "application/timestamp-query", "application/ocsp-request"


def post(server: RunningServer, path: str, body: bytes, kind: str = QUERY) -> httpx.Response:
    return httpx.post(server.url + path, content=body, headers={"content-type": kind}, timeout=20)


def shown(server: RunningServer, name: str) -> Certificate:
    return Certificate.parse(httpx.get(f"{server.url}/pki/{name}.crt").content)


@pytest.fixture(scope="module")
def trust(server: RunningServer) -> Trust:
    pool = tuple(shown(server, name) for name in ("issuing", "abroad"))
    return Trust(timestamps=(shown(server, "root"),), pool=pool)


def openssl(folder: Path, *arguments: str | Path) -> bytes:
    done = subprocess.run(
        ["openssl", *map(str, arguments)], cwd=folder, capture_output=True, check=False
    )
    assert done.returncode == 0, (done.stdout + done.stderr).decode(errors="replace")
    return done.stdout + done.stderr


def pem(folder: Path, certificate: Certificate) -> Path:
    path = folder / f"{certificate.serial:x}.pem"
    path.write_bytes(
        b"-----BEGIN CERTIFICATE-----\n"
        + base64.encodebytes(certificate.der)
        + b"-----END CERTIFICATE-----\n"
    )
    return path


# --- time stamps -------------------------------------------------------------------------------


def test_an_sm3_digest_is_stamped_with_sm2(server: RunningServer, trust: Trust) -> None:
    request = timestamp.make_request(gm.sm3(STAMPED))
    answer = post(server, "/tsa", request.der)
    assert answer.headers["content-type"] == "application/timestamp-reply"
    token = timestamp.open_response(answer.content, request)
    assert token.facts(digest_of(STAMPED)).signer.certificate == shown(server, "timestamp")
    moment, findings, _ = check_timestamp(token.der, digest_of(STAMPED), trust)
    assert moment == token.generated
    assert [each.code for each in findings] == ["timestamp_good"]
    again = timestamp.open_response(post(server, "/tsa", request.der).content, request)
    assert again.serial != token.serial
    assert min(again.serial, token.serial).bit_length() > 64


@pytest.mark.parametrize("path", ["/tsa", "/tsa/rsa"])
def test_openssl_verifies_a_stamp_for_abroad(
    server: RunningServer, trust: Trust, tmp_path: Path, path: str
) -> None:
    (tmp_path / "data").write_bytes(STAMPED)
    openssl(tmp_path, "ts", "-query", "-data", "data", "-sha256", "-cert", "-out", "query")
    query = (tmp_path / "query").read_bytes()
    (tmp_path / "reply").write_bytes(post(server, path, query).content)
    anchor = pem(tmp_path, shown(server, "abroad_root"))
    verified = ("ts", "-verify", "-queryfile", "query", "-in", "reply", "-CAfile", anchor)
    assert b"Verification: OK" in openssl(tmp_path, *verified)
    # and our own clients trust it by the root that they have pinned
    token = timestamp.open_response(
        (tmp_path / "reply").read_bytes(), timestamp.Request.parse(query)
    )
    assert check_timestamp(token.der, digest_of(STAMPED), trust)[0] == token.generated
    (tmp_path / "data").write_bytes(STAMPED + b"!")
    refused = subprocess.run(
        ["openssl", "ts", "-verify", "-data", "data", "-in", "reply", "-CAfile", anchor],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert refused.returncode != 0


def test_the_authority_for_abroad_always_shows_the_same_root(server: RunningServer) -> None:
    root, crossed = shown(server, "abroad_root"), shown(server, "abroad")
    assert root == shown(server, "abroad_root")
    assert root.issued_by(root)
    assert root.public_key == crossed.public_key
    assert crossed.issued_by(shown(server, "root"))
    crl = Crl.parse(httpx.get(f"{server.url}/pki/crl/abroad/0.crl").content)
    assert crl.issued_by(root)


def refusal(answer: httpx.Response) -> frozenset[int]:
    assert answer.status_code == 200
    request = timestamp.make_request(gm.sm3(STAMPED))
    with pytest.raises(timestamp.TimestampRefused) as raised:
        timestamp.open_response(answer.content, request)
    return raised.value.failures


def test_bad_requests_are_refused_in_the_protocols_own_words(server: RunningServer) -> None:
    good = timestamp.make_request(gm.sm3(STAMPED)).der
    for path in ("/tsa", "/tsa/rsa"):
        assert refusal(post(server, path, b"rubbish")) == {timestamp.BAD_FORMAT}
        assert refusal(post(server, path, good + bytes(20_000))) == {timestamp.BAD_FORMAT}
        other = timestamp.make_request(gm.sm3(STAMPED), policy="2.25.1").der
        assert refusal(post(server, path, other)) == {timestamp.UNACCEPTED_POLICY}
    assert post(server, "/tsa", good, "application/octet-stream").status_code == 415


def test_sha1_is_not_stamped(server: RunningServer, tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(STAMPED)
    openssl(tmp_path, "ts", "-query", "-data", "data", "-sha1", "-out", "query")
    answer = post(server, "/tsa", (tmp_path / "query").read_bytes())
    assert refusal(answer) == {timestamp.BAD_ALGORITHM}


# --- OCSP --------------------------------------------------------------------------------------


def asked(server: RunningServer, certificate: Certificate, **options: Any) -> ocsp.Answer | None:
    issuing = shown(server, "issuing")
    request = ocsp.make_request(certificate, issuing, **options)
    answer = post(server, "/ocsp", request, OCSP_QUERY)
    assert answer.headers["content-type"] == "application/ocsp-response"
    response = ocsp.OcspResponse.parse(answer.content)
    assert response.nonce == ocsp.OcspRequest.parse(request).nonce
    return response.answer(certificate, issuing)


def test_a_certificate_is_good_until_its_seal_is_suspended(
    server: RunningServer, holder: Callable[..., Applicant]
) -> None:
    person = holder()
    person.enrol()
    certificate = Certificate.parse(person.key.certificate)
    for hash_name in ("sm3", "sha1", "sha256"):
        said = asked(server, certificate, hash_name=hash_name)
        assert said is not None
        assert said.state == "good"
    path = f"/v1/seals/{person.seal_id}/suspend"
    assert person.call("POST", path, {"reason": "lost"}).status_code == 200
    said = asked(server, certificate)
    assert said is not None
    assert (said.state, said.reason) == ("revoked", 6)
    crl = Crl.parse(httpx.get(f"{server.url}/pki/crl/issuing/0.crl").content)
    since, reason = crl.revoked[certificate.serial]
    assert (since, reason) == (said.revoked_at, said.reason)


def test_the_platforms_own_certificates_are_known_and_strangers_are_not(
    server: RunningServer,
) -> None:
    maker = shown(server, "seal_maker")
    for certificate, state in ((maker, "good"), (replace(maker, serial=4711), "unknown")):
        said = asked(server, certificate)
        assert said is not None
        assert said.state == state


def test_ocsp_by_address_may_be_cached(server: RunningServer) -> None:
    maker, issuing = shown(server, "seal_maker"), shown(server, "issuing")
    request = ocsp.make_request(maker, issuing)
    wanted = ocsp.OcspRequest.parse(request)
    path = "/ocsp/" + quote(base64.b64encode(request).decode(), safe="")
    answer = httpx.get(server.url + path)
    response = ocsp.OcspResponse.parse(answer.content)
    assert response.nonce == wanted.nonce
    assert answer.headers["cache-control"] == "no-store"
    said = response.answer(maker, issuing)
    assert said is not None
    assert said.state == "good"


def test_ocsp_refuses_what_is_not_its_own_to_say(server: RunningServer) -> None:
    def status(body: bytes) -> int:
        return post(server, "/ocsp", body, OCSP_QUERY).content[-1]

    assert status(b"rubbish") == ocsp.MALFORMED_REQUEST
    issuing, root = shown(server, "issuing"), shown(server, "root")
    assert status(ocsp.make_request(issuing, root)) == ocsp.UNAUTHORIZED
    assert httpx.get(server.url + "/ocsp/%21%21").content[-1] == ocsp.MALFORMED_REQUEST
    assert post(server, "/ocsp", b"", "text/plain").status_code == 415


def test_openssl_reads_our_sm2_answer(server: RunningServer, tmp_path: Path) -> None:
    maker, issuing = shown(server, "seal_maker"), shown(server, "issuing")
    request = ocsp.make_request(maker, issuing)
    (tmp_path / "answer").write_bytes(post(server, "/ocsp", request, OCSP_QUERY).content)
    text = openssl(tmp_path, "ocsp", "-respin", "answer", "-resp_text", "-noverify")
    assert b"Cert Status: good" in text
    response = ocsp.OcspResponse.parse((tmp_path / "answer").read_bytes())
    (tmp_path / "tbs").write_bytes(response.tbs)
    (tmp_path / "signature").write_bytes(response.signature)
    (tmp_path / "key").write_bytes(shown(server, "status").public_key.spki)
    verified = openssl(
        tmp_path,
        *("dgst", "-sm3", "-keyform", "DER", "-verify", "key", "-signature", "signature"),
        *("-sigopt", "distid:1234567812345678", "tbs"),
    )
    assert b"Verified OK" in verified


def test_a_holder_cannot_pass_for_a_seal_maker(server: RunningServer, enrolled: Applicant) -> None:
    """A holder with a key of its own could otherwise make itself the seal of any company."""
    own = Certificate.parse(enrolled.key.certificate)
    root, issuing = shown(server, "root"), shown(server, "issuing")
    trust = replace(Trust.in_all([root]), pool=(issuing,))
    findings, chain = check_maker(own, trust, own.not_before, own.not_before, own.not_before)
    assert chain.trusted
    assert "maker_purpose_wrong" in {each.code for each in findings}


def test_certificates_say_where_the_platform_lives_if_it_has_a_public_url(
    open_settings: Callable[..., Settings],
) -> None:
    """RFC 5280 §4.2.2.1 and §4.2.1.13, as openssl reads them."""
    platform = Platform.open(open_settings(public_url="https://seals.example"))
    try:
        issuing, status, root = (
            Certificate.parse(platform.authority.certificate(each))
            for each in ("issuing", "status", "root")
        )
    finally:
        platform.close()
    assert issuing.issuer_urls == ("https://seals.example/pki/root.crt",)
    assert issuing.crl_urls == ("https://seals.example/pki/crl/root/0.crl",)
    assert status.issuer_urls == ("https://seals.example/pki/issuing.crt",)
    assert status.ocsp_urls == ("https://seals.example/ocsp",)
    assert (root.issuer_urls, root.ocsp_urls, root.crl_urls) == ((), (), ())
    text = subprocess.run(
        ["openssl", "x509", "-inform", "DER", "-noout", "-ext", "authorityInfoAccess"],
        input=status.der,
        capture_output=True,
        check=True,
    ).stdout.decode()
    assert "OCSP - URI:https://seals.example/ocsp" in text
    assert "CA Issuers - URI:https://seals.example/pki/issuing.crt" in text


def test_statements_name_the_platforms_origin(server: RunningServer, enrolled: Applicant) -> None:
    code = enrolled.call("GET", f"/v1/seals/{enrolled.seal_id}").json()["seal_code"]
    token = httpx.get(f"{server.url}/v1/seals/{code}/status").json()["token"]
    said = SignedStatement.parse(base64.b64decode(token)).statement
    assert said.origin == server.url


def test_init_says_so_where_there_is_no_public_url(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["init", "--dir", str(tmp_path / "one")]) == 0
    assert "no public URL" in capsys.readouterr().out
    monkeypatch.setenv("SEALDESK_SERVER_PUBLIC_URL", "https://seals.example")
    assert main(["init", "--dir", str(tmp_path / "two")]) == 0
    assert "no public URL" not in capsys.readouterr().out
