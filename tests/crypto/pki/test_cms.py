"""SignedData: openssl's values judged right, ours accepted by openssl, and every oddity named."""

import base64
import contextlib
import hashlib
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from asn1crypto import cms as asn1
from cryptography import x509 as pyca
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from crypto.algorithms import gm
from crypto.algorithms.keys import SoftKey
from crypto.asn1 import ber, der
from crypto.pki import cms
from crypto.pki.cms import Attribute, CmsError, SignedData, digest_of, looks_like_cms
from crypto.pki.cms_facts import SignerFacts, signer_facts, verify_rsa_value
from crypto.pki.cms_make import (
    add_timestamp,
    hash_name_for,
    make_signed_content,
    make_signed_data,
    signature_value,
    signed_data_size,
)

DOCUMENT = b"%PDF-1.7 the covered bytes of a contract" * 20
OTHER = DOCUMENT.replace(b"contract", b"contrect")
NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)


@pytest.fixture(scope="module")
def sm2_key(root) -> SoftKey:
    return root.key_for("32130000000001")


def facts_of(value: bytes, document: bytes | None = DOCUMENT, pool=()) -> SignerFacts:
    data = SignedData.parse(value)
    (signer,) = data.signers
    return signer_facts(data, signer, None if document is None else digest_of(document), pool)


def holds(value: bytes, document: bytes | None = DOCUMENT) -> bool:
    return facts_of(value, document).intact


# --- values made by openssl --------------------------------------------------------------------


def openssl_signs(openssl, key, *options: str, content: bytes = DOCUMENT) -> bytes:
    return openssl.run(
        *("cms", "-sign", "-binary", "-outform", "DER", "-in", openssl.file(content)),
        *("-signer", openssl.pem(key.certificate), "-inkey", openssl.file(key.pem, ".pem")),
        *options,
    )


DETACHED = {
    "plain": (),
    "SHA-1": ("-md", "sha1"),
    "SHA-384": ("-md", "sha384"),
    "SHA-512": ("-md", "sha512"),
    "without attributes": ("-noattr",),
    "without attributes, SHA-512": ("-noattr", "-md", "sha512"),
    "named by key identifier": ("-keyid",),
    "CAdES": ("-cades",),
    "CAdES with SHA-1 identifiers": ("-cades", "-md", "sha1"),
    "without S/MIME capabilities": ("-nosmimecap",),
}


@pytest.mark.parametrize("options", DETACHED.values(), ids=DETACHED)
@pytest.mark.parametrize("kind", ["rsa_key", "p256_key"])
def test_detached_values_of_openssl_hold_for_their_document_only(kind, options, openssl, request):
    key = request.getfixturevalue(kind)
    value = openssl_signs(openssl, key, *options)
    facts = facts_of(value)
    assert facts.intact
    assert facts.certificate.der == key.certificate
    assert facts.variant == ""
    assert facts.form == ("direct" if "-noattr" in options else "attributes")
    assert facts.certificate_bound is (True if "-cades" in options else None)
    assert facts.weaknesses == (("sha1",) if "sha1" in options else ())
    assert facts.problems == ()
    signing_time = facts.signer.signing_time
    assert (signing_time is None) == ("-noattr" in options)
    wrong = facts_of(value, OTHER)
    assert not wrong.intact
    assert wrong.digest_matches is False
    assert wrong.signature_valid is (facts.form == "attributes")
    assert facts_of(value + bytes(0)).intact
    assert SignedData.parse(value + bytes(99), padded=True).der == value
    with pytest.raises(CmsError):
        SignedData.parse(value + b"\x00")


PSS = ("-keyopt", "rsa_padding_mode:pss")


@pytest.mark.parametrize(
    "options",
    [PSS, (*PSS, "-md", "sha512"), (*PSS, "-keyopt", "rsa_pss_saltlen:7"), (*PSS, "-noattr")],
    ids=["defaults", "SHA-512", "short salt", "without attributes"],
)
def test_rsa_pss_values_of_openssl_hold(rsa_key, options, openssl):
    value = openssl_signs(openssl, rsa_key, *options)
    assert facts_of(value).intact
    assert facts_of(value).weaknesses == ()
    assert not holds(value, OTHER)


ATTACHED = {
    "DER": (),
    "BER": ("-stream",),
    "BER without attributes": ("-stream", "-noattr"),
    "DER without attributes": ("-noattr",),
}


@pytest.mark.parametrize("options", ATTACHED.values(), ids=ATTACHED)
def test_values_with_their_content_inside_are_judged_over_it(rsa_key, options, openssl):
    content = DOCUMENT * 30  # long enough for several chunks
    value = openssl_signs(openssl, rsa_key, "-nodetach", *options, content=content)
    data = SignedData.parse(value)
    assert data.was_ber == ("-stream" in options)
    assert data.content == content
    assert facts_of(value, None).intact
    again = SignedData.parse(data.der)
    assert (again.signers, again.was_ber) == (data.signers, False)


def test_a_detached_ber_value_holds_and_its_padding_is_passed_over(rsa_key, openssl):
    value = openssl_signs(openssl, rsa_key)
    whole = der.parse(value).children()
    outer, wrapped = whole.next(), whole.next()
    inner = wrapped.children().next()
    berish = b"\x30\x80" + outer.raw + b"\xa0\x80\x30\x80" + inner.content + bytes(6)
    assert looks_like_cms(berish)
    data = SignedData.parse(berish + bytes(50), padded=True)
    assert data.was_ber
    assert data.der == value
    assert signer_facts(data, data.signers[0], digest_of(DOCUMENT)).intact
    with pytest.raises(CmsError):
        SignedData.parse(berish + bytes(50))


def test_content_inside_that_has_nothing_to_do_with_the_document_proves_nothing(rsa_key, openssl):
    """Signature wrapping: a good value over something else, put into this document."""
    value = openssl_signs(openssl, rsa_key, "-nodetach", content=b"something else")
    facts = facts_of(value)
    assert facts.signature_valid is True
    assert facts.digest_matches is False
    assert facts.problems == ("content_is_no_digest",)
    assert not facts.intact


@pytest.mark.parametrize("options", [(), ("-noattr",)], ids=["attributes", "no attributes"])
def test_adbe_pkcs7_sha1_holds_and_is_called_weak(rsa_key, openssl, options):
    digest = cms.hash_bytes("sha1", DOCUMENT)
    value = openssl_signs(openssl, rsa_key, "-nodetach", *options, content=digest)
    facts = facts_of(value)
    assert facts.intact
    assert facts.weaknesses == ("sha1",)
    assert not holds(value, OTHER)


def test_md5_is_named_and_refused(rsa_key, openssl):
    for options in ((), ("-noattr",)):
        facts = facts_of(openssl_signs(openssl, rsa_key, "-md", "md5", *options))
        assert facts.digest_name == "md5"
        assert facts.weaknesses == ("md5",)
        assert not facts.intact
        assert facts.digest_matches is None


def test_a_short_rsa_key_is_called_weak(foreign_root, openssl):
    private = rsa.generate_private_key(65537, 1024)  # noqa: S505 - what is to be called weak
    key = foreign_root.key_for(private, "Short")
    facts = facts_of(openssl_signs(openssl, key))
    assert facts.intact
    assert facts.weaknesses == ("rsa-1024",)


def test_other_curves_hold(foreign_root, openssl):
    for curve in (ec.SECP384R1(), ec.SECP521R1(), ec.BrainpoolP256R1()):
        key = foreign_root.key_for(ec.generate_private_key(curve))
        assert holds(openssl_signs(openssl, key, "-md", "sha384"))


def test_several_signers_are_judged_one_by_one(rsa_key, p256_key, openssl):
    first = openssl_signs(openssl, rsa_key)
    both = openssl.run(
        *("cms", "-resign", "-binary", "-inform", "DER", "-outform", "DER"),
        *("-in", openssl.file(first), "-content", openssl.file(DOCUMENT)),
        *("-signer", openssl.pem(p256_key.certificate)),
        *("-inkey", openssl.file(p256_key.pem, ".pem")),
    )
    data = SignedData.parse(both)
    assert len(data.signers) == 2
    facts = [signer_facts(data, each, digest_of(DOCUMENT)) for each in data.signers]
    assert all(each.intact for each in facts)
    assert {each.certificate.public_key.kind for each in facts} == {"rsa", "ec"}


def test_without_its_certificate_nothing_is_proved_until_the_pool_has_it(rsa_key, openssl):
    value = openssl_signs(openssl, rsa_key, "-nocerts")
    facts = facts_of(value)
    assert facts.certificate is None
    assert facts.signature_valid is None
    assert facts.digest_matches is True
    assert facts.problems == ("certificate_missing",)
    assert not facts.intact
    pool = [cms.Certificate.parse(rsa_key.certificate)]
    assert facts_of(value, pool=pool).intact


def test_the_crls_inside_are_handed_out(rsa_key, openssl):
    crl = (
        pyca.CertificateRevocationListBuilder()
        .issuer_name(pyca.Name([pyca.NameAttribute(pyca.NameOID.COMMON_NAME, "x")]))
        .last_update(datetime(2026, 1, 1))
        .next_update(datetime(2027, 1, 1))
        .sign(rsa_key.private, hashes.SHA256())
        .public_bytes(serialization.Encoding.DER)
    )
    with_crl = asn1.ContentInfo.load(openssl_signs(openssl, rsa_key))
    other = asn1.RevocationInfoChoice(
        {
            "other": {
                "other_rev_info_format": "ocsp_response",
                "other_rev_info": {"response_status": "malformed_request"},
            }
        }
    )
    with_crl["content"]["crls"] = asn1.RevocationInfoChoices.load(
        der.set_of(crl, b"\xa1" + other.chosen.untag().dump()[1:])
    )
    data = SignedData.parse(with_crl.dump(force=True))
    assert data.crls == (crl,)
    assert data.ocsp_responses == (bytes.fromhex("30030a0101"),)
    assert signer_facts(data, data.signers[0], digest_of(DOCUMENT)).intact


def test_the_archived_revocation_data_of_a_signer_is_handed_out(sm2_key):
    crl, response = der.sequence(der.integer(1)), bytes.fromhex("30030a0100")
    archives = {
        der.sequence(
            der.context(0, der.sequence(crl, crl)), der.context(1, der.sequence(response))
        ): ((crl, crl), (response,)),
        der.sequence(der.context(1, der.sequence(response))): ((), (response,)),
        der.sequence(): ((), ()),
        der.null(): ((), ()),
    }
    for archive, expected in archives.items():
        listed = [*attributes(), attribute(cms.REVOCATION_ARCHIVE, archive)]
        value = sm2_value(sm2_key, attributes=listed)
        signer = SignedData.parse(value).signers[0]
        assert (signer.archived_crls, signer.archived_ocsp_responses) == expected
        assert holds(value)


# --- values made by us, judged by openssl and asn1crypto ---------------------------------------


TOKENS = (der.sequence(der.oid(cms.DATA)), der.sequence(der.oid(cms.GB_DATA)))


@pytest.mark.parametrize("kind", ["rsa_key", "p256_key"])
@pytest.mark.parametrize("stamped", [False, True], ids=["B-B", "with a token"])
def test_openssl_accepts_what_we_write(kind, stamped, openssl, request, foreign_root):
    key = request.getfixturevalue(kind)
    assert hash_name_for(key.certificate) == "sha256"
    value = make_signed_data(
        key=key, digest=hashlib.sha256(DOCUMENT).digest(), certificates=[foreign_root.certificate]
    )
    if stamped:
        value = add_timestamp(add_timestamp(value, TOKENS[1]), TOKENS[0])
    options = (
        *("cms", "-verify", "-cades", "-binary", "-inform", "DER", "-purpose", "any"),
        *("-CAfile", openssl.pem(foreign_root.certificate), "-in", openssl.file(value)),
    )
    assert openssl.run(*options, "-content", openssl.file(DOCUMENT)) == DOCUMENT
    assert openssl.attempt(*options, "-content", openssl.file(OTHER)).returncode != 0
    assert holds(value)
    assert not holds(value, OTHER)
    assert facts_of(value).certificate_bound is True
    assert len(SignedData.parse(value).certificates) == 2
    assert SignedData.parse(value).signers[0].timestamps == (TOKENS if stamped else ())
    loaded = asn1.ContentInfo.load(value, strict=True)
    assert loaded.native["content"]["version"] == "v1"
    assert loaded.dump(force=True) == value


@pytest.mark.parametrize("gb_types", [False, True], ids=["RFC types", "GB/T 35275 types"])
def test_our_sm2_values_are_verified_by_openssl_attribute_by_attribute(sm2_key, gb_types, openssl):
    seal = der.sequence(der.utf8("a seal"))
    value = make_signed_data(
        key=sm2_key, digest=gm.sm3(DOCUMENT), seal=seal, signing_time=NOW, gb_types=gb_types
    )
    facts = facts_of(value)
    assert facts.intact
    assert facts.variant == ("A" if gb_types else "C")
    assert (facts.digest_name, facts.certificate_bound) == ("sm3", True)
    assert facts.signer.seal == seal
    assert facts.signer.signing_time == NOW
    assert facts.signer.signature_algorithm == "1.2.156.10197.1.501"
    assert openssl.sm2_verifies(
        sm2_key.spki, facts.signer.signed_attributes, facts.signer.signature
    )
    digest = openssl.run("dgst", "-sm3", "-binary", stdin=DOCUMENT)
    assert der.octet_string(digest) in facts.signer.signed_attributes
    assert facts.signer.signed_attributes == der.set_of(
        *(each.raw for each in der.parse(facts.signer.signed_attributes).children())
    )
    names = openssl.run("asn1parse", "-inform", "DER", "-in", openssl.file(value)).decode()
    assert ("1.2.156.10197.6.1.4.2.2" if gb_types else "pkcs7-signedData") in names
    if not gb_types:
        printed = openssl.run("cms", "-cmsout", "-print", "-inform", "DER", stdin=value).decode()
        assert "id-smime-aa-signingCertificateV2" in printed
        assert asn1.ContentInfo.load(value, strict=True).dump(force=True) == value


@pytest.mark.parametrize("kind", ["rsa_key", "p256_key", "sm2_key"])
@pytest.mark.parametrize("timed", [None, NOW])
def test_the_size_told_beforehand_is_enough_and_hardly_more(kind, timed, request, root):
    key = request.getfixturevalue(kind)
    options = {
        "seal": der.sequence(der.octet_string(bytes(900))),
        "certificates": [root.key.certificate],
        "signing_time": timed,
        "attributes": [Attribute("1.2.3", (der.null(),))],
    }
    told = signed_data_size(key.certificate, **options)
    for _ in range(10):
        made = len(make_signed_data(key=key, digest=bytes(32), **options))
        assert told - 10 <= made <= told


def test_a_key_that_does_not_fit_its_certificate_makes_nothing(sm2_key, rsa_key, p256_key):
    for key in (
        replace(SoftKey.generate(), certificate=sm2_key.certificate),
        replace(rsa_key, private=rsa.generate_private_key(65537, 2048)),
        replace(p256_key, private=ec.generate_private_key(ec.SECP256R1())),
    ):
        with pytest.raises(CmsError, match="does not fit"):
            make_signed_data(key=key, digest=bytes(32))
        with pytest.raises(CmsError, match="does not fit"):
            make_signed_content(key=key, content=b"x", content_type="1.2.3")


def test_what_cannot_be_signed_is_refused(sm2_key, foreign_root):
    with pytest.raises(CmsError, match="32 bytes"):
        make_signed_data(key=sm2_key, digest=bytes(20))
    with pytest.raises(CmsError, match="naive"):
        make_signed_data(key=sm2_key, digest=bytes(32), signing_time=datetime(2026, 1, 1))
    with pytest.raises(CmsError, match="no readable certificate"):
        make_signed_data(key=SoftKey.generate(), digest=bytes(32))
    ed = ed25519.Ed25519PrivateKey.generate()
    with pytest.raises(CmsError, match="ed25519"):
        hash_name_for(foreign_root.issue(ed.public_key(), "Ed"))


def test_a_token_goes_to_the_only_signer_and_changes_nothing_signed(sm2_key, rsa_key, openssl):
    value = make_signed_data(key=sm2_key, digest=gm.sm3(DOCUMENT))
    token = der.sequence(der.octet_string(b"token"))
    stamped = add_timestamp(value, token)
    before, after = SignedData.parse(value).signers[0], SignedData.parse(stamped).signers[0]
    assert after.timestamps == (token,)
    assert replace(after, timestamps=(), unsigned_attributes=()) == before
    assert signature_value(stamped) == signature_value(value) == before.signature
    with pytest.raises(CmsError):
        add_timestamp(value, b"no DER")
    with pytest.raises(CmsError):
        add_timestamp(b"", token)
    without = SignedData.parse(value)
    none = value.replace(without.signers[0].signature, b"")
    with pytest.raises(CmsError):
        signature_value(none)


# --- SM2 as it is met in the wild --------------------------------------------------------------

GB, RFC = "1.2.156.10197.6.1.4.2.", "1.2.840.113549.1.7."
SM3_ALGORITHM = der.sequence(der.oid("1.2.156.10197.1.401"))


def sm2_value(
    key: SoftKey,
    *,
    family: str = RFC,
    signed: bytes | None = None,
    content: bytes | None = None,
    attributes: list[bytes] | None = None,
    order: str = "as found",
    algorithm: str = "1.2.156.10197.1.501",
    digest_algorithm: bytes = SM3_ALGORITHM,
    raw: bool = False,
    certificates: list[bytes] | None = None,
    inner_type: str | None = None,
    unsigned: bytes = b"",
    prefix: bytes = b"",
) -> bytes:
    """SignedData from parts, as other vendors write it."""
    field = b""
    if attributes is not None:
        joined = b"".join(attributes)
        field = der.context(0, joined)
        over = der.set_of(*attributes) if order == "sorted" else der.encode(0x31, joined)
        signed = over if signed is None else signed
    assert signed is not None
    signature = key.sign(signed)
    if raw:
        r, s = gm.signature_values(signature)
        signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    certificate = cms.Certificate.parse(key.certificate)
    signer = der.sequence(
        der.integer(1),
        der.sequence(certificate.issuer.raw, der.integer(certificate.serial)),
        digest_algorithm,
        field,
        der.sequence(der.oid(algorithm), prefix),
        der.octet_string(signature),
        unsigned,
    )
    inside = b"" if content is None else der.context(0, der.octet_string(content))
    embedded = [key.certificate] if certificates is None else certificates
    data = der.sequence(
        der.integer(1),
        der.set_of(digest_algorithm),
        der.sequence(der.oid(inner_type or family + "1"), inside),
        der.context(0, *embedded),
        der.set_of(signer),
    )
    return der.sequence(der.oid(family + "2"), der.context(0, data))


def attribute(kind: str, *values: bytes) -> bytes:
    return der.sequence(der.oid(kind), der.encode(der.SET, *values))


def attributes(value: bytes = b"", family: str = RFC, **replaced: bytes | None) -> list[bytes]:
    """contentType, messageDigest and signingTime; a keyword replaces one (None: leaves it out)."""
    made: dict[str, bytes | None] = {
        "time": attribute(cms.SIGNING_TIME, der.time(NOW)),
        "content_type": attribute(cms.CONTENT_TYPE, der.oid(family + "1")),
        "digest": attribute(cms.MESSAGE_DIGEST, der.octet_string(value or gm.sm3(DOCUMENT))),
    }
    return [each for each in {**made, **replaced}.values() if each is not None]


ALGORITHMS = ["1.2.156.10197.1.501", "1.2.156.10197.1.301.1", "1.2.156.10197.1.301"]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("raw", [False, True], ids=["DER value", "raw value"])
@pytest.mark.parametrize("family", [RFC, GB], ids=["C", "A"])
def test_variants_a_and_c_hold(sm2_key, algorithm, raw, family, openssl):
    value = sm2_value(
        sm2_key,
        family=family,
        attributes=attributes(family=family),
        algorithm=algorithm,
        raw=raw,
        prefix=der.null(),
    )
    facts = facts_of(value)
    assert facts.intact
    assert facts.variant == ("A" if family == GB else "C")
    assert facts.form == "attributes"
    assert facts.signer.signing_time == NOW
    assert not holds(value, OTHER)


def test_attribute_and_content_types_of_the_two_families_mean_the_same(sm2_key):
    mixed = sm2_value(sm2_key, family=GB, attributes=attributes(family=RFC), inner_type=RFC + "1")
    assert holds(mixed)
    assert holds(sm2_value(sm2_key, family=GB, attributes=attributes(), inner_type=GB + "1"))


SM3_OF_DOCUMENT = gm.sm3(DOCUMENT)
AS_CONTENT = {
    "the digest": (SM3_OF_DOCUMENT, SM3_OF_DOCUMENT),
    "its Base64 text, digest signed": (base64.b64encode(SM3_OF_DOCUMENT), SM3_OF_DOCUMENT),
    "its Base64 text, text signed": (base64.b64encode(SM3_OF_DOCUMENT),) * 2,
    "left out": (None, SM3_OF_DOCUMENT),
    "left out, document signed": (None, DOCUMENT),
}


@pytest.mark.parametrize(("content", "signed"), AS_CONTENT.values(), ids=AS_CONTENT)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("family", [RFC, GB], ids=["RFC", "GB"])
def test_variant_b_holds(sm2_key, content, signed, algorithm, family):
    value = sm2_value(
        sm2_key, family=family, content=content, signed=signed, algorithm=algorithm, raw=True
    )
    facts = facts_of(value)
    assert facts.intact
    assert facts.variant == "B"
    assert facts.form == ("direct" if content is None else "digest")
    assert not holds(value, OTHER)
    wrong = sm2_value(sm2_key, family=family, content=content, signed=signed + b"!", raw=True)
    assert not holds(wrong)


def test_a_digest_that_is_not_signed_proves_nothing(sm2_key):
    """The right digest as content, and a value over other bytes."""
    facts = facts_of(sm2_value(sm2_key, content=SM3_OF_DOCUMENT, signed=gm.sm3(OTHER)))
    assert facts.digest_matches is True
    assert facts.signature_valid is False
    assert not facts.intact


def test_sm2_goes_with_sm3_only(sm2_key):
    sha256 = der.sequence(der.oid("2.16.840.1.101.3.4.2.1"))
    listed = attributes(hashlib.sha256(DOCUMENT).digest())
    facts = facts_of(sm2_value(sm2_key, attributes=listed, digest_algorithm=sha256))
    assert facts.problems == ("algorithms_differ",)
    assert not facts.intact


def test_an_sm2_algorithm_with_a_foreign_key_is_not_judged(sm2_key, p256_key):
    foreign = cms.Certificate.parse(p256_key.certificate)
    data = SignedData.parse(sm2_value(sm2_key, attributes=attributes()))
    posed = replace(data.signers[0], issuer=foreign.issuer, serial=foreign.serial)
    facts = signer_facts(data, posed, digest_of(DOCUMENT), [foreign])
    assert facts.certificate == foreign
    assert facts.signature_valid is None
    assert not facts.intact


# --- attributes --------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["as found", "sorted"])
def test_attributes_out_of_order_hold_if_signed_in_either_order(sm2_key, order):
    listed = sorted(attributes(), reverse=True)
    value = sm2_value(sm2_key, attributes=listed, order=order)
    assert holds(value)
    facts = facts_of(value)
    assert facts.signer.signed_attributes == der.encode(0x31, *listed)


WRONG = {
    "no contentType": ({"content_type": None}, "content_type_missing"),
    "another contentType": (
        {"content_type": attribute(cms.CONTENT_TYPE, der.oid(cms.TST_INFO))},
        "content_type_differs",
    ),
    "a contentType that is no OID": (
        {"content_type": attribute(cms.CONTENT_TYPE, der.null())},
        "content_type_differs",
    ),
    "no messageDigest": ({"digest": None}, "message_digest_missing"),
    "a messageDigest of no type": (
        {"digest": attribute(cms.MESSAGE_DIGEST, der.null())},
        "message_digest_missing",
    ),
    "an empty messageDigest": ({"digest": attribute(cms.MESSAGE_DIGEST)}, "message_digest_missing"),
    "two messageDigests": (
        {
            "second": attribute(cms.MESSAGE_DIGEST, der.octet_string(gm.sm3(OTHER))),
        },
        "attribute_repeated",
    ),
    "a messageDigest of two values": (
        {
            "digest": attribute(
                cms.MESSAGE_DIGEST, der.octet_string(SM3_OF_DOCUMENT), der.octet_string(bytes(32))
            )
        },
        "attribute_repeated",
    ),
    "other algorithms protected": (
        {
            "protection": attribute(
                cms.ALGORITHM_PROTECTION,
                der.sequence(SM3_ALGORITHM, b"\xa1" + der.sequence(der.oid("1.2.3"))[1:]),
            )
        },
        "algorithms_differ",
    ),
    "protection of no shape": (
        {"protection": attribute(cms.ALGORITHM_PROTECTION, der.null())},
        "algorithms_differ",
    ),
}


@pytest.mark.parametrize(("replaced", "problem"), WRONG.values(), ids=WRONG)
def test_attributes_that_are_wrong_are_named_however_well_signed(sm2_key, replaced, problem):
    facts = facts_of(sm2_value(sm2_key, attributes=attributes(**replaced)))
    assert problem in facts.problems
    assert facts.signature_valid is True
    assert not facts.intact


def test_an_empty_set_of_attributes_proves_nothing(sm2_key):
    facts = facts_of(sm2_value(sm2_key, attributes=[]))
    assert facts.form == "attributes"
    assert not facts.intact


def test_a_claimed_time_that_cannot_be_read_is_none(sm2_key):
    value = sm2_value(sm2_key, attributes=attributes(time=attribute(cms.SIGNING_TIME, der.null())))
    assert facts_of(value).intact
    assert facts_of(value).signer.signing_time is None


def ess(digest: bytes, algorithm: bytes = SM3_ALGORITHM) -> bytes:
    identifier = der.sequence(algorithm, der.octet_string(digest))
    return attribute(cms.SIGNING_CERTIFICATE_V2, der.sequence(der.sequence(identifier)))


def ess_old(digest: bytes) -> bytes:
    identifier = der.sequence(der.octet_string(digest))
    return attribute(cms.SIGNING_CERTIFICATE, der.sequence(der.sequence(identifier)))


def test_the_certificate_named_by_hash_must_be_the_one(sm2_key, root):
    other = root.key_for("other").certificate
    own = sm2_key.certificate
    cases = {
        (ess(gm.sm3(own)),): True,
        (ess(gm.sm3(other)),): False,
        (ess(hashlib.sha256(own).digest(), b""),): True,
        (ess_old(cms.hash_bytes("sha1", own)),): True,
        (ess_old(cms.hash_bytes("sha1", other)),): False,
        (ess(gm.sm3(own)), ess_old(cms.hash_bytes("sha1", other))): False,
        (ess(bytes(32), der.sequence(der.oid("1.2.3"))),): None,
    }
    for extra, expected in cases.items():
        facts = facts_of(sm2_value(sm2_key, attributes=[*attributes(), *extra]))
        assert facts.certificate_bound is expected
        assert facts.intact is (expected is not False)


def test_of_lookalikes_the_bound_certificate_is_taken_else_the_one_that_fits(foreign_root):
    """Certificates of one issuer that share a serial number: an old trick."""
    private = rsa.generate_private_key(65537, 2048)
    key = foreign_root.key_for(private, serial=9)
    lookalike = foreign_root.key_for(rsa.generate_private_key(65537, 2048), "Trick", serial=9)
    value = make_signed_data(
        key=key,
        digest=hashlib.sha256(DOCUMENT).digest(),
        certificates=[lookalike.certificate],
    )
    assert len(SignedData.parse(value).certificates) == 2
    assert facts_of(value).certificate.der == key.certificate
    # the same key in another certificate: the value fits, the hash tells them apart
    twin = foreign_root.key_for(private, "Twin", serial=9)
    data = SignedData.parse(value)
    only_twin = replace(data, certificates=(cms.Certificate.parse(twin.certificate),))
    facts = signer_facts(only_twin, data.signers[0], digest_of(DOCUMENT))
    assert facts.signature_valid is True
    assert facts.certificate_bound is False
    assert not facts.intact


def test_attributes_cannot_be_replayed_as_content(sm2_key):
    """The signed attributes of one value, presented as the content of another without any."""
    value = make_signed_data(key=sm2_key, digest=SM3_OF_DOCUMENT)
    signer = SignedData.parse(value).signers[0]
    data = SignedData.parse(value)
    stripped = replace(
        signer, attributes=None, signed_attributes=b"", message_digest=None, certificate_ids=()
    )
    assert not signer_facts(data, stripped, digest_of(DOCUMENT)).intact
    with_content = replace(data, content=signer.signed_attributes)
    facts = signer_facts(with_content, stripped, digest_of(DOCUMENT))
    assert facts.problems == ("content_is_no_digest",)
    assert not facts.intact


def test_broken_certificates_among_the_good_are_remarks(sm2_key):
    value = sm2_value(
        sm2_key,
        attributes=attributes(),
        certificates=[der.sequence(der.integer(1)), sm2_key.certificate, der.context(1)],
    )
    data = SignedData.parse(value)
    assert len(data.remarks) == 2
    assert holds(value)


# --- other signatures, by the cryptography package ---------------------------------------------


def foreign_value(
    certificate: bytes,
    digest_algorithm: str,
    algorithm: str,
    sign,
    digest: bytes,
    content: bytes | None = None,
) -> bytes:
    listed = der.set_of(*attributes(digest))
    parsed = cms.Certificate.parse(certificate)
    signer = der.sequence(
        der.integer(1),
        der.sequence(parsed.issuer.raw, der.integer(parsed.serial)),
        der.sequence(der.oid(digest_algorithm)),
        b"\xa0" + listed[1:],
        der.sequence(der.oid(algorithm)),
        der.octet_string(sign(listed)),
    )
    data = der.sequence(
        der.integer(1),
        der.set_of(),
        der.sequence(
            der.oid(RFC + "1"),
            b"" if content is None else der.context(0, der.octet_string(content)),
        ),
        der.context(0, certificate),
        der.set_of(signer),
    )
    return der.sequence(der.oid(RFC + "2"), der.context(0, data))


def test_ed448_goes_with_shake256(foreign_root):
    private = ed448.Ed448PrivateKey.generate()
    certificate = foreign_root.issue(private.public_key(), "Ed448")
    digest = hashlib.shake_256(DOCUMENT).digest(64)
    for named in ("2.16.840.1.101.3.4.2.12", "2.16.840.1.101.3.4.2.18"):
        value = foreign_value(certificate, named, "1.3.101.113", private.sign, digest)
        assert holds(value)
        assert not holds(value, OTHER)
    other = foreign_value(
        certificate,
        "2.16.840.1.101.3.4.2.3",
        "1.3.101.113",
        private.sign,
        hashlib.sha512(DOCUMENT).digest(),
    )
    assert facts_of(other).problems == ("hashes_differ",)  # RFC 8419 §3.1


def test_dsa_is_understood_and_weak(foreign_root):
    private = dsa.generate_private_key(2048)
    certificate = foreign_root.issue(private.public_key(), "DSA")
    digest = hashlib.sha256(DOCUMENT).digest()
    for algorithm in ("2.16.840.1.101.3.4.3.2", "1.2.840.10040.4.1"):
        value = foreign_value(
            certificate,
            "2.16.840.1.101.3.4.2.1",
            algorithm,
            lambda payload: private.sign(payload, hashes.SHA256()),
            digest,
        )
        assert holds(value)
        assert facts_of(value).weaknesses == ("dsa",)
        assert not holds(value, OTHER)


def test_plain_ecdsa_holds_on_a_brainpool_curve(foreign_root):
    private = ec.generate_private_key(ec.BrainpoolP256R1())
    certificate = foreign_root.issue(private.public_key(), "Plain")

    def sign(payload: bytes) -> bytes:
        r, s = decode_dss_signature(private.sign(payload, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    digest = hashlib.sha256(DOCUMENT).digest()
    sha256, plain = "2.16.840.1.101.3.4.2.1", "0.4.0.127.0.7.1.1.4.1.3"
    value = foreign_value(certificate, sha256, plain, sign, digest)
    assert holds(value)
    assert not holds(value, OTHER)
    short = foreign_value(certificate, sha256, plain, lambda payload: sign(payload)[1:], digest)
    assert facts_of(short).signature_valid is False


def test_ed25519_holds(foreign_root):
    private = ed25519.Ed25519PrivateKey.generate()
    certificate = foreign_root.issue(private.public_key(), "Ed")
    digest = hashlib.sha512(DOCUMENT).digest()
    value = foreign_value(
        certificate, "2.16.840.1.101.3.4.2.3", "1.3.101.112", private.sign, digest
    )
    assert holds(value)
    assert not holds(value, OTHER)


def test_ecdsa_and_rsa_with_sha3_hold(rsa_key, p256_key):
    digest = hashlib.sha3_256(DOCUMENT).digest()
    sha3 = hashes.SHA3_256()
    ecdsa = foreign_value(
        p256_key.certificate,
        "2.16.840.1.101.3.4.2.8",
        "2.16.840.1.101.3.4.3.10",
        lambda message: p256_key.private.sign(message, ec.ECDSA(sha3)),
        digest,
    )
    pkcs1 = foreign_value(
        rsa_key.certificate,
        "2.16.840.1.101.3.4.2.8",
        "2.16.840.1.101.3.4.3.14",
        lambda message: rsa_key.private.sign(message, padding.PKCS1v15(), sha3),
        digest,
    )
    assert holds(ecdsa)
    assert holds(pkcs1)
    assert not holds(pkcs1, OTHER)


def test_bare_key_algorithms_take_the_digest_from_the_signer(rsa_key, p256_key):
    digest = hashlib.sha256(DOCUMENT).digest()
    for key, algorithm in ((rsa_key, "1.2.840.113549.1.1.1"), (p256_key, "1.2.840.10045.2.1")):
        value = foreign_value(
            key.certificate, "2.16.840.1.101.3.4.2.1", algorithm, key.sign, digest
        )
        assert holds(value)


def test_a_digest_other_than_the_signatures_is_named(rsa_key):
    value = foreign_value(
        rsa_key.certificate,
        "2.16.840.1.101.3.4.2.3",
        "1.2.840.113549.1.1.11",
        rsa_key.sign,
        hashlib.sha512(DOCUMENT).digest(),
    )
    facts = facts_of(value)
    assert facts.problems == ("hashes_differ",)
    assert facts.signature_valid
    assert not facts.intact


def test_a_value_made_with_the_other_hash_is_right_and_named(rsa_key):
    """Labelled with SHA-256, made with the SHA-512 of the content: met from several signers."""
    value = foreign_value(
        rsa_key.certificate,
        "2.16.840.1.101.3.4.2.3",
        "1.2.840.113549.1.1.11",
        lambda payload: rsa_key.private.sign(payload, padding.PKCS1v15(), hashes.SHA512()),
        hashlib.sha512(DOCUMENT).digest(),
    )
    facts = facts_of(value)
    assert (facts.signature_valid, facts.problems) == (True, ("hashes_differ",))
    assert not facts_of(value, OTHER).digest_matches


@pytest.mark.parametrize("algorithm", ["1.2.840.113549.1.1.11", "1.2.840.10045.4.3.2"])
def test_a_digest_named_by_its_signature_algorithm_is_understood(rsa_key, algorithm):
    value = foreign_value(
        rsa_key.certificate,
        algorithm,
        "1.2.840.113549.1.1.1",
        rsa_key.sign,
        hashlib.sha256(DOCUMENT).digest(),
    )
    assert holds(value)
    assert not holds(value, OTHER)


def test_an_empty_content_counts_as_none(rsa_key):
    value = foreign_value(
        rsa_key.certificate,
        "2.16.840.1.101.3.4.2.1",
        "1.2.840.113549.1.1.11",
        rsa_key.sign,
        hashlib.sha256(DOCUMENT).digest(),
        content=b"",
    )
    assert holds(value)
    assert not holds(value, OTHER)


def test_an_unknown_algorithm_is_unknown_and_not_wrong(rsa_key):
    digest = hashlib.sha256(DOCUMENT).digest()
    sha256 = "2.16.840.1.101.3.4.2.1"
    unknown = facts_of(foreign_value(rsa_key.certificate, sha256, "1.2.3.4", rsa_key.sign, digest))
    assert (unknown.signature_valid, unknown.digest_matches) == (None, True)
    strange = facts_of(
        foreign_value(rsa_key.certificate, "1.2.3.5", "1.2.840.113549.1.1.11", rsa_key.sign, digest)
    )
    assert (strange.digest_name, strange.digest_matches) == ("", None)
    assert not unknown.intact
    assert not strange.intact


# --- bare PKCS#1 -------------------------------------------------------------------------------


@pytest.mark.parametrize("digest", ["sha1", "sha256", "sha512"])
def test_adbe_x509_rsa_sha1_holds(rsa_key, openssl, digest):
    made = openssl.run(
        "dgst", f"-{digest}", "-sign", openssl.file(rsa_key.pem, ".pem"), openssl.file(DOCUMENT)
    )
    contents = der.octet_string(made) + bytes(30)
    facts = verify_rsa_value(contents, [rsa_key.certificate], digest_of(DOCUMENT))
    assert facts.signature_valid is True
    assert facts.digest_name == digest
    assert facts.weaknesses == (("sha1",) if digest == "sha1" else ())
    wrong = verify_rsa_value(contents, [rsa_key.certificate], digest_of(OTHER))
    assert wrong.signature_valid is False
    altered = bytearray(contents)
    altered[50] ^= 1
    facts = verify_rsa_value(bytes(altered), [rsa_key.certificate], digest_of(DOCUMENT))
    assert facts.signature_valid is False


def test_bare_values_that_prove_nothing(rsa_key, p256_key, openssl):
    made = openssl.run(
        "dgst", "-md5", "-sign", openssl.file(rsa_key.pem, ".pem"), openssl.file(DOCUMENT)
    )
    contents = der.octet_string(made)
    facts = verify_rsa_value(contents, [rsa_key.certificate], digest_of(DOCUMENT))
    assert (facts.signature_valid, facts.weaknesses) == (None, ("md5",))
    facts = verify_rsa_value(contents, [p256_key.certificate], digest_of(DOCUMENT))
    assert facts.signature_valid is None
    for value, certificates in (
        (made, [rsa_key.certificate]),
        (b"", [rsa_key.certificate]),
        (contents, []),
        (contents, [b"\x30\x00"]),
    ):
        with pytest.raises(CmsError):
            verify_rsa_value(value, certificates, digest_of(DOCUMENT))


# --- hostile input -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def valid(sm2_key, rsa_key, p256_key) -> list[bytes]:
    sha256 = hashlib.sha256(DOCUMENT).digest()
    return [
        make_signed_data(key=sm2_key, digest=SM3_OF_DOCUMENT, signing_time=NOW),
        sm2_value(sm2_key, content=SM3_OF_DOCUMENT, signed=SM3_OF_DOCUMENT, family=GB),
        make_signed_data(key=rsa_key, digest=sha256),
        add_timestamp(make_signed_data(key=p256_key, digest=sha256), der.sequence()),
    ]


@given(st.data())
def test_no_mutation_changes_what_is_signed_and_stays_intact(valid, data):
    original = data.draw(st.sampled_from(valid))
    altered = bytearray(original)
    kind = data.draw(st.sampled_from(["flip", "insert", "delete", "copy"]))
    at = data.draw(st.integers(0, len(altered) - 1))
    if kind == "flip":
        altered[at] ^= 1 << data.draw(st.integers(0, 7))
    elif kind == "insert":
        altered[at:at] = data.draw(st.binary(min_size=1, max_size=4))
    elif kind == "delete":
        del altered[at : at + data.draw(st.integers(1, 4))]
    else:
        other = data.draw(st.integers(0, len(altered) - 8))
        altered[at : at + 8] = altered[other : other + 8]
    before = facts_of(original)
    try:
        parsed = SignedData.parse(bytes(altered))
    except CmsError:
        return
    for signer in parsed.signers:
        after = signer_facts(parsed, signer, digest_of(DOCUMENT))
        if after.intact:
            assert after.certificate.public_key == before.certificate.public_key
            assert after.signer.signed_attributes == before.signer.signed_attributes
            assert after.signer.message_digest == before.signer.message_digest
            assert parsed.content == SignedData.parse(original).content
        assert not signer_facts(parsed, signer, digest_of(OTHER)).intact


@given(st.binary(max_size=200))
def test_noise_is_refused_in_so_many_words(noise):
    for parse in (SignedData.parse, signature_value):
        with pytest.raises(CmsError):
            parse(noise)
    looks_like_cms(noise)
    with contextlib.suppress(der.DerError):
        ber.to_der(noise)


@given(st.binary(max_size=60), st.data())
def test_noise_inside_a_value_is_refused_or_read(valid, noise, data):
    original = data.draw(st.sampled_from(valid))
    at = data.draw(st.integers(0, len(original)))
    with contextlib.suppress(CmsError):
        SignedData.parse(original[:at] + noise, padded=True)


HOSTILE = {
    "deep, definite": lambda: _nest(5000),
    "deep, indefinite": lambda: b"\x30\x80" * 100_000,
    "deep, closed": lambda: b"\x30\x80" * 50_000 + bytes(100_000),
    "deep inside": lambda: (
        b"\x30\x80\x06\x09" + bytes.fromhex("2a864886f70d010702") + b"\xa0\x80" * 9000
    ),
    "many empty chunks": lambda: b"\x24\x80" + b"\x04\x00" * 1_000_000 + bytes(2),
    "strings in strings": lambda: b"\x24\x80" * 30 + b"\x04\x01A" * 100_000,
    "length of many bytes": lambda: b"\x30\x88" + b"\xff" * 8 + bytes(100),
    "ends in nothing": lambda: b"\x30\x80\x06",
    "too large": lambda: bytes(cms.MAX_SIZE + 1),
}


def _nest(levels: int) -> bytes:
    value = b""
    for _ in range(levels):
        value = der.sequence(value)
    return value


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_hostile_values_cost_a_bounded_time(make):
    value = make()
    begun = time.process_time()
    with pytest.raises(CmsError):
        SignedData.parse(value, padded=True)
    assert time.process_time() - begun < 2


def test_too_many_signers_or_certificates_are_refused(sm2_key):
    value = sm2_value(sm2_key, attributes=attributes(), certificates=[der.null()] * 257)
    with pytest.raises(CmsError, match="certificates"):
        SignedData.parse(value)
    info = der.parse(sm2_value(sm2_key, attributes=attributes())).children()
    outer, data = info.next(), info.next().children().next()
    parts = [each.raw for each in data.children()]
    crowd = der.set_of(*[der.parse(parts[-1]).content] * 17)
    many = der.sequence(outer.raw, der.context(0, der.sequence(*parts[:-1], crowd)))
    with pytest.raises(CmsError, match="signers"):
        SignedData.parse(many)


def test_a_value_without_signers_says_so(sm2_key):
    info = der.parse(sm2_value(sm2_key, attributes=attributes())).children()
    outer, data = info.next(), info.next().children().next()
    parts = [each.raw for each in data.children()]
    none = der.sequence(outer.raw, der.context(0, der.sequence(*parts[:-1], der.set_of())))
    assert SignedData.parse(none).signers == ()
    with pytest.raises(CmsError, match="0 signers"):
        signature_value(none)


# --- BER ---------------------------------------------------------------------------------------

ber_trees = st.recursive(
    st.binary(max_size=5).map(der.octet_string),
    lambda inner: st.lists(inner, max_size=4).map(lambda parts: der.sequence(*parts)),
    max_leaves=12,
)


def to_ber(element: der.Tlv, draw) -> bytes:
    """The same value with lengths and chunks as BER permits them."""
    if element.tag & 0x20:
        content = b"".join(to_ber(child, draw) for child in element.children())
        tag = element.tag
    else:
        content, tag = element.content, element.tag
        if draw(st.booleans()):
            cut = draw(st.integers(0, len(content)))
            content = der.octet_string(content[:cut]) + der.octet_string(content[cut:])
            tag |= 0x20
    form = draw(st.sampled_from(["definite", "spare", "indefinite"]))
    if form == "indefinite" and tag & 0x20:
        return bytes((tag, 0x80)) + content + b"\x00\x00"
    if form == "spare":
        return bytes((tag, 0x84)) + len(content).to_bytes(4, "big") + content
    return der.encode(tag, content)


@given(ber_trees, st.data())
def test_every_ber_form_of_a_value_comes_back_to_its_der(tree, data):
    assert ber.to_der(to_ber(der.parse(tree), data.draw)) == tree


@given(ber_trees)
def test_der_stays_as_it_is(tree):
    assert ber.to_der(tree) == tree
    assert ber.to_der(tree + b"\x00\x00", trailing=True) == tree
    with pytest.raises(der.DerError):
        ber.to_der(tree + b"\x00\x00")


@pytest.mark.parametrize(
    "payload",
    [
        "0480",
        "3080",
        "30800000" + "00",
        "2480020100" + "0000",
        "30800400",
        "1f8000",
        "0000",
        "30890" + "0" * 19,
    ],
)
def test_what_is_no_ber_either_is_refused(payload):
    with pytest.raises(der.DerError):
        ber.to_der(bytes.fromhex(payload))
