"""验签 as a service: the server says of a file what the client's own functions say of it."""

import base64
import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import httpx
import pymupdf
import pytest

from crypto.algorithms import gm
from crypto.pdf.verify import verify_pdf
from crypto.pki.certificate import Certificate
from crypto.pki.revocation_list import Crl
from crypto.seal.statement import SignedStatement
from crypto.validation.trust import Trust
from server_stub import verifying
from server_stub.web.serving import RunningServer
from tests.server import taken_over
from tests.world.applicant import Applicant
from tests.world.served import ask, blank_page, stamped
from tests.world.waiting import next_second


def trust_of(person: Applicant) -> Trust:
    """What a client that pinned this platform believes."""
    known = person.http.get("/v1/service").json()["certificates"]
    root, issuing = (
        Certificate.parse(base64.b64decode(known[name])) for name in ("root", "issuing")
    )
    crls = tuple(
        Crl.parse(person.http.get(f"/pki/crl/{name}/0.crl").content) for name in ("root", "issuing")
    )
    row = person.call("GET", f"/v1/seals/{person.seal_id}").json()
    token = person.http.get(f"/v1/seals/{row['seal_code']}/status").json()["token"]
    said = SignedStatement.parse(base64.b64decode(token))
    return replace(Trust.in_all([root]), pool=(issuing,), crls=crls, statements=(said,))


def without_times(report: dict[str, Any]) -> dict[str, Any]:
    """The report without the moments at which each side looked.

    Whose word about the seal is newer, the ticket's in the file or the platform's own, is a matter
    of the second in which each side asked."""
    cleaned = {k: v for k, v in report.items() if k not in ("verified_at", "judged_at")}
    for signature in cleaned["signatures"]:
        for finding in signature["findings"]:
            finding.pop("text")  # says "as of" the minute
            finding["details"].pop("as_of", None)
        for proof in signature.get("proofs", ()):
            proof.pop("text")
        if signature.get("platform"):
            signature["platform"].pop("as_of", None)
            assert signature["platform"].pop("source") in ("stapled", "known")
    return cleaned


def test_server_and_client_say_the_same_of_the_same_file(enrolled: Applicant) -> None:
    data = stamped(enrolled)
    answer = ask(enrolled.url, data)
    assert answer.status_code == 200, answer.text
    report = answer.json()
    assert report["verdict"] == "VALID", report
    (signature,) = report["signatures"]
    assert signature["seal"]["name"] == enrolled.name
    own = verify_pdf(io.BytesIO(data), "contract.pdf", trust_of(enrolled), datetime.now(UTC))
    assert without_times(report) == without_times(own.to_json())


def test_a_seal_used_while_it_was_suspended_stays_invalid_when_resumed(
    server: RunningServer, holder: Callable[..., Applicant]
) -> None:
    person = holder()
    person.enrol()
    path = f"/v1/seals/{person.seal_id}"
    assert person.call("POST", f"{path}/suspend", {"reason": "holder_request"}).status_code == 200
    next_second()  # a signature tells its time in whole seconds
    data = stamped(person, ticket=False)
    next_second()  # the second in which it is resumed belongs to the seal in force
    assert person.call("POST", f"{path}/resume", {}).status_code == 200
    (signature,) = ask(server.url, data).json()["signatures"]
    assert signature["verdict"] == "INVALID"
    assert "status_not_active" in {each["code"] for each in signature["findings"]}


def test_one_changed_byte_is_invalid(enrolled: Applicant) -> None:
    data = bytearray(stamped(enrolled))
    place = data.index(b"/MediaBox")
    data[place + 12] ^= 1
    report = ask(enrolled.url, bytes(data)).json()
    assert report["verdict"] == "INVALID"


def test_a_file_without_seals_is_unsigned(server: RunningServer) -> None:
    assert ask(server.url, blank_page()).json()["verdict"] == "UNSIGNED"


@pytest.mark.parametrize("data", [b"", b"no PDF at all", b"%PDF-1.7\n" + b"\0" * 1000])
def test_what_is_no_pdf_is_told_so(server: RunningServer, data: bytes) -> None:
    answer = ask(server.url, data)
    assert answer.status_code == 422
    assert answer.json()["code"] == "file_not_verifiable"


def test_other_media_types_are_refused(server: RunningServer) -> None:
    answer = ask(server.url, blank_page(), "text/html")
    assert answer.json()["code"] == "media_type_unsupported"


def test_a_verification_that_takes_too_long_is_ended() -> None:
    nothing = verifying.TrustMaterial([], [], [])
    with pytest.raises(verifying.VerificationTimeout):
        verifying.verify(blank_page(), "x.pdf", nothing, lambda code: None, 0.001)


def test_the_parent_survives_a_child_that_dies() -> None:
    unusable = verifying.TrustMaterial([b"no certificate"], [], [])
    with pytest.raises(verifying.FileNotVerifiable):
        verifying.verify(blank_page(), "x.pdf", unusable, lambda code: None, 30)


@pytest.mark.parametrize(
    "said",
    [
        "no JSON",
        "[7]",
        "{}",
        '{"problem": "<script>"}',
        '{"report": {"schema": 1, "verdict": "VALID"}}',
        '{"ask": 7}',
        '{"report": {',
        "[" * 100_000,
    ],
)
def test_a_child_that_is_taken_over_costs_one_answer(
    said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verifying, "_verify", partial(taken_over.say, said))
    material = verifying.TrustMaterial([], [], [])
    with pytest.raises(verifying.FileNotVerifiable, match=r"^unreadable$"):
        verifying.verify(blank_page(), "x.pdf", material, lambda code: None, 30)


def test_a_child_that_never_ends_its_answer_does_not_fill_the_platforms_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(verifying, "_verify", taken_over.say_without_end)
    monkeypatch.setattr(verifying, "_MAX_ANSWER", 1 << 20)
    material = verifying.TrustMaterial([], [], [])
    with pytest.raises(verifying.FileNotVerifiable):
        verifying.verify(blank_page(), "x.pdf", material, lambda code: None, 300)


def take_over(monkeypatch: pytest.MonkeyPatch, report: dict[str, Any]) -> None:
    """The process that reads the file is in a stranger's hands: it says *report*, and offers a page
    of its own for the seal."""
    evil = pymupdf.open()
    evil.new_page().insert_text((72, 72), "EVIL PAGE")
    pdf = base64.b64encode(evil.tobytes()).decode()
    said = json.dumps({"report": report, "pdf": pdf})
    monkeypatch.setattr(verifying, "_verify", partial(taken_over.say, said))


@pytest.mark.parametrize(
    "lie", [{"name": "other.pdf"}, {"size": 1}, {"sm3": "00" * 32}], ids=lambda lie: "".join(lie)
)
def test_which_file_it_was_the_platform_knows_by_itself(
    lie: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    data, material = blank_page(), verifying.TrustMaterial([], [], [])
    report = verify_pdf(io.BytesIO(data), "x.pdf", Trust.in_all([]), datetime.now(UTC)).to_json()
    report["file"] |= lie
    take_over(monkeypatch, report)
    with pytest.raises(verifying.FileNotVerifiable):
        verifying.verify(data, "x.pdf", material, lambda code: None, 30)


def test_a_child_that_is_taken_over_gets_no_page_of_its_own_sealed(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = blank_page()
    report = verify_pdf(io.BytesIO(data), "x.pdf", Trust.in_all([]), datetime.now(UTC)).to_json()
    report |= {"program": "EVIL", "verified_at": "1999-01-01T00:00:00Z", "verdict_text": "EVIL"}
    take_over(monkeypatch, report)
    url = f"{server.url}/v1/verifications?name=x.pdf"
    kind = {"content-type": "application/pdf"}
    plain = httpx.post(url, content=data, headers=kind, timeout=60)
    assert "EVIL" not in plain.text
    assert "1999" not in plain.text
    sealed = httpx.post(f"{url}&report=sealed", content=data, headers=kind, timeout=60)
    assert sealed.status_code == 200
    with pymupdf.open(stream=sealed.content) as pages:
        text = "".join(page.get_text() for page in pages)
    assert gm.sm3(data).hex() in re.sub(r"[\s\u200b]", "", text)
    assert "EVIL" not in text
    assert "1999" not in text
