"""Profiles cms and pades, time stamps and the DSS: pdfsig, openssl and pyHanko are the judges."""

from __future__ import annotations

import asyncio
import hashlib
import io
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import x509 as asn1
from cryptography.hazmat.primitives.asymmetric import rsa
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import (
    DocumentSecurityStore,
    KeyUsageConstraints,
    async_validate_pdf_signature,
    async_validate_pdf_timestamp,
)
from pyhanko_certvalidator import ValidationContext

from crypto.algorithms.keys import SM2_WITH_SM3
from crypto.asn1 import der
from crypto.pdf.marks.drawing import Mark
from crypto.pdf.reading.document import Document
from crypto.pdf.signing.dss import add_dss, certificates_in, chain_certificates, gather
from crypto.pdf.signing.sign import Revision, document_timestamp, sign_revision
from crypto.pdf.signing.values import TOKEN_ROOM, SignatureMaker
from crypto.pki.certificate import OCSP_SIGNING, TIME_STAMPING, Certificate
from crypto.pki.certificate_making import make_crl
from crypto.pki.cms import SEAL, CmsError, SignedData, hash_bytes
from crypto.pki.revocation_list import Crl
from crypto.pki.timestamp import TimestampError, make_token
from crypto.validation.trust import Trust
from crypto.verdict import Level, Report, Verdict
from tests.world.documents import classic_pdf, contents_of, update
from tests.world.sealing import NOW, SIGNED_AT, World, codes

POLICY = "2.25.4711"


@pytest.fixture(scope="module")
def tsa(foreign_root):
    """An RSA authority for time stamps."""
    private = rsa.generate_private_key(65537, 2048)
    return foreign_root.key_for(private, "TSA", extended=[TIME_STAMPING])


@pytest.fixture(scope="module")
def sm2_tsa(world: World):
    return world.authority.key_for(
        "时间戳", usage=("digitalSignature",), extended_key_usage=[TIME_STAMPING]
    )


def stamping(key: Any, at: datetime = SIGNED_AT) -> Callable[[bytes, str], bytes]:
    """A source of time stamps by *key*."""

    def token(payload: bytes, hash_name: str) -> bytes:
        return make_token(
            key=key,
            hash_name=hash_name,
            digest=hash_bytes(hash_name, payload),
            policy=POLICY,
            serial=1,
            generated=at,
        )

    return token


def signed(
    original: bytes,
    maker: SignatureMaker,
    marks: tuple[Mark, ...] = (),
    picture: bytes = b"",
    ticket: bytes = b"",
    certificates: tuple[bytes, ...] = (),
) -> bytes:
    output = io.BytesIO()
    sign_revision(
        Document(io.BytesIO(original)),
        output,
        profile=maker.label,
        value_size=maker.size,
        make_value=lambda revision: maker.make(revision, SIGNED_AT, ticket),
        marks=marks,
        picture=picture,
        signed_at=SIGNED_AT,
        signer_name="测试",
        certificates=certificates,
    )
    return output.getvalue()


def sealed(original: bytes, world: World, profile: str = "ses", **given: Any) -> bytes:
    """Stamped by the world's first holder."""
    maker = SignatureMaker(profile, world.first.key, world.first.seal, **given)
    return signed(original, maker, tuple(world.marks(world.first)), world.first.picture)


def stamped_whole(original: bytes, key: Any, hash_name: str = "sha256") -> bytes:
    """With a document time stamp."""
    output = io.BytesIO()
    make = {"key": key, "policy": POLICY, "serial": 2, "generated": NOW}
    sign_revision(
        Document(io.BytesIO(original)),
        output,
        profile=document_timestamp(hash_name),
        value_size=TOKEN_ROOM,
        make_value=lambda revision: make_token(hash_name=hash_name, digest=revision.digest, **make),
    )
    return output.getvalue()


def value_of(data: bytes, number: int = 0) -> tuple[tuple[int, ...], bytes]:
    """Byte range and value of one signature, without its padding."""
    numbers, contents = contents_of(data)[number]
    return tuple(numbers), der.parse(contents, trailing=True).raw


def covered(data: bytes, numbers: tuple[int, ...]) -> bytes:
    _, first, second, rest = numbers
    return data[:first] + data[second : second + rest]


@pytest.fixture(scope="module")
def abroad(foreign_root, foreign_crl) -> Trust:
    """Somebody who trusts the foreign root and has its list."""
    trust = Trust.in_all([Certificate.parse(foreign_root.certificate)])
    return replace(trust, crls=(Crl.parse(foreign_crl),))


def enclosed(data: bytes, trust: Trust) -> bytes:
    """With all that *trust* holds for it."""
    output = io.BytesIO()
    document = Document(io.BytesIO(data))
    material = gather(*certificates_in(document), trust, NOW)
    assert not material.missing
    add_dss(document, output, material.certificates, material.crls, material.ocsps)
    return output.getvalue()


# --- pades -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["rsa_key", "p256_key"])
def test_openssl_verifies_a_pades_value_over_the_bytes_of_the_pdf(
    kind: str, request, openssl, foreign_root
) -> None:
    key = request.getfixturevalue(kind)
    data = signed(classic_pdf(), SignatureMaker("pades", key))
    numbers, value = value_of(data)
    arguments = (
        *("cms", "-verify", "-binary", "-inform", "DER", "-in", openssl.file(value)),
        *("-CAfile", openssl.pem(foreign_root.certificate), "-purpose", "any", "-cades"),
    )
    content = covered(data, numbers)
    openssl.run(*arguments, "-content", openssl.file(content))
    changed = content.replace(b"Price 1000", b"Price 9000")
    assert openssl.attempt(*arguments, "-content", openssl.file(changed)).returncode != 0


def test_a_pades_signature_leaves_the_time_to_the_pdf(rsa_key) -> None:
    data = signed(classic_pdf(), SignatureMaker("pades", rsa_key))
    [signer] = SignedData.parse(value_of(data)[1]).signers
    assert signer.signing_time is None, "EN 319 142-1 §6.3"
    assert signer.certificate_ids, "signing-certificate-v2"
    [found] = PdfFileReader(io.BytesIO(data)).embedded_regular_signatures
    assert found.self_reported_timestamp == SIGNED_AT
    assert found.sig_object["/Filter"] == "/Adobe.PPKLite"


def judged_by_pyhanko(data: bytes, anchor: bytes, number: int = 0, **context: Any) -> Any:
    """PyHanko's status of one signature; nothing is fetched."""
    roots = [asn1.Certificate.load(anchor)]
    found = PdfFileReader(io.BytesIO(data)).embedded_regular_signatures[number]
    trusting = ValidationContext(trust_roots=roots, allow_fetching=False, moment=NOW, **context)
    return validated(found, trusting)


def validated(signature: Any, trusting: ValidationContext) -> Any:
    # the test's certificates say nothing of key usage; by default pyHanko insists on it
    usage = KeyUsageConstraints(key_usage=set())
    return asyncio.run(
        async_validate_pdf_signature(
            signature, trusting, ts_validation_context=trusting, key_usage_settings=usage
        )
    )


@pytest.mark.parametrize("kind", ["rsa_key", "p256_key"])
def test_pyhanko_and_we_agree_on_baseline_signatures_with_and_without_time(
    kind: str, request, foreign_root, tsa, abroad: Trust
) -> None:
    key = request.getfixturevalue(kind)
    plain = signed(classic_pdf(), SignatureMaker("pades", key))
    timed = signed(classic_pdf(), SignatureMaker("pades", key, timestamp=stamping(tsa)))
    for data in (plain, timed):
        status = judged_by_pyhanko(data, foreign_root.certificate)
        assert (status.bottom_line, status.intact, status.trusted) == (True, True, True)
        assert verdict(data, abroad) is Verdict.VALID
        changed = data.replace(b"Price 1000", b"Price 9000")
        assert not judged_by_pyhanko(changed, foreign_root.certificate).bottom_line
        assert verdict(changed, abroad) is Verdict.INVALID
    assert judged_by_pyhanko(plain, foreign_root.certificate).timestamp_validity is None
    stamp = judged_by_pyhanko(timed, foreign_root.certificate).timestamp_validity
    assert stamp.valid
    assert stamp.trusted
    assert stamp.timestamp == SIGNED_AT
    assert report(timed, abroad).signatures[0].times.trusted == SIGNED_AT


def report(data: bytes, trust: Trust, at: datetime = NOW) -> Report:
    from crypto.pdf.verify import verify_pdf

    return verify_pdf(io.BytesIO(data), "x.pdf", trust, at)


def verdict(data: bytes, trust: Trust, at: datetime = NOW) -> Verdict:
    return report(data, trust, at).verdict


def test_with_enclosed_material_pyhanko_needs_nothing_else(
    rsa_key, tsa, foreign_root, abroad: Trust
) -> None:
    timed = signed(classic_pdf(), SignatureMaker("pades", rsa_key, timestamp=stamping(tsa)))
    data = enclosed(timed, abroad)
    roots = [asn1.Certificate.load(foreign_root.certificate)]
    store = PdfFileReader(io.BytesIO(data)).root["/DSS"]
    assert {"/Certs", "/CRLs"} <= set(store)
    found = DocumentSecurityStore.read_dss(PdfFileReader(io.BytesIO(data)))
    context = found.as_validation_context(
        {"trust_roots": roots, "moment": NOW, "revocation_mode": "require"}
    )
    [signature] = PdfFileReader(io.BytesIO(data)).embedded_regular_signatures
    assert validated(signature, context).bottom_line
    alone = Trust.in_all([Certificate.parse(foreign_root.certificate)])
    assert codes(report(timed, alone).signatures[0]) >= {"revocation_unknown"}
    assert verdict(data, alone) is Verdict.VALID
    assert "signer_not_revoked" in codes(report(data, alone).signatures[0])


def test_pdfsig_finds_pades_signatures_and_their_digests_good(
    rsa_key, p256_key, tmp_path: Path
) -> None:
    for number, key in enumerate((rsa_key, p256_key)):
        path = tmp_path / f"{number}.pdf"
        path.write_bytes(signed(classic_pdf(), SignatureMaker("pades", key)))
        said = pdfsig(path)
        assert "Signature is Valid" in said
        assert "ETSI.CAdES.detached" in said
        assert "Total document signed" in said


def pdfsig(path: Path) -> str:
    done = subprocess.run(
        ["pdfsig", "-nocert", str(path)], capture_output=True, text=True, check=False
    )
    return done.stdout


def test_a_key_of_the_wrong_kind_or_a_seal_too_many_is_refused(rsa_key, world: World) -> None:
    with pytest.raises(CmsError):
        SignatureMaker("pades", world.first.key)
    with pytest.raises(CmsError):
        SignatureMaker("cms", rsa_key, world.first.seal)
    with pytest.raises(CmsError):
        SignatureMaker("pades", rsa_key, world.first.seal)
    with pytest.raises(CmsError):
        SignatureMaker("cms", world.first.key)


# --- cms ---------------------------------------------------------------------------------------


def test_openssl_verifies_an_sm2_cms_value_with_the_seal_signed_along(
    world: World, openssl
) -> None:
    data = sealed(classic_pdf(), world, "cms")
    numbers, value = value_of(data)
    parsed = SignedData.parse(value)
    [signer] = parsed.signers
    assert signer.signature_algorithm == SM2_WITH_SM3
    assert signer.seal == world.first.seal
    assert signer.get(SEAL) == world.first.seal
    spki = Certificate.parse(world.first.key.certificate).public_key.spki
    assert openssl.sm2_verifies(spki, signer.signed_attributes, signer.signature)
    digest = hashlib.new("sm3", covered(data, numbers)).digest()
    assert signer.message_digest == digest
    assert digest in signer.signed_attributes


def test_our_verifier_takes_a_cms_seal_for_a_seal(world: World) -> None:
    found = report(sealed(classic_pdf(), world, "cms"), world.trust).signatures[0]
    assert found.seal is not None
    assert found.seal.code == world.first.code
    assert (found.signature_valid, found.digest_matches) == (True, True)
    assert (found.seal_signature_valid, found.signer_in_seal_list) == (True, True)
    assert "no_seal" not in codes(found)


def test_a_ticket_signed_along_proves_status_and_time(world: World) -> None:
    maker = SignatureMaker("cms", world.first.key, world.first.seal)

    def sign(digest_of_ticket: bytes | None) -> Report:
        def make(revision: Revision) -> bytes:
            ticket = world.statement(
                world.first,
                document_digest=digest_of_ticket or revision.digest,
                issued_at=SIGNED_AT - timedelta(minutes=1),
            )
            return maker.make(revision, SIGNED_AT, ticket.token)

        output = io.BytesIO()
        sign_revision(
            Document(io.BytesIO(classic_pdf())),
            output,
            profile=maker.label,
            value_size=maker.size,
            make_value=make,
            marks=world.marks(world.first),
            picture=world.first.picture,
            signed_at=SIGNED_AT,
        )
        return report(output.getvalue(), Trust.in_all([world.authority.certificate]))

    good = sign(None).signatures[0]
    assert good.verdict is Verdict.VALID
    assert good.times.trusted_source == "ticket"
    assert good.times.trusted == SIGNED_AT - timedelta(minutes=1)
    foreign = sign(bytes(32)).signatures[0]
    assert foreign.verdict is Verdict.UNKNOWN
    assert foreign.times.trusted is None


# --- time --------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", ["ses", "ses-adobe", "cms"])
def test_a_seals_signature_gets_a_time_stamp_that_proves_its_time(
    profile: str, world: World, sm2_tsa
) -> None:
    proved = SIGNED_AT + timedelta(seconds=3)
    data = sealed(classic_pdf(), world, profile, timestamp=stamping(sm2_tsa, proved))
    times = report(data, world.trust).signatures[0].times
    assert (times.trusted, times.trusted_source) == (proved, "timestamp")
    assert times.claimed == SIGNED_AT


def test_a_token_without_room_is_refused(world: World) -> None:
    with pytest.raises(TimestampError):
        sealed(classic_pdf(), world, timestamp=lambda payload, name: bytes(TOKEN_ROOM))


def test_pyhanko_and_openssl_find_a_document_time_stamp_good(
    rsa_key, tsa, foreign_root, openssl
) -> None:
    data = stamped_whole(signed(classic_pdf(), SignatureMaker("pades", rsa_key)), tsa)
    roots = [asn1.Certificate.load(foreign_root.certificate)]
    trusting = ValidationContext(trust_roots=roots, allow_fetching=False, moment=NOW)
    [stamp] = PdfFileReader(io.BytesIO(data)).embedded_timestamp_signatures
    status = asyncio.run(async_validate_pdf_timestamp(stamp, trusting))
    assert status.valid
    assert status.trusted
    assert status.timestamp == NOW
    numbers, value = value_of(data, 1)
    openssl.run(
        *("ts", "-verify", "-token_in", "-in", openssl.file(value)),
        *("-data", openssl.file(covered(data, numbers))),
        *("-CAfile", openssl.pem(foreign_root.certificate)),
    )
    assert b"/Type /DocTimeStamp" in data


def test_a_document_time_stamp_harms_no_seal(world: World, sm2_tsa) -> None:
    data = stamped_whole(sealed(classic_pdf(), world), sm2_tsa, "sm3")
    seal, stamp = report(data, world.trust).signatures
    assert {change.kind for change in seal.changed_later} == {"timestamp_added"}
    assert seal.verdict in (Verdict.VALID, Verdict.VALID_CHANGED_LATER)
    assert stamp.verdict is Verdict.VALID


# --- two kinds of readers ----------------------------------------------------------------------


def test_a_seal_and_then_a_pades_signature_can_both_be_proved(
    world: World, rsa_key, abroad: Trust, foreign_root, tmp_path: Path
) -> None:
    data = signed(sealed(classic_pdf(), world), SignatureMaker("pades", rsa_key))
    seal, pades = report(data, world.trust.merged(abroad)).signatures
    assert (seal.format, pades.format) == ("ses-v4", "cms")
    assert seal.verdict is Verdict.VALID
    assert {change.kind for change in seal.changed_later} == {"seal_added"}
    assert (pades.verdict, pades.coverage) == (Verdict.VALID, "file")
    # abroad, only the second counts, and it covers all that is to be seen
    assert judged_by_pyhanko(data, foreign_root.certificate).bottom_line
    path = tmp_path / "dual.pdf"
    path.write_bytes(data)
    assert pdfsig(path).count("Signature is Valid") == 1


# --- the DSS -----------------------------------------------------------------------------------


def streams(data: bytes, key: str) -> list[bytes]:
    store = PdfFileReader(io.BytesIO(data)).root["/DSS"]
    return [each.get_object().data for each in store[key]] if key in store else []


def added(data: bytes, *values: tuple[bytes, ...]) -> bytes:
    output = io.BytesIO()
    add_dss(Document(io.BytesIO(data)), output, *values)
    return output.getvalue()


def test_material_is_added_to_what_is_there_and_never_twice(
    rsa_key, foreign_root, foreign_crl: bytes, world: World, tmp_path: Path
) -> None:
    one, two = rsa_key.certificate, foreign_root.certificate
    data = sealed(classic_pdf(), world)
    first = added(data, (one, one), (foreign_crl,))
    assert first.startswith(data)
    second = added(first, (one, two), (foreign_crl,))
    assert streams(second, "/Certs") == [one, two]
    assert streams(second, "/CRLs") == [foreign_crl]
    [seal] = report(second, world.trust).signatures
    assert {change.kind for change in seal.changed_later} == {"validation_data"}
    path = tmp_path / "dss.pdf"
    path.write_bytes(second)
    checked = subprocess.run(["qpdf", "--check", path], capture_output=True, check=False)
    assert checked.returncode == 0


@pytest.mark.parametrize("profile", ["ses", "ses-adobe", "cms"])
def test_the_chain_stands_in_the_revision_of_the_seal_and_is_covered(
    world: World, foreign_root, rsa_key, profile: str, tmp_path: Path
) -> None:
    chain = (foreign_root.certificate, rsa_key.certificate)
    maker = SignatureMaker(profile, world.first.key, world.first.seal)
    marks, picture = tuple(world.marks(world.first)), world.first.picture
    original = added(classic_pdf(), chain[:1])
    data = signed(original, maker, marks, picture, certificates=chain)
    assert data.startswith(original)
    assert streams(data, "/Certs") == list(chain), "what is there already is not repeated"
    [seal] = report(data, world.trust).signatures
    assert (seal.verdict, seal.coverage) == (Verdict.VALID, "file")
    assert seal.changed_later == ()
    path = tmp_path / "chain.pdf"
    path.write_bytes(data)
    checked = subprocess.run(["qpdf", "--check", path], capture_output=True, check=False)
    assert checked.returncode == 0


def test_a_second_seal_that_brings_its_chain_does_no_harm_to_the_first(
    world: World, foreign_root
) -> None:
    maker = SignatureMaker("ses", world.second.key, world.second.seal)
    marks = tuple(world.marks(world.second, top=60))
    first = sealed(classic_pdf(), world)
    chain = (foreign_root.certificate,)
    both = signed(first, maker, marks, world.second.picture, certificates=chain)
    a, b = report(both, world.trust).signatures
    assert a.intact
    assert {change.kind for change in a.changed_later} == {"seal_added", "validation_data"}
    assert not {f.code for f in a.findings if f.level in (Level.UNKNOWN, Level.INVALID)}
    assert b.verdict is Verdict.VALID


def test_a_store_that_cannot_be_read_is_extended_all_the_same(world: World, foreign_root) -> None:
    def spoiled(writer: Any) -> None:
        stream = generic.StreamObject(encoded_data=b"not zlib")
        stream[generic.pdf_name("/Filter")] = generic.pdf_name("/FlateDecode")
        listed = generic.ArrayObject([writer.add_object(stream), generic.NullObject()])
        store = generic.DictionaryObject({generic.pdf_name("/Certs"): listed})
        writer.root[generic.pdf_name("/DSS")] = store
        writer.update_root()

    original = update(classic_pdf(), spoiled)
    maker = SignatureMaker("ses", world.first.key, world.first.seal)
    data = signed(
        original,
        maker,
        tuple(world.marks(world.first)),
        world.first.picture,
        certificates=(foreign_root.certificate,),
    )
    [seal] = report(data, world.trust).signatures
    assert seal.verdict is Verdict.VALID
    listed = PdfFileReader(io.BytesIO(data)).root["/DSS"]["/Certs"]
    assert listed[2].data == foreign_root.certificate


def test_the_chain_is_what_stands_between_the_signers_and_their_root(make_root) -> None:
    """Status and time-stamping keys of the same root bring theirs along; others do not."""
    root, other = make_root("Root"), make_root("Other")
    issuing, elsewhere = root.sub_authority("Issuing"), other.sub_authority("Elsewhere")
    desk = root.sub_authority("Status authority")
    signer = issuing.key_for("Signer")
    status = desk.key_for("Status", extended_key_usage=(OCSP_SIGNING,))
    foreign = elsewhere.key_for("Foreign status", extended_key_usage=(OCSP_SIGNING,))
    keys = (Certificate.parse(each.certificate) for each in (status, foreign))
    pool = (*keys, issuing.certificate, desk.certificate, elsewhere.certificate)
    trust = replace(Trust.in_all([root.certificate, other.certificate]), pool=pool)
    chain = chain_certificates([Certificate.parse(signer.certificate)], trust, NOW)
    assert set(chain) == {issuing.certificate.der, desk.certificate.der}


def test_only_material_in_force_about_the_signers_is_gathered(
    world: World, foreign_crl: bytes, rsa_key
) -> None:
    authority = world.authority

    def listed(number: int, until: datetime) -> Crl:
        made = make_crl(
            issuer=authority.name,
            issuer_key=authority.key,
            authority_spki=authority.key.spki,
            number=number,
            this_update=NOW - timedelta(days=9),
            next_update=until,
            entries=(),
        )
        return Crl.parse(made)

    old, new = listed(1, NOW - timedelta(days=1)), listed(2, NOW + timedelta(days=1))
    document = Document(io.BytesIO(sealed(classic_pdf(), world)))
    leaves, enclosed = certificates_in(document)
    assert {each.der for each in leaves} == {world.first.key.certificate, world.maker.certificate}
    everything = replace(world.trust, crls=(old, new, Crl.parse(foreign_crl)))
    material = gather(leaves, enclosed, everything, NOW)
    assert material.crls == (new.der,)
    assert rsa_key.certificate not in material.certificates
    assert not material.missing
    missing = gather(leaves, enclosed, replace(world.trust, crls=(old,)), NOW).missing
    assert {each.der for each in missing} == {each.der for each in leaves}
