"""Certificates, requests, CRLs and chains; openssl and the cryptography package as judges."""

import pickle
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509 as pyca
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from hypothesis import given
from hypothesis import strategies as st

from crypto.algorithms import gm
from crypto.algorithms.keys import SM2_WITH_SM3, SoftKey
from crypto.asn1 import der
from crypto.pki.certificate import KEY_USAGES, TIME_STAMPING, Certificate, load_certificates
from crypto.pki.certificate_making import Request, make_certificate, make_crl, make_request
from crypto.pki.chain import build_chain
from crypto.pki.names_and_algorithms import CertificateError, Name
from crypto.pki.public_key import PublicKey
from crypto.pki.revocation_list import Crl

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
DISTID = "distid:1234567812345678"
RSA_KEY = rsa.generate_private_key(65537, 2048)


# --- what we write, judged by openssl ----------------------------------------------------------


def verified_pairwise(openssl, issuer: bytes, subject: bytes) -> bool:
    done = openssl.attempt(
        *("verify", "-vfyopt", DISTID, "-partial_chain", "-CAfile", openssl.pem(issuer)),
        openssl.pem(subject),
    )
    return done.returncode == 0


def test_openssl_accepts_our_certificates_pairwise_and_reads_the_same(openssl, root):
    middle = root.sub_authority("二级机构", path_length=0)
    leaf = middle.issue(
        "32130000000001",
        SoftKey.generate().spki,
        extended_key_usage=["1.3.6.1.5.5.7.3.36"],
        crl_urls=["http://localhost/ca.crl"],
    )
    assert verified_pairwise(openssl, root.key.certificate, middle.key.certificate)
    assert verified_pairwise(openssl, middle.key.certificate, leaf)
    stranger = SoftKey.generate()
    forged = replace(middle, key=stranger.with_certificate(middle.key.certificate))
    forged_leaf = forged.issue("32130000000002", stranger.spki)
    assert not verified_pairwise(openssl, middle.key.certificate, forged_leaf)

    ours = Certificate.parse(leaf)
    theirs = openssl.run(
        *("x509", "-inform", "DER", "-noout", "-serial", "-startdate", "-enddate"),
        *("-dateopt", "iso_8601", "-subject", "-nameopt", "utf8,sep_multiline,esc_ctrl"),
        *("-ext", "keyUsage,extendedKeyUsage,basicConstraints,crlDistributionPoints"),
        stdin=leaf,
    ).decode()
    assert f"serial={ours.serial:04X}" in theirs
    assert f"notBefore={ours.not_before:%Y-%m-%d %H:%M:%S}Z" in theirs
    assert f"notAfter={ours.not_after:%Y-%m-%d %H:%M:%S}Z" in theirs
    assert "CN=32130000000001" in theirs
    assert "O=宿迁市测试单位" in theirs
    assert "Digital Signature, Non Repudiation" in theirs
    assert "X509v3 Key Usage: critical" in theirs
    assert "CA:FALSE" in theirs
    assert "http://localhost/ca.crl" in theirs
    assert ours.crl_urls == ("http://localhost/ca.crl",)
    assert ours.extended_key_usage == {"1.3.6.1.5.5.7.3.36"}
    assert ours.key_usage == {"digitalSignature", "nonRepudiation"}
    assert ours.may_sign()
    assert not ours.is_ca
    assert ours.remarks == ()
    assert ours.authority_key_id == middle.certificate.subject_key_id != b""
    assert (
        "pathlen:0"
        in openssl.run(
            "x509", "-inform", "DER", "-noout", "-text", stdin=middle.key.certificate
        ).decode()
    )


@given(st.sets(st.sampled_from(KEY_USAGES), min_size=1))
def test_every_set_of_key_usages_comes_back(root, usages):
    certificate = root.issue("x", root.key.spki, usage=usages)
    assert Certificate.parse(certificate).key_usage == usages


def test_openssl_accepts_our_requests(openssl):
    key = SoftKey.generate()
    subject = Name.build([("C", "CN"), ("O", "11320500014150050B苏州市民政局"), ("CN", "印章")])
    request = make_request(subject, key.spki, key.sign)
    done = openssl.attempt(
        "req", "-inform", "DER", "-noout", "-verify", "-vfyopt", DISTID, stdin=request
    )
    assert done.returncode == 0, done.stderr
    assert b"verify OK" in done.stdout + done.stderr
    parsed = Request.parse(request)
    assert parsed.signature_valid
    assert parsed.subject == subject
    assert parsed.public_key.point == key.public


def test_a_request_for_somebody_elses_key_is_no_proof_of_possession():
    key, other = SoftKey.generate(), SoftKey.generate()
    request = make_request(Name.build([("CN", "x")]), other.spki, key.sign)
    assert not Request.parse(request).signature_valid
    with pytest.raises(CertificateError):
        Request.parse(request[:-1])


def test_a_request_of_openssl_is_read(openssl):
    key = SoftKey.generate()
    request = openssl.run(
        *("req", "-new", "-keyform", "DER", "-key", openssl.sm2_private(key), "-sm3", "-utf8"),
        *("-sigopt", DISTID, "-subj", "/C=CN/O=单位/CN=1", "-outform", "DER"),
    )
    parsed = Request.parse(request)
    assert parsed.signature_valid
    assert parsed.subject.organization == "单位"


def test_openssl_reads_our_revocation_lists(openssl, root):
    entries = [(4096, NOW - timedelta(days=3), 1), (4097, NOW - timedelta(days=2), None)]
    made = make_crl(
        issuer=root.name,
        issuer_key=root.key,
        authority_spki=root.key.spki,
        number=17,
        this_update=NOW,
        next_update=NOW + timedelta(days=7),
        entries=entries,
    )
    text = openssl.run("crl", "-inform", "DER", "-noout", "-text", stdin=made).decode()
    assert "Last Update: Nov 23 08:00:00 2026 GMT" in text
    assert "Next Update: Nov 30 08:00:00 2026 GMT" in text
    assert "Serial Number: 1000" in text
    assert "Serial Number: 1001" in text
    assert "Key Compromise" in text
    assert "X509v3 CRL Number: \n                17" in text
    crl = Crl.parse(made)
    assert openssl.sm2_verifies(root.key.spki, crl.tbs, crl.signature)
    assert crl.issued_by(root.certificate)
    assert crl.revoked == {serial: (moment, reason) for serial, moment, reason in entries}
    assert (crl.this_update, crl.next_update) == (NOW, NOW + timedelta(days=7))


def test_a_revocation_list_by_another_key_or_name_is_not_the_issuers(root, make_root):
    options = {"number": 1, "this_update": NOW, "next_update": NOW, "entries": ()}
    other = make_root("Another")
    by_other_key = make_crl(
        issuer=root.name, issuer_key=other.key, authority_spki=root.key.spki, **options
    )
    other_name = make_crl(
        issuer=other.name, issuer_key=root.key, authority_spki=root.key.spki, **options
    )
    assert not Crl.parse(by_other_key).issued_by(root.certificate)
    assert not Crl.parse(other_name).issued_by(root.certificate)
    no_crls = make_root("No CRLs", usage=("keyCertSign",))
    own = make_crl(
        issuer=no_crls.name, issuer_key=no_crls.key, authority_spki=no_crls.key.spki, **options
    )
    assert not Crl.parse(own).issued_by(no_crls.certificate)


@pytest.mark.parametrize("size", [6_000, pytest.param(60_000, marks=pytest.mark.slow)])
def test_a_large_revocation_list_is_read_in_good_time(root, size):
    """Public authorities publish lists of the larger size."""
    entries = [(number, NOW, 4) for number in range(1, size + 1)]
    made = make_crl(
        issuer=root.name,
        issuer_key=root.key,
        authority_spki=root.key.spki,
        number=1,
        this_update=NOW,
        next_update=NOW,
        entries=entries,
    )
    found = Crl.parse(made)
    assert "_read_entries" not in vars(found)  # nobody has asked yet
    assert len(found.revoked) == size


# --- foreign certificates ----------------------------------------------------------------------


def pyca_certificate(key, signer, *, algorithm=None, padding_=None, **changes) -> bytes:
    name = pyca.Name([pyca.NameAttribute(pyca.NameOID.COMMON_NAME, changes.get("name", "Foreign"))])
    issuer = pyca.Name(
        [pyca.NameAttribute(pyca.NameOID.COMMON_NAME, changes.get("issuer", "Foreign"))]
    )
    builder = (
        pyca.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(77)
        .not_valid_before(datetime(2026, 1, 1))
        .not_valid_after(datetime(2052, 1, 1))
        .add_extension(pyca.BasicConstraints(ca=True, path_length=2), critical=True)
    )
    options = {} if padding_ is None else {"rsa_padding": padding_}
    certificate = builder.sign(signer, algorithm, **options)
    return certificate.public_bytes(serialization.Encoding.DER)


def pss(digest: hashes.HashAlgorithm, salt: int) -> padding.PSS:
    return padding.PSS(padding.MGF1(digest), salt)


P256, P384 = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP384R1())
ED = ed25519.Ed25519PrivateKey.generate()
FOREIGN = {
    "RSA with SHA-256": (RSA_KEY, hashes.SHA256(), None, "rsa"),
    "RSA with SHA-512": (RSA_KEY, hashes.SHA512(), None, "rsa"),
    "RSA-PSS with SHA-256": (RSA_KEY, hashes.SHA256(), pss(hashes.SHA256(), 32), "rsa"),
    "RSA-PSS with SHA-384, short salt": (RSA_KEY, hashes.SHA384(), pss(hashes.SHA384(), 11), "rsa"),
    "ECDSA P-256": (P256, hashes.SHA256(), None, "ec"),
    "ECDSA P-384": (P384, hashes.SHA384(), None, "ec"),
    "Ed25519": (ED, None, None, "ed25519"),
}


@pytest.mark.parametrize(("key", "digest", "pad", "kind"), FOREIGN.values(), ids=FOREIGN)
def test_foreign_certificates_are_read_and_their_signatures_checked(key, digest, pad, kind):
    encoded = pyca_certificate(key, key, algorithm=digest, padding_=pad)
    certificate = Certificate.parse(encoded)
    theirs = pyca.load_der_x509_certificate(encoded)
    assert certificate.serial == theirs.serial_number
    assert certificate.not_before == theirs.not_valid_before_utc
    assert certificate.not_after == theirs.not_valid_after_utc
    assert certificate.tbs == theirs.tbs_certificate_bytes
    assert certificate.signature == theirs.signature
    assert certificate.public_key.kind == kind
    assert certificate.path_length == 2
    assert certificate.issued_by(certificate)
    altered = bytearray(encoded)
    altered[-1] ^= 1
    assert not Certificate.parse(bytes(altered)).issued_by(certificate)
    assert not replace(certificate, tbs=certificate.tbs + b"\0").issued_by(certificate)
    # a signature only ever fits the algorithm it names
    assert not replace(certificate, signature_algorithm=SM2_WITH_SM3).issued_by(certificate)
    assert not replace(certificate, signature_algorithm="1.2.3").issued_by(certificate)


def test_an_sm2_signature_binds_to_an_sm2_key_only(root):
    p256 = Certificate.parse(pyca_certificate(P256, P256, algorithm=hashes.SHA256()))
    ours = root.certificate
    assert ours.issued_by(ours)
    assert not ours.issued_by(p256)
    assert not p256.issued_by(ours)


def test_openssls_own_sm2_certificate_is_verified(openssl):
    key = SoftKey.generate()
    encoded = openssl.run(
        *("req", "-x509", "-new", "-keyform", "DER", "-key", openssl.sm2_private(key), "-sm3"),
        *("-sigopt", DISTID, "-subj", "/CN=openssl", "-days", "10", "-outform", "DER"),
    )
    certificate = Certificate.parse(encoded)
    assert certificate.public_key.point == key.public
    assert certificate.issued_by(certificate)


# --- certificates as real authorities write them -----------------------------------------------


def handmade(
    key: SoftKey,
    *,
    name: bytes = b"",
    extensions: bytes = b"",
    parameters: bytes = b"",
    inner_parameters: bytes | None = None,
    serial: bytes = b"\x01",
    loose_signature: bool = False,
) -> bytes:
    """A certificate from raw parts, signed: what the writer would never write."""
    name = name or Name.build([("CN", "hand made")]).raw
    inner = parameters if inner_parameters is None else inner_parameters
    tbs = der.sequence(
        der.context(0, der.integer(2)),
        der.encode(der.INTEGER, serial),
        der.sequence(der.oid(SM2_WITH_SM3), inner),
        name,
        der.sequence(der.time(NOW), der.time(NOW + timedelta(days=1))),
        name,
        key.spki,
        der.context(3, der.sequence(extensions)) if extensions else b"",
    )
    signature = key.sign(tbs)
    if loose_signature:
        r, s = gm.signature_values(signature)
        signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    return der.sequence(
        tbs, der.sequence(der.oid(SM2_WITH_SM3), parameters), der.bit_string(signature)
    )


def extension(kind: str, value: bytes, *, critical: bytes = b"") -> bytes:
    return der.sequence(der.oid(kind), critical, der.octet_string(value))


def attribute(kind: str, value: bytes) -> bytes:
    return der.encode(der.SET, der.sequence(der.oid(kind), value))


KEY = SoftKey.generate()
NAMES = {
    "x500UniqueIdentifier as UTF8String": attribute("2.5.4.45", der.utf8("CEGN")),
    "GBK bytes in a PrintableString": attribute("2.5.4.3", der.encode(0x13, "云南".encode("gbk"))),
    "Chinese bytes in a T61String": attribute("2.5.4.3", der.encode(0x14, "印章".encode())),
    "a BMPString of odd length": attribute("2.5.4.3", der.encode(0x1E, b"abc")),
    "a value that is no string": attribute("2.5.4.3", der.integer(5)),
    "a multi-valued relative name": der.encode(
        der.SET,
        der.sequence(der.oid("2.5.4.3"), der.utf8("a")),
        der.sequence(der.oid("2.5.4.10"), der.utf8("b")),
    ),
    "an empty value": attribute("2.5.4.3", der.utf8("")),
}


@pytest.mark.parametrize("relative", NAMES.values(), ids=NAMES)
def test_no_name_ends_a_verification(relative):
    certificate = Certificate.parse(handmade(KEY, name=der.sequence(relative)))
    assert certificate.issued_by(certificate)
    assert isinstance(str(certificate.subject), str)


def test_names_in_other_string_types_still_match():
    printable = der.sequence(attribute("2.5.4.3", der.printable("Test  Root")))
    utf8 = Name.build([("CN", "test root")])
    assert Name.parse(der.parse(printable)).matches(utf8)
    assert not utf8.matches(Name.build([("CN", "test root"), ("CN", "x")]))
    assert not utf8.matches(Name.build([("O", "test root")]))


@pytest.mark.parametrize("parameters", [b"", der.null()], ids=["absent", "NULL"])
def test_algorithm_parameters_may_be_null_or_absent(parameters):
    certificate = Certificate.parse(handmade(KEY, parameters=parameters))
    assert certificate.issued_by(certificate)
    assert certificate.remarks == ()
    mixed = Certificate.parse(handmade(KEY, parameters=parameters, inner_parameters=der.null()))
    assert mixed.issued_by(mixed)
    assert mixed.remarks == ()


def test_a_raw_signature_value_in_a_certificate_verifies():
    certificate = Certificate.parse(handmade(KEY, loose_signature=True))
    assert certificate.issued_by(certificate)


def test_ca_false_may_be_encoded():
    value = der.sequence(der.boolean(False))
    certificate = Certificate.parse(handmade(KEY, extensions=extension("2.5.29.19", value)))
    assert not certificate.is_ca
    assert certificate.remarks == ()


def test_an_encoded_critical_false_is_read():
    value = extension("2.5.29.15", der.bit_flags({0}), critical=der.boolean(False))
    unknown = extension("1.2.3.4", b"?", critical=der.boolean(False))
    certificate = Certificate.parse(handmade(KEY, extensions=value + unknown))
    assert certificate.key_usage == {"digitalSignature"}
    assert certificate.unknown_critical == ()


def test_a_critical_statement_of_a_qualified_certificate_is_no_obstacle(root):
    statements = der.sequence(
        der.oid("1.3.6.1.5.5.7.1.3"),
        der.boolean(True),
        der.octet_string(der.sequence(der.sequence(der.oid("0.4.0.1862.1.1")))),
    )
    certificate = Certificate.parse(handmade(SoftKey.generate(), extensions=statements))
    assert certificate.unknown_critical == ()


def test_a_key_that_was_used_can_still_be_handed_to_another_process() -> None:
    spki = RSA_KEY.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    key = PublicKey.parse(der.parse(spki))
    assert key.bits == 2048
    copied = pickle.loads(pickle.dumps(key))  # noqa: S301 - our own
    assert copied == key
    assert copied.bits == 2048


def test_an_rsa_key_written_without_its_leading_zero_is_read(foreign_root, rsa_key):
    """As on identity cards of some years: the modulus then reads as a negative number."""
    numbers = rsa_key.private.public_key().public_numbers()
    size = rsa_key.private.key_size // 8
    key = der.sequence(
        der.encode(der.INTEGER, numbers.n.to_bytes(size, "big")), der.integer(numbers.e)
    )
    spki = der.sequence(
        der.sequence(der.oid("1.2.840.113549.1.1.1"), der.null()), der.bit_string(key)
    )
    sloppy = PublicKey.parse(der.parse(spki))
    assert sloppy.bits == rsa_key.private.key_size
    signature = rsa_key.private.sign(b"octets", padding.PKCS1v15(), hashes.SHA256())
    assert sloppy.verify("1.2.840.113549.1.1.11", b"octets", signature)
    assert not sloppy.verify("1.2.840.113549.1.1.11", b"others", signature)


def test_an_unknown_critical_extension_is_named():
    made = handmade(KEY, extensions=extension("1.2.3.4", b"?", critical=der.boolean(True)))
    certificate = Certificate.parse(made)
    assert certificate.unknown_critical == ("1.2.3.4",)
    chain = build_chain(certificate, [], [certificate], NOW)
    assert not chain.trusted
    assert [problem.code for problem in chain.problems] == ["critical_extension"]


def test_a_broken_extension_becomes_a_remark_and_counts_if_critical():
    broken = extension("2.5.29.31", b"\x30\x05\x01")
    harmless = Certificate.parse(handmade(KEY, extensions=broken))
    assert len(harmless.remarks) == 1
    assert harmless.unknown_critical == ()
    critical = extension("2.5.29.15", b"junk", critical=der.boolean(True))
    certificate = Certificate.parse(handmade(KEY, extensions=critical))
    assert certificate.unknown_critical == ("2.5.29.15",)


def test_a_repeated_extension_is_remarked_and_carries_no_chain():
    """Which of the two counts differs between readers (RFC 5280 §4.2 forbids it)."""
    leaf = extension("2.5.29.19", der.sequence())
    ca = extension("2.5.29.19", der.sequence(der.boolean(True)))
    for order in (leaf + ca, ca + leaf):
        certificate = Certificate.parse(handmade(KEY, extensions=order))
        assert certificate.unknown_critical == ("2.5.29.19",)
        assert certificate.remarks
        assert not build_chain(certificate, [], [certificate], NOW).trusted


def test_serial_numbers_of_any_form_are_read():
    for content, value in ((b"\x00\x00\x05", 5), (b"\xff\x01", -255), (b"\x7f" * 40, None)):
        certificate = Certificate.parse(handmade(KEY, serial=content))
        assert value is None or certificate.serial == value


def test_two_different_signature_algorithms_in_one_certificate_are_refused():
    whole = der.parse(handmade(KEY)).children()
    tbs, _, signature = (whole.next().raw for _ in range(3))
    other = der.sequence(der.oid("1.2.840.10045.4.3.2"))
    with pytest.raises(CertificateError, match="differ"):
        Certificate.parse(der.sequence(tbs, other, signature))


def test_a_key_that_is_no_point_of_the_curve_verifies_nothing():
    signer = SoftKey.generate()
    off_curve = replace(signer, public=signer.public[:-1] + b"\x00")
    if gm.is_public_key(off_curve.public):
        off_curve = replace(signer, public=signer.public[:-1] + b"\x01")
    certificate = Certificate.parse(handmade(off_curve))
    assert certificate.public_key.kind == "sm2"
    assert not certificate.issued_by(certificate)


REAL = handmade(
    KEY,
    extensions=extension("2.5.29.15", der.bit_flags({0, 5}), critical=der.boolean(True))
    + extension("2.5.29.19", der.sequence(der.boolean(True), der.integer(1)))
    + extension("2.5.29.31", der.sequence(der.sequence(der.context(0, der.context(0))))),
)


@given(st.data())
def test_damaged_certificates_raise_only_certificate_error(data):
    altered = bytearray(REAL)
    for _ in range(data.draw(st.integers(1, 4))):
        altered[data.draw(st.integers(0, len(REAL) - 1))] = data.draw(st.integers(0, 255))
    altered = bytes(altered[: data.draw(st.integers(len(REAL) - 3, len(REAL)))])
    for parse in (Certificate.parse, Crl.parse, Request.parse):
        try:
            found = parse(altered)
        except CertificateError:
            continue
        if isinstance(found, Certificate) and found.tbs != Certificate.parse(REAL).tbs:
            assert not found.issued_by(Certificate.parse(REAL))


# --- PEM ---------------------------------------------------------------------------------------


def test_pem_bundles_and_single_der_files_are_loaded(openssl, root):
    with open(openssl.pem(root.key.certificate), "rb") as pem:
        text = pem.read()
    assert load_certificates(text + b"# a comment\n" + text) == [root.certificate] * 2
    assert load_certificates(root.key.certificate) == [root.certificate]
    for damaged in (
        b"-----BEGIN CERTIFICATE-----",
        b"-----BEGIN CERTIFICATE-----\nAAA\n-----END CERTIFICATE-----",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
        b"",
    ):
        with pytest.raises(CertificateError):
            load_certificates(damaged)


# --- chains ------------------------------------------------------------------------------------


def codes(chain) -> list[str]:
    return [problem.code for problem in chain.problems]


def test_a_chain_of_three_is_found_in_any_order(make_root):
    root = make_root("Root", path_length=1)
    middle = root.sub_authority("Middle", path_length=0)
    leaf = Certificate.parse(middle.key_for("leaf").certificate)
    chain = build_chain(leaf, [leaf, middle.certificate], [root.certificate], NOW)
    assert chain.trusted
    assert chain.path == (leaf, middle.certificate, root.certificate)
    assert build_chain(root.certificate, [], [root.certificate], NOW).trusted


def test_without_an_anchor_nothing_is_trusted_however_complete(make_root):
    root = make_root()
    leaf = Certificate.parse(root.key_for("leaf").certificate)
    chain = build_chain(leaf, [root.certificate], [], NOW)
    assert not chain.anchored
    assert codes(chain) == ["untrusted"]
    assert chain.path == (leaf, root.certificate)


def test_a_namesake_of_the_anchor_is_not_the_anchor(make_root):
    real, fake = make_root("Same Name"), make_root("Same Name")
    leaf = Certificate.parse(fake.key_for("leaf").certificate)
    chain = build_chain(leaf, [fake.certificate], [real.certificate], NOW)
    assert codes(chain) == ["untrusted"]


@pytest.mark.parametrize(
    ("moment", "code"),
    [
        (datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC), "not_yet_valid"),
        (datetime(2031, 1, 1, 0, 0, 1, tzinfo=UTC), "expired"),
    ],
)
def test_outside_their_validity_certificates_carry_no_chain(root, moment, code):
    leaf = Certificate.parse(root.key_for("leaf").certificate)
    chain = build_chain(leaf, [], [root.certificate], moment)
    assert set(codes(chain)) == {code}
    assert chain.anchored
    assert not chain.trusted
    for edge in (leaf.not_before, leaf.not_after):
        assert build_chain(leaf, [], [root.certificate], edge).trusted


@pytest.mark.parametrize(
    "options",
    [
        {"usage": ("digitalSignature",), "ca": False},
        {"usage": ("keyCertSign",), "ca": False},
        {"usage": ("digitalSignature", "cRLSign"), "ca": True},
    ],
    ids=["no authority", "key usage alone", "no keyCertSign"],
)
def test_who_is_no_authority_issues_nothing(root, options):
    holder = root.sub_authority("An ordinary holder", **options)
    leaf = Certificate.parse(holder.key_for("leaf").certificate)
    chain = build_chain(leaf, [holder.certificate], [root.certificate], NOW)
    assert codes(chain) == ["not_a_ca"]


def test_a_path_longer_than_allowed_is_told(make_root):
    root = make_root("Root", path_length=0)
    middle = root.sub_authority("Middle")
    leaf = Certificate.parse(middle.key_for("leaf").certificate)
    chain = build_chain(leaf, [middle.certificate], [root.certificate], NOW)
    assert codes(chain) == ["path_too_long"]


def test_of_two_cross_signed_paths_the_sound_one_is_taken(make_root):
    """Same name and key, two certificates: one expired, one in force."""
    old, new = make_root("Old"), make_root("New")
    key = SoftKey.generate()
    options = {"usage": ("keyCertSign",), "ca": True}
    expired = old.issue("Middle", key.spki, not_after=NOW - timedelta(days=1), **options)
    in_force = new.issue("Middle", key.spki, **options)
    middle = replace(
        new, key=key.with_certificate(in_force), name=Certificate.parse(in_force).subject
    )
    leaf = Certificate.parse(middle.key_for("leaf").certificate)
    pools = ([expired, in_force], [in_force, expired])
    for pool in pools:
        parsed = [Certificate.parse(each) for each in pool]
        anchors = [old.certificate, new.certificate]
        chain = build_chain(leaf, parsed, anchors, NOW)
        assert chain.trusted
        assert chain.path[1].der == in_force
        # with the old anchor alone the expired path is all there is, and said
        assert codes(build_chain(leaf, parsed, [old.certificate], NOW)) == ["expired"]


def test_authorities_that_certify_each_other_in_a_circle_end_the_search(make_root):
    first, second = make_root("First"), make_root("Second")
    options = {"usage": ("keyCertSign",), "ca": True}
    circle = [
        Certificate.parse(first.issue("Second", second.key.spki, **options)),
        Certificate.parse(second.issue("First", first.key.spki, **options)),
    ]
    leaf = Certificate.parse(first.key_for("leaf").certificate)
    chain = build_chain(leaf, circle, [make_root("Third").certificate], NOW)
    assert "untrusted" in codes(chain)
    assert len(chain.path) <= 3
    assert build_chain(leaf, circle, [second.certificate], NOW).trusted


def test_a_chain_longer_than_the_bound_is_not_followed(make_root):
    authorities = [make_root("0")]
    for number in range(1, 12):
        authorities.append(authorities[-1].sub_authority(str(number)))
    leaf = Certificate.parse(authorities[-1].key_for("leaf").certificate)
    pool = [each.certificate for each in authorities]
    chain = build_chain(leaf, pool, [pool[0]], NOW)
    assert codes(chain)[0] == "untrusted"
    assert len(chain.path) <= 8


@pytest.mark.parametrize("size", [150, pytest.param(500, marks=pytest.mark.slow)])
def test_a_pool_of_lookalikes_costs_a_bounded_number_of_signatures(make_root, monkeypatch, size):
    real = make_root("Popular Name")
    lookalikes = []
    key = SoftKey.generate()
    for number in range(size):
        lookalikes.append(
            Certificate.parse(
                make_certificate(
                    subject=real.name,
                    public_key=key.spki,
                    issuer=real.name,
                    issuer_key=key,
                    authority_spki=key.spki,
                    serial=number + 1,
                    not_before=NOW,
                    not_after=NOW + timedelta(days=1),
                    key_usage=("keyCertSign",),
                    ca=True,
                )
            )
        )
    verified: list[Certificate] = []
    issued_by = Certificate.issued_by

    def counting(certificate: Certificate, issuer: Certificate) -> bool:
        verified.append(certificate)
        return issued_by(certificate, issuer)

    monkeypatch.setattr(Certificate, "issued_by", counting)
    for subject in (real.key_for("leaf"), replace(real, key=key).key_for("leaf")):
        leaf = Certificate.parse(subject.certificate)
        verified.clear()
        chain = build_chain(leaf, lookalikes, [real.certificate], NOW)
        assert len(verified) <= 2 * 64  # a candidate, and whether it issued itself
        assert chain.trusted == leaf.issued_by(real.certificate)


def test_a_chain_of_mixed_algorithms_holds(root):
    """An SM2 root over an RSA authority over a P-256 holder, as bridges do it."""
    spki = RSA_KEY.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    middle = root.issue("x", spki, usage=("keyCertSign",), ca=True)
    subject = pyca.load_der_x509_certificate(middle).subject
    builder = (
        pyca.CertificateBuilder()
        .subject_name(pyca.Name([pyca.NameAttribute(pyca.NameOID.COMMON_NAME, "leaf")]))
        .issuer_name(subject)
        .public_key(P256.public_key())
        .serial_number(3)
        .not_valid_before(datetime(2026, 1, 1))
        .not_valid_after(datetime(2028, 1, 1))
    )
    encoded = builder.sign(RSA_KEY, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    leaf = Certificate.parse(encoded)
    assert build_chain(leaf, [Certificate.parse(middle)], [root.certificate], NOW).trusted


def test_purposes_are_critical_as_rfc_3161_asks(root, openssl):
    made: Callable[..., bytes] = root.issue
    authority = made("TSA", SoftKey.generate().spki, extended_key_usage=[TIME_STAMPING])
    text = openssl.run("x509", "-inform", "DER", "-noout", "-text", stdin=authority).decode()
    assert "X509v3 Extended Key Usage: critical\n                Time Stamping" in text


def test_a_certificate_remembers_few_of_the_issuers_that_documents_enclose(root, make_root):
    holder = Certificate.parse(root.key_for("Holder").certificate)
    strangers = [replace(root.certificate, der=bytes([each])) for each in range(40)]
    assert all(holder.issued_by(each) for each in strangers)
    assert not holder.issued_by(make_root("Another").certificate)
    assert holder.issued_by(root.certificate)
    assert len(holder._signed_by) <= 16
