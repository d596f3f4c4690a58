"""用印审批 in a real browser: the pages are seen and checked there, and a decision is signed."""

from __future__ import annotations

import base64
import contextlib
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from crypto.algorithms.gm import sm3
from crypto.seal.page_key import wrap_for
from crypto.seal.phone import PairingProof, write_base64url
from crypto.seal.use_approval import SignedApproval, UseRequest
from server_stub.web.serving import RunningServer
from tests.world import chromium
from tests.world.applicant import Applicant, b64
from tests.world.approving import Approving, Somebody
from tests.world.pairing import Paired
from tests.world.preview import Preview, drawn

pytestmark = chromium.needed


@pytest.fixture(scope="module")
def people(city: RunningServer) -> Iterator[tuple[Applicant, Applicant]]:
    """Who asks, and who is asked."""
    with contextlib.ExitStack() as opened:
        made = []
        for name, company in (
            ("周正", "宿迁市云杉软件有限公司"),
            ("吴安", "宿迁市青松贸易有限公司"),
        ):
            made.append(Somebody(city.url, legal_rep=name, name=company))
            opened.callback(made[-1].http.close)
            made[-1].enrol()
        yield made[0], made[1]


@dataclass
class Phone:
    """The browser, and what it was bound with."""

    page: chromium.Page
    proof: PairingProof
    pictures: Path


@pytest.fixture(scope="module")
def phone(
    people: tuple[Applicant, Applicant], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Phone]:
    """Paired once; each test opens another request."""
    folder = tmp_path_factory.mktemp("browser")
    with chromium.phone(folder) as page:
        paired = Paired(people[1])
        begun = paired.begin()
        page.open(f"{begun['url']}#{write_base64url(paired.secret)}")
        page.step("start")
        page.tap("#pair")
        page.step("digits")
        told = paired.person.call("GET", f"/v1/phone-pairings/{begun['id']}").json()
        proof = PairingProof.parse(base64.b64decode(told["proof"]))
        facts = (*("credential", "key_es256", "key_ecdh", "aaguid", "backup", "phone"),)
        answer = paired.bind(person="吴安", **{name: getattr(proof, name) for name in facts})
        assert answer.status_code == 201, answer.text
        page.step("done")
        yield Phone(page, proof, Path(os.environ.get("PHONE_PICTURES", folder)))
        assert page.wrong == []


@dataclass
class Asked:
    approving: Approving
    row: dict[str, Any]
    request: UseRequest

    @property
    def url(self) -> str:
        (asked,) = self.row["asked"]
        return f"{self.approving.company.url}/m/a/{asked['link']}"

    @property
    def state(self) -> str:
        return str(self._now()["state"])

    def _now(self) -> dict[str, Any]:
        path = f"/v1/use-requests/{self.row['id']}"
        now: dict[str, Any] = self.approving.company.call("GET", path).json()
        return now

    @property
    def approval(self) -> SignedApproval:
        (asked,) = self._now()["asked"]
        return SignedApproval.parse(base64.b64decode(asked["token"]))


def ask(
    people: tuple[Applicant, Applicant],
    preview: Preview | None,
    *,
    proof: PairingProof | None = None,
    sent: Preview | None = None,
    masked: bool = False,
) -> Asked:
    """Ask for a use. *preview*: what the requester signs; *sent*: what is uploaded, if it is
    something else; *proof*: of the phone that the key is wrapped for."""
    company = people[0]
    approving = Approving(company, people[1:])
    terms = approving.terms(1)
    if masked:
        hidden = tuple(replace(each, name="吴*") for each in terms.approvers)
        terms = replace(terms, approvers=hidden, masked=True)
    answer = approving.rule(terms)
    assert answer.status_code == 201, answer.text
    changes: dict[str, Any] = {}
    if preview is not None:
        changes = {"preview_sha256": preview.sha256, "pages": str(len(preview.pages) or 1)}
        changes["document_name"] = preview.name
    if masked and preview is not None:
        salted = sm3(preview.salt + preview.name.encode()).hex()
        changes |= {"document_name": f"salted-sm3 {salted}", "requester": "周*"}
    request = approving.request(**changes)
    uploaded = sent or preview
    pages = uploaded.encrypted(request.encode()) if uploaded else []
    keys = []
    if proof is not None and uploaded is not None:
        key = bytes.fromhex(proof.key_ecdh)
        wrapped = wrap_for(key, uploaded.key, bytes.fromhex(request.sha256))
        serial = approving.approvers[0].call("GET", f"/v1/seals/{people[1].seal_id}").json()
        keys = [
            {
                "certificate_sn": serial["certificate_sn"],
                "kind": "ecdh-p256",
                "key_id": sm3(key).hex(),
                "wrapped": b64(wrapped),
            }
        ]
    answer = approving.ask(request, pages=len(pages), keys=keys)
    assert answer.status_code == 201, answer.text
    for number, content in enumerate(pages):
        put = company.http.put(
            f"/v1/use-requests/{request.request}/pages/{number}",
            content=content,
            headers={
                "Authorization": f"Bearer {company.token}",
                "Content-Type": "application/octet-stream",
            },
        )
        assert put.status_code == 204, put.text
    return Asked(approving, answer.json(), request)


def test_the_pages_are_seen_and_the_use_is_approved(
    people: tuple[Applicant, Applicant], phone: Phone
) -> None:
    asked, page = ask(people, Preview(), proof=phone.proof), phone.page
    page.open(asked.url)
    page.step("start")
    page.wait("!document.getElementById('whole').hidden")
    assert page.evaluate("document.querySelectorAll('#sheets img').length") == 2
    assert page.evaluate("document.querySelector('#sheets img').naturalWidth") > 800
    for words in ("采购合同.pdf", "宿迁市云杉软件有限公司", "某某公司", "签合同", "周正"):
        assert words in page.text()
    page.shot("approve", phone.pictures)
    page.evaluate("document.getElementById('approve').scrollIntoView()")
    page.shot("approve-below", phone.pictures)
    page.tap("#approve")
    page.step("sure")
    assert asked.state == "pending"  # one tap approves nothing
    shown = page.evaluate("document.getElementById('text').textContent")
    chosen = page.evaluate("document.getElementById('chosen').innerText")
    for named in ("文件 · 采购合同.pdf", "印章 · 宿迁市云杉软件有限公司", "申请人 · 周正"):
        assert named in chosen
    page.shot("approve-sure", phone.pictures)
    page.tap("#sure")
    page.step("done")
    page.shot("approved", phone.pictures)
    assert asked.state == "approved"
    approval = asked.approval
    assert approval.phone
    assert approval.approval.encode().decode() == shown
    assert approval.approval.repeats(asked.request)
    page.open(asked.url)
    page.step("ended")
    assert "已同意" in page.text()


def test_a_hidden_name_is_checked_and_a_use_is_rejected_with_a_reason(
    people: tuple[Applicant, Applicant], phone: Phone
) -> None:
    """The key comes with the code on the approver's own computer."""
    preview, page = Preview("机密合同.pdf"), phone.page
    asked = ask(people, preview, masked=True)
    page.open(asked.url)
    page.wait("!document.getElementById('no-key').hidden")
    page.tap("#approve")
    assert page.evaluate("document.querySelector('[data-step=sure]').hidden")
    page.shot("no-key", phone.pictures)
    page.open(f"{asked.url}#{write_base64url(preview.key)}")
    page.wait("!document.getElementById('whole').hidden")
    assert "机密合同.pdf" in page.text()
    assert "#" not in page.evaluate("location.href")
    page.tap("#reject")  # not without a reason
    assert page.evaluate("document.querySelector('[data-step=sure]').hidden")
    page.evaluate("document.getElementById('reason').value = '金额不对'")
    page.tap("#reject")
    page.step("sure")
    page.tap("#sure")
    page.step("done")
    assert asked.state == "rejected"
    assert asked.approval.approval.reason == "金额不对"


@pytest.mark.parametrize("what", ["page", "name", "fewer"])
def test_pages_that_the_requester_did_not_sign_are_not_approved(
    people: tuple[Applicant, Applicant], phone: Phone, what: str
) -> None:
    signed = Preview()
    sent = {
        "page": Preview(pages=(signed.pages[0], drawn("另一页"))),
        "name": Preview("另一份.pdf", signed.pages),
        "fewer": Preview(pages=signed.pages[:1]),
    }[what]
    asked, page = ask(people, signed, proof=phone.proof, sent=sent), phone.page
    page.open(asked.url)
    page.wait("!document.getElementById('wrong-pages').hidden")
    page.tap("#approve")
    assert page.evaluate("document.querySelector('[data-step=sure]').hidden")
    assert asked.state == "pending"


ONE_PAGE = """(() => {
  const fetched = window.fetch;
  window.fetch = async (...asked) => {
    const answer = await fetched(...asked);
    if (!String(asked[0]).endsWith("/facts")) return answer;
    return Response.json({ ...(await answer.json()), pages: 1 });
  };
})()"""
"""A platform that tells of the facts alone."""


def test_no_picture_at_all_is_not_the_whole_document(
    people: tuple[Applicant, Applicant], phone: Phone
) -> None:
    """What the requester signed is the digest of no pictures, and the facts come alone."""
    signed, sent = Preview(pages=()), Preview(pages=(drawn("第一页"),))
    asked, page = ask(people, signed, proof=phone.proof, sent=sent), phone.page
    told = page.call("Page.addScriptToEvaluateOnNewDocument", source=ONE_PAGE)
    try:
        page.open(asked.url)
        page.wait("document.getElementById('loading').hidden")
        assert page.evaluate("!document.getElementById('wrong-pages').hidden")
        page.tap("#approve")
        assert page.evaluate("document.querySelector('[data-step=sure]').hidden")
    finally:
        page.call("Page.removeScriptToEvaluateOnNewDocument", identifier=told["identifier"])


def test_without_pages_the_approver_says_that_the_document_was_seen_elsewhere(
    people: tuple[Applicant, Applicant], phone: Phone
) -> None:
    asked, page = ask(people, None), phone.page
    page.open(asked.url)
    page.wait("!document.getElementById('no-pages').hidden")
    page.tap("#approve")
    assert page.evaluate("document.querySelector('[data-step=sure]').hidden")
    page.tap("#seen")
    page.tap("#approve")
    page.step("sure")
    page.verify_user(False)
    page.tap("#sure")
    page.step("cancelled")
    assert asked.state == "pending"
    page.verify_user(True)
    page.tap("[data-step=cancelled] [data-again]")
    page.tap("#approve")
    page.step("sure")
    page.tap("#sure")
    page.step("done")
    assert asked.state == "approved"


def test_no_picture_is_decoded_that_is_too_large(
    people: tuple[Applicant, Applicant], phone: Phone
) -> None:
    """A few bytes of one colour can ask a phone for gigabytes."""

    def pixels(image: Image.Image, **how: Any) -> Any:
        written = io.BytesIO()
        image.save(written, "WEBP", **how)
        data = list(written.getvalue())
        asked = f"import('/m/webp.js').then(m => m.pixels(new Uint8Array({data})))"
        return phone.page.evaluate(f"{asked}.catch(e => e.message)")

    large = Preview(pages=(drawn("第一页"), blank(2001, 2001)))
    request = ask(people, large, proof=phone.proof)
    phone.page.open(request.url)
    phone.page.step("start")
    phone.page.wait("!document.getElementById('wrong-pages').hidden")
    assert phone.page.evaluate("document.querySelectorAll('#sheets img').length") == 1
    plain, clear = Image.new("RGB", (301, 17), "red"), Image.new("RGBA", (301, 17), "#f008")
    assert pixels(plain) == pixels(plain, lossless=True) == 301 * 17
    assert pixels(clear) == pixels(clear, lossless=True) == 301 * 17
    moving = pixels(plain, save_all=True, append_images=[Image.new("RGB", (301, 17), "blue")])
    assert moving == "not a still picture"
    asked = "import('/m/webp.js').then(m => m.pixels(new Uint8Array(40)))"
    assert phone.page.evaluate(f"{asked}.catch(e => e.message)") == "not a still picture"


def blank(width: int, height: int) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (width, height), "white").save(written, "WEBP")
    return written.getvalue()


def test_the_pages_own_sm3_is_the_standards(
    people: tuple[Applicant, Applicant], phone: Phone
) -> None:
    """GB/T 32905, and lengths around its blocks, against the other implementation."""
    phone.page.open(ask(people, None).url)
    for size in (0, 3, 55, 56, 63, 64, 65, 200):
        data = bytes(n % 251 for n in range(size))
        told = phone.page.evaluate(
            f"import('/m/sm3.js').then(m => m.sm3(new Uint8Array({list(data)})))"
        )
        assert told == sm3(data).hex()
