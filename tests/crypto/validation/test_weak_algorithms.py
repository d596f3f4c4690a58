"""Algorithms that are no longer safe, wherever a verdict rests on them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509 as pyca
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp

from crypto.algorithms import gm
from crypto.asn1 import der
from crypto.pki.certificate import OCSP_SIGNING, Certificate
from crypto.pki.certificate_making import make_certificate
from crypto.pki.cms import SignedData, digest_of
from crypto.pki.cms_make import make_signed_data
from crypto.pki.names_and_algorithms import Name
from crypto.pki.ocsp import OcspResponse
from crypto.pki.revocation_list import Crl
from crypto.pki.timestamp import make_token
from crypto.seal.structure import SealSignature
from crypto.seal.use_approval import SignedRequest
from crypto.validation.anchor_rules import AnchorRule
from crypto.validation.cms_check import check_cms, check_document_timestamp
from crypto.validation.seal_check import check_seal, check_signature
from crypto.validation.trust import Trust
from crypto.validation.trusted_time import check_timestamp
from crypto.verdict import Finding, Report, Times, Verdict, verdict_of
from crypto.wording import conclusion
from tests.world.approvals import Company
from tests.world.authorities import NOW as LENT_AT
from tests.world.authorities import Authorities
from tests.world.authority import BEGIN, END, ForeignKey
from tests.world.documents import classic_pdf
from tests.world.grants import DIGEST as LENT_DIGEST
from tests.world.grants import Lent, signed_grant
from tests.world.openssl import OpenSsl
from tests.world.sealing import MADE_AT, NOW, SIGNED_AT, World
from tests.world.seals import statement_on
from tests.world.weak import (
    ANYBODY,
    CODE,
    DIGEST,
    STATUS,
    Side,
    again,
    certify,
    named,
    private,
    recertified,
    sealed,
    side,
    trusting,
    weak_seals,
)

DOCUMENT = b"what was signed"
KINDS = ("sha1", "md5", "rsa-1024", "ec-192")
PLACES = {
    "value": ("value", "signer", ""),
    "seal": ("seal", "maker", ""),
    "signer": ("signer_certificate", "signer", "signer leaf"),
    "signer's authority": ("signer_certificate", "signer", "signer middle"),
    "maker": ("maker_certificate", "maker", "maker leaf"),
    "maker's authority": ("maker_certificate", "maker", "maker middle"),
}
"""What is signed weakly → (how that is told, whose anchor's rule is asked, whose certificate)."""


def world_with(place: str, kind: str) -> tuple[SealSignature, Side, Side]:
    """A value in which only *place* is weak."""
    signer = side(
        "signer",
        leaf=kind if place == "signer" else "",
        middle=kind if place == "signer's authority" else "",
        own=kind if place == "value" else "",
    )
    maker = side(
        "maker",
        leaf=kind if place == "maker" else "",
        middle=kind if place == "maker's authority" else "",
        own=kind if place == "seal" else "",
    )
    value = sealed(signer, maker, kind if place == "seal" else "", kind if place == "value" else "")
    return value, signer, maker


def weak(findings: Any, code: str = "weak_algorithm") -> list[Finding]:
    return [finding for finding in findings if finding.code == code]


def judged(value: SealSignature, trust: Trust) -> tuple[Verdict, Any]:
    findings = check_signature(value, DIGEST, trust, NOW).findings
    return verdict_of(findings), findings


def rule_for(anchor: Certificate, kind: str, days: int = 1) -> AnchorRule:
    return AnchorRule(anchor.fingerprint, algorithms=((kind, SIGNED_AT + timedelta(days=days)),))


def test_a_value_with_nothing_weak_is_valid() -> None:
    """Also under anchors that sign themselves with SHA-1: they are trusted by choice."""
    for root in ("", "sha1"):
        signer, maker = side("signer", root=root), side("maker", root=root)
        value = sealed(signer, maker)
        verdict, findings = judged(value, trusting(signer, maker))
        assert (verdict, weak(findings)) == (Verdict.VALID, [])
        alone = check_seal(value.seal, trusting(signer, maker), NOW).findings
        assert (verdict_of(alone), weak(alone)) == (Verdict.VALID, [])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", PLACES)
def test_what_rests_on_a_weak_algorithm_is_unknown_and_says_whose(place: str, kind: str) -> None:
    whose, _, subject = PLACES[place]
    value, signer, maker = world_with(place, kind)
    verdict, findings = judged(value, trusting(signer, maker))
    assert verdict is Verdict.UNKNOWN
    [found] = weak(findings)
    assert (found.details["algorithm"], found.details["whose"]) == (kind, whose)
    assert found.details.get("subject", "") == (f"CN={subject}" if subject else "")
    for language in ("zh_CN", "en"):
        said = found.text(language)
        assert not any(wrong in said for wrong in ("{", "weak_", "—"))
        assert subject in said
    alone = check_seal(value.seal, trusting(signer, maker), NOW).findings
    of_the_seal = whose in ("seal", "maker_certificate")
    assert len(weak(alone)) == of_the_seal
    assert verdict_of(alone) is (Verdict.UNKNOWN if of_the_seal else Verdict.VALID)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", PLACES)
def test_a_rule_accepts_what_stands_under_its_anchor_and_nothing_else(
    place: str, kind: str
) -> None:
    """A digest that is never computed proves nothing under any rule."""
    value, signer, maker = world_with(place, kind)
    anchors = {"signer": signer.root, "maker": maker.root}
    own = anchors.pop(PLACES[place][1])
    [other] = anchors.values()
    for rule, accepted in (
        (rule_for(own, kind), kind != "md5"),
        (rule_for(own, kind, days=-1), False),
        (rule_for(own, "rsa-1023"), False),
        (rule_for(other, kind), False),
    ):
        verdict, findings = judged(value, trusting(signer, maker, rule))
        assert verdict is (Verdict.VALID if accepted else Verdict.UNKNOWN)
        if accepted:
            assert not weak(findings)
            [told] = weak(findings, "weak_algorithm_accepted")
            assert "{" not in told.text("zh_CN") + told.text("en")


def test_a_seal_by_itself_is_judged_as_if_it_were_used_now() -> None:
    value, signer, maker = world_with("seal", "sha1")
    for until, verdict in ((NOW, Verdict.VALID), (SIGNED_AT, Verdict.UNKNOWN)):
        rule = AnchorRule(maker.root.fingerprint, algorithms=(("sha1", until),))
        found = check_seal(value.seal, trusting(signer, maker, rule), NOW).findings
        assert verdict_of(found) is verdict


def test_a_value_that_does_not_fit_stays_invalid_whatever_its_algorithm() -> None:
    for kind in ("sha1", "rsa-1024", "ec-192"):
        for place, code in (("value", "signature_invalid"), ("seal", "seal_signature_invalid")):
            value, signer, maker = world_with(place, kind)
            if place == "value":
                value = replace(value, signed=value.signed + b"x")
            else:
                value = replace(value, seal=replace(value.seal, signed=value.seal.signed + b"x"))
            verdict, findings = judged(value, trusting(signer, maker))
            assert verdict is Verdict.INVALID
            assert code in {finding.code for finding in findings}


def test_md5_disproves_nothing_where_it_goes_with_the_key() -> None:
    value, signer, maker = world_with("value", "md5")
    found = check_signature(value, DIGEST, trusting(signer, maker), NOW)
    assert (found.signature_valid, verdict_of(found.findings)) == (None, Verdict.UNKNOWN)
    value, signer, maker = world_with("seal", "md5")
    found = check_signature(value, DIGEST, trusting(signer, maker), NOW)
    assert (found.seal.signature_valid, verdict_of(found.findings)) == (None, Verdict.UNKNOWN)
    # a key that cannot have made it
    value, signer, maker = world_with("value", "ec-192")
    other = replace(value, signature_algorithm="1.2.840.113549.1.1.4")
    assert judged(other, trusting(signer, maker))[0] is Verdict.INVALID


def test_openssl_sees_the_same_certificates(openssl: OpenSsl) -> None:
    """They are right by OpenSSL, once it is told to accept weak algorithms, and only then."""
    for kind in ("", "sha1", "rsa-1024", "ec-192"):
        signer = side("signer", leaf=kind)
        root, middle, leaf = (
            openssl.file(
                pyca.load_der_x509_certificate(each.der).public_bytes(serialization.Encoding.PEM),
                ".pem",
            )
            for each in (signer.root, signer.middle, signer.leaf)
        )
        chain = ("-CAfile", root, "-untrusted", middle, leaf)
        openssl.run("verify", "-auth_level", "0", *chain)
        strict = openssl.attempt("verify", "-auth_level", "2", *chain)
        assert (strict.returncode == 0) is not bool(kind)


# ---------------------------------------------------------------- CMS


@pytest.mark.parametrize("kind", ["", "sha1", "md5", "rsa-1024", "ec-192"])
@pytest.mark.parametrize("place", ["signer", "signer's authority"])
def test_the_chain_of_a_cms_value_is_judged_by_the_same_rule(place: str, kind: str) -> None:
    _, signer, _ = world_with(place, kind)
    key = ForeignKey(signer.key, signer.leaf.der)
    digest = digest_of(DOCUMENT)("sha256")
    data = SignedData.parse(make_signed_data(key=key, digest=digest, signing_time=SIGNED_AT))
    bare = Trust(signers=(signer.root,), pool=(signer.middle,))
    no_list = AnchorRule(signer.root.fingerprint, revocation=False)
    for rule, verdict in (
        (no_list, Verdict.UNKNOWN if kind else Verdict.VALID),
        (
            replace(no_list, algorithms=((kind, NOW),)),
            Verdict.UNKNOWN if kind == "md5" else Verdict.VALID,
        ),
    ):
        found = check_cms(data, digest_of(DOCUMENT), replace(bare, rules=(rule,)), NOW).findings
        assert verdict_of(found) is verdict
        assert {each.details["whose"] for each in weak(found)} <= {"signer_certificate"}


def test_a_certificate_whose_issuer_is_not_at_hand_is_told_by_its_digest() -> None:
    signer = side("signer", leaf="sha1")
    found = check_signature(sealed(signer, side("maker")), DIGEST, Trust(), NOW).findings
    assert [each.details["algorithm"] for each in weak(found)] == ["sha1"]


def test_of_two_certificates_of_one_authority_the_stronger_one_counts() -> None:
    """Authorities had their certificates signed again with SHA-256, under the same key."""
    signer, maker, old = side("signer"), side("maker"), side("signer", middle="sha1")
    value, trust = sealed(signer, maker), trusting(signer, maker)
    for pool in ((old.middle, signer.middle), (signer.middle, old.middle)):
        both = replace(trust, pool=(*pool, maker.middle))
        assert judged(value, both)[0] is Verdict.VALID
    assert judged(value, replace(trust, pool=(old.middle, maker.middle)))[0] is Verdict.UNKNOWN


# ---------------------------------------------------------------- what else a verdict rests on


def crl_of(issuer: Side, kind: str) -> Trust:
    made = (
        pyca.CertificateRevocationListBuilder()
        .issuer_name(named("signer middle"))
        .last_update(NOW.replace(tzinfo=None))
        .next_update((NOW + timedelta(days=1)).replace(tzinfo=None))
        .sign(issuer.middle_key, hashes.SHA256())
        .public_bytes(serialization.Encoding.DER)
    )
    return Trust(crls=(Crl.parse(again(made, issuer.middle_key, kind)),))


def ocsp_of(issuer: Side, kind: str) -> Trust:
    leaf, middle = (pyca.load_der_x509_certificate(c.der) for c in (issuer.leaf, issuer.middle))
    made = (
        ocsp.OCSPResponseBuilder()
        .add_response(
            leaf, middle, hashes.SHA256(), ocsp.OCSPCertStatus.GOOD, NOW.replace(tzinfo=None),
            (NOW + timedelta(days=1)).replace(tzinfo=None), None, None,
        )
        .responder_id(ocsp.OCSPResponderEncoding.HASH, middle)
        .sign(issuer.middle_key, hashes.SHA256())
        .public_bytes(serialization.Encoding.DER)
    )  # fmt: skip
    outer = der.parse(made).children().next(0x0A).raw
    basic = der.parse(made).children()
    basic.next(0x0A)
    wrapped = basic.next(0xA0).children().sequence()
    kind_of = wrapped.oid()
    weakly = again(wrapped.octets(), issuer.middle_key, kind)
    content = der.sequence(der.oid(kind_of), der.octet_string(weakly))
    whole = der.sequence(outer, der.context(0, content))
    return Trust(ocsp=(OcspResponse.parse(whole),))


@pytest.mark.parametrize("proof", [crl_of, ocsp_of])
def test_a_weak_proof_that_nothing_was_revoked_is_told(
    proof: Callable[[Side, str], Trust],
) -> None:
    signer, maker = side("signer"), side("maker")
    value = sealed(signer, maker)
    for kind, accepted, verdict in (
        ("", False, Verdict.VALID),
        ("sha1", False, Verdict.UNKNOWN),
        ("sha1", True, Verdict.VALID),
        ("md5", True, Verdict.UNKNOWN),
    ):
        rules = (rule_for(signer.root, kind),) if accepted else ()
        trust = trusting(signer, maker, *rules, covered=False).merged(proof(signer, kind))
        found = check_signature(value, DIGEST, trust, NOW).findings
        assert verdict_of(found) is verdict
        told = [each.details["whose"] for each in weak(found)]
        assert told == (["revocation"] if verdict is Verdict.UNKNOWN and kind == "sha1" else [])
    both = trusting(signer, maker, covered=False).merged(proof(signer, "sha1"))
    strong = both.merged(proof(signer, ""))
    assert judged(value, strong)[0] is Verdict.VALID, "one proof without a weakness is enough"


@pytest.mark.parametrize("kind", ["", "rsa-1024", "ec-192"])
def test_a_time_stamp_under_a_weak_certificate_proves_no_time(kind: str) -> None:
    issuer = private("signer middle", kind)
    root = certify("TSA root", issuer, "TSA root", issuer, ca=True)
    key = ANYBODY
    certificate = make_certificate(
        subject=Name.build([("C", "CN"), ("CN", "TSA")]),
        public_key=key.spki,
        issuer=Certificate.parse(root).subject,
        issuer_key=ForeignKey(issuer, root),
        authority_spki=Certificate.parse(root).public_key.spki,
        serial=7,
        not_before=BEGIN,
        not_after=END,
        key_usage=("digitalSignature",),
        extended_key_usage=("1.3.6.1.5.5.7.3.8",),
    )
    token = make_token(
        key=key.with_certificate(certificate), hash_name="sm3", digest=gm.sm3(DOCUMENT),
        policy="1.2.3", serial=1, generated=SIGNED_AT,
    )  # fmt: skip
    trust = Trust(timestamps=(Certificate.parse(root),))
    moment, [found], _ = check_timestamp(token, digest_of(DOCUMENT), trust)
    assert moment == (None if kind else SIGNED_AT)
    assert found.code == ("timestamp_unproven" if kind else "timestamp_good")
    if kind:
        for language, stranger in (("zh_CN", "不在您信任的范围"), ("en", "nobody you trust")):
            assert stranger not in found.text(language)
            assert kind.split("-")[1] in found.text(language)
    document = check_document_timestamp(token, digest_of(DOCUMENT), trust)
    assert bool(weak(document.findings)) is bool(kind)
    assert document.signer is not None
    for each in weak(document.findings):
        assert "时间戳" in each.text()
        assert "time stamp" in each.text("en")
    assert verdict_of(document.findings) is (Verdict.UNKNOWN if kind else Verdict.VALID)


@pytest.mark.parametrize("kind", ["", "rsa-1024", "ec-192"])
def test_a_platform_whose_certificates_can_be_forged_says_nothing(kind: str) -> None:
    issuer = private("maker middle", kind)
    root = certify("platform", issuer, "platform", issuer, ca=True)
    certificate = make_certificate(
        subject=Name.build([("C", "CN"), ("CN", "status")]),
        public_key=STATUS.spki,
        issuer=Certificate.parse(root).subject,
        issuer_key=ForeignKey(issuer, root),
        authority_spki=Certificate.parse(root).public_key.spki,
        serial=8,
        not_before=BEGIN,
        not_after=END,
        key_usage=("digitalSignature",),
        extended_key_usage=(OCSP_SIGNING,),
    )
    leaf = side("signer").leaf.der
    said = statement_on(leaf, CODE, NOW, STATUS.with_certificate(certificate))
    assert Trust(platforms=(Certificate.parse(root),)).believes(said) is not bool(kind)


@pytest.fixture(scope="module")
def lent() -> Lent:
    return Lent(Authorities())


@pytest.mark.parametrize("kind", ["", "sha1", "rsa-1024", "ec-192"])
def test_a_ticket_under_a_weak_certificate_is_told_as_that(lent: Lent, kind: str) -> None:
    """It counts for nothing, and is no missing one: nobody sealed offline, and where each use needs
    a ticket that is not disproved."""
    key, anchor = recertified(lent.authorities.status, kind)
    holder = lent.authorities.holder()
    ticket = statement_on(holder.certificate, CODE, LENT_AT, key, document_digest=LENT_DIGEST)
    value = lent.use(ticket.token, seal=lent.authorities.seal(holder), key=holder)
    trust = replace(lent.authorities.trust, platforms=(*lent.authorities.trust.platforms, anchor))
    asked = statement_on(
        holder.certificate, CODE, LENT_AT, lent.authorities.status,
        ticket_since=LENT_AT - timedelta(days=9),
    )  # fmt: skip
    for more, needs_one in ((trust, False), (replace(trust, statements=(asked,)), True)):
        found = check_signature(value, LENT_DIGEST, more, LENT_AT + timedelta(minutes=5)).findings
        told = {each.code: each for each in found}
        assert verdict_of(found) is (Verdict.UNKNOWN if kind else Verdict.VALID)
        assert ("ticket_weak" in told) is bool(kind)
        assert not {"sealed_offline", "ticket_missing"} & set(told)
        assert ("ticket_missing_unproven" in told) is bool(kind and needs_one)
        assert ("time_trusted" in told) is not bool(kind)
        if kind:
            assert told["ticket_weak"].details["algorithm"] == kind
            for language in ("zh_CN", "en"):
                assert "{" not in told["ticket_weak"].text(language)
    nobody = check_signature(value, LENT_DIGEST, lent.authorities.trust, NOW).findings
    assert "ticket_weak" not in {each.code for each in nobody}


@pytest.mark.parametrize("kind", ["", "sha1", "rsa-1024", "ec-192"])
@pytest.mark.parametrize("place", ["grant", "leave"])
def test_a_use_under_a_grant_rests_on_who_gave_it_and_who_gave_leave(
    lent: Lent, place: str, kind: str
) -> None:
    trust, changed = lent.authorities.trust, copy.copy(lent)
    if place == "grant":
        grantor, anchor = recertified(lent.grantor, kind)
        trust = replace(trust, signers=(*trust.signers, anchor))
        changed.grant = signed_grant(grantor)
        token = changed.leave()
    else:
        status, anchor = recertified(lent.authorities.status, kind)
        trust = replace(trust, platforms=(*trust.platforms, anchor))
        token = lent.leave(key=status)
    found = check_signature(
        changed.use(token), LENT_DIGEST, trust, LENT_AT + timedelta(minutes=5)
    ).findings
    codes = {each.code for each in found}
    assert verdict_of(found) is (Verdict.UNKNOWN if kind else Verdict.VALID)
    assert ("grant_holds" in codes) is (not kind or place == "leave")
    assert ("grant_unproved" in codes) is (bool(kind) and place == "grant")
    assert ("grant_leave_unproved" in codes) is (bool(kind) and place == "leave")


@pytest.mark.parametrize("kind", ["", "sha1", "rsa-1024", "ec-192"])
@pytest.mark.parametrize("whose", ["policy", "approval"])
def test_an_approval_rests_on_the_certificates_of_those_who_gave_it(whose: str, kind: str) -> None:
    company = Company()
    if whose == "policy":
        keeper, anchor = recertified(company.keeper, kind)
        company.policy = company.ruled(keeper)
    else:
        approver, anchor = recertified(company.approvers[1], kind)
        company.approvers = (company.approvers[0], approver, company.approvers[2])
        company.policy = company.ruled()
    company.request = SignedRequest.make(company.asked(), company.requester)
    trust = company.authorities.trust
    company.authorities.trust = replace(trust, signers=(*trust.signers, anchor))
    report = company.judged(company.stamped())
    codes = [each.code for each in report.signatures[0].findings]
    assert report.verdict is (Verdict.UNKNOWN if kind else Verdict.VALID)
    assert ("use_approved" in codes) is not bool(kind)
    assert ("approval_unproved" in codes) is bool(kind)
    # of a keeper who may be anybody the names of the approvers are not believed either
    assert codes.count("approved_by") == (2 if not kind else 1 if whose == "approval" else 0)


def list_of(issuer: Any, name: str, kind: str, days: int, held: Certificate | None = None) -> Crl:
    """A list of that day before now, with a hold of *held*."""
    moment = (NOW - timedelta(days=days)).replace(tzinfo=None)
    made = pyca.CertificateRevocationListBuilder().issuer_name(named(name)).last_update(moment)
    made = made.next_update((NOW + timedelta(days=1)).replace(tzinfo=None))
    if held is not None:
        entry = pyca.RevokedCertificateBuilder().serial_number(held.serial)
        entry = entry.revocation_date((MADE_AT - timedelta(days=1)).replace(tzinfo=None))
        reason = pyca.CRLReason(pyca.ReasonFlags.certificate_hold)
        made = made.add_revoked_certificate(entry.add_extension(reason, critical=False).build())
    signed = made.sign(issuer, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    return Crl.parse(again(signed, issuer, kind))


HOLDS = (
    ((("", True), ("", False)), False),
    ((("", True), ("sha1", False)), True),
    ((("", False), ("", True)), True),
    ((("sha1", False), ("", True)), True),
    ((("sha1", True), ("", False)), False),
    ((("sha1", True), ("sha1", False)), False),
    ((("", True), ("sha1", True), ("sha1", False)), True),
    ((("", True), ("", False), ("sha1", False)), False),
    ((("", True), ("sha1", False), ("", False)), False),
)
"""Lists from old to new, by the digest and whether they hold; whether it is held at the end."""


@pytest.mark.parametrize(("lists", "is_held"), HOLDS)
@pytest.mark.parametrize("who", ["signer", "signer middle", "maker", "maker middle"])
def test_a_weak_list_lifts_no_hold_that_is_signed_better(
    who: str, lists: tuple[tuple[str, bool], ...], is_held: bool
) -> None:
    """Whoever can forge it would lift one himself; a ticket that vouches for the signer, and makers
    of whom no proof is asked, hid that. A weak one that a weak list lifts is told as that."""
    sides = {"signer": side("signer"), "maker": side("maker")}
    name, _, above = who.partition(" ")
    chosen = sides[name]
    held = chosen.middle if above else chosen.leaf
    issuer = private(f"{name} root", "") if above else chosen.middle_key
    called = f"{name} root" if above else f"{name} middle"
    crls = tuple(
        list_of(issuer, called, kind, len(lists) - at, held if hold else None)
        for at, (kind, hold) in enumerate(lists)
    )
    value = sealed(sides["signer"], sides["maker"])
    trust = replace(trusting(sides["signer"], sides["maker"]), crls=crls)
    verdict, findings = judged(value, trust)
    codes = {each.code for each in findings}
    told = {"ca_revoked"} if above else {f"{name}_revoked_before"}
    assert bool(codes & told) is is_held
    weakly = not is_held and _is_lifted_weakly(lists)
    found = [(each.details["whose"], each.details["subject"]) for each in weak(findings)]
    whose = "hold" if name == "signer" else "maker_hold"
    assert found == [(whose, str(held.subject))] * weakly
    good = Verdict.UNKNOWN if weakly else Verdict.VALID
    assert verdict is (Verdict.INVALID if is_held else good)
    anchor = sides[name].root
    accepted = replace(
        trusting(sides["signer"], sides["maker"], rule_for(anchor, "sha1")), crls=crls
    )
    assert judged(value, accepted)[0] is (Verdict.INVALID if is_held else Verdict.VALID)


def _is_lifted_weakly(lists: tuple[tuple[str, bool], ...]) -> bool:
    """Is there a hold, and behind the last one no list without weakness?"""
    last = max(at for at, (_, hold) in enumerate(lists) if hold)
    return not any(kind == "" for kind, _ in lists[last + 1 :])


@pytest.mark.parametrize(("lists", "is_held"), HOLDS)
def test_without_a_ticket_a_weak_list_that_lifts_a_hold_is_told(
    lists: tuple[tuple[str, bool], ...], is_held: bool
) -> None:
    signer, maker = side("signer"), side("maker")
    crls = tuple(
        list_of(signer.middle_key, "signer middle", kind, at, signer.leaf if hold else None)
        for at, (kind, hold) in zip(range(len(lists) - 1, -1, -1), lists, strict=True)
    )
    weakly = lists[-1] == ("sha1", False) and not any(
        kind == "" for kind, _ in lists[max(at for at, each in enumerate(lists) if each[1]) :]
    )
    for accepts in (False, True):
        rules = (rule_for(signer.root, "sha1"),) if accepts else ()
        trust = replace(trusting(signer, maker, *rules, covered=False), crls=crls)
        verdict, findings = judged(sealed(signer, maker), trust)
        if is_held:
            assert verdict is Verdict.INVALID
        elif weakly and not accepts:
            assert verdict is Verdict.UNKNOWN
            assert [each.details["whose"] for each in weak(findings)] == ["revocation"]
        else:
            assert verdict is Verdict.VALID


def test_once_the_day_of_a_rule_is_over_only_a_proved_time_is_before_it() -> None:
    """Who forges a certificate claims any time; a ticket or a time stamp cannot be claimed."""
    value, signer, maker = world_with("signer", "sha1")
    rule = rule_for(signer.root, "sha1")
    claimed = trusting(signer, maker, rule)
    fresh = replace(claimed, status_life=timedelta(days=99))
    for days, verdict in ((0, Verdict.VALID), (2, Verdict.UNKNOWN)):
        found = check_signature(value, DIGEST, fresh, NOW + timedelta(days=days)).findings
        assert bool(weak(found)) is (verdict is Verdict.UNKNOWN)
        assert verdict_of(found) is verdict
    for times, accepted in (
        (Times(SIGNED_AT), False),
        (Times(SIGNED_AT, SIGNED_AT, "timestamp"), True),
        (Times(SIGNED_AT, NOW + timedelta(days=1), "timestamp"), False),
    ):
        until = rule.accepts("sha1", times, NOW + timedelta(days=2))
        assert (until is not None) is accepted


# ---------------------------------------------------------------- in a document


def test_a_document_says_in_its_first_sentence_and_four_lines_what_is_weak(world: World) -> None:
    for seal in weak_seals(world.first.seal):
        makers = (*world.trust.seal_makers, side("maker").root)
        trust = replace(
            world.trusting(world.first), seal_makers=makers, pool=(side("maker").middle,)
        )
        data = world.sign(classic_pdf(), world.first, seal=seal, reserve=2048)
        report: Report = world.verify(data, trust=trust)
        assert report.verdict is Verdict.UNKNOWN
        [signature] = report.signatures
        assert [each.details["whose"] for each in weak(signature.findings)] == ["seal"]
        issuer = signature.proofs[0]
        assert (issuer.state, issuer.code, issuer.action) == ("missing", "weak_algorithm", "")
        assert {proof.state for proof in signature.proofs[1:3]} == {"proved"}
        for language in ("zh_CN", "en"):
            said = conclusion(report, language)
            assert weak(signature.findings)[0].text(language) in said.sentence


def test_where_the_issuer_is_not_known_either_that_is_what_can_be_helped(world: World) -> None:
    for seal in weak_seals(world.first.seal):
        [signature] = world.verify(
            world.sign(classic_pdf(), world.first, seal=seal, reserve=2048)
        ).signatures
        issuer = signature.proofs[0]
        assert (issuer.code, issuer.action != "") == ("maker_untrusted", True)
