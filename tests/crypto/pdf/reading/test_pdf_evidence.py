"""What a document encloses for its own verification: believed only as far as it proves itself."""

import io
from datetime import timedelta

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name as name

from crypto.pdf.reading.document import Document
from crypto.pdf.reading.enclosed_evidence import with_enclosed_evidence
from crypto.pki.certificate import Certificate
from crypto.pki.certificate_making import make_crl
from crypto.pki.ocsp import Answer, CertificateId, make_response
from crypto.validation.revocation import MAX_ENCLOSED, MAX_ENCLOSED_OCTETS
from crypto.validation.trust import Trust
from crypto.verdict import Verdict
from tests.world.documents import classic_pdf, update
from tests.world.sealing import NOW, SIGNED_AT, codes

DAY = timedelta(days=1)


def with_store(data: bytes, **lists: list[object]) -> bytes:
    """*data* with a DSS; bytes become compressed streams, anything else stands as it is."""

    def change(writer):
        def stored(value: object) -> object:
            if not isinstance(value, bytes):
                return value
            stream = generic.StreamObject(stream_data=value)
            stream.compress()
            return writer.add_object(stream)

        store = generic.DictionaryObject(
            {
                name(f"/{key}"): generic.ArrayObject([stored(each) for each in values])
                for key, values in lists.items()
            }
        )
        writer.root[name("/DSS")] = writer.add_object(store)
        writer.update_root()

    return update(data, change)


def crl(world, revoked=()) -> bytes:
    return make_crl(
        issuer=world.authority.name,
        issuer_key=world.authority.key,
        authority_spki=world.authority.key.spki,
        number=1,
        this_update=NOW - DAY / 4,
        next_update=NOW + DAY,
        entries=revoked,
    )


def ocsp(world, certificate: Certificate, since=None) -> bytes:
    answer = Answer(
        CertificateId.of(certificate, world.authority.certificate),
        "revoked" if since else "good",
        since,
        None,
        NOW - DAY / 4,
        NOW + DAY,
    )
    key = world.status
    return make_response([answer], key=key, produced_at=NOW, certificates=[key.certificate])


def enclosed(data: bytes) -> Trust:
    return with_enclosed_evidence(Document(io.BytesIO(data)), Trust())


def test_evidence_is_read_and_rubbish_passed_over(world):
    signer = Certificate.parse(world.first.key.certificate)
    rubbish = [b"rubbish", generic.NullObject(), generic.NumberObject(3)]
    data = with_store(
        classic_pdf(),
        Certs=[*rubbish, signer.der],
        CRLs=[*rubbish, crl(world)],
        OCSPs=[*rubbish, ocsp(world, signer)],
    )
    found = enclosed(data)
    assert [each.der for each in found.pool] == [signer.der]
    assert (len(found.crls), len(found.ocsp)) == (1, 1)
    assert (found.signers, found.seal_makers, found.timestamps, found.platforms) == ((),) * 4
    assert enclosed(classic_pdf()) == Trust()


def test_the_amount_is_bounded(world):
    many = enclosed(with_store(classic_pdf(), CRLs=[crl(world)] * (MAX_ENCLOSED + 5)))
    assert len(many.crls) == MAX_ENCLOSED
    large = crl(world, [(1 << 1000, NOW, None)] * 1000)
    assert len(large) * 40 > MAX_ENCLOSED_OCTETS > len(large) * 20
    bounded = enclosed(with_store(classic_pdf(), CRLs=[large] * 40))
    assert len(bounded.crls) == MAX_ENCLOSED_OCTETS // len(large)


def test_a_store_of_the_wrong_shape_is_passed_over():
    def spoil(value):
        def change(writer):
            writer.root[name("/DSS")] = value
            writer.update_root()

        return change

    wrong = generic.DictionaryObject({name("/CRLs"): generic.NumberObject(1)})
    for value in (generic.NumberObject(1), generic.ArrayObject(), wrong):
        assert enclosed(update(classic_pdf(), spoil(value))) == Trust()


def test_a_store_added_later_proves_the_signer_good_and_changes_nothing_else(world):
    sealed = world.sign(classic_pdf())
    signer = Certificate.parse(world.first.key.certificate)
    (before,) = world.verify(sealed).signatures
    for lists in ({"CRLs": [crl(world)]}, {"OCSPs": [ocsp(world, signer)]}):
        (report,) = world.verify(with_store(sealed, **lists)).signatures
        assert "signer_not_revoked" in codes(report)
        assert codes(report) - codes(before) <= {"signer_not_revoked", "covers_revision"} | {
            change.code for change in report.changed_later
        }
        assert report.verdict is not Verdict.INVALID


def test_a_store_that_tells_of_a_revocation_is_believed(world):
    sealed = world.sign(classic_pdf())
    signer = Certificate.parse(world.first.key.certificate)
    since = SIGNED_AT - DAY
    for lists in (
        {"CRLs": [crl(world, [(signer.serial, since, 1)])]},
        {"OCSPs": [ocsp(world, signer, since)]},
    ):
        (report,) = world.verify(with_store(sealed, **lists)).signatures
        assert "signer_revoked_before" in codes(report)
        assert report.verdict is Verdict.INVALID
